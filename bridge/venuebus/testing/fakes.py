"""Stand-ins for what the bridge gives a session, so that a plugin is tested without a bridge."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog
from venuebus_schemas import AnyCommand, Event, Order, Reason

from ..errors import NotSent
from ..limits import Limit, RateLimits
from ..venue import VenueConfig

E = TypeVar("E", bound=Event)


class ManualClock:
    """A clock that stands still until told."""

    def __init__(self, now_ns: int = 1_750_000_000_000_000_000) -> None:
        self.ns = now_ns

    def __call__(self) -> int:
        """Return the time it stands at."""
        return self.ns

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``."""
        self.ns += int(seconds * 1e9)


class RecordingContext:
    """A `VenueContext` that keeps what a session publishes, in order, unmerged."""

    def __init__(
        self,
        config: VenueConfig,
        *,
        venue: str = "test",
        limits: tuple[Limit, ...] = (),
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.venue = venue
        self.config: Any = config
        self.accounts = config.account_names()
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger(venue=venue)
        self.limits = RateLimits(limits)
        self.now_ns = now_ns
        self.events: list[Event] = []
        self.dead_letters: list[tuple[bytes, str]] = []
        self.gaps: list[tuple[list[str], str, bool]] = []
        self.counts: Counter[str] = Counter()
        self.state: str | None = None
        self.resyncs: list[tuple[str, bool]] = []
        self.derived: set[str] = set()
        self.orders: list[Order] = []
        self._changed = asyncio.Event()

    def publish(self, event: Event) -> None:
        """Record ``event``."""
        self.events.append(event)
        if isinstance(event, Order):
            self.orders.append(event)
        self._changed.set()

    def dead_letter(
        self, raw: bytes, text: str, *, content_type: str | None = None, subject: str | None = None
    ) -> None:
        """Record the bytes and the reason."""
        self.dead_letters.append((raw, text))
        self._changed.set()

    def find_order(
        self, account: str, *, client_order_id: str | None = None, venue_order_id: str | None = None
    ) -> Order | None:
        """Return the last recorded order with one of the ids."""
        for order in reversed(self.orders):
            ids = {order.venue_order_id, *(order.venue_order_ids or {}).values()}
            if (client_order_id is not None and order.client_order_id == client_order_id) or (
                venue_order_id is not None and venue_order_id in ids
            ):
                return order
        return None

    def count(self, name: str, n: int = 1) -> None:
        """Add to the counter ``name``."""
        self.counts[name] += n

    def gap(self, subjects: list[str], reason: str, *, ts_from: int | None = None, healed: bool) -> None:
        """Record a gap."""
        self.gaps.append((subjects, reason, healed))
        self._changed.set()

    def degraded(self, text: str, *, reason: Reason = Reason.NOT_CONNECTED) -> None:
        """Record the state."""
        self.state = text
        self._changed.set()

    def recovered(self) -> None:
        """Record the state."""
        self.state = None
        self._changed.set()

    def resync(self, text: str, *, new_epoch: bool = False) -> None:
        """Record the request."""
        self.resyncs.append((text, new_epoch))
        self._changed.set()

    def derive_fills(self, account: str) -> None:
        """Record the account."""
        self.derived.add(account)

    def of(self, kind: type[E]) -> list[E]:
        """Recorded events of one type, oldest first."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, condition: Callable[[], object], timeout: float = 10.0) -> None:
        """Wait for ``condition``, checked after every recorded change.

        Raises:
            TimeoutError: it did not come true in time.
        """
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                if condition():
                    return
                await self._changed.wait()


class FakeInstruction:
    """An `Instruction` for tests; ``expired`` makes `sending` refuse."""

    def __init__(
        self,
        command: AnyCommand,
        *,
        account: str = "main",
        order: Order | None = None,
        keys: Mapping[str, str] | None = None,
        expired: bool = False,
    ) -> None:
        self.account = account
        self.command = command
        self.order = order
        self.keys: Mapping[str, str] = keys or {}
        self.attempt = 1
        self.expired = expired
        self.sent = 0

    def sending(self) -> None:
        """Count the attempt."""
        if self.expired:
            raise NotSent("the time to send has passed")
        self.sent += 1
