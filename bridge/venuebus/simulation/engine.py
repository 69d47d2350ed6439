"""A small matching engine that every venue simulator can stand on: price-time priority, triggers, moving prices.

It knows nothing of any protocol: a simulator translates its venue's requests into `MatchingEngine.submit`,
`amend` and `cancel`, and the listener's calls into its venue's pushes. Everything is synchronous and exact
(`Decimal`), time and randomness come from outside, so a scripted run is repeatable.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from decimal import Decimal

from .book import Book, Level, other_side, reaches
from .model import (
    ZERO,
    Buy,
    Listener,
    Market,
    OrderRefused,
    SimFill,
    SimOrder,
    SimTrade,
    State,
    check_price,
    check_quantity,
)

__all__ = ["Listener", "Market", "MatchingEngine", "OrderRefused", "SimFill", "SimOrder", "SimTrade"]

TRADES_KEPT = 500  # newest public trades per symbol


class MatchingEngine:
    """Matches users' orders against each other and against synthetic liquidity that `step` moves about.

    At one price synthetic liquidity comes before users' orders, those in the order of their arrival; an amend of
    the price or to a greater quantity goes to the back of the queue.

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
        self.markets: dict[str, Market] = {}
        self.orders: dict[str, SimOrder] = {}
        self.fills: list[SimFill] = []
        self.trades: dict[str, list[SimTrade]] = {}
        self.submits = 0
        self._open: dict[str, dict[str, SimOrder]] = {}
        self._waiting: dict[str, dict[str, SimOrder]] = {}
        self._groups: dict[str, dict[str, SimOrder]] = {}
        self._books: dict[str, Book] = {}
        self._over: dict[str, None] = {}
        self._listener = listener
        self._now = now_ns
        self._random = random.Random(seed)
        self._keep = keep
        self._trade_ids: Iterator[int] = itertools.count(first_trade_id)
        for market in markets:
            self.add_market(market)

    def add_market(self, market: Market) -> None:
        """Open one more symbol for trading; ``mid`` is moved down to a whole tick, ``depth`` kept above price 0."""
        market.mid = market.mid // market.tick * market.tick
        market.depth = min(market.depth, int(market.mid / market.tick) - 1)
        if market.depth < 1:
            raise ValueError(f"{market.symbol}: mid {market.mid} leaves no room for a bid of {market.tick}")
        self.markets[market.symbol] = market
        self.trades[market.symbol] = []
        self._open[market.symbol] = {}
        self._waiting[market.symbol] = {}
        self._books[market.symbol] = Book(market)

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
        self.orders[order.order_id] = order
        self._open[order.symbol][order.order_id] = order
        if order.group is not None:
            self._groups.setdefault(order.group, {})[order.order_id] = order
        if order.trigger_price is not None:
            order.state = "waiting"
            if order.trigger_above is None:
                order.trigger_above = order.trigger_price > market.last
            self._waiting[order.symbol][order.order_id] = order
            self._books[order.symbol].checked = None
            self._listener.on_order(order)
        else:
            self._enter(market, order)
        self._settle(market)
        return order

    def cancel(self, order_id: str, reason: str = "canceled by user") -> SimOrder:
        """Cancel an open order.

        Raises:
            OrderRefused: ``unknown`` order, or ``final`` when it is over already.
        """
        return self._stop(order_id, "canceled", reason)

    def expire(self, order_id: str, reason: str = "its time has passed") -> SimOrder:
        """End an open order as ``expired``.

        Raises:
            OrderRefused: as for `cancel`.
        """
        return self._stop(order_id, "expired", reason)

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
        order = self._alive(order_id)
        market = self.markets[order.symbol]
        self._check_amend(market, order, quantity, price, trigger_price)
        book = self._books[order.symbol]
        requeue = (price is not None and price != order.price) or (quantity is not None and quantity > order.quantity)
        if requeue:
            self._lift(book, order)
        order.quantity = quantity if quantity is not None else order.quantity
        order.price = price if price is not None else order.price
        order.trigger_price = trigger_price if trigger_price is not None else order.trigger_price
        order.updated_ns = self._now()
        self._listener.on_order(order)
        book.changed = book.changed or quantity is not None
        book.checked = None
        if requeue and order.state != "waiting":
            self._match(market, order)
        self._settle(market)
        return order

    def hit(self, order_id: str, quantity: Decimal | None = None) -> SimOrder:
        """Let a stranger trade with a resting order at its own price: ``quantity``, or all that is left of it.

        Raises:
            OrderRefused: the order is unknown, over, waiting for its trigger or has less left.
        """
        order = self._alive(order_id)
        quantity = order.leaves if quantity is None else quantity
        if order.state == "waiting" or order.price is None or not 0 < quantity <= order.leaves:
            raise OrderRefused("quantity", f"order {order_id} cannot trade {quantity}")
        market = self.markets[order.symbol]
        trade = self._public(market, other_side(order.side), order.price, quantity)
        self._fill(order, trade, maker=True)
        self._settle(market)
        return order

    # --- state ----------------------------------------------------------------------------------------------

    def open_orders(self, owner: str | None = None, symbol: str | None = None) -> list[SimOrder]:
        """Open orders, oldest first within a symbol."""
        symbols = [symbol] if symbol is not None else list(self._open)
        return [
            order
            for name in symbols
            for order in self._open.get(name, {}).values()
            if owner is None or order.owner == owner
        ]

    def book(self, symbol: str, depth: int) -> tuple[list[Level], list[Level]]:
        """Visible bids and asks as (price, size), best first: synthetic liquidity and the users' orders together."""
        book = self._books[symbol]
        return book.visible("buy", depth), book.visible("sell", depth)

    def step(self, symbol: str, *, ticks: int | None = None, trade: bool | None = None) -> None:
        """Move the synthetic price of ``symbol`` by some ticks; resting orders it reaches are filled.

        Without ``ticks`` the move is random, and some levels change their size. ``trade`` forces or forbids a
        public trade at the best price (default: one in two steps), which fills users' orders that are next there.
        """
        market, book = self.markets[symbol], self._books[symbol]
        move = self._random.choice((-2, -1, -1, 0, 0, 1, 1, 2)) if ticks is None else ticks
        market.mid = max(market.mid + move * market.tick, market.tick * (market.depth + 2))
        book.move()
        if ticks is None:
            for side in ("buy", "sell"):
                distance = self._random.randint(1, market.depth)
                book.churn(side, distance, self._random.randint(1, 2 * market.depth))
        self._uncross(market, book)
        if self._random.random() < 0.5 if trade is None else trade:
            self._stranger(market, book)
        self._settle(market)

    def reserve_trade_ids(self, count: int) -> int:
        """Return the first of ``count`` trade ids that the engine will not use, for trades made up elsewhere."""
        first = next(self._trade_ids)
        self._trade_ids = itertools.count(first + count)
        return first

    # --- matching -------------------------------------------------------------------------------------------

    def _enter(self, market: Market, order: SimOrder) -> None:
        book = self._books[order.symbol]
        if order.post_only and book.crosses(order):
            self._end(order, "canceled", "post-only order would cross")
            return
        self._listener.on_order(order)
        if order.all_or_none and book.available(order) < order.quantity:
            self._end(order, "canceled", "fill-or-kill not possible")
            return
        self._match(market, order)

    def _match(self, market: Market, order: SimOrder) -> None:
        book = self._books[order.symbol]
        opposite = book.side(other_side(order.side))
        while order.is_open and (best := opposite.best()) is not None and reaches(order, price := book.price(best)):
            available = opposite.synthetic.get(best)
            other = None if available is not None else next(iter(opposite.resting[best].values()))
            size = available if available is not None else other.leaves if other is not None else ZERO
            quantity = min(order.leaves, size)
            trade = self._public(market, order.side, price, quantity)
            if other is None:
                book.take(other_side(order.side), best, quantity)
            else:
                self._fill(other, trade, maker=True)
            self._fill(order, trade, maker=False)
        if not order.is_open:
            return
        if order.price is None or order.immediate or order.all_or_none:
            self._end(order, "canceled", "nothing left to trade with")
            return
        book.side(order.side).rest(book.ticks(order.price), order)
        book.changed = True

    def _uncross(self, market: Market, book: Book) -> None:
        """Fill resting orders that the synthetic price has run into, best price first, at their own price."""
        while (bid := book.bids.best()) is not None and (ask := book.asks.best()) is not None and bid >= ask:
            # one of the two is a user's: the synthetic sides never cross each other
            side: Buy = "buy" if bid in book.bids.resting else "sell"
            own, other = (bid, ask) if side == "buy" else (ask, bid)
            order = next(iter(book.side(side).resting[own].values()))
            available = book.side(other_side(side)).synthetic.get(other)
            if available is None:
                # both are users': the synthetic level at the same price as `own` hit the other one
                side, own, other = other_side(side), other, own
                order = next(iter(book.side(side).resting[own].values()))
                available = book.side(other_side(side)).synthetic[other]
            quantity = min(order.leaves, available)
            book.take(other_side(side), other, quantity)
            self._fill(order, self._public(market, other_side(side), book.price(own), quantity), maker=True)

    def _stranger(self, market: Market, book: Book) -> None:
        side: Buy = "buy" if self._random.random() < 0.5 else "sell"
        left = market.lot * self._random.randint(1, 50)
        half = book.side(other_side(side))
        price = half.best()
        while left > 0 and price is not None and half.best() == price:
            available = half.synthetic.get(price)
            if available is not None:
                quantity = min(left, available)
                book.take(other_side(side), price, quantity)
                self._public(market, side, book.price(price), quantity)
            else:
                order = next(iter(half.resting[price].values()))
                quantity = min(left, order.leaves)
                self._fill(order, self._public(market, side, book.price(price), quantity), maker=True)
            left -= quantity

    def _settle(self, market: Market) -> None:
        """Fire the triggers that the last price has reached, one after another, then tell about the book once."""
        waiting, book = self._waiting[market.symbol], self._books[market.symbol]
        while waiting and book.checked != market.last:
            order = next((waits for waits in waiting.values() if _fires(waits, market.last)), None)
            if order is None:
                book.checked = market.last
                break
            del waiting[order.order_id]
            order.state, order.triggered, order.updated_ns = "new", True, self._now()
            self._end_group(order, "the other order was triggered")
            if order.quote_quantity is not None:
                order.quantity = self._books[order.symbol].affordable(order) or order.quantity
            self._enter(market, order)
        if book.changed:
            book.changed = False
            self._listener.on_book(market.symbol)

    # --- inside ---------------------------------------------------------------------------------------------

    def _alive(self, order_id: str) -> SimOrder:
        order = self.orders.get(order_id)
        if order is None:
            raise OrderRefused("unknown", f"no order {order_id}")
        if not order.is_open:
            raise OrderRefused("final", f"order {order_id} is {order.state}")
        return order

    def _stop(self, order_id: str, state: State, reason: str) -> SimOrder:
        order = self._alive(order_id)
        self._end(order, state, reason)
        self._settle(self.markets[order.symbol])
        return order

    def _check(self, market: Market, order: SimOrder) -> None:
        if order.price is not None:
            check_price(market, order.price)
        if order.trigger_price is not None:
            check_price(market, order.trigger_price)
        if order.quote_quantity is not None:
            order.quantity = self._books[order.symbol].affordable(order)
        check_quantity(market, order.quantity)

    def _check_amend(
        self,
        market: Market,
        order: SimOrder,
        quantity: Decimal | None,
        price: Decimal | None,
        trigger_price: Decimal | None,
    ) -> None:
        if quantity is not None:
            if quantity <= order.filled:
                raise OrderRefused("quantity", f"{quantity} is not more than the filled {order.filled}")
            check_quantity(market, quantity)
        if trigger_price is not None:
            if order.state != "waiting":
                raise OrderRefused("price", "no trigger to amend")
            check_price(market, trigger_price)
        if price is not None:
            check_price(market, price)
            if order.price is None:
                raise OrderRefused("price", "a market order has no price")
            if order.post_only and order.state != "waiting" and self._books[order.symbol].crosses(order, price):
                raise OrderRefused("post_only", f"post-only order would cross at {price}")

    def _public(self, market: Market, side: Buy, price: Decimal, quantity: Decimal) -> SimTrade:
        trade = SimTrade(next(self._trade_ids), market.symbol, side, price, quantity, self._now())
        market.last = price
        market.high = max(market.high, price)
        market.low = min(market.low, price)
        market.volume += quantity
        market.turnover += quantity * price
        recent = self.trades[market.symbol]
        recent.append(trade)
        if len(recent) > 2 * TRADES_KEPT:
            del recent[:-TRADES_KEPT]
        self._listener.on_trade(trade)
        return trade

    def _fill(self, order: SimOrder, trade: SimTrade, *, maker: bool) -> None:
        order.filled += trade.quantity
        order.notional += trade.quantity * trade.price
        order.updated_ns = trade.ts_ns
        order.state = "filled" if order.leaves <= 0 else "partially_filled"
        self._books[order.symbol].changed = True
        if not order.is_open:
            self._forget(order)
        fill = SimFill(trade.trade_id, order, trade.price, trade.quantity, maker, trade.ts_ns)
        self.fills.append(fill)
        if len(self.fills) > self._keep + 1000:  # in batches: a front deletion moves the whole list
            del self.fills[: -self._keep]
        self._listener.on_order(order)
        self._listener.on_fill(fill)
        self._end_group(order, "the other order traded")

    def _end(self, order: SimOrder, state: State, reason: str) -> None:
        order.state = state
        order.reason = reason
        order.updated_ns = self._now()
        self._forget(order)
        self._listener.on_order(order)
        self._end_group(order, reason)

    def _end_group(self, order: SimOrder, reason: str) -> None:
        group = self._groups.pop(order.group, None) if order.group is not None else None
        for other in list(group.values()) if group else ():
            if other is not order and other.is_open:
                self._end(other, "canceled", reason)

    def _forget(self, order: SimOrder) -> None:
        """Take a finished order out of everything that is searched, and the oldest finished one out of memory."""
        self._lift(self._books[order.symbol], order)
        self._open[order.symbol].pop(order.order_id, None)
        self._waiting[order.symbol].pop(order.order_id, None)
        self._over[order.order_id] = None
        while len(self._over) > self._keep:
            oldest = next(iter(self._over))
            del self._over[oldest]
            self.orders.pop(oldest, None)

    @staticmethod
    def _lift(book: Book, order: SimOrder) -> None:
        if order.price is not None and book.side(order.side).remove(book.ticks(order.price), order):
            book.changed = True


def _fires(order: SimOrder, last: Decimal) -> bool:
    assert order.trigger_price is not None  # only such orders wait
    return last >= order.trigger_price if order.trigger_above else last <= order.trigger_price
