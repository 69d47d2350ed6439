"""Nothing that is sent can make the gateway drop the socket."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus import CommandRejected
from venuebus_ctp import requests
from venuebus_ctp.ordering import Account, to_input_order
from venuebus_ctp.requests import BadField, Filter, InputOrder, InputOrderAction, UserLogin, make_filter
from venuebus_ctp.simulator.handlers import _validate
from venuebus_schemas import CommandError, OrderType, PositionEffect, Side, Submit, TimeInForce, check_command

ORDER: dict[str, Any] = {
    "BrokerID": "9999",
    "InvestorID": "028742",
    "UserID": "028742",
    "ExchangeID": "SHFE",
    "InstrumentID": "au2412",
    "OrderRef": "2",
    "OrderPriceType": "2",
    "Direction": "0",
    "CombOffsetFlag": "0",
    "CombHedgeFlag": "1",
    "LimitPrice": 560.0,
    "VolumeTotalOriginal": 1,
    "TimeCondition": "3",
    "VolumeCondition": "1",
    "ContingentCondition": "1",
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("OrderRef", "1234567890123"),
        ("CombOffsetFlag", "00000"),
        ("InstrumentID", "x" * 81),
        ("BrokerID", "12345678901"),
        ("Direction", "00"),
        ("Direction", ""),
        ("VolumeTotalOriginal", 1.0),
        ("VolumeTotalOriginal", 2**31),
        ("VolumeTotalOriginal", -(2**31) - 1),
        ("VolumeTotalOriginal", True),
        ("LimitPrice", "3400"),
        ("LimitPrice", 3400),
        ("LimitPrice", float("nan")),
        ("LimitPrice", float("inf")),
        ("LimitPrice", 1.7976931348623157e308),
        ("InstrumentID", "豆粕"),
        ("InstrumentID", "\udcb0"),
        ("InstrumentID", "a\x01"),
        ("OrderRef", 2),
        ("InstrumentID", "a\n"),
    ],
)
def test_a_field_that_would_drop_the_socket_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(BadField, match=field):
        requests.encode("ReqOrderInsert", InputOrder(**{**ORDER, field: value}), 1)


@pytest.mark.parametrize("number", [2**31, 1.0, "1", True])
def test_a_bad_requestid_is_refused(number: Any) -> None:
    with pytest.raises(BadField, match="RequestID"):
        requests.encode("ReqQryOrder", Filter(), number)


def test_every_field_of_every_request_has_a_type_and_a_size() -> None:
    kinds = [*requests.TEXT_BYTES, *requests.CHARS, *requests.INTS, *requests.DOUBLES]
    assert len(kinds) == len(set(kinds))
    for made in (InputOrder, InputOrderAction, UserLogin, Filter, requests.PasswordUpdate):
        assert set(made.__struct_fields__) <= set(kinds)
    for fields in requests.QUERIES.values():
        assert fields <= set(Filter.__struct_fields__)


def test_whole_prices_are_written_as_doubles_and_volumes_as_ints() -> None:
    raw = requests.encode("ReqOrderInsert", InputOrder(**ORDER), 1)
    assert b'"LimitPrice":560.0' in raw
    assert b'"VolumeTotalOriginal":1,' in raw


def test_login_has_both_keys_even_when_empty() -> None:
    assert b'{"UserID":"","Password":""}' in requests.encode("ReqUserLogin", UserLogin(UserID="", Password=""), 1)


@pytest.mark.parametrize("request_name", ["ReqUserLogout", "ReqSettlementInfoConfirm", "ReqOrderInsert", "", "x"])
def test_requests_that_are_no_query_of_the_gateway_are_refused(request_name: str) -> None:
    with pytest.raises(BadField):
        make_filter(request_name, {})


@pytest.mark.parametrize(
    "fields", [{"Instrument": "a"}, {"InstrumentID": 1}, {"InstrumentID": "x" * 81}, {"HedgeFlag": "1"}, {"": ""}]
)
def test_a_misspelt_or_mistyped_filter_is_refused_as_the_gateway_would_ignore_it(fields: dict[str, Any]) -> None:
    with pytest.raises(BadField):
        make_filter("ReqQryOrder", fields)


def test_whole_numbers_are_taken_for_doubles_in_filters() -> None:
    made = make_filter("ReqQryOptionInstrTradeCost", {"InputPrice": 123, "UnderlyingPrice": 0})
    assert (made.InputPrice, made.UnderlyingPrice) == (123.0, 0.0)


words = st.text(max_size=90) | st.sampled_from(["au2412", "m2505-C-3000", "IF2412", "TA505", "SP a2109&a2201"])
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda d: format(d, "f")) | st.text(
    max_size=12
)


@given(
    symbol=words,
    side=st.sampled_from(Side),
    order_type=st.sampled_from(OrderType),
    quantity=numbers,
    price=st.none() | numbers,
    trigger_price=st.none() | numbers,
    time_in_force=st.none() | st.sampled_from(TimeInForce),
    position_effect=st.none() | st.sampled_from(PositionEffect),
    params=st.none()
    | st.dictionaries(st.sampled_from(["hedge", "exchange", "min_volume", "trigger", "x"]), words | st.integers()),
)
def test_whatever_a_command_says_the_gateway_gets_a_good_order_or_nothing(**fields: Any) -> None:
    command = Submit(command_id="c", client_order_id="o", **fields)
    try:
        check_command(command)
        order = to_input_order(command, Account("9999", "028742", "028742"), order_ref="2", contract=None)
    except (CommandError, CommandRejected):
        return
    built = json.loads(requests.encode("ReqOrderInsert", order, 1))
    assert _validate(built["InputOrder"]) == "ok"
    assert type(built["InputOrder"]["LimitPrice"]) is float
    msgspec.json.decode(requests.encode("ReqOrderInsert", order, 1))
