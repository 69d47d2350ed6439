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
