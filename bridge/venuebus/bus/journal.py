"""Reading the ledger back: what was open when the last owner stopped.

A checkpoint (a KV key per account) says from which sequence of the stream there may be news, and which orders and
claims were open before it, so that a start costs what happened since, not what ever happened.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import nats.errors
import nats.js.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from venuebus_schemas import Balance, Position, Subjects

from ..errors import BusError
from .connection import Connection
from .failure import BusUnavailable, InDoubt, Refused
from .streams import StreamNames

SCAN = 500


class Checkpoint(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything before ``sequence`` is settled, except what is named."""

    sequence: int = 0
    open_orders: list[str] = []
    open_claims: list[str] = []
    told_unknown: list[str] = []
    last_fill_ns: int = 0
    positions: list[Position] = []
    balances: list[Balance] = []
    halted: bool = False
    bans: dict[str, int] = {}


class Journal:
    """Checkpoint and replay of one account."""

    def __init__(
        self, connection: Connection, names: StreamNames, subjects: Subjects, venue: str, account: str
    ) -> None:
        self._connection = connection
        self._names = names
        self._filter = f"{subjects.root}.acct.{venue}.{account}.>"
        self._key = f"$KV.{names.bucket}.checkpoint.{venue}.{account}"
        self._written: bytes | None = None

    async def load(self) -> Checkpoint | None:
        """Return the checkpoint, or ``None`` where there is none yet.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        last = await self._connection.last(self._names.state, self._key)
        if last is None:
            return None
        try:
            return msgspec.json.decode(last[1], type=Checkpoint)
        except msgspec.DecodeError:
            return None

    async def save(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint if it says something new; best effort, an old one only makes a start slower."""
        data = msgspec.json.encode(checkpoint)
        if data == self._written:
            return
        try:
            await self._connection.store(self._key, data, {}, timeout=1.0)
        except (BusUnavailable, InDoubt, Refused):
            return
        self._written = data

    async def last_sequence(self) -> int:
        """Return the newest sequence of the account stream.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        return await self._connection.stream_tail(self._names.account)

    def since(self, sequence: int) -> AsyncIterator[tuple[str, bytes, int]]:
        """Yield subject, data and store time (ns) of the account's messages from ``sequence`` on, in order.

        Raises:
            BusError: NATS does not answer.
        """
        return self._read(
            self._filter,
            DeliverPolicy.BY_START_SEQUENCE if sequence > 1 else DeliverPolicy.ALL,
            sequence if sequence > 1 else None,
        )

    def newest(self, kind: str) -> AsyncIterator[tuple[str, bytes, int]]:
        """Yield, as `since` does, the last message of every subject of one kind.

        Raises:
            BusError: NATS does not answer.
        """
        return self._read(f"{self._filter.removesuffix('>')}{kind}.>", DeliverPolicy.LAST_PER_SUBJECT, None)

    def fills_since(self, ns: int) -> AsyncIterator[tuple[str, bytes, int]]:
        """Yield, as `since` does, the fills stored from a moment on.

        Raises:
            BusError: NATS does not answer.
        """
        subjects = f"{self._filter.removesuffix('>')}fill.>"
        when = datetime.fromtimestamp(max(0, ns) / 1e9, UTC)
        return self._read(subjects, DeliverPolicy.BY_START_TIME, None, when)

    async def _read(
        self, subjects: str, policy: DeliverPolicy, start: int | None, when: datetime | None = None
    ) -> AsyncIterator[tuple[str, bytes, int]]:
        config = ConsumerConfig(
            name=f"bridge-{secrets.token_hex(8)}",  # the subject that makes a named one carries the filter
            ack_policy=AckPolicy.NONE,
            deliver_policy=policy,
            opt_start_seq=start,
            opt_start_time=when,
            filter_subject=subjects,
            inactive_threshold=30.0,
            mem_storage=True,
            num_replicas=1,
        )
        js = self._connection.js
        try:
            info = await js.add_consumer(self._names.account, config)
            pending = info.num_pending or 0
            if not pending:
                return
            subscription = await js.pull_subscribe_bind(consumer=info.name, stream=self._names.account)
            try:
                while pending > 0:
                    messages = await subscription.fetch(min(SCAN, pending), timeout=5)
                    for message in messages:
                        meta = message.metadata
                        pending = meta.num_pending
                        yield message.subject, message.data, int(meta.timestamp.timestamp() * 1e9)
            finally:
                await subscription.unsubscribe()
                await js.delete_consumer(self._names.account, info.name)
        except (nats.js.errors.Error, nats.errors.Error, TimeoutError, OSError) as error:
            raise BusError(f"cannot read the ledger back: {error or type(error).__name__}") from error
