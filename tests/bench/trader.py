"""A strategy: publishes commands at a steady pace and notes when each result comes."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import count, cycle
from typing import Any

import nats
from nats.aio.msg import Msg

from .child import serve


class Trader:
    """Commands of one process; ids are unique within the stream's life."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count()
        self._results: dict[str, tuple[int, str]] = {}
        self._wanted: set[str] = set()
        self._done = asyncio.Event()

    async def open(self) -> None:
        """Connect and listen for results."""
        self._bus = await nats.connect(self._url)
        await self._bus.subscribe("*.v1.acct.*.*.result.>", cb=self._on_result)
        await self._bus.request("$JS.API.INFO", b"")  # a barrier: the subscription stands

    async def _on_result(self, msg: Msg) -> None:
        command_id = msg.subject.rpartition(".")[2]
        self._results.setdefault(command_id, (time.time_ns(), json.loads(msg.data)["status"]))
        if self._wanted:
            self._wanted.discard(command_id)
            if not self._wanted:
                self._done.set()

    async def run(self, request: dict[str, Any]) -> list[list[Any]]:
        """Publish ``rate`` orders a second to ``venues`` in turn; return id, when published, when ended, and how.

        They trade at once and are over; ``change`` makes other orders of them.
        """
        sent: dict[str, int] = {}
        venues, rate, loop = cycle(request["venues"]), request["rate"], asyncio.get_running_loop()
        started, root = loop.time(), request.get("root", "vb.v1")
        for number in range(request["commands"]):
            await asyncio.sleep(max(0.0, started + number / rate - loop.time()))
            command_id = f"c{next(self._numbers)}"
            command = {
                "type": "submit", "command_id": command_id, "symbol": "BTC-USD", "order_type": "limit",
                "side": "buy" if number % 2 else "sell", "quantity": "0.00001", "time_in_force": "ioc",
                "price": "61000" if number % 2 else "59000", **request.get("change", {}),
            }  # fmt: skip
            sent[command_id] = time.time_ns()
            await self._bus.publish(f"{root}.cmd.{next(venues)}.main.submit.{command_id}", json.dumps(command).encode())
        self._wanted = set(sent) - set(self._results)
        self._done.clear()
        try:
            async with asyncio.timeout(request["patience"] if self._wanted else 0):
                await self._done.wait()
        except TimeoutError:
            pass
        return [[key, at, *self._results.pop(key, (None, "none"))] for key, at in sent.items()]


async def main() -> None:
    """``trader.py NATS_URL``."""
    trader = Trader(sys.argv[1])
    await trader.open()
    await serve({"run": trader.run})


if __name__ == "__main__":
    asyncio.run(main())
