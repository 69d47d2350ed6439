"""Orders, trades, positions and money of the counter to canonical events."""

from __future__ import annotations

from typing import Any

import pytest
from venuebus_ctp.convert import Owner, fill_id, status_of, to_balance, to_fill, to_order, to_positions
from venuebus_ctp.messages import AccountRow, OrderRow, PositionRow, TradeRow
from venuebus_schemas import OrderStatus, OrderType, PositionEffect, PositionSide, Reason, Side, TimeInForce

DBL_MAX = 1.7976931348623157e308


def order(**changes: Any) -> OrderRow:
    fields: dict[str, Any] = {
        "InstrumentID": "au2412",
        "ExchangeID": "SHFE",
        "OrderRef": "12",
        "FrontID": 1,
        "SessionID": -77,
        "OrderSysID": "       46792",
        "OrderPriceType": "2",
        "Direction": "0",
        "CombOffsetFlag": "0",
        "CombHedgeFlag": "1",
        "LimitPrice": 615.02,
        "StopPrice": 0.0,
        "VolumeTotalOriginal": 10,
        "VolumeTraded": 4,
        "VolumeTotal": 6,
        "TimeCondition": "3",
        "VolumeCondition": "1",
        "ContingentCondition": "1",
        "OrderStatus": "1",
        "OrderSubmitStatus": "3",
        "StatusMsg": "部分成交",
        "TradingDay": "20241111",
        "InsertDate": "20241108",
        "InsertTime": "21:00:00",
        "UpdateTime": "21:00:05",
        **changes,
    }
    return OrderRow(**fields)


@pytest.mark.parametrize(
    ("status", "submit", "expected"),
    [
        ("a", "0", OrderStatus.PENDING_NEW),
        ("3", "3", OrderStatus.NEW),
        ("1", "3", OrderStatus.PARTIALLY_FILLED),
        ("0", "0", OrderStatus.FILLED),
        ("5", "3", OrderStatus.CANCELED),
        ("5", "0", OrderStatus.CANCELED),
        ("5", "4", OrderStatus.REJECTED),
        ("5", "5", OrderStatus.CANCELED),
        ("2", "3", OrderStatus.PARTIALLY_FILLED),
        ("4", "3", OrderStatus.SUSPENDED),
        ("b", "3", OrderStatus.NEW),
        ("c", "3", OrderStatus.TRIGGERED),
        ("z", "9", OrderStatus.UNKNOWN),
        ("", "", OrderStatus.UNKNOWN),
    ],
)
def test_states(status: str, submit: str, expected: OrderStatus) -> None:
    assert status_of(order(OrderStatus=status, OrderSubmitStatus=submit)) is expected


def test_an_order_keeps_its_keys_raw_and_stripped() -> None:
    made = to_order(order(), Owner(client_order_id="mine"), account="main", now_ns=5)
    assert made is not None
    assert (made.venue_order_id, made.client_order_id) == ("1:-77:12", "mine")
    assert made.venue_order_ids == {"ref": "1:-77:12", "sys": "SHFE:46792"}
    assert made.extra == {
        "FrontID": "1",
        "SessionID": "-77",
        "OrderRef": "12",
        "ExchangeID": "SHFE",
        "OrderSysID": "       46792",
    }
    assert (made.quantity, made.filled_quantity, made.leaves_quantity, made.price) == ("10", "4", "6", "615.02")
    assert (made.side, made.order_type, made.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.DAY)
    assert (made.position_effect, made.venue_status, made.trading_day) == (PositionEffect.OPEN, "1/3", "2024-11-11")
    assert made.ts_created == 1_731_070_800_000_000_000  # Friday evening
    assert made.external is None


@pytest.mark.parametrize("sys_id", ["", "\0", "            "])
def test_before_the_exchange_has_it_an_order_has_no_sys_id(sys_id: str) -> None:
    made = to_order(order(OrderSysID=sys_id, OrderStatus="a"), Owner(), account="main", now_ns=5)
    assert made is not None
    assert made.venue_order_ids == {"ref": "1:-77:12"}
    assert "OrderSysID" not in (made.extra or {})


