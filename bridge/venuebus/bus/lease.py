"""The lease on one account: one owner at a time, and a fence that proves it with every write.

Two things make the lease. Its *liveness* is a KV key with a TTL that the owner renews; when it is gone, another
bridge may take the account. Its *fence* is the newest message on ``acct.<venue>.<account>.lease``, written only
when the owner changes: every write of the owner names its sequence, so the server itself refuses what a bridge
writes that has lost the account without knowing. A send to the venue cannot be fenced; it is bounded in time
instead: an owner that has not renewed for ``grace`` seconds, by a clock that nobody can set, sends nothing more, and
the key lives longer than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import structlog
from venuebus_schemas import Subjects

from ..steady import steady
from .connection import Connection, Window
from .failure import WRONG_SEQUENCE, BusUnavailable, InDoubt, Refused
from .streams import StreamNames

log = structlog.get_logger("venuebus.lease")

EXPECT = "Nats-Expected-Last-Subject-Sequence"
EXPECT_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"
TTL = 5  # whole seconds (NATS knows no parts); with the poll and a connect, take-over stays below 10 s
RENEW = 1.2  # seconds between renewals
FULL = 0.5  # fill of the account stream from which the fence is kept out of its older half
GRACE = 3.5  # seconds after a renewal was *started* in which the owner may still send; must be below TTL


class LeaseRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the lease subject holds: who owns the account since when."""

    owner: str
    epoch: int
    type: str = "lease"


class Lease:
    """One account's lease as seen by one bridge (``owner`` names the bridge's process)."""

    def __init__(
        self,
        connection: Connection,
        names: StreamNames,
        subjects: Subjects,
        venue: str,
        account: str,
        owner: str,
        *,
        clock: Callable[[], float] = steady,
    ) -> None:
        self.account = account
        self.owner = owner
        self.fence = 0
        self.previous_fence = 0
        self.holder: str | None = None
        self._connection = connection
        self._names = names
        self._subject = subjects.lease(venue, account)
        self._key = f"$KV.{names.bucket}.lease.{venue}.{account}"
        self._clock = clock
        self._revision = 0
        self._valid_until = 0.0

    @property
    def is_held(self) -> bool:
        """Tell whether this bridge may act for the account at this very moment."""
        return self._clock() < self._valid_until

    async def try_acquire(self) -> bool:
        """Take the lease if nobody holds it; return whether this bridge owns the account now.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        started = self._clock()
        current = await self._connection.last(self._names.state, self._key)
        expected = 0
        if current is not None:
            sequence, data, headers = current
            if headers.get("KV-Operation") not in ("DEL", "PURGE"):
                self.holder = data.decode("utf-8", "replace")
                if self.holder != self.owner:
                    return False
            expected = sequence
        try:
            self._revision = await self._put(expected)
        except (Refused, InDoubt):
            return False
        self._valid_until = started + GRACE
        try:
            await self._fence()
        except (Refused, InDoubt) as error:
            log.warning("lease taken but not fenced", account=self.account, error=str(error))
            self._valid_until = 0.0
            return False
        self.holder = self.owner
        return True

    async def renew(self) -> bool:
        """Prolong the lease; ``False`` means that it is certainly lost."""
        started = self._clock()
        try:
            self._revision = await self._put(self._revision, timeout=1.0)
        except Refused as error:
            if error.code == WRONG_SEQUENCE:
                return await self._reclaim()
            return self.is_held
        except (BusUnavailable, InDoubt):
            return True  # not known to be lost; `is_held` ends by itself
        self._valid_until = started + GRACE
        return True

    async def _reclaim(self) -> bool:
        # An answer that got lost leaves us with an old revision; an outage lets our key expire. In both cases the
        # account is still ours as long as nobody else has written the fence.
        try:
            fence = await self._connection.last(self._names.account, self._subject)
            if fence is None or fence[0] != self.fence:
                self._valid_until = 0.0
                return False
            held = await self.try_acquire()
        except BusUnavailable:
            return True
        if not held:
            self._valid_until = 0.0
        return held

    def must_move(self, window: Window) -> bool:
        """Tell whether the stream will discard the fence before long: it is filling up, and the fence is in its older
        half. A fence that is gone would refuse its own owner.
        """
        filling = 0 < window.limit * FULL < window.size
        behind = self.fence - window.first < (window.last - window.first) / 2
        return filling and behind and self.is_held

    async def move(self) -> None:
        """Write the fence anew at the end of the stream. Nothing else may be in flight under it.

        Raises:
            BusUnavailable, InDoubt: not moved, as far as is known. Refused: it was not ours any more.
        """
        record = msgspec.json.encode(LeaseRecord(owner=self.owner, epoch=time.time_ns() // 1_000_000))
        headers = {EXPECT: str(self.fence), "Nats-TTL": "never"}
        try:
            moved = await self._connection.store(self._subject, record, headers)
        except InDoubt:
            last = await self._connection.last(self._names.account, self._subject)
            if last is None or msgspec.json.decode(last[1], type=LeaseRecord).owner != self.owner:
                raise
            moved = last[0]
        if moved != self.fence:
            self.previous_fence, self.fence = self.fence, moved

    async def release(self) -> None:
        """Give the lease back, so that a standby need not wait for the TTL."""
        self._valid_until = 0.0
        try:
            await self._connection.store(
                self._key, b"", {EXPECT: str(self._revision), "KV-Operation": "DEL", "Nats-TTL": "1h"}, timeout=1.0
            )
        except (BusUnavailable, InDoubt, Refused):
            log.info("lease could not be given back, it will expire", account=self.account)

    async def revoke(self) -> None:
        """Give the lease back for an owner that is certainly dead; nothing happens if it does not hold it.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        for _ in range(3):  # a renewal that it sent last may still arrive
            current = await self._connection.last(self._names.state, self._key)
            if current is None or "KV-Operation" in current[2] or current[1] != self.owner.encode():
                return
            self._revision = current[0]
            await self.release()

    async def _put(self, expected: int, timeout: float | None = None) -> int:
        return await self._connection.store(
            self._key, self.owner.encode(), {EXPECT: str(expected), "Nats-TTL": f"{TTL}s"}, timeout=timeout
        )

    async def _fence(self) -> None:
        last = await self._connection.last(self._names.account, self._subject)
        sequence = 0
        if last is not None:
            sequence = last[0]
            if sequence == self.fence or msgspec.json.decode(last[1], type=LeaseRecord).owner == self.owner:
                self.fence = sequence
                return
        record = LeaseRecord(owner=self.owner, epoch=time.time_ns() // 1_000_000)
        self.previous_fence = sequence
        self.fence = await self._connection.store(
            self._subject, msgspec.json.encode(record), {EXPECT: str(sequence), "Nats-TTL": "never"}
        )
