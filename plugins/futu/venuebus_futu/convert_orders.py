"""OpenD's orders and fills as the bus's. Pure, and total: what cannot be told is a `ValueError`, never a default."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from venuebus_schemas import FINAL_STATUSES, Fill, Order, OrderStatus, OrderType, Side

from . import messages, names, refusals
from .doubles import rest, text
from .symbols import FUTURES_MARKETS, ZONES, traded, word
from .times import HONG_KONG, epoch_ns, local_ns

OURS = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
"""A remark of this form is a client order id."""
Known = Callable[[str], Order | None]
"""Gives the last known state of an order by one of the venue's ids."""


# Members of enumerations (0.1 µs each) and names of other modules are looked up once: `order` runs for every push.
_FILLED, _PARTIALLY_FILLED = OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED
_REJECTED, _CANCELED = OrderStatus.REJECTED, OrderStatus.CANCELED
_UNKNOWN_STATUS, _UNKNOWN_TYPE, _UNKNOWN_SIDE = OrderStatus.UNKNOWN, OrderType.UNKNOWN, Side.UNKNOWN
_UNITED_STATES, _GTD, _SELL = 2, 3, names.SELL
_ABSENT = float("-inf")  # what our messages give for a number that OpenD did not send
_STATUSES = {
    number: (
        names.STATUSES.get(number, OrderStatus.UNKNOWN),
        names.STATUSES.get(number) in FINAL_STATUSES,
        names.STATUS_NAMES.get(number) or str(number),
    )
    for number in names.STATUSES.keys() | names.STATUS_NAMES.keys()
}
"""Number → status, whether it is final, the venue's own name."""
_is_ours = OURS.match
_SIDES = names.SIDES
_ORDER_TYPES = names.ORDER_TYPES
_PRICED = names.PRICED
_TRIGGERED = names.TRIGGERED
_TIMES_IN_FORCE = names.TIMES_IN_FORCE
_CURRENCIES = names.CURRENCIES
_UNAMBIGUOUS_ORDER_TYPES = names.UNAMBIGUOUS_ORDER_TYPES


class Untellable(ValueError):
    """The message is well-formed, but what it means cannot be told."""


class Book(msgspec.Struct, frozen=True):
    """What the header and the configuration say about an account, for reading its messages.

    ``zone`` is that of futures accounts' local times, ``None`` for securities (each exchange has its own).
    """

    alias: str
    zone: ZoneInfo | None = None


def order(o: Any, header: Any, book: Book, ts_recv: int, known: Known | None = None) -> Order:
    """Return the order ``o`` (``Trd_Common.Order``) of an account.

    Raises:
        ValueError: a number is NaN or infinite, a time is none, or what is traded cannot be told.
    """
    order_id, order_id_ex, remark, error, name = o.orderID, o.orderIDEx, o.remark, o.lastErrMsg, o.name
    side, kind, number, code, amount = o.trdSide, o.orderType, o.orderStatus, o.code, o.qty
    updated_text, created_text = o.updateTime, o.createTime
    if not (
        order_id and order_id_ex and side and kind and number and code and name and amount and updated_text
        and created_text
    ):  # fmt: skip
        messages.require(o)
    if not type(order_id_ex) is type(remark) is type(error) is type(name) is str:
        raise Untellable(f"order {order_id}: a text that is no UTF-8")  # protobuf hands it out as bytes
    venue_order_id = str(order_id) if order_id else order_id_ex
    if not venue_order_id:
        raise Untellable("an order without any id")
    ids = {"orderID": venue_order_id} if order_id else {}
    if order_id_ex:
        ids["orderIDEx"] = order_id_ex
    section, fill_quantity = o.secMarket, o.fillQty
    # The order's own market beats the header's: a unified account's header names any of its markets.
    symbol = traded(section, 0 if section else o.trdMarket or header.trdMarket, code)
    before = None
    if symbol is None or fill_quantity == _ABSENT:
        before = known(venue_order_id) if known is not None else None
        if symbol is None:
            if before is None:
                raise Untellable(f"order {venue_order_id}: market {header.trdMarket} does not tell what {code} is")
            symbol = before.symbol
    status, final, status_name = _STATUSES.get(number) or (_UNKNOWN_STATUS, False, str(number))
    quantity = text(amount) if amount else None  # orders by amount carry no quantity; 0 is not one
    filled = _filled(status, quantity, before, venue_order_id) if fill_quantity == _ABSENT else text(fill_quantity)
    if filled != "0" and (status is _REJECTED or status is _CANCELED):
        # "Failed" and "Deleted" say nothing of what was filled before.
        status = _FILLED if filled == quantity else _CANCELED
    updated, created = epoch_ns(o.updateTimestamp), epoch_ns(o.createTimestamp)
    if updated is None or created is None:
        zone = book.zone or ZONES.get(symbol.partition(".")[0], HONG_KONG)
        updated = local_ns(updated_text, zone) if updated is None else updated
        created = local_ns(created_text, zone) if created is None else created
    price, tif = o.price, o.timeInForce
    # 15 keywords and not one more: CPython makes a dict of more of them first, which doubles the cost of the call.
    told_order = Order(
        account=book.alias,
        ts_recv=ts_recv,
        ts_venue=updated,
        symbol=symbol,
        side=_SIDES.get(side, _UNKNOWN_SIDE),
        order_type=_ORDER_TYPES.get(kind, _UNKNOWN_TYPE),
        status=status,
        quantity=quantity,
        filled_quantity=filled,
        leaves_quantity="0" if final else None if quantity is None else rest(quantity, filled),
        price=text(price) if kind in _PRICED and price != _ABSENT else None,
        time_in_force=_TIMES_IN_FORCE.get(tif),
        venue_order_id=venue_order_id,
        venue_order_ids=ids,
        venue_status=status_name,
    )
    told_order.ts_created = created
    if remark and _is_ours(remark):
        told_order.client_order_id = remark
        remark = ""
    told_order.extra = _extra(o, side, name, kind, section, tif, remark)
    if filled != "0" and (average := o.fillAvgPrice) != _ABSENT:
        told_order.avg_fill_price = text(average)
    if kind in _TRIGGERED and (trigger := o.auxPrice) != _ABSENT:
        told_order.trigger_price = text(trigger)
    if error:
        told_order.text = error
        if status is _REJECTED:
            told_order.reason = refusals.reason(error)
    return told_order


