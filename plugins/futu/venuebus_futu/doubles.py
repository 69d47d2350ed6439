"""OpenD's doubles as exact decimal text, both ways.

A double is told by its shortest decimal form that reads back as the same double: ``0.1`` is ``"0.1"``. Prices repeat,
so the text of a double is remembered.
"""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

_MOST_TEXTS = 65_536  # some 10 MiB; emptied whole when full, because counting uses would cost more than it saves


class _Texts(dict[float, str]):
    def __missing__(self, value: float) -> str:
        spelled = spell(value)
        if len(self) >= _MOST_TEXTS:
            self.clear()
        self[value] = spelled
        return spelled


text = _Texts().__getitem__
"""Return a double in plain notation, without trailing zeros and never ``-0``.

Raises:
    ValueError: it is NaN or infinite, which no field of the bus can carry.
"""


def spell(value: float) -> str:
    """Return the same as `text` of a value that hardly comes again, such as a turnover, and is not remembered.

    Raises:
        ValueError: as `text`.
    """
    spelled = repr(value)
    if spelled.endswith(".0"):
        return spelled[:-2] if value else "0"
    if "e" in spelled or "n" in spelled:  # nan, inf
        if not isfinite(value):
            raise ValueError(f"{value} where a number belongs")
        return format(Decimal(spelled), "f")
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
