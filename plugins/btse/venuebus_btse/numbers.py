"""Numbers of the venue as exact decimal text. It writes them as text, as JSON numbers, with noise and exponents."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from venuebus_schemas import plain

_PLAIN = r"(?:0|[1-9][0-9]{0,20})(?:\.[0-9]{1,20})?"
PLAIN = re.compile(_PLAIN).fullmatch
"""Matches a plain, non-negative number of a sane length: such text passes through as it is."""
PLAIN_LIST = re.compile(f"{_PLAIN}(?:,{_PLAIN})*").fullmatch
"""Matches such numbers joined by commas, one at least."""
_ABOVE_ZERO = r"(?:[1-9][0-9]{0,20}+(?:\.[0-9]{1,20}+)?+|0\.0{0,9}+[1-9][0-9]{0,19}+)"
ABOVE_ZERO_LIST = re.compile(f"{_ABOVE_ZERO}(?:,{_ABOVE_ZERO})*+").fullmatch
"""Matches numbers above 0 joined by commas, one at least: those that `text_of` returns as they are."""

MAX_ADJUSTED = 21  # powers of ten beyond which a number is garbage, not a price: 1e400 decodes without complaint
MIN_EXPONENT = -30
ZEROS = frozenset({"0", *(f"0.{'0' * digits}" for digits in range(1, 2 - MIN_EXPONENT))})
"""Every spelling of 0 that `text_of` can return."""
ZERO = Decimal(0)


class Malformed(ValueError):
    """A message that is not what the venue documents: a wrong type, a number that is none."""


def number(value: object, name: str, *, signed: bool = False) -> Decimal:
    """Return a number of the venue exactly, whether it came as JSON number or as text.

    Raises:
        Malformed: it is none, not finite, absurdly large or precise, or negative where that makes no sense.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise Malformed(f"{name}: a number expected, not {str(value)[:40]!r}")
    try:
        # Thousands separators were seen in the venue's texts.
        parsed = Decimal(value.replace(",", "") if isinstance(value, str) else value)
    except InvalidOperation:
        raise Malformed(f"{name}: a number expected, not {str(value)[:40]!r}") from None
    return sane(parsed, name, signed=signed)


def sane(value: Decimal, name: str, *, signed: bool = False) -> Decimal:
    """Return ``value`` if it can be a price, a size or a rate.

    Raises:
        Malformed: it cannot.
    """
    if not value.is_finite() or (value and value.adjusted() > MAX_ADJUSTED):
        raise Malformed(f"{name}: {str(value)[:40]} is no sane number")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < MIN_EXPONENT or exponent > MAX_ADJUSTED:
        raise Malformed(f"{name}: {str(value)[:40]} is no sane number")
    if value < 0 and not signed:
        raise Malformed(f"{name}: {str(value)[:40]} is negative")
    return value


def text_of(value: str, name: str) -> str:
    """Return a non-negative number's text in plain notation; what is plain already passes through untouched.

    Raises:
        Malformed: it is no such number.
    """
    return value if PLAIN(value) else plain(number(value, name))


def shortest(value: Decimal) -> str:
    """Return the plain text of a number that the venue keeps as a double: its ``.0`` and trailing zeros mean nothing,
    and the same number must not look changed because another channel wrote it differently.
    """
    text = plain(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def positive(value: Decimal | None) -> str | None:
    """Return the text of a number above 0. The venue says 0 where it has nothing to say."""
    return shortest(value) if value is not None and value > 0 else None


def milliseconds(value: int | None) -> int | None:
    """Return epoch milliseconds as nanoseconds; 0 and nonsense are absent."""
    return value * 1_000_000 if value is not None and 0 < value < 100_000_000_000_000 else None
