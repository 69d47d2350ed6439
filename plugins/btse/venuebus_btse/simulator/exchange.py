"""The venue behind both channels: users' orders on the matching engine, and who is told of what."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from venuebus.simulation import Market, MatchingEngine, OrderRefused, SimFill, SimOrder, SimTrade

from .answers import platform
from .details import CANCELED_KEPT_NS, PEG, FillRecord, details
from .intake import RowRefusal, Wanted, build, from_engine, pegged
from .settings import User, pad

COUNTED_KEPT = 500_000


class Feed(Protocol):
    """Who is told; called in the order of the events, inside the exchange's calls."""

    def order_changed(self, order: SimOrder) -> None:
        """An order of a user changed."""

    def filled(self, record: FillRecord) -> None:
        """An order of a user traded."""

    def traded(self, trade: SimTrade) -> None:
        """A public trade happened."""

    def book_changed(self, symbol: str) -> None:
        """The book of ``symbol`` changed and is not crossed."""


def tally(counter: Counter[str], name: str) -> None:
    """Count ``name``, forgetting the oldest name when there are too many."""
    counter[name] += 1
    if len(counter) > COUNTED_KEPT:
        del counter[next(iter(counter))]


class Exchange:
    """Orders, fills and wallets of all users.

    ``clOrderID`` is not unique, as at the venue: sending an order twice makes two orders, and the counters
    ``submits_by_client_id`` (requests that arrived), ``orders_by_client_id`` (orders made), ``cancels_by_id`` and
    ``amends_by_id`` show it.
    """

    def __init__(
        self,
        markets: list[Market],
        users: list[User],
        feed: Feed,
        *,
        now_ns: Callable[[], int],
        seed: int = 1,
        keep: int = 100_000,
    ) -> None:
        self.users = {user.name: user for user in users}
        self.engine = MatchingEngine(markets, self, now_ns=now_ns, seed=seed, keep=keep, first_trade_id=118_974_856)
        self.fills: dict[str, deque[FillRecord]] = {user.name: deque(maxlen=keep) for user in users}
        self.submits_by_client_id: Counter[str] = Counter()
        self.orders_by_client_id: Counter[str] = Counter()
        self.cancels_by_id: Counter[str] = Counter()
        self.amends_by_id: Counter[str] = Counter()
        self.placed: Callable[[SimOrder], None] = lambda order: None
        self._feed = feed
        self._now = now_ns
        self._keep = keep
        self._by_client: dict[tuple[str, str], list[SimOrder]] = {}
        self._serials = itertools.count(94_711_228)
        self._requests = itertools.count(9_018_830_890_442_560_439)

    # --- commands -------------------------------------------------------------------------------------------

    def submit(self, wanted: Wanted, user: str, *, by_hand: bool = False) -> list[SimOrder]:
        """Take an order; an OCO comes back as its limit leg and its trigger leg.

        Raises:
            Refusal, RowRefusal: nothing was done.
        """
        legs = build(wanted, user, next(self._requests))
        self._check_funds(legs[-1])
        try:
            for order in legs:
                details(order).by_hand = by_hand
                self.engine.submit(order)
                self._index(order)
                self.placed(order)
        except OrderRefused as refused:
            if legs[0].order_id in self.engine.orders and legs[0].is_open:
                self.engine.cancel(legs[0].order_id, "its other leg was refused")
            raise from_engine(refused) from None
        if wanted.client_id:
            tally(self.orders_by_client_id, wanted.client_id)
        return legs[::-1]

    def amend(
        self, order: SimOrder, *, price: Decimal | None, quantity: Decimal | None, trigger_price: Decimal | None
    ) -> bool:
        """Change an open order; tell whether the venue did it."""
        tag = details(order)
        if tag.order_type == PEG or order.quote_quantity is not None:
            return False
        tag.amending = True
        market = self.engine.markets[order.symbol]
        price = None if price is None else pad(price, market.tick)
        quantity = None if quantity is None else pad(quantity, market.lot)
        try:
            self.engine.amend(order.order_id, price=price, quantity=quantity, trigger_price=trigger_price)
        except OrderRefused:
            return False
        finally:
            tag.amending = False
        return True

    def cancel(self, orders: list[SimOrder]) -> list[SimOrder]:
        """Cancel orders, both legs where one belongs to an OCO; return those that were canceled by this."""
        legs = {
            order.order_id: order
            for asked in orders
            for order in ([asked] if asked.group is None else self._group(asked))
            if order.is_open
        }
        for order in legs.values():
            if order.is_open:
                self.engine.cancel(order.order_id)
        return sorted(legs.values(), key=lambda order: order.trigger_price is not None)

    def step(self, symbol: str, *, ticks: int | None = None, trade: bool | None = None) -> None:
        """Move the market of ``symbol``; peg orders follow it."""
        self.engine.step(symbol, ticks=ticks, trade=trade)
        market = self.engine.markets[symbol]
        for order in self.engine.open_orders(symbol=symbol):
            tag = details(order)
            if tag.order_type == PEG and order.is_open and (price := pegged(tag, order.side, market)) != order.price:
                self.engine.amend(order.order_id, price=price)

    # --- look-ups -------------------------------------------------------------------------------------------

    def open_orders(self, user: str, symbol: str | None = None) -> list[SimOrder]:
        """Open orders of a user."""
        return self.engine.open_orders(user, symbol)

    def matching(self, user: str, order_id: str | None, client_id: str | None) -> list[SimOrder]:
        """Every remembered order with that id, newest first; ``order_id`` wins."""
        if order_id:
            order = self.engine.orders.get(order_id)
            return [order] if order is not None and order.owner == user else []
        return list(reversed(self._by_client.get((user, client_id or ""), [])))

    def findable(self, user: str, order_id: str | None, client_id: str | None) -> SimOrder | None:
        """What GET order finds: open orders, and canceled ones of the last 30 minutes; filled ones are gone."""
        known = self.matching(user, order_id, client_id)
        for order in known:
            if order.is_open:
                return order
        young = self._now() - CANCELED_KEPT_NS
        return next((o for o in known if o.state in ("canceled", "expired") and o.updated_ns >= young), None)

    # --- what the engine tells ------------------------------------------------------------------------------

    def on_order(self, order: SimOrder) -> None:
        """Pass a change on."""
        self._feed.order_changed(order)

    def on_fill(self, fill: SimFill) -> None:
        """Take the fee, move the money, pass the fill on."""
        order, user = fill.order, self.users[fill.order.owner]
        market = self.engine.markets[order.symbol]
        rate = user.maker_fee if fill.maker else user.taker_fee
        value = fill.price * fill.quantity
        if order.side == "buy":
            fee, currency = fill.quantity * rate, market.base
            self._pay(user, market.base, fill.quantity - fee)
            self._pay(user, market.quote, -value)
        else:
            fee, currency = value * rate, market.quote
            self._pay(user, market.base, -fill.quantity)
            self._pay(user, market.quote, value - fee)
        record = FillRecord(fill, user.name, fee.normalize(), currency, next(self._serials))
        self.fills[user.name].append(record)
        self._feed.filled(record)

    def on_trade(self, trade: SimTrade) -> None:
        """Pass a public trade on."""
        self._feed.traded(trade)

    def on_book(self, symbol: str) -> None:
        """Pass it on."""
        self._feed.book_changed(symbol)

    # --- inside ---------------------------------------------------------------------------------------------

    def _check_funds(self, order: SimOrder) -> None:
        user = self.users[order.owner]
        market = self.engine.markets[order.symbol]
        currency, cost = _cost(order, market)
        reserved = Decimal(0)
        for other in self.engine.open_orders(user.name):
            if other.state != "waiting":
                name, amount = _cost(other, self.engine.markets[other.symbol])
                reserved += amount if name == currency else 0
        if cost <= user.balance(currency) - reserved:
            return
        if order.side == "sell":  # both answers have been seen
            raise platform(51523, "BADREQUEST: Insufficient wallet balance", self._now() // 1_000_000)
        raise RowRefusal(8, "trade.error.insufficient_balance1", "Insufficient balance", [currency, f"{cost:f}"])

    def _index(self, order: SimOrder) -> None:
        if order.client_id is None:
            return
        self._by_client.setdefault((order.owner, order.client_id), []).append(order)
        if len(self._by_client) > 2 * self._keep:
            del self._by_client[next(iter(self._by_client))]

    def _group(self, order: SimOrder) -> list[SimOrder]:
        return [
            other for other in self.engine.open_orders(order.owner, order.symbol) if other.group == order.group
        ] or [order]

    @staticmethod
    def _pay(user: User, currency: str, amount: Decimal) -> None:
        user.balances[currency] = user.balance(currency) + amount


def _cost(order: SimOrder, market: Market) -> tuple[str, Decimal]:
    if order.side == "sell":
        return market.base, order.leaves
    if order.quote_quantity is not None:
        return market.quote, order.quote_quantity - order.notional
    return market.quote, order.leaves * (order.price if order.price is not None else market.last)
