"""Orders, fills, positions, balances, forwards and results: JetStream ``acct.<venue>.<account>.<kind>.<key>``."""

from __future__ import annotations

import msgspec

from .base import AccountEvent, DateText, DecimalText, Nanoseconds
from .enums import (
    ForwardChangeKind,
    ForwardStatus,
    Liquidity,
    OrderStatus,
    OrderType,
    PositionEffect,
    PositionSide,
    Reason,
    ResolvedBy,
    ResultStatus,
    Side,
    TimeInForce,
    Verb,
)


class Order(AccountEvent, tag_field="type", tag="order", kw_only=True, omit_defaults=True, gc=False):
    """The whole state of one order after a change.

    Events of one order never go backwards: ``filled_quantity`` falls only after a fill's ``voided`` event, and
    a final status stays final with that same exception.
    """

    symbol: str
    side: Side
    order_type: OrderType
    status: OrderStatus
    quantity: DecimalText | None = None
    quote_quantity: DecimalText | None = None
    filled_quantity: DecimalText
    leaves_quantity: DecimalText | None = None
    price: DecimalText | None = None
    trigger_price: DecimalText | None = None
    avg_fill_price: DecimalText | None = None
    time_in_force: TimeInForce | None = None
    position_effect: PositionEffect | None = None
    client_order_id: str | None = None
    venue_order_id: str | None = None
    venue_order_ids: dict[str, str] | None = None
    command_id: str | None = None
    reason: Reason | None = None
    text: str | None = None
    venue_status: str | None = None
    external: bool | None = None
    reconciled: bool | None = None
    ts_created: Nanoseconds | None = None
    trading_day: DateText | None = None
    extra: dict[str, str] | None = None


class Fill(AccountEvent, tag_field="type", tag="fill", kw_only=True, omit_defaults=True, gc=False):
    """One execution. ``voided`` when the venue took it back; ``derived`` when computed from order updates."""

    symbol: str
    fill_id: str
    side: Side
    price: DecimalText
    quantity: DecimalText
    venue_order_id: str | None = None
    client_order_id: str | None = None
    fee: DecimalText | None = None
    fee_currency: str | None = None
    liquidity: Liquidity | None = None
    position_effect: PositionEffect | None = None
    voided: bool | None = None
    derived: bool | None = None
    reconciled: bool | None = None
    trading_day: DateText | None = None
    extra: dict[str, str] | None = None


class Position(AccountEvent, tag_field="type", tag="position", kw_only=True, omit_defaults=True, gc=False):
    """What the account holds of one symbol, as the venue counts it."""

    symbol: str
    side: PositionSide
    quantity: DecimalText
    available: DecimalText | None = None
    today_quantity: DecimalText | None = None
    avg_price: DecimalText | None = None
    market_price: DecimalText | None = None
    unrealized_pnl: DecimalText | None = None
    realized_pnl: DecimalText | None = None
    margin: DecimalText | None = None
    currency: str | None = None
    reconciled: bool | None = None
    extra: dict[str, str] | None = None


class Balance(AccountEvent, tag_field="type", tag="balance", kw_only=True, omit_defaults=True, gc=False):
    """Money of one currency in the account."""

    currency: str
    total: DecimalText | None = None
    available: DecimalText | None = None
    frozen: DecimalText | None = None
    equity: DecimalText | None = None
    margin: DecimalText | None = None
    reconciled: bool | None = None
    extra: dict[str, str] | None = None


class ForwardFields(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One FX-forward position's own fields, as a ``forward_change`` carries them."""

    position_id: str
    root_id: str | None = None
    parent_id: str | None = None
    client_order_id: str | None = None
    status: ForwardStatus
    buy_currency: str
    buy_amount: DecimalText
    sell_currency: str
    sell_amount: DecimalText
    price: DecimalText | None = None
    inverse_price: DecimalText | None = None
    base_currency: str | None = None
    quote_currency: str | None = None
    value_date: DateText
    ts_opened: Nanoseconds | None = None
    pay_way: str | None = None
    channel: str | None = None
    source: str | None = None
    venue_status: str | None = None
    extra: dict[str, str] | None = None


class Forward(AccountEvent, tag_field="type", tag="forward", kw_only=True, omit_defaults=True, gc=False):
    """State of one FX-forward position; ``price`` is units of ``quote_currency`` per ``base_currency``."""

    position_id: str
    root_id: str | None = None
    parent_id: str | None = None
    client_order_id: str | None = None
    status: ForwardStatus
    buy_currency: str
    buy_amount: DecimalText
    sell_currency: str
    sell_amount: DecimalText
    price: DecimalText | None = None
    inverse_price: DecimalText | None = None
    base_currency: str | None = None
    quote_currency: str | None = None
    value_date: DateText
    ts_opened: Nanoseconds | None = None
    pay_way: str | None = None
    channel: str | None = None
    source: str | None = None
    venue_status: str | None = None
    reconciled: bool | None = None
    extra: dict[str, str] | None = None


class ForwardChange(AccountEvent, tag_field="type", tag="forward_change", kw_only=True, omit_defaults=True, gc=False):
    """What one delivery said happened: the position before (``old``), what is left of it, and the new one."""

    change: ForwardChangeKind
    msg_id: str
    old: ForwardFields | None = None
    left: ForwardFields | None = None
    new: ForwardFields | None = None
    reconciled: bool | None = None
    extra: dict[str, str] | None = None


class Result(AccountEvent, tag_field="type", tag="result", kw_only=True, omit_defaults=True, gc=False):
    """Outcome of one command. ``unknown`` is followed by a second result once it is resolved."""

    command_id: str
    verb: Verb
    status: ResultStatus
    reason: Reason | None = None
    text: str | None = None
    client_order_id: str | None = None
    venue_order_id: str | None = None
    attempts: int
    ts_received: Nanoseconds
    ts_sent: Nanoseconds | None = None
    ts_answered: Nanoseconds | None = None
    resolved_by: ResolvedBy | None = None


AccountData = Order | Fill | Position | Balance | Forward | ForwardChange | Result
