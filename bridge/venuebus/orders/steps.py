"""The two steps of a command that leave the bridge, the claim and the venue call, each timed and traced."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeGuard

from ..bus.claim import Claim
from ..observability.metrics import Counter, Metrics
from ..venue import Accepted, SupportsOrders, SupportsPrepare
from .account import Account
from .attempt import Attempt
from .job import Job

RECEIVED = "Commands read from the stream"
RESULTS = "Results published"
RETRIES = "Further attempts at commands"


class CommandMeter:
    """What is counted of one venue's commands; the cells live as long as the bridge, whoever owns the venue."""

    def __init__(self, metrics: Metrics, venue: str) -> None:
        self._metrics = metrics
        self._venue = venue
        metrics.declare("commands_received", RECEIVED, ("venue", "verb"))
        metrics.declare("command_results", RESULTS, ("venue", "verb", "status", "reason"))
        metrics.declare("command_retries", RETRIES, ("venue", "verb"))
        self.read = self._hop("read")
        self.claim = self._hop("claim")
        self.first_byte = self._hop("first_byte")
        self.answer = self._hop("answer")
        self._counters: dict[tuple[str, ...], Counter] = {}

    def _hop(self, hop: str) -> Any:
        labels = {"venue": self._venue, "hop": hop}
        return self._metrics.histogram("command_hop_seconds", "How long commands take for each hop", labels)

    def received(self, verb: str) -> None:
        """Count a command that came from the stream."""
        self._counter("commands_received", "Commands read from the stream", verb=verb).value += 1

    def ended(self, verb: str, status: str, reason: str | None) -> None:
        """Count a published result."""
        cell = self._counter("command_results", "Results published", verb=verb, status=status, reason=reason or "")
        cell.value += 1

    def retried(self, verb: str) -> None:
        """Count a further attempt at a command."""
        self._counter("command_retries", "Further attempts at commands", verb=verb).value += 1

    def _counter(self, name: str, help: str, **labels: str) -> Counter:
        key = (name, *labels.values())
        cell = self._counters.get(key)
        if cell is None:
            cell = self._counters[key] = self._metrics.counter(name, help, {"venue": self._venue, **labels})
        return cell


def can_prepare(session: Any) -> TypeGuard[SupportsPrepare]:
    """Tell whether a session prepares commands: what isinstance does with the protocol, at a hundredth of its cost."""
    return hasattr(session, "prepare")


def can_execute(session: Any) -> TypeGuard[SupportsOrders]:
    """Tell whether a session executes commands."""
    return hasattr(session, "execute")


async def write_claim(
    job: Job,
    account: Account,
    meter: CommandMeter,
    claim: Claim,
    events: list[tuple[str, str, Any, str]],
    *,
    urgent: bool,
    unused: bool,
) -> None:
    """Put the claim on the ledger.

    Raises:
        AlreadyClaimed, NotUnused, Fenced, BusUnavailable: as `Ledger.claim`.
    """
    started = time.perf_counter()
    if job.trace is None:
        await account.ledger.claim(claim, events, urgent=urgent, unused=unused)
    else:
        with job.trace.claiming() as traceparent:
            await account.ledger.claim(claim, events, urgent=urgent, unused=unused, traceparent=traceparent)
        account.traces.begin(job)  # type: ignore[union-attr]  # who gives a job its trace has them
    meter.claim.observe(time.perf_counter() - started)


async def call_venue(
    job: Job,
    attempt: Attempt,
    meter: CommandMeter,
    session: tuple[SupportsOrders, Any],
    *,
    time_left: Callable[[], float],
    request_timeout: float,
    waiting: Callable[[], bool],
) -> Accepted:
    """Make one attempt.

    Raises:
        NotSent, CommandRejected, OutcomeUnknown: as `Attempt.run`.
    """
    try:
        if job.trace is None:
            return await attempt.run(*session, time_left=time_left, request_timeout=request_timeout, waiting=waiting)
        with job.trace.calling(attempt):
            return await attempt.run(*session, time_left=time_left, request_timeout=request_timeout, waiting=waiting)
    finally:
        if attempt.ts_sent is not None and attempt.sent_at is not None:
            meter.answer.observe(time.monotonic() - attempt.sent_at)
            if attempt.attempt == 1:
                meter.first_byte.observe((attempt.ts_sent - job.ts_received) / 1e9)
