"""OpenD's orders and fills as the bus's. Pure, and total: what cannot be told is a `ValueError`, never a default."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from venuebus_schemas import Fill, Order, OrderStatus, OrderType, Side

from . import names, refusals
from .numbers import rest, text
from .symbols import FUTURES_MARKETS, ZONES, traded
from .times import HONG_KONG, epoch_ns, local_ns

OURS = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
"""A remark of this form is a client order id."""
Known = Callable[[str], Order | None]
"""Gives the last known state of an order by one of the venue's ids."""


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
    order_id, order_id_ex = o.orderID, o.orderIDEx
    venue_order_id = str(order_id) if order_id else order_id_ex
    if not venue_order_id:
        raise Untellable("an order without any id")
    symbol = _symbol(o, header)
    before = None
    if symbol is None or not o.HasField("fillQty"):
        before = known(venue_order_id) if known is not None else None
        if symbol is None:
            if before is None:
                raise Untellable(f"order {venue_order_id}: market {header.trdMarket} does not tell what {o.code} is")
            symbol = before.symbol
    number, kind = o.orderStatus, o.orderType
    status = names.STATUSES.get(number, OrderStatus.UNKNOWN)
    # Amount orders carry no quantity of their own; 0 is not one.
    quantity = text(o.qty) if o.qty else None
    filled = text(o.fillQty) if o.HasField("fillQty") else _filled(status, quantity, before, venue_order_id)
    if filled != "0" and status in (OrderStatus.REJECTED, OrderStatus.CANCELED):
        # "Failed" and "Deleted" say nothing of what was filled before.
        status = OrderStatus.FILLED if filled == quantity else OrderStatus.CANCELED
    over = status.is_final
    remark = o.remark
    ours = OURS.match(remark) is not None if remark else False
    message = o.lastErrMsg or None
    updated = epoch_ns(o.updateTimestamp)
    created = epoch_ns(o.createTimestamp)
    if updated is None or created is None:
        zone = book.zone or ZONES.get(symbol.partition(".")[0], HONG_KONG)
        updated = local_ns(o.updateTime, zone) if updated is None else updated
        created = local_ns(o.createTime, zone) if created is None else created
    return Order(
        account=book.alias,
        ts_recv=ts_recv,
        ts_venue=updated,
        symbol=symbol,
        side=names.SIDES.get(o.trdSide, Side.UNKNOWN),
        order_type=names.ORDER_TYPES.get(kind, OrderType.UNKNOWN),
        status=status,
        quantity=quantity,
        filled_quantity=filled,
        leaves_quantity="0" if over else None if quantity is None else rest(quantity, filled),
        price=text(o.price) if kind in names.PRICED and o.HasField("price") else None,
        trigger_price=text(o.auxPrice) if kind in names.TRIGGERED and o.HasField("auxPrice") else None,
        avg_fill_price=text(o.fillAvgPrice) if filled != "0" and o.HasField("fillAvgPrice") else None,
        time_in_force=names.TIMES_IN_FORCE.get(o.timeInForce) if o.HasField("timeInForce") else None,
        client_order_id=remark if ours else None,
        venue_order_id=venue_order_id,
        venue_order_ids=_ids(order_id, order_id_ex),
        reason=refusals.reason(message) if message and status is OrderStatus.REJECTED else None,
        text=message,
        venue_status=names.STATUS_NAMES.get(number) or str(number),
        ts_created=created,
        extra=_extra(o, kind, ours),
    )


def fill(f: Any, header: Any, book: Book, ts_recv: int, known: Known | None = None) -> Fill:
    """Return the fill ``f`` (``Trd_Common.OrderFill``); ``voided`` where its status says cancelled.

    Fills carry no remark, so ``client_order_id`` comes from the order, if ``known`` has it.

    Raises:
        ValueError: as `order`, or the status is none that this version knows (a payout is no execution).
    """
    fill_id = str(f.fillID) if f.fillID else f.fillIDEx
    order_id = str(f.orderID) if f.orderID else f.orderIDEx or None
    status = f.status if f.HasField("status") else 0
    if not fill_id:
        raise Untellable("a fill without any id")
    if status not in (0, 1, 2):
        raise Untellable(f"fill {fill_id}: status {status} is not an execution's")
    of = known(order_id) if known is not None and order_id else None
    symbol = _symbol(f, header) or (of.symbol if of is not None else None)
    if symbol is None:
        raise Untellable(f"fill {fill_id}: market {header.trdMarket} does not tell what {f.code} is")
    extra = {"name": f.name} if f.name else {}
    if f.fillIDEx:
        extra["fillIDEx"] = f.fillIDEx
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
        side=names.SIDES.get(f.trdSide, Side.UNKNOWN),
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


def _symbol(o: Any, header: Any) -> str | None:
    # The order's own market beats the header's: a unified account's header names any of its markets.
    market = o.trdMarket or header.trdMarket
    return traded(o.secMarket, market, o.code)


def _filled(status: OrderStatus, quantity: str | None, before: Order | None, order_id: str) -> str:
    """Return what an order without fillQty has filled: what was known, or what its status alone proves."""
    if status is OrderStatus.FILLED and quantity is not None:
        return quantity
    if before is not None:
        return before.filled_quantity
    if status is OrderStatus.PARTIALLY_FILLED:
        raise Untellable(f"order {order_id} is filled in part, and not by how much")
    return "0"


def _ids(order_id: int, order_id_ex: str) -> dict[str, str]:
    ids = {}
    if order_id:
        ids["orderID"] = str(order_id)
    if order_id_ex:
        ids["orderIDEx"] = order_id_ex
    return ids


def _extra(o: Any, kind: int, ours: bool) -> dict[str, str] | None:
    extra: dict[str, str] = {}
    if o.name:
        extra["name"] = o.name
    if o.remark and not ours:
        extra["remark"] = o.remark
    if kind in names.AMBIGUOUS_ORDER_TYPES or kind not in names.ORDER_TYPES:
        extra["orderType"] = names.ORDER_TYPE_NAMES.get(kind) or str(kind)
    if o.trdSide in names.SIDE_NAMES:
        extra["trdSide"] = names.SIDE_NAMES[o.trdSide]
    if o.currency:
        extra["currency"] = names.CURRENCIES.get(o.currency) or str(o.currency)
    if o.fillOutsideRTH:
        extra["fillOutsideRTH"] = "true"
    if o.session:
        extra["session"] = names.SESSION_NAMES.get(o.session) or str(o.session)
    if o.timeInForce not in names.TIMES_IN_FORCE:
        extra["timeInForce"] = str(o.timeInForce)
    if kind in names.TRAILING:
        extra["trailType"] = names.TRAIL_NAMES.get(o.trailType) or str(o.trailType)
        extra["trailValue"] = text(o.trailValue)
        if o.HasField("trailSpread"):
            extra["trailSpread"] = text(o.trailSpread)
    if o.expireTime:
        extra["expireTime"] = o.expireTime
    if o.orderAmount:
        extra["orderAmount"] = text(o.orderAmount)
    if o.jpAccType:
        extra["jpAccType"] = str(o.jpAccType)
    if o.comboLegs:
        extra["comboLegs"] = str(len(o.comboLegs))
    return extra or None
