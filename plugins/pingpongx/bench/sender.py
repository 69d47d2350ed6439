"""A process of the bench: the venue's side of the webhooks, told what to send on its stdin."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
from venuebus_pingpongx.signing import standard_webhooks
from venuebus_pingpongx.simulator import SECRET, Desk

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.bench.child import serve

Post = tuple[bytes, dict[str, str]]


class Sender:
    """Signs first and sends then, over a bounded number of connections."""

    def __init__(self) -> None:
        self._desk = Desk(now_ns=time.time_ns)

    async def send(self, request: dict[str, Any]) -> dict[str, Any]:
        """Post ``count`` new deliveries to ``url``, ``connections`` at a time; return ms of each answer."""
        posts, took = iter([self._post() for _ in range(request["count"])]), list[float]()
        connector = aiohttp.TCPConnector(limit=request["connections"])
        async with aiohttp.ClientSession(connector=connector) as http:
            started = time.time_ns()
            await asyncio.gather(
                *(self._work(http, request["url"], posts, took) for _ in range(request["connections"]))
            )
        return {"started_ns": started, "took": took}

    def _post(self) -> Post:
        message = self._desk.create(Decimal("1000.00"))
        body = Desk.encode(message)
        headers = standard_webhooks(SECRET, message["msg_id"], body, int(time.time()))
        return body, {**headers, "Content-Type": "application/json"}

    @staticmethod
    async def _work(http: aiohttp.ClientSession, url: str, posts: Iterator[Post], took: list[float]) -> None:
        for body, headers in posts:
            began = time.perf_counter()
            async with http.post(url, data=body, headers=headers) as answer:
                text = await answer.text()
                if answer.status != 200:
                    raise RuntimeError(f"{url} answered {answer.status}: {text[:200]}")
            took.append((time.perf_counter() - began) * 1e3)


if __name__ == "__main__":
    sender = Sender()
    asyncio.run(serve({"send": sender.send}))
