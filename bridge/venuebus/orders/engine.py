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
    Order,
    OrderStatus,
    Reason,
    ResolvedBy,
    ResultStatus,
    Subjects,
    Submit,
    Verb,
)

from ..bus.commands import Delivery
from ..bus.connection import BusUnavailable
from ..bus.ledger import AlreadyClaimed, Claim, Fenced
from ..errors import CommandRejected, NotSent, OutcomeUnknown
from ..limits import RateLimits
from ..retry import command_attempts
from ..venue import Accepted, Capabilities, Interceptor, SupportsOrders, SupportsPrepare
from .account import Account
from .attempt import Attempt
from .breaker import Breaker
from .checks import check_capabilities, expiry, intercept, read_command
from .job import Job, chain_key, default_client_order_id, pending_order

log = structlog.get_logger("venuebus.orders")

PATIENCE = 15.0  # seconds a command without an expiry waits for the venue before it is refused
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
        request_timeout: float,
        dead_letter: Callable[[bytes, str, str], None],
        epoch: Callable[[], int],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.venue = venue
        self.accounts = accounts
        self.unresolved: dict[tuple[str, str], Job] = {}
        self.on_unknown: Callable[[Job], None] = lambda job: None
        self.breaker = Breaker()
        self.counts: dict[str, int] = {"accepted": 0, "rejected": 0, "unknown": 0}
        self._gate = gate
        self._can = capabilities
        self._subjects = subjects
        self._interceptors = interceptors
        self._limits = limits
        self._request_timeout = request_timeout
        self._dead_letter = dead_letter
        self._epoch = epoch
        self._now_ns = now_ns
        self._chains: dict[str, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[int, Job] = {}
        self._executing: dict[str, set[asyncio.Future[None]]] = {}
        self._stopping = False

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
            job.deadline = time.monotonic() + left
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
            await asyncio.sleep(2.0)
            for job in list(self._held.values()):
                if job.delivery is not None:
                    await job.delivery.hold()

    # --- one command ----------------------------------------------------------------------------------------

    async def _process(self, job: Job, refusal: CommandRejected | None) -> None:
        try:
            if refusal is None:
                refusal = await self._prepare_and_send(job)
            if refusal is not None:
                await self._refuse(job, refusal)
        except AlreadyClaimed as error:
            await self._replay(job, error.record)
        except (Fenced, BusUnavailable) as error:
            # Nothing is on the ledger, so nothing was sent: the stream delivers it again to whoever owns the account.
            log.warning("command left in the stream", command=job.command_id, error=str(error))
            if job.delivery is not None and not isinstance(error, Fenced):
                await job.delivery.give_back()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("command failed inside the bridge", command=job.command_id, account=job.account)
            if job.claim is not None and job.claim.sent:
                self._unknown(job, OutcomeUnknown("internal error of the bridge", reason=Reason.INTERNAL))
        finally:
            if job.delivery is not None:
                self._held.pop(job.delivery.seq, None)

    async def _prepare_and_send(self, job: Job) -> CommandRejected | None:
        account = self.accounts[job.account]
        try:
            intercept(self._interceptors, job.command, self.venue, job.account)  # type: ignore[arg-type]
            await self._wait_for_gate(job)
            await self._check_order(job, account)
            attempt = self._attempt(job, account)
            keys = self._prepare(attempt)
        except CommandRejected as error:
            return error
        await self._claim(job, account, keys)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        executing = self._executing.setdefault(job.account, set())
        executing.add(done)
        try:
            accepted = await self._send(job, account, attempt)
        except CommandRejected as error:
            self._rejected(job, error)
        except NotSent as error:
            self._rejected(job, self._not_sent(job, error))
        except OutcomeUnknown as error:
            self._unknown(job, error)
        else:
            self._accepted(job, accepted)
        finally:
            executing.discard(done)
            if not done.done():
                done.set_result(None)
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
            # Where this very command has a claim it is a redelivery, which the claim itself will tell.
            if used and await account.ledger.read_claim(job.command_id) is None:
                text = f"client_order_id {job.client_order_id} was used before; it must be new for every order"
                raise CommandRejected(Reason.DUPLICATE, text)
        elif isinstance(command, Amend | Cancel):
            await self._wait_for_target(job, account)

    async def _wait_for_target(self, job: Job, account: Account) -> None:
        command = job.command
        assert isinstance(command, Amend | Cancel)
        tracked = account.tracker.find(client_order_id=command.client_order_id, venue_order_id=command.venue_order_id)
        if tracked is None:
            label = command.client_order_id or command.venue_order_id
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
        if not isinstance(current[0], SupportsPrepare):
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
        events: list[tuple[str, str, Any, str]] = []
        order: Order | None = None
        if isinstance(job.command, Submit):
            order = pending_order(job, job.command)
            account.tracker.begin(order)
        elif isinstance(job.command, Amend | Cancel) and job.order is not None:
            status = OrderStatus.PENDING_CANCEL if job.verb is Verb.CANCEL else OrderStatus.PENDING_AMEND
            order = account.tracker.pending(job.order, status, job.command_id)
        job.attempts = 1
        if order is not None:
            key = order.client_order_id or order.venue_order_id or job.command_id
            account.stamp("order", key, order)
            mid = f"{self.venue}-{job.account}-order-{key}-{order.epoch}-{order.seq}-{job.nonce}"
            events.append(("order", key, order, mid))
        claim = job.make_claim(keys=keys, epoch=self._epoch(), sent=True)
        try:
            async with asyncio.timeout(max(0.1, min(job.time_left(PATIENCE), PATIENCE))):
                await account.ledger.claim(claim, events)
        except (TimeoutError, BusUnavailable, Fenced, AlreadyClaimed) as error:
            self._unclaim(job, account)
            if isinstance(error, TimeoutError):
                raise BusUnavailable("NATS did not answer the claim in time") from error
            raise
        account.open_claims[job.command_id] = claim
        await self._ack(job)

    @staticmethod
    def _unclaim(job: Job, account: Account) -> None:
        job.claim = None
        if isinstance(job.command, Submit) and job.client_order_id is not None:
            tracked = account.tracker.open.get(job.client_order_id)
            if tracked is not None and tracked.order.command_id == job.command_id:
                del account.tracker.open[job.client_order_id]
        elif job.order is not None:
            account.tracker.settle_pending(job.order)

    async def _ack(self, job: Job) -> None:
        if job.delivery is not None and not job.acknowledged:
            job.acknowledged = True
            await job.delivery.ack()

    async def _send(self, job: Job, account: Account, attempt: Attempt) -> Accepted:
        prepared_for = self._session()
        idempotent = job.verb in self._can.idempotent
        tries = command_attempts(lambda: job.time_left(PATIENCE), idempotent=idempotent, ready=lambda: 0.0)
        async for retry in tries:
            with retry:
                if job.verb is Verb.CANCEL_ALL:
                    await self._wait_for_executing(job)
                if attempt.sent_at is not None or prepared_for is not self._session():
                    await self._wait_again(job)
                    prepared_for = self._session()
                    job.attempts += 1
                    attempt = self._attempt(job, account, job.attempts)
                    keys = self._prepare(attempt)
                    await self._record_attempt(job, account, keys)
                current = self._gate.session()
                if current is None or not isinstance(current[0], SupportsOrders):
                    raise NotSent(f"{self.venue} is not connected")
                started = time.monotonic()
                try:
                    accepted = await attempt.run(
                        current[0],
                        current[1],
                        time_left=lambda: job.time_left(PATIENCE),
                        request_timeout=self._request_timeout,
                        waiting=lambda: self._limits.waiting > 0,
                    )
                except (NotSent, OutcomeUnknown) as error:
                    self.breaker.failed(job.verb, str(error), time.monotonic() - started)
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

    async def _wait_for_executing(self, job: Job) -> None:
        # Submits published before a cancel-all are on their way: it should reach them too, but not wait long.
        under_way = list(self._executing.get(job.account, ()))
        if len(under_way) > 1:
            await asyncio.wait([future for future in under_way if not future.done()], timeout=1.0)

    def _not_sent(self, job: Job, error: NotSent) -> CommandRejected:
        if job.time_left(1.0) <= 0.05 and self._gate.session() is not None:
            return CommandRejected(Reason.EXPIRED, f"expired before it could be sent: {error}")
        return CommandRejected(Reason.NOT_CONNECTED, f"certainly not sent: {error}")

    # --- ends -----------------------------------------------------------------------------------------------

    def _accepted(self, job: Job, accepted: Accepted) -> None:
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
        elif accepted.order is not None:
            account.publish(accepted.order)
        for fill in accepted.fills:
            account.publish(fill)
        if job.verb is Verb.AMEND and job.order is not None:
            self._put_pending_end(account, job)
        self.finish(job, ResultStatus.ACCEPTED, text=accepted.text, venue_order_id=venue_order_id)

    def _rejected(self, job: Job, error: CommandRejected) -> None:
        account = self.accounts[job.account]
        if isinstance(job.command, Submit):
            account.publish(self._ended(job, job.command, OrderStatus.REJECTED, error.reason, str(error)))
        elif job.order is not None:
            self._put_pending_end(account, job)
        self.finish(job, ResultStatus.REJECTED, reason=error.reason, text=str(error))

    def _unknown(self, job: Job, error: OutcomeUnknown) -> None:
        account = self.accounts[job.account]
        if isinstance(job.command, Submit):
            account.publish(self._ended(job, job.command, OrderStatus.UNKNOWN, error.reason, str(error)))
        log.warning("outcome unknown", venue=self.venue, account=job.account, command=job.command_id, error=str(error))
        self.finish(job, ResultStatus.UNKNOWN, reason=error.reason, text=str(error))
        self.unresolved[job.account, job.command_id] = job
        self.on_unknown(job)

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
        account.put_result(
            job.result(status, reason=reason, text=text, venue_order_id=venue_order_id, resolved_by=resolved_by)
        )

    async def _refuse(self, job: Job, error: CommandRejected) -> None:
        """Refuse a command of which nothing was claimed: the refusal is the claim, so it can never be sent later."""
        account = self.accounts.get(job.account)
        if account is None:
            account = next(iter(self.accounts.values()))
        job.attempts = 0
        result = job.result(ResultStatus.REJECTED, reason=error.reason, text=str(error))
        self.counts["rejected"] += 1
        if job.account not in self.accounts:
            await self._refuse_elsewhere(job, account, result)
            return
        account.stamp("result", job.command_id, result)
        mid = f"{self.venue}-{job.account}-result-{job.command_id}-{job.verb}-rejected-{job.nonce}"
        try:
            await account.ledger.claim(
                job.make_claim(keys={}, epoch=self._epoch(), sent=False), [("result", job.command_id, result, mid)]
            )
        except BusUnavailable:
            if job.delivery is not None:
                await job.delivery.give_back()
            return
        await self._ack(job)

    async def _refuse_elsewhere(self, job: Job, account: Account, result: Any) -> None:
        # An account nobody leases here: there is no ledger to fence with, and nothing that could ever be sent.
        result.venue, result.account, result.epoch, result.seq = self.venue, job.account, account.epoch, 1
        result.ts_recv = time.time_ns()
        await account.ledger.put_elsewhere(job.account, "result", job.command_id, result)
        await self._ack(job)

    async def _replay(self, job: Job, record: Claim) -> None:
        """The command is on the ledger already: say nothing new, unless it is another command under the same id."""
        if record.body_hash and record.body_hash != job.body_hash():
            log.error("command id used twice with different bodies", venue=self.venue, command=job.command_id)
            account = self.accounts[job.account]
            job.attempts = 0
            result = job.result(
                ResultStatus.REJECTED,
                reason=Reason.DUPLICATE,
                text=f"command_id {job.command_id} was used by another {record.verb}; that one is untouched",
            )
            account.put("result", job.command_id, result, f"duplicate-{job.command_id}-{job.nonce}")
        await self._ack(job)

    # --- stop -----------------------------------------------------------------------------------------------

    async def drain(self, timeout: float) -> None:
        """Give back what is not claimed, let what is claimed come to its end for ``timeout`` seconds."""
        self._stopping = True
        for chain in self._chains.values():
            for job in chain:
                if job.delivery is not None:
                    await job.delivery.give_back()
            chain.clear()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=1.0)
