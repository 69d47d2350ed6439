"""Market data of the venue as canonical events. Pure; every function is total over what `messages` lets in."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from venuebus_schemas import Book, BookDelta, Instrument, InstrumentKind, Quote, Side, Ticker, Trade, plain

from .books import OrderBook, clean_levels
from .messages import BookData, MarketRow, TradeRow
from .numbers import ABOVE_ZERO_LIST, PLAIN, Malformed, milliseconds, positive, sane, shortest

_number = msgspec.json.Decoder(Decimal, strict=False)
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL, "MODE_BUY": Side.BUY, "MODE_SELL": Side.SELL}


def quote(data: BookData, now: int) -> Quote:
    """Return the top of the book of a ``snapshotL1`` frame; an empty side is absent.

    Raises:
        Malformed: a price or size is no number.
    """
    bids, asks = data.bids, data.asks
    if len(bids) == len(asks) == 1:
        (bid, bid_size), (ask, ask_size) = bids[0], asks[0]
        text = f"{bid},{bid_size},{ask},{ask_size}"
        if ABOVE_ZERO_LIST(text) and text.count(",") == 3:  # one look instead of four
            return Quote(
                symbol=data.symbol, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size, ts_recv=now,
                ts_venue=milliseconds(data.timestamp),
            )  # fmt: skip
    clean_levels(data)
    event = Quote(symbol=data.symbol, ts_recv=now, ts_venue=milliseconds(data.timestamp))
    if data.bids:
        event.bid, event.bid_size = data.bids[0]
    if data.asks:
        event.ask, event.ask_size = data.asks[0]
    return event


def book(state: OrderBook, depth: int, now: int, timestamp: int | None) -> Book:
    """Return the whole visible book, best first, at most ``depth`` levels a side."""
    return Book(
        symbol=state.symbol, bids=state.bids.top(depth), asks=state.asks.top(depth), venue_seq=state.seq,
        depth=depth, ts_recv=now, ts_venue=milliseconds(timestamp),
    )  # fmt: skip


def book_delta(data: BookData, now: int) -> BookDelta:
    """Return a delta as the venue sent it, after `OrderBook.apply` took it and made its texts plain."""
    return BookDelta(
        symbol=data.symbol, bids=data.bids, asks=data.asks, venue_seq=data.seqNum, prev_venue_seq=data.prevSeqNum,
        ts_recv=now, ts_venue=milliseconds(data.timestamp),
    )  # fmt: skip


def trade(row: TradeRow, now: int) -> Trade:
    """Return one public trade.

    Raises:
        Malformed: price or size is no sane number above 0.
    """
    text = b",".join((row.price, row.size)).decode()  # no number is made of what needs none
    if ABOVE_ZERO_LIST(text) and text.count(",") == 1:
        price, _, size = text.partition(",")
    else:
        price, size = _above_zero(row.price), _above_zero(row.size)
    return Trade(
        symbol=row.symbol, price=price, size=size, trade_id=str(row.tradeId), aggressor=SIDES.get(row.side),
        ts_recv=now, ts_venue=milliseconds(row.timestamp),
    )  # fmt: skip


def _above_zero(raw: msgspec.Raw) -> str:
    try:
        value = _number.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"price, size: {error}") from error
    text = str(value)
    if not PLAIN(text):  # an exponent, or no sane number at all
        text = plain(sane(value, "price or size"))
    if not text.strip("0."):
        raise Malformed("price, size: more than 0 expected")
    return text


def instrument(row: MarketRow, now: int) -> Instrument:
    """Return a market's steps and bounds.

    Raises:
        Malformed: a number that cannot be.
    """
    tradable = row.active
    if row.isMarketOpenToSpot is not None and tradable is not None:
        tradable = tradable and row.isMarketOpenToSpot
    return Instrument(
        symbol=row.symbol, venue_symbol=row.symbol, kind=InstrumentKind.FUTURE if row.futures else InstrumentKind.SPOT,
        base=row.base, quote=row.quote, currency=row.quote, exchange="BTSE", tick_size=_sane(row.minPriceIncrement),
        lot_size=_sane(row.minSizeIncrement), min_quantity=_sane(row.minOrderSize),
        max_quantity=_sane(row.maxOrderSize), tradable=tradable, ts_recv=now,
    )  # fmt: skip


def _sane(value: Decimal | None) -> str | None:
    return None if value is None else positive(sane(value, "market_summary"))


def ticker(row: MarketRow, now: int) -> Ticker:
    """Return the last 24 hours of a market. The venue's ``size`` counts base units, its ``volume`` quote units.

    Raises:
        Malformed: a number that cannot be.
    """
    return Ticker(
        symbol=row.symbol, last=_sane(row.last), high=_sane(row.high24Hr), low=_sane(row.low24Hr),
        volume=None if row.size is None else shortest(sane(row.size, "size")),
        turnover=None if row.volume is None else shortest(sane(row.volume, "volume")),
        status=None if row.active is None else "active" if row.active else "inactive", ts_recv=now,
    )  # fmt: skip
