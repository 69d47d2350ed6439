"""``python plugins/ctp/bench/ticks.py``: ticks from the gateway's socket, through a bridge, to a subscriber.

Every tick becomes quote, ticker and book. The simulated gateway sends from this process at a fixed pace.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import WSMsgType
from venuebus_ctp.market import TickConverter
from venuebus_ctp.messages import Depth
from venuebus_ctp.protocol import MdProtocol
from venuebus_ctp.simulator import CtpSimulator
from venuebus_ctp.simulator.rows import SimContract

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.bench.report import Report, Row  # noqa: E402
from tests.bench.world import World, cpu_seconds  # noqa: E402

GROUP = "CTP through webctp"
CONTRACTS = 2_000
RATE = 16_000
KINDS = frozenset({"quote", "ticker", "book"})
UNSET = 1.7976931348623157e308
UNSET_FIELDS = (
    *(f"{side}Price{level}" for side in ("Bid", "Ask") for level in range(2, 6)),
    "ClosePrice", "SettlementPrice", "CurrDelta", "PreDelta", "AveragePrice",
)  # fmt: skip


@contextlib.asynccontextmanager
async def gateway(contracts: int) -> AsyncIterator[CtpSimulator]:
    """Run a gateway with that many contracts, which ticks only when told to."""
    made = tuple(SimContract(f"au{n:04d}", "SHFE", "au", "0.02", 1000, "780", "au") for n in range(contracts))
    simulator = CtpSimulator(query_rate=1000, tick_interval=0, contracts=made)
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()


async def conversion(world: World, *, quick: bool) -> list[Row]:
    """One tick in one process: from the frame's bytes to the three events, clean and with thirteen DBL_MAX."""
    async with gateway(1) as simulator:
        (name,) = simulator.counter.contracts
        full = dict(simulator._depth(name))
    rows = []
    for text, changes in (("", {}), (", thirteen DBL_MAX in it", dict.fromkeys(UNSET_FIELDS, UNSET))):
        data = json.dumps({"MsgType": "RtnDepthMarketData", "DepthMarketData": full | changes}).encode()
        cost = min(_cost(data, name) for _ in range(5 if quick else 15))
        rows.append(Row(group=GROUP, name=f"tick: decode and convert{text}", value=cost, unit="µs", target=25.0))
    return rows


def _cost(data: bytes, name: str, times: int = 2_000) -> float:
    """Return µs of CPU for each of ``times`` readings."""
    protocol, converter = MdProtocol(), TickConverter(lambda _: "SHFE", stale_after=300.0)
    converter.wanted[name] = KINDS
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
    contracts, seconds = (200, 2.0) if quick else (CONTRACTS, 8.0)
    async with gateway(contracts) as simulator, world.child("counter", world.server.url) as counter:
        table = {**simulator.config(), "load_instruments": "all", "subscribe_batch": 1000}
        await counter.ask("watch", subject="vb.v1.md.ctp.instrument.>")
        async with world.bridge({"ctp": table}) as bridge:
            await counter.ask("read", expected=contracts, quiet=10.0)  # the contracts are asked for beside the ticks
            await counter.ask("watch", subject="vb.v1.md.ctp.>")
            cpu, started = cpu_seconds(bridge.pid), time.time_ns()
            sent = await _send(simulator, seconds)
            came = await counter.ask("read", expected=sent * len(KINDS), quiet=1.0)
            cpu, peak = cpu_seconds(bridge.pid) - cpu, bridge.peak
    missing = 1 - came["count"] / (sent * len(KINDS))
    rate = came["count"] / len(KINDS) / ((came["last_ns"] - started) / 1e9)
    return [
        Row(group=GROUP, name=f"ticks of {contracts:,} contracts → subscriber, each as quote, ticker and book",
            value=rate, unit="ticks/s", target=15_000.0, more=True,
            note=f"{RATE:,}/s offered" + (f", {missing:.1%} conflated or dropped" if missing > 0 else "")),
        Row(group=GROUP, name="CPU of the process", value=cpu / sent * 1e6, unit="µs/tick"),
        Row(group=GROUP, name=f"peak, {contracts:,} contracts subscribed", value=peak, unit="MiB", target=200.0),
    ]  # fmt: skip


async def _send(simulator: CtpSimulator, seconds: float) -> int:
    """Send ticks at `RATE`, every contract in turn; return how many."""
    client = next(client for client in simulator.clients if client.kind == "md")
    frames = [
        simulator._encode("RtnDepthMarketData", {"DepthMarketData": simulator._depth(name)})
        for name in simulator.counter.contracts
    ]
    sent, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        while sent < elapsed * RATE:
            await client.ws.send_frame(frames[sent % len(frames)], WSMsgType.TEXT)
            sent += 1
        await asyncio.sleep(0.005)
    return sent


PARTS = {"ctp-conversion": conversion, "ctp-ticks": ticks}
"""For the repository's own bench: name → ``await part(world, quick=…)``, which returns rows."""


async def measure(*, quick: bool) -> Report:
    """Run all parts, each with a nats-server of its own."""
    report = Report(quick=quick)
    started = time.monotonic()
    for part in PARTS.values():
        async with World.open() as world:
            report.rows += await part(world, quick=quick)
    report.seconds = time.monotonic() - started
    return report


def main() -> int:
    """Return 0 if everything could be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer contracts, less time")
    sys.stdout.write(asyncio.run(measure(quick=parser.parse_args().quick)).table() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
