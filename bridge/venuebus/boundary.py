"""What a plugin may not put on the bus, whatever it thinks: a number that is no decimal text."""

from __future__ import annotations

import typing

import msgspec
from venuebus_schemas import EVENT_TYPES, Event, is_decimal_text
from venuebus_schemas.base import DecimalText


def _mentions(annotation: object) -> bool:
    if annotation == DecimalText:
        return True
    return any(_mentions(part) for part in typing.get_args(annotation) if part is not type(None))


_NUMBERS: dict[type[Event], tuple[str, ...]] = {
    kind: tuple(
        field.name
        for field in msgspec.structs.fields(kind)
        if _mentions(field.type) and field.name not in ("bids", "asks")
    )
    for kind in EVENT_TYPES.values()
}


def check_numbers(event: Event) -> None:
    """Refuse an event whose prices, quantities or money are anything but decimal text (or absent).

    Raises:
        ValueError: naming the field and what stands in it.
    """
    for name in _NUMBERS[event.__class__]:
        value = getattr(event, name)
        if value is not None and not (type(value) is str and is_decimal_text(value)):
            raise ValueError(f"{name} must be decimal text in plain notation, not {value!r}")


def check_market(event: Event) -> None:
    """As `check_numbers`, levels of books included; for the first event of a subject, not for each.

    Raises:
        ValueError: naming the field and what stands in it.
    """
    check_numbers(event)
    for name in ("bids", "asks"):
        for level in getattr(event, name, ()):
            if not all(type(value) is str and is_decimal_text(value) for value in level):
                raise ValueError(f"{name} must be pairs of decimal text, not {level!r}")
