"""WebSocket frames in and out, without sockets: text in, one typed message out.

Both servers speak JSON with exceptions: the keepalive is the text ``pong``, and older servers answer a login with a
plain sentence. JSON that says nothing we need is `Noise`: counted. The rest is `Malformed`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .messages import (
    BookData,
    FillRow,
    LooseOssFrame,
    OrderRow,
    OssFault,
    OssFrame,
    SpotFrame,
    TradeRow,
    loads,
    rows_of,
)
from .numbers import Malformed, sane
from .signing import login_args

PERMANENT = frozenset({"1000", "1005"})
"""Refusals of a topic that asking again cannot change: unsupported market, unknown topic."""
BUFFER_FULL = "1007"
SESSION_CLOSES = "1008"
_OLD_NAMES = {"MARKET_PAIR_NOT_SUPPORT": "1000"}
_LOGIN_FAILED = ("authenticate error", "authentication failed", "authenticate failed", "unlogin_user")
NOTIFICATIONS = "notificationApiV3"
FILLS = "fills"
TRADES = "tradeHistoryApi"


class Pong(msgspec.Struct):
    """The answer to our ``ping``."""


class Noise(msgspec.Struct):
    """A text that is no JSON, or JSON that says nothing we need."""

    text: str


class LoggedIn(msgspec.Struct):
    """The answer to a login; ``text`` is what the venue said."""

    success: bool
    text: str


class Agreed(msgspec.Struct):
    """Topics that the venue took (``subscribe``) or dropped (``unsubscribe``)."""

    event: str
    topics: list[str]


class Refused(msgspec.Struct):
    """A refusal of one topic; ``topic`` is "" where the venue names none."""

    topic: str
    code: str
    text: str


class Refusals(msgspec.Struct):
    """All refusals of one frame."""

    refused: list[Refused]


class Trades(msgspec.Struct, gc=False):
    """Public trades in the venue's order."""

    rows: list[TradeRow] = msgspec.field(name="data")


class Notices(msgspec.Struct):
    """Order notifications."""

    rows: list[OrderRow]


class Fills(msgspec.Struct):
    """Own fills."""

    rows: list[FillRow]


SpotMessage = Pong | Noise | LoggedIn | Agreed | Refusals | Trades | Notices | Fills
OssMessage = BookData | Pong | Noise | LoggedIn | Agreed | Refusals

_oss = msgspec.json.Decoder(OssFrame)
_oss_loose = msgspec.json.Decoder(LooseOssFrame, strict=False)
_spot = msgspec.json.Decoder(SpotFrame)
_trade_frame = msgspec.json.Decoder(Trades)
_TRADE_FRAME = f'{{"topic":"{TRADES}'
_trades = msgspec.json.Decoder(list[TradeRow])
_trades_loose = msgspec.json.Decoder(list[TradeRow], strict=False)


def read_oss(frame: str | bytes) -> OssMessage:
    """Return what a frame of the order-book server says. Decodes once.

    Raises:
        Malformed: JSON that is broken or not what the venue documents.
    """
    try:
        message = _oss.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = _plain_text(frame)
        return _read_loose(frame, error) if text is None else _sentence(text)
    if message.data is not None:
        return message.data
    faults = message.errors or message.error
    if faults:
        return Refusals([_refusal(fault) for fault in faults])
    return _event(message.event, message.channel, message.success, frame)


def read_spot(frame: str | bytes) -> SpotMessage:
    """Return what a frame of the spot server says.

    Raises:
        Malformed: JSON that is broken or not what the venue documents.
    """
    try:
        if frame[:25] == _TRADE_FRAME:  # in one step what is nearly all of them
            return _trade_frame.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        message = _spot.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = _plain_text(frame)
        if text is not None:
            return _sentence(text)
        raise Malformed(str(error)) from error
    topic = message.topic
    if topic is None:
        return _spot_event(message, frame)
    if topic.startswith(TRADES):
        return Trades(_read_trades(message.data))
    if topic.startswith(NOTIFICATIONS):
        return Notices(rows_of(OrderRow, message.data))
    if topic.startswith(FILLS):
        return Fills(rows_of(FillRow, message.data))
    return Noise(f"topic {topic}")


