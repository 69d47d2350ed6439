"""Any bytes at all under any push: an event, a dead letter, or nothing, and never an exception."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
import pytest
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
NUMBERS = [0, *[1] * 20, 2, 3, 5, 11, 24, 31, 41, 77, 101, 2**31 - 1]
DOUBLES = [*[0.0, 1.5, 480.2, 1e-7, 1e9, 1631522700.5] * 30, -3.0, 1e300, float("nan"), float("inf")]
TEXTS = ["", "00700", "2021-11-07 01:30:00", "2021-09-13 16:45:00.5", "腾讯", "a-1"]


def any_body(proto: int, chance: random.Random) -> bytes:
    """Return a body: whole messages with any values, cut, changed or left as they are; or plain noise."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(80))
    response = messages.PROTOCOLS[proto].Response()
    fill(response, chance, 0)
    response.retType = 0
    body = bytearray(response.SerializePartialToString())
    change = chance.randrange(8)
    if change == 0 and body:
        body[chance.randrange(len(body))] = chance.randrange(256)
    if change == 1:
        del body[chance.randrange(len(body) + 1) :]
    return bytes(body)


def fill(message: Any, chance: random.Random, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if chance.random() < (0.003 if field.is_required or field.name == "s2c" else 0.3):
            continue
        target = getattr(message, field.name)
        if field.message_type is not None:
            if depth < 4:
                fill(target.add() if field.is_repeated else target, chance, depth + 1)
            continue
        value = any_value(field, chance)
        if field.is_repeated:
            target.append(value)
        else:
            setattr(message, field.name, value)


def any_value(field: Any, chance: random.Random) -> Any:
    if field.cpp_type == field.CPPTYPE_STRING:
        local_time = "ime" in field.name and chance.random() < 0.97
        return chance.choice(TEXTS[2:4] if local_time else TEXTS)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return chance.random() < 0.2
    if field.cpp_type == field.CPPTYPE_DOUBLE:
        return chance.choice(DOUBLES)
    return 10 if field.cpp_type == field.CPPTYPE_ENUM else chance.choice(NUMBERS)


@pytest.mark.parametrize("proto", PUSHES)
async def test_any_bytes_under_any_push(proto: int) -> None:
    chance = random.Random(proto)
    outcomes = Counter([await push(proto, any_body(proto, chance)) for _ in range(500)])
    assert outcomes["dead letter"] > 20
    assert proto == messages.NOTIFY or outcomes["event"] > 10, "nearly everything was refused, so little was tried"


async def push(proto: int, body: bytes) -> str:
    """Push ``body``; check and tell what came of it."""
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
    return "event" if ctx.events else "dead letter" if ctx.dead_letters else "nothing"
