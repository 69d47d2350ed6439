"""Rows of the account: the fast way of reading them says what the patient one says, or refuses alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus_btse.messages import FillRow, OrderRow, loads, read_all, rows_of
from venuebus_btse.numbers import Malformed

NUMBERS = st.one_of(
    st.integers(-5, 10**9), st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-5, max_value=10**9),
    st.sampled_from([1e-5, 0.1, 61000.0, 1e300, 1e-40]),
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), NUMBERS.map(float), NUMBERS.map(str), st.integers(-5, 2**70), st.just(""), st.just("1,5"),
    st.text(max_size=4), st.just([]), st.just({}),
)  # fmt: skip


def both(kind: type[Any], body: bytes) -> tuple[Any, Any]:
    answers = []
    for read in (lambda: rows_of(kind, body), lambda: read_all(kind, loads(body))):
        try:
            answers.append(read())
        except Malformed as error:
            answers.append(("refused", str(error)))
    return answers[0], answers[1]


@pytest.mark.parametrize("kind", [OrderRow, FillRow])
@given(data=st.data())
def test_both_ways_of_reading_a_row_agree(kind: type[Any], data: st.DataObject) -> None:
    names = st.sampled_from([*kind.__struct_fields__, "unknownField"])
    rows = data.draw(st.lists(st.dictionaries(names, VALUES, max_size=6), max_size=3))
    fast, patient = both(kind, json.dumps(rows).encode())
    assert fast == patient


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[", b'"x"', b"[1]", b'[{"price":1e999}]', b"null", b'[{"side":"\xff"}]']
)
def test_both_ways_agree_about_what_is_no_array_of_rows(body: bytes) -> None:
    fast, patient = both(OrderRow, body)
    assert fast == patient


def test_a_fraction_is_read_exactly_as_it_stands() -> None:
    (row,) = rows_of(OrderRow, b'[{"price":0.30000000000000004,"size":1e-05}]')
    assert (str(row.price), f"{row.size:f}") == ("0.30000000000000004", "0.00001")
