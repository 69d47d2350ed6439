"""Market data and instruments: core NATS subjects ``md.<venue>.<kind>.<symbol>``."""

from __future__ import annotations

from .base import DateText, DecimalText, Event, Level, Nanoseconds
from .enums import InstrumentKind, Right, Side


class Quote(Event, tag_field="type", tag="quote", kw_only=True, omit_defaults=True, gc=False):
    """The top of the book, whatever message of the venue it comes from; an empty side is absent."""

    symbol: str
    bid: DecimalText | None = None
    bid_size: DecimalText | None = None
    ask: DecimalText | None = None
    ask_size: DecimalText | None = None


class Trade(Event, tag_field="type", tag="trade", kw_only=True, omit_defaults=True, gc=False):
    """One public trade; ``aggressor`` is the side that took liquidity."""

    symbol: str
    price: DecimalText
    size: DecimalText
    aggressor: Side | None = None
    trade_id: str | None = None


class Book(Event, tag_field="type", tag="book", kw_only=True, omit_defaults=True, gc=False):
    """The whole state of the visible book, best level first on both sides."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    venue_seq: int | None = None
    depth: int | None = None


class BookDelta(Event, tag_field="type", tag="book_delta", kw_only=True, omit_defaults=True, gc=False):
    """Changed levels since ``prev_venue_seq``; sizes are absolute and size ``"0"`` deletes the level."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    venue_seq: int | None = None
    prev_venue_seq: int | None = None


class Ticker(Event, tag_field="type", tag="ticker", kw_only=True, omit_defaults=True, gc=False):
    """Statistics of the session or the last 24 hours, as the venue counts them."""

    symbol: str
    last: DecimalText | None = None
    open: DecimalText | None = None
    high: DecimalText | None = None
    low: DecimalText | None = None
    prev_close: DecimalText | None = None
    volume: DecimalText | None = None
    turnover: DecimalText | None = None
    open_interest: DecimalText | None = None
    settlement: DecimalText | None = None
    limit_up: DecimalText | None = None
    limit_down: DecimalText | None = None
    mark: DecimalText | None = None
    index: DecimalText | None = None
    status: str | None = None
    trading_day: DateText | None = None
    extra: dict[str, str] | None = None


class Bar(Event, tag_field="type", tag="bar", kw_only=True, omit_defaults=True, gc=False):
    """One candle; ``final`` once the venue will not change it any more."""

    symbol: str
    interval: str
    ts_open: Nanoseconds
    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    volume: DecimalText
    turnover: DecimalText | None = None
    final: bool


class Instrument(Event, tag_field="type", tag="instrument", kw_only=True, omit_defaults=True, gc=False):
    """What can be traded, and in which steps."""

    symbol: str
    venue_symbol: str
    kind: InstrumentKind
    base: str | None = None
    quote: str | None = None
    currency: str | None = None
    exchange: str | None = None
    tick_size: DecimalText | None = None
    lot_size: DecimalText | None = None
    min_quantity: DecimalText | None = None
    max_quantity: DecimalText | None = None
    multiplier: DecimalText | None = None
    expiry: DateText | None = None
    strike: DecimalText | None = None
    right: Right | None = None
    underlying: str | None = None
    tradable: bool | None = None
    name: str | None = None


MarketData = Quote | Trade | Book | BookDelta | Ticker | Bar | Instrument
