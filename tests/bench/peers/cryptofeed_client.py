# mypy: ignore-errors
# What it imports is in an environment of its own.
"""Runs under cryptofeed's Python: its Bybit feed at a local address, counting what reaches a callback."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvloop
from cryptofeed.connection import WebsocketEndpoint
from cryptofeed.defines import BYBIT, L2_BOOK, SPOT, TRADES
from cryptofeed.exchanges import Bybit
from cryptofeed.symbols import Symbols

from ..child import serve

SYMBOL = "BTC-USDT"


class Client:
    """One feed, one callback."""

    def __init__(self) -> None:
        self.count = self.last_ns = 0

    async def came(self, event: Any, receipt: float) -> None:
        """Count one callback."""
        self.count += 1
        self.last_ns = time.time_ns()

    async def start(self, request: dict[str, Any]) -> bool:
        """Connect to ``url`` for ``kind``."""
        Symbols.set(BYBIT, {SYMBOL: "BTC/USDT"}, {"instrument_type": {SYMBOL: SPOT}})
        channel = {"book_delta": L2_BOOK, "trade": TRADES}[request["kind"]]

        class Local(Bybit):
            websocket_endpoints = (WebsocketEndpoint("wss://local/spot", options={"compression": None}),)

            def connect(self) -> list[Any]:
                made = super().connect()
                made[0][0].address = request["url"]  # only wss addresses can be asked for
                return made

        self.feed = Local(symbols=[SYMBOL], channels=[channel], callbacks={channel: self.came}, timeout=-1)
        self.feed.start(asyncio.get_running_loop())
        return True

    async def read(self, request: dict[str, Any]) -> dict[str, int]:
        """Tell what came once ``expected`` are here or nothing has come for ``quiet`` seconds; count from 0 then."""
        seen, since = self.count, time.monotonic()
        while self.count < request["expected"] and time.monotonic() - since < request["quiet"]:
            await asyncio.sleep(0.02)
            if self.count != seen:
                seen, since = self.count, time.monotonic()
        count, self.count = self.count, 0
        return {"count": count, "last_ns": self.last_ns}


if __name__ == "__main__":
    client = Client()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # as its own FeedHandler does
    asyncio.run(serve({"start": client.start, "read": client.read}))
