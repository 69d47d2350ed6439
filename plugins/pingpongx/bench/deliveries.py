"""Webhooks from the venue's request to a subscriber, beside the plain receiver, in turns in the same run.

Both answer 200 only when a stream has the delivery. What the bridge stores it also translates, and stores the account's
events of it: two writes where the receiver has one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from venuebus_pingpongx.simulator import SECRET

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.bench.child import LINE, Child  # noqa: E402
from tests.bench.report import Row, median, percentile  # noqa: E402
from tests.bench.world import World, cpu_seconds  # noqa: E402

GROUP = "PingPongX: webhooks, request → subscriber"
CONNECTIONS = 16


@contextlib.asynccontextmanager
async def process(file: str, *args: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of the files beside this one until its stdin is closed."""
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / file), *args, stdin=pipe, stdout=pipe, limit=LINE
    )
    try:
        yield started
    finally:
        await Child(started).stop()


class Feeds:
    """A bridge and a receiver, and who sends to them."""

    def __init__(self, sender: Child, counter: Child, urls: dict[str, str], pids: dict[str, int]) -> None:
        self._sender = sender
        self._counter = counter
        self._urls = urls
        self._pids = pids

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, world: World) -> AsyncIterator[Feeds]:
        """Start everything."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        table = {"plugin": "pingpongx", "verify.method": "standard_webhooks", "verify.secrets": [SECRET]}
        async with (
            process("sender.py") as sender,
            process("receiver.py", world.server.url, SECRET) as receiver,
            world.child("counter", world.server.url) as counter,
            world.bridge({"fx": table}, listen=f"127.0.0.1:{port}") as bridge,
        ):
            assert receiver.stdout is not None
            urls = {"receiver": (await receiver.stdout.readline()).decode().strip()}
            urls["bridge"] = f"http://127.0.0.1:{port}/hooks/fx"
            yield cls(Child(sender), counter, urls, {"receiver": receiver.pid, "bridge": bridge.pid})

    async def run(self, who: str, count: int, connections: int = CONNECTIONS) -> dict[str, Any]:
        """Have ``count`` deliveries sent to one of the two; return what came out and what it cost.

        Raises:
            RuntimeError: not all came.
        """
        subject = "plain.>" if who == "receiver" else "vb.v1.acct.fx.main.forward_change.>"
        await self._counter.ask("watch", subject=subject)
        before = cpu_seconds(self._pids[who])
        sent = await self._sender.ask("send", url=self._urls[who], count=count, connections=connections)
        came = await self._counter.ask("read", expected=count, quiet=3.0)
        if came["count"] < count:
            raise RuntimeError(f"{who}: {came['count']} of {count} deliveries came")
        return {
            "rate": came["count"] / ((came["last_ns"] - sent["started_ns"]) / 1e9),
            "cpu": (cpu_seconds(self._pids[who]) - before) / count * 1e6,
            "took": sent["took"],
        }


async def deliveries(world: World, *, quick: bool) -> list[Row]:
    """Deliveries over sixteen connections as fast as they are answered, and one at a time."""
    count, turns = (300, 2) if quick else (1_000, 5)
    pairs, calm = [], []
    async with Feeds.open(world) as feeds:
        for turn in range(turns + 1):
            pair = [await feeds.run(who, count) for who in ("receiver", "bridge")]
            one = [(await feeds.run(who, count // 4, 1))["took"] for who in ("receiver", "bridge")]
            if turn:
                pairs.append(pair)
                calm.append([(percentile(took, 0.5), percentile(took, 0.99)) for took in one])
    rows = [
        Row(group=GROUP, name="forward_change", value=median(b["rate"] for _, b in pairs), unit="events/s",
            beside=median(r["rate"] for r, _ in pairs), against="receiver",
            ratio=median(b["rate"] / r["rate"] for r, b in pairs), target=0.4, judged="ratio", more=True),
        Row(group=GROUP, name="forward_change, CPU of the process", value=median(b["cpu"] for _, b in pairs),
            unit="µs/event", beside=median(r["cpu"] for r, _ in pairs), against="receiver",
            ratio=median(r["cpu"] / b["cpu"] for r, b in pairs), judged="ratio", more=True,
            note="ratio: receiver to bridge"),
    ]  # fmt: skip
    rows += [
        Row(group=GROUP, name=f"{name} from request to answer, one at a time", value=median(b[at] for _, b in calm),
            unit="ms", beside=median(r[at] for r, _ in calm), against="receiver")
        for at, name in enumerate(("p50", "p99"))
    ]  # fmt: skip
    return rows


PARTS = {"pingpongx": deliveries}
"""For the repository's own bench: name → ``await part(world, quick=…)``, which returns rows."""
