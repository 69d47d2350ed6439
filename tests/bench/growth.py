"""How the bridge's costs grow: with venues, with symbols, with open orders, each at the same feed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from .child import Child
from .report import Plot, Row, Series, median
from .world import Bridge, World, cpu_seconds

RATE = 1600.0
"""Frames a second, all venues and symbols together. Below 2,000 a simulator writes each frame by itself, so that one
venue's socket brings no more of them per read than each of eight venues' sockets does."""
FLAT = 1.5
"""What an event may cost at the largest size, in times of what it costs at the smallest.

Linear total cost is a flat cost per event: 1. What is added is what no program can avoid (more symbols are more memory
to touch, which caches hold less of; more venues are more sockets that are waited for) and the noise of a shared
machine. Any step per symbol, venue or order in an event's way would be hundreds of times here.
"""
GROUP = "Growth at 1,600 quotes/s, all venues and symbols together"
IDLE = 1.5  # seconds over which the cost of standing still is measured
MARKET_DATA = {"book_delta": "book", "quote": "quote", "trade": "trade"}
"""What is subscribed of every symbol, and the simulator's name for it."""


async def by_venues(world: World, *, quick: bool) -> list[Row | Plot]:
    """One venue to eight in one bridge, one symbol each."""
    sizes = await _grow(world, "venues", (1, 8) if quick else (1, 2, 4, 8), quick=quick)
    first, last = sizes[0], sizes[-1]
    each = (last.rss - first.rss) / (last.count - first.count)
    return [
        *_rows(sizes, "venues"),
        Row(group=GROUP, name=f"memory per venue, {first.count} to {last.count}", value=each, unit="MiB"),
        *_plots(sizes, "venues"),
    ]


async def by_symbols(world: World, *, quick: bool) -> list[Row | Plot]:
    """Ten symbols of one venue to five thousand: book deltas, quotes and trades of each are subscribed."""
    sizes = await _grow(world, "symbols", (10, 300) if quick else (10, 100, 1_000, 5_000), quick=quick)
    first, last = sizes[0], sizes[-1]
    each = (last.rss - first.rss) * 1024 / (last.count - first.count)
    return [
        *_rows(sizes, "symbols"),
        *_start_per_symbol(sizes),
        Row(group=GROUP, name=f"memory per symbol, {first.count:,} to {last.count:,}", value=each, unit="KiB",
            note="a book of 50 levels a side, quotes, trades"),
        *_plots(sizes, "symbols"),
    ]  # fmt: skip


class Size:
    """A bridge of some size with all its topics fed once: kept while its likes are measured, so that turns are taken.

    Attributes:
        events: CPU µs per event, a turn each.
        idle: CPU ms per second to which nothing comes.
        rss: resident, MiB, after the first turn.
        ready: seconds from the start of the process.
        cpu: CPU seconds of the bridge until then.
    """

    def __init__(
        self, count: int, simulators: Child, counter: Child, bridge: Bridge, venues: int, symbols: int
    ) -> None:
        self.count = count
        self.events: list[float] = []
        self.idle = self.rss = 0.0
        self.ready = bridge.seconds
        self.cpu = cpu_seconds(bridge.pid)
        self._simulators, self._counter, self._bridge = simulators, counter, bridge
        self._venues, self._symbols = venues, symbols

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, world: World, counter: Child, what: str, count: int) -> AsyncIterator[Size]:
        """Start it, with ``count`` of venues or symbols."""
        venues, symbols = (count, 1) if what == "venues" else (1, count)
        async with world.child("venues") as simulators:
            tables = {}
            for number in range(venues):
                table = (await simulators.ask("start", symbol_count=symbols))[0]
                del table["api_key"], table["api_secret"]
                tables[f"{what}{count}n{number}"] = {**table, "market_data": list(MARKET_DATA)}
            async with world.bridge(tables, spool_dir=str(world.folder / f"{what}{count}")) as bridge:
                for number in range(venues):
                    await simulators.ask("subscribed", simulator=number, topics=len(MARKET_DATA) * symbols)
                size = cls(count, simulators, counter, bridge, venues, symbols)
                for kind, name in MARKET_DATA.items():
                    await size.feed(kind, frames=symbols, kinds=[name])
                size.idle = await size._idle()
                yield size

    async def turn(self, seconds: float) -> None:
        """Measure what an event costs at `RATE`."""
        before = cpu_seconds(self._bridge.pid)
        frames, rate = int(RATE * seconds / self._venues), RATE / self._venues
        # Quotes: a simulator's last delta of each symbol tells the whole book, so many symbols would get larger ones.
        came = await self.feed("quote", frames=frames, rate=rate, kinds=["quote"])
        self.events.append((cpu_seconds(self._bridge.pid) - before) / came * 1e6)
        self.rss = self.rss or self._bridge.rss

    async def feed(self, kind: str, **plan: Any) -> int:
        """Have every simulator send; return how many events came out.

        Raises:
            RuntimeError: fewer than frames were sent.
        """
        await self._counter.ask("watch", subject=f"vb.v1.md.*.{kind}.>")
        floods = [{"simulator": number, "symbol_count": self._symbols, **plan} for number in range(self._venues)]
        sent = sum(report["frames"] for report in await self._simulators.ask("flood_all", floods=floods))
        came = int((await self._counter.ask("read", expected=sent, quiet=3.0))["count"])
        if not came or came < sent:
            raise RuntimeError(f"{came} of {sent} events of {kind} came")
        return came

    async def _idle(self) -> float:
        before = cpu_seconds(self._bridge.pid)
        await asyncio.sleep(IDLE)
        return (cpu_seconds(self._bridge.pid) - before) / IDLE * 1e3


