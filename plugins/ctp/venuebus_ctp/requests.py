"""What is sent to the gateway: typed, range-checked structs and nothing else.

One wrong field does not only fail. A text longer than its C array, a float for an int, a number in quotes or an int
outside 32 bits makes the gateway drop the socket and leave its CTP session logged in, and after a few of those the
whole gateway may die. So every field has a type and a size here, and `encode` refuses what does not fit.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

INT_MIN, INT_MAX = -(2**31), 2**31 - 1


def _fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXT_BYTES: dict[str, int] = {
    "BrokerID": 10, "InvestorID": 12, "UserID": 15, "Password": 40, "OldPassword": 40, "NewPassword": 40,
    "InstrumentID": 80, "ExchangeInstID": 80, "ProductID": 80, "ExchangeID": 8, "OrderRef": 12,
    "CombOffsetFlag": 4, "CombHedgeFlag": 4, "OrderSysID": 20, "TradeID": 20, "InvestUnitID": 16,
    "CurrencyID": 3, "AccountID": 12, "ClientID": 10, "InsertTimeStart": 8, "InsertTimeEnd": 8,
    "TradeTimeStart": 8, "TradeTimeEnd": 8,
}  # fmt: skip
"""Longest value of every text field that may be sent: the size of its C array without the closing NUL."""

CHARS = _fields(
    "OrderPriceType Direction TimeCondition VolumeCondition ContingentCondition ForceCloseReason ActionFlag "
    "HedgeFlag OffsetFlag ProductClass BizType ClientIDType InstLifePhase"
)
INTS = _fields(
    "VolumeTotalOriginal MinVolume IsAutoSuspend IsSwapOrder UserForceClose RequestID OrderActionRef FrontID SessionID "
    "VolumeChange MaxVolume"
)
DOUBLES = _fields("LimitPrice StopPrice InputPrice UnderlyingPrice")


class BadField(ValueError):
    """A value that the gateway must never see; ``field`` names it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field


class Outgoing(msgspec.Struct, kw_only=True, frozen=True):
    """The payload of a request; fields left at ``None`` are not sent."""


class UserLogin(Outgoing, kw_only=True, frozen=True):
    """Both keys have to be there: without one of them the gateway drops the socket."""

    UserID: str
    Password: str


class PasswordUpdate(Outgoing, kw_only=True, frozen=True):
    """Change of the trading password."""

    BrokerID: str | None = None
    UserID: str
    OldPassword: str
    NewPassword: str


class InputOrder(Outgoing, kw_only=True, frozen=True):
    """A new order."""

    BrokerID: str
    InvestorID: str
    UserID: str
    ExchangeID: str
    InstrumentID: str
    OrderRef: str
    RequestID: int = 0
    OrderPriceType: str
    Direction: str
    CombOffsetFlag: str
    CombHedgeFlag: str
    LimitPrice: float
    StopPrice: float = 0.0
    VolumeTotalOriginal: int
    MinVolume: int = 1
    TimeCondition: str
    VolumeCondition: str
    ContingentCondition: str
    ForceCloseReason: str = "0"
    IsAutoSuspend: int = 0
    IsSwapOrder: int = 0


class InputOrderAction(Outgoing, kw_only=True, frozen=True):
    """A cancel: by OrderSysID and ExchangeID, or by FrontID, SessionID and OrderRef."""

    BrokerID: str | None = None
    InvestorID: str
    UserID: str
    ExchangeID: str
    InstrumentID: str
    RequestID: int | None = None
    OrderSysID: str | None = None
    FrontID: int | None = None
    SessionID: int | None = None
    OrderRef: str | None = None
    ActionFlag: str


class Filter(Outgoing, kw_only=True, frozen=True):
    """What every query may be narrowed by; which fields a query takes is in `QUERIES`."""

    BrokerID: str | None = None
    InvestorID: str | None = None
    ExchangeID: str | None = None
    InstrumentID: str | None = None
    ExchangeInstID: str | None = None
    ProductID: str | None = None
    ProductClass: str | None = None
    OrderSysID: str | None = None
    TradeID: str | None = None
    InsertTimeStart: str | None = None
    InsertTimeEnd: str | None = None
    TradeTimeStart: str | None = None
    TradeTimeEnd: str | None = None
    HedgeFlag: str | None = None
    Direction: str | None = None
    OffsetFlag: str | None = None
    MaxVolume: int | None = None
    InputPrice: float | None = None
    UnderlyingPrice: float | None = None
    CurrencyID: str | None = None
    AccountID: str | None = None
    BizType: str | None = None
    ClientID: str | None = None
    ClientIDType: str | None = None
    InvestUnitID: str | None = None


