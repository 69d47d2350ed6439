"""Every message of the venue's API document, by its title there, as the event a trader expects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from venuebus import CommandRejected
from venuebus.testing import RecordingContext
from venuebus_btse.account import AccountFeed
from venuebus_btse.answers import Answer, order_rows
from venuebus_btse.books import Change, OrderBook
from venuebus_btse.commands import _refuse_rows
from venuebus_btse.config import BtseConfig
from venuebus_btse.convert import instrument, quote, ticker, trade
from venuebus_btse.market import MarketFeed
from venuebus_btse.messages import BookData, FillRow, MarketRow, OrderRow, loads, read, read_all
from venuebus_btse.numbers import Malformed
from venuebus_btse.protocol import Agreed, Fills, Notices, Pong, Trades, operation, read_oss, read_spot
from venuebus_btse.resync import read_book
from venuebus_schemas import (
    BookDelta,
    Fill,
    Instrument,
    InstrumentKind,
    Order,
    OrderStatus,
    OrderType,
    Quote,
    Reason,
    Side,
    Ticker,
    TimeInForce,
    Trade,
)

NOW = 1_700_000_000_000_000_000
SIZES = """"originalOrderBaseSize":10,"originalOrderQuoteSize":null,"currentOrderBaseSize":10,
    "currentOrderQuoteSize":null,"filledBaseSize":0,"totalFilledBaseSize":0,"remainingBaseSize":10,"remainingQuoteSize":null,"orderCurrency":"base\""""


@pytest.fixture
def ctx() -> RecordingContext:
    return RecordingContext(BtseConfig(plugin="btse"))


@pytest.fixture
def feed(ctx: RecordingContext) -> AccountFeed:
    return AccountFeed(ctx, "main")


def rows(text: str) -> list[OrderRow]:
    return order_rows(Answer(200, text.encode()))


def known(order_type: OrderType = OrderType.LIMIT, **fields: Any) -> Order:
    base: dict[str, Any] = {"account": "main", "symbol": "BTC-USD", "side": Side.BUY, "order_type": order_type,
                            "status": OrderStatus.NEW, "filled_quantity": "0", "client_order_id": "my-1"}  # fmt: skip
    return Order(**{**base, **fields})


# --- public REST --------------------------------------------------------------------------------------------

SUMMARY = """[{"symbol": "BTC-USD", "last": 36976, "lowestAsk": 37012, "highestBid": 36972,
  "percentageChange": -4.633438649, "volume": 81456627.51106991, "high24Hr": 39478.5, "low24Hr": 36821.5,
  "base": "BTC", "quote": "USD", "active": true, "size": 2117.88522, "minValidPrice": 0.01, "minPriceIncrement": 0.5,
  "minOrderSize": 0.00001, "maxOrderSize": 2000, "minSizeIncrement": 0.00001, "openInterest": 0,
  "openInterestUSD": 0, "contractStart": 0, "contractEnd": 0, "timeBasedContract": false, "openTime": 0,
  "closeTime": 0, "startMatching": 0, "inactiveTime": 0, "fundingRate": 0, "contractSize": 0, "maxPosition": 0,
  "minRiskLimit": 0, "maxRiskLimit": 0, "availableSettlement": null, "futures": false, "isMarketOpenToOtc": false,
  "isMarketOpenToSpot": true}]"""


def test_market_summary() -> None:
    (row,) = read_all(MarketRow, loads(SUMMARY))
    assert instrument(row, NOW) == Instrument(
        symbol="BTC-USD", venue_symbol="BTC-USD", kind=InstrumentKind.SPOT, base="BTC", quote="USD", currency="USD",
        exchange="BTSE", tick_size="0.5", lot_size="0.00001", min_quantity="0.00001", max_quantity="2000",
        tradable=True, ts_recv=NOW,
    )  # fmt: skip
    assert ticker(row, NOW) == Ticker(
        symbol="BTC-USD", last="36976", high="39478.5", low="36821.5", volume="2117.88522",
        turnover="81456627.51106991", status="active", ts_recv=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bid", "bid_size", "ask", "ask_size", "timestamp"),
    [("36371.0", "0.01485", "36380.5", "0.01782", 1624989459489),
     ("36235.0", "7.67500", "36241.5", "0.60200", 1624989977940)],
    ids=["orderbook by grouping", "orderbook L2"],
)  # fmt: skip
def test_rest_order_books(bid: str, bid_size: str, ask: str, ask_size: str, timestamp: int) -> None:
    payload = {"buyQuote": [{"price": bid, "size": bid_size}], "sellQuote": [{"price": ask, "size": ask_size}],
               "timestamp": timestamp, "symbol": "BTC-USD"}  # fmt: skip
    book = read_book(payload, NOW, 50)
    assert (book.bids, book.asks, book.ts_venue) == ([(bid, bid_size)], [(ask, ask_size)], timestamp * 1_000_000)


