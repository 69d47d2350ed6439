"""A plain client for the simulator: aiohttp and the signature, nothing of the plugin."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from venuebus_btse.simulator import API_KEY, API_SECRET, BtseSimulator, RateRules


class Client:
    """Talks to one simulator; every call is one HTTP request on a connection of its own."""

    def __init__(self, simulator: BtseSimulator, http: aiohttp.ClientSession) -> None:
        self.sim = simulator
        self.http = http
        self.urls = simulator.config()
        self._nonces = itertools.count(int(time.time() * 1000))

    def headers(self, path: str, body: bytes = b"", *, key: str = API_KEY, secret: str = API_SECRET) -> dict[str, str]:
        nonce = str(next(self._nonces))
        return {
            "request-api": key,
            "request-nonce": nonce,
            "request-sign": sign(secret, path, nonce, body),
            "Content-Type": "application/json",
        }

    async def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, signed: bool = True, **query: Any
    ) -> tuple[int, Any]:
        """Return the HTTP status and the decoded body (text if it is no JSON)."""
        data = b"" if body is None else json.dumps(body).encode()
        route = f"/api/v3.3/{path}"
        headers = self.headers(route, data) if signed else {}
        async with self.http.request(
            method, self.urls["rest_url"] + route, data=data, headers=headers, params=query
        ) as response:
            raw = await response.text()
            try:
                return response.status, json.loads(raw, parse_float=Decimal)
            except ValueError:
                return response.status, raw

    async def order(self, **fields: Any) -> tuple[int, Any]:
        """POST order, a small limit order unless told otherwise."""
        body = {"symbol": "BTC-USD", "side": "BUY", "type": "LIMIT", "price": 59_000, "size": 0.01, **fields}
        return await self.call("POST", "order", {name: value for name, value in body.items() if value is not None})

    async def control(self, what: str, body: Any = None) -> Any:
        """Use one of the ``/_sim`` endpoints."""
        url = self.urls["rest_url"].removesuffix("/spot") + f"/_sim/{what}"
        method = "GET" if what == "state" else "POST"
        async with self.http.request(method, url, data=b"" if body is None else json.dumps(body).encode()) as response:
            return json.loads(await response.text(), parse_float=Decimal)

    async def spot(self, *topics: str, login: bool = False) -> Socket:
        """Open ``/ws/spot``, sign in if told, and subscribe."""
        socket = Socket(await self.http.ws_connect(self.urls["ws_url"]))
        if login:
            await socket.send(self.login_frame())
            assert await socket.until(lambda frame: frame.get("event") == "login") == {
                "event": "login",
                "success": True,
            }
        if topics:
            await socket.subscribe(*topics)
        return socket

    async def oss(self, *topics: str) -> Socket:
        """Open ``/ws/oss/spot`` and subscribe."""
        socket = Socket(await self.http.ws_connect(self.urls["oss_url"]))
        if topics:
            await socket.subscribe(*topics)
        return socket

    def login_frame(self, secret: str = API_SECRET) -> dict[str, Any]:
        nonce = str(next(self._nonces))
        return {"op": "authKeyExpires", "args": [API_KEY, nonce, sign(secret, "/ws/spot", nonce)]}


class Socket:
    """A WebSocket whose frames are read on demand."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.raw: list[str] = []

    async def send(self, frame: Any) -> None:
        await self.ws.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def text(self, timeout: float = 5.0) -> str:
        """Return the next text frame."""
        async with asyncio.timeout(timeout):
            message = await self.ws.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionResetError(f"{message.type!r} {message.data!r}")
        self.raw.append(message.data)
        return str(message.data)

    async def frame(self) -> Any:
        """Return the next frame that is JSON."""
        while True:
            try:
                return json.loads(await self.text(), parse_float=Decimal)
            except ValueError:
                continue

    async def until(self, wanted: Callable[[Any], Any]) -> Any:
        """Return the first JSON frame that ``wanted`` says yes to."""
        while not wanted(frame := await self.frame()):
            pass
        return frame

    async def subscribe(self, *topics: str) -> list[str]:
        """Subscribe; return what the venue agreed to."""
        await self.send({"op": "subscribe", "args": list(topics)})
        return list((await self.until(lambda frame: frame.get("event") == "subscribe"))["channel"])

    async def data(self, topic: str) -> Any:
        """Return the data of the next frame of a topic (its beginning is enough)."""
        return (await self.until(lambda frame: str(frame.get("topic", "")).startswith(topic)))["data"]

    async def ping(self) -> str:
        """Send a ping, return the next frame that is no JSON object."""
        await self.send("ping")
        while (text := await self.text()).startswith("{"):
            pass
        return text


def sign(secret: str, path: str, nonce: str, body: bytes = b"") -> str:
    return hmac.new(secret.encode(), path.encode() + nonce.encode() + body, hashlib.sha384).hexdigest()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[BtseSimulator], Awaitable[Client]]]:
    """Start a simulator and return a client of it; both are gone after the test."""
    simulators: list[BtseSimulator] = []
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10)) as http:

        async def start(simulator: BtseSimulator) -> Client:
            await simulator.start()
            simulators.append(simulator)
            return Client(simulator, http)

        yield start
        for simulator in simulators:
            await simulator.stop()


@pytest.fixture
async def client(connect: Callable[[BtseSimulator], Awaitable[Client]]) -> Client:
    """A client of a simulator with still markets and no rate limits."""
    return await connect(BtseSimulator(limits=RateRules(enabled=False)))


@pytest.fixture(name="sign")
def sign_fixture() -> Callable[..., str]:
    """The signature of a request."""
    return sign