def test_what_is_left_of_a_finished_order_is_nothing() -> None:
    made = to_order(order(OrderStatus="5"), Owner(), account="main", now_ns=5)
    assert made is not None
    assert (made.status, made.filled_quantity, made.leaves_quantity) == (OrderStatus.CANCELED, "4", "0")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("已撤单报单被拒绝SHFE:当前状态禁止此项操作", Reason.MARKET_CLOSED),
        ("资金不足", Reason.INSUFFICIENT_FUNDS),
        ("DCE:价格非最小单位倍数", Reason.PRICE),
        ("????", Reason.VENUE_REJECTED),
    ],
)
def test_a_refusal_by_the_exchange_has_its_text(text: str, reason: Reason) -> None:
    made = to_order(order(OrderStatus="5", OrderSubmitStatus="4", StatusMsg=text), Owner(), account="main", now_ns=5)
    assert made is not None
    assert (made.status, made.reason, made.text) == (OrderStatus.REJECTED, reason, text)


def test_a_conditional_order_waits_with_its_trigger() -> None:
    row = order(ContingentCondition="6", StopPrice=620.0, OrderStatus="b", OrderSysID="TJBD_7")
    made = to_order(row, Owner(), account="main", now_ns=5)
    assert made is not None
    assert (made.status, made.order_type, made.trigger_price) == (OrderStatus.NEW, OrderType.STOP_LIMIT, "620")
    assert made.venue_order_ids == {"ref": "1:-77:12", "sys": "SHFE:TJBD_7"}
    made = to_order(order(ContingentCondition="8", OrderPriceType="1", StopPrice=600.0), Owner(), account="", now_ns=5)
    assert made is not None
    assert (made.order_type, made.price) == (OrderType.STOP, None)


@pytest.mark.parametrize(
    ("time", "volume", "expected"),
    [
        ("3", "1", TimeInForce.DAY),
        ("1", "1", TimeInForce.IOC),
        ("1", "2", TimeInForce.IOC),
        ("1", "3", TimeInForce.FOK),
        ("2", "1", TimeInForce.OTHER),
        ("\0", "1", None),
    ],
)
def test_time_in_force(time: str, volume: str, expected: TimeInForce | None) -> None:
    made = to_order(order(TimeCondition=time, VolumeCondition=volume), Owner(), account="main", now_ns=5)
    assert made is not None
    assert made.time_in_force is expected


def test_forced_closes_of_the_broker_are_closes() -> None:
    for flag in ("2", "5", "6", "10"):
        made = to_order(order(CombOffsetFlag=flag), Owner(), account="main", now_ns=5)
        assert made is not None
        assert made.position_effect is PositionEffect.CLOSE


def test_unset_prices_are_absent_and_a_nameless_order_is_none() -> None:
    made = to_order(order(LimitPrice=DBL_MAX), Owner(), account="main", now_ns=5)
    assert made is not None
    assert made.price is None
    assert to_order(order(InstrumentID="\x01"), Owner(), account="main", now_ns=5) is None
    named = to_order(order(InstrumentID="\x01", reserve1="au2412"), Owner(), account="main", now_ns=5)
    assert named is not None
    assert named.symbol == "au2412"


def trade(**changes: Any) -> TradeRow:
    fields: dict[str, Any] = {
        "InstrumentID": "m2505",
        "ExchangeID": "DCE",
        "TradeID": "        5001",
        "Direction": "1",
        "OrderSysID": "       46792",
        "OffsetFlag": "1",
        "Price": 2900.0,
        "Volume": 3,
        "TradeDate": "20241111",
        "TradeTime": "21:00:01",
        "TradingDay": "20241111",
        **changes,
    }
    return TradeRow(**fields)


def fill(row: TradeRow) -> Any:
    return to_fill(row, account="main", now_ns=5, venue_order_id=None, client_order_id=None)


