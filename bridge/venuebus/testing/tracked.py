"""A recording context that also knows orders as the bridge would: merged, from the claim on."""

from __future__ import annotations

import msgspec
from venuebus_schemas import Event, Order, OrderStatus, Submit

from ..orders.tracker import OrderTracker
from .fakes import RecordingContext


class TrackingContext(RecordingContext):
    """Records everything, and answers `find_order` with the bridge's own order state machine."""

    def publish(self, event: Event) -> None:
        """Record ``event``; an order's goes into its state as well."""
        super().publish(event)
        if isinstance(event, Order):
            self._tracker(event.account).apply(msgspec.structs.replace(event))

    def begin(self, account: str, submit: Submit) -> None:
        """Know the order of ``submit`` as ``pending_new``, as after its claim."""
        self._tracker(account).begin(
            Order(
                account=account, symbol=submit.symbol, side=submit.side, order_type=submit.order_type,
                status=OrderStatus.PENDING_NEW, quantity=submit.quantity, quote_quantity=submit.quote_quantity,
                filled_quantity="0", leaves_quantity=submit.quantity, price=submit.price,
                trigger_price=submit.trigger_price, time_in_force=submit.time_in_force,
                position_effect=submit.position_effect, client_order_id=submit.client_order_id,
            )
        )  # fmt: skip

    def find_order(
        self, account: str, *, client_order_id: str | None = None, venue_order_id: str | None = None
    ) -> Order | None:
        """Return the merged state of an order."""
        found = self._tracker(account).find(client_order_id=client_order_id, venue_order_id=venue_order_id)
        return None if found is None else found.order

    def told(self, account: str, client_order_id: str | None, venue_order_id: str | None) -> Order | None:
        """Return the newest event of an order as it was published, ``None`` where none was."""
        return super().find_order(account, client_order_id=client_order_id, venue_order_id=venue_order_id)

    def _tracker(self, account: str) -> OrderTracker:
        trackers: dict[str, OrderTracker] = self.__dict__.setdefault("_trackers", {})
        name = account or next(iter(self.accounts), "")
        if name not in trackers:
            trackers[name] = OrderTracker(name)
        return trackers[name]
