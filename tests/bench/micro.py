"""The steps of the hot path one by one, in one process without sockets: where a message's microseconds go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from venuebus.bus.pieces import Address
from venuebus.outbox import MarketOutbox
from venuebus.testing.fakes import RecordingContext
from venuebus_btse import protocol
from venuebus_btse.config import BtseConfig
from venuebus_btse.market import MarketFeed
from venuebus_schemas import Event, Subjects

from .child import Child
from .market import FRAMES, TOPICS
from .report import Row
from .world import World

GROUP = "Calls of the hot path (µs of CPU each, best of 5; no sockets)"


KINDS = ("book_delta", "book", "quote", "trade")
Receive = Callable[[str], Any]


async def calls(world: World, *, quick: bool) -> list[Row]:
    """Decode; decode and convert; decode, convert and encode."""
    count = 1000 if quick else 4000
    rows = []
    async with world.child("venues") as venues:
        await venues.ask("start")
        for kind in KINDS:
            frames = await frames_of((await venues.ask("tables"))[0], venues, kind, count)
            for name, make in _STEPS.items():
                value = min(_pass(make(kind), frames) for _ in range(5))
                rows.append(Row(group=GROUP, name=f"{kind}: {name}", value=value, unit="µs"))
    return rows


async def frames_of(table: dict[str, Any], venues: Child, kind: str, count: int) -> list[str]:
    """Return real frames of the simulator: first what a subscription starts with, then ``count`` of a flood."""
    url = table["ws_url"] if kind == "trade" else table["oss_url"]
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as ws:
        await ws.send_str(protocol.operation("subscribe", [TOPICS[kind]]))
        await venues.ask("subscribed", simulator=0, topics=1)
        frames: list[str] = []
        sending = asyncio.create_task(venues.ask("flood", simulator=0, frames=count, kinds=[FRAMES[kind]]))
        while len(frames) <= count:
            frame = (await ws.receive()).data
            if frame.startswith('{"topic"'):
                frames.append(frame)
        await sending
    return frames


def _pass(receive: Receive, frames: list[str]) -> float:
    receive(frames[0])
    started = time.process_time()
    for frame in frames[1:]:
        receive(frame)
    return (time.process_time() - started) / (len(frames) - 1) * 1e6


def _decode(kind: str) -> Receive:
    reads: dict[str, Receive] = {"trade": protocol.read_spot}
    return reads.get(kind, protocol.read_oss)


def _convert(kind: str, publish: Callable[[Event], None] = lambda event: None) -> Receive:
    context = RecordingContext(BtseConfig(plugin="btse", symbols=("BTC-USD",), market_data=(kind,)))
    context.publish = publish  # type: ignore[method-assign,assignment]
    feed = MarketFeed(context, _lost)
    feed.want(["BTC-USD"], [kind])

    def receive(frame: str) -> None:
        message: Any = read(frame)
        if kind == "trade":
            feed.on_trades(message.rows, 1)
        else:
            feed.on_book(message, 1)

    read = _decode(kind)
    return receive


def _encode(kind: str) -> Receive:
    return _convert(kind, undrained("btse").publish)


def undrained(venue: str) -> MarketOutbox:
    """Return an outbox that stamps, encodes and keeps: the last step of a message before NATS."""
    return MarketOutbox(_Nobody(), Subjects(), venue, max_events=1_000_000)


_STEPS: dict[str, Callable[[str], Receive]] = {
    "decode": _decode,
    "decode and convert": _convert,
    "decode, convert, stamp and encode": _encode,
}


def _lost(symbol: str) -> None:
    raise RuntimeError(f"the book of {symbol} was lost: the frames are not in sequence")


class _Nobody:
    is_congested = False

    async def publish_all(self, messages: Sequence[tuple[Address, bytes]]) -> None:
        """Never called: nobody drains."""
