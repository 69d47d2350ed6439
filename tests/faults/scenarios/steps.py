"""What several scenarios do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import nats.errors
import nats.js.errors

from ..world import World


async def never(happens: Callable[[], Any], seconds: float) -> None:
    """Watch for ``seconds`` that something does not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert not (what := happens()), f"must not happen: {what}"
        await asyncio.sleep(0.05)


async def retry(call: Callable[[], Awaitable[bool]], timeout: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if await call():
            return True
        await asyncio.sleep(0.2)
    return False


async def stored(w: World, match: Callable[[str, Any], bool], timeout: float, count: int = 1) -> None:
    deadline = time.monotonic() + timeout
    found: list[Any] = []
    while time.monotonic() < deadline:
        with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, TimeoutError):
            found = [event for subject, event in await w.stored() if match(subject, event)]
            if len(found) >= count:
                return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{len(found)} of {count} on the stream\n{w.describe()}")


async def stored_result(w: World, command_id: str, status: str, timeout: float = 15.0) -> None:
    await stored(w, lambda s, e: s.endswith(f".result.{command_id}") and e["status"] == status, timeout)


def wait_for_log(bridge: Any, text: str, timeout: float = 15.0) -> None:
    deadline = time.monotonic() + timeout
    while text not in bridge.log():
        if time.monotonic() > deadline:
            raise AssertionError(f"not logged: {text}\n{bridge.log()[-2000:]}")
        time.sleep(0.05)


async def by_hand(w: World) -> bool:
    url = w.sim.config()["rest_url"].removesuffix("/spot") + "/_sim/orders"
    body = {"symbol": "BTC-USD", "side": "BUY", "type": "LIMIT", "price": 20000, "size": 0.01}
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as answer:
        return answer.status == 200


async def readiness(bridge: Any) -> int:
    """Status of the bridge's /readyz."""
    async with aiohttp.ClientSession() as http, http.get(f"{bridge.http()}/readyz") as answer:
        return answer.status
