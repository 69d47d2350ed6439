"""Raw webhook deliveries on ``VB_HOOK``: stored before the caller is answered, each once, read by the owner.

One message per subject, and the server refuses a second one, so a repeated ``msg_id`` is recognized by the store itself
for as long as it keeps the first: longer than any duplicate window and than any schedule of retries, over restarts, and
whichever bridge it comes to. A second body under the same ``msg_id`` is kept beside the first one.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from venuebus_schemas import ForwardChange, Subjects, decode_event

from ..venue import Delivery
from .connection import Connection
from .failure import STREAM_FULL, BusUnavailable, Refused
from .pull import Pull, quietly
from .streams import StreamNames

log = structlog.get_logger("venuebus.hooks")

REMEMBERED = 10_000  # newest stored ids that need no question to the store
ACK_WAIT = 10.0  # seconds until a delivery that a dead bridge held comes to the next one
HELD = 1024
DIGEST, MSG_ID, RECEIVED, HEADERS, CONFLICT = (
    "Vb-Hook-Sha256", "Vb-Hook-Id", "Vb-Hook-Received", "Vb-Hook-Headers", "Vb-Hook-Conflict",
)  # fmt: skip


class Kept(enum.Enum):
    """What became of a delivery: it is on the stream in every case."""

    NEW = "new"
    REPEATED = "repeated"
    CONFLICT = "conflict"


class HookStore:
    """Where deliveries of all venues are kept."""

    def __init__(self, connection: Connection, names: StreamNames, subjects: Subjects) -> None:
        self._connection = connection
        self._subjects = subjects
        self._stream = names.hooks
        self._known: OrderedDict[str, str] = OrderedDict()

    async def keep(self, venue: str, delivery: Delivery) -> Kept:
        """Store ``delivery`` unless it is there; return once it certainly is.

        Raises:
            BusError: it may not be stored; whoever sent it must send it again.
        """
        digest = hashlib.sha256(delivery.body).hexdigest()
        subject = self._subjects.hook(venue, delivery.msg_id or f"~{digest[:32]}")
        beside = f"{subject}~{digest[:16]}"
        if digest in (self._known.get(subject), self._known.get(beside)):
            return Kept.REPEATED
        headers = self._headers(delivery, digest)
        if await self._store(subject, delivery.raw, headers, digest):
            return Kept.NEW
        first = await self._connection.last(self._stream, subject)
        if first is None:
            raise BusUnavailable("the stream of webhook deliveries is full")
        if first[2].get(DIGEST) == digest:
            self._remember(subject, digest)
            return Kept.REPEATED
        fresh = await self._store(beside, delivery.raw, {**headers, CONFLICT: "1"}, digest)
        if not fresh and await self._connection.last(self._stream, beside) is None:
            raise BusUnavailable("the stream of webhook deliveries is full")
        return Kept.CONFLICT if fresh else Kept.REPEATED

    async def _store(self, subject: str, data: bytes, headers: dict[str, str], digest: str) -> bool:
        try:
            # The digest belongs to the id: another body under the same id must not pass for a repetition.
            await self._connection.store(subject, data, {**headers, "Nats-Msg-Id": f"{subject}~{digest[:16]}"})
        except Refused as error:
            if error.code not in STREAM_FULL:
                raise
            return False
        self._remember(subject, digest)
        return True

    def _remember(self, subject: str, digest: str) -> None:
        self._known[subject] = digest
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    @staticmethod
    def _headers(delivery: Delivery, digest: str) -> dict[str, str]:
        headers = {
            "Vb-Type": "delivery",
            "Content-Type": delivery.content_type,
            DIGEST: digest,
            RECEIVED: str(delivery.ts_recv),
            HEADERS: json.dumps(dict(delivery.headers)),  # ASCII only, whatever bytes a header had
        }
        if delivery.msg_id is not None:
            headers[MSG_ID] = json.dumps(delivery.msg_id)
        return headers


class StoredDelivery:
    """One delivery as the stream has it, and the ways to be done with it."""

    __slots__ = ("_msg", "delivery", "doubtful", "is_conflict", "subject")

    def __init__(self, msg: Msg, first_fresh: int) -> None:
        meta = msg.metadata
        headers = dict(msg.headers or {})
        self._msg = msg
        self.subject = msg.subject
        self.is_conflict = CONFLICT in headers
        # It may have been published before by an owner that died before it could say so.
        self.doubtful = meta.num_delivered != 1 or meta.sequence.stream < first_fresh
        self.delivery = _delivery(msg.data, headers)

    async def ack(self) -> None:
        """Tell the stream that it need not come again; a lost acknowledgement only means that it does."""
        await quietly(self._msg.ack())

    async def hold(self) -> None:
        """Tell the stream that it is still being looked at."""
        await quietly(self._msg.in_progress())

    async def give_back(self) -> None:
        """Have it delivered again at once, to whoever reads then."""
        await quietly(self._msg.nak())


def _delivery(raw: bytes, headers: dict[str, str]) -> Delivery:
    try:
        return Delivery(
            msg_id=json.loads(headers[MSG_ID]) if MSG_ID in headers else None,
            body=b"",
            raw=raw,
            headers=json.loads(headers.get(HEADERS, "{}")),
            content_type=headers.get("Content-Type", ""),
            ts_recv=int(headers.get(RECEIVED, 0)),
        )
    except ValueError:  # not written by us; the body must tell what it is
        return Delivery(msg_id=None, body=b"", raw=raw, headers={}, content_type="", ts_recv=0)


class HookReader:
    """Reads one venue's stored deliveries in the order of arrival: one durable consumer, used by the owner alone."""

    def __init__(self, connection: Connection, names: StreamNames, subjects: Subjects, venue: str) -> None:
        self._connection = connection
        self._names = names
        self._first_fresh = 0
        config = ConsumerConfig(
            durable_name=f"bridge_{venue}",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            deliver_policy=DeliverPolicy.ALL,
            filter_subject=f"{subjects.root}.hook.{venue}.>",
            max_deliver=-1,
            max_ack_pending=HELD,
        )
        self._pull = Pull(connection, names.hooks, config)

    async def run(self, handle: Callable[[list[StoredDelivery]], Awaitable[None]]) -> None:
        """Call ``handle`` with what was delivered, for ever; ``handle`` acknowledges.

        Raises:
            BusError: the consumer cannot be made.
        """

        async def take(messages: list[Msg]) -> None:
            await handle([StoredDelivery(message, self._first_fresh) for message in messages])

        async def bound() -> None:
            self._first_fresh = await self._connection.stream_tail(self._names.hooks) + 1

        await self._pull.run(take, bound=bound)


async def is_on_stream(connection: Connection, stream: str, subject: str, msg_id: str) -> bool:
    """Tell whether the ``forward_change`` of ``msg_id`` stands on ``subject``, however long ago it was written.

    Raises:
        BusUnavailable: NATS did not answer.
    """
    sequence = 1
    while True:
        try:
            message = await connection.js.get_msg(stream, sequence, subject=subject, next=True)
        except nats.js.errors.NotFoundError:
            return False
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise BusUnavailable(f"cannot read {subject}: {error or type(error).__name__}") from error
        try:
            event = decode_event(message.data or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            event = None
        if isinstance(event, ForwardChange) and event.msg_id == msg_id:
            return True
        sequence = (message.seq or sequence) + 1
