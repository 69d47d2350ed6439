"""The venues' side: BTSE simulators in one process, each on a port of its own, told what to do by the bench."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import msgspec
from venuebus_btse.simulator import API_KEY, API_SECRET, BtseSimulator, Quirks, RateRules, User
from venuebus_btse.simulator.wire import Tap

from .child import serve

CLIENT_ID = re.compile(rb'"clOrderID":\s*"([^"]+)"')


class Stamps:
    """When the first byte of each request to place an order came in, by its ``clOrderID``."""

    def __init__(self) -> None:
        self.first_byte: dict[str, int] = {}
        self._started: dict[int, int] = {}

    def look(self, tap: Tap, data: bytes) -> None:
        """Note the time of a request whose id may come in a later piece."""
        now = time.time_ns()
        if data.startswith(b"POST "):
            self._started[id(tap)] = now
        if id(tap) in self._started and (found := CLIENT_ID.search(data)) is not None:
            self.first_byte.setdefault(found[1].decode(), self._started.pop(id(tap)))

    def install(self) -> None:
        """See what every connection of this process receives, before anybody reads it."""
        receive = Tap.data_received

        def data_received(tap: Tap, data: bytes) -> None:
            self.look(tap, data)
            receive(tap, data)

        Tap.data_received = data_received  # type: ignore[method-assign,assignment]


class Venues:
    """All simulators of the process."""

    def __init__(self) -> None:
        self.stamps = Stamps()
        self.simulators: list[BtseSimulator] = []

    async def start(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Start a simulator; return a ``[venues.…]`` table per user of it."""
        names = [("trader", API_KEY)] + [(f"trader{n}", f"{API_KEY}{n}") for n in range(1, request.get("users", 1))]
        simulator = BtseSimulator(
            request.get("symbols", ["BTC-USD"]), symbol_count=request.get("symbol_count"), depth=60,
            users=[User(name, {key: API_SECRET}) for name, key in names],
            quirks=Quirks(plain_topic=0, bare_trade_topic=0), limits=RateRules(enabled=False), idle_timeout=3600.0,
        )  # fmt: skip
        await simulator.start()
        self.simulators.append(simulator)
        return [{**simulator.config(), "api_key": key} for _, key in names]

    async def tables(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the table of each simulator's first user."""
        return [simulator.config() for simulator in self.simulators]

    async def flood(self, request: dict[str, Any]) -> Any:
        """Flood one simulator's subscribers."""
        return msgspec.to_builtins(await self.simulators[request.pop("simulator")].flood(**request))

    async def flood_all(self, request: dict[str, Any]) -> Any:
        """Flood the subscribers of several simulators at the same time, each as told; return the reports."""
        floods = (self.simulators[flood.pop("simulator")].flood(**flood) for flood in request["floods"])
        return msgspec.to_builtins(await asyncio.gather(*floods))

    async def subscribed(self, request: dict[str, Any]) -> int:
        """Wait until ``topics`` subscriptions stand at one simulator."""
        hub = self.simulators[request["simulator"]].hub
        # The hub tells nobody of subscriptions, so this looks.
        while (count := sum(len(stream.topics) for stream in hub.streams)) < request["topics"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return count

    async def first_bytes(self, request: dict[str, Any]) -> dict[str, int]:
        """Return the stamps so far, and forget them."""
        stamps, self.stamps.first_byte = self.stamps.first_byte, {}
        return stamps


async def main() -> None:
    """``venues.py``."""
    venues = Venues()
    venues.stamps.install()
    await serve(
        {"start": venues.start, "flood": venues.flood, "flood_all": venues.flood_all, "tables": venues.tables,
         "subscribed": venues.subscribed, "first_bytes": venues.first_bytes}
    )  # fmt: skip
    for simulator in venues.simulators:
        await simulator.stop()


if __name__ == "__main__":
    asyncio.run(main())
