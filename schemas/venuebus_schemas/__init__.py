"""The wire contract of venuebus: messages, subjects and codec. Needs nothing but msgspec."""

from .account import (
    AccountData,
    Balance,
    Fill,
    Forward,
    ForwardChange,
    ForwardFields,
    Order,
    Position,
    Result,
)
from .base import (
    SCHEMA_MAJOR,
    SCHEMA_MINOR,
    SCHEMA_VERSION,
    AccountEvent,
    DecimalText,
    Event,
    Level,
    OpenEnum,
    is_decimal_text,
    plain,
)
from .codec import (
    COMMAND_TYPES,
    CONTENT_TYPES,
    EVENT_TYPES,
    AnyEvent,
    Encoding,
    UnknownMessage,
    decode_command,
    decode_event,
    encode,
)
from .commands import (
    Amend,
    AnyCommand,
    Cancel,
    CancelAfter,
    CancelAll,
    Command,
    CommandError,
    Submit,
    check_command,
)
from .enums import (
    FINAL_STATUSES,
    DeadLetterOrigin,
    ForwardChangeKind,
    ForwardStatus,
    InstrumentKind,
    Liquidity,
    OrderStatus,
    OrderType,
    PositionEffect,
    PositionSide,
    Reason,
    ResolvedBy,
    ResultStatus,
    Right,
    SessionState,
    Side,
    TimeInForce,
    Verb,
)
from .market import Bar, Book, BookDelta, Instrument, MarketData, Quote, Ticker, Trade
from .rpc import HaltRequest, Query, Reply, ResolveRequest, SubscribeRequest
from .status import DeadLetter, Gap, Session, Status
from .streams import StreamNames
from .subjects import Subject, Subjects, decode_token, encode_token

__all__ = [
    "COMMAND_TYPES", "CONTENT_TYPES", "EVENT_TYPES", "FINAL_STATUSES", "SCHEMA_MAJOR", "SCHEMA_MINOR",
    "SCHEMA_VERSION", "AccountData", "AccountEvent", "Amend", "AnyCommand", "AnyEvent", "Balance", "Bar",
    "Book", "BookDelta", "Cancel", "CancelAfter", "CancelAll", "Command", "CommandError", "DeadLetter",
    "DeadLetterOrigin", "DecimalText", "Encoding", "Event", "Fill", "Forward", "ForwardChange",
    "ForwardChangeKind", "ForwardFields", "ForwardStatus", "Gap", "HaltRequest", "Instrument",
    "InstrumentKind", "Level", "Liquidity", "MarketData", "OpenEnum", "Order", "OrderStatus", "OrderType",
    "Position", "PositionEffect", "PositionSide", "Query", "Quote", "Reason", "Reply", "ResolveRequest",
    "ResolvedBy", "Result", "ResultStatus", "Right", "Session", "SessionState", "Side", "Status", "StreamNames",
    "Subject",
    "Subjects", "Submit", "SubscribeRequest", "Ticker", "TimeInForce", "Trade", "UnknownMessage", "Verb",
    "check_command", "decode_command", "decode_event", "decode_token", "encode", "encode_token",
    "is_decimal_text", "plain",
]  # fmt: skip
