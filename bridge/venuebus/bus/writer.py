"""Writing entries to the account stream: in order, fenced, each told apart by what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from venuebus_schemas import CONTENT_TYPES, SCHEMA_VERSION, Encoding

from .connection import Connection
from .failure import DUPLICATE_IN_BATCH, TOO_LARGE, BusUnavailable, InDoubt, Refused
from .lease import EXPECT, EXPECT_SUBJECT, Lease
from .spool import Entry

EXPECT_LAST_ID = "Nats-Expected-Last-Msg-Id"
PIPELINE = 48  # up to so many single writes in flight are cheaper than one batch


class EntryWriter:
    """Writes entries of one account under the fence of its lease.

    Up to `PIPELINE` entries are all in flight at once where the stream has one replica; a replicated stream allows
    one write in flight under a fence, so there, and for large groups, a group is one atomic batch.
    ``on_failure`` is told every error that kept an entry from being stored, ``on_unwritable`` which entry NATS will
    never take, however often it is tried: that one counts as done, or everything behind it would wait for ever.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        lease: Lease,
        lease_subject: str,
        *,
        encoding: Encoding,
        replicas: int,
        on_failure: Callable[[BaseException], None],
        on_unwritable: Callable[[Entry, Refused], None],
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._lease = lease
        self._lease_subject = lease_subject
        self._encoding = encoding
        self._replicas = replicas
        self._failed = on_failure
        self._unwritable = on_unwritable
        self._base: dict[str, dict[str, str]] = {}

    async def write(self, entries: list[Entry]) -> list[Entry]:
        """Write ``entries`` in order; return those that are not certainly stored."""
        if not entries:
            return []
        if len(entries) > PIPELINE or (self._replicas > 1 and len(entries) > 1):
            return await self._write_batch(entries)
        receipts = [
            await self._connection.post(entry.subject, entry.data, self.headers(entry, fenced=True))
            for entry in entries
        ]
        left = []
        try:
            for entry, receipt in zip(entries, receipts, strict=True):
                try:
                    await receipt.sequence()
                except (Refused, BusUnavailable, InDoubt) as error:
                    if isinstance(error, Refused) and error.code == TOO_LARGE:
                        self._unwritable(entry, error)
                        continue
                    self._failed(error)
                    left.append(entry)
        finally:
            for receipt in receipts:
                receipt.forget()
        return left

    async def _write_batch(self, entries: list[Entry]) -> list[Entry]:
        batch = [(entry.subject, entry.data, self.headers(entry)) for entry in entries]
        batch[-1] = (*batch[-1][:2], self.headers(entries[-1], fenced=True))
        try:
            await self._connection.store_batch(uuid.uuid4().hex, batch)
        except Refused as error:
            if error.code in (DUPLICATE_IN_BATCH, TOO_LARGE):
                return await self._write_singly(entries)
            self._failed(error)
            return entries
        except (BusUnavailable, InDoubt) as error:
            self._failed(error)
            return entries
        return []

    async def _write_singly(self, entries: list[Entry]) -> list[Entry]:
        # A batch is refused whole when one of its messages is stored already, or too large; one by one just that is.
        for number, entry in enumerate(entries):
            try:
                await self._connection.store(entry.subject, entry.data, self.headers(entry, fenced=True))
            except (Refused, BusUnavailable, InDoubt) as error:
                if isinstance(error, Refused) and error.code == TOO_LARGE:
                    self._unwritable(entry, error)
                    continue
                self._failed(error)
                return entries[number:]
        return []

    async def not_stored(self, entries: list[Entry]) -> list[Entry]:
        """Return those of ``entries`` that are not on the stream, after writes without an answer.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        # After a write without an answer: whatever precedes the newest stored message of its subject is stored too.
        stored: dict[str, str] = {}
        for subject in {entry.subject for entry in entries}:
            last = await self._connection.last(self._stream, subject)
            stored[subject] = last[2].get("Nats-Msg-Id", "") if last else ""
        fresh: list[Entry] = []
        for entry in reversed(entries):
            if stored[entry.subject] == entry.msg_id:
                stored[entry.subject] = "*"
            if stored[entry.subject] != "*":
                fresh.append(entry)
        return fresh[::-1]

    def headers(
        self,
        entry: Entry,
        *,
        expected: int | None = None,
        of: str | None = None,
        fenced: bool = False,
        after: str | None = None,
    ) -> dict[str, str]:
        """Return the headers of ``entry``: what it is, its id, and what the stream must hold to take it.

        That is the sequence ``expected`` as the newest ``of`` some subjects (the entry's own where none are named),
        or the lease as we wrote it (``fenced``), and the message id ``after`` as the newest of all.
        """
        base = self._base.get(entry.kind)
        if base is None:
            content = "application/json" if entry.kind == "claim" else CONTENT_TYPES[self._encoding]
            base = {"Vb-Type": entry.kind, "Vb-Schema": SCHEMA_VERSION, "Content-Type": content}
            self._base[entry.kind] = base
        headers = {**base, "Nats-Msg-Id": entry.msg_id}
        if entry.traceparent is not None:
            headers["traceparent"] = entry.traceparent
        if expected is not None:
            headers[EXPECT] = str(expected)
            if of is not None:
                headers[EXPECT_SUBJECT] = of
        if fenced:
            headers[EXPECT] = str(self._lease.fence)
            headers[EXPECT_SUBJECT] = self._lease_subject
        if after is not None:
            headers[EXPECT_LAST_ID] = after
        return headers
