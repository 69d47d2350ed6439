"""``HK.00700`` and OpenD's three ways to say it: quote market + code, trade section + code, trade market + code.

The numbers 31, 41, 51, 61, 71, 81, 91 and 101 mean different markets in the quote and the trade list, so each has its
own table and neither is ever read with the other's.
"""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

QUOTE_MARKETS = {
    1: "HK", 2: "HK", 11: "US", 21: "SH", 22: "SZ", 31: "SG", 41: "JP", 51: "AU", 61: "MY", 71: "CA", 81: "FX",
    91: "CC", 101: "EC",
}  # fmt: skip
"""QotMarket → prefix (2, HK futures, is a leftover of OpenD's past)."""
SECTIONS = {
    1: "HK", 2: "US", 31: "SH", 32: "SZ", 41: "SG", 51: "JP", 61: "AU", 71: "MY", 81: "CA", 91: "FX", 101: "CC",
    111: "EC",
}  # fmt: skip
"""TrdSecMarket → prefix."""
TRADE_MARKETS = {
    1: "HK", 2: "US", 6: "SG", 7: "CC", 8: "AU", 10: "HK", 11: "US", 12: "SG", 13: "JP", 15: "JP", 17: "EC",
    111: "MY", 112: "CA", 113: "HK", 123: "US", 124: "SG", 125: "MY", 126: "JP",
}  # fmt: skip
"""TrdMarket → prefix, where there is only one: not for 3 and 4 (Shanghai or Shenzhen) nor 5 (futures anywhere)."""

QUOTE_MARKET = {prefix: market for market, prefix in QUOTE_MARKETS.items() if market != 2}
SECTION = {prefix: section for section, prefix in SECTIONS.items()}
STOCK_MARKET = {"HK": 1, "US": 2, "SG": 6, "CC": 7, "AU": 8, "JP": 15, "EC": 17, "MY": 111, "CA": 112}
SIMULATED_FUTURES = {"HK": 10, "US": 11, "SG": 12, "JP": 13}
FUTURES_MARKETS = frozenset({5, 10, 11, 12, 13})
FUTURES = 5
STOCK_CONNECT = 4
MAINLAND_SIMULATED = 3

ZONES = {
    prefix: ZoneInfo(name)
    for prefix, name in {
        "HK": "Asia/Hong_Kong", "US": "America/New_York", "SH": "Asia/Shanghai", "SZ": "Asia/Shanghai",
        "SG": "Asia/Singapore", "JP": "Asia/Tokyo", "AU": "Australia/Sydney", "MY": "Asia/Kuala_Lumpur",
        "CA": "America/Toronto", "FX": "Asia/Hong_Kong", "CC": "Asia/Hong_Kong", "EC": "America/New_York",
    }.items()
}  # fmt: skip
"""Zone of the local times of a prefix's exchange (securities; futures follow OpenD's own setting)."""

_FUTURE = re.compile(r"[A-Z]{1,6}(main|current|next|\d{4})\Z")
_OPTION = re.compile(r"[A-Z0-9.]{1,6}\d{6}[CP]\d+\Z")


def word(value: str) -> str:
    """Return ``value`` if it is text: protobuf hands out a string field whose bytes are no UTF-8 as bytes.

    Raises:
        ValueError: it is bytes.
    """
    if type(value) is not str:
        raise ValueError(f"{value!r} where text belongs")
    return value


def split(symbol: str) -> tuple[str, str]:
    """Return prefix and code; the first dot parts them (``US..DJI``, ``US.BRK.B``).

    Raises:
        ValueError: no prefix that OpenD knows, or no code.
    """
    prefix, dot, code = symbol.partition(".")
    if not dot or prefix not in QUOTE_MARKET or not code:
        known = " ".join(sorted(QUOTE_MARKET))
        raise ValueError(f"{symbol}: a symbol is PREFIX.CODE with one of {known}")
    return prefix, code


@lru_cache(maxsize=65_536)
def quoted(market: int, code: str) -> str:
    """Return the symbol of market data.

    Raises:
        ValueError: a market that this version does not know.
    """
    prefix = QUOTE_MARKETS.get(market)
    word(code)
    if prefix is None:
        raise ValueError(f"quote market {market} of {code} is not known")
    return f"{prefix}.{code}"


@lru_cache(maxsize=65_536)
def traded(section: int, market: int, code: str) -> str | None:
    """Return the symbol of an order, a fill or a position; ``None`` where OpenD does not say enough to tell.

    ``section`` (secMarket) counts; the header's trade ``market`` stands in where it is absent and says it alone.
    """
    prefix = SECTIONS.get(section) if section else TRADE_MARKETS.get(market)
    return f"{prefix}.{word(code)}" if prefix and code else None


def is_future(code: str) -> bool:
    """Tell a future by its code (``HSImain``, ``HSI2512``)."""
    return _FUTURE.match(code) is not None


def is_option(code: str) -> bool:
    """Tell an option by its code (``AAPL250926C235000``)."""
    return _OPTION.match(code) is not None


def trade_market(symbol: str, *, real: bool, markets: frozenset[int]) -> int:
    """Return the trade market that an order for ``symbol`` names in its header.

    Raises:
        ValueError: the account does not trade that market.
    """
    prefix, code = split(symbol)
    if prefix in ("SH", "SZ"):
        market = STOCK_CONNECT if real else MAINLAND_SIMULATED
    elif prefix in SIMULATED_FUTURES and markets & FUTURES_MARKETS and (
        is_future(code) or STOCK_MARKET[prefix] not in markets
    ):  # fmt: skip
        market = FUTURES if real else SIMULATED_FUTURES[prefix]
    elif prefix in STOCK_MARKET:
        market = STOCK_MARKET[prefix]
    else:
        raise ValueError(f"{symbol} cannot be traded through OpenD")
    if market not in markets:
        raise ValueError(f"{symbol}: the account has no permission for trade market {market}, only {sorted(markets)}")
    return market
