"""Settling what is unknown: by asking the venue, by what it pushes, by an operator. Never by sending again."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import msgspec
import structlog
from venuebus_schemas import (
    Amend,
    CancelAll,
    Order,
    OrderStatus,
    Reason,
    ResolvedBy,
    ResultStatus,
    Submit,
    Verb,
    decode_command,
)

from ..bus.claim import Claim
from ..errors import CommandRejected, RetryableError
from ..steady import steady
from ..venue import Found, LookupPolicy, OrderKey, SupportsLookup, SupportsSnapshot
from .account import Account
from .execution import Gate
from .job import Job
from .outcomes import Outcomes

log = structlog.get_logger("venuebus.resolver")

MAX_INTERVAL = 15.0  # seconds between two questions about the same order


class Resolver:
    """Follows every command whose outcome is unknown until there is evidence.

    ``source`` says who is being listened to while events are applied: a push unless somebody is asking.
    """

    def __init__(
        self, outcomes: Outcomes, accounts: dict[str, Account], gate: Gate, policy: LookupPolicy, venue: str
    ) -> None:
        self.source = ResolvedBy.PUSH
        self.venue = venue
        self._outcomes = outcomes
        self._accounts = accounts
        self._gate = gate
        self._policy = policy
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._by_order: dict[tuple[str, str], set[str]] = {}
        outcomes.on_unknown = self.follow
        outcomes.on_open_claim = self.take_up

    # --- who is unknown -------------------------------------------------------------------------------------

    def follow(self, job: Job) -> None:
        """Ask about ``job`` until it is settled."""
        key = (job.account, job.command_id)
        if (name := _order_name(job)) is not None:
            self._by_order.setdefault((job.account, name), set()).add(job.command_id)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._resolve(job), name=f"resolve-{job.command_id}")

    def recover(self, account: Account) -> int:
        """Take up the claims that a former owner left open, and say that they are unknown, unless it did."""
        for claim in list(account.open_claims.values()):
            self.take_up(account, claim)
        return len(account.open_claims)

    def take_up(self, account: Account, claim: Claim) -> None:
        """Take up one open claim: its outcome is unknown until there is evidence."""
        job = _job_of(account.name, claim)
        if account.traces is not None:
            job.trace = account.traces.resume(claim)
        self._outcomes.unresolved[account.name, claim.command_id] = job
        tracked = account.tracker.find(client_order_id=claim.client_order_id, venue_order_id=claim.venue_order_id)
        if tracked is not None:
            job.order = tracked.order
        if claim.command_id not in account.told_unknown:
            text = "the bridge stopped between the claim and the answer"
            if isinstance(job.command, Submit) and (tracked is None or tracked.order.status == "pending_new"):
                account.publish(_unknown_order(job, job.command, text))
            self._outcomes.finish(job, ResultStatus.UNKNOWN, reason=Reason.TIMEOUT, text=text)
        self.follow(job)

    async def close(self) -> None:
        """Stop asking; what is unknown stays on the ledger."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=1.0)
        self._tasks.clear()
        for job in self._outcomes.unresolved.values():
            if job.trace is not None:
                job.trace.stopped()

    # --- the venue's word, unasked --------------------------------------------------------------------------

    def heard(self, account: str, order: Order) -> None:
        """The venue told the state of ``order``: settle what that answers."""
        name = order.client_order_id or order.venue_order_id or ""
        for command_id in list(self._by_order.get((account, name), ())):
            job = self._outcomes.unresolved.get((account, command_id))
            if job is not None:
                self._judge(job, order)

    def _judge(self, job: Job, order: Order, *, conclusive: bool = False) -> bool:
        if job.verb is Verb.SUBMIT:
            if order.status is OrderStatus.REJECTED:
                self._settle(job, ResultStatus.REJECTED, order, order.reason or Reason.VENUE_REJECTED, order.text)
            else:
                self._settle(job, ResultStatus.ACCEPTED, order)
            return True
        if job.verb is Verb.CANCEL:
            if order.status is OrderStatus.CANCELED:
                self._settle(job, ResultStatus.ACCEPTED, order)
                return True
            if order.status.is_final:
                self._settle(job, ResultStatus.REJECTED, order, Reason.UNKNOWN_ORDER, f"the order is {order.status}")
                return True
        if job.verb is Verb.AMEND and isinstance(job.command, Amend):
            if _amended(job.command, order):
                self._settle(job, ResultStatus.ACCEPTED, order)
                return True
            if order.status.is_final:
                self._settle(job, ResultStatus.REJECTED, order, Reason.UNKNOWN_ORDER, f"the order is {order.status}")
                return True
        if conclusive:
            self._settle(job, ResultStatus.REJECTED, order, Reason.VENUE_REJECTED, "the order works on unchanged")
            account = self._accounts[job.account]
            event = account.tracker.settle_pending(order)
            if event is not None:
                account.put_order(event)
        return conclusive

    def _settle(
        self, job: Job, status: ResultStatus, order: Order, reason: Reason | None = None, text: str | None = None
    ) -> None:
        self._forget(job)
        log.info("outcome resolved", venue=self.venue, command=job.command_id, status=str(status), by=str(self.source))
        self._outcomes.finish(
            job, status, reason=reason, text=text, venue_order_id=order.venue_order_id, resolved_by=self.source
        )

    def _forget(self, job: Job) -> None:
        if (name := _order_name(job)) is not None:
            commands = self._by_order.get((job.account, name))
            if commands is not None:
                commands.discard(job.command_id)
                if not commands:
                    del self._by_order[job.account, name]
        task = self._tasks.pop((job.account, job.command_id), None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    # --- asking ---------------------------------------------------------------------------------------------

    async def _resolve(self, job: Job) -> None:
        claimed = _claimed_at(job)
        agreeing, interval = 0, self._policy.interval
        while (job.account, job.command_id) in self._outcomes.unresolved:
            if self._gate.session() is None:
                agreeing = 0
                await self._gate.changed()  # the first question goes out with the connection, not an interval later
                continue
            answer = await self._ask(job)
            if answer is None:
                agreeing = 0
            elif answer:
                agreeing += 1
            else:
                return
            enough = agreeing >= self._policy.answers and steady() - claimed >= self._policy.min_age
            if enough and self._conclude(job):
                return
            await asyncio.sleep(interval)
            if enough or answer is None:
                interval = min(interval * 1.5, MAX_INTERVAL)

    async def _ask(self, job: Job) -> bool | None:
        """Return ``None`` for no answer, ``True`` for one that agrees with "had no effect", ``False`` when settled."""
        current = self._gate.session()
        if current is None:
            return None
        try:
            if isinstance(job.command, CancelAll):
                return await self._ask_for_all(job, job.command, current[0])
            if not isinstance(current[0], SupportsLookup):
                return None
            async with asyncio.timeout(15):
                found = await current[0].lookup(job.account, order_key_of(job))
            return True if found is None else not self._found(job, found)
        except (RetryableError, CommandRejected, TimeoutError, OSError) as error:
            log.debug("look-up without an answer", command=job.command_id, error=str(error))
            return None
        except Exception:
            log.exception("plugin failed to look an order up", venue=self.venue, command=job.command_id)
            return None

    async def _ask_for_all(self, job: Job, command: CancelAll, session: object) -> bool | None:
        if not isinstance(session, SupportsSnapshot):
            return None
        async with asyncio.timeout(30):
            snapshot = await session.snapshot(job.account, time.time_ns())
        left = [o for o in snapshot.orders or [] if command.symbol is None or o.symbol == command.symbol]
        if left or snapshot.orders is None:
            return None
        self._forget(job)
        self._outcomes.finish(
            job, ResultStatus.ACCEPTED, text="no order is open any more", resolved_by=ResolvedBy.QUERY
        )
        return False

    def _found(self, job: Job, found: Found) -> bool:
        """Publish what the venue told; return whether that settles the command."""
        account = self._accounts[job.account]
        if isinstance(job.command, Submit):
            found.order.client_order_id = job.client_order_id
        with self.asking():
            account.publish(found.order, reconciled=True)
            for fill in found.fills:
                account.publish(fill, reconciled=True)
            if (job.account, job.command_id) not in self._outcomes.unresolved:
                return True
            tracked = account.tracker.match(found.order)
            return tracked is not None and self._judge(job, tracked.order)

    def _conclude(self, job: Job) -> bool:
        """Enough answers agree that the command had no effect."""
        account = self._accounts[job.account]
        if job.verb in (Verb.CANCEL, Verb.AMEND):
            key = order_key_of(job)
            tracked = account.tracker.find(client_order_id=key.client_order_id, venue_order_id=key.venue_order_id)
            if tracked is None:
                return False
            with self.asking():
                return self._judge(job, tracked.order, conclusive=True)
        if job.verb is not Verb.SUBMIT or not self._policy.proves_absence or not isinstance(job.command, Submit):
            return False
        text = f"the venue does not know the order: {self._policy.answers} answers agree"
        with self.asking():
            order = _unknown_order(job, job.command, text)
            order.status, order.reason = OrderStatus.REJECTED, Reason.TIMEOUT
            account.publish(order, reconciled=True)
            if (job.account, job.command_id) in self._outcomes.unresolved:
                self._settle(job, ResultStatus.REJECTED, order, Reason.TIMEOUT, text)
        return True

    def asking(self) -> _Source:
        """While this is entered, what the venue tells is an answer, not a push."""
        return _Source(self, ResolvedBy.QUERY)

    # --- an operator's word ---------------------------------------------------------------------------------

    def operator(self, account_name: str, command_id: str, status: ResultStatus, by: str, why: str) -> None:
        """Settle an unknown outcome on the word of a person, and record who and why.

        Raises:
            CommandRejected: there is no such unknown outcome, or the word is not one.
        """
        job = self._outcomes.unresolved.get((account_name, command_id))
        if status not in (ResultStatus.ACCEPTED, ResultStatus.REJECTED) or not by.strip() or not why.strip():
            raise CommandRejected(Reason.INVALID, "status accepted or rejected, and by and why, expected")
        account = self._accounts[account_name]
        text = f"resolved by {by}: {why}"
        if job is None:
            self._settle_order(account, command_id, status, text)
            return
        log.warning(
            "outcome resolved by operator", venue=self.venue, command=command_id, status=str(status), by=by, why=why
        )
        self._forget(job)
        if isinstance(job.command, Submit):
            order = _unknown_order(job, job.command, text)
            order.status = OrderStatus.NEW if status is ResultStatus.ACCEPTED else OrderStatus.REJECTED
            with _Source(self, ResolvedBy.OPERATOR):
                self._outcomes.unresolved.pop((account_name, command_id), None)
                account.publish(order)
        elif job.order is not None and (event := account.tracker.settle_pending(job.order)) is not None:
            account.put_order(event)
        self._outcomes.finish(job, status, text=text, resolved_by=ResolvedBy.OPERATOR)

    def _settle_order(self, account: Account, key: str, status: ResultStatus, text: str) -> None:
        """An order without an open command whose state the venue cannot tell: named by its command or either id."""
        for tracked in account.tracker.open.values():
            order = tracked.order
            if order.status is OrderStatus.UNKNOWN and key in (
                order.command_id, order.client_order_id, order.venue_order_id,
            ):  # fmt: skip
                state = OrderStatus.NEW if status is ResultStatus.ACCEPTED else OrderStatus.CANCELED
                log.warning("order resolved by operator", venue=self.venue, order=key, status=str(state), why=text)
                account.publish(msgspec.structs.replace(order, status=state, text=text, ts_recv=time.time_ns()))
                return
        raise CommandRejected(Reason.UNKNOWN_ORDER, f"neither command nor order {key} of {account.name} is unknown")


class _Source:
    def __init__(self, resolver: Resolver, source: ResolvedBy) -> None:
        self._resolver = resolver
        self._source = source
        self._before = resolver.source

    def __enter__(self) -> None:
        self._before = self._resolver.source
        self._resolver.source = self._source

    def __exit__(self, *exc: object) -> None:
        self._resolver.source = self._before


def _order_name(job: Job) -> str | None:
    """Our id of the order that ``job`` is about, or the venue's for an order placed elsewhere."""
    return job.client_order_id or (job.order.venue_order_id if job.order is not None else None)


def order_key_of(job: Job) -> OrderKey:
    """Return how to find the order of ``job`` at the venue."""
    claim = job.claim
    return OrderKey(
        client_order_id=job.client_order_id,
        venue_order_id=(job.order.venue_order_id if job.order else None) or (claim.venue_order_id if claim else None),
        symbol=getattr(job.command, "symbol", None) or (job.order.symbol if job.order else None),
        keys=claim.keys if claim else {},
        ts_claimed=claim.ts_claimed if claim else None,
        order=job.order,
    )


def _job_of(account: str, claim: Claim) -> Job:
    job = Job(account, claim.command_id, Verb(claim.verb), None, claim.ts_received, claim.body.encode())
    try:
        job.command = decode_command(job.body)
    except msgspec.DecodeError:  # a newer bridge's command: it can still be listed and resolved by hand
        log.error("claim holds a command of another version", command=claim.command_id)
    if isinstance(job.command, Submit):
        job.command.client_order_id = claim.client_order_id
    job.client_order_id = claim.client_order_id
    job.claim = claim
    job.attempts = claim.attempt
    job.nonce = claim.nonce
    job.expires_at = claim.expires_at
    return job


def _claimed_at(job: Job) -> float:
    # By the clock that nobody can set; of a former owner's claim only the time of day is known.
    if job.claimed_at is not None:
        return job.claimed_at
    claimed_ns = job.claim.ts_claimed if job.claim else job.ts_received
    return steady() - max(0.0, (time.time_ns() - claimed_ns) / 1e9)


def _unknown_order(job: Job, command: Submit, text: str) -> Order:
    return Order(
        symbol=command.symbol, side=command.side, order_type=command.order_type, status=OrderStatus.UNKNOWN,
        quantity=command.quantity, price=command.price, filled_quantity="0", client_order_id=job.client_order_id,
        command_id=job.command_id, text=text, reason=Reason.TIMEOUT, ts_recv=time.time_ns(),
    )  # fmt: skip


def _amended(command: Amend, order: Order) -> bool:
    wanted = (
        (command.quantity, order.quantity),
        (command.price, order.price),
        (command.trigger_price, order.trigger_price),
    )
    return all(ask is None or (have is not None and Decimal(ask) == Decimal(have)) for ask, have in wanted)
