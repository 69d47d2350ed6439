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
from typing import Any

import structlog
from venuebus_schemas import (
    Amend,
    Cancel,
    CancelAll,
    Reason,
    Subjects,
    Submit,
    Verb,
)

from ..bus.claim import AlreadyClaimed, Fenced
from ..bus.commands import HOLD_EVERY, Delivery
from ..bus.failure import BusUnavailable
from ..errors import CommandRejected, OutcomeUnknown
from ..limits import RateLimits
from ..steady import steady
from ..venue import Capabilities, Interceptor
from .account import Account
from .breaker import Breaker
from .checks import check_capabilities, expiry, read_command
from .early import Early
from .execution import PATIENCE, SLOW_LANE, Execution, Gate
from .job import Job, chain_key, default_client_order_id
from .outcomes import Outcomes
from .steps import CommandMeter

log = structlog.get_logger("venuebus.orders")

GIVE_BACK_DELAY = 0.5  # seconds until a command that could not be claimed is looked at again
CANCEL_ALL_WAITS = 2.0  # seconds for submits published before it
AT_ONCE = 64  # submits and amends of an account between their claim and their answer
MAX_WAITING = 2000  # submits and amends waiting for the venue at a time; more are refused at once


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
        self._can = capabilities
        self._subjects = subjects
        self._meter = meter
        self._dead_letter = dead_letter
        self._now_ns = now_ns
        self._held: dict[int, Job] = {}
        self._execution = Execution(
            venue, gate, capabilities, self.outcomes, interceptors=interceptors, limits=limits, meter=meter,
            request_timeout=request_timeout, epoch=epoch, early=early, held=self._held.values,
        )  # fmt: skip
        self._chains: dict[str, deque[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._stopping = False

    @property
    def breaker(self) -> Breaker:
        """The circuit of each verb."""
        return self._execution.breaker

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
            return await self._execution.run(job, account)
        slots = self._slots.setdefault(job.account, asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(max(0.0, job.time_left(PATIENCE))):
                await slots.acquire()
        except TimeoutError:
            return CommandRejected(
                Reason.RATE_LIMITED, f"{AT_ONCE} commands before it kept it waiting until it expired"
            )
        try:
            return await self._execution.run(job, account)
        finally:
            slots.release()

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

    # --- stop -----------------------------------------------------------------------------------------------

    async def drain(self, timeout: float, *, then_end: bool = True) -> None:
        """Give back what is not claimed, let what is claimed come to its end for ``timeout`` seconds.

        What is still under way then is ended, or left to go on for a last drain after the session was closed.
        """
        self._stopping = self._execution.stopping = True
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
