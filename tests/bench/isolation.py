"""What a process of its own costs a venue: beside the same venue in the bridge's loop, in turns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
from nats.aio.msg import Msg

from .child import Child
from .orders import FAST, Desk, Way
from .report import Row, median, percentile
from .world import MIB, Bridge, World

WAYS = ("loop", "process")
GROUP = "A venue in a process of its own, beside one in the loop"


async def costs(world: World, *, quick: bool) -> list[Row]:
    """Orders at 50 commands a second, a flood of book deltas, memory, start and restart."""
    turns = 1 if quick else 3
    orders: dict[str, list[Way]] = {way: [] for way in WAYS}
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    starts: dict[str, list[float]] = {way: [] for way in WAYS}
    restarts: list[float] = []
    memory: list[tuple[float, float, float]] = []
    async with (
        world.child("venues") as venues,
        world.child("trader", world.server.url) as trader,
        world.child("counter", world.server.url) as counter,
    ):
        table = (await venues.ask("start"))[0]
        for _ in range(turns):
            for way in WAYS:
                async with _bridge(world, table, way, market_data=["quote"]) as bridge:
                    starts[way].append(bridge.seconds)
                    desk = Desk(trader, venues, ["desk"], bridge)
                    await desk.run(50, 1)
                    orders[way] += await desk.run(50, 4 if quick else 10)
                    if way == "process":
                        memory.append(_memory(bridge))
                        restarts.append(await _restart(world, bridge))
                async with _bridge(world, table, way, market_data=["book_delta"]):
                    await venues.ask("subscribed", simulator=0, topics=1)
                    rates[way].append(await _flood(venues, counter, 10_000 if quick else 40_000))
    return [*_latency(orders), *_others(rates, starts, restarts, memory)]


@contextlib.asynccontextmanager
async def _bridge(world: World, table: dict[str, Any], way: str, market_data: list[str]) -> AsyncIterator[Bridge]:
    async with world.bridge({"desk": {**table, **FAST, "isolation": way, "market_data": market_data}}) as bridge:
        yield bridge


async def _flood(venues: Child, counter: Child, frames: int) -> float:
    await counter.ask("watch", subject="vb.v1.md.desk.book_delta.>", stamps=False)
    flood = await venues.ask("flood", simulator=0, frames=frames, kinds=["book"], rate=None, record=False)
    came = await counter.ask("read", expected=frames, quiet=1.0)
    return float(came["count"] / ((came["last_ns"] - flood["started_ns"]) / 1e9))


def _memory(bridge: Bridge) -> tuple[float, float, float]:
    [child] = psutil.Process(bridge.pid).children()
    full = child.memory_full_info()
    return bridge.rss, full.rss / MIB, full.uss / MIB


async def _restart(world: World, bridge: Bridge) -> float:
    """Kill the venue's process; return the seconds until the venue is ready again."""
    ready = asyncio.Event()

    async def heard(msg: Msg) -> None:
        if b'"state":"ready"' in msg.data:
            ready.set()

    subscription = await world.bus.subscribe("vb.v1.sys.desk.session", cb=heard)
    await world.bus.request("$JS.API.INFO", b"")
    [child] = psutil.Process(bridge.pid).children()
    started = time.perf_counter()
    os.kill(child.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        await ready.wait()
    await subscription.unsubscribe()
    return time.perf_counter() - started


def _latency(orders: dict[str, list[Way]]) -> list[Row]:
    rows = []
    for share in (0.5, 0.99):
        for what in ("first_byte", "result"):
            loop, process = (percentile([getattr(order, what) for order in orders[way]], share) for way in WAYS)
            to = "first byte at the venue" if what == "first_byte" else "result"
            note = f"in the loop {loop:.2f}"
            name = f"p{share * 100:.0f} from publish to {to}"
            rows.append(Row(group=GROUP, name=name, value=process, unit="ms", note=note))
    lost = sum(not order.accepted for way in WAYS for order in orders[way])
    rows.append(Row(group=GROUP, name="not accepted", value=lost, unit="commands", target=0.0))
    return rows


def _others(
    rates: dict[str, list[float]],
    starts: dict[str, list[float]],
    restarts: list[float],
    memory: list[tuple[float, float, float]],
) -> list[Row]:
    bridge, resident, own = (median(numbers) for numbers in zip(*memory, strict=True))
    return [
        Row(group=GROUP, name="book deltas", value=median(rates["process"]), unit="events/s",
            note=f"in the loop {median(rates['loop']):,.0f}"),
        Row(group=GROUP, name="start of the bridge until ready", value=median(starts["process"]), unit="s",
            note=f"in the loop {median(starts['loop']):.2f}"),
        Row(group=GROUP, name="from kill -9 of the process until ready again", value=median(restarts), unit="s",
            target=10.0),
        Row(group=GROUP, name="memory of the process, resident", value=resident, unit="MiB"),
        Row(group=GROUP, name="of it shared with nobody", value=own, unit="MiB"),
        Row(group=GROUP, name="memory of the bridge beside it, resident", value=bridge, unit="MiB"),
    ]  # fmt: skip
