"""Ticks and contracts to canonical market data; pure, and quick where ticks pass."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from venuebus_schemas import Book, Event, Instrument, InstrumentKind, Quote, Right, Ticker

from .cleaning import known, label, name, text, told
from .daytime import SECOND, iso, time_of_tick, trading_day_of_tick
from .messages import Depth, InstrumentRow

KINDS = frozenset({"quote", "ticker", "book"})
LEVELS = 5
AHEAD = 180 * SECOND  # clocks differ by seconds; a stamp minutes ahead is last night's with today's date

_PRODUCTS: dict[str, str] = {
    "DCE": "a b bb bz c cs eb eg fb i j jd jm l lg lh m p pg pp rr v y",
    "GFEX": "lc pd ps pt si",
    "INE": "bc ec lu nr sc",
    "SHFE": "ad ag al ao au br bu cu fu hc ni op pb rb ru sn sp ss wr zn",
    "CFFEX": "HO IC IF IH IM IO MO T TF TL TS",
}
_CLASSES = {"1": InstrumentKind.FUTURE, "2": InstrumentKind.OPTION, "6": InstrumentKind.OPTION,
            "4": InstrumentKind.SPOT, "I": InstrumentKind.INDEX}  # fmt: skip
_BY_PRODUCT = {product: exchange for exchange, products in _PRODUCTS.items() for product in products.split()}


def exchange_of(symbol: str) -> str | None:
    """Return the exchange as a contract's name tells it; the contract query leads where it was asked."""
    word = symbol.split(" ", 1)[1] if symbol.startswith(("SP ", "SPD ", "IPS ")) and " " in symbol else symbol
    letters = len(word) - len(word.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    product = word[:letters]
    found = _BY_PRODUCT.get(product)
    if found is not None:
        return found
    digits = len(word[letters:]) - len(word[letters:].lstrip("0123456789"))
    return "CZCE" if product.isupper() and 1 <= letters <= 2 and digits == 3 else None


class Contract(msgspec.Struct, frozen=True):
    """What is known of a contract: where it trades and in which steps."""

    exchange: str
    tick: float | None = None
    multiplier: int | None = None
    max_quantity: int | None = None
    listed: bool = True


class _Last:
    """What the previous tick of a contract said, to tell how much traded since."""

    __slots__ = ("day", "turnover", "volume")

    def __init__(self, day: str, volume: int, turnover: float | None) -> None:
        self.day = day
        self.volume = volume
        self.turnover = turnover


class TickConverter:
    """Makes quote, ticker and book of every tick, for the symbols and kinds that somebody wants.

    ``exchange`` finds a contract's exchange (ticks of ordinary fronts do not name it). Memory: one small record
    per contract.
    """

    def __init__(self, exchange: Callable[[str], str | None], *, stale_after: float = 300.0) -> None:
        self._exchange = exchange
        self._stale = int(stale_after * SECOND)
        self._last: dict[str, _Last] = {}
        self.wanted: dict[str, frozenset[str]] = {}
        self.trading_day = ""
        self.unusable = 0

    def convert(self, depth: Depth, now_ns: int) -> list[Event]:
        """Return the events of one tick, nothing for a contract nobody subscribed.

        ``ts_venue`` is absent where the date fields cannot be brought into agreement with the clock; a snapshot
        far from the clock says so as ``extra.stale`` of the ticker.
        """
        symbol = name(depth.InstrumentID, depth.reserve1)
        if symbol is None:
            self.unusable += 1
            return []
        kinds = self.wanted.get(symbol)
        if kinds is None:
            return []
        exchange = depth.ExchangeID or self._exchange(symbol) or ""
        ts_venue, stale = self._time(depth, exchange, now_ns)
        events: list[Event] = []
        zero = "&" in symbol  # only spreads trade at 0; elsewhere 0 is the gateway's word for "none"
        if "quote" in kinds:
            events.append(_quote(depth, symbol, zero, now_ns, ts_venue))
        if "book" in kinds:
            events.append(to_book(depth, symbol, now_ns, ts_venue))
        if "ticker" in kinds:
            events.append(self._ticker(depth, symbol, exchange, zero, now_ns, ts_venue, stale))
        return events

    def forget(self, symbol: str) -> None:
        """Drop what is kept of a contract."""
        self._last.pop(symbol, None)
        self.wanted.pop(symbol, None)

    def _time(self, depth: Depth, exchange: str, now_ns: int) -> tuple[int | None, str | None]:
        ts = time_of_tick(exchange, depth.ActionDay, depth.TradingDay, depth.UpdateTime, depth.UpdateMillisec)
        if ts is None:
            return None, None
        if ts - now_ns > AHEAD:
            # The first tick after an 8:30 subscription may repeat last night's clock with today's date.
            again = time_of_tick("", "", depth.TradingDay, depth.UpdateTime, depth.UpdateMillisec)
            return (again, "ahead") if again is not None and again - now_ns <= AHEAD else (None, "ahead")
        return ts, "behind" if now_ns - ts > self._stale else None

    def _ticker(
        self, depth: Depth, symbol: str, exchange: str, zero: bool, now_ns: int, ts_venue: int | None, stale: str | None
    ) -> Ticker:
        day = trading_day_of_tick(exchange, depth.ActionDay, depth.TradingDay, depth.UpdateTime, self.trading_day)
        traded = zero and depth.Volume > 0
        return Ticker(
            ts_recv=now_ns, ts_venue=ts_venue, symbol=symbol, trading_day=day,
            last=_price(depth.LastPrice, traded), open=_price(depth.OpenPrice, traded),
            high=_price(depth.HighestPrice, traded), low=_price(depth.LowestPrice, traded),
            prev_close=_price(depth.PreClosePrice, zero), volume=str(depth.Volume),
            turnover=text(depth.Turnover), open_interest=text(depth.OpenInterest),
            settlement=_price(depth.SettlementPrice, False), limit_up=_price(depth.UpperLimitPrice, False),
            limit_down=_price(depth.LowerLimitPrice, False), extra=self._extra(depth, symbol, day or "", stale),
        )  # fmt: skip

    def _extra(self, depth: Depth, symbol: str, day: str, stale: str | None) -> dict[str, str] | None:
        extra: dict[str, str] = {}
        settled = _price(depth.PreSettlementPrice, False)
        if settled is not None:
            extra["pre_settlement"] = settled
        if stale is not None:
            extra["stale"] = stale
        last = self._last.get(symbol)
        volume, turnover = depth.Volume, depth.Turnover
        if last is None:
            self._last[symbol] = _Last(day, volume, turnover)
            return extra or None
        if last.day == day and stale is None and volume > last.volume:
            # What traded between two snapshots, in one number: how many trades and at which prices is not known.
            extra["volume_delta"] = str(volume - last.volume)
            if turnover is not None and last.turnover is not None:
                extra["turnover_delta"] = text(turnover - last.turnover) or "0"
        last.day, last.volume, last.turnover = day, volume, turnover
        return extra or None


def _price(value: float | None, zero: bool) -> str | None:
    if value:
        return told(value) or text(value)
    return text(value) if zero else None


def _quote(depth: Depth, symbol: str, zero: bool, now_ns: int, ts_venue: int | None) -> Quote:
    bid = _price(depth.BidPrice1, zero and depth.BidVolume1 > 0)
    ask = _price(depth.AskPrice1, zero and depth.AskVolume1 > 0)
    return Quote(
        ts_recv=now_ns, ts_venue=ts_venue, symbol=symbol,
        bid=bid, bid_size=str(depth.BidVolume1) if bid is not None else None,
        ask=ask, ask_size=str(depth.AskVolume1) if ask is not None else None,
    )  # fmt: skip


def to_book(depth: Depth, symbol: str, now_ns: int, ts_venue: int | None) -> Book:
    """Return up to five levels a side; a level without volume is none, whatever its price field holds."""
    zero = "&" in symbol
    bids = (
        (depth.BidPrice1, depth.BidVolume1), (depth.BidPrice2, depth.BidVolume2), (depth.BidPrice3, depth.BidVolume3),
        (depth.BidPrice4, depth.BidVolume4), (depth.BidPrice5, depth.BidVolume5),
    )  # fmt: skip
    asks = (
        (depth.AskPrice1, depth.AskVolume1), (depth.AskPrice2, depth.AskVolume2), (depth.AskPrice3, depth.AskVolume3),
        (depth.AskPrice4, depth.AskVolume4), (depth.AskPrice5, depth.AskVolume5),
    )  # fmt: skip
    return Book(
        ts_recv=now_ns, ts_venue=ts_venue, symbol=symbol, bids=_levels(bids, zero), asks=_levels(asks, zero),
        depth=LEVELS,
    )  # fmt: skip


def _levels(side: tuple[tuple[float | None, int], ...], zero: bool) -> list[tuple[str, str]]:
    return [
        (shown, str(size))
        for price, size in side
        # Prices repeat, so most are found where `_price` would look, without a call.
        if size > 0 and (shown := (price and told(price)) or _price(price, zero))
    ]


def to_instrument(row: InstrumentRow, now_ns: int) -> Instrument | None:
    """Return a contract, or ``None`` for a row without a usable name."""
    symbol = name(row.InstrumentID, row.reserve1)
    if symbol is None:
        return None
    option = row.ProductClass in ("2", "6")
    right = {"1": Right.CALL, "2": Right.PUT}.get(row.OptionsType)
    return Instrument(
        ts_recv=now_ns, symbol=symbol, venue_symbol=symbol, name=label(row.InstrumentName),
        kind=_CLASSES.get(row.ProductClass, InstrumentKind.OTHER),
        currency="CNY", quote="CNY", exchange=known(row.ExchangeID), tick_size=_price(row.PriceTick, False),
        lot_size="1", min_quantity=str(row.MinLimitOrderVolume) if row.MinLimitOrderVolume > 0 else None,
        max_quantity=str(row.MaxLimitOrderVolume) if row.MaxLimitOrderVolume > 0 else None,
        multiplier=str(row.VolumeMultiple) if row.VolumeMultiple > 0 else None, expiry=iso(row.ExpireDate),
        strike=_price(row.StrikePrice, False) if option else None, right=right if option else None,
        underlying=known(row.UnderlyingInstrID), tradable=bool(row.IsTrading) if row.IsTrading in (0, 1) else None,
    )  # fmt: skip


def to_contract(row: InstrumentRow) -> Contract | None:
    """Return what orders and ticks need to know of a contract."""
    exchange = known(row.ExchangeID)
    if exchange is None:
        return None
    tick = row.PriceTick if row.PriceTick is not None and 0 < row.PriceTick < 1e9 else None
    return Contract(
        exchange, tick, row.VolumeMultiple if row.VolumeMultiple > 0 else None,
        row.MaxLimitOrderVolume if row.MaxLimitOrderVolume > 0 else None, row.IsTrading != 0,
    )  # fmt: skip
