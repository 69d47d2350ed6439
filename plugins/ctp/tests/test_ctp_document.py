"""Every request and answer of the gateway's document; where it is wrong, the test's name says how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from venuebus_ctp import protocol, requests
from venuebus_ctp.convert import Owner, to_balance, to_order, to_positions
from venuebus_ctp.market import to_instrument
from venuebus_ctp.messages import AccountRow, Depth, InstrumentRow, OrderRow, PositionRow
from venuebus_ctp.requests import InputOrder, InputOrderAction, PasswordUpdate, UserLogin, make_filter
from venuebus_schemas import OrderStatus

FRAMES: list[dict[str, str]] = json.loads(
    (Path(__file__).parent / "frames" / "document.json").read_text(encoding="utf-8")
)


def frame(title: str, kind: str) -> str:
    return next(f["raw"] for f in FRAMES if f["title"] == title and f["kind"] == kind)


# --- requests -----------------------------------------------------------------------------------------------------

QUERY_REQUESTS = [
    ("请求查询成交", "trades"),
    ("请求查询投资者持仓", "positions"),
    ("请求查询资金账户", "account"),
    ("请求查询投资者", "investor"),
    ("请求查询交易编码", "trading_codes"),
    ("查询合约保证金率", "margin_rate"),
    ("请求查询合约手续费率", "commission_rate"),
    ("查询期权交易成本", "option_cost_whose_int_UnderlyingPrice_is_a_double"),
    ("查询报单手续费率", "order_commission_rate"),
    ("查询交易所保证金率", "exchange_margin_rate"),
    ("查询行情", "depth"),
    ("查询产品", "product"),
    ("查询交易所", "exchange"),
    ("查询合约", "instrument"),
    ("查询报单", "order"),
    ("查询最大报单数量", "maximum_volume"),
]


@pytest.mark.parametrize("title", [title for title, _ in QUERY_REQUESTS], ids=[note for _, note in QUERY_REQUESTS])
def test_query_request_is_built_as_the_document_prints_it(title: str) -> None:
    """The document numbers every request 0, which the gateway leaves out of its answers: ours count from 1."""
    printed = json.loads(frame(title, "request"))
    request = printed["MsgType"]
    fields = {key: value for key, value in printed[requests.payload_key(request)].items() if value != ""}
    built = json.loads(requests.encode(request, make_filter(request, fields), 7))
    assert built == {**printed, "RequestID": 7, requests.payload_key(request): fields}


def test_option_commission_request_whose_payload_key_the_document_takes_from_another_answer() -> None:
    printed = json.loads(frame("查询期权合约手续费", "request"))
    fields = printed["RspQryOptionInstrTradeCost"]  # the real gateway answers -400 to that
    built = json.loads(requests.encode(printed["MsgType"], make_filter(printed["MsgType"], fields), 1))
    assert built == {"MsgType": "ReqQryOptionInstrCommRate", "QryOptionInstrCommRate": fields, "RequestID": 1}


def test_position_detail_request_without_the_investor() -> None:
    printed = json.loads(frame("查询投资者持仓明细", "request"))
    filters = make_filter(printed["MsgType"], printed["QryInvestorPositionDetail"])
    assert json.loads(requests.encode(printed["MsgType"], filters, 1)) == {**printed, "RequestID": 1}


def test_login_request() -> None:
    printed = json.loads(frame("登录", "request"))
    built = requests.encode("ReqUserLogin", UserLogin(**printed["ReqUserLogin"]), 1)
    assert json.loads(built) == {**printed, "RequestID": 1}


def test_password_request() -> None:
    printed = json.loads(frame("用户口令变更", "request"))
    built = requests.encode("ReqUserPasswordUpdate", PasswordUpdate(**printed["UserPasswordUpdate"]), 1)
    assert json.loads(built) == {**printed, "RequestID": 1}


def test_limit_order_request_which_the_document_sends_without_an_orderref() -> None:
    printed = json.loads(frame("报单录入（限价单）", "request"))["InputOrder"]
    order = InputOrder(**{**printed, "LimitPrice": float(printed["LimitPrice"])}, UserID="209025", OrderRef="2")
    built = json.loads(requests.encode("ReqOrderInsert", order, 1))
    assert {key: built["InputOrder"][key] for key in printed} == printed
    assert built["InputOrder"]["OrderRef"] == "2"


def test_cancel_request_keeps_the_blanks_of_ordersysid() -> None:
    printed = json.loads(frame("报单撤销", "request"))
    action = InputOrderAction(**printed["InputOrderAction"])
    assert json.loads(requests.encode("ReqOrderAction", action, 1)) == {**printed, "RequestID": 1}


# --- answers to queries -------------------------------------------------------------------------------------------


def ask(title: str, request: str, *, last: bool = True) -> list[bytes]:
    """Give the printed answer to a protocol that has asked; return the rows."""
    td = protocol.TdProtocol()
    query, _ = td.start(request, requests.Filter())
    raw = frame(title, "answer")
    printed = json.loads(raw)
    if printed.get("RequestID"):  # the option commission's answer has a number of its own
        query.request_id = printed["RequestID"]
    event = td.receive(raw.encode("utf-8"))
    assert isinstance(event, protocol.QueryEnded if last else protocol.QueryRow)
    assert event.query is query
    assert query.number == 0
    return query.rows


EMPTY = [
    ("请求查询成交", "ReqQryTrade", "trades_null"),
    ("查询期权合约手续费", "ReqQryOptionInstrCommRate", "option_commission_under_the_odd_key_Qry"),
    ("查询期权交易成本", "ReqQryOptionInstrTradeCost", "option_cost_under_the_odd_key_Qry"),
    ("查询报单手续费率", "ReqQryInstrumentOrderCommRate", "order_commission_under_the_odd_key_Qry"),
    ("查询交易所保证金率", "ReqQryExchangeMarginRate", "exchange_margin_under_the_odd_key_Qry"),
    ("查询投资者持仓明细", "ReqQryInvestorPositionDetail", "position_detail_answered_under_the_name_of_another_query"),
]


@pytest.mark.parametrize(("title", "request_name"), [row[:2] for row in EMPTY], ids=[row[2] for row in EMPTY])
def test_answer_without_rows_ends_the_query(title: str, request_name: str) -> None:
    assert ask(title, request_name) == []


def test_positions_answer_with_an_empty_instrumentid_is_no_position() -> None:
    row = protocol.row(ask("请求查询投资者持仓", "ReqQryInvestorPosition")[0], PositionRow)
    assert (row.Position, row.PositionProfit) == (6, -86400.00000000047)
    positions, unusable = to_positions([row], account="main", now_ns=1, multiplier=lambda symbol: None)
    assert positions == []
    assert unusable == 1


def test_account_answer_with_nul_in_biztype_and_noise_in_doubles() -> None:
    row = protocol.row(ask("请求查询资金账户", "ReqQryTradingAccount")[0], AccountRow)
    balance = to_balance(row, account="main", now_ns=1)
    assert (balance.total, balance.available, balance.margin) == ("19653799.89", "19070563.89", "583236")
    assert balance.extra is not None
    assert balance.extra["withdraw_quota"] == "15256451.112"
    assert balance.currency == "CNY"


NATIVE: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "请求查询投资者",
        "ReqQryInvestor",
        "investor_under_the_odd_key_QryInvestor",
        {"InvestorName": "狂人", "IsActive": 1},
    ),
    (
        "请求查询交易编码",
        "ReqQryTradingCode",
        "trading_code_with_a_lone_surrogate_in_BizType",
        {"ClientID": "9999028742", "ExchangeID": "DCE"},
    ),
    (
        "查询合约保证金率",
        "ReqQryInstrumentMarginRate",
        "margin_rate_with_an_empty_InstrumentID",
        {"LongMarginRatioByMoney": "0.17", "IsRelative": 0},
    ),
    (
        "请求查询合约手续费率",
        "ReqQryInstrumentCommissionRate",
        "commission_rate_with_NUL_in_BizType",
        {"CloseRatioByVolume": "20"},
    ),
    ("查询交易所", "ReqQryExchange", "exchange", {"ExchangeID": "DCE", "ExchangeName": "大连商品交易所"}),
    (
        "查询最大报单数量",
        "ReqQryMaxOrderVolume",
        "maximum_volume_under_the_key_Qry_which_is_right_here",
        {"InstrumentID": "ss2407", "MaxVolume": 0},
    ),
]


@pytest.mark.parametrize(
    ("title", "request_name", "expected"), [(t, r, e) for t, r, _, e in NATIVE], ids=[note for _, _, note, _ in NATIVE]
)
def test_answer_with_the_venues_own_fields_is_cleaned(title: str, request_name: str, expected: dict[str, Any]) -> None:
    row = protocol.native(ask(title, request_name)[0])
    assert {key: row[key] for key in expected} == expected
    assert "BizType" not in row
    assert all(value != "" for value in row.values())
    json.dumps(row, ensure_ascii=False).encode("utf-8")  # nothing left that cannot be written again


def test_depth_answer_without_islast_with_a_garbage_name_eleven_dbl_max_and_two_denormals() -> None:
    row = protocol.row(ask("查询行情", "ReqQryDepthMarketData", last=False)[0], Depth)
    assert (row.InstrumentID, row.reserve1) == ("X\x02\fz\x7f", "zn2402")
    assert (row.AskPrice1, row.AskPrice2, row.SettlementPrice) == (21520.0, None, None)
    native = protocol.native(ask("查询行情", "ReqQryDepthMarketData", last=False)[0])
    assert native["InstrumentID"] == "zn2402"
    assert not {"BandingLowerPrice", "CurrDelta", "reserve1"} & native.keys()
    assert native["AveragePrice"] == "106977.77777778"


def test_product_answer_without_islast_whose_name_is_one_control_character() -> None:
    native = protocol.native(ask("查询产品", "ReqQryProduct", last=False)[0])
    assert (native["ProductID"], native["ProductName"], native["PriceTick"]) == ("b", "黄大豆2号", "1")
    assert not {"UnderlyingMultiple", "OrderFreqControlLevel", "OpenLimitControlLevel"} & native.keys()


def test_instrument_answer_with_an_invented_islast_false_and_requestid_0() -> None:
    rows = ask("查询合约", "ReqQryInstrument", last=False)
    assert to_instrument(protocol.row(rows[0], InstrumentRow), 1) is None  # no name in it


def test_order_answer() -> None:
    row = protocol.row(ask("查询报单", "ReqQryOrder")[0], OrderRow)
    order = to_order(row, Owner(), account="main", now_ns=1)
    assert order is not None
    assert (order.status, order.filled_quantity, order.price) == (OrderStatus.FILLED, "1", "14265")
    assert order.venue_order_ids == {"ref": "3:1653223221:1", "sys": "SHFE:46792"}
    assert order.extra is not None
    assert order.extra["OrderSysID"] == "       46792"
    assert order.ts_created == 1_706_190_348_000_000_000  # 2024-01-25 21:45:48 +08:00, the evening before


# --- the rest -----------------------------------------------------------------------------------------------------


def receive(title: str, kind: str = "answer") -> protocol.TdEvent:
    return protocol.TdProtocol().receive(frame(title, kind).encode("utf-8"))


def test_login_answer_without_islast() -> None:
    event = receive("登录")
    assert isinstance(event, protocol.LoggedIn)
    assert (event.login.FrontID, event.login.SessionID, event.login.MaxOrderRef) == (1, 1_000_000, "1")
    assert event.login.TradingDay == "20230318"  # a Saturday


def test_password_answer() -> None:
    td = protocol.TdProtocol()
    td.start("ReqUserPasswordUpdate", PasswordUpdate(UserID="209025", OldPassword="a", NewPassword="b"))
    event = td.receive(frame("用户口令变更", "answer").encode())
    assert isinstance(event, protocol.QueryEnded)
    assert protocol.native(event.query.rows[0]) == {"BrokerID": "9999", "UserID": "209025"}


def test_insert_refusal_which_comes_instead_of_an_order_report() -> None:
    event = receive("报单录入（限价单）")
    assert isinstance(event, protocol.InsertRefused)
    assert (event.number, event.broadcast) == (16, False)
    assert event.order is not None
    assert event.order.InstrumentID == "ss2407000"


def test_cancel_refusal_whose_ordersysid_is_not_the_one_that_was_asked_for() -> None:
    event = receive("报单撤销")
    assert isinstance(event, protocol.ActionRefused)
    assert event.number == 25
    assert event.action is not None
    assert event.action.OrderSysID == " 11     1001281"


def test_order_report_right_aligns_an_orderref_that_the_counter_made() -> None:
    event = receive("报单通知", "notice")
    assert isinstance(event, protocol.OrderReport)
    order = to_order(event.row, Owner(), account="main", now_ns=1)
    assert order is not None
    assert (order.status, order.venue_order_id) == (OrderStatus.PENDING_NEW, "1:2129811508:1")
    assert order.venue_order_ids == {"ref": "1:2129811508:1"}
    assert order.extra is not None
    assert order.extra["OrderRef"] == "           1"


def test_broadcast_cancel_refusal_under_the_key_orderaction() -> None:
    event = receive("报单操作错误通知", "notice")
    assert isinstance(event, protocol.ActionRefused)
    assert (event.number, event.broadcast) == (25, True)


def test_every_example_of_the_document_is_used_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert {f["title"] for f in FRAMES if f'"{f["title"]}"' not in text} == set()
    assert len(FRAMES) == 46


def test_every_query_of_the_document_can_be_asked() -> None:
    printed = {json.loads(f["raw"])["MsgType"] for f in FRAMES if f["kind"] == "request"}
    special = {"ReqUserLogin", "ReqUserPasswordUpdate", "ReqOrderInsert", "ReqOrderAction"}
    assert printed - special == set(requests.QUERIES)
