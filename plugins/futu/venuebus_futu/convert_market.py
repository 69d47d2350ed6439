"""OpenD's market data as the bus's.

Prices before the first trade of a day come as 0; they are absent here. Where a fractional volume (``hpVolume``) is
told beside the truncated integer, it wins.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from venuebus_schemas import Bar, Book, Instrument, InstrumentKind, Level, Quote, Right, Side, Ticker, Trade

from . import names
from .doubles import text
from .pb import quote_pb2
from .symbols import ZONES, quoted, word
from .times import epoch_ns, local_ns

_REALTIME, _AFTER_OUTAGE = 1, 2
_ODD_BOOK = 1
_NO_LEVEL = (None, None)
_LEVELS: dict[bytes, Level] = {}  # a level's bytes → the level: reading one costs ten times as much as finding it
_MOST_LEVELS = 65_536  # some 15 MiB


def book(s2c: Any, ts_recv: int, symbol: str | None = None) -> Book | None:
    """Return the whole visible book, or ``None`` for the odd-lot book, which is another one.

    ``symbol`` is the book's own, for whoever has read it already: each look into a protobuf message costs.

    Raises:
        ValueError: a number is NaN or infinite, a level lacks a field, or the market is not known.
    """
    if s2c.orderBookType == _ODD_BOOK:
        return None
    bids, asks = _side(s2c.orderBookBidList), _side(s2c.orderBookAskList)
    return Book(
        symbol=symbol or symbol_of(s2c),
        ts_recv=ts_recv,
        ts_venue=_newest(s2c),
        bids=bids,
        asks=asks,
        depth=max(len(bids), len(asks)),
    )


def quote(s2c: Any, ts_recv: int, symbol: str | None = None) -> Quote | None:
    """Return the top of a book, or ``None`` for the odd-lot book; deeper levels are not looked at.

    ``symbol`` as for `book`.

    Raises:
        ValueError: as `book`.
    """
    if s2c.orderBookType == _ODD_BOOK:
        return None
    bids, asks = s2c.orderBookBidList, s2c.orderBookAskList
    bid, bid_size = _level(bids[0]) if bids else _NO_LEVEL
    ask, ask_size = _level(asks[0]) if asks else _NO_LEVEL
    return Quote(
        symbol=symbol or symbol_of(s2c),
        ts_recv=ts_recv,
        ts_venue=_newest(s2c),
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
    )


def trades(s2c: Any, ts_recv: int, *, regular_only: bool) -> tuple[list[Trade], int]:
    """Return the new trades of a ticker push, and how many were left out.

    Left out are what OpenD only shows from its cache when a subscription starts, and, with ``regular_only``, prints
    whose price is not the market's (odd lots, averages, late and derivative ones).

    Raises:
        ValueError: a number is NaN or infinite, or the market is not known.
    """
    symbol = quoted(s2c.security.market, s2c.security.code)
    zone = ZONES[symbol.partition(".")[0]]
    found: list[Trade] = []
    skipped = 0
    for t in s2c.tickerList:
        if t.pushDataType not in (0, _REALTIME, _AFTER_OUTAGE) or (regular_only and t.type in names.IRREGULAR_PRINTS):
            skipped += 1
            continue
        ts_venue = epoch_ns(t.timestamp)
        found.append(
            Trade(
                symbol=symbol,
                ts_recv=ts_recv,
                ts_venue=local_ns(t.time, zone) if ts_venue is None else ts_venue,
                price=text(t.price),
                size=text(t.hpVolume) if t.HasField("hpVolume") else str(t.volume),
                aggressor=Side.BUY if t.dir == 1 else Side.SELL if t.dir == 2 else None,
                trade_id=str(t.sequence),
            )
        )
    return found, skipped


def ticker(q: Any, ts_recv: int) -> Ticker:
    """Return the statistics of the day.

    Raises:
        ValueError: a number is NaN or infinite, or the market is not known.
    """
    symbol = quoted(q.security.market, q.security.code)
    ts_venue = epoch_ns(q.updateTimestamp)
    future = q.futureExData if q.HasField("futureExData") else None
    option = q.optionExData if q.HasField("optionExData") else None
    status = names.SECURITY_STATUSES.get(q.secStatus) or (str(q.secStatus) if q.secStatus else None)
    return Ticker(
        symbol=symbol,
        ts_recv=ts_recv,
        ts_venue=local_ns(q.updateTime, ZONES[symbol.partition(".")[0]]) if ts_venue is None else ts_venue,
        last=_price(q.curPrice),
        open=_price(q.openPrice),
        high=_price(q.highPrice),
        low=_price(q.lowPrice),
        prev_close=_price(q.lastClosePrice),
        volume=text(q.hpVolume) if q.HasField("hpVolume") else str(q.volume),
        turnover=text(q.turnover),
        open_interest=str(future.position) if future else str(option.openInterest) if option else None,
        settlement=_price(future.lastSettlePrice) if future else None,
        status="suspended" if q.isSuspended else status,
        extra=_more(q, option),
    )


def bars(s2c: Any, ts_recv: int) -> list[Bar]:
    """Return the bars of a push, oldest first; only the newest may still change.

    ``ts_open`` is the bar's own label, as OpenD tells it.

    Raises:
        ValueError: a number is NaN or infinite, market, interval or a bar's time are not known.
    """
    symbol = quoted(s2c.security.market, s2c.security.code)
    interval = names.BAR_INTERVALS.get(s2c.klType)
    if interval is None:
        raise ValueError(f"bar type {s2c.klType} is not known")
    zone = ZONES[symbol.partition(".")[0]]
    found = []
    for k in s2c.klList:
        if k.isBlank:
            continue
        at = epoch_ns(k.timestamp)
        at = local_ns(k.time, zone) if at is None else at
        if at is None:
            raise ValueError(f"bar of {symbol} without a time that can be told: {k.time!r}")
        if not all(map(k.HasField, ("openPrice", "highPrice", "lowPrice", "closePrice"))):
            raise ValueError(f"bar of {symbol} at {k.time} without prices")
        found.append(
            Bar(
                symbol=symbol,
                ts_recv=ts_recv,
                interval=interval,
                ts_open=at,
                open=text(k.openPrice),
                high=text(k.highPrice),
                low=text(k.lowPrice),
                close=text(k.closePrice),
                volume=text(k.hpVolume) if k.HasField("hpVolume") else str(k.volume),
                turnover=text(k.turnover) if k.HasField("turnover") else None,
                final=True,
            )
        )
    if found:
        found[-1].final = False
    return found


def instrument(info: Any, ts_recv: int) -> Instrument:
    """Return what is traded under a symbol.

    Raises:
        ValueError: the market is not known.
    """
    basic = info.basic
    symbol = quoted(basic.security.market, basic.security.code)
    kind = names.INSTRUMENT_KINDS.get(basic.secType, InstrumentKind.UNKNOWN)
    derivative = kind in (InstrumentKind.FUTURE, InstrumentKind.OPTION)
    item = Instrument(
        symbol=symbol,
        ts_recv=ts_recv,
        venue_symbol=symbol,
        kind=kind,
        exchange=names.EXCHANGES.get(basic.exchType),
        # For derivatives OpenD's "lot size" is the contract multiplier, and one contract the smallest order.
        lot_size="1" if derivative else str(basic.lotSize) if basic.lotSize else None,
        multiplier=str(basic.lotSize) if derivative and basic.lotSize else None,
        tradable=not basic.delisting if basic.HasField("delisting") else None,
        name=word(basic.name) or None,
    )
    if info.HasField("optionExData"):
        option = info.optionExData
        item.expiry = word(option.strikeTime)[:10] or None
        item.strike = text(option.strikePrice)
        item.right = {1: Right.CALL, 2: Right.PUT}.get(option.type, Right.UNKNOWN)
        item.underlying = quoted(option.owner.market, option.owner.code)
    if info.HasField("futureExData"):
        item.expiry = word(info.futureExData.lastTradeTime)[:10] or None
    if info.HasField("warrantExData"):
        item.underlying = quoted(info.warrantExData.owner.market, info.warrantExData.owner.code)
    return item


def symbol_of(s2c: Any) -> str:
    """Return the symbol that a push is about.

    Raises:
        ValueError: the market is not known.
    """
    security = s2c.security
    return quoted(security.market, security.code)


def _side(raws: Any) -> list[Level]:
    levels: list[Any] = list(map(_LEVELS.get, raws))
    # Books repeat most of their levels, and a map asks for them without a call each.
    return [_level(raw) for raw in raws] if None in levels else levels


def _level(raw: bytes) -> Level:
    known = _LEVELS.get(raw)
    return known if known is not None else _read_level(raw)


def _read_level(raw: bytes) -> Level:
    try:
        level: Any = quote_pb2.OrderBook.FromString(raw)
    except DecodeError as error:
        raise ValueError(f"a level of the book: {error}") from error
    if not level.IsInitialized():
        raise ValueError(f"a level of the book lacks {', '.join(level.FindInitializationErrors())}")
    told = (text(level.price), text(level.hpVolume) if level.HasField("hpVolume") else str(level.volume))
    if len(_LEVELS) >= _MOST_LEVELS:
        _LEVELS.clear()
    _LEVELS[raw] = told
    return told


def _newest(s2c: Any) -> int | None:
    return epoch_ns(max(s2c.svrRecvTimeBidTimestamp, s2c.svrRecvTimeAskTimestamp))


def _price(value: float) -> str | None:
    return text(value) if value else None


def _more(q: Any, option: Any) -> dict[str, str] | None:
    extra = {"name": word(q.name)} if q.name else {}
    for field in ("preMarket", "afterMarket", "overnight"):
        if q.HasField(field) and getattr(q, field).HasField("price"):
            extra[field] = text(getattr(q, field).price)
    if option is not None:
        for field in ("impliedVolatility", "delta", "gamma", "vega", "theta", "rho", "strikePrice"):
            extra[field] = text(getattr(option, field))
    return extra or None
