"""The bench runs and yields numbers; how good they are is for `make bench` to say, not for a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_bench_measures_bridge_and_relay_in_one_run(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--only", "throughput", "--only", "micro"]
    done = subprocess.run(
        [*command, "--json", str(file)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(file.read_bytes())
    rows = {row["name"]: row for row in report["rows"]}
    for kind in ("book_delta", "book", "trade", "quote"):
        assert rows[kind]["value"] > 0
        assert rows[kind]["beside"] > 0
        assert rows[kind]["ratio"] > 0
        assert rows[f"{kind}: decode"]["value"] > 0
        assert kind in done.stdout
    assert report["quick"]
    judged = sum("target" in row for row in report["rows"])
    assert f" of {judged} targets met" in done.stdout


def test_parts_of_plugins_are_measured_too(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench", "--quick", "--only", "futu-conversion", "--only", "ctp-conversion"]
    done = subprocess.run(
        [*command, "--json", str(file)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(file.read_bytes())["rows"]
    assert {row["group"] for row in rows} == {"OpenD (Futu, moomoo)", "CTP through webctp"}
    assert all(row["value"] > 0 for row in rows)


def test_a_part_that_does_not_exist_is_refused_by_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--only", "nothing"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "nothing" in done.stderr
