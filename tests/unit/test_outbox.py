"""Market data on its way out: bounded, the newest kept, never reordered, and every loss visible in ``seq``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from venuebus.bus.pieces import Address
from venuebus.outbox import MarketOutbox
from venuebus_schemas import Quote, Subjects, Trade, decode_event


class Publisher:
    """NATS as the outbox sees it: there, away, or refusing one subject."""

    def __init__(self) -> None:
        self.is_congested = False
        self.away = False
        self.refuses = ""
        self.calls = 0
        self.pause: asyncio.Event | None = None
        self.seen: list[Quote | Trade] = []

    async def publish_all(self, messages: Sequence[tuple[Address, bytes]]) -> None:
        self.calls += 1
        if self.pause is not None:
            await self.pause.wait()
        if self.away:
            raise ConnectionError("away")
        if self.refuses and any(to.subject.endswith(self.refuses) for to, _ in messages):
            raise ValueError("maximum payload exceeded")
        for _, data in messages:
            event = decode_event(data)
            assert isinstance(event, Quote | Trade)
            self.seen.append(event)

    def of(self, kind: type[Quote | Trade], symbol: str = "X") -> list[int]:
        return [event.seq for event in self.seen if type(event) is kind and event.symbol == symbol]


@asynccontextmanager
async def running(max_events: int = 10) -> AsyncIterator[tuple[MarketOutbox, Publisher]]:
    publisher = Publisher()
    outbox = MarketOutbox(publisher, Subjects("vb"), "toy", max_events=max_events)
    outbox.restart(7)
    task = asyncio.create_task(outbox.run())
    try:
        yield outbox, publisher
    finally:
        task.cancel()
        await asyncio.wait({task})


def quote(symbol: str = "X", bid: str = "1") -> Quote:
    return Quote(symbol=symbol, bid=bid, ts_recv=1)


def trade(symbol: str = "X") -> Trade:
    return Trade(symbol=symbol, price="1", size="1", ts_recv=1)


async def drained(outbox: MarketOutbox) -> None:
    async with asyncio.timeout(5):
        while outbox.waiting:  # noqa: ASYNC110 - it tells nobody when it is empty
            await asyncio.sleep(0.005)
    await asyncio.sleep(0)


async def test_events_leave_in_order_counted_per_subject() -> None:
    async with running() as (outbox, publisher):
        for _ in range(3):
            outbox.publish(quote())
            outbox.publish(trade())
        await drained(outbox)
        assert publisher.of(Quote) == publisher.of(Trade) == [1, 2, 3]
        assert {(event.venue, event.epoch) for event in publisher.seen} == {("toy", 7)}
        assert (outbox.published, outbox.dropped, outbox.conflated) == (6, 0, 0)


async def test_while_nats_is_away_states_are_conflated_and_sequences_bounded() -> None:
    async with running(max_events=10) as (outbox, publisher):
        publisher.away = publisher.is_congested = True
        for number in range(50):
            outbox.publish(quote(bid=str(number)))
            outbox.publish(quote("Y", bid=str(number)))
            outbox.publish(trade())
            if not number % 7:
                await asyncio.sleep(0)
        assert outbox.waiting <= 10 + 2 + 10
        publisher.away = publisher.is_congested = False
        await drained(outbox)
        assert publisher.of(Quote) == publisher.of(Quote, "Y") == [50]
        assert publisher.of(Trade) == list(range(41, 51))  # the hole before 41 is what a reader sees
        assert outbox.dropped == 40
        outbox.publish(trade())
        await drained(outbox)
        assert publisher.of(Trade)[-1] == 51


async def test_a_full_buffer_never_lets_newer_pass_older() -> None:
    async with running(max_events=4) as (outbox, publisher):
        for _ in range(3):
            for _ in range(11):
                outbox.publish(quote())
                outbox.publish(trade())
            await drained(outbox)
        assert publisher.of(Quote) == sorted(publisher.of(Quote))
        assert publisher.of(Trade) == sorted(publisher.of(Trade))
        assert publisher.of(Quote)[-1] == publisher.of(Trade)[-1] == 33


async def test_a_link_that_fails_in_the_middle_of_a_batch_keeps_the_order() -> None:
    async with running(max_events=100) as (outbox, publisher):
        publisher.pause = asyncio.Event()
        for _ in range(5):
            outbox.publish(quote())
            outbox.publish(trade())
        while not publisher.calls:  # noqa: ASYNC110 - until the drain has begun
            await asyncio.sleep(0)
        for _ in range(5):  # these come while the first batch is on its way
            outbox.publish(quote())
            outbox.publish(trade())
        publisher.away = publisher.is_congested = True
        publisher.pause.set()
        await asyncio.sleep(0.05)
        for _ in range(5):  # and these while NATS is known to be away
            outbox.publish(quote())
            outbox.publish(trade())
        publisher.away = publisher.is_congested = False
        await drained(outbox)
        assert publisher.of(Trade) == list(range(1, 16))
        assert publisher.of(Quote) == [15]


async def test_one_message_that_nats_does_not_take_is_dropped_alone() -> None:
    async with running() as (outbox, publisher):
        publisher.refuses = "BAD"
        for symbol in ("X", "BAD", "X", "BAD", "X"):
            outbox.publish(quote(symbol))
            outbox.publish(trade(symbol))
        await drained(outbox)
        assert publisher.of(Trade) == [1, 2, 3]
        assert publisher.of(Quote)[-1] == 3
        assert outbox.dropped >= 3
        calls = publisher.calls
        await asyncio.sleep(0.05)
        assert publisher.calls == calls


async def test_a_new_epoch_counts_from_one() -> None:
    async with running() as (outbox, publisher):
        outbox.publish(quote())
        outbox.restart(8)
        outbox.publish(quote())
        await drained(outbox)
        assert [(event.epoch, event.seq) for event in publisher.seen] == [(7, 1), (8, 1)]


async def test_an_observer_sees_every_event_also_a_dropped_one() -> None:
    publisher = Publisher()
    seen: list[Decimal] = []

    def observe(event: object) -> None:
        assert isinstance(event, Quote)
        seen.append(Decimal(event.bid or "0"))

    outbox = MarketOutbox(publisher, Subjects("vb"), "toy", max_events=1, observe=observe)
    for number in range(5):
        outbox.publish(quote(bid=str(number)))
    assert seen == [0, 1, 2, 3, 4]
