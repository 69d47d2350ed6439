"""One configuration, many processes: eight venues at equal feeds, in one process and shared out to several.

They are shared out in two ways: bridges that each run a part of the file (``venuebus run FILE --venue …``, as pods do),
and ``isolation = "process"``. How well that scales shows in CPU time, not in events per second: simulators, NATS and
the subscriber need the same cores. Where N processes need no more CPU time for an event than one, N cores take N times
as much.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal, NamedTuple

import psutil

from .child import Child
from .report import Plot, Row, Series, median
from .world import MIB, World, cpu_seconds

GROUP = "Eight venues shared out to processes"
KINDS = {"book": "book_delta", "quote": "quote", "trade": "trade"}
NAMES = [f"part{number}" for number in range(8)]
STEADY = 1_000  # quotes and trades a second and venue
IDLE = 2.0  # seconds
Way = Literal["bridges", "isolation"]
WAYS: dict[Way, str] = {"bridges": "run --venue", "isolation": 'isolation = "process"'}


class Cost(NamedTuple):
    """What a way of running all venues costs; CPU is that of all processes together.

    Attributes:
        together: µs per event, all venues at once as fast as they are taken.
        turns: the same, the venues of one process after those of the other, so that each has a core to itself; for the
            smallest and the largest number of processes only, as are ``idle`` and ``server``.
        steady: µs per event, all venues at once at a rate that is far from full.
        memory: MiB, pages that several processes share counted once.
        idle: ms of CPU a second while nothing happens.
        server: the same of nats-server.
    """

    together: float
    turns: float
    steady: float
    memory: float
    idle: float
    server: float


class Desk(NamedTuple):
    """What sends and what counts."""

    world: World
    venues: Child
    counter: Child


async def processes(world: World, *, quick: bool) -> list[Row | Plot]:
    """Run the eight venues in 1, 2, 4 and 8 processes, in both ways, and the one process again at the end."""
    sizes, frames = ((2, 8), 2_000) if quick else ((2, 4, 8), 6_000)
    costs: dict[Way, dict[int, Cost]] = {"bridges": {}, "isolation": {}}
    rates: dict[int, list[float]] = {1: [], 2: []}
    async with world.child("venues") as venues, world.child("counter", world.server.url) as counter:
        desk = Desk(world, venues, counter)
        for _ in NAMES:
            await venues.ask("start")
        first = await _cost(desk, "bridges", 1, frames)
        for way, kept in costs.items():
            for size in sizes:
                kept[size] = await _cost(desk, way, size, frames)
        last = await _cost(desk, "bridges", 1, frames)
        lonely, sizes_by_kind = await _lonely(desk)
        for _ in range(1 if quick else 2):
            for count, some in rates.items():
                some.append(await _rate(desk, count, frames))
    one = Cost(*(sum(pair) / 2 for pair in zip(first, last, strict=True)))
    return [
        *_efficiency(one, costs), *_throughput(rates), *_memory(lonely, one, costs), *_idle(one, costs),
        *(
            Row(group=GROUP, name=f"{kind}, on the bus", value=size, unit="bytes")
            for kind, size in sizes_by_kind.items()
        ),
        _plot(one, costs),
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def _running(desk: Desk, way: Way, count: int) -> AsyncIterator[list[int]]:
    """Run the venues in so many processes, ``count`` being all there are; yield their ids."""
    tables = {}
    for name, table in zip(NAMES, await desk.venues.ask("tables"), strict=True):
        tables[name] = {**table, "market_data": list(KINDS.values())}
    parts = [[NAMES[venue] for venue in _share(way, process, count)] for process in range(count)]
    if way == "isolation":
        parts = [[]]
        for name in NAMES[1:count]:  # the bridge itself is one of the processes
            tables[name]["isolation"] = "process"
    async with desk.world.bridges(tables, parts) as bridges:
        for number in range(len(NAMES)):
            await desk.venues.ask("subscribed", simulator=number, topics=len(KINDS))
        pids = [bridge.pid for bridge in bridges]
        pids += [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]
        if len(pids) != count:
            raise RuntimeError(f"{len(pids)} processes run, {count} expected")
        yield pids


def _share(way: Way, process: int, count: int) -> list[int]:
    """Return the numbers of the venues that one of the processes runs."""
    if way == "bridges":
        return list(range(process, len(NAMES), count))
    return [0, *range(count, len(NAMES))] if process == 0 else [process]


async def _cost(desk: Desk, way: Way, count: int, frames: int) -> Cost:
    everyone = list(range(len(NAMES)))
    # What only the smallest and the largest number tell is measured there.
    ends = count in (1, len(NAMES))
    parts, idle = [_share(way, process, count) for process in range(count)] if ends else [], IDLE if ends else 0.1
    async with _running(desk, way, count) as pids:
        server = desk.world.server.pid or 0
        await _flood(desk, pids, everyone, frames // 4, None)
        together, turns = [], []
        for _ in range(2):
            together.append((await _flood(desk, pids, everyone, frames, None))[0])
            alone = [(await _flood(desk, pids, part, frames, None))[0] * len(part) for part in parts]
            turns.append(sum(alone) / len(NAMES))
        steady, _ = await _flood(desk, pids, everyone, STEADY, STEADY)
        memory = sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / MIB
        cpu, cpu_server = _cpu(pids), cpu_seconds(server)
        await asyncio.sleep(idle)
        return Cost(
            together=min(together), turns=min(turns), steady=steady, memory=memory,
            idle=(_cpu(pids) - cpu) / idle * 1e3, server=(cpu_seconds(server) - cpu_server) / idle * 1e3,
        )  # fmt: skip


async def _lonely(desk: Desk) -> tuple[float, dict[str, float]]:
    """Return the memory of a bridge with one venue, and the bytes of one event of each kind."""
    table = (await desk.venues.ask("tables"))[0]
    sizes = {}
    async with desk.world.bridge({NAMES[0]: {**table, "market_data": [*KINDS.values(), "book"]}}) as bridge:
        await desk.venues.ask("subscribed", simulator=0, topics=len(KINDS))
        for kind in (*KINDS.values(), "book"):
            subscription = await desk.world.bus.subscribe(f"vb.v1.md.{NAMES[0]}.{kind}.>")
            await desk.world.bus.request("$JS.API.INFO", b"")
            frame = next((frame for frame, made in KINDS.items() if made == kind), "book")
            await desk.venues.ask("flood", simulator=0, frames=100, kinds=[frame])
            sizes[kind] = median([len((await subscription.next_msg(timeout=5)).data) for _ in range(50)])
            await subscription.unsubscribe()
        return psutil.Process(bridge.pid).memory_full_info().pss / MIB, sizes


async def _flood(
    desk: Desk, pids: Iterable[int], simulators: Sequence[int], frames: int, rate: float | None
) -> tuple[float, float]:
    """Send ``frames`` of some venues at once; return µs of CPU per event, and events a second.

    Raises:
        RuntimeError: nothing came, or not all of it at a rate that is given.
    """
    kinds = [kind for kind in KINDS if not rate or kind != "book"]  # these have one connection, so the rate is exact
    floods = [{"simulator": number, "frames": frames, "kinds": kinds, "rate": rate} for number in simulators]
    await desk.counter.ask("watch", subject="vb.v1.md.>")
    before = _cpu(pids)
    reports = await desk.venues.ask("flood_all", floods=floods)
    sent = sum(report["frames"] for report in reports)
    came = await desk.counter.ask("read", expected=sent, quiet=1.0)
    if came["count"] < (sent if rate else 1):
        raise RuntimeError(f"{came['count']} of {sent} events came")
    started = min(report["started_ns"] for report in reports)
    return (_cpu(pids) - before) / came["count"] * 1e6, came["count"] / ((came["last_ns"] - started) / 1e9)


async def _rate(desk: Desk, count: int, frames: int) -> float:
    """Return events a second, as fast as they are taken, each process on a core of its own as far as there are any."""
    async with _running(desk, "bridges", count) as pids:
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            for number, pid in enumerate(pids):
                for thread in psutil.Process(pid).threads():
                    os.sched_setaffinity(thread.id, {cores[number % len(cores)]})
        everyone = list(range(len(NAMES)))
        await _flood(desk, pids, everyone, frames // 4, None)
        return (await _flood(desk, pids, everyone, frames, None))[1]


def _cpu(pids: Iterable[int]) -> float:
    return sum(cpu_seconds(pid) for pid in pids)


def _efficiency(one: Cost, costs: dict[Way, dict[int, Cost]]) -> list[Row]:
    most = len(NAMES)
    rows = [
        _row(f"CPU, {count} processes, {WAYS[way]}", one.together, cost.together, "as fast as they are taken")
        for way, kept in costs.items() for count, cost in kept.items()
    ]  # fmt: skip
    for way, kept in costs.items():
        rows.append(_row(f"CPU, {most} processes, one after the other, {WAYS[way]}", one.turns, kept[most].turns,
                         "each with a core to itself"))  # fmt: skip
    rows.append(_row(f"CPU, {most} processes, {WAYS['bridges']}", one.steady, costs["bridges"][most].steady,
                     f"{STEADY * most:,} quotes and trades a second in all"))  # fmt: skip
    return rows


def _row(name: str, one: float, some: float, note: str) -> Row:
    return Row(group=GROUP, name=name, value=some, unit="µs/event", beside=one, against="one process", ratio=one / some,
               target=0.8, judged="ratio", more=True,
               note=f"ratio: one to all; {note}; the better of two turns")  # fmt: skip


def _memory(lonely: float, one: Cost, costs: dict[Way, dict[int, Cost]]) -> list[Row]:
    most = len(NAMES)
    return [
        Row(group=GROUP, name="memory, all venues in one process", value=one.memory, unit="MiB"),
        Row(group=GROUP, name="memory of every further venue in it", value=(one.memory - lonely) / (most - 1),
            unit="MiB", note=f"one venue alone: {lonely:.0f} MiB"),
        *(
            Row(group=GROUP, name=f"memory of every further process, {WAYS[way]}",
                value=(kept[most].memory - one.memory) / (most - 1), unit="MiB", note="shared pages counted once")
            for way, kept in costs.items()
        ),
    ]  # fmt: skip


def _idle(one: Cost, costs: dict[Way, dict[int, Cost]]) -> list[Row]:
    most = costs["bridges"][len(NAMES)]
    return [
        Row(group=GROUP, name="CPU while nothing happens, one process", value=one.idle, unit="ms/s"),
        Row(group=GROUP, name=f"the same, {len(NAMES)} processes, {WAYS['bridges']}", value=most.idle, unit="ms/s"),
        Row(group=GROUP, name="CPU of nats-server meanwhile", value=one.server, unit="ms/s",
            note=f"{len(NAMES)} processes: {most.server:.3g}"),
    ]  # fmt: skip


def _throughput(rates: dict[int, list[float]]) -> list[Row]:
    pairs = list(zip(rates[1], rates[2], strict=True))
    return [
        Row(group=GROUP, name="as fast as they are taken, two processes", value=median(rates[2]), unit="events/s",
            beside=median(rates[1]), against="one process", ratio=median(two / one for one, two in pairs), more=True,
            note=f"{os.cpu_count()} cores in all; simulators, NATS and subscriber need them, too")
    ]  # fmt: skip


def _plot(one: Cost, costs: dict[Way, dict[int, Cost]]) -> Plot:
    counts = [1, *costs["bridges"]]
    series = [Series(name="linear", x=[float(count) for count in counts], y=[float(count) for count in counts])]
    for way, kept in costs.items():
        ys = [1.0, *(count * one.together / cost.together for count, cost in kept.items())]
        series.append(Series(name=WAYS[way], x=[float(count) for count in counts], y=ys))
    return Plot(name="scale", group=GROUP, title="Eight venues: what N processes take, each with a core of its own",
                x="processes", y="times what one takes, by CPU per event", series=series)  # fmt: skip
