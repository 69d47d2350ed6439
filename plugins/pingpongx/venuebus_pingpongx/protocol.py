"""Bytes to messages, and queries to paths: pure, no socket and no clock.

A body is read twice. The first reading only looks for keys that stand twice in one object: readers differ in which
of two they take, so such a body means nothing certain. The second one makes structs, numbers straight to Decimal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from .messages import Answer, Change, Envelope, Event, Position

PAGE_PATH = "/v2/fx/trade/contract/page"
ORDER_PATH = "/v2/fx/trade/query/order/contract"
MAX_DEPTH = 32
TOO_DEEP = "nested too deeply"

_id = msgspec.json.Decoder(Envelope)
_position = msgspec.json.Decoder(Position)
_change = msgspec.json.Decoder(Change)
_shape = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NotUnderstood(ValueError):
    """The body is not one of the venue's messages, and why."""


def msg_id(body: bytes) -> str | None:
    """Return the ``msg_id`` of a delivery; ``None`` where it cannot be told for certain. Never raises."""
    try:
        return read_envelope(body).msg_id or None
    except NotUnderstood:
        return None


def read_envelope(body: bytes) -> Envelope:
    """Return the envelope of a delivery.

    Raises:
        NotUnderstood: it is not JSON, nested absurdly, ambiguous, or lacks type or id.
    """
    try:
        json.loads(body, object_pairs_hook=_unique, parse_float=str, parse_int=str, parse_constant=_no_constant)
        return _id.decode(body)
    except NotUnderstood:
        raise
    except RecursionError:
        raise NotUnderstood(TOO_DEEP) from None
    except (ValueError, msgspec.DecodeError) as error:
        raise NotUnderstood(f"not a delivery: {error}") from None


def read_event(body: bytes) -> Event:
    """Return a delivery with its position or positions, the shape chosen by what is in it.

    Raises:
        NotUnderstood: see `read_envelope`; or the payload holds no position.
    """
    envelope = read_envelope(body)
    event = Event(event_type=envelope.event_type, msg_id=envelope.msg_id)
    try:
        keys = _shape.decode(envelope.payload)
        if "newPosition" in keys or "oldPosition" in keys or "leftPosition" in keys:
            event.change = _change.decode(envelope.payload)
            if event.change.oldPosition is None and event.change.newPosition is None:
                raise NotUnderstood("neither oldPosition nor newPosition is there")
        else:
            event.single = _position.decode(envelope.payload)
    except RecursionError:
        raise NotUnderstood(TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotUnderstood(f"the payload holds no position: {error}") from None
    return event


def page_path(page: int, size: int) -> str:
    """Return the path of the query for one page of positions."""
    return f"{PAGE_PATH}?{urlencode({'page_no': page, 'page_size': size})}"


def order_path(client_order_id: str) -> str:
    """Return the path of the query for the positions of one client order id."""
    return f"{ORDER_PATH}?{urlencode({'target_c_order_id': client_order_id})}"


def read_positions(body: bytes) -> list[Position]:
    """Return the positions in a query's answer, wherever below ``data`` they stand.

    Raises:
        NotUnderstood: it is no answer, or one that says it failed.
    """
    try:
        raw = json.loads(body, parse_float=Decimal, parse_int=_whole, parse_constant=_no_constant)
        answer = msgspec.convert(raw, Answer)
        if not _is_good(answer.code):
            raise NotUnderstood(f"the venue answered {answer.code}: {answer.msg or answer.message or ''}")
        return [msgspec.convert(item, Position) for item in _find(answer.data, 0)]
    except NotUnderstood:
        raise
    except RecursionError:
        raise NotUnderstood(TOO_DEEP) from None
    except (ValueError, msgspec.DecodeError) as error:
        raise NotUnderstood(f"not an answer: {error}") from None


def _is_good(code: int | str | None) -> bool:
    return code is None or str(code) in ("0", "200", "000000", "0000", "SUCCESS", "success")


def _find(data: Any, depth: int) -> Iterator[dict[str, Any]]:
    if depth > MAX_DEPTH:
        raise NotUnderstood(TOO_DEEP)
    if isinstance(data, list):
        for item in data:
            yield from _find(item, depth + 1)
    elif isinstance(data, dict):
        if "position_id" in data:
            yield data
        else:
            for item in data.values():
                yield from _find(item, depth + 1)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        keys = [key for key, _ in pairs]
        raise NotUnderstood(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands there twice")


def _no_constant(name: str) -> None:
    raise NotUnderstood(f"{name} is not a number")


def _whole(text: str) -> int:
    if len(text) > 40:
        raise NotUnderstood("a number is absurdly long")
    return int(text)
