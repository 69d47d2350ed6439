"""One kind of message of one venue, and the steps that a bridge takes with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from venuebus.bus.pieces import Address
from venuebus.context import Context
from venuebus.limits import RateLimits
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
        notices: Any = None
        self.publish = Context(
            "venue", None, {}, outbox, notices, RateLimits(()), {}, on_degraded=told, on_recovered=told, on_resync=told
        ).publish

    def events(self) -> list[Event]:
        """Return what was converted since the last call."""
        events = list(self._events)
        self._events.clear()
        return events


class _Nobody:
    is_congested = False

    async def publish_all(self, messages: Sequence[tuple[Address, bytes]]) -> None:
        """Never called: nobody drains."""


def _nothing(*args: object) -> None:
    """Take what a session may tell."""
