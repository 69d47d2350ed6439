"""OpenD's market data as the bus's.

Prices before the first trade of a day come as 0; they are absent here. Where a fractional volume (``hpVolume``) is
told beside the truncated integer, it wins.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.message import DecodeError
from venuebus_schemas import Bar, Book, Instrument, InstrumentKind, Level, Quote, Right, Side, Ticker, Trade

from . import messages, names
from .doubles import spell, text
from .pb import common_pb2, quote_pb2
from .symbols import ZONES, quoted, word
from .times import epoch_ns, local_ns

_NEW_TRADES = frozenset({0, 1, 2})  # PushDataType: absent, realtime, back-filled after an outage
_BUY, _SELL = Side.BUY, Side.SELL
_ODD_BOOK = 1
_ABSENT = float("-inf")  # what our messages for reading give for a number that OpenD did not send
_NO_LEVEL = (None, None)
_MOST = 65_536  # levels (some 15 MiB), securities; emptied whole when full, as in `doubles`


class _Levels(dict[bytes, Level]):
    """Levels of books by their bytes: reading one costs ten times as much as finding it."""

    def __missing__(self, raw: bytes) -> Level:
        level = _parsed(quote_pb2.OrderBook, raw, "a level of the book")
        told = text(level.price), text(level.hpVolume) if level.HasField("hpVolume") else str(level.volume)
        if len(self) >= _MOST:
            self.clear()
        self[raw] = told
        return told


class _Securities(dict[bytes, tuple[str, ZoneInfo]]):
    """Symbols of securities by their bytes, with the zone of their local times."""

    def __missing__(self, raw: bytes) -> tuple[str, ZoneInfo]:
        security: Any = _parsed(common_pb2.Security, raw, "the security")
        symbol = quoted(security.market, security.code)
        if len(self) >= _MOST:
            self.clear()
        told = self[raw] = symbol, ZONES[symbol.partition(".")[0]]
        return told


_level = _Levels().__getitem__
_security = _Securities().__getitem__


def book(s2c: Any, ts_recv: int, symbol: str | None = None) -> Book | None:
    """Return the whole visible book, or ``None`` for the odd-lot book, which is another one.

    ``symbol`` is the book's own, for whoever has read it already: each look into a protobuf message costs.

    Raises:
        ValueError: a number is NaN or infinite, a level lacks a field, or the market is not known.
    """
    if s2c.orderBookType == _ODD_BOOK:
        return None
    # Lists first: protobuf's own container makes every step of an iteration a look-up, half a side's cost in all.
    bids, asks = [*map(_level, s2c.orderBookBidList[:])], [*map(_level, s2c.orderBookAskList[:])]
    bid_time, ask_time, depth = s2c.svrRecvTimeBidTimestamp, s2c.svrRecvTimeAskTimestamp, len(bids)
    return Book(
        symbol=symbol or symbol_of(s2c),
        ts_recv=ts_recv,
        ts_venue=epoch_ns(bid_time if bid_time > ask_time else ask_time),
        bids=bids,
        asks=asks,
        depth=depth if depth > len(asks) else len(asks),
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
    bid_time, ask_time = s2c.svrRecvTimeBidTimestamp, s2c.svrRecvTimeAskTimestamp
    return Quote(
        symbol=symbol or symbol_of(s2c),
        ts_recv=ts_recv,
        ts_venue=epoch_ns(bid_time if bid_time > ask_time else ask_time),
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
        ValueError: a number is NaN or infinite, a field is missing, or the market is not known.
    """
    symbol, zone = _security(s2c.security)
    found: list[Trade] = []
    skipped = 0
    for t in s2c.tickerList[:]:
        time, sequence, direction, price, volume = t.time, t.sequence, t.dir, t.price, t.volume
        if not (time and sequence and direction and price and volume and t.turnover):
            messages.require(t)
        if t.pushDataType not in _NEW_TRADES or (regular_only and t.type in names.IRREGULAR_PRINTS):
            skipped += 1
            continue
        ts_venue, exact = epoch_ns(t.timestamp), t.hpVolume
        found.append(
            Trade(
                symbol=symbol,
                ts_recv=ts_recv,
                ts_venue=local_ns(time, zone) if ts_venue is None else ts_venue,
                price=text(price),
                size=str(volume) if exact == _ABSENT else text(exact),
                aggressor=_BUY if direction == 1 else _SELL if direction == 2 else None,
                trade_id=str(sequence),
            )
        )
    return found, skipped


