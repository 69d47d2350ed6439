"""Memory of the bridge's process: idle, with many books, and in a flood that NATS does not take."""

from __future__ import annotations

from typing import Any

from venuebus.configuration.settings import BusConfig

from .report import Row
from .world import Bridge, World

GROUP = "Memory of the bridge"
STALL_FRAMES = 100_000


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
    """NATS stands still while the venue sends as fast as it can: twice as much must not need more memory."""
    bus = BusConfig()
    async with world.child("venues") as venues, world.child("counter", world.server.url) as counter:
        table = (await venues.ask("start"))[0]
        async with world.bridge({"flooded": {**table, "market_data": ["book_delta", "quote"]}}) as bridge:
            await venues.ask("subscribed", simulator=0, topics=2)
            await _deltas(venues, counter, 20_000)
            before = bridge.peak
            for _ in range(1 if quick else 6):  # until every buffer has been full once
                filled = await _stall(world, venues, bridge, 1)
            twice = await _stall(world, venues, bridge, 2)
            after = await _deltas(venues, counter, 5_000)
    if not after:
        raise RuntimeError("no delta came after the stall")
    return [
        Row(group=GROUP, name=f"growth by stalls of NATS, {STALL_FRAMES:,} deltas each", value=filled - before,
            unit="MiB", note=f"outbox_max = {bus.outbox_max:,}"),
        Row(group=GROUP, name="further growth, a stall with twice as many deltas", value=twice - filled, unit="MiB",
            target=10.0),
    ]  # fmt: skip


async def _stall(world: World, venues: Any, bridge: Bridge, times: int) -> float:
    with world.stalled():
        await venues.ask("flood", simulator=0, frames=STALL_FRAMES * times)
        peak = bridge.peak
    await world.bus.request("$JS.API.INFO", b"", timeout=10)
    return peak


async def _deltas(venues: Any, counter: Any, frames: int) -> int:
    await counter.ask("watch", subject="vb.v1.md.flooded.book_delta.>")
    await venues.ask("flood", simulator=0, frames=frames)
    return int((await counter.ask("read", expected=frames, quiet=1.0))["count"])
