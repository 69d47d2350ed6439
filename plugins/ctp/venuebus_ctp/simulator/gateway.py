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

import msgspec
from aiohttp import WSMsgType, web
from venuebus.simulation import Fault, FaultScript

from .. import requests
from . import queries, rows
from .counter import Counter, CounterRefused, Report
from .rows import CONTRACTS, DBL_MAX, DENORMAL, STRAY, Row, SimAccount, SimContract

USER, PASSWORD, BROKER = "028742", "123456", "9999"
ERRORS = {
    -400: "参数有误", -401: "未登录", -404: "Not implemented", -1: "CTP:请求失败",
    -2: "CTP:未处理请求超过许可数", -3: "CTP:每秒发送请求数超过许可数", 3: "CTP:不合法的登录", 31: "CTP:资金不足",
    25: "CTP:撤单找不到相应报单",
}  # fmt: skip


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
        self.clients: list[Client] = []
        self.front_up = True
        self.dirty: set[str] = set()
        self.query_rate = query_rate
        self.tick_interval = tick_interval
        self.leaked = self.logins = self.cleanly_closed = 0
        self.received: list[str] = []
        self._sessions = 1_000_000
        self._muted: set[str] = set()
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
            "query_interval": 1.1 / self.query_rate, "subscribe_interval": 0.1,
        }  # fmt: skip

    def describe(self) -> str:
        """Return what a person needs to reach it."""
        host, port = self._address
        return (
            f"webctp gateway at ws://{host}:{port}/td/ and ws://{host}:{port}/md/ (the last slash is needed), "
            f"user {USER}, password {PASSWORD}, contracts {', '.join(self.counter.contracts)}"
        )

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
                self._log_in(client, refuse=refuse)

    def tick(self, symbol: str, row: Row | None = None) -> None:
        """Send one tick to all who subscribed."""
        frame = self._encode("RtnDepthMarketData", {"DepthMarketData": row or self._depth(symbol)})
        for client in self.clients:
            if client.kind == "md" and client.live and symbol in client.subscribed:
                self._put(client, "RtnDepthMarketData", frame)

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
                if message.type is not WSMsgType.TEXT or not await self._handle(client, message.data):
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

    def _cut(self, client: Client) -> None:
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

    def _send(self, client: Client, msg_type: str, payload: Row, **extra: Any) -> None:
        self._put(client, msg_type, self._encode(msg_type, payload, **extra))

    def _put(self, client: Client, msg_type: str, frame: bytes) -> None:
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
                self._cut(client)
                return
        if client.held_back is not None and frames:
            frames.append(client.held_back)
            client.held_back = None
        for one in frames:
            client.queue.put_nowait(one)

    def _gateway_error(self, client: Client, msg_type: str, number: int) -> None:
        # No RequestID, no IsLast, no payload: that is how the gateway's own errors are.
        self._send(client, msg_type, {}, error=(number, ERRORS[number]))

    def _report(self, user: str, report: Report) -> None:
        kind, row = report
        if not self.front_up or row["InstrumentID"] in self._muted:
            return
        msg_type, key = ("RtnOrder", "Order") if kind == "order" else ("RtnTrade", "Trade")
        for client in self._sessions_of(user):
            self._send(client, msg_type, {key: dict(row)})

    def _sessions_of(self, user: str) -> list[Client]:
        return [
            client for client in self.clients
            if client.kind == "td" and client.live and client.credentials and client.credentials[0] == user
        ]  # fmt: skip

    # --- requests -------------------------------------------------------------------------------------------

    async def _handle(self, client: Client, text: str) -> bool:
        """Handle one request; ``False`` if it breaks the gateway's handler."""
        try:
            frame = json.loads(text)
        except ValueError:
            self._gateway_error(client, "", -400)
            return True
        if not isinstance(frame, dict) or not isinstance(frame.get("MsgType"), str):
            return False
        name = frame["MsgType"]
        self.received.append(name)
        if client.kind == "md":
            return await self._handle_md(client, name, frame)
        if name == "ReqUserLogin":
            return await self._handle_login(client, frame)
        if client.credentials is None:
            self._gateway_error(client, name, -401)
            return True
        if name not in queries._ROWS and name not in ("ReqOrderInsert", "ReqOrderAction", "ReqUserPasswordUpdate"):
            self._gateway_error(client, name, -404)
            return True
        payload = frame.get(requests.payload_key(name))
        if not isinstance(payload, dict) or type(frame.get("RequestID")) is not int:
            self._gateway_error(client, name, -400)
            return True
        verdict = _validate(payload)
        if verdict == "crash":
            return False
        if verdict == "invalid":
            self._gateway_error(client, name, -400)
            return True
        return await self._dispatch(client, name, payload, frame["RequestID"])

    async def _dispatch(self, client: Client, name: str, payload: Row, request_id: int) -> bool:
        if not client.live:
            self._gateway_error(client, "Rsp" + name.removeprefix("Req"), -1)
            return True
        match name:
            case "ReqOrderInsert":
                return await self._insert(client, payload, request_id)
            case "ReqOrderAction":
                return await self._action(client, payload, request_id)
            case "ReqUserPasswordUpdate":
                return self._password(client, payload, request_id)
        return await self._query(client, name, payload, request_id)

    async def _fault(self, client: Client, point: str, subject: str, answer: str) -> Fault | None:
        """Take a fault; what ends the matter here is done here."""
        fault = self.faults.take(point, subject)
        if fault is None:
            return None
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
            return None
        if fault.action == "cut":
            self._cut(client)
        elif fault.action in ("error", "ban") and answer:
            number = {"error": -3 if point == "query" else -1, "ban": -2}[fault.action]
            self._gateway_error(client, answer, number)
        return fault

    async def _handle_login(self, client: Client, frame: Row) -> bool:
        given = frame.get("ReqUserLogin")
        if not isinstance(given, dict) or "UserID" not in given or "Password" not in given:
            return False
        self.logins += 1
        fault = await self._fault(client, "login", client.kind, "RspUserLogin")
        if fault is not None and fault.action in ("drop", "cut", "error"):
            client.credentials = client.credentials or (given["UserID"], given["Password"])
            return True
        if client.live:
            return True  # a second login on a live session is filtered by the front
        # The first credentials of a socket stay, whatever comes later.
        client.credentials = client.credentials or (given["UserID"], given["Password"])
        if self.front_up:
            self._log_in(client, refuse=3 if fault is not None else 0)
        return True

    def _log_in(self, client: Client, *, refuse: int = 0) -> None:
        assert client.credentials is not None
        user, password = client.credentials
        if client.kind == "md":
            if refuse:
                self._send(client, "RspUserLogin", {}, error=(refuse, ERRORS.get(refuse, "CTP")))
                return
            client.live = True
            empty = {"TradingDay": "", "LoginTime": "", "BrokerID": "", "UserID": "", "FrontID": 0, "SessionID": 0}
            self._send(client, "RspUserLogin", {"RspUserLogin": empty}, request_id=1, last=True)
            return
        account = self.counter.accounts.get(user)
        if account is None or account.password != password or refuse:
            if account is not None and not refuse:
                account.wrong_passwords += 1
            self._send(client, "RspUserLogin", {}, error=(refuse or 3, ERRORS[3]), request_id=1, last=True)
            return
        self._sessions += 1
        client.live, client.front, client.session = True, 1, -self._sessions
        client.used_refs = set()
        row = rows.login_row(account, client.front, client.session, "1", self.counter.stamp())
        client.used_refs.add(1)
        self._send(client, "RspUserLogin", {"RspUserLogin": row}, error=(0, "CTP:正确"), request_id=1, last=True)

    async def _insert(self, client: Client, order: Row, request_id: int) -> bool:
        symbol = str(order.get("InstrumentID", ""))
        fault = await self._fault(client, "order.insert", symbol, "RspOrderInsert")
        if fault is not None and fault.action in ("cut", "drop", "error"):
            return True
        assert client.credentials is not None
        user = client.credentials[0]
        after = self.faults.take("order.answer", symbol)
        if after is not None:
            self._muted.add(symbol)
        try:
            if fault is not None and fault.action == "refuse":
                raise CounterRefused(31, ERRORS[31])
            self.counter.insert(user, _with_defaults(order), client.front, client.session, client.used_refs, request_id)
        except CounterRefused as refusal:
            error = (refusal.number, str(refusal))
            self._send(
                client, "RspOrderInsert", {"InputOrder": dict(order)}, error=error, request_id=request_id, last=True
            )
            for other in self._sessions_of(user):
                self._send(other, "ErrRtnOrderInsert", {"InputOrder": dict(order)}, error=error)
        finally:
            self._muted.discard(symbol)
        if after is not None and after.action == "cut":
            self._cut(client)
        return True

    async def _action(self, client: Client, action: Row, request_id: int) -> bool:
        fault = await self._fault(client, "order.action", str(action.get("InstrumentID", "")), "RspOrderAction")
        if fault is not None and fault.action in ("cut", "drop", "error"):
            return True
        assert client.credentials is not None
        user = client.credentials[0]
        try:
            if fault is not None and fault.action == "refuse":
                raise CounterRefused(25, ERRORS[25])
            self.counter.cancel(user, action)
        except CounterRefused as refusal:
            error = (refusal.number, str(refusal))
            echo = {"OrderRef": "", "OrderSysID": "", "FrontID": 0, "SessionID": 0, "RequestID": 0, **action}
            self._send(
                client, "RspOrderAction", {"InputOrderAction": dict(echo)}, error=error, request_id=request_id,
                last=True,
            )  # fmt: skip
            for other in self._sessions_of(user):
                self._send(other, "ErrRtnOrderAction", {"OrderAction": dict(echo)}, error=error)
        return True

    def _password(self, client: Client, update: Row, request_id: int) -> bool:
        assert client.credentials is not None
        account = self.counter.accounts[client.credentials[0]]
        good = update.get("OldPassword") == account.password
        if good:
            account.password = str(update["NewPassword"])
        error = (0, "CTP:正确") if good else (3, ERRORS[3])
        self._send(
            client, "RspUserPasswordUpdate", {"UserPasswordUpdate": dict(update)}, error=error,
            request_id=request_id, last=True,
        )  # fmt: skip
        return True

    async def _query(self, client: Client, name: str, wanted: Row, request_id: int) -> bool:
        answer = "Rsp" + name.removeprefix("Req")
        now = time.monotonic()
        client.query_times = [at for at in client.query_times if at > now - 1.0]
        if client.querying or len(client.query_times) >= self.query_rate:
            self._gateway_error(client, answer, -2 if client.querying else -3)
            return True
        client.query_times.append(now)
        client.querying = True
        fault = await self._fault(client, "query", name, answer)
        if fault is not None and fault.action in ("cut", "drop", "error", "ban"):
            client.querying = fault.action == "drop" and fault.seconds > 0
            return True
        client.querying = False
        assert client.credentials is not None
        found = queries.run(self.counter, client.credentials[0], name, wanted)
        action = fault.action if fault is not None else ""
        if action == "forget":
            found = []
        if action == "garbage":
            client.queue.put_nowait(b'{"MsgType": "' + answer.encode() + b'", "Order": {')
        key = queries.answer_key(name)
        if not found:
            empty: Row | None = {} if key in queries.EMPTY_OBJECT else None
            self._send(client, answer, {key: empty}, request_id=request_id, last=True)
        for number, row in enumerate(found, 1):
            last = number == len(found)
            if last and action == "gap":
                break
            self._send(client, answer, {key: row}, request_id=request_id, last=last)
        return True

    async def _handle_md(self, client: Client, name: str, frame: Row) -> bool:
        if name == "ReqUserLogin":
            return await self._handle_login(client, frame)
        if client.credentials is None or name not in ("SubscribeMarketData", "UnSubscribeMarketData"):
            self._gateway_error(client, name, -404)
            return True
        names = frame.get("InstrumentID")
        if not isinstance(names, list) or any(not isinstance(one, str) for one in names):
            self._gateway_error(client, name, -400)
            return True
        answer = "RspSubMarketData" if name.startswith("Sub") else "RspUnSubMarketData"
        if not client.live:
            self._gateway_error(client, answer, -1)
            return True
        if any(len(one) > 80 for one in names):
            return False
        for number, symbol in enumerate(names, 1):  # success for names that do not exist, too
            (client.subscribed.add if name.startswith("Sub") else client.subscribed.discard)(symbol)
            self._send(
                client, answer, {"SpecificInstrument": {"InstrumentID": symbol}}, error=(0, "CTP:No Error"),
                last=number == len(names),
            )  # fmt: skip
            if name.startswith("Sub") and symbol in self.counter.contracts:
                self.tick(symbol)
        return True


