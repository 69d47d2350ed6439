"""Forward positions never come back from their end, in whatever order they are told."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus.orders.forwards import Forwards
from venuebus_schemas import Forward, ForwardStatus

OPEN, SETTLED, EXTENDED, CANCELED, UNKNOWN = (
    ForwardStatus.OPEN, ForwardStatus.SETTLED, ForwardStatus.EXTENDED, ForwardStatus.CANCELED, ForwardStatus.UNKNOWN,
)  # fmt: skip
FINAL = {SETTLED, EXTENDED, CANCELED}


def forward(status: ForwardStatus = OPEN, name: str = "240326FW1", **fields: Any) -> Forward:
    return Forward(
        position_id=name, status=status, buy_currency="CNH", buy_amount="7.20", sell_currency="USD", sell_amount="1",
        value_date="2024-03-27", **fields,
    )  # fmt: skip


def test_what_is_settled_is_not_reopened_and_that_is_counted() -> None:
    forwards = Forwards()
    assert forwards.apply(forward(SETTLED)) is not None
    assert forwards.apply(forward(OPEN)) is None
    assert forwards.apply(forward(EXTENDED)) is None
    assert forwards.refused == 2
    known = forwards.get("240326FW1")
    assert known is not None
    assert known.status is SETTLED


def test_a_repetition_is_no_news() -> None:
    forwards = Forwards()
    assert forwards.apply(forward(OPEN, ts_recv=1)) is not None
    assert forwards.apply(forward(OPEN, ts_recv=2)) is None
    assert forwards.apply(forward(OPEN, price="7.2")) is not None


def test_a_field_that_is_left_out_keeps_its_value() -> None:
    forwards = Forwards()
    forwards.apply(forward(OPEN, client_order_id="FW00003", extra={"a": "1"}))
    closed = forwards.apply(forward(EXTENDED, extra={"b": "2"}))
    assert closed is not None
    assert (closed.client_order_id, closed.extra) == ("FW00003", {"a": "1", "b": "2"})
    assert forwards.apply(forward(EXTENDED)) is None


def test_an_unknown_status_may_be_followed_by_any_other() -> None:
    forwards = Forwards()
    for status in (OPEN, UNKNOWN, OPEN, UNKNOWN, SETTLED):
        assert forwards.apply(forward(status)) is not None
    assert forwards.apply(forward(UNKNOWN)) is None


@pytest.mark.parametrize("order", list(itertools.permutations([OPEN, OPEN, SETTLED])))
def test_every_order_of_arrival_ends_settled(order: tuple[ForwardStatus, ...]) -> None:
    forwards = Forwards()
    for status in order:
        forwards.apply(forward(status))
    known = forwards.get("240326FW1")
    assert known is not None
    assert known.status is SETTLED


@given(st.lists(st.tuples(st.sampled_from(list(ForwardStatus)), st.sampled_from("ab")), max_size=30))
def test_published_states_never_leave_their_end(told: list[tuple[ForwardStatus, str]]) -> None:
    forwards = Forwards()
    published: dict[str, list[ForwardStatus]] = {"a": [], "b": []}
    for status, name in told:
        news = forwards.apply(forward(status, name))
        if news is not None:
            published[name].append(news.status)
    for statuses in published.values():
        assert all(one is not two for one, two in itertools.pairwise(statuses))
        assert not any(status in FINAL for status in statuses[:-1])


def test_what_was_loaded_from_the_bus_counts_as_known() -> None:
    before = Forwards()
    state = before.apply(forward(EXTENDED, client_order_id="FW1"))
    assert state is not None
    after = Forwards()
    after.load(msgspec.json.decode(msgspec.json.encode(state), type=Forward))
    assert after.apply(forward(OPEN)) is None
    assert after.apply(forward(EXTENDED)) is None


def test_memory_is_bounded_and_keeps_the_newest() -> None:
    forwards = Forwards(kept=10)
    for number in range(100):
        forwards.apply(forward(name=f"p{number}"))
    assert len(forwards) == 10
    assert forwards.get("p99") is not None
    assert forwards.get("p0") is None
