"""Which orders each exchange takes, and a clear refusal of the others."""

from __future__ import annotations

from typing import Any

import pytest
from venuebus import CommandRejected
from venuebus_ctp.market import Contract
from venuebus_ctp.ordering import Account, to_input_order
from venuebus_ctp.requests import InputOrder
from venuebus_schemas import OrderType, PositionEffect, Reason, Side, Submit, TimeInForce

ME = Account("9999", "028742", "028742")


def build(contract: Contract | None = None, **changes: Any) -> InputOrder:
    fields: dict[str, Any] = {
        "command_id": "c",
        "client_order_id": "o",
        "symbol": "au2412",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "quantity": "3",
        "price": "615.02",
        "position_effect": PositionEffect.OPEN,
        **changes,
    }
    return to_input_order(Submit(**fields), ME, order_ref="7", contract=contract)


def codes(order: InputOrder) -> str:
    return " ".join([order.OrderPriceType, order.TimeCondition, order.VolumeCondition, order.ContingentCondition])


def refused(contract: Contract | None = None, **changes: Any) -> tuple[Reason, str]:
    with pytest.raises(CommandRejected) as caught:
        build(contract, **changes)
    return caught.value.reason, str(caught.value)


MARKET = {"order_type": OrderType.MARKET, "price": None}


@pytest.mark.parametrize(
    ("changes", "expected", "minimum"),
    [
        ({}, "2 3 1 1", 1),
        ({"time_in_force": TimeInForce.DAY}, "2 3 1 1", 1),
        ({"time_in_force": TimeInForce.IOC}, "2 1 1 1", 1),
        ({"time_in_force": TimeInForce.IOC, "params": {"min_volume": 2}}, "2 1 2 1", 2),
        ({"time_in_force": TimeInForce.FOK}, "2 1 3 1", 3),
        ({"symbol": "m2505", "params": {"session_only": True}}, "2 2 1 1", 1),
        ({"symbol": "m2505", **MARKET}, "1 1 3 1", 3),
        ({"symbol": "si2506", **MARKET}, "1 1 3 1", 3),
        ({"symbol": "TA505", **MARKET}, "1 3 3 1", 3),
        ({"symbol": "IF2412", **MARKET}, "3 1 1 1", 1),
        ({"symbol": "IF2412", **MARKET, "params": {"market": "five_levels"}}, "G 1 1 1", 1),
        ({"symbol": "IF2412", **MARKET, "params": {"remainder": "limit"}}, "3 3 1 1", 1),
        ({"order_type": OrderType.STOP_LIMIT, "trigger_price": "620"}, "2 3 1 6", 1),
        ({"order_type": OrderType.STOP_LIMIT, "trigger_price": "600", "side": Side.SELL}, "2 3 1 8", 1),
        ({"order_type": OrderType.STOP_LIMIT, "trigger_price": "600", "params": {"trigger": "bid_le"}}, "2 3 1 H", 1),
        ({"order_type": OrderType.STOP, "trigger_price": "3000", "price": None, "symbol": "m2505"}, "1 1 3 6", 3),
        (
            {
                "order_type": OrderType.STOP_LIMIT,
                "trigger_price": "3000",
                "symbol": "m2505",
                "params": {"trigger": "exchange_stop"},
            },
            "2 3 1 2",
            1,
        ),
    ],
)
def test_an_order_is_said_in_the_counters_codes(changes: dict[str, Any], expected: str, minimum: int) -> None:
    made = build(**{**changes, "price": changes.get("price", "615")})
    assert codes(made) == expected
    assert made.MinVolume == minimum
    assert (made.ForceCloseReason, made.IsAutoSuspend, made.IsSwapOrder) == ("0", 0, 0)
    if changes.get("order_type") is OrderType.MARKET:
        assert made.LimitPrice == 0.0


@pytest.mark.parametrize(
    ("effect", "flag"),
    [
        (PositionEffect.OPEN, "0"),
        (PositionEffect.CLOSE, "1"),
        (PositionEffect.CLOSE_TODAY, "3"),
        (PositionEffect.CLOSE_YESTERDAY, "4"),
    ],
)
def test_position_effects(effect: PositionEffect, flag: str) -> None:
    assert build(position_effect=effect).CombOffsetFlag == flag


