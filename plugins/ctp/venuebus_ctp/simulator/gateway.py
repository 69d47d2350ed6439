"""A webctp gateway as it was measured: its protocol, its errors without RequestID, and its ways to break.

Fault points (`FaultScript`), with the subject that ``match`` is compared with:

=============== ==================== =================================================================
point           subject              actions
=============== ==================== =================================================================
``login``       ``td`` or ``md``     drop (a front that is away), refuse (3), error (-1), delay, cut
``order.insert`` contract            before the work: cut, drop, refuse (31), error (-1), delay
``order.answer`` contract            after it: cut (before any report), drop (no report of this order)
``order.action`` contract            before the work: cut, drop, refuse (25), error (-1), delay
``query``       request's name       cut, drop (never answered), error (-3), ban (-2), forget (no rows),
                                     gap (the last row is lost), garbage, delay
``frame``       MsgType              any frame to a client: drop, duplicate, reorder, garbage, cut
=============== ==================== =================================================================

`CtpSimulator.lose_front` and `restore_front` are the front's loss, which the gateway tells nobody, and the login
that it repeats by itself.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web
from venuebus.simulation import Fault, FaultScript, MatchingEngine

from . import rows
from .counter import Counter, Report
from .handlers import ERRORS, Handlers
from .rows import CONTRACTS, DBL_MAX, DENORMAL, STRAY, Row, SimAccount, SimContract

USER, PASSWORD, BROKER = "028742", "123456", "9999"
OCCASIONS = {
    "refuse_submit": (Fault(point="order.insert", action="refuse"),),
    "forget_order": (Fault(point="query", action="forget", match="ReqQryOrder"),),
    "garbage": (Fault(point="frame", action="garbage"),),
}
"""What `venuebus.testing` stages here."""


class Client:
    """One socket: at most one CTP session, made by the first login and kept with its credentials."""

    def __init__(self, ws: web.WebSocketResponse, kind: str) -> None:
        self.ws = ws
        self.kind = kind
        self.credentials: tuple[str, str] | None = None
        self.front = self.session = 0
        self.live = False
        self.used_refs: set[int] = set()
        self.subscribed: set[str] = set()
        self.querying = False
        self.query_times: list[float] = []
        self.held_back: bytes | None = None
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()


class CtpSimulator:
    """Serves ``/td/`` and ``/md/`` over real sockets.

    Attributes:
        dirty: which dirt to put into answers: ``surrogate``, ``dbl_max``, ``denormal``, ``names``, ``nan``.
        query_rate: queries a second before -3.
        leaked: CTP sessions that a broken request left logged in.
    """

    occasions = OCCASIONS

    def __init__(
        self,
        *,
        faults: FaultScript | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        seed: int = 1,
        contracts: tuple[SimContract, ...] = CONTRACTS,
        query_rate: int = 10,
        tick_interval: float = 0.5,
    ) -> None:
        self.faults = faults or FaultScript()
        self.counter = Counter(self._report, now_ns=now_ns, seed=seed, contracts=contracts)
        self.counter.accounts[USER] = SimAccount(USER, PASSWORD, BROKER)
        self.handlers = Handlers(self)
        self.clients: list[Client] = []
        self.front_up = True
        self.dirty: set[str] = set()
        self.query_rate = query_rate
        self.tick_interval = tick_interval
        self.leaked = self.logins = self.cleanly_closed = 0
        self.received: list[str] = []
        self._sessions = 1_000_000
        self.muted: set[str] = set()
        self._runner: web.AppRunner | None = None
        self._feed: asyncio.Task[None] | None = None
        self._address = ("127.0.0.1", 0)

    # --- VenueSimulator -------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application()
        app.router.add_get("/td/", self._serve_td)
        app.router.add_get("/md/", self._serve_md)
        app.router.add_get("/{rest:.*}", _forbidden)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        self._address = (host, server.sockets[0].getsockname()[1])
        if self.tick_interval > 0:
            self._feed = asyncio.create_task(self._tick_on(), name="ctp-simulator-feed")

    async def stop(self) -> None:
        """Close every connection and release the port."""
        if self._feed is not None:
            self._feed.cancel()
            await asyncio.gather(self._feed, return_exceptions=True)
            self._feed = None
        for client in list(self.clients):
            client.queue.put_nowait(None)
            await client.ws.close(code=1001)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def config(self) -> dict[str, Any]:
        """Return the ``[venues.<name>]`` table that connects a bridge to this simulator."""
        host, port = self._address
        return {
            "plugin": "ctp", "td_url": f"ws://{host}:{port}/td/", "md_url": f"ws://{host}:{port}/md/",
            "user_id": USER, "password": PASSWORD, "broker_id": BROKER,
            "symbols": [symbol for symbol in self.counter.contracts if "-" not in symbol],
            "query_interval": round(1.1 / self.query_rate, 4), "subscribe_interval": 0.1,
        }  # fmt: skip

    def describe(self) -> str:
        """Return what a person needs to reach it."""
        host, port = self._address
        return (
            f"webctp gateway at ws://{host}:{port}/td/ and ws://{host}:{port}/md/ (the last slash is needed), "
            f"user {USER}, password {PASSWORD}, contracts {', '.join(self.counter.contracts)}"
        )

    @property
    def engine(self) -> MatchingEngine:
        """The markets behind the counter."""
        return self.counter.engine

    def orders_taken(self) -> int:
        """Return how many orders the counter took."""
        return self.counter.inserts

    # --- what tests and demos do to it ----------------------------------------------------------------------

    def lose_front(self) -> None:
        """The front is away: clients hear nothing, requests get -1, queries under way no answer."""
        self.front_up = False
        for client in self.clients:
            client.live = False

    def restore_front(self, *, refuse: int = 0) -> None:
        """The front is back: the gateway logs in again by itself, with the credentials it has."""
        self.front_up = True
        for client in self.clients:
            if client.credentials is not None:
                client.querying = False
                client.subscribed.clear()
                self.log_in(client, refuse=refuse)

    def log_in(self, client: Client, *, refuse: int = 0) -> None:
        """Answer a login (the client's own, or the one the gateway repeats) with the socket's first credentials."""
        assert client.credentials is not None
        user, password = client.credentials
        if client.kind == "md":
            if refuse:
                self.send(client, "RspUserLogin", {}, error=(refuse, ERRORS.get(refuse, "CTP")))
                return
            client.live = True
            empty = {"TradingDay": "", "LoginTime": "", "BrokerID": "", "UserID": "", "FrontID": 0, "SessionID": 0}
            self.send(client, "RspUserLogin", {"RspUserLogin": empty}, request_id=1, last=True)
            return
        account = self.counter.accounts.get(user)
        if account is None or account.password != password or refuse:
            if account is not None and not refuse:
                account.wrong_passwords += 1
            self.send(client, "RspUserLogin", {}, error=(refuse or 3, ERRORS[3]), request_id=1, last=True)
            return
        self._sessions += 1
        client.live, client.front, client.session = True, 1, -self._sessions
        client.used_refs = set()
        row = rows.login_row(account, client.front, client.session, "1", self.counter.stamp())
        client.used_refs.add(1)
        self.send(client, "RspUserLogin", {"RspUserLogin": row}, error=(0, "CTP:正确"), request_id=1, last=True)

    def tick(self, symbol: str, row: Row | None = None) -> None:
        """Send one tick to all who subscribed."""
        frame = self._encode("RtnDepthMarketData", {"DepthMarketData": row or self._depth(symbol)})
        for client in self.clients:
            if client.kind == "md" and client.live and symbol in client.subscribed:
                self.put(client, "RtnDepthMarketData", frame)

    async def _tick_on(self) -> None:
        while True:
            await asyncio.sleep(self.tick_interval)
            if not self.front_up:
                continue
            for symbol in self.counter.contracts:
                self.counter.engine.step(symbol)
                self.tick(symbol)

    def _depth(self, symbol: str) -> Row:
        row = self.counter.depth(symbol)
        if "dbl_max" in self.dirty:
            names = [f"{side}Price{n}" for side in ("Bid", "Ask") for n in range(2, 6)]
            row.update(dict.fromkeys([*names, "ClosePrice", "SettlementPrice", "CurrDelta", "PreDelta"], DBL_MAX))
        if "denormal" in self.dirty:
            row.update(BandingUpperPrice=DENORMAL, BandingLowerPrice=DENORMAL)
        return row

    # --- sockets --------------------------------------------------------------------------------------------

    async def _serve_td(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, "td")

    async def _serve_md(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, "md")

    async def _serve(self, request: web.Request, kind: str) -> web.StreamResponse:
        ws = web.WebSocketResponse(heartbeat=20.0, max_msg_size=16 * 1024 * 1024)
        await ws.prepare(request)
        client = Client(ws, kind)
        self.clients.append(client)
        writer = asyncio.create_task(self._write(client), name=f"ctp-simulator-{kind}")
        try:
            async for message in ws:
                if message.type is not WSMsgType.TEXT or not await self.handlers.handle(client, message.data):
                    self._crash(client, request)
                    break
        finally:
            self.clients.remove(client)
            if ws.close_code == 1000:
                self.cleanly_closed += 1
            client.live = False
            client.queue.put_nowait(None)
            await writer
        return ws

    async def _write(self, client: Client) -> None:
        while (frame := await client.queue.get()) is not None:
            if client.ws.closed:
                return
            try:
                await client.ws.send_frame(frame, WSMsgType.TEXT)
            except (ConnectionError, RuntimeError):
                return

    def _crash(self, client: Client, request: web.Request) -> None:
        """What breaks the real gateway's handler: no close frame, and the CTP session stays logged in."""
        if client.live:
            self.leaked += 1
        if request.transport is not None:
            request.transport.abort()

    def cut(self, client: Client) -> None:
        """Break a client's connection without a close frame."""
        client.queue.put_nowait(None)
        request = client.ws._req
        if request is not None and request.transport is not None:
            request.transport.abort()

    # --- frames ---------------------------------------------------------------------------------------------

    def _encode(self, msg_type: str, payload: Row, *, error: tuple[int, str] | None = None, request_id: int = 0,
                last: bool = False) -> bytes:  # fmt: skip
        frame: Row = {"MsgType": msg_type}
        if msg_type != "RtnDepthMarketData":
            frame["RspInfo"] = {"ErrorID": error[0], "ErrorMsg": error[1]} if error else None
        if request_id:
            frame["RequestID"] = request_id
        if last:
            frame["IsLast"] = True
        frame.update(payload)
        for value in payload.values():
            if isinstance(value, dict):
                self._soil(value)
        return json.dumps(frame, ensure_ascii=True).encode()

    def _soil(self, row: Row) -> None:
        if "surrogate" in self.dirty:
            row["BizType"] = STRAY
        if "names" in self.dirty and row.get("InstrumentID"):
            row["reserve1"] = row["InstrumentID"]
            row["InstrumentID"] = "X\x02\x0cz\x7f"
        if "nan" in self.dirty:
            row["AveragePrice"] = float("nan")

    def send(self, client: Client, msg_type: str, payload: Row, **extra: Any) -> None:
        """Send one message to one client."""
        self.put(client, msg_type, self._encode(msg_type, payload, **extra))

    def put(self, client: Client, msg_type: str, frame: bytes) -> None:
        """Queue one frame, with the fault that is due for it."""
        fault = self.faults.take("frame", msg_type) if self.faults.faults else None
        frames = [frame]
        match fault.action if fault else None:
            case "drop" | "gap":
                frames = []
            case "duplicate":
                frames = [frame, frame]
            case "garbage":
                frames = [b'{"MsgType":']
            case "reorder" if client.held_back is None:
                client.held_back = frame
                return
            case "cut":
                self.cut(client)
                return
        if client.held_back is not None and frames:
            frames.append(client.held_back)
            client.held_back = None
        for one in frames:
            client.queue.put_nowait(one)

    def gateway_error(self, client: Client, msg_type: str, number: int) -> None:
        """Send one of the gateway's own errors: no RequestID, no IsLast, no payload."""
        self.send(client, msg_type, {}, error=(number, ERRORS[number]))

    def _report(self, user: str, report: Report) -> None:
        kind, row = report
        if not self.front_up or row["InstrumentID"] in self.muted:
            return
        msg_type, key = ("RtnOrder", "Order") if kind == "order" else ("RtnTrade", "Trade")
        for client in self.sessions_of(user):
            self.send(client, msg_type, {key: dict(row)})

    def sessions_of(self, user: str) -> list[Client]:
        """Return the logged-in trading sockets of a user: all of them hear every report of the account."""
        return [
            client for client in self.clients
            if client.kind == "td" and client.live and client.credentials and client.credentials[0] == user
        ]  # fmt: skip


async def _forbidden(request: web.Request) -> web.Response:
    return web.Response(status=403)
