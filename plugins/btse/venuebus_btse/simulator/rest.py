"""The REST channel: routes, signatures, rate limits, and the faults around each request."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from venuebus.simulation import Fault, FaultScript

from .answers import Refusal, dumps, named_body
from .exchange import Exchange, tally
from .gate import Gate, RateGuard
from .intake import read_body
from .private import PrivateEndpoints, not_found
from .public import PublicEndpoints
from .rows import not_found_row, order_row

BASE = "/spot"
VERSION = "/api/v3.3/"


@dataclass(slots=True, frozen=True)
class Endpoint:
    """One endpoint: ``name`` is its counter and the first part of its fault points."""

    name: str
    kind: str  # query or order: the class of its rate limit
    handler: Callable[..., Any]
    private: bool


class Rest:
    """Handles everything under ``/spot``."""

    def __init__(
        self,
        public: PublicEndpoints,
        private: PrivateEndpoints,
        exchange: Callable[[], Exchange],
        gate: Gate,
        guard: RateGuard,
        faults: FaultScript,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._private = private
        self._of = exchange
        self._gate = gate
        self._guard = guard
        self._faults = faults
        self._now_ms = now_ms
        self._stopping = asyncio.Event()
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self._routes = _routes(public, private)

    def stop(self) -> None:
        """Let go of requests that are never answered."""
        self._stopping.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or do to it what the script says."""
        path = request.path.removeprefix(BASE)
        endpoint = self._routes.get((request.method, path))
        if endpoint is None:
            known = any(route == path for _, route in self._routes)
            return _respond(405 if known else 404, {"status": 405 if known else 404, "errorCode": -1, "message": ""})
        body = await request.read()
        subject = f"{request.method} {request.path_qs} {body.decode('utf-8', 'replace')}"
        self._note(endpoint, request, body)
        before = self._take(endpoint, "request", subject)
        if before is not None and (answer := await self._instead(before, endpoint, request, body)) is not None:
            return answer
        try:
            status, payload, headers = 200, self._work(endpoint, path, request, body), {}
        except Refusal as refusal:
            status, payload, headers = refusal.status, refusal.payload, refusal.headers
        answer = _respond(status, payload, headers)
        after = self._take(endpoint, "answer", subject)
        if after is not None:
            answer = await self._spoil(after, answer, request)
        self.answers[f"{endpoint.name} {answer.status}"] += 1
        return answer

    def _work(self, endpoint: Endpoint, path: str, request: web.Request, body: bytes) -> Any:
        if not endpoint.private:
            self._guard.admit(endpoint.kind, f"address {request.remote}")
            return endpoint.handler(request.query)
        user, key = self._gate.check(request.headers, path, body)
        self._guard.admit(endpoint.kind, key, user.name)
        return endpoint.handler(user, request.query, body)

    def _note(self, endpoint: Endpoint, request: web.Request, body: bytes) -> None:
        """Count what arrived whole, whether it is acted upon or not."""
        self.requests[endpoint.name] += 1
        exchange = self._of()
        if endpoint.name in ("order.create", "order.amend"):
            try:
                data = read_body(body)
            except Refusal:
                return
            if endpoint.name == "order.create":
                tally(exchange.submits_by_client_id, str(data.get("clOrderID")))
            else:
                tally(exchange.amends_by_id, str(data.get("orderID") or data.get("clOrderID")))
        elif endpoint.name == "order.cancel":
            tally(exchange.cancels_by_id, request.query.get("orderID") or request.query.get("clOrderID") or "*")

    def _take(self, endpoint: Endpoint, when: str, subject: str) -> Fault | None:
        if not self._faults.faults:
            return None
        return self._faults.take(f"{endpoint.name}.{when}", subject) or self._faults.take(f"rest.{when}", subject)

    async def _instead(
        self, fault: Fault, endpoint: Endpoint, request: web.Request, body: bytes
    ) -> web.StreamResponse | None:
        """What is answered instead of doing the work; None: do it after all."""
        match fault.action:
            case "delay":
                await self._pause(fault.seconds)
                return None
            case "cut":
                return _cut(request)
            case "drop" | "silence":
                await self._pause(fault.seconds or None)
                return _cut(request)
            case "ban":
                refusal = self._guard.refusal(fault.seconds)
                return _respond(refusal.status, refusal.payload, refusal.headers)
            case "forget":
                return self._forgotten(endpoint, request)
            case "lie":
                return self._lie(endpoint, request, body)
            case "refuse" | "error":
                return self._scripted(fault, 400 if fault.action == "refuse" else 500, body)
            case _:
                return self._scripted(fault, 500, body)

    async def _spoil(self, fault: Fault, answer: web.Response, request: web.Request) -> web.Response:
        """What becomes of an answer after the work was done."""
        whole = answer.body if isinstance(answer.body, bytes) else b""
        match fault.action:
            case "delay":
                await self._pause(fault.seconds)
            case "cut":
                return _cut(request, answer, fault.after_bytes)
            case "drop" | "silence":
                await self._pause(fault.seconds or None)
                return _cut(request)
            case "truncate":
                return web.Response(
                    status=answer.status, body=whole[: len(whole) // 2], content_type=answer.content_type
                )
            case "garbage":
                return web.Response(body=(fault.text or "{]").encode(), content_type="application/json")
            case "nan":
                spoilt = whole.replace(b'"price":', b'"price":NaN,"was":')
                return web.Response(status=answer.status, body=spoilt, content_type=answer.content_type)
            case "ban":
                refusal = self._guard.refusal(fault.seconds)
                return _respond(refusal.status, refusal.payload, refusal.headers)
            case _:
                return self._scripted(fault, 500, b"")
        return answer

    def _scripted(self, fault: Fault, default: int, body: bytes) -> web.Response:
        """An HTTP error, or for a status below 100 an HTTP 200 with an order row of that status."""
        status = fault.status if fault.status is not None else default
        if status >= 100:
            content, content_type = named_body(fault.text or "shape1", status, self._now_ms())
            return web.Response(status=status, body=content, content_type=content_type)
        try:
            data = read_body(body) if body else {}
        except Refusal:
            data = {}
        row = not_found_row(None, data.get("clOrderID"), "", self._now_ms())
        return _respond(200, [{**row, "status": status, "message": fault.text or ""}])

    def _forgotten(self, endpoint: Endpoint, request: web.Request) -> web.Response:
        if endpoint.name in ("open_orders", "trade_history"):
            return _respond(200, [])
        order_id, client_id = request.query.get("orderID"), request.query.get("clOrderID")
        if endpoint.name == "order.get":
            refusal = not_found(order_id, client_id)
            return _respond(refusal.status, refusal.payload)
        return _respond(200, [not_found_row(order_id, client_id, request.query.get("symbol", ""), self._now_ms())])

    def _lie(self, endpoint: Endpoint, request: web.Request, body: bytes) -> web.Response:
        user = next(iter(self._gate.users.values()))
        if endpoint.name == "order.create":
            return _respond(200, self._private.pretend(user, request.query, body))
        if endpoint.name == "order.cancel":
            return _respond(200, [order_row(o, number=6) for o in self._private.cancelable(user, request.query)])
        data = read_body(body)
        found = self._of().matching(user.name, data.get("orderID"), data.get("clOrderID"))
        return _respond(200, [order_row(order, number=123) for order in found[:1]])

    async def _pause(self, seconds: float | None) -> None:
        """Wait, or until the simulator stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def _routes(public: PublicEndpoints, private: PrivateEndpoints) -> dict[tuple[str, str], Endpoint]:
    endpoints: list[tuple[str, str, str, str, Callable[..., Any], bool]] = [
        ("GET", "market_summary", "market_summary", "query", public.market_summary, False),
        ("GET", "price", "price", "query", public.price, False),
        ("GET", "ohlcv", "ohlcv", "query", public.ohlcv, False),
        ("GET", "orderbook", "orderbook", "query", public.orderbook, False),
        ("GET", "orderbook/L2", "orderbook", "query", public.orderbook_l2, False),
        ("GET", "trades", "trades", "query", public.trades, False),
        ("GET", "time", "time", "query", public.time, False),
        ("POST", "order", "order.create", "order", private.create, True),
        ("POST", "order/peg", "order.create", "order", private.create, True),
        ("GET", "order", "order.get", "query", private.get, True),
        ("PUT", "order", "order.amend", "order", private.amend, True),
        ("DELETE", "order", "order.cancel", "order", private.cancel, True),
        ("POST", "order/cancelAllAfter", "order.cancel_after", "order", private.cancel_after, True),
        ("GET", "user/open_orders", "open_orders", "query", private.open_orders, True),
        ("GET", "user/trade_history", "trade_history", "query", private.trade_history, True),
        ("GET", "user/fees", "fees", "query", private.fees, True),
    ]
    return {
        (method, VERSION + path): Endpoint(name, kind, handler, signed)
        for method, path, name, kind, handler, signed in endpoints
    }


def _respond(status: int, payload: Any, headers: dict[str, str] | None = None) -> web.Response:
    body = b"" if payload is None else dumps(payload)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def _cut(request: web.Request, answer: web.Response | None = None, after_bytes: int | None = None) -> web.Response:
    """Close the connection, after the head and ``after_bytes`` of the body if given."""
    transport = request.transport
    if transport is None:  # the client was faster
        return web.Response()
    if answer is None or after_bytes is None:
        transport.abort()
    else:
        body = answer.body if isinstance(answer.body, bytes) else b""
        head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        transport.write(head.encode() + body[:after_bytes])
        transport.close()
    return web.Response()
