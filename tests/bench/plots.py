"""Plots as SVG: the same numbers make the same file, whatever the day and the machine."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .report import Plot, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE: Any = {
    "svg.hashsalt": "venuebus",  # ids would be random otherwise
    "svg.fonttype": "none",  # text as text: smaller, and searchable
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "figure.facecolor": "white",  # read on dark pages, too
    "path.simplify": True,
}
MET, SHORT = "#2a7f62", "#c0392b"


def drawable() -> bool:
    """Tell whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(plot: Plot, file: Path) -> None:
    """Write how something grows: a line with a mark per measured point, both axes from nought."""
    with _figure(file, 6.4, 3.2) as axes:
        for series in plot.series:
            axes.plot(series.x, series.y, marker="o", markersize=4, label=series.name)
        axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        if len(plot.series) > 1:
            axes.legend(frameon=False)


def draw_ratios(rows: list[Row], file: Path) -> None:
    """Write every judged ratio as a part of its target: a bar to the right of 1 meets it, whichever way it is read."""
    judged = [row for row in rows if row.judged == "ratio" and row.met is not None]
    names = [f"{row.name}, {row.group}" for row in judged]
    reached = [_reached(row) for row in judged]
    with _figure(file, 9.0, 0.9 + 0.28 * len(judged)) as axes:
        axes.barh(range(len(judged)), reached, color=[MET if row.met else SHORT for row in judged], height=0.7)
        for place, row in enumerate(judged):
            sign = "≥" if row.more else "≤"
            axes.text(reached[place], place, f" {row.ratio:.2f} ({sign} {row.target:g})", va="center", fontsize=7)
        axes.axvline(1.0, color="#333333", linewidth=1)
        axes.set_yticks(range(len(judged)), [_cut(name) for name in names], fontsize=7)
        axes.invert_yaxis()
        axes.set(title="Every judged ratio and its target", xlabel="part of the target reached (1: met, more: better)")
        axes.set_xlim(0, max([1.0, *reached]) * 1.2)


def has_ratios(rows: list[Row]) -> bool:
    """Tell whether there is anything for `draw_ratios`."""
    return any(row.judged == "ratio" and row.met is not None for row in rows)


def _reached(row: Row) -> float:
    assert row.ratio is not None
    assert row.target is not None
    if row.more:
        return row.ratio / row.target
    return row.target / row.ratio if row.ratio > 0 else 1.0


def _cut(name: str) -> str:
    return name if len(name) <= 80 else name[:79] + "…"


@contextlib.contextmanager
def _figure(file: Path, width: float, height: float) -> Iterator[Axes]:
    """Yield axes to draw on, inches wide and high; write them to ``file`` afterwards."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure.add_subplot()
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
