"""One session: understands deliveries, and asks for positions in case one got lost.

There is no connection to hold. Deliveries come through the bridge's webhook and are understood whether or not the
venue can be asked; asking is off unless an address and a token are configured.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from venuebus import CommandRejected, Delivery, RetryableError, VenueContext
from venuebus_schemas import AccountEvent, Forward, Query, Reason

from .config import PingPongXConfig
from .convert import to_fields, to_forward, translate
from .messages import Position
from .protocol import NotUnderstood, order_path, page_path, read_event, read_positions

REQUEST_TIMEOUT = 10.0
MAX_ANSWER = 8 * 1024 * 1024


class PingPongXSession:
    """A `venuebus.VenueSession` that `SupportsWebhooks` and `SupportsQueries`."""

    def __init__(self, context: VenueContext[PingPongXConfig]) -> None:
        self._context = context
        self._config = context.config
        self._base = (context.config.base_url or "").rstrip("/")
        self._http: aiohttp.ClientSession | None = None
        self._closed = asyncio.Event()
        self._lacks: str | None = None

    # --- the life -------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Be ready: there is nothing to log in to."""
        if self._base:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT))

    async def run(self) -> None:
        """Ask for positions now and then, until closed."""
        while self._http is not None and not self._closed.is_set():
            await self._poll()
            try:
                async with asyncio.timeout(self._config.poll_interval):
                    await self._closed.wait()
            except TimeoutError:
                continue
        await self._closed.wait()

    async def close(self) -> None:
        """Stop asking."""
        self._closed.set()
        if self._http is not None:
            http, self._http = self._http, None
            await http.close()

    # --- deliveries -----------------------------------------------------------------------------------------

    def translate(self, delivery: Delivery) -> list[AccountEvent]:
        """Return the change and the states that a delivery tells.

        Raises:
            ValueError: it is not understood.
        """
        found = translate(read_event(delivery.body))
        for warning in found.warnings:
            self._context.count("does_not_conserve")
            self._context.log.warning("delivery does not add up", msg_id=delivery.msg_id, what=warning)
        for event in found.events:
            event.ts_recv = delivery.ts_recv
        return found.events

    # --- asking ---------------------------------------------------------------------------------------------

    async def query(self, account: str, what: str, request: Query) -> list[Any]:
        """Answer ``forwards``: all positions, or those of one ``client_order_id``.

        Raises:
            CommandRejected: another query, or asking is not configured. RetryableError: no answer.
        """
        if what != "forwards":
            raise CommandRejected(Reason.UNSUPPORTED, f"no query {what!r} here; there is: forwards")
        if self._http is None:
            raise CommandRejected(Reason.UNSUPPORTED, "asking needs base_url and access_token in the configuration")
        if request.client_order_id is not None:
            positions = await self._ask(order_path(request.client_order_id))
        else:
            positions = await self._pages()
        return [self._stamp(to_forward(to_fields(position)), account) for position in positions]

    async def _poll(self) -> None:
        try:
            positions = await self._pages()
        except RetryableError as error:
            self._context.count("poll_failed")
            self._tell(str(error), error.reason)
            return
        self._tell(None)
        self._context.count("polls")
        for position in positions:
            try:
                state = to_forward(to_fields(position))
            except ValueError as error:
                self._context.count("poll_not_understood")
                self._context.dead_letter(repr(position).encode(), f"a polled position is not understood: {error}")
                continue
            state.reconciled = True
            self._context.publish(self._stamp(state, self._config.account))

    def _stamp(self, state: Forward, account: str) -> Forward:
        state.account = account
        state.ts_recv = self._context.now_ns()
        return state

    def _tell(self, lacks: str | None, reason: Reason = Reason.NOT_CONNECTED) -> None:
        if lacks is not None and self._lacks is None:
            self._context.degraded(f"lost deliveries cannot be found: {lacks}", reason=reason)
        elif lacks is None and self._lacks is not None:
            self._context.recovered()
        self._lacks = lacks

    async def _pages(self) -> list[Position]:
        found: dict[str, Position] = {}
        for page in range(1, self._config.max_pages + 1):
            positions = await self._ask(page_path(page, self._config.page_size))
            news = [position for position in positions if position.position_id not in found]
            found.update((position.position_id, position) for position in news)
            # A page that brings nothing new ends it too: what happens behind the last page is not documented.
            if not news or len(positions) < self._config.page_size:
                return list(found.values())
        self._context.count("poll_cut_short")
        return list(found.values())

    async def _ask(self, path: str) -> list[Position]:
        if self._http is None or self._config.access_token is None:
            raise RetryableError("the session is closed")
        try:
            headers = {"access_token": self._config.access_token.reveal(), "Accept": "application/json"}
            async with self._http.get(self._base + path, headers=headers) as answer:
                body = await answer.content.read(MAX_ANSWER + 1)
                while len(body) <= MAX_ANSWER and (more := await answer.content.read(MAX_ANSWER + 1 - len(body))):
                    body += more
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RetryableError(f"no answer from the venue: {type(error).__name__}") from error
        if status in (401, 403):
            raise RetryableError("the venue refuses the access token", reason=Reason.UNAUTHORIZED)
        if status != 200 or len(body) > MAX_ANSWER:
            raise RetryableError(f"the venue answered {status} with {len(body)} bytes")
        try:
            return read_positions(body)
        except NotUnderstood as error:
            raise RetryableError(f"the venue's answer is not understood: {error}") from error
