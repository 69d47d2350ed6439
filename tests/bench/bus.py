"""NATS alone: what a server and a cluster of three take, unacknowledged and acknowledged, with the bridge's client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client
from venuebus.bus.pieces import Address, publish_all

from tests.e2e.cluster import Cluster

from .child import Child
from .report import Row, median, percentile
from .world import World

GROUP = "NATS alone, messages of 256 bytes"
DATA = b"x" * 256
PIECE = 256  # messages handed over at once, and acknowledgements waited for together
TURNS = 3


async def rates(world: World, *, quick: bool) -> list[Row]:
    """Core publish to a subscriber; JetStream in files, one at a time and many, with one replica and with three."""
    count = 2_000 if quick else 10_000
    async with world.child("counter", world.server.url) as counter:
        core = [await _core(world.bus, counter, 10 * count) for _ in range(TURNS)]
    rows = [Row(group=GROUP, name="core, publisher to subscriber", value=median(core), unit="messages/s", more=True)]
    rows += await _stored(world.bus, "one server, R1", 1, count)
    async with _cluster(world) as bus:
        for replicas in (1, 3):
            rows += await _stored(bus, f"cluster of three on this machine, R{replicas}", replicas, count)
    return rows


async def _core(bus: Client, counter: Child, count: int) -> float:
    await counter.ask("watch", subject="bench.core")
    piece = [(Address("bench.core"), DATA)] * PIECE
    started = time.time_ns()
    for _ in range(count // PIECE):
        await publish_all(bus, piece)
        await asyncio.sleep(0)
    came = await counter.ask("read", expected=count // PIECE * PIECE, quiet=1.0)
    return float(came["count"] / ((came["last_ns"] - started) / 1e9))


async def _stored(bus: Client, where: str, replicas: int, count: int) -> list[Row]:
    js = bus.jetstream(timeout=10)
    stream = f"BENCH{replicas}"
    await js.add_stream(name=stream, subjects=[f"bench.{replicas}.>"], num_replicas=replicas)
    many, waits = [], []
    for _ in range(TURNS):
        started = time.perf_counter()
        for number in range(0, count, PIECE):
            await asyncio.gather(*(js.publish(f"bench.{replicas}.{number % 100}", DATA) for _ in range(PIECE)))
        many.append((count + PIECE - 1) // PIECE * PIECE / (time.perf_counter() - started))
        for _ in range(count // 20):
            started = time.perf_counter()
            await js.publish(f"bench.{replicas}.one", DATA)
            waits.append((time.perf_counter() - started) * 1e3)
    state = (await js.stream_info(stream)).state
    await js.delete_stream(stream)
    name = f"JetStream, {where}"
    return [
        Row(group=GROUP, name=f"{name}, {PIECE} in flight", value=median(many), unit="messages/s", more=True,
            note=f"{state.bytes / state.messages:.0f} bytes stored for each"),
        Row(group=GROUP, name=f"{name}, one at a time, p50", value=percentile(waits, 0.5), unit="ms"),
        Row(group=GROUP, name=f"{name}, one at a time, p99", value=percentile(waits, 0.99), unit="ms"),
    ]  # fmt: skip


@asynccontextmanager
async def _cluster(world: World) -> AsyncIterator[Client]:
    cluster = Cluster(world.folder / "cluster")
    try:
        await cluster.start()
        bus = await nats.connect(cluster.urls)
        try:
            yield bus
        finally:
            await bus.close()
    finally:
        await cluster.stop()
