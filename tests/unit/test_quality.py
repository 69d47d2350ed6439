"""Tiers: worked out from what a report says, worth nothing when it is about something else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from venuebus import Capabilities, CommandRejected, VenueConfig, VenueSpec
from venuebus.plugins import Plugins, load_plugins
from venuebus.quality import SUITE, Report, TierGate, count, declared, judge, shortfall, worth
from venuebus.testing.contract import VenueContract
from venuebus.testing.report import tests_of as conformance_tests
from venuebus_schemas import Amend, Cancel, OrderType, Reason, Side, Submit, Verb

SPEC: VenueSpec[Any] = VenueSpec(
    name="toy", config_type=VenueConfig, create=lambda context: context, capabilities=Capabilities(
        verbs=frozenset({Verb.SUBMIT, Verb.CANCEL})),
)  # fmt: skip


def outcomes(**changes: Any) -> dict[str, dict[str, Any]]:
    """A whole run that passed, but for ``area={test number: outcome}``."""
    marks: dict[str, dict[str, Any]] = {
        area: {f"test_{number}": "passed" for number in range(many)} for area, many in SUITE.items()
    }
    for area, changed in changes.items():
        marks[area].update({f"test_{number}": mark for number, mark in changed.items()})
    return marks


def report(tests: dict[str, dict[str, Any]] | None = None, **changes: Any) -> bytes:
    tests = tests if tests is not None else outcomes()
    fields = {
        "format": 1, "plugin": "toy", "distribution": "venuebus-toy", "version": "1.2", "contract": 1,
        "venuebus": "0.1.0", "date": "2026-01-31", "capabilities": declared(SPEC), "tests": tests,
        "areas": {area: count(marks.values()) for area, marks in tests.items()}, **changes,
    }  # fmt: skip
    return msgspec.json.encode(fields)


def tier(data: bytes | None) -> tuple[str, str]:
    quality = judge(data, SPEC, "venuebus-toy", "1.2")
    return quality.tier, quality.text


@pytest.mark.parametrize(
    ("changes", "wanted", "why"),
    [
        ({}, "gold", ""),
        ({"orders": {3: "not_applicable"}}, "gold", ""),
        ({"orders": {3: "untested"}}, "silver", "test_3"),
        ({"orders": {3: "failed"}}, "bronze", "orders: test_3"),
        ({"loop": {0: "failed"}, "questions": {1: "failed"}}, "bronze", "questions: test_1"),
        ({"life": {0: "failed"}}, "none", "life: test_0"),
        ({"webhooks": {0: "failed"}}, "none", "webhooks: test_0"),
        ({"life": dict.fromkeys(range(SUITE["life"]), "untested")}, "none", "nothing of the life"),
    ],
)
def test_a_tier_is_what_the_outcomes_are_worth(changes: dict[str, Any], wanted: str, why: str) -> None:
    found, text = tier(report(outcomes(**changes)))
    assert found == wanted
    assert why in text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "it ships no conformance.json"),
        (b"{", "is no report"),
        (report(version="1.1"), "its report is of venuebus-toy 1.1, installed is venuebus-toy 1.2"),
        (report(distribution="another"), "installed is venuebus-toy 1.2"),
        (report(plugin="other"), "of the venue other"),
        (report(contract=2), "of contract 2"),
        (report(format=9), "format 9"),
        (report(capabilities={}), "other capabilities"),
        (report(areas={}), "does not add up"),
        (report(outcomes(orders={1: "failed"}), areas=msgspec.to_builtins(
            {area: count(marks.values()) for area, marks in outcomes().items()})), "does not add up"),
        (report(tier="gold"), "is no report"),
        (report({}), "not whole"),
        (report({name: marks for name, marks in outcomes().items() if name != "orders"}), "orders are missing"),
    ],
)  # fmt: skip
def test_a_report_that_does_not_fit_is_worth_nothing(data: bytes | None, why: str) -> None:
    found, text = tier(data)
    assert found == "none"
    assert why in text


def test_a_whole_report_holds_as_many_tests_as_the_suite_has() -> None:
    found: dict[str, int] = {}
    for _, test in conformance_tests(VenueContract):
        found[test.conformance[0]] = found.get(test.conformance[0], 0) + 1
    assert found == dict(SUITE)


def test_every_first_party_plugin_ships_a_whole_report_of_its_version() -> None:
    plugins = load_plugins()
    ours = {name: plugins.quality[name] for name in ("btse", "ctp", "futu", "pingpongx") if name in plugins.specs}
    assert ours, "no plugin of ours is installed: nothing is proved"
    assert {name: quality.tier for name, quality in ours.items()} == dict.fromkeys(ours, "gold"), ours
    for quality in ours.values():
        assert isinstance(quality.report, Report)
        assert worth(quality.report.tests)[0] == "gold"


def test_min_tier_refuses_what_makes_or_enlarges_an_order_and_lets_cancels_pass() -> None:
    bronze = judge(report(outcomes(orders={3: "failed"})), SPEC, "venuebus-toy", "1.2")
    plugins = Plugins({"toy": SPEC}, (), (), {"toy": bronze})
    assert plugins.gates("x", VenueConfig(plugin="toy")) == ()
    assert plugins.gates("x", VenueConfig(plugin="toy", min_tier="bronze")) == ()
    (gate,) = plugins.gates("x", VenueConfig(plugin="toy", min_tier="silver"))
    submit = Submit(command_id="1", symbol="A", side=Side.BUY, order_type=OrderType.MARKET, quantity="1")
    for command in (submit, Amend(command_id="2", client_order_id="1", price="2")):
        with pytest.raises(CommandRejected, match="x takes no orders: min_tier is silver, and its plugin is bronze"
                           r" \(failed: orders: test_3\)") as caught:  # fmt: skip
            gate.check(command, "x", "main")
        assert caught.value.reason is Reason.RISK
    gate.check(Cancel(command_id="3", client_order_id="1"), "x", "main")
    assert isinstance(gate, TierGate)


def test_a_venue_without_any_report_falls_short_of_every_tier_but_none() -> None:
    assert shortfall("x", VenueConfig(plugin="toy"), None) is None
    assert "it ships no conformance.json" in (shortfall("x", VenueConfig(plugin="toy", min_tier="bronze"), None) or "")
