"""One client's connection to the simulated OpenD: frames, encryption, faults, the order of answers and pushes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from venuebus.simulation import Fault

from .. import cipher, frame, messages
from ..protocol import Connection, Message, Received

if TYPE_CHECKING:
    from .opend import OpendSimulator

POINTS = {
    messages.INIT_CONNECT: "init", messages.KEEP_ALIVE: "keep_alive", messages.GLOBAL_STATE: "login",
    messages.ACCOUNT_LIST: "login", messages.UNLOCK: "login", messages.ACCOUNT_PUSH: "login",
    messages.PLACE: "order", messages.MODIFY: "modify",
}  # fmt: skip
"""Protocol → point of the fault script; the other 2xxx are ``query``, the 3xxx ``quote``."""
_TEXTS = {
    "refuse": (messages.FAILED, "Order refused by the simulator's fault script"),
    "error": (-400, "internal error"),
    "act_and_error": (messages.FAILED, "NN_ProtoRet_TimeOut"),
    "ban": (messages.FAILED, "此协议请求太频繁,触发了频率限制,请稍后再试"),
}


def point_of(proto: int) -> str:
    """Return the fault point of a request."""
    return POINTS.get(proto) or ("query" if proto < 3000 else "quote")


class Refusal(Exception):
    """The venue's no; becomes an answer with retType -1."""


