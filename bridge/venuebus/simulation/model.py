"""What a matching engine deals in: markets, orders, fills and public trades."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

Buy = Literal["buy", "sell"]
State = Literal["new", "waiting", "partially_filled", "filled", "canceled", "expired", "rejected"]
ZERO = Decimal(0)


class OrderRefused(ValueError):
    """The engine does not do it, and keeps nothing of it.

    ``code`` is stable: symbol, price, quantity, post_only, duplicate, unknown (no such order), final (it is over).
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True)
class Market:
    """One tradable symbol: its steps, and the synthetic liquidity around ``mid``.

    ``depth`` levels on each side, a tick apart; a new level holds ``level_size`` times its distance from ``mid``.
    """

    symbol: str
    tick: Decimal
    lot: Decimal
    mid: Decimal
    base: str = ""
    quote: str = ""
    min_quantity: Decimal = ZERO
    max_quantity: Decimal = Decimal(1_000_000)
    depth: int = 20
    level_size: Decimal = Decimal(1)
    last: Decimal = ZERO
    open: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO
    volume: Decimal = ZERO
    turnover: Decimal = ZERO

    def __post_init__(self) -> None:
        self.last = self.last or self.mid
        self.open = self.open or self.last
        self.high = self.high or self.last
        self.low = self.low or self.last


@dataclass(slots=True, eq=False)
class SimOrder:
    """An order in the engine. ``tag`` is the simulator's own (session, venue's fields).

    ``price`` is None for a market order. Orders of one ``group`` live and die together: when one of them trades,
    fires, is canceled or expires, the others are canceled (one-cancels-the-other).
    """

    order_id: str
    owner: str
    symbol: str
    side: Buy
    quantity: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    trigger_above: bool | None = None
    immediate: bool = False
    all_or_none: bool = False
    post_only: bool = False
    quote_quantity: Decimal | None = None
    client_id: str | None = None
    tag: Any = None
    state: State = "new"
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    created_ns: int = 0
    updated_ns: int = 0
    triggered: bool = False
    reason: str = ""
    group: str | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the order can still trade."""
        return self.state in ("new", "waiting", "partially_filled")

    @property
    def leaves(self) -> Decimal:
        """What is left to fill, in base units."""
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        """Average fill price, 0 before the first fill."""
        return self.notional / self.filled if self.filled else ZERO


@dataclass(slots=True, frozen=True)
class SimFill:
    """One execution of one order; both sides of a trade between users share its ``trade_id``."""

    trade_id: int
    order: SimOrder
    price: Decimal
    quantity: Decimal
    maker: bool
    ts_ns: int


@dataclass(slots=True, frozen=True)
class SimTrade:
    """One public trade; ``side`` is the aggressor's."""

    trade_id: int
    symbol: str
    side: Buy
    price: Decimal
    quantity: Decimal
    ts_ns: int


class Listener(Protocol):
    """What a simulator wants to hear. Called inside the engine's calls; must not call back into the engine."""

    def on_order(self, order: SimOrder) -> None:
        """``order`` changed (taken, triggered, filled in part or whole, canceled, amended, expired)."""

    def on_fill(self, fill: SimFill) -> None:
        """One of the users' orders traded; comes after `on_order` with the new totals."""

    def on_trade(self, trade: SimTrade) -> None:
        """A public trade happened."""

    def on_book(self, symbol: str) -> None:
        """The visible book of ``symbol`` changed. Told once at the end of a call, when the book is not crossed."""


def check_quantity(market: Market, quantity: Decimal) -> None:
    """Pass a quantity that the market takes.

    Raises:
        OrderRefused: outside the market's bounds, or no whole number of lots.
    """
    if not quantity.is_finite() or quantity <= 0 or not market.min_quantity <= quantity <= market.max_quantity:
        raise OrderRefused(
            "quantity", f"{quantity} is outside {market.min_quantity or market.lot} to {market.max_quantity}"
        )
    if quantity % market.lot:
        raise OrderRefused("quantity", f"{quantity} is not a multiple of {market.lot}")


def check_price(market: Market, price: Decimal) -> None:
    """Pass a price that the market takes.

    Raises:
        OrderRefused: not positive, or no whole number of ticks.
    """
    if not price.is_finite() or price <= 0 or price % market.tick:
        raise OrderRefused("price", f"{price} is not a positive multiple of {market.tick}")
