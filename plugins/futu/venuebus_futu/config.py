"""The keys of a ``[venues.<name>]`` table with ``plugin = "futu"``."""

from __future__ import annotations

from typing import Literal

import msgspec
from venuebus import Secret, VenueConfig

Bars = Literal["1m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "4h", "1d", "1w", "1M", "3M", "1y"]


class FutuAccount(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One account at OpenD.

    ``acc_id`` as the account list tells it; ``environment``, if given, must be the account's. ``currency`` is what
    a unified account's totals are converted into (default: its first market's). ``jp_acc_type`` is needed by
    accounts in Japan only.
    """

    acc_id: str
    environment: Literal["simulate", "real"] | None = None
    currency: str | None = None
    jp_acc_type: int | None = None


class FutuConfig(VenueConfig, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where OpenD is, who we are there, and what we want of it.

    Attributes:
        rsa_key: OpenD's own RSA private key (PEM); set it exactly where OpenD has one.
        encryption: algorithm after the first exchange, where ``rsa_key`` is set.
        trade_password: unlocks trading of real accounts; without it they are read, or another client unlocks them.
        accounts: alias → account; empty for market data alone.
        future_time_zone: OpenD's ``future_trade_api_time_zone``, in which futures accounts tell local times.
        bars: intervals of the market data ``bar``.
        prints: ``regular`` leaves out odd lots, averages, late and derivative prints, whose price is not the market's.
        extended_hours: bars of US securities include pre- and after-market.
    """

    host: str = "127.0.0.1"
    port: int = 11111
    rsa_key: Secret | None = None
    encryption: Literal["cbc", "ecb"] = "cbc"
    trade_password: Secret | None = None
    accounts: dict[str, FutuAccount] = msgspec.field(default_factory=dict)
    future_time_zone: str = "Asia/Hong_Kong"
    bars: tuple[Bars, ...] = ("1m",)
    prints: Literal["regular", "all"] = "regular"
    extended_hours: bool = True
    connect_timeout: float = 10.0
    max_body: int = 64 * 1024 * 1024

    def account_names(self) -> tuple[str, ...]:
        """Aliases of the accounts; none where only market data is wanted."""
        return tuple(self.accounts)
