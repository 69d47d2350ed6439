"""Ticks from the gateway's socket, through a bridge, to a subscriber, beside the plain relay.

A tick becomes an event of each kind that is wanted: quote, book, ticker. The simulated gateways are a process of their
own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from venuebus_ctp.market import TickConverter
from venuebus_ctp.messages import Depth
from venuebus_ctp.protocol import MdProtocol
from venuebus_ctp.simulator import CtpSimulator

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.bench.child import LINE, Child  # noqa: E402
from tests.bench.report import Row, median, percentile  # noqa: E402
from tests.bench.world import World, cpu_seconds  # noqa: E402

GROUP = "CTP through webctp"
CONTRACTS = 2_000
RATE = 16_000
KINDS = ("quote", "book", "ticker")
WAYS = {"quote": ["quote"], "book": ["book"], "ticker": ["ticker"], "all three": list(KINDS)}
UNSET = 1.7976931348623157e308
UNSET_FIELDS = (
    *(f"{side}Price{level}" for side in ("Bid", "Ask") for level in range(2, 6)),
    "ClosePrice", "SettlementPrice", "CurrDelta", "PreDelta", "AveragePrice",
)  # fmt: skip


@contextlib.asynccontextmanager
async def process(*args: str) -> AsyncIterator[Child]:
    """Run ``gateway.py``."""
    command = [sys.executable, str(HERE / "gateway.py"), *args]
    pipe = asyncio.subprocess.PIPE
    child = Child(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=LINE))
    try:
        yield child
    finally:
        await child.stop()


async def conversion(world: World, *, quick: bool) -> list[Row]:
    """One tick in one process: from the frame's bytes to the three events, clean and with thirteen DBL_MAX."""
    simulator = CtpSimulator(query_rate=1000, tick_interval=0)
    await simulator.start()
    name = next(iter(simulator.counter.contracts))
    full = dict(simulator._depth(name))
    await simulator.stop()
    rows = []
    for text, changes in (("", {}), (", thirteen DBL_MAX in it", dict.fromkeys(UNSET_FIELDS, UNSET))):
        data = json.dumps({"MsgType": "RtnDepthMarketData", "DepthMarketData": full | changes}).encode()
        cost = min(_cost(data, name) for _ in range(5 if quick else 15))
        rows.append(Row(group=GROUP, name=f"tick: decode and convert{text}", value=cost, unit="µs", target=25.0))
    return rows


def _cost(data: bytes, name: str, times: int = 2_000) -> float:
    """Return µs of CPU for each of ``times`` readings."""
    protocol, converter = MdProtocol(), TickConverter(lambda _: "SHFE", stale_after=300.0)
    converter.wanted[name] = frozenset(KINDS)
    now, started = time.time_ns(), time.process_time()
    for _ in range(times):
        tick = protocol.receive(data)
        assert isinstance(tick, Depth)
        events = list(converter.convert(tick, now))
    spent = (time.process_time() - started) / times * 1e6
    assert len(events) == len(KINDS), events
    return spent


async def ticks(world: World, *, quick: bool) -> list[Row]:
    """Ticks of 2,000 contracts at a fixed pace: what arrives, and what the bridge needs for it."""
    contracts, seconds = (200, 2.0) if quick else (CONTRACTS, 6.0)
    async with process("serve") as gateways, world.child("counter", world.server.url) as counter:
        table = await gateways.ask("start", contracts=contracts)
        await counter.ask("watch", subject="vb.v1.md.ctp.instrument.>")
        async with world.bridge({"ctp": {**table, "load_instruments": "all", "subscribe_batch": 1000}}) as bridge:
            await counter.ask("read", expected=contracts, quiet=10.0)  # the contracts are asked for beside the ticks
            await gateways.ask("subscribed", simulator=0)
            await counter.ask("watch", subject="vb.v1.md.ctp.>")
            cpu, count = cpu_seconds(bridge.pid), int(RATE * seconds)
            sent = await gateways.ask("send", simulator=0, count=count, rate=RATE)
            came = await counter.ask("read", expected=count * len(KINDS), quiet=1.0)
            cpu, peak = cpu_seconds(bridge.pid) - cpu, bridge.peak
    missing = 1 - came["count"] / (count * len(KINDS))
    rate = came["count"] / len(KINDS) / ((came["last_ns"] - sent["started_ns"]) / 1e9)
    note = f"{count / ((sent['ended_ns'] - sent['started_ns']) / 1e9):,.0f}/s offered"
    note += f", {missing:.1%} conflated or dropped" if missing > 0 else ""
    return [
        Row(group=GROUP, name=f"ticks of {contracts:,} contracts → subscriber, each as quote, ticker and book",
            value=rate, unit="ticks/s", target=15_000.0, more=True, note=note),
        Row(group=GROUP, name="CPU of the process", value=cpu / count * 1e6, unit="µs/tick"),
        Row(group=GROUP, name=f"peak, {contracts:,} contracts subscribed", value=peak, unit="MiB", target=200.0),
    ]  # fmt: skip


