"""Queries to the counter: one under way, at the configured pace, and never trusted to end."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from venuebus import RetryableError, VenueContext
from venuebus_schemas import Reason

from . import codes, protocol
from .config import CtpConfig
from .link import Link
from .requests import Filter, Outgoing
from .tickets import VenueRefused

T = TypeVar("T")
ATTEMPTS = 3


class Queries:
    """Asks on one trading socket; who may ask next is decided by ``priority``, then by time."""

    def __init__(
        self,
        ctx: VenueContext[CtpConfig],
        protocol_: protocol.TdProtocol,
        link: Link,
        front_down: Callable[[], None],
    ) -> None:
        self._ctx = ctx
        self._config = ctx.config
        self._protocol = protocol_
        self._link = link
        self._front_down = front_down
        self._asking = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = 0
        self._answered: asyncio.Future[protocol.Query] | None = None
        self._progress: Callable[[], None] | None = None

    async def query(self, request: str, filters: Outgoing | None = None, *, priority: int = 1) -> list[bytes]:
        """Return all rows of a query, still encoded; lower ``priority`` goes first.

        One at a time, at the configured pace; "too fast" and "busy" are asked again after growing pauses.

        Raises:
            RetryableError: no complete answer. VenueRefused: the counter refuses the query.
        """
        for attempt in range(1, ATTEMPTS + 1):
            async with self._turn(priority):
                query = await self._ask(request, filters or Filter())
            if query.number == 0:
                return query.rows
            if query.number == codes.FRONT_DOWN:
                self._front_down()
                raise RetryableError(f"{request}: {codes.describe(query.number, query.text)}")
            if query.number not in codes.QUERY_RETRYABLE:
                raise VenueRefused(query.number, query.text)
            self._ctx.count("query_busy")
            self._ctx.limits.ban(self._config.query_interval * attempt, "query")
        raise RetryableError(f"{request}: {codes.describe(query.number, query.text)}, {ATTEMPTS} times")

    async def rows(self, request: str, kind: type[T], filters: Outgoing | None = None, *, priority: int = 1) -> list[T]:
        """Return all rows of a query as structs; what cannot be read is kept as a dead letter and counted.

        Raises:
            RetryableError: no complete answer. VenueRefused: the counter refuses the query.
        """
        decoded = []
        for raw in await self.query(request, filters, priority=priority):
            try:
                decoded.append(protocol.row(raw, kind))
            except ValueError as error:
                self.unreadable(raw, f"{request}: {error}")
        return decoded

    def unreadable(self, raw: bytes, text: str) -> None:
        """Keep what could not be understood."""
        self._ctx.count("unreadable")
        self._ctx.dead_letter(raw, text, content_type="application/json")

    @asynccontextmanager
    async def _turn(self, priority: int) -> AsyncIterator[None]:
        if self._asking:
            self._order += 1
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (priority, self._order, waiter))
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._next_turn()
                raise
        self._asking = True
        try:
            yield
        finally:
            self._next_turn()

    def _next_turn(self) -> None:
        while self._waiting:
            waiter = heapq.heappop(self._waiting)[2]
            if not waiter.done():
                waiter.set_result(None)
                return
        self._asking = False

    async def _ask(self, request: str, filters: Outgoing) -> protocol.Query:
        await self._ctx.limits.acquire("query")
        if not self._link.is_open:
            raise RetryableError("td: the socket is closed")
        loop = asyncio.get_running_loop()
        query, data = self._protocol.start(request, filters)
        self._answered = loop.create_future()
        timeout = self._config.query_timeout
        try:
            await self._link.send(data)
            async with asyncio.timeout(timeout) as scope:
                self._progress = lambda: scope.reschedule(loop.time() + timeout)
                return await self._answered
        except TimeoutError as error:
            self._ctx.count("query_timeout")
            text = f"{request}: no complete answer within {timeout:g} s ({len(query.rows)} rows)"
            raise RetryableError(text, reason=Reason.TIMEOUT) from error
        finally:
            self._protocol.give_up()
            self._answered = self._progress = None

    # --- what the gateway says --------------------------------------------------------------------------------

    def got_row(self) -> None:
        """The query under way lives: its time-out begins anew."""
        if self._progress is not None:
            self._progress()

    def ended(self, query: protocol.Query) -> None:
        """The query under way has its end, good or bad."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(query)

    def fail(self, why: str) -> None:
        """No answer can come any more."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(RetryableError(f"query: {why}"))