def fill(f: Any, header: Any, book: Book, ts_recv: int, known: Known | None = None) -> Fill:
    """Return the fill ``f`` (``Trd_Common.OrderFill``); ``voided`` where its status says cancelled.

    Fills carry no remark, so ``client_order_id`` comes from the order, if ``known`` has it.

    Raises:
        ValueError: as `order`, or the status is none that this version knows (a payout is no execution).
    """
    fill_id = str(f.fillID) if f.fillID else word(f.fillIDEx)
    order_id = str(f.orderID) if f.orderID else word(f.orderIDEx) or None
    status = f.status if f.HasField("status") else 0
    if not fill_id:
        raise Untellable("a fill without any id")
    if status not in (0, 1, 2):
        raise Untellable(f"fill {fill_id}: status {status} is not an execution's")
    of = known(order_id) if known is not None and order_id else None
    market = f.trdMarket or header.trdMarket
    symbol = traded(f.secMarket, market, f.code) or (of.symbol if of is not None else None)
    if symbol is None:
        raise Untellable(f"fill {fill_id}: market {header.trdMarket} does not tell what {f.code} is")
    extra = {"name": word(f.name)} if f.name else {}
    if f.fillIDEx:
        extra["fillIDEx"] = word(f.fillIDEx)
    if f.counterBrokerID:
        extra["counterBrokerID"] = str(f.counterBrokerID)
    if status == 2:
        extra["changed"] = "true"
    created = epoch_ns(f.createTimestamp)
    if created is None:
        created = local_ns(f.createTime, book.zone or ZONES.get(symbol.partition(".")[0], HONG_KONG))
    return Fill(
        account=book.alias,
        ts_recv=ts_recv,
        ts_venue=created,
        symbol=symbol,
        fill_id=fill_id,
        side=_SIDES.get(f.trdSide, _UNKNOWN_SIDE),
        price=text(f.price),
        quantity=text(f.qty),
        venue_order_id=order_id,
        client_order_id=of.client_order_id if of is not None else None,
        voided=True if status == 1 else None,
        extra=extra or None,
    )


def zone_of(markets: frozenset[int], zone: ZoneInfo) -> ZoneInfo | None:
    """Return ``zone`` if an account of these markets is a futures account."""
    return zone if markets and markets <= FUTURES_MARKETS else None


def _filled(status: OrderStatus, quantity: str | None, before: Order | None, order_id: str) -> str:
    """Return what an order without fillQty has filled: what was known, or what its status alone proves."""
    if status is _FILLED and quantity is not None:
        return quantity
    if before is not None:
        return before.filled_quantity
    if status is _PARTIALLY_FILLED:
        raise Untellable(f"order {order_id} is filled in part, and not by how much")
    return "0"


def _extra(o: Any, side: int, name: str, kind: int, section: int, tif: int, remark: str) -> dict[str, str] | None:
    extra: dict[str, str] = {}
    if name:
        extra["name"] = name
    if currency := o.currency:
        extra["currency"] = _CURRENCIES.get(currency) or str(currency)
    if remark:
        extra["remark"] = remark
    if kind not in _UNAMBIGUOUS_ORDER_TYPES:
        extra["orderType"] = names.ORDER_TYPE_NAMES.get(kind) or str(kind)
        if kind in names.TRAILING:
            _trail(o, extra)
    if side > _SELL:
        extra["trdSide"] = names.SIDE_NAMES.get(side) or str(side)
    if o.fillOutsideRTH:
        extra["fillOutsideRTH"] = "true"
    if section == _UNITED_STATES and o.session:
        extra["session"] = names.SESSION_NAMES.get(o.session) or str(o.session)
    if tif >= _GTD:
        if o.expireTime:
            extra["expireTime"] = word(o.expireTime)
        if tif not in _TIMES_IN_FORCE:
            extra["timeInForce"] = str(tif)
    if o.orderAmount:
        extra["orderAmount"] = text(o.orderAmount)
    if o.jpAccType:
        extra["jpAccType"] = str(o.jpAccType)
    if o.strategyType:
        extra["strategyType"], extra["comboLegs"] = str(o.strategyType), str(len(o.comboLegs))
    return extra or None


def _trail(o: Any, extra: dict[str, str]) -> None:
    extra["trailType"] = names.TRAIL_NAMES.get(o.trailType) or str(o.trailType)
    extra["trailValue"] = text(o.trailValue)
    if o.HasField("trailSpread"):
        extra["trailSpread"] = text(o.trailSpread)
