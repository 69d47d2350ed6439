"""Order states, blanks, old names, quote-sized orders, OCO legs: what the venue's rows mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from venuebus.testing import RecordingContext
from venuebus_btse.account import SETTLE, AccountFeed
from venuebus_btse.config import BtseConfig
from venuebus_btse.messages import FillRow, OrderRow, loads, read
from venuebus_btse.numbers import Malformed
from venuebus_btse.protocol import LoggedIn, Noise, Notices, Refusals, Refused, read_oss, read_spot
from venuebus_schemas import Fill, Order, OrderStatus, OrderType, Side

NOW = 1_700_000_000_000_000_000


@pytest.fixture
def ctx() -> RecordingContext:
    return RecordingContext(BtseConfig(plugin="btse"))


@pytest.fixture
def feed(ctx: RecordingContext) -> AccountFeed:
    return AccountFeed(ctx, "main")


def row(**fields: Any) -> OrderRow:
    base = {"symbol": "BTC-USD", "side": "BUY", "orderType": 76, "orderID": "o1", "clOrderID": "c1", "price": "34000",
            "timestamp": 1624985375123, "originalOrderBaseSize": "1", "orderCurrency": "base"}  # fmt: skip
    return read(OrderRow, loads(json.dumps({**base, **fields})))


def live(**fields: Any) -> Order:
    base: dict[str, Any] = {"account": "main", "symbol": "BTC-USD", "side": Side.BUY, "order_type": OrderType.LIMIT,
                            "status": OrderStatus.NEW, "quantity": "1", "filled_quantity": "0",
                            "client_order_id": "c1", "venue_order_id": "o1"}  # fmt: skip
    return Order(**{**base, **fields})


@pytest.mark.parametrize(
    ("number", "status"),
    [(2, "new"), (4, "filled"), (5, "partially_filled"), (6, "canceled"), (7, "canceled"), (9, "new"),
     (10, "triggered"), (123, "new")],
)  # fmt: skip
def test_notified_states(feed: AccountFeed, number: int, status: str) -> None:
    order = feed.state(row(status=number), NOW, "notice")
    assert order is not None
    assert (order.status, order.venue_status) == (status, str(number))


@pytest.mark.parametrize("number", [-1, 1, 3, 8, 12, 15, 16, 17, 27, 41, 64, 65, 85, 88, 101, 1003, 1004, 30410, 99999])
def test_numbers_that_are_no_state_change_nothing_and_are_counted(
    ctx: RecordingContext, feed: AccountFeed, number: int
) -> None:
    ctx.orders.append(live())
    feed.on_notices([row(status=number)], NOW)
    assert ctx.events == []
    assert sum(ctx.counts.values()) == 1


def test_a_failed_amend_is_counted_and_the_order_lives_on(ctx: RecordingContext, feed: AccountFeed) -> None:
    ctx.orders.append(live())
    feed.on_notices([row(status=15, symbol="BTC-null", orderType=0, price=0)], NOW)
    assert ctx.events == []
    assert ctx.counts["amend_failed"] == 1


def test_a_live_order_that_lacks_funds_is_asked_for(ctx: RecordingContext, feed: AccountFeed) -> None:
    ctx.orders.append(live())
    feed.on_notices([row(status=8)], NOW)
    assert ctx.events == []
    assert len(ctx.resyncs) == 1


def test_a_blank_row_takes_symbol_and_side_from_what_is_known(ctx: RecordingContext, feed: AccountFeed) -> None:
    ctx.orders.append(live(filled_quantity="0.4", status=OrderStatus.PARTIALLY_FILLED))
    feed.on_notices([read(OrderRow, {"status": 6, "orderID": "o1", "side": "", "symbol": "", "price": 0})], NOW)
    (order,) = ctx.of(Order)
    assert (order.symbol, order.side, order.status) == ("BTC-USD", "buy", "canceled")
    assert (order.price, order.quantity, order.filled_quantity) == (None, None, "0.4")


def test_a_row_about_nothing_we_know_that_names_no_symbol_is_no_event(ctx: RecordingContext, feed: AccountFeed) -> None:
    feed.on_notices([read(OrderRow, {"status": 6, "orderID": "zz", "side": ""})], NOW)
    assert ctx.events == []


def test_real_oddities_of_notifications(feed: AccountFeed) -> None:
    order = feed.state(
        row(status="5", side="MODE_BUY", orderType="76", price="34001.5", maker="true", orderCurrency="USDT",
            originalOrderQuoteSize=0, currentOrderBaseSize="2.0", filledBaseSize="0.3", totalFilledBaseSize="0.50",
            remainingBaseSize="1.5", avgFilledPrice="34000.25", txType="STOP", symbol="BTC-USDT",
            originalOrderBaseSize="1"),
        NOW, "notice",
    )  # fmt: skip
    assert order is not None
    assert (order.quantity, order.quote_quantity, order.leaves_quantity) == ("2", None, "1.5")
    assert (order.filled_quantity, order.avg_fill_price, order.side) == ("0.5", "34000.25", "buy")
    assert order.price is None  # it is the last traded price, not the order's


def test_price_of_a_notification_is_the_orders_when_nothing_traded(feed: AccountFeed) -> None:
    order = feed.state(row(status=123, price=35000.5, filledBaseSize=0, totalFilledBaseSize="0.2"), NOW, "notice")
    assert order is not None
    assert (order.price, order.status) == ("35000.5", "partially_filled")


def test_notifications_come_as_an_object_or_an_array() -> None:
    for data in ('{"status":2}', '[{"status":2}]'):
        message = read_spot(f'{{"topic":"notificationApiV3","data":{data}}}')
        assert isinstance(message, Notices)
        assert [item.status for item in message.rows] == [2]


@pytest.mark.parametrize("names", [
    ("totalFilledBaseSize", "remainingOrderBaseSize", "originalOrderBaseSize"),
    ("filledSize", "remainingSize", "originalSize"), ("fillSize", "remainingBaseSize", "size"),
])  # fmt: skip
def test_sizes_under_new_and_old_names(feed: AccountFeed, names: tuple[str, str, str]) -> None:
    fields = dict(zip(names, (0.25, 0.75, 1.0), strict=True))
    order = feed.state(row(**{"originalOrderBaseSize": None, "status": 5, **fields}), NOW, "query")
    assert order is not None
    assert (order.filled_quantity, order.leaves_quantity, order.quantity) == ("0.25", "0.75", "1")


def test_the_current_size_counts_after_an_amend(feed: AccountFeed) -> None:
    order = feed.state(row(status=123, originalOrderBaseSize=1, currentOrderBaseSize=3), NOW, "reply")
    assert order is not None
    assert order.quantity == "3"


@pytest.mark.parametrize("currency", ["quote", "USD", None])
def test_quote_sized_orders(feed: AccountFeed, currency: str | None) -> None:
    order = feed.state(
        row(status=4, orderType=77, price=0, orderCurrency=currency, originalOrderBaseSize=0,
            originalOrderQuoteSize=250.5, totalFilledBaseSize=0.004), NOW, "reply",
    )  # fmt: skip
    assert order is not None
    assert (order.quantity, order.quote_quantity, order.filled_quantity) == (None, "250.5", "0.004")
    assert (order.order_type, order.price) == ("market", None)


def test_a_market_order_partly_filled_is_over_in_a_reply(feed: AccountFeed) -> None:
    order = feed.state(row(status=5, orderType=77, totalFilledBaseSize=0.4), NOW, "reply")
    assert order is not None
    assert (order.status, order.filled_quantity, order.leaves_quantity) == ("canceled", "0.4", "0")


def test_a_market_order_notified_as_partly_filled_ends_when_nothing_follows(
    ctx: RecordingContext, feed: AccountFeed
) -> None:
    feed.on_notices([row(status=5, orderType=77, totalFilledBaseSize=0.4)], NOW)
    feed.tick(NOW + int(SETTLE * 1e9) - 1)
    assert [order.status for order in ctx.of(Order)] == ["partially_filled"]
    feed.tick(NOW + int(SETTLE * 1e9))
    assert [order.status for order in ctx.of(Order)] == ["partially_filled", "canceled"]
    assert ctx.of(Order)[-1].filled_quantity == "0.4"


def test_a_market_order_that_fills_on_is_not_ended(ctx: RecordingContext, feed: AccountFeed) -> None:
    feed.on_notices([row(status=5, orderType=77, totalFilledBaseSize=0.4)], NOW)
    feed.on_notices([row(status=4, orderType=77, totalFilledBaseSize=1)], NOW)
    feed.tick(NOW + 10**12)
    assert [order.status for order in ctx.of(Order)] == ["partially_filled", "filled"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"orderState": "STATUS_ACTIVE"}, "new"), ({"orderState": "STATUS_ACTIVE", "filledSize": 0.1}, "partially_filled"),
     ({"orderState": "STATUS_ACTIVE", "triggered": True}, "triggered"), ({"orderState": "STATUS_INACTIVE"}, "new")],
)  # fmt: skip
def test_states_of_open_orders(feed: AccountFeed, fields: dict[str, Any], status: str) -> None:
    order = feed.state(row(**fields), NOW, "query")
    assert order is not None
    assert order.status == status


def test_a_trigger_makes_a_stop(feed: AccountFeed) -> None:
    for number, kind in ((77, "stop"), (76, "stop_limit")):
        order = feed.state(row(status=9, orderType=number, triggerPrice=32000), NOW, "reply")
        assert order is not None
        assert (order.order_type, order.trigger_price, order.status) == (kind, "32000", "new")


@pytest.mark.parametrize(
    "bad", [{"status": "many"}, {"price": "NaN"}, {"price": "Infinity"}, {"price": -1}, {"status": 2.5},
            {"price": True}, {"totalFilledBaseSize": "1e400"}, {"timestamp": []}, {"symbol": {}}],
)  # fmt: skip
def test_fields_that_are_nonsense_are_refused_by_name(bad: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match=next(iter(bad))):
        row(**bad)


def test_a_misspelt_fee_and_a_missing_client_id(ctx: RecordingContext, feed: AccountFeed) -> None:
    ctx.orders.append(live())
    row = {"tradeId": "t", "orderId": "o1", "clOrderId": None, "symbol": "BTC-USD", "side": "SELL", "price": "1",
           "size": "2", "freeAmount": "-0.1", "feeCurrency": "USD", "maker": True}  # fmt: skip
    feed.on_fills([read(FillRow, row)], NOW)
    (fill,) = ctx.of(Fill)
    assert (fill.fee, fill.client_order_id, fill.liquidity) == ("-0.1", "c1", "maker")


def test_one_broken_fill_does_not_hide_the_next(ctx: RecordingContext, feed: AccountFeed) -> None:
    good = {"tradeId": "t", "orderId": "o1", "symbol": "BTC-USD", "side": "BUY", "price": "1", "size": "2"}
    with pytest.raises(Malformed):
        feed.on_fills([read(FillRow, {"tradeId": "x"}), read(FillRow, good)], NOW)
    assert [fill.fill_id for fill in ctx.of(Fill)] == ["t"]


# --- OCO ----------------------------------------------------------------------------------------------------


def oco(feed: AccountFeed) -> None:
    feed.pair_up("c1", [row(orderID="L", clOrderID=None), row(orderID="S", clOrderID=None, triggerPrice=40000)])


def notice(order_id: str, status: int, **fields: Any) -> OrderRow:
    trigger = {"triggerPrice": 40000, "price": 40010} if order_id == "S" else {}
    return row(orderID=order_id, clOrderID=None, status=status, txType=3, **{**trigger, **fields})


@pytest.mark.parametrize(
    ("story", "ends"),
    [
        ([("L", 2), ("S", 9), ("S", 6), ("L", 4)], ["new", "new", "new", "filled"]),
        ([("L", 2), ("S", 9), ("L", 4), ("S", 6)], ["new", "new", "filled", "filled"]),
        ([("L", 2), ("S", 9), ("S", 10), ("L", 6), ("S", 4)], ["new", "new", "triggered", "triggered", "filled"]),
        ([("L", 2), ("S", 9), ("L", 6), ("S", 6)], ["new", "new", "new", "canceled"]),
        ([("L", 2), ("S", 9), ("S", 6), ("L", 5), ("L", 4)], ["new", "new", "new", "partially_filled", "filled"]),
    ],
    ids=["limit trades, stop goes first", "limit trades, stop goes last", "stop fires", "canceled", "in two fills"],
)
def test_an_oco_is_one_order_through_its_life(
    ctx: RecordingContext, feed: AccountFeed, story: list[tuple[str, int]], ends: list[str]
) -> None:
    oco(feed)
    for name, status in story:
        filled = {4: "1", 5: "0.5"}.get(status, "0")
        feed.on_notices([notice(name, status, totalFilledBaseSize=filled)], NOW)
    orders = ctx.of(Order)
    assert [order.status for order in orders] == ends
    assert {order.client_order_id for order in orders} == {"c1"}
    assert {order.order_type for order in orders} == {OrderType.OCO}
    assert orders[-1].venue_order_ids == {"limit": "L", "stop": "S"}


def test_legs_that_are_notified_before_the_reply_wait_for_it(ctx: RecordingContext, feed: AccountFeed) -> None:
    feed.placing()
    feed.on_notices([notice("L", 2), notice("S", 9)], NOW)
    assert ctx.events == []
    oco(feed)
    feed.placed()
    assert [order.client_order_id for order in ctx.of(Order)] == ["c1", "c1"]


def test_a_fill_of_a_leg_names_the_order(ctx: RecordingContext, feed: AccountFeed) -> None:
    oco(feed)
    feed.on_fills([read(FillRow, {"tradeId": "t", "orderId": "S", "symbol": "BTC-USD", "side": "BUY", "price": "1",
                                  "size": "2"})], NOW)  # fmt: skip
    assert ctx.of(Fill)[0].client_order_id == "c1"


def test_legs_are_found_again_after_a_restart_by_what_the_bridge_knows(
    ctx: RecordingContext, feed: AccountFeed
) -> None:
    ctx.orders.append(live(order_type=OrderType.OCO, venue_order_id="L", venue_order_ids={"limit": "L", "stop": "S"}))
    feed.on_notices([notice("S", 10)], NOW)
    (order,) = ctx.of(Order)
    assert (order.client_order_id, order.order_type, order.status) == ("c1", "oco", "triggered")


# --- texts and refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "success"),
    [('{"event":"login","success":true}', True), ('{"event":"login","success":false}', False),
     ("AUTHENTICATE ERROR", False), ("user is authenticated successfully", True)],
)  # fmt: skip
def test_logins_are_answered_in_json_and_in_the_older_texts(text: str, success: bool) -> None:
    message = read_spot(text)
    assert isinstance(message, LoggedIn)
    assert message.success is success


def test_the_greeting_is_no_answer_to_a_login() -> None:
    assert isinstance(read_spot("UNLOGIN_USER connect success"), Noise)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('{"severity":"ERROR","errors":[{"arg":"update:X_0","error":{"code":1000,"message":"no"}}]}',
         Refused("update:X_0", "1000", "no")),
        ('{"severity":"ERROR","error":[{"arg":"update:X_0","errorCode":"MARKET_PAIR_NOT_SUPPORT"}]}',
         Refused("update:X_0", "1000", "MARKET_PAIR_NOT_SUPPORT")),
        ('{"severity":"ERROR","errors":[{"error":{"code":1007,"message":"full"}}]}', Refused("", "1007", "full")),
    ],
    ids=["since 2023", "before", "without a topic"],
)  # fmt: skip
def test_errors_of_both_ages(frame: str, expected: Refused) -> None:
    assert read_oss(frame) == read_spot(frame) == Refusals([expected])


@pytest.mark.parametrize(
    "frame",
    ["", "\x00\x01{]not a message", "[]", "{", '{"topic":"update:X_0","data":{"symbol":"X"', '{"topic":5}',
     '{"topic":"update:X_0","data":{"symbol":"X","bids":[["1"]],"asks":[]}}',
     '{"topic":"update:X_0","data":{"symbol":"X","bids":{},"asks":[]}}', "{" * 3000, '"text"'],
)  # fmt: skip
def test_broken_frames_are_refused_and_nothing_else(frame: str) -> None:
    with pytest.raises(Malformed):
        read_oss(frame)


def test_levels_as_numbers_are_exact() -> None:
    message = read_oss(
        '{"topic":"update:X_0","data":{"symbol":"X","type":"snapshot","seqNum":"7","prevSeqNum":6,'
        '"bids":[[0.1,1e-7]],"asks":[["0.30",25]],"timestamp":1}}'
    )
    assert (message.bids, message.asks, message.seqNum) == ([("0.1", "0.0000001")], [("0.30", "25")], 7)  # type: ignore[union-attr]
