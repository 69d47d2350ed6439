"""OpenD's order pushes through the bridge, beside the official SDK.

The bridge's count when the stream has them durably; the SDK's when its callback has them (set
VENUEBUS_FUTU_SDK_PYTHON).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.child import LINE, Child  # noqa: E402
from tests.bench.report import Row, median  # noqa: E402
from tests.bench.world import World  # noqa: E402

SDK = os.environ.get("VENUEBUS_FUTU_SDK_PYTHON")
GROUP = "OpenD (Futu, moomoo)"


@contextlib.asynccontextmanager
async def opend() -> AsyncIterator[Child]:
    """Run a flooding OpenD."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "children.py"), "opend",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE,
    )  # fmt: skip
    child = Child(process)
    try:
        yield child
    finally:
        await child.stop()


def flat(table: dict[str, Any]) -> dict[str, Any]:
    """Return a ``[venues.…]`` table whose accounts are dotted keys, as the bench writes no tables in tables."""
    accounts = table.pop("accounts")
    return table | {f"accounts.{alias}.{key}": value for alias, keys in accounts.items() for key, value in keys.items()}


async def orders(world: World, *, quick: bool) -> list[Row]:
    """Order pushes: durably on the stream, and at the SDK's callback."""
    count, turns = (4_000, 2) if quick else (20_000, 5)
    rates: list[float] = []
    async with opend() as source:
        table = flat({**await source.ask("start"), "symbols": [], "market_data": []})
        async with world.bridge({"futu": table}):
            await source.ask("clients", what="orders", count=1)
            stream = world.bus.jetstream()
            for turn in range(turns + 1):
                before = (await stream.stream_info("VB_ACCT")).state.messages
                flood = await source.ask("flood", what="orders", count=count)
                while (await stream.stream_info("VB_ACCT")).state.messages < before + count:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                if turn:
                    rates.append(count / ((time.time_ns() - flood["started_ns"]) / 1e9))
    sdk = await sdk_rate(2_000 if quick else 6_000)
    return [
        Row(group=GROUP, name="order pushes → VB_ACCT, durably", value=median(rates), unit="events/s",
            beside=sdk, against="futu-api", ratio=median(rates) / sdk if sdk else None,
            target=8.0 if sdk else None, judged="ratio", more=True,
            note="beside it: the official SDK, to its callback" if sdk else "the official SDK is not installed")
    ]  # fmt: skip


async def sdk_rate(count: int) -> float | None:
    """Return pushes per second at the SDK's callback, or ``None`` without the SDK."""
    if SDK is None:
        return None
    async with opend() as source:
        table = await source.ask("start")
        with tempfile.TemporaryDirectory() as home:
            process = await asyncio.create_subprocess_exec(
                SDK, str(HERE / "sdk_pushes.py"), str(table["port"]), str(count),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                env={"HOME": home, "PATH": os.environ.get("PATH", "")},
            )  # fmt: skip
            await source.ask("clients", what="orders", count=1)
            await asyncio.sleep(1.0)  # the SDK registers its handler after it has connected, and tells nobody
            flood = await source.ask("flood", what="orders", count=count)
            out, _ = await process.communicate()
    line = next(line for line in out.decode().splitlines() if line.startswith("ANSWER"))
    answer = json.loads(line.removeprefix("ANSWER"))
    return float(answer["count"] / ((answer["last_ns"] - flood["started_ns"]) / 1e9))


PARTS = {"futu-orders": orders}
"""For the repository's own bench: name → ``await part(world, quick=…)``, which returns rows."""
