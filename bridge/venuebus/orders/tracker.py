"""The order state machine: one place where what venues say becomes what the bus says.

Venues repeat, reorder, omit and contradict. The tracker merges every update with what is known and lets out only
news that does not go backwards:

- a field that the update leaves out keeps its value;
- ``filled_quantity`` never falls, except after a fill was voided;
- a final status stays final, with that same exception (its ``filled_quantity`` may still grow: a venue may report
  the end before the last fill);
- an order's own pending states (cancel or amend on the way) stand until the venue answers.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from decimal import Decimal, InvalidOperation

import msgspec
from venuebus_schemas import Fill, Order, OrderStatus, plain

KEEP_FINISHED = 20_000  # finished orders remembered for late messages, per account
KEEP_FILLS = 200_000  # fill ids remembered against duplicates, per account

_S = OrderStatus
_PENDING = frozenset({_S.PENDING_CANCEL, _S.PENDING_AMEND})
_LIVE_RANK = {
    _S.UNKNOWN: 0, _S.PENDING_NEW: 0, _S.NEW: 1, _S.SUSPENDED: 1, _S.TRIGGERED: 2, _S.PARTIALLY_FILLED: 3,
}  # fmt: skip
_MERGED = tuple(
    name
    for name in Order.__struct_fields__
    if name
    not in {"venue", "ts_recv", "epoch", "seq", "account", "symbol", "side", "order_type", "status",
            "filled_quantity", "venue_order_ids", "extra", "external", "reconciled", "command_id", "ts_venue",
            "client_order_id", "reason", "text"}
)  # fmt: skip


class Tracked(msgspec.Struct, gc=False):
    """One order: its last published state, and what is under way with it."""

    order: Order
    base: OrderStatus
    """Status without a pending cancel or amend of ours."""
    voided: Decimal = Decimal(0)
    """How far ``filled_quantity`` may still fall, because the venue took fills back."""
    ours: bool = False
    awaiting: bool = False
    """Whether a cancel or amend of ours has no answer yet: until then its pending state stands."""


class OrderTracker:
    """Orders of one account. After `apply`, ``told`` is the order if its state is the venue's own word."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.open: dict[str, Tracked] = {}
        self.derives_fills = False
        self._finished: OrderedDict[str, Tracked] = OrderedDict()
        self._by_venue_id: dict[str, str] = {}
        self._fill_ids: OrderedDict[str, None] = OrderedDict()
        self.told: Order | None = None
        self.forgets = False  # whether finished orders may stand on the stream that are not remembered here

    # --- look-up --------------------------------------------------------------------------------------------

    def find(self, *, client_order_id: str | None = None, venue_order_id: str | None = None) -> Tracked | None:
        """Return an order by either id."""
        if client_order_id is not None and (tracked := self._get(client_order_id)) is not None:
            return tracked
        if venue_order_id is not None and (key := self._by_venue_id.get(venue_order_id)) is not None:
            return self._get(key)
        return None

    def match(self, update: Order) -> Tracked | None:
        """Return the order that ``update`` is about."""
        tracked = self.find(client_order_id=update.client_order_id, venue_order_id=update.venue_order_id)
        if tracked is None and update.venue_order_ids:
            for venue_id in update.venue_order_ids.values():
                tracked = self.find(venue_order_id=venue_id)
                if tracked is not None:
                    break
        return tracked

    def _get(self, key: str) -> Tracked | None:
        return self.open.get(key) or self._finished.get(key)

    @property
    def unknown(self) -> list[Order]:
        """Orders whose state is not known."""
        return [tracked.order for tracked in self.open.values() if tracked.order.status is _S.UNKNOWN]

    # --- changes --------------------------------------------------------------------------------------------

    def load(self, order: Order, *, ours: bool) -> None:
        """Take over a state that is on the stream already; the newest of an order must come last."""
        base = order.status
        if base in _PENDING:
            base = _S.PARTIALLY_FILLED if _number(order.filled_quantity) else _S.NEW
        self._store(Tracked(order, base, ours=ours))

    def begin(self, order: Order) -> None:
        """Take over an order that this bridge is about to send (``pending_new``)."""
        self._store(Tracked(order, order.status, ours=True))

    def pending(self, order: Order, status: OrderStatus, command_id: str) -> Order | None:
        """Mark a live order as being canceled or amended; return the event to publish, if that is news."""
        tracked = self.match(order)
        if tracked is None or tracked.order.status.is_final or tracked.order.status is status:
            return None
        tracked.order = msgspec.structs.replace(
            tracked.order, status=status, command_id=command_id, reason=None, text=None, ts_recv=time.time_ns()
        )
        tracked.awaiting = True
        return tracked.order

    def answered(self, order: Order) -> None:
        """The venue has taken the cancel or amend, or nobody knows: from now on what it tells of the order counts."""
        tracked = self.match(order)
        if tracked is not None:
            tracked.awaiting = False

    def settle_pending(self, order: Order) -> Order | None:
        """The cancel or amend is decided and the order lives on: return the event with its own status again."""
        tracked = self.match(order)
        if tracked is not None:
            tracked.awaiting = False
        if tracked is None or tracked.order.status not in _PENDING:
            return None
        status = tracked.base
        if status in (_S.NEW, _S.PENDING_NEW) and _number(tracked.order.filled_quantity):
            status = _S.PARTIALLY_FILLED
        tracked.order = msgspec.structs.replace(tracked.order, status=status, ts_recv=time.time_ns())
        return tracked.order

    def apply(self, update: Order, *, reconciled: bool = False) -> tuple[Order | None, Fill | None]:
        """Merge what the venue said; return the event to publish and the fill derived from it, if any.

        An update that changes nothing returns ``(None, None)``.
        """
        self.told = None
        tracked = self.match(update)
        if tracked is None:
            return self._adopt(update, reconciled)
        known = tracked.order
        status = self._next_status(tracked, update)
        filled = self._next_filled(tracked, update)
        merged = self._merge(known, update, status, filled)
        if update.status is not _S.UNKNOWN and (update.status is not _S.PENDING_NEW or not tracked.ours):
            self.told = merged
        if _same(known, merged):
            tracked.order = merged  # what is no news by itself (when it was created) goes out with the next change
            return None, None
        merged.reconciled = True if reconciled else None
        fill = self._derive(known, merged) if self.derives_fills and filled != known.filled_quantity else None
        tracked.voided -= max(_ZERO, _number(known.filled_quantity) - _number(filled))
        tracked.order = merged
        self._store(tracked)
        return merged, fill

    def _adopt(self, update: Order, reconciled: bool) -> tuple[Order, Fill | None]:
        order = msgspec.structs.replace(update, external=True, reconciled=True if reconciled else None)
        order.status = _consistent(order, order.status)
        if order.leaves_quantity is None:
            order.leaves_quantity = _leaves(order)
        self._store(Tracked(order, order.status))
        self.told = order
        fill = None
        if self.derives_fills and _number(order.filled_quantity):
            fill = self._derive(msgspec.structs.replace(order, filled_quantity="0", avg_fill_price=None), order)
        return order, fill

    def _next_status(self, tracked: Tracked, update: Order) -> OrderStatus:
        known, new = tracked.order.status, update.status
        if known.is_final:
            return new if new is not _S.UNKNOWN and self._takes_back(tracked, update) else known
        if new.is_final:
            return new
        if new is _S.UNKNOWN:
            tracked.base = new
            return known if known in _PENDING and tracked.awaiting else new
        stale = _number(update.filled_quantity) < _number(tracked.order.filled_quantity)
        stale = stale and not self._takes_back(tracked, update)
        if known is not _S.UNKNOWN and (stale or _LIVE_RANK.get(new, 1) < _LIVE_RANK.get(tracked.base, 0)):
            new = tracked.base
        if new not in _PENDING:
            tracked.base = new
        if known in _PENDING and tracked.awaiting:
            return known
        return _consistent(update, new)

    @staticmethod
    def _takes_back(tracked: Tracked, update: Order) -> bool:
        """Tell whether the update is the state after a voided fill: less was filled, but no less than that allows."""
        fall = _number(tracked.order.filled_quantity) - _number(update.filled_quantity)
        return 0 < fall <= tracked.voided

    def _next_filled(self, tracked: Tracked, update: Order) -> str:
        known = tracked.order.filled_quantity
        if self._takes_back(tracked, update):
            return update.filled_quantity
        return update.filled_quantity if _number(update.filled_quantity) > _number(known) else known

    @staticmethod
    def _merge(known: Order, update: Order, status: OrderStatus, filled: str) -> Order:
        merged = msgspec.structs.replace(known)
        behind = _number(update.filled_quantity) < _number(filled)
        for name in _MERGED:
            value = getattr(update, name)
            if value is not None and not (behind and name in ("avg_fill_price", "leaves_quantity", "venue_status")):
                setattr(merged, name, value)
        if update.venue_order_ids:
            merged.venue_order_ids = {**(known.venue_order_ids or {}), **update.venue_order_ids}
        if update.extra:
            merged.extra = {**(known.extra or {}), **update.extra}
        if merged.client_order_id is None:
            merged.client_order_id = update.client_order_id
        merged.status, merged.filled_quantity = status, filled
        if status is not known.status:
            merged.reason, merged.text = update.reason, update.text
        merged.leaves_quantity = _leaves(merged) or merged.leaves_quantity
        merged.ts_recv = max(known.ts_recv, update.ts_recv)
        merged.ts_venue = update.ts_venue
        if merged.status not in _PENDING:
            merged.status = _consistent(merged, merged.status)
        return merged

    def _store(self, tracked: Tracked) -> None:
        order = tracked.order
        key = order_key(order)
        for venue_id in (order.venue_order_id, *(order.venue_order_ids or {}).values()):
            if not venue_id:
                continue
            old = self._by_venue_id.get(venue_id)
            if old is not None and old != key:  # the order was known by the venue's id until it told ours
                self.open.pop(old, None)
                self._finished.pop(old, None)
            self._by_venue_id[venue_id] = key
        if not order.status.is_final:
            self._finished.pop(key, None)
            self.open[key] = tracked
            return
        self.open.pop(key, None)
        self._finished[key] = tracked
        if len(self._finished) > KEEP_FINISHED:
            self.forgets = True
            _, gone = self._finished.popitem(last=False)
            for venue_id in (gone.order.venue_order_id, *(gone.order.venue_order_ids or {}).values()):
                if venue_id:
                    self._by_venue_id.pop(venue_id, None)

    # --- fills ----------------------------------------------------------------------------------------------

    def know_fill(self, fill: Fill) -> bool:
        """Remember a fill; return whether it was known already (a voided one counts apart)."""
        key = fill_key(fill)
        if key in self._fill_ids:
            return True
        self._fill_ids[key] = None
        if len(self._fill_ids) > KEEP_FILLS:
            self._fill_ids.popitem(last=False)
        return False

    def knows(self, fill: Fill) -> bool:
        """Tell whether a fill is on the bus already."""
        return fill_key(fill) in self._fill_ids

    def apply_fill(self, fill: Fill, *, reconciled: bool = False) -> Fill | None:
        """Return the fill to publish with the order's ids, or ``None`` for one that is on the bus already."""
        if self.know_fill(fill):
            return None
        tracked = self.find(client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id)
        if tracked is not None:
            fill.client_order_id = fill.client_order_id or tracked.order.client_order_id
            fill.venue_order_id = fill.venue_order_id or tracked.order.venue_order_id
            fill.position_effect = fill.position_effect or tracked.order.position_effect
            if fill.voided:
                tracked.voided += abs(_number(fill.quantity))
        if reconciled:
            fill.reconciled = True
        return fill

    def _derive(self, before: Order, after: Order) -> Fill | None:
        old, new = _number(before.filled_quantity), _number(after.filled_quantity)
        if new <= old:
            return None
        price = after.price
        if after.avg_fill_price is not None:
            paid = _number(after.avg_fill_price) * new - _number(before.avg_fill_price or "0") * old
            price = plain((paid / (new - old)).normalize()) if old else after.avg_fill_price
        if price is None:
            return None
        fill = Fill(
            account=self.account, symbol=after.symbol, side=after.side, price=price, quantity=plain(new - old),
            fill_id=f"{after.venue_order_id or after.client_order_id}-{after.filled_quantity}", derived=True,
            venue_order_id=after.venue_order_id, client_order_id=after.client_order_id,
            position_effect=after.position_effect, ts_recv=after.ts_recv, ts_venue=after.ts_venue,
            trading_day=after.trading_day,
        )  # fmt: skip
        return None if self.know_fill(fill) else fill


