"""What OpenD pushes: books and trades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from venuebus.testing.fakes import RecordingContext
from venuebus_futu import frame, messages
from venuebus_futu.config import FutuConfig
from venuebus_futu.feed import Feed
from venuebus_futu.pb import quote_pb2
from venuebus_futu.protocol import Connection
from venuebus_schemas import Event

from .sample import COUNT, NOW, Sample, Step


def _futu(kind: str) -> Sample:
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
    response = quote_pb2.UpdateTicker.Response(retType=0, retMsg="", errCode=0)
    response.s2c.security.market, response.s2c.security.code = 1, "00700"
    response.s2c.tickerList.add(
        time="2021-09-13 16:45:00.604", sequence=7001 + number, dir=1, price=480.2, volume=100 * number,
        turnover=48020.0, type=1, pushDataType=1, timestamp=NOW / 1e9,
    )  # fmt: skip
    return bytes(response.SerializeToString())


SAMPLES: dict[str, Callable[[], Sample]] = {
    "futu book": lambda: _futu("book"),
    "futu quote": lambda: _futu("quote"),
    "futu trade": lambda: _futu("trade"),
}
