"""Asking the venue: for one order through every window it has, and for the state of the account."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from venuebus import Found, OrderKey, RetryableError, Snapshot, VenueContext
from venuebus_schemas import Fill, Order, OrderStatus, OrderType

from . import codes, orders
from .account import AccountFeed
from .answers import Answer, refusal
from .config import BtseConfig
from .convert import SIDES
from .legs import LIMIT, STOP
from .messages import FillRow, OrderRow, loads, read, read_all
from .numbers import Malformed
from .rest import Rest

WINDOW_MS = 7 * 86_400_000  # the venue moves an older start silently
MAX_BACK_MS = 90 * 86_400_000  # further back nobody reconciles, and every week costs a question per symbol
PAGE = 500
HIDDEN_AFTER_NS = 30 * 60 * 1_000_000_000  # canceled orders can be asked for this long


class Lookup:
    """Read-only questions about the account."""

    def __init__(self, ctx: VenueContext[BtseConfig], rest: Rest, feed: AccountFeed) -> None:
        self._ctx = ctx
        self._rest = rest
        self._feed = feed
        self._symbols: set[str] = set(ctx.config.symbols) | set(ctx.config.allowed_symbols or ())

    async def lookup(self, key: OrderKey) -> Found | None:
        """Ask for the order itself, then the open orders, then the trade history; only all three prove absence.

        Fully filled orders are only in the history, orders canceled more than 30 minutes ago in none of them.

        Raises:
            RetryableError: one of the questions was not answered.
        """
        now = self._ctx.now_ns()
        if key.keys.get("oco") or (key.order is not None and key.order.order_type is OrderType.OCO):
            return await self._lookup_pair(key, now)
        ids = self._ids(key)
        row = await self._order(ids)
        found = None if row is None else self._feed.state(row, now, "query", key.order)
        if found is None:
            for row in await self._open_orders(ids):
                found = self._feed.state(row, now, "query", key.order) or found
        symbol = (found.symbol if found is not None else None) or self._symbol(key)
        fills = [] if found is not None and found.filled_quantity == "0" else await self._fills(ids, symbol, now)
        if found is None:
            found = self._from_fills(fills, key, now)
        if found is None:
            return None
        return Found(order=self._named(found, key), fills=[fill for _, fill in fills])

    async def snapshot(self, since_ns: int) -> Snapshot:
        """Return open orders and the fills since then. This version of the interface has no question for balances.

        Raises:
            RetryableError: no complete answer.
        """
        now = self._ctx.now_ns()
        merged: dict[str, Order] = {}
        rows = await self._open_orders({})
        self._pair_up(rows)
        for row in rows:
            state = self._feed.state(row, now, "query")
            if state is None:
                continue
            key = state.client_order_id or state.venue_order_id or ""
            if key in merged and merged[key].venue_order_id != state.venue_order_id:
                # Two orders of one client id: the venue allows that, the bus keeps them apart by the venue's id.
                state.client_order_id, key = None, state.venue_order_id or ""
            merged[key] = state
        self._symbols.update(order.symbol for order in merged.values())
        fills: list[Fill] = []
        for symbol in sorted(self._symbols):
            fills += [fill for _, fill in await self._history(symbol, {}, since_ns // 1_000_000 - 1000, now)]
        return Snapshot(orders=list(merged.values()), fills=fills)

    def traded(self, symbol: str) -> None:
        """Remember a symbol whose fills a snapshot must ask for: the venue's history is told per symbol."""
        self._symbols.add(symbol)

    async def open_rows(self) -> list[OrderRow]:
        """Return every open order of the account as the venue tells it.

        Raises:
            RetryableError: no answer.
        """
        return await self._open_orders({})

    async def open_symbols(self) -> set[str]:
        """Return the symbols that have open orders.

        Raises:
            RetryableError: no answer.
        """
        return {row.symbol for row in await self._open_orders({}) if row.symbol}

    def _pair_up(self, rows: list[OrderRow]) -> None:
        """Find the legs of OCOs that were placed elsewhere: one client id, one leg with a trigger and one without."""
        by_client: dict[str, list[OrderRow]] = {}
        for row in rows:
            if row.client_id is not None and self._feed.pairs.of_leg(row.orderID) is None:
                by_client.setdefault(row.client_id, []).append(row)
        for client_id, legs in by_client.items():
            same = len({(leg.symbol, leg.side) for leg in legs}) == 1
            if len(legs) == 2 and same and {orders.has_trigger(leg) for leg in legs} == {True, False}:
                self._feed.pair_up(client_id, legs)

    # --- one order ------------------------------------------------------------------------------------------

    async def _lookup_pair(self, key: OrderKey, now: int) -> Found | None:
        known = key.order
        legs = dict(known.venue_order_ids or {}) if known is not None else {}
        asked = [{"orderID": venue_id} for venue_id in legs.values()]
        asked += [{"clOrderID": key.client_order_id}] if key.client_order_id and len(legs) < 2 else []
        rows = [row for ids in asked if (row := await self._order(ids)) is not None]
        for ids in asked:
            rows += await self._open_orders(ids)
        whole: Order | None = None
        for row in rows:
            whole = self._feed.state(row, now, "query", known if known is not None else _as_pair(key, row)) or whole
        fills: list[tuple[FillRow, Fill]] = []
        for ids in asked:
            fills += await self._fills(ids, whole.symbol if whole is not None else self._symbol(key), now)
        fills = list({fill.fill_id: (row, fill) for row, fill in fills}.values())
        filled = self._from_fills(fills, key, now)
        if filled is not None and (whole is None or whole.status.is_final or filled.status is OrderStatus.FILLED):
            whole = msgspec.structs.replace(
                filled, order_type=OrderType.OCO, venue_order_ids=legs or None,
                venue_order_id=legs.get(LIMIT) or filled.venue_order_id,
            )  # fmt: skip
        if whole is None:
            return None
        over = not any(row.orderState for row in rows)
        if over and not whole.status.is_final:
            # Neither leg is open and at least one was canceled: cancelling one cancels both.
            whole = msgspec.structs.replace(whole, status=OrderStatus.CANCELED, leaves_quantity="0")
        return Found(order=self._named(whole, key), fills=[fill for _, fill in fills])

    async def _order(self, ids: Mapping[str, str]) -> OrderRow | None:
        answer = await self._rest.ask("/order", ids, operation="order.get", priority=True)
        payload = self._payload(answer, "GET order")
        if not payload:
            return None
        rows = _rows(OrderRow, payload, "GET order")
        return next((row for row in rows if _is(row, ids) and row.status != codes.NOT_FOUND), None)

    async def _open_orders(self, ids: Mapping[str, str]) -> list[OrderRow]:
        answer = await self._rest.ask("/user/open_orders", ids, operation="open_orders", priority=bool(ids))
        rows = _rows(OrderRow, self._payload(answer, "open_orders") or [], "open_orders")
        return [row for row in rows if not ids or _is(row, ids)]

    async def _fills(self, ids: Mapping[str, str], symbol: str, now: int) -> list[tuple[FillRow, Fill]]:
        found = await self._history(symbol, ids, None, now)
        return [(row, fill) for row, fill in found if _is_fill_of(row, ids)]

    def _from_fills(self, fills: list[tuple[FillRow, Fill]], key: OrderKey, now: int) -> Order | None:
        state = orders.from_fills(
            [row for row, _ in fills], [fill for _, fill in fills], account=self._feed.account, now=now, known=key.order
        )
        if state is None or state.status is OrderStatus.FILLED or state.order_type is OrderType.MARKET:
            return state
        if now - (key.ts_claimed or 0) < HIDDEN_AFTER_NS:
            # It traded in part and is neither open nor canceled: the venue is between two states.
            raise RetryableError("the order has fills but is neither open nor filled nor canceled")
        return state

    @staticmethod
    def _ids(key: OrderKey) -> dict[str, str]:
        venue_id = key.venue_order_id or (key.order.venue_order_id if key.order is not None else None)
        if venue_id:
            return {"orderID": venue_id}
        if not key.client_order_id:
            raise RetryableError("an order without any id cannot be asked for")
        return {"clOrderID": key.client_order_id}

    @staticmethod
    def _symbol(key: OrderKey) -> str:
        symbol = key.symbol or (key.order.symbol if key.order is not None else None) or key.keys.get("symbol")
        if not symbol:
            raise RetryableError("the trade history needs the symbol, and nobody knows it")
        return symbol

    @staticmethod
    def _named(order: Order, key: OrderKey) -> Order:
        if order.client_order_id is None and key.client_order_id is not None:
            order.client_order_id = key.client_order_id
        return order

    # --- the history ----------------------------------------------------------------------------------------

    async def _history(
        self, symbol: str, ids: Mapping[str, str], since_ms: int | None, now: int
    ) -> list[tuple[FillRow, Fill]]:
        end = now // 1_000_000 + 1000
        start = end - WINDOW_MS if since_ms is None else max(since_ms, end - MAX_BACK_MS)
        found: dict[str, tuple[FillRow, Fill]] = {}
        while end > start:
            begin = max(start, end - WINDOW_MS)
            query = {"symbol": symbol, "startTime": str(begin), "endTime": str(end), "count": str(PAGE), **ids}
            answer = await self._rest.ask("/user/trade_history", query, operation="trade_history", priority=bool(ids))
            rows = _rows(FillRow, self._payload(answer, "trade_history") or [], "trade_history")
            before = len(found)
            for row in rows:
                try:
                    fill = self._feed.fill(row, now)
                except Malformed as error:
                    raise RetryableError(f"trade_history: {error}") from error
                found.setdefault(fill.fill_id, (row, fill))
            oldest = min((row.timestamp for row in rows if row.timestamp), default=None)
            if len(rows) < PAGE or oldest is None:
                end = begin
            elif len(found) == before:
                end = min(end, oldest) - 1  # nothing but one second's trades that were told already
            else:
                end = min(end - 1, oldest + 999)  # times are whole seconds: the oldest second may be cut in two
        return sorted(found.values(), key=lambda item: (item[1].ts_venue or 0, item[1].fill_id))

    def _payload(self, answer: Answer, what: str) -> object:
        """Return the decoded answer to a question, None for "not found".

        Raises:
            RetryableError: it is no answer to it.
        """
        said = refusal(answer)
        if said is not None:
            if said.clear and (said.not_found or answer.http == 404):
                return None
            raise RetryableError(f"{what}: {said.shown}")
        try:
            return loads(answer.body) if answer.body.strip() else None
        except Malformed as error:
            raise RetryableError(f"{what}: {error}") from error


def _rows(kind: type[msgspec.Struct], payload: object, what: str) -> list:  # type: ignore[type-arg]
    try:
        return read_all(kind, payload) if isinstance(payload, list) else [read(kind, payload)]
    except Malformed as error:
        raise RetryableError(f"{what}: {error}") from error


def _as_pair(key: OrderKey, row: OrderRow) -> Order | None:
    side = SIDES.get(row.side or "")
    if side is None or row.symbol is None:
        return None
    return Order(
        symbol=row.symbol, side=side, order_type=OrderType.OCO, status=OrderStatus.UNKNOWN, filled_quantity="0",
        client_order_id=key.client_order_id,
        venue_order_ids={STOP if orders.has_trigger(row) else LIMIT: row.orderID} if row.orderID else None,
    )  # fmt: skip


def _is(row: OrderRow, ids: Mapping[str, str]) -> bool:
    if "orderID" in ids:
        return row.orderID == ids["orderID"]
    return row.client_id in (ids.get("clOrderID"), None)


def _is_fill_of(row: FillRow, ids: Mapping[str, str]) -> bool:
    if "orderID" in ids:
        return (row.orderId or row.orderID) == ids["orderID"]
    return (row.clOrderId or row.clOrderID) == ids.get("clOrderID")
