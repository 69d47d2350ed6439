"""What a message costs in numbers that do not depend on the machine, beside those that were committed.

``python -m tests.bench.guard`` shows them; ``--write NAME …`` makes them the baseline (``tests/data/costs.json``):
what to do when a change is meant to cost more, or made something cheaper that shall stay so.

Per venue and kind of message, for decoding, converting and publishing (which stamps and encodes):

- *opcodes* of the interpreter, which is what Python code costs;
- *calls* of functions, ours and those written in C;
- *bytes* of memory at the step's peak, the median over the messages: copies show there.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from .samples import MISSING, SAMPLES, Pipeline, Sample

BASELINE = Path(__file__).parents[1] / "data" / "costs.json"
RENEW = ".venv/bin/python -m tests.bench.guard --write"
STEPS = ("decode", "convert", "publish")
TOLERANCE = 0.1
SLACK = {"opcodes": 1.0, "calls": 0.5, "bytes": 64.0}  # below these a difference is none, however small the step
Costs = dict[str, dict[str, float]]
"""Step → measure → cost of one message."""
Call = Callable[[Callable[[Any], Any], Any], tuple[Any, float]]


def python() -> str:
    """Return the version whose numbers these are: another interpreter has other opcodes."""
    return f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"


def costs(sample: Sample) -> Costs:
    """Measure every step of ``sample``. The same on every machine, and nearly so from run to run."""
    _walk(sample, _plainly)  # fills the caches that live longer than a message
    found: Costs = {step: {} for step in STEPS}
    for measure, call in (("opcodes", _opcodes), ("calls", _calls), ("bytes", _bytes)):
        if measure == "bytes":
            gc.collect()  # empties the interpreter's free lists: what ran before must not lend its memory
        for step, values in _walk(sample, call).items():
            middle = statistics.median(values) if measure == "bytes" else statistics.fmean(values)
            found[step][measure] = round(middle, 1)
    return found


def differences(found: Costs, baseline: Costs) -> list[str]:
    """Return a sentence for everything that costs 10 % more or less than the baseline says."""
    sentences = []
    for step in STEPS:
        for measure, cost in found[step].items():
            before = baseline[step][measure]
            if abs(cost - before) <= max(TOLERANCE * before, SLACK[measure]):
                continue
            change = f"{cost / before - 1:+.1%}" if before else "new"
            sentences.append(f"{step}: {cost:g} {measure} a message instead of {before:g} ({change})")
    return sentences


def read_baseline() -> dict[str, Costs]:
    """Return the costs by sample that were committed for this Python; empty if there are none."""
    if not BASELINE.exists():
        return {}
    return _read().get(python(), {})


def _read() -> dict[str, dict[str, Costs]]:
    return msgspec.json.decode(BASELINE.read_bytes(), type=dict[str, dict[str, Costs]])


def shown(written: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a baseline as JSON with a kind in each line, sorted, so that two changes of two kinds are merged."""
    groups = []
    for group, kinds in sorted(written.items()):
        lines = [f"{_json(name)}: {_json(found)}" for name, found in sorted(kinds.items())]
        groups.append(f"{_json(group)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(groups) + "\n}\n"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _walk(sample: Sample, call: Call) -> dict[str, list[float]]:
    pipeline = Pipeline(sample)
    values: dict[str, list[float]] = {step: [] for step in STEPS}
    kept: list[Any] = []  # nothing is freed while something is measured
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number, frame in enumerate(sample.frames):
            message, decoding = call(pipeline.decode, frame)
            _, converting = call(pipeline.convert, message)
            events = pipeline.events()
            publishing = sum(call(pipeline.publish, event)[1] for event in events)
            kept.append((message, events))
            if number >= sample.skipped:
                for step, value in zip(STEPS, (decoding, converting, publishing), strict=True):
                    values[step].append(value)
                if len(events) != sample.published:
                    raise RuntimeError(f"{sample.name}: {sample.published} events expected of a frame: {events}")
    finally:
        if collecting:
            gc.enable()
    return values


def _plainly(function: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    return function(argument), 0.0


def _opcodes(function: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    count = 0

    def inside(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "opcode"
        return inside

    def entered(frame: FrameType, event: str, arg: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return inside

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        result = function(argument)
    finally:
        sys.settrace(before)
    return result, count


def _calls(function: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    count = -1  # the call that ends it

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        result = function(argument)
    finally:
        sys.setprofile(before)
    return result, count


def _bytes(function: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        result = function(argument)
        return result, tracemalloc.get_traced_memory()[1] - before
    finally:
        if not running:
            tracemalloc.stop()


def main() -> int:
    """Show the costs; write them if asked to. Return 1 if they differ from the baseline and were not written."""
    arguments = _arguments()
    for venue, why in MISSING.items():
        sys.stdout.write(f"{venue}: left out, the plugin is not installed ({why})\n")
    names = wanted(arguments.write or arguments.only or [])
    found = {name: costs(SAMPLES[name]()) for name in names}
    baseline, differ = read_baseline(), False
    for name, steps in found.items():
        for step, measures in steps.items():
            sys.stdout.write(f"{name:24} {step:8} " + "  ".join(f"{k} {v:7g}" for k, v in measures.items()) + "\n")
        for sentence in differences(steps, baseline[name]) if name in baseline else ["not in the baseline"]:
            differ = True
            sys.stdout.write(f"{name:24} {sentence}\n")
    if arguments.write is not None:
        written = _read() if BASELINE.exists() else {}
        kept = {name: cost for name, cost in baseline.items() if arguments.write or name.partition(" ")[0] in MISSING}
        BASELINE.write_text(shown(written | {python(): kept | found}), encoding="utf-8")
        sys.stdout.write(f"{len(found)} written to {BASELINE} for {python()}\n")
    elif differ:
        sys.stdout.write(f"if this is meant, renew the baseline: {RENEW} NAME …\n")
    return int(differ and arguments.write is None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.guard", description=__doc__.partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--only", nargs="+", metavar="NAME", help='only these kinds ("btse quote") or venues (btse)')
    what.add_argument(
        "--write", nargs="*", metavar="NAME", help=f"make them the baseline ({BASELINE.name}), all where none is named"
    )
    return parser.parse_args()


def wanted(names: list[str]) -> list[str]:
    """Return the samples that are meant by ``names``, kinds or venues; all for none."""
    unknown = [name for name in names if not any(name in (each, each.partition(" ")[0]) for each in SAMPLES)]
    if unknown:
        raise SystemExit(f"no such kind: {', '.join(unknown)}; there are: {', '.join(sorted(SAMPLES))}")
    return sorted(each for each in SAMPLES if not names or {each, each.partition(" ")[0]} & set(names))


if __name__ == "__main__":
    sys.exit(main())
