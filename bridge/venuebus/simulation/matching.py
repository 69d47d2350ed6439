"""The trading part of the matching engine: who trades with whom, and what becomes of the orders."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from decimal import Decimal

from .book import Book, other_side, reaches
from .model import ZERO, Buy, Listener, Market, SimFill, SimOrder, SimTrade, State

TRADES_KEPT = 200  # newest public trades per symbol, twice that at most


class Matching:
    """State and mechanics of the engine; commands and questions are `MatchingEngine`'s."""

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

    # --- outcomes -------------------------------------------------------------------------------------------

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
