"""One order as the simulated OpenD keeps it, and as it tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from venuebus.simulation import SimOrder

from .. import names
from ..pb import trade_pb2
from ..symbols import ZONES
from ..times import HONG_KONG
from .world import SimAccount, Stock

OVER = frozenset({3, 11, 14, 15, 21, 23, 24})


@dataclass(slots=True)
class Ticket:
    """One order as OpenD keeps it; ``leg`` is its part in the engine now (a disabled order has none)."""

    account: SimAccount
    stock: Stock
    request: Any
    order_id: int
    created_ns: int
    updated_ns: int
    quantity: Decimal
    status: int = 2
    filled: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    earlier: Decimal = Decimal(0)
    text: str = ""
    leg: SimOrder | None = None
    fills: list[Any] = field(default_factory=list)
    precise: bool = False

    @property
    def order_id_ex(self) -> str:
        """The other id."""
        return f"SIM{self.order_id % 10_000_000_000:010d}|x+y="

    @property
    def is_over(self) -> bool:
        """Tell whether nothing can change any more."""
        return self.status in OVER


def exact(value: float) -> Decimal:
    """Return a double of a request as the number that its sender wrote."""
    return Decimal(repr(value))


def header(ticket: Ticket) -> Any:
    """Return the header of a push about an order."""
    asked = ticket.request.header
    return trade_pb2.TrdHeader(trdEnv=ticket.account.env, accID=ticket.account.acc_id, trdMarket=asked.trdMarket)


def local(ns: int, ticket: Ticket, *, precise: bool) -> str:
    """Return a time as OpenD writes it: in the exchange's zone, or the configured one for futures."""
    zone = HONG_KONG if ticket.account.futures else ZONES[ticket.stock.symbol.partition(".")[0]]
    moment = datetime.fromtimestamp(ns / 1e9, zone)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (f".{moment.microsecond // 1000:03d}" if precise else "")


def tell(ticket: Ticket, order: Any) -> None:
    """Fill in an ``Order``."""
    c2s = ticket.request
    order.trdSide, order.orderType, order.orderStatus = c2s.trdSide, c2s.orderType, ticket.status
    order.orderID, order.orderIDEx = ticket.order_id, ticket.order_id_ex
    order.code, order.name = ticket.stock.code, ticket.stock.name
    order.qty, order.price = float(ticket.quantity), c2s.price
    order.createTime = local(ticket.created_ns, ticket, precise=ticket.precise)
    order.updateTime = local(ticket.updated_ns, ticket, precise=ticket.precise)
    order.createTimestamp, order.updateTimestamp = ticket.created_ns / 1e9, ticket.updated_ns / 1e9
    order.fillQty = float(ticket.filled)
    order.fillAvgPrice = float(ticket.notional / ticket.filled) if ticket.filled else 0.0
    order.secMarket, order.remark, order.timeInForce = ticket.stock.section, c2s.remark, c2s.timeInForce
    order.trdMarket = c2s.header.trdMarket
    order.currency = names.CURRENCY[ticket.stock.currency]
    if ticket.text:
        order.lastErrMsg = ticket.text
    for name in ("auxPrice", "trailType", "trailValue", "trailSpread", "fillOutsideRTH", "session", "expireTime"):
        if c2s.HasField(name):
            setattr(order, name, getattr(c2s, name))