def is_private(frame: str) -> bool:
    """Tell whether a frame, readable or not, seems to be about the account."""
    return NOTIFICATIONS in frame[:80] or f'"{FILLS}' in frame[:80]


def _plain_text(frame: str | bytes) -> str | None:
    """Return the frame's text if it cannot be JSON, as ``pong`` cannot."""
    if isinstance(frame, bytes):
        return None if frame[:1] == b"{" else frame.decode("utf-8", "replace")
    return None if frame[:1] == "{" else frame


def _sentence(text: str) -> Pong | Noise | LoggedIn:
    if text == "pong":
        return Pong()
    if text[:1] in ("[", '"'):
        raise Malformed("an object expected")
    low = text.lower()
    if low.endswith("connect success"):
        return Noise(text)  # the greeting "UNLOGIN_USER connect success" is no answer to a login
    if any(sign in low for sign in _LOGIN_FAILED):
        return LoggedIn(False, text)
    if "authenticated successfully" in low or low.endswith("is authenticated"):
        return LoggedIn(True, text)
    raise Malformed("neither JSON nor a sentence of the venue's that we know")


def _read_loose(frame: str | bytes, first: Exception) -> BookData:
    """Read levels that came as numbers; the exact text stays exact."""
    try:
        data = _oss_loose.decode(frame).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed(str(first)) from first
    if data is None:
        raise Malformed(str(first)) from first
    return BookData(
        symbol=data.symbol, type=data.type, timestamp=data.timestamp, seqNum=data.seqNum, prevSeqNum=data.prevSeqNum,
        bids=[(f"{sane(price, 'price'):f}", f"{sane(size, 'size'):f}") for price, size in data.bids],
        asks=[(f"{sane(price, 'price'):f}", f"{sane(size, 'size'):f}") for price, size in data.asks],
    )  # fmt: skip


def _read_trades(data: msgspec.Raw) -> list[TradeRow]:
    try:
        return _trades.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _trades_loose.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error


def _spot_event(message: SpotFrame, frame: str | bytes) -> Refusals | LoggedIn | Agreed | Noise:
    if message.errors:
        return Refusals([_refusal(fault) for fault in message.errors])
    old: Any = loads(message.error) if len(bytes(message.error)) else None
    if isinstance(old, list):
        return Refusals([_refusal(msgspec.convert(fault, OssFault)) for fault in old if isinstance(fault, dict)])
    return _event(message.event, message.channel, message.success, frame)


def _event(
    event: str | None, channel: list[str] | None, success: bool | None, frame: str | bytes
) -> LoggedIn | Agreed | Noise:
    if event in ("login", "authKeyExpires") or (event is None and success is not None):
        return LoggedIn(success is True, "login accepted" if success else f"login refused: {_shown(frame)}")
    if event in ("subscribe", "unsubscribe"):
        return Agreed(event, channel or [])
    return Noise(_shown(frame))


def _shown(frame: str | bytes) -> str:
    return (frame if isinstance(frame, str) else frame.decode("utf-8", "replace"))[:200]


def _refusal(fault: OssFault) -> Refused:
    detail = fault.error or {}
    code = str(detail.get("code", fault.errorCode if fault.errorCode is not None else ""))
    text = str(detail.get("message") or fault.errorCode or "refused")
    return Refused(fault.arg, _OLD_NAMES.get(code, code), text)


# --- out ----------------------------------------------------------------------------------------------------

PING = "ping"


def operation(name: str, args: list[str]) -> str:
    """Return the frame of ``subscribe``, ``unsubscribe`` or ``authKeyExpires``."""
    return msgspec.json.encode({"op": name, "args": args}).decode()


def login_frame(key: str, secret: str, path: str, nonce: str) -> str:
    """Return the login frame. It holds credentials: never to be logged."""
    return operation("authKeyExpires", login_args(key, secret, path, nonce))


def quote_topic(symbol: str) -> str:
    """Topic of the top of the book."""
    return f"snapshotL1:{symbol}"


def book_topic(symbol: str) -> str:
    """Topic of the ungrouped book."""
    return f"update:{symbol}_0"


def symbol_of(topic: str) -> str:
    """Return the symbol of a market data topic."""
    return topic.partition(":")[2].removesuffix("_0")


def trade_topic(symbol: str) -> str:
    """Topic of public trades."""
    return f"{TRADES}:{symbol}"
