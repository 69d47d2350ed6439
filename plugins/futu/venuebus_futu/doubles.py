"""OpenD's doubles as exact decimal text, both ways.

A double is told by its shortest decimal form that reads back as the same double: ``0.1`` is ``"0.1"``. Prices repeat,
so the text of a double is remembered.
"""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

_TEXTS: dict[float, str] = {}
_MOST_TEXTS = 65_536  # some 10 MiB; emptied whole when full, because counting uses would cost more than it saves
_EXACT_INT = 2.0**53


def text(value: float) -> str:
    """Return ``value`` in plain notation, without trailing zeros and never ``-0``.

    Raises:
        ValueError: ``value`` is NaN or infinite, which no field of the bus can carry.
    """
    known = _TEXTS.get(value)
    return known if known is not None else _spell(value)


def _spell(value: float) -> str:
    if not isfinite(value):
        raise ValueError(f"{value} where a number belongs")
    if value == int(value) and abs(value) < _EXACT_INT:
        spelled = str(int(value))
    else:
        spelled = repr(value)
        if "e" in spelled:
            spelled = format(Decimal(spelled), "f")
    if len(_TEXTS) >= _MOST_TEXTS:
        _TEXTS.clear()
    _TEXTS[value] = spelled
    return spelled


def number(decimal_text: str) -> float:
    """Return the double whose shortest form is ``decimal_text``.

    Raises:
        ValueError: no double says exactly that, so OpenD would be told another number.
    """
    value = float(decimal_text)
    if not isfinite(value) or Decimal(repr(value)) != Decimal(decimal_text):
        raise ValueError(f"{decimal_text} has more digits than OpenD's doubles keep")
    return value


def decimals(decimal_text: str) -> int:
    """Count the digits after the point that matter."""
    return len(decimal_text.partition(".")[2].rstrip("0"))


def rest(quantity: str, filled: str) -> str:
    """Return ``quantity - filled`` exactly."""
    if filled == "0":
        return quantity
    if quantity == filled:
        return "0"
    left = format(Decimal(quantity) - Decimal(filled), "f")
    return left.rstrip("0").rstrip(".") if "." in left else left
