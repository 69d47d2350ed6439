"""A steady load for long: the bridge's memory must stay where it is, and nothing may be lost.

The normal run has a short form; ``make bench-soak`` takes ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psutil

from .child import Child
from .orders import FAST
from .report import Plot, Report, Row, Series
from .world import MIB, OUT, Bridge, World, cpu_seconds

RATE = 5_000  # market data messages a second: whole books, quotes and trades, a third each
ORDERS = 5  # commands a second
LONG = 600.0  # seconds
WARM = 0.2  # share of the time that is warm-up
FILL = 22_000  # orders before the ten minutes: a bridge remembers the last 20,000 of an account, some 2 KiB each
FILL_RATE = 250  # a second
FEEDS: dict[str, dict[str, Any]] = {
    "books": {"market_data": ["book"], "kinds": ["book"], "share": 1 / 3},
    "ticks": {"market_data": ["quote", "trade"], "kinds": ["quote", "trade"], "share": 2 / 3},
}
DESK = "desk"
"""Where the orders go. Each feed needs one connection only, so that the simulator keeps its rate exactly."""
STREAMS = ("VB_CMD", "VB_ACCT")


class Sample(NamedTuple):
    """When (s), and the resident memory (MiB) then."""

    at: float
    bridge: float
    server: float


class Outcome(NamedTuple):
    """What went in, what came out, and what became of the memory."""

    seconds: float
    sent: int
    came: int
    orders: int
    accepted: int
    cpu: float
    samples: list[Sample]
    stored: dict[str, tuple[float, float]]


async def short(world: World, *, quick: bool) -> list[Row | Plot]:
    """Forty seconds of it, ten in the quick form."""
    return await soak(world, 10.0 if quick else 40.0)


async def soak(world: World, seconds: float, *, fill: int = 0) -> list[Row | Plot]:
    """Send messages and orders for so long, and look at the memory meanwhile; ``fill`` orders go before."""
    async with (
        world.child("venues") as venues,
        world.child("counter", world.server.url) as counter,
        world.child("trader", world.server.url) as trader,
    ):
        tables = {}
        for name, feed in FEEDS.items():
            tables[name] = {**(await venues.ask("start"))[0], "market_data": feed["market_data"]}
        tables[DESK] = {**(await venues.ask("start"))[0], **FAST, "symbols": []}
        async with world.bridge(tables) as bridge:
            for number, feed in enumerate(FEEDS.values()):
                await venues.ask("subscribed", simulator=number, topics=len(feed["kinds"]))
            if fill:
                await trader.ask("run", venues=[DESK], rate=FILL_RATE, commands=fill, patience=60 + fill / FILL_RATE)
            return _rows(await _load(world, bridge, venues, counter, trader, seconds))


async def _load(world: World, bridge: Bridge, venues: Child, counter: Child, trader: Child, seconds: float) -> Outcome:
    floods = [
        {"simulator": number, "kinds": feed["kinds"], "rate": RATE * feed["share"],
         "frames": round(RATE * feed["share"] * seconds)}
        for number, feed in enumerate(FEEDS.values())
    ]  # fmt: skip
    count = int(ORDERS * seconds)
    await counter.ask("watch", subject="vb.v1.md.*.*.BTC-USD")
    before = {stream: await _state(world, stream) for stream in STREAMS}
    cpu, started = cpu_seconds(bridge.pid), time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        flood = tasks.create_task(venues.ask("flood_all", floods=floods))
        orders = tasks.create_task(trader.ask("run", venues=[DESK], rate=ORDERS, commands=count, patience=30 + seconds))
        samples = []
        while not (flood.done() and orders.done()):
            server = psutil.Process(world.server.pid).memory_info().rss / MIB
            samples.append(Sample(time.monotonic() - started, bridge.rss, server))
            await asyncio.sleep(max(0.2, seconds / 600))
    seconds, cpu = time.monotonic() - started, cpu_seconds(bridge.pid) - cpu
    sent = sum(report["frames"] for report in flood.result())
    came = await counter.ask("read", expected=sent, quiet=2.0)
    stored = {}
    for stream, (messages, size) in before.items():
        now = await _state(world, stream)
        stored[stream] = ((now[0] - messages) / max(count, 1), (now[1] - size) / max(count, 1))
    accepted = sum(status == "accepted" for _, _, _, status in orders.result())
    return Outcome(seconds, sent, came["count"], count, accepted, cpu / seconds, samples, stored)


async def _state(world: World, stream: str) -> tuple[int, int]:
    state = (await world.bus.jetstream().stream_info(stream)).state
    return state.messages, state.bytes


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the straight line that fits the points best (least squares)."""
    at, value = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    spread = sum((x - at) ** 2 for x, _ in points)
    return sum((x - at) * (y - value) for x, y in points) / spread if spread else 0.0


