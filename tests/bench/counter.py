"""A subscriber that counts and stamps, and does as little else as it can, so that it is not what is measured.

It speaks the NATS protocol itself: nats-py needs about 4 µs a message to hand it to a callback, which would be the
slowest part of the whole path.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from .child import serve

CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1","protocol":1}\r\n'
MSG = ord("M")


class Subscriber(asyncio.Protocol):
    """One connection to NATS with at most one subscription."""

    def __init__(self) -> None:
        self.count = self.first_ns = self.last_ns = 0
        self.stamps: list[int] | None = None
        self.last = b""
        self.pong = asyncio.Event()
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._subscription = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(CONNECT)

    def data_received(self, data: bytes) -> None:
        now = time.time_ns()
        buffer, at, before = self._rest + data if self._rest else data, 0, self.count
        while (end := buffer.find(b"\r\n", at)) >= 0:
            if buffer[at] == MSG:
                size = int(buffer[buffer.rfind(b" ", at, end) + 1 : end])
                after = end + 4 + size
                if after > len(buffer):
                    break
                self.count += 1
                self.last = buffer[end + 2 : after - 2] if len(buffer) - after < 4096 else self.last
                at = after
                continue
            if buffer.startswith(b"PING", at):
                self.write(b"PONG\r\n")
            elif buffer.startswith(b"PONG", at):
                self.pong.set()
            at = end + 2
        self._rest = buffer[at:]
        if self.count > before:
            self.first_ns = self.first_ns or now
            self.last_ns = now
            if self.stamps is not None:
                self.stamps.extend([now] * (self.count - before))

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    async def watch(self, request: dict[str, Any]) -> bool:
        """Count ``subject`` from now on, and nothing else."""
        old, self._subscription = self._subscription, self._subscription + 1
        self.pong.clear()
        self.write(f"UNSUB {old}\r\nSUB {request['subject']} {self._subscription}\r\nPING\r\n".encode())
        await self.pong.wait()
        self.count = self.first_ns = self.last_ns = 0
        self.stamps = [] if request.get("stamps") else None
        return True

    async def read(self, request: dict[str, Any]) -> dict[str, Any]:
        """Tell what came once ``expected`` messages are here or nothing has come for ``quiet`` seconds."""
        seen, since = self.count, time.monotonic()
        while self.count < request["expected"] and time.monotonic() - since < request["quiet"]:
            await asyncio.sleep(0.02)
            if self.count != seen:
                seen, since = self.count, time.monotonic()
        return {"count": self.count, "first_ns": self.first_ns, "last_ns": self.last_ns, "stamps": self.stamps,
                "last": self.last.decode("utf-8", "replace")}  # fmt: skip


async def main() -> None:
    """``counter.py NATS_URL``."""
    address = urlsplit(sys.argv[1])
    assert address.hostname is not None
    assert address.port is not None
    _, subscriber = await asyncio.get_running_loop().create_connection(Subscriber, address.hostname, address.port)
    await serve({"watch": subscriber.watch, "read": subscriber.read})


if __name__ == "__main__":
    asyncio.run(main())
