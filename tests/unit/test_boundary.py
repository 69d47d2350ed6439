"""What a plugin may not put on the bus."""

from __future__ import annotations

from typing import Any

import pytest
from venuebus.boundary import check_event, check_market
from venuebus_schemas import Book, Order, OrderStatus, OrderType, Quote, Side


def order(**fields: Any) -> Order:
    return Order(
        symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW,
        **{"filled_quantity": "0", **fields},
    )  # fmt: skip


@pytest.mark.parametrize("number", [1.5, 1, "1e3", "NaN", "", "1,000", " 1", "+1", ".5", "5."])
def test_numbers_that_are_no_decimal_text_are_refused_by_name(number: Any) -> None:
    with pytest.raises(ValueError, match="price must be decimal text"):
        check_event(order(price=number))


@pytest.mark.parametrize("number", ["0", "-3.5", "60000.50", None])
def test_decimal_text_and_absence_pass(number: Any) -> None:
    check_event(order(price=number))


def test_market_data_is_held_to_the_same_at_the_first_event_of_a_subject() -> None:
    check_market(Quote(symbol="X", bid="1.0"))
    with pytest.raises(ValueError, match="bid must be"):
        check_market(Quote(symbol="X", bid=1.0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="asks must be"):
        check_market(Book(symbol="X", bids=[], asks=[("1", 2.0)]))  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "new"}, "status must be a OrderStatus"),
        ({"side": None}, "side must be a Side"),
        ({"symbol": "s" * 257}, "symbol has 257 characters"),
        ({"venue_order_id": 7}, "venue_order_id must be text"),
        ({"venue_order_ids": {"limit": "v" * 257}}, "venue_order_ids has 257 characters"),
        ({"ts_venue": 1.5}, "ts_venue must be a whole number"),
        ({"ts_venue": 2**63}, "ts_venue must be a whole number"),
        ({"ts_created": True}, "ts_created must be a whole number"),
        ({"external": 1}, "external must be true or false"),
        ({"extra": {"a": 1}}, "extra must hold nothing but text"),
        ({"extra": {str(number): "" for number in range(257)}}, "extra must be a dict of at most 256 texts"),
        ({"extra": {"a": "x" * 70_000}}, "extra has 70001 characters"),
        ({"text": "t" * 20_000}, "text has 20000 characters"),
        ({"price": "1" * 65}, "price must be decimal text"),
    ],
)
def test_other_types_and_what_is_too_long_are_refused_by_name(fields: dict[str, Any], words: str) -> None:
    event = order()
    for name, value in fields.items():
        setattr(event, name, value)
    with pytest.raises(ValueError, match=words):
        check_event(event)


def test_what_is_no_event_of_the_schemas_is_refused() -> None:
    class Mine(Quote, tag="mine"):  # type: ignore[call-arg]
        pass

    with pytest.raises(ValueError, match="Mine is none of the schemas' events"):
        check_event(Mine(symbol="X"))
