"""Protocol ids, and how a body becomes one of OpenD's messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError

from . import frame
from .pb import link_pb2, quote_pb2, trade_pb2

if TYPE_CHECKING:
    from .protocol import Message as Received

INIT_CONNECT = 1001
GLOBAL_STATE = 1002
NOTIFY = 1003
KEEP_ALIVE = 1004
ACCOUNT_LIST = 2001
UNLOCK = 2005
ACCOUNT_PUSH = 2008
FUNDS = 2101
POSITIONS = 2102
MAX_QUANTITIES = 2111
ORDERS = 2201
PLACE = 2202
MODIFY = 2205
ORDER_PUSH = 2208
FILLS = 2211
FILL_PUSH = 2218
HISTORY_ORDERS = 2221
HISTORY_FILLS = 2222
ORDER_FEES = 2225
SUBSCRIBE = 3001
SUBSCRIPTIONS = 3003
BASIC_QUOTES = 3004
BASIC_QUOTE_PUSH = 3005
BAR_PUSH = 3007
TICKER_PUSH = 3011
BOOK = 3012
BOOK_PUSH = 3013
STATIC_INFO = 3202

PROTOCOLS: dict[int, Any] = {
    INIT_CONNECT: link_pb2.InitConnect, GLOBAL_STATE: link_pb2.GetGlobalState, NOTIFY: link_pb2.Notify,
    KEEP_ALIVE: link_pb2.KeepAlive, ACCOUNT_LIST: trade_pb2.GetAccList, UNLOCK: trade_pb2.UnlockTrade,
    ACCOUNT_PUSH: trade_pb2.SubAccPush, FUNDS: trade_pb2.GetFunds, POSITIONS: trade_pb2.GetPositionList,
    MAX_QUANTITIES: trade_pb2.GetMaxTrdQtys, ORDERS: trade_pb2.GetOrderList, PLACE: trade_pb2.PlaceOrder,
    MODIFY: trade_pb2.ModifyOrder, ORDER_PUSH: trade_pb2.UpdateOrder, FILLS: trade_pb2.GetOrderFillList,
    FILL_PUSH: trade_pb2.UpdateOrderFill, HISTORY_ORDERS: trade_pb2.GetHistoryOrderList,
    HISTORY_FILLS: trade_pb2.GetHistoryOrderFillList, ORDER_FEES: trade_pb2.GetOrderFee,
    SUBSCRIBE: quote_pb2.Sub, SUBSCRIPTIONS: quote_pb2.GetSubInfo, BASIC_QUOTES: quote_pb2.GetBasicQot,
    BASIC_QUOTE_PUSH: quote_pb2.UpdateBasicQot, BAR_PUSH: quote_pb2.UpdateKL, TICKER_PUSH: quote_pb2.UpdateTicker,
    BOOK: quote_pb2.GetOrderBook, BOOK_PUSH: quote_pb2.UpdateOrderBook, STATIC_INFO: quote_pb2.GetStaticInfo,
}  # fmt: skip
"""Protocol id → the message that holds its ``Request`` and ``Response``."""

_RESPONSES: dict[int, Any] = {proto: message.Response for proto, message in PROTOCOLS.items()}
_RESPONSES[ORDER_PUSH] = trade_pb2.OrderPush.Response
_RESPONSES[BOOK] = _RESPONSES[BOOK_PUSH] = quote_pb2.BookLevels.Response
_RESPONSES[BASIC_QUOTE_PUSH] = quote_pb2.QuotePush.Response
_RESPONSES[BAR_PUSH] = quote_pb2.BarPush.Response
_RESPONSES[TICKER_PUSH] = quote_pb2.TickerPush.Response
# Methods as the classes have them: to find one at each message takes as long as its work does.
_READ: dict[int, tuple[Any, Any]] = {proto: (kind.FromString, kind.HasField) for proto, kind in _RESPONSES.items()}
# protobuf takes as long to look for required fields as to read the message. The converters of these pushes see by what
# they read anyway that nothing is missing: what is neither 0 nor empty was there (see `require`).
_CONVERTERS_LOOK = frozenset({ORDER_PUSH, BASIC_QUOTE_PUSH, BAR_PUSH, TICKER_PUSH, BOOK_PUSH})
# The content of some answers has no fields at all; leaving it out says as much as sending it.
_EMPTY = frozenset(
    proto
    for proto, message in PROTOCOLS.items()
    if not message.Response.DESCRIPTOR.fields_by_name["s2c"].message_type.fields
)

SUCCEED = 0
FAILED = -1


class Malformed(ValueError):
    """The body is not the message that its protocol id says."""


def response(received: Received) -> Any:
    """Return the ``Response`` of a push or an answer, with every required field present.

    protobuf itself reads a message that lacks required fields as if they were 0 or empty: account 0, simulated,
    status "Unsubmitted". Such a message is refused whole; most pushes by their converters (see `_CONVERTERS_LOOK`).

    Raises:
        Malformed: broken protobuf or JSON, a required field is missing, or the answer says "fine" and has no content.
    """
    proto = received.proto
    if proto not in _READ:
        raise Malformed(f"protocol {proto} is not known")
    read, has = _READ[proto]
    if received.fmt == frame.PROTOBUF:
        try:
            message = read(received.body)
        except DecodeError as error:
            raise Malformed(f"protocol {proto}: {error}") from error
    elif received.fmt == frame.JSON:
        message = read(_from_json(PROTOCOLS[proto].Response, received).SerializePartialToString())
    else:
        raise Malformed(f"body format {received.fmt} is not known")
    if proto in _CONVERTERS_LOOK and has(message, "s2c"):
        return message
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())
        raise Malformed(f"protocol {proto}: required fields are missing: {missing}")
    if not has(message, "s2c") and message.retType == SUCCEED and proto not in _EMPTY:
        raise Malformed(f"protocol {proto}: success without content")
    return message


def require(message: Any) -> None:
    """See that a message has every required field, after one of them read as 0 or empty.

    Raises:
        Malformed: it has not.
    """
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())
        raise Malformed(f"{message.DESCRIPTOR.name}: required fields are missing: {missing}")


def header(raw: bytes) -> Any:
    """Return the ``TrdHeader`` of an order push.

    Raises:
        Malformed: broken protobuf, or a required field is missing (it would read as account 0, simulated).
    """
    try:
        message: Any = trade_pb2.TrdHeader.FromString(raw)
    except DecodeError as error:
        raise Malformed(f"header: {error}") from error
    require(message)
    return message


def is_request(received: Received) -> bool:
    """Tell whether a message is a request of its protocol, complete, rather than an answer."""
    try:
        request(PROTOCOLS[received.proto].Request, received.body)
    except Malformed:
        return False
    return True


def request(kind: Any, body: bytes) -> Any:
    """Return a ``Request``.

    Raises:
        Malformed: broken protobuf, or a required field is missing.
    """
    message = kind()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise Malformed(str(error)) from error
    if not message.IsInitialized():
        raise Malformed("required fields are missing: " + ", ".join(message.FindInitializationErrors()))
    return message


def _from_json(kind: Any, received: Received) -> Any:
    try:
        data = json.loads(received.body)
        content = data.get("s2c") if isinstance(data, dict) else None
        if received.proto == ORDER_PUSH and isinstance(content, dict) and "orderList" in content:
            # Some of OpenD's printed samples show the order push with a list. One element means the order, anything
            # else is not this message.
            orders = content.pop("orderList")
            if not isinstance(orders, list) or len(orders) != 1:
                raise Malformed("orderList of an order push: exactly one element expected")
            content["order"] = orders[0]
        message = kind()
        # A field that this version does not know must not make the message unreadable, as in the binary form.
        ParseDict(data, message, ignore_unknown_fields=True)
    except (ParseError, ValueError, AttributeError, TypeError, RecursionError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(f"protocol {received.proto}: {error}") from error
    return message
