"""Delivering: signed, again with back-off until it is taken, and with all the faults of an unreliable sender."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp
from venuebus.simulation import Fault, FaultScript

from ..signing import Signer

ANSWER_TIMEOUT = 5.0  # the venue's own
AT_ONCE = 64
FORGED = "not the venue's key"


class Sender:
    """Sends deliveries to ``target``. ``outcomes`` counts the answers by status (0: none came).

    Faults at the point ``delivery`` (``match`` is compared with the msg_id): ``drop`` (never sent), ``duplicate``,
    ``reorder`` (after the next one), ``delay``; and what comes *before* the true delivery: ``lie`` (forged with another
    key), ``garbage`` (signed, but no JSON), ``truncate`` (signed, half of it), ``cut`` (the connection breaks).

    Args:
        sign: makes the headers. forge: makes them with a wrong key.
        attempts: after so many a delivery is given up, as the venue announces.
        backoff: seconds until the second attempt; doubled each time.
    """

    def __init__(
        self,
        sign: Signer,
        forge: Signer,
        faults: FaultScript,
        *,
        attempts: int = 8,
        backoff: float = 0.25,
        seed: int = 1,
    ) -> None:
        self.target: str | None = None
        self.outcomes: Counter[int] = Counter()
        self.accepted: list[str] = []
        self.given_up: list[str] = []
        self.dropped: list[str] = []
        self.on_change: Callable[[], None] = lambda: None
        self._sign = sign
        self._forge = forge
        self._faults = faults
        self._attempts = attempts
        self._backoff = backoff
        self._random = random.Random(seed)
        self._http: aiohttp.ClientSession | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[tuple[str, bytes]] = []

    def start(self) -> None:
        """Be ready to send."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT))

    async def stop(self) -> None:
        """Stop; what is on its way is given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    @property
    def under_way(self) -> int:
        """Deliveries that are neither taken nor given up."""
        return len(self._tasks)

    def send(self, msg_id: str, body: bytes) -> None:
        """Deliver ``body`` in the background."""
        fault = self._faults.take("delivery", msg_id)
        if fault is not None and fault.action == "drop":
            self.dropped.append(msg_id)
            return
        if fault is not None and fault.action == "reorder":
            self._held.append((msg_id, body))
            return
        self._spawn(msg_id, body, fault)
        held, self._held = self._held, []
        for late in held:
            self._spawn(*late, None)

    def _spawn(self, msg_id: str, body: bytes, fault: Fault | None) -> None:
        task = asyncio.create_task(self._deliver(msg_id, body, fault), name=f"delivery {msg_id}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.on_change()

    async def settle(self) -> None:
        """Return when nothing is under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _deliver(self, msg_id: str, body: bytes, fault: Fault | None) -> None:
        async with self._gate:
            if fault is not None:
                await self._misbehave(fault, msg_id, body)
            delay = self._backoff
            for attempt in range(self._attempts):
                if attempt:
                    await asyncio.sleep(delay * self._random.uniform(0.8, 1.2))
                    delay = min(delay * 2, 30.0)
                if await self.post(msg_id, body, self._sign) == 200:
                    self.accepted.append(msg_id)
                    if fault is not None and fault.action == "duplicate":
                        await self.post(msg_id, body, self._sign)
                    return
            self.given_up.append(msg_id)

    async def _misbehave(self, fault: Fault, msg_id: str, body: bytes) -> None:
        match fault.action:
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "lie":
                await self.post(msg_id, body, self._forge)
            case "garbage":
                await self.post(msg_id, (fault.text or "\x00 no JSON {").encode() + msg_id.encode(), self._sign)
            case "truncate":
                await self.post(msg_id, body[: len(body) // 2], self._sign)
            case "cut":
                await self._cut(msg_id, body)
            case _:
                pass

    async def post(self, msg_id: str, body: bytes, sign: Signer) -> int:
        """Make one attempt and return the status; 0 where no answer came."""
        status = 0
        if self._http is not None and self.target is not None:
            headers = {"Content-Type": "application/json", **sign(msg_id, body, int(time.time()))}
            try:
                async with self._http.post(self.target, data=body, headers=headers) as answer:
                    await answer.read()
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError, OSError):
                status = 0
        self.outcomes[status] += 1
        return status

    async def _cut(self, msg_id: str, body: bytes) -> None:
        parts = urlsplit(self.target or "")
        try:
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            return
        headers = {"Host": "x", "Content-Type": "application/json", "Content-Length": str(len(body))}
        headers |= self._sign(msg_id, body, int(time.time()))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST {parts.path} HTTP/1.1\r\n{head}\r\n".encode() + body[: len(body) // 2])
        try:
            await writer.drain()
        except OSError:
            pass
        writer.close()
        self.outcomes[0] += 1
