"""The TCP side: cuts connections where a script says so, and tells when a socket is full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from venuebus.simulation import FaultScript

METHODS = (b"GET ", b"POST ", b"PUT ", b"DELETE ")


class Tap(asyncio.Protocol):
    """Stands between a socket and the HTTP server's protocol, and passes everything on until a fault says no.

    `connection_of` finds it again from a request's transport.
    """

    def __init__(self, inner: asyncio.Protocol, faults: FaultScript, connections: set[Tap]) -> None:
        self._inner = inner
        self._faults = faults
        self._connections = connections
        self._left: int | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept, unless point ``wire.accept`` is to be cut."""
        self.transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._inner.connection_made(transport)
        if self._faults.faults and self._faults.take("wire.accept") is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass data on; of a request at point ``wire.request`` only so many bytes, then cut."""
        if self._faults.faults and self._left is None and data.startswith(METHODS):
            line = data.split(b"\r\n", 1)[0].decode("latin-1")
            fault = self._faults.take("wire.request", line)
            if fault is not None:
                self._left = fault.after_bytes or 0
        if self._left is None:
            self._inner.data_received(data)
            return
        passed, self._left = data[: self._left], max(0, self._left - len(data))
        if passed:
            self._inner.data_received(passed)
        if self._left == 0 and self.transport is not None:
            self.transport.abort()

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on; nobody waits for this socket any more."""
        self._connections.discard(self)
        self._writable.set()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Note that the socket is full."""
        self._writable.clear()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Note that there is room again."""
        self._writable.set()
        self._inner.resume_writing()

    @property
    def closed(self) -> bool:
        """Tell whether writing is useless."""
        return self.transport is None or self.transport.is_closing()

    async def write(self, data: bytes) -> None:
        """Write whole frames and wait until the socket has room for more."""
        if self.closed or self.transport is None:
            raise ConnectionResetError("the client is gone")
        self.transport.write(data)
        await self._writable.wait()


def connection_of(transport: asyncio.BaseTransport | None) -> Tap:
    """Return the tap of a request's transport.

    Raises:
        ConnectionResetError: the client is gone already.
    """
    tap = cast("asyncio.Transport", transport).get_protocol() if transport is not None else None
    if not isinstance(tap, Tap):
        raise ConnectionResetError("the client is gone")
    return tap


def tapped(
    make: Callable[[], asyncio.Protocol], faults: FaultScript, connections: set[Tap]
) -> Callable[[], asyncio.Protocol]:
    """Return a protocol factory whose protocols are tapped."""
    return lambda: Tap(make(), faults, connections)