# --- replies to orders --------------------------------------------------------------------------------------

CREATED = (
    """[{"status": 2, "symbol": "BTC-USD", "orderType": 80, "price": 22062.5, "side": "BUY",
  "orderID": "990db9b6-2ed4-4c68-b46e-827c88cc3884", "timestamp": 1660208800123, "triggerPrice": 0.0,
  "stopPrice": null, "trigger": false, "message": "", "avgFilledPrice": 0.0, "clOrderID": null, "stealth": 0.1,
  "deviation": -0.1, "postOnly": false, "time_in_force": "GTC", %s}]"""
).replace("%s", SIZES)


def test_create_order_response(feed: AccountFeed) -> None:
    assert feed.reply(rows(CREATED), NOW) == Order(
        account="main", symbol="BTC-USD", side=Side.BUY, order_type=OrderType.PEG, status=OrderStatus.NEW,
        quantity="10", filled_quantity="0", leaves_quantity="10", price="22062.5", time_in_force=TimeInForce.GTC,
        venue_order_id="990db9b6-2ed4-4c68-b46e-827c88cc3884", venue_status="2",
        ts_created=1660208800123_000000, ts_venue=1660208800123_000000, ts_recv=NOW,
        extra={"deviation": "-0.1", "stealth": "0.1"},
    )  # fmt: skip


def leg(order_id: str, **fields: Any) -> dict[str, Any]:
    base = {"status": 6, "symbol": "BTC-USD", "orderType": 76, "price": 24000.0, "side": "BUY", "orderID": order_id,
            "timestamp": 1660211562864, "triggerPrice": 0.0, "stopPrice": None, "trigger": False, "message": "",
            "avgFilledPrice": 0.0, "clOrderID": None, "stealth": 1.0, "deviation": 1.0, "postOnly": False,
            "time_in_force": "GTC", **json.loads("{%s}" % SIZES)}  # noqa: UP031  # fmt: skip
    return {**base, **fields}


LIMIT_LEG, STOP_LEG = "2b672b4b-77c1-4abf-ba30-df3e82a147b0", "7ccf5398-fddd-4d07-a89c-a4f2e72b64ce"
OCO_CREATED = json.dumps([
    leg(LIMIT_LEG, status=2), leg(STOP_LEG, status=9, price=40010.0, triggerPrice=40000.0, trigger=True),
])  # fmt: skip


def test_create_oco_response_is_one_order_that_names_both_legs(feed: AccountFeed) -> None:
    reply = rows(OCO_CREATED)
    feed.pair_up("my-1", reply)
    order = feed.reply(reply, NOW, known(OrderType.OCO))
    assert order is not None
    assert (order.order_type, order.status, order.client_order_id) == (OrderType.OCO, OrderStatus.NEW, "my-1")
    assert order.venue_order_ids == {"limit": LIMIT_LEG, "stop": STOP_LEG}
    assert (order.price, order.trigger_price, order.quantity) == ("24000", "40000", "10")
    assert order.extra == {"stop_price": "40010"}


def test_cancel_oco_response_cancels_the_one_order(feed: AccountFeed) -> None:
    reply = json.dumps([
        leg("e3806536-776c-4d8f-8436-bde12a79620b", price=23000.0, clOrderID=""),
        leg("ad4d0eeb-81a1-48f4-86c3-90436bb53718", price=0.0, triggerPrice=40010.0, trigger=True, clOrderID=""),
    ])  # fmt: skip
    order = known(OrderType.OCO, venue_order_ids={
        "limit": "e3806536-776c-4d8f-8436-bde12a79620b", "stop": "ad4d0eeb-81a1-48f4-86c3-90436bb53718",
    })  # fmt: skip
    after = feed.reply(rows(reply), NOW, order)
    assert after is not None
    assert (after.status, after.price, after.trigger_price, after.leaves_quantity) == (
        OrderStatus.CANCELED, "23000", "40010", "0",
    )  # fmt: skip


def test_cancel_response(feed: AccountFeed) -> None:
    text = json.dumps([leg("9be4a6bb-bf56-4a81-a105-2a22c9629a48", clOrderID="jack-test-1", timestamp=1660278598333)])
    order = feed.reply(rows(text), NOW)
    assert order is not None
    assert (order.status, order.client_order_id, order.price) == (OrderStatus.CANCELED, "jack-test-1", "24000")
    assert (order.quantity, order.filled_quantity, order.leaves_quantity) == ("10", "0", "0")


