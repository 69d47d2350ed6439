"""The ``[venues.<name>]`` table of a CTP venue."""

from __future__ import annotations

from typing import Literal

import msgspec
from venuebus import Secret, VenueConfig


class CtpConfig(VenueConfig, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the gateway is, who logs in, and how fast it may be asked.

    ``investor_id`` defaults to ``user_id``; ``broker_id`` to what the login answers. Times are seconds.

    Attributes:
        md_url: leave out for a venue without market data.
        md_login: the gateway itself logs in anonymously at most fronts; ``user`` sends the credentials there too.
        login_timeout: a front that cannot be reached never answers, so this is the only way to notice.
        query_interval: the counter takes 1 or 2 queries a second; too fast ones may get no answer at all.
        exchange_grace: how long a submit waits for the exchange's word after the counter has taken it.
        load_instruments: ``symbols`` asks for the subscribed contracts, ``all`` for everything, options included.
        stale_after: a tick whose time is further from the clock is marked ``stale``.
        password_change: let ``qry … native`` change the account's password.
        cancel_warning: warn when this many cancels of one contract and day are reached (500 is abnormal trading).
    """

    market_data: tuple[str, ...] = ("quote", "ticker", "book")
    td_url: str
    md_url: str | None = None
    user_id: str
    password: Secret
    broker_id: str | None = None
    investor_id: str | None = None
    md_login: Literal["anonymous", "user"] = "anonymous"
    login_timeout: float = 20.0
    connect_timeout: float = 10.0
    query_timeout: float = 10.0
    query_interval: float = 1.1
    subscribe_timeout: float = 10.0
    subscribe_batch: int = 500
    subscribe_interval: float = 1.0
    orders_per_second: int = 10
    settlement_retry: float = 1.0
    exchange_grace: float = 1.0
    heartbeat: float = 20.0
    load_instruments: Literal["symbols", "all", "none"] = "symbols"
    stale_after: float = 300.0
    password_change: bool = False
    cancel_warning: int = 400

    @property
    def investor(self) -> str:
        """Investor whose orders, positions and money these are."""
        return self.investor_id or self.user_id

    def __post_init__(self) -> None:
        for key in ("td_url", "md_url"):
            url = getattr(self, key)
            if url is None:
                continue
            if not url.startswith(("ws://", "wss://")):
                raise ValueError(f"{key}: ws:// or wss:// expected")
            if not url.split("?", 1)[0].endswith("/"):
                raise ValueError(f"{key}: must end with a slash (the gateway refuses /td with status 403)")
        for key in ("login_timeout", "connect_timeout", "query_timeout", "subscribe_timeout", "heartbeat"):
            if not 0 < getattr(self, key) <= 3600:
                raise ValueError(f"{key}: more than 0 and at most 3600 seconds expected")
        for key in ("query_interval", "subscribe_interval", "settlement_retry", "exchange_grace", "stale_after"):
            if not 0 <= getattr(self, key) <= 3600:
                raise ValueError(f"{key}: 0 to 3600 seconds expected")
        if not 1 <= self.subscribe_batch <= 1000:
            raise ValueError("subscribe_batch: 1 to 1000 expected (more overflows the front's buffer)")
        if not 1 <= self.orders_per_second <= 1000:
            raise ValueError("orders_per_second: 1 to 1000 expected")
        for key in ("user_id", "investor_id", "broker_id"):
            value = getattr(self, key)
            limit = {"user_id": 15, "investor_id": 12, "broker_id": 10}[key]
            if value is not None and not (value.isascii() and value.isprintable() and 1 <= len(value) <= limit):
                raise ValueError(f"{key}: 1 to {limit} printable ASCII characters expected")
        if not self.investor_id and len(self.user_id) > 12:
            raise ValueError("investor_id: needed where user_id is longer than 12 characters")


class SubmitParams(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a submit's ``params`` may say.

    Attributes:
        hedge: whose book the position is in.
        exchange: needed only for a contract whose exchange cannot be told from its name.
        min_volume: for an ioc: fill at least this many or nothing.
        session_only: DCE's 本节有效: the order ends with the trading session, not with the day.
        market: CFFEX: against the best price only, or five levels deep.
        remainder: CFFEX market orders: kill what is left, or leave it as a limit order.
        trigger: what is compared with ``trigger_price``; the default follows the side (buy: last >=).
    """

    hedge: Literal["speculation", "arbitrage", "hedge"] = "speculation"
    exchange: Literal["SHFE", "INE", "DCE", "CZCE", "CFFEX", "GFEX"] | None = None
    min_volume: int | None = None
    session_only: bool = False
    market: Literal["best", "five_levels"] = "best"
    remainder: Literal["kill", "limit"] = "kill"
    trigger: (
        Literal[
            "last_gt", "last_ge", "last_lt", "last_le", "ask_gt", "ask_ge", "ask_lt", "ask_le",
            "bid_gt", "bid_ge", "bid_lt", "bid_le", "exchange_stop", "exchange_profit",
        ]
        | None
    ) = None  # fmt: skip


class AmendParams(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What an amend's ``params`` may say: CTP cannot amend, so replacing the order has to be asked for by name."""

    replace: bool = False
