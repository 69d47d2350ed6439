"""What the bridge says about itself: session and gap events, dead letters. Stored, retried, bounded."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections import deque

import structlog
from venuebus_schemas import (
    CONTENT_TYPES,
    SCHEMA_VERSION,
    DeadLetter,
    DeadLetterOrigin,
    Encoding,
    Event,
    Gap,
    Reason,
    Session,
    Subjects,
    encode,
)

from ..secret import redact
from .connection import Connection
from .failure import BusUnavailable, InDoubt, Refused

log = structlog.get_logger("venuebus.notices")

MAX_QUEUE = 5000  # notices waiting while NATS is away; the oldest dead letters go first
PART = 600_000  # raw bytes per dead letter: base64 and the rest stay below NATS's default 1 MiB


class Notices:
    """Notices of one venue. `session`, `gap` and `dead_letter` never block; `run` stores them in order."""

    def __init__(self, connection: Connection, subjects: Subjects, venue: str, *, encoding: Encoding = "json") -> None:
        self.venue = venue
        self.epoch = 0
        self.dead_letters = 0
        self.dead_by_origin: dict[str, int] = {DeadLetterOrigin.VENUE: 0, DeadLetterOrigin.COMMAND: 0}
        self.gaps = 0
        self.open_gaps: set[str] = set()  # subjects with a hole that can be healed and is not yet
        self.stored: dict[str, int] = {}
        self.dropped = 0
        self._connection = connection
        self._subjects = subjects
        self._encoding = encoding
        self._queue: deque[tuple[str, bytes, dict[str, str]]] = deque()
        self._seqs: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def restart(self, epoch: int) -> None:
        """Begin a new epoch: every subject counts from 1 again."""
        self.epoch = epoch
        self._seqs.clear()
        self.open_gaps.clear()

    @property
    def waiting(self) -> int:
        """Notices that are not stored yet."""
        return len(self._queue)

    def session(self, event: Session) -> None:
        """Store a change of the venue's state."""
        self._put(self._subjects.system(self.venue, "session"), event)

    def gap(self, event: Gap) -> None:
        """Store that events may be missing."""
        event.subjects = [f"{self._subjects.root}.{self._absolute(pattern)}" for pattern in event.subjects]
        self._note_gap(event)
        self._put(self._subjects.system(self.venue, "gap"), event)

    def _note_gap(self, event: Gap) -> None:
        # What all of the market data missed while the link was down is lost for good, and the account's own state says
        # whether it was asked for again; so what stays open here is the hole in one instrument's data.
        if event.healed:
            self.open_gaps.difference_update(event.subjects)
            return
        self.gaps += 1
        planes = (f"{self._subjects.root}.md.{self.venue}.>", f"{self._subjects.root}.acct.")
        self.open_gaps.update(subject for subject in event.subjects if not subject.startswith(planes))

    def _absolute(self, pattern: str) -> str:
        plane, _, rest = pattern.partition(".")
        return f"{plane}.{self.venue}.{rest or '>'}"

    def dead_letter(
        self,
        raw: bytes,
        text: str,
        *,
        origin: DeadLetterOrigin = DeadLetterOrigin.VENUE,
        reason: Reason = Reason.INVALID,
        content_type: str | None = None,
        subject: str | None = None,
    ) -> None:
        """Store bytes that could not be understood, whole, in as many letters as it takes."""
        self.dead_letters += 1
        self.dead_by_origin[origin] += 1
        parts = max(1, -(-len(raw) // PART))
        for part in range(parts):
            letter = DeadLetter(
                origin=origin,
                reason=reason,
                text=redact(text)[:2000],
                raw=base64.b64encode(raw[part * PART : (part + 1) * PART]).decode(),
                content_type=content_type,
                subject=subject,
                part=part + 1 if parts > 1 else None,
                parts=parts if parts > 1 else None,
            )
            self._put(self._subjects.dead(self.venue, origin), letter)

    def _put(self, subject: str, event: Event) -> None:
        event.venue = self.venue
        event.epoch = self.epoch
        event.seq = self._seqs[subject] = self._seqs.get(subject, 0) + 1
        event.ts_recv = event.ts_recv or time.time_ns()
        if len(self._queue) >= MAX_QUEUE:
            self._drop()
        headers = {
            "Vb-Type": str(event.__struct_config__.tag),
            "Vb-Schema": SCHEMA_VERSION,
            "Content-Type": CONTENT_TYPES[self._encoding],
            "Nats-Msg-Id": uuid.uuid4().hex,
        }
        self._queue.append((subject, encode(event, self._encoding), headers))
        self._idle.clear()
        self._wake.set()

    def _drop(self) -> None:
        self.dropped += 1
        for index, (subject, _, headers) in enumerate(self._queue):
            if headers["Vb-Type"] == "dead_letter":
                log.warning("dead letter dropped, NATS is away too long", subject=subject)
                del self._queue[index]
                return
        self._queue.popleft()

    async def settle(self, timeout: float) -> None:
        """Wait until everything is stored, at most ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            log.warning("notices were not stored in time", count=len(self._queue))

    async def run(self) -> None:
        """Store for ever; what gets no answer is sent again under the same id."""
        while True:
            if not self._queue:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            subject, data, headers = self._queue[0]
            try:
                await self._connection.store(subject, data, headers)
                kind = headers["Vb-Type"]
                self.stored[kind] = self.stored.get(kind, 0) + 1
            except Refused as error:
                log.error("notice refused", subject=subject, error=str(error))
            except (BusUnavailable, InDoubt):
                await asyncio.sleep(0.25)
                continue
            if self._queue and self._queue[0][1] is data:
                self._queue.popleft()