def _rows(outcome: Outcome) -> list[Row | Plot]:
    seconds = outcome.seconds
    group = f"Soak: {RATE:,} messages and {ORDERS} orders a second for {seconds:.0f} s"
    warm = [sample for sample in outcome.samples if sample.at > WARM * seconds]
    tenth = max(1, len(warm) // 10)
    first, last = (sum(sample.bridge for sample in some) / tenth for some in (warm[:tenth], warm[-tenth:]))
    rising = slope([(sample.at, sample.bridge) for sample in warm]) * LONG
    long = seconds >= LONG / 2
    rows: list[Row | Plot] = [
        Row(group=group, name="messages in less messages out", value=abs(outcome.sent - outcome.came), unit="messages",
            target=0.0, note=f"{outcome.came:,} of {outcome.sent:,} came: book, quote, trade"),
        Row(group=group, name="orders not accepted", value=outcome.orders - outcome.accepted, unit="orders", target=0.0,
            note=f"of {outcome.orders:,}"),
        Row(group=group, name="growth of the bridge after warm-up", value=last - first, unit="MiB", target=1.0,
            note=f"last tenth less first tenth; warm-up: {WARM:.0%} of the time"),
        Row(group=group, name="slope of the bridge after warm-up", value=rising, unit="MiB/10 min",
            target=1.0 if long else None, note="least squares" if long else "least squares; too short a time to judge"),
        Row(group=group, name="memory of the bridge, most after warm-up", value=max(s.bridge for s in warm),
            unit="MiB"),
        Row(group=group, name="memory of nats-server at the end", value=warm[-1].server, unit="MiB",
            note=f"after warm-up {warm[0].server:.0f}"),
        Row(group=group, name="CPU of the bridge", value=outcome.cpu * 1e3, unit="ms/s"),
        *(
            Row(group=group, name=f"{stream}, stored for one order", value=size, unit="bytes",
                note=f"{messages:.1f} messages")
            for stream, (messages, size) in outcome.stored.items()
        ),
    ]  # fmt: skip
    step = max(1, len(outcome.samples) // 200)
    some = outcome.samples[::step]
    lines = {"bridge": [s.bridge for s in some], "nats-server": [s.server for s in some]}
    series = [Series(name=name, x=[s.at for s in some], y=ys) for name, ys in lines.items()]
    rows.append(Plot(name="soak", group=group, title="Resident memory under a steady load", x="s", y="MiB",
                     series=series))  # fmt: skip
    return rows


def main() -> int:
    """Run the long form; print its table, write JSON. The status is 1 where a target is not met."""
    parser = argparse.ArgumentParser(prog="make bench-soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=LONG, help="how long (%(default)s)")
    parser.add_argument("--fill", type=int, default=FILL, help="orders before it begins (%(default)s)")
    arguments = parser.parse_args()
    report = asyncio.run(_report(arguments.seconds, arguments.fill))
    sys.stdout.write(report.table() + "\n")
    file = OUT / "soak.json"
    file.write_bytes(report.json())
    sys.stderr.write(f"\nJSON in {file}\n")
    return 1 if any(row.met is False for row in report.rows) else 0


async def _report(seconds: float, fill: int) -> Report:
    report, started = Report(quick=False), time.monotonic()
    async with World.open() as world:
        report.add(await soak(world, seconds, fill=fill))
    report.seconds = time.monotonic() - started
    return report


if __name__ == "__main__":
    sys.exit(main())
