"""Which order a report or trade belongs to: FrontID:SessionID:OrderRef, ExchangeID:OrderSysID, client order id.

CTP carries no client order id, and its trades name an order only by the exchange's id. The bridge remembers orders
across sessions (`VenueContext.find_order`); this index adds what one session has seen, drops reports that repeat the
state before, and counts cancels.
"""

from __future__ import annotations

from collections import Counter

from venuebus import VenueContext
from venuebus_schemas import Fill, Order

from .config import CtpConfig
from .convert import CANCELED, Owner, is_rejected, key_of, order_key, sys_key, to_fill, to_order
from .messages import OrderRow, TradeRow
from .requests import InputOrder

KEEP = 50_000  # orders of one session that are remembered
_KILLED = "1"  # TimeCondition of FAK and FOK: what is left of those is not a cancel to the exchanges


class Entry:
    """One order as this session knows it."""

    __slots__ = ("owner", "replaced_by_us", "row", "seen")

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.row: OrderRow | None = None
        self.seen: tuple[object, ...] | None = None
        self.replaced_by_us = False


class OrderIndex:
    """Orders of one account, by every key that CTP uses."""

    def __init__(self, ctx: VenueContext[CtpConfig], account: str) -> None:
        self._ctx = ctx
        self.account = account
        self._entries: dict[str, Entry] = {}
        self._by_sys: dict[str, str] = {}
        self._sent: dict[tuple[str, int], Owner] = {}
        self._parked: list[TradeRow] = []
        self.cancels: Counter[tuple[str, str]] = Counter()
        self._counted: set[str] = set()

    # --- our own orders -------------------------------------------------------------------------------------

    def begin(self, key: str, owner: Owner, order: InputOrder) -> None:
        """Remember an order before it is sent, so that its first report finds its owner.

        Also by OrderRef and RequestID: if the front logs in again at that moment, the counter takes the order under
        the new session, of which nobody here knew.
        """
        self._entries[key] = Entry(owner)
        self._sent[order.OrderRef, order.RequestID] = owner
        if len(self._sent) > KEEP:
            del self._sent[next(iter(self._sent))]
        if len(self._entries) > KEEP:
            self._trim()

    def entry(self, key: str) -> Entry | None:
        """Return what is known under ``FrontID:SessionID:OrderRef`` or ``ExchangeID:OrderSysID``."""
        return self._entries.get(self._by_sys.get(key, key))

    def row_of(self, order: Order) -> OrderRow | None:
        """Return the last report of an order that the bridge names."""
        for key in (order.venue_order_id, *(order.venue_order_ids or {}).values()):
            found = self.entry(key) if key else None
            if found is not None and found.row is not None:
                return found.row
        return None

    def _trim(self) -> None:
        for key, entry in list(self._entries.items())[: KEEP // 10]:
            if entry.row is not None and entry.row.OrderStatus in ("0", CANCELED):
                del self._entries[key]
                sys_id = sys_key(entry.row.ExchangeID, entry.row.OrderSysID)
                if sys_id is not None:
                    self._by_sys.pop(sys_id, None)
                self._counted.discard(key)

    # --- reports --------------------------------------------------------------------------------------------

    def report(self, row: OrderRow, now_ns: int, *, reconciled: bool = False) -> Order | None:
        """Return the order's new state, or ``None`` for a repetition or a row that names no contract."""
        key = key_of(row)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry(self._owner(row, key))
            known = self._ctx.find_order(self.account, venue_order_id=key)
            entry.replaced_by_us = known is not None and (known.venue_order_ids or {}).get("replaced") == key
        sys_id = sys_key(row.ExchangeID, row.OrderSysID)
        if sys_id is not None:
            self._by_sys[sys_id] = key
        self._count_cancel(row, key)
        state = (row.OrderStatus, row.OrderSubmitStatus, row.OrderSysID, row.StatusMsg)
        seen = (*state, row.VolumeTraded, row.VolumeTotal)
        repeated = entry.seen == seen
        entry.row, entry.seen = row, seen
        if entry.owner.client_order_id is None and not entry.owner.external:
            entry.owner = self._owner(row, key)
        if repeated and not reconciled:
            self._ctx.count("report_repeated")
            return None
        if entry.replaced_by_us and row.OrderStatus == CANCELED:
            return None  # our own cancel-and-replace: on the bus the order lives on under its client order id
        return to_order(row, entry.owner, account=self.account, now_ns=now_ns, reconciled=reconciled)

    def _owner(self, row: OrderRow, key: str) -> Owner:
        sent = self._sent.get((row.OrderRef.strip(), row.RequestID)) if row.RequestID else None
        if sent is not None:
            return sent
        sys_id = sys_key(row.ExchangeID, row.OrderSysID)
        for venue_order_id in (key, sys_id):
            known = self._find(venue_order_id)
            if known is not None:
                return _same_owner(known, key)
        parent = sys_key(row.ExchangeID, row.RelativeOrderSysID)
        known = self._find(parent)
        if known is not None and parent is not None:
            # The child of a conditional order: on the bus the two are one order, triggered and then worked.
            return Owner(client_order_id=known.client_order_id, external=bool(known.external), ids={"trigger": parent})
        return Owner(external=True)

    def _find(self, venue_order_id: str | None) -> Order | None:
        if venue_order_id is None:
            return None
        entry = self.entry(venue_order_id)
        if entry is not None and entry.owner.client_order_id is not None and entry.row is not None:
            return to_order(entry.row, entry.owner, account=self.account, now_ns=0)
        return self._ctx.find_order(self.account, venue_order_id=venue_order_id)

    # --- trades ---------------------------------------------------------------------------------------------

    def trade(self, row: TradeRow, now_ns: int, *, reconciled: bool = False, park: bool = True) -> Fill | None:
        """Return the execution with its order's ids; ``None`` if the order is not known yet (it is parked).

        Raises:
            ValueError: the row has no contract, price or id that could be used.
        """
        sys_id = sys_key(row.ExchangeID, row.OrderSysID)
        key = self._by_sys.get(sys_id) if sys_id is not None else None
        entry = self._entries.get(key) if key is not None else None
        known = None if entry is not None else self._find(sys_id)
        if entry is None and known is None and park:
            self._parked.append(row)
            return None
        client_order_id = entry.owner.client_order_id if entry else known.client_order_id if known else None
        venue_order_id = key or (known.venue_order_id if known else None)
        fill = to_fill(
            row, account=self.account, now_ns=now_ns, venue_order_id=venue_order_id,
            client_order_id=client_order_id, reconciled=reconciled,
        )  # fmt: skip
        if fill is None:
            raise ValueError("a trade without a usable contract, price or id")
        return fill

    @property
    def is_parking(self) -> bool:
        """Tell whether trades wait for an order that was not seen."""
        return bool(self._parked)

    def unpark(self) -> list[TradeRow]:
        """Return the parked trades, which are forgotten here."""
        parked, self._parked = self._parked, []
        return parked

    # --- cancels per contract and day -----------------------------------------------------------------------

    def _count_cancel(self, row: OrderRow, key: str) -> None:
        if row.OrderStatus != CANCELED or row.TimeCondition == _KILLED or is_rejected(row) or key in self._counted:
            return
        self._counted.add(key)
        contract = (row.InstrumentID, row.TradingDay)
        self.cancels[contract] += 1
        self._ctx.count("cancels")
        if self.cancels[contract] == self._ctx.config.cancel_warning:
            self._ctx.count("cancel_warning")
            self._ctx.log.warning(
                "many cancels of one contract: exchanges call 500 a day abnormal trading",
                symbol=row.InstrumentID, cancels=self.cancels[contract],
            )  # fmt: skip


def keys_of(order: Order) -> tuple[str | None, str | None]:
    """Return an order's ``ref`` and ``sys`` keys as far as the bridge remembers them."""
    ids = order.venue_order_ids or {}
    ref = ids.get("ref")
    extra = order.extra or {}
    if ref is None and {"FrontID", "SessionID", "OrderRef"} <= extra.keys():
        ref = order_key(int(extra["FrontID"]), int(extra["SessionID"]), extra["OrderRef"])
    return ref, ids.get("sys")


def _same_owner(known: Order, key: str) -> Owner:
    ids = known.venue_order_ids or {}
    # Of an order that was replaced, the later one goes on counting what the earlier one filled.
    before = int((known.extra or {}).get("filled_before", "0")) if ids.get("ref") == key else 0
    kept = {name: value for name, value in ids.items() if name in ("replaced", "trigger")}
    return Owner(client_order_id=known.client_order_id, external=bool(known.external), filled_before=before, ids=kept)
