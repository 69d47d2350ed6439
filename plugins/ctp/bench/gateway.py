"""Processes of the bench: simulated gateways that flood, and the plain relay beside which the bridge is measured.

``python gateway.py serve`` answers requests on stdin; ``python gateway.py relay NATS_URL MD_URL SUBJECT SYMBOLS``
relays.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import nats
from venuebus_ctp.protocol import MdProtocol
from venuebus_ctp.simulator import CtpSimulator
from venuebus_ctp.simulator.gateway import PASSWORD, USER
from venuebus_ctp.simulator.rows import SimContract

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.bench.child import serve  # noqa: E402


def contracts(count: int) -> tuple[SimContract, ...]:
    """Return so many gold futures."""
    return tuple(SimContract(f"au{n:04d}", "SHFE", "au", "0.02", 1000, "780", "au") for n in range(count))


class Gateways:
    """Simulators that tick only when told to."""

    def __init__(self) -> None:
        self.simulators: list[CtpSimulator] = []

    async def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start one with ``contracts`` contracts; return its configuration."""
        simulator = CtpSimulator(query_rate=1000, tick_interval=0, contracts=contracts(request["contracts"]))
        await simulator.start()
        self.simulators.append(simulator)
        return simulator.config()

    async def subscribed(self, request: dict[str, Any]) -> bool:
        """Wait until a client of ``simulator`` is subscribed to all its contracts."""
        simulator = self.simulators[request["simulator"]]
        # A simulator tells nobody of subscriptions, so this looks.
        while not any(len(c.subscribed) >= len(simulator.counter.contracts) for c in simulator.clients):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return True

    async def send(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send ``count`` ticks of ``simulator``, every contract in turn; as fast as taken, or ``rate`` a second."""
        simulator, count, rate = self.simulators[request["simulator"]], request["count"], request.get("rate")
        client = next(client for client in simulator.clients if client.subscribed)
        frames = [
            simulator._encode("RtnDepthMarketData", {"DepthMarketData": simulator._depth(name)})
            for name in simulator.counter.contracts
        ]
        stamps: list[int] = []
        started, begun = time.time_ns(), time.perf_counter()
        for number in range(count):
            if rate and (early := number / rate - (time.perf_counter() - begun)) > 0.001:
                await asyncio.sleep(early)
            if rate:
                stamps.append(time.time_ns())
            await client.ws.send_frame(frames[number % len(frames)], aiohttp.WSMsgType.TEXT)
        return {"started_ns": started, "ended_ns": time.time_ns(), "stamps": stamps}


async def relay(nats_url: str, md_url: str, subject: str, symbols: str) -> None:
    """Publish every frame of a gateway as it is, with the libraries that the bridge uses, until stdin is closed."""
    bus, protocol = await nats.connect(nats_url), MdProtocol()

    async def forward(ws: aiohttp.ClientWebSocketResponse) -> None:
        async for message in ws:
            await bus.publish(subject, message.data.encode())

    async with aiohttp.ClientSession() as http, http.ws_connect(md_url) as ws:
        await ws.send_str(protocol.log_in(USER, PASSWORD).decode())
        await ws.receive()  # the answer to the login
        await ws.send_str(protocol.subscribe(symbols.split(",")).decode())
        task = asyncio.create_task(forward(ws))
        await asyncio.to_thread(sys.stdin.read)
        task.cancel()
    await bus.close()


async def main() -> None:
    """Be the process that the arguments name."""
    if sys.argv[1] == "relay":
        await relay(*sys.argv[2:6])
        return
    gateways = Gateways()
    await serve({"start": gateways.start, "subscribed": gateways.subscribed, "send": gateways.send})
    for simulator in gateways.simulators:
        await simulator.stop()


if __name__ == "__main__":
    asyncio.run(main())