def order_key(order: Order) -> str:
    """Key of an order's subject: our id, or the venue's where there is none.

    Raises:
        ValueError: the order has neither, so nothing could ever find it again.
    """
    key = order.client_order_id or order.venue_order_id
    if key:
        return key
    for venue_id in (order.venue_order_ids or {}).values():
        return venue_id
    raise ValueError("an order event needs a client_order_id or a venue_order_id")


def fill_key(fill: Fill) -> str:
    """Identity of a fill: one id may be on both sides of a self-match, and is voided once."""
    return f"{fill.symbol}|{fill.fill_id}|{fill.side}|{'void' if fill.voided else ''}"


def _consistent(order: Order, status: OrderStatus) -> OrderStatus:
    filled = _number(order.filled_quantity)
    if status in (_S.NEW, _S.PARTIALLY_FILLED, _S.PENDING_NEW, _S.TRIGGERED) and filled > 0:
        quantity = _number(order.quantity)
        return _S.FILLED if quantity and filled >= quantity else _S.PARTIALLY_FILLED
    return status


def _leaves(order: Order) -> str | None:
    if order.quantity is None:
        return None
    if order.status.is_final:
        return "0"
    left = _number(order.quantity) - _number(order.filled_quantity)
    return plain(left) if left > 0 else "0"


def _number(text: str | None) -> Decimal:
    if not text or text == "0":
        return _ZERO
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _ZERO
    return number if number.is_finite() else _ZERO


_ZERO = Decimal(0)
_NUMBERS = frozenset(
    {"quantity", "quote_quantity", "filled_quantity", "leaves_quantity", "price", "trigger_price", "avg_fill_price"}
)
_COMPARED = tuple(
    name
    for name in Order.__struct_fields__
    if name
    not in {
        "venue",
        "ts_recv",
        "ts_venue",
        "epoch",
        "seq",
        "account",
        "reconciled",
        "command_id",
        "external",
        "ts_created",
    }
)


def _same(known: Order, merged: Order) -> bool:
    for name in _COMPARED:
        before, after = getattr(known, name), getattr(merged, name)
        if before != after and not (name in _NUMBERS and before and after and _number(before) == _number(after)):
            if name == "venue_status" and known.status is merged.status:
                continue
            return False
    return True
