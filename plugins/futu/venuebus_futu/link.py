"""One TCP connection to OpenD: bytes in and out, requests and their answers, nothing of what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from venuebus import NotSent, RetryableError
from venuebus_schemas import Reason

from . import messages
from .protocol import Connection, Damaged, Message, Received

Push = Callable[[Received], None]


class NoAnswer(RetryableError):
    """The request went out, and its answer did not come or cannot be read."""

    def __init__(self, text: str, *, reason: Reason = Reason.TIMEOUT) -> None:
        super().__init__(text, reason=reason)


class Link(asyncio.Protocol):
    """The client's end. ``closed`` is done with the reason when the connection is over; it is never used again."""

    def __init__(self, connection: Connection, on_push: Push) -> None:
        loop = asyncio.get_running_loop()
        self.connection = connection
        self.closed: asyncio.Future[str] = loop.create_future()
        self.last_received = loop.time()
        self._time = loop.time
        self._on_push = on_push
        self._transport: asyncio.Transport | None = None

    # --- asyncio.Protocol -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand every answer to its request and everything else to the session."""
        self.last_received = self._time()
        for item in self.connection.receive(data):
            if isinstance(item, Message):
                if item.token is None:
                    self._on_push(item)
                elif not item.token.done():
                    item.token.set_result(item)
            elif isinstance(item, Damaged):
                if item.token is not None and not item.token.done():
                    item.token.set_exception(NoAnswer(f"the answer is damaged: {item.text}"))
                self._on_push(item)
            else:
                self._on_push(item)
                self.abort(f"OpenD sends no frames: {item.text}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits for an answer."""
        self._end(f"connection lost: {exc}" if exc is not None else "OpenD closed the connection")

    # --- requests -------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Tell whether a request may be written."""
        return self._transport is not None and not self._transport.is_closing() and not self.closed.done()

    def write(self, proto: int, serial: int, request: Any) -> asyncio.Future[Message]:
        """Write one request, synchronously; return the future of its answer.

        Raises:
            NotSent: the connection is over; not one byte went out.
        """
        if self._transport is None or not self.is_open:
            raise NotSent("the connection to OpenD is lost")
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        data = self.connection.send(proto, serial, request.SerializeToString(), token=future)
        self._transport.write(data)
        return future

    async def answer(self, proto: int, serial: int, future: asyncio.Future[Message], timeout: float) -> Any:
        """Return the ``Response``, whatever result it tells.

        Raises:
            NoAnswer: it did not come in time, the connection ended before, or it cannot be read.
        """
        try:
            async with asyncio.timeout(timeout):
                message = await future
        except TimeoutError as error:
            raise NoAnswer(f"OpenD did not answer {proto} within {timeout:g} s") from error
        finally:
            self.connection.forget(proto, serial)
        try:
            return messages.response(message)
        except messages.Malformed as error:
            self._on_push(message)  # it lands where everything unreadable lands
            raise NoAnswer(str(error)) from error

    async def ask(self, proto: int, c2s: Any, timeout: float) -> Any:
        """Send a query and return the content of its answer.

        Raises:
            RetryableError: no connection, no answer, or OpenD says no.
        """
        response = await self.call(proto, c2s, timeout)
        if response.retType != messages.SUCCEED:
            raise RetryableError(f"OpenD answers {proto} with {response.retType}: {response.retMsg}")
        return response.s2c

    async def call(self, proto: int, c2s: Any, timeout: float) -> Any:
        """Send a request and return its ``Response``.

        Raises:
            RetryableError: no connection, or no answer.
        """
        request = messages.PROTOCOLS[proto].Request(c2s=c2s)
        serial = self.connection.next_serial()
        try:
            future = self.write(proto, serial, request)
        except NotSent as error:
            raise RetryableError(str(error)) from error
        return await self.answer(proto, serial, future, timeout)

    # --- the end --------------------------------------------------------------------------------------------

    def abort(self, reason: str) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end(reason)

    def _end(self, reason: str) -> None:
        if self.closed.done():
            return
        self.closed.set_result(reason)
        pending, self.connection.pending = self.connection.pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(NoAnswer(reason, reason=Reason.NOT_CONNECTED))
                future.exception()  # nobody may be waiting any more