AMEND_FAILED = json.dumps([
    leg("25248336-66d8-41ff-99fd-83489c4e6029", status=15, symbol="BTC-null", orderType=0, price=0.0, clOrderID="",
        stealth=0.0, deviation=0.0, timestamp=1660277763249),
])  # fmt: skip


def test_amend_response_of_the_document_is_a_failed_amend_and_the_order_lives_on(feed: AccountFeed) -> None:
    reply = rows(AMEND_FAILED)
    with pytest.raises(CommandRejected) as caught:
        _refuse_rows(reply, "")
    assert caught.value.reason is Reason.VENUE_REJECTED
    assert caught.value.venue_status == "15"
    assert feed.reply(reply, NOW, known(venue_order_id="25248336-66d8-41ff-99fd-83489c4e6029")) is None


# --- questions ----------------------------------------------------------------------------------------------


def test_query_order_response(feed: AccountFeed) -> None:
    text = """{"orderID": "<Order UUID>", "symbol": "BTC-USDT", "quote": "USDT", "status": 6, "orderType": 76,
      "price": 30000, "side": "SELL", "orderValue": 0.300102, "trailValue": 0, "avgFilledPrice": 0,
      "clOrderID": "<Client OrderID>", "timeInForce": "GTC", "timestamp": 1697766317422, "pegPriceMin": 0,
      "pegPriceMax": 0, "pegPriceDeviation": 0, "triggerOrder": false, "triggerPrice": 0, "triggerOriginalPrice": 0,
      "triggerOrderType": 0, "triggerTrailingStopDeviation": 0, "triggerStopPrice": 0, "triggered": false,
      "originalOrderBaseSize":10, "originalOrderQuoteSize":null, "currentOrderBaseSize":10,
      "currentOrderQuoteSize":null, "totalFilledBaseSize":0, "remainingBaseSize":10, "remainingQuoteSize":null,
      "orderCurrency":"base"}"""
    assert feed.state(read(OrderRow, loads(text)), NOW, "query") == Order(
        account="main", symbol="BTC-USDT", side=Side.SELL, order_type=OrderType.LIMIT, status=OrderStatus.CANCELED,
        quantity="10", filled_quantity="0", leaves_quantity="0", price="30000", time_in_force=TimeInForce.GTC,
        client_order_id="<Client OrderID>", venue_order_id="<Order UUID>", venue_status="6",
        ts_created=1697766317422_000000, ts_venue=1697766317422_000000, ts_recv=NOW,
    )  # fmt: skip


def test_open_orders_response_with_nothing_but_the_old_size_fields(feed: AccountFeed) -> None:
    text = """[{"orderType": 76, "price": 35000.0, "size": 0.01, "side": "BUY", "orderValue": 350.0,
      "filledSize": 0.0, "pegPriceMin": 0.0, "pegPriceMax": 0.0, "pegPriceDeviation": 0.0, "cancelDuration": 0,
      "timestamp": 1660291619263, "orderID": "3c9c9c1f-8fef-43d0-82c7-ccef67435b14", "triggerOrder": false,
      "triggerPrice": 0.0, "triggerOriginalPrice": 0.0, "triggerOrderType": 0, "triggerTrailingStopDeviation": 0.0,
      "triggerStopPrice": 0.0, "symbol": "BTC-USD", "trailValue": 0.0, "avgFilledPrice": 0.0, "fillSize": 0.0,
      "clOrderID": "_yndef1660291619198", "orderState": "STATUS_ACTIVE", "timeInForce": "GTC", "triggered": false}]"""
    order = feed.state(rows(text)[0], NOW, "query")
    assert order is not None
    assert (order.status, order.quantity, order.filled_quantity, order.price) == (OrderStatus.NEW, "0.01", "0", "35000")
    assert (order.client_order_id, order.venue_status) == ("_yndef1660291619198", "STATUS_ACTIVE")


HISTORY = """[{"tradeId": "9c6d016f-fbe3-4f82-aecc-8163e9220397", "orderId": "ba0b69ae-991e-494a-afcb-bfbaeb1adc55",
  "clOrderID": "_W_dmoryhbw1698118893191", "username": "btse", "side": "BUY", "orderType": 77, "triggerType": 0,
  "price": 34799.000000025, "size": 0.4, "filledPrice": 34799.000000025, "filledSize": 0.00001, "triggerPrice": 0,
  "base": "BTC", "quote": "USDT", "symbol": "BTC-USDT", "feeCurrency": "BTC", "feeAmount": 0.000000006,
  "wallet": "SPOT@", "realizedPnl": 0, "total": 0, "serialId": 94711228, "timestamp": 1698118893000,
  "avgFilledPrice": 34799.000000025}]"""


