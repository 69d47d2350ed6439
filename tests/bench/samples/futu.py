"""What OpenD pushes: books, trades, tickers and bars, orders and fills of the account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from venuebus.testing.fakes import RecordingContext
from venuebus_futu import frame, messages, names
from venuebus_futu.accounts import Account
from venuebus_futu.config import FutuConfig
from venuebus_futu.convert_orders import Book
from venuebus_futu.feed import Feed
from venuebus_futu.pb import quote_pb2, trade_pb2
from venuebus_futu.protocol import Connection
from venuebus_futu.trading import Trading
from venuebus_schemas import Event

from .sample import COUNT, NOW, Sample, Step


def _futu(kind: str) -> Sample:
    proto, push = {
        "bar": (messages.BAR_PUSH, _futu_bar),
        "book": (messages.BOOK_PUSH, _futu_book),
        "quote": (messages.BOOK_PUSH, _futu_book),
        "ticker": (messages.BASIC_QUOTE_PUSH, _futu_ticker),
        "trade": (messages.TICKER_PUSH, _futu_trade),
    }[kind]

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

        special = {"trade": feed.on_trades, "ticker": feed.on_tickers, "bar": feed.on_bars}
        handler = special.get(kind, feed.on_book)
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


def _futu_ticker(number: int) -> bytes:
    response = quote_pb2.UpdateBasicQot.Response(retType=0, retMsg="", errCode=0)
    quote = response.s2c.basicQotList.add(
        isSuspended=False, listTime="2004-06-16", priceSpread=0.2, name="腾讯控股", updateTime="2021-09-13 16:45:00",
        updateTimestamp=NOW / 1e9, highPrice=485.0, openPrice=479.8, lowPrice=478.2, curPrice=480.2,
        lastClosePrice=479.0, volume=1_000_000 + number, turnover=480_020_000.0, turnoverRate=0.1, amplitude=1.0,
        secStatus=1,
    )  # fmt: skip
    quote.security.market, quote.security.code = 1, "00700"
    return bytes(response.SerializeToString())


def _futu_bar(number: int) -> bytes:
    response = quote_pb2.UpdateKL.Response(retType=0, retMsg="", errCode=0)
    response.s2c.rehabType, response.s2c.klType = 1, 1
    response.s2c.security.market, response.s2c.security.code = 1, "00700"
    response.s2c.klList.add(
        time="2021-09-13 16:45:00", isBlank=False, highPrice=480.6, openPrice=480.0, lowPrice=479.8,
        closePrice=480.2, lastClosePrice=480.0, volume=1000 + number, turnover=480_200.0, timestamp=1_631_522_700.0,
    )  # fmt: skip
    return bytes(response.SerializeToString())


# --- the account ----------------------------------------------------------------------------------------------

REAL = 281756455988249903


def _futu_private(kind: str) -> Sample:
    proto, push = {"order": (messages.ORDER_PUSH, _futu_order), "fill": (messages.FILL_PUSH, _futu_fill)}[kind]

    def make(publish: Callable[[Event], None]) -> tuple[Step, Step]:
        context = RecordingContext(FutuConfig(plugin="futu"))
        context.publish = publish  # type: ignore[method-assign,assignment]
        nothing: Any = None
        trading = Trading(context, nothing, 1, nothing, 1.0)
        account = Account(
            alias="main", acc_id=REAL, real=True, markets=frozenset({1}), first_market=1, firm=1, book=Book("main")
        )
        trading.enter({"main": account})
        connection = Connection()

        def decode(data: bytes) -> Any:
            (item,) = connection.receive(data)
            return messages.response(item).s2c  # type: ignore[arg-type]

        handler = trading.on_order if kind == "order" else trading.on_fill
        return decode, lambda s2c: handler(s2c, NOW)

    frames = [frame.pack(proto, number, push(number)) for number in range(1, COUNT + 1)]
    return Sample(name=f"futu {kind}", frames=frames, make=make)


def _futu_order(number: int) -> bytes:
    response = trade_pb2.UpdateOrder.Response(retType=0, retMsg="", errCode=0)
    header, order = response.s2c.header, response.s2c.order
    header.trdEnv, header.accID, header.trdMarket = names.REAL, REAL, 1
    fields: dict[str, Any] = {
        "trdSide": 1, "orderType": 1, "orderStatus": 5, "orderID": 10**18 + number, "orderIDEx": f"EX{number}",
        "code": "00700", "name": "腾讯控股", "qty": 100.0, "price": 480.2, "fillQty": 0.0, "fillAvgPrice": 0.0,
        "createTime": "2021-09-13 16:45:00.313", "updateTime": "2021-09-13 16:45:00.568", "secMarket": 1,
        "createTimestamp": NOW / 1e9, "updateTimestamp": NOW / 1e9, "remark": f"order-{number}", "timeInForce": 0,
        "currency": 1, "trdMarket": 1,
    }  # fmt: skip
    for name, value in fields.items():
        setattr(order, name, value)
    return bytes(response.SerializeToString())


def _futu_fill(number: int) -> bytes:
    response = trade_pb2.UpdateOrderFill.Response(retType=0, retMsg="", errCode=0)
    header, fill = response.s2c.header, response.s2c.orderFill
    header.trdEnv, header.accID, header.trdMarket = names.REAL, REAL, 1
    fields: dict[str, Any] = {
        "trdSide": 1, "fillID": 2_147_483_648_000 + number, "fillIDEx": f"FX{number}", "orderID": 10**18 + number,
        "orderIDEx": f"EX{number}", "code": "00700", "name": "腾讯控股", "qty": 100.0, "price": 480.2,
        "createTime": "2021-09-13 16:45:00.313", "createTimestamp": NOW / 1e9, "secMarket": 1, "status": 0,
        "trdMarket": 1,
    }  # fmt: skip
    for name, value in fields.items():
        setattr(fill, name, value)
    return bytes(response.SerializeToString())


SAMPLES: dict[str, Callable[[], Sample]] = {
    "futu bar": lambda: _futu("bar"),
    "futu book": lambda: _futu("book"),
    "futu fill": lambda: _futu_private("fill"),
    "futu order": lambda: _futu_private("order"),
    "futu quote": lambda: _futu("quote"),
    "futu ticker": lambda: _futu("ticker"),
    "futu trade": lambda: _futu("trade"),
}
