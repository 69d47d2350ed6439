"""Messages to canonical events: pure and total.

The venue gives its events neither a time nor a number. What happened is told by the event's type, what is, by each
position's status; which one counts when they come late is decided by rank, in the bridge.

Money is checked and never corrected: what is sold must add up exactly, what is bought need not (the part that is
extended is valued anew at its new price), so only a difference beyond that is worth a warning.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import msgspec
from venuebus_schemas import (
    AccountEvent,
    Forward,
    ForwardChange,
    ForwardChangeKind,
    ForwardFields,
    ForwardStatus,
    plain,
)

from .messages import Change, Event, Position

KINDS = {
    "positionCreate": ForwardChangeKind.CREATE,
    "positionCancel": ForwardChangeKind.CANCEL,
    "positionExtend": ForwardChangeKind.EXTEND,
    "positionSettle": ForwardChangeKind.SETTLE,
}
STATUSES = {
    "waitSettle": ForwardStatus.OPEN,
    "settle": ForwardStatus.SETTLED,
    "extendClose": ForwardStatus.EXTENDED,
}
ENDED = frozenset({ForwardStatus.SETTLED, ForwardStatus.EXTENDED, ForwardStatus.CANCELED})
MAX_DIGITS = 40
FIRST_MS, LAST_MS = 946_684_800_000, 4_102_444_800_000  # 2000 to 2100
MAX_TEXT = 256
CENT = Decimal("0.01")


class Translation(msgspec.Struct):
    """Events in the order in which they are to be published, and what looked wrong."""

    events: list[AccountEvent]
    warnings: list[str]


def translate(event: Event) -> Translation:
    """Return the canonical events of one delivery: the change, then the state of every position in it.

    Raises:
        ValueError: the type is unknown, or a value is none that a canonical field can carry.
    """
    kind = KINDS.get(event.event_type)
    if kind is None:
        raise ValueError(f"unknown event_type {event.event_type[:80]!r}; known: {', '.join(KINDS)}")
    change = ForwardChange(change=kind, msg_id=event.msg_id)
    warnings: list[str] = []
    if event.change is not None:
        positions = event.change
        change.old = _optional(positions.oldPosition, kind if kind is not ForwardChangeKind.CREATE else None)
        change.left = _optional(positions.leftPosition, None)
        change.new = _optional(positions.newPosition, None)
        warnings = check_change(positions)
        if (extra := differences(positions)) is not None:
            change.extra = extra
    else:
        assert event.single is not None
        fields = to_fields(event.single, kind)
        if kind is ForwardChangeKind.CREATE or (kind is ForwardChangeKind.EXTEND and fields.status not in ENDED):
            change.new = fields
        else:
            change.old = fields
    states: list[AccountEvent] = [
        to_forward(fields) for fields in (change.old, change.left, change.new) if fields is not None
    ]
    return Translation([change, *states], warnings)


def _optional(position: Position | None, kind: ForwardChangeKind | None) -> ForwardFields | None:
    return None if position is None else to_fields(position, kind)


def to_forward(fields: ForwardFields) -> Forward:
    """Return a position's fields as the event of its state."""
    return Forward(**{name: getattr(fields, name) for name in fields.__struct_fields__})


def to_fields(position: Position, kind: ForwardChangeKind | None = None) -> ForwardFields:
    """Return one position in canonical words. ``kind`` is what happened to it, where that is told.

    Raises:
        ValueError: a value cannot be carried: no date, a number beyond reason, a text where an id belongs.
    """
    return ForwardFields(
        position_id=_text(position.position_id, "position_id"),
        root_id=_maybe(position.root_position_id, "root_position_id"),
        parent_id=_maybe(position.parent_position_id, "parent_position_id"),
        client_order_id=_maybe(position.c_order_id, "c_order_id"),
        status=to_status(position.status, kind),
        buy_currency=_text(position.buy_currency, "buy_currency"),
        buy_amount=_number(position.buy_amount, "buy_amount"),
        sell_currency=_text(position.sell_currency, "sell_currency"),
        sell_amount=_number(position.sell_amount, "sell_amount"),
        price=_maybe_number(position.price, "price"),
        inverse_price=_maybe_number(position.price2, "price2"),
        base_currency=_maybe(position.base_currency, "base_currency"),
        quote_currency=_maybe(position.base_currency2, "base_currency2"),
        value_date=_date(position.value_date),
        ts_opened=_time(position.open_time),
        pay_way=_maybe(position.pay_way, "pay_way"),
        channel=_maybe(position.trade_channel, "trade_channel"),
        source=_maybe(position.source_type, "source_type"),
        venue_status=_maybe(position.status, "status"),
        extra=_extra(position),
    )


