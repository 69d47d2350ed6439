"""Bodies are read exactly or not at all."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus_pingpongx.protocol import NotUnderstood, msg_id, order_path, page_path, read_event, read_positions

FLAT = {
    "position_id": "240326FW272838750", "buy_currency": "JPY", "buy_amount": 1234, "sell_currency": "USD",
    "sell_amount": 8.1, "value_date": "2024-03-27", "status": "waitSettle",
}  # fmt: skip


def test_the_sample_is_read_with_every_digit(sample_bytes: bytes) -> None:
    event = read_event(sample_bytes)
    assert (event.event_type, event.msg_id, event.single) == ("positionExtend", "P24010816531715000058", None)
    assert event.change is not None
    old, left, new = event.change.oldPosition, event.change.leftPosition, event.change.newPosition
    assert old is not None
    assert left is not None
    assert new is not None
    assert (old.sell_amount, left.sell_amount, new.sell_amount) == (
        Decimal("794.5"),
        Decimal("492.9"),
        Decimal("301.6"),
    )
    assert (str(new.price), str(new.price2)) == ("7.20266", "0.138838")
    assert old.c_order_id is None
    assert old.status_desc == "已展期关闭"


def test_the_shape_is_chosen_by_what_is_there_not_by_the_label() -> None:
    body = json.dumps({"event_type": "positionExtend", "msg_id": "P1", "payload": FLAT}).encode()
    event = read_event(body)
    assert event.change is None
    assert event.single is not None
    assert event.single.root_position_id is None


def test_unknown_fields_are_ignored_and_numbers_may_be_texts_or_null() -> None:
    payload = {**FLAT, "new_field": {"a": [1]}, "price": None, "buy_amount": "1234.50", "violate_date": 3}
    body = json.dumps({"event_type": "positionSettle", "msg_id": "P1", "payload": payload, "more": 1}).encode()
    single = read_event(body).single
    assert single is not None
    assert (single.buy_amount, single.price, single.violate_date) == (Decimal("1234.50"), None, 3)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not a delivery"),
        (b"{", "not a delivery"),
        (b"null", "not a delivery"),
        (b"\xff\xfe", "not a delivery"),
        (b'{"event_type": "positionCreate"}', "not a delivery"),
        (b'{"event_type": "positionCreate", "msg_id": 7}', "not a delivery"),
        (b'{"event_type": "positionCreate", "msg_id": "P1"}', "holds no position"),
        (b'{"event_type": "positionCreate", "msg_id": "P1", "payload": []}', "holds no position"),
        (b'{"event_type": "positionCreate", "msg_id": "P1", "payload": {}}', "holds no position"),
        (b'{"event_type": "e", "msg_id": "P1", "payload": {"leftPosition": null}}', "neither oldPosition nor"),
        (b'{"event_type": "e", "msg_id": "P1", "msg_id": "P2"}', "'msg_id' stands there twice"),
        (b'{"event_type": "e", "msg_id": "P1", "payload": {"a": 1, "a": 1}}', "'a' stands there twice"),
        (b'{"event_type": "e", "msg_id": "P1", "payload": NaN}', "not a number"),
        (b'{"event_type": "e", "msg_id": "P1", "payload": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too deeply"),
        (b'{"event_type": "e", "msg_id": "P1", "payload": ' + b'{"a":' * 50_000, "too deeply"),
        ('{"event_type": "e", "msg_id": "P1"}'.encode("utf-16"), "not a delivery"),
    ],
)  # fmt: skip
def test_what_is_not_a_delivery_says_why(body: bytes, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        read_event(body)


def test_a_msg_id_is_told_wherever_it_is_certain(sample_bytes: bytes) -> None:
    assert msg_id(sample_bytes) == "P24010816531715000058"
    assert msg_id(b'{"event_type": "new one", "msg_id": "P9", "payload": [1]}') == "P9"
    for body in (
        b"",
        b"{}",
        b'{"event_type": "e", "msg_id": ""}',
        b'{"event_type": "e", "msg_id": "a", "msg_id": "a"}',
    ):
        assert msg_id(body) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    msg_id(body)
    with pytest.raises(NotUnderstood):
        read_event(body)


@given(st.integers(0, 1000), st.data())
def test_a_damaged_sample_is_read_or_refused_but_never_breaks(seed: int, data: Any) -> None:
    body = bytearray(json.dumps({"event_type": "positionCreate", "msg_id": "P1", "payload": FLAT}).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_event(bytes(body))
    except NotUnderstood:
        pass


def test_queries_are_written_as_documented() -> None:
    assert order_path("a&b=1") == "/v2/fx/trade/query/order/contract?target_c_order_id=a%26b%3D1"
    assert page_path(2, 100) == "/v2/fx/trade/contract/page?page_no=2&page_size=100"


@pytest.mark.parametrize(
    "data", [[FLAT], {"records": [FLAT]}, {"page": {"list": [FLAT]}}, FLAT, {"list": [FLAT], "total": 1}]
)
def test_positions_are_found_wherever_they_stand_in_an_answer(data: Any) -> None:
    body = json.dumps({"code": 0, "msg": "success", "data": data}).encode()
    (position,) = read_positions(body)
    assert (position.position_id, position.sell_amount) == ("240326FW272838750", Decimal("8.1"))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'{"code": 401, "msg": "expired"}', b'{"code": "E500"}',
        b'{"code": 0, "data": [{"position_id": 1}]}',
        b'{"code": 0, "data": ' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"code": ' + b"1" * 10_000 + b"}",
        b'{"data": [NaN]}',
    ],
    ids=range(8),
)  # fmt: skip
def test_an_answer_that_is_none_or_a_failure_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        read_positions(body)


def test_an_answer_without_positions_is_empty() -> None:
    assert read_positions(b'{"code": 200, "data": null}') == []
    assert read_positions(b'{"code": "0", "data": {"records": [], "total": 0}}') == []
