"""Commands as OpenD's requests. Numbers are taken as they are or refused: OpenD would cut excess digits silently."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec
from venuebus import CommandRejected
from venuebus_schemas import Amend, Order, OrderType, Reason, Side, Submit, TimeInForce

from . import names
from .doubles import decimals, number
from .pb import trade_pb2
from .symbols import SECTION, is_future, is_option, split, trade_market

REMARK_BYTES = 64


class SubmitParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``params`` of a submit: what OpenD has and the canonical fields do not.

    ``order_type`` is the SDK's name of a type that refines the canonical one (``ABSOLUTE_LIMIT``,
    ``MARKET_IF_TOUCHED``, ``VWAP_LIMIT`` …). ``trail_value`` 20 with ``trail_type`` ``ratio`` means 20 %.
    ``side`` is for Japan alone. ``adjust_limit`` lets OpenD move the price to a legal tick, by that share at most.
    """

    order_type: str | None = None
    session: Literal["rth", "eth", "all", "overnight"] | None = None
    fill_outside_rth: bool | None = None
    trail_type: Literal["ratio", "amount"] | None = None
    trail_value: str | None = None
    trail_spread: str | None = None
    adjust_limit: str | None = None
    position_id: str | None = None
    side: Literal["sell_short", "buy_back"] | None = None


class AmendParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``params`` of an amend: ``enable`` and ``disable`` change no number (Hong Kong and futures)."""

    operation: Literal["amend", "enable", "disable"] = "amend"
    trail_type: Literal["ratio", "amount"] | None = None
    trail_value: str | None = None
    trail_spread: str | None = None
    adjust_limit: str | None = None


class CancelParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``params`` of a cancel: ``delete`` hides a dead order from OpenD's lists."""

    operation: Literal["cancel", "delete"] = "cancel"


def params(raw: dict[str, Any] | None, kind: type[Any]) -> Any:
    """Return ``params`` as the struct ``kind``.

    Raises:
        CommandRejected: ``invalid``, naming the key.
    """
    try:
        return msgspec.convert(raw or {}, kind)
    except msgspec.ValidationError as error:
        raise CommandRejected(Reason.INVALID, f"params: {error}") from error


def place(command: Submit, *, real: bool, markets: frozenset[int]) -> Any:
    """Return the ``C2S`` of PlaceOrder, without header.accID and packetID, which belong to account and connection.

    Raises:
        CommandRejected: OpenD has no such order, or a number that it cannot be told exactly.
    """
    more: SubmitParams = params(command.params, SubmitParams)
    for name in ("post_only", "reduce_only"):
        if getattr(command, name):
            raise CommandRejected(Reason.UNSUPPORTED, f"{name}: OpenD has no such orders")
    for name in ("quote_quantity", "position_effect", "stop_price"):
        if getattr(command, name) is not None:
            raise CommandRejected(Reason.UNSUPPORTED, f"{name}: OpenD's orders have none")
    try:
        prefix, code = split(command.symbol)
        market = trade_market(command.symbol, real=real, markets=markets)
    except ValueError as error:
        raise CommandRejected(Reason.UNKNOWN_SYMBOL, str(error)) from error
    kind = _kind(command.order_type, more.order_type)
    c2s = trade_pb2.PlaceOrder.C2S()
    c2s.header.trdEnv = names.REAL if real else names.SIMULATE
    c2s.header.trdMarket = market
    c2s.trdSide = _side(command.side, more.side)
    c2s.orderType = kind
    c2s.code = code
    c2s.secMarket = SECTION[prefix]
    c2s.qty = _number("quantity", command.quantity or "", Reason.QUANTITY, 9 if prefix == "CC" else 0)
    c2s.remark = command.client_order_id or ""
    _prices(c2s, command, kind, more, prefix, code)
    _duration(c2s, command, more, prefix)
    if more.position_id is not None:
        c2s.positionID = _id("position_id", more.position_id)
    return c2s


def modify(command: Amend, order: Order | None) -> Any:
    """Return the ``C2S`` of ModifyOrder for an amend, without header, packetID and the order's ids.

    OpenD wants quantity (the new total) and price both; what the command leaves as it is comes from ``order``.

    Raises:
        CommandRejected: a number is missing and not known, or cannot be told exactly.
    """
    more: AmendParams = params(command.params, AmendParams)
    c2s = trade_pb2.ModifyOrder.C2S()
    c2s.modifyOrderOp = names.OPERATIONS[more.operation]
    if more.operation != "amend":
        if command.quantity is not None or command.price is not None or command.trigger_price is not None:
            raise CommandRejected(Reason.INVALID, f"{more.operation} changes no number")
        return c2s
    symbol = command.symbol or (order.symbol if order is not None else None)
    prefix, code = split(symbol) if symbol else ("HK", "")
    quantity = command.quantity or (order.quantity if order is not None else None)
    price = command.price or (order.price if order is not None else None)
    trigger = command.trigger_price or (order.trigger_price if order is not None else None)
    if quantity is None:
        raise CommandRejected(Reason.QUANTITY, "quantity: OpenD wants the total with every amend, and it is not known")
    if price is None and (order is None or order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)):
        raise CommandRejected(Reason.PRICE, "price: OpenD wants it with every amend, and it is not known")
    c2s.qty = _number("quantity", quantity, Reason.QUANTITY, 9 if prefix == "CC" else 0)
    if price is not None:
        c2s.price = _price("price", price, prefix, code)
    if trigger is not None:
        c2s.auxPrice = _price("trigger_price", trigger, prefix, code)
    _trail(c2s, more)
    return c2s


