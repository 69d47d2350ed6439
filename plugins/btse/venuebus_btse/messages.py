"""The venue's messages as structs, with the venue's names.

Market data is decoded straight into structs by msgspec, numbers as text or `Decimal`. Account rows are read field by
field (`read`): the venue writes the same field as number, as text, blank, or under two spellings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from .numbers import Malformed, number, sane

# --- market data --------------------------------------------------------------------------------------------

TextLevel = tuple[str, str]


class BookData(msgspec.Struct, gc=False):
    """``data`` of ``snapshotL1`` and ``update`` topics: price and size as text."""

    symbol: str
    bids: list[TextLevel]
    asks: list[TextLevel]
    type: str = ""
    timestamp: int | None = None
    seqNum: int | None = None  # noqa: N815 - the venue's name
    prevSeqNum: int | None = None  # noqa: N815


class LooseBookData(msgspec.Struct, gc=False):
    """The same with numbers instead of text, which other services of the venue send."""

    symbol: str
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    type: str = ""
    timestamp: int | None = None
    seqNum: int | None = None  # noqa: N815
    prevSeqNum: int | None = None  # noqa: N815


class OssFault(msgspec.Struct, gc=False):
    """One entry of ``errors`` (since 2023) or ``error`` (before)."""

    arg: str = ""
    error: dict[str, Any] | None = None
    errorCode: str | int | None = None  # noqa: N815


class OssFrame(msgspec.Struct, gc=False):
    """Anything that the order-book server sends as JSON."""

    topic: str | None = None
    data: BookData | None = None
    event: str | None = None
    channel: list[str] | None = None
    severity: str | None = None
    errors: list[OssFault] | None = None
    error: list[OssFault] | None = None
    success: bool | None = None


class LooseOssFrame(msgspec.Struct):
    """An `OssFrame` whose levels are numbers."""

    topic: str | None = None
    data: LooseBookData | None = None


class TradeRow(msgspec.Struct, gc=False):
    """One public trade. ``side`` is the aggressor's, ``size`` and ``price`` are the bytes of the numbers."""

    symbol: str
    side: str
    size: msgspec.Raw
    price: msgspec.Raw
    tradeId: int | str  # noqa: N815
    timestamp: int


class SpotFrame(msgspec.Struct, gc=False):
    """Anything that the spot server sends as JSON; ``data`` depends on the topic."""

    topic: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    event: str | None = None
    channel: list[str] | None = None
    success: bool | None = None
    severity: str | None = None
    errors: list[OssFault] | None = None
    error: msgspec.Raw = msgspec.Raw(b"")
    message: str | None = None


class MarketRow(msgspec.Struct, kw_only=True):
    """One row of ``market_summary``, as far as a spot trader needs it. ``size`` is base, ``volume`` quote."""

    symbol: str = ""
    last: Decimal | None = None
    high24Hr: Decimal | None = None  # noqa: N815
    low24Hr: Decimal | None = None  # noqa: N815
    volume: Decimal | None = None
    size: Decimal | None = None
    base: str | None = None
    quote: str | None = None
    active: bool | None = None
    minValidPrice: Decimal | None = None  # noqa: N815
    minPriceIncrement: Decimal | None = None  # noqa: N815
    minOrderSize: Decimal | None = None  # noqa: N815
    maxOrderSize: Decimal | None = None  # noqa: N815
    minSizeIncrement: Decimal | None = None  # noqa: N815
    futures: bool | None = None
    isMarketOpenToSpot: bool | None = None  # noqa: N815


# --- account ------------------------------------------------------------------------------------------------


class OrderRow(msgspec.Struct, kw_only=True):
    """An order as any channel tells it: POST/PUT/DELETE rows, GET order, open orders, notifications."""

    status: int | None = None
    orderState: str | None = None  # noqa: N815
    symbol: str | None = None
    orderType: int | None = None  # noqa: N815
    side: str | None = None
    orderID: str | None = None  # noqa: N815
    clOrderID: str | None = None  # noqa: N815
    clOrderId: str | None = None  # noqa: N815
    timestamp: int | None = None
    price: Decimal | None = None
    triggerPrice: Decimal | None = None  # noqa: N815
    trigger: bool | None = None
    triggerOrder: bool | None = None  # noqa: N815
    triggered: bool | None = None
    triggerOrderType: int | None = None  # noqa: N815
    message: str | None = None
    avgFilledPrice: Decimal | None = None  # noqa: N815
    stealth: Decimal | None = None
    deviation: Decimal | None = None
    pegPriceDeviation: Decimal | None = None  # noqa: N815
    postOnly: bool | None = None  # noqa: N815
    time_in_force: str | None = None
    timeInForce: str | None = None  # noqa: N815
    txType: str | int | None = None  # noqa: N815
    quote: str | None = None
    orderCurrency: str | None = None  # noqa: N815
    originalOrderBaseSize: Decimal | None = None  # noqa: N815
    originalOrderQuoteSize: Decimal | None = None  # noqa: N815
    currentOrderBaseSize: Decimal | None = None  # noqa: N815
    currentOrderQuoteSize: Decimal | None = None  # noqa: N815
    remainingOrderBaseSize: Decimal | None = None  # noqa: N815
    remainingBaseSize: Decimal | None = None  # noqa: N815
    totalFilledBaseSize: Decimal | None = None  # noqa: N815
    filledBaseSize: Decimal | None = None  # noqa: N815
    size: Decimal | None = None
    originalSize: Decimal | None = None  # noqa: N815
    remainingSize: Decimal | None = None  # noqa: N815
    filledSize: Decimal | None = None  # noqa: N815
    fillSize: Decimal | None = None  # noqa: N815

    @property
    def client_id(self) -> str | None:
        """The client's id, under either spelling."""
        return self.clOrderID or self.clOrderId


