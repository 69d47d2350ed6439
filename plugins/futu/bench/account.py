"""Order pushes of OpenD on their way to the ledger: how many a second are durably on ``VB_ACCT``."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from nats.js import JetStreamContext

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

from opend_processes import flat, opends  # noqa: E402

from tests.bench.report import Row, median  # noqa: E402
from tests.bench.world import World, cpu_seconds  # noqa: E402

GROUP = "OpenD (Futu, moomoo)"
PATIENCE = 10.0  # seconds in which at least one more event must have come


async def ledger(world: World, *, quick: bool) -> list[Row]:
    """Orders placed elsewhere, each pushed once: rate until the last is stored, and what the bridge needs for each."""
    count, turns = (4_000, 2) if quick else (15_000, 3)
    rates: list[float] = []
    costs: list[float] = []
    async with opends() as source:
        table = flat({**await source.ask("start"), "symbols": [], "market_data": []})
        async with world.bridge({"futu": table}) as bridge:
            await source.ask("clients", what="order", count=1)
            stream = world.bus.jetstream()
            for turn in range(turns + 1):
                before, cpu = await stored(stream), cpu_seconds(bridge.pid)
                flood = await source.ask("flood", what="order", count=count)
                await reached(stream, before + count)
                seconds = (time.time_ns() - flood["started_ns"]) / 1e9
                if turn:
                    rates.append(count / seconds)
                    costs.append((cpu_seconds(bridge.pid) - cpu) / count * 1e6)
    return [
        Row(group=GROUP, name="order pushes → VB_ACCT, durably", value=median(rates), unit="events/s", more=True),
        Row(group=GROUP, name="order pushes → VB_ACCT, CPU of the process", value=median(costs), unit="µs/event"),
    ]


async def stored(stream: JetStreamContext) -> int:
    """Return how many messages are on the account stream."""
    return (await stream.stream_info("VB_ACCT")).state.messages


async def reached(stream: JetStreamContext, wanted: int) -> None:
    """Wait until that many messages are stored.

    Raises:
        RuntimeError: no more came for `PATIENCE` seconds: the venue or the bridge has stopped.
    """
    seen, since = -1, time.monotonic()
    while (now := await stored(stream)) < wanted:
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise RuntimeError(f"{wanted - now:,} order pushes are not on VB_ACCT, and none came for {PATIENCE:g} s")
        await asyncio.sleep(0.005)


PARTS = {"futu-ledger": ledger}
"""For the repository's own bench: name → ``await part(world, quick=…)``, which returns rows."""
