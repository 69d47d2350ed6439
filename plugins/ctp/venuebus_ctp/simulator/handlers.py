"""What the gateway does with a request: its checks, its errors, and the counter's answers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from venuebus.simulation import Fault

from .. import requests
from . import queries
from .counter import CounterRefused
from .rows import Row

if TYPE_CHECKING:
    from .gateway import Client, CtpSimulator

ERRORS = {
    -400: "参数有误", -401: "未登录", -404: "Not implemented", -1: "CTP:请求失败",
    -2: "CTP:未处理请求超过许可数", -3: "CTP:每秒发送请求数超过许可数", 3: "CTP:不合法的登录", 31: "CTP:资金不足",
    25: "CTP:撤单找不到相应报单",
}  # fmt: skip


class Handlers:
    """Handles the requests of every socket of one simulator."""

    def __init__(self, simulator: CtpSimulator) -> None:
        self._sim = simulator

    async def handle(self, client: Client, text: str) -> bool:
        """Handle one request; ``False`` if it breaks the gateway's handler."""
        try:
            frame = json.loads(text)
        except ValueError:
            self._sim.gateway_error(client, "", -400)
            return True
        if not isinstance(frame, dict) or not isinstance(frame.get("MsgType"), str):
            return False
        name = frame["MsgType"]
        self._sim.received.append(name)
        if client.kind == "md":
            return await self._handle_md(client, name, frame)
        if name == "ReqUserLogin":
            return await self._handle_login(client, frame)
        if client.credentials is None:
            self._sim.gateway_error(client, name, -401)
            return True
        if name not in queries._ROWS and name not in ("ReqOrderInsert", "ReqOrderAction", "ReqUserPasswordUpdate"):
            self._sim.gateway_error(client, name, -404)
            return True
        payload = frame.get(requests.payload_key(name))
        if not isinstance(payload, dict) or type(frame.get("RequestID")) is not int:
            self._sim.gateway_error(client, name, -400)
            return True
        verdict = _validate(payload)
        if verdict == "crash":
            return False
        if verdict == "invalid":
            self._sim.gateway_error(client, name, -400)
            return True
        return await self._dispatch(client, name, payload, frame["RequestID"])

    async def _dispatch(self, client: Client, name: str, payload: Row, request_id: int) -> bool:
        if not client.live:
            self._sim.gateway_error(client, "Rsp" + name.removeprefix("Req"), -1)
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
        fault = self._sim.faults.take(point, subject)
        if fault is None:
            return None
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
            return None
        if fault.action == "cut":
            self._sim.cut(client)
        elif fault.action in ("error", "ban") and answer:
            number = {"error": -3 if point == "query" else -1, "ban": -2}[fault.action]
            self._sim.gateway_error(client, answer, number)
        return fault

    async def _handle_login(self, client: Client, frame: Row) -> bool:
        given = frame.get("ReqUserLogin")
        if not isinstance(given, dict) or "UserID" not in given or "Password" not in given:
            return False
        self._sim.logins += 1
        fault = await self._fault(client, "login", client.kind, "RspUserLogin")
        if fault is not None and fault.action in ("drop", "cut", "error"):
            client.credentials = client.credentials or (given["UserID"], given["Password"])
            return True
        if client.live:
            return True  # a second login on a live session is filtered by the front
        # The first credentials of a socket stay, whatever comes later.
        client.credentials = client.credentials or (given["UserID"], given["Password"])
        if self._sim.front_up:
            self._sim.log_in(client, refuse=3 if fault is not None else 0)
        return True

    async def _insert(self, client: Client, order: Row, request_id: int) -> bool:
        symbol = str(order.get("InstrumentID", ""))
        fault = await self._fault(client, "order.insert", symbol, "RspOrderInsert")
        if fault is not None and fault.action in ("cut", "drop", "error"):
            return True
        assert client.credentials is not None
        user = client.credentials[0]
        after = self._sim.faults.take("order.answer", symbol)
        if after is not None:
            self._sim.muted.add(symbol)
        try:
            if fault is not None and fault.action == "refuse":
                raise CounterRefused(31, ERRORS[31])
            self._sim.counter.insert(
                user, _with_defaults(order), client.front, client.session, client.used_refs, request_id
            )
        except CounterRefused as refusal:
            error = (refusal.number, str(refusal))
            self._sim.send(
                client, "RspOrderInsert", {"InputOrder": dict(order)}, error=error, request_id=request_id, last=True
            )
            for other in self._sim.sessions_of(user):
                self._sim.send(other, "ErrRtnOrderInsert", {"InputOrder": dict(order)}, error=error)
        finally:
            self._sim.muted.discard(symbol)
        if after is not None and after.action == "cut":
            self._sim.cut(client)
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
            self._sim.counter.cancel(user, action)
        except CounterRefused as refusal:
            error = (refusal.number, str(refusal))
            echo = {"OrderRef": "", "OrderSysID": "", "FrontID": 0, "SessionID": 0, "RequestID": 0, **action}
            self._sim.send(
                client, "RspOrderAction", {"InputOrderAction": dict(echo)}, error=error, request_id=request_id,
                last=True,
            )  # fmt: skip
            for other in self._sim.sessions_of(user):
                self._sim.send(other, "ErrRtnOrderAction", {"OrderAction": dict(echo)}, error=error)
        return True

    def _password(self, client: Client, update: Row, request_id: int) -> bool:
        assert client.credentials is not None
        account = self._sim.counter.accounts[client.credentials[0]]
        good = update.get("OldPassword") == account.password
        if good:
            account.password = str(update["NewPassword"])
        error = (0, "CTP:正确") if good else (3, ERRORS[3])
        self._sim.send(
            client, "RspUserPasswordUpdate", {"UserPasswordUpdate": dict(update)}, error=error,
            request_id=request_id, last=True,
        )  # fmt: skip
        return True

    async def _query(self, client: Client, name: str, wanted: Row, request_id: int) -> bool:
        answer = "Rsp" + name.removeprefix("Req")
        now = asyncio.get_running_loop().time()
        client.query_times = [at for at in client.query_times if at > now - 1.0]
        if client.querying or len(client.query_times) >= self._sim.query_rate:
            self._sim.gateway_error(client, answer, -2 if client.querying else -3)
            return True
        client.query_times.append(now)
        client.querying = True
        fault = await self._fault(client, "query", name, answer)
        if fault is not None and fault.action in ("cut", "drop", "error", "ban"):
            client.querying = fault.action == "drop" and fault.seconds > 0
            return True
        client.querying = False
        assert client.credentials is not None
        found = queries.run(self._sim.counter, client.credentials[0], name, wanted)
        action = fault.action if fault is not None else ""
        if action == "forget":
            found = []
        if action == "garbage":
            client.queue.put_nowait(b'{"MsgType": "' + answer.encode() + b'", "Order": {')
        key = queries.answer_key(name)
        if not found:
            empty: Row | None = {} if key in queries.EMPTY_OBJECT else None
            self._sim.send(client, answer, {key: empty}, request_id=request_id, last=True)
        for number, row in enumerate(found, 1):
            last = number == len(found)
            if last and action == "gap":
                break
            self._sim.send(client, answer, {key: row}, request_id=request_id, last=last)
        return True

    async def _handle_md(self, client: Client, name: str, frame: Row) -> bool:
        if name == "ReqUserLogin":
            return await self._handle_login(client, frame)
        if client.credentials is None or name not in ("SubscribeMarketData", "UnSubscribeMarketData"):
            self._sim.gateway_error(client, name, -404)
            return True
        names = frame.get("InstrumentID")
        if not isinstance(names, list) or any(not isinstance(one, str) for one in names):
            self._sim.gateway_error(client, name, -400)
            return True
        answer = "RspSubMarketData" if name.startswith("Sub") else "RspUnSubMarketData"
        if not client.live:
            self._sim.gateway_error(client, answer, -1)
            return True
        if any(len(one) > 80 for one in names):
            return False
        for number, symbol in enumerate(names, 1):  # success for names that do not exist, too
            (client.subscribed.add if name.startswith("Sub") else client.subscribed.discard)(symbol)
            self._sim.send(
                client, answer, {"SpecificInstrument": {"InstrumentID": symbol}}, error=(0, "CTP:No Error"),
                last=number == len(names),
            )  # fmt: skip
            if name.startswith("Sub") and symbol in self._sim.counter.contracts:
                self._sim.tick(symbol)
        return True


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
