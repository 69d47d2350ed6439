"""Results: rows of a table with their targets, for people, for programs and for the documentation."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Iterable
from typing import Any, Literal

import msgspec


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One measured number.

    Attributes:
        beside: the same, measured in the same run of whatever ``against`` names.
        ratio: of ``value`` to ``beside`` in the same turn, the median over all turns.
        target: what ``judged`` must reach: at least it where ``more`` is better, at most it where not.
        note: what a reader must know to read the number right.
    """

    group: str
    name: str
    value: float
    unit: str
    ratio: float | None = None
    beside: float | None = None
    against: str = "relay"
    target: float | None = None
    judged: Literal["value", "ratio"] = "value"
    more: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Tell whether the target is met; ``None`` where there is none."""
        measured = self.ratio if self.judged == "ratio" else self.value
        if self.target is None or measured is None:
            return None
        return measured >= self.target if self.more else measured <= self.target

    @property
    def mark(self) -> str:
        """``ok``, ``short`` or nothing."""
        return {True: "ok", False: "short", None: ""}[self.met]


class Series(msgspec.Struct, kw_only=True):
    """One line of a plot."""

    name: str
    x: list[float]
    y: list[float]


class Plot(msgspec.Struct, kw_only=True):
    """How something grows, to be drawn: ``name`` is its file's, ``group`` that of the rows beside which it stands."""

    name: str
    group: str
    title: str
    x: str
    y: str
    series: list[Series]


class Report(msgspec.Struct, kw_only=True):
    """One run of the bench."""

    quick: bool
    started: float = msgspec.field(default_factory=time.time)
    python: str = msgspec.field(default_factory=platform.python_version)
    cpus: int = msgspec.field(default_factory=lambda: os.cpu_count() or 0)
    load: float = msgspec.field(default_factory=lambda: os.getloadavg()[0])
    seconds: float = 0.0
    rows: list[Row] = []
    plots: list[Plot] = []
    failed: list[str] = []
    left_out: dict[str, str] = {}

    def add(self, results: Iterable[Row | Plot]) -> None:
        """Take what a part has measured."""
        for result in results:
            if isinstance(result, Plot):
                self.plots.append(result)
            else:
                self.rows.append(result)

    def json(self) -> bytes:
        """Return everything, one row a line."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"

    def table(self) -> str:
        """Return a table for a terminal."""
        cells = [("", "value", "unit", "beside", "ratio", "target", ""), *map(_cells, self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(7)]
        lines, group = [], ""
        for number, row in enumerate(cells):
            if number and self.rows[number - 1].group != group:
                group = self.rows[number - 1].group
                lines.append(f"\n{group}")
            texts = [
                text.ljust(width) if column in (0, 2, 6) else text.rjust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  " + "  ".join(texts).rstrip())
        return "\n".join(lines)

    def markdown(self, images: dict[str, list[str]]) -> str:
        """Return the same for the documentation: a table per group, then that group's ``images``."""
        lines: list[str] = []
        group = ""
        for row in self.rows:
            if row.group != group:
                lines += images.get(group, [])
                group = row.group
                lines += ["", f"### {group}", "", "| | value | unit | beside | ratio | target | |",
                          "|---|--:|---|--:|--:|--:|---|"]  # fmt: skip
            lines.append("| " + " | ".join(_cells(row)) + " |")
        lines += images.get(group, [])
        return "\n".join(lines).strip() + "\n"


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def _cells(row: Row) -> tuple[str, ...]:
    sign = "≥" if row.more else "≤"
    return (
        row.name + (f" ({row.note})" if row.note else ""), brief(row.value), row.unit, _beside(row),
        "" if row.ratio is None else f"{row.ratio:.2f}", "" if row.target is None else f"{sign} {brief(row.target)}",
        row.mark,
    )  # fmt: skip


def _beside(row: Row) -> str:
    return "" if row.beside is None else f"{brief(row.beside)} {row.against}"


def brief(value: Any) -> str:
    """Return a number with about three digits, nothing for ``None``."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
