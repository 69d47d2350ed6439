"""Market data of one session: what is wanted, the books, and which trades were told already."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from venuebus import VenueContext
from venuebus_schemas import Instrument, encode_token

from . import convert
from .books import DELTA, Change, OrderBook
from .config import BtseConfig
from .messages import BookData, MarketRow, TradeRow
from .numbers import Malformed
from .protocol import book_topic, quote_topic, trade_topic

TRADES_KEPT = 5000  # trade ids per symbol that are remembered against the history sent at each subscription


class MarketFeed:
    """Turns frames into events. ``on_lost`` hears of books that need a new snapshot, ``on_whole`` when it came."""

    def __init__(self, ctx: VenueContext[BtseConfig], on_lost: Callable[[str], None]) -> None:
        self._ctx = ctx
        self._publish = ctx.publish
        self._depth = ctx.config.book_depth
        self._on_lost = on_lost
        self.on_whole: Callable[[str], None] = lambda symbol: None
        self._seen: dict[str, OrderedDict[int | str, None]] = {}
        self._gaps: set[str] = set()
        self.wanted: dict[str, set[str]] = {kind: set() for kind in ("quote", "trade", "book", "book_delta", "ticker")}
        self.instruments: dict[str, Instrument] = {}
        self.books: dict[str, OrderBook] = {}

    # --- what is wanted -------------------------------------------------------------------------------------

    def oss_topics(self, symbols: Iterable[str], kinds: Iterable[str]) -> list[str]:
        """Topics of the order-book server for ``kinds`` of ``symbols``."""
        kinds = set(kinds)
        topics = [quote_topic(symbol) for symbol in symbols] if "quote" in kinds else []
        if kinds & {"book", "book_delta"}:
            topics += [book_topic(symbol) for symbol in symbols]
        return topics

    def spot_topics(self, symbols: Iterable[str], kinds: Iterable[str]) -> list[str]:
        """Topics of the spot server for ``kinds`` of ``symbols``."""
        return [trade_topic(symbol) for symbol in symbols] if "trade" in set(kinds) else []

    def want(self, symbols: Iterable[str], kinds: Iterable[str]) -> None:
        """Publish ``kinds`` of ``symbols`` from now on. An instrument is published at once, if it is known."""
        for kind in kinds:
            if kind == "instrument":
                for symbol in symbols:
                    if symbol in self.instruments:
                        self._publish(self.instruments[symbol])
            else:
                self.wanted[kind].update(symbols)
        kept = self.wanted["book"] | self.wanted["book_delta"]
        for symbol in symbols:
            if symbol in kept and symbol not in self.books:
                self.books[symbol] = OrderBook(symbol)

    def unwant(self, symbols: Iterable[str], kinds: Iterable[str]) -> None:
        """Publish ``kinds`` of ``symbols`` no more."""
        for kind in kinds:
            if kind in self.wanted:
                self.wanted[kind].difference_update(symbols)
        kept = self.wanted["book"] | self.wanted["book_delta"]
        for symbol in symbols:
            if symbol not in kept:
                self.books.pop(symbol, None)

    # --- frames ---------------------------------------------------------------------------------------------

    def on_book(self, data: BookData, now: int) -> None:
        """Take a frame of the order-book server. It is the data's symbol and type that count, not the topic.

        Raises:
            Malformed: a number in it is none.
        """
        symbol, wanted = data.symbol, self.wanted
        if data.type == "snapshotL1":
            if symbol in wanted["quote"]:
                self._publish(convert.quote(data, now))
            return
        book = self.books.get(symbol)
        if book is None:
            return
        try:
            change = book.apply(data)
        except Malformed:
            self.lost(symbol, "a book update could not be read")
            raise
        if change is DELTA:
            if symbol in wanted["book_delta"]:
                self._publish(convert.book_delta(data, now))
            if symbol in wanted["book"]:
                self._publish(convert.book(book, self._depth, now, data.timestamp))
        elif change is Change.SNAPSHOT:
            self._on_snapshot(book, now, data.timestamp)
        elif change is Change.IGNORED:
            self._ctx.count("late_deltas")
        else:
            why = "a hole in the sequence of book updates" if change is Change.GAP else "a crossed book"
            self.lost(symbol, why)

    def _on_snapshot(self, book: OrderBook, now: int, timestamp: int | None) -> None:
        # A reader of deltas alone needs the state they start from, so a snapshot goes out as a book for it, too.
        self._publish(convert.book(book, self._depth, now, timestamp))
        self.on_whole(book.symbol)
        if book.symbol in self._gaps:
            self._gaps.discard(book.symbol)
            self._ctx.gap(_subjects(book.symbol), "the book is whole again", healed=True)

    def on_trades(self, rows: list[TradeRow], now: int) -> None:
        """Take public trades: the first frame is history, newest first; every trade is published once, oldest first.

        Raises:
            Malformed: one is none; the others are published all the same.
        """
        if len(rows) > 1:
            rows.sort(key=lambda row: (row.timestamp, str(row.tradeId).zfill(20)))
        broken: Malformed | None = None
        for row in rows:
            if row.symbol not in self.wanted["trade"]:
                continue
            seen = self._seen.get(row.symbol)
            if seen is None:
                seen = self._seen[row.symbol] = OrderedDict()
            if row.tradeId in seen:
                continue
            try:
                event = convert.trade(row, now)
            except Malformed as error:
                broken = error
                continue
            seen[row.tradeId] = None
            if len(seen) > TRADES_KEPT:
                seen.popitem(last=False)
            self._publish(event)
        if broken is not None:
            raise broken

    def on_summary(self, rows: list[MarketRow], now: int, *, tickers: bool) -> None:
        """Take rows of ``market_summary``: steps of every market, and the wanted tickers."""
        for row in rows:
            if not row.symbol:
                continue
            try:
                self.instruments[row.symbol] = convert.instrument(row, now)
                if tickers and row.symbol in self.wanted["ticker"]:
                    self._publish(convert.ticker(row, now))
            except Malformed as error:
                self._ctx.dead_letter(repr(row).encode(), f"market_summary: {row.symbol}: {error}")

    # --- books that were lost -------------------------------------------------------------------------------

    def lost(self, symbol: str, why: str) -> None:
        """Show the book of ``symbol`` no more until its next snapshot, and say so once."""
        book = self.books.get(symbol)
        if book is None:
            return
        book.invalidate()
        if symbol not in self._gaps:
            self._gaps.add(symbol)
            self._ctx.count("book_resyncs")
            self._ctx.gap(_subjects(symbol), why, healed=False)
        self._on_lost(symbol)

    def needs_snapshot(self, symbol: str) -> bool:
        """Tell whether the book of ``symbol`` is wanted and not in sync."""
        book = self.books.get(symbol)
        return book is not None and not book.in_sync


def _subjects(symbol: str) -> list[str]:
    token = encode_token(symbol)
    return [f"md.book.{token}", f"md.book_delta.{token}"]
