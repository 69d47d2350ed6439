"""The circuit breaker: a venue that answers nothing is left alone for a while, and tried again."""

from __future__ import annotations

from venuebus.orders.breaker import FAILURES, REST, Breaker


def opened() -> tuple[Breaker, list[float]]:
    now = [10.0]
    breaker = Breaker(clock=lambda: now[0])
    for _ in range(FAILURES):
        assert breaker.allows("submit")
        breaker.failed("submit", "no answer")
    return breaker, now


def test_failures_in_a_row_open_it_for_their_operation_only() -> None:
    breaker, _ = opened()
    assert not breaker.allows("submit")
    assert breaker.allows("cancel")
    assert breaker.open_operations() == ["submit"]
    assert "8 failures, last: no answer" in breaker.state("submit")
    assert breaker.state("cancel") == "closed"


def test_one_answer_starts_the_count_again() -> None:
    breaker = Breaker(clock=lambda: 0.0)
    for _ in range(FAILURES - 1):
        breaker.failed("submit", "x")
    breaker.worked("submit")
    breaker.failed("submit", "x")
    assert breaker.allows("submit")


def test_after_the_rest_one_probe_goes_through_at_a_time() -> None:
    breaker, now = opened()
    now[0] += REST
    assert breaker.allows("submit")
    assert not breaker.allows("submit")
    breaker.worked("submit")
    assert breaker.allows("submit")
    assert breaker.allows("submit")


def test_a_failing_probe_keeps_it_open() -> None:
    breaker, now = opened()
    now[0] += REST
    assert breaker.allows("submit")
    now[0] += 1.0
    breaker.failed("submit", "still nothing")
    now[0] += REST - 0.1
    assert not breaker.allows("submit")
    now[0] += 0.2
    assert breaker.allows("submit")
