"""What a plugin may not put on the bus, whatever it thinks: numbers that are no decimal text, other types, huge texts.

NATS ends the connection of a client whose subject is too long, and refuses a message that is too large: an event that
no bound was put to would stop more than its own venue.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import inspect as types
from venuebus_schemas import EVENT_TYPES, Event, is_decimal_text
from venuebus_schemas.base import DecimalText

MAX_KEY = 256  # characters of a text that may become part of a subject: symbols and ids
MAX_NUMBER = 64  # characters of a number: 18 decimals of a sum in the smallest currency have 40
MAX_TEXT = 16 * 1024  # characters of any other text
MAX_EXTRA = 64 * 1024  # characters of ``extra`` in all
MAX_PARTS = 256  # entries of ``extra`` and of the named venue ids
MAX_LEVELS = 20_000  # of one side of a book
_INT64 = 2**63

Check = Callable[[Any], str | None]


def _mentions(annotation: object) -> bool:
    if annotation == DecimalText:
        return True
    return any(_mentions(part) for part in typing.get_args(annotation) if part is not type(None))


_is_decimal_text = lru_cache(maxsize=16_384)(is_decimal_text)  # prices and quantities repeat; some 2 MiB


def _number(value: Any) -> str | None:
    if type(value) is str and len(value) <= MAX_NUMBER and _is_decimal_text(value):
        return None
    return f"must be decimal text in plain notation, not {_shown(value)}"


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be text, not {_shown(value)}"
    return None if len(value) <= MAX_TEXT else f"has {len(value)} characters, {MAX_TEXT} at most"


def _key(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be text, not {_shown(value)}"
    return None if len(value) <= MAX_KEY else f"has {len(value)} characters, {MAX_KEY} at most"


def _whole(value: Any) -> str | None:
    good = type(value) is int and -_INT64 <= value < _INT64
    return None if good else f"must be a whole number of 64 bits, not {_shown(value)}"


def _truth(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {_shown(value)}"


def _texts(value: Any) -> str | None:
    if not isinstance(value, dict) or len(value) > MAX_PARTS:
        return f"must be a dict of at most {MAX_PARTS} texts, not {_shown(value)}"
    try:
        size = len("".join([*value, *value.values()]))  # looks at all of them, in one step
    except TypeError:
        wrong = next(part for item in value.items() for part in item if not isinstance(part, str))
        return f"must hold nothing but text, not {_shown(wrong)}"
    return None if size <= MAX_EXTRA else f"has {size} characters, {MAX_EXTRA} at most"


def _ids(value: Any) -> str | None:
    wrong = _texts(value)
    return wrong or next((wrong for text in value.values() if (wrong := _key(text)) is not None), None)


def _kind_of(kind: type[Any]) -> Check:
    def check(value: Any) -> str | None:
        return None if isinstance(value, kind) else f"must be a {kind.__name__}, not {_shown(value)}"

    return check


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - foreign code
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= 80 else f"{text[:80]}…"


_CHECKS: dict[type[types.Type], Check] = {
    types.StrType: _text,
    types.IntType: _whole,
    types.BoolType: _truth,
    types.DictType: _texts,
}
_KEYS = ("symbol", "currency", "client_order_id", "venue_order_id", "position_id", "msg_id")
"""Fields that name a subject."""


def _check_of(name: str, annotation: object, declared: types.Type) -> Check | None:
    if name in ("bids", "asks"):
        return None  # levels are `check_market`'s
    if _mentions(annotation):
        return _number
    if name in _KEYS:
        return _key
    if name == "venue_order_ids":
        return _ids
    if isinstance(declared := _bare(declared), types.UnionType):
        parts = [part for part in declared.types if not isinstance(part, types.NoneType)]
        if len(parts) != 1:
            return None
        declared = _bare(parts[0])
    if isinstance(declared, types.EnumType | types.StructType):
        return _kind_of(declared.cls)
    return _CHECKS.get(type(declared))


def _bare(declared: types.Type) -> types.Type:
    while isinstance(declared, types.Metadata):
        declared = declared.type
    return declared


def _checks_of(kind: type[Event]) -> tuple[tuple[tuple[str, Check, bool], ...], Callable[[Event], Any]]:
    info = types.type_info(kind)
    assert isinstance(info, types.StructType)
    declared = {field.name: field for field in info.fields}
    found = []
    for field in msgspec.structs.fields(kind):
        check = _check_of(field.name, field.type, declared[field.name].type)
        if check is not None:
            found.append((field.name, check, field.default is None))
    return tuple(found), attrgetter(*(name for name, _, _ in found))


_FIELDS = {kind: _checks_of(kind) for kind in EVENT_TYPES.values()}
"""Each event's fields with their checks and whether they may be ``None``, and what reads them all at once."""


def check_event(event: Event) -> None:
    """Refuse an event whose fields are not what the schemas say, or too long for the bus.

    Raises:
        ValueError: naming the field and what stands in it.
    """
    known = _FIELDS.get(event.__class__)
    if known is None:
        raise ValueError(f"{type(event).__name__} is none of the schemas' events")
    fields, read = known
    for (name, check, optional), value in zip(fields, read(event), strict=True):
        if value is None and optional:
            continue
        wrong = check(value)
        if wrong is not None:
            raise ValueError(f"{name} {wrong}")


def check_market(event: Event) -> None:
    """As `check_event`, levels of books included; for the first event of a subject, not for each.

    Raises:
        ValueError: naming the field and what stands in it.
    """
    check_event(event)
    for name in ("bids", "asks"):
        levels = getattr(event, name, ())
        if not isinstance(levels, list | tuple) or len(levels) > MAX_LEVELS:
            raise ValueError(f"{name} must be a list of at most {MAX_LEVELS} levels, not {_shown(levels)}")
        for level in levels:
            if not (isinstance(level, tuple | list) and len(level) == 2 and not any(map(_number, level))):
                raise ValueError(f"{name} must be pairs of decimal text, not {_shown(level)}")
