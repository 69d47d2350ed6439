"""An in-memory bus: what a session publishes, as a reader of NATS would see it, without NATS."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping

from venuebus_schemas import (
    AccountEvent,
    Balance,
    DeadLetter,
    DeadLetterOrigin,
    Encoding,
    Event,
    Fill,
    Forward,
    ForwardChange,
    Order,
    Position,
    Reason,
    Subjects,
    decode_event,
    encode,
)

from ..limits import Limit
from ..orders.account import forward_key
from ..orders.tracker import order_key
from ..venue import VenueConfig
from .fakes import RecordingContext

Reader = Callable[[str, bytes], None]


class MemoryBus:
    """Keeps every message by its subject, in order, and tells readers of a pattern (``*`` and ``>`` as in NATS).

    It has the bus's subjects, stamps and encodings and none of its promises: nothing is merged, deduplicated, dropped
    or kept through a restart. Whole paths are tested with a real server (the fixture ``nats_url``).
    """

    def __init__(self, prefix: str = "vb", *, encoding: Encoding = "json") -> None:
        self.subjects = Subjects(prefix)
        self.encoding: Encoding = encoding
        self.messages: list[tuple[str, bytes]] = []
        self._readers: list[tuple[re.Pattern[str], Reader]] = []
        self._seqs: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def context(
        self,
        config: VenueConfig,
        *,
        venue: str = "test",
        limits: tuple[Limit, ...] = (),
        now_ns: Callable[[], int] = time.time_ns,
    ) -> RecordingContext:
        """Return a context for a session whose events come to this bus."""
        return _Context(self, config, venue=venue, limits=limits, now_ns=now_ns)

    def publish(self, subject: str, data: bytes) -> None:
        """Put one message on the bus."""
        self.messages.append((subject, data))
        for pattern, reader in self._readers:
            if pattern.fullmatch(subject):
                reader(subject, data)
        self._changed.set()

    def subscribe(self, pattern: str, reader: Reader) -> None:
        """Call ``reader`` with every message from now on whose subject matches ``pattern``."""
        self._readers.append((_compiled(pattern), reader))

    def events(self, pattern: str = ">") -> list[Event]:
        """Return the events so far on matching subjects, decoded, oldest first."""
        wanted = _compiled(pattern)
        found = (decode_event(data) for subject, data in self.messages if wanted.fullmatch(subject))
        return [event for event in found if isinstance(event, Event)]

    async def until(self, pattern: str, count: int = 1, timeout: float = 10.0) -> list[Event]:
        """Wait for ``count`` events on matching subjects, and return them.

        Raises:
            TimeoutError: they did not come in time.
        """
        async with asyncio.timeout(timeout):
            while len(found := self.events(pattern)) < count:
                self._changed.clear()
                await self._changed.wait()
        return found

    def put(self, venue: str, event: Event, epoch: int) -> None:
        """Stamp and publish an event of ``venue``.

        Raises:
            ValueError: the event names nothing that could be its key.
        """
        subject = self._subject(venue, event)
        self._seqs[subject] += 1
        event.venue, event.epoch, event.seq = venue, epoch, self._seqs[subject]
        self.publish(subject, encode(event, self.encoding))

    def _subject(self, venue: str, event: Event) -> str:
        kind = str(type(event).__struct_config__.tag)
        if isinstance(event, DeadLetter):
            return self.subjects.dead(venue, str(event.origin))
        if not isinstance(event, AccountEvent):
            return self.subjects.market(venue, kind, event.symbol)  # type: ignore[attr-defined]
        return self.subjects.account(venue, event.account, kind, _key(event))


class _Context(RecordingContext):
    def __init__(
        self,
        bus: MemoryBus,
        config: VenueConfig,
        *,
        venue: str,
        limits: tuple[Limit, ...],
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(config, venue=venue, limits=limits, now_ns=now_ns)
        self._bus = bus
        self._epoch = now_ns() // 1_000_000

    def publish(self, event: Event) -> None:
        if isinstance(event, AccountEvent) and not event.account:
            event.account = next(iter(self.accounts), "")
        super().publish(event)
        self._bus.put(self.venue, event, self._epoch)

    def dead_letter(
        self, raw: bytes, text: str, *, content_type: str | None = None, subject: str | None = None
    ) -> None:
        super().dead_letter(raw, text, content_type=content_type, subject=subject)
        letter = DeadLetter(
            origin=DeadLetterOrigin.VENUE, reason=Reason.INVALID, text=text, raw=base64.b64encode(raw).decode(),
            content_type=content_type, subject=subject, ts_recv=self.now_ns(),
        )  # fmt: skip
        self._bus.put(self.venue, letter, self._epoch)


def _compiled(pattern: str) -> re.Pattern[str]:
    tokens = pattern.split(".")
    parts: Mapping[str, str] = {"*": r"[^.]+", ">": r".+"}
    return re.compile(r"\.".join(parts.get(token, re.escape(token)) for token in tokens))


def _key(event: AccountEvent) -> str:
    match event:
        case Order():
            return order_key(event)
        case Fill() | Position():
            return event.symbol
        case Balance():
            return event.currency
        case Forward():
            return event.position_id
        case ForwardChange():
            return forward_key(event)
    raise ValueError(f"{type(event).__name__} is no event of a venue")