async def _forbidden(request: web.Request) -> web.Response:
    return web.Response(status=403)


def _with_defaults(order: Row) -> Row:
    defaults: Row = dict.fromkeys(("OrderRef", "ExchangeID", "InstrumentID"), "")
    defaults.update(
        dict.fromkeys(requests.CHARS, "\0"), LimitPrice=0.0, StopPrice=0.0, VolumeTotalOriginal=0,
        CombOffsetFlag="0", CombHedgeFlag="1",
    )  # fmt: skip
    return {**defaults, **order}


def _validate(payload: Row) -> str:
    """Return ``ok``, ``invalid`` (-400) or ``crash``, as pydantic and the C binding decide in the real gateway."""
    for field, value in payload.items():
        if field in requests.TEXT_BYTES or field in requests.CHARS:
            if not isinstance(value, str):
                return "invalid"
            limit = requests.TEXT_BYTES.get(field, 1)
            if len(value.encode("utf-8", "surrogatepass")) > limit:
                return "crash"
        elif field in requests.INTS:
            if type(value) is not int or not requests.INT_MIN <= value <= requests.INT_MAX:
                return "crash"
        elif field in requests.DOUBLES and type(value) not in (int, float):
            return "crash"
    return "ok"


def tick_bytes(row: Row) -> bytes:
    """Return a tick's frame, for measuring."""
    return msgspec.json.encode({"MsgType": "RtnDepthMarketData", "DepthMarketData": row})
