"""The gateway's JSON protocol without I/O: bytes in, typed events out, and which query an answer belongs to.

Trading and market data are two sockets with two small protocols. Neither trusts the gateway: errors come without
RequestID, a query may never end, a login may come that nobody asked for, keys differ between code and documents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from . import requests
from .cleaning import clean, known, name, shrink, text
from .messages import (
    ActionRow,
    Depth,
    Frame,
    InputOrderRow,
    OrderRow,
    RspInfo,
    RspUserLogin,
    TradeRow,
)

T = TypeVar("T")


class LoggedIn(msgspec.Struct):
    """A CTP session began; each one is a new epoch, asked for or not."""

    login: RspUserLogin


class LoginRefused(msgspec.Struct):
    """The counter (or the gateway) refused the login."""

    number: int
    text: str


class OrderReport(msgspec.Struct):
    """``RtnOrder``: the state of an order of the account, of any session."""

    row: OrderRow


class TradeReport(msgspec.Struct):
    """``RtnTrade``: an execution of the account, of any session."""

    row: TradeRow


class InsertRefused(msgspec.Struct):
    """An order was refused. ``broadcast`` where all sessions hear it; no ``order`` in the gateway's own errors."""

    number: int
    text: str
    request_id: int
    order: InputOrderRow | None
    broadcast: bool


class ActionRefused(msgspec.Struct):
    """A cancel was refused; the order is unchanged."""

    number: int
    text: str
    request_id: int
    action: ActionRow | None
    broadcast: bool


class QueryEnded(msgspec.Struct):
    """The query under way has its last row or an error."""

    query: Query


class QueryRow(msgspec.Struct):
    """The query under way got a row and goes on."""

    query: Query


class Subscribed(msgspec.Struct):
    """The answer for one name of a subscription; success says nothing about whether the name exists."""

    symbol: str
    number: int
    text: str
    undone: bool


class GatewayError(msgspec.Struct):
    """An error that belongs to no request that is waited for."""

    msg_type: str
    number: int
    text: str


class Ignored(msgspec.Struct):
    """Understood and of no use, such as a late row of a query that was given up."""

    msg_type: str


class Unreadable(msgspec.Struct):
    """No message, even after cleaning."""

    raw: bytes
    text: str


class Query:
    """One query under way: what was asked and the rows so far, still encoded."""

    __slots__ = ("answer", "number", "request", "request_id", "rows", "text")

    def __init__(self, request: str, request_id: int) -> None:
        self.request = request
        self.answer = requests.answer_type(request)
        self.request_id = request_id
        self.rows: list[bytes] = []
        self.number = 0
        self.text = ""

    def owns(self, frame: Frame) -> bool:
        """Tell whether ``frame`` answers this query; RequestID is absent in the gateway's own errors."""
        if frame.RequestID:
            return frame.RequestID == self.request_id
        # The document answers the position details under another query's name.
        odd = self.answer == "RspQryInvestorPositionDetail" and frame.MsgType == "RspQryExchangeMarginRate"
        return frame.MsgType in (self.answer, self.request) or odd


TdEvent = (
    LoggedIn | LoginRefused | OrderReport | TradeReport | InsertRefused | ActionRefused | QueryEnded | QueryRow
    | GatewayError | Ignored | Unreadable
)  # fmt: skip
MdEvent = Depth | LoggedIn | LoginRefused | Subscribed | GatewayError | Ignored | Unreadable

_frame = msgspec.json.Decoder(Frame)
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder(dict[str, Any])
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
_NO_INFO = RspInfo()


def read(data: bytes) -> tuple[Frame, bytes]:
    """Decode a message; clean it only if that fails. Also returns the bytes that could be decoded.

    Raises:
        ValueError: it is no message even so.
    """
    data = shrink(data)
    try:
        return _frame.decode(data), data
    except ValueError:
        data = clean(data)
        return _frame.decode(data), data


