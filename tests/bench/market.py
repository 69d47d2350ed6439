"""Market data, from the venue's socket to a subscriber: rate, CPU time and latency beside the relay."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from venuebus_schemas.codec import decode_event

from .child import Child
from .report import Row, median, percentile
from .world import Bridge, World, cpu_seconds

TOPICS = {"book_delta": "update:BTC-USD_0", "book": "update:BTC-USD_0", "trade": "tradeHistoryApi:BTC-USD",
          "quote": "snapshotL1:BTC-USD"}  # fmt: skip
FRAMES = {"book_delta": "book", "book": "book", "trade": "trade", "quote": "quote"}
RATE = 2000.0
GROUP = "Market data, simulator → subscriber"


class Feeds:
    """The ways side by side, each with simulators of its own for what it takes, all of these in one process."""

    WAYS = [("bridge", kind) for kind in TOPICS] + [("relay", kind) for kind in TOPICS] + [("keeper", "book")]

    def __init__(self, venues: Child, counter: Child, bridge: Bridge, relay_pid: int) -> None:
        self.bridge = bridge
        self.pids = {"relay": relay_pid, "bridge": bridge.pid, "keeper": relay_pid}
        self._venues = venues
        self._counter = counter

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, world: World) -> AsyncIterator[Feeds]:
        """Start everything and wait until both are subscribed to everything."""
        async with (
            world.child("venues") as venues,
            world.child("counter", world.server.url) as counter,
            contextlib.AsyncExitStack() as stack,
        ):
            tables, feeds = {}, []
            for kind in TOPICS:
                table = (await venues.ask("start"))[0]
                del table["api_key"], table["api_secret"]
                tables[kind] = {**table, "market_data": [kind]}
            for who, kind in cls.WAYS[len(TOPICS) :]:
                table = (await venues.ask("start"))[0]
                url = table["ws_url"] if kind == "trade" else table["oss_url"]
                feeds.append((url, TOPICS[kind], f"{who}.{kind}"))
            bridge = await stack.enter_async_context(world.bridge(tables))
            relay = await stack.enter_async_context(world.relay(feeds))
            for simulator in range(len(cls.WAYS)):
                await venues.ask("subscribed", simulator=simulator, topics=1)
            yield cls(venues, counter, bridge, relay)

    async def run(self, who: str, kind: str, frames: int, rate: float | None = None) -> dict[str, Any]:
        """Send ``frames`` through one of the ways; return what came out and what it cost."""
        number = self.WAYS.index((who, kind))
        subject = f"vb.v1.md.{kind}.{kind}.>" if who == "bridge" else f"{who}.{kind}"
        await self._counter.ask("watch", subject=subject, stamps=rate is not None)
        before = cpu_seconds(self.pids[who])
        flood = await self._venues.ask(
            "flood", simulator=number, frames=frames, kinds=[FRAMES[kind]], rate=rate, record=rate is not None
        )
        came = await self._counter.ask("read", expected=frames, quiet=1.0)
        if not came["count"]:
            raise RuntimeError(f"nothing of {kind} came through the {who}")
        if who == "bridge":
            self._check(kind, came["last"])
        return {
            **came,
            "sent_ns": flood["sent_ns"].get("BTC-USD"),
            "rate": came["count"] / ((came["last_ns"] - flood["started_ns"]) / 1e9),
            "cpu": (cpu_seconds(self.pids[who]) - before) / came["count"] * 1e6,
        }

    @staticmethod
    def _check(kind: str, data: str) -> None:
        event = decode_event(data.encode())
        if msgspec.to_builtins(event).get("type") != kind:
            raise RuntimeError(f"{kind} expected, {data[:200]} came")


async def throughput(world: World, *, quick: bool, kinds: list[str] | None = None) -> list[Row]:
    """Frames as fast as they are taken, relay and bridge in turns."""
    frames, turns = (10_000, 3) if quick else (50_000, 7)
    rows = []
    async with Feeds.open(world) as feeds:
        for kind in kinds or list(TOPICS):
            for who in ("relay", "bridge"):
                await feeds.run(who, kind, frames // 4)
            pairs = [
                (await feeds.run("relay", kind, frames), await feeds.run("bridge", kind, frames)) for _ in range(turns)
            ]
            missing = max(1 - bridge["count"] / frames for _, bridge in pairs)
            rows += _rates(kind, pairs, f"at most {missing:.1%} conflated or dropped" if missing else "")
        if "book" in (kinds or TOPICS):
            rows.append(await _beside_keeper(feeds, frames, turns))
    return rows


async def _beside_keeper(feeds: Feeds, frames: int, turns: int) -> Row:
    """Measure whole books beside what is the same work: the relay's frames are a sixth of a book."""
    pairs = []
    for turn in range(turns + 1):
        pair = await feeds.run("keeper", "book", frames // 2), await feeds.run("bridge", "book", frames // 2)
        pairs += [pair] if turn else []
    return Row(
        group=GROUP, name="book, beside a script that keeps one", value=median(b["rate"] for _, b in pairs),
        unit="events/s", beside=median(k["rate"] for k, _ in pairs), against="keeper",
        ratio=median(b["rate"] / k["rate"] for k, b in pairs), judged="ratio", more=True,
    )  # fmt: skip


def _rates(kind: str, pairs: list[tuple[dict[str, Any], dict[str, Any]]], note: str) -> list[Row]:
    values = []
    values.append(
        Row(group=GROUP, name=kind, value=median(b["rate"] for _, b in pairs), unit="events/s",
            beside=median(r["rate"] for r, _ in pairs), ratio=median(b["rate"] / r["rate"] for r, b in pairs),
            target=0.5, judged="ratio", more=True, note=note)
    )  # fmt: skip
    values.append(
        Row(group=GROUP, name=f"{kind}, CPU of the process", value=median(b["cpu"] for _, b in pairs), unit="µs/event",
            beside=median(r["cpu"] for r, _ in pairs), ratio=median(r["cpu"] / b["cpu"] for r, b in pairs),
            judged="ratio", more=True, note="ratio: relay to bridge")
    )  # fmt: skip
    return values


async def latency(world: World, *, quick: bool) -> list[Row]:
    """Book deltas at 2,000 a second: what the bridge adds to the relay's latency."""
    frames, turns = (4_000, 2) if quick else (6_000, 5)
    added: dict[float, list[float]] = {0.5: [], 0.99: []}
    own: dict[float, list[float]] = {0.5: [], 0.99: []}
    relays: dict[float, list[float]] = {0.5: [], 0.99: []}
    async with Feeds.open(world) as feeds:
        for who in ("relay", "bridge"):
            await feeds.run(who, "book_delta", 2000, RATE)
        for _ in range(turns):
            ways = {}
            for who in ("relay", "bridge"):
                run = await feeds.run(who, "book_delta", frames, RATE)
                if run["count"] != frames:
                    raise RuntimeError(f"{who}: {run['count']} of {frames} came at {RATE:g} a second")
                ways[who] = [(came - sent) / 1e6 for came, sent in zip(run["stamps"], run["sent_ns"], strict=True)]
            for share in added:
                relays[share].append(percentile(ways["relay"], share))
                own[share].append(percentile(ways["bridge"], share))
                added[share].append(own[share][-1] - relays[share][-1])
    group = "Market data at 2,000 book deltas/s"
    rows = []
    for share, target in ((0.5, 0.15), (0.99, 1.0)):
        name = f"p{share * 100:.0f}"
        rows.append(Row(group=group, name=f"{name} added by the bridge", value=median(added[share]), unit="ms",
                        target=target))  # fmt: skip
        rows.append(Row(group=group, name=f"{name} from socket to subscriber", value=median(own[share]), unit="ms",
                        beside=median(relays[share])))  # fmt: skip
    return rows
