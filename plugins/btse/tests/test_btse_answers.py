"""What an HTTP answer proves, shape by shape."""

from __future__ import annotations

import json

import pytest
from venuebus import CommandRejected, OutcomeUnknown
from venuebus_btse.answers import Answer, message_text, order_rows, raise_for_command, refusal, seconds_of
from venuebus_btse.commands import _refuse_rows
from venuebus_schemas import Reason

SHAPES = {
    "usual": (400, {"status": 400, "errorCode": -7, "message": "Authenticate failed", "extraData": None},
              "unauthorized"),
    "extra data": (400, {"status": 400, "errorCode": 33199101, "message": "x", "extraData": ["0.0135"]},
                   "insufficient_funds"),
    "mixed": (400, {"errorCode": 400, "message": "BADREQUEST: Size and Price should not be mixed", "status": 400},
              "invalid"),
    "platform": (400, {"code": 51523, "msg": "BADREQUEST: Insufficient wallet balance", "time": 1, "data": None,
                       "success": False}, "insufficient_funds"),
    "spring": (400, {"status": 400, "error": "Bad Request", "code": 301, "message": "Invalid order size"}, "quantity"),
    "price band": (400, {"status": 400, "errorCode": 33001003, "message": "out of band"}, "price"),
    "symbol": (400, {"status": 400, "errorCode": -7006, "message": "no such"}, "unknown_symbol"),
    "401": (401, {"status": 401, "errorCode": -7, "message": "Authenticate failed"}, "unauthorized"),
    "403": (403, {"status": 403, "errorCode": -1, "message": "Forbidden"}, "unauthorized"),
    "429": (429, {"status": 429, "errorCode": -1, "message": "Too many requests"}, "rate_limited"),
    "200 with an envelope": (200, {"code": 51523, "msg": "Insufficient", "success": False}, "insufficient_funds"),
}  # fmt: skip


def answer(http: int, payload: object) -> Answer:
    return Answer(http, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


@pytest.mark.parametrize(("http", "body", "reason"), SHAPES.values(), ids=SHAPES)
def test_a_clear_refusal_in_any_shape_is_rejected_with_its_reason(http: int, body: object, reason: str) -> None:
    with pytest.raises(CommandRejected) as caught:
        raise_for_command(answer(http, body))
    assert caught.value.reason == Reason(reason)


@pytest.mark.parametrize(
    ("http", "body"),
    [
        (408, b""), (500, {"status": 500, "errorCode": -1, "message": "x"}), (502, b"<html>Bad Gateway</html>"),
        (503, b""), (400, {"code": -11, "msg": "System error", "time": 1, "data": [], "success": False}),
        (400, b""), (400, b"<html></html>"), (403, b"<html>cloud</html>"), (302, b""), (204, b"x"),
        (200, {"code": -11, "msg": "System error", "success": False}),
    ],
)  # fmt: skip
def test_what_proves_nothing_is_unknown(http: int, body: object) -> None:
    with pytest.raises(OutcomeUnknown):
        raise_for_command(answer(http, body))


def test_a_rate_limit_is_one_by_http_status_alone() -> None:
    with pytest.raises(CommandRejected) as caught:
        raise_for_command(answer(429, b"<html>slow down</html>"))
    assert caught.value.reason is Reason.RATE_LIMITED
    said = refusal(answer(400, {"status": 429, "errorCode": -1, "message": "Order not found", "extraData": None}))
    assert said is not None
    assert said.not_found
    assert said.reason is Reason.UNKNOWN_ORDER


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b'[{"status":"many"}]', b"[1]", b'[{"price":1e400}]'])
def test_an_unreadable_body_of_a_200_is_unknown(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        order_rows(Answer(200, body))


def test_order_rows_are_no_refusal_by_shape() -> None:
    assert refusal(answer(200, [{"status": 15, "message": "x"}])) is None
    assert refusal(answer(200, {"orderID": "1", "symbol": "BTC-USD", "status": 6})) is None


ROW_REFUSAL = json.dumps([{
    "status": 8, "symbol": "", "orderType": 0, "price": 0.0, "side": "", "orderID": "",
    "message": json.dumps({"msgKey": "trade.error.insufficient_balance1", "default_msg": "Insufficient balance",
                           "params": ["USD"]}),
}]).encode()  # fmt: skip


def test_a_refusal_inside_a_200_with_json_inside_json_is_rejected_in_plain_words() -> None:
    with pytest.raises(CommandRejected) as caught:
        _refuse_rows(order_rows(Answer(200, ROW_REFUSAL)), "")
    assert caught.value.reason is Reason.INSUFFICIENT_FUNDS
    assert str(caught.value) == "Insufficient balance (USD)"
    assert caught.value.venue_status == "8"


@pytest.mark.parametrize("status", [-1, 17, 16])
def test_time_out_and_failed_rows_are_unknown_and_never_rejected(status: int) -> None:
    with pytest.raises(OutcomeUnknown):
        _refuse_rows(order_rows(answer(200, [{"status": status}])), "")


def test_an_empty_list_of_rows_is_unknown() -> None:
    with pytest.raises(OutcomeUnknown):
        _refuse_rows(order_rows(Answer(200, b"[]")), "")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("5", 5.0), ("300", 300.0), ("1700000010", 10.0), ("1700000010500", 10.5), ("0", 0.1), ("1699999999", 0.1),
     ("99999", 3600.0), (None, None), ("soon", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("NaN", None),
     ("-3", None)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_epoch_seconds_or_epoch_milliseconds(header: str, seconds: float) -> None:
    assert seconds_of(header, 1_700_000_000.0) == (None if seconds is None else pytest.approx(seconds))


def test_message_that_is_broken_json_is_shown_as_it_is() -> None:
    assert message_text('{"msgKey":') == '{"msgKey":'
    assert message_text("") is None
    assert message_text('{"msgKey":"trade.error.x"}') == "trade.error.x"
