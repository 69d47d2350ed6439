"""What a session is given: the bridge's side of `VenueContext`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from venuebus_schemas import AccountEvent, Event, Gap, Order, Reason

from .guard import said, shortened
from .limits import RateLimits
from .orders.account import Account
from .outbox import MARKET_TYPES, MarketOutbox

if TYPE_CHECKING:
    from .bus.notices import Notices

_MARKET = frozenset(MARKET_TYPES)
MAX_SHOWN = 64 * 1024  # characters of a bad event that its dead letter shows
MAX_COUNTERS = 200
MAX_COUNTER_NAME = 64


class Context:
    """One session's context; dead once the session is, so that a straggler cannot write into the next epoch."""

    def __init__(
        self,
        venue: str,
        config: Any,
        accounts: Mapping[str, Account],
        outbox: MarketOutbox,
        notices: Notices,
        limits: RateLimits,
        counts: dict[str, int],
        *,
        on_degraded: Callable[[str, Reason], None],
        on_recovered: Callable[[], None],
        on_resync: Callable[[str, bool], None],
    ) -> None:
        self.venue = venue
        self.config = config
        self.accounts = tuple(accounts)
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger("venuebus.plugin").bind(venue=venue)
        self.limits = limits
        self.alive = True
        self.received = 0
        self.last_event_ns = 0
        self._accounts = accounts
        self._publish_market = outbox.publish
        self._notices = notices
        self._counts = counts
        self._on_degraded = on_degraded
        self._on_recovered = on_recovered
        self._on_resync = on_resync

    def publish(self, event: Event) -> None:
        """Hand one event to the bus."""
        if not self.alive:
            self.count("event_after_close")
            return
        self.received += 1
        try:
            if event.__class__ in _MARKET:
                self._publish_market(event)
            elif isinstance(event, AccountEvent):
                self._publish_account(event)
            else:
                raise TypeError(f"a plugin cannot publish {type(event).__name__}")
        except Exception as error:  # noqa: BLE001 - the bridge's own state must not depend on what an event holds
            self.count("event_refused")
            self._refuse(event, error)

    def _refuse(self, event: object, error: Exception) -> None:
        try:
            shown = repr(event)
        except Exception:  # noqa: BLE001 - an event may hold anything, even what cannot be shown
            shown = f"<{type(event).__name__} that cannot be shown>"
        text = str(error) if isinstance(error, ValueError) else said(error)
        self.dead_letter(
            shortened(shown, MAX_SHOWN).encode("utf-8", "replace"), f"the plugin published a bad event: {text}"
        )

    def _publish_account(self, event: AccountEvent) -> None:
        account = self._accounts.get(event.account) if event.account else self._only_account()
        if account is None:
            self.count("event_of_unknown_account")
            have = ", ".join(self.accounts)
            raise ValueError(f"account {event.account!r} is none of this venue's: {have}")
        account.hear(event)

    def _only_account(self) -> Account | None:
        return next(iter(self._accounts.values())) if len(self._accounts) == 1 else None

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        return time.time_ns()

    def dead_letter(
        self, raw: bytes, text: str, *, content_type: str | None = None, subject: str | None = None
    ) -> None:
        """Keep bytes of the venue that could not be understood."""
        self._notices.dead_letter(raw, text, content_type=content_type, subject=subject)

    def find_order(
        self, account: str, *, client_order_id: str | None = None, venue_order_id: str | None = None
    ) -> Order | None:
        """Return the bridge's last state of an order."""
        known = self._accounts.get(account)
        if known is None:
            return None
        tracked = known.tracker.find(client_order_id=client_order_id, venue_order_id=venue_order_id)
        return None if tracked is None else tracked.order

    def count(self, name: str, n: int = 1) -> None:
        """Add to a counter of this venue; past `MAX_COUNTERS` names, to ``other``: each is a series of the metrics."""
        if name not in self._counts and (len(self._counts) >= MAX_COUNTERS or len(name) > MAX_COUNTER_NAME):
            name = "other"
        self._counts[name] = self._counts.get(name, 0) + n

    def gap(self, subjects: list[str], reason: str, *, ts_from: int | None = None, healed: bool) -> None:
        """Say that events may be missing."""
        if self.alive:
            self._notices.gap(
                Gap(subjects=subjects, ts_from=ts_from, ts_to=time.time_ns(), reason=reason, healed=healed)
            )

    def degraded(self, text: str, *, reason: Reason = Reason.NOT_CONNECTED) -> None:
        """Say that the session lives but lacks something."""
        if self.alive:
            self._on_degraded(shortened(str(text)), Reason(reason))

    def recovered(self) -> None:
        """Take `degraded` back."""
        if self.alive:
            self._on_recovered()

    def resync(self, text: str, *, new_epoch: bool = False) -> None:
        """Ask for a reconciliation now."""
        if self.alive:
            self._on_resync(text, new_epoch)

    def derive_fills(self, account: str) -> None:
        """Have the bridge compute this account's fills."""
        self._accounts[account].tracker.derives_fills = True