def price_decimals(prefix: str, code: str, price: str) -> int:
    """Return how many decimals OpenD keeps of a price: it cuts off what is beyond."""
    if is_future(code) or prefix in ("FX", "CC"):
        return 9
    if prefix == "US" and not is_option(code) and Decimal(price) < 1:
        return 4
    if prefix == "US" and is_option(code):
        return 2
    return 3


def _kind(canonical: OrderType, native: str | None) -> int:
    if native is None:
        kind = names.PLAIN_ORDER_TYPES.get(canonical)
        if kind is None and canonical not in names.ORDER_TYPES.values():
            raise CommandRejected(Reason.UNSUPPORTED, f"order_type {canonical}: OpenD has no such orders")
        if kind is None:
            raise CommandRejected(Reason.INVALID, f"order_type {canonical}: name one of OpenD's in params.order_type")
        return kind
    kind = names.NATIVE_ORDER_TYPES.get(native)
    if kind is None:
        known = " ".join(names.NATIVE_ORDER_TYPES)
        raise CommandRejected(Reason.INVALID, f"params.order_type: {native[:40]!r} is none of {known}")
    if names.ORDER_TYPES[kind] is not canonical:
        raise CommandRejected(
            Reason.INVALID, f"params.order_type: {native} is an order_type {names.ORDER_TYPES[kind]}, not {canonical}"
        )
    return kind


def _side(side: Side, native: str | None) -> int:
    if native is None:
        return names.BUY if side is Side.BUY else names.SELL
    if (native == "sell_short") != (side is Side.SELL):
        raise CommandRejected(Reason.INVALID, f"params.side: {native} is not a {side}")
    return names.SELL_SHORT if native == "sell_short" else names.BUY_BACK


def _prices(c2s: Any, command: Submit, kind: int, more: SubmitParams, prefix: str, code: str) -> None:
    if kind in names.PRICED:
        if command.price is None:
            raise CommandRejected(Reason.PRICE, f"price: needed for {names.ORDER_TYPE_NAMES[kind]}")
        c2s.price = _price("price", command.price, prefix, code)
    elif command.price is not None:
        raise CommandRejected(Reason.PRICE, f"price: {names.ORDER_TYPE_NAMES[kind]} takes none")
    else:
        c2s.price = 0.0  # OpenD ignores it, and older ones want it present
    if kind in names.TRIGGERED:
        if command.trigger_price is None:
            raise CommandRejected(Reason.PRICE, f"trigger_price: needed for {names.ORDER_TYPE_NAMES[kind]}")
        c2s.auxPrice = _price("trigger_price", command.trigger_price, prefix, code)
    elif command.trigger_price is not None:
        raise CommandRejected(Reason.PRICE, f"trigger_price: {names.ORDER_TYPE_NAMES[kind]} takes none")
    if kind in names.TRAILING:
        if more.trail_type is None or more.trail_value is None:
            raise CommandRejected(Reason.INVALID, "params.trail_type and trail_value: needed for a trailing stop")
        if names.ORDER_TYPES[kind] is OrderType.TRAILING_STOP_LIMIT and more.trail_spread is None:
            raise CommandRejected(Reason.INVALID, "params.trail_spread: needed for a trailing stop limit")
    elif more.trail_type is not None or more.trail_value is not None or more.trail_spread is not None:
        raise CommandRejected(Reason.INVALID, "params.trail_…: only for trailing stops")
    _trail(c2s, more)


def _trail(c2s: Any, more: SubmitParams | AmendParams) -> None:
    if more.trail_type is not None:
        c2s.trailType = names.TRAILS[more.trail_type]
    if more.trail_value is not None:
        c2s.trailValue = _number("params.trail_value", more.trail_value, Reason.PRICE, 9)
    if more.trail_spread is not None:
        c2s.trailSpread = _number("params.trail_spread", more.trail_spread, Reason.PRICE, 9)
    if more.adjust_limit is not None:
        c2s.adjustPrice = True
        c2s.adjustSideAndLimit = _number("params.adjust_limit", more.adjust_limit, Reason.PRICE, 9)


def _duration(c2s: Any, command: Submit, more: SubmitParams, prefix: str) -> None:
    tif = command.time_in_force or TimeInForce.DAY
    if tif not in names.TIME_IN_FORCE:
        raise CommandRejected(Reason.UNSUPPORTED, f"time_in_force {tif}: OpenD has day, gtc, ioc and gtd")
    c2s.timeInForce = names.TIME_IN_FORCE[tif]
    if tif is TimeInForce.GTD and command.expire_date is not None:
        c2s.expireTime = command.expire_date
    if more.session is not None:
        if prefix != "US":
            raise CommandRejected(Reason.INVALID, "params.session: US securities only")
        c2s.session = names.SESSIONS[more.session]
    if more.fill_outside_rth is not None:
        c2s.fillOutsideRTH = more.fill_outside_rth


def _price(name: str, value: str, prefix: str, code: str) -> float:
    return _number(name, value, Reason.PRICE, price_decimals(prefix, code, value))


def _number(name: str, value: str, code: Reason, most: int) -> float:
    try:
        told = number(value)
    except ValueError as error:
        raise CommandRejected(code, f"{name}: {error}") from error
    if decimals(value) > most:
        raise CommandRejected(code, f"{name}: {value} has more than the {most} decimals that OpenD keeps")
    return told


def _id(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) < 2**64):
        raise CommandRejected(Reason.INVALID, f"params.{name}: an unsigned 64-bit number as text expected")
    return int(value)