class Feeds:
    """The bridge with a venue per way of publishing a tick, and the relay; a gateway for each."""

    def __init__(self, gateways: Child, counter: Child, pids: dict[str, int]) -> None:
        self._gateways = gateways
        self._counter = counter
        self._pids = pids

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, world: World) -> AsyncIterator[Feeds]:
        """Start everything and wait until all are subscribed."""
        async with (
            process("serve") as gateways,
            world.child("counter", world.server.url) as counter,
            contextlib.AsyncExitStack() as stack,
        ):
            tables = {}
            for number, kinds in enumerate(WAYS.values()):
                tables[f"ctp{number}"] = {**await gateways.ask("start", contracts=10), "market_data": kinds}
            plain = await gateways.ask("start", contracts=10)
            bridge = await stack.enter_async_context(world.bridge(tables))
            to = ("relay", world.server.url, plain["md_url"], "relay.ctp", ",".join(plain["symbols"]))
            relay = await stack.enter_async_context(process(*to))
            for number in range(len(WAYS) + 1):
                await gateways.ask("subscribed", simulator=number)
            yield cls(gateways, counter, {"bridge": bridge.pid, "relay": relay.pid})

    async def run(self, who: str, way: str, count: int, rate: float | None = None) -> dict[str, Any]:
        """Send ``count`` ticks through one of the two; return what came out and what it cost.

        Raises:
            RuntimeError: nothing came out.
        """
        number = len(WAYS) if who == "relay" else list(WAYS).index(way)
        events = count if who == "relay" else count * len(WAYS[way])
        subject = "relay.ctp" if who == "relay" else f"vb.v1.md.ctp{number}.*.>"
        await self._counter.ask("watch", subject=subject, stamps=rate is not None)
        before = cpu_seconds(self._pids[who])
        sent = await self._gateways.ask("send", simulator=number, count=count, rate=rate)
        came = await self._counter.ask("read", expected=events, quiet=1.0)
        if not came["count"]:
            raise RuntimeError(f"no tick came through the {who}")
        return {
            "missing": 1 - came["count"] / events,
            "rate": came["count"] / ((came["last_ns"] - sent["started_ns"]) / 1e9),
            "cpu": (cpu_seconds(self._pids[who]) - before) / came["count"] * 1e6,
            "added": [(at - then) / 1e6 for at, then in zip(came["stamps"] or (), sent["stamps"], strict=False)],
        }


async def market(world: World, *, quick: bool) -> list[Row]:
    """Ticks as fast as they are taken, per published event, and at 1,000 a second; relay and bridge in turns."""
    count, turns = (4_000, 2) if quick else (15_000, 5)
    rows = []
    async with Feeds.open(world) as feeds:
        for way in WAYS:
            pairs = []
            for turn in range(turns + 1):
                pair = [await feeds.run(who, way, count) for who in ("relay", "bridge")]
                pairs += [pair] if turn else []
            rows += _rates(way, pairs)
        added: list[tuple[float, float]] = []
        for turn in range(turns + 1):
            ways = [(await feeds.run(who, "quote", 2_000, 1_000.0))["added"] for who in ("relay", "bridge")]
            added += [tuple(percentile(way, 0.5) for way in ways)] if turn else []  # type: ignore[list-item]
    rows.append(
        Row(group=GROUP, name="p50 from socket to subscriber, 1,000 quotes/s", value=median(b for _, b in added),
            unit="ms", beside=median(r for r, _ in added))
    )  # fmt: skip
    return rows


def _rates(way: str, pairs: list[list[dict[str, Any]]]) -> list[Row]:
    missing = max(bridge["missing"] for _, bridge in pairs)
    note = f"at most {missing:.1%} conflated or dropped" if missing > 0 else ""
    name = f"tick as {way}" + (", per event" if way == "all three" else "")
    return [
        Row(group=GROUP, name=name, value=median(b["rate"] for _, b in pairs), unit="events/s",
            beside=median(r["rate"] for r, _ in pairs), ratio=median(b["rate"] / r["rate"] for r, b in pairs),
            target=0.4, judged="ratio", more=True, note=note),
        Row(group=GROUP, name=f"{name}, CPU of the process", value=median(b["cpu"] for _, b in pairs),
            unit="µs/event", beside=median(r["cpu"] for r, _ in pairs),
            ratio=median(r["cpu"] / b["cpu"] for r, b in pairs), judged="ratio", more=True,
            note="ratio: relay to bridge"),
    ]  # fmt: skip


PARTS = {"ctp-conversion": conversion, "ctp-ticks": ticks, "ctp-market": market}
"""For the repository's own bench: name → ``await part(world, quick=…)``, which returns rows."""
