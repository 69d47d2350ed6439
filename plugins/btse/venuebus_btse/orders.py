"""Order and fill rows of every channel as canonical events. Pure: what is blank stays unknown, 0 often means none."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from venuebus_schemas import Fill, Liquidity, Order, OrderStatus, OrderType, Reason, Side, TimeInForce

from . import codes
from .answers import message_text
from .convert import SIDES
from .messages import FillRow, OrderRow
from .numbers import ZERO, Malformed, milliseconds, positive, shortest

Channel = Literal["reply", "notice", "query"]
"""Where a row comes from: the answer to our command, a push, or the answer to a question."""


def order(row: OrderRow, *, account: str, now: int, channel: Channel, known: Order | None = None) -> Order | None:
    """Return the state of an order that ``row`` tells, or None if it tells none.

    ``known`` is what the bridge knows of the order: it fills in what a blank row leaves out. A number that is no
    state of an order (15 for a failed amend, 16, -1, 17, numbers we do not know) gives None.
    """
    status = status_of(row, channel)
    symbol, side = _symbol(row, known), SIDES.get(row.side or "") or (known.side if known is not None else None)
    if status is None or symbol is None or side is None:
        return None
    kind = type_of(row, known)
    filled = filled_of(row)
    if status is OrderStatus.NEW and filled:
        status = OrderStatus.PARTIALLY_FILLED
    if status is OrderStatus.PARTIALLY_FILLED and channel != "notice" and row.orderType == codes.MARKET:
        status = OrderStatus.CANCELED  # a market order does not rest: what is left of it is gone
    quote_sized = is_quote_sized(row, symbol)
    base = _first(row.currentOrderBaseSize, row.originalOrderBaseSize, row.originalSize, row.size)
    quote = _first(row.currentOrderQuoteSize, row.originalOrderQuoteSize)
    quantity = None if quote_sized else base
    if not filled and status is OrderStatus.FILLED and quantity is not None:
        filled = quantity
    stamp = milliseconds(row.timestamp)
    return Order(
        account=account, symbol=symbol, side=side, order_type=kind, status=status,
        quantity=positive(quantity),
        quote_quantity=positive(quote) if quote_sized else None,
        filled_quantity=_filled(filled, known),
        leaves_quantity=_leaves(row, status, quote_sized),
        price=_price(row, channel, kind),
        trigger_price=positive(row.triggerPrice),
        avg_fill_price=positive(row.avgFilledPrice),
        time_in_force=_life(row),
        client_order_id=row.client_id,
        venue_order_id=row.orderID,
        text=message_text(row.message),
        reason=Reason.VENUE_REJECTED if status is OrderStatus.REJECTED else None,
        venue_status=str(row.status) if row.status is not None else row.orderState,
        ts_created=stamp if channel == "query" or (channel == "reply" and row.status in (2, 9)) else None,
        extra=_extra(row, kind),
        ts_recv=now, ts_venue=stamp,
    )  # fmt: skip


def status_of(row: OrderRow, channel: Channel) -> OrderStatus | None:
    """Return the state that a row's number or word stands for, None for what is no state (any more)."""
    if row.status is not None:
        if row.status == codes.NO_FUNDS and channel == "query":
            return OrderStatus.REJECTED
        return codes.STATUSES.get(row.status)
    if row.orderState == "STATUS_INACTIVE":
        return OrderStatus.NEW  # waits for its trigger
    if row.orderState == "STATUS_ACTIVE":
        if filled_of(row):
            return OrderStatus.PARTIALLY_FILLED
        return OrderStatus.TRIGGERED if row.triggered else OrderStatus.NEW
    return None


def type_of(row: OrderRow, known: Order | None) -> OrderType:
    """Return the order's type; a trigger makes a stop of a market order and a stop_limit of a limit order."""
    if known is not None and known.order_type not in (OrderType.UNKNOWN, OrderType.OTHER):
        return known.order_type
    kind = codes.TYPES.get(row.orderType or 0, OrderType.UNKNOWN)
    if has_trigger(row):
        return {OrderType.MARKET: OrderType.STOP, OrderType.LIMIT: OrderType.STOP_LIMIT}.get(kind, kind)
    return kind


def has_trigger(row: OrderRow) -> bool:
    """Tell whether a row is of an order that waits, or waited, for a trigger."""
    return bool(row.trigger or row.triggerOrder or (row.triggerPrice is not None and row.triggerPrice > 0))


def filled_of(row: OrderRow) -> Decimal | None:
    """Return everything filled so far, in base units, under the new name or an old one."""
    return _first(row.totalFilledBaseSize, row.filledSize, row.fillSize, zero=True)


def is_quote_sized(row: OrderRow, symbol: str) -> bool:
    """Tell whether the order's size is an amount of the quote currency.

    What sizes there are says more than ``orderCurrency``, which was seen as "quote", as "base" and as the name of a
    currency; notifications have 0 where there is no such size.
    """
    base = _first(row.currentOrderBaseSize, row.originalOrderBaseSize)
    quote = _first(row.currentOrderQuoteSize, row.originalOrderQuoteSize)
    if (base is None) != (quote is None):
        return base is None
    return row.orderCurrency in ("quote", symbol.rpartition("-")[2])


