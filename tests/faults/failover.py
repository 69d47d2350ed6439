"""``python -m tests.faults.failover``: how long a takeover takes, measured over and over; writes docs/failover.md.

Two bridges as processes, one simulated BTSE, a strategy that never stops sending. Each round ends the active bridge
with orders open and one answer under way, by ``kill -9`` or by SIGTERM; the standby takes over, and the ended one comes
back as the next standby.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import signal
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .world import BridgeProcess, Event, World

REPORT = Path(__file__).parents[2] / "docs" / "failover.md"
OPEN = 5  # orders that rest at the venue in every round
EVERY = 0.1  # seconds between two orders of the strategy
LIMIT_KILLED, LIMIT_PLANNED = 10.0, 5.0  # what is promised
EXPIRES = 60_000_000_000  # ns: orders wait for the next owner instead of expiring


@dataclass
class Round:
    """What one takeover took, in seconds from the signal on."""

    ready: float
    first_order: float
    told_unknown: float | None = None
    resolved: float | None = None


@dataclass
class Measured:
    """Every round of one kind, and what was sent in them."""

    rounds: list[Round] = field(default_factory=list)
    sent: int = 0
    never_sent: int = 0

    def row(self, name: str, values: Iterable[float | None], limit: str = "") -> str:
        """Return one line of the table."""
        numbers = [value for value in values if value is not None]
        if not numbers:
            return ""
        low, middle, high = min(numbers), statistics.median(numbers), max(numbers)
        return f"| {name} | {low:.2f} | {middle:.2f} | {high:.2f} | {limit} |\n"


class Strategy:
    """Sends one resting order after the other, whoever owns the account."""

    def __init__(self, world: World) -> None:
        self.ids: list[str] = []
        self._world = world
        self._numbers = itertools.count(1)

    async def order(self) -> str:
        """Send one order; return its id."""
        name = f"s{next(self._numbers)}"
        self.ids.append(name)
        taken = await self._world.buy(name, expires_at=time.time_ns() + EXPIRES)
        assert taken, f"the stream did not take {name}"
        return name

    async def keep_sending(self) -> None:
        """Send for ever."""
        while True:
            await self.order()
            await asyncio.sleep(EVERY)


async def measure(killed: int, planned: int) -> tuple[Measured, Measured]:
    """Play rounds of both kinds in one world and hold the invariants.

    Raises:
        AssertionError: an order was sent twice, an outcome stayed unknown, a takeover took longer than is promised.
    """
    by_kill, by_plan = Measured(), Measured()
    async with World() as world:
        active, standby = await world.ready("a"), world.bridge("b")
        await _stand_by(world, standby)
        strategy = Strategy(world)
        for kind, measured in [("kill", by_kill)] * killed + [("stop", by_plan)] * planned:
            before = len(strategy.ids)
            measured.rounds.append(await _round(world, strategy, active, kind))
            measured.sent += len(strategy.ids) - before
            print(f"{kind:5} ready after {measured.rounds[-1].ready:.2f} s", flush=True)
            active, standby = standby, active
            await _stand_by(world, standby)
        await _check_ends(world, strategy, by_kill)
        await world.check()
    return by_kill, by_plan


async def _check_ends(world: World, strategy: Strategy, killed: Measured) -> None:
    """Every order came to an end that is true: accepted and once at the venue, or rejected and never there."""
    for name in strategy.ids:
        end = await world.result(name, "accepted", "rejected")
        at_venue = world.sim.submits_by_client_id.get(name, 0)
        if end["status"] == "rejected":  # killed between the claim and the first byte
            assert (at_venue, end["resolved_by"], end["reason"]) == (0, "query", "timeout"), end
            killed.never_sent += 1
        else:
            assert at_venue == 1, f"{name} reached the venue {at_venue} times"


async def _stand_by(world: World, bridge: BridgeProcess) -> None:
    before = len(world.events)
    bridge.start()
    await world.session("standby", since=before)


async def _round(world: World, strategy: Strategy, active: BridgeProcess, kind: str) -> Round:
    for name in [await strategy.order() for _ in range(OPEN)]:
        await world.result(name, "accepted")
    doubtful = ""
    if kind == "kill":
        world.fault("order.create.answer", "drop", times=1)
        doubtful = await strategy.order()
        await world.until(lambda: world.sim.submits_by_client_id.get(doubtful), what="the submit at the venue")
    sending = asyncio.create_task(strategy.keep_sending())
    try:
        await asyncio.sleep(EVERY * 2)  # so that commands are at every stage of their way
        before, first = len(world.events), len(strategy.ids)
        started = time.time_ns()
        if kind == "kill":
            active.kill()
        else:
            active.signal(signal.SIGTERM)
        ready = await world.session("ready", since=before, timeout=20)
        await world.until(lambda: len(strategy.ids) > first, what="an order after the takeover")
        accepted = await world.result(strategy.ids[first], "accepted")
    finally:
        sending.cancel()
    made = Round(ready=_since(started, ready), first_order=_since(started, accepted))
    if kind == "kill":
        made.resolved = _since(started, await world.result(doubtful, "accepted", resolved_by="query"))
        made.told_unknown = _since(started, world.results(doubtful)[0])
    else:
        assert await asyncio.to_thread(active.stop) == 0
        told = [event for event in _news(world, before) if event.get("status") == "unknown"]
        assert not told, f"a planned stop left {told}"
    limit = LIMIT_KILLED if kind == "kill" else LIMIT_PLANNED
    assert made.ready < limit, f"{kind}: ready after {made.ready:.2f} s, promised are {limit:g} s"
    return made


def _news(world: World, before: int) -> list[Event]:
    return [event for subject, event in world.events[before:] if ".result." in subject or ".order." in subject]


def _since(started_ns: int, event: Event) -> float:
    return (int(event["ts_recv"]) - started_ns) / 1e9


def report(killed: Measured, planned: Measured) -> str:
    """Return the document."""
    rows_killed = (
        killed.row("the standby is ready", (r.ready for r in killed.rounds), f"{LIMIT_KILLED:g}")
        + killed.row("the first order sent after the kill is accepted", (r.first_order for r in killed.rounds))
        + killed.row("the order whose answer was lost is told `unknown`", (r.told_unknown for r in killed.rounds))
        + killed.row("and found at the venue: `accepted`", (r.resolved for r in killed.rounds))
    )
    rows_planned = planned.row(
        "the standby is ready", (r.ready for r in planned.rounds), f"{LIMIT_PLANNED:g}"
    ) + planned.row("the first order sent after the signal is accepted", (r.first_order for r in planned.rounds))
    return TEXT.format(
        killed=len(killed.rounds), planned=len(planned.rounds), sent=killed.sent + planned.sent,
        accepted=killed.sent + planned.sent - killed.never_sent, never_sent=killed.never_sent, open=OPEN,
        rows_killed=rows_killed, rows_planned=rows_planned, cores=os.cpu_count(), python=platform.python_version(),
        pause=f"{EVERY:g}",
    )  # fmt: skip


TEXT = """# Failover

