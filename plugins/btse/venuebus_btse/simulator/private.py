"""REST endpoints of a user: orders, fills, fees, and the switch that cancels everything."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from venuebus.simulation import MatchingEngine, SimOrder

from .answers import Refusal, bad_request, envelope
from .details import details
from .exchange import Exchange
from .hub import Hub
from .intake import LIVES, RowRefusal, number, read_body, read_order
from .public import whole, window
from .rows import Row, amend_failed_row, fill_row, not_found_row, open_order, order_object, order_row, refused_row
from .settings import Quirks, User

WEEK_MS = 7 * 86_400_000
MAX_FILLS = 500
Query = Mapping[str, str]


class PrivateEndpoints:
    """Every method takes the signed-in user, the query and the body, and returns what is put into JSON."""

    def __init__(
        self, exchange: Callable[[], Exchange], hub: Hub, quirks: Quirks, *, now_ms: Callable[[], int]
    ) -> None:
        self._of = exchange
        self._hub = hub
        self._quirks = quirks
        self._now_ms = now_ms
        self._switches: dict[str, asyncio.TimerHandle] = {}
        self._lives: dict[str, asyncio.TimerHandle] = {}
        self.switched_off = 0

    def create(self, user: User, query: Query, body: bytes) -> Any:
        """POST order: rows of the order, or of both legs; a refusal may be a row, too."""
        data = read_body(body)
        try:
            orders = self._of().submit(read_order(data, self._engine.markets), user.name)
        except RowRefusal as refused:
            client_id = data.get("clOrderID")
            row = refused_row(refused.number, refused.key, refused.text, refused.params, self._now_ms(), client_id)
            self._hub.refused(user.name, row)
            return [row]
        for order in orders:
            self._limit_life(order)
        return [order_row(order) for order in orders]

    def pretend(self, user: User, query: Query, body: bytes) -> Any:
        """The lie: rows as if the order had been taken."""
        data = read_body(body)
        row = not_found_row(str(uuid.uuid4()), data.get("clOrderID"), str(data.get("symbol")), self._now_ms())
        size = number(data, "size")
        sizes = dict.fromkeys(("originalOrderBaseSize", "currentOrderBaseSize", "remainingOrderBaseSize"), size)
        known = {"status": 2, "orderType": 76, "side": data.get("side"), "price": number(data, "price") or 0}
        return [{**row, **sizes, **known, "stealth": 1.0, "deviation": 1.0}]

    def get(self, user: User, query: Query, body: bytes) -> Any:
        """GET order: one object; filled orders, and those canceled long ago, are not found."""
        order_id, client_id = query.get("orderID"), query.get("clOrderID")
        if not order_id and not client_id:
            raise envelope(-2, "orderID or clOrderID is required")
        order = self._of().findable(user.name, order_id, client_id)
        if order is None:
            raise not_found(order_id, client_id)
        return order_object(order, self._engine.markets[order.symbol])

    def amend(self, user: User, query: Query, body: bytes) -> Any:
        """PUT order: a row with 123, or with 15 where the order lives on as it was, or with 16."""
        data = read_body(body)
        kind = str(data.get("type")).upper()
        names = {
            "PRICE": ("value", "", ""),
            "SIZE": ("", "value", ""),
            "TRIGGERPRICE": ("", "", "value"),
            "ALL": ("orderPrice", "orderSize", "triggerPrice"),
        }.get(kind)
        if names is None or not data.get("symbol"):
            raise envelope(-2, f"Invalid type or symbol: {kind} {data.get('symbol')}")
        price, size, trigger = (number(data, name) if name else None for name in names)
        if price is None and size is None and trigger is None:
            raise bad_request("Nothing to amend")
        order_id, client_id = data.get("orderID") or None, data.get("clOrderID") or None
        if order_id is None and client_id is None:
            raise envelope(-2, "orderID or clOrderID is required")
        found = [
            o for o in self._of().matching(user.name, order_id, client_id) if o.is_open and o.symbol == data["symbol"]
        ]
        if not found:
            return [not_found_row(order_id, client_id, str(data["symbol"]), self._now_ms())]
        order = next((o for o in found if trigger is None or o.state == "waiting"), found[0])
        if not self._of().amend(order, price=price, quantity=size, trigger_price=trigger):
            return [amend_failed_row(order, self._now_ms())]
        return [order_row(order, number=123)]

    def cancel(self, user: User, query: Query, body: bytes) -> Any:
        """DELETE order. Without an id it cancels every order of the market, an empty one counts as none."""
        symbol, order_id, client_id = query.get("symbol"), query.get("orderID"), query.get("clOrderID")
        if not symbol or symbol not in self._engine.markets:
            raise envelope(-7006, f"Symbol not found: {symbol}")
        found = self.cancelable(user, query)
        if not found and (order_id or client_id):
            return [not_found_row(order_id, client_id, symbol, self._now_ms())]
        return [order_row(order) for order in self._of().cancel(found)]

    def cancelable(self, user: User, query: Query) -> list[SimOrder]:
        """Open orders that a DELETE with this query means."""
        symbol, order_id, client_id = query.get("symbol"), query.get("orderID"), query.get("clOrderID")
        if not order_id and not client_id:
            return self._of().open_orders(user.name, symbol)
        known = self._of().matching(user.name, order_id, client_id)
        return [order for order in known if order.is_open and order.symbol == symbol]

    def cancel_after(self, user: User, query: Query, body: bytes) -> Any:
        """POST order/cancelAllAfter: arm, arm again, or (0) disarm; the answer has no body."""
        data = read_body(body)
        timeout = data.get("timeout")
        if not isinstance(timeout, int) or isinstance(timeout, bool) or timeout < 0:
            raise envelope(-2, f"Invalid timeout: {timeout}")
        if (old := self._switches.pop(user.name, None)) is not None:
            old.cancel()
        if timeout:
            loop = asyncio.get_running_loop()
            self._switches[user.name] = loop.call_later(timeout / 1000, self._switch_off, user.name)
        return None

    def open_orders(self, user: User, query: Query, body: bytes) -> Any:
        """GET user/open_orders: those that wait for a trigger included."""
        order_id, client_id = query.get("orderID"), query.get("clOrderID")
        return [
            open_order(order, self._engine.markets[order.symbol], self._quirks)
            for order in self._of().open_orders(user.name, query.get("symbol") or None)
            if (order.order_id == order_id if order_id else not client_id or order.client_id == client_id)
        ]

    def trade_history(self, user: User, query: Query, body: bytes) -> Any:
        """GET user/trade_history: fills, newest first, of seven days at most."""
        symbol = query.get("symbol", "")
        if symbol not in self._engine.markets:
            raise envelope(-7006, f"Symbol not found: {symbol}")
        start, end = window(query, self._now_ms(), both=WEEK_MS, one=WEEK_MS)
        count = min(MAX_FILLS, whole(query, "count", MAX_FILLS))
        order_id, client_id = query.get("orderID"), query.get("clOrderID")
        rows: list[Row] = []
        for record in reversed(self._of().fills[user.name]):
            order = record.fill.order
            if order.symbol != symbol or not start <= record.fill.ts_ns // 1_000_000 <= end:
                continue
            if (order_id and order.order_id != order_id) or (client_id and order.client_id != client_id):
                continue
            rows.append(fill_row(record, self._engine.markets[symbol]))
            if len(rows) >= count:
                break
        return rows

    def fees(self, user: User, query: Query, body: bytes) -> Any:
        """GET user/fees: an object for one market, an array for all."""
        symbol = query.get("symbol")
        if symbol and symbol not in self._engine.markets:
            raise envelope(-7006, f"Symbol not found: {symbol}")
        rows = [
            {"makerfee": user.maker_fee, "symbol": name.lower(), "takerfee": user.taker_fee}
            for name in ([symbol] if symbol else self._engine.markets)
        ]
        return rows[0] if symbol else rows

    def release(self) -> None:
        """Disarm every timer."""
        for timer in (*self._switches.values(), *self._lives.values()):
            timer.cancel()
        self._switches.clear()
        self._lives.clear()

    @property
    def _engine(self) -> MatchingEngine:
        return self._of().engine

    def _switch_off(self, user: str) -> None:
        self._switches.pop(user, None)
        self.switched_off += 1
        self._of().cancel(self._of().open_orders(user))

    def _limit_life(self, order: SimOrder) -> None:
        seconds = LIVES.get(details(order).time_in_force)
        if seconds is not None and order.is_open:
            self._lives[order.order_id] = asyncio.get_running_loop().call_later(seconds, self._expire, order)

    def _expire(self, order: SimOrder) -> None:
        self._lives.pop(order.order_id, None)
        if order.is_open:
            self._engine.expire(order.order_id)


def not_found(order_id: str | None, client_id: str | None) -> Refusal:
    """The venue's -1; for an order id its body says 429, which is no rate limit."""
    if order_id:
        payload = {"status": 429, "errorCode": -1, "message": "Order not found", "extraData": None}
        return Refusal(400, payload)
    return envelope(-1, f"clOrderID doesn't exist: {client_id}")
