"""Ticks per second from the gateway's socket to NATS, through the bridge as a process.

    python plugins/ctp/tests/bench_ticks.py [CONTRACTS] [TICKS_PER_SECOND] [SECONDS]

Prints what was sent, what the bridge published of it (three events a tick), its CPU time and its memory.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from aiohttp import WSMsgType
from venuebus_ctp.simulator import CtpSimulator
from venuebus_ctp.simulator.rows import SimContract

PORT = 18_321


def published() -> float:
    """Market-data events that the bridge has published so far, by its own metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("venuebus_market_data_published"))


async def flood(sim: CtpSimulator, rate: int, seconds: float) -> tuple[int, float]:
    """Send ticks at ``rate`` for ``seconds``; return how many and how long it took."""
    client = next(client for client in sim.clients if client.kind == "md")
    frames = [
        sim._encode("RtnDepthMarketData", {"DepthMarketData": sim._depth(name)}) for name in sim.counter.contracts
    ]
    sent, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        while sent < elapsed * rate:
            await client.ws.send_frame(frames[sent % len(frames)], WSMsgType.TEXT)
            sent += 1
        await asyncio.sleep(0.005)
    return sent, time.perf_counter() - start


async def main(contracts: int, rate: int, seconds: float) -> None:
    """Run simulator and bridge, and print the figures."""
    made = tuple(SimContract(f"au{n:04d}", "SHFE", "au", "0.02", 1000, "780", "au") for n in range(contracts))
    sim = CtpSimulator(query_rate=1000, tick_interval=0, contracts=made)
    await sim.start()
    folder = Path(tempfile.mkdtemp(prefix="venuebus-bench-"))
    table = {**sim.config(), "load_instruments": "all", "subscribe_batch": 1000}
    lines = ["[bus]", 'servers = "embedded"', "[http]", f'listen = "127.0.0.1:{PORT}"', "[venues.ctp]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    (folder / "bridge.toml").write_text("\n".join(lines), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "venuebus", "run", "bridge.toml"]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)  # noqa: ASYNC220
    try:
        async with asyncio.timeout(60):
            while sum(len(client.subscribed) for client in sim.clients) < contracts:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await asyncio.sleep(3)  # until the contracts are loaded and published
        bridge = psutil.Process(process.pid)
        before, cpu = await asyncio.to_thread(published), sum(bridge.cpu_times()[:2])
        sent, took = await flood(sim, rate, seconds)
        await asyncio.sleep(1)
        events, used = await asyncio.to_thread(published) - before, sum(bridge.cpu_times()[:2]) - cpu
        sys.stdout.write(
            f"{contracts} contracts, {sent} ticks in {took:.1f} s = {sent / took:.0f}/s, {events:.0f} events published "
            f"({events / sent / 3:.1%}), {used / sent * 1e6:.0f} µs CPU a tick, {bridge.memory_info().rss >> 20} MiB\n"
        )
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 15)
        await sim.stop()


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]] + [2000, 15_000, 8][len(sys.argv) - 1 :]
    asyncio.run(main(int(given[0]), int(given[1]), given[2]))
