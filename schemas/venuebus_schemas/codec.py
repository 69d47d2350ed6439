"""The only encoders and decoders of the bus: JSON by default, MessagePack by configuration.

A reader can tell the two by the first byte: JSON starts with ``{``, a MessagePack map never does.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .account import Balance, Fill, Forward, ForwardChange, Order, Position, Result
from .base import Event
from .commands import Amend, AnyCommand, Cancel, CancelAfter, CancelAll, Submit
from .market import Bar, Book, BookDelta, Instrument, Quote, Ticker, Trade
from .status import DeadLetter, Gap, Session

Encoding = Literal["json", "msgpack"]
CONTENT_TYPES: dict[Encoding, str] = {"json": "application/json", "msgpack": "application/msgpack"}

AnyEvent = (
    Quote | Trade | Book | BookDelta | Ticker | Bar | Instrument
    | Order | Fill | Position | Balance | Forward | ForwardChange | Result
    | Session | Gap | DeadLetter
)  # fmt: skip
EVENT_TYPES: dict[str, type[Event]] = {str(cls.__struct_config__.tag): cls for cls in AnyEvent.__args__}
"""Tag → struct of every event."""
COMMAND_TYPES: dict[str, type[msgspec.Struct]] = {
    "submit": Submit, "amend": Amend, "cancel": Cancel, "cancel_all": CancelAll, "cancel_after": CancelAfter,
}  # fmt: skip
"""Verb → struct of every command."""


class UnknownMessage(msgspec.Struct, frozen=True):
    """A well-formed message whose ``type`` this version does not know: a newer writer's, to be skipped."""

    type: str
    raw: bytes


class _Tagged(msgspec.Struct):
    type: str


_json_encoder = msgspec.json.Encoder()
_msgpack_encoder = msgspec.msgpack.Encoder()
_json_event: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_msgpack_event: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)
_json_command: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_msgpack_command: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)
_json_tag = msgspec.json.Decoder(_Tagged)
_msgpack_tag = msgspec.msgpack.Decoder(_Tagged)

encode_json = _json_encoder.encode
encode_msgpack = _msgpack_encoder.encode


def encode(message: Any, encoding: Encoding = "json") -> bytes:
    """Return ``message`` (an event, a command, a reply) as bytes."""
    return encode_json(message) if encoding == "json" else encode_msgpack(message)


def is_json(data: bytes) -> bool:
    """Tell JSON from MessagePack by the first byte that is not white space."""
    return data.lstrip()[:1] == b"{"


def decode_event(data: bytes) -> AnyEvent | UnknownMessage:
    """Read one event; unknown fields are ignored, unknown enumeration values read as ``unknown``.

    Raises:
        msgspec.DecodeError: not a message at all, or a known type with missing or mistyped fields.
    """
    try:
        return _json_event.decode(data) if is_json(data) else _msgpack_event.decode(data)
    except msgspec.ValidationError:
        tag = (_json_tag if is_json(data) else _msgpack_tag).decode(data).type
        if tag in EVENT_TYPES:
            raise
        return UnknownMessage(tag, data)


def decode_command(data: bytes) -> AnyCommand:
    """Read one command.

    Raises:
        msgspec.DecodeError: not a command of this version, or a field is missing or mistyped.
    """
    return _json_command.decode(data) if is_json(data) else _msgpack_command.decode(data)
