"""What the long measurements conclude from their numbers, with numbers that are given."""

from __future__ import annotations

import pytest

from tests.bench.memory import _is_settled
from tests.bench.report import Plot, Row
from tests.bench.scale import NAMES, Way, _share
from tests.bench.soak import LONG, Outcome, Sample, _rows, slope


def outcome(growth: float, *, seconds: float = LONG, lost: int = 0) -> Outcome:
    """A soak whose bridge grows by ``growth`` MiB in ten minutes, after it has warmed up to 80."""
    samples = [
        Sample(at, (80 if at > seconds / 10 else 60) + growth * at / LONG, 30.0) for at in range(0, int(seconds), 2)
    ]
    sent = int(5_000 * seconds)
    return Outcome(seconds, sent, sent - lost, 3_000, 3_000, 0.4, samples, {"VB_ACCT": (6.0, 4_000.0)})


def rows(some: Outcome) -> dict[str, Row]:
    return {row.name: row for row in _rows(some) if isinstance(row, Row)}


@pytest.mark.parametrize(("growth", "met"), [(0.0, True), (0.5, True), (2.0, False), (50.0, False)])
def test_a_soak_tells_a_bridge_that_grows_from_one_that_does_not(growth: float, met: bool) -> None:
    told = rows(outcome(growth))
    assert told["slope of the bridge after warm-up"].met is met
    assert told["slope of the bridge after warm-up"].value == pytest.approx(growth, abs=0.01)
    assert told["growth of the bridge after warm-up"].met is met, "the warm-up itself does not count"


def test_a_soak_that_loses_a_message_falls_short_and_a_short_one_has_no_slope_to_judge() -> None:
    assert rows(outcome(0.0))["messages in less messages out"].met is True
    assert rows(outcome(0.0, lost=1))["messages in less messages out"].met is False
    assert rows(outcome(0.0, seconds=40))["slope of the bridge after warm-up"].met is None
    plot = next(result for result in _rows(outcome(0.0)) if isinstance(result, Plot))
    assert {len(series.x) for series in plot.series} == {len(plot.series[0].y)}


def test_the_slope_is_that_of_the_line_that_fits_best() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert slope([(0, 1), (1, 0), (2, 1)]) == pytest.approx(0)
    assert slope([(5, 7)]) == 0


@pytest.mark.parametrize("way", ["bridges", "isolation"])
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_every_venue_is_in_one_process_and_none_has_nothing_to_do(way: Way, count: int) -> None:
    parts = [_share(way, process, count) for process in range(count)]
    assert sorted(venue for part in parts for venue in part) == list(range(len(NAMES)))
    assert all(parts)


def test_memory_counts_as_settled_only_after_stalls_that_added_nothing() -> None:
    assert not _is_settled([60.0])
    assert not _is_settled([60.0, 80.0, 80.0]), "one calm stall may be chance"
    assert not _is_settled([60.0, 80.0, 80.0, 95.0])
    assert _is_settled([60.0, 80.0, 95.0, 95.1, 95.2])
