"""The ends of a command: what is published when it was accepted, rejected, refused, or nobody knows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from venuebus_schemas import (
    Order,
    OrderStatus,
    Reason,
    ResolvedBy,
    ResultStatus,
    Submit,
    Verb,
    decode_event,
)

from ..bus.claim import AlreadyClaimed, Claim, Fenced
from ..bus.failure import BusUnavailable
from ..errors import CommandRejected, OutcomeUnknown
from ..venue import Accepted
from .account import Account
from .job import Job

log = structlog.get_logger("venuebus.orders")


class Outcomes:
    """Publishes order events and results of one venue's commands; keeps those whose outcome is unknown."""

    def __init__(
        self,
        venue: str,
        accounts: dict[str, Account],
        epoch: Callable[[], int],
        ended: Callable[[str, str, str | None], None] = lambda verb, status, reason: None,
    ) -> None:
        self.venue = venue
        self.accounts = accounts
        self.unresolved: dict[tuple[str, str], Job] = {}
        self.on_unknown: Callable[[Job], None] = lambda job: None
        self.on_open_claim: Callable[[Account, Claim], None] = lambda account, claim: None
        self.counts: dict[str, int] = {"accepted": 0, "rejected": 0, "unknown": 0}
        self._epoch = epoch
        self._count = ended

    def accepted(self, job: Job, accepted: Accepted) -> None:
        """The venue has it."""
        account = self.accounts[job.account]
        venue_order_id = accepted.venue_order_id or (accepted.order.venue_order_id if accepted.order else None)
        if isinstance(job.command, Submit):
            update = accepted.order or Order(
                symbol=job.command.symbol,
                side=job.command.side,
                order_type=job.command.order_type,
                status=OrderStatus.NEW,
                filled_quantity="0",
                venue_order_id=venue_order_id,
            )
            update.client_order_id = job.client_order_id
            account.publish(update)
        else:
            if job.order is not None:
                account.tracker.answered(job.order)
            if accepted.order is not None:
                account.publish(accepted.order)
        for fill in accepted.fills:
            account.publish(fill)
        if job.verb is Verb.AMEND and job.order is not None:
            self._put_pending_end(account, job)
        self.finish(job, ResultStatus.ACCEPTED, text=accepted.text, venue_order_id=venue_order_id)

    def rejected(self, job: Job, error: CommandRejected) -> None:
        """It was claimed, and certainly has no effect."""
        account = self.accounts[job.account]
        if isinstance(job.command, Submit):
            account.publish(self._ended(job, job.command, OrderStatus.REJECTED, error.reason, str(error)))
        elif job.order is not None:
            self._put_pending_end(account, job)
        self.finish(job, ResultStatus.REJECTED, reason=error.reason, text=str(error))

    def unknown(self, job: Job, error: OutcomeUnknown) -> None:
        """Neither could be proved: say so, and have somebody ask."""
        account = self.accounts[job.account]
        if isinstance(job.command, Submit):
            tracked = account.tracker.find(client_order_id=job.client_order_id)
            if tracked is not None and tracked.order.status not in (OrderStatus.PENDING_NEW, OrderStatus.UNKNOWN):
                self._answered_by_push(job, tracked.order)
                return
            account.publish(self._ended(job, job.command, OrderStatus.UNKNOWN, error.reason, str(error)))
        elif job.order is not None:
            account.tracker.answered(job.order)
        log.warning("outcome unknown", venue=self.venue, account=job.account, command=job.command_id, error=str(error))
        self.finish(job, ResultStatus.UNKNOWN, reason=error.reason, text=str(error))
        self.unresolved[job.account, job.command_id] = job
        self.on_unknown(job)

    def _answered_by_push(self, job: Job, order: Order) -> None:
        # The answer is lost, but the venue has told the order's state: nothing is unknown.
        source = ResolvedBy.QUERY if order.reconciled else ResolvedBy.PUSH
        if order.status is OrderStatus.REJECTED:
            reason, status = order.reason or Reason.VENUE_REJECTED, ResultStatus.REJECTED
            self.finish(job, status, reason=reason, text=order.text, resolved_by=source)
            return
        venue_order_id = order.venue_order_id
        self.finish(job, ResultStatus.ACCEPTED, venue_order_id=venue_order_id, resolved_by=source)

    @staticmethod
    def _ended(job: Job, command: Submit, status: OrderStatus, reason: Reason, text: str) -> Order:
        return Order(
            symbol=command.symbol, side=command.side, order_type=command.order_type, status=status,
            filled_quantity="0", client_order_id=job.client_order_id, reason=reason, text=text, ts_recv=time.time_ns(),
        )  # fmt: skip

    @staticmethod
    def _put_pending_end(account: Account, job: Job) -> None:
        assert job.order is not None
        order = account.tracker.settle_pending(job.order)
        if order is not None:
            account.put_order(order)

    def finish(
        self,
        job: Job,
        status: ResultStatus,
        *,
        reason: Reason | None = None,
        text: str | None = None,
        venue_order_id: str | None = None,
        resolved_by: ResolvedBy | None = None,
    ) -> None:
        """Publish the result of ``job``; anything but ``unknown`` closes its claim."""
        account = self.accounts[job.account]
        if status is not ResultStatus.UNKNOWN:
            self.unresolved.pop((job.account, job.command_id), None)
        self.counts[status] = self.counts.get(status, 0) + 1
        self._count(job.verb, status, reason)
        if job.trace is not None:
            job.trace.result(status, reason, resolved_by)
        account.put_result(
            job.result(status, reason=reason, text=text, venue_order_id=venue_order_id, resolved_by=resolved_by)
        )

    async def refuse(self, job: Job, error: CommandRejected) -> None:
        """Refuse a command of which nothing was claimed: the refusal is the claim, so it can never be sent later.

        Raises:
            AlreadyClaimed, Fenced, BusUnavailable: nothing was refused.
        """
        account = self.accounts.get(job.account)
        if account is None:
            account = next(iter(self.accounts.values()))
        job.attempts = 0
        result = job.result(ResultStatus.REJECTED, reason=error.reason, text=str(error))
        self.counts["rejected"] += 1
        self._count(job.verb, ResultStatus.REJECTED, error.reason)
        if job.account not in self.accounts:
            await self._refuse_elsewhere(job, account, result)
            return
        account.stamp("result", job.command_id, result)
        mid = f"{self.venue}-{job.account}-result-{job.command_id}-{job.verb}-rejected-{job.nonce}"
        claim = job.make_claim(keys={}, epoch=self._epoch(), sent=False, reason=error.reason, text=str(error))
        if job.trace is not None:
            job.trace.result(ResultStatus.REJECTED, error.reason, None)
        traceparent = None if job.trace is None else job.trace.traceparent
        try:
            # A command that comes again too late is refused here, too, and may have been sent long ago.
            events = [("result", job.command_id, result, mid)]
            await account.ledger.claim(claim, events, at_once=False, traceparent=traceparent)
        except (BusUnavailable, Fenced, AlreadyClaimed):
            account.unstamp("result", job.command_id)
            raise
        await job.ack()

    async def _refuse_elsewhere(self, job: Job, account: Account, result: Any) -> None:
        # An account nobody leases here: there is no ledger to fence with, and nothing that could ever be sent.
        result.venue, result.account, result.epoch, result.seq = self.venue, job.account, account.epoch, 1
        result.ts_recv = time.time_ns()
        await account.ledger.put_elsewhere(job.account, "result", job.command_id, result)
        await job.ack()

    async def _take_up(self, account: Account, record: Claim) -> None:
        last = await account.ledger.read_last("result", record.command_id)
        if last is not None and decode_event(last).status is not ResultStatus.UNKNOWN:  # type: ignore[union-attr]
            return
        if record.client_order_id is not None and account.tracker.find(client_order_id=record.client_order_id) is None:
            order = await account.ledger.read_last("order", record.client_order_id)
            if order is not None:
                account.restore("order", order, 0)
        account.open_claims[record.command_id] = record
        self.on_open_claim(account, record)

    async def _refuse_again(self, job: Job, account: Account, record: Claim) -> None:
        # The claim that refused it is stored, but its result may not be: NATS went away between the two.
        if job.command_id in account.ended or await account.ledger.read_last("result", job.command_id) is not None:
            return
        job.attempts = 0
        reason = Reason(record.reason) if record.reason is not None else Reason.INTERNAL
        account.put_result(job.result(ResultStatus.REJECTED, reason=reason, text=record.text))

    async def replay(self, job: Job, record: Claim) -> None:
        """The command is on the ledger already: say nothing new, unless it is another command under the same id."""
        account = self.accounts[job.account]
        if record.body_hash and record.body_hash != job.body_hash():
            log.error("command id used twice with different bodies", venue=self.venue, command=job.command_id)
            job.attempts = 0
            result = job.result(
                ResultStatus.REJECTED,
                reason=Reason.DUPLICATE,
                text=f"command_id {job.command_id} was used by another {record.verb}; that one is untouched",
            )
            account.put("result", job.command_id, result, f"duplicate-{job.command_id}-{job.nonce}")
        elif not record.sent:
            await self._refuse_again(job, account, record)
        elif job.command_id not in account.open_claims and job.command_id not in account.ended:
            # Ours, but written when nobody waited for it any more (NATS was away): it must come to an end all the same.
            await self._take_up(account, record)
        await job.ack()
