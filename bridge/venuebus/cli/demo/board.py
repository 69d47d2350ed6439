"""What the demo shows, gathered from what is on the bus: pure, no I/O."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

import msgspec
from venuebus_schemas import (
    COMMAND_TYPES,
    DeadLetter,
    Fill,
    Forward,
    ForwardChange,
    Gap,
    Order,
    OrderStatus,
    Quote,
    Result,
    Session,
    Subjects,
    Trade,
    decode_event,
)

from ..render import Line, line

KEPT_ORDERS, KEPT_LINES = 200, 200


@dataclass
class Venue:
    """One venue as the bus tells it."""

    name: str
    state: str = "connecting"
    text: str = ""
    quotes: dict[str, Quote] = field(default_factory=dict)
    trades: dict[str, Trade] = field(default_factory=dict)
    forwards: dict[str, Forward] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    rate: float = 0.0

    @property
    def events(self) -> int:
        """Messages seen from this venue so far."""
        return sum(self.counts.values())


class Board:
    """The state of the demo's screen. `take` is called with every message on the bus."""

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects
        self.venues: dict[str, Venue] = {}
        self.orders: OrderedDict[tuple[str, str], Order] = OrderedDict()
        self.results: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.fills: deque[Fill] = deque(maxlen=KEPT_ORDERS)
        self.activity: deque[Line] = deque(maxlen=KEPT_LINES)
        self.latencies_ms: deque[float] = deque(maxlen=500)
        self.lines = 0
        self._marked: dict[str, int] = {}

    @property
    def unknown(self) -> list[Order]:
        """Orders whose outcome is not known now."""
        return [order for order in self.orders.values() if order.status is OrderStatus.UNKNOWN]

    def venue(self, name: str) -> Venue:
        """Return the venue ``name``, new where it was not seen before."""
        return self.venues.setdefault(name, Venue(name))

    def take(self, subject: str, data: bytes, now_ns: int) -> Any:
        """Note one message and return it decoded; ``None`` where it is no event."""
        try:
            parsed = self._subjects.parse(subject)
        except ValueError:
            return None
        if parsed.kind in ("lease", "claim") and parsed.plane == "acct":
            return None
        if parsed.plane == "cmd":
            if parsed.kind in COMMAND_TYPES:
                self.commands[parsed.kind] += 1
            return None
        if parsed.plane not in ("md", "acct", "sys", "dead"):
            return None
        try:
            event = decode_event(data)
        except msgspec.DecodeError:
            return None
        venue = self.venue(parsed.venue)
        venue.counts[parsed.kind] += 1
        self._note(venue, event)
        if isinstance(event, Order | Fill | Result | Session | Gap | DeadLetter | Forward | ForwardChange):
            self.activity.append(line(parsed, event, now_ns))
            self.lines += 1
        return event

    def _note(self, venue: Venue, event: Any) -> None:
        match event:
            case Quote():
                venue.quotes[event.symbol] = event
            case Trade():
                venue.trades[event.symbol] = event
            case Order():
                key = (venue.name, event.client_order_id or event.venue_order_id or "")
                self.orders[key] = event
                self.orders.move_to_end(key)
                while len(self.orders) > KEPT_ORDERS:
                    self.orders.popitem(last=False)
            case Fill():
                self.fills.append(event)
            case Result():
                self.results[str(event.status)] += 1
                if event.ts_answered is not None:
                    self.latencies_ms.append((event.ts_answered - event.ts_received) / 1e6)
            case Forward():
                venue.forwards[event.position_id] = event
                if len(venue.forwards) > KEPT_ORDERS:
                    del venue.forwards[next(iter(venue.forwards))]
            case Session():
                venue.state, venue.text = str(event.state), event.text or ""

    def mark(self, seconds: float) -> None:
        """Take the rates of the last ``seconds``; call it at even intervals."""
        for venue in self.venues.values():
            before = self._marked.get(venue.name, venue.events)
            venue.rate = (venue.events - before) / seconds if seconds > 0 else 0.0
            self._marked[venue.name] = venue.events
