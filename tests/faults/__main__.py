"""``python -m tests.faults``: play every scenario by number, walk at random, and write what held.

python -m tests.faults                     every scenario, a walk, the table in docs/reliability.md
python -m tests.faults walk --seed 7       one walk
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

from .elsewhere import ELSEWHERE
from .scenarios import SCENARIOS, Scenario
from .walk import walk

REPORT = Path(__file__).parents[2] / "docs" / "reliability.md"


async def _play(item: Scenario) -> tuple[bool, float, str]:
    started = time.monotonic()
    try:
        async with item.world(options=item.options, sync=item.options.get("sync", "default")) as world:
            await item.play(world)
            await world.check()
    except (AssertionError, OSError, TimeoutError) as error:
        return False, time.monotonic() - started, str(error)
    return True, time.monotonic() - started, ""


async def _all(only: str | None) -> list[tuple[Scenario, bool, float]]:
    done = []
    for item in SCENARIOS:
        if only is not None and item.number != only:
            continue
        held, seconds, why = await _play(item)
        print(
            f"{item.number:>4}  {'held' if held else 'BROKEN':6}  {seconds:5.1f} s  {item.injected} → {item.held}",
            flush=True,
        )
        if not held:
            print(why, file=sys.stderr)
        done.append((item, held, seconds))
    return done


def _report(done: list[tuple[Scenario, bool, float]], walked: dict[str, object], seed: int) -> str:
    rows = "\n".join(
        f"| {item.number} | {item.injected} | {item.held} | {'held' if held else '**broken**'} |"
        for item, held, _ in done
    )
    others = "\n".join(
        f"| {item.number} | {item.injected} | {item.held} | {', '.join(f'`{test}`' for test in item.tests)} |"
        for item in ELSEWHERE
    )
    facts = "\n".join(f"| {name} | {value} |" for name, value in walked.items())
    return REPORT_HEAD + rows + OTHERS_HEAD + others + WALK_HEAD.format(seed=seed) + facts + REPORT_TAIL


REPORT_HEAD = """# Reliability

Written by `make faults`, which plays every scenario below against real parts: nats-server with JetStream behind a
proxy, a simulated venue (BTSE unless another is named) with a script of faults, and bridges as processes of their own
that are killed, stopped and woken. After each scenario the same invariants are held against the account stream and the
venue: no order was sent twice, no command ended twice, every fill of the venue is on the stream exactly once, no order
event went backwards but for a voided fill.

| # | injected | what must hold | |
|---|---|---|---|
"""

OTHERS_HEAD = """

## Faults that other tests hold

Their tests run with every test run, or with `make soak` where they are long; that they exist is tested too.

| # | injected | what must hold | tests |
|---|---|---|---|
"""

WALK_HEAD = """

## The random walk

Two bridges, one venue, all faults at random (seed {seed}), the same invariants at the end.

| | |
|---|---|
"""

REPORT_TAIL = """

## What is not guaranteed

- Anything, when the venue itself duplicates an order or hides it from every query.
- Anything, when JetStream loses data that it has acknowledged: a single server with the default `sync_interval` can
  lose the last two minutes on a power failure (`bus.sync = "always"` for the embedded server, or three replicas). Then
  the venue is asked and is the truth; what it has of those minutes is adopted as placed elsewhere.
- A gate that stays closed because a position differs from what its fills add up to: the venue's position is published
  as it is, marked `reconciled` where it differs from the one before, and what follows from that is the reader's.
- That a subscriber which does not keep up sees everything: NATS drops it or its messages, `seq` tells.
- That a command is executed: it may be refused, expire, or stay unknown until a person resolves it.
- Account events seen through a plain NATS subscription: JetStream may have refused them (a bridge that has lost its
  lease, a command claimed twice). Read them from the stream.
"""


def main() -> int:
    """Parse the command line and run; the exit status is 1 when anything broke."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("what", nargs="?", default="all", choices=("all", "walk", "scenarios"))
    parser.add_argument("--only", help="one scenario by its number")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--commands", type=int, default=10_000)
    asked = parser.parse_args()
    done: list[tuple[Scenario, bool, float]] = []
    walked: dict[str, object] = {}
    if asked.what in ("all", "scenarios"):
        done = asyncio.run(_all(asked.only))
    if asked.what in ("all", "walk") and asked.only is None:
        print(f"random walk, seed {asked.seed}", flush=True)
        walked = asyncio.run(walk(asked.seed, asked.commands))
        print("\n".join(f"  {name}: {value}" for name, value in walked.items()))
    if asked.what == "all" and asked.only is None:
        REPORT.write_text(_report(done, walked, asked.seed))
        print(f"written: {REPORT.relative_to(Path.cwd()) if REPORT.is_relative_to(Path.cwd()) else REPORT}")
    return 0 if all(held for _, held, _ in done) else 1


if __name__ == "__main__":
    sys.exit(main())
