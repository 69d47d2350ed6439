"""The bridge's outbox beside nats-py's own publish: events of one kind into one connection, in one process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import nats
from nats.aio.client import Client
from venuebus.bus.pieces import publish_all
from venuebus.outbox import MarketOutbox
from venuebus_schemas import BookDelta, Event, Quote, Subjects
from venuebus_schemas.codec import encode_json

from ..report import Row, median
from ..world import World

GROUP = "Into NATS, one process, CPU of an event"
LEVELS = [(f"{59_000 + number}.5", f"0.{number + 1:05d}") for number in range(10)]


def quote() -> Event:
    """Return a quote as a venue makes one."""
    return Quote(symbol="BTC-USD", bid="59000.5", bid_size="0.10000", ask="59001.0", ask_size="0.20000", ts_recv=1)


def book_delta() -> Event:
    """Return a delta of ten levels a side."""
    return BookDelta(symbol="BTC-USD", bids=LEVELS, asks=LEVELS, venue_seq=2, prev_venue_seq=1, ts_recv=1)


class _Client:
    """What the outbox needs of a connection."""

    is_congested = False

    def __init__(self, client: Client) -> None:
        self.publish_all = partial(publish_all, client)


async def outbox(world: World, *, quick: bool) -> list[Row]:
    """Stamp, encode and publish: by the outbox, and by a loop over msgspec and nats-py's publish."""
    count, turns = (5_000, 3) if quick else (20_000, 9)
    rows = []
    for make in (quote, book_delta):
        pairs = []
        for turn in range(turns + 1):
            pair = [await _cost(world, way, make, count) for way in (_plain, _ours)]
            pairs += [pair] if turn else []
        rows.append(
            Row(group=GROUP, name=make.__name__, value=median(ours for _, ours in pairs), unit="µs/event",
                beside=median(plain for plain, _ in pairs), against="nats-py",
                ratio=median(plain / ours for plain, ours in pairs), judged="ratio", more=True,
                note="both encode; ratio: nats-py to bridge")
        )  # fmt: skip
    return rows


Way = Callable[[Client, Callable[[], Event], int], Awaitable[None]]


async def _cost(world: World, way: Way, make: Callable[[], Event], count: int) -> float:
    client = await nats.connect(world.server.url)
    try:
        began = time.process_time()
        await way(client, make, count)
        await client.flush()
        return (time.process_time() - began) / count * 1e6
    finally:
        await client.close()


async def _plain(client: Client, make: Callable[[], Event], count: int) -> None:
    event: Any = make()
    for number in range(count):
        event.seq = number
        await client.publish("plain.md.BTC-USD", encode_json(event))
        if number % 100 == 99:
            await asyncio.sleep(0)


async def _ours(client: Client, make: Callable[[], Event], count: int) -> None:
    box = MarketOutbox(_Client(client), Subjects(), "bench", max_events=count + 1)
    drain = asyncio.create_task(box.run())
    event = make()
    for number in range(count):
        box.publish(event)
        if number % 100 == 99:
            await asyncio.sleep(0)  # as often as a venue's socket gives the loop a turn in a flood
    while box.published < count:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
    drain.cancel()
