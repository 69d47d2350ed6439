"""Canonical commands as requests of the venue. Numbers go out digit by digit as they came in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec
from venuebus import CommandRejected
from venuebus_schemas import (
    Amend,
    Instrument,
    Order,
    OrderType,
    Reason,
    Side,
    Submit,
    TimeInForce,
    is_decimal_text,
    plain,
)

from .codes import LIVES

VenueLife = Literal["GTC", "IOC", "FOK", "HALFMIN", "FIVEMIN", "HOUR", "TWELVEHOUR", "DAY", "WEEK", "MONTH"]
_ID = re.compile(r"[\x21-\x7e]{1,128}\Z")
_TYPES = {
    OrderType.LIMIT: ("LIMIT", None),
    OrderType.MARKET: ("MARKET", None),
    OrderType.STOP: ("MARKET", "STOP"),
    OrderType.STOP_LIMIT: ("LIMIT", "STOP"),
    OrderType.OCO: ("OCO", "LIMIT"),
    OrderType.PEG: ("PEG", None),
}


class SubmitParams(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Options of BTSE that no canonical field holds; numbers as text.

    ``tx_type`` TRIGGER makes a stop a take-profit. ``deviation`` (percent from the index, -10 to 10) and ``stealth``
    (percent shown) belong to peg orders.
    """

    tx_type: Literal["STOP", "TRIGGER"] | None = None
    time_in_force: VenueLife | None = None
    deviation: str | None = None
    stealth: str | None = None
    trail_value: str | None = None
    trigger_price_type: Literal["INDEX_PRICE", "LAST_PRICE"] | None = None


