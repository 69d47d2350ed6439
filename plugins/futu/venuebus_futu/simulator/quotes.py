"""The simulated quote desk: subscriptions with OpenD's quota and minute, and the pushes that follow the engine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from venuebus.simulation import SimTrade

from .. import messages, names
from ..pb import quote_pb2
from ..symbols import QUOTE_MARKETS, ZONES
from .client import Client, Refusal
from .world import Stock

if TYPE_CHECKING:
    from .opend import OpendSimulator

DEPTH = 10
MINIMUM = 60.0
_TYPES = {1: 11, 2: 6, 3: 12, 4: 13, 5: 16, 6: 7, 7: 8, 8: 9, 9: 10, 10: 17, 11: 15, 12: 18, 13: 19, 14: 20, 15: 21}
_MINUTES = {1: 1, 6: 5, 7: 15, 8: 30, 9: 60, 10: 3, 12: 10, 13: 120, 14: 180, 15: 240}


class Quotes:
    """Handlers of the 3xxx protocols, and what the engine says of books and trades."""

    def __init__(self, opend: OpendSimulator) -> None:
        self._opend = opend
        self._dirty: set[str] = set()
        self._recent: dict[str, deque[SimTrade]] = {}
        self._bars: dict[tuple[str, int], Any] = {}
        self._lingering: dict[tuple[str, int], float] = {}
        self.minimum = MINIMUM

    def handlers(self) -> dict[int, Callable[[Client, Any, Any], None]]:
        """Return protocol → handler."""
        return {
            messages.SUBSCRIBE: self._subscribe,
            messages.SUBSCRIPTIONS: self._subscriptions,
            messages.BASIC_QUOTES: self._basic_quotes,
            messages.BOOK: self._book,
            messages.STATIC_INFO: self._static_info,
        }

    # --- subscriptions --------------------------------------------------------------------------------------

    def _stock(self, security: Any) -> Stock:
        if not self._opend.quotes_up:
            raise Refusal("quote server disconnected")
        prefix = QUOTE_MARKETS.get(security.market, "?")
        stock = self._opend.stocks.get(f"{prefix}.{security.code}")
        if stock is None:
            raise Refusal(f"unknown stock {prefix}.{security.code} 未知股票")
        return stock

    def _subscribe(self, client: Client, c2s: Any, s2c: Any) -> None:
        now = asyncio.get_running_loop().time()
        if c2s.isUnsubAll:
            wanted = list(client.subscriptions)
        else:
            wanted = [(self._stock(s).symbol, sub) for s in c2s.securityList for sub in c2s.subTypeList]
        if not c2s.isSubOrUnSub:
            young = [key for key in wanted if now - client.subscriptions.get(key, now) < self.minimum]
            if young:
                raise Refusal(f"{young[0][0]}: unsubscribe is possible one minute after subscribing only")
            for key in wanted:
                client.subscriptions.pop(key, None)
                client.pushing.discard(key)
            return
        new = {key for key in wanted if key not in client.subscriptions}
        if len(new - self._used()) > self._opend.quota - len(self._used()):
            raise Refusal("subscription quota is insufficient 订阅额度不足")
        for key in wanted:
            client.subscriptions.setdefault(key, now)
            if c2s.isRegOrUnRegPush:
                client.pushing.add(key)
        if c2s.isRegOrUnRegPush and (c2s.isFirstPush or not c2s.HasField("isFirstPush")):
            for symbol, sub in wanted:
                self._push_to(client, symbol, sub, cached=True)

    def gone(self, client: Client) -> None:
        """Keep the quota of a lost client until its subscriptions are a minute old."""
        for key, since in client.subscriptions.items():
            self._lingering[key] = max(self._lingering.get(key, 0.0), since + self.minimum)

    def _used(self) -> set[tuple[str, int]]:
        now = asyncio.get_running_loop().time()
        self._lingering = {key: until for key, until in self._lingering.items() if until > now}
        return set(self._lingering).union(*(client.subscriptions for client in self._opend.clients))

    def _subscriptions(self, client: Client, c2s: Any, s2c: Any) -> None:
        for other in self._opend.clients:
            if other is not client and not c2s.isReqAllConn:
                continue
            info = s2c.connSubInfoList.add(usedQuota=len(other.subscriptions), isOwnConnData=other is client)
            by_type: dict[int, list[str]] = {}
            for symbol, sub in other.subscriptions:
                by_type.setdefault(sub, []).append(symbol)
            for sub, symbols in by_type.items():
                item = info.subInfoList.add(subType=sub)
                for symbol in symbols:
                    _name(item.securityList.add(), self._opend.stocks[symbol])
        s2c.totalUsedQuota = len(self._used())
        s2c.remainQuota = max(0, self._opend.quota - len(self._used()))

    # --- queries --------------------------------------------------------------------------------------------

    def _basic_quotes(self, client: Client, c2s: Any, s2c: Any) -> None:
        for security in c2s.securityList:
            stock = self._stock(security)
            if (stock.symbol, names.SUB_BASIC) not in client.subscriptions:
                raise Refusal(f"{stock.symbol}: subscribe to the quote first 请先订阅")
            self._tell_quote(stock, s2c.basicQotList.add())

    def _book(self, client: Client, c2s: Any, s2c: Any) -> None:
        stock = self._stock(c2s.security)
        self._tell_book(stock, s2c, c2s.num or DEPTH)

    def _static_info(self, client: Client, c2s: Any, s2c: Any) -> None:
        stocks = [self._stock(security) for security in c2s.securityList] or [
            stock for stock in self._opend.stocks.values() if stock.quote_market == c2s.market
        ]
        for stock in stocks:
            self._tell_static(stock, s2c.staticInfoList.add())

    # --- pushes ---------------------------------------------------------------------------------------------

    def on_book(self, symbol: str) -> None:
        """Remember that the book changed; `flush` tells the clients."""
        if not self._dirty:
            # One push for all changes of one turn of the loop, as OpenD gathers them.
            asyncio.get_running_loop().call_soon(self.flush)
        self._dirty.add(symbol)

    def on_trade(self, trade: SimTrade) -> None:
        """Push a trade, and let it count in the bars."""
        self._recent.setdefault(trade.symbol, deque(maxlen=50)).append(trade)
        stock = self._opend.stocks[trade.symbol]
        s2c = quote_pb2.UpdateTicker.S2C()
        _name(s2c.security, stock)
        self._tell_trade(stock, trade, s2c.tickerList.add(), cached=False)
        for client in self._listening(trade.symbol, names.SUB_TICKER):
            client.push(messages.TICKER_PUSH, s2c, trade.symbol)
        for bar in _TYPES:
            if self._listening(trade.symbol, _TYPES[bar]):
                self._count(stock, bar, trade)
        self.on_book(trade.symbol)

    def flush(self) -> None:
        """Push the books and statistics of what changed since the last time."""
        dirty, self._dirty = self._dirty, set()
        for symbol in dirty:
            for sub in (names.SUB_BOOK, names.SUB_BASIC):
                for client in self._listening(symbol, sub):
                    self._push_to(client, symbol, sub)

    def _listening(self, symbol: str, sub: int) -> list[Client]:
        return [client for client in self._opend.clients if (symbol, sub) in client.pushing]

    def _push_to(self, client: Client, symbol: str, sub: int, *, cached: bool = False) -> None:
        stock = self._opend.stocks[symbol]
        if sub == names.SUB_BOOK:
            book = quote_pb2.UpdateOrderBook.S2C()
            self._tell_book(stock, book, DEPTH)
            client.push(messages.BOOK_PUSH, book, symbol)
        elif sub == names.SUB_BASIC:
            quotes = quote_pb2.UpdateBasicQot.S2C()
            self._tell_quote(stock, quotes.basicQotList.add())
            client.push(messages.BASIC_QUOTE_PUSH, quotes, symbol)
        elif sub == names.SUB_TICKER and cached and self._recent.get(symbol):
            ticks = quote_pb2.UpdateTicker.S2C()
            _name(ticks.security, stock)
            for trade in self._recent[symbol]:
                self._tell_trade(stock, trade, ticks.tickerList.add(), cached=True)
            client.push(messages.TICKER_PUSH, ticks, symbol)

    def _count(self, stock: Stock, bar: int, trade: SimTrade) -> None:
        minutes = _MINUTES.get(bar, 24 * 60)
        start = trade.ts_ns // 1_000_000_000 // (minutes * 60) * minutes * 60
        line = self._bars.get((stock.symbol, bar))
        price, size = float(trade.price), float(trade.quantity)
        if line is None or line.timestamp != start:
            line = quote_pb2.KLine(
                time=_local(start * 1_000_000_000, stock), isBlank=False, highPrice=price, openPrice=price,
                lowPrice=price, closePrice=price, volume=0, turnover=0.0, timestamp=float(start),
            )  # fmt: skip
            self._bars[stock.symbol, bar] = line
        line.highPrice, line.lowPrice = max(line.highPrice, price), min(line.lowPrice, price)
        line.closePrice = price
        line.volume += int(size)
        line.turnover += price * size
        s2c = quote_pb2.UpdateKL.S2C(rehabType=1, klType=bar, klList=[line])
        _name(s2c.security, stock)
        for client in self._listening(stock.symbol, _TYPES[bar]):
            client.push(messages.BAR_PUSH, s2c, stock.symbol)

    # --- messages -------------------------------------------------------------------------------------------

    def _tell_book(self, stock: Stock, s2c: Any, depth: int) -> None:
        _name(s2c.security, stock)
        bids, asks = self._opend.engine.book(stock.symbol, depth)
        for levels, side in ((bids, s2c.orderBookBidList), (asks, s2c.orderBookAskList)):
            for price, size in levels:
                side.add(price=float(price), volume=int(size), orederCount=1)
        s2c.name = stock.name
        if stock.section == 1:
            s2c.svrRecvTimeBidTimestamp = s2c.svrRecvTimeAskTimestamp = self._opend.now_ns() / 1e9

    def _tell_quote(self, stock: Stock, q: Any) -> None:
        market = self._opend.engine.markets[stock.symbol]
        now = self._opend.now_ns()
        _name(q.security, stock)
        q.isSuspended, q.listTime, q.priceSpread, q.name = False, "2004-06-16", float(stock.tick), stock.name
        q.updateTime, q.updateTimestamp = _local(now, stock), now / 1e9
        q.highPrice, q.openPrice, q.lowPrice = float(market.high), float(market.open), float(market.low)
        q.curPrice, q.lastClosePrice = float(market.last), float(Decimal(stock.price))
        q.volume, q.turnover, q.turnoverRate, q.amplitude = int(market.volume), float(market.turnover), 0.1, 1.0
        q.secStatus = 1
        if stock.kind == 10:
            q.futureExData.lastSettlePrice, q.futureExData.position = float(Decimal(stock.price)), 12_345
            q.futureExData.positionChange = 12

    def _tell_trade(self, stock: Stock, trade: SimTrade, t: Any, *, cached: bool) -> None:
        t.time, t.timestamp = _local(trade.ts_ns, stock), trade.ts_ns / 1e9
        t.sequence, t.dir = trade.trade_id, 1 if trade.side == "buy" else 2
        t.price, t.volume = float(trade.price), int(trade.quantity)
        t.turnover = t.price * t.volume
        t.type, t.pushDataType = 1, 3 if cached else 1

    def _tell_static(self, stock: Stock, info: Any) -> None:
        basic = info.basic
        _name(basic.security, stock)
        basic.id, basic.secType, basic.name = abs(hash(stock.symbol)) % 2**40, stock.kind, stock.name
        basic.lotSize = stock.multiplier if stock.kind in (8, 10) else stock.lot
        basic.listTime, basic.delisting, basic.exchType = "2004-06-16", False, stock.exchange
        if stock.kind == 8:
            option = info.optionExData
            option.type, option.strikeTime, option.strikePrice = stock.right, stock.expiry, float(stock.strike)
            option.suspend, option.market = False, ""
            _name(option.owner, self._opend.stocks[stock.underlying or stock.symbol])
        elif stock.kind == 10:
            info.futureExData.lastTradeTime, info.futureExData.isMainContract = stock.expiry, True


def _name(security: Any, stock: Stock) -> None:
    security.market, security.code = stock.quote_market, stock.code


def _local(ns: int, stock: Stock) -> str:
    zone = ZONES[stock.symbol.partition(".")[0]]
    return datetime.fromtimestamp(ns / 1e9, zone).strftime("%Y-%m-%d %H:%M:%S")