def ticker(q: Any, ts_recv: int) -> Ticker:
    """Return the statistics of the day.

    Raises:
        ValueError: a number is NaN or infinite, a field is missing, or the market is not known.
    """
    symbol, zone = _security(q.security)
    last, first, high, low, before = q.curPrice, q.openPrice, q.highPrice, q.lowPrice, q.lastClosePrice
    volume, turnover, suspended, updated = q.volume, q.turnover, q.isSuspended, q.updateTime
    if suspended or not (
        last and first and high and low and before and volume and turnover and updated
        and q.listTime and q.priceSpread and q.turnoverRate and q.amplitude
    ):  # fmt: skip
        messages.require(q)
    exact, number, told = q.hpVolume, q.secStatus, epoch_ns(q.updateTimestamp)
    statistics = Ticker(
        symbol=symbol,
        ts_recv=ts_recv,
        ts_venue=local_ns(updated, zone) if told is None else told,
        last=text(last) if last else None,
        open=text(first) if first else None,
        high=text(high) if high else None,
        low=text(low) if low else None,
        prev_close=text(before) if before else None,
        volume=str(volume) if exact == _ABSENT else spell(exact),
        turnover=spell(turnover),
        status="suspended" if suspended else names.SECURITY_STATUSES.get(number) or (str(number) if number else None),
        extra=_more(q),
    )
    if derivative := q.optionExData:
        _add_option(statistics, derivative)
    if derivative := q.futureExData:
        _add_future(statistics, derivative)
    return statistics


def bars(s2c: Any, ts_recv: int) -> list[Bar]:
    """Return the bars of a push, oldest first; only the newest may still change.

    ``ts_open`` is the bar's own label, as OpenD tells it.

    Raises:
        ValueError: a number is NaN or infinite, a field is missing, market, interval or a bar's time are not known.
    """
    symbol, zone = _security(s2c.security)
    if s2c.rehabType < 0:
        messages.require(s2c)
    interval = names.BAR_INTERVALS.get(s2c.klType)
    if interval is None:
        raise ValueError(f"bar type {s2c.klType} is not known")
    found = []
    for k in s2c.klList[:]:
        time, blank = k.time, k.isBlank
        if blank or not time:
            messages.require(k)
        if blank:
            continue
        at = epoch_ns(k.timestamp)
        at = local_ns(time, zone) if at is None else at
        if at is None:
            raise ValueError(f"bar of {symbol} without a time that can be told: {time!r}")
        first, high, low, last = k.openPrice, k.highPrice, k.lowPrice, k.closePrice
        if _ABSENT in (first, high, low, last):
            raise ValueError(f"bar of {symbol} at {time} without prices")
        turnover, exact = k.turnover, k.hpVolume
        found.append(
            Bar(
                symbol=symbol,
                ts_recv=ts_recv,
                interval=interval,
                ts_open=at,
                open=text(first),
                high=text(high),
                low=text(low),
                close=text(last),
                volume=str(k.volume) if exact == _ABSENT else spell(exact),
                turnover=None if turnover == _ABSENT else spell(turnover),
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
        ValueError: the market is not known, or no security is told.
    """
    return _security(s2c.security)[0]


def _parsed(kind: Any, raw: bytes, what: str) -> Any:
    try:
        message = kind.FromString(raw)
    except DecodeError as error:
        raise ValueError(f"{what}: {error}") from error
    if not message.IsInitialized():
        raise ValueError(f"{what} lacks {', '.join(message.FindInitializationErrors())}")
    return message


def _more(q: Any) -> dict[str, str] | None:
    name, before, after, night = q.name, q.preMarket, q.afterMarket, q.overnight
    extra = {"name": word(name)} if name else {}
    if before or after or night:
        for field, raw in (("preMarket", before), ("afterMarket", after), ("overnight", night)):
            session = _parsed(quote_pb2.PreAfterMarketData, raw, field)
            if session.HasField("price"):
                extra[field] = text(session.price)
    return extra or None


def _add_option(statistics: Ticker, raw: bytes) -> None:
    option = _parsed(quote_pb2.OptionBasicQotExData, raw, "optionExData")
    statistics.open_interest = str(option.openInterest)
    statistics.extra = extra = statistics.extra or {}
    for field in ("impliedVolatility", "delta", "gamma", "vega", "theta", "rho", "strikePrice"):
        extra[field] = text(getattr(option, field))


def _add_future(statistics: Ticker, raw: bytes) -> None:
    future = _parsed(quote_pb2.FutureBasicQotExData, raw, "futureExData")
    statistics.open_interest, statistics.settlement = str(future.position), None
    if future.lastSettlePrice:
        statistics.settlement = text(future.lastSettlePrice)