def test_a_forgotten_position_effect_opens_nothing() -> None:
    reason, text = refused(position_effect=None)
    assert reason is Reason.INVALID
    assert "close_today" in text


@pytest.mark.parametrize(("hedge", "flag"), [("speculation", "1"), ("arbitrage", "2"), ("hedge", "3")])
def test_the_hedge_flag_comes_from_params(hedge: str, flag: str) -> None:
    assert build(params={"hedge": hedge}).CombHedgeFlag == flag


def test_every_order_names_its_exchange_account_and_number() -> None:
    made = build()
    assert (made.ExchangeID, made.InvestorID, made.OrderRef, made.Direction) == ("SHFE", "028742", "7", "0")
    assert build(symbol="zz9999", params={"exchange": "INE"}).ExchangeID == "INE"
    assert build(Contract("CZCE"), symbol="zz9999").ExchangeID == "CZCE"
    assert refused(symbol="zz9999")[0] is Reason.UNKNOWN_SYMBOL


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (MARKET, Reason.UNSUPPORTED),
        ({**MARKET, "symbol": "sc2412"}, Reason.UNSUPPORTED),
        ({"order_type": OrderType.STOP, "price": None, "trigger_price": "1"}, Reason.UNSUPPORTED),
        ({"time_in_force": TimeInForce.GTC}, Reason.UNSUPPORTED),
        ({"time_in_force": TimeInForce.GTD}, Reason.UNSUPPORTED),
        ({**MARKET, "symbol": "m2505", "time_in_force": TimeInForce.IOC}, Reason.UNSUPPORTED),
        ({**MARKET, "symbol": "TA505", "time_in_force": TimeInForce.FOK}, Reason.UNSUPPORTED),
        ({"order_type": OrderType.OCO, "trigger_price": "1"}, Reason.UNSUPPORTED),
        ({"order_type": OrderType.TRAILING_STOP}, Reason.UNSUPPORTED),
        ({"post_only": True}, Reason.UNSUPPORTED),
        ({"quantity": None, "quote_quantity": "5"}, Reason.UNSUPPORTED),
        ({"expire_date": "2024-11-11"}, Reason.UNSUPPORTED),
        ({"reduce_only": True}, Reason.INVALID),
        ({"quantity": "1.5"}, Reason.QUANTITY),
        ({"quantity": "2147483648"}, Reason.QUANTITY),
        ({"params": {"min_volume": 2}}, Reason.UNSUPPORTED),
        ({"params": {"min_volume": 9}, "time_in_force": TimeInForce.IOC}, Reason.QUANTITY),
        ({"params": {"colour": "red"}}, Reason.INVALID),
        ({"params": {"hedge": 1}}, Reason.INVALID),
        ({"params": {"trigger": "last_ge"}}, Reason.INVALID),
        ({"params": {"session_only": True}}, Reason.UNSUPPORTED),
        ({"price": "615.0200000000000000001"}, Reason.PRICE),
        ({"price": "1" + "0" * 20}, Reason.PRICE),
        (
            {"order_type": OrderType.STOP_LIMIT, "trigger_price": "1", "params": {"trigger": "exchange_stop"}},
            Reason.UNSUPPORTED,
        ),
    ],
)
def test_what_cannot_be_said_is_refused_with_a_reason(changes: dict[str, Any], reason: Reason) -> None:
    assert refused(**changes)[0] is reason


def test_nothing_is_rounded_where_the_tick_is_known() -> None:
    gold = Contract("SHFE", 0.02, 1000, 500)
    assert build(gold, price="615.02").LimitPrice == 615.02
    reason, text = refused(gold, price="615.03")
    assert reason is Reason.PRICE
    assert "0.02" in text
    assert refused(gold, quantity="501")[0] is Reason.QUANTITY
    assert build(gold, price="-615.02").LimitPrice == -615.02  # spreads trade below zero


def test_reduce_only_is_what_a_close_is() -> None:
    assert build(reduce_only=True, position_effect=PositionEffect.CLOSE_TODAY).CombOffsetFlag == "3"