Written by `make failover`: two bridges as processes of their own with the same configuration, one nats-server, the
simulated BTSE, and a strategy that sends an order every {pause} s and does not care who is active. Every round ends the
active bridge with at least {open} orders open; the ended one comes back as the next standby. {cores} cores,
Python {python}, everything on one machine.

In all rounds together {sent} orders were published. **None reached the venue twice**, and each came to an end that is
true: {accepted} were accepted and stand at the venue once; {never_sent} had been claimed but not sent when the kill
came, and are `rejected` on the venue's word that it has never seen them.

## Killed

`kill -9` with an answer of the venue under way; {killed} rounds, seconds from the kill on.

| | min | median | max | promised |
|---|---|---|---|---|
{rows_killed}
Most of it is the lease: it lives 5 s from its last renewal, 1.2 s before the kill at most, and while it lives nobody
else may act, for the owner could be alive and only cut off. Then the standby reads the ledger back, connects, and asks
the venue for its orders, fills, positions and balances; only then orders go out.

## Stopped

SIGTERM, as by an update; {planned} rounds, seconds from the signal on. The active one finishes what is on its way and
gives the lease back, so nobody waits for it to run out, and no outcome is unknown.

| | min | median | max | promised |
|---|---|---|---|---|
{rows_planned}"""


def main() -> int:
    """Parse the command line, measure, write the document."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.failover", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--rounds", type=int, default=10, help="rounds of each kind (10)")
    parser.add_argument("--dry", action="store_true", help="print the document instead of writing it")
    asked = parser.parse_args()
    text = report(*asyncio.run(measure(asked.rounds, asked.rounds)))
    if asked.dry:
        print(text)
    else:
        REPORT.write_text(text)
        print("written: docs/failover.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
