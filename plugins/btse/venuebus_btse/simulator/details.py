"""What BTSE knows of an order beyond the engine's view, and the number it gives the order's state."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from decimal import Decimal

from venuebus.simulation import SimFill, SimOrder

LIMIT, MARKET, PEG = 76, 77, 80
STOP, TAKE_PROFIT = 1001, 1002
TX_NUMBERS = {"LIMIT": 0, "STOP": 1, "TRIGGER": 2, "OCO": 3}
CANCELED_KEPT_NS = 30 * 60 * 1_000_000_000  # a canceled order can be asked for this long
ZERO = Decimal(0)


@dataclass(slots=True)
class Details:
    """The tag of a `SimOrder`: fields of the venue, and how much of it was told in notifications."""

    user: str
    order_type: int
    tx_type: str
    time_in_force: str
    original: Decimal
    request_id: int
    trigger_type: int = 0
    stealth: Decimal = Decimal(1)
    deviation: Decimal = Decimal(1)
    peg_limit: Decimal | None = None
    oco: bool = False
    by_hand: bool = False
    amending: bool = False
    told_filled: Decimal = ZERO
    told_notional: Decimal = ZERO


@dataclass(slots=True, frozen=True)
class FillRecord:
    """A fill with the venue's ids and the fee that was taken."""

    fill: SimFill
    user: str
    fee: Decimal
    fee_currency: str
    serial: int
    trade_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def details(order: SimOrder) -> Details:
    """Return the venue's part of an order."""
    assert isinstance(order.tag, Details)
    return order.tag


def status(order: SimOrder) -> int:
    """The venue's number for the state of an order.

    What is left of a market order ends as 5 (partly filled) or 7 (refunded), never as 6.
    """
    if order.state in ("canceled", "expired"):
        if order.price is None and order.trigger_price is None:
            return 5 if order.filled else 7
        return 6
    numbers = {"waiting": 9, "new": 10 if order.triggered else 2, "partially_filled": 5, "filled": 4, "rejected": 15}
    return numbers[order.state]
