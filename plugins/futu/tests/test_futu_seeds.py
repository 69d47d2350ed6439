"""Every example output of the order push in the official documentation, Chinese and English: the canonical order.

The samples are JSON printed by the SDKs of five languages. The same push is given in both forms that OpenD can send,
protobuf and JSON, and must come out the same.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from venuebus_futu import convert_orders, frame, messages
from venuebus_futu.pb import trade_pb2
from venuebus_futu.protocol import Connection, Message
from venuebus_schemas import Order, OrderStatus, OrderType, Side, TimeInForce

CHINESE, ENGLISH = "腾讯控股", "Tencent"

JAVA = {
    "retType": 0, "retMsg": "", "errCode": 0,
    "s2c": {
        "header": {"trdEnv": 0, "accID": "3450309", "trdMarket": 1},
        "orderList": [{
            "trdSide": 1, "orderType": 5, "orderStatus": 11, "orderID": "5185261023022402893", "orderIDEx": "2691191",
            "code": "00700", "name": CHINESE, "qty": 100.0, "price": 594.0, "createTime": "2021-06-25 11:38:30",
            "updateTime": "2021-06-25 11:38:30", "fillQty": 100.0, "fillAvgPrice": 594.0, "secMarket": 1,
            "createTimestamp": 1.62459231e9, "updateTimestamp": 1.62459231e9, "remark": "", "timeInForce": 0,
        }],
    },
}  # fmt: skip


def cpp(status: int, updated: str, updated_s: float) -> dict[str, Any]:
    return {
        "retType": 0,
        "s2c": {
            "header": {"trdEnv": 0, "accID": "3637840", "trdMarket": 1},
            "order": {
                "trdSide": 1, "orderType": 5, "orderStatus": status, "orderID": "3964487190993133422",
                "orderIDEx": "1741803", "code": "00700", "name": ENGLISH, "qty": 100, "price": 607.5,
                "createTime": "2021-06-09 16:00:06", "updateTime": updated, "fillQty": 0, "fillAvgPrice": 0,
                "secMarket": 1, "createTimestamp": 1623225606, "updateTimestamp": updated_s, "remark": "",
                "timeInForce": 0,
            },
        },
    }  # fmt: skip


def javascript(status: int, created: tuple[str, float], updated: tuple[str, float], filled: int) -> dict[str, Any]:
    return {
        "retType": 0,
        "s2c": {
            "header": {"trdEnv": 1, "accID": "281756455988249902", "trdMarket": 1},
            "order": {
                "trdSide": 1, "orderType": 1, "orderStatus": status, "orderID": "4883217202603317248",
                "orderIDEx": "20210913_5915950_OD|pM+9NqXZAaxnZYpScrsjT4zHWtlk1", "code": "00700", "name": CHINESE,
                "qty": 100, "price": 480, "createTime": created[0], "updateTime": updated[0], "fillQty": filled,
                "fillAvgPrice": 480 if filled else 0, "secMarket": 1, "createTimestamp": created[1],
                "updateTimestamp": updated[1], "remark": "", "timeInForce": 0,
            },
        },
    }  # fmt: skip


JS_TIMES = (("2021-09-13 16:45:00", 1631522700), ("2021-09-13 16:45:00.313", 1631522700.312849))


def expected(**fields: Any) -> Order:
    """Return the canonical order that the samples have in common, with ``fields``."""
    common = {
        "account": "main", "ts_recv": 1, "symbol": "HK.00700", "side": Side.BUY, "order_type": OrderType.LIMIT,
        "quantity": "100", "time_in_force": TimeInForce.DAY,
    }  # fmt: skip
    return Order(**{**common, **fields})


def cpp_expected(status: OrderStatus, leaves: str, ts: int, venue_status: str) -> Order:
    return expected(
        status=status, filled_quantity="0", leaves_quantity=leaves, price="607.5", ts_venue=ts,
        ts_created=1623225606_000_000_000, venue_order_id="3964487190993133422", venue_status=venue_status,
        venue_order_ids={"orderID": "3964487190993133422", "orderIDEx": "1741803"},
        extra={"name": ENGLISH, "orderType": "ABSOLUTE_LIMIT"},
    )  # fmt: skip


def javascript_expected(status: OrderStatus, filled: str, ts: tuple[int, int], venue_status: str) -> Order:
    return expected(
        status=status, filled_quantity=filled, leaves_quantity="0" if filled == "100" else "100", price="480",
        avg_fill_price="480" if filled == "100" else None, ts_created=ts[0], ts_venue=ts[1],
        venue_order_id="4883217202603317248", venue_status=venue_status, extra={"name": CHINESE},
        venue_order_ids={
            "orderID": "4883217202603317248", "orderIDEx": "20210913_5915950_OD|pM+9NqXZAaxnZYpScrsjT4zHWtlk1"
        },
    )  # fmt: skip


SAMPLES = {
    "java": (
        JAVA,
        expected(
            status=OrderStatus.FILLED, filled_quantity="100", leaves_quantity="0", price="594", avg_fill_price="594",
            ts_venue=1624592310_000_000_000, ts_created=1624592310_000_000_000, venue_status="Filled_All",
            venue_order_id="5185261023022402893",
            venue_order_ids={"orderID": "5185261023022402893", "orderIDEx": "2691191"},
            extra={"name": CHINESE, "orderType": "ABSOLUTE_LIMIT"},
        ),
    ),
    "c++ submitted": (
        cpp(5, "2021-06-09 16:00:06", 1623225606),
        cpp_expected(OrderStatus.NEW, "100", 1623225606_000_000_000, "Submitted"),
    ),
    "c++ cancelled": (
        cpp(15, "2021-06-09 16:00:22", 1623225622),
        cpp_expected(OrderStatus.CANCELED, "0", 1623225622_000_000_000, "Cancelled_All"),
    ),
    "javascript submitting": (
        javascript(2, JS_TIMES[0], JS_TIMES[0], 0),
        javascript_expected(
            OrderStatus.PENDING_NEW, "0", (1631522700_000_000_000, 1631522700_000_000_000), "Submitting"
        ),
    ),
    "javascript submitted": (
        javascript(5, JS_TIMES[1], ("2021-09-13 16:45:00.568", 1631522700.567732), 0),
        javascript_expected(OrderStatus.NEW, "0", (1631522700_312_849_000, 1631522700_567_732_000), "Submitted"),
    ),
    "javascript filled": (
        javascript(11, JS_TIMES[1], ("2021-09-13 16:45:00.604", 1631522700.604215), 100),
        javascript_expected(
            OrderStatus.FILLED, "100", (1631522700_312_849_000, 1631522700_604_215_000), "Filled_All"
        ),
    ),
}  # fmt: skip

PYTHON_ROW = {
    # The printed table, column by column. (Its trd_side contradicts the program above it, which sells.)
    "trdSide": 1, "orderType": 1, "orderStatus": 2, "orderID": 72625263708670783, "orderIDEx": "", "code": "00700",
    "qty": 100.0, "price": 518.0, "createTime": "2021-11-04 11:26:27", "updateTime": "2021-11-04 11:26:27",
    "fillQty": 0.0, "fillAvgPrice": 0.0, "lastErrMsg": "", "secMarket": 1, "remark": "", "timeInForce": 0,
    "currency": 1, "trdMarket": 1,
}  # fmt: skip


def through(body: bytes, fmt: int) -> Order:
    """Take a push as it comes from the wire."""
    (received,) = Connection().receive(frame.pack(2208, 1, body, fmt=fmt))
    assert isinstance(received, Message)
    s2c = messages.response(received).s2c
    return convert_orders.order(s2c.order, messages.header(s2c.header), convert_orders.Book("main"), 1)


def as_protobuf(sample: dict[str, Any], name: str) -> bytes:
    sample = copy.deepcopy(sample)
    for item in sample["s2c"].pop("orderList", []):
        sample["s2c"]["order"] = item
    sample["s2c"]["order"]["name"] = name
    return bytes(ParseDict(sample, trade_pb2.UpdateOrder.Response()).SerializeToString())


def as_json(sample: dict[str, Any], name: str) -> bytes:
    sample = copy.deepcopy(sample)
    for item in [*sample["s2c"].get("orderList", []), sample["s2c"].get("order")]:
        if item is not None:
            item["name"] = name
    return json.dumps(sample, ensure_ascii=False).encode()


@pytest.mark.parametrize("name", [CHINESE, ENGLISH], ids=["zh", "en"])
@pytest.mark.parametrize("form", ["protobuf", "json"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_printed_push_is_the_expected_order(sample: str, form: str, name: str) -> None:
    pushed, order = SAMPLES[sample]
    body = as_protobuf(pushed, name) if form == "protobuf" else as_json(pushed, name)
    order.extra = {**(order.extra or {}), "name": name}
    assert through(body, frame.PROTOBUF if form == "protobuf" else frame.JSON) == order


@pytest.mark.parametrize("name", [CHINESE, ENGLISH], ids=["zh", "en"])
def test_the_row_that_the_python_sample_prints(name: str) -> None:
    response = trade_pb2.UpdateOrder.Response(retType=0)
    header = response.s2c.header
    header.trdEnv, header.accID, header.trdMarket = 1, 281756455988249902, 1
    for field, value in PYTHON_ROW.items():
        setattr(response.s2c.order, field, value)
    response.s2c.order.name = name
    assert through(response.SerializeToString(), frame.PROTOBUF) == expected(
        status=OrderStatus.PENDING_NEW, filled_quantity="0", leaves_quantity="100", price="518",
        ts_venue=1635996387_000_000_000, ts_created=1635996387_000_000_000, venue_order_id="72625263708670783",
        venue_order_ids={"orderID": "72625263708670783"}, venue_status="Submitting",
        extra={"name": name, "currency": "HKD"},
    )  # fmt: skip


def test_the_c_sharp_sample_pushes_under_a_number_below_its_requests() -> None:
    """It prints request 3, answer 3, push 1: OpenD counts its pushes by itself."""
    connection = Connection(first_serial=3)
    serial = connection.next_serial()
    connection.send(2008, serial, b"", token="SubAccPush")
    answer, push = connection.receive(frame.pack(2008, 3, b"") + frame.pack(2208, 1, b""))
    assert isinstance(answer, Message)
    assert isinstance(push, Message)
    assert (answer.token, answer.serial) == ("SubAccPush", 3)
    assert (push.token, push.serial) == (None, 1)


@pytest.mark.parametrize("orders", [[], [JAVA["s2c"]["orderList"][0]] * 2, None])  # type: ignore[index]
def test_a_list_of_another_length_is_malformed_and_never_an_empty_order(orders: Any) -> None:
    sample = copy.deepcopy(JAVA)
    sample["s2c"]["orderList"] = orders  # type: ignore[index]
    with pytest.raises(messages.Malformed, match="orderList"):
        through(json.dumps(sample).encode(), frame.JSON)