async def _grow(world: World, what: str, counts: tuple[int, ...], *, quick: bool) -> list[Size]:
    """Open all sizes side by side and measure them in turns; those whose turn it is not stand idle."""
    async with contextlib.AsyncExitStack() as stack:
        counter = await stack.enter_async_context(world.child("counter", world.server.url))
        sizes = [await stack.enter_async_context(Size.open(world, counter, what, count)) for count in counts]
        for _ in range(2 if quick else 3):
            for size in sizes:
                await size.turn(1.0 if quick else 1.5)
    return sizes


def _rows(sizes: list[Size], what: str) -> list[Row]:
    first, last = sizes[0], sizes[-1]
    beside = f"with {first.count:,}"
    return [
        Row(group=GROUP, name=f"CPU per event with {last.count:,} {what}", value=median(last.events), unit="µs",
            beside=median(first.events), against=beside, target=FLAT, judged="ratio",
            ratio=median(many / few for many, few in zip(last.events, first.events, strict=True))),
        Row(group=GROUP, name=f"idle with {last.count:,} {what}", value=last.idle, unit="CPU ms/s", beside=first.idle,
            against=beside),
        Row(group=GROUP, name=f"resident with {last.count:,} {what}", value=last.rss, unit="MiB", beside=first.rss,
            against=beside),
        Row(group=GROUP, name=f"start until {last.count:,} {what} are ready", value=last.ready, unit="s",
            beside=first.ready, against=beside),
    ]  # fmt: skip


def _start_per_symbol(sizes: list[Size]) -> list[Row]:
    """Return the CPU that a symbol adds to the start among many, beside that among few; nothing of two sizes."""
    if len(sizes) < 3:
        return []
    few, many, most = sizes[0], sizes[-2], sizes[-1]
    among_few = (many.cpu - few.cpu) / (many.count - few.count) * 1e3
    among_many = (most.cpu - many.cpu) / (most.count - many.count) * 1e3
    return [
        Row(group=GROUP, name=f"CPU of the start per symbol, {many.count:,} to {most.count:,}",
            value=among_many, unit="ms",
            beside=among_few, against=f"from {few.count:,} to {many.count:,}", ratio=among_many / among_few,
            target=FLAT, judged="ratio")
    ]  # fmt: skip


def _plots(sizes: list[Size], what: str) -> list[Plot]:
    x = [float(size.count) for size in sizes]
    drawn = {
        "cpu": ("CPU of the bridge per event", "µs per event", [median(size.events) for size in sizes]),
        "memory": ("Resident memory of the bridge", "MiB", [size.rss for size in sizes]),
        "start": ("From the start of the process until ready", "s", [size.ready for size in sizes]),
    }
    return [
        Plot(name=f"{what}-{name}", group=GROUP, title=f"{title}, by {what}", x=what, y=unit,
             series=[Series(name=title, x=x, y=y)])
        for name, (title, unit, y) in drawn.items()
    ]  # fmt: skip