def test_a_trade_names_its_order_by_the_exchanges_id_and_is_unique_by_day_exchange_and_side() -> None:
    made = fill(trade())
    assert (made.fill_id, made.venue_order_id) == ("20241111:DCE:5001:s", "DCE:46792")
    assert (made.price, made.quantity, made.side) == ("2900", "3", Side.SELL)
    assert made.ts_venue == 1_731_070_801_000_000_000
    assert fill_id(trade(Direction="0")) != fill_id(trade())  # a self-match gives two trades with one TradeID
    assert fill_id(trade(TradeID="5001")) == fill_id(trade())


@pytest.mark.parametrize("change", [{"Price": DBL_MAX}, {"Volume": 0}, {"TradeID": "  "}, {"InstrumentID": ""}])
def test_a_trade_that_cannot_be_used_is_none(change: dict[str, Any]) -> None:
    assert fill(trade(**change)) is None


def position(**changes: Any) -> PositionRow:
    fields: dict[str, Any] = {
        "InstrumentID": "au2412",
        "ExchangeID": "SHFE",
        "PosiDirection": "2",
        "HedgeFlag": "1",
        "PositionDate": "1",
        "Position": 3,
        "TodayPosition": 3,
        "OpenCost": 1_845_000.0,
        "PositionCost": 1_845_000.0,
        "PositionProfit": 10.5,
        "UseMargin": 100.0,
        **changes,
    }
    return PositionRow(**fields)


def positions(*rows: PositionRow) -> list[Any]:
    return to_positions(rows, account="main", now_ns=5, multiplier={"au2412": 1000}.get)[0]


def test_todays_and_older_rows_of_shfe_are_one_position() -> None:
    older = position(PositionDate="2", Position=2, TodayPosition=0, YdPosition=5, OpenCost=1_200_000.0, ShortFrozen=1)
    made = positions(position(), older)
    assert len(made) == 1
    assert (made[0].quantity, made[0].today_quantity, made[0].available) == ("5", "3", "4")
    assert made[0].avg_price == "609"  # (1,845,000 + 1,200,000) / 5 / 1000
    assert made[0].extra["yesterday_close_quantity"] == "5"  # and not 2, which is what is left of it


def test_one_row_elsewhere_holds_both_and_short_is_frozen_by_buys() -> None:
    row = position(
        InstrumentID="m2505",
        ExchangeID="DCE",
        PosiDirection="3",
        Position=7,
        TodayPosition=2,
        YdPosition=6,
        LongFrozen=3,
        ShortFrozen=1,
    )
    made = positions(row)[0]
    assert (made.side, made.quantity, made.today_quantity, made.available) == (PositionSide.SHORT, "7", "2", "4")
    assert made.avg_price is None  # the multiplier is not known


def test_both_sides_and_hedge_books() -> None:
    made = positions(position(), position(PosiDirection="3", Position=1), position(HedgeFlag="3", Position=2))
    assert [(p.side, p.quantity) for p in made] == [(PositionSide.LONG, "5"), (PositionSide.SHORT, "1")]
    assert made[0].extra["hedge_quantity"] == "2"


def test_closed_positions_stay_for_the_day_as_zero_and_dbl_max_adds_nothing() -> None:
    made = positions(position(Position=0, TodayPosition=0, OpenCost=DBL_MAX, PositionProfit=DBL_MAX))[0]
    assert (made.quantity, made.unrealized_pnl, made.avg_price) == ("0", "0", None)


def test_money() -> None:
    row = AccountRow(
        AccountID="1",
        Balance=19653799.89,
        Available=19070563.89,
        CurrMargin=583236.00000000047,
        FrozenMargin=1.5,
        FrozenCash=2.0,
        FrozenCommission=DBL_MAX,
    )
    made = to_balance(row, account="main", now_ns=5)
    assert (made.currency, made.total, made.available, made.frozen) == ("CNY", "19653799.89", "19070563.89", "3.5")
    assert made.margin == "583236"
