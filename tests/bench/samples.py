"""Messages of every venue and kind, always the same, and the steps that a bridge takes with each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from venuebus.bus.pieces import Address
from venuebus.context import Context
from venuebus.limits import RateLimits
from venuebus.outbox import MarketOutbox
from venuebus.testing.fakes import RecordingContext
from venuebus_schemas import Event, Subjects

NOW = 1_790_000_000_000_000_000
COUNT = 40
Step = Callable[[Any], Any]


class Sample(msgspec.Struct, kw_only=True):
    """One kind of message of one venue.

    Attributes:
        frames: as they come from the socket; the first ``skipped`` only prepare (a snapshot, the first of its symbol).
        published: events that each of the others becomes.
        make: returns the plugin's steps decode and convert, anew; convert publishes into what it is given.
    """

    name: str
    frames: list[Any]
    make: Callable[[Callable[[Event], None]], tuple[Step, Step]]
    published: int = 1
    skipped: int = 2


class Pipeline:
    """The steps of one sample, from the start: decode, convert, publish."""

    def __init__(self, sample: Sample) -> None:
        self._events: list[Event] = []
        self.decode, self.convert = sample.make(self._events.append)
        outbox = MarketOutbox(_Nobody(), Subjects(), "venue", max_events=1_000_000)
        told: Any = _nothing
        notices: Any = None
        self.publish = Context(
            "venue", None, {}, outbox, notices, RateLimits(()), {}, on_degraded=told, on_recovered=told, on_resync=told
        ).publish

    def events(self) -> list[Event]:
        """Return what was converted since the last call."""
        events = list(self._events)
        self._events.clear()
        return events


class _Nobody:
    is_congested = False

    async def publish_all(self, messages: Sequence[tuple[Address, bytes]]) -> None:
        """Never called: nobody drains."""


def _nothing(*args: object) -> None:
    """Take what a session may tell."""


# --- BTSE -----------------------------------------------------------------------------------------------------


def _btse(kind: str, frames: list[str]) -> Sample:
    from venuebus_btse import protocol
    from venuebus_btse.config import BtseConfig
    from venuebus_btse.market import MarketFeed

    def make(publish: Callable[[Event], None]) -> tuple[Step, Step]:
        context = RecordingContext(BtseConfig(plugin="btse", symbols=("BTC-USD",), market_data=(kind,)))
        context.publish = publish  # type: ignore[method-assign,assignment]
        feed = MarketFeed(context, lost)
        feed.want(["BTC-USD"], [kind])
        if kind == "trade":
            return protocol.read_spot, lambda message: feed.on_trades(message.rows, NOW)
        return protocol.read_oss, lambda message: feed.on_book(message, NOW)

    def lost(symbol: str) -> None:
        raise RuntimeError(f"the book of {symbol} was lost")

    return Sample(name=f"btse {kind}", frames=frames, make=make)


def _btse_books(*, moving: bool) -> list[str]:
    """Return a snapshot of 50 levels a side, then updates of 5 a side: sizes alone, or prices that come and go, too."""

    def sides(levels: range, number: int) -> tuple[list[Any], list[Any]]:
        bids = [[f"{60000 - level / 2 - 0.5:.1f}", f"0.{5000 + 100 * level + number}"] for level in levels]
        return bids, [[f"{60000 + level / 2 + 0.5:.1f}", f"1.{5000 + 100 * level + number}"] for level in levels]

    frames = []
    for number in range(COUNT):
        start = 0 if number == 0 else number * 5 % 45
        bids, asks = sides(range(50) if number == 0 else range(start, start + 5), number)
        if moving and number:
            price = f"{60000 - start / 2 - 0.75:.2f}"
            bids[-1] = [price, "0.75"]
            asks[-1][1] = "0"
        frames.append(json.dumps({"topic": "update:BTC-USD_0", "data": {
            "bids": bids, "asks": asks, "type": "delta" if number else "snapshot", "symbol": "BTC-USD",
            "seqNum": 628_283 + number, "prevSeqNum": 628_282 + number, "timestamp": 1_795_253_672_339 + number,
        }}, separators=(",", ":")))  # fmt: skip
    return frames


def _btse_moving() -> Sample:
    sample = _btse("book_delta", _btse_books(moving=True))
    return msgspec.structs.replace(sample, name="btse book_delta moving")


def _btse_quotes() -> list[str]:
    return [
        f'{{"topic":"snapshotL1:BTC-USD","data":{{"bids":[["59999.5","0.{n + 1000}"]],"asks":[["60000.5","1.{n}"]],'
        f'"type":"snapshotL1","symbol":"BTC-USD","timestamp":{1_795_253_672_339 + n}}}}}'
        for n in range(COUNT)
    ]


def _btse_trades() -> list[str]:
    return [
        '{"topic":"tradeHistoryApi:BTC-USD","data":[{"symbol":"BTC-USD","side":"BUY","size":0.'
        f'{n + 11},"price":60000.5,"tradeId":{118_986_857 + n},"timestamp":{1_795_253_672_640 + n}}}]}}'
        for n in range(COUNT)
    ]


# --- Futu -----------------------------------------------------------------------------------------------------


def _futu(kind: str) -> Sample:
    from venuebus_futu import frame, messages
    from venuebus_futu.config import FutuConfig
    from venuebus_futu.feed import Feed
    from venuebus_futu.protocol import Connection

    proto, push = {"book": (messages.BOOK_PUSH, _futu_book), "quote": (messages.BOOK_PUSH, _futu_book),
                   "trade": (messages.TICKER_PUSH, _futu_trade)}[kind]  # fmt: skip

    def make(publish: Callable[[Event], None]) -> tuple[Step, Step]:
        context = RecordingContext(FutuConfig(plugin="futu"))
        context.publish = publish  # type: ignore[method-assign,assignment]
        link: Any = None
        feed = Feed(context, link, 1.0)
        feed._wanted["HK.00700"] = {kind}
        connection = Connection()

        def decode(data: bytes) -> Any:
            (item,) = connection.receive(data)
            return messages.response(item).s2c  # type: ignore[arg-type]

        handler = feed.on_trades if kind == "trade" else feed.on_book
        return decode, lambda s2c: handler(s2c, NOW)

    frames = [frame.pack(proto, number, push(number)) for number in range(1, COUNT + 1)]
    return Sample(name=f"futu {kind}", frames=frames, make=make)


def _futu_book(number: int) -> bytes:
    from venuebus_futu.pb import quote_pb2

    response = quote_pb2.UpdateOrderBook.Response(retType=0, retMsg="", errCode=0)
    book = response.s2c
    book.security.market, book.security.code, book.name = 1, "00700", "腾讯控股"
    for level in range(10):
        size = 100 * (number + level + 1)
        book.orderBookBidList.add(price=(2400 - level) / 5, volume=size, orederCount=3)
        book.orderBookAskList.add(price=(2401 + level) / 5, volume=size, orederCount=2)
    book.svrRecvTimeBidTimestamp = book.svrRecvTimeAskTimestamp = NOW / 1e9
    return bytes(response.SerializeToString())


def _futu_trade(number: int) -> bytes:
    from venuebus_futu.pb import quote_pb2

    response = quote_pb2.UpdateTicker.Response(retType=0, retMsg="", errCode=0)
    response.s2c.security.market, response.s2c.security.code = 1, "00700"
    response.s2c.tickerList.add(
        time="2021-09-13 16:45:00.604", sequence=7001 + number, dir=1, price=480.2, volume=100 * number,
        turnover=48020.0, type=1, pushDataType=1, timestamp=NOW / 1e9,
    )  # fmt: skip
    return bytes(response.SerializeToString())


# --- CTP ------------------------------------------------------------------------------------------------------


def _ctp() -> Sample:
    from venuebus_ctp.market import KINDS, TickConverter
    from venuebus_ctp.protocol import MdProtocol

    def make(publish: Callable[[Event], None]) -> tuple[Step, Step]:
        converter = TickConverter(lambda symbol: "SHFE")
        converter.wanted["au2712"] = KINDS

        def convert(depth: Any) -> None:
            for event in converter.convert(depth, NOW):
                publish(event)

        return MdProtocol().receive, convert

    return Sample(name="ctp tick", frames=[_ctp_tick(n) for n in range(COUNT)], make=make, published=len(KINDS))


def _ctp_tick(number: int) -> bytes:
    unset = 1.7976931348623157e308
    row: dict[str, Any] = {
        "TradingDay": "20260922", "ActionDay": "20260922", "InstrumentID": "au2712", "ExchangeID": "",
        "UpdateTime": f"21:{number:02}:20", "UpdateMillisec": 500, "LastPrice": 780.02, "OpenPrice": 779.0,
        "HighestPrice": 781.5, "LowestPrice": 778.8, "PreClosePrice": 779.5, "PreSettlementPrice": 779.6,
        "SettlementPrice": unset, "UpperLimitPrice": 840.0, "LowerLimitPrice": 720.0, "Volume": 1000 + number,
        "Turnover": 780020000.0 + 780020 * number, "OpenInterest": 25000.0 + number, "ClosePrice": unset,
    }  # fmt: skip
    for level in range(1, 6):
        row |= {f"BidPrice{level}": 780.02 - level / 50, f"BidVolume{level}": number + level,
                f"AskPrice{level}": 780.02 + level / 50, f"AskVolume{level}": number + 2 * level}  # fmt: skip
    return json.dumps({"MsgType": "RtnDepthMarketData", "DepthMarketData": row}).encode()


SAMPLES: dict[str, Callable[[], Sample]] = {
    "btse book_delta": lambda: _btse("book_delta", _btse_books(moving=False)),
    "btse book_delta moving": _btse_moving,
    "btse book": lambda: _btse("book", _btse_books(moving=False)),
    "btse quote": lambda: _btse("quote", _btse_quotes()),
    "btse trade": lambda: _btse("trade", _btse_trades()),
    "futu book": lambda: _futu("book"),
    "futu quote": lambda: _futu("quote"),
    "futu trade": lambda: _futu("trade"),
    "ctp tick": _ctp,
}
"""Made when asked for: the plugin may not be installed."""
