"""The ``[venues.<name>]`` table of a BTSE venue."""

from __future__ import annotations

from typing import Literal

from venuebus import Limit, Secret, VenueConfig

QUERIES = ("order.get", "open_orders", "trade_history", "market_summary", "orderbook", "time")
MARKET_DATA = frozenset({"quote", "trade", "book", "book_delta", "ticker", "instrument"})


class BtseConfig(VenueConfig, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where BTSE is, who we are, and how much we may ask. Without a key: market data only."""

    rest_url: str = "https://api.btse.com/spot"
    ws_url: str = "wss://ws.btse.com/ws/spot"
    oss_url: str = "wss://ws.btse.com/ws/oss/spot"
    api_key: Secret | None = None
    api_secret: Secret | None = None
    api_version: str = "v3.3"
    ws_auth_path: str = "/ws/spot"
    ping_interval: float = 15.0
    silence_timeout: float = 45.0
    connect_timeout: float = 10.0
    login_timeout: float = 10.0
    subscribe_timeout: float = 5.0
    topics_per_request: int = 100
    ticker_interval: float = 5.0
    book_depth: int = 50
    market_buy: Literal["price", "size"] = "price"
    queries_per_second: int = 15
    queries_per_second_user: int = 30
    orders_per_second: int = 75
    keepalive: float = 20.0

    @property
    def can_trade(self) -> bool:
        """Tell whether there are credentials."""
        return self.api_key is not None

    def validate(self) -> None:
        """Refuse half a credential, addresses of the wrong kind, and numbers that make no sense."""
        mistakes = []
        if (self.api_key is None) != (self.api_secret is None):
            mistakes.append("api_secret: api_key and api_secret are needed together")
        for name, schemes in (
            ("rest_url", ("http://", "https://")),
            ("ws_url", ("ws://", "wss://")),
            ("oss_url", ("ws://", "wss://")),
        ):
            if not getattr(self, name).startswith(schemes):
                mistakes.append(f"{name}: an address starting with {' or '.join(schemes)} expected")
        for name in ("ping_interval", "silence_timeout", "connect_timeout", "login_timeout", "subscribe_timeout",
                     "ticker_interval", "book_depth", "queries_per_second", "queries_per_second_user",
                     "orders_per_second", "topics_per_request"):  # fmt: skip
            if getattr(self, name) <= 0:
                mistakes.append(f"{name}: more than 0 expected")
        unknown = sorted(set(self.market_data) - MARKET_DATA)
        if unknown:
            mistakes.append(f"market_data: {', '.join(unknown)} not offered; offered: {', '.join(sorted(MARKET_DATA))}")
        if not self.ws_auth_path.startswith("/"):
            mistakes.append("ws_auth_path: a path starting with / expected")
        if mistakes:
            raise ValueError(*mistakes)


def limits(config: BtseConfig) -> tuple[Limit, ...]:
    """Return the venue's published limits: queries per endpoint and per user, orders per user.

    A fifth of the order budget is kept for cancels, and a sixth of the query budget for resolving outcomes.
    """
    reserve = config.queries_per_second_user // 6
    per_endpoint = tuple(
        Limit(name=f"queries of {name}", operations=(name,), count=config.queries_per_second, per=1.0,
              reserve=config.queries_per_second // 5)
        for name in QUERIES
    )  # fmt: skip
    return (
        *per_endpoint,
        Limit(name="queries", operations=QUERIES, count=config.queries_per_second_user, per=1.0, reserve=reserve),
        Limit(name="orders", operations=("submit", "amend", "cancel", "cancel_all", "cancel_after"),
              count=config.orders_per_second, per=1.0, reserve=config.orders_per_second // 5),
    )  # fmt: skip
