"""One command on its way through the bridge."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from venuebus_schemas import (
    Amend,
    AnyCommand,
    Cancel,
    Order,
    OrderStatus,
    Reason,
    ResolvedBy,
    Result,
    ResultStatus,
    Submit,
    Verb,
    encode,
)

from ..bus.claim import Claim
from ..bus.commands import Delivery
from ..errors import OutcomeUnknown
from ..steady import steady

if TYPE_CHECKING:
    from ..observability.tracing import Trace

_random = random.Random()


@dataclass(slots=True)
class Job:
    """A command with what the bridge has learned about it so far."""

    account: str
    command_id: str
    verb: Verb
    delivery: Delivery | None
    ts_received: int
    body: bytes
    command: AnyCommand | None = None
    expires_at: int | None = None
    deadline: float | None = None
    """`steady` at which the command must not be sent any more; ``None`` for never."""
    client_order_id: str | None = None
    order: Order | None = None
    claim: Claim | None = None
    claimed_at: float | None = None
    """`steady` at which this process claimed it; ``None`` if a former owner did."""
    attempts: int = 0
    ts_sent: int | None = None
    acknowledged: bool = False
    doubt: OutcomeUnknown | None = None
    """What became of an earlier attempt that was tried again because repeating it does no harm."""
    trace: Trace | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    nonce: str = field(default_factory=lambda: f"{_random.getrandbits(96):024x}")

    def time_left(self, default: float) -> float:
        """Seconds in which the command may still be sent; ``default`` where it does not expire."""
        return default if self.deadline is None else self.deadline - steady()

    async def ack(self) -> None:
        """Tell the stream that the ledger has it, once."""
        if self.delivery is not None and not self.acknowledged:
            self.acknowledged = True
            await self.delivery.ack()

    def body_hash(self) -> str:
        """Identity of what was asked, to tell a redelivery from another command under the same id."""
        return hashlib.sha256(self.body).hexdigest()

    def make_claim(
        self, *, keys: dict[str, str], epoch: int, sent: bool, reason: str | None = None, text: str | None = None
    ) -> Claim:
        """Return the record that goes on the ledger before the first byte goes out."""
        command = self.command
        self.claimed_at = steady()
        self.claim = Claim(
            command_id=self.command_id,
            verb=self.verb,
            nonce=self.nonce,
            body=encode(command).decode() if sent else "",  # as JSON, in whatever encoding it came
            body_hash=self.body_hash(),
            client_order_id=self.client_order_id,
            venue_order_id=self.order.venue_order_id if self.order else getattr(command, "venue_order_id", None),
            symbol=getattr(command, "symbol", None) or (self.order.symbol if self.order else None),
            keys=keys,
            ts_received=self.ts_received,
            ts_claimed=time.time_ns(),
            expires_at=self.expires_at,
            epoch=epoch,
            attempt=max(1, self.attempts),
            sent=sent,
            reason=reason,
            text=text,
            traceparent=None if self.trace is None else self.trace.durable,
        )
        return self.claim

    def result(
        self,
        status: ResultStatus,
        *,
        reason: Reason | None = None,
        text: str | None = None,
        venue_order_id: str | None = None,
        resolved_by: ResolvedBy | None = None,
    ) -> Result:
        """Return the result that this command ends in for now."""
        return Result(
            command_id=self.command_id,
            verb=self.verb,
            status=status,
            reason=reason,
            text=text,
            client_order_id=self.client_order_id,
            venue_order_id=venue_order_id or (self.order.venue_order_id if self.order else None),
            attempts=self.attempts,
            ts_received=self.ts_received,
            ts_sent=self.ts_sent,
            ts_answered=time.time_ns() if self.ts_sent and status != ResultStatus.UNKNOWN else None,
            resolved_by=resolved_by,
        )


def chain_key(job: Job) -> str:
    """Return what orders this command among others: commands with one key run one after the other."""
    command = job.command
    if isinstance(command, Submit):
        return f"{job.account}/{job.client_order_id}"
    if isinstance(command, Amend | Cancel):
        return f"{job.account}/{job.client_order_id or command.venue_order_id}"
    return f"{job.account}/{job.verb}/{job.command_id}"


def default_client_order_id(command_id: str) -> str:
    """Return the client order id of a submit that names none: the command id, or one derived where that is longer."""
    if len(command_id) <= 32:
        return command_id
    return "vb" + hashlib.sha256(command_id.encode()).hexdigest()[:30]


def pending_order(job: Job, command: Submit) -> Order:
    """Return the order as it stands before the venue has heard of it."""
    extra: dict[str, str] = {}
    if command.stop_price is not None:
        extra["stop_price"] = command.stop_price
    return Order(
        symbol=command.symbol,
        side=command.side,
        order_type=command.order_type,
        status=OrderStatus.PENDING_NEW,
        quantity=command.quantity,
        quote_quantity=command.quote_quantity,
        filled_quantity="0",
        leaves_quantity=command.quantity,
        price=command.price,
        trigger_price=command.trigger_price,
        time_in_force=command.time_in_force,
        position_effect=command.position_effect,
        client_order_id=job.client_order_id,
        command_id=job.command_id,
        ts_recv=time.time_ns(),
        extra=extra or None,
    )
