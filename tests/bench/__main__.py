"""``python -m tests.bench``: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import nats.errors

from . import (
    bus,
    closing,
    documentation,
    growth,
    isolation,
    market,
    memory,
    micro,
    open_orders,
    orders,
    scale,
    soak,
    start,
)
from .child import ROOT
from .peers import feeds as peers
from .peers import nats_py
from .peers.home import NotInstalled
from .report import Plot, Report, Row
from .world import OUT, Sync, World

Measure = Callable[..., Awaitable[Sequence[Row | Plot]]]
PARTS: dict[str, Measure] = {
    "throughput": market.throughput,
    "latency": market.latency,
    "orders": orders.latency,
    "orders-synced": orders.latency,
    "sustained": orders.sustained,
    "memory": memory.sizes,
    "flood": memory.flood,
    "start": start.times,
    "start-embedded": start.embedded,
    "venues": growth.by_venues,
    "symbols": growth.by_symbols,
    "open-orders": open_orders.memory,
    "isolation": isolation.costs,
    "scale": scale.processes,
    "soak": soak.short,
    "bus": bus.rates,
    "micro": micro.calls,
    "nats-py": nats_py.outbox,
    "cryptofeed": peers.cryptofeed,
    "vnpy": peers.vnpy,
}
PLUGINS = ("futu/bench/calls.py", "futu/bench/market.py", "futu/bench/account.py", "futu/bench/sdk.py",
           "ctp/bench/ticks.py", "pingpongx/bench/deliveries.py")  # fmt: skip
"""Files below ``plugins`` whose ``PARTS`` are measured, too, where they are there and their plugin is installed."""
LAST = OUT / "last.json"
HISTORY = OUT / "history"
"""Every run that was written to `LAST`, too, by when it began; git takes neither."""
SYNC: dict[str, Sync] = {"orders-synced": "always"}
"""Parts whose nats-server writes every message to the disk before it acknowledges it, as the embedded one does."""


def parts_of_plugins() -> dict[str, Measure]:
    """Return the parts that plugins bring."""
    found: dict[str, Measure] = {}
    for file in PLUGINS:
        path = ROOT / "plugins" / file
        spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
        if spec is None or spec.loader is None or not path.exists():
            continue
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except ImportError as error:
            say(f"{file} is left out: {error}")
        else:
            found |= module.PARTS
    return found


async def measure(parts: dict[str, Measure], *, quick: bool) -> Report:
    """Run these parts, each with a nats-server of its own."""
    report = Report(quick=quick)
    started = time.monotonic()
    for name, part in parts.items():
        say(f"{name} …")
        try:
            async with World.open(sync=SYNC.get(name, "default")) as world:
                report.add(await part(world, quick=quick))
        except NotInstalled as missing:
            say(f"{name} is left out: {missing}")
            report.left_out[name] = str(missing)
        except (RuntimeError, OSError, TimeoutError, nats.errors.Error) as error:
            say(f"{name} could not be measured: {type(error).__name__}: {error}")
            report.failed.append(name)
    report.seconds = time.monotonic() - started
    return report


def say(text: str) -> None:
    """Tell a person how far it is; stdout is for the table."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def keep(report: Report, file: Path) -> None:
    """Write the JSON, and into the history what goes where it goes by itself."""
    files = [file]
    if file == LAST:
        files.append(HISTORY / time.strftime("%Y%m%dT%H%M%SZ.json", time.gmtime(report.started)))
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(report.json())
    say(f"\n{report.seconds:.0f} s; JSON in {file}")


def main() -> int:
    """Return 0 if everything could be measured, whatever the numbers are."""
    parts = PARTS | parts_of_plugins()
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer turns, smaller numbers: to see that it runs")
    parser.add_argument("--only", action="append", choices=sorted(parts), help="this part; may be repeated")
    parser.add_argument("--json", type=Path, default=LAST, help="where the JSON goes (%(default)s)")
    parser.add_argument("--docs", action="store_true", help="write tables and plots into docs/performance.md, too")
    parser.add_argument("--compare", action="store_true", help="print what has changed since the last such run, too")
    arguments = parser.parse_args()
    wanted = {name: parts[name] for name in arguments.only or parts}
    report = asyncio.run(measure(wanted, quick=arguments.quick))
    sys.stdout.write(f"{report.table()}\n\n{closing.summary(report)}\n")
    if arguments.compare:
        before = closing.last_run(HISTORY, report)
        change = "no earlier run to compare with" if before is None else closing.changes(before, report)
        sys.stdout.write(f"\n{change}\n")
    keep(report, arguments.json)
    if arguments.docs:
        documentation.write(ROOT / "docs" / "performance.md", report)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
