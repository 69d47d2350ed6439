"""Each kind of damage: a dead letter, whole, and never an empty or a default order."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from venuebus_futu import frame, messages
from venuebus_futu.pb import link_pb2
from venuebus_futu.protocol import Message
from venuebus_futu.simulator.client import Client
from venuebus_schemas import Order, OrderStatus


def client_of(desk: Any) -> Client:
    (client,) = desk.opend.clients
    return client


def without(response: Any, path: str) -> bytes:
    """Serialise ``response`` without one field."""
    message = response
    *way, last = path.split(".")
    for name in way:
        message = getattr(message, name)
    message.ClearField(last)
    return bytes(response.SerializePartialToString())


async def letter(desk: Any) -> tuple[bytes, str]:
    await desk.ctx.until(lambda: desk.ctx.dead_letters)
    assert desk.ctx.of(Order) == []
    (found,) = desk.ctx.dead_letters
    return found


@pytest.mark.parametrize(
    "path",
    ["s2c.header", "s2c.order", "s2c.header.accID", "s2c.header.trdEnv", "s2c.order.orderStatus", "s2c.order.trdSide",
     "s2c.order.qty", "s2c.order.orderID", "s2c.order.code", "s2c", "retType"],
)  # fmt: skip
async def test_a_required_field_is_missing(desk: Any, order_push: Callable[..., Any], path: str) -> None:
    body = without(order_push(), path)
    client_of(desk).push_body(2208, body)
    raw, text = await letter(desk)
    assert raw == frame.pack(2208, 1, body)
    assert "missing" in text or "without content" in text or "-400" in text
    assert desk.ctx.resyncs, "an order push was lost, so the orders must be asked for"


@pytest.mark.parametrize("proto", [2005, 2008, 3001])
def test_content_without_any_field_may_be_left_out(proto: int) -> None:
    answer = messages.response(Message(proto, frame.PROTOBUF, 1, b"\x08\x00"))
    assert answer.retType == 0


@pytest.mark.parametrize("proto", [1001, 2001, 2202, 2205, 2208])
def test_content_with_fields_may_not(proto: int) -> None:
    with pytest.raises(messages.Malformed, match="success without content"):
        messages.response(Message(proto, frame.PROTOBUF, 1, b"\x08\x00"))


async def test_a_truncated_body_with_a_valid_hash(desk: Any, order_push: Callable[..., Any]) -> None:
    body = order_push().SerializeToString()[:-9]
    client_of(desk).push_body(2208, body)
    raw, _ = await letter(desk)
    assert raw.endswith(body)


async def test_a_wrong_hash(desk: Any, order_push: Callable[..., Any]) -> None:
    data = bytearray(frame.pack(2208, 1, order_push().SerializeToString()))
    data[20] ^= 255
    client_of(desk).push_raw(bytes(data))
    raw, text = await letter(desk)
    assert raw == bytes(data)
    assert "SHA-1" in text
    assert desk.ctx.resyncs


@pytest.mark.parametrize("field", ["qty", "price", "fillQty", "fillAvgPrice", "updateTimestamp"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
async def test_nan_and_infinity(desk: Any, order_push: Callable[..., Any], field: str, value: float) -> None:
    push = order_push(fillQty=50.0, orderStatus=10)
    setattr(push.s2c.order, field, value)
    client_of(desk).push_body(2208, push.SerializeToString())
    _, text = await letter(desk)
    assert "nan" in text or "inf" in text


async def test_unknown_enumeration_numbers_are_unknown(desk: Any, order_push: Callable[..., Any]) -> None:
    push = order_push(orderStatus=99, orderType=98, trdSide=97)
    client_of(desk).push_body(2208, push.SerializeToString())
    await desk.ctx.until(lambda: desk.ctx.of(Order))
    (order,) = desk.ctx.of(Order)
    assert (order.status, order.order_type, order.side) == (OrderStatus.UNKNOWN, "unknown", "unknown")
    assert order.venue_status == "99"
    assert desk.ctx.dead_letters == []


@pytest.mark.parametrize("field", ["code", "orderIDEx", "remark", "name", "lastErrMsg"])
async def test_text_that_is_no_utf_8(desk: Any, order_push: Callable[..., Any], field: str) -> None:
    """Python's protobuf hands such a field out as bytes, which would be published as something else."""
    body = order_push(**{field: "QQQQ"}).SerializeToString().replace(b"QQQQ", b"\xff\xfe\xfd\xfc")
    client_of(desk).push_body(2208, body)
    _, text = await letter(desk)
    assert "UTF-8" in text or "text" in text


