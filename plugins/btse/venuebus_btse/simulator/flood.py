"""Market data as fast as a socket takes it: valid, in sequence, made in large pieces.

One frame here costs a text substitution; whatever a client needs to keep its books right is in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import cycle

import msgspec

from .books import levels
from .hub import Hub
from .stream import Stream

CHUNK = 64  # frames per write
VARIANTS = 16  # different contents per symbol, sent in turn
TOUCHED = 5  # levels per side of a delta


class FloodReport(msgspec.Struct, kw_only=True):
    """What was sent, to all connections together, and when (ns since the epoch)."""

    frames: int
    bytes: int
    connections: int
    started_ns: int
    ended_ns: int


async def run_flood(
    hub: Hub, symbols: Sequence[str], frames: int, kinds: Sequence[str], rate: float | None, now_ms: Callable[[], int]
) -> FloodReport:
    """Send ``frames`` frames over ``symbols`` to the connections that have subscribed to them.

    Kinds: ``book`` (deltas of ten levels, each following the last one's ``seqNum``), ``quote`` (L1), ``trade``.
    A book delta only changes sizes of levels that are there, and a last one per symbol puts the true sizes back, so
    a client's books are right at every moment and equal to the engine's afterwards. Every subscriber gets the same
    frames; with ``rate`` that many per second and connection.
    """
    feeds = [hub.feeds[symbol] for symbol in symbols]
    for feed in feeds:
        feed.frozen = True
    streams: dict[Stream, list[str]] = {}
    started = time.time_ns()
    try:
        for kind in kinds:
            name = {"book": "update", "quote": "snapshotL1", "trade": "tradeHistoryApi"}[kind]
            for symbol in symbols:
                for stream in hub.subscribers(name, symbol):
                    streams.setdefault(stream, []).append(f"{kind}:{symbol}")
        starts = {feed.symbol: feed.seq for feed in feeds}
        sources = [_Source(hub, topics, starts, now_ms) for topics in streams.values()]
        sent = await asyncio.gather(
            *(_send(stream, source, frames, rate) for stream, source in zip(streams, sources, strict=True))
        )
        for feed in feeds:
            feed.seq = max([feed.seq, *(source.seqs.get(feed.symbol, 0) for source in sources)])
    finally:
        for feed in feeds:
            feed.frozen = False
            hub.book_changed(feed.symbol)
    return FloodReport(
        frames=sum(count for count, _ in sent),
        bytes=sum(size for _, size in sent),
        connections=len(streams),
        started_ns=started,
        ended_ns=time.time_ns(),
    )


class _Source:
    """Makes the frames of one connection."""

    def __init__(self, hub: Hub, topics: list[str], seqs: dict[str, int], now_ms: Callable[[], int]) -> None:
        self.seqs = dict(seqs)
        self._hub = hub
        self._topics = topics
        self._now_ms = now_ms
        self._trade_id = 900_000_000
        self._contents = {topic: [self._content(topic, number) for number in range(VARIANTS)] for topic in topics}

    def frames(self, count: int) -> Iterator[bytes]:
        """Yield ``count`` frames, the topics in turn, then the ones that put every book right."""
        turn = cycle([(topic, self._contents[topic]) for topic in self._topics])
        rounds = max(1, len(self._topics))
        books = [topic for topic in self._topics if topic.startswith("book:")]
        stamp = self._now_ms()
        for number in range(max(0, count - len(books))):
            if number % CHUNK == 0:
                stamp = self._now_ms()
            topic, contents = next(turn)
            yield self._frame(topic, contents[number // rounds % VARIANTS], stamp)
        for topic in books[: count or 0]:
            yield self._frame(topic, self._content(topic, None), self._now_ms())

    def _frame(self, topic: str, content: str, stamp: int) -> bytes:
        kind, _, symbol = topic.partition(":")
        if kind == "book":
            seq = self.seqs[symbol] = self.seqs[symbol] + 1
            return _wrap(f'{content}"seqNum":{seq},"prevSeqNum":{seq - 1},"timestamp":{stamp}}}}}')
        if kind == "trade":
            self._trade_id += 1
            return _wrap(f'{content}"tradeId":{self._trade_id},"timestamp":{stamp}}}]}}')
        return _wrap(f'{content}"timestamp":{stamp}}}}}')

    def _content(self, topic: str, number: int | None) -> str:
        """A frame without its sequence and time: variant ``number``, or (None) the true state."""
        kind, _, symbol = topic.partition(":")
        feed = self._hub.feeds[symbol]
        bids, asks = feed.told()
        if kind == "trade":
            price = asks[0][0] if asks else bids[0][0]
            size = Decimal(1 + (number or 0)) / 100
            return (
                f'{{"topic":"tradeHistoryApi:{symbol}","data":[{{"symbol":"{symbol}","side":"BUY",'
                f'"size":{size},"price":{price},'
            )
        change = Decimal(0) if number is None else Decimal(1 + number) / 100
        if kind == "quote":
            best = [[(price, size + change) for price, size in side[:1]] for side in (bids, asks)]
            return (
                f'{{"topic":"snapshotL1:{symbol}","data":{{"bids":[{levels(best[0])}],"asks":[{levels(best[1])}],'
                f'"type":"snapshotL1","symbol":"{symbol}",'
            )
        at = 0 if number is None else number * TOUCHED % max(1, min(len(bids), len(asks)))
        width = TOUCHED if number is not None else len(bids) + len(asks)
        some = [[(price, held + change) for price, held in side[at : at + width]] for side in (bids, asks)]
        return (
            f'{{"topic":"update:{symbol}_0","data":{{"bids":[{levels(some[0])}],"asks":[{levels(some[1][::-1])}],'
            f'"type":"delta","symbol":"{symbol}",'
        )


async def _send(stream: Stream, source: _Source, count: int, rate: float | None) -> tuple[int, int]:
    started = time.perf_counter()
    sent = size = 0
    chunk: list[bytes] = []
    pace = max(1, min(CHUNK, int(rate / 100))) if rate else CHUNK
    frames = source.frames(count)
    while True:
        chunk = [frame for _, frame in zip(range(pace), frames, strict=False)]
        if not chunk:
            return sent, size
        data = b"".join(chunk)
        try:
            await stream.tap.write(data)
        except ConnectionResetError:
            return sent, size
        sent += len(chunk)
        size += len(data)
        if rate:
            await asyncio.sleep(max(0.0, started + sent / rate - time.perf_counter()))
        else:
            await asyncio.sleep(0)  # pings must still be answered


def _wrap(text: str) -> bytes:
    """One unmasked WebSocket text frame."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
