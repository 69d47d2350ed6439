"""Commands to venues that nobody on this bus serves: refused, so that their sender is told."""

from __future__ import annotations

import asyncio
import time
import uuid

import msgspec
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from venuebus_schemas import (
    CONTENT_TYPES,
    SCHEMA_VERSION,
    Encoding,
    Reason,
    Result,
    ResultStatus,
    Subject,
    Subjects,
    Verb,
    encode,
)

from ..errors import BusError
from .claim import Claim
from .client import PermissionDenied
from .commands import Delivery
from .connection import Connection
from .failure import InDoubt, Refused
from .lease import EXPECT
from .pull import Pull
from .streams import StreamNames

log = structlog.get_logger("venuebus.commands")

PATIENCE = 2.0  # seconds in which a bridge that just starts may still announce the venue
LOOK_EVERY = 0.5  # seconds between two looks
RETRY = 5.0
MAX_TOLD = 1000  # venues that a warning was written about


class Orphans:
    """Watches all commands, shared by every bridge of the bus, and refuses those to venues without a bridge.

    A venue counts as served once any bridge has ever told its state (stream ``VB_SYS``): then its commands are that
    bridge's business, also while it is down. The refusal is a claim, so a bridge that appears later cannot
    execute what was refused.
    """

    def __init__(
        self, connection: Connection, names: StreamNames, subjects: Subjects, venues: frozenset[str], encoding: Encoding
    ) -> None:
        self.refused = 0
        self._connection = connection
        self._names = names
        self._subjects = subjects
        self._served = set(venues)
        self._told: set[str] = set()
        self._encoding = encoding

    def serve(self, venue: str) -> None:
        """Leave the commands to ``venue`` to the bridge that serves it from now on."""
        self._served.add(venue)

    async def run(self) -> None:
        """Watch for ever, or end where our login is for some venues only."""
        config = ConsumerConfig(
            durable_name="bridge_orphans",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=10.0,
            deliver_policy=DeliverPolicy.ALL,
            filter_subject=f"{self._subjects.root}.cmd.>",
            headers_only=True,
            max_ack_pending=10_000,
        )
        pull = Pull(self._connection, self._names.commands, config)
        self._connection.optional.add(pull.creates.casefold())
        while True:
            try:
                await pull.run(self._look_at)
            except BusError as error:
                if isinstance(error.__cause__, PermissionDenied):
                    log.info("commands to unserved venues are left to a bridge that may read all commands")
                    return
                log.warning("commands to unserved venues are not watched", error=str(error))
                await asyncio.sleep(RETRY)

    async def _look_at(self, messages: list[Msg]) -> None:
        for message in messages:
            await self._look(message)
        await asyncio.sleep(LOOK_EVERY)  # nothing here is urgent: many at a time are cheap

    async def _look(self, msg: Msg) -> None:
        delivery = Delivery(msg)
        try:
            subject = self._subjects.parse(msg.subject)
        except ValueError:
            await delivery.ack()
            return
        if not await self._is_served(subject.venue):
            age = (self._connection.bus_time_ns() - delivery.ts_published) / 1e9
            if age < PATIENCE:
                await delivery.give_back(PATIENCE - age)
                return
            await self._refuse(subject)
        await delivery.ack()

    async def _is_served(self, venue: str) -> bool:
        if venue in self._served:
            return True
        if await self._connection.last(self._names.system, self._subjects.system(venue, "session")) is None:
            return False
        self._served.add(venue)
        return True

    async def _refuse(self, subject: Subject) -> None:
        account, command_id = subject.account or "", subject.key or ""
        verb = Verb(subject.kind)
        now = time.time_ns()
        claim = Claim(
            command_id=command_id, verb=verb, nonce=uuid.uuid4().hex, body="", body_hash="", ts_received=now,
            ts_claimed=now, sent=False,
        )  # fmt: skip
        result = Result(
            venue=subject.venue, account=account, ts_recv=now, epoch=now // 1_000_000, seq=1, command_id=command_id,
            verb=verb, status=ResultStatus.REJECTED, reason=Reason.UNKNOWN_ACCOUNT, attempts=0, ts_received=now,
            text=f"no bridge on this bus serves a venue {subject.venue!r}",
        )  # fmt: skip
        common = {"Vb-Schema": SCHEMA_VERSION}
        batch = [
            (
                self._subjects.claim(subject.venue, account, command_id),
                msgspec.json.encode(claim),
                {**common, "Vb-Type": "claim", EXPECT: "0", "Nats-Msg-Id": f"claim-{claim.nonce}"},
            ),
            (
                self._subjects.account(subject.venue, account, "result", command_id),
                encode(result, self._encoding),
                {**common, "Vb-Type": "result", "Content-Type": CONTENT_TYPES[self._encoding],
                 "Nats-Msg-Id": f"{subject.venue}-{account}-result-{command_id}-{claim.nonce}"},
            ),
        ]  # fmt: skip
        try:
            await self._connection.store_batch(claim.nonce, batch)
        except (Refused, InDoubt) as error:
            log.debug("refusal not stored", command=command_id, error=str(error))
            return
        self.refused += 1
        self._tell(subject.venue, command_id)

    def _tell(self, venue: str, command_id: str) -> None:
        # Once per venue: a strategy with a wrong name in its configuration would write a line per order.
        if venue in self._told or len(self._told) >= MAX_TOLD:
            log.debug("another command to a venue that nobody serves", venue=venue, command=command_id)
            return
        self._told.add(venue)
        log.warning("commands to a venue that nobody serves are refused; told once", venue=venue, first=command_id)
