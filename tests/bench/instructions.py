"""What a message costs in instructions of the processor: valgrind counts them, so that work done in C shows, too.

``costs`` runs the samples in one child under callgrind. Every step of every sample is one call of
``PyRun_SimpleStringFlags``, which nothing else uses: callgrind collects inside it only and writes its sum behind it, so
neither start nor imports nor the other steps are in it. The cost of an empty one is taken off.

Such counts are those of one build: the interpreter's compiler and the C libraries make them. They are compared only
with a baseline of the same environment (`environment`); a ratio to some calibration would not do, because a kind is
mostly msgspec, another protobuf or the interpreter, which differ by different factors from build to build.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from . import guard
from .samples import SAMPLES, Pipeline, Sample
from .samples.probe import PROBES

ROOT = Path(__file__).resolve().parents[2]
STEPS = guard.STEPS
LIBRARIES = ("msgspec", "protobuf")  # written in C, and in the path of a message
BASELINE = ROOT / "tests" / "data" / "instructions.json"
RENEW = ".venv/bin/python -m tests.bench.instructions --write --only"
SLACK = 300  # below this a difference is none, however small the step
CHILD = "child"
WINDOW = "PyRun_SimpleStringFlags"  # what PyRun_SimpleString is inside, in every build
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def is_available() -> bool:
    """Tell whether valgrind is here."""
    return shutil.which("valgrind") is not None


def environment() -> str:
    """Return what must be the same for the counts to be the same."""
    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    libc = " ".join(platform.libc_ver())
    build = f"{platform.python_implementation().lower()} {platform.python_version()} ({platform.python_compiler()})"
    return ", ".join((build, *versions, platform.machine(), libc))


def costs(names: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return instructions per message by sample and step.

    Raises:
        RuntimeError: valgrind or the child failed.
    """
    names = list(names)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no", f"--toggle-collect={WINDOW}",
            f"--dump-after={WINDOW}", "--compress-pos=yes", "--smc-check=none",
            f"--callgrind-out-file={folder}/out", sys.executable, "-m", "tests.bench.instructions", CHILD, *names,
        ]  # fmt: skip
        quiet = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        ended = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
        sums = [
            int(found[1])
            for path in sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
            if (found := _TOTAL.search(path.read_text()))
        ]
    counts = [int(line.removeprefix("MESSAGES ")) for line in ended.stdout.splitlines() if line.startswith("MESSAGES ")]
    if ended.returncode or len(counts) != len(names) or len(sums) < 1 + len(STEPS) * len(names):
        raise RuntimeError(f"{' '.join(command)}: {ended.returncode}, {len(sums)} sums\n{ended.stderr[-2000:]}")
    per_message: dict[str, dict[str, int]] = {}
    for number, name in enumerate(names):
        of = sums[1 + len(STEPS) * number :][: len(STEPS)]
        per_message[name] = {
            step: round((cost - sums[0]) / counts[number]) for step, cost in zip(STEPS, of, strict=True)
        }
    return per_message


def _run(samples: list[Sample]) -> None:
    """Be the child: everything once to fill the caches, then every step inside a window of its own."""
    import __main__

    enter = ctypes.PyDLL(None).PyRun_SimpleString
    enter.argtypes, enter.restype = [ctypes.c_char_p], ctypes.c_int
    gc.disable()

    def window(work: Callable[[], None]) -> None:
        vars(__main__)["work"] = work
        if enter(b"work()"):
            raise RuntimeError("a step failed inside its window")

    _start_counting()
    warm = [_work(sample) for sample in samples]
    for works, _ in warm:
        for work in works:
            work()
    window(lambda: None)
    for sample in samples:
        works, count = _work(sample)
        for work in works:
            window(work)
        sys.stdout.write(f"MESSAGES {count}\n")


def _start_counting() -> None:
    """Have callgrind begin: until here, for the imports, it only looked on, which is many times faster."""
    with subprocess.Popen(["vgdb", f"--pid={os.getpid()}", "instrumentation on"], stdout=subprocess.DEVNULL) as asking:
        while asking.poll() is None:  # valgrind listens between two blocks of code, so it must have some to run
            pass
    if asking.returncode:
        raise RuntimeError(f"valgrind cannot be told to count: vgdb {asking.returncode}")


def _work(sample: Sample) -> tuple[list[Callable[[], None]], int]:
    """Return the three steps over all messages, one after the other, and how many messages are counted."""
    pipeline = Pipeline(sample)
    kept: list[Any] = []  # nothing is freed while something is measured
    messages: list[Any] = []
    for frame in sample.frames[: sample.skipped]:
        message = pipeline.decode(frame)
        pipeline.convert(message)
        for event in pipeline.events():
            pipeline.publish(event)
        kept.append(message)
    frames = sample.frames[sample.skipped :]

    def decode() -> None:
        messages.extend(map(pipeline.decode, frames))

    def convert() -> None:
        for message in messages:
            pipeline.convert(message)

    def publish() -> None:
        for event in pipeline.events():
            pipeline.publish(event)

    return [decode, convert, publish], len(frames)


def differences(found: Mapping[str, int], baseline: Mapping[str, int]) -> list[str]:
    """Return a sentence for every step that costs 10 % more or less instructions than the baseline says."""
    return [
        f"{step}: {cost} instructions a message instead of {baseline[step]} ({cost / baseline[step] - 1:+.1%})"
        for step, cost in found.items()
        if abs(cost - baseline[step]) > max(guard.TOLERANCE * baseline[step], SLACK)
    ]


def main() -> int:
    """Show the counts beside the baseline of this environment, or write them. Return 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.instructions", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these kinds or venues")
    parser.add_argument("--write", action="store_true", help=f"make them the baseline ({BASELINE.name})")
    arguments = parser.parse_args()
    if not is_available():
        sys.stdout.write("instructions: left out, valgrind is not installed; opcodes, calls and bytes judge alone\n")
        return 0
    written: dict[str, dict[str, dict[str, int]]] = msgspec.json.decode(BASELINE.read_bytes())
    here, differ = environment(), False
    baseline = written.get(here, {})
    if not baseline:
        sys.stdout.write(f"instructions: nothing to compare with, no baseline for {here}\n")
    found = costs(guard.wanted(arguments.only))
    for name, steps in found.items():
        sys.stdout.write(f"{name:24} " + "  ".join(f"{step} {cost:8}" for step, cost in steps.items()) + "\n")
        for sentence in differences(steps, baseline[name]) if name in baseline else []:
            differ = True
            sys.stdout.write(f"{name:24} {sentence}\n")
    if arguments.write:
        BASELINE.write_text(guard.shown(written | {here: baseline | found}), encoding="utf-8")
        sys.stdout.write(f"{len(found)} written to {BASELINE}\n")
    elif differ:
        sys.stdout.write(f"if this is meant: {RENEW} NAME …\n")
    return int(differ and not arguments.write)


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        _run([(SAMPLES | PROBES)[name]() for name in sys.argv[2:]])
    else:
        sys.exit(main())
