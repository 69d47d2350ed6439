"""One WebSocket connection: its topics, its queue, and what goes wrong on its way out."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aiohttp import web
from venuebus.simulation import Fault, FaultScript

from .wire import Tap

QUEUE = 20_000  # frames; a client that lets more pile up is told 1007 and has lost them
GARBAGE = "\x00\x01{]not a message"


class Stream:
    """Sends frames in order from a bounded queue; one task, `send_all`, owned by the handler of the connection."""

    def __init__(self, ws: web.WebSocketResponse, tap: Tap, faults: FaultScript, channel: str) -> None:
        self.ws = ws
        self.tap = tap
        self.channel = channel
        self.topics: set[str] = set()
        self.user: str | None = None
        self.private: set[str] = set()
        self.failures = 0
        self.closing = False
        self._faults = faults
        self._queue: deque[str] = deque()
        self._wake = asyncio.Event()
        self._silent = False
        self._held: dict[str, str] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    async def send_all(self) -> None:
        """Send what is queued until the connection is gone."""
        while not self.ws.closed:
            while self._queue and not self._silent:
                try:
                    await self.ws.send_str(self._queue.popleft())
                except ConnectionError:
                    return
            if self.closing:
                await self.ws.close()
                return
            self._wake.clear()
            await self._wake.wait()

    def say(self, text: str) -> None:
        """Queue a frame as it is."""
        if self._silent:
            return
        if len(self._queue) >= QUEUE:
            self._queue.clear()
            self.error(1007, "User message buffer is full")
            return
        self._queue.append(text)
        self._wake.set()

    def push(self, point: str, subject: str, text: str) -> None:
        """Queue a frame of a topic, unless a fault at ``point`` wants something else."""
        fault = self._faults.take(point, subject) if self._faults.faults else None
        if fault is None:
            self.say(text)
        else:
            self._spoil(fault, point, text)
        if self._held and (fault is None or fault.action != "reorder"):
            self._let_go(point)

    def error(self, code: int, message: str, arg: str = "") -> None:
        """Queue an error of the OSS channel."""
        self._queue.append(
            json.dumps({"severity": "ERROR", "errors": [{"arg": arg, "error": {"code": code, "message": message}}]})
        )
        self._wake.set()

    def finish(self) -> None:
        """Close once everything queued is out."""
        self.closing = True
        self._wake.set()

    def silence(self, seconds: float = 0.0) -> None:
        """Keep the connection, say nothing any more, not even pong; after ``seconds``, if given, go on."""
        self._silent = True
        self._queue.clear()
        if seconds:
            self._after(seconds, self._wake_up)

    def cut(self) -> None:
        """Drop the connection without a close frame."""
        if self.tap.transport is not None:
            self.tap.transport.abort()
        self._wake.set()

    def release(self) -> None:
        """Cancel what was to be sent later."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def later(self, seconds: float, text: str) -> None:
        """Queue a frame after ``seconds``; others overtake it."""
        self._after(seconds, lambda: self.say(text))

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(handle)
            do()

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(handle)

    def _wake_up(self) -> None:
        self._silent = False

    def _let_go(self, point: str) -> None:
        if (text := self._held.pop(point, None)) is not None:
            self.say(text)

    def _spoil(self, fault: Fault, point: str, text: str) -> None:
        match fault.action:
            case "drop" | "gap":
                return
            case "cut":
                self.cut()
            case "silence":
                self.silence(fault.seconds)
            case "duplicate":
                self.say(text)
                self.say(text)
            case "reorder":  # if nothing follows, it is late instead
                self._held[point] = text
                self._after(fault.seconds or 1.0, lambda: self._let_go(point))
            case "delay":
                self.later(fault.seconds, text)
            case "garbage":
                self.say(fault.text or GARBAGE)
            case "truncate":
                self.say(text[: len(text) // 2])
            case "nan":
                self.say(_with_nan(text))
            case "cross":
                self.say(_crossed(text))
            case "error":
                self.error(fault.status or 1007, fault.text or "User message buffer is full")
                if fault.status == 1008:
                    self.finish()
            case _:
                self.say(fault.text or text)


def _with_nan(text: str) -> str:
    frame = json.loads(text)
    data = frame["data"]
    for item in data if isinstance(data, list) else [data]:
        for name in ("price", "size"):
            if name in item:
                item[name] = "NaN"
        for side in ("bids", "asks"):
            if item.get(side):
                item[side][0] = ["NaN", item[side][0][1]]
                break
    return json.dumps(frame)


def _crossed(text: str) -> str:
    """Add a bid far above every ask, in valid sequence."""
    frame: dict[str, Any] = json.loads(text)
    data = frame["data"]
    prices = [Decimal(price) for price, _ in data["bids"] + data["asks"]]
    data["bids"].insert(0, [f"{(max(prices) if prices else Decimal(1)) * 2:f}", "1.00000"])
    return json.dumps(frame)
