"""One WebSocket to the venue: keepalive, one subscription request at a time, and no patience with silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import aiohttp
from venuebus import RetryableError, VenueContext

from .config import BtseConfig
from .protocol import PING, operation
from .topics import Topics

GRACE = 0.2  # seconds after an answer in which a refusal may still name a topic that the answer left out
MAX_FRAME = 16 * 1024 * 1024


class Link:
    """A connection that reads until it ends. ``receive`` gets every text frame and must not block."""

    def __init__(self, name: str, url: str, ctx: VenueContext[BtseConfig], receive: Callable[[str], None]) -> None:
        self.name = name
        self.topics = Topics()
        self._url = url
        self._ctx = ctx
        self._receive = receive
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._heard = 0.0
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._answered = False

    async def open(self, http: aiohttp.ClientSession) -> None:
        """Connect.

        Raises:
            RetryableError: refused, timed out, or no WebSocket.
        """
        try:
            async with asyncio.timeout(self._ctx.config.connect_timeout):
                self._ws = await http.ws_connect(self._url, max_msg_size=MAX_FRAME, autoping=True)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise RetryableError(f"{self.name}: cannot connect: {type(error).__name__}: {error}") from error
        self._heard = asyncio.get_running_loop().time()

    async def read(self) -> None:
        """Read until the connection ends.

        Raises:
            RetryableError: always; that it ended is the news.
        """
        ws, time = self._socket(), asyncio.get_running_loop().time
        receive, text = self._receive, aiohttp.WSMsgType.TEXT
        while True:
            message = await ws.receive()
            self._heard = time()
            if message.type is text:
                receive(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                receive(message.data.decode("utf-8", "replace"))
            elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED,
                                  aiohttp.WSMsgType.ERROR):  # fmt: skip
                why = f"code {ws.close_code}, {message.extra or 'no reason'}"
                raise RetryableError(f"{self.name}: the connection ended ({why})")

    async def keep_alive(self) -> None:
        """Send ``ping`` as text; the venue drops a connection after 60 s without, and answers ``pong``.

        Raises:
            RetryableError: nothing at all was heard for the configured time: the path is dead though TCP is not.
        """
        config, loop = self._ctx.config, asyncio.get_running_loop()
        while True:
            patience = max(0.05, self._heard + config.silence_timeout - loop.time())
            await asyncio.sleep(min(config.ping_interval, patience))
            silent = loop.time() - self._heard
            if silent >= config.silence_timeout:
                raise RetryableError(f"{self.name}: nothing heard for {silent:.1f} s")
            await self.send(PING)

    async def send(self, frame: str) -> None:
        """Send one text frame.

        Raises:
            RetryableError: the connection is gone.
        """
        try:
            async with asyncio.timeout(self._ctx.config.connect_timeout):
                await self._socket().send_str(frame)
        except (TimeoutError, aiohttp.ClientError, OSError, RuntimeError) as error:
            raise RetryableError(f"{self.name}: cannot send: {type(error).__name__}: {error}") from error

    async def subscribe(self, topics: Iterable[str]) -> dict[str, str]:
        """Subscribe; return the topics that the venue did not take, each with the reason.

        Raises:
            RetryableError: the connection is gone.
        """
        wanted, size = list(topics), self._ctx.config.topics_per_request
        refused: dict[str, str] = {}
        for start in range(0, len(wanted), size):
            refused |= await self._subscribe(wanted[start : start + size])
        return refused

    async def _subscribe(self, topics: list[str]) -> dict[str, str]:
        async with self._turn:
            refused = {t: why for t in topics if (why := self.topics.permanent.get(t)) is not None}
            asked = self.topics.ask(topics)
            if asked:
                self._answered = False
                await self.send(operation("subscribe", asked))
                await self._settle()
            return {**refused, **self.topics.outcome()}

    async def unsubscribe(self, topics: Iterable[str]) -> None:
        """Unsubscribe what is subscribed. The venue's answer is not waited for: nothing depends on it.

        Raises:
            RetryableError: the connection is gone.
        """
        gone = self.topics.drop(topics)
        if gone:
            await self.send(operation("unsubscribe", gone))

    def heard_about_topics(self, *, answered: bool = False) -> None:
        """Wake whoever waits for a subscription: an answer, a refusal or first data came."""
        self._answered = self._answered or answered
        self._news.set()

    async def close(self) -> None:
        """Close the socket; safe twice."""
        if self._ws is not None:
            try:
                async with asyncio.timeout(1.0):
                    await self._ws.close()
            except (TimeoutError, aiohttp.ClientError, OSError):
                pass

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._ctx.config.subscribe_timeout
        graced = False
        while self.topics.open and (left := deadline - loop.time()) > 0:
            if self._answered and not graced:
                graced, deadline = True, min(deadline, loop.time() + GRACE)
                continue
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                return

    def _socket(self) -> aiohttp.ClientWebSocketResponse:
        if self._ws is None:
            raise RetryableError(f"{self.name}: not connected")
        return self._ws
