"""``python plugins/futu/bench/pushes.py``: OpenD's pushes through the bridge, beside the plain relay and the SDK.

Order pushes count when the stream has them durably; the SDK's when its callback has them (set
VENUEBUS_FUTU_SDK_PYTHON). Books and quotes count when a subscriber has them.
"""

from __future__ import annotations

import argparse
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
from tests.bench.report import Report, Row, median  # noqa: E402
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


async def conversion(world: World, *, quick: bool) -> list[Row]:
    """One order push in one process: from the frame's bytes to the encoded event."""
    from venuebus_futu import convert_orders, messages
    from venuebus_futu.protocol import Connection, Message
    from venuebus_schemas import encode

    sys.path.insert(0, str(HERE))
    from children import Opend

    source = Opend()
    data = b"".join(source._order_push() for _ in range(5_000))
    book = convert_orders.Book("real")
    headers: dict[bytes, Any] = {}
    times = []
    for _ in range(5 if quick else 15):
        connection, started = Connection(), time.process_time()
        for at in range(0, len(data), 65_536):
            for item in connection.receive(data[at : at + 65_536]):
                assert isinstance(item, Message)
                s2c = messages.response(item).s2c
                raw = s2c.header
                header = headers.get(raw) or headers.setdefault(raw, messages.header(raw))
                encode(convert_orders.order(s2c.order, header, book, 1))
        times.append((time.process_time() - started) / 5_000 * 1e6)
    return [
        Row(group=GROUP, name="order push: frame, decode, convert, encode", value=min(times), unit="µs", target=10.0)
    ]


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


async def market(world: World, *, quick: bool) -> list[Row]:
    """Book pushes of ten levels, published as books or as quotes, beside the plain relay."""
    count, turns = (5_000, 2) if quick else (30_000, 5)
    rows = []
    async with world.child("counter", world.server.url) as counter:
        for kind in ("quote", "book"):
            async with opend() as bridged, opend() as plain, contextlib.AsyncExitStack() as stack:
                table = {**await bridged.ask("start"), "symbols": ["HK.00700"], "market_data": [kind]}
                table = flat(table)
                await stack.enter_async_context(world.bridge({"futu": table}))
                port = (await plain.ask("start"))["port"]
                await stack.enter_async_context(relay(world.server.url, port, f"relay.{kind}"))
                ways = {"relay": (plain, f"relay.{kind}"), "bridge": (bridged, f"vb.v1.md.futu.{kind}.>")}
                pairs = []
                for turn in range(turns + 1):
                    pair = [await once(counter, *ways[who], count) for who in ("relay", "bridge")]
                    if turn:
                        pairs.append(pair)
                missing = max(1 - bridge[1] / count for _, bridge in pairs)
                rows.append(
                    Row(group=GROUP, name=f"{kind}, OpenD → subscriber", value=median(b[0] for _, b in pairs),
                        unit="events/s", beside=median(r[0] for r, _ in pairs),
                        ratio=median(b[0] / r[0] for r, b in pairs), target=0.4, judged="ratio", more=True,
                        note=f"at most {missing:.1%} conflated or dropped" if missing else "")
                )  # fmt: skip
    return rows


async def once(counter: Child, source: Child, subject: str, count: int) -> tuple[float, int]:
    """Flood once; return events per second and how many came."""
    await source.ask("clients", what="books", count=1)
    await counter.ask("watch", subject=subject)
    flood = await source.ask("flood", what="books", count=count)
    came = await counter.ask("read", expected=count, quiet=1.0)
    return came["count"] / ((came["last_ns"] - flood["started_ns"]) / 1e9), came["count"]


@contextlib.asynccontextmanager
async def relay(url: str, port: int, subject: str) -> AsyncIterator[None]:
    """Run the plain relay."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "children.py"), "relay", url, str(port), subject, stdin=asyncio.subprocess.PIPE
    )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


PARTS = {"futu-conversion": conversion, "futu-orders": orders, "futu-market": market}
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
    parser.add_argument("--quick", action="store_true", help="fewer turns, smaller numbers")
    report = asyncio.run(measure(quick=parser.parse_args().quick))
    sys.stdout.write(report.table() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
