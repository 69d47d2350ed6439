"""What every message on the bus has in common.

Money, prices and quantities travel as decimal *text* in plain notation (no exponent, no float on the way);
times are integer nanoseconds since the Unix epoch, UTC; ids are text. A field that is absent is not known.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Annotated, Self

import msgspec
from msgspec import Meta

SCHEMA_MAJOR = 1
SCHEMA_MINOR = 0
SCHEMA_VERSION = f"{SCHEMA_MAJOR}.{SCHEMA_MINOR}"

DecimalText = Annotated[
    str,
    Meta(
        description="Exact decimal number in plain notation",
        extra_json_schema={"pattern": r"^-?\d+(\.\d+)?$"},
    ),
]
"""A decimal number as text, for example ``"59252.50"``. Checked where numbers enter, not at every hop."""

Nanoseconds = Annotated[int, Meta(description="Nanoseconds since the Unix epoch, UTC")]
DateText = Annotated[str, Meta(description="Calendar date", extra_json_schema={"format": "date"})]
Level = tuple[DecimalText, DecimalText]
"""One level of an order book: (price, size)."""


class OpenEnum(enum.StrEnum):
    """An enumeration that reads values it does not know as ``unknown`` instead of refusing the message."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls.__members__.get("UNKNOWN")


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A message from a venue to the bus.

    ``venue``, ``epoch`` and ``seq`` are stamped by the bridge when the event is published: ``epoch`` is the
    start of the venue's session in milliseconds, ``seq`` counts from 1 per subject within an epoch, so that a
    reader sees a loss. ``ts_recv`` is when the bridge had the bytes, ``ts_venue`` what the venue said.
    """

    venue: str = ""
    ts_recv: Nanoseconds = 0
    ts_venue: Nanoseconds | None = None
    epoch: int = 0
    seq: int = 0


class AccountEvent(Event, kw_only=True, omit_defaults=True, gc=False):
    """An event about one account; ``account`` is the alias that the configuration gives it."""

    account: str = ""


def plain(value: Decimal) -> str:
    """Return ``value`` in plain notation, every digit kept: never an exponent, never ``-0``.

    Raises:
        ValueError: ``value`` is NaN or infinite, which no field of the schemas can carry.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not a finite number")
    text = format(value, "f")
    return text[1:] if text.startswith("-0") and not value else text


def is_decimal_text(text: str) -> bool:
    """Tell whether ``text`` is a decimal number in the plain notation the schemas demand."""
    body = text[1:] if text[:1] == "-" else text
    whole, dot, fraction = body.partition(".")
    if not (whole.isascii() and whole.isdigit()):
        return False
    return not dot or (fraction.isascii() and fraction.isdigit())
