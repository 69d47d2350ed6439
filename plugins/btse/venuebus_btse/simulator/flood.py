"""Market data as fast as a socket takes it: valid, in sequence, made in large pieces.

One frame here costs a text substitution; whatever a client needs to keep its books right is in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice

import msgspec

from .books import Level, levels
from .hub import Hub
from .stream import Stream

CHUNK = 64  # frames per write
VARIANTS = 16  # different contents per symbol, sent in turn
TRUE = VARIANTS  # index of the content that tells the true state
TOUCHED = 5  # levels per side of a delta
TOPICS = {"book": "update", "quote": "snapshotL1", "trade": "tradeHistoryApi"}


class FloodReport(msgspec.Struct, kw_only=True):
    """What was sent, to all connections together, and when (ns since the epoch).

    Attributes:
        first_seq: per symbol the ``seqNum`` of its first delta.
        sent_ns: where asked for, per symbol when each of its deltas was written to the first connection.
    """

    frames: int
    bytes: int
    connections: int
    started_ns: int
    ended_ns: int
    first_seq: dict[str, int] = {}
    sent_ns: dict[str, list[int]] = {}


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """What to send: see `run_flood`."""

    symbols: tuple[str, ...]
    kinds: tuple[str, ...] = ("book",)
    frames: int = 10_000
    rate: float | None = None
    record: bool = False

    def topics(self) -> list[str]:
        """``kind:symbol``, in the order in which they take turns."""
        return [f"{kind}:{symbol}" for symbol in self.symbols for kind in self.kinds]


async def run_flood(hub: Hub, plan: Plan, first_trade_id: int, now_ms: Callable[[], int]) -> FloodReport:
    """Send the plan's frames to the connections that have subscribed to them.

    ``kinds``: ``book`` (deltas of ten levels, each following the last one's ``seqNum``), ``quote`` (L1), ``trade``.
    A book delta only changes sizes of levels that are there, and the last one of a symbol puts the true sizes back, so
    a client's books are right at every moment and equal to the engine's afterwards. ``frames`` is what a client
    with all the subscriptions gets, on its connections together; ``rate`` that many per second, else as fast as the
    sockets take them. What the markets do meanwhile is told afterwards.
    """
    feeds = [hub.feeds[symbol] for symbol in plan.symbols]
    wanted: dict[Stream, set[str]] = {}
    for topic in plan.topics():
        kind, _, symbol = topic.partition(":")
        for stream in hub.subscribers(TOPICS[kind], symbol):
            wanted.setdefault(stream, set()).add(topic)
    contents = {topic: _contents(hub, topic) for topic in plan.topics()}
    seqs = {feed.symbol: feed.seq for feed in feeds}
    started = time.time_ns()
    for feed in feeds:
        feed.frozen = True
    try:
        sources = [_Source(plan, contents, topics, dict(seqs), first_trade_id, now_ms) for topics in wanted.values()]
        sent_ns: dict[str, list[int]] = {symbol: [] for symbol in plan.symbols} if plan.record else {}
        sent = await asyncio.gather(
            *(
                _send(stream, source, plan.rate, sent_ns if plan.record and number == 0 else None)
                for number, (stream, source) in enumerate(zip(wanted, sources, strict=True))
            )
        )
        for feed in feeds:
            feed.seq = max([feed.seq, *(source.seqs[feed.symbol] for source in sources)])
    finally:
        for feed in feeds:
            feed.frozen = False
            hub.book_changed(feed.symbol)
    return FloodReport(
        frames=sum(count for count, _ in sent),
        bytes=sum(size for _, size in sent),
        connections=len(wanted),
        started_ns=started,
        ended_ns=time.time_ns(),
        first_seq={symbol: seq + 1 for symbol, seq in seqs.items()},
        sent_ns=sent_ns,
    )


class _Source:
    """Makes the frames of one connection; counts those of topics it has not subscribed to, so that all agree."""

    def __init__(
        self,
        plan: Plan,
        contents: dict[str, list[str]],
        topics: set[str],
        seqs: dict[str, int],
        trade_id: int,
        now_ms: Callable[[], int],
    ) -> None:
        self.seqs = seqs
        self._plan = plan
        self._contents = contents
        self._topics = topics
        self._trade_id = trade_id
        self._now_ms = now_ms

    def frames(self) -> Iterator[tuple[str, bytes]]:
        """Yield topic and frame, the topics in turn; each topic's last frame tells the true state."""
        names = self._plan.topics()
        plan = [(name, self._contents[name], name in self._topics) for name in names]
        last = self._plan.frames - len(names)
        stamp = self._now_ms()
        for number in range(self._plan.frames):
            if number % CHUNK == 0:
                stamp = self._now_ms()
            topic, contents, mine = plan[number % len(names)]
            content = contents[TRUE if number >= last else number // len(names) % VARIANTS]
            ending = self._ending(topic, stamp)
            if mine:
                yield topic, _wrap(content + ending)

    def _ending(self, topic: str, stamp: int) -> str:
        kind, _, symbol = topic.partition(":")
        if kind == "book":
            seq = self.seqs[symbol] = self.seqs[symbol] + 1
            return f'"seqNum":{seq},"prevSeqNum":{seq - 1},"timestamp":{stamp}}}}}'
        if kind == "trade":
            self._trade_id += 1
            return f'"tradeId":{self._trade_id},"timestamp":{stamp}}}]}}'
        return f'"timestamp":{stamp}}}}}'


def _contents(hub: Hub, topic: str) -> list[str]:
    """The frames of a topic without sequence and time: the variants, and at index `TRUE` the true state."""
    kind, _, symbol = topic.partition(":")
    bids, asks = hub.feeds[symbol].told()
    make = {"book": _book, "quote": _quote, "trade": _trade}[kind]
    return [make(symbol, bids, asks, number) for number in (*range(VARIANTS), None)]


def _book(symbol: str, bids: list[Level], asks: list[Level], number: int | None) -> str:
    if number is None:
        some = [bids, asks]
    else:
        start = number * TOUCHED % max(1, min(len(bids), len(asks)))
        some = [_grown(side[start : start + TOUCHED], number) for side in (bids, asks)]
    return (
        f'{{"topic":"update:{symbol}_0","data":{{"bids":[{levels(some[0])}],"asks":[{levels(some[1][::-1])}],'
        f'"type":"delta","symbol":"{symbol}",'
    )


def _quote(symbol: str, bids: list[Level], asks: list[Level], number: int | None) -> str:
    best = [_grown(side[:1], number) for side in (bids, asks)]
    return (
        f'{{"topic":"snapshotL1:{symbol}","data":{{"bids":[{levels(best[0])}],"asks":[{levels(best[1])}],'
        f'"type":"snapshotL1","symbol":"{symbol}",'
    )


def _trade(symbol: str, bids: list[Level], asks: list[Level], number: int | None) -> str:
    price = (asks or bids)[0][0]
    size = (1 + (number or 0)) / 100
    return (
        f'{{"topic":"tradeHistoryApi:{symbol}","data":[{{"symbol":"{symbol}","side":"BUY",'
        f'"size":{size},"price":{float(price)},'
    )


def _grown(side: list[Level], number: int | None) -> list[Level]:
    return side if number is None else [(price, size + Decimal(1 + number) / 100) for price, size in side]


async def _send(
    stream: Stream, source: _Source, rate: float | None, sent_ns: dict[str, list[int]] | None
) -> tuple[int, int]:
    started = time.perf_counter()
    sent = size = 0
    pace = max(1, min(CHUNK, int(rate / 1000))) if rate else CHUNK
    frames = source.frames()
    while chunk := list(islice(frames, pace)):
        data = b"".join([frame for _, frame in chunk])
        now = time.time_ns()
        try:
            await stream.tap.write(data)
        except ConnectionResetError:
            break
        sent += len(chunk)
        size += len(data)
        if sent_ns is not None:
            for topic, _ in chunk:
                if topic.startswith("book:"):
                    sent_ns[topic[5:]].append(now)
        # without a rate, too: pings must be answered meanwhile
        await asyncio.sleep(max(0.0, started + sent / rate - time.perf_counter()) if rate else 0)
    return sent, size


def _wrap(text: str) -> bytes:
    """One unmasked WebSocket text frame."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
