"""The conformance kit itself: a sound plugin passes, and each defect fails the test that is about it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from venuebus import Capabilities, VenueConfig, VenueSpec
from venuebus.quality import Counts, Report, worth
from venuebus.testing import VenueContract
from venuebus.testing.clauses import CLAUSES
from venuebus.testing.report import tests_of as conformance_tests

from tests.unit.conformance_venue import make_spec

NAMES = [name for name, _ in conformance_tests(VenueContract)]


class Contract(VenueContract):
    __test__ = False


def contract(*bad: str) -> Contract:
    found = Contract()
    found.spec = make_spec(*bad)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_plugin_passes(name: str) -> None:
    test = getattr(contract(), name)
    if test.conformance[0] == "webhooks":
        with pytest.raises(pytest.skip.Exception, match="not applicable: "):
            test()
    else:
        test()


DEFECTS = {
    "leaks_task": ("connects_runs_and_leaves", "left behind: task leaked|there is still leaked", "L2"),
    "leaks_thread": ("connects_runs_and_leaves", "thread leaked", "L2"),
    "leaks_socket": ("connects_runs_and_leaves", "connection", "L2"),
    "closes_once": ("safe_twice", "AssertionError|line ", "L2"),
    "run_returns": ("connects_runs_and_leaves", "run.. ended while the venue was there: it returned", "L1"),
    "refused_is_fatal": ("a_refused_connection", "FatalError", "L3"),
    "login_is_retryable": ("wrong_credentials", "api_key ended with RetryableError", "L4"),
    "ignores_silence": ("falls_silent", "silent for 120 s, and run.. goes on", "L5"),
    "resists": ("a_canceled_run", "goes on 1 s after cancel", "L7"),
    "loose": ("secrets_are_secret", "typed as text instead of venuebus.Secret: api_key", "C3"),
    "logs_secret": ("secrets_are_secret", "a secret can be read in the log", "C3"),
    "promises_trades": ("every_kind_of_market_data", "never published: trade", "E3"),
    "floats": ("every_kind_of_market_data", "bid is [0-9.]+, no plain decimal text", "E2"),
    "seconds": ("every_kind_of_market_data", "ts_recv is [0-9]+, no sane time", "E2"),
    "wrong_symbol": ("every_kind_of_market_data", "quote of 'ELSE', which is not configured", "E3"),
    "goes_back": ("is_in_sequence", "ts_recv goes back", "E4"),
    "garbage_kills": ("garbage", "garbage ended the session", "E5"),
    "garbage_vanishes": ("garbage", "neither a dead letter nor a count", "E5"),
    "says_sending_early": ("right_before_the_first_byte", "the loop went round [0-9]+ times between sending", "O1"),
    "sends_anyway": ("sending_refuses", "the order is at the venue all the same", "O2"),
    "unsent_is_unknown": ("before_connect_and_after_close", "ended with OutcomeUnknown", "O2"),
    "sends_twice": ("placed_once", "one submit made 2 orders", "O3"),
    "turns_side": ("placed_once", "the order's side is", "O3"),
    "refusal_is_unknown": ("the_venue_refuses", "ended with OutcomeUnknown", "O4"),
    "loss_is_rejection": ("cut_after_sending", "ended with CommandRejected", "O5"),
    "loss_is_not_told": ("cut_after_sending", "execute.. waits on after 5 s", "O5"),
    "assumes_success": ("a_lost_answer", "ended with Accepted", "O5"),
    "doubt_is_unsent": ("proves_nothing_is_an_unknown", "ended: NotSent", "O5"),
    "repeats": ("executed_twice", "made 2 orders", "O6"),
    "ignores_params": ("cannot_be_expressed", "unknown option in params was not refused", "O7"),
    "rounds": ("cannot_be_expressed", "was not refused", "O7"),
    "amends_nothing": ("an_amend_changes", "and the order's state is", "O9"),
    "silence_is_absence": ("without_an_answer_proves", "lookup.. returned None", "Q2"),
    "takes_any_symbol": ("subscriptions_take_effect", "took KIT9999, which the venue does not have", "Q4"),
    "hears_on": ("subscriptions_take_effect", "unsubscribed, and still published", "Q4"),
    "answers_anything": ("declared_queries", "a query that is not declared ended with None", "Q5"),
    "reads_chunks": ("in_pieces", "connect.. ended with RetryableError: no answer", "E6"),
    "hides_orders": ("a_snapshot_holds", "lacks the open order", "Q3"),
    "blocks": ("blocks_the_loop", "stood still for [0-9]+ ms", "P1"),
    "computes": ("blocks_the_loop", "computed for [0-9]+ ms", "P1"),
    "wastes": ("few_calls", "a value, more than 25", "P2"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_fails_the_test_that_is_about_it_and_quotes_the_clause(defect: str) -> None:
    part, text, clause = DEFECTS[defect]
    (name,) = [name for name in NAMES if part in name]
    with pytest.raises((pytest.fail.Exception, AssertionError)) as caught:
        getattr(contract(defect), name)()
    seen = str(caught.value)
    assert re.search(text, seen), seen
    if isinstance(caught.value, pytest.fail.Exception):
        assert "The contract demands (docs/contract.md, section 8.1):" in seen
        assert f"  {clause}  {CLAUSES[clause]}" in seen


def test_every_clause_has_a_test_and_stands_in_the_contract(pytestconfig: pytest.Config) -> None:
    proved = {clause for _, test in conformance_tests(VenueContract) for clause in test.conformance[1]}
    assert proved == set(CLAUSES)
    text = (pytestconfig.rootpath / "docs" / "contract.md").read_text(encoding="utf-8")
    for name, demands in CLAUSES.items():
        assert f"| {name} | {demands} |" in text


def test_a_plugin_that_declares_nothing_is_asked_for_nothing() -> None:
    class Idle:
        def __init__(self, context: Any) -> None: ...

    found = Contract()
    found.spec = VenueSpec(name="idle", config_type=VenueConfig, create=Idle, capabilities=Capabilities())  # type: ignore[arg-type,type-abstract]
    for name in NAMES:
        with pytest.raises(pytest.skip.Exception) as caught:
            getattr(found, name)()
        assert re.match("(not applicable|untested): ", str(caught.value)), name


def test_secrets_too_short_to_be_looked_for_are_untested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.conformance_venue.KEY", "key")
    with pytest.raises(pytest.skip.Exception, match=r"untested: C3: every Secret .* give it a longer one"):
        contract().test_secrets_are_secret()


PLUGIN = """
from tests.unit.conformance_venue import SPEC
from venuebus.testing import VenueContract

class TestLine(VenueContract):
    spec = SPEC
"""


def run_suite(root: Path, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the suite of the sound plugin as an author would, in a process of its own."""
    file = folder / "test_line_contract.py"
    file.write_text(PLUGIN, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", str(file), f"--rootdir={folder}", "-q", "-p", "no:cacheprovider",
               "-c", str(folder / "pytest.ini"), *arguments]  # fmt: skip
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_report_is_written_for_a_whole_run_and_refused_for_a_part(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "conformance.json"
    status, said = run_suite(pytestconfig.rootpath, tmp_path, "--venuebus-report", str(path))
    assert status == 0, said
    report = msgspec.json.decode(path.read_bytes(), type=Report)
    assert (report.plugin, report.contract) == ("line", 1)
    assert worth(report.tests) == ("gold", "nothing failed, nothing is untested")
    assert report.areas["orders"] == Counts(passed=17)
    assert report.areas["webhooks"] == Counts(not_applicable=3)
    assert "line: gold, report in" in said
    path.unlink()
    status, said = run_suite(pytestconfig.rootpath, tmp_path, "--venuebus-report", str(path), "-k", "close or life")
    assert status == 1
    assert "TestLine: only a part of the suite ran; nothing was written" in said
    assert not path.exists()
