"""Memory of the bridge's process: idle, with many books, and in a flood that NATS does not take."""

from __future__ import annotations

import asyncio
from typing import Any

from nats.aio.msg import Msg
from venuebus.configuration.settings import BusConfig
from venuebus_schemas import StreamNames

from .report import Row
from .world import Bridge, World

GROUP = "Memory of the bridge"
VENUE = "flooded"
STALL_FRAMES = 80_000
STALLS = 12  # at most, until the memory is as large as it gets
CALM = 2  # stalls in a row that must have added nothing


async def sizes(world: World, *, quick: bool) -> list[Row]:
    """One venue without a symbol; 200 symbols with their books, quotes and trades."""
    count = 50 if quick else 200
    async with world.child("venues") as venues, world.child("counter", world.server.url) as counter:
        table = (await venues.ask("start", symbol_count=200))[0]
        async with world.bridge({"idle": {**table, "symbols": [], "market_data": []}}) as bridge:
            idle = bridge.peak
        names = table["symbols"][:count]
        async with world.bridge({"full": {**table, "symbols": names}}) as bridge:
            await venues.ask("subscribed", simulator=0, topics=3 * count)
            await counter.ask("watch", subject="vb.v1.md.full.book.>")
            await venues.ask("flood", simulator=0, symbol_count=count, frames=20 * count)
            came = await counter.ask("read", expected=20 * count, quiet=1.0)
            full = bridge.peak
        if not came["count"]:
            raise RuntimeError("no book came")
    return [
        Row(group=GROUP, name="peak, one venue, no symbols", value=idle, unit="MiB"),
        Row(group=GROUP, name=f"peak, {count} symbols, 50 levels a side, updated 20 times", value=full, unit="MiB",
            target=150.0),
    ]  # fmt: skip


async def flood(world: World, *, quick: bool) -> list[Row]:
    """NATS stands still while the venue sends as fast as it can: twice as much must not need more memory.

    The peak of one stall is no measure of what is bounded: how full each buffer is (what leaves, what is held, the
    client, its socket) when the others are, and what a copy between two of them meets, differs from stall to stall. So
    stalls are repeated until they add nothing, and only then one twice as long is looked at.
    """
    bus = BusConfig()
    async with world.child("venues") as venues, world.child("counter", world.server.url) as counter:
        table = (await venues.ask("start"))[0]
        async with world.bridge({VENUE: {**table, "market_data": ["book_delta", "quote"]}}) as bridge:
            await venues.ask("subscribed", simulator=0, topics=2)
            await _deltas(venues, counter, 20_000)
            peaks = [bridge.peak]
            while len(peaks) <= STALLS and not _is_settled(peaks):
                peaks.append(await _stall(world, venues, bridge, 1))
            twice = max([await _stall(world, venues, bridge, 2) for _ in range(1 if quick else 2)])
            after = await _deltas(venues, counter, 5_000)
    if not after:
        raise RuntimeError("no delta came after the stall")
    return [
        Row(group=GROUP, name=f"growth by stalls of NATS, {STALL_FRAMES:,} deltas each", value=peaks[-1] - peaks[0],
            unit="MiB", note=f"outbox_max = {bus.outbox_max:,}; {len(peaks) - 1} stalls until nothing was added"),
        Row(group=GROUP, name="further growth, a stall with twice as many deltas", value=twice - peaks[-1], unit="MiB",
            target=10.0),
    ]  # fmt: skip


def _is_settled(peaks: list[float]) -> bool:
    """Tell whether the last `CALM` stalls have added less than a MiB together."""
    return len(peaks) > CALM + 1 and peaks[-1] - peaks[-1 - CALM] < 1.0


async def _stall(world: World, venues: Any, bridge: Bridge, times: int) -> float:
    """Return the peak after a stall that the whole flood fell into.

    Raises:
        RuntimeError: the bridge's session ended each time: NATS stood still for longer than its lease lives.
    """
    frames = STALL_FRAMES * times
    for _ in range(3):
        await venues.ask("subscribed", simulator=0, topics=2)
        await _renewed(world)
        with world.stalled():
            flood = await venues.ask("flood", simulator=0, frames=frames)
            peak = bridge.peak
        await world.bus.request("$JS.API.INFO", b"", timeout=10)
        if flood["frames"] == frames:
            return peak
    raise RuntimeError(f"the bridge took {flood['frames']:,} of {frames:,} deltas")


async def _renewed(world: World) -> None:
    """Wait until the bridge has just renewed its lease, which several stalls in a row would cost it otherwise."""
    renewal = asyncio.Event()

    async def heard(msg: Msg) -> None:
        renewal.set()

    subscription = await world.bus.subscribe(f"$KV.{StreamNames().bucket}.lease.{VENUE}.main", cb=heard)
    async with asyncio.timeout(10):
        await renewal.wait()
    await subscription.unsubscribe()


async def _deltas(venues: Any, counter: Any, frames: int) -> int:
    await counter.ask("watch", subject=f"vb.v1.md.{VENUE}.book_delta.>")
    await venues.ask("flood", simulator=0, frames=frames)
    return int((await counter.ask("read", expected=frames, quiet=1.0))["count"])
