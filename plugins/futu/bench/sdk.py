"""OpenD's order pushes beside the official SDK: to a callback in one process each, and durably on the stream."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

from account import reached, stored  # noqa: E402
from opend_processes import flat, opends  # noqa: E402

from tests.bench.child import LINE, Child  # noqa: E402
from tests.bench.peers.home import python, version  # noqa: E402
from tests.bench.report import Row, median  # noqa: E402
from tests.bench.world import World, cpu_seconds  # noqa: E402

PEER = "futu-api"
TARGET = 8.0


@contextlib.asynccontextmanager
async def client(interpreter: str | Path, file: str) -> AsyncIterator[Child]:
    """Run one of the clients, with a home directory of its own: the SDK writes its log into it."""
    with tempfile.TemporaryDirectory() as home:
        process = await asyncio.create_subprocess_exec(
            interpreter, str(HERE / file), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE,
            env={"HOME": home, "PATH": os.environ["PATH"]},
        )  # fmt: skip
        child = Child(process)
        try:
            yield child
        finally:
            await child.stop()


async def beside(world: World, *, quick: bool) -> list[Row]:
    """Orders placed elsewhere, each pushed once; SDK, plugin and bridge in turns."""
    count, turns = (1_500, 2) if quick else (5_000, 5)
    async with (
        opends() as source,
        client(python(PEER), "sdk_client.py") as sdk,
        client(sys.executable, "plugin_client.py") as plugin,
    ):
        for number, each in enumerate((sdk, plugin)):
            table = await source.ask("start")
            await each.ask("start", table=table)
            await source.ask("clients", simulator=number, what="order", count=1)
        table = flat({**await source.ask("start"), "symbols": [], "market_data": []})
        async with world.bridge({"futu": table}):
            await source.ask("clients", simulator=2, what="order", count=1)
            ways: list[tuple[dict[str, float], ...]] = []
            for turn in range(turns + 1):
                way = (
                    await _run(source, 0, sdk, count),
                    await _run(source, 1, plugin, count),
                    await _durable(world, source, count),
                )
                ways += [way] if turn else []
    return _rows(ways)


async def _run(source: Child, number: int, each: Child, count: int) -> dict[str, float]:
    before = cpu_seconds(each.pid)
    flood = await source.ask("flood", simulator=number, what="order", count=count)
    came = await each.ask("read", expected=count, quiet=5.0)
    if came["count"] < count:
        raise RuntimeError(f"process {each.pid}: {came['count']} of {count} order pushes reached its callback")
    return {
        "rate": count / ((came["last_ns"] - flood["started_ns"]) / 1e9),
        "cpu": (cpu_seconds(each.pid) - before) / count * 1e6,
    }


async def _durable(world: World, source: Child, count: int) -> dict[str, float]:
    stream = world.bus.jetstream()
    before = await stored(stream)
    flood = await source.ask("flood", simulator=2, what="order", count=count)
    await reached(stream, before + count)
    return {"rate": count / ((time.time_ns() - flood["started_ns"]) / 1e9)}


def _rows(ways: list[tuple[dict[str, float], ...]]) -> list[Row]:
    def column(at: int, what: str) -> float:
        return median(way[at][what] for way in ways)

    def ratio(at: int, what: str) -> float:
        return median(way[at][what] / way[0][what] for way in ways)

    common: dict[str, Any] = {"group": f"{PEER} {version(PEER)}: order pushes", "against": PEER, "more": True,
                              "judged": "ratio"}  # fmt: skip
    return [
        Row(name="the plugin to a callback", value=column(1, "rate"), unit="events/s", beside=column(0, "rate"),
            ratio=ratio(1, "rate"), target=TARGET, **common),
        Row(name="CPU of the process", value=column(1, "cpu"), unit="µs/event", beside=column(0, "cpu"),
            ratio=1 / ratio(1, "cpu"), note="ratio: SDK to plugin", **common),
        Row(name="the whole bridge, durably on VB_ACCT", value=column(2, "rate"), unit="events/s",
            beside=column(0, "rate"), ratio=ratio(2, "rate"), target=TARGET, **common),
    ]  # fmt: skip


PARTS = {PEER: beside}
"""For the repository's own bench: name → ``await part(world, quick=…)``, which returns rows."""
