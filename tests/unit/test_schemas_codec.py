"""Golden bytes of every message, both encodings, and what a reader must tolerate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus_schemas import (
    COMMAND_TYPES,
    EVENT_TYPES,
    Amend,
    Balance,
    Bar,
    Book,
    BookDelta,
    Cancel,
    CancelAfter,
    CancelAll,
    DeadLetter,
    DeadLetterOrigin,
    Event,
    Fill,
    Forward,
    ForwardChange,
    ForwardChangeKind,
    ForwardFields,
    ForwardStatus,
    Gap,
    Instrument,
    InstrumentKind,
    Liquidity,
    OpenEnum,
    Order,
    OrderStatus,
    OrderType,
    Position,
    PositionEffect,
    PositionSide,
    Quote,
    Reason,
    ResolvedBy,
    Result,
    ResultStatus,
    Right,
    Session,
    SessionState,
    Side,
    Submit,
    Ticker,
    TimeInForce,
    Trade,
    UnknownMessage,
    Verb,
    decode_command,
    decode_event,
    encode,
)
from venuebus_schemas import enums as enums_module

GOLDEN = Path(__file__).parent.parent / "data" / "golden-1.0.jsonl"
T = 1_750_000_000_123_456_789
STAMP: dict[str, Any] = {"ts_recv": T, "epoch": 1_750_000_000_000, "seq": 7}
BTSE: dict[str, Any] = {"venue": "btse", **STAMP}
FUTU: dict[str, Any] = {"venue": "futu", **STAMP}
CTP: dict[str, Any] = {"venue": "ctp", **STAMP}
FX: dict[str, Any] = {"venue": "pingpongx", "account": "main", **STAMP}
FORWARD: dict[str, Any] = {
    "position_id": "P-1", "root_id": "P-0", "parent_id": "P-0", "client_order_id": "c-1",
    "status": ForwardStatus.OPEN, "buy_currency": "USD", "buy_amount": "100000.00", "sell_currency": "CNH",
    "sell_amount": "712345.00", "price": "7.12345", "inverse_price": "0.14038", "base_currency": "USD",
    "quote_currency": "CNH", "value_date": "2025-09-30", "ts_opened": T, "pay_way": "1", "channel": "api",
    "source": "ping", "venue_status": "0", "extra": {"note": "货币"},
}  # fmt: skip

SAMPLES: list[msgspec.Struct] = [
    Quote(**BTSE, ts_venue=T - 1, symbol="BTC-USD", bid="59252.50", bid_size="0.0130", ask="59253", ask_size="1"),
    Trade(**BTSE, symbol="BTC-USD", price="59252.5", size="0.002", aggressor=Side.SELL, trade_id="1234567890123456789"),
    Book(
        **BTSE, symbol="BTC-USD", bids=[("59252.5", "0.1"), ("59252", "2")], asks=[("59253", "1")], venue_seq=7,
        depth=50,
    ),
    BookDelta(**BTSE, symbol="BTC-USD", bids=[("59252.5", "0")], asks=[], venue_seq=8, prev_venue_seq=7),
    Ticker(
        **CTP, symbol="rb2505", last="3310", open="3300", high="3320", low="3290", prev_close="3301", volume="120",
        turnover="3972000", open_interest="1500000", settlement="3305", limit_up="3565", limit_down="3036", mark="3310",
        index="3311", status="trading", trading_day="2025-04-01", extra={"average": "33051.2"},
    ),
    Bar(
        **FUTU, symbol="HK.00700", interval="1m", ts_open=T, open="400", high="401.2", low="399.8", close="400.6",
        volume="12300", turnover="4927380", final=True,
    ),
    Instrument(
        **FUTU, symbol="HK.TCH250929C650000", venue_symbol="TCH250929C650000", kind=InstrumentKind.OPTION, base="TCH",
        quote="HKD", currency="HKD", exchange="HKEX", tick_size="0.01", lot_size="1", min_quantity="1",
        max_quantity="5000", multiplier="100", expiry="2025-09-29", strike="650", right=Right.CALL,
        underlying="HK.00700", tradable=True, name="腾讯 250929 650.00 购",
    ),
    Order(
        **CTP, account="main", symbol="rb2505", side=Side.BUY, order_type=OrderType.LIMIT,
        status=OrderStatus.PARTIALLY_FILLED, quantity="10", quote_quantity="33100", filled_quantity="3",
        leaves_quantity="7", price="3310", trigger_price="3300", avg_fill_price="3309.5", time_in_force=TimeInForce.DAY,
        position_effect=PositionEffect.CLOSE_TODAY, client_order_id="c-1", venue_order_id="SHFE:42",
        venue_order_ids={"ref": "000000000001"}, command_id="c-1", reason=Reason.PRICE, text="未成交",
        venue_status="1", external=True, reconciled=True, ts_created=T, trading_day="2025-04-01", extra={"front": "1"},
    ),
    Fill(
        **CTP, account="main", symbol="rb2505", fill_id="T-9", side=Side.SELL, price="3310", quantity="3",
        venue_order_id="SHFE:42", client_order_id="c-1", fee="0.99", fee_currency="CNY", liquidity=Liquidity.TAKER,
        position_effect=PositionEffect.OPEN, voided=True, derived=True, reconciled=True, trading_day="2025-04-01",
        extra={"hedge": "1"},
    ),
    Position(
        **CTP, account="main", symbol="rb2505", side=PositionSide.LONG, quantity="10", available="7",
        today_quantity="3", avg_price="3301.25", market_price="3310", unrealized_pnl="875", realized_pnl="-20.5",
        margin="33000", currency="CNY", reconciled=True, extra={"yd": "7"},
    ),
    Balance(
        **BTSE, account="main", currency="USD", total="1000.00000001", available="900", frozen="100.00000001",
        equity="1000", margin="0", reconciled=True, extra={"wallet": "spot"},
    ),
    Forward(**FX, **FORWARD, reconciled=True),
    ForwardChange(
        **FX, change=ForwardChangeKind.EXTEND, msg_id="m-1", old=ForwardFields(**FORWARD),
        left=ForwardFields(**FORWARD), new=ForwardFields(**FORWARD), reconciled=True, extra={"kind": "3"},
    ),
    Result(
        **BTSE, account="main", command_id="c-1", verb=Verb.SUBMIT, status=ResultStatus.UNKNOWN, reason=Reason.TIMEOUT,
        text="no answer", client_order_id="c-1", venue_order_id="a-b-c", attempts=1, ts_received=T, ts_sent=T + 1,
        ts_answered=T + 2, resolved_by=ResolvedBy.QUERY,
    ),
    Session(
        **BTSE, state=SessionState.DOWN, reason=Reason.NOT_CONNECTED, text="link lost", attempt=3, retry_at=T,
        bridge="host-1",
    ),
    Gap(**BTSE, subjects=["vb.v1.acct.btse.>"], ts_from=T, ts_to=T + 1, reason="link lost", healed=True),
    DeadLetter(
        **BTSE, origin=DeadLetterOrigin.VENUE, reason=Reason.INVALID, text="not JSON", raw="e30=",
        content_type="application/json", subject="orderBook", part=1, parts=2,
    ),
    Submit(
        command_id="c-1", expires_at=T, ts_sent=T, client_order_id="c-1", symbol="BTC-USD", side=Side.BUY,
        order_type=OrderType.OCO, quantity="0.01", price="60000", trigger_price="58000",
        time_in_force=TimeInForce.GTD, expire_date="2025-12-31", post_only=True, reduce_only=False,
        position_effect=PositionEffect.OPEN, stop_price="57900", params={"deviation": 1.5},
    ),
    Amend(
        command_id="c-2", client_order_id="c-1", venue_order_id="a-b-c", symbol="BTC-USD", quantity="0.02",
        price="59000.5", trigger_price="58500", params={"x": 1},
    ),
    Cancel(command_id="c-3", client_order_id="c-1", venue_order_id="a-b-c", symbol="BTC-USD", params={"x": 1}),
    CancelAll(command_id="c-4", symbol="BTC-USD"),
    CancelAfter(command_id="c-5", timeout_ms=60000),
]  # fmt: skip
BY_TYPE = {str(type(sample).__struct_config__.tag): sample for sample in SAMPLES}
LINES = {line["type"]: line for line in map(json.loads, GOLDEN.read_text(encoding="utf-8").splitlines())}


def decode(data: bytes, tag: str) -> Any:
    return decode_command(data) if tag in COMMAND_TYPES else decode_event(data)


def test_every_message_has_a_sample_with_every_field_set_and_golden_bytes() -> None:
    assert set(BY_TYPE) == set(EVENT_TYPES) | set(COMMAND_TYPES) == set(LINES)
    for sample in SAMPLES:
        missing = {name for name in sample.__struct_fields__ if getattr(sample, name) is None}
        assert missing <= {"ts_venue", "quote_quantity", "expires_at", "ts_sent"}, type(sample).__name__


@pytest.mark.parametrize("tag", sorted(BY_TYPE))
def test_golden_bytes_are_written_and_read(tag: str) -> None:
    golden = LINES[tag]
    assert encode(BY_TYPE[tag]).decode() == golden["json"]
    assert encode(BY_TYPE[tag], "msgpack").hex() == golden["msgpack"]
    assert decode(golden["json"].encode(), tag) == BY_TYPE[tag]
    assert decode(bytes.fromhex(golden["msgpack"]), tag) == BY_TYPE[tag]


@pytest.mark.parametrize("tag", sorted(BY_TYPE))
def test_absent_fields_are_not_on_the_wire_and_unknown_fields_are_ignored(tag: str) -> None:
    message = json.loads(LINES[tag]["json"])
    assert None not in message.values()
    newer = {**message, "a_field_of_version_1_9": {"nested": [1, 2]}}
    assert decode(json.dumps(newer).encode(), tag) == BY_TYPE[tag]
    assert decode(msgspec.msgpack.encode(newer), tag) == BY_TYPE[tag]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_type_of_a_newer_writer_is_handed_over_whole(encoding: Any) -> None:
    raw = encode({"type": "funding", "venue": "btse", "rate": "0.0001"}, encoding)
    assert decode_event(raw) == UnknownMessage("funding", raw)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"venue":"btse"}', b'{"type":5}', b'{"type":"quote"}',
     b'{"type":"quote","symbol":5}', b'{"type":"trade","symbol":"X","price":59252.5,"size":"1"}', b"\x81\xa4type"],
)  # fmt: skip
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(raw)


def test_a_number_where_a_decimal_text_belongs_is_refused_in_a_command() -> None:
    raw = b'{"type":"submit","command_id":"c","symbol":"X","side":"buy","order_type":"limit","quantity":1}'
    with pytest.raises(msgspec.ValidationError, match=r"quantity"):
        decode_command(raw)


def test_an_unknown_command_type_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="explode"):
        decode_command(b'{"type":"explode","command_id":"c"}')


def _enums() -> list[type[OpenEnum]]:
    return [
        item for item in vars(enums_module).values()
        if isinstance(item, type) and issubclass(item, OpenEnum) and item is not OpenEnum
    ]  # fmt: skip


@pytest.mark.parametrize("enum", _enums(), ids=lambda enum: enum.__name__)
def test_every_enumeration_reads_what_it_does_not_know_as_unknown(enum: type[OpenEnum]) -> None:
    assert enum("unknown") is enum["UNKNOWN"]
    assert msgspec.json.decode(b'"a value of version 1.9"', type=enum) is enum["UNKNOWN"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode("later"), type=enum) is enum["UNKNOWN"]


def test_unknown_enumeration_values_do_not_hide_the_rest_of_an_event() -> None:
    message = json.loads(LINES["order"]["json"]) | {
        "status": "pending_novation",
        "side": "sell_short",
        "reason": "karma",
    }
    order = decode_event(json.dumps(message).encode())
    assert isinstance(order, Order)
    assert (order.status, order.side, order.reason) == (OrderStatus.UNKNOWN, Side.UNKNOWN, Reason.UNKNOWN)
    assert order.filled_quantity == "3"


def test_json_and_msgpack_are_told_apart_by_the_first_byte() -> None:
    for sample in SAMPLES:
        assert encode(sample)[:1] == b"{"
        assert encode(sample, "msgpack")[:1] != b"{"


def test_structs_are_events_exactly_where_the_contract_says_so() -> None:
    assert all(issubclass(cls, Event) for cls in EVENT_TYPES.values())
    assert not any(issubclass(cls, Event) for cls in COMMAND_TYPES.values())


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_decode_errors(raw: bytes) -> None:
    for read in (decode_event, decode_command):
        try:
            read(raw)
        except msgspec.DecodeError:
            pass


@given(
    st.dictionaries(
        st.sampled_from(["type", "symbol", "price", "size", "venue", "seq"]),
        st.none()
        | st.integers(-(2**63), 2**64 - 1)
        | st.text("quotradesmbk0123.é-")
        | st.sampled_from(sorted(BY_TYPE)),
    ),
    st.sampled_from(["json", "msgpack"]),
)
def test_random_maps_raise_nothing_but_decode_errors(message: dict[str, Any], encoding: Any) -> None:
    try:
        decode_event(encode(message, encoding))
    except msgspec.DecodeError:
        pass
