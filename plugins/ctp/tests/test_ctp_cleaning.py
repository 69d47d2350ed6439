"""Values that bite: doubles, texts and names as C structs and Python's json put them on the wire."""

from __future__ import annotations

import json

import msgspec
import pytest
from venuebus_ctp import protocol
from venuebus_ctp.cleaning import clean, known, label, name, number, shrink, text
from venuebus_ctp.messages import Depth, OrderRow

DBL_MAX = 1.7976931348623157e308


@pytest.mark.parametrize(
    "value", [DBL_MAX, -DBL_MAX, 6.92492106609455e-310, 1e300, 1e-101, float("nan"), float("inf"), None]
)
def test_a_double_that_means_none_is_none(value: float | None) -> None:
    assert number(value) is None
    assert text(value) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (21505.0, "21505"),
        (5535.000000000001, "5535"),
        (583236.00000000047, "583236"),
        (-86400.00000000047, "-86400"),
        (571.8, "571.8"),
        (0.02, "0.02"),
        (0.0, "0"),
        (-0.0, "0"),
        (-12.5, "-12.5"),
        (1.01e-05, "0.0000101"),
        (19070563.89, "19070563.89"),
        (123456789012345.0, "123456789012345"),
        (1e20, "100000000000000000000"),
        (780.02, "780.02"),
        (100.10000000000001, "100.1"),
    ],
)
def test_a_double_becomes_plain_decimal_text_without_its_noise(value: float, shown: str) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    ("given", "reserve", "expected"),
    [
        ("zn2402", "", "zn2402"),
        ("X\x02\fz\x7f", "zn2402", "zn2402"),
        ("", "b", "b"),
        ("\x06", "b", "b"),
        ("SP a2109&a2201", "", "SP a2109&a2201"),
        ("m2505-C-3000", "x", "m2505-C-3000"),
        ("\ufffd2402", "", None),
        ("", "", None),
        ("豆粕", "\x01", None),
        (" au2412 ", "", "au2412"),
    ],
)
def test_a_contracts_name_is_found_or_there_is_none(given: str, reserve: str, expected: str | None) -> None:
    assert name(given, reserve) == expected


def test_one_char_fields_that_nobody_set_are_not_known() -> None:
    assert [known(value) for value in ("", "\0", "\ufffd", " ", "1")] == [None, None, None, None, "1"]


def test_texts_for_people_lose_control_characters_only() -> None:
    assert label("全部成交\x01报单\0") == "全部成交 报单"
    assert label("\0") is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (rb'{"a":"\udcb0"}', "\ufffd"),
        (rb'{"a":"\ud83d"}', "\ufffd"),
        (rb'{"a":"\ud83dx"}', "\ufffdx"),
        (rb'{"a":"\ud83d\ude00"}', "\U0001f600"),
        (rb'{"a":"\\udcb0"}', "\\udcb0"),
        (rb'{"a":"\\\udcb0"}', "\\\ufffd"),
        (rb'{"a":"\uDC9C\u4e2d"}', "\ufffd中"),
        (b'{"a":"x\x01y"}', "x y"),
        (b'{"a":"\xb1\xa8\xb5\xa5"}', "报单"),  # raw GBK
        ('{"a":"报单"}'.encode(), "报单"),
        (b'{"a":"\xed\xb2\xb0"}', None),  # WTF-8
        (b'{"a":NaN}', None),
        (b'{"a":-Infinity}', None),
        (b'{"a":1.8e308}', None),
        (b'{"a":6.9e-310}', None),
        (b'{"a":"NaN"}', "NaN"),
        (b'{"a":"1.8e308 \\" NaN"}', '1.8e308 " NaN'),
    ],
)
def test_a_dirty_message_is_cleaned_to_one_that_decodes_and_can_be_written_again(
    raw: bytes, expected: str | None
) -> None:
    value = msgspec.json.decode(clean(raw))["a"]
    if expected is not None or not isinstance(value, str):
        assert value == expected
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    msgspec.json.encode(value)


def test_clean_messages_are_never_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: bytes) -> bytes:
        raise AssertionError("cleaned")

    monkeypatch.setattr(protocol, "clean", fail)
    frame, _ = protocol.read(b'{"MsgType":"RtnOrder","RspInfo":null,"Order":{"OrderRef":"1","StatusMsg":"\\u0000"}}')
    assert frame.Order is not None


def test_dbl_max_is_taken_out_before_it_costs() -> None:
    assert shrink(b'{"a":1.7976931348623157e+308}') == b'{"a":null}'


@pytest.mark.parametrize(
    "dirt",
    [
        rb'"BizType":"\udcb0"',
        rb'"StatusMsg":"\ud83d"',
        b'"StatusMsg":"\xb1\xa8\xb5\xa5"',
        b'"StopPrice":NaN',
        b'"LimitPrice":1.8e308',
        b'"StatusMsg":"a\x02b"',
        b'"OrderRef":"1","Unknown":NaN',
    ],
)
def test_an_order_report_survives_every_kind_of_dirt(dirt: bytes) -> None:
    raw = b'{"MsgType":"RtnOrder","Order":{"InstrumentID":"au2412","OrderStatus":"3",' + dirt + b"}}"
    event = protocol.TdProtocol().receive(raw)
    assert isinstance(event, protocol.OrderReport)
    assert (event.row.InstrumentID, event.row.OrderStatus) == ("au2412", "3")


@pytest.mark.parametrize(
    "raw", [b"", b"[", b"[]", b"7", b'{"MsgType":7}', b'{"MsgType":"RtnOrder","Order":{"FrontID":"x"}}']
)
def test_what_is_no_message_is_kept_whole_and_breaks_nothing(raw: bytes) -> None:
    event = protocol.TdProtocol().receive(raw)
    assert isinstance(event, protocol.Unreadable)
    assert event.raw == raw
    assert isinstance(protocol.MdProtocol().receive(raw), protocol.Unreadable)


def test_a_tick_mixes_int_and_float_for_one_field() -> None:
    raw = b'{"MsgType":"RtnDepthMarketData","DepthMarketData":{"InstrumentID":"au2412","BidPrice1":0,"AskPrice1":0.0}}'
    event = protocol.MdProtocol().receive(raw)
    assert isinstance(event, Depth)
    assert (event.BidPrice1, event.AskPrice1) == (0.0, 0.0)


def test_ids_are_kept_as_they_came() -> None:
    row = protocol.row(b'{"OrderSysID":"       46792","OrderRef":"           1"}', OrderRow)
    assert (row.OrderSysID, row.OrderRef) == ("       46792", "           1")
