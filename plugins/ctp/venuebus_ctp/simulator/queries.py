"""The rows that answer each query, from the counter's state; keys and empty answers as the gateway writes them."""

from __future__ import annotations

from collections.abc import Callable

from .counter import Counter
from .rows import DBL_MAX, STRAY, Row, instrument_row

EMPTY_OBJECT = frozenset({
    "Instrument", "Exchange", "Product", "DepthMarketData", "InvestorPositionDetail", "ExchangeMarginRate",
    "InstrumentOrderCommRate", "OptionInstrTradeCost", "OptionInstrCommRate",
})  # fmt: skip
"""Queries without rows answer ``{}`` for these, ``null`` for all others."""

EXCHANGES = {"SHFE": "上海期货交易所", "INE": "上海国际能源交易中心", "DCE": "大连商品交易所", "CZCE": "郑州商品交易所",
             "CFFEX": "中国金融期货交易所", "GFEX": "广州期货交易所"}  # fmt: skip


def answer_key(request: str) -> str:
    """Return the payload key of an answer: without ``Qry``, except for the maximum volume."""
    name = request.removeprefix("Req")
    return name if name == "QryMaxOrderVolume" else name.removeprefix("Qry")


def run(counter: Counter, user: str, request: str, wanted: Row) -> list[Row]:
    """Return the rows of one query; an empty filter is no filter."""
    rows = _ROWS[request](counter, user, wanted)
    filters = {key: value for key, value in wanted.items() if isinstance(value, str) and value}
    return [
        dict(row) for row in rows
        if all(str(row.get(key, value)) == value for key, value in filters.items() if key not in ("HedgeFlag",))
    ]  # fmt: skip


def _own(counter: Counter, user: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["InvestorID"] == user]


def _one(counter: Counter, user: str, **fields: object) -> list[Row]:
    account = counter.accounts[user]
    return [{"BrokerID": account.broker_id, "InvestorID": user, **fields}]


def _investor(counter: Counter, user: str, wanted: Row) -> list[Row]:
    return _one(
        counter, user, InvestorName="狂人", IdentifiedCardType="1", IdentifiedCardNo="990287421111111195",
        InvestorGroupID="", IsActive=1, Telephone="", Address="", OpenDate="20150825", Mobile="", CommModelID="",
        MarginModelID="",
    )  # fmt: skip


def _codes(counter: Counter, user: str, wanted: Row) -> list[Row]:
    return [
        row
        for exchange in EXCHANGES
        for row in _one(
            counter, user, ExchangeID=exchange, ClientID=f"9999{user}", IsActive=1, ClientIDType="1", BranchID="",
            BizType=STRAY, InvestUnitID="",
        )
    ]  # fmt: skip


def _margin(counter: Counter, user: str, wanted: Row) -> list[Row]:
    return _one(
        counter, user, InvestorRange="1", HedgeFlag="1", LongMarginRatioByMoney=0.1, LongMarginRatioByVolume=0.0,
        ShortMarginRatioByMoney=0.1, ShortMarginRatioByVolume=0.0, IsRelative=0, ExchangeID="", InvestUnitID="",
        InstrumentID=wanted.get("InstrumentID", ""),
    )  # fmt: skip


def _commission(counter: Counter, user: str, wanted: Row) -> list[Row]:
    return _one(
        counter, user, InvestorRange="1", OpenRatioByMoney=0.0, OpenRatioByVolume=3.0, CloseRatioByMoney=0.0,
        CloseRatioByVolume=3.0, CloseTodayRatioByMoney=0.0, CloseTodayRatioByVolume=0.0, ExchangeID="",
        BizType="\0", InvestUnitID="", InstrumentID=wanted.get("InstrumentID", ""),
    )  # fmt: skip


def _volume(counter: Counter, user: str, wanted: Row) -> list[Row]:
    return _one(
        counter, user, InstrumentID=wanted.get("InstrumentID", ""), Direction=wanted.get("Direction", ""),
        OffsetFlag=wanted.get("OffsetFlag", ""), HedgeFlag=wanted.get("HedgeFlag", ""), MaxVolume=100,
        ExchangeID="", InvestUnitID="",
    )  # fmt: skip


def _products(counter: Counter, user: str, wanted: Row) -> list[Row]:
    seen = {}
    for contract in counter.contracts.values():
        seen[contract.product] = {
            "ProductID": contract.product, "ProductName": contract.name, "ExchangeID": contract.exchange,
            "ProductClass": contract.product_class, "VolumeMultiple": contract.multiplier,
            "PriceTick": float(contract.tick), "MaxMarketOrderVolume": 1000, "MinMarketOrderVolume": 1,
            "MaxLimitOrderVolume": 1000, "MinLimitOrderVolume": 1, "PositionType": "2", "PositionDateType": "2",
            "CloseDealType": "0", "TradeCurrencyID": "CNY", "MortgageFundUseRange": "0",
            "UnderlyingMultiple": DBL_MAX, "OrderFreqControlLevel": STRAY, "OpenLimitControlLevel": "\0",
            "ExchangeProductID": "",
        }  # fmt: skip
    return list(seen.values())


def _instruments(counter: Counter, user: str, wanted: Row) -> list[Row]:
    return [instrument_row(contract) for contract in counter.contracts.values()]


def _nothing(counter: Counter, user: str, wanted: Row) -> list[Row]:
    return []


_ROWS: dict[str, Callable[[Counter, str, Row], list[Row]]] = {
    "ReqQryOrder": lambda counter, user, wanted: _own(counter, user, counter.orders),
    "ReqQryTrade": lambda counter, user, wanted: _own(counter, user, counter.trades),
    "ReqQryInvestorPosition": lambda counter, user, wanted: counter.positions(user),
    "ReqQryInvestorPositionDetail": _nothing,
    "ReqQryTradingAccount": lambda counter, user, wanted: [counter.money(user)],
    "ReqQryInvestor": _investor,
    "ReqQryTradingCode": _codes,
    "ReqQryInstrumentMarginRate": _margin,
    "ReqQryInstrumentCommissionRate": _commission,
    "ReqQryInstrumentOrderCommRate": _nothing,
    "ReqQryOptionInstrCommRate": _nothing,
    "ReqQryOptionInstrTradeCost": _nothing,
    "ReqQryExchangeMarginRate": _nothing,
    "ReqQryDepthMarketData": lambda counter, user, wanted: [counter.depth(symbol) for symbol in counter.contracts],
    "ReqQryProduct": _products,
    "ReqQryExchange": lambda counter, user, wanted: [
        {"ExchangeID": key, "ExchangeName": name, "ExchangeProperty": "1"} for key, name in EXCHANGES.items()
    ],
    "ReqQryInstrument": _instruments,
    "ReqQryMaxOrderVolume": _volume,
}
