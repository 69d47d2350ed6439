"""How many connections the HTTP side holds, and how long one may say nothing.

aiohttp holds as many as come, and waits for a first request for ever: ten thousand idle connections would cost memory
and file descriptors that the venues need.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

FIRST_REQUEST = 10.0  # seconds for the head of the first request
IDLE = 20.0  # seconds between two requests; also what a head that trickles in may take
SWEEP = 1.0
BACKLOG = 1024
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class LimitedSite(web.BaseSite):
    """Listens on ``host:port`` and serves at most ``most`` connections; the others are told 503 and closed."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, most: int) -> None:
        super().__init__(runner, backlog=BACKLOG)
        assert runner.server is not None
        self._host = host
        self._port = port
        self._most = most
        self._web = runner.server
        self._quiet_since: dict[web.RequestHandler, float] = {}
        self._had_request: set[web.RequestHandler] = set()
        self._busy: set[web.RequestHandler] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._arriving = 0
        self.refused = 0
        self.closed_idle = 0

    @property
    def name(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self._port}"

    @property
    def open(self) -> int:
        """Connections that are served now."""
        return len(self._web.connections)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, self._host, self._port, backlog=BACKLOG)
        self._sweeper = asyncio.create_task(self._sweep(), name="http-idle")

    async def stop(self) -> None:
        """Stop listening."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await super().stop()

    def _accept(self) -> asyncio.Protocol:
        if self.open + self._arriving >= self._most:
            self.refused += 1
            return _Refusal()
        # aiohttp counts a connection once its transport is made, one turn of the loop after it was accepted.
        self._arriving += 1
        asyncio.get_running_loop().call_soon(self._arrived)
        return self._web()

    def _arrived(self) -> None:
        self._arriving -= 1

    @contextmanager
    def serving(self, handler: object) -> Iterator[None]:
        """Take the connection for busy as long as this lasts."""
        assert isinstance(handler, web.RequestHandler)
        self._busy.add(handler)
        try:
            yield
        finally:
            self._busy.discard(handler)
            self._had_request.add(handler)
            self._quiet_since[handler] = time.monotonic()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            now = time.monotonic()
            alive = self._web.connections
            self._quiet_since = {h: self._quiet_since.get(h, now) for h in alive if h not in self._busy}
            self._had_request &= set(alive)
            for handler, since in self._quiet_since.items():
                if now - since > (IDLE if handler in self._had_request else FIRST_REQUEST):
                    self._close(handler)

    def _close(self, handler: web.RequestHandler) -> None:
        transport = handler.transport
        if transport is None or transport.is_closing():
            return
        self.closed_idle += 1
        if handler not in self._had_request:
            transport.write(_SLOW)
        transport.close()


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_FULL)
        transport.close()
