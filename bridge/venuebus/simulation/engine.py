"""A small matching engine that every venue simulator can stand on: price-time priority, triggers, moving prices.

It knows nothing of any protocol: a simulator translates its venue's requests into `MatchingEngine.submit`,
`amend` and `cancel`, and the listener's calls into its venue's pushes. Everything is synchronous and exact
(`Decimal`), time and randomness come from outside, so a scripted run is repeatable.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

Buy = Literal["buy", "sell"]
State = Literal["new", "waiting", "partially_filled", "filled", "canceled", "expired", "rejected"]
ZERO = Decimal(0)


class OrderRefused(ValueError):
    """The engine does not take the order; ``code`` is stable: symbol, price, quantity, funds, post_only, unknown."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True)
class Market:
    """One tradable symbol: its steps, and the synthetic liquidity around ``mid``."""

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


@dataclass(slots=True)
class SimOrder:
    """An order in the engine. ``tag`` is the simulator's own (session, venue's fields)."""

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
    """One execution of one order."""

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
        """The visible book of ``symbol`` changed."""


@dataclass(slots=True)
class _Book:
    bids: dict[Decimal, Decimal] = field(default_factory=dict)  # synthetic liquidity only
    asks: dict[Decimal, Decimal] = field(default_factory=dict)


class MatchingEngine:
    """Matches users' orders against each other and against synthetic liquidity that `step` moves about.

    Memory: open orders, plus the ``keep`` newest finished ones for look-ups, plus the ``keep`` newest fills.
    """

    def __init__(
        self,
        markets: list[Market],
        listener: Listener,
        *,
        now_ns: Callable[[], int],
        seed: int = 1,
        keep: int = 100_000,
        first_trade_id: int = 1,
    ) -> None:
        self.markets = {market.symbol: market for market in markets}
        self.orders: dict[str, SimOrder] = {}
        self.fills: list[SimFill] = []
        self.trades: dict[str, list[SimTrade]] = {market.symbol: [] for market in markets}
        self._open: dict[str, dict[str, SimOrder]] = {market.symbol: {} for market in markets}
        self._books: dict[str, _Book] = {market.symbol: _Book() for market in markets}
        self._listener = listener
        self._now = now_ns
        self._random = random.Random(seed)
        self._keep = keep
        self._trade_ids: Iterator[int] = itertools.count(first_trade_id)
        self.submits = 0
        for market in markets:
            self._lay_out(market)

    # --- commands -------------------------------------------------------------------------------------------

    def submit(self, order: SimOrder) -> SimOrder:
        """Take an order and match it; every change is told to the listener before this returns.

        Raises:
            OrderRefused: the order breaks a rule of its market; the engine keeps nothing of it.
        """
        market = self.markets.get(order.symbol)
        if market is None:
            raise OrderRefused("symbol", f"no market {order.symbol}")
        if order.order_id in self.orders:
            raise OrderRefused("duplicate", f"order id {order.order_id} exists")
        self._check(market, order)
        self.submits += 1
        order.created_ns = order.updated_ns = self._now()
        self._remember(order)
        if order.trigger_price is not None:
            order.state = "waiting"
            if order.trigger_above is None:
                order.trigger_above = order.trigger_price > market.last
            self._listener.on_order(order)
            self._fire_triggers(market)
            return order
        if order.post_only and self._would_cross(order):
            self._end(order, "canceled", "post-only order would cross")
            return order
        if order.all_or_none and self._available(order) < order.quantity:
            self._listener.on_order(order)
            self._end(order, "canceled", "fill-or-kill not possible")
            return order
        self._listener.on_order(order)
        self._match(market, order)
        return order

    def cancel(self, order_id: str, reason: str = "canceled by user") -> SimOrder:
        """Cancel an open order.

        Raises:
            OrderRefused: ``unknown`` order, or ``final`` when it is over already.
        """
        order = self.orders.get(order_id)
        if order is None:
            raise OrderRefused("unknown", f"no order {order_id}")
        if not order.is_open:
            raise OrderRefused("final", f"order {order_id} is {order.state}")
        self._end(order, "canceled", reason)
        self._listener.on_book(order.symbol)
        return order

    def amend(
        self,
        order_id: str,
        *,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
    ) -> SimOrder:
        """Change an open order in place; ``quantity`` is the new total.

        Raises:
            OrderRefused: unknown or finished order, or numbers the market does not take; nothing changed then.
        """
        order = self.orders.get(order_id)
        if order is None:
            raise OrderRefused("unknown", f"no order {order_id}")
        if not order.is_open:
            raise OrderRefused("final", f"order {order_id} is {order.state}")
        market = self.markets[order.symbol]
        if quantity is not None and quantity <= order.filled:
            raise OrderRefused("quantity", f"{quantity} is not more than the filled {order.filled}")
        if trigger_price is not None and (order.trigger_price is None or order.triggered):
            raise OrderRefused("price", "no trigger to amend")
        if price is not None:
            self._check_price(market, price)
        if quantity is not None:
            self._check_quantity(market, quantity)
        order.quantity = quantity if quantity is not None else order.quantity
        order.price = price if price is not None else order.price
        order.trigger_price = trigger_price if trigger_price is not None else order.trigger_price
        order.updated_ns = self._now()
        self._listener.on_order(order)
        self._listener.on_book(order.symbol)
        if order.state != "waiting":
            self._match(market, order)
        return order

    # --- state ----------------------------------------------------------------------------------------------

    def open_orders(self, owner: str | None = None, symbol: str | None = None) -> list[SimOrder]:
        """Open orders, oldest first."""
        symbols = [symbol] if symbol is not None else list(self._open)
        return [
            order
            for name in symbols
            for order in self._open.get(name, {}).values()
            if owner is None or order.owner == owner
        ]

    def book(self, symbol: str, depth: int) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """Visible bids and asks as (price, size), best first: synthetic liquidity and the users' orders together."""
        bids = dict(self._books[symbol].bids)
        asks = dict(self._books[symbol].asks)
        for order in self._open[symbol].values():
            if order.price is None or order.state == "waiting":
                continue
            side = bids if order.side == "buy" else asks
            side[order.price] = side.get(order.price, ZERO) + order.leaves
        return sorted(bids.items(), reverse=True)[:depth], sorted(asks.items())[:depth]

    def step(self, symbol: str, *, ticks: int | None = None, trade: bool | None = None) -> None:
        """Move the synthetic price of ``symbol`` by some ticks; resting orders it reaches are filled.

        ``trade`` forces or forbids a public trade at the new price (default: one in two steps).
        """
        market = self.markets[symbol]
        move = self._random.choice((-2, -1, -1, 0, 0, 1, 1, 2)) if ticks is None else ticks
        market.mid = max(market.mid + move * market.tick, market.tick * (market.depth + 2))
        self._lay_out(market)
        self._listener.on_book(symbol)
        for order in sorted(self._open[symbol].values(), key=lambda o: o.created_ns):
            if order.state != "waiting" and order.is_open:
                self._match(market, order, maker=True)
        if self._random.random() < 0.5 if trade is None else trade:
            side: Buy = "buy" if self._random.random() < 0.5 else "sell"
            size = market.lot * self._random.randint(1, 50)
            levels = self._books[symbol].asks if side == "buy" else self._books[symbol].bids
            price = min(levels) if side == "buy" else max(levels)
            self._public(market, side, price, size)
            self._fire_triggers(market)

    # --- inside ---------------------------------------------------------------------------------------------

    def _lay_out(self, market: Market) -> None:
        book = self._books[market.symbol]
        book.bids = {market.mid - i * market.tick: market.level_size * i for i in range(1, market.depth + 1)}
        book.asks = {market.mid + i * market.tick: market.level_size * i for i in range(1, market.depth + 1)}

    def _check(self, market: Market, order: SimOrder) -> None:
        if order.quote_quantity is not None:
            best = self._best(order)
            order.quantity = (order.quote_quantity / best) // market.lot * market.lot if best else ZERO
        self._check_quantity(market, order.quantity)
        if order.price is not None:
            self._check_price(market, order.price)

    @staticmethod
    def _check_quantity(market: Market, quantity: Decimal) -> None:
        if quantity <= 0 or quantity < market.min_quantity or quantity > market.max_quantity:
            raise OrderRefused(
                "quantity", f"{quantity} is outside {market.min_quantity or market.lot} to {market.max_quantity}"
            )
        if quantity % market.lot:
            raise OrderRefused("quantity", f"{quantity} is not a multiple of {market.lot}")

    @staticmethod
    def _check_price(market: Market, price: Decimal) -> None:
        if price <= 0 or price % market.tick:
            raise OrderRefused("price", f"{price} is not a positive multiple of {market.tick}")

    def _remember(self, order: SimOrder) -> None:
        self.orders[order.order_id] = order
        self._open[order.symbol][order.order_id] = order
        if len(self.orders) > self._keep:
            for key, old in itertools.islice(self.orders.items(), 0, 1000):
                if not old.is_open:
                    del self.orders[key]
                    break

    def _opposite(self, order: SimOrder) -> list[tuple[Decimal, Decimal, SimOrder | None]]:
        book = self._books[order.symbol]
        levels: list[tuple[Decimal, int, Decimal, SimOrder | None]] = [
            (price, 0, size, None) for price, size in (book.asks if order.side == "buy" else book.bids).items()
        ]
        for other in self._open[order.symbol].values():
            if other.side != order.side and other.price is not None and other.state != "waiting":
                levels.append((other.price, other.created_ns, other.leaves, other))
        levels.sort(key=lambda level: (level[0] if order.side == "buy" else -level[0], level[1]))
        return [(price, size, other) for price, _, size, other in levels if _crosses(order, price)]

    def _available(self, order: SimOrder) -> Decimal:
        return sum((size for _, size, _ in self._opposite(order)), ZERO)

    def _would_cross(self, order: SimOrder) -> bool:
        return bool(self._opposite(order))

    def _best(self, order: SimOrder) -> Decimal:
        levels = self._opposite(order)
        return levels[0][0] if levels else ZERO

    def _match(self, market: Market, order: SimOrder, *, maker: bool = False) -> None:
        traded = False
        for price, size, other in self._opposite(order):
            if not order.is_open or order.leaves <= 0:
                break
            quantity = min(order.leaves, size)
            at = order.price if maker and order.price is not None else price
            trade = self._public(market, order.side, at, quantity)
            if other is not None:
                self._fill(other, trade, maker=True)
            else:
                self._take(order, price, quantity)
            self._fill(order, trade, maker=maker)
            traded = True
        if order.is_open and (order.price is None or order.immediate or order.all_or_none):
            self._end(order, "canceled", "nothing left to trade with")
        if traded:
            self._listener.on_book(market.symbol)
            self._fire_triggers(market)

    def _take(self, order: SimOrder, price: Decimal, quantity: Decimal) -> None:
        book = self._books[order.symbol]
        levels = book.asks if order.side == "buy" else book.bids
        levels[price] -= quantity
        if levels[price] <= 0:
            del levels[price]

    def _public(self, market: Market, side: Buy, price: Decimal, quantity: Decimal) -> SimTrade:
        trade = SimTrade(next(self._trade_ids), market.symbol, side, price, quantity, self._now())
        market.last = price
        market.high = max(market.high, price)
        market.low = min(market.low, price)
        market.volume += quantity
        market.turnover += quantity * price
        recent = self.trades[market.symbol]
        recent.append(trade)
        del recent[:-500]
        self._listener.on_trade(trade)
        return trade

    def _fill(self, order: SimOrder, trade: SimTrade, *, maker: bool) -> None:
        order.filled += trade.quantity
        order.notional += trade.quantity * trade.price
        order.updated_ns = trade.ts_ns
        order.state = "filled" if order.leaves <= 0 else "partially_filled"
        if not order.is_open:
            self._open[order.symbol].pop(order.order_id, None)
        fill = SimFill(trade.trade_id, order, trade.price, trade.quantity, maker, trade.ts_ns)
        self.fills.append(fill)
        del self.fills[: -self._keep]
        self._listener.on_order(order)
        self._listener.on_fill(fill)

    def _end(self, order: SimOrder, state: State, reason: str) -> None:
        order.state = state
        order.reason = reason
        order.updated_ns = self._now()
        self._open[order.symbol].pop(order.order_id, None)
        self._listener.on_order(order)

    def _fire_triggers(self, market: Market) -> None:
        for order in list(self._open[market.symbol].values()):
            if order.state != "waiting" or order.trigger_price is None:
                continue
            reached = market.last >= order.trigger_price if order.trigger_above else market.last <= order.trigger_price
            if reached:
                order.state, order.triggered, order.updated_ns = "new", True, self._now()
                self._listener.on_order(order)
                self._match(market, order)


def _crosses(order: SimOrder, price: Decimal) -> bool:
    if order.price is None:
        return True
    return price <= order.price if order.side == "buy" else price >= order.price
