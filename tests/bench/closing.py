"""What stands below the table: how many targets are met, and what has changed since the last run."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from .report import Report, Row, brief

STILL = 0.05
"""Changes below a twentieth are left out: on a machine that others use they say nothing."""


def counts(report: Report) -> str:
    """Return how many targets are met."""
    judged = [row for row in report.rows if row.met is not None]
    return f"{sum(row.met is True for row in judged)} of {len(judged)} targets met"


def summary(report: Report) -> str:
    """Return how many targets are met, which are missed, and which parts were left out or failed."""
    lines = [counts(report)]
    lines += [f"  short: {' / '.join(_key(row))}" for row in report.rows if row.met is False]
    if report.left_out:
        lines.append(f"left out: {', '.join(report.left_out)}")
    if report.failed:
        lines.append(f"could not be measured: {', '.join(report.failed)}")
    return "\n".join(lines)


def last_run(folder: Path, report: Report) -> Report | None:
    """Return the newest run in ``folder`` that began before ``report`` and was as quick, if there is one.

    Files that are no report as it is now are passed over. Their names tell the order.
    """
    for file in sorted(folder.glob("*.json"), reverse=True):
        try:
            found = msgspec.json.decode(file.read_bytes(), type=Report)
        except msgspec.DecodeError:
            continue
        if found.quick == report.quick and found.started < report.started:
            return found
    return None


def changes(before: Report, now: Report) -> str:
    """Return how each row has changed, one a line; those that were in one of the two runs only, too.

    What is judged by its ratio is compared by it: it was measured in turns, so a slow moment hit both sides.
    """
    old = {_key(row): row for row in before.rows}
    new = {_key(row): row for row in now.rows}
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(before.started))
    lines = [
        f"Since {when} (one run each, load {before.load:.1f} then, {now.load:.1f} now: less than {STILL:.0%} is left "
        "out, and more may be the machine's where it is no ratio)"
    ]
    compared = [_change(old[key], row) for key, row in new.items() if key in old]
    lines += [line for line in compared if line]
    lines += [f"  {' / '.join(key)}: new" for key in new.keys() - old.keys()]
    measured = {row.group for row in now.rows}  # a part that was left out of this run is no news
    lines += [f"  {' / '.join(key)}: gone" for key in old.keys() - new.keys() if key[0] in measured]
    return "\n".join(lines if len(lines) > 1 else [*lines, "  nothing has changed"])


def _key(row: Row) -> tuple[str, str]:
    return row.group, row.name


def _change(before: Row, now: Row) -> str:
    """Say it, or nothing where there is nothing to say."""
    by_ratio = now.judged == "ratio" and now.ratio is not None and before.ratio is not None
    was, is_ = (before.ratio, now.ratio) if by_ratio else (before.value, now.value)
    assert was is not None
    assert is_ is not None
    if abs(is_ - was) <= STILL * abs(was) and before.met == now.met:
        return ""
    change = f"{(is_ - was) / abs(was):+.0%}" if was else "from nothing"
    unit = "as a ratio" if by_ratio else now.unit
    better = "better" if (is_ > was) == now.more else "worse"
    verdict = f", {better}" if now.target is not None else ""
    turned = f", {before.mark} → {now.mark}" if before.mark != now.mark else ""
    return f"  {' / '.join(_key(now))}: {brief(was)} → {brief(is_)} {unit} ({change}{verdict}{turned})"
