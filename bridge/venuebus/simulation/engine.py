"""A small matching engine that every venue simulator can stand on: price-time priority, triggers, moving prices.

It knows nothing of any protocol: a simulator translates its venue's requests into `MatchingEngine.submit`,
`amend` and `cancel`, and the listener's calls into its venue's pushes. Everything is synchronous and exact
(`Decimal`), time and randomness come from outside, so a scripted run is repeatable.
"""

from __future__ import annotations

import itertools
from decimal import Decimal

from .book import Level, other_side
from .matching import Matching
from .model import (
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


class MatchingEngine(Matching):
    """Matches users' orders against each other and against synthetic liquidity that `step` moves about.

    At one price synthetic liquidity comes before users' orders, those in the order of their arrival; an amend of
    the price or to a greater quantity goes to the back of the queue.

    Memory: open orders, plus the ``keep`` newest finished ones for look-ups, plus the ``keep`` newest fills.
    """

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
