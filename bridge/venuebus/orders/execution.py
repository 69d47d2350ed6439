"""One command's way from the gate to its outcome: checks, the claim, and the venue, once.

Nothing before the claim has an effect; everything after it ends in an outcome, and nothing but what was certainly not
sent, or has no further effect, is tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog
from venuebus_schemas import Amend, Cancel, Order, OrderStatus, Reason, Submit, Verb

from ..bus.claim import AlreadyClaimed, Fenced, NotUnused
from ..bus.failure import BusUnavailable
from ..errors import CommandRejected, NotSent, OutcomeUnknown
from ..limits import RateLimits
from ..retry import command_attempts
from ..venue import Accepted, Capabilities, Interceptor
from .account import Account
from .attempt import Attempt
from .breaker import Breaker
from .checks import intercept
from .early import Early
from .job import Job, pending_order
from .outcomes import Outcomes
from .steps import CommandMeter, call_venue, can_execute, can_prepare, write_claim

log = structlog.get_logger("venuebus.orders")

PATIENCE = 15.0  # seconds a command without an expiry waits for the venue before it is refused
SETTLED_MS = 5_000  # after the lease was taken; the clock that stamps commands is NATS's, so not at once
SLOW_LANE = frozenset({Verb.SUBMIT, Verb.AMEND})  # verbs that wait for their turn; cancels do not


class Gate(Protocol):
    """What the order path must know about the venue's connection."""

    def session(self) -> tuple[Any, asyncio.Future[None]] | None:
        """Return the connected session and a future that is done when it ends."""

    def closed_for(self, account: str, verb: Verb) -> tuple[Reason, str] | None:
        """Return why ``verb`` may not go out now, or ``None`` if it may."""

    async def changed(self) -> None:
        """Return at the next change of anything above."""


