"""One canonical order for the two that the venue makes of an OCO.

The venue tells every leg by itself: two rows, two streams of notifications, one client id or none. A `Pair` keeps the
latest state of each leg and says what the order as a whole is.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal

import msgspec
from venuebus_schemas import Order, OrderStatus, OrderType

from .numbers import ZERO, shortest

KEPT = 5000  # pairs remembered, open or over
LIMIT, STOP = "limit", "stop"
_S = OrderStatus


class Pair:
    """Both legs of one OCO."""

    __slots__ = ("client_order_id", "ids", "legs", "stop_price")

    def __init__(self, client_order_id: str | None, ids: dict[str, str] | None = None) -> None:
        self.client_order_id = client_order_id
        self.ids: dict[str, str] = dict(ids or {})
        self.legs: dict[str, Order] = {}

    def update(self, leg: Order, name: str) -> Order:
        """Take the news of one leg; return the whole order. What is over stays over."""
        if leg.venue_order_id is not None:
            self.ids[name] = leg.venue_order_id
        old = self.legs.get(name)
        if old is None or not old.status.is_final:
            self.legs[name] = leg
        elif Decimal(leg.filled_quantity) > Decimal(old.filled_quantity):
            self.legs[name] = msgspec.structs.replace(leg, status=old.status)
        return self.whole(leg)

    def whole(self, last: Order) -> Order:
        """Return the order as a whole, timed as ``last``.

        While a leg lives the order lives. It ends as filled if a leg was filled, else as its legs ended.
        """
        limit, stop = self.legs.get(LIMIT), self.legs.get(STOP)
        legs = [leg for leg in (limit, stop) if leg is not None]
        filled = sum((Decimal(leg.filled_quantity) for leg in legs), ZERO)
        status = _status(legs, complete=len(self.ids) == len(legs) == 2, filled=filled)
        traded = max(legs, key=lambda leg: Decimal(leg.filled_quantity))
        quantity = next((leg.quantity for leg in legs if leg.quantity is not None), None)
        extra = dict(last.extra or {})
        if stop is not None and stop.price is not None:
            extra["stop_price"] = stop.price
        left = None if quantity is None or status.is_final else shortest(max(ZERO, Decimal(quantity) - filled))
        return msgspec.structs.replace(
            last, order_type=OrderType.OCO, status=status, quantity=quantity, filled_quantity=shortest(filled),
            leaves_quantity="0" if status.is_final else left,
            price=limit.price if limit is not None else None,
            trigger_price=stop.trigger_price if stop is not None else None,
            avg_fill_price=traded.avg_fill_price, client_order_id=self.client_order_id or last.client_order_id,
            venue_order_id=self.ids.get(LIMIT) or self.ids.get(STOP), venue_order_ids=dict(self.ids),
            ts_created=last.ts_created, extra=extra or None,
        )  # fmt: skip

    def alive(self) -> str | None:
        """Return the venue's id of a leg that is not known to be over, the limit leg first."""
        for name in (LIMIT, STOP):
            leg = self.legs.get(name)
            if name in self.ids and (leg is None or not leg.status.is_final):
                return self.ids[name]
        return None


def _status(legs: list[Order], *, complete: bool, filled: Decimal) -> OrderStatus:
    statuses = {leg.status for leg in legs}
    if _S.FILLED in statuses:
        return _S.FILLED
    living = [leg.status for leg in legs if not leg.status.is_final]
    if living or not complete:
        if filled:
            return _S.PARTIALLY_FILLED
        return _S.TRIGGERED if _S.TRIGGERED in living else _S.NEW
    return _S.CANCELED if _S.CANCELED in statuses else legs[0].status


class Pairs:
    """Every OCO that this session met, by the ids of its legs and by the client's id."""

    def __init__(self) -> None:
        self._by_leg: dict[str, tuple[Pair, str]] = {}
        self._by_client: OrderedDict[str, Pair] = OrderedDict()

    def of_leg(self, venue_order_id: str | None) -> tuple[Pair, str] | None:
        """Return the pair and the leg's name."""
        return self._by_leg.get(venue_order_id or "")

    def of_client(self, client_order_id: str | None) -> Pair | None:
        """Return the pair with that client id."""
        return self._by_client.get(client_order_id or "")

    def learn(self, order: Order) -> Pair:
        """Return the pair of an OCO that the bridge knows, making one if this session has none."""
        pair = self.of_client(order.client_order_id)
        for venue_id in (order.venue_order_ids or {}).values():
            known = self.of_leg(venue_id)
            pair = pair or (known[0] if known is not None else None)
        pair = pair or Pair(order.client_order_id)
        for name, venue_id in (order.venue_order_ids or {}).items():
            pair.ids.setdefault(name, venue_id)
        self.keep(pair)
        return pair

    def keep(self, pair: Pair) -> None:
        """Remember a pair under all its ids; the oldest ones are forgotten."""
        for name, venue_id in pair.ids.items():
            self._by_leg[venue_id] = (pair, name)
        key = pair.client_order_id or next(iter(pair.ids.values()), "")
        self._by_client[key] = pair
        if len(self._by_client) > KEPT:
            _, old = self._by_client.popitem(last=False)
            for venue_id in old.ids.values():
                self._by_leg.pop(venue_id, None)