def test_trade_history_response_counts_the_fill_and_not_the_order(feed: AccountFeed) -> None:
    (row,) = read_all(FillRow, loads(HISTORY))
    assert feed.fill(row, NOW) == Fill(
        account="main", symbol="BTC-USDT", fill_id="9c6d016f-fbe3-4f82-aecc-8163e9220397", side=Side.BUY,
        price="34799.000000025", quantity="0.00001", venue_order_id="ba0b69ae-991e-494a-afcb-bfbaeb1adc55",
        client_order_id="_W_dmoryhbw1698118893191", fee="0.000000006", fee_currency="BTC",
        ts_venue=1698118893000_000000, ts_recv=NOW, extra={"serial_id": "94711228"},
    )  # fmt: skip


# --- order books over WebSocket -----------------------------------------------------------------------------


def test_oss_l1_snapshot() -> None:
    frame = """{"topic": "snapshotL1:BTC-USD", "data": {"bids": [["28016.7", "1.48063"]],
      "asks": [["28033.6", "1.34133"]], "type": "snapshotL1", "symbol": "BTC-USD", "timestamp": 1680750154232}}"""
    message = read_oss(frame)
    assert isinstance(message, BookData)
    assert quote(message, NOW) == Quote(
        symbol="BTC-USD", bid="28016.7", bid_size="1.48063", ask="28033.6", ask_size="1.34133",
        ts_venue=1680750154232_000000, ts_recv=NOW,
    )  # fmt: skip


BOOK_SNAPSHOT = """{"topic": "update:BTC-USD_0", "data": {
  "bids": [["59252.5", "0.06865"], ["59249.0", "0.24000"], ["59235.5", "0.16073"], ["59235.0", "0.26626"],
           ["59233.0", "0.50000"]],
  "asks": [["59292.0", "0.50000"], ["59285.5", "0.24000"], ["59285.0", "0.15598"], ["59282.5", "0.06829"],
           ["59278.5", "0.01472"]],
  "seqNum": 628282, "prevSeqNum": 628281, "type": "snapshot", "timestamp": 1565135165600, "symbol": "BTC-USD"}}"""
BOOK_DELTA = """{"topic": "update:BTC-USD", "data": {"bids": [], "asks": [["59367.5", "2.15622"], ["59325.5", "0"]],
  "seqNum": 628283, "prevSeqNum": 628282, "type": "delta", "timestamp": 1565135165600, "symbol": "BTC-USD"}}"""


def test_order_book_snapshot_and_its_delta_though_their_topics_differ(ctx: RecordingContext) -> None:
    market = MarketFeed(ctx, lambda symbol: None)
    market.want(["BTC-USD"], ["book", "book_delta"])
    for frame in (BOOK_SNAPSHOT, BOOK_DELTA):
        message = read_oss(frame)
        assert isinstance(message, BookData)
        market.on_book(message, NOW)
    first, deltas, second = ctx.events
    assert (first.bids[0], first.asks[0]) == (("59252.5", "0.06865"), ("59278.5", "0.01472"))  # type: ignore[attr-defined]
    assert [price for price, _ in first.asks] == ["59278.5", "59282.5", "59285.0", "59285.5", "59292.0"]  # type: ignore[attr-defined]
    assert deltas == BookDelta(
        symbol="BTC-USD", bids=[], asks=[("59367.5", "2.15622"), ("59325.5", "0")], venue_seq=628283,
        prev_venue_seq=628282, ts_venue=1565135165600_000000, ts_recv=NOW,
    )  # fmt: skip
    assert second.asks[-1] == ("59367.5", "2.15622")  # type: ignore[attr-defined]


def test_a_book_keeps_its_levels_exactly_as_the_venue_wrote_them() -> None:
    book = OrderBook("BTC-USD")
    message = read_oss(BOOK_SNAPSHOT)
    assert isinstance(message, BookData)
    assert book.apply(message) is Change.SNAPSHOT
    assert ("59249.0", "0.24000") in book.bids.levels


# --- the other WebSocket ------------------------------------------------------------------------------------


def test_ping_and_pong() -> None:
    assert read_spot("pong") == read_oss("pong") == Pong()


