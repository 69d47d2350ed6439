"""Public REST endpoints: markets, prices, books, trades, candles, time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from venuebus.simulation import Market, MatchingEngine

from .answers import envelope

RESOLUTIONS = {"1", "5", "15", "30", "60", "240", "360", "1440", "10080", "43200"}
DAY_MS = 86_400_000
CANDLES = 300
Query = Mapping[str, str]


class PublicEndpoints:
    """Answers from the engine's state alone; every method takes the query and returns what is put into JSON."""

    def __init__(self, engine: Callable[[], MatchingEngine], *, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ms = now_ms

    def market_summary(self, query: Query) -> Any:
        """Every market, or one."""
        return [self._summary(market) for market in self._markets(query)]

    def price(self, query: Query) -> Any:
        """Index and last price."""
        return [
            {
                "symbol": market.symbol,
                "indexPrice": float(market.mid) * 1.0000001,
                "lastPrice": market.last,
                "markPrice": 0,
            }
            for market in self._markets(query)
        ]

    def ohlcv(self, query: Query) -> Any:
        """Candles, newest first, in whole seconds; the past of a simulated market is a wave around its price."""
        market = self._market(query)
        resolution = query.get("resolution", "")
        if resolution not in RESOLUTIONS:
            raise envelope(-2, f"Invalid resolution: {resolution}")
        step = int(resolution) * 60
        end = whole(query, "end", self._now_ms()) // 1000
        start = whole(query, "start", (end - step * (CANDLES - 1)) * 1000) // 1000
        first, last = start // step, end // step
        buckets = range(last, max(first, last - CANDLES + 1) - 1, -1)
        return [_candle(market, bucket * step, newest=bucket == self._now_ms() // 1000 // step) for bucket in buckets]

    def orderbook(self, query: Query) -> Any:
        """Aggregated book (grouping is taken and, as observed on the socket, without effect)."""
        return self._book(query, whole(query, "limit_bids", 50), whole(query, "limit_asks", 50))

    def orderbook_l2(self, query: Query) -> Any:
        """Book to a depth."""
        depth = whole(query, "depth", 50)
        return self._book(query, depth, depth)

    def trades(self, query: Query) -> Any:
        """Public trades, newest first: 30 days at most, 3 where a bound is missing."""
        market = self._market(query)
        start, end = window(query, self._now_ms(), both=30 * DAY_MS, one=3 * DAY_MS)
        found = [
            {
                "price": trade.price,
                "size": trade.quantity,
                "side": trade.side.upper(),
                "symbol": trade.symbol,
                "serialId": trade.trade_id,
                "timestamp": trade.ts_ns // 1_000_000,
            }
            for trade in reversed(self._engine().trades[market.symbol])
            if start <= trade.ts_ns // 1_000_000 <= end
        ]
        return found[: whole(query, "count", 100)]

    def time(self, query: Query) -> Any:
        """The venue's clock: text with milliseconds, epoch in seconds."""
        now = datetime.fromtimestamp(self._now_ms() / 1000, UTC)
        return {"iso": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z", "epoch": self._now_ms() // 1000}

    def _market(self, query: Query) -> Market:
        symbol = query.get("symbol", "")
        market = self._engine().markets.get(symbol)
        if market is None:
            raise envelope(-7006, f"Symbol not found: {symbol}")
        return market

    def _markets(self, query: Query) -> list[Market]:
        return [self._market(query)] if query.get("symbol") else list(self._engine().markets.values())

    def _book(self, query: Query, bids: int, asks: int) -> Any:
        market = self._market(query)
        buys, sells = self._engine().book(market.symbol, max(1, bids, asks))
        return {
            "buyQuote": _quotes(buys[:bids]),
            "sellQuote": _quotes(sells[:asks][::-1]),
            "timestamp": self._now_ms(),
            "symbol": market.symbol,
        }

    def _summary(self, market: Market) -> dict[str, Any]:
        bids, asks = self._engine().book(market.symbol, 1)
        zeros = ("openInterest", "openInterestUSD", "contractStart", "contractEnd", "openTime", "closeTime")
        more = ("startMatching", "inactiveTime", "fundingRate", "contractSize", "maxPosition", "minRiskLimit")
        return {
            "symbol": market.symbol,
            "last": market.last,
            "lowestAsk": asks[0][0] if asks else 0,
            "highestBid": bids[0][0] if bids else 0,
            "percentageChange": (market.last - market.open) / market.open * 100,
            "volume": market.turnover,
            "high24Hr": market.high,
            "low24Hr": market.low,
            "base": market.base,
            "quote": market.quote,
            "active": True,
            "size": market.volume,
            "minValidPrice": market.tick,
            "minPriceIncrement": market.tick,
            "minOrderSize": market.min_quantity,
            "maxOrderSize": market.max_quantity,
            "minSizeIncrement": market.lot,
            **dict.fromkeys(zeros, 0),
            "timeBasedContract": False,
            **dict.fromkeys(more, 0),
            "maxRiskLimit": 0,
            "availableSettlement": None,
            "futures": False,
            "isMarketOpenToOtc": False,
            "isMarketOpenToSpot": True,
        }


def whole(query: Query, name: str, default: int) -> int:
    """Return a whole number of the query, ``default`` if it is not given.

    Raises:
        Refusal: it is none.
    """
    text = query.get(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise envelope(-2, f"Invalid {name}: {text}") from None


def window(query: Query, now_ms: int, *, both: int, one: int) -> tuple[int, int]:
    """Return start and end in ms; a span that is too long loses its beginning, without a word."""
    start, end = whole(query, "startTime", 0), whole(query, "endTime", 0)
    if start and end:
        return max(start, end - both), end
    if start:
        return start, start + one
    end = end or now_ms
    return end - one, end


def _quotes(levels: list[tuple[Decimal, Decimal]]) -> list[dict[str, str]]:
    return [{"price": f"{price:f}", "size": f"{size:f}"} for price, size in levels]


def _candle(market: Market, second: int, *, newest: bool) -> list[Any]:
    def at(moment: int) -> Decimal:
        wave = Decimal(str(round(math.sin(moment / 7000) * 0.004, 6)))
        return market.open * (1 + wave) // market.tick * market.tick

    start, end = at(second), market.last if newest else at(second + 60)
    return [second, start, max(start, end), min(start, end), end, round(100 + 50 * math.sin(second / 900), 4)]
