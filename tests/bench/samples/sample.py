"""One kind of message of one venue, and the steps that a bridge takes with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from venuebus.bus.journal import Journal
from venuebus.bus.lease import Lease
from venuebus.bus.ledger import Ledger
from venuebus.bus.notices import Notices
from venuebus.bus.pieces import Address
from venuebus.bus.spool import Spool
from venuebus.bus.streams import StreamNames
from venuebus.context import Context
from venuebus.limits import RateLimits
from venuebus.orders.account import Account
from venuebus.outbox import MarketOutbox
from venuebus_schemas import Event, Subjects

NOW = 1_790_000_000_000_000_000
COUNT = 40
Step = Callable[[Any], Any]


class Sample(msgspec.Struct, kw_only=True):
    """One kind of message of one venue.

    Attributes:
        frames: as they come from the socket; the first ``skipped`` only prepare (a snapshot, the first of its symbol).
        published: events that each of the others becomes.
        make: returns the plugin's steps decode and convert, anew; convert publishes into what it is given.
    """

    name: str
    frames: list[Any]
    make: Callable[[Callable[[Event], None]], tuple[Step, Step]]
    published: int = 1
    skipped: int = 2


class Pipeline:
    """The steps of one sample, from the start: decode, convert, publish."""

    def __init__(self, sample: Sample) -> None:
        self._events: list[Event] = []
        self.decode, self.convert = sample.make(self._events.append)
        outbox = MarketOutbox(_Nobody(), Subjects(), "venue", max_events=1_000_000)
        told: Any = _nothing
        self.publish = Context(
            "venue", None, {"main": _account()}, outbox, _Complaints(), RateLimits(()), {},
            on_degraded=told, on_recovered=told, on_resync=told,
        ).publish  # fmt: skip

    def events(self) -> list[Event]:
        """Return what was converted since the last call."""
        events = list(self._events)
        self._events.clear()
        return events


def _account() -> Account:
    """Return an account whose events are tracked, encoded and queued; nobody writes them."""
    names, subjects = StreamNames(), Subjects()
    nowhere: Any = None
    lease = Lease(nowhere, names, subjects, "venue", "main", "bench")
    spool = Spool(Path("no-such-folder") / "spool", 1)
    ledger = Ledger(nowhere, names, subjects, "venue", lease, spool, max_queue=1_000_000)
    account = Account("venue", "main", ledger, Journal(nowhere, names, subjects, "venue", "main"))
    account.restart(1)
    return account


class _Nobody:
    is_congested = False

    async def publish_all(self, messages: Sequence[tuple[Address, bytes]]) -> None:
        """Never called: nobody drains."""


class _Complaints(Notices):
    def __init__(self) -> None:
        """Have no bus."""

    def dead_letter(self, raw: bytes, text: str, **more: Any) -> None:
        """Fail: a sample is good."""
        raise RuntimeError(f"{text}: {raw!r}")


def _nothing(*args: object) -> None:
    """Take what a session may tell."""
