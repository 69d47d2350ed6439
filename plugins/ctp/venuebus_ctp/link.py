"""One WebSocket to the gateway: opened with a time-out, read by one named task, always closed cleanly.

Closing matters here: a socket that is not closed leaves its CTP session logged in at the counter, and the account
runs into "too many sessions" after a few of those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
from venuebus import FatalError, NotSent, RetryableError
from venuebus_schemas import Reason

MAX_FRAME = 16 * 1024 * 1024  # the gateway's own limit
CLOSE_TIMEOUT = 2.0


class Link:
    """A connected socket; ``on_data`` is called for every text frame, in order, in one task, ``on_end`` after it."""

    def __init__(
        self,
        name: str,
        http: aiohttp.ClientSession,
        on_data: Callable[[bytes], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._http = http
        self._on_data = on_data
        self._on_end = on_end
        self._ws: aiohttp.ClientWebSocketResponse[bool] | None = None
        self._reader: asyncio.Task[None] | None = None
        self.failure: Exception | None = None
        self.ended = asyncio.Event()

    async def open(self, url: str, *, timeout: float, heartbeat: float) -> None:
        """Connect and start reading.

        Raises:
            RetryableError: nobody there, or not yet. FatalError: the address is wrong.
        """
        try:
            async with asyncio.timeout(timeout):
                self._ws = await self._http.ws_connect(
                    url, heartbeat=heartbeat, max_msg_size=MAX_FRAME, decode_text=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
                )  # fmt: skip
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                text = f"{self.name}: the gateway refuses {_public(url)} with status {error.status}"
                raise FatalError(text, reason=Reason.INVALID) from error
            raise RetryableError(f"{self.name}: gateway answers status {error.status}") from error
        except TimeoutError as error:
            raise RetryableError(f"{self.name}: no connection within {timeout:g} s", reason=Reason.TIMEOUT) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RetryableError(f"{self.name}: {type(error).__name__}: {error}") from error
        self._reader = asyncio.create_task(self._read(self._ws), name=f"ctp-{self.name}-reader")

    @property
    def is_open(self) -> bool:
        """Tell whether something can be written."""
        return self._ws is not None and not self._ws.closed and not self.ended.is_set()

    def require_open(self) -> None:
        """Raise before anything is written to a socket that is gone.

        Raises:
            NotSent: not one byte can go out.
        """
        if not self.is_open:
            raise NotSent(f"{self.name}: the socket is closed")

    async def send(self, data: bytes) -> None:
        """Write one text frame; the first byte goes out before this yields to anything else.

        Raises:
            RetryableError: the socket broke; what was written before that is not known.
        """
        if self._ws is None:
            raise RetryableError(f"{self.name}: not connected")
        try:
            await self._ws.send_frame(data, aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as error:
            raise RetryableError(f"{self.name}: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Send the close frame, wait briefly for the other side, and end the reader; safe twice."""
        ws, reader = self._ws, self._reader
        self._ws = self._reader = None
        if ws is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT + 1):
                    await ws.close()
            except (TimeoutError, aiohttp.ClientError, OSError):
                pass  # the other side is gone; there is nobody to be polite to
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        self.ended.set()

    async def _read(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        text = aiohttp.WSMsgType.TEXT
        try:
            while True:
                message = await ws.receive()
                if message.type is not text:
                    self.failure = RetryableError(_ending(self.name, ws.close_code, message.type, message.data))
                    return
                self._on_data(message.data)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  kept, and raised by whoever runs the session
            self.failure = error
        finally:
            self.ended.set()
            self._on_end()


def _ending(name: str, close_code: int | None, kind: aiohttp.WSMsgType, data: object) -> str:
    if kind is aiohttp.WSMsgType.ERROR:
        return f"{name}: {data}"
    if kind is aiohttp.WSMsgType.BINARY:
        return f"{name}: a binary frame, which no gateway sends"
    return f"{name}: the gateway closed the socket ({close_code})"


def _public(url: str) -> str:
    return url.split("?", 1)[0]  # a token may be in the query
