"""Any bytes at all under any push: an event, a dead letter, or nothing, and never an exception."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from google.protobuf.message import Message as ProtobufMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from venuebus.testing import RecordingContext
from venuebus_futu import convert_orders, messages
from venuebus_futu.accounts import Account
from venuebus_futu.config import FutuConfig
from venuebus_futu.feed import Feed
from venuebus_futu.link import Link
from venuebus_futu.protocol import Connection, Message
from venuebus_futu.session import FutuSession
from venuebus_futu.state import State
from venuebus_futu.trading import Trading
from venuebus_schemas import encode

PUSHES = [messages.ORDER_PUSH, messages.FILL_PUSH, messages.BOOK_PUSH, messages.TICKER_PUSH, messages.BAR_PUSH,
          messages.BASIC_QUOTE_PUSH, messages.NOTIFY]  # fmt: skip
NUMBERS = st.sampled_from([0, 1, 2, 3, 5, 11, 24, 31, 41, 77, 101, 2**31 - 1])
DOUBLES = st.sampled_from([0.0, 1.5, -3.0, 480.2, 1e300, float("nan"), float("inf"), 1631522700.5])
TEXTS = st.sampled_from(["", "00700", "2021-11-07 01:30:00", "2021-09-13 16:45:00.5", "not a time", "腾讯", "a-1"])


@st.composite
def bodies(draw: Any, proto: int) -> bytes:
    """Draw a body: whole messages with any values, cut, changed or left as they are; or plain noise."""
    if draw(st.integers(0, 9)) == 0:
        return bytes(draw(st.binary(max_size=80)))
    response = messages.PROTOCOLS[proto].Response()
    fill(draw, response, 0)
    response.retType = 0
    body = bytearray(response.SerializePartialToString())
    change = draw(st.integers(0, 3))
    if change == 0 and body:
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    if change == 1:
        del body[draw(st.integers(0, len(body))) :]
    return bytes(body)


def fill(draw: Any, message: ProtobufMessage, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if draw(st.integers(0, 9)) < (1 if field.is_required else 4):
            continue
        target = getattr(message, field.name)
        if field.message_type is not None:
            if depth < 4:
                fill(draw, target.add() if field.is_repeated else target, depth + 1)
            continue
        kind = field.cpp_type
        if kind == field.CPPTYPE_STRING:
            value = draw(TEXTS)
        elif kind == field.CPPTYPE_BOOL:
            value = draw(st.booleans())
        elif kind == field.CPPTYPE_DOUBLE:
            value = draw(DOUBLES)
        elif kind == field.CPPTYPE_ENUM:
            value = 10
        else:
            value = draw(NUMBERS)
        if field.is_repeated:
            target.append(value)
        else:
            setattr(message, field.name, value)


@pytest.mark.parametrize("proto", PUSHES)
@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_bytes_under_any_push(proto: int, data: st.DataObject) -> None:
    asyncio.run(push(proto, data.draw(bodies(proto))))


async def push(proto: int, body: bytes) -> None:
    config = msgspec.convert({"plugin": "futu", "accounts": {"main": {"acc_id": "1"}}}, FutuConfig)
    ctx = RecordingContext(config)
    session = FutuSession(ctx)
    link = Link(Connection(), session._on_push)
    trading = Trading(ctx, link, 1, State(ctx, link, 1.0), 1.0)
    book = convert_orders.Book("main")
    trading.enter(
        {
            str(n): Account(
                alias=str(n), acc_id=n, real=bool(n % 2), markets=frozenset({1}), first_market=1, firm=1, book=book
            )
            for n in (0, 1, 2, 3, 5, 11)
        }
    )
    feed = Feed(ctx, link, 1.0)
    for prefix in ("HK", "US", "SH", "SG", "JP", "EC"):
        for code in ("00700", "a-1", "腾讯"):
            feed._wanted[f"{prefix}.{code}"] = {"quote", "book", "trade", "ticker", "bar"}
    session._handlers = {
        messages.ORDER_PUSH: trading.on_order, messages.FILL_PUSH: trading.on_fill, messages.BOOK_PUSH: feed.on_book,
        messages.TICKER_PUSH: feed.on_trades, messages.BASIC_QUOTE_PUSH: feed.on_tickers,
        messages.BAR_PUSH: feed.on_bars, messages.NOTIFY: session._on_notice,
    }  # fmt: skip
    session._on_push(Message(proto, 0, 1, body))
    for event in ctx.events:
        raw = encode(event)
        assert b"NaN" not in raw
        assert b"Infinity" not in raw
        msgspec.json.decode(raw, type=type(event))  # every field has the type that the schema says