def test_subscribe_request_and_response() -> None:
    topics = ["tradeHistoryApi:BTC-USD"]
    assert json.loads(operation("subscribe", topics)) == {"op": "subscribe", "args": topics}
    assert read_spot('{"event": "subscribe", "channel": ["tradeHistoryApi:BTC-USD"]}') == Agreed("subscribe", topics)


def test_public_trade() -> None:
    message = read_spot("""{"topic": "tradeHistoryApi:BTC-USD", "data": [{"symbol": "BTC-USD", "side": "SELL",
      "size": 0.007, "price": 5302.8, "tradeId": 118974855, "timestamp": 1584446020295}]}""")
    assert isinstance(message, Trades)
    assert [trade(row, NOW) for row in message.rows] == [
        Trade(symbol="BTC-USD", price="5302.8", size="0.007", aggressor=Side.SELL, trade_id="118974855",
              ts_venue=1584446020295_000000, ts_recv=NOW)
    ]  # fmt: skip


NOTICE = """{"topic": "notificationApiV3", "data": {"symbol": "Market Symbol (eg. BTC-USD)",
  "orderID": "BTSE internal order ID", "side": "BUY", "orderType": "76", "price": "Order price or transacted price",
  "avgFilledPrice": 35000, "status": "<Refer to Status description on the left>", "clOrderID": "<Client order ID>",
  "maker": "<Maker flag, if true indicates that trade is a maker trade>", "stealth": 1, "timestamp": 1624985375123,
  "pegPriceDeviation": "Indicate the deviation percentage. Valid for only algo orders.",
  "time_in_force": "<Time where this order is valid>", "txType": 0, "triggerPrice": "Trade Trigger Price",
  "originalOrderBaseSize":10, "originalOrderQuoteSize":null, "currentOrderBaseSize":10,
  "currentOrderQuoteSize":null, "filledBaseSize":0, "totalFilledBaseSize":0, "remainingBaseSize":10,
  "remainingQuoteSize":null, "orderCurrency":"base"}}"""


def test_notification_with_its_descriptions_in_place_of_numbers_is_not_guessed_at() -> None:
    with pytest.raises(Malformed, match="status"):
        read_spot(NOTICE)


@pytest.mark.parametrize("number", ["2", '"2"'], ids=["number", "text"])
def test_notification_with_its_descriptions_filled_in(ctx: RecordingContext, feed: AccountFeed, number: str) -> None:
    frame = (
        NOTICE.replace('"Order price or transacted price"', '"34000.50"')
        .replace('"<Refer to Status description on the left>"', number)
        .replace('"Indicate the deviation percentage. Valid for only algo orders."', "1.0")
        .replace('"Trade Trigger Price"', '"0"').replace('"<Time where this order is valid>"', '"FIVEMIN"')
        .replace("Market Symbol (eg. BTC-USD)", "BTC-USD").replace('"avgFilledPrice": 35000', '"avgFilledPrice": 0')
    )  # fmt: skip
    message = read_spot(frame)
    assert isinstance(message, Notices)
    feed.on_notices(message.rows, NOW)
    assert ctx.events == [Order(
        account="main", symbol="BTC-USD", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW,
        quantity="10", filled_quantity="0", leaves_quantity="10", price="34000.5", time_in_force=TimeInForce.OTHER,
        client_order_id="<Client order ID>", venue_order_id="BTSE internal order ID", venue_status="2",
        ts_venue=1624985375123_000000, ts_recv=NOW, extra={"time_in_force": "FIVEMIN"},
    )]  # fmt: skip


def test_user_fill_with_its_descriptions_filled_in(ctx: RecordingContext, feed: AccountFeed) -> None:
    message = read_spot("""{"topic": "fills", "data": [{"orderId": "order id", "serialId": "94711228",
      "clOrderId": "Client Order ID", "type": "76", "symbol": "BTC-USD", "side": "BUY", "price": "34799.00",
      "size": "0.00100", "feeAmount": "0.0000006", "feeCurrency": "BTC", "base": "BTC", "quote": "USD",
      "maker": "taker", "timestamp": "1624985375123", "tradeId": "Trade Unique ID"}]}""")
    assert isinstance(message, Fills)
    feed.on_fills(message.rows, NOW)
    (fill,) = ctx.of(Fill)
    assert (fill.fill_id, fill.price, fill.quantity, fill.fee) == ("Trade Unique ID", "34799", "0.001", "0.0000006")
    assert (fill.liquidity, fill.fee_currency, fill.ts_venue) == ("taker", "BTC", 1624985375123_000000)
