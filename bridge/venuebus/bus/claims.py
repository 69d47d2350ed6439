"""Claims of one account: written before the first byte goes out, each decided for good.

A claim is two writes: the claim itself, which the server takes only if nobody claimed the command before (expected
sequence 0), and the order's first event under the fence of the lease. Both must be stored before the first byte goes
out. (One atomic batch would say the same, but costs nats-server 2.15 five to eight times as much, with a p99 of tens
of milliseconds: it keeps every batch in a store of its own first.)

Where the stream has one replica, both are under way at once: the second carries the claim's message id as what the
stream must have stored last (``Nats-Expected-Last-Msg-Id``), so it is refused where the claim is, and where another
writer came between the two; then it is written again, on its own. A replicated stream does not promise that of what
is still in flight, so there it is one after the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec
from venuebus_schemas import Subjects

from .claim import AlreadyClaimed, Claim, Fenced, NotUnused
from .connection import Connection
from .failure import CONFLICT_IN_FLIGHT, STREAM_FULL, WRONG_SEQUENCE, BusUnavailable, InDoubt, Refused
from .receipt import Receipt
from .spool import Entry
from .writer import EntryWriter

DECIDE_TRIES = 40  # looks at a claim that got no answer, `DECIDE_PAUSE` seconds apart
DECIDE_PAUSE = 0.25


class _Write(msgspec.Struct):
    """One entry for the stream, what is expected of it, and what follows it only if it is stored."""

    entry: Entry
    expected: int | None = None
    unused: str | None = None
    fenced: bool = False
    then: Entry | None = None


class Claims:
    """Claims of one account; the ledger calls `write_next` in turn with its events.

    Args:
        pipelined: whether the stream has one replica, so that what follows a claim need not wait for it.
        on_waiting: called when something waits for `write_next`.
        on_stored: given the entries that are on the stream.
        on_full: given the refusal of a stream that is full.
        on_fenced: called when a write was refused because another bridge owns the account.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subjects: Subjects,
        venue: str,
        writer: EntryWriter,
        *,
        account: str,
        pipelined: bool,
        on_waiting: Callable[[], None],
        on_stored: Callable[[list[Entry]], None],
        on_full: Callable[[Refused], None],
        on_fenced: Callable[[], None],
    ) -> None:
        self.pipelined = pipelined
        self._connection = connection
        self._stream = stream
        self._subjects = subjects
        self._venue = venue
        self._account = account
        self._writer = writer
        self._on_waiting = on_waiting
        self._on_stored = on_stored
        self._on_full = on_full
        self._on_fenced = on_fenced
        self._urgent: deque[tuple[_Write, asyncio.Future[bool]]] = deque()
        self._others: deque[tuple[_Write, asyncio.Future[bool]]] = deque()
        self._stopped = False

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    # --- what a claim is ------------------------------------------------------------------------------------

    async def claim(
        self, claim: Claim, events: list[Entry], *, urgent: bool, unused: bool, at_once: bool, traceparent: str | None
    ) -> None:
        """Write ``claim`` and ``events``; see `Ledger.claim`."""
        body = msgspec.json.encode(claim)
        subject = self._subjects.claim(self._venue, self._account, claim.command_id)
        first = Entry(subject, body, f"claim-{self._account}-{claim.command_id}-{claim.nonce}", "claim", traceparent)
        rest = events or [Entry(subject, body, f"{first.msg_id}-fence", "claim", traceparent)]
        write = _Write(first, expected=0, then=rest[0] if self.pipelined and at_once else None)
        if unused:
            write.unused = self._subjects.account(self._venue, self._account, "*", claim.command_id)
        if await self._be_first(write, claim, urgent):
            del rest[0]
        for entry in rest:
            await self._prove(entry)

    async def _be_first(self, write: _Write, claim: Claim, urgent: bool) -> bool:
        """Have the claim stored; return whether what follows it is stored, too."""
        while True:
            try:
                return await self._submit(write, urgent)
            except Refused as error:
                if error.code in STREAM_FULL:
                    raise BusUnavailable(f"the account stream is full: {error}") from error
                if error.code not in (WRONG_SEQUENCE, CONFLICT_IN_FLIGHT):
                    raise BusUnavailable(f"the account stream refuses the claim: {error}") from error
                if await self._decide(claim):
                    return False
                if write.unused is not None:
                    raise NotUnused(f"{claim.command_id} names something else on the ledger") from error
            except InDoubt:
                if await self._decide(claim):
                    return False
            write.then = None  # a copy of it may be on its way still: from here on one after the other

    async def _prove(self, entry: Entry) -> None:
        # The claim is ours; this write is what proves that the account still is. The same message id again is no harm.
        for _ in range(DECIDE_TRIES):
            try:
                await self._submit(_Write(entry, fenced=True), urgent=True)
                return
            except Refused as error:
                if error.code == WRONG_SEQUENCE:
                    self._on_fenced()
                    raise Fenced(f"account {self._account} belongs to another bridge") from error
                if error.code != CONFLICT_IN_FLIGHT:
                    raise BusUnavailable(f"the account stream refuses: {error}") from error
            except (InDoubt, BusUnavailable):
                if self._stopped:
                    raise BusUnavailable("the ledger is closed") from None
                await asyncio.sleep(DECIDE_PAUSE)
        raise BusUnavailable("NATS did not come back in time to prove the lease")

    async def reclaim(self, claim: Claim) -> None:
        """Write a further attempt of a command that is claimed; see `Ledger.reclaim`."""
        subject = self._subjects.claim(self._venue, self._account, claim.command_id)
        entry = Entry(subject, msgspec.json.encode(claim), f"claim-{claim.nonce}-{claim.attempt}", "claim")
        try:
            await self._submit(_Write(entry, fenced=True))
        except Refused as error:
            raise BusUnavailable(f"the attempt cannot be recorded: {error}") from error
        except InDoubt as error:
            raise BusUnavailable("the attempt may not be recorded, so it is not made") from error

    async def _decide(self, claim: Claim) -> bool:
        # Refused, or no answer: wait for NATS and look. What is not there is written again under the same nonce, so a
        # first copy that arrives late only makes the second one fail, and its own nonce is found here.
        for _ in range(DECIDE_TRIES):
            try:
                record = await self.read(claim.command_id)
            except BusUnavailable:
                await asyncio.sleep(DECIDE_PAUSE)
                continue
            if record is None:
                return False
            if record.nonce == claim.nonce:
                return True
            raise AlreadyClaimed(record)
        raise BusUnavailable("NATS did not come back in time to decide about the claim")

    async def read(self, command_id: str) -> Claim | None:
        """Return the newest claim on a command.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        last = await self._connection.last(self._stream, self._subjects.claim(self._venue, self._account, command_id))
        return None if last is None else msgspec.json.decode(last[1], type=Claim)

    # --- the writer's side ----------------------------------------------------------------------------------

    async def _submit(self, write: _Write, urgent: bool = False) -> bool:
        if self._stopped or not self._connection.is_up:
            raise BusUnavailable("NATS is away")
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append((write, future))
        self._on_waiting()
        return await future

    async def write_next(self) -> None:
        """Write what waits longest, urgent ones first; one at a time, so that they are stored in this order."""
        write, future = (self._urgent or self._others).popleft()
        entry, receipts = write.entry, []
        try:
            headers = self._writer.headers(entry, expected=write.expected, fenced=write.fenced, of=write.unused)
            receipts.append(await self._connection.post(entry.subject, entry.data, headers))
            if write.then is not None:
                headers = self._writer.headers(write.then, fenced=True, after=entry.msg_id)
                receipts.append(await self._connection.post(write.then.subject, write.then.data, headers))
            await receipts[0].sequence()
            self._on_stored([entry])
            followed = write.then is not None and await _is_stored(receipts[1])
            if write.then is not None and followed:
                self._on_stored([write.then])
        except (BusUnavailable, InDoubt, Refused) as error:
            if isinstance(error, Refused) and error.code in STREAM_FULL:
                self._on_full(error)
            if not future.done():
                future.set_exception(error)
        except asyncio.CancelledError:
            if not future.done():
                future.set_exception(BusUnavailable("the bridge is stopping"))
            raise
        else:
            if not future.done():
                future.set_result(followed)
        finally:
            for receipt in receipts:
                receipt.forget()

    def stop(self) -> None:
        """Write nothing more; what waits is certainly not written."""
        self._stopped = True
        while len(self):
            _, future = (self._urgent or self._others).popleft()
            if not future.done():
                future.set_exception(BusUnavailable("the ledger is closed"))


async def _is_stored(receipt: Receipt) -> bool:
    try:
        await receipt.sequence()
    except (BusUnavailable, InDoubt, Refused):
        return False  # it is written again on its own, and that tells why
    return True
