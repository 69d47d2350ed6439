"""The script of faults that simulators consult."""

from __future__ import annotations

import msgspec
from venuebus.simulation import Fault, FaultScript
from venuebus.simulation.faults import INJECTED_KEPT


def actions(script: FaultScript, point: str, *subjects: str) -> list[str | None]:
    taken = [script.take(point, subject) for subject in subjects]
    return [fault.action if fault is not None else None for fault in taken]


def test_a_fault_happens_as_often_as_it_says_after_what_it_skips() -> None:
    script = FaultScript([Fault(point="p", action="cut", times=2, skip=1)])
    assert actions(script, "p", *"abcd") == [None, "cut", "cut", None]
    assert script.faults == []


def test_only_matching_occasions_at_its_own_point_count() -> None:
    script = FaultScript([Fault(point="p", action="drop", skip=1, match="x")])
    assert actions(script, "q", "x") == [None]
    assert actions(script, "p", "y", "x1", "y", "x2", "x3") == [None, None, None, "drop", None]


def test_faults_at_one_point_happen_in_their_order_and_one_may_last_for_ever() -> None:
    script = FaultScript([Fault(point="p", action="cut"), Fault(point="p", action="delay", times=-1)])
    assert actions(script, "p", *"abc") == ["cut", "delay", "delay"]
    script.clear()
    assert actions(script, "p", "d") == [None]


def test_what_was_injected_is_remembered_within_bounds() -> None:
    script = FaultScript([Fault(point="p", action="gap", times=-1)])
    for _ in range(3 * INJECTED_KEPT):
        script.take("p")
    assert INJECTED_KEPT <= len(script.injected) <= 2 * INJECTED_KEPT


def test_a_fault_is_plain_data() -> None:
    fault = Fault(point="p", action="refuse", status=15, text="no")
    assert msgspec.json.decode(msgspec.json.encode(fault), type=Fault) == fault
