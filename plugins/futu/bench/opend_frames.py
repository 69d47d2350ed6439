"""Pushes as OpenD sends them, one frame each: what the bench floods with, always the same for the same number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from venuebus_futu import frame, messages, names
from venuebus_futu.pb import quote_pb2, trade_pb2

REAL = 281756455988249903
SYMBOL, MARKET, CODE, NAME = "HK.00700", 1, "00700", "腾讯控股"
START = 1_790_000_000.0


def book(number: int) -> bytes:
    """Return ten levels a side; price and sizes move from push to push."""
    response = quote_pb2.UpdateOrderBook.Response(retType=0, retMsg="", errCode=0)
    s2c = response.s2c
    s2c.security.market, s2c.security.code, s2c.name = MARKET, CODE, NAME
    middle = 2400 + number % 50
    for level in range(10):
        size = 100 * (number % 37 + level + 1)
        s2c.orderBookBidList.add(price=(middle - level) / 5, volume=size, orederCount=3)
        s2c.orderBookAskList.add(price=(middle + 1 + level) / 5, volume=size, orederCount=2)
    s2c.svrRecvTimeBidTimestamp = s2c.svrRecvTimeAskTimestamp = _time(number)
    return frame.pack(messages.BOOK_PUSH, number, response.SerializeToString())


def trade(number: int) -> bytes:
    """Return one trade."""
    response = quote_pb2.UpdateTicker.Response(retType=0, retMsg="", errCode=0)
    response.s2c.security.market, response.s2c.security.code, response.s2c.name = MARKET, CODE, NAME
    price, volume = (2400 + number % 50) / 5, 100 * (number % 37 + 1)
    response.s2c.tickerList.add(
        time="2026-09-21 21:33:20.604", sequence=7_000_000_000_000_000_000 + number, dir=1 + number % 2, price=price,
        volume=volume, turnover=price * volume, recvTime=_time(number), type=1, typeSign=32, pushDataType=1,
        timestamp=_time(number),
    )  # fmt: skip
    return frame.pack(messages.TICKER_PUSH, number, response.SerializeToString())


def ticker(number: int) -> bytes:
    """Return one security's statistics of the day; volume and turnover grow with every push."""
    response = quote_pb2.UpdateBasicQot.Response(retType=0, retMsg="", errCode=0)
    response.s2c.basicQotList.add(
        security={"market": MARKET, "code": CODE}, isSuspended=False, listTime="2004-06-16", priceSpread=0.2,
        updateTime="2026-09-21 21:33:20", highPrice=490.2, openPrice=480.0, lowPrice=477.4,
        curPrice=(2400 + number % 50) / 5, lastClosePrice=479.8, volume=15_000_000 + 100 * number,
        turnover=7_200_000_000.0 + 48_040.2 * number, turnoverRate=0.162, amplitude=2.668, darkStatus=0,
        listTimestamp=1087315200.0, updateTimestamp=_time(number), secStatus=1, name=NAME,
    )  # fmt: skip
    return frame.pack(messages.BASIC_QUOTE_PUSH, number, response.SerializeToString())


def bar(number: int) -> bytes:
    """Return the newest bar of a minute that goes on; volume and turnover grow with every push."""
    response = quote_pb2.UpdateKL.Response(retType=0, retMsg="", errCode=0)
    s2c = response.s2c
    s2c.rehabType, s2c.klType, s2c.name = 0, 1, NAME
    s2c.security.market, s2c.security.code = MARKET, CODE
    s2c.klList.add(
        time="2026-09-21 21:34:00", isBlank=False, highPrice=490.2, openPrice=480.0, lowPrice=477.4,
        closePrice=(2400 + number % 50) / 5, lastClosePrice=479.8, volume=100 * number, turnover=48_040.2 * number,
        turnoverRate=0.0, pe=0.0, changeRate=0.0, timestamp=START + 40,
    )  # fmt: skip
    return frame.pack(messages.BAR_PUSH, number, response.SerializeToString())


def order(number: int) -> bytes:
    """Return the push of an order of its own, just accepted."""
    response = trade_pb2.UpdateOrder.Response(retType=0, retMsg="", errCode=0)
    _header(response.s2c.header)
    order_id = 10**18 + number
    fields: dict[str, Any] = {
        "trdSide": 1, "orderType": 1, "orderStatus": 5, "orderID": order_id, "orderIDEx": f"EX{order_id}",
        "code": CODE, "name": NAME, "qty": 100.0, "price": (2400 + number % 50) / 5, "fillQty": 0.0,
        "createTime": "2026-09-21 21:33:20.313", "updateTime": "2026-09-21 21:33:20.568", "fillAvgPrice": 0.0,
        "secMarket": 1, "createTimestamp": _time(number), "updateTimestamp": _time(number + 20),
        "remark": f"bench-{order_id}", "timeInForce": 0, "currency": 1, "trdMarket": 1,
    }  # fmt: skip
    for name, value in fields.items():
        setattr(response.s2c.order, name, value)
    return frame.pack(messages.ORDER_PUSH, number, response.SerializeToString())


def fill(number: int) -> bytes:
    """Return the fill of an order of its own."""
    response = trade_pb2.UpdateOrderFill.Response(retType=0, retMsg="", errCode=0)
    _header(response.s2c.header)
    order_id = 10**18 + number
    fields: dict[str, Any] = {
        "trdSide": 1, "fillID": 10**17 + number, "fillIDEx": f"F{10**17 + number}", "orderID": order_id,
        "orderIDEx": f"EX{order_id}", "code": CODE, "name": NAME, "qty": 100.0, "price": (2400 + number % 50) / 5,
        "createTime": "2026-09-21 21:33:20.313", "counterBrokerID": 5, "counterBrokerName": "Futu", "secMarket": 1,
        "createTimestamp": _time(number), "updateTimestamp": _time(number), "status": 0, "trdMarket": 1,
    }  # fmt: skip
    for name, value in fields.items():
        setattr(response.s2c.orderFill, name, value)
    return frame.pack(messages.FILL_PUSH, number, response.SerializeToString())


def _header(header: Any) -> None:
    header.trdEnv, header.accID, header.trdMarket = names.REAL, REAL, 1


def _time(number: int) -> float:
    return START + number * 0.000_613  # microseconds, as OpenD tells them


PUSHES: dict[str, Callable[[int], bytes]] = {
    "quote": book, "book": book, "trade": trade, "ticker": ticker, "bar": bar, "order": order, "fill": fill,
}  # fmt: skip
"""What is published → the push that it is made of."""
SUBTYPES = {"quote": names.SUB_BOOK, "book": names.SUB_BOOK, "trade": names.SUB_TICKER, "ticker": names.SUB_BASIC,
            "bar": names.BAR_SUBTYPES["1m"]}  # fmt: skip
"""What is published → the subscription that OpenD pushes it for."""
