"""Market data from OpenD's socket to a subscriber: rate, CPU time and latency per kind, beside the plain relay."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from venuebus_schemas.codec import decode_event

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

from opend_frames import SUBTYPES, SYMBOL  # noqa: E402
from opend_processes import opends, relay  # noqa: E402

from tests.bench.child import Child  # noqa: E402
from tests.bench.report import Row, median, percentile  # noqa: E402
from tests.bench.world import World, cpu_seconds  # noqa: E402

GROUP = "OpenD (Futu, moomoo)"
KINDS = list(SUBTYPES)
WAYS = ("relay", "bridge")
RATE = 2_000.0
FOREVER = 3600.0
"""Seconds between two keep-alives: none shall go out while something is measured."""
Run = dict[str, Any]


class Feeds:
    """Both ways side by side: per kind an OpenD for the bridge and one for the relay, all in one process."""

    def __init__(self, source: Child, counter: Child, pids: dict[str, int]) -> None:
        self._source = source
        self._counter = counter
        self._pids = pids

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, world: World) -> AsyncIterator[Feeds]:
        """Start everything and wait until both are subscribed to everything."""
        async with (
            opends() as source,
            world.child("counter", world.server.url) as counter,
            contextlib.AsyncExitStack() as stack,
        ):
            tables, feeds = {}, []
            for kind in KINDS:
                table = await source.ask("start", keep_alive=FOREVER)
                tables[kind] = {
                    "plugin": "futu", "port": table["port"], "symbols": [SYMBOL], "market_data": [kind],
                }  # fmt: skip
            for kind in KINDS:
                port = (await source.ask("start", keep_alive=FOREVER))["port"]
                feeds.append((port, SUBTYPES[kind], f"relay.{kind}"))
            bridge = await stack.enter_async_context(world.bridge(tables))
            forwarding = await stack.enter_async_context(relay(world.server.url, feeds))
            for simulator in range(2 * len(KINDS)):
                await source.ask("clients", simulator=simulator, what="market data", count=1)
            yield cls(source, counter, {"relay": forwarding, "bridge": bridge.pid})

    async def run(self, who: str, kind: str, count: int, rate: float | None = None) -> Run:
        """Send ``count`` pushes through one of the two; return what came out and what it cost.

        Raises:
            RuntimeError: nothing came, something else came, or a process has ended.
        """
        number = KINDS.index(kind) + (len(KINDS) if who == "relay" else 0)
        subject = f"relay.{kind}" if who == "relay" else f"vb.v1.md.{kind}.{kind}.>"
        await self._counter.ask("watch", subject=subject, stamps=rate is not None)
        before = cpu_seconds(self._pids[who])
        flood = await self._source.ask("flood", simulator=number, what=kind, count=count, rate=rate)
        came = await self._counter.ask("read", expected=count, quiet=1.0)
        if not came["count"]:
            raise RuntimeError(f"nothing of {kind} came through the {who}")
        if who == "bridge" and _type(came["last"]) != kind:
            raise RuntimeError(f"{kind} expected, {came['last'][:200]} came")
        return {
            **came,
            "sent_ns": flood["sent_ns"],
            "rate": came["count"] / ((came["last_ns"] - flood["started_ns"]) / 1e9),
            "cpu": (cpu_seconds(self._pids[who]) - before) / came["count"] * 1e6,
        }

    async def both(self, kind: str, count: int, rate: float | None = None) -> dict[str, Run]:
        """Send them through both, one after the other."""
        return {who: await self.run(who, kind, count, rate) for who in WAYS}


def _type(data: str) -> Any:
    return msgspec.to_builtins(decode_event(data.encode())).get("type")


async def throughput(world: World, *, quick: bool) -> list[Row]:
    """Pushes as fast as they are taken, relay and bridge in turns."""
    count, turns = (5_000, 2) if quick else (20_000, 5)
    rows: list[Row] = []
    async with Feeds.open(world) as feeds:
        for kind in KINDS:
            await feeds.both(kind, count)
            rows += _rates(kind, count, [await feeds.both(kind, count) for _ in range(turns)])
    return rows


def _rates(kind: str, count: int, pairs: list[dict[str, Run]]) -> list[Row]:
    missing = max(1 - pair["bridge"]["count"] / count for pair in pairs)

    def row(name: str, what: str, unit: str, **more: Any) -> Row:
        bridge, plain = ([pair[who][what] for pair in pairs] for who in ("bridge", "relay"))
        faster = [b / r if what == "rate" else r / b for b, r in zip(bridge, plain, strict=True)]
        return Row(group=GROUP, name=name, value=median(bridge), unit=unit, beside=median(plain),
                   ratio=median(faster), judged="ratio", more=True, **more)  # fmt: skip

    return [
        row(f"{kind}, OpenD → subscriber", "rate", "events/s", target=0.4,
            note=f"at most {missing:.1%} conflated or dropped" if missing > 0 else ""),
        row(f"{kind}, CPU of the process", "cpu", "µs/event", note="ratio: relay to bridge"),
    ]  # fmt: skip


async def latency(world: World, *, quick: bool) -> list[Row]:
    """Pushes at 2,000 a second: what the bridge adds to the relay's latency."""
    count, turns = (1_000, 1) if quick else (2_000, 2)
    rows: list[Row] = []
    async with Feeds.open(world) as feeds:
        for kind in KINDS:
            await feeds.both(kind, 500, RATE)
            pairs = [_delays(kind, await feeds.both(kind, count, RATE)) for _ in range(turns)]
            for share in (0.5, 0.99):
                own, plain = ([percentile(pair[who], share) for pair in pairs] for who in ("bridge", "relay"))
                added = median(mine - its for mine, its in zip(own, plain, strict=True))
                rows.append(
                    Row(group=GROUP, name=f"{kind} at {RATE:,.0f}/s, p{share * 100:.0f} from socket to subscriber",
                        value=median(own), unit="ms", beside=median(plain), note=f"{added:+.3f} ms added")
                )  # fmt: skip
    return rows


def _delays(kind: str, runs: dict[str, Run]) -> dict[str, list[float]]:
    delays = {}
    for who, run in runs.items():
        if len(run["stamps"]) != len(run["sent_ns"]):
            raise RuntimeError(f"{who}: {run['count']} of {len(run['sent_ns'])} {kind} came at {RATE:g} a second")
        delays[who] = [(came - sent) / 1e6 for came, sent in zip(run["stamps"], run["sent_ns"], strict=True)]
    return delays


PARTS = {"futu-market": throughput, "futu-latency": latency}
"""For the repository's own bench: name → ``await part(world, quick=…)``, which returns rows."""
