"""The plain relay: frames of a venue's WebSocket, as they are, on NATS. What the bridge is measured against.

It uses the same libraries in the same way (aiohttp's client, nats-py's publish), and does nothing else. The plain
keeper does what a book takes at least: two dicts, and the best fifty levels of each, sorted and encoded.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
import msgspec
import nats
from nats.aio.client import Client


async def relay(http: aiohttp.ClientSession, bus: Client, url: str, topic: str, subject: str) -> None:
    """Publish every frame of ``topic``."""
    async with http.ws_connect(url) as ws:
        await ws.send_str(json.dumps({"op": "subscribe", "args": [topic]}))
        async for message in ws:
            await bus.publish(subject, message.data.encode())


async def keep(http: aiohttp.ClientSession, bus: Client, url: str, topic: str, subject: str) -> None:
    """Publish the book of ``topic`` after every frame of it; holes, crossed books and wrong numbers are not seen."""
    bids: dict[str, str] = {}
    asks: dict[str, str] = {}
    async with http.ws_connect(url) as ws:
        await ws.send_str(json.dumps({"op": "subscribe", "args": [topic]}))
        async for message in ws:
            frame = msgspec.json.decode(message.data)
            if frame.get("topic") != topic:
                continue
            for side, levels in ((bids, frame["data"]["bids"]), (asks, frame["data"]["asks"])):
                if frame["data"]["type"] == "snapshot":
                    side.clear()
                for price, size in levels:
                    if float(size):
                        side[price] = size
                    else:
                        side.pop(price, None)
            best_bids = sorted(bids.items(), key=lambda level: float(level[0]), reverse=True)[:50]
            best_asks = sorted(asks.items(), key=lambda level: float(level[0]))[:50]
            book = {"symbol": frame["data"]["symbol"], "bids": best_bids, "asks": best_asks}
            await bus.publish(subject, msgspec.json.encode(book))


async def keep_alive(http: aiohttp.ClientSession, bus: Client, feeds: list[list[str]]) -> None:
    """Relay, or keep, all feeds until stdin is closed."""
    ways = {"relay": relay, "keeper": keep}
    tasks = [asyncio.create_task(ways[feed[2].split(".")[0]](http, bus, *feed)) for feed in feeds]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()


async def main() -> None:
    """``relay.py NATS_URL [[WS_URL, TOPIC, SUBJECT], …]``: subjects begin with ``relay.`` or ``keeper.``."""
    bus = await nats.connect(sys.argv[1])
    async with aiohttp.ClientSession() as http:
        await keep_alive(http, bus, json.loads(sys.argv[2]))
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
