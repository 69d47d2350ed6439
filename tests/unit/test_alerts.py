"""Alerts and dashboard: every expression parses, uses only what is exported, with labels that it has, and fires."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
CASES = ROOT / "deploy" / "prometheus" / "alerts.test.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "venuebus.json"
ADDED = {"instance", "job", "le"}  # by the scrape, and by classic histograms
FOREIGN = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def documented() -> dict[str, tuple[str, set[str]]]:
    """Type and labels of every metric in the table of the documentation, which a running bridge is held against."""
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(venuebus_\w+)` \| (\w+) \| ([\w ]*) \|", text, re.M)
    assert len(rows) > 50
    return {name: (kind, set(labels.split())) for name, kind, labels in rows}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def queries() -> Iterator[tuple[str, str, str]]:
    """Panel, expression and legend of every query of the dashboard, its variables filled in."""
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], _filled(target["expr"]), target["legendFormat"]
    for note in json.loads(DASHBOARD.read_text(encoding="utf-8"))["annotations"]["list"]:
        if "expr" in note:
            yield note["name"], _filled(note["expr"]), note["titleFormat"]


def _filled(expression: str) -> str:
    text = re.sub(r"\$(venue|instance)\b", ".*", expression.replace("$__rate_interval", "5m"))
    assert "$" not in text, f"a variable that the dashboard does not have: {expression}"
    return text


def selectors(expression: str) -> list[promql.VectorSelector]:
    """Every series that an expression reads.

    Raises:
        ValueError: it is no PromQL.
    """
    found: list[promql.VectorSelector] = []

    def walk(node: Any) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        for name in ("lhs", "rhs", "expr", "param", "args", "vector_selector"):
            part = getattr(node, name, None)
            for child in part if isinstance(part, list) else [part]:
                if child is not None and not isinstance(child, str | int | float):
                    walk(child)

    walk(promql.parse(expression))
    return found


def check(expression: str) -> None:
    """Hold an expression against the documented metrics."""
    known = documented()
    read = selectors(expression)
    assert read, f"{expression} reads nothing"
    for selector in read:
        name = selector.name
        if name in FOREIGN:
            continue
        base = re.sub(r"_bucket$", "", name)
        assert base in known, f"no metric {name} in {expression}"
        kind, labels = known[base]
        assert base == name or kind == "histogram", f"{name} has no buckets"
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels | ADDED, f"{name} has no label {matcher.name}: {expression}"
    for grouping in re.findall(r"\b(?:by|on) \(([\w, ]*)\)", expression):
        every = set.union(*(known[re.sub(r"_bucket$", "", s.name)][1] for s in read if s.name not in FOREIGN)) | ADDED
        for label in filter(None, grouping.replace(" ", "").split(",")):
            assert label in every, f"nothing in {expression} has a label {label}"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_reads_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    check(rule["expr"])
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description"}
    for label in re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())):
        kept = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
        assert not kept or any(label in group.replace(" ", "").split(",") for group in kept), (
            f"{label} is aggregated away"
        )
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    assert f"`{rule['alert']}`" in text, "docs/observability.md does not say what to do"


def test_alerts_have_names_of_their_own_and_each_has_a_case_that_fires_and_one_that_does_not() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    cases = [case["name"] for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]]
    assert sorted(cases) == sorted(f"{name} {what}" for name in names for what in ("fires", "is silent"))


def test_alerts_fire_on_the_bad_series_and_not_on_the_good() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool (Debian: apt-get install prometheus): the rules were parsed, but not played")
    for arguments in (["check", "rules", ALERTS.name], ["test", "rules", CASES.name]):
        done = subprocess.run(
            [promtool, *arguments], cwd=ALERTS.parent, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("panel", "expression", "legend"), [pytest.param(*found, id=found[0]) for found in queries()])
def test_a_query_of_the_dashboard_reads_what_there_is(panel: str, expression: str, legend: str) -> None:
    check(expression)
    labels = set(re.findall(r"\{\{(\w+)\}\}", legend))
    kept = re.findall(r"\bby \(([^)]*)\)", expression)
    for group in kept:
        assert labels <= set(group.replace(" ", "").split(",")) | {"le"}, f"{panel}: the legend names what is not kept"


def test_the_dashboard_is_laid_out_without_overlap_and_asks_its_own_data_source() -> None:
    cells: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        mine = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not mine & cells, f"{panel['title']} lies over another panel"
        cells |= mine
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["targets"]
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    names = {variable["name"] for variable in json.loads(DASHBOARD.read_text(encoding="utf-8"))["templating"]["list"]}
    assert names == {"datasource", "venue", "instance"}


def test_every_metric_is_looked_at_by_an_alert_or_the_dashboard() -> None:
    read = {
        re.sub(r"_bucket$", "", selector.name)
        for expression in [*(rule["expr"] for rule in rules()), *(expression for _, expression, _ in queries())]
        for selector in selectors(expression)
    }
    left = {name for name in documented() if name not in read}
    assert left <= {
        "venuebus_http_connections", "venuebus_http_connections_idle_closed_total", "venuebus_http_errors_total",
        "venuebus_http_connections_refused_total", "venuebus_notices_dropped_total", "venuebus_scrape_errors_total",
        "venuebus_account_halted", "venuebus_venue_state_changes_total", "venuebus_webhook_answer_seconds",
        "venuebus_webhook_requests_open",
    }, left  # fmt: skip
