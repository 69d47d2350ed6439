"""The plain receiver: a webhook's body, proved by its signature, stored on a stream before the answer.

What the bridge is measured beside. It is the shortest one that loses nothing (aiohttp's server, nats-py's JetStream
publish) and lacks the rest: it does not look at who calls, how large or how slow a body is, takes a repetition as new
after two minutes, and leaves it to every reader to understand what the venue said.

``python receiver.py NATS_URL SECRET`` says its address and serves until stdin is closed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import sys

import nats
from aiohttp import web


async def main() -> None:
    """Serve."""
    bus = await nats.connect(sys.argv[1])
    js = bus.jetstream()
    await js.add_stream(name="PLAIN", subjects=["plain.>"])
    key = base64.b64decode(sys.argv[2].removeprefix("whsec_"))

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        name = request.headers["webhook-id"]
        signed = f"{name}.{request.headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(expected, request.headers["webhook-signature"]):
            return web.Response(status=401)
        await js.publish(f"plain.{name}", body, headers={"Nats-Msg-Id": name})
        return web.Response(text='{"msg":"success"}')

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}/hook\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
