"""The order path: a command from the stream, through checks and the claim, to the venue and back to a result.

    handle → read and check → chain (one order at a time) → wait for the gate → prepare → CLAIM → ack
           → attempt (typed outcome) → order event and result

Everything before the claim can be dropped and comes again; everything after it is on the ledger and is never sent a
second time unless the first certainly was not.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from venuebus_schemas import (
    Amend,
    Cancel,
    CancelAll,
    Order,
    OrderStatus,
    Reason,
    Subjects,
    Submit,
    Verb,
)

from ..bus.claim import AlreadyClaimed, Fenced
from ..bus.commands import HOLD_EVERY, Delivery
from ..bus.connection import BusUnavailable
from ..errors import CommandRejected, NotSent, OutcomeUnknown
from ..limits import RateLimits
from ..retry import command_attempts
from ..steady import steady
from ..venue import Accepted, Capabilities, Interceptor
from .account import Account
from .attempt import Attempt
from .breaker import Breaker
from .checks import check_capabilities, expiry, intercept, read_command
from .early import Early
from .job import Job, chain_key, default_client_order_id, pending_order
from .outcomes import Outcomes
from .steps import CommandMeter, call_venue, can_execute, can_prepare, write_claim

log = structlog.get_logger("venuebus.orders")

PATIENCE = 15.0  # seconds a command without an expiry waits for the venue before it is refused
GIVE_BACK_DELAY = 0.5  # seconds until a command that could not be claimed is looked at again
SLOW_LANE = frozenset({Verb.SUBMIT, Verb.AMEND})  # verbs that wait for their turn; cancels do not
CANCEL_ALL_WAITS = 2.0  # seconds for submits published before it
AT_ONCE = 64  # submits and amends of an account between their claim and their answer
MAX_WAITING = 2000  # submits and amends waiting for the venue at a time; more are refused at once


class Gate(Protocol):
    """What the engine must know about the venue's connection."""

    def session(self) -> tuple[Any, asyncio.Future[None]] | None:
        """Return the connected session and a future that is done when it ends."""

    def closed_for(self, account: str, verb: Verb) -> tuple[Reason, str] | None:
        """Return why ``verb`` may not go out now, or ``None`` if it may."""

    async def changed(self) -> None:
        """Return at the next change of anything above."""


