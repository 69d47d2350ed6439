"""Commands: from the publish on NATS to the first byte at the venue's socket, and to the result."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import psutil

from .child import Child
from .report import Row, percentile
from .world import Bridge, World, cpu_seconds

FAST = {"orders_per_second": 1_000_000, "market_data": ["quote"]}


class Way(NamedTuple):
    """One command: ms from its publication to the first byte at the venue's socket, and to its result."""

    accepted: bool
    first_byte: float
    result: float


class Desk:
    """A trader, a bridge with some venues, and one simulator with an account for each."""

    def __init__(self, trader: Child, venues: Child, names: list[str], bridge: Bridge) -> None:
        self._trader = trader
        self._bridge = bridge
        self._venues = venues
        self._names = names

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, world: World, accounts: int) -> AsyncIterator[Desk]:
        """Start everything and wait until it is ready."""
        async with world.child("venues") as venues, world.child("trader", world.server.url) as trader:
            tables = await venues.ask("start", users=accounts)
            names = [f"desk{number}" for number in range(accounts)]
            venues_by_name = {name: {**table, **FAST} for name, table in zip(names, tables, strict=True)}
            async with world.bridge(venues_by_name) as bridge, world.bare(tables[0]):
                yield cls(trader, venues, names, bridge)

    @property
    def cpu(self) -> float:
        """CPU seconds that the bridge has used."""
        return cpu_seconds(self._bridge.pid)

    def part(self) -> bool:
        """Keep the bridge to one core and all that the bench adds (venues, trader, NATS) to the others.

        Tells whether that could be done. Otherwise they push each other off their cores, and it is that which is
        measured: on two cores the bridge and the rest need 0.9 of a core each.
        """
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if len(cores) < 2:
            return False
        for process in psutil.Process().children(recursive=True):
            mine = cores[:1] if process.pid == self._bridge.pid else cores[1:]
            for thread in process.threads():
                os.sched_setaffinity(thread.id, mine)
        return True

    async def run(self, rate: float, seconds: float, *, bare: bool = False) -> list[Way]:
        """Send orders to the bridge or the bare script; return what became of each, in the order of publication."""
        to = {"venues": ["bare"], "root": "bare.v1"} if bare else {"venues": self._names}
        rows: list[list[Any]] = await self._trader.ask(
            "run", **to, rate=rate, commands=int(rate * seconds), patience=10 + seconds
        )
        bytes_at = await self._venues.ask("first_bytes")
        return [
            Way(
                accepted=status == "accepted" and key in bytes_at,
                first_byte=(bytes_at.get(key, ended or 0) - at) / 1e6,
                result=((ended or 0) - at) / 1e6,
            )
            for key, at, ended, status in rows
        ]


async def latency(world: World, *, quick: bool) -> list[Row]:
    """50 commands a second to one account, in turns with the bare script."""
    turns, seconds = (2, 3) if quick else (5, 4)
    async with Desk.open(world, 1) as desk:
        ways: list[Way] = []
        bare: list[Way] = []
        for turn in range(turns + 1):
            for kept in (bare, ways):
                some = await desk.run(50, seconds if turn else 1, bare=kept is bare)
                kept += some if turn else []
    group = "Orders at 50 commands/s, one account, R1 file storage"
    if world.sync == "always":
        group += ", every message synced to the disk"
    rows = []
    for what, end in (("first_byte", "first byte at the venue"), ("result", "result")):
        for share, limit in ((0.5, 3.0), (0.99, 10.0)):
            own, other = (percentile((getattr(way, what) for way in some), share) for some in (ways, bare))
            name = f"p{share * 100:.0f} from publish to {end}"
            if what == "first_byte":
                rows.append(Row(group=group, name=name, value=own, unit="ms", target=limit))
                name += ", beside the bare script"
            rows.append(Row(group=group, name=name, value=own, unit="ms", beside=other, against="script",
                            ratio=own / other, target=2.5 if share == 0.5 else None, judged="ratio"))  # fmt: skip
    return [*rows, _lost(group, [*ways, *bare])]


async def sustained(world: World, *, quick: bool) -> list[Row]:
    """500 commands a second over ten accounts: the latency of the last third beside that of the first."""
    async with Desk.open(world, 10) as desk:
        alone = desk.part()
        await desk.run(100, 1)
        before = desk.cpu
        ways = await desk.run(500, 6 if quick else 10)
        cpu = (desk.cpu - before) / len(ways) * 1e3
    third = len(ways) // 3
    firsts = [way.first_byte for way in ways]
    group = "Orders at 500 commands/s over 10 accounts" + (", the bridge on a core of its own" if alone else "")
    # Published at number / 500 s, so that is when each came to its end.
    ends = [number / 500 + way.result / 1e3 for number, way in enumerate(ways) if way.accepted]
    growth = percentile(firsts[-third:], 0.5) / percentile(firsts[:third], 0.5)
    return [
        Row(group=group, name="p50 from publish to first byte", value=percentile(firsts, 0.5), unit="ms"),
        Row(group=group, name="p99 from publish to first byte", value=percentile(firsts, 0.99), unit="ms"),
        Row(group=group, name="p50 of the last third to that of the first", value=growth, unit="times", target=1.5),
        Row(group=group, name="p99 from publish to result", value=percentile((w.result for w in ways), 0.99),
            unit="ms"),
        Row(group=group, name="accepted per second until the last result", value=len(ends) / max(ends, default=1.0),
            unit="commands/s"),
        Row(group=group, name="CPU of the bridge, ten sessions' market data included", value=cpu, unit="ms/command"),
        _lost(group, ways),
    ]  # fmt: skip


def _lost(group: str, ways: list[Way]) -> Row:
    return Row(group=group, name=f"not accepted, of {len(ways):,}", value=sum(not way.accepted for way in ways),
               unit="commands", target=0.0)  # fmt: skip
