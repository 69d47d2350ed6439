"""The rules of `check_command`, as a table: what is refused, why, and what passes."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus_schemas import (
    COMMAND_TYPES,
    CommandError,
    Reason,
    check_command,
    decode_command,
    encode,
    is_decimal_text,
    plain,
)
from venuebus_schemas.documents import json_schema

LIMIT: dict[str, Any] = {
    "type": "submit", "command_id": "c-1", "symbol": "BTC-USD", "side": "buy", "order_type": "limit",
    "quantity": "1", "price": "10",
}  # fmt: skip
AMEND: dict[str, Any] = {"type": "amend", "command_id": "c-1", "client_order_id": "o-1", "price": "10"}
CANCEL: dict[str, Any] = {"type": "cancel", "command_id": "c-1", "client_order_id": "o-1"}


def check(message: dict[str, Any]) -> None:
    check_command(decode_command(encode({key: value for key, value in message.items() if value is not None})))


PASSES: list[dict[str, Any]] = [
    LIMIT,
    LIMIT | {"client_order_id": "A-z_9" * 6},
    LIMIT | {"command_id": "x" * 64},
    LIMIT | {"price": "-3.5"},
    LIMIT | {"price": "0"},
    LIMIT | {"quantity": None, "quote_quantity": "100.5"},
    LIMIT | {"order_type": "market", "price": None},
    LIMIT | {"order_type": "stop", "price": None, "trigger_price": "9"},
    LIMIT | {"order_type": "stop_limit", "trigger_price": "9"},
    LIMIT | {"order_type": "oco", "trigger_price": "9", "stop_price": "8.9"},
    LIMIT | {"order_type": "peg", "price": None, "params": {"deviation": -1}},
    LIMIT | {"order_type": "auction", "price": None},
    LIMIT | {"order_type": "trailing_stop", "price": None, "params": {"trail": "1"}},
    LIMIT | {"time_in_force": "gtd", "expire_date": "2025-12-31"},
    LIMIT | {"symbol": "SP rb2505&rb2510"},
    LIMIT | {"a_later_field": 1},
    AMEND,
    AMEND | {"client_order_id": None, "venue_order_id": "8f2b-1"},
    AMEND | {"price": None, "quantity": "2"},
    AMEND | {"price": None, "trigger_price": "2"},
    AMEND | {"price": None, "params": {"deviation": 2}},
    CANCEL,
    CANCEL | {"client_order_id": None, "venue_order_id": "腾 1"},
    {"type": "cancel_all", "command_id": "c-1"},
    {"type": "cancel_all", "command_id": "c-1", "symbol": "BTC-USD"},
    {"type": "cancel_after", "command_id": "c-1", "timeout_ms": 0},
    {"type": "cancel_after", "command_id": "c-1", "timeout_ms": 86_400_000},
]

REFUSED: list[tuple[dict[str, Any], Reason, str]] = [
    (LIMIT | {"command_id": ""}, Reason.INVALID, "command_id"),
    (LIMIT | {"command_id": "x" * 65}, Reason.INVALID, "command_id"),
    (LIMIT | {"command_id": "a.b"}, Reason.INVALID, "command_id"),
    (LIMIT | {"command_id": "ä"}, Reason.INVALID, "command_id"),
    (LIMIT | {"command_id": "c\n"}, Reason.INVALID, "command_id"),
    (LIMIT | {"client_order_id": ""}, Reason.INVALID, "client_order_id"),
    (LIMIT | {"client_order_id": "x" * 33}, Reason.INVALID, "client_order_id"),
    (LIMIT | {"client_order_id": "with blank"}, Reason.INVALID, "client_order_id"),
    (LIMIT | {"symbol": ""}, Reason.INVALID, "symbol"),
    (LIMIT | {"symbol": "  "}, Reason.INVALID, "symbol"),
    (LIMIT | {"symbol": "a\x00b"}, Reason.INVALID, "symbol"),
    (LIMIT | {"symbol": "x" * 129}, Reason.INVALID, "symbol"),
    (LIMIT | {"side": "sideways"}, Reason.INVALID, "side"),
    (LIMIT | {"side": "unknown"}, Reason.INVALID, "side"),
    (LIMIT | {"order_type": "iceberg"}, Reason.INVALID, "order_type"),
    (LIMIT | {"time_in_force": "forever"}, Reason.INVALID, "time_in_force"),
    (LIMIT | {"position_effect": "close_maybe"}, Reason.INVALID, "position_effect"),
    (LIMIT | {"quantity": None}, Reason.QUANTITY, "exactly one"),
    (LIMIT | {"quote_quantity": "1"}, Reason.QUANTITY, "exactly one"),
    *((LIMIT | {"quantity": bad}, Reason.QUANTITY, "quantity")
      for bad in ("0", "0.000", "-0", "-1", "", "1e3", "NaN", "Infinity", "1,000", " 1", "1 ", "+1", ".5", "5.",
                  "0x10", "١", "1_000", "9" * 41)),
    *((LIMIT | {"quantity": None, "quote_quantity": bad}, Reason.QUANTITY, "quote_quantity")
      for bad in ("0", "-1", "x")),
    *((LIMIT | {"price": bad}, Reason.PRICE, "price") for bad in ("", "1e3", "nan", "-", "--1", "1.2.3", "1" * 41)),
    (LIMIT | {"trigger_price": "x"}, Reason.PRICE, "trigger_price"),
    (LIMIT | {"stop_price": "x"}, Reason.PRICE, "stop_price"),
    (LIMIT | {"price": None}, Reason.PRICE, "price: needed"),
    (LIMIT | {"order_type": "market"}, Reason.PRICE, "market order takes none"),
    (LIMIT | {"order_type": "auction_limit", "price": None}, Reason.PRICE, "price: needed"),
    (LIMIT | {"order_type": "stop"}, Reason.PRICE, "trigger_price: needed"),
    (LIMIT | {"order_type": "stop_limit"}, Reason.PRICE, "trigger_price: needed"),
    (LIMIT | {"order_type": "oco", "trigger_price": "9"}, Reason.PRICE, "stop_price: needed"),
    (LIMIT | {"time_in_force": "gtd"}, Reason.INVALID, "expire_date"),
    (LIMIT | {"expire_date": "31.12.2025"}, Reason.INVALID, "expire_date"),
    (LIMIT | {"expire_date": "2025-12-31\n"}, Reason.INVALID, "expire_date"),
    (AMEND | {"client_order_id": None}, Reason.INVALID, "client_order_id or venue_order_id"),
    (AMEND | {"client_order_id": ""}, Reason.INVALID, "client_order_id"),
    (AMEND | {"price": None}, Reason.INVALID, "quantity, price or trigger_price"),
    (AMEND | {"price": "x"}, Reason.PRICE, "price"),
    (AMEND | {"trigger_price": "1e1"}, Reason.PRICE, "trigger_price"),
    (AMEND | {"quantity": "0"}, Reason.QUANTITY, "quantity"),
    (AMEND | {"symbol": ""}, Reason.INVALID, "symbol"),
    (CANCEL | {"client_order_id": None}, Reason.INVALID, "client_order_id or venue_order_id"),
    (CANCEL | {"client_order_id": ""}, Reason.INVALID, "client_order_id"),
    (CANCEL | {"client_order_id": " "}, Reason.INVALID, "client_order_id"),
    (CANCEL | {"venue_order_id": ""}, Reason.INVALID, "venue_order_id"),
    (CANCEL | {"venue_order_id": "x" * 129}, Reason.INVALID, "venue_order_id"),
    (CANCEL | {"venue_order_id": "a\nb"}, Reason.INVALID, "venue_order_id"),
    ({"type": "cancel_all", "command_id": "c-1", "symbol": ""}, Reason.INVALID, "symbol"),
    ({"type": "cancel_after", "command_id": "c-1", "timeout_ms": -1}, Reason.INVALID, "timeout_ms"),
    ({"type": "cancel_after", "command_id": "c-1", "timeout_ms": 86_400_001}, Reason.INVALID, "timeout_ms"),
]  # fmt: skip


@pytest.mark.parametrize("message", PASSES, ids=str)
def test_passes(message: dict[str, Any]) -> None:
    check(message)


@pytest.mark.parametrize(("message", "reason", "text"), REFUSED, ids=str)
def test_refused_with_the_reason_and_a_text_that_names_the_field(
    message: dict[str, Any], reason: Reason, text: str
) -> None:
    with pytest.raises(CommandError) as refusal:
        check(message)
    assert refusal.value.reason is reason
    assert text in str(refusal.value)


def test_every_verb_is_in_the_table() -> None:
    assert {message["type"] for message in PASSES} == set(COMMAND_TYPES)
    assert {message["type"] for message, _, _ in REFUSED} == set(COMMAND_TYPES)


@pytest.mark.parametrize(
    "field", ["quantity", "price", "symbol", "side", "command_id", "client_order_id", "expire_date", "trigger_price"]
)
def test_a_number_where_a_string_belongs_is_a_decode_error_that_names_the_field(field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{field}"):
        check(LIMIT | {field: 5})


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_plain_text_of_every_decimal_is_decimal_text_and_exact(value: Any) -> None:
    text = plain(value)
    assert is_decimal_text(text)
    assert type(value)(text) == value
    assert "e" not in text.lower()
    assert value or not text.startswith("-")


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_plain_refuses_what_is_no_number(bad: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        plain(Decimal(bad))


@given(st.text("0123456789.-+eE ٣", max_size=8))
def test_decimal_text_is_what_the_published_pattern_says(text: str) -> None:
    pattern = json_schema()["$defs"]["quote"]["properties"]["bid"]["pattern"]
    # The pattern is written for ECMA 262, where \d is ASCII and $ means the end.
    assert is_decimal_text(text) == bool(re.fullmatch(pattern.rstrip("$").lstrip("^"), text, re.ASCII))
