"""The gateway's protocol: whose answer is it, when does a query end, and errors that carry nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from venuebus_ctp import protocol
from venuebus_ctp.messages import Depth
from venuebus_ctp.requests import Filter


def td(message: dict[str, Any], protocol_: protocol.TdProtocol | None = None) -> protocol.TdEvent:
    return (protocol_ or protocol.TdProtocol()).receive(json.dumps(message).encode())


def asking(request: str = "ReqQryOrder") -> tuple[protocol.TdProtocol, protocol.Query]:
    made = protocol.TdProtocol()
    query, _ = made.start(request, Filter())
    return made, query


def test_requests_are_numbered_from_one_and_never_zero() -> None:
    made = protocol.TdProtocol()
    assert made.request_id() == 1
    late = protocol.TdProtocol(first_request_id=2**31 - 1)
    assert (late.request_id(), late.request_id()) == (2**31 - 1, 1)


@pytest.mark.parametrize("last", [True, None, False], ids=["true", "absent", "false"])
def test_a_query_ends_with_islast_true_only(last: bool | None) -> None:
    made, query = asking()
    message: dict[str, Any] = {"MsgType": "RspQryOrder", "RspInfo": None, "RequestID": 1, "Order": {"OrderRef": "1"}}
    if last is not None:
        message["IsLast"] = last
    event = td(message, made)
    assert isinstance(event, protocol.QueryEnded if last else protocol.QueryRow)
    assert len(query.rows) == 1
    assert made.query is (None if last else query)


@pytest.mark.parametrize("empty", [None, {}])
def test_a_query_without_rows_answers_null_or_an_empty_object(empty: object) -> None:
    made, query = asking()
    event = td({"MsgType": "RspQryOrder", "RspInfo": None, "RequestID": 1, "IsLast": True, "Order": empty}, made)
    assert isinstance(event, protocol.QueryEnded)
    assert query.rows == []


@pytest.mark.parametrize("key", ["Order", "QryOrder", "Whatever"])
def test_the_row_is_found_under_x_qryx_or_as_the_only_object(key: str) -> None:
    raw = json.dumps({"MsgType": "RspQryOrder", "RspInfo": {"ErrorID": 0}, key: {"OrderRef": "1"}}).encode()
    assert protocol.payload(raw, "RspQryOrder") == b'{"OrderRef": "1"}'


def test_two_unknown_objects_are_no_row() -> None:
    assert protocol.payload(b'{"MsgType":"RspQryOrder","A":{"x":1},"B":{"x":2}}', "RspQryOrder") is None


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (-1, "RspQryOrder"),
        (-2, "RspQryOrder"),
        (-3, "RspQryOrder"),
        (-400, "ReqQryOrder"),
        (-401, "ReqQryOrder"),
        (-404, "ReqQryOrder"),
    ],
)
def test_a_gateway_error_without_requestid_and_islast_ends_the_query(number: int, name: str) -> None:
    made, query = asking()
    event = td({"MsgType": name, "RspInfo": {"ErrorID": number, "ErrorMsg": "x"}}, made)
    assert isinstance(event, protocol.QueryEnded)
    assert query.number == number
    assert made.query is None


def test_bad_json_is_answered_with_an_empty_name() -> None:
    event = td({"MsgType": "", "RspInfo": {"ErrorID": -400, "ErrorMsg": "参数有误", "Detail": "x"}})
    assert isinstance(event, protocol.GatewayError)


def test_rows_of_a_query_that_was_given_up_are_ignored() -> None:
    made, first = asking()
    made.give_up()
    second, _ = made.start("ReqQryTrade", Filter())
    late = {"MsgType": "RspQryOrder", "RspInfo": None, "RequestID": first.request_id, "IsLast": True, "Order": {"x": 1}}
    assert isinstance(td(late, made), protocol.Ignored)
    assert made.query is second


@pytest.mark.parametrize("number", [-1, -2, -3])
def test_an_order_refused_by_the_gateway_names_no_order(number: int) -> None:
    event = td({"MsgType": "RspOrderInsert", "RspInfo": {"ErrorID": number, "ErrorMsg": "x"}})
    assert isinstance(event, protocol.InsertRefused)
    assert (event.number, event.order) == (number, None)
    event = td({"MsgType": "RspOrderAction", "RspInfo": {"ErrorID": number, "ErrorMsg": "x"}})
    assert isinstance(event, protocol.ActionRefused)


@pytest.mark.parametrize("name", ["ReqOrderInsert", "ReqOrderAction"])
def test_an_invalid_order_is_answered_under_the_requests_name(name: str) -> None:
    event = td({"MsgType": name, "RspInfo": {"ErrorID": -400, "ErrorMsg": "参数有误"}})
    assert isinstance(event, protocol.InsertRefused | protocol.ActionRefused)


@pytest.mark.parametrize("name", ["RspUserLogin", "RspAuthenticate", "ReqUserLogin"])
def test_a_refused_login_comes_under_three_names(name: str) -> None:
    message = {"MsgType": name, "RspInfo": {"ErrorID": 3, "ErrorMsg": "x"}}
    assert isinstance(td(message), protocol.LoginRefused)
    assert isinstance(protocol.MdProtocol().receive(json.dumps(message).encode()), protocol.LoginRefused)


def test_every_login_replaces_the_one_before_and_forgets_the_query_under_way() -> None:
    made, _ = asking()
    message = {"MsgType": "RspUserLogin", "RspInfo": None, "RspUserLogin": {"FrontID": 1, "SessionID": -5}}
    td(message, made)
    assert made.login is not None
    assert made.login.SessionID == -5
    assert made.query is None


def test_names_with_the_prefix_on_of_old_gateways_are_not_taken_for_anything() -> None:
    assert isinstance(td({"MsgType": "OnRtnOrder", "Order": {"OrderRef": "1"}}), protocol.Ignored)


@pytest.mark.parametrize(
    ("name", "undone"),
    [("RspSubMarketData", False), ("RspSubscribeMarketData", False), ("RspUnSubMarketData", True)],
    ids=["real", "document", "unsubscribe"],
)
def test_a_subscription_is_answered_per_name(name: str, undone: bool) -> None:
    message = {"MsgType": name, "RspInfo": {"ErrorID": 0}, "SpecificInstrument": {"InstrumentID": "au2412"}}
    event = protocol.MdProtocol().receive(json.dumps(message).encode())
    assert event == protocol.Subscribed("au2412", 0, "", undone)


def test_subscription_requests_have_a_capital_s_and_no_requestid() -> None:
    md = protocol.MdProtocol()
    assert json.loads(md.subscribe(["au2412"])) == {"MsgType": "SubscribeMarketData", "InstrumentID": ["au2412"]}
    assert json.loads(md.unsubscribe(["a"])) == {"MsgType": "UnSubscribeMarketData", "InstrumentID": ["a"]}
    assert json.loads(md.log_in("", "")) == {
        "MsgType": "ReqUserLogin",
        "ReqUserLogin": {"UserID": "", "Password": ""},
        "RequestID": 1,
    }


def test_a_tick_comes_back_as_it_is() -> None:
    event = protocol.MdProtocol().receive(
        b'{"MsgType":"RtnDepthMarketData","DepthMarketData":{"InstrumentID":"a2505"}}'
    )
    assert isinstance(event, Depth)
