"""What an event holds, value by value, and whether each is what the schemas promise."""

from __future__ import annotations

import datetime
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from venuebus_schemas import Encoding, Event, decode_event, encode
from venuebus_schemas.base import DateText, DecimalText, Nanoseconds, is_decimal_text

HOUR_NS = 3_600_000_000_000
LONG_AGO_NS = 946_684_800_000_000_000  # 2000-01-01: no clock of a venue is older than this
KINDS = {DecimalText: "decimal", Nanoseconds: "time", DateText: "date"}
Value = tuple[str, str, Any]


def values(event: Any) -> Iterator[Value]:
    """Return ``(path, kind, value)`` of every value that is there; kind is decimal, time, date or other."""
    for field in msgspec.structs.fields(type(event)):
        value = getattr(event, field.name)
        if value is not None:
            yield from _inside(field.name, field.type, value)


def mistakes(event: Event, now_ns: int) -> list[str]:
    """Return what is wrong with ``event`` on its own."""
    found = []
    for path, kind, value in values(event):
        if kind == "decimal" and not (isinstance(value, str) and is_decimal_text(value)):
            found.append(f"{path} is {value!r}, no plain decimal text")
        elif kind == "time" and (isinstance(value, float) or not _sane(path, value, now_ns)):
            found.append(f"{path} is {value!r}, no sane time in nanoseconds")
        elif kind == "date" and not _is_date(value):
            found.append(f"{path} is {value!r}, no date like 2026-01-31")
    encodings: tuple[Encoding, ...] = ("json", "msgpack")
    for encoding in encodings:
        try:
            data = encode(event, encoding)
            back = decode_event(data)
            same = type(back) is type(event) and encode(back, encoding) == data
        except (msgspec.DecodeError, TypeError, ValueError) as error:
            found.append(f"it does not read back from {encoding}: {error}")
        else:
            if not same:
                found.append(f"it reads back from {encoding} as another one")
    return found


def _sane(path: str, value: int, now_ns: int) -> bool:
    if path == "ts_recv":
        return now_ns - HOUR_NS <= value <= now_ns + HOUR_NS
    return LONG_AGO_NS <= value <= now_ns + 24 * HOUR_NS


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == 10 and bool(datetime.date.fromisoformat(value))
    except ValueError:
        return False


def _inside(path: str, kind: Any, value: Any) -> Iterator[Value]:
    if isinstance(value, msgspec.Struct):
        for name, inner, found in values(value):
            yield f"{path}.{name}", inner, found
        return
    for option in _options(kind):
        if option in KINDS:
            yield path, KINDS[option], value
            return
        origin, inside = get_origin(option), get_args(option)
        if isinstance(value, list) and origin is list:
            for number, item in enumerate(value):
                yield from _inside(f"{path}[{number}]", inside[0], item)
            return
        if isinstance(value, list | tuple) and origin is tuple:
            for number, (item, one) in enumerate(zip(value, inside, strict=False)):
                yield from _inside(f"{path}[{number}]", one, item)
            return
    yield path, "other", value


def _options(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) is Annotated:
        return (kind,)
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
