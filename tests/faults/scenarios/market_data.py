"""Market data: holes, slow readers, a full buffer."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

from ..world import VENUE, World
from .registry import scenario
from .steps import readiness, stored, wait_for_log


@scenario("35", "a hole in the sequence of a book", "gap told, resynchronised, never crossed")
async def hole_in_the_book(w: World) -> None:
    await w.ready(market_data=["book"])
    books: list[dict[str, Any]] = []

    async def keep(message: Any) -> None:
        books.append(json.loads(message.data))

    await w.follow("vb.v1.md.>", cb=keep)
    w.fault("ws.book", "gap")
    before = len(w.events)
    for _ in range(10):
        w.sim.step("BTC-USD")
    await w.until(lambda: [e for s, e in w.events[before:] if s.endswith(".gap") and e["healed"]], 10, "the healed gap")
    for _ in range(5):
        w.sim.step("BTC-USD")
    await w.until(lambda: len(books) > 3, 5, "books")
    for book in books:
        assert not book["bids"] or not book["asks"] or float(book["bids"][0][0]) < float(book["asks"][0][0])


@scenario(
    "24",
    "a subscriber of market data that does not keep up",
    "bridge and other readers go on; it sees its own loss by seq, and asks for the state",
)
async def slow_reader(w: World) -> None:
    await w.ready(market_data=["quote", "book"])
    release, slow, quick = asyncio.Event(), Reader(), Reader()

    async def stuck(message: Any) -> None:
        await release.wait()
        slow.keep(message)

    async def keep(message: Any) -> None:
        quick.keep(message)

    await w.follow(f"vb.v1.md.{VENUE}.quote.>", cb=stuck, pending_msgs_limit=5)
    await w.follow(f"vb.v1.md.{VENUE}.quote.>", cb=keep)
    for number in range(60):
        w.sim.step("BTC-USD", ticks=1 if number % 2 else -1)
        await asyncio.sleep(0)
    await w.buy("a1")
    await w.result("a1", "accepted", timeout=5)
    await w.until(lambda: len(quick.seqs) >= 20, what="quotes")
    release.set()

    def saw_the_hole() -> bool:
        w.sim.step("BTC-USD", ticks=1)
        return slow.holes > 0

    await w.until(saw_the_hole, what="a hole in the slow reader's counts")
    assert quick.holes == 0
    reply = await w.request(f"qry.{VENUE}.main.book", symbol="BTC-USD")
    assert reply["ok"], reply
    assert reply["items"]


@scenario(
    "25",
    "the bridge's buffer for market data overflows while NATS is away",
    "the newest is kept, drops are counted and seen by seq; no order event is dropped",
    bus={"outbox_max": 40},
    venue={"market_data": ["quote", "trade"]},
)
async def buffer_overflows(w: World) -> None:
    bridge = await w.ready()
    trades = Reader()

    async def keep(message: Any) -> None:
        trades.keep(message)

    await w.follow(f"vb.v1.md.{VENUE}.trade.>", cb=keep)
    await w.buy("a1", quantity="0.05")
    await w.result("a1", "accepted")
    w.sim.step("BTC-USD", trade=True)
    await w.until(lambda: trades.seqs, what="a trade")
    w.proxy.refusing = True
    w.proxy.cut()
    await asyncio.to_thread(wait_for_log, bridge, "NATS is away")
    for _ in range(300):
        w.sim.step("BTC-USD", trade=True)
        await asyncio.sleep(0)
    for _ in range(4):
        w.sim.fill("a1", "0.01")
    await asyncio.to_thread(wait_for_log, bridge, "kept on disk")
    w.proxy.refusing = False
    await stored(w, lambda s, e: ".fill." in s, 20, count=4)
    await stored(w, lambda s, e: s.endswith(".order.a1") and e["filled_quantity"] == "0.04", 10)
    await w.until(lambda: trades.holes, what="a hole in the trades")
    rates = (await w.request(f"ctl.{VENUE}.status"))["items"][0]["rates"]
    assert rates["market_dropped"] > 0, rates
    assert rates["market_conflated"] > 0, rates


@scenario(
    "36",
    "a crossed book, then a venue that says nothing any more",
    "no crossed book is published; the silence is noticed, and readiness says so",
)
async def crossed_and_silent(w: World) -> None:
    bridge = await w.ready(market_data=["book"], ping_interval=0.5, silence_timeout=1.5)
    books: list[dict[str, Any]] = []

    async def keep(message: Any) -> None:
        books.append(json.loads(message.data))

    await w.follow("vb.v1.md.>", cb=keep)
    before = len(w.events)
    w.fault("ws.book", "cross")
    for _ in range(10):
        w.sim.step("BTC-USD")
    await w.until(lambda: [e for s, e in w.events[before:] if s.endswith(".gap") and e["healed"]], 10, "the healed gap")
    count = len(books)
    for _ in range(5):
        w.sim.step("BTC-USD")
    await w.until(lambda: len(books) > count, 5, "books")
    for book in books:
        assert not book["bids"] or not book["asks"] or float(book["bids"][0][0]) < float(book["asks"][0][0])
    assert await readiness(bridge) == 200
    before = len(w.events)
    w.fault("ws.connect", "refuse")
    w.fault("ws.ping", "silence")
    await w.session("down", since=before)
    assert await readiness(bridge) == 503
    await w.session("ready", since=before)
    assert await readiness(bridge) == 200


class Reader:
    """Counts what a reader of one subject received, and what it missed."""

    def __init__(self) -> None:
        self.seqs: list[int] = []

    def keep(self, message: Any) -> None:
        """Note one message."""
        self.seqs.append(json.loads(message.data)["seq"])

    @property
    def holes(self) -> int:
        """How many times a count was left out."""
        return sum(after != before + 1 for before, after in pairwise(self.seqs))