_ACCOUNT = "BrokerID InvestorID "
QUERIES: dict[str, frozenset[str]] = {
    "ReqQryOrder": _fields(_ACCOUNT + "InstrumentID ExchangeID OrderSysID InsertTimeStart InsertTimeEnd InvestUnitID"),
    "ReqQryTrade": _fields(_ACCOUNT + "InstrumentID ExchangeID TradeID TradeTimeStart TradeTimeEnd InvestUnitID"),
    "ReqQryInvestorPosition": _fields(_ACCOUNT + "InstrumentID ExchangeID InvestUnitID"),
    "ReqQryInvestorPositionDetail": _fields(_ACCOUNT + "InstrumentID ExchangeID InvestUnitID"),
    "ReqQryTradingAccount": _fields(_ACCOUNT + "CurrencyID BizType AccountID"),
    "ReqQryInvestor": _fields(_ACCOUNT),
    "ReqQryTradingCode": _fields(_ACCOUNT + "ExchangeID ClientID ClientIDType InvestUnitID"),
    "ReqQryInstrumentMarginRate": _fields(_ACCOUNT + "InstrumentID ExchangeID HedgeFlag InvestUnitID"),
    "ReqQryInstrumentCommissionRate": _fields(_ACCOUNT + "InstrumentID ExchangeID InvestUnitID"),
    "ReqQryInstrumentOrderCommRate": _fields(_ACCOUNT + "InstrumentID"),
    "ReqQryOptionInstrCommRate": _fields(_ACCOUNT + "InstrumentID ExchangeID InvestUnitID"),
    "ReqQryOptionInstrTradeCost": _fields(
        _ACCOUNT + "InstrumentID ExchangeID HedgeFlag InputPrice UnderlyingPrice InvestUnitID"
    ),
    "ReqQryExchangeMarginRate": _fields("BrokerID InstrumentID ExchangeID HedgeFlag"),
    "ReqQryDepthMarketData": _fields("InstrumentID ExchangeID ProductClass"),
    "ReqQryProduct": _fields("ProductID ExchangeID ProductClass"),
    "ReqQryExchange": _fields("ExchangeID"),
    "ReqQryInstrument": _fields("InstrumentID ExchangeID ExchangeInstID ProductID"),
    "ReqQryMaxOrderVolume": _fields(
        _ACCOUNT + "InstrumentID ExchangeID Direction OffsetFlag HedgeFlag MaxVolume InvestUnitID"
    ),
}
"""The queries of the document and the fields each may be narrowed by."""


def answer_type(request: str) -> str:
    """Return the MsgType that answers ``request``."""
    return "Rsp" + request.removeprefix("Req")


def payload_key(request: str) -> str:
    """Return the key under which ``request`` carries its payload."""
    special = {"ReqUserLogin": "ReqUserLogin", "ReqOrderInsert": "InputOrder", "ReqOrderAction": "InputOrderAction"}
    return special.get(request, request.removeprefix("Req"))


def make_filter(request: str, fields: dict[str, Any]) -> Filter:
    """Return the payload of a query from untrusted fields.

    Raises:
        BadField: unknown query or field, or a value of the wrong type; the gateway takes unknown names silently.
    """
    allowed = QUERIES.get(request)
    if allowed is None:
        raise BadField("request", f"{request!r} is none of {', '.join(sorted(QUERIES))}")
    for field in fields:
        if field not in allowed:
            raise BadField(field, f"{request} takes {', '.join(sorted(allowed))}")
    values: dict[str, Any] = {
        key: float(value) if key in DOUBLES and type(value) is int else value for key, value in fields.items()
    }
    made = Filter(**values)
    check(made)
    return made


def check(payload: Outgoing) -> None:
    """Refuse every value that would make the gateway drop the socket.

    Raises:
        BadField: the field, and what it takes.
    """
    for field in payload.__struct_fields__:
        value = getattr(payload, field)
        if value is not None:
            _check_value(field, value)


def _check_value(field: str, value: object) -> None:
    if field in TEXT_BYTES:
        limit = TEXT_BYTES[field]
        if type(value) is not str or not value.isascii() or len(value) > limit or not (value.isprintable()):
            raise BadField(field, f"printable ASCII text of at most {limit} characters expected")
    elif field in CHARS:
        if type(value) is not str or len(value) != 1 or not value.isascii() or not value.isprintable():
            raise BadField(field, "one printable ASCII character expected")
    elif field in INTS:
        if type(value) is not int or not INT_MIN <= value <= INT_MAX:
            raise BadField(field, f"whole number from {INT_MIN} to {INT_MAX} expected")
    elif field in DOUBLES:
        if type(value) is not float or not math.isfinite(value) or abs(value) >= 1e15:
            raise BadField(field, "finite number below 1e15 expected")
    else:
        raise BadField(field, "is no field of a request")


def encode(request: str, payload: Outgoing, request_id: int) -> bytes:
    """Return the frame of a trading request.

    Raises:
        BadField: see `check`.
    """
    check(payload)
    _check_value("RequestID", request_id)
    return _encoder.encode({"MsgType": request, payload_key(request): _present(payload), "RequestID": request_id})


def encode_subscription(request: str, instruments: list[str]) -> bytes:
    """Return the frame of ``SubscribeMarketData`` or ``UnSubscribeMarketData`` (capital S).

    Raises:
        BadField: a name that is no contract's.
    """
    for instrument in instruments:
        _check_value("InstrumentID", instrument)
    return _encoder.encode({"MsgType": request, "InstrumentID": instruments})


def _present(payload: Outgoing) -> dict[str, Any]:
    return {field: value for field in payload.__struct_fields__ if (value := getattr(payload, field)) is not None}


_encoder = msgspec.json.Encoder()
