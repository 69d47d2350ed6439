"""The plain relay: frames of a venue's WebSocket, as they are, on NATS. What the bridge is measured against.

It uses the same libraries in the same way (aiohttp's client, nats-py's publish), and does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
import nats
from nats.aio.client import Client


async def relay(http: aiohttp.ClientSession, bus: Client, url: str, topic: str, subject: str) -> None:
    """Publish every frame of ``topic``."""
    async with http.ws_connect(url) as ws:
        await ws.send_str(json.dumps({"op": "subscribe", "args": [topic]}))
        async for message in ws:
            await bus.publish(subject, message.data.encode())


async def keep_alive(http: aiohttp.ClientSession, bus: Client, feeds: list[list[str]]) -> None:
    """Relay all feeds until stdin is closed."""
    tasks = [asyncio.create_task(relay(http, bus, *feed)) for feed in feeds]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()


async def main() -> None:
    """``relay.py NATS_URL [[WS_URL, TOPIC, SUBJECT], …]``."""
    bus = await nats.connect(sys.argv[1])
    async with aiohttp.ClientSession() as http:
        await keep_alive(http, bus, json.loads(sys.argv[2]))
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