async def test_fields_that_this_version_does_not_know_are_ignored(desk: Any, order_push: Callable[..., Any]) -> None:
    tail = bytes([0xFA, 0x3E, 3]) + b"new"  # field 1007, length-delimited
    client_of(desk).push_body(2208, order_push().SerializeToString() + tail)
    sample = {
        "retType": 0,
        "brandNew": 1,
        "s2c": {"header": {"trdEnv": 1, "accID": "281756455988249903", "trdMarket": 1}},
    }
    sample["s2c"]["order"] = {  # type: ignore[index]
        "trdSide": 1, "orderType": 1, "orderStatus": 5, "orderID": "7", "orderIDEx": "x", "code": "00700", "name": "T",
        "qty": 100, "createTime": "", "updateTime": "", "fillQty": 0, "secMarket": 1, "alsoNew": {"a": 1},
    }  # fmt: skip
    client_of(desk).push_body(2208, json.dumps(sample).encode(), fmt=frame.JSON)
    await desk.ctx.until(lambda: len(desk.ctx.of(Order)) == 2)
    assert desk.ctx.dead_letters == []


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"retType":0}', b'{"retType":0,"s2c":{"orderList":[]}}', b"null", b"\xff"]
)
async def test_broken_json(desk: Any, body: bytes) -> None:
    client_of(desk).push_body(2208, body, fmt=frame.JSON)
    raw, _ = await letter(desk)
    assert raw.endswith(body)


async def test_a_body_format_that_does_not_exist(desk: Any, order_push: Callable[..., Any]) -> None:
    client_of(desk).push_body(2208, order_push().SerializeToString(), fmt=9)
    _, text = await letter(desk)
    assert "format 9" in text


async def test_an_oversized_length_ends_the_connection(desk: Any) -> None:
    data = frame.HEADER.pack(b"FT", 2208, 0, 0, 1, 2**32 - 1, bytes(20), bytes(8))
    client_of(desk).push_raw(data)
    raw, text = await letter(desk)
    assert raw == data
    assert "4294967295" in text
    assert "no frames" in await desk.lost()


async def test_bytes_that_are_no_frame_end_the_connection(desk: Any) -> None:
    client_of(desk).push_raw(b"\x00" * 44)
    raw, _ = await letter(desk)
    assert raw == b"\x00" * 44
    assert "no frames" in await desk.lost()


async def test_an_empty_push_is_no_order(desk: Any) -> None:
    client_of(desk).push_body(2208, b"")
    _, text = await letter(desk)
    assert "missing" in text


async def test_a_push_of_the_other_environment_is_not_believed(desk: Any, order_push: Callable[..., Any]) -> None:
    push = order_push()
    push.s2c.header.trdEnv = 0
    client_of(desk).push_body(2208, push.SerializeToString())
    _, text = await letter(desk)
    assert "real" in text


async def test_a_protocol_that_nobody_knows_is_kept(desk: Any) -> None:
    client_of(desk).push_raw(frame.pack(4711, 1, b"what"))
    raw, text = await letter(desk)
    assert raw == frame.pack(4711, 1, b"what")
    assert "4711" in text


async def test_a_keep_alive_of_opend_is_no_damage(desk: Any) -> None:
    request = link_pb2.KeepAlive.Request(c2s=link_pb2.KeepAlive.C2S(time=1))
    client_of(desk).push_raw(frame.pack(1004, 900, request.SerializeToString()))
    client_of(desk).push_raw(frame.pack(1004, 901, b"\x08"))
    await letter(desk)  # of the second one only
    assert desk.ctx.counts["keep_alive_of_opend"] == 1


async def test_the_next_message_is_read_after_any_of_it(desk: Any, order_push: Callable[..., Any]) -> None:
    client = client_of(desk)
    client.push_body(2208, b"\xff\xff\xff")
    client.push_body(2208, order_push().SerializeToString())
    await desk.ctx.until(lambda: desk.ctx.of(Order))
    assert len(desk.ctx.dead_letters) == 1