class NoParams(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Amend and cancel have no options of the venue's own."""


def read_params(kind: type[Any], params: dict[str, Any] | None) -> Any:
    """Return ``params`` as ``kind``.

    Raises:
        CommandRejected: ``invalid``, naming the key that is unknown or wrong.
    """
    try:
        return msgspec.convert(params or {}, kind)
    except msgspec.ValidationError as error:
        raise CommandRejected(Reason.INVALID, f"params: {error}") from error


def submit_body(command: Submit, instrument: Instrument | None, market_buy: str = "price") -> bytes:
    """Return the body of ``POST order``, exact to the digit.

    ``market_buy`` says how a market buy for a quote amount is written: ``price`` is the venue's rule since
    2026-03 (``price`` = the most to spend, no size), ``size`` the older one (``size`` in quote).

    Raises:
        CommandRejected: the order cannot be expressed at this venue, or does not fit the instrument's steps.
    """
    params: SubmitParams = read_params(SubmitParams, command.params)
    if command.order_type not in _TYPES:
        raise CommandRejected(Reason.UNSUPPORTED, f"order_type {command.order_type} is not supported here")
    if command.reduce_only or command.position_effect is not None:
        raise CommandRejected(Reason.UNSUPPORTED, "a spot market knows no reduce_only and no position_effect")
    kind, tx_type = _TYPES[command.order_type]
    body: dict[str, Any] = {
        "symbol": command.symbol,
        "side": "BUY" if command.side is Side.BUY else "SELL",
        "type": kind,
    }
    _put_size(body, command, market_buy, instrument)
    for name, value in (
        ("price", command.price), ("triggerPrice", command.trigger_price), ("stopPrice", command.stop_price),
    ):  # fmt: skip
        if value is not None:
            body[name] = _price(name, value, instrument)
    if params.tx_type is not None and tx_type != "STOP":
        raise CommandRejected(Reason.INVALID, f"params: tx_type does not go with order_type {command.order_type}")
    if tx_type is not None:
        body["txType"] = params.tx_type or tx_type
    body["time_in_force"] = _life(command, params)
    if command.post_only:
        if kind != "LIMIT":
            raise CommandRejected(Reason.INVALID, f"post_only does not go with order_type {command.order_type}")
        body["postOnly"] = True
    _put_params(body, command, params)
    if command.client_order_id is not None:
        body["clOrderID"] = command.client_order_id
    return msgspec.json.encode(body)


def _put_size(body: dict[str, Any], command: Submit, market_buy: str, instrument: Instrument | None) -> None:
    if command.quantity is not None:
        body["size"] = _quantity(command.quantity, instrument)
        return
    if command.order_type is not OrderType.MARKET or command.side is not Side.BUY or command.quote_quantity is None:
        raise CommandRejected(Reason.QUANTITY, "quote_quantity: only for market buys at this venue")
    body["price" if market_buy == "price" else "size"] = _raw(command.quote_quantity)


def _put_params(body: dict[str, Any], command: Submit, params: SubmitParams) -> None:
    peg = command.order_type is OrderType.PEG
    for name, key in (("deviation", "deviation"), ("stealth", "stealth"), ("trail_value", "trailValue")):
        value = getattr(params, name)
        if value is None:
            continue
        if not is_decimal_text(value) or len(value) > 40:
            raise CommandRejected(Reason.INVALID, f"params: {name}: a decimal number as text expected")
        if not peg and name != "trail_value":
            raise CommandRejected(Reason.INVALID, f"params: {name} belongs to order_type peg")
        body[key] = _raw(value)
    if params.trigger_price_type is not None:
        body["triggerPriceType"] = params.trigger_price_type
    if not peg:
        return
    if command.price is None:
        raise CommandRejected(Reason.PRICE, "price: needed for order_type peg")
    if params.deviation is None or params.stealth is None:
        raise CommandRejected(Reason.INVALID, "params: deviation and stealth are needed for order_type peg")
    if abs(Decimal(params.deviation)) > 10:
        raise CommandRejected(Reason.INVALID, "params: deviation: -10 to 10 expected")
    if not 0 < Decimal(params.stealth) <= 100:
        raise CommandRejected(Reason.INVALID, "params: stealth: more than 0 and at most 100 expected")


def _life(command: Submit, params: SubmitParams) -> str:
    wanted = command.time_in_force
    if params.time_in_force is not None:
        if wanted not in (None, TimeInForce.OTHER) and LIVES.get(wanted) != params.time_in_force:
            raise CommandRejected(Reason.INVALID, "params: time_in_force contradicts the command's own")
        return params.time_in_force
    if wanted is None:
        return "GTC"
    if wanted not in LIVES:
        raise CommandRejected(
            Reason.UNSUPPORTED,
            f"time_in_force {wanted} is not supported here; params.time_in_force takes the venue's own",
        )
    return LIVES[wanted]


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(plain(Decimal(text)).encode())


def _price(name: str, text: str, instrument: Instrument | None) -> msgspec.Raw:
    value = Decimal(text)
    if value <= 0:
        raise CommandRejected(Reason.PRICE, f"{name}: more than 0 expected, not {text}")
    if instrument is not None and instrument.tick_size is not None and value % Decimal(instrument.tick_size):
        raise CommandRejected(Reason.PRICE, f"{name} {text} is not a multiple of the tick {instrument.tick_size}")
    return _raw(text)


def _quantity(text: str, instrument: Instrument | None) -> msgspec.Raw:
    value = Decimal(text)
    if instrument is not None:
        if instrument.lot_size is not None and value % Decimal(instrument.lot_size):
            raise CommandRejected(Reason.QUANTITY, f"quantity {text} is not a multiple of {instrument.lot_size}")
        if instrument.min_quantity is not None and value < Decimal(instrument.min_quantity):
            raise CommandRejected(Reason.QUANTITY, f"quantity {text} is less than {instrument.min_quantity}")
        if instrument.max_quantity is not None and value > Decimal(instrument.max_quantity):
            raise CommandRejected(Reason.QUANTITY, f"quantity {text} is more than {instrument.max_quantity}")
    return _raw(text)


def amend_body(command: Amend, order: Order | None, instrument: Instrument | None) -> bytes:
    """Return the body of ``PUT order``: PRICE, SIZE or TRIGGERPRICE with a value, or ALL for several.

    Raises:
        CommandRejected: the order cannot be named, or the venue cannot change it so.
    """
    read_params(NoParams, command.params)
    if order is not None and order.order_type is OrderType.PEG:
        raise CommandRejected(Reason.UNSUPPORTED, "the venue does not amend peg orders")
    leg = None
    if order is not None and order.order_type is OrderType.OCO:
        leg = _amended_leg(command)
    changes: list[tuple[str, str, msgspec.Raw]] = []
    if command.price is not None:
        changes.append(("PRICE", "orderPrice", _price("price", command.price, instrument)))
    if command.quantity is not None:
        changes.append(("SIZE", "orderSize", _quantity(command.quantity, instrument)))
    if command.trigger_price is not None:
        changes.append(("TRIGGERPRICE", "triggerPrice", _price("trigger_price", command.trigger_price, instrument)))
    body: dict[str, Any] = {"symbol": symbol_of(command.symbol, order), **target(command, order, leg=leg)}
    if len(changes) == 1:
        body |= {"type": changes[0][0], "value": changes[0][2]}
    else:
        body |= {"type": "ALL", **{name: value for _, name, value in changes}}
    return msgspec.json.encode(body)


def _amended_leg(command: Amend) -> str:
    if command.quantity is None and command.trigger_price is None:
        return "limit"
    if command.quantity is None and command.price is None:
        return "stop"
    raise CommandRejected(
        Reason.UNSUPPORTED, "an oco is two orders at the venue: amend its price or its trigger_price, one at a time"
    )


def symbol_of(symbol: str | None, order: Order | None) -> str:
    """Return the symbol that a request about an order must name.

    Raises:
        CommandRejected: ``invalid``, if neither the command nor what is known of the order tells it.
    """
    found = symbol or (order.symbol if order is not None else None)
    if not found:
        raise CommandRejected(Reason.INVALID, "symbol: needed for an order that this bridge does not know")
    return found


def target(command: Any, order: Order | None, *, leg: str | None = None) -> dict[str, str]:
    """Return what names one order: the venue's id where it is known, else ours.

    Raises:
        CommandRejected: ``invalid``, if there is no id or a blank one: at this venue that would mean *every* order.
    """
    legs = (order.venue_order_ids or {}) if order is not None else {}
    venue_id = (
        (legs.get(leg) if leg is not None else None)
        or command.venue_order_id
        or (order.venue_order_id if order is not None else None)
    )
    if venue_id is not None:
        return {"orderID": checked_id(venue_id)}
    client_id = command.client_order_id or (order.client_order_id if order is not None else None)
    return {"clOrderID": checked_id(client_id)}


def checked_id(value: str | None) -> str:
    """Return an id that surely names something.

    Raises:
        CommandRejected: it is missing, blank or unprintable.
    """
    if value is None or not _ID.match(value):
        raise CommandRejected(Reason.INVALID, f"an order id of 1 to 128 printable characters expected, not {value!r}")
    return value


def cancel_query(symbol: str, ids: Mapping[str, str]) -> dict[str, str]:
    """Return the query of ``DELETE order`` for one order. Without an id the venue cancels the whole market, so it
    cannot be built without one; see `cancel_market_query` for those who mean that.

    Raises:
        CommandRejected: no id, or a blank one; a blank symbol.
    """
    if set(ids) not in ({"orderID"}, {"clOrderID"}):
        raise CommandRejected(Reason.INVALID, "exactly one of orderID and clOrderID expected")
    return {"symbol": checked_id(symbol), **{name: checked_id(value) for name, value in ids.items()}}


def cancel_market_query(symbol: str) -> dict[str, str]:
    """Return the query of ``DELETE order`` that cancels every order of ``symbol``. Only for cancel_all."""
    return {"symbol": checked_id(symbol)}
