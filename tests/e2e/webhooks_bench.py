"""Webhooks under load, as a table: ``python -m tests.e2e.webhooks_bench``.

A bridge of its own process with an embedded nats-server that writes every message to the disk (``sync = "always"``);
this process is the venue. Each 200 is checked against the streams afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import resource
import socket
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import nats
import psutil
from nats.js.api import AckPolicy, ConsumerConfig
from venuebus_pingpongx.signing import standard_webhooks
from venuebus_pingpongx.simulator import SECRET, Desk

VENUE = "pingpongx"
CONFIG = """
[bus]
servers = "embedded"
store_dir = "{folder}/nats"
port = {nats_port}
sync = "{sync}"
[http]
listen = "127.0.0.1:{http_port}"
[log]
level = "warning"
[venues.{venue}]
plugin = "pingpongx"
verify = {{ method = "standard_webhooks", secrets = ["{secret}"] }}
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Load:
    """Posts deliveries at a fixed rate and keeps the time of every answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.desk = Desk(now_ns=time.time_ns)
        self.accepted: set[str] = set()

    async def run(self, rate: float, seconds: float, connections: int = 64) -> dict[str, Any]:
        """Return counts and percentiles of a run with ``rate`` deliveries a second."""
        took: list[float] = []
        statuses: dict[int, int] = {}
        connector = aiohttp.TCPConnector(limit=connections)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=5)) as http:
            started = time.perf_counter()
            async with asyncio.TaskGroup() as tasks:
                for number in range(int(rate * seconds)):
                    due = started + number / rate
                    if (wait := due - time.perf_counter()) > 0:
                        await asyncio.sleep(wait)
                    tasks.create_task(self._post(http, due, took, statuses))
            elapsed = time.perf_counter() - started
        took.sort()
        return {
            "offered/s": rate,
            "answered/s": round(len(took) / elapsed, 1),
            "p50 ms": round(took[len(took) // 2] * 1e3, 1),
            "p99 ms": round(took[int(len(took) * 0.99)] * 1e3, 1),
            "max ms": round(took[-1] * 1e3, 1),
            "answers": statuses,
        }

    async def _post(self, http: aiohttp.ClientSession, due: float, took: list[float], statuses: dict[int, int]) -> None:
        message = self.desk.create(Decimal("1000.00"))
        body = Desk.encode(message)
        headers = standard_webhooks(SECRET, message["msg_id"], body, int(time.time()))
        headers["Content-Type"] = "application/json"
        try:
            async with http.post(self.url, data=body, headers=headers) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        if status == 200:
            self.accepted.add(message["msg_id"])
        took.append(time.perf_counter() - due)  # from when it was due: a queue in front of us counts, too
        statuses[status] = statuses.get(status, 0) + 1


async def crowd(port: int, count: int) -> dict[str, int]:
    """Open ``count`` connections that say nothing, and return how they were treated."""
    seen = {"held": 0, "refused with 503": 0, "closed": 0}
    writers: list[asyncio.StreamWriter] = []

    async def one() -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            seen["closed"] += 1
            return
        writers.append(writer)
        try:
            async with asyncio.timeout(2):
                line = await reader.readline()
            seen["refused with 503" if b" 503 " in line else "closed"] += 1
        except TimeoutError:
            seen["held"] += 1
        except OSError:
            seen["closed"] += 1

    for start in range(0, count, 500):
        await asyncio.gather(*(one() for _ in range(start, min(start + 500, count))), return_exceptions=True)
        if start == 0:
            seen["first batch held"] = seen["held"]
    for writer in writers:
        writer.close()
    return seen


async def check(nats_port: int, accepted: set[str]) -> dict[str, int]:
    """Return what of ``accepted`` is on the streams, once everything was translated."""
    client = await nats.connect(f"nats://127.0.0.1:{nats_port}")
    js = client.jetstream()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        info = await js.consumer_info("VB_HOOK", f"bridge_{VENUE}")
        if not info.num_pending and not info.num_ack_pending:
            break
        await asyncio.sleep(0.2)
    found: dict[str, int] = {}
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    pull = await js.pull_subscribe(f"vb.v1.acct.{VENUE}.main.forward_change.>", stream="VB_ACCT", config=config)
    with contextlib.suppress(TimeoutError):
        while True:
            for message in await pull.fetch(1000, timeout=1):
                name = (message.headers or {})["Nats-Msg-Id"].rpartition("-")[2]
                found[name] = found.get(name, 0) + 1
    await client.close()
    return {
        "accepted": len(accepted), "on the stream": len(accepted & found.keys()),
        "twice": sum(count > 1 for count in found.values()),
    }  # fmt: skip


async def main(arguments: argparse.Namespace) -> None:
    """Run everything and print it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 20_000)), hard))
    with tempfile.TemporaryDirectory() as folder:
        http_port, nats_port = free_port(), free_port()
        file = Path(folder) / "bench.toml"
        text = CONFIG.format(
            folder=folder, http_port=http_port, nats_port=nats_port, secret=SECRET, venue=VENUE, sync=arguments.sync
        )
        file.write_text(text)
        bridge = await asyncio.create_subprocess_exec(sys.executable, "-m", "venuebus", "run", str(file))
        try:
            await _until_ready(http_port)
            process = psutil.Process(bridge.pid)
            load = Load(f"http://127.0.0.1:{http_port}/hooks/{VENUE}")
            _say("start", {"rss MB": _rss(process)})
            for rate, seconds in ((100, arguments.seconds), (500, arguments.seconds), (1000, arguments.seconds / 2)):
                _say(f"{rate}/s", {**await load.run(rate, seconds), "rss MB": _rss(process)})
            _say("streams", await check(nats_port, load.accepted))
            _say("crowd", {**await crowd(http_port, arguments.crowd), "rss MB": _rss(process)})
        finally:
            bridge.terminate()
            await bridge.wait()


async def _until_ready(port: int) -> None:
    async with asyncio.timeout(20), aiohttp.ClientSession() as http:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


def _rss(process: psutil.Process) -> float:
    return round(float(process.memory_info().rss) / 2**20, 1)


def _say(name: str, values: dict[str, Any]) -> None:
    sys.stdout.write(f"{name:8} " + "  ".join(f"{key} {value}" for key, value in values.items()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--crowd", type=int, default=10_000)
    parser.add_argument("--sync", choices=("always", "default"), default="always")
    asyncio.run(main(parser.parse_args()))
