"""The venue's own messages, its names kept: the webhook's envelope and the position in it, and the polled list.

Source: PingPongX "OpenAPI v2", the pages of the forward contract's callbacks. The pages contradict their own samples
(fields called required are missing, the flat sample is labelled with the type of the nested one), so nearly everything
is optional here, and the shape is chosen by what is there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec


class Position(msgspec.Struct, kw_only=True, gc=False):
    """One forward position. Amounts are money of the currency beside them, ``open_time`` is milliseconds, UTC.

    ``price`` is units of ``base_currency2`` per ``base_currency``, ``price2`` its inverse. ``value_date`` is a day in
    China, not an instant. ``violate_date`` has no unit in the venue's document.
    """

    position_id: str
    parent_position_id: str | None = None
    root_position_id: str | None = None
    c_order_id: str | None = None
    buy_currency: str
    buy_amount: Decimal
    sell_currency: str
    sell_amount: Decimal
    price: Decimal | None = None
    price2: Decimal | None = None
    base_currency: str | None = None
    base_currency2: str | None = None
    status: str | None = None
    status_desc: str | None = None
    value_date: str
    open_time: int | None = None
    pay_way: str | None = None
    trade_channel: str | None = None
    source_type: str | None = None
    violate_date: int | str | None = None
    violate_money: Decimal | None = None
    violate_currency: str | None = None
    cancel_way: str | None = None


class Change(msgspec.Struct, kw_only=True, gc=False):
    """Payload of ``positionExtend``: what was (``old``), what stays of it (``left``, if any), what is new."""

    oldPosition: Position | None = None  # noqa: N815 - the venue's names
    leftPosition: Position | None = None  # noqa: N815
    newPosition: Position | None = None  # noqa: N815


class Envelope(msgspec.Struct, kw_only=True, gc=False):
    """What every delivery is: a type, an id that is the same in every repetition, and the payload undecoded."""

    event_type: str
    msg_id: str
    payload: msgspec.Raw = msgspec.Raw(b"null")


class Event(msgspec.Struct, kw_only=True, gc=False):
    """A delivery read: ``single`` for a flat payload, otherwise ``change``."""

    event_type: str
    msg_id: str
    single: Position | None = None
    change: Change | None = None


class Answer(msgspec.Struct, kw_only=True):
    """Answer of a query; which key holds the positions is not documented, so ``data`` stays as it is."""

    code: int | str | None = None
    msg: str | None = None
    message: str | None = None
    data: Any = None
