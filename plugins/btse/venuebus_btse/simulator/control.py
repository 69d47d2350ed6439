"""The simulator's own endpoints under ``/_sim``: look inside, write the script of faults, play the other hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from venuebus.simulation import Fault, OrderRefused, SimOrder

from .answers import Refusal, dumps
from .details import FillRecord, details, status
from .intake import RowRefusal, read_body, read_order
from .rows import order_row

if TYPE_CHECKING:
    from .server import BtseSimulator

STATE_ORDERS = 1000  # newest orders and fills that the state shows


class Control:
    """Handles ``/_sim/…``; every answer is JSON, an error says what is wrong."""

    def __init__(self, simulator: BtseSimulator) -> None:
        self._sim = simulator

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the server."""
        return [
            web.get("/_sim/state", self.state),
            web.post("/_sim/faults", self.faults),
            web.post("/_sim/step", self.step),
            web.post("/_sim/reset", self.reset),
            web.post("/_sim/orders", self.orders),
            web.post("/_sim/fill", self.fill),
            web.post("/_sim/cancel", self.cancel),
            web.post("/_sim/drop", self.drop),
            web.post("/_sim/rate", self.rate),
            web.post("/_sim/flood", self.flood),
        ]

    async def state(self, request: web.Request) -> web.Response:
        """Everything a test wants to know."""
        return _json(self._sim.state())

    async def faults(self, request: web.Request) -> web.Response:
        """Add faults (a list of `Fault`, or one); an empty list takes those away that have not happened."""
        try:
            faults = msgspec.json.decode(await request.read(), type=list[Fault] | Fault)
        except msgspec.MsgspecError as error:
            return _json({"error": str(error)}, 400)
        added = faults if isinstance(faults, list) else [faults]
        if not added:
            self._sim.faults.clear()
        for fault in added:
            self._sim.faults.add(fault)
        return _json({"pending": msgspec.to_builtins(self._sim.faults.faults)})

    async def step(self, request: web.Request) -> web.Response:
        """Move markets: ``{symbol?, ticks?, trade?, times?}``."""
        data = await _body(request)
        symbols = [data["symbol"]] if data.get("symbol") else list(self._sim.exchange.engine.markets)
        if any(symbol not in self._sim.exchange.engine.markets for symbol in symbols):
            return _json({"error": f"no market {symbols}"}, 400)
        for _ in range(int(data.get("times", 1))):
            for symbol in symbols:
                self._sim.exchange.step(symbol, ticks=data.get("ticks"), trade=data.get("trade"))
        return _json({"steps": int(data.get("times", 1)) * len(symbols)})

    async def reset(self, request: web.Request) -> web.Response:
        """Forget orders, fills, counters, faults and blocks; connections stay."""
        self._sim.reset()
        return _json({})

    async def orders(self, request: web.Request) -> web.Response:
        """Place an order by hand, with the body of POST order: as the user's, but not through the API."""
        try:
            wanted = read_order(read_body(await request.read()), self._sim.exchange.engine.markets)
            orders = self._sim.exchange.submit(wanted, request.query.get("user") or self._sim.user.name, by_hand=True)
        except (Refusal, RowRefusal) as refused:
            return _json({"error": str(refused)}, 400)
        return _json([order_row(order) for order in orders])

    async def fill(self, request: web.Request) -> web.Response:
        """Let a stranger trade with a resting order: ``{orderID or clOrderID, size?}``."""
        data = await _body(request)
        try:
            order = self._sim.fill(data.get("orderID") or data.get("clOrderID") or "", data.get("size"))
        except OrderRefused as refused:
            return _json({"error": str(refused)}, 400)
        return _json(order_row(order))

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel an order by hand: ``{orderID or clOrderID}``."""
        data = await _body(request)
        orders = self._sim.find(data.get("orderID") or data.get("clOrderID") or "")
        return _json([order_row(order) for order in self._sim.exchange.cancel(orders)])

    async def drop(self, request: web.Request) -> web.Response:
        """Cut every WebSocket connection."""
        return _json({"dropped": self._sim.drop_connections()})

    async def rate(self, request: web.Request) -> web.Response:
        """Set how many steps a second the markets make by themselves: ``{rate}``."""
        self._sim.set_rate(float((await _body(request)).get("rate", 0)))
        return _json({})

    async def flood(self, request: web.Request) -> web.Response:
        """Run `BtseSimulator.flood`: ``{symbol_count?, frames?, kinds?, rate?, record?}``; answers when it is over."""
        data = await _body(request)
        known = {name: data[name] for name in ("symbol_count", "frames", "kinds", "rate", "record") if name in data}
        return _json(msgspec.to_builtins(await self._sim.flood(**known)))


def describe_order(order: SimOrder) -> dict[str, Any]:
    """An order as the state shows it."""
    return {
        "orderID": order.order_id,
        "clOrderID": order.client_id,
        "user": order.owner,
        "symbol": order.symbol,
        "side": order.side,
        "size": f"{order.quantity:f}",
        "price": None if order.price is None else f"{order.price:f}",
        "triggerPrice": None if order.trigger_price is None else f"{order.trigger_price:f}",
        "filled": f"{order.filled:f}",
        "state": order.state,
        "status": status(order),
        "by_hand": details(order).by_hand,
    }


def describe_fill(record: FillRecord) -> dict[str, Any]:
    """A fill as the state shows it."""
    return {
        "tradeId": record.trade_id,
        "orderId": record.fill.order.order_id,
        "clOrderID": record.fill.order.client_id,
        "price": f"{record.fill.price:f}",
        "size": f"{record.fill.quantity:f}",
        "maker": record.fill.maker,
        "fee": f"{record.fee:f}",
    }


async def _body(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    try:
        data = json.loads(raw or b"{}")
    except ValueError:
        raise web.HTTPBadRequest(text="not JSON") from None
    if not isinstance(data, dict):
        raise web.HTTPBadRequest(text="not an object")
    return data


def _json(payload: Any, status_code: int = 200) -> web.Response:
    return web.Response(status=status_code, body=dumps(payload), content_type="application/json")
