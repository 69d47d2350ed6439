"""A WebSocket server that sends what BTSE's simulator sent, written as Bybit writes it: an equal feed for cryptofeed.

Fields of ``orderbook`` and ``publicTrade``: bybit-exchange.github.io/docs/v5/websocket/public.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from aiohttp import WSMsgType, web

from ..child import serve


def as_bybit(frame: str) -> str:
    """Return one frame of BTSE, levels and sizes untouched, as Bybit's."""
    told = json.loads(frame)
    data = told["data"]
    if isinstance(data, list):
        rows = [
            {"T": row["timestamp"], "s": "BTCUSDT", "S": row["side"].capitalize(), "v": str(row["size"]),
             "p": str(row["price"]), "L": "PlusTick", "i": str(row["tradeId"]), "BT": False}
            for row in data
        ]  # fmt: skip
        return json.dumps(
            {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": rows[0]["T"] if rows else 0, "data": rows}
        )
    book = {"s": "BTCUSDT", "b": data["bids"], "a": data["asks"], "u": data["seqNum"], "seq": data["seqNum"]}
    return json.dumps(
        {"topic": "orderbook.200.BTCUSDT", "type": data["type"], "ts": data["timestamp"], "data": book,
         "cts": data["timestamp"]}
    )  # fmt: skip


class Bybit:
    """One client, and the frames that it gets: the first when it subscribes, the others at each flood."""

    def __init__(self) -> None:
        self._frames: list[str] = []
        self._client: web.WebSocketResponse | None = None
        self._subscribed = asyncio.Event()

    async def start(self, request: dict[str, Any]) -> str:
        """Listen; return the address. ``frames`` are BTSE's."""
        self._frames = [as_bybit(frame) for frame in request["frames"]]
        app = web.Application()
        app.router.add_get("/spot", self._serve)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}/spot"

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        self._client = ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.TEXT and "subscribe" in message.data:
                await ws.send_str('{"success":true,"ret_msg":"","op":"subscribe"}')
                await ws.send_str(self._frames[0])
                self._subscribed.set()
        return ws

    async def flood(self, request: dict[str, Any]) -> dict[str, int]:
        """Send all frames but the first as fast as they are taken; return when it began."""
        await self._subscribed.wait()
        assert self._client is not None
        started = time.time_ns()
        for frame in self._frames[1:]:
            await self._client.send_str(frame)
        return {"started_ns": started}


if __name__ == "__main__":
    bybit = Bybit()
    asyncio.run(serve({"start": bybit.start, "flood": bybit.flood}))