class Engine:
    """Commands of one venue. `handle` takes deliveries, `drain` waits for what is under way."""

    def __init__(
        self,
        venue: str,
        accounts: dict[str, Account],
        gate: Gate,
        capabilities: Capabilities,
        subjects: Subjects,
        *,
        interceptors: tuple[Interceptor, ...] = (),
        limits: RateLimits,
        meter: CommandMeter,
        request_timeout: float,
        dead_letter: Callable[[bytes, str, str], None],
        epoch: Callable[[], int],
        now_ns: Callable[[], int] = time.time_ns,
        early: Early | None = None,
    ) -> None:
        self.venue = venue
        self.accounts = accounts
        self.outcomes = Outcomes(venue, accounts, epoch, meter.ended)
        self.breaker = Breaker()
        self._gate = gate
        self._can = capabilities
        self._subjects = subjects
        self._interceptors = interceptors
        self._limits = limits
        self._meter = meter
        self._request_timeout = request_timeout
        self._dead_letter = dead_letter
        self._epoch = epoch
        self._now_ns = now_ns
        self._early = early
        self._chains: dict[str, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[int, Job] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._stopping = False

    @property
    def waiting(self) -> int:
        """Commands read from the stream that have not come to an end here."""
        return len(self._held)

    # --- in -------------------------------------------------------------------------------------------------

    def handle(self, delivery: Delivery) -> None:
        """Take one delivery; never raises and never blocks."""
        if delivery.seq in self._held:
            return  # redelivered while it waits here
        job = Job("", "", Verb.UNKNOWN, delivery, time.time_ns(), delivery.data)
        try:
            subject = self._subjects.parse(delivery.subject)
        except ValueError as error:
            self._dead_letter(delivery.data, str(error), delivery.subject)
            self._spawn(delivery.ack())
            return
        job.account, job.command_id = subject.account or "", subject.key or ""
        self._held[delivery.seq] = job
        refusal: CommandRejected | None = None
        try:
            job.verb = Verb(subject.kind)
            job.command = read_command(subject, delivery.data)
            self._check(job)
        except CommandRejected as error:
            refusal = error
            if job.command is None:
                self._dead_letter(delivery.data, str(error), delivery.subject)
        self._meter.received(job.verb)
        self._meter.read.observe((self._now_ns() - delivery.ts_published) / 1e9)
        account = self.accounts.get(job.account)
        if account is not None and account.traces is not None:
            job.trace = account.traces.command(job)
        self._enqueue(job, refusal)

    def _check(self, job: Job) -> None:
        command = job.command
        assert command is not None
        if job.account not in self.accounts:
            have = ", ".join(self.accounts)
            raise CommandRejected(Reason.UNKNOWN_ACCOUNT, f"no account {job.account!r} at {self.venue}; known: {have}")
        if isinstance(command, Submit):
            command.client_order_id = job.client_order_id = command.client_order_id or default_client_order_id(
                job.command_id
            )
        elif isinstance(command, Amend | Cancel):
            job.client_order_id = command.client_order_id
            tracked = self.accounts[job.account].tracker.find(
                client_order_id=command.client_order_id, venue_order_id=command.venue_order_id
            )
            if tracked is not None:
                job.client_order_id = tracked.order.client_order_id
        check_capabilities(command, job.verb, self._can)
        ts_published = job.delivery.ts_published if job.delivery is not None else job.ts_received
        job.expires_at = expiry(command, ts_published)
        if job.expires_at is not None:
            left = (job.expires_at - self._now_ns()) / 1e9
            if left <= 0:
                raise CommandRejected(Reason.EXPIRED, f"expired {-left:.3f} s before it was read; nothing was sent")
            job.deadline = steady() + left
        if isinstance(command, Submit | Amend) and len(self._held) > MAX_WAITING:
            raise CommandRejected(Reason.RATE_LIMITED, f"{MAX_WAITING} commands are waiting for {self.venue} already")

    def inject(self, job: Job) -> asyncio.Future[None]:
        """Run a command that does not come from the stream (a halt's cancel-all); done when it has a result."""
        self._check(job)
        task = self._spawn(self._process(job, None))
        return asyncio.ensure_future(task)

    def _enqueue(self, job: Job, refusal: CommandRejected | None) -> None:
        if refusal is not None or job.command is None:
            self._spawn(self._process(job, refusal or CommandRejected(Reason.INVALID, "no command")))
            return
        key = chain_key(job)
        chain = self._chains.get(key)
        if chain is not None:
            chain.append(job)
            return
        self._chains[key] = deque([job])
        self._spawn(self._run_chain(key))

    async def _run_chain(self, key: str) -> None:
        chain = self._chains[key]
        try:
            while chain:
                await self._process(chain.popleft(), None)
        finally:
            del self._chains[key]

    def _spawn(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def keep_held(self) -> None:
        """Tell the stream now and then that waiting commands are not forgotten; runs for ever."""
        while True:
            await asyncio.sleep(HOLD_EVERY)
            for job in list(self._held.values()):
                if job.delivery is not None:
                    await job.delivery.hold()

    # --- one command ----------------------------------------------------------------------------------------

    async def _process(self, job: Job, refusal: CommandRejected | None) -> None:
        token = None if job.trace is None else job.trace.enter()
        try:
            if refusal is None:
                refusal = await self._prepare_and_send(job)
            if refusal is not None:
                await self.outcomes.refuse(job, refusal)
        except AlreadyClaimed as error:
            await self.outcomes.replay(job, error.record)
        except (Fenced, BusUnavailable) as error:
            # Nothing is on the ledger, so nothing was sent: the stream delivers it again to whoever owns the account.
            log.debug("command left in the stream", command=job.command_id, error=str(error))
            if job.delivery is not None and not isinstance(error, Fenced):
                await job.delivery.give_back(None if self._stopping else GIVE_BACK_DELAY)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("command failed inside the bridge", command=job.command_id, account=job.account)
            if job.claim is not None and job.claim.sent:
                self.outcomes.unknown(job, OutcomeUnknown("internal error of the bridge", reason=Reason.INTERNAL))
        finally:
            if job.trace is not None and token is not None:
                job.trace.leave(token)
            job.done.set()
            if job.delivery is not None:
                self._held.pop(job.delivery.seq, None)

    async def _prepare_and_send(self, job: Job) -> CommandRejected | None:
        account = self.accounts[job.account]
        if isinstance(job.command, CancelAll):
            await self._wait_for_earlier(job, job.command)
        if job.verb not in SLOW_LANE:
            return await self._claim_and_send(job, account)
        slots = self._slots.setdefault(job.account, asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(max(0.0, job.time_left(PATIENCE))):
                await slots.acquire()
        except TimeoutError:
            return CommandRejected(
                Reason.RATE_LIMITED, f"{AT_ONCE} commands before it kept it waiting until it expired"
            )
        try:
            return await self._claim_and_send(job, account)
        finally:
            slots.release()

    async def _claim_and_send(self, job: Job, account: Account) -> CommandRejected | None:
        try:
            intercept(self._interceptors, job.command, self.venue, job.account)  # type: ignore[arg-type]
            await self._wait_for_gate(job)
            await self._check_order(job, account)
            attempt = self._attempt(job, account)
            keys = self._prepare(attempt)
        except CommandRejected as error:
            return error
        await self._claim(job, account, keys)
        try:
            accepted = await self._send(job, account, attempt)
        except (CommandRejected, NotSent) as error:
            if job.doubt is not None:  # an earlier attempt may have taken effect, whatever became of this one
                self.outcomes.unknown(job, job.doubt)
            else:
                self.outcomes.rejected(job, self._not_sent(job, error) if isinstance(error, NotSent) else error)
        except OutcomeUnknown as error:
            self.outcomes.unknown(job, error)
        else:
            self.outcomes.accepted(job, accepted)
        return None

    async def _wait_for_gate(self, job: Job) -> None:
        give_up = time.monotonic() + max(0.0, min(job.time_left(PATIENCE), PATIENCE))
        while (closed := self._gate.closed_for(job.account, job.verb)) is not None:
            reason, text = closed
            left = give_up - time.monotonic()
            if self._stopping:
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

    async def _check_order(self, job: Job, account: Account) -> None:
        command = job.command
        if isinstance(command, Submit):
            assert job.client_order_id is not None
            known = account.tracker.find(client_order_id=job.client_order_id)
            used = known is not None or await account.ledger.read_last("order", job.client_order_id) is not None
            if used:
                record = await account.ledger.read_claim(job.command_id)
                if record is not None:  # delivered again: what is tracked of its order must stay as it is
                    raise AlreadyClaimed(record)
                text = f"client_order_id {job.client_order_id} was used before; it must be new for every order"
                raise CommandRejected(Reason.DUPLICATE, text)
        elif isinstance(command, Amend | Cancel):
            await self._wait_for_target(job, command, account)

    async def _wait_for_target(self, job: Job, command: Amend | Cancel, account: Account) -> None:
        tracked = account.tracker.find(client_order_id=command.client_order_id, venue_order_id=command.venue_order_id)
        if tracked is None:
            label = command.client_order_id or command.venue_order_id
            if self._early is not None and await self._early.is_early(job, self._held.values()):
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

    async def _claim(self, job: Job, account: Account, keys: dict[str, str]) -> None:
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
            await write_claim(job, account, self._meter, claim, events, job.verb not in SLOW_LANE)
        except (BusUnavailable, Fenced, AlreadyClaimed):
            job.claim = None
            if order is not None:
                account.unstamp(key)
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
                if attempt.sent_at is not None or prepared_for is not self._session():
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

    async def _wait_for_earlier(self, job: Job, command: CancelAll) -> None:
        # What was published before a cancel-all should be reached by it too, but it must not wait for long.
        seq = job.delivery.seq if job.delivery is not None else None
        earlier = [
            other.done.wait()
            for other in self._held.values()
            if other.account == job.account
            and isinstance(other.command, Submit)
            and command.symbol in (None, other.command.symbol)
            and (seq is None or (other.delivery is not None and other.delivery.seq < seq))
        ]
        if earlier:
            try:
                async with asyncio.timeout(CANCEL_ALL_WAITS):
                    await asyncio.gather(*earlier)
            except TimeoutError:
                log.warning("cancel_all goes ahead of submits published before it", command=job.command_id)

    def _not_sent(self, job: Job, error: NotSent) -> CommandRejected:
        if job.time_left(1.0) <= 0.05 and self._gate.session() is not None:
            return CommandRejected(Reason.EXPIRED, f"expired before it could be sent: {error}")
        return CommandRejected(Reason.NOT_CONNECTED, f"certainly not sent: {error}")

    # --- stop -----------------------------------------------------------------------------------------------

    async def drain(self, timeout: float, *, then_end: bool = True) -> None:
        """Give back what is not claimed, let what is claimed come to its end for ``timeout`` seconds.

        What is still under way then is ended, or left to go on for a last drain after the session was closed.
        """
        self._stopping = True
        for chain in self._chains.values():
            for job in chain:
                if job.delivery is not None:
                    await job.delivery.give_back()
            chain.clear()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout)
        if not then_end:
            return
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=1.0)
