"""The documentation of a run: its tables and plots, between two marks of a page."""

from __future__ import annotations

import time
from pathlib import Path

from . import closing, plots
from .report import Report

BEGIN, END = "<!-- begin: written by make bench -->", "<!-- end -->"


def write(page: Path, report: Report) -> None:
    """Put the report's tables between the marks of ``page``, its plots beside it in a folder named as the page is.

    Plots of an earlier run go. Where matplotlib is missing there are none, and the page says so.
    """
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    day = time.strftime("%Y-%m-%d", time.gmtime(report.started))
    about = (
        f"One run of {report.seconds:.0f} s on {day}, Python {report.python}, {report.cpus} CPUs shared with other "
        f"work (load {report.load:.1f} at its start). {closing.counts(report)}."
    )
    first, by_group = _draw(page, report)
    body = "\n".join(["", about, *first, "", report.markdown(by_group)])
    page.write_text(f"{head}{BEGIN}{body}{END}{tail}", encoding="utf-8")


def _draw(page: Path, report: Report) -> tuple[list[str], dict[str, list[str]]]:
    """Return the lines of the plot of all ratios, and those of each group."""
    folder = page.with_suffix("")
    for old in folder.glob("*.svg"):
        old.unlink()
    if not plots.drawable():
        return ["", "Plots are left out: matplotlib is not installed."], {}
    first: list[str] = []
    if plots.has_ratios(report.rows):
        plots.draw_ratios(report.rows, folder / "ratios.svg")
        first = ["", f"![Every judged ratio and its target]({folder.name}/ratios.svg)"]
    by_group: dict[str, list[str]] = {}
    for plot in report.plots:
        plots.draw(plot, folder / f"{plot.name}.svg")
        by_group.setdefault(plot.group, []).extend(["", f"![{plot.title}]({folder.name}/{plot.name}.svg)"])
    return first, by_group