def _symbol(row: OrderRow, known: Order | None) -> str | None:
    # A failed amend says "BTC-null", in the venue's own example.
    if row.symbol and not row.symbol.endswith("-null"):
        return row.symbol
    return known.symbol if known is not None else None


def _first(*values: Decimal | None, zero: bool = False) -> Decimal | None:
    for value in values:
        if value is not None and (zero or value > 0):
            return value
    return None


def _filled(filled: Decimal | None, known: Order | None) -> str:
    if filled is not None:
        return shortest(filled)
    return known.filled_quantity if known is not None else "0"


def _leaves(row: OrderRow, status: OrderStatus, quote_sized: bool) -> str | None:
    if status.is_final:
        return "0"
    left = _first(row.remainingOrderBaseSize, row.remainingBaseSize, row.remainingSize, zero=True)
    return None if left is None or quote_sized else shortest(left)


def _price(row: OrderRow, channel: Channel, kind: OrderType) -> str | None:
    # In a notification of a fill `price` is the last traded price, not the order's.
    traded = channel == "notice" and (row.filledBaseSize or row.status in (codes.FILLED, codes.PARTLY))
    if traded or kind in (OrderType.MARKET, OrderType.STOP):
        return None
    return positive(row.price)


def _life(row: OrderRow) -> TimeInForce | None:
    name = row.time_in_force or row.timeInForce
    return None if name is None else codes.TIMES_IN_FORCE.get(name, TimeInForce.OTHER)


def _extra(row: OrderRow, kind: OrderType) -> dict[str, str] | None:
    extra = {}
    name = row.time_in_force or row.timeInForce
    if name is not None and name not in codes.TIMES_IN_FORCE:
        extra["time_in_force"] = name
    if row.postOnly:
        extra["post_only"] = "true"
    if kind is OrderType.PEG:
        deviation = row.deviation if row.deviation is not None else row.pegPriceDeviation
        if deviation is not None:
            extra["deviation"] = shortest(deviation)
        if row.stealth is not None:
            extra["stealth"] = shortest(row.stealth)
    return extra or None


def fill(row: FillRow, *, account: str, now: int) -> Fill:
    """Return one own execution. ``liquidity`` only where the venue says it: the history does not.

    Raises:
        Malformed: it names no trade, order, side, price or size.
    """
    history = row.filledSize is not None
    price = row.filledPrice if history else row.price
    size = row.filledSize if history else row.size  # in the history `size` is the order's, possibly in quote
    side = SIDES.get(row.side or "")
    if not row.tradeId or not row.symbol or side is None or not price or not size:
        raise Malformed("tradeId, symbol, side, price and size expected")
    fee = row.feeAmount if row.feeAmount is not None else row.freeAmount
    return Fill(
        account=account, symbol=row.symbol, fill_id=row.tradeId, side=side,
        price=shortest(price), quantity=shortest(size),
        venue_order_id=row.orderId or row.orderID, client_order_id=row.clOrderId or row.clOrderID,
        fee=None if fee is None else shortest(fee), fee_currency=row.feeCurrency if fee is not None else None,
        liquidity=_LIQUIDITY.get((row.maker or "").lower()), ts_recv=now, ts_venue=milliseconds(row.timestamp),
        extra={"serial_id": row.serialId} if row.serialId else None,
    )  # fmt: skip


_LIQUIDITY = {
    "true": Liquidity.MAKER, "maker": Liquidity.MAKER, "false": Liquidity.TAKER, "taker": Liquidity.TAKER,
}  # fmt: skip


def from_fills(rows: list[FillRow], fills: list[Fill], *, account: str, now: int, known: Order | None) -> Order | None:
    """Return the order that its own fills prove, when the venue tells nothing else of it any more.

    Filled if they add up to its size; otherwise what is left of it is gone, since it is not open.
    """
    if not fills:
        return None
    last, row = fills[-1], rows[-1]
    total = sum((Decimal(item.quantity) for item in fills), ZERO)
    paid = sum((Decimal(item.quantity) * Decimal(item.price) for item in fills), ZERO)
    known_size = Decimal(known.quantity) if known is not None and known.quantity else None
    size = known_size if known_size is not None else row.size
    kind = codes.TYPES.get(row.orderType or row.type or 0, OrderType.UNKNOWN)
    whole = size is not None and total >= size
    quote_sized = known is not None and known.quote_quantity is not None
    return Order(
        account=account, symbol=last.symbol, side=Side(last.side), order_type=known.order_type if known else kind,
        status=OrderStatus.FILLED if whole else OrderStatus.CANCELED,
        quantity=shortest(size) if size is not None and not quote_sized and (known_size is not None or whole) else None,
        filled_quantity=shortest(total), leaves_quantity="0", avg_fill_price=shortest(round(paid / total, 12)),
        client_order_id=last.client_order_id, venue_order_id=last.venue_order_id, ts_recv=now, ts_venue=last.ts_venue,
    )  # fmt: skip