class FillRow(msgspec.Struct, kw_only=True):
    """A fill from topic ``fills`` (``price``, ``size``) or ``trade_history`` (``filledPrice``, ``filledSize``)."""

    tradeId: str | None = None  # noqa: N815
    orderId: str | None = None  # noqa: N815
    orderID: str | None = None  # noqa: N815
    clOrderId: str | None = None  # noqa: N815
    clOrderID: str | None = None  # noqa: N815
    serialId: str | None = None  # noqa: N815
    symbol: str | None = None
    side: str | None = None
    orderType: int | None = None  # noqa: N815
    type: int | None = None
    price: Decimal | None = None
    size: Decimal | None = None
    filledPrice: Decimal | None = None  # noqa: N815
    filledSize: Decimal | None = None  # noqa: N815
    feeAmount: Decimal | None = None  # noqa: N815
    freeAmount: Decimal | None = None  # noqa: N815 - a misspelling of white-label hosts
    feeCurrency: str | None = None  # noqa: N815
    maker: str | None = None
    timestamp: int | None = None
    triggerPrice: Decimal | None = None  # noqa: N815
    avgFilledPrice: Decimal | None = None  # noqa: N815
    base: str | None = None
    quote: str | None = None


# --- reading rows -------------------------------------------------------------------------------------------

R = TypeVar("R", bound=msgspec.Struct)
_SIGNED = frozenset({"deviation", "pegPriceDeviation", "feeAmount", "freeAmount"})
_LOOSE = msgspec.json.Decoder(float_hook=Decimal)


def _whole(value: object, name: str) -> int:
    if type(value) is int:
        return value
    parsed = number(value, name, signed=True)
    if parsed != parsed.to_integral_value():
        raise Malformed(f"{name}: a whole number expected, not {parsed}")
    return int(parsed)


def _flag(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())
    if known is None:
        raise Malformed(f"{name}: true or false expected, not {str(value)[:40]!r}")
    return known


def _text(value: object, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))  # a whole number stays the same name, whether it was written 3 or 3.0
    if isinstance(value, str | int | Decimal):
        return str(value)
    raise Malformed(f"{name}: text expected, not {str(value)[:40]!r}")


def _number(value: object, name: str) -> Decimal:
    return number(value, name, signed=name in _SIGNED)


_READERS: dict[Any, Callable[[object, str], Any]] = {int: _whole, bool: _flag, str: _text, Decimal: _number}
_PLANS: dict[type[Any], tuple[tuple[str, Callable[[object, str], Any]], ...]] = {}


def _plan(kind: type[Any]) -> tuple[tuple[str, Callable[[object, str], Any]], ...]:
    plan = _PLANS.get(kind)
    if plan is None:
        hints = get_type_hints(kind)
        plan = _PLANS[kind] = tuple(
            (name, _READERS[next(option for option in (get_args(hint) or (hint,)) if option in _READERS)])
            for name, hint in hints.items()
        )
    return plan


def read(kind: type[R], row: object) -> R:
    """Return a row of the venue as ``kind``. Null and blank fields are absent, unknown ones ignored.

    Raises:
        Malformed: naming the field that is not what it must be.
    """
    if not isinstance(row, Mapping):
        raise Malformed(f"an object expected, not {str(row)[:60]!r}")
    return kind(**{
        name: reader(value, name)
        for name, reader in _plan(kind)
        if (value := row.get(name)) is not None and value != ""
    })  # fmt: skip


def read_all(kind: type[R], rows: object) -> list[R]:
    """Return every row of an array; one object counts as an array of one.

    Raises:
        Malformed: one of them is not what it must be.
    """
    if isinstance(rows, Mapping):
        return [read(kind, rows)]
    if not isinstance(rows, list):
        raise Malformed(f"an array expected, not {str(rows)[:60]!r}")
    return [read(kind, row) for row in rows]


def rows_of(kind: type[R], data: bytes | msgspec.Raw) -> list[R]:
    """Return the rows of a JSON array or object, as `read_all` of its `loads` does, several times as fast.

    Raises:
        Malformed: no JSON, or one of them is not what it must be.
    """
    decoder, texts, numbers = _typed(kind)
    try:
        decoded = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_all(kind, loads(data))  # blanks for numbers, thousands separators …: or the clear error
    rows: list[R] = decoded if isinstance(decoded, list) else [decoded]
    for row in rows:
        for name in texts:
            value = getattr(row, name)
            if value == "":
                setattr(row, name, None)
            elif type(value) is int:
                setattr(row, name, str(value))
        for name, signed in numbers:
            value = getattr(row, name)
            if value is not None:
                sane(value, name, signed=signed)
    return rows


@cache
def _typed(kind: type[Any]) -> tuple[msgspec.json.Decoder[Any], tuple[str, ...], tuple[tuple[str, bool], ...]]:
    plan = _plan(kind)
    texts = tuple(name for name, reader in plan if reader is _text)
    numbers = tuple((name, name in _SIGNED) for name, reader in plan if reader is _number)
    return msgspec.json.Decoder(list[kind] | kind, strict=False), texts, numbers  # type: ignore[valid-type]


def loads(data: bytes | str | msgspec.Raw) -> Any:
    """Decode JSON, its fractions as exact `Decimal`.

    Raises:
        Malformed: it is no JSON.
    """
    try:
        return _LOOSE.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from error