def to_status(status: str | None, kind: ForwardChangeKind | None) -> ForwardStatus:
    """Return the state; what the venue calls a canceled position is not documented, so the event's type decides that.

    Anything else that is not known stays ``unknown``.
    """
    known = STATUSES.get(status or "", ForwardStatus.UNKNOWN)
    if kind is ForwardChangeKind.CANCEL and known not in ENDED:
        return ForwardStatus.CANCELED
    return known


def differences(change: Change) -> dict[str, str] | None:
    """Return by how much the parts differ from the whole, each side; ``None`` where they do not or cannot be added."""
    old, left, new = change.oldPosition, change.leftPosition, change.newPosition
    if old is None or new is None:
        return None
    found = {}
    for side in ("sell", "buy"):
        parts = [part for part in (left, new) if part is not None]
        if any(getattr(part, f"{side}_currency") != getattr(old, f"{side}_currency") for part in parts):
            continue
        total = sum((getattr(part, f"{side}_amount") for part in parts), Decimal(0))
        if (difference := total - getattr(old, f"{side}_amount")) != 0:
            found[f"{side}_difference"] = plain(difference)
    return found or None


def check_change(change: Change) -> list[str]:
    """Return what does not fit together in an extension; nothing of it is a reason to refuse it."""
    old, new = change.oldPosition, change.newPosition
    parts = [part for part in (change.leftPosition, new) if part is not None]
    warnings = []
    if old is not None:
        for part in parts:
            if part.parent_position_id not in (None, old.position_id):
                warnings.append(f"{part.position_id} does not descend from {old.position_id}")
            if (
                None not in (part.root_position_id, old.root_position_id)
                and part.root_position_id != old.root_position_id
            ):
                warnings.append(f"{part.position_id} has another root than {old.position_id}")
    found = differences(change) or {}
    if "sell_difference" in found:
        warnings.append(f"the sold amounts differ by {found['sell_difference']} from the position they came from")
    if "buy_difference" in found and old is not None and new is not None:
        expected = revaluation(old, new)
        if expected is not None and abs(Decimal(found["buy_difference"]) - expected) > CENT:
            warnings.append(
                f"the bought amounts differ by {found['buy_difference']}, the new price accounts for {plain(expected)}"
            )
    return warnings


def revaluation(old: Position, new: Position) -> Decimal | None:
    """Return what the new price adds to the bought amount of the extended part, to the cent.

    Only for positions that sell their base currency; the factor is the inverse otherwise, and rounding hides it.
    """
    if old.price is None or new.price is None or new.base_currency != new.sell_currency:
        return None
    return (new.sell_amount * (new.price - old.price)).quantize(CENT, ROUND_HALF_UP)


def _extra(position: Position) -> dict[str, str] | None:
    found = {
        "status_desc": position.status_desc,
        "violate_date": None if position.violate_date is None else str(position.violate_date)[:MAX_TEXT],
        "violate_money": _maybe_number(position.violate_money, "violate_money"),
        "violate_currency": position.violate_currency,
        "cancel_way": position.cancel_way,
    }
    return {name: value for name, value in found.items() if value} or None


def _text(value: str, name: str) -> str:
    if not value or len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError(f"{name} is not a text of 1 to {MAX_TEXT} printable characters")
    return value


def _maybe(value: str | None, name: str) -> str | None:
    return _text(value, name) if value else None


def _number(value: Decimal, name: str) -> str:
    # Plain notation of 1e999999 would be a megabyte: what nobody can mean is refused before it is written out.
    if not value.is_finite() or not -MAX_DIGITS <= value.adjusted() <= MAX_DIGITS or len(value.as_tuple().digits) > 60:
        raise ValueError(f"{name} is not a number within reason")
    return plain(value)


def _maybe_number(value: Decimal | None, name: str) -> str | None:
    return None if value is None else _number(value, name)


def _date(text: str) -> str:
    if len(text) == 10 and text.isascii() and text[4] == text[7] == "-":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
    raise ValueError(f"value_date is not a day written YYYY-MM-DD: {text[:40]!r}")


def _time(milliseconds: int | None) -> int | None:
    if milliseconds is None:
        return None
    if not FIRST_MS <= milliseconds < LAST_MS:
        raise ValueError("open_time is not a time in milliseconds")
    return milliseconds * 1_000_000