def payload(data: bytes, msg_type: str) -> bytes | None:
    """Return the row of an answer, wherever it is: under ``X``, ``QryX``, or as the only other object.

    ``None`` where the answer has no row (absent, null or ``{}``).
    """
    keys = _keys.decode(data)
    subject = msg_type.removeprefix("Rsp").removeprefix("Qry")
    raw = keys.get(subject, keys.get("Qry" + subject))
    if raw is None:
        objects = [bytes(value) for key, value in keys.items() if key != "RspInfo" and bytes(value)[:1] == b"{"]
        return objects[0] if len(objects) == 1 and objects[0] != b"{}" else None
    row = bytes(raw)
    return row if row[:1] == b"{" and row.strip() != b"{}" else None


def row(raw: bytes, kind: type[T]) -> T:
    """Decode one row of a query.

    Raises:
        ValueError: a field has another type than the counter's struct.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    decoded: T = decoder.decode(raw)
    return decoded


def native(raw: bytes) -> dict[str, Any]:
    """Return one row with the venue's own fields, cleaned: doubles as decimal text, unset fields left out.

    Raises:
        ValueError: it is no JSON object.
    """
    cleaned: dict[str, Any] = {}
    fields = _any.decode(clean(raw))
    for key, value in fields.items():
        if "Password" in key or key.startswith("reserve"):
            continue
        if key in ("InstrumentID", "ProductID") and isinstance(value, str):
            value = name(value, str(fields.get("reserve1") or ""))
        elif isinstance(value, str):
            value = known(value)
        elif isinstance(value, float):
            value = text(value)
        elif isinstance(value, int) and key.startswith("Is") and value not in (0, 1):
            value = None
        if value is not None:
            cleaned[key] = value
    return cleaned


class TdProtocol:
    """The trading side: numbers requests, knows the login, and gives every answer to its query."""

    def __init__(self, *, first_request_id: int = 1) -> None:
        self.login: RspUserLogin | None = None
        self.query: Query | None = None
        self._next_id = max(1, first_request_id)

    def request_id(self) -> int:
        """Return the next RequestID; never 0, which the gateway leaves out of its answers."""
        number = self._next_id
        self._next_id = number + 1 if number < requests.INT_MAX else 1
        return number

    def log_in(self, user_id: str, password: str) -> bytes:
        """Return the login request; the first credentials of a socket stay, so never send a second one."""
        user = requests.UserLogin(UserID=user_id, Password=password)
        return requests.encode("ReqUserLogin", user, self.request_id())

    def start(self, request: str, filters: requests.Outgoing) -> tuple[Query, bytes]:
        """Begin a query (or the password change); there is never more than one, an older one is forgotten."""
        number = self.request_id()
        data = requests.encode(request, filters, number)
        self.query = Query(request, number)
        return self.query, data

    def give_up(self) -> None:
        """Forget the query under way; rows that still come for it are ignored."""
        self.query = None

    def receive(self, data: bytes) -> TdEvent:
        """Understand one message of the gateway."""
        try:
            frame, data = read(data)
        except ValueError as error:
            return Unreadable(data, str(error))
        handler = _TD.get(frame.MsgType)
        if handler is not None:
            return handler(self, frame)
        return self._answer(frame, data)

    def _on_order(self, frame: Frame) -> TdEvent:
        return OrderReport(frame.Order) if frame.Order is not None else Ignored(frame.MsgType)

    def _on_trade(self, frame: Frame) -> TdEvent:
        return TradeReport(frame.Trade) if frame.Trade is not None else Ignored(frame.MsgType)

    def _on_login(self, frame: Frame) -> TdEvent:
        event = _login(frame)
        if isinstance(event, LoggedIn):
            self.login = event.login
            self.query = None
        return event

    def _on_insert(self, frame: Frame) -> TdEvent:
        info = frame.RspInfo or _NO_INFO
        if info.ErrorID == 0:
            return Ignored(frame.MsgType)
        broadcast = frame.MsgType == "ErrRtnOrderInsert"
        return InsertRefused(info.ErrorID, info.ErrorMsg, frame.RequestID, frame.InputOrder, broadcast)

    def _on_action(self, frame: Frame) -> TdEvent:
        info = frame.RspInfo or _NO_INFO
        if info.ErrorID == 0:
            return Ignored(frame.MsgType)
        action = frame.InputOrderAction or frame.OrderAction
        return ActionRefused(info.ErrorID, info.ErrorMsg, frame.RequestID, action, frame.MsgType == "ErrRtnOrderAction")

    def _answer(self, frame: Frame, data: bytes) -> TdEvent:
        info = frame.RspInfo or _NO_INFO
        query = self.query
        if query is None or not query.owns(frame):
            return GatewayError(frame.MsgType, info.ErrorID, info.ErrorMsg) if info.ErrorID else Ignored(frame.MsgType)
        if info.ErrorID:
            query.number, query.text = info.ErrorID, info.ErrorMsg
            self.query = None
            return QueryEnded(query)
        found = payload(data, frame.MsgType)
        if found is not None:
            query.rows.append(found)
        if frame.IsLast:
            self.query = None
            return QueryEnded(query)
        return QueryRow(query)


_TD: dict[str, Callable[[TdProtocol, Frame], TdEvent]] = {
    "RtnOrder": TdProtocol._on_order,
    "RtnTrade": TdProtocol._on_trade,
    "RspUserLogin": TdProtocol._on_login,
    "RspAuthenticate": TdProtocol._on_login,
    "ReqUserLogin": TdProtocol._on_login,
    "RspOrderInsert": TdProtocol._on_insert,
    "ReqOrderInsert": TdProtocol._on_insert,
    "ErrRtnOrderInsert": TdProtocol._on_insert,
    "RspOrderAction": TdProtocol._on_action,
    "ReqOrderAction": TdProtocol._on_action,
    "ErrRtnOrderAction": TdProtocol._on_action,
}


def _login(frame: Frame) -> LoggedIn | LoginRefused | Ignored:
    info = frame.RspInfo or _NO_INFO
    if info.ErrorID:
        return LoginRefused(info.ErrorID, info.ErrorMsg)
    if frame.MsgType != "RspUserLogin":
        return Ignored(frame.MsgType)
    return LoggedIn(frame.RspUserLogin or RspUserLogin())


class MdProtocol:
    """The market-data side."""

    def log_in(self, user_id: str, password: str) -> bytes:
        """Return the login request; both keys have to be there, even empty."""
        return requests.encode("ReqUserLogin", requests.UserLogin(UserID=user_id, Password=password), 1)

    def subscribe(self, symbols: list[str]) -> bytes:
        """Return the request to subscribe; at most 1,000 names at a time, or the front's buffer overflows."""
        return requests.encode_subscription("SubscribeMarketData", symbols)

    def unsubscribe(self, symbols: list[str]) -> bytes:
        """Return the request to unsubscribe."""
        return requests.encode_subscription("UnSubscribeMarketData", symbols)

    def receive(self, data: bytes) -> MdEvent:
        """Understand one message of the gateway; a tick comes back as it is."""
        try:
            frame, data = read(data)
        except ValueError as error:
            return Unreadable(data, str(error))
        if frame.DepthMarketData is not None:
            return frame.DepthMarketData
        match frame.MsgType:
            case "RspUserLogin" | "RspAuthenticate" | "ReqUserLogin":
                return _login(frame)
            case "RspSubMarketData" | "RspSubscribeMarketData" | "SubscribeMarketData":
                return self._subscribed(frame, undone=False)
            case "RspUnSubMarketData" | "RspUnSubscribeMarketData" | "UnSubscribeMarketData":
                return self._subscribed(frame, undone=True)
        info = frame.RspInfo or _NO_INFO
        return GatewayError(frame.MsgType, info.ErrorID, info.ErrorMsg) if info.ErrorID else Ignored(frame.MsgType)

    @staticmethod
    def _subscribed(frame: Frame, *, undone: bool) -> MdEvent:
        info = frame.RspInfo or _NO_INFO
        symbol = frame.SpecificInstrument.InstrumentID if frame.SpecificInstrument is not None else ""
        return Subscribed(symbol, info.ErrorID, info.ErrorMsg, undone)
