"""Market data as it comes: a slow reader gets the newest, and is told what it missed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from venuebus_schemas import Event, Gap, decode_event

from .link import TICK, Link
from .sequence import Cause, Missing, Sequence

E = TypeVar("E", bound=Event)


class MarketStream(Generic[E]):
    """The market data of some subjects, in the order of its arrival.

    Iterate over it, or take one event at a time with `next`. In an ``async with`` it listens when the block begins
    and ends with it; otherwise it listens from the first event that is asked for until the loop over it ends. At most
    ``keep`` messages wait for a slow reader; then the oldest give way. One task at a time may read.
    """

    def __init__(
        self,
        link: Link,
        subjects: list[str],
        gaps: list[str],
        kinds: tuple[type[E], ...],
        keep: int,
        on_missing: Callable[[Missing], None],
    ) -> None:
        self._link = link
        self._subjects = subjects
        self._gaps = gaps
        self._kinds = kinds
        self._waiting: deque[Msg] = deque(maxlen=keep)
        self._tell = on_missing
        self._numbering = Sequence()
        self._wake = asyncio.Event()
        self._subscriptions: list[Subscription] = []
        self._held = False
        self._late: set[str] = set()
        self.dropped = 0
        """How many messages gave way to newer ones because this reader was slow."""
        self.undecodable = 0
        """How many messages could not be read: of a version that this one does not know, most likely."""

    async def open(self) -> None:
        """Return when the server has the subscription: what is published from now on is heard.

        Raises:
            PermissionDenied: the login may not read this. ConnectionClosed: the connection is over.
        """
        if not self._subscriptions:
            self._link.check()
            wanted = [*self._subjects, *self._gaps]
            self._subscriptions = [await self._link.subscribe(subject, self._arrived) for subject in wanted]
            await self._link.settle()
        self._link.check(*self._subjects, *self._gaps)

    async def next(self, timeout: float | None = None) -> E:
        """Return the next event; wait for it.

        Raises:
            TimeoutError: there was none in time.
            PermissionDenied, ConnectionClosed: as `open`.
        """
        async with asyncio.timeout(timeout):
            await self.open()
            while True:
                while self._waiting:
                    event = self._read(self._waiting.popleft())
                    if event is not None:
                        return event
                await self._listen()

    async def _listen(self) -> None:
        self._wake.clear()
        async with self._link.wakes(self._wake, *self._subjects):
            self._link.check(*self._subjects, *self._gaps)
            try:
                async with asyncio.timeout(TICK):
                    await self._wake.wait()
            except TimeoutError:
                pass  # looks again whether the connection lives

    async def _iterate(self) -> AsyncIterator[E]:
        try:
            while True:
                yield await self.next()
        finally:
            if not self._held:
                await self.close()

    def __aiter__(self) -> AsyncIterator[E]:
        """Hand out the events for ever."""
        return self._iterate()

    async def __aenter__(self) -> Self:
        self._held = True
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = False
        await self.close()

    async def close(self) -> None:
        """Stop listening."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await self._link.unsubscribe(subscription)

    # --- messages -------------------------------------------------------------------------------------------

    def _arrived(self, message: Msg) -> None:
        if len(self._waiting) == self._waiting.maxlen:
            self._late.add(self._waiting[0].subject)
            self.dropped += 1
        self._waiting.append(message)
        self._wake.set()

    def _read(self, message: Msg) -> E | None:
        try:
            event = decode_event(message.data)
        except msgspec.DecodeError:
            self.undecodable += 1
            return None
        if isinstance(event, Gap):
            for pattern in event.subjects:
                self._tell(Missing(pattern, cause="venue", healed=event.healed, text=event.reason))
            return None
        if not isinstance(event, self._kinds):
            return None
        cause: Cause = "slow_reader" if message.subject in self._late else "lost"
        self._late.discard(message.subject)
        if missing := self._numbering.check(message.subject, event, cause):
            self._tell(missing)
        return event
