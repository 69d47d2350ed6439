"""A relay between a session and its simulator: the faults of a network, without a word of any protocol.

A simulator need not know how to lose answers: the relay counts bytes, swallows them, falls silent and cuts.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import deque
from collections.abc import Mapping
from typing import Any

RESET = struct.pack("ii", 1, 0)  # closing sends a reset, not the end of the stream
LOCAL = re.compile(r"(127\.0\.0\.1|localhost):(\d+)")


class Network:
    """Every connection between one session and its simulator. Its state holds for all of them at once.

    Attributes:
        up: bytes that the session has sent so far.
        lose_answers: what the simulator says is swallowed; what the session says still arrives.
        mute: nothing passes in either direction, and no end of a connection either.
        piece: what the simulator says arrives in pieces of so many bytes, each in a turn of the loop of its own.
        cut_after: once the session has sent as many bytes, every connection is cut and the network is mute.
    """

    def __init__(self) -> None:
        self.up = 0
        self.down = 0
        self.accepted = 0
        self.lose_answers = False
        self.mute = False
        self.cut_after: int | None = None
        self.piece: int | None = None
        self.links: set[_Near] = set()
        self._ports: dict[tuple[str, int], int] = {}
        self._servers: list[asyncio.Server] = []
        self._dead: list[socket.socket] = []

    async def reroute(self, table: Mapping[str, Any], *, refuse: bool = False) -> dict[str, Any]:
        """Return ``table`` with every local address in it led through here.

        An address is ``127.0.0.1:PORT`` in any text, or a whole number under ``port`` or ``…_port``. With ``refuse``
        nobody listens at the new ports.
        """
        return {key: await self._value(key, value, refuse) for key, value in table.items()}

    async def close(self) -> None:
        """End every connection and listen no more."""
        for server in self._servers:
            server.close()
        for link in list(self.links):
            link.cut()
        for server in self._servers:
            await server.wait_closed()
        for end in self._dead:
            end.close()

    def cut(self) -> None:
        """Reset every connection, without a close frame or a last word."""
        for link in list(self.links):
            link.cut()

    @property
    def open(self) -> int:
        """Connections whose session's end is not closed."""
        return sum(not link.ended for link in self.links)

    async def _value(self, key: str, value: Any, refuse: bool) -> Any:
        if isinstance(value, str):
            for host, port in LOCAL.findall(value):
                value = value.replace(f"{host}:{port}", f"127.0.0.1:{await self._port(host, int(port), refuse)}")
            return value
        if isinstance(value, int) and not isinstance(value, bool) and (key == "port" or key.endswith("_port")):
            return await self._port("127.0.0.1", value, refuse)
        if isinstance(value, Mapping):
            return await self.reroute(value, refuse=refuse)
        if isinstance(value, list | tuple):
            return [await self._value(key, item, refuse) for item in value]
        return value

    async def _port(self, host: str, port: int, refuse: bool) -> int:
        if (host, port) not in self._ports:
            if refuse:
                end = socket.socket()
                end.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else gets the port
                self._dead.append(end)
                self._ports[host, port] = end.getsockname()[1]
            else:
                loop = asyncio.get_running_loop()
                server = await loop.create_server(lambda: _Near(self, host, port), "127.0.0.1", 0)
                self._servers.append(server)
                self._ports[host, port] = server.sockets[0].getsockname()[1]
        return self._ports[host, port]


class _Near(asyncio.Protocol):
    """The end of one connection that the session talks to."""

    def __init__(self, network: Network, host: str, port: int) -> None:
        self.network = network
        self.ended = False
        self.transport: asyncio.Transport | None = None
        self.far: asyncio.Transport | None = None
        self._address = (host, port)
        self._waiting: list[bytes] = []
        self._pieces: deque[bytes] = deque()
        self._passing = False
        self._opening: asyncio.Task[Any] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.network.links.add(self)
        self.network.accepted += 1
        self._opening = asyncio.get_running_loop().create_task(self._open(), name="relay")

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(lambda: _Far(self), *self._address)
        except OSError:
            self.cut()
            return
        self.far = transport
        for data in self._waiting:
            self.far.write(data)
        self._waiting.clear()
        if self.ended:
            self.far.close()

    def data_received(self, data: bytes) -> None:
        self.network.up += len(data)
        if self.network.cut_after is not None and self.network.up >= self.network.cut_after:
            self.network.mute = True
            self.network.cut()
        if self.network.mute:
            return
        if self.far is None:
            self._waiting.append(data)
        else:
            self.far.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.network.links.discard(self)
        if self.far is not None:
            self.far.close()

    def from_far(self, data: bytes) -> None:
        """Pass on what the simulator says, unless it is to be lost."""
        if self.transport is None or self.network.mute or self.network.lose_answers:
            return
        self.network.down += len(data)
        if self.network.piece is None and not self._pieces:
            self.transport.write(data)
            return
        size = self.network.piece or len(data)
        self._pieces += [data[at : at + size] for at in range(0, len(data), size)]
        if not self._passing:
            self._pass_piece()

    def _pass_piece(self) -> None:
        self._passing = bool(self._pieces) and not self.ended
        if self._passing and self.transport is not None:
            self.transport.write(self._pieces.popleft())
            asyncio.get_running_loop().call_soon(self._pass_piece)

    def far_ended(self) -> None:
        """Pass on that the simulator closed, unless nothing is to be heard of it."""
        if self.transport is not None and not (self.network.mute or self.network.lose_answers):
            self.transport.close()

    def cut(self) -> None:
        """Reset both ends."""
        if self._opening is not None:
            self._opening.cancel()
        for transport in (self.transport, self.far):
            if transport is not None:
                end = transport.get_extra_info("socket")
                if end is not None and end.fileno() >= 0:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                transport.abort()


class _Far(asyncio.Protocol):
    """The end of one connection that the simulator talks to."""

    def __init__(self, near: _Near) -> None:
        self._near = near

    def data_received(self, data: bytes) -> None:
        self._near.from_far(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._near.far_ended()
