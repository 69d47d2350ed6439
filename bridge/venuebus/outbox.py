"""Market data on its way to NATS: one hop, bounded, the newest kept.

While NATS takes what it is given, an event is encoded at once and leaves in the next batch. When NATS is away or
slow, what has a state (quote, book, ticker, bar, instrument) is conflated to the newest per subject, and what is
a sequence (trade, book delta) is kept up to a bound, oldest dropped first. Drops are counted, and ``seq``, which is
given before anything is dropped, shows them to every reader.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import structlog
from venuebus_schemas import Bar, Book, BookDelta, Encoding, Event, Instrument, Quote, Subjects, Ticker, Trade
from venuebus_schemas.codec import encode_json, encode_msgpack

from .boundary import check_market
from .bus.pieces import Address

log = structlog.get_logger("venuebus.outbox")

CONFLATED: frozenset[type[Event]] = frozenset({Quote, Book, Ticker, Bar, Instrument})
MARKET_TYPES: tuple[type[Event], ...] = (Quote, Trade, Book, BookDelta, Ticker, Bar, Instrument)
PIECE = 1024  # events handed over at once; the loop has a turn between two


class MarketPublisher(Protocol):
    """Where encoded market data goes: core NATS."""

    @property
    def is_congested(self) -> bool:
        """Tell whether nothing more should be handed over now."""

    async def publish_all(self, messages: Sequence[tuple[Address, bytes]]) -> None:
        """Hand messages over; raises if they cannot be taken, and then none of them was."""


MarketMeter = Callable[[Event], None]


class _Lane(Address):
    __slots__ = ("conflate", "kind", "seq")

    def __init__(self, subject: str, kind: str, conflate: bool) -> None:
        super().__init__(subject)
        self.kind = kind
        self.conflate = conflate
        self.seq = 0


class MarketOutbox:
    """The market data of one venue. `publish` is called per event, `run` drains.

    Args:
        max_events: most events kept while NATS is away or slow; also the bound of its memory.
        observe: called with each event after it was stamped, if anybody wants to see it.
        meter: told how old the first event of each batch is.
    """

    def __init__(
        self,
        publisher: MarketPublisher,
        subjects: Subjects,
        venue: str,
        *,
        encoding: Encoding = "json",
        max_events: int = 10_000,
        observe: Callable[[Event], None] | None = None,
        meter: MarketMeter | None = None,
    ) -> None:
        self.venue = venue
        self.epoch = 0
        self.published = 0
        self.dropped = 0
        self.conflated = 0
        self.lost: dict[tuple[str, str], int] = {}  # by what became of it (dropped, conflated) and kind
        self.observe = observe
        self._meter = meter
        self._first: Event | None = None  # of the batch that is being filled
        self._leaving: list[tuple[_Lane, bytes]] = []
        self._received: dict[str, int] = {}  # by kind, in former epochs
        self._publisher = publisher
        self._subjects = subjects
        self._encode = encode_json if encoding == "json" else encode_msgpack
        self._lanes: dict[type[Event], dict[str, _Lane]] = {kind: {} for kind in MARKET_TYPES}
        self._ready: list[tuple[_Lane, bytes]] = []
        self._states: dict[str, tuple[_Lane, bytes]] = {}
        self._sequence: deque[tuple[_Lane, bytes]] = deque()
        self._max_events = max_events
        self._holding = False
        self._wake = asyncio.Event()
        self._batch_max = 0

    def restart(self, epoch: int) -> None:
        """Begin a new epoch: every subject counts from 1 again."""
        self.epoch = epoch
        self._received = self.received
        for lanes in self._lanes.values():
            for lane in lanes.values():
                lane.seq = 0

    def publish(self, event: Event) -> None:
        """Take one market data event (its type must be one of `MARKET_TYPES`).

        Raises:
            ValueError: the first event of its subject has something else than decimal text for a number.
        """
        kind = event.__class__
        symbol = event.symbol  # type: ignore[attr-defined]
        lane = self._lanes[kind].get(symbol)
        if lane is None:
            lane = self._open_lane(event, kind, symbol)
        lane.seq = event.seq = lane.seq + 1
        event.venue = self.venue
        event.epoch = self.epoch
        if self.observe is not None:
            self.observe(event)
        data, ready = self._encode(event), self._ready
        if self._holding or len(ready) >= self._max_events:
            self._hold_ready()
            self._hold(lane, data)
            return
        if not ready:
            self._first = event
            self._wake.set()
        ready.append((lane, data))

    def _open_lane(self, event: Event, kind: type[Event], symbol: str) -> _Lane:
        check_market(event)  # what a plugin does wrong it does wrong from the start; each event would cost too much
        tag = str(kind.__struct_config__.tag)
        lane = _Lane(self._subjects.market(self.venue, tag, symbol), tag, kind in CONFLATED)
        self._lanes[kind][symbol] = lane
        return lane

    def _hold_ready(self) -> None:
        # What is held leaves first, so nothing older may stay behind in front of it.
        self._holding = True
        ready, self._ready = self._ready, []
        for lane, data in ready:
            self._hold(lane, data)

    def _hold(self, lane: _Lane, data: bytes) -> None:
        if lane.conflate:
            if lane.subject in self._states:
                self._lose(lane, "conflated")
            self._states[lane.subject] = (lane, data)
            return
        if len(self._sequence) >= self._max_events:
            self._lose(self._sequence.popleft()[0], "dropped")
        self._sequence.append((lane, data))

    def _lose(self, lane: _Lane, how: Literal["dropped", "conflated"]) -> None:
        setattr(self, how, getattr(self, how) + 1)
        self.lost[how, lane.kind] = self.lost.get((how, lane.kind), 0) + 1

    @property
    def received(self) -> dict[str, int]:
        """Events taken so far by kind. Added up when asked: the sequences count them anyway."""
        counts = dict(self._received)
        for lanes in self._lanes.values():
            for lane in lanes.values():
                counts[lane.kind] = counts.get(lane.kind, 0) + lane.seq
        return counts

    @property
    def sent(self) -> dict[str, int]:
        """Events that NATS was given so far by kind: what was taken less what was lost or waits."""
        counts = self.received
        for (_, kind), count in self.lost.items():
            counts[kind] -= count
        for lane, _ in (*self._leaving, *self._ready, *self._states.values(), *self._sequence):
            counts[lane.kind] -= 1
        return counts

    @property
    def waiting(self) -> int:
        """Events that NATS has not been given yet."""
        return len(self._ready) + len(self._states) + len(self._sequence)

    async def run(self) -> None:
        """Drain for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._ready = self._ready, []
            first, self._first = self._first, None
            self._leaving = batch
            await self._drain(batch)
            if self._meter is not None and first is not None:
                self._meter(first)

    async def _drain(self, batch: list[tuple[_Lane, bytes]]) -> None:
        publish_all = self._publisher.publish_all
        done, size = 0, PIECE
        try:
            while done < len(batch):
                piece = batch[done : done + size] if done or len(batch) > size else batch
                try:
                    await publish_all(piece)
                except Exception:
                    if len(piece) == 1 or self._publisher.is_congested:
                        raise
                    size = 1  # NATS is there, so it is one of them that it does not take: which is seen one by one
                    continue
                done += len(piece)
                if done < len(batch):
                    await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the rest is kept and tried again
            self.published += done
            if not self._publisher.is_congested:  # NATS is there, so it is this message that it does not take
                self._lose(batch[done][0], "dropped")
                done += 1
            self._refused(error)
        else:
            self.published += done
        self._leaving = []
        self._keep(batch[done:])
        if self._publisher.is_congested:
            self._hold_ready()
            await self._wait_for_room()
        if self._holding:
            self._release()

    def _keep(self, rest: list[tuple[_Lane, bytes]]) -> None:
        # Older than all that came meanwhile, which is why that is held anew behind it.
        if not rest:
            return
        states, self._states = self._states, {}
        sequence, self._sequence = self._sequence, deque()
        for lane, data in [*rest, *sequence, *states.values()]:
            self._hold(lane, data)
        self._hold_ready()

    def _refused(self, error: Exception) -> None:
        if not self._holding:
            log.warning("market data is conflated, NATS does not take it", venue=self.venue, error=str(error))

    async def _wait_for_room(self) -> None:
        # nats-py tells nobody when its buffer empties, so this looks.
        while self._publisher.is_congested:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def _release(self) -> None:
        self._ready = [*self._sequence, *self._states.values()]
        self._sequence.clear()
        self._states.clear()
        self._holding = False
        if self._ready:
            self._wake.set()
