"""Asking OpenD for the state of an account: open orders, fills, positions, funds, history, one order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from venuebus import Found, OrderKey, RetryableError, Snapshot, VenueContext
from venuebus_schemas import Fill, Order

from . import convert_account, convert_orders, messages
from .accounts import Account
from .config import FutuConfig
from .link import Link
from .pb import trade_pb2
from .symbols import ZONES
from .times import HONG_KONG, local_text

_DAY = 86_400 * 1_000_000_000


class State:
    """Queries about accounts. Every list is asked of the server (``refreshCache``), not of OpenD's memory."""

    def __init__(self, ctx: VenueContext[FutuConfig], link: Link, timeout: float) -> None:
        self._ctx = ctx
        self._link = link
        self._timeout = timeout

    async def snapshot(self, account: Account, since_ns: int) -> Snapshot:
        """Return open orders, fills since then (real accounts; OpenD has none of simulated ones), positions, funds.

        Raises:
            RetryableError: one of the answers is missing, or cannot be told.
        """
        orders = await self.orders(account)
        fills = None
        if account.real:
            fills = [fill for fill in await self.fills(account, since_ns) if (fill.ts_venue or since_ns) >= since_ns]
        positions = await self._positions(account)
        balances = await self._balances(account)
        for order in orders:
            if order.status.is_final and self._is_open(account, order):
                # It ended while nobody looked; said now, it need not be looked up one by one.
                order.reconciled = True
                self._ctx.publish(order)
        return Snapshot(
            orders=[order for order in orders if not order.status.is_final],
            fills=fills,
            positions=positions,
            balances=balances,
        )

    async def lookup(self, account: Account, key: OrderKey) -> Found | None:
        """Return one order, by remark first, then by either of OpenD's ids; today's orders, then the history.

        Raises:
            RetryableError: no answer.
        """
        matches = _matcher(key)
        order = next(filter(matches, await self.orders(account, priority=True)), None)
        if order is None:
            begin = (key.ts_claimed or self._ctx.now_ns()) - _DAY
            order = next(filter(matches, await self.order_history(account, begin, None, priority=True)), None)
        if order is None:
            return None
        if not account.real or order.filled_quantity == "0":
            return Found(order=order)
        ids = set((order.venue_order_ids or {}).values())
        since = (order.ts_created or self._ctx.now_ns()) - _DAY
        fills = [fill for fill in await self.fills(account, since, priority=True) if fill.venue_order_id in ids]
        return Found(order=order, fills=fills)

    async def orders(self, account: Account, *, priority: bool = False) -> list[Order]:
        """Return today's orders and all open ones."""
        await self._ctx.limits.acquire("orders", key=account.alias, priority=priority)
        c2s = trade_pb2.GetOrderList.C2S(header=account.header(), refreshCache=True)
        return self._orders(account, await self._link.ask(messages.ORDERS, c2s, self._timeout))

    async def order_history(
        self, account: Account, begin_ns: int, end_ns: int | None, *, priority: bool = False
    ) -> list[Order]:
        """Return orders of earlier days that are over."""
        await self._ctx.limits.acquire("order_history", key=account.alias, priority=priority)
        c2s = trade_pb2.GetHistoryOrderList.C2S(
            header=account.header(), filterConditions=self._span(account, begin_ns, end_ns)
        )
        return self._orders(account, await self._link.ask(messages.HISTORY_ORDERS, c2s, self._timeout))

    async def fills(self, account: Account, since_ns: int, *, priority: bool = False) -> list[Fill]:
        """Return today's fills and those of the history since ``since_ns``, each once."""
        await self._ctx.limits.acquire("fills", key=account.alias, priority=priority)
        c2s = trade_pb2.GetOrderFillList.C2S(header=account.header(), refreshCache=True)
        today = self._fills(account, await self._link.ask(messages.FILLS, c2s, self._timeout))
        earlier = await self.fill_history(account, since_ns, None)
        return list({(fill.fill_id, fill.voided): fill for fill in [*earlier, *today]}.values())

    async def fill_history(self, account: Account, begin_ns: int, end_ns: int | None) -> list[Fill]:
        """Return fills of earlier days."""
        await self._ctx.limits.acquire("fill_history", key=account.alias)
        c2s = trade_pb2.GetHistoryOrderFillList.C2S(
            header=account.header(), filterConditions=self._span(account, begin_ns, end_ns)
        )
        return self._fills(account, await self._link.ask(messages.HISTORY_FILLS, c2s, self._timeout))

    async def _positions(self, account: Account) -> list[Any]:
        await self._ctx.limits.acquire("positions", key=account.alias)
        c2s = trade_pb2.GetPositionList.C2S(header=account.header(), refreshCache=True)
        s2c = await self._link.ask(messages.POSITIONS, c2s, self._timeout)
        now = self._ctx.now_ns()
        return self._told(
            s2c.positionList, lambda p: convert_account.position(p, s2c.header, account.alias, now), "position"
        )

    async def _balances(self, account: Account) -> list[Any]:
        await self._ctx.limits.acquire("funds", key=account.alias)
        c2s = trade_pb2.GetFunds.C2S(header=account.header(), refreshCache=True)
        if account.currency is not None:
            c2s.currency = account.currency
        s2c = await self._link.ask(messages.FUNDS, c2s, self._timeout)
        if not s2c.HasField("funds"):
            return []
        now = self._ctx.now_ns()
        try:
            return convert_account.balances(s2c.funds, account.first_market, account.alias, now)
        except ValueError as error:
            self._ctx.dead_letter(s2c.SerializeToString(), f"funds: {error}", content_type="application/x-protobuf")
            raise RetryableError(f"funds of {account.alias} cannot be told: {error}") from error

    def _orders(self, account: Account, s2c: Any) -> list[Order]:
        known = self._known(account)
        now = self._ctx.now_ns()
        return self._told(
            s2c.orderList, lambda o: convert_orders.order(o, s2c.header, account.book, now, known), "order"
        )

    def _fills(self, account: Account, s2c: Any) -> list[Fill]:
        known = self._known(account)
        now = self._ctx.now_ns()
        return self._told(
            s2c.orderFillList, lambda f: convert_orders.fill(f, s2c.header, account.book, now, known), "fill"
        )

    def _told(self, items: Any, convert: Callable[[Any], Any], what: str) -> list[Any]:
        """Convert what can be; the rest are dead letters, which must not hide the others."""
        told = []
        for item in items:
            try:
                told.append(convert(item))
            except ValueError as error:
                self._ctx.dead_letter(
                    item.SerializeToString(), f"{what} of a list: {error}", content_type="application/x-protobuf"
                )
        return told

    def _known(self, account: Account) -> Callable[[str], Order | None]:
        return lambda order_id: self._ctx.find_order(account.alias, venue_order_id=order_id)

    def _is_open(self, account: Account, order: Order) -> bool:
        known = self._ctx.find_order(
            account.alias, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
        )
        return known is not None and not known.status.is_final

    def _span(self, account: Account, begin_ns: int, end_ns: int | None) -> Any:
        # Which zone OpenD reads these in is the account's market's; a day more on both sides makes it certain.
        zone = account.book.zone or ZONES.get("US" if account.first_market in (2, 123) else "HK", HONG_KONG)
        return trade_pb2.TrdFilterConditions(
            beginTime=local_text(begin_ns - _DAY, zone),
            endTime=local_text((end_ns or self._ctx.now_ns()) + _DAY, zone),
        )


def _matcher(key: OrderKey) -> Callable[[Order], bool]:
    remark = key.keys.get("remark") or key.client_order_id
    ids = {key.venue_order_id} if key.venue_order_id else set()
    if key.order is not None:
        ids |= set((key.order.venue_order_ids or {}).values())

    def matches(order: Order) -> bool:
        if remark and order.client_order_id == remark:
            return True
        return bool(ids.intersection((order.venue_order_ids or {}).values()))

    return matches