class Client(asyncio.Protocol):
    """The server's end of one connection."""

    _numbers = itertools.count(1)

    def __init__(self, opend: OpendSimulator) -> None:
        self.opend = opend
        self.conn_id = 6827943584315573000 + next(self._numbers)
        self.connection = Connection(rsa=opend.rsa)
        self.algorithm = cipher.NONE
        self.notices = False
        self.push_accounts: set[int] = set()
        self.subscriptions: dict[tuple[str, int], float] = {}
        self.pushing: set[tuple[str, int]] = set()
        self.first_packets: set[int] = set()
        self.greeted = False
        self._transport: asyncio.Transport | None = None
        self._push_serial = itertools.count(1)
        self._last = 0.0
        self._answering = False
        self._queued: list[bytes] = []
        self._held: list[bytes] = []
        self._timers: set[asyncio.TimerHandle] = set()

    # --- asyncio.Protocol -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet nobody: the client speaks first."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._last = asyncio.get_running_loop().time()
        if self.opend.faults.take("connect") is not None or len(self.opend.clients) >= self.opend.max_clients:
            transport.abort()
            return
        self.opend.clients.add(self)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Answer every request of the client."""
        self._last = asyncio.get_running_loop().time()
        for item in self.connection.receive(data):
            self._take(item)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client's state, as OpenD does; its quota is freed by the simulator when the minute is over."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.opend.clients.discard(self)
        self.opend.quotes.gone(self)

    # --- requests -------------------------------------------------------------------------------------------

    def _take(self, item: Received) -> None:
        if not isinstance(item, Message):
            self.opend.damaged += 1
            self.close()
            return
        if not self.greeted and item.proto != messages.INIT_CONNECT:
            self.close()  # InitConnect must be the first message
            return
        protocol = messages.PROTOCOLS.get(item.proto)
        if protocol is None or not hasattr(protocol, "Request"):
            self.opend.unknown_requests.append(item.proto)
            return
        try:
            c2s = messages.request(protocol.Request, item.body).c2s
        except messages.Malformed as error:
            self._answer(item, _result(protocol, messages.FAILED, str(error)))
            return
        subject = f"{item.proto}:{getattr(c2s, 'code', '')}"
        fault = self.opend.faults.take(point_of(item.proto), subject)
        self.opend.requests.append((item.proto, c2s))
        self._answering = True
        try:
            response = self._work(item.proto, protocol, c2s, fault)
        finally:
            self._answering = False
        early = self.opend.push_before_answer
        if early:
            self._flush()
        self._deliver(item, response, fault)
        if not early:
            self._flush()

    def _work(self, proto: int, protocol: Any, c2s: Any, fault: Fault | None) -> Any:
        action = fault.action if fault is not None else ""
        if action in ("refuse", "error", "ban"):
            return _result(protocol, *_TEXTS[action])
        if action == "lie":
            return _empty(protocol, c2s)
        handler: Callable[[Client, Any, Any], None] = self.opend.handlers[proto]
        response = protocol.Response(retType=messages.SUCCEED, retMsg="", errCode=0)
        response.s2c.SetInParent()
        try:
            handler(self, c2s, response.s2c)
        except Refusal as error:
            response = _result(protocol, messages.FAILED, str(error))
        if action == "act_and_error":
            return _result(protocol, *_TEXTS[action])
        if action == "forget":
            for name in ("orderList", "orderFillList", "positionList", "accList"):
                if name in response.s2c.DESCRIPTOR.fields_by_name:
                    response.s2c.ClearField(name)
        return response

    def _deliver(self, item: Message, response: Any, fault: Fault | None) -> None:
        action = fault.action if fault is not None else ""
        if action == "drop":
            return
        data = self._frame(item, response)
        if fault is not None and action == "cut":
            if fault.after_bytes is not None:
                self._write(data[: fault.after_bytes])
            self.close()
        elif fault is not None and action == "delay":
            self._later(fault.seconds, data)
        elif action == "garbage":
            self._write(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64))
        elif action == "reorder":
            self._held.append(data)
        else:
            self._write(data)
            if action == "duplicate":
                self._write(data)
        if item.proto == messages.INIT_CONNECT and response.retType == messages.SUCCEED:
            self.greeted = True
            if self.algorithm != cipher.NONE:
                init = response.s2c
                self.connection.cipher = cipher.session_cipher(self.algorithm, init.connAESKey, init.aesCBCiv)

    def _answer(self, item: Message, response: Any) -> None:
        self._write(self._frame(item, response))

    def _frame(self, item: Message, response: Any) -> bytes:
        return self.connection.send(item.proto, item.serial, response.SerializePartialToString())

    # --- pushes ---------------------------------------------------------------------------------------------

    def push(self, proto: int, s2c: Any, subject: str = "") -> None:
        """Push ``s2c``; while a request is being answered, after its answer (or before, as the simulator is set)."""
        response = messages.PROTOCOLS[proto].Response(retType=messages.SUCCEED, retMsg="", errCode=0)
        response.s2c.CopyFrom(s2c)
        self.push_body(proto, response.SerializePartialToString(), subject)

    def push_body(self, proto: int, body: bytes, subject: str = "", *, fmt: int = frame.PROTOBUF) -> None:
        """Push any bytes as a body."""
        fault = self.opend.faults.take("push", f"{proto}:{subject}")
        action = fault.action if fault is not None else ""
        data = self.connection.send(proto, next(self._push_serial), body, fmt=fmt)
        if action in ("drop", "gap"):
            return
        if action == "cut" and fault is not None:
            self._write(data[: fault.after_bytes or 0])
            self.close()
        elif action == "garbage":
            self._write(bytes(100))
        elif action == "delay" and fault is not None:
            self._later(fault.seconds, data)
        elif action == "reorder":
            self._held.append(data)
        elif self._answering:
            self._queued.extend([data, data] if action == "duplicate" else [data])
        else:
            self._write(data)
            if action == "duplicate":
                self._write(data)

    def push_raw(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._write(data)

    def _flush(self) -> None:
        queued, self._queued = self._queued, []
        for data in queued:
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        held, self._held = self._held, []
        for late in held:
            self._transport.write(late)

    def _later(self, seconds: float, data: bytes) -> None:
        loop = asyncio.get_running_loop()

        def write() -> None:
            self._timers.discard(timer)
            self._write(data)

        timer = loop.call_later(seconds, write)
        self._timers.add(timer)

    def _watch(self) -> None:
        """Drop a client that has been silent for three intervals."""
        loop = asyncio.get_running_loop()
        limit = 3 * self.opend.keep_alive

        def look() -> None:
            self._timers.discard(timer)
            if loop.time() - self._last >= limit:
                self.close()
            else:
                self._watch()

        timer = loop.call_later(limit, look)
        self._timers.add(timer)

    def close(self) -> None:
        """Close the connection; what was written before still goes out."""
        if self._transport is not None:
            self._transport.close()


def encryption(opend_rsa: cipher.Cipher | None, wanted: int | None) -> int:
    """Return the algorithm that OpenD uses for what a client asked for (absent means FTAES_ECB)."""
    if opend_rsa is None:
        return cipher.NONE
    return cipher.FTAES_ECB if wanted is None else wanted


def _result(protocol: Any, ret_type: int, text: str) -> Any:
    return protocol.Response(retType=ret_type, retMsg=text, errCode=0)


def _empty(protocol: Any, c2s: Any) -> Any:
    response = protocol.Response(retType=messages.SUCCEED, retMsg="", errCode=0)
    response.s2c.SetInParent()
    if "header" in response.s2c.DESCRIPTOR.fields_by_name and "header" in c2s.DESCRIPTOR.fields_by_name:
        response.s2c.header.CopyFrom(c2s.header)
    return response
