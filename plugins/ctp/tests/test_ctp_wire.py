"""What the network does between the bridge and the gateway: silence, and a cut at any byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from venuebus import OrderKey, OutcomeUnknown, RetryableError
from venuebus_ctp.simulator import CtpSimulator

Connect = Callable[..., Awaitable[Any]]


class Wire:
    """A TCP relay to the gateway that can fall silent or cut after so many bytes of what the bridge sends."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.silent = False
        self.cut_after: int | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, far_writer]
        for source, sink, ours in ((reader, far_writer, True), (far_reader, writer, False)):
            self._tasks.add(asyncio.create_task(self._pump(source, sink, ours=ours)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, ours: bool) -> None:
        while data := await source.read(65_536):
            if self.silent:
                continue
            if ours and self.cut_after is not None:
                data = data[: self.cut_after]
                self.cut_after -= len(data)
                sink.write(data)
                await sink.drain()
                if self.cut_after <= 0:
                    for writer in self._writers:
                        writer.transport.abort()
                    return
                continue
            sink.write(data)
        sink.close()


@pytest_asyncio.fixture
async def wire(sim: CtpSimulator) -> AsyncIterator[Wire]:
    parts = urlsplit(sim.config()["td_url"])
    assert parts.hostname is not None
    assert parts.port is not None
    made = Wire(parts.hostname, parts.port)
    await made.start()
    yield made
    await made.stop()


def urls(wire: Wire) -> dict[str, str]:
    return {"td_url": f"ws://127.0.0.1:{wire.port}/td/"}


async def test_a_peer_that_falls_silent_is_noticed_within_two_heartbeats(connect: Connect, wire: Wire) -> None:
    made = await connect(**urls(wire), heartbeat=0.3, request_timeout=5.0)
    wire.silent = True
    executing = asyncio.create_task(made.session.execute(made.submit()))
    with pytest.raises(RetryableError):
        await asyncio.wait_for(asyncio.shield(made.running), 2)
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(executing, 1)


@pytest.mark.parametrize("cut", [1, 60, 300, 400])
async def test_a_cut_in_the_middle_of_the_submit_is_unknown_and_then_no_order(
    connect: Connect, sim: CtpSimulator, wire: Wire, cut: int
) -> None:
    made = await connect(**urls(wire), request_timeout=5.0)
    submit = made.submit()
    wire.cut_after = cut
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(made.session.execute(submit), 2)
    assert sim.counter.inserts == 0
    again = await connect()
    command = submit.command
    key = OrderKey(client_order_id=command.client_order_id, symbol=command.symbol, keys=submit.keys)
    assert await again.session.lookup("main", key) is None
