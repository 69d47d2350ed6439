"""What a simulated BTSE is configured with: users, fees, limits, and the oddities that clients must survive."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from venuebus.simulation import Market

API_KEY = "5f1c0e7a9b3d4826simulated0btse0key00000000000000000000000000001x"
API_SECRET = "c94a7d02e6b158f3simulated0btse0secret000000000000000000000000002x"

_KNOWN = {
    "BTC-USD": ("0.5", "0.00001", "60000", "0.05"),
    "ETH-USD": ("0.05", "0.0001", "3000", "0.5"),
    "SOL-USD": ("0.01", "0.001", "150", "5"),
    "BTC-USDT": ("0.5", "0.00001", "60010", "0.05"),
}


@dataclass(slots=True)
class User:
    """Somebody who trades: API keys (key → secret), fees as fractions, and what the wallet holds.

    ``opening`` is what it holds at the start and after a reset, ``default_balance`` of any other currency.
    """

    name: str
    keys: dict[str, str]
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.0012")
    opening: dict[str, Decimal] = field(default_factory=dict)
    balances: dict[str, Decimal] = field(default_factory=dict)
    default_balance: Decimal = Decimal(1_000_000_000)

    def balance(self, currency: str) -> Decimal:
        """Everything the wallet holds of ``currency``."""
        return self.balances.get(currency, self.default_balance)


@dataclass(slots=True)
class RateRules:
    """Requests per second and what breaking them brings; the venue's published numbers.

    ``retry_after`` is how the header of a 429 is to be read: documents of the venue disagree.
    """

    queries_per_key: int = 15
    queries_per_user: int = 30
    orders_per_key: int = 75
    orders_per_user: int = 75
    blocks: tuple[float, ...] = (1.0, 300.0, 900.0)
    clean_after: float = 3600.0
    retry_after: Literal["seconds", "timestamp", "timestamp_ms", "none"] = "seconds"
    enabled: bool = True


@dataclass(slots=True)
class Quirks:
    """Oddities seen at the venue, on by default; each number means "every n-th message", 0 never.

    Attributes:
        plain_topic: book deltas without the ``_0`` of their topic.
        bare_trade_topic: trade frames without the symbol in their topic.
        stringly: notifications with numbers as text.
        mode_side: notifications that say ``MODE_BUY`` for ``BUY``.
        currency_name: notifications whose ``orderCurrency`` is the name of a currency.
        timestamp_text: fills whose timestamp is text.
        greeting: a text that is no JSON at the start of a connection.
        legacy_open_orders: open orders with the old size fields only, as in the venue's own example.
    """

    plain_topic: int = 5
    bare_trade_topic: int = 7
    stringly: int = 2
    mode_side: int = 3
    currency_name: int = 4
    timestamp_text: int = 3
    greeting: bool = True
    legacy_open_orders: bool = False


def make_market(symbol: str, depth: int, number: int = 0) -> Market:
    """Return a market for ``symbol``: known ones near their real prices, others at made-up ones."""
    tick, lot, mid, level = _KNOWN.get(symbol, ("0.01", "0.01", str(50 + number), "3"))
    base, _, quote = symbol.partition("-")
    return Market(
        symbol,
        Decimal(tick),
        Decimal(lot),
        Decimal(mid),
        base=base,
        quote=quote or "USD",
        min_quantity=Decimal(lot),
        max_quantity=Decimal(2000) if symbol.startswith("BTC") else Decimal(1_000_000),
        depth=depth,
        level_size=pad(Decimal(level), Decimal(lot)),
    )


def pad(value: Decimal, step: Decimal) -> Decimal:
    """Return the same number with at least the decimals of ``step``: the venue writes 0.05 as ``0.05000``."""
    return value + step * 0


def default_user() -> User:
    """Return the user whose key and secret `BtseSimulator.config` names."""
    return User("trader", {API_KEY: API_SECRET})
