"""The account's side of one session: pushes and replies become orders and fills, an OCO's two legs become one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from venuebus import VenueContext
from venuebus_schemas import Fill, Order, OrderStatus, OrderType

from . import codes, orders
from .config import BtseConfig
from .legs import LIMIT, STOP, Pair, Pairs
from .messages import FillRow, OrderRow
from .numbers import Malformed

SETTLE = 2.0  # seconds after which a market order that was last told as partly filled is over
HELD = 200


class AccountFeed:
    """Knows which order a row is about. Keeps no order state of its own beyond what the legs of an OCO need."""

    def __init__(self, ctx: VenueContext[BtseConfig], account: str) -> None:
        self._ctx = ctx
        self.account = account
        self.pairs = Pairs()
        self._placing = 0
        self._held: list[tuple[OrderRow, int]] = []
        self._partial: dict[str, tuple[float, Order]] = {}

    # --- pushes ---------------------------------------------------------------------------------------------

    def on_notices(self, rows: Iterable[OrderRow], now: int) -> None:
        """Publish what order notifications tell."""
        for row in rows:
            if self._placing and row.client_id is None and self._is_new_leg(row):
                # Which OCO this leg belongs to only the answer to its order can tell.
                if len(self._held) < HELD:
                    self._held.append((row, now))
                continue
            event = self.state(row, now, "notice")
            if event is None:
                self._stateless(row)
                continue
            self._watch_market_order(row, event, now)
            self._ctx.publish(event)

    def on_fills(self, rows: Iterable[FillRow], now: int) -> None:
        """Publish own fills.

        Raises:
            Malformed: one is none; the others are published all the same.
        """
        broken: Malformed | None = None
        for row in rows:
            try:
                self._ctx.publish(self.fill(row, now))
            except Malformed as error:
                broken = error
        if broken is not None:
            raise broken

    def tick(self, now: int) -> None:
        """End market orders whose last word was "partly filled": what is left of them does not rest in the book."""
        for venue_id, (due, order) in list(self._partial.items()):
            if now >= due:
                del self._partial[venue_id]
                self._ctx.publish(
                    msgspec.structs.replace(order, status=OrderStatus.CANCELED, leaves_quantity="0", ts_recv=now)
                )

    # --- rows -----------------------------------------------------------------------------------------------

    def state(self, row: OrderRow, now: int, channel: orders.Channel, known: Order | None = None) -> Order | None:
        """Return the canonical state of the order that ``row`` is about, the whole OCO for a leg of one."""
        leg = self.pairs.of_leg(row.orderID)
        if known is None:
            known = self.find(row)
        if leg is None:
            leg = self._leg_of(row, known)
        if leg is None:
            return orders.order(row, account=self.account, now=now, channel=channel, known=known)
        pair, name = leg
        event = orders.order(row, account=self.account, now=now, channel=channel, known=pair.legs.get(name) or known)
        if event is None:
            return None
        whole = pair.update(event, name)
        self.pairs.keep(pair)
        return whole

    def reply(self, rows: Iterable[OrderRow], now: int, known: Order | None = None) -> Order | None:
        """Return the state after the rows of one answer; for an OCO those are two."""
        event: Order | None = None
        for row in rows:
            event = self.state(row, now, "reply", known) or event
            self._partial.pop(row.orderID or "", None)
        return event

    def fill(self, row: FillRow, now: int) -> Fill:
        """Return a fill with the client's id of its order, where a leg of an OCO does not name it.

        Raises:
            Malformed: the row is no fill.
        """
        event = orders.fill(row, account=self.account, now=now)
        leg = self.pairs.of_leg(event.venue_order_id)
        if leg is None and event.client_order_id is None:
            known = self._ctx.find_order(self.account, venue_order_id=event.venue_order_id)
            if known is not None:
                event.client_order_id = known.client_order_id
        elif leg is not None and leg[0].client_order_id is not None:
            event.client_order_id = leg[0].client_order_id
        return event

    def find(self, row: OrderRow) -> Order | None:
        """Return what the bridge knows of the order that ``row`` is about."""
        return self._ctx.find_order(self.account, client_order_id=row.client_id, venue_order_id=row.orderID)

    # --- OCOs being placed ----------------------------------------------------------------------------------

    def placing(self) -> None:
        """An OCO is about to be sent: hold back news of legs that name no order."""
        self._placing += 1

    def placed(self) -> None:
        """The answer is in (or will not come): let go of what was held back."""
        self._placing -= 1
        if not self._placing:
            held, self._held = self._held, []
            for row, now in held:
                self.on_notices([row], now)

    def pair_up(self, client_order_id: str, rows: list[OrderRow]) -> Pair:
        """Note the legs of a new OCO from the rows of its answer."""
        pair = self.pairs.of_client(client_order_id) or Pair(client_order_id)
        for row in rows:
            if row.orderID is not None:
                pair.ids[_role(row)] = row.orderID
        self.pairs.keep(pair)
        return pair

    def _leg_of(self, row: OrderRow, known: Order | None) -> tuple[Pair, str] | None:
        if known is not None and known.order_type is OrderType.OCO:
            pair = self.pairs.learn(known)
            for name, venue_id in pair.ids.items():
                if venue_id == row.orderID:
                    return pair, name
            return pair, _role(row)
        if known is not None or row.txType not in codes.TX_OCO or row.client_id is None:
            return None
        pair = self.pairs.of_client(row.client_id) or Pair(row.client_id)
        name = _role(row)
        if pair.ids.get(name) not in (None, row.orderID):
            pair = Pair(row.client_id)  # the same client id again, for another order
        return pair, name

    def _is_new_leg(self, row: OrderRow) -> bool:
        return self.pairs.of_leg(row.orderID) is None and self.find(row) is None

    # --- inside ---------------------------------------------------------------------------------------------

    def _watch_market_order(self, row: OrderRow, event: Order, now: int) -> None:
        venue_id = row.orderID or ""
        self._partial.pop(venue_id, None)
        if row.orderType == codes.MARKET and event.status is OrderStatus.PARTIALLY_FILLED:
            self._partial[venue_id] = (now + SETTLE * 1e9, event)

    def _stateless(self, row: OrderRow) -> None:
        """Note a notification that is no state: a failed amend, a refusal, a number we do not know."""
        known = self.find(row)
        if row.status == codes.REJECTED:
            self._ctx.count("amend_failed" if known is not None and known.venue_order_id else "refusal_notices")
        elif row.status == codes.NO_FUNDS:
            self._ctx.count("refusal_notices")
            if known is not None and known.venue_order_id and not known.status.is_final:
                self._ctx.resync(f"the venue says that order {row.orderID} lacks funds")
        else:
            self._ctx.count("unknown_status")


def _role(row: OrderRow) -> str:
    return STOP if orders.has_trigger(row) else LIMIT
