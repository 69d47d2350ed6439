"""Requests to a venue over NATS, as a NATS micro service: ``$SRV.PING/INFO/STATS`` come for free."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import nats.errors
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import Service
from venuebus_schemas import Subjects

from .connection import Connection

Handler = Callable[[str, bytes], Awaitable[bytes]]


class VenueService:
    """Answers ``qry.<venue>.*.*`` and ``ctl.<venue>.*`` while this bridge owns the venue.

    Each request runs as a task of its own, so that a slow query never keeps a halt waiting.
    """

    def __init__(self, connection: Connection, subjects: Subjects, venue: str, version: str) -> None:
        self._connection = connection
        self._subjects = subjects
        self._venue = venue
        self._version = version
        self._service: Service | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, query: Handler, control: Handler, metadata: dict[str, str]) -> None:
        """Begin to answer; the handlers get the subject and the request's bytes, and never raise."""
        self._service = await add_service(
            self._connection.control,
            name="venuebus",
            version=self._version,
            description=f"venuebus bridge to {self._venue}",
            metadata={"venue": self._venue, **metadata},
        )
        for name, subject, handler in (
            ("qry", self._subjects.query(self._venue, "*", "*"), query),
            ("ctl", self._subjects.control(self._venue, "*"), control),
        ):
            await self._service.add_endpoint(
                name=f"{name}-{self._venue}", subject=subject, handler=self._answer(handler)
            )
        await asyncio.sleep(0)  # nats-py's flush overtakes what is still pending otherwise
        await self._connection.control.flush()

    def _answer(self, handler: Handler) -> Callable[[Request], Awaitable[None]]:
        async def answer(request: Request) -> None:
            if self._is_ours(request._msg.reply):
                return
            task = asyncio.create_task(self._respond(handler, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return answer

    def _is_ours(self, reply: str) -> bool:
        # Who asks names where the answer goes, and NATS checks that with our rights: an answer on a lease's subject,
        # say, would take the account from us.
        return reply.startswith((f"{self._subjects.root}.", "$"))

    @staticmethod
    async def _respond(handler: Handler, request: Request) -> None:
        data = await handler(request.subject, request.data)
        try:
            await request.respond(data)
        except (nats.errors.Error, ValueError, OSError):
            pass  # nobody waits for it any more

    async def stop(self) -> None:
        """Stop answering."""
        service, self._service = self._service, None
        if service is not None:
            try:
                async with asyncio.timeout(2):
                    await service.stop()
            except (TimeoutError, nats.errors.Error, OSError):
                pass
        for task in list(self._tasks):
            task.cancel()
