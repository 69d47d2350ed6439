"""What the bench says about its numbers: the closing lines, the changes since the last run, the page with its plots."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import closing, documentation, plots
from tests.bench.report import Plot, Report, Row, Series

FAST = Row(group="Books", name="delta", value=100.0, unit="events/s", ratio=0.6, beside=170.0, target=0.5,
           judged="ratio", more=True)  # fmt: skip
SLOW = Row(group="Orders", name="p50", value=4.0, unit="ms", target=3.0)
PLAIN = Row(group="Orders", name="p99", value=8.0, unit="ms")
GROWTH = Plot(name="symbols-cpu", group="Orders", title="CPU per event", x="symbols", y="µs per event",
              series=[Series(name="CPU", x=[10.0, 5000.0], y=[20.0, 22.0])])  # fmt: skip


def report(*rows: Row, started: float = 2.0, quick: bool = False) -> Report:
    return Report(quick=quick, started=started, rows=list(rows))


def changed(row: Row, **fields: object) -> Row:
    return Row(**{name: fields.get(name, getattr(row, name)) for name in row.__struct_fields__})


def test_the_summary_counts_the_targets_and_names_what_falls_short() -> None:
    run = report(FAST, SLOW, PLAIN)
    run.failed.append("flood")
    run.left_out["vnpy"] = "not installed"
    assert closing.summary(run).splitlines() == [
        "1 of 2 targets met",
        "  short: Orders / p50",
        "left out: vnpy",
        "could not be measured: flood",
    ]


def test_what_is_judged_by_its_ratio_is_compared_by_it() -> None:
    now = changed(FAST, value=50.0, ratio=0.45)
    line = closing.changes(report(FAST, started=1.0), report(now)).splitlines()[1]
    assert line == "  Books / delta: 0.6 → 0.45 as a ratio (-25%, worse, ok → short)"


def test_less_is_better_where_more_is_not() -> None:
    line = closing.changes(report(SLOW, started=1.0), report(changed(SLOW, value=2.0))).splitlines()[1]
    assert line == "  Orders / p50: 4 → 2 ms (-50%, better, short → ok)"


def test_small_changes_are_noise_unless_they_pass_the_target() -> None:
    before = report(PLAIN, changed(SLOW, value=2.95), started=1.0)
    lines = closing.changes(before, report(changed(PLAIN, value=8.2), changed(SLOW, value=3.05))).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("  Orders / p50: 2.95 → 3.05 ms")


def test_rows_of_one_run_alone_are_told() -> None:
    lines = closing.changes(report(PLAIN, FAST, started=1.0), report(SLOW)).splitlines()[1:]
    assert lines == ["  Orders / p50: new", "  Orders / p99: gone"]


def test_the_last_run_is_the_newest_that_was_as_quick(tmp_path: Path) -> None:
    now = report(SLOW, started=100.0)
    assert closing.last_run(tmp_path / "nowhere", now) is None
    for name, run in {
        "1": report(FAST, started=10.0),
        "2": report(PLAIN, started=20.0),
        "3": report(SLOW, started=30.0, quick=True),
    }.items():
        (tmp_path / f"{name}.json").write_bytes(run.json())
    (tmp_path / "4.json").write_text('{"rows": 1}')
    found = closing.last_run(tmp_path, now)
    assert found is not None
    assert [row.name for row in found.rows] == ["p99"]


def test_the_page_gets_its_plots_and_loses_those_of_the_last_run(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib, which `make bench` installs")
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{documentation.BEGIN}\nold\n{documentation.END}\nafter\n")
    (tmp_path / "performance").mkdir()
    (tmp_path / "performance" / "gone.svg").write_text("<svg/>")
    run = report(FAST, SLOW)
    run.plots.append(GROWTH)
    documentation.write(page, run)
    text = page.read_text()
    files = {file.name: file.read_bytes() for file in (tmp_path / "performance").iterdir()}
    assert set(files) == {"ratios.svg", "symbols-cpu.svg"}
    for name, data in files.items():
        assert f"](performance/{name})" in text
        assert len(data) < 40 * 1024
        words = " ".join(ET.fromstring(data).itertext())
        assert ("part of the target" if name == "ratios.svg" else "µs per event") in words
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    documentation.write(page, run)
    assert {file.name: file.read_bytes() for file in (tmp_path / "performance").iterdir()} == files


def test_without_matplotlib_the_page_says_that_plots_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "drawable", lambda: False)
    page = tmp_path / "performance.md"
    page.write_text(f"{documentation.BEGIN}\n{documentation.END}\n")
    documentation.write(page, report(FAST))
    assert "Plots are left out: matplotlib is not installed." in page.read_text()
    assert "| delta |" in page.read_text()
