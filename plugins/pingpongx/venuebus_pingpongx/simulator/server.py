"""The simulator as a whole: a desk whose positions live, a sender that tells them, queries for what got lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web
from venuebus.simulation import Fault, FaultScript

from ..protocol import ORDER_PATH, PAGE_PATH
from ..signing import Method, signer
from .desk import Desk, Message
from .sender import FORGED, Sender

SECRET = "whsec_c2ltdWxhdGVkIHBpbmdwb25neCBzZWNyZXQ="  # the simulator's own, public on purpose
ACCESS_TOKEN = "simulated-access-token"
MISCHIEF = ("duplicate", "reorder", "lie", "garbage", "truncate", "cut", "drop")


class PingPongXSimulator:
    """PingPongX on a loopback port: delivers to ``target`` and answers queries.

    Args:
        rate: lives per second, started while there is a target; 0 for none (`live` starts one).
        method: how deliveries are signed.
        secret: the key for that.
        mischief: probability with which a delivery is repeated, reordered, forged, damaged, cut or lost.
        pause: seconds between two deliveries of one life.
        seed: of everything random.
        backoff: seconds until a delivery that was not taken is sent again; doubled each time.
        now_ns: the venue's clock.
    """

    def __init__(
        self,
        *,
        rate: float = 0.5,
        method: Method = "standard_webhooks",
        secret: str = SECRET,
        mischief: float = 0.0,
        pause: float = 0.3,
        seed: int = 1,
        backoff: float = 0.25,
        attempts: int = 8,
        faults: FaultScript | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.faults = faults if faults is not None else FaultScript()
        self.desk = Desk(seed, now_ns=now_ns)
        forged = signer(method, FORGED)
        self.sender = Sender(signer(method, secret), forged, self.faults, attempts=attempts, backoff=backoff, seed=seed)
        self.sent: list[str] = []
        self._method = method
        self._secret = secret
        self._rate = rate
        self._mischief = mischief
        self._pause = pause
        self._random = random.Random(seed)
        self._runner: web.AppRunner | None = None
        self._living: asyncio.Task[None] | None = None
        self._lives: set[asyncio.Task[None]] = set()
        self._address = ("127.0.0.1", 0)

    # --- life -----------------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application()
        app.router.add_get(PAGE_PATH, self._page)
        app.router.add_get(ORDER_PATH, self._order)
        app.router.add_route("*", "/v2/token/get", self._token)
        app.router.add_post("/_sim/target", self._set_target)
        app.router.add_post("/_sim/send", self._send)
        app.router.add_post("/_sim/live", self._live)
        app.router.add_post("/_sim/faults", self._add_faults)
        app.router.add_get("/_sim/state", self._state)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._address = (host, int(self._runner.addresses[0][1]))
        self.sender.start()
        self._living = asyncio.create_task(self._keep_living(), name="pingpongx simulator")

    async def stop(self) -> None:
        """Close every connection and release the port."""
        tasks = [task for task in (self._living, *self._lives) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.sender.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """Where the queries are answered."""
        return f"http://{self._address[0]}:{self._address[1]}"

    def target(self, url: str) -> None:
        """Deliver to ``url`` from now on: the bridge's ``http_url`` and ``/hooks/<venue>``."""
        self.sender.target = url

    def config(self) -> dict[str, Any]:
        """Return the ``[venues.<name>]`` table that connects a bridge to this simulator."""
        return {
            "plugin": "pingpongx",
            "base_url": self.url,
            "access_token": ACCESS_TOKEN,
            "poll_interval": 5.0,
            "verify": {"method": self._method, "secrets": [self._secret]},
        }

    def describe(self) -> str:
        """Return what a person needs to reach it."""
        return (
            f"PingPongX simulator at {self.url}, access_token {ACCESS_TOKEN}\n"
            f"Deliveries are signed by {self._method} with {self._secret}.\n"
            "They begin once it knows where to (--target URL, or):\n"
            f'  curl {self.url}/_sim/target -d \'{{"url": "http://127.0.0.1:8321/hooks/pingpongx"}}\'\n'
            f"State: {self.url}/_sim/state; one life: curl -X POST {self.url}/_sim/live"
        )

    # --- positions that live --------------------------------------------------------------------------------

    def send(self, message: Message) -> bytes:
        """Deliver one message in the background, and return its bytes."""
        if self._mischief and self._random.random() < self._mischief:
            action: Any = self._random.choice(MISCHIEF)
            self.faults.add(Fault(point="delivery", action=action, match=message["msg_id"]))
        body = Desk.encode(message)
        self.sent.append(message["msg_id"])
        del self.sent[:-100_000]
        self.sender.send(message["msg_id"], body)
        return body

    async def live(self) -> None:
        """Deliver one life, message by message."""
        for message in self.desk.life():
            self.send(message)
            await asyncio.sleep(self._pause)

    async def _keep_living(self) -> None:
        while True:
            await asyncio.sleep(1 / self._rate if self._rate > 0 else 3600)
            if self.sender.target is not None:
                task = asyncio.create_task(self.live(), name="life")
                self._lives.add(task)
                task.add_done_callback(self._lives.discard)

    # --- queries --------------------------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        return _answer({"access_token": ACCESS_TOKEN, "expires_in": 7200})

    async def _page(self, request: web.Request) -> web.Response:
        if (refusal := _unauthorized(request)) is not None:
            return refusal
        if self.faults.take("query") is not None:
            return web.Response(status=500)
        page, size = int(request.query.get("page_no", "1")), int(request.query.get("page_size", "20"))
        rows = list(self.desk.positions.values())[::-1]
        return _answer({"total": len(rows), "records": rows[(page - 1) * size : page * size]})

    async def _order(self, request: web.Request) -> web.Response:
        if (refusal := _unauthorized(request)) is not None:
            return refusal
        wanted = request.query.get("target_c_order_id")
        return _answer([row for row in self.desk.positions.values() if row.get("c_order_id") == wanted])

    # --- control --------------------------------------------------------------------------------------------

    async def _set_target(self, request: web.Request) -> web.Response:
        self.target(str(msgspec.json.decode(await request.read())["url"]))
        return web.json_response({"target": self.sender.target})

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.read()
        name = msgspec.json.decode(body)["msg_id"]
        self.sender.send(name, body)
        return web.json_response({"msg_id": name})

    async def _live(self, request: web.Request) -> web.Response:
        messages = self.desk.life()
        for message in messages:
            self.send(message)
        return web.json_response({"sent": [message["msg_id"] for message in messages]})

    async def _add_faults(self, request: web.Request) -> web.Response:
        for fault in msgspec.json.decode(await request.read(), type=list[Fault]):
            self.faults.add(fault)
        return web.json_response({"faults": len(self.faults.faults)})

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "target": self.sender.target,
                "positions": len(self.desk.positions),
                "sent": len(self.sent),
                "accepted": len(self.sender.accepted),
                "given_up": len(self.sender.given_up),
                "dropped": len(self.sender.dropped),
                "under_way": self.sender.under_way,
                "answers": {str(status): count for status, count in self.sender.outcomes.items()},
            }
        )


def _unauthorized(request: web.Request) -> web.Response | None:
    if request.headers.get("access_token") == ACCESS_TOKEN:
        return None
    return web.json_response({"code": 401, "msg": "invalid access_token"}, status=401)


def _answer(data: Any) -> web.Response:
    return web.Response(body=Desk.encode({"code": 0, "msg": "success", "data": data}), content_type="application/json")
