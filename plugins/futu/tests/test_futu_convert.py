"""What OpenD says and what the bus says: statuses, numbers, times, symbols; unknown stays unknown."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus import CommandRejected, OutcomeUnknown
from venuebus_futu import convert_account, convert_market, convert_orders, doubles, refusals, symbols, times
from venuebus_futu.pb import quote_pb2, trade_pb2
from venuebus_schemas import InstrumentKind, Order, OrderStatus, OrderType, PositionSide, Reason, Right, Side

BOOK = convert_orders.Book("main")


def read(response: Any, book: convert_orders.Book = BOOK, known: convert_orders.Known | None = None) -> Order:
    return convert_orders.order(response.s2c.order, response.s2c.header, book, 1, known)


# --- numbers ----------------------------------------------------------------------------------------------------


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_told_exactly_in_plain_notation(value: float) -> None:
    told = doubles.text(value)
    assert float(told) == value
    assert "e" not in told
    assert not told.startswith("-0") or Decimal(told) < 0


@pytest.mark.parametrize(
    ("value", "told"),
    [(100.0, "100"), (0.1, "0.1"), (480.20000000000005, "480.20000000000005"), (1e-9, "0.000000001"), (-0.0, "0"),
     (1e22, "10000000000000000000000"), (-37.63, "-37.63")],
)  # fmt: skip
def test_doubles_are_spelled_short(value: float, told: str) -> None:
    assert doubles.text(value) == told


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="number"):
        doubles.text(value)


@pytest.mark.parametrize(
    ("quantity", "filled", "left"),
    [("100", "0", "100"), ("100", "100", "0"), ("0.3", "0.1", "0.2"), ("1.5", "0.5", "1")],
)
def test_what_is_left_is_exact(quantity: str, filled: str, left: str) -> None:
    assert doubles.rest(quantity, filled) == left


def test_a_number_that_no_double_says_is_refused() -> None:
    assert doubles.number("480.2") == 480.2
    with pytest.raises(ValueError, match="digits"):
        doubles.number("1234567890.1234567890")


# --- orders -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status", "over"),
    [(0, "pending_new", False), (1, "pending_new", False), (2, "pending_new", False), (3, "rejected", True),
     (4, "unknown", False), (-1, "unknown", False), (5, "new", False), (12, "pending_cancel", False),
     (13, "pending_cancel", False), (14, "canceled", True), (15, "canceled", True), (21, "rejected", True),
     (22, "suspended", False), (23, "canceled", True), (24, "canceled", True), (77, "unknown", False)],
)  # fmt: skip
def test_statuses(order_push: Callable[..., Any], number: int, status: str, over: bool) -> None:
    order = read(order_push(orderStatus=number))
    assert order.status == status
    assert order.status.is_final is over
    assert order.leaves_quantity == ("0" if over else "100")


def test_an_unknown_number_keeps_itself_as_the_venues_status(order_push: Callable[..., Any]) -> None:
    assert read(order_push(orderStatus=77)).venue_status == "77"
    assert read(order_push(orderStatus=4)).venue_status == "TimeOut"


def test_unknown_sides_and_types_stay_unknown(order_push: Callable[..., Any]) -> None:
    order = read(order_push(trdSide=9, orderType=44, timeInForce=8))
    assert (order.side, order.order_type, order.time_in_force) == (Side.UNKNOWN, OrderType.UNKNOWN, None)
    assert order.extra == {"name": "Tencent", "orderType": "44", "trdSide": "9", "timeInForce": "8"}


def test_a_failed_order_that_had_traded_was_canceled_not_rejected(order_push: Callable[..., Any]) -> None:
    assert read(order_push(orderStatus=21, fillQty=40.0, fillAvgPrice=480.0)).status is OrderStatus.CANCELED
    assert read(order_push(orderStatus=23, fillQty=100.0, fillAvgPrice=480.0)).status is OrderStatus.FILLED


def test_short_sides_of_japan_keep_their_name(order_push: Callable[..., Any]) -> None:
    assert (read(order_push(trdSide=3)).side, read(order_push(trdSide=4)).side) == (Side.SELL, Side.BUY)
    assert (read(order_push(trdSide=3)).extra or {})["trdSide"] == "SellShort"


def test_a_rejection_tells_why(order_push: Callable[..., Any]) -> None:
    order = read(order_push(orderStatus=21, lastErrMsg="购买力不足"))
    assert (order.reason, order.text) == (Reason.INSUFFICIENT_FUNDS, "购买力不足")


def test_a_trigger_is_told_for_the_types_that_have_one(order_push: Callable[..., Any]) -> None:
    order = read(order_push(orderType=11, auxPrice=470.5))
    assert (order.order_type, order.price, order.trigger_price) == (OrderType.STOP_LIMIT, "480", "470.5")
    assert read(order_push(orderType=1, auxPrice=0.0)).trigger_price is None
    assert read(order_push(orderType=2)).price is None


def test_a_trailing_stop_keeps_its_trail(order_push: Callable[..., Any]) -> None:
    order = read(order_push(orderType=15, trailType=1, trailValue=20.0, trailSpread=0.4))
    assert order.order_type is OrderType.TRAILING_STOP_LIMIT
    assert order.extra == {
        "name": "Tencent", "orderType": "TRAILING_STOP_LIMIT", "trailType": "ratio", "trailValue": "20",
        "trailSpread": "0.4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("remark", "ours"), [("abc-1_Z", True), ("x" * 32, True), ("x" * 33, False), ("手动", False), ("a b", False)]
)
def test_a_remark_of_our_form_is_the_client_order_id(order_push: Callable[..., Any], remark: str, ours: bool) -> None:
    order = read(order_push(remark=remark))
    assert order.client_order_id == (remark if ours else None)
    assert ("remark" in (order.extra or {})) is not ours


def test_no_remark_is_no_client_order_id(order_push: Callable[..., Any]) -> None:
    assert read(order_push(remark="")).client_order_id is None


def test_what_is_filled_is_not_guessed(order_push: Callable[..., Any]) -> None:
    """An absent fillQty is what was known, or what the status alone proves; otherwise the push cannot be told."""
    push = order_push(orderStatus=10, fillQty=None, fillAvgPrice=None)
    with pytest.raises(convert_orders.Untellable, match="filled in part"):
        read(push)
    before = read(order_push(orderStatus=10, fillQty=60.0, fillAvgPrice=480.0))
    assert read(push, known=lambda order_id: before).filled_quantity == "60"
    assert read(order_push(orderStatus=11, fillQty=None, fillAvgPrice=None)).filled_quantity == "100"


def test_an_order_without_an_exchange_is_told_by_its_market_or_not_at_all(order_push: Callable[..., Any]) -> None:
    push = order_push(secMarket=None)
    assert read(push).symbol == "HK.00700"
    push.s2c.header.trdMarket = 4  # Stock Connect: Shanghai or Shenzhen
    with pytest.raises(convert_orders.Untellable, match="00700"):
        read(push)
    known = read(order_push())
    assert read(push, known=lambda order_id: known).symbol == "HK.00700"


def test_only_one_of_the_two_ids_is_enough(order_push: Callable[..., Any]) -> None:
    order = read(order_push(orderID=0))
    assert (order.venue_order_id, order.venue_order_ids) == ("EX|1", {"orderIDEx": "EX|1"})
    with pytest.raises(convert_orders.Untellable, match="id"):
        read(order_push(orderID=0, orderIDEx=""))


def test_nan_is_no_price(order_push: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="nan"):
        read(order_push(price=float("nan")))
    with pytest.raises(ValueError, match="inf"):
        read(order_push(qty=float("inf")))


# --- times ------------------------------------------------------------------------------------------------------


def test_the_epoch_comes_before_the_local_text(order_push: Callable[..., Any]) -> None:
    assert read(order_push()).ts_venue == 1631522700_567_732_000
    assert read(order_push(updateTimestamp=None)).ts_venue == 1631522700_568_000_000
    assert read(order_push(updateTimestamp=0.0)).ts_venue == 1631522700_568_000_000


def test_local_texts_follow_the_exchange_and_futures_the_setting(order_push: Callable[..., Any]) -> None:
    at = {"createTimestamp": None, "updateTimestamp": None, "updateTime": "2021-09-13 16:45:00"}
    assert read(order_push(secMarket=2, code="AAPL", **at)).ts_venue == 1631565900_000_000_000
    futures = convert_orders.Book("futures", ZoneInfo("America/Chicago"))
    assert read(order_push(code="HSImain", **at), futures).ts_venue == 1631569500_000_000_000


def test_the_hour_that_comes_twice_is_absent_rather_than_guessed() -> None:
    new_york = ZoneInfo("America/New_York")
    assert times.local_ns("2021-11-07 01:30:00", new_york) is None
    assert times.local_ns("2021-03-14 02:30:00", new_york) is None
    assert times.local_ns("2021-11-07 00:30:00", new_york) == 1636259400_000_000_000
    assert times.local_ns("", new_york) is None


def test_the_two_forms_of_an_orders_time_are_read() -> None:
    assert times.local_ns("2021-09-13 16:45:00", times.HONG_KONG) == 1631522700_000_000_000
    assert times.local_ns("2021-09-13 16:45:00.568", times.HONG_KONG) == 1631522700_568_000_000


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), 1e15])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="time"):
        times.epoch_ns(seconds)


# --- symbols ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [("HK.00700", ("HK", "00700")), ("US.BRK.B", ("US", "BRK.B")), ("US..DJI", ("US", ".DJI")),
     ("US.AAPL250926C235000", ("US", "AAPL250926C235000"))],
)  # fmt: skip
def test_a_symbol_is_cut_at_its_first_dot(symbol: str, parts: tuple[str, str]) -> None:
    assert symbols.split(symbol) == parts


@pytest.mark.parametrize("symbol", ["00700", "XX.1", "HK.", ""])
def test_what_is_no_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match=r"PREFIX\.CODE"):
        symbols.split(symbol)


def test_the_same_number_is_another_market_in_the_other_list() -> None:
    assert (symbols.quoted(31, "D05"), symbols.traded(31, 0, "600519")) == ("SG.D05", "SH.600519")


@pytest.mark.parametrize(
    ("symbol", "real", "markets", "market"),
    [("HK.00700", True, {1, 2}, 1), ("US.AAPL", False, {1, 2}, 2), ("SH.600519", True, {1, 4}, 4),
     ("SZ.000001", False, {1, 3}, 3), ("HK.HSImain", True, {5}, 5), ("HK.HSImain", False, {10, 11}, 10),
     ("US.ESmain", False, {10, 11}, 11), ("HK.HSI2512", True, {1, 5}, 5), ("HK.00700", True, {1, 5}, 1),
     ("JP.7203", True, {15}, 15), ("SG.D05", True, {6}, 6)],
)  # fmt: skip
def test_the_trade_market_follows_code_and_environment(symbol: str, real: bool, markets: set[int], market: int) -> None:
    assert symbols.trade_market(symbol, real=real, markets=frozenset(markets)) == market


def test_a_market_that_the_account_does_not_trade_is_refused() -> None:
    with pytest.raises(ValueError, match="no permission"):
        symbols.trade_market("US.AAPL", real=True, markets=frozenset({1}))


# --- fills, positions, funds ------------------------------------------------------------------------------------


def fill_message(**changes: Any) -> Any:
    fields = {
        "trdSide": 2, "fillID": 77, "fillIDEx": "F77", "orderID": 5, "code": "00700", "name": "Tencent", "qty": 100.0,
        "price": 480.2, "createTime": "2021-09-13 16:45:00.604", "secMarket": 1, "createTimestamp": 1631522700.604215,
    }  # fmt: skip
    return trade_pb2.OrderFill(**{**fields, **changes})


HEADER = trade_pb2.TrdHeader(trdEnv=1, accID=1, trdMarket=1)


def test_a_fill_finds_its_client_order_id_by_the_order(order_push: Callable[..., Any]) -> None:
    order = read(order_push())
    fill = convert_orders.fill(fill_message(), HEADER, BOOK, 1, lambda order_id: order if order_id == "5" else None)
    assert (fill.fill_id, fill.side, fill.price, fill.quantity) == ("77", Side.SELL, "480.2", "100")
    assert (fill.venue_order_id, fill.client_order_id, fill.voided) == ("5", "mine-1", None)
    assert fill.ts_venue == 1631522700_604_215_000


def test_a_cancelled_fill_is_voided_and_a_strange_one_is_none() -> None:
    assert convert_orders.fill(fill_message(status=1), HEADER, BOOK, 1).voided is True
    for status in (3, 9):
        with pytest.raises(convert_orders.Untellable, match="status"):
            convert_orders.fill(fill_message(status=status), HEADER, BOOK, 1)


def test_positions_have_a_side_and_an_average_cost() -> None:
    message = trade_pb2.Position(
        positionID=9, positionSide=1, code="HSImain", name="HSI", qty=-2.0, canSellQty=-2.0, price=23500.0,
        val=-47000.0, plVal=-10.5, secMarket=1, averageCostPrice=23490.25, currency=1, trdMarket=10,
    )  # fmt: skip
    position = convert_account.position(message, HEADER, "futures", 1)
    assert (position.symbol, position.side, position.quantity) == ("HK.HSImain", PositionSide.SHORT, "-2")
    assert (position.avg_price, position.unrealized_pnl, position.currency) == ("23490.25", "-10.5", "HKD")
    message.positionSide = -1
    assert convert_account.position(message, HEADER, "futures", 1).side is PositionSide.UNKNOWN


def funds_message(**changes: Any) -> Any:
    fields = {
        "power": 9.5,
        "totalAssets": 100.0,
        "cash": 10.25,
        "marketVal": 89.75,
        "frozenCash": 0.75,
        "debtCash": 0.0,
        "avlWithdrawalCash": 9.5,
    }
    return trade_pb2.Funds(**{**fields, **changes})


def test_a_unified_accounts_totals_are_in_the_currency_they_were_converted_into() -> None:
    funds = funds_message(currency=1, initialMargin=3.5)
    funds.cashInfoList.add(currency=1, cash=4.0, availableBalance=3.0)
    funds.cashInfoList.add(currency=2, cash=0.8, availableBalance=0.8, netCashPower=0.8)
    hkd, usd = convert_account.balances(funds, 2, "main", 1)
    assert (hkd.currency, hkd.total, hkd.available, hkd.equity, hkd.margin) == ("HKD", "4", "3", "100", "3.5")
    assert (hkd.extra or {})["converted"] == "true"
    assert (usd.currency, usd.total, usd.equity) == ("USD", "0.8", None)


def test_an_account_of_one_market_has_that_markets_currency() -> None:
    (balance,) = convert_account.balances(funds_message(), 2, "main", 1)
    assert (balance.currency, balance.total, balance.frozen, balance.available) == ("USD", "10.25", "0.75", "9.5")


def test_money_of_no_known_currency_is_refused() -> None:
    with pytest.raises(convert_orders.Untellable, match="currency"):
        convert_account.balances(funds_message(), 5, "main", 1)


# --- market data ------------------------------------------------------------------------------------------------


def book_message(**changes: Any) -> Any:
    message = quote_pb2.UpdateOrderBook.S2C(**changes)
    message.security.market, message.security.code = 1, "00700"
    for i in range(3):
        message.orderBookBidList.add(price=480.0 - i * 0.2, volume=100 * (i + 1), orederCount=1)
        message.orderBookAskList.add(price=480.2 + i * 0.2, volume=100 * (i + 1), orederCount=1)
    return message


READ = {"UpdateOrderBook.S2C": quote_pb2.BookLevels.S2C, "UpdateTicker.S2C": quote_pb2.TickerPush.S2C,
        "UpdateKL.S2C": quote_pb2.BarPush.S2C, "BasicQot": quote_pb2.QuotePush.BasicQot}  # fmt: skip


def as_read(message: Any) -> Any:
    """Return a message as the session reads it: with what repeats still bytes."""
    name = message.DESCRIPTOR.full_name.removeprefix("venuebus.futu.")
    return READ[name].FromString(message.SerializePartialToString())


def test_a_book_is_whole_and_its_top_a_quote() -> None:
    book = convert_market.book(as_read(book_message(svrRecvTimeBidTimestamp=1.5, svrRecvTimeAskTimestamp=2.5)), 9)
    assert book is not None
    assert book.bids == [("480", "100"), ("479.8", "200"), ("479.6", "300")]
    assert (book.ts_venue, book.depth) == (2_500_000_000, 3)
    quote = convert_market.quote(as_read(book_message()), 9)
    assert quote is not None
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == ("480", "100", "480.2", "100")


def test_an_empty_side_is_absent_from_the_quote() -> None:
    message = book_message()
    del message.orderBookAskList[:]
    book, quote = convert_market.book(as_read(message), 9), convert_market.quote(as_read(message), 9)
    assert book is not None
    assert quote is not None
    assert (quote.ask, quote.bid, book.asks, book.ts_venue) == (None, "480", [], None)


def test_the_odd_lot_book_is_another_book() -> None:
    assert convert_market.book(as_read(book_message(orderBookType=1)), 9) is None
    assert convert_market.quote(as_read(book_message(orderBookType=1)), 9) is None


def test_a_damaged_level_is_no_level() -> None:
    lacking = book_message()
    lacking.orderBookBidList[1].ClearField("price")
    with pytest.raises(ValueError, match="lacks price"):
        convert_market.book(as_read(lacking), 9)
    broken = as_read(book_message())
    broken.orderBookAskList.append(b"\x09\x00")
    with pytest.raises(ValueError, match="level"):
        convert_market.book(broken, 9)
    strange = book_message()
    strange.orderBookBidList[0].price = float("nan")
    for convert in (convert_market.book, convert_market.quote):
        with pytest.raises(ValueError, match="nan"):
            convert(as_read(strange), 9)


def test_a_fractional_size_wins_over_the_truncated_one() -> None:
    message = book_message()
    message.orderBookBidList[0].hpVolume = 0.125
    book = convert_market.book(as_read(message), 9)
    assert book is not None
    assert book.bids[0] == ("480", "0.125")


def tick(**changes: Any) -> Any:
    fields = {"time": "2021-09-13 16:45:00.604", "sequence": 7001, "dir": 1, "price": 480.2, "volume": 100,
              "turnover": 48020.0, "type": 1, "pushDataType": 1}  # fmt: skip
    message = quote_pb2.UpdateTicker.S2C()
    message.security.market, message.security.code = 1, "00700"
    message.tickerList.add(**{**fields, **changes})
    return message


def test_a_tick_is_a_trade() -> None:
    (trade,), skipped = convert_market.trades(as_read(tick()), 9, regular_only=True)
    assert (trade.symbol, trade.price, trade.size, trade.aggressor, trade.trade_id) == (
        "HK.00700", "480.2", "100", Side.BUY, "7001",
    )  # fmt: skip
    assert (trade.ts_venue, skipped) == (1631522700_604_000_000, 0)
    assert convert_market.trades(as_read(tick(dir=3)), 9, regular_only=True)[0][0].aggressor is None


@pytest.mark.parametrize(
    ("changes", "regular", "all_of_them"),
    [({"type": 6}, 0, 1), ({"type": 24}, 0, 1), ({"pushDataType": 3}, 0, 0), ({"pushDataType": 2}, 1, 1)],
)
def test_prints_that_are_not_the_markets_price_can_be_left_out(
    changes: dict[str, int], regular: int, all_of_them: int
) -> None:
    assert len(convert_market.trades(as_read(tick(**changes)), 9, regular_only=True)[0]) == regular
    assert len(convert_market.trades(as_read(tick(**changes)), 9, regular_only=False)[0]) == all_of_them


def quote_message(**changes: Any) -> Any:
    fields = {
        "isSuspended": False, "listTime": "2004-06-16", "priceSpread": 0.2, "updateTime": "2021-09-13 16:45:00",
        "highPrice": 0.0, "openPrice": 0.0, "lowPrice": 0.0, "curPrice": 480.0, "lastClosePrice": 479.0, "volume": 0,
        "turnover": 0.0, "turnoverRate": 0.0, "amplitude": 0.0,
    }  # fmt: skip
    message = quote_pb2.BasicQot(**{**fields, **changes})
    message.security.market, message.security.code = 1, "00700"
    return message


def test_prices_of_a_day_that_has_not_begun_are_absent() -> None:
    ticker = convert_market.ticker(as_read(quote_message(secStatus=1)), 9)
    assert (ticker.last, ticker.open, ticker.high, ticker.prev_close) == ("480", None, None, "479")
    assert (ticker.volume, ticker.status, ticker.ts_venue) == ("0", "normal", 1631522700_000_000_000)


def test_a_futures_ticker_tells_open_interest_and_settlement() -> None:
    message = quote_message(isSuspended=True)
    message.futureExData.lastSettlePrice, message.futureExData.position = 23490.0, 1234
    message.futureExData.positionChange = -5
    ticker = convert_market.ticker(as_read(message), 9)
    assert (ticker.open_interest, ticker.settlement, ticker.status) == ("1234", "23490", "suspended")


def test_bars_are_told_by_their_type_and_only_the_newest_may_change() -> None:
    message = quote_pb2.UpdateKL.S2C(rehabType=1, klType=6)
    message.security.market, message.security.code = 11, "AAPL"
    for i in range(2):
        message.klList.add(
            time=f"2021-09-13 10:0{i}:00", isBlank=False, highPrice=3.0, openPrice=1.0, lowPrice=0.5, closePrice=2.0,
            volume=7, turnover=14.0,
        )  # fmt: skip
    message.klList.add(time="2021-09-13 10:10:00", isBlank=True)
    first, second = convert_market.bars(as_read(message), 9)
    assert (first.symbol, first.interval, first.final, second.final) == ("US.AAPL", "5m", True, False)
    assert (first.open, first.high, first.low, first.close, first.volume) == ("1", "3", "0.5", "2", "7")
    assert first.ts_open == 1631541600_000_000_000
    message.klType = 99
    with pytest.raises(ValueError, match="99"):
        convert_market.bars(as_read(message), 9)


def test_an_option_is_an_instrument_with_strike_right_and_underlying() -> None:
    info = quote_pb2.SecurityStaticInfo()
    info.basic.security.market, info.basic.security.code = 11, "AAPL250926C235000"
    info.basic.id, info.basic.lotSize, info.basic.secType = 1, 100, 8
    info.basic.name, info.basic.listTime, info.basic.exchType = "AAPL 250926 235.00C", "", 8
    info.optionExData.type, info.optionExData.strikeTime, info.optionExData.strikePrice = 1, "2025-09-26", 235.0
    info.optionExData.owner.market, info.optionExData.owner.code = 11, "AAPL"
    item = convert_market.instrument(info, 9)
    assert (item.kind, item.right, item.strike, item.expiry) == (InstrumentKind.OPTION, Right.CALL, "235", "2025-09-26")
    assert (item.underlying, item.multiplier, item.lot_size) == ("US.AAPL", "100", "1")


# --- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [("此协议请求太频繁,触发了频率限制,请稍后再试", "rate_limited"), ("Please unlock trade first", "unauthorized"),
     ("购买力不足", "insufficient_funds"), ("订单不存在", "unknown_order"), ("quantity is not a multiple", "quantity"),
     ("price is out of the tick", "price"), ("market is closed", "market_closed"), ("未知股票", "unknown_symbol"),
     ("模拟交易不支持", "unsupported"), ("something else", "venue_rejected")],
)  # fmt: skip
def test_refusals_have_reasons(text: str, reason: str) -> None:
    with pytest.raises(CommandRejected) as caught:
        refusals.check(trade_pb2.PlaceOrder.Response(retType=-1, retMsg=text), "PlaceOrder")
    assert (caught.value.reason, str(caught.value), caught.value.venue_status) == (reason, text, "-1")


@pytest.mark.parametrize(
    ("ret_type", "text"),
    [
        (-1, "NN_ProtoRet_TimeOut"),
        (-1, "请求超时"),
        (-1, "网络中断"),
        (-100, ""),
        (-200, "x"),
        (-400, "x"),
        (-500, "x"),
        (7, "x"),
    ],
)
def test_an_answer_that_proves_nothing_is_no_refusal(ret_type: int, text: str) -> None:
    with pytest.raises(OutcomeUnknown):
        refusals.check(trade_pb2.PlaceOrder.Response(retType=ret_type, retMsg=text), "PlaceOrder")
