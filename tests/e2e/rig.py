"""The bus side of one account without the rest of a bridge, and a link to NATS that can lose answers."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from nats.js.errors import NotFoundError
from venuebus.bus.claim import Claim
from venuebus.bus.connection import Connection
from venuebus.bus.lease import Lease
from venuebus.bus.ledger import Ledger
from venuebus.bus.spool import Spool
from venuebus.bus.streams import StreamNames, ensure_stream, stream_configs
from venuebus_schemas import Order, OrderStatus, OrderType, Side, Subjects, decode_event

MIB = 1024 * 1024


class Link:
    """A TCP proxy in front of nats-server. While ``deaf`` requests get through and answers do not."""

    def __init__(self, port: int) -> None:
        self.deaf = False
        self.port = 0
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        self._writers += [writer, up_writer]
        for source, sink, answers in ((reader, up_writer, False), (up_reader, writer, True)):
            task = asyncio.create_task(self._pump(source, sink, answers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if not (answers and self.deaf):
                    sink.write(data)
                    await sink.drain()
        sink.close()

    def cut(self) -> None:
        """Cut every connection; new ones are let through."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()


class Rig:
    """A connection with the account's lease and ledger, as one bridge has them."""

    def __init__(self, url: str, prefix: str, folder: Path, owner: str = "a", **ledger: Any) -> None:
        self.subjects = Subjects(prefix)
        self.names = StreamNames(prefix)
        self.connection = Connection({"servers": [url]}, request_timeout=0.5)
        self.lease = Lease(self.connection, self.names, self.subjects, "toy", "main", owner)
        self.fenced = asyncio.Event()
        self.ledger = Ledger(
            self.connection, self.names, self.subjects, "toy", self.lease, Spool(folder / f"{owner}.spool", 10 * MIB),
            on_fenced=self.fenced.set, **ledger,
        )  # fmt: skip
        self._run: asyncio.Task[None] | None = None

    async def start(self, *, acquire: bool = True) -> None:
        await self.connection.connect()
        limits = {f"{name}_max_bytes": MIB for name in ("command", "account", "system", "dead")}
        for stream in stream_configs(self.subjects, self.names, **limits):
            await ensure_stream(self.connection, stream)
        if acquire:
            assert await self.lease.try_acquire()
        self._run = asyncio.create_task(self.ledger.run())

    async def stop(self) -> None:
        self.ledger.stop()
        if self._run is not None:
            self._run.cancel()
            await asyncio.wait({self._run})
        self.ledger.close(keep=False)
        await self.connection.close()

    def put(self, number: int, key: str = "o") -> None:
        """Queue one order event that carries ``number``."""
        self.ledger.put("order", key, order(number, key), f"order-{key}-{number}")

    async def stored(self, kind: str = "order") -> list[tuple[str, int]]:
        """Key and number of every stored event of a kind, in stream order."""
        js, sequence, found = self.connection.js, 0, []
        while True:
            subject = f"{self.subjects.root}.acct.toy.main.{kind}.*"
            try:
                message = await js.get_msg(self.names.account, sequence + 1, next=True, subject=subject)
            except NotFoundError:
                return found
            sequence = message.seq or 0
            event = decode_event(message.data or b"")
            assert isinstance(event, Order)
            found.append((event.client_order_id or "", int(event.filled_quantity)))


def order(number: int, key: str = "o") -> Order:
    return Order(
        symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW, filled_quantity=str(number),
        client_order_id=key,
    )  # fmt: skip


def claim(command_id: str, nonce: str = "n1") -> Claim:
    return Claim(command_id=command_id, verb="submit", nonce=nonce, body="{}", body_hash="h")