class Execution:
    """Takes commands of one venue, one call of `run` each, from the gate to their outcome."""

    def __init__(
        self,
        venue: str,
        gate: Gate,
        capabilities: Capabilities,
        outcomes: Outcomes,
        *,
        interceptors: tuple[Interceptor, ...],
        limits: RateLimits,
        meter: CommandMeter,
        request_timeout: float,
        epoch: Callable[[], int],
        early: Early | None,
        held: Callable[[], Iterable[Job]],
    ) -> None:
        self.venue = venue
        self.breaker = Breaker()
        self.stopping = False
        self._gate = gate
        self._can = capabilities
        self._outcomes = outcomes
        self._interceptors = interceptors
        self._limits = limits
        self._meter = meter
        self._request_timeout = request_timeout
        self._epoch = epoch
        self._early = early
        self._held = held

    async def run(self, job: Job, account: Account) -> CommandRejected | None:
        """Bring ``job`` to its outcome; return why it must be refused, if nothing of it is on the ledger.

        Raises:
            AlreadyClaimed, Fenced, BusUnavailable: nothing was sent, and the stream or the ledger has it.
        """
        try:
            intercept(self._interceptors, job.command, self.venue, job.account)  # type: ignore[arg-type]
            await self._wait_for_gate(job)
            looked_up = await self._check_order(job, account)
            attempt = self._attempt(job, account)
            keys = self._prepare(attempt)
            try:
                await self._claim(job, account, keys, unused=not looked_up)
            except NotUnused:
                await self._check_unused(job, account)
                await self._claim(job, account, keys, unused=False)
        except CommandRejected as error:
            return error
        try:
            accepted = await self._send(job, account, attempt)
        except (CommandRejected, NotSent) as error:
            if job.doubt is not None:  # an earlier attempt may have taken effect, whatever became of this one
                self._outcomes.unknown(job, job.doubt)
            else:
                self._outcomes.rejected(job, self._not_sent(job, error) if isinstance(error, NotSent) else error)
        except OutcomeUnknown as error:
            self._outcomes.unknown(job, error)
        else:
            self._outcomes.accepted(job, accepted)
        return None

    async def _wait_for_gate(self, job: Job) -> None:
        give_up = time.monotonic() + max(0.0, min(job.time_left(PATIENCE), PATIENCE))
        while (closed := self._gate.closed_for(job.account, job.verb)) is not None:
            reason, text = closed
            left = give_up - time.monotonic()
            if self.stopping:
                raise BusUnavailable("the bridge is stopping")
            if reason is not Reason.NOT_CONNECTED or left <= 0:
                raise CommandRejected(reason, text)
            try:
                async with asyncio.timeout(left):
                    await self._gate.changed()
            except TimeoutError:
                continue
        if not self.breaker.allows(job.verb):
            raise CommandRejected(
                Reason.NOT_CONNECTED, f"{self.venue} is failing every {job.verb}: {self.breaker.state(job.verb)}"
            )

    async def _check_order(self, job: Job, account: Account) -> bool:
        """Hold the command against the account's orders; return whether a new order's id is known to be unused.

        It is not looked up where the claim proves it by the way: that is a round trip less before the first byte.
        """
        command = job.command
        if isinstance(command, Submit):
            if _is_new(job, account) and account.ledger.proves_unused:
                return False
            await self._check_unused(job, account)
        elif isinstance(command, Amend | Cancel):
            await self._wait_for_target(job, command, account)
        return True

    async def _check_unused(self, job: Job, account: Account) -> None:
        assert job.client_order_id is not None
        known = account.tracker.find(client_order_id=job.client_order_id)
        if known is None and await account.ledger.read_last("order", job.client_order_id) is None:
            return
        record = await account.ledger.read_claim(job.command_id)
        if record is not None:  # delivered again: what is tracked of its order must stay as it is
            raise AlreadyClaimed(record)
        text = f"client_order_id {job.client_order_id} was used before; it must be new for every order"
        raise CommandRejected(Reason.DUPLICATE, text)

    async def _wait_for_target(self, job: Job, command: Amend | Cancel, account: Account) -> None:
        tracked = account.tracker.find(client_order_id=command.client_order_id, venue_order_id=command.venue_order_id)
        if tracked is None:
            label = command.client_order_id or command.venue_order_id
            if self._early is not None and await self._early.is_early(job, self._held()):
                raise BusUnavailable(f"an earlier command, maybe the one that makes {label}, is still to come")
            raise CommandRejected(Reason.UNKNOWN_ORDER, f"no open order {label} in account {job.account}")
        job.order = tracked.order
        job.client_order_id = tracked.order.client_order_id
        if tracked.order.status.is_final:
            raise CommandRejected(Reason.UNKNOWN_ORDER, f"the order is over: {tracked.order.status}")
        if command.symbol is not None and command.symbol != tracked.order.symbol:
            raise CommandRejected(
                Reason.UNKNOWN_SYMBOL, f"the order is in {tracked.order.symbol}, not in {command.symbol}"
            )

    def _attempt(self, job: Job, account: Account, number: int = 1) -> Attempt:
        lease = account.ledger.lease

        def may_send() -> str | None:
            if not lease.is_held:
                return "the account's lease is not certain any more"
            if job.time_left(1.0) <= 0:
                return "the command has expired"
            return None

        return Attempt(job.account, job.command, order=job.order, may_send=may_send, attempt=number)  # type: ignore[arg-type]

    def _prepare(self, attempt: Attempt) -> dict[str, str]:
        current = self._gate.session()
        if current is None:
            raise CommandRejected(Reason.NOT_CONNECTED, f"{self.venue} is not connected")
        if not can_prepare(current[0]):
            return {}
        try:
            keys = dict(current[0].prepare(attempt))
        except CommandRejected:
            raise
        except Exception as error:
            log.exception("plugin failed to prepare a command", venue=self.venue, command=attempt.command.command_id)
            raise CommandRejected(Reason.INTERNAL, f"{type(error).__name__}: {error}") from error
        attempt.keys = keys
        return keys

    async def _claim(self, job: Job, account: Account, keys: dict[str, str], *, unused: bool) -> None:
        if not account.ledger.lease.is_held:
            raise BusUnavailable("the account's lease is not certain")
        events: list[tuple[str, str, Any, str]] = []
        order: Order | None = None
        key = job.client_order_id or job.command_id
        if isinstance(job.command, Submit):
            order = pending_order(job, job.command)
            account.stamp("order", key, order)
            mid = f"{self.venue}-{job.account}-order-{key}-{order.epoch}-{order.seq}-{job.nonce}"
            events.append(("order", key, order, mid))
        job.attempts = 1
        claim = job.make_claim(keys=keys, epoch=self._epoch(), sent=True)
        try:
            # No time-out here: a claim that is abandoned half-way could still be written. An expired command is stopped
            # by its attempt.
            urgent = job.verb not in SLOW_LANE
            await write_claim(job, account, self._meter, claim, events, urgent=urgent, unused=unused)
        except (BusUnavailable, Fenced, AlreadyClaimed, NotUnused):
            job.claim = None
            if order is not None:
                account.unstamp("order", key)
            raise
        account.open_claims[job.command_id] = claim
        if order is not None:
            account.tracker.begin(order)
        elif isinstance(job.command, Amend | Cancel) and job.order is not None:
            # Behind what waits for the stream already: a claim overtakes events, an order's own states must not.
            status = OrderStatus.PENDING_CANCEL if job.verb is Verb.CANCEL else OrderStatus.PENDING_AMEND
            pending = account.tracker.pending(job.order, status, job.command_id)
            if pending is not None:
                account.put_order(pending)
        await job.ack()

    async def _send(self, job: Job, account: Account, attempt: Attempt) -> Accepted:
        prepared_for = self._session()
        idempotent = job.verb in self._can.idempotent
        tries = command_attempts(lambda: job.time_left(PATIENCE), idempotent=idempotent, ready=lambda: 0.0)
        async for retry in tries:
            with retry:
                used_up = attempt.is_over and can_prepare(prepared_for)  # what it prepared, maybe
                if used_up or attempt.sent_at is not None or prepared_for is not self._session():
                    await self._wait_again(job)
                    prepared_for = self._session()
                    job.attempts += 1
                    self._meter.retried(job.verb)
                    attempt = self._attempt(job, account, job.attempts)
                    keys = self._prepare(attempt)
                    await self._record_attempt(job, account, keys)
                current = self._gate.session()
                if current is None or not can_execute(current[0]):
                    raise NotSent(f"{self.venue} is not connected")
                try:
                    accepted = await call_venue(
                        job,
                        attempt,
                        self._meter,
                        (current[0], current[1]),
                        time_left=lambda: job.time_left(PATIENCE),
                        request_timeout=self._request_timeout,
                        waiting=lambda: self._limits.waiting > 0,
                    )
                except (NotSent, OutcomeUnknown) as error:
                    job.doubt = error if isinstance(error, OutcomeUnknown) else job.doubt
                    if attempt.sent_at is not None:  # what never started says nothing about the venue
                        self.breaker.failed(job.verb, str(error))
                    raise
                except CommandRejected:
                    if attempt.sent_at is not None:
                        self.breaker.worked(job.verb)  # a refusal is an answer
                    raise
                finally:
                    job.ts_sent = attempt.ts_sent or job.ts_sent
                self.breaker.worked(job.verb)
                return accepted
        raise NotSent("no attempt could be made")

    def _session(self) -> Any:
        current = self._gate.session()
        return None if current is None else current[0]

    async def _wait_again(self, job: Job) -> None:
        try:
            await self._wait_for_gate(job)
        except CommandRejected as error:
            raise CommandRejected(error.reason, f"certainly not sent, and then: {error}") from error

    async def _record_attempt(self, job: Job, account: Account, keys: dict[str, str]) -> None:
        try:
            await account.ledger.reclaim(job.make_claim(keys=keys, epoch=self._epoch(), sent=True))
        except (BusUnavailable, Fenced) as error:
            raise NotSent(str(error)) from error

    def _not_sent(self, job: Job, error: NotSent) -> CommandRejected:
        if job.time_left(1.0) <= 0.05 and self._gate.session() is not None:
            return CommandRejected(Reason.EXPIRED, f"expired before it could be sent: {error}")
        return CommandRejected(Reason.NOT_CONNECTED, f"certainly not sent: {error}")


def _is_new(job: Job, account: Account) -> bool:
    """Tell whether nothing speaks against a submit being the first of its id, which is its command's id, too.

    What was published before this bridge owned the account may have been claimed by another: its order is looked up, so
    that core subscribers are not shown a ``pending_new`` of an old order, which the stream refuses.
    """
    return (
        job.client_order_id == job.command_id
        and job.delivery is not None
        and job.delivery.is_first
        and job.delivery.ts_published > (account.epoch + SETTLED_MS) * 1_000_000
        and job.command_id not in account.open_claims
        and job.command_id not in account.ended
        and account.tracker.find(client_order_id=job.client_order_id) is None
    )
