"""Account and system events, typed, as the stream stored them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec
from nats.aio.msg import Msg
from venuebus_schemas import Event, decode_event

from .journal import Journal
from .sequence import Missing, Sequence

E = TypeVar("E", bound=Event)


class EventStream(Generic[E]):
    """The events of some kinds, oldest first, as the stream stored them.

    Iterate over it, or take one event at a time with `next`. In an ``async with`` it begins to read at once and ends
    with the block; otherwise it begins with the first event that is asked for. `sequence`, kept somewhere, lets
    another process go on behind the last event (``after=``). One task at a time may read.
    """

    def __init__(self, journal: Journal, kinds: tuple[type[E], ...], on_missing: Callable[[Missing], None]) -> None:
        self._journal = journal
        self._kinds = kinds
        self._tell = on_missing
        self._numbering = Sequence()
        self.undecodable = 0
        """How many messages could not be read: of a version that this one does not know, most likely."""

    @property
    def sequence(self) -> int:
        """The stream's number of the last event that was handed out, or of the place where reading began."""
        return self._journal.sequence

    async def open(self) -> None:
        """Begin to read: what is stored from now on will be handed out.

        Raises:
            NotServed: the stream does not exist; a bridge makes it when it starts.
            PermissionDenied, ConnectionClosed: as they say.
        """
        await self._journal.open()

    async def next(self, timeout: float | None = None) -> E:
        """Return the next event; wait for it.

        Raises:
            TimeoutError: there was none in time; nothing is lost by that.
            NotServed, PermissionDenied, ConnectionClosed: as `open`.
        """
        async with asyncio.timeout(timeout):
            while True:
                event = self._read(await self._journal.next())
                if event is not None:
                    return event

    def _read(self, message: Msg) -> E | None:
        try:
            event = decode_event(message.data)
        except msgspec.DecodeError:
            self.undecodable += 1
            return None
        if not isinstance(event, self._kinds):
            return None
        if missing := self._numbering.check(message.subject, event):
            self._tell(missing)
        return event

    async def _iterate(self) -> AsyncIterator[E]:
        while True:
            yield await self.next()

    def __aiter__(self) -> AsyncIterator[E]:
        """Hand out the events for ever."""
        return self._iterate()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop reading; the server forgets the consumer by itself."""
        await self._journal.close()
