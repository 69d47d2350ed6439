"""Canonical commands as requests of the venue."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from venuebus import CommandRejected
from venuebus_btse.requests import amend_body, cancel_market_query, cancel_query, submit_body, target
from venuebus_schemas import (
    Amend,
    Cancel,
    Instrument,
    InstrumentKind,
    Order,
    OrderStatus,
    OrderType,
    PositionEffect,
    Reason,
    Side,
    Submit,
    TimeInForce,
)

STEPS = Instrument(
    symbol="BTC-USD", venue_symbol="BTC-USD", kind=InstrumentKind.SPOT, tick_size="0.5", lot_size="0.00001",
    min_quantity="0.00001", max_quantity="2000",
)  # fmt: skip


def submit(**fields: Any) -> Submit:
    base: dict[str, Any] = {"command_id": "c", "client_order_id": "my-1", "symbol": "BTC-USD", "side": Side.BUY,
                            "order_type": OrderType.LIMIT}  # fmt: skip
    if "quote_quantity" not in fields:
        base["quantity"] = "10"
    return Submit(**{**base, **fields})


def body(command: Submit, **options: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(submit_body(command, STEPS, **options), parse_float=Decimal)
    assert decoded.pop("clOrderID") == "my-1"
    return decoded


# Every request of the document's section "create order", by its own title.
def test_market_example() -> None:
    assert body(submit(order_type=OrderType.MARKET)) == {
        "symbol": "BTC-USD", "size": 10, "side": "BUY", "type": "MARKET", "time_in_force": "GTC",
    }  # fmt: skip


def test_market_stop_example() -> None:
    assert body(submit(order_type=OrderType.STOP, trigger_price="32000")) == {
        "symbol": "BTC-USD", "size": 10, "side": "BUY", "type": "MARKET", "txType": "STOP", "triggerPrice": 32000,
        "time_in_force": "GTC",
    }  # fmt: skip


def test_limit_example() -> None:
    assert body(submit(price="34000")) == {
        "symbol": "BTC-USD", "size": 10, "price": 34000, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC",
    }  # fmt: skip


def test_limit_stop_example() -> None:
    assert body(submit(order_type=OrderType.STOP_LIMIT, price="34000", trigger_price="32000")) == {
        "symbol": "BTC-USD", "size": 10, "price": 34000, "side": "BUY", "type": "LIMIT", "txType": "STOP",
        "triggerPrice": 32000, "time_in_force": "GTC",
    }  # fmt: skip


def test_oco_example() -> None:
    command = submit(order_type=OrderType.OCO, price="24000", stop_price="40010", trigger_price="40000")
    assert body(command) == {
        "symbol": "BTC-USD", "size": 10, "price": 24000, "side": "BUY", "type": "OCO", "txType": "LIMIT",
        "stopPrice": 40010, "triggerPrice": 40000, "time_in_force": "GTC",
    }  # fmt: skip


def test_peg_example() -> None:
    command = submit(order_type=OrderType.PEG, price="25000", params={"deviation": "-10", "stealth": "10"})
    assert body(command) == {
        "symbol": "BTC-USD", "size": 10, "price": 25000, "side": "BUY", "type": "PEG", "deviation": -10,
        "stealth": 10, "time_in_force": "GTC",
    }  # fmt: skip


def test_take_profit_is_a_trigger_order() -> None:
    command = submit(order_type=OrderType.STOP, trigger_price="32000", params={"tx_type": "TRIGGER"})
    assert body(command)["txType"] == "TRIGGER"


def test_numbers_go_out_digit_by_digit() -> None:
    text = submit_body(submit(price="8500.50", quantity="0.00200"), STEPS)
    assert b'"price":8500.50' in text
    assert b'"size":0.00200' in text
    long = submit_body(submit(price="0.00000053400000000000000001", quantity="12345678901234567890.5"), None)
    assert b'"price":0.00000053400000000000000001' in long
    assert b'"size":12345678901234567890.5' in long


def test_leading_zeros_do_not_break_the_json() -> None:
    assert json.loads(submit_body(submit(price="007.5"), STEPS))["price"] == 7.5


def test_a_market_buy_for_an_amount_names_it_as_price_without_a_size() -> None:
    command = submit(order_type=OrderType.MARKET, quote_quantity="250.75")
    assert body(command) == {
        "symbol": "BTC-USD", "price": Decimal("250.75"), "side": "BUY", "type": "MARKET", "time_in_force": "GTC",
    }  # fmt: skip
    assert body(command, market_buy="size")["size"] == Decimal("250.75")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": "34000.3"}, Reason.PRICE),
        ({"price": "-1"}, Reason.PRICE),
        ({"price": "34000", "quantity": "0.000001"}, Reason.QUANTITY),
        ({"price": "34000", "quantity": "2001"}, Reason.QUANTITY),
        ({"price": "34000", "quote_quantity": "5"}, Reason.QUANTITY),
        ({"order_type": OrderType.MARKET, "side": Side.SELL, "quote_quantity": "5"}, Reason.QUANTITY),
        ({"order_type": OrderType.TRAILING_STOP}, Reason.UNSUPPORTED),
        ({"price": "34000", "reduce_only": True}, Reason.UNSUPPORTED),
        ({"price": "34000", "position_effect": PositionEffect.OPEN}, Reason.UNSUPPORTED),
        ({"price": "34000", "time_in_force": TimeInForce.GTD}, Reason.UNSUPPORTED),
        ({"order_type": OrderType.MARKET, "post_only": True}, Reason.INVALID),
        ({"order_type": OrderType.PEG, "price": "1"}, Reason.INVALID),
        ({"order_type": OrderType.PEG, "price": "1", "params": {"deviation": "11", "stealth": "5"}}, Reason.INVALID),
        ({"order_type": OrderType.PEG, "price": "1", "params": {"deviation": "1", "stealth": "0"}}, Reason.INVALID),
        ({"price": "34000", "params": {"deviation": "1"}}, Reason.INVALID),
        ({"price": "34000", "params": {"tx_type": "TRIGGER"}}, Reason.INVALID),
        ({"price": "1", "time_in_force": TimeInForce.IOC, "params": {"time_in_force": "DAY"}}, Reason.INVALID),
    ],
)
def test_what_the_venue_cannot_express_is_refused_with_the_reason(fields: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(CommandRejected) as caught:
        submit_body(submit(**fields), STEPS)
    assert caught.value.reason is reason


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(CommandRejected, match="leverage"):
        submit_body(submit(price="1", params={"leverage": 10}), STEPS)


@pytest.mark.parametrize("life", ["HALFMIN", "FIVEMIN", "HOUR", "TWELVEHOUR", "DAY", "WEEK", "MONTH"])
def test_every_life_of_the_venue_is_reachable(life: str) -> None:
    assert body(submit(price="1", params={"time_in_force": life}))["time_in_force"] == life


@pytest.mark.parametrize("life", [TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
def test_canonical_lives(life: TimeInForce) -> None:
    assert body(submit(price="1", time_in_force=life))["time_in_force"] == life.upper()


def order(**fields: Any) -> Order:
    base: dict[str, Any] = {"symbol": "BTC-USD", "side": Side.BUY, "order_type": OrderType.LIMIT,
                            "status": OrderStatus.NEW, "filled_quantity": "0", "client_order_id": "my-1",
                            "venue_order_id": "uuid-1"}  # fmt: skip
    return Order(**{**base, **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"price": "35000"}, {"type": "PRICE", "value": 35000}),
        ({"quantity": "10.05"}, {"type": "SIZE", "value": Decimal("10.05")}),
        ({"trigger_price": "40020"}, {"type": "TRIGGERPRICE", "value": 40020}),
        ({"price": "40010", "quantity": "10.05", "trigger_price": "40000"},
         {"type": "ALL", "orderPrice": 40010, "orderSize": Decimal("10.05"), "triggerPrice": 40000}),
        ({"price": "40010", "quantity": "10.05"}, {"type": "ALL", "orderPrice": 40010, "orderSize": Decimal("10.05")}),
    ],
    ids=["price", "size", "trigger price", "all", "all without a trigger"],
)  # fmt: skip
def test_amend_examples(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    command = Amend(command_id="a", client_order_id="my-1", **fields)
    decoded = json.loads(amend_body(command, order(), STEPS), parse_float=Decimal)
    assert decoded == {"symbol": "BTC-USD", "orderID": "uuid-1", **expected}


def test_amend_by_client_id_where_the_venue_id_is_not_known() -> None:
    command = Amend(command_id="a", client_order_id="my-1", symbol="BTC-USD", price="1")
    assert json.loads(amend_body(command, None, None))["clOrderID"] == "my-1"


def test_amend_of_a_peg_order_and_of_both_legs_of_an_oco_is_refused() -> None:
    command = Amend(command_id="a", client_order_id="my-1", price="1", quantity="2")
    for kind in (OrderType.PEG, OrderType.OCO):
        with pytest.raises(CommandRejected) as caught:
            amend_body(command, order(order_type=kind), None)
        assert caught.value.reason is Reason.UNSUPPORTED


def test_amend_of_an_oco_names_the_leg() -> None:
    oco = order(order_type=OrderType.OCO, venue_order_ids={"limit": "leg-l", "stop": "leg-s"})
    price = Amend(command_id="a", client_order_id="my-1", price="1")
    trigger = Amend(command_id="a", client_order_id="my-1", trigger_price="1")
    assert json.loads(amend_body(price, oco, None))["orderID"] == "leg-l"
    assert json.loads(amend_body(trigger, oco, None))["orderID"] == "leg-s"


def test_cancel_names_the_venue_id_before_ours() -> None:
    command = Cancel(command_id="x", client_order_id="my-1")
    assert cancel_query("BTC-USD", target(command, order())) == {"symbol": "BTC-USD", "orderID": "uuid-1"}
    assert cancel_query("BTC-USD", target(command, None)) == {"symbol": "BTC-USD", "clOrderID": "my-1"}


@pytest.mark.parametrize("value", ["", " ", "\t", "\n", "a b", None, "x" * 129, "é"])
def test_a_cancel_without_a_real_id_cannot_be_built_since_it_would_cancel_everything(value: Any) -> None:
    for ids in ({"orderID": value}, {"clOrderID": value}, {}, {"symbol": "x"}, {"orderID": "1", "clOrderID": value}):
        with pytest.raises(CommandRejected) as caught:
            cancel_query("BTC-USD", ids)
        assert caught.value.reason is Reason.INVALID


def test_a_cancel_command_with_blank_ids_never_reaches_the_venue() -> None:
    blank: list[dict[str, Any]] = [{"client_order_id": ""}, {"venue_order_id": ""}, {}]
    for fields in blank:
        with pytest.raises(CommandRejected):
            target(Cancel(command_id="x", **fields), None)


def test_cancel_of_a_whole_market_is_its_own_function_and_needs_the_market() -> None:
    assert cancel_market_query("BTC-USD") == {"symbol": "BTC-USD"}
    with pytest.raises(CommandRejected):
        cancel_market_query("")
