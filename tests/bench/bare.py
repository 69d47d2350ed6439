"""The bare script: orders from NATS to the venue's socket and the answer back, and nothing else.

What the order path is measured beside. It uses the bridge's libraries in their plainest way (nats-py's callback,
aiohttp's session, a task per command) and lacks everything that makes an order safe: it checks nothing, keeps no
ledger, sends again what is delivered again, and forgets what it has sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from typing import Any

import aiohttp
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

PATH = "/api/v3.3/order"


class Bare:
    """One account at one BTSE address."""

    def __init__(self, bus: Client, http: aiohttp.ClientSession, table: dict[str, Any]) -> None:
        self._bus = bus
        self._http = http
        self._url = table["rest_url"] + PATH
        self._key, self._secret = table["api_key"], table["api_secret"].encode()
        self._nonce = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def came(self, message: Msg) -> None:
        """Take one command."""
        task = asyncio.create_task(self._send(json.loads(message.data)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, command: dict[str, Any]) -> None:
        body = json.dumps(
            {"symbol": command["symbol"], "side": command["side"].upper(), "type": command["order_type"].upper(),
             "size": command["quantity"], "price": command["price"],
             "time_in_force": command["time_in_force"].upper(), "clOrderID": command["command_id"]}
        ).encode()  # fmt: skip
        self._nonce = max(self._nonce + 1, time.time_ns() // 1_000_000)
        nonce = str(self._nonce)
        sign = hmac.new(self._secret, PATH.encode() + nonce.encode() + body, hashlib.sha384).hexdigest()
        headers = {"request-api": self._key, "request-nonce": nonce, "request-sign": sign,
                   "Content-Type": "application/json"}  # fmt: skip
        async with self._http.post(self._url, data=body, headers=headers) as response:
            await response.read()
        result = {"type": "result", "command_id": command["command_id"],
                  "status": "accepted" if response.status == 200 else "rejected"}  # fmt: skip
        await self._bus.publish(f"bare.v1.acct.bare.main.result.{command['command_id']}", json.dumps(result).encode())


async def main() -> None:
    """``bare.py NATS_URL TABLE``: until stdin is closed; says ``ready`` when it hears commands."""
    bus = await nats.connect(sys.argv[1])
    async with aiohttp.ClientSession() as http:
        bare = Bare(bus, http, json.loads(sys.argv[2]))
        await bus.subscribe("bare.v1.cmd.bare.main.submit.*", cb=bare.came)
        await bus.request("$JS.API.INFO", b"")  # a barrier: the subscription stands
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
