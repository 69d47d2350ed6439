"""Getting a book back: unsubscribe, subscribe, wait for the snapshot; one attempt under way per symbol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from venuebus import CommandRejected, RetryableError, VenueContext
from venuebus_schemas import Book, Reason

from .answers import refusal
from .books import clean_levels
from .config import BtseConfig
from .link import Link
from .market import MarketFeed
from .messages import BookData, loads
from .numbers import Malformed, milliseconds
from .protocol import book_topic
from .rest import Rest

PAUSE = (0.5, 30.0)  # seconds between two attempts, doubling


class Resync:
    """Asks for new snapshots of books that were lost."""

    def __init__(self, ctx: VenueContext[BtseConfig], spawn: Callable[..., asyncio.Task[None]]) -> None:
        self._ctx = ctx
        self._spawn = spawn
        self._under_way: dict[str, asyncio.Event] = {}
        self._link: Link | None = None
        self._market: MarketFeed | None = None

    def serve(self, link: Link, market: MarketFeed) -> None:
        """Say whose books these are."""
        self._link, self._market = link, market
        market.on_whole = self._whole

    def ask(self, symbol: str) -> None:
        """Have a new snapshot of ``symbol`` sent; nothing if that is under way."""
        if symbol not in self._under_way:
            self._under_way[symbol] = asyncio.Event()
            self._spawn(self._again(symbol), f"btse-resync-{symbol}")

    async def _again(self, symbol: str) -> None:
        assert self._link is not None
        assert self._market is not None
        topic, pause = book_topic(symbol), PAUSE[0]
        try:
            while self._market.needs_snapshot(symbol):
                await self._link.unsubscribe([topic])
                await self._link.subscribe([topic])
                if await self._came(symbol):
                    return
                self._ctx.count("resyncs_repeated")
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE[1])
        finally:
            del self._under_way[symbol]

    async def _came(self, symbol: str) -> bool:
        """Wait for the snapshot, but not longer than for any answer."""
        assert self._market is not None
        if self._market.needs_snapshot(symbol):
            news = self._under_way[symbol]
            news.clear()
            try:
                await asyncio.wait_for(news.wait(), self._ctx.config.subscribe_timeout)
            except TimeoutError:
                return False
        return not self._market.needs_snapshot(symbol)

    def _whole(self, symbol: str) -> None:
        news = self._under_way.get(symbol)
        if news is not None:
            news.set()

    async def fetch(self, rest: Rest, symbol: str) -> Book:
        """Return a book over REST, for symbols that are not subscribed.

        Raises:
            CommandRejected: the venue refuses, or cannot be asked.
        """
        try:
            answer = await rest.ask("/orderbook/L2", {"symbol": symbol, "depth": str(self._ctx.config.book_depth)},
                                    operation="orderbook", signed=False)  # fmt: skip
        except RetryableError as error:
            raise CommandRejected(Reason.NOT_CONNECTED, str(error)) from error
        said = refusal(answer)
        if said is not None:
            raise CommandRejected(said.reason, said.shown)
        try:
            return read_book(loads(answer.body), self._ctx.now_ns(), self._ctx.config.book_depth)
        except Malformed as error:
            self._ctx.dead_letter(answer.body, f"orderbook: {error}", content_type="application/json")
            raise CommandRejected(Reason.INTERNAL, f"the venue's answer cannot be read: {error}") from error


def read_book(payload: Any, now: int, depth: int) -> Book:
    """Return the book of ``GET orderbook`` or ``GET orderbook/L2``, best first whatever its order was.

    Raises:
        Malformed: it is none.
    """
    try:
        data = BookData(
            symbol=str(payload["symbol"]), timestamp=int(payload["timestamp"]),
            bids=[(str(level["price"]), str(level["size"])) for level in payload["buyQuote"]],
            asks=[(str(level["price"]), str(level["size"])) for level in payload["sellQuote"]],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"a book expected: {error!r}") from error
    clean_levels(data)
    data.bids.sort(key=_price, reverse=True)
    data.asks.sort(key=_price)
    return Book(symbol=data.symbol, bids=data.bids[:depth], asks=data.asks[:depth], depth=depth, ts_recv=now,
                ts_venue=milliseconds(data.timestamp))  # fmt: skip


def _price(level: tuple[str, str]) -> Decimal:
    return Decimal(level[0])
