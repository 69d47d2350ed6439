"""The WebSocket endpoints: ping, login, subscribe, and the errors of each."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web
from venuebus.simulation import FaultScript

from .gate import Gate
from .hub import Hub
from .settings import Quirks
from .stream import GARBAGE, Stream
from .wire import connection_of

MAX_FAILURES = 10
PRIVATE = ("notificationApiV3", "fills")


class Sockets:
    """Handles ``/ws/spot`` and ``/ws/oss/spot``."""

    def __init__(self, hub: Hub, gate: Gate, faults: FaultScript, quirks: Quirks, *, idle_timeout: float) -> None:
        self._hub = hub
        self._gate = gate
        self._faults = faults
        self._quirks = quirks
        self._idle = idle_timeout
        self.connections = 0
        self.logins = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends."""
        fault = self._faults.take("ws.connect", request.path)
        if fault is not None:
            if fault.action == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.action == "cut":
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            else:
                return web.Response(status=fault.status or 503, text=fault.text or "")
        tap = connection_of(request.transport)
        ws = web.WebSocketResponse(compress=False, receive_timeout=self._idle)
        await ws.prepare(request)
        self.connections += 1
        stream = Stream(ws, tap, self._faults, "oss" if request.path.endswith("/oss/spot") else "spot")
        self._hub.streams.add(stream)
        sender = asyncio.create_task(stream.send_all(), name=f"btse simulator {stream.channel} sender")
        try:
            if self._quirks.greeting and stream.channel == "spot":
                stream.say("UNLOGIN_USER connect success")
            await self._read(stream)
        finally:
            self._hub.forget(stream)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return ws

    async def _read(self, stream: Stream) -> None:
        while not stream.ws.closed:
            try:
                message = await stream.ws.receive()
            except (TimeoutError, ConnectionError):  # the venue drops who does not ping
                stream.cut()
                return
            if message.type is not WSMsgType.TEXT:
                if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                    return
                continue
            if message.data == "ping":
                self._pong(stream)
            else:
                self._request(stream, message.data)

    def _pong(self, stream: Stream) -> None:
        stream.push("ws.ping", stream.channel, "pong")

    def _request(self, stream: Stream, text: str) -> None:
        try:
            data = json.loads(text)
            operation, args = data["op"], data.get("args", [])
            if not isinstance(args, list):
                raise TypeError
        except (ValueError, TypeError, KeyError, AttributeError):
            self._fail(stream, 1002, "Invalid request", text[:100])
            return
        if operation == "authKeyExpires" and stream.channel == "spot":
            self._login(stream, args)
        elif operation == "subscribe":
            self._subscribe(stream, args)
        elif operation == "unsubscribe":
            for topic in args:
                self._hub.unsubscribe(stream, str(topic))
            stream.say(json.dumps({"event": "unsubscribe", "channel": args}))
        else:
            self._fail(stream, 1001, "Operation not supported", str(operation))

    def _login(self, stream: Stream, args: list[Any]) -> None:
        self.logins += 1
        user = self._gate.login(args)
        fault = self._faults.take("ws.login")
        action = fault.action if fault is not None else None
        if action in ("drop", "silence"):
            return
        if action == "cut":
            stream.cut()
            return
        if action == "garbage":
            stream.say((fault.text if fault else None) or "AUTHENTICATE ERROR")
            return
        success = user is not None and action != "refuse"
        if success and user is not None:
            stream.user = user.name
        answer = json.dumps({"event": "login", "success": success})
        if fault is not None and action == "delay":
            stream.later(fault.seconds, answer)
        else:
            stream.say(answer)

    def _subscribe(self, stream: Stream, args: list[Any]) -> None:
        accepted: list[str] = []
        for topic in (str(arg) for arg in args):
            fault = self._faults.take("ws.subscribe", topic)
            if fault is not None and fault.action == "drop":
                return
            if fault is not None and fault.action == "cut":
                stream.cut()
                return
            if fault is not None and fault.action == "garbage":
                stream.say(fault.text or GARBAGE)
            elif fault is not None and fault.action == "error":
                self._fail(stream, fault.status or 1008, fault.text or "Max failed attempts reached", topic)
                if (fault.status or 1008) == 1008:
                    stream.finish()
                    return
            elif fault is None or fault.action != "refuse":
                code = self._unknown(stream.channel, topic)
                if code is None:
                    accepted.append(topic)
                else:
                    self._fail(
                        stream, code, {1000: "Market pair is not supported", 1005: "Topic not found"}[code], topic
                    )
        stream.say(json.dumps({"event": "subscribe", "channel": accepted}))
        for topic in accepted:
            self._hub.subscribe(stream, topic)

    def _unknown(self, channel: str, topic: str) -> int | None:
        """The error code for a topic that this channel does not have, None for one that it has."""
        name, _, symbol = topic.partition(":")
        if channel == "spot":
            if topic in PRIVATE:
                return None
            return 1005 if name != "tradeHistoryApi" else None if symbol in self._hub.feeds else 1000
        if name not in ("update", "snapshotL1"):
            return 1005
        market, _, grouping = symbol.rpartition("_")
        if name == "snapshotL1" and symbol in self._hub.feeds:
            return None
        if grouping not in set("012345678"):
            return 1005
        return None if market in self._hub.feeds else 1000

    def _fail(self, stream: Stream, code: int, message: str, arg: str) -> None:
        stream.failures += 1
        if stream.channel == "oss":
            stream.error(code, message, arg)
            if stream.failures >= MAX_FAILURES:
                stream.error(1008, "Max failed attempts reached, closing session")
                stream.finish()
