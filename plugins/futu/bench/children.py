"""A process of the bench: simulated OpenDs that flood. ``python children.py`` answers requests on stdin."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from opend_frames import PUSHES  # noqa: E402
from venuebus_futu.simulator import OpendSimulator  # noqa: E402
from venuebus_futu.simulator.client import Client  # noqa: E402

from tests.bench.child import serve  # noqa: E402

CHUNK = 256 * 1024
PATIENCE = 30.0
"""Seconds without anything happening at the other end after which a measurement fails instead of waiting on."""


class Opend:
    """Simulators that send prepared frames as fast as they are taken, or at a pace.

    ``simulator`` of a request is its number, by the order of their starts.
    """

    def __init__(self) -> None:
        self.simulators: list[OpendSimulator] = []
        self._sent = 0
        self._prepared: dict[tuple[str, int], list[bytes]] = {}

    async def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Listen; return the configuration."""
        simulator = OpendSimulator(tick=None, keep_alive=request.get("keep_alive", 10.0))
        await simulator.start()
        self.simulators.append(simulator)
        return simulator.config()

    async def clients(self, request: dict[str, Any]) -> int:
        """Wait until somebody is registered for what will be sent.

        Raises:
            RuntimeError: nobody is, in `PATIENCE` seconds.
        """
        of, deadline = self._clients(request), time.monotonic() + request.get("patience", PATIENCE)
        while True:
            ready = sum(bool(c.push_accounts if request["what"] in ("orders", "order") else c.pushing) for c in of)
            if ready >= request["count"]:
                return ready
            if time.monotonic() > deadline:
                raise RuntimeError(f"{ready} of {request['count']} clients want {request['what']}")
            await asyncio.sleep(0.01)

    async def flood(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send ``count`` pushes to every client; return when it began, and with a ``rate`` when each was sent.

        Raises:
            RuntimeError: a client takes nothing for `PATIENCE` seconds, or has gone.
        """
        what = request["what"].removesuffix("s")
        frames = self._frames(what, request["count"])
        started, stamps = time.time_ns(), list[int]()
        for client in self._clients(request):
            if rate := request.get("rate"):
                stamps = await self._paced(client, frames, rate)
            else:
                await self._at_once(client, frames)
        return {"started_ns": started, "sent_ns": stamps, "bytes": sum(map(len, frames))}

    def _clients(self, request: dict[str, Any]) -> set[Client]:
        number: int = request.get("simulator", 0)
        return self.simulators[number].clients

    def _frames(self, what: str, count: int) -> list[bytes]:
        """Return frames of market data again and again, since making them takes its time; of orders always new ones."""
        if what in ("order", "fill"):
            self._sent += count
            return [PUSHES[what](number) for number in range(self._sent - count, self._sent)]
        key = what, count
        if key not in self._prepared:
            self._prepared[key] = [PUSHES[what](number) for number in range(count)]
        return self._prepared[key]

    async def _at_once(self, client: Client, frames: list[bytes]) -> None:
        # Whole frames in each piece, because the answer to a keep-alive may go out between two.
        some = CHUNK // max(map(len, frames))
        for at in range(0, len(frames), some):
            client.push_raw(b"".join(frames[at : at + some]))
            await self._taken(client)

    async def _taken(self, client: Client) -> None:
        transport, deadline = client._transport, time.monotonic() + PATIENCE
        assert transport is not None
        while (waiting := transport.get_write_buffer_size()) > 4 * CHUNK:
            if time.monotonic() > deadline:
                raise RuntimeError(f"a client takes nothing more, {waiting:,} bytes wait")
            await asyncio.sleep(0.0005)
        if transport.is_closing():
            raise RuntimeError("a client has gone")

    async def _paced(self, client: Client, frames: list[bytes], rate: float) -> list[int]:
        stamps: list[int] = []
        started = time.perf_counter()
        while len(stamps) < len(frames):
            due = min(len(frames), int((time.perf_counter() - started) * rate) + 1)
            for frame in frames[len(stamps) : due]:
                stamps.append(time.time_ns())
                client.push_raw(frame)
            await self._taken(client)
            await asyncio.sleep(max(0.0, started + due / rate - time.perf_counter()))
        return stamps


async def main() -> None:
    """Answer until stdin is closed."""
    opend = Opend()
    await serve({"start": opend.start, "clients": opend.clients, "flood": opend.flood})
    for simulator in opend.simulators:
        await simulator.stop()


if __name__ == "__main__":
    asyncio.run(main())
