"""The ledger of one account: every write of the bridge to ``VB_ACCT``, in order, fenced.

Claims and events take turns, one claim (`Claims`) or one group of events at a time. Events of a group are all in
flight at once where the stream has one replica; a replicated stream allows one write in flight under a fence, so there
a group is a batch. While NATS is away events go to the spool; a claim fails at once, so nothing is sent without it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog
from venuebus_schemas import Encoding, Subjects, encode

from ..errors import BusError
from ..observability.metrics import Histogram
from .claim import Claim, Fenced
from .claims import Claims
from .connection import Connection
from .failure import WRONG_SEQUENCE, BusUnavailable, InDoubt, Refused
from .lease import Lease
from .spool import Entry, Spool
from .streams import StreamNames
from .writer import EntryWriter

log = structlog.get_logger("venuebus.ledger")

LOOKS = 64  # looks at where the fence stands while the account fills the whole stream once
OVERHEAD = 512  # bytes of a stored message beside its data: subject, headers, the store's own
GROUP = 200  # messages per group


class Ledger:
    """Writes claims and events of one account. `run` must be running; `put` never blocks.

    Args:
        on_fenced: called once when a write was refused because another bridge owns the account.
        on_overflow: called once when the spool is full: the session must stop, or events would be lost.
        on_unwritable: given an event that NATS will never take (too large for it), and why; nothing waits for it.
    """

    def __init__(
        self,
        connection: Connection,
        names: StreamNames,
        subjects: Subjects,
        venue: str,
        lease: Lease,
        spool: Spool,
        *,
        encoding: Encoding = "json",
        replicas: int = 1,
        max_queue: int = 10_000,
        write_seconds: Histogram | None = None,
        on_fenced: Callable[[], None] = lambda: None,
        on_overflow: Callable[[], None] = lambda: None,
        on_unwritable: Callable[[Entry, str], None] = lambda entry, why: None,
    ) -> None:
        self.venue = venue
        self.account = lease.account
        self.lease = lease
        self.spool = spool
        self.written: dict[str, int] = {}  # messages on the stream, by kind
        self.write_seconds = write_seconds
        self.healthy = True
        self._connection = connection
        self._stream = names.account
        self._subjects = subjects
        self._encoding = encoding
        self._max_queue = max_queue
        self._writer = EntryWriter(
            connection, names.account, lease, subjects.lease(venue, lease.account),
            encoding=encoding, replicas=replicas, on_failure=self._failed, on_unwritable=self._cannot_write,
        )  # fmt: skip
        self._on_fenced = on_fenced
        self._on_overflow = on_overflow
        self._on_unwritable = on_unwritable
        self._queue: deque[Entry] = deque()
        self._claims = Claims(
            connection, names.account, subjects, venue, self._writer, account=lease.account, pipelined=replicas == 1,
            on_waiting=self._claim_waits, on_stored=self._claim_stored, on_full=self._unhealthy,
            on_fenced=self._fenced,
        )  # fmt: skip
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._spooling = spool.pending_bytes > 0
        self._doubtful = self._spooling
        self._stopped = False
        self._look_due = True
        self._unlooked = 0  # bytes written since the last look at where the fence stands
        self._look_after = 0

    # --- events ---------------------------------------------------------------------------------------------

    def put(self, kind: str, key: str, event: Any, msg_id: str, traceparent: str | None = None) -> None:
        """Queue one event; it is on the stream, or in the spool, before the bridge forgets it."""
        subject = self._subjects.account(self.venue, self.account, kind, key)
        entry = Entry(subject, encode(event, self._encoding), msg_id, kind, traceparent)
        if self._spooling or len(self._queue) >= self._max_queue:
            self._to_spool([entry])
        else:
            self._queue.append(entry)
        self._idle.clear()
        self._wake.set()

    def _to_spool(self, entries: list[Entry]) -> None:
        if self._queue:
            entries = [*self._queue, *entries]
            self._queue.clear()
        self._spooling = True
        try:
            self.spool.append(entries, self.lease.fence)
        except OSError as error:
            log.error("spool cannot be written", venue=self.venue, account=self.account, error=str(error))
            self._on_overflow()
            return
        if self.spool.is_full:
            self._on_overflow()

    @property
    def is_behind(self) -> bool:
        """Tell whether something handed over is not on the stream yet."""
        return not self._idle.is_set()

    async def settle(self, timeout: float) -> bool:
        """Wait until everything queued is on the stream; tell whether it is."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    # --- claims ---------------------------------------------------------------------------------------------

    @property
    def proves_unused(self) -> bool:
        """Tell whether a claim can prove that nothing else on the ledger has the command's id (see `claim`)."""
        return self._claims.pipelined

    async def claim(
        self,
        claim: Claim,
        events: list[tuple[str, str, Any, str]],
        *,
        urgent: bool = False,
        unused: bool = False,
        at_once: bool = True,
        traceparent: str | None = None,
    ) -> None:
        """Write ``claim``, and the events that go with it (kind, key, event, message id) behind it.

        ``urgent`` claims (cancels) stand before the others that wait. When this returns, nobody else can have claimed
        the command, and this bridge owned the account. A claim whose second write is refused is left behind unsent;
        whoever owns the account finds it and asks the venue. With ``unused`` it is stored only if no event of the
        account has the command's id as its key, which is what makes the id good as a client order id. Where it may well
        be claimed already, the events must not be under way with it (``at_once``): the stream would refuse them, but
        core subscribers see what it refuses.

        Raises:
            AlreadyClaimed: somebody has. NotUnused: nobody has, but an event has this key. Fenced: the account is
            another's. BusUnavailable: certainly not written.
        """
        entries = [
            Entry(
                self._subjects.account(self.venue, self.account, kind, key), encode(event, self._encoding), mid, kind,
                traceparent,
            )
            for kind, key, event, mid in events
        ]  # fmt: skip
        await self._claims.claim(claim, entries, urgent=urgent, unused=unused, at_once=at_once, traceparent=traceparent)

    async def reclaim(self, claim: Claim) -> None:
        """Write a further attempt of a command that this bridge has claimed (its keys may have changed).

        Raises:
            Fenced, BusUnavailable: as `claim`.
        """
        await self._claims.reclaim(claim)

    async def put_elsewhere(self, account: str, kind: str, key: str, event: Any) -> None:
        """Write one event for an account that nobody leases (a refusal of a command that names it).

        Raises:
            BusUnavailable: not written.
        """
        entry = Entry(
            self._subjects.account(self.venue, account, kind, key),
            encode(event, self._encoding),
            f"{self.venue}-{account}-{kind}-{key}",
            kind,
        )
        try:
            await self._connection.store(entry.subject, entry.data, self._writer.headers(entry))
        except (InDoubt, Refused) as error:
            raise BusUnavailable(str(error)) from error

    async def read_claim(self, command_id: str) -> Claim | None:
        """Return the newest claim on a command.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        return await self._claims.read(command_id)

    async def read_last(self, kind: str, key: str) -> bytes | None:
        """Return the newest event on an account subject.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        last = await self._connection.last(self._stream, self._subjects.account(self.venue, self.account, kind, key))
        return None if last is None else last[1]

    def _claim_waits(self) -> None:
        self._idle.clear()
        self._wake.set()
        self._urgent.set()

    def _claim_stored(self, entries: list[Entry]) -> None:
        self._count(entries)
        if not self._spooling:
            self._recovered()

    # --- the writer -----------------------------------------------------------------------------------------

    async def replay(self) -> None:
        """Put what a former process left in the spool on the stream; call it before the ledger is read back.

        Raises:
            BusUnavailable: NATS went away in between. Fenced: the account is another's.
        """
        self.spool.reload()
        self._spooling = self._doubtful = self.spool.pending_bytes > 0
        while self._spooling:
            if self._stopped:
                raise Fenced(f"account {self.account} belongs to another bridge")
            if not self._connection.is_up:
                raise BusUnavailable("NATS went away while the spool was replayed")
            await self._replay()

    async def run(self) -> None:
        """Write what is queued until `stop`; claims and events in turn, each in their order."""
        claimed = False
        while not self._stopped:
            if self._look_due and not self._spooling:
                await self._look_at_fence()
            events = self._spooling or bool(self._queue)
            if self._claims and not (events and claimed):
                # In turn with events: claims alone would keep the ends of their own commands from the stream.
                claimed = True
                await self._claims.write_next()
                continue
            claimed = False
            if self._spooling:
                await self._replay()
            elif self._queue:
                await self._write_events()
            else:
                self._idle.set()
                self._wake.clear()
                busy = self._claims or self._queue or self._spooling or self._look_due
                if not (busy or self._stopped):
                    await self._wake.wait()

    def keep_fence(self) -> None:
        """Look, between two writes, whether the stream would discard the fence before long; write it anew then."""
        self._look_due = True
        self._wake.set()

    async def _look_at_fence(self) -> None:
        self._look_due, self._unlooked = False, 0
        try:
            window = await self._connection.window(self._stream)
            self._look_after = window.limit // LOOKS
            if self.lease.must_move(window):
                await self.lease.move()
        except Refused as error:
            if error.code == WRONG_SEQUENCE:
                self._fenced()
            else:
                log.warning("the lease cannot be written anew", account=self.account, error=str(error))
        except BusError as error:
            log.debug("no look at the lease", account=self.account, error=str(error))

    async def _write_events(self) -> None:
        entries = [self._queue[i] for i in range(min(GROUP, len(self._queue)))]
        left = await self._write(entries)
        if self._spooling:
            self._doubtful = True  # the queue ran over, these went to the spool with it: replayed is what is not stored
            return
        for _ in entries:
            self._queue.popleft()
        if left and not self._stopped:
            self._doubtful = True
            self._queue.extendleft(reversed(left))
            self._to_spool([])

    async def _replay(self) -> None:
        entries, position = self.spool.peek(GROUP)
        if not entries:
            self.spool.clear()
            self._spooling = False
            log.info("spool is replayed", venue=self.venue, account=self.account)
            return
        if self.spool.fence not in (self.lease.fence, self.lease.previous_fence):
            # Another bridge owned the account in between and has asked the venue: what we kept is old news.
            log.warning("spool is from before another owner, dropped", venue=self.venue, account=self.account)
            self.spool.clear()
            self._spooling = False
            return
        try:
            fresh = await self._writer.not_stored(entries) if self._doubtful else entries
            left = await self._write(fresh)
        except BusUnavailable as error:
            self._unhealthy(error)
            left = entries
        if not left:
            self._doubtful = False
            self.spool.advance(position)
            self._spooling = self.spool.pending_bytes > 0 or bool(self._queue)
            if not self._spooling:
                log.info("spool is replayed", venue=self.venue, account=self.account)
        elif not self._stopped:
            self._doubtful = True
            self.spool.sync()
            await self._pause()

    async def _write(self, entries: list[Entry]) -> list[Entry]:
        started = time.perf_counter()
        left = await self._writer.write(entries)
        if entries and not left:
            self._count(entries)
            self._recovered()
            if self.write_seconds is not None:
                self.write_seconds.observe(time.perf_counter() - started)
        elif left:
            kept = {id(entry) for entry in left}
            self._count([entry for entry in entries if id(entry) not in kept])
        return left

    def _count(self, entries: list[Entry]) -> None:
        for entry in entries:
            self.written[entry.kind] = self.written.get(entry.kind, 0) + 1
            self._unlooked += len(entry.data) + OVERHEAD
        if self._look_after and self._unlooked > self._look_after:
            self._look_due = True

    @property
    def waiting(self) -> int:
        """Messages handed over and not on the stream yet, those in the spool not counted."""
        return len(self._queue) + len(self._claims)

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, Refused) and error.code == WRONG_SEQUENCE:
            self._fenced()
        elif isinstance(error, BusError):
            self._unhealthy(error)
        else:
            raise error

    def _cannot_write(self, entry: Entry, error: Refused) -> None:
        log.error("an account event cannot be stored", venue=self.venue, account=self.account, error=str(error))
        self._on_unwritable(entry, str(error))

    def _fenced(self) -> None:
        if not self._stopped:
            log.error("account belongs to another bridge, nothing more is written", account=self.account)
            self.stop()
            self._on_fenced()

    def _unhealthy(self, error: BusError) -> None:
        if self.healthy:
            self.healthy = False
            log.warning("account events are kept on disk", venue=self.venue, account=self.account, error=str(error))

    def _recovered(self) -> None:
        if not self.healthy:
            self.healthy = True
            log.info("account events reach the stream again", venue=self.venue, account=self.account)

    async def _pause(self) -> None:
        # A claim need not wait for the spool, so the pause ends early when there is one.
        self._urgent.clear()
        if not (self._claims or self._stopped):
            try:
                async with asyncio.timeout(0.5):
                    await self._urgent.wait()
            except TimeoutError:
                pass

    def stop(self) -> None:
        """Stop writing. What is queued goes to the spool unless the account is another's."""
        self._stopped = True
        self._urgent.set()
        self._claims.stop()
        self._wake.set()

    def close(self, *, keep: bool = True) -> None:
        """Keep on disk what could not be written, unless the account (and its spool) is another bridge's."""
        if self._queue and keep:
            self._to_spool([])
        self.spool.close()
