"""What BTSE sends: books, deltas, quotes and trades, orders and fills of the account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from venuebus import Secret
from venuebus.testing.fakes import RecordingContext
from venuebus_btse import protocol
from venuebus_btse.account import AccountFeed
from venuebus_btse.config import BtseConfig
from venuebus_btse.market import MarketFeed
from venuebus_schemas import Event

from .sample import COUNT, NOW, Sample, Step


def _btse(kind: str, frames: list[str]) -> Sample:
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


# --- the account ----------------------------------------------------------------------------------------------


def _btse_private(kind: str) -> Sample:
    def make(publish: Callable[[Event], None]) -> tuple[Step, Step]:
        context = RecordingContext(BtseConfig(plugin="btse", api_key=Secret("key"), api_secret=Secret("secret")))
        context.publish = publish  # type: ignore[method-assign,assignment]
        feed = AccountFeed(context, "main")
        handler: Callable[[Any, int], None] = feed.on_notices if kind == "order" else feed.on_fills
        return protocol.read_spot, lambda message: handler(message.rows, NOW)

    frame = _btse_notice if kind == "order" else _btse_fill
    return Sample(name=f"btse {kind}", frames=[frame(number) for number in range(COUNT)], make=make)


def _btse_notice(number: int) -> str:
    row = {
        "status": 2, "symbol": "BTC-USD", "orderType": 76, "price": 60000.5, "side": "BUY", "type": "limit",
        "orderID": f"0c6d2ed6-0000-4a1a-9d44-{number:012}", "clOrderID": f"order-{number}", "triggerPrice": 0,
        "timestamp": 1_795_253_672_640 + number, "avgFilledPrice": 0, "postOnly": False, "time_in_force": "GTC",
        "originalOrderBaseSize": 0.5, "currentOrderBaseSize": 0.5, "totalFilledBaseSize": 0,
        "remainingBaseSize": 0.5, "orderCurrency": "base", "stealth": 1, "deviation": 1,
    }  # fmt: skip
    return json.dumps({"topic": "notificationApiV3", "data": [row]}, separators=(",", ":"))


def _btse_fill(number: int) -> str:
    row = {
        "tradeId": f"7f4c2ed6-0000-4a1a-9d44-{number:012}", "orderId": f"0c6d2ed6-0000-4a1a-9d44-{number:012}",
        "clOrderId": f"order-{number}", "serialId": str(number + 1000), "symbol": "BTC-USD", "side": "BUY",
        "orderType": 76, "type": 76, "price": "60000.5", "size": "0.25", "feeAmount": "7.5", "feeCurrency": "USD",
        "base": "BTC", "quote": "USD", "maker": "true", "timestamp": 1_795_253_672_640 + number,
    }  # fmt: skip
    return json.dumps({"topic": "fills", "data": [row]}, separators=(",", ":"))


SAMPLES: dict[str, Callable[[], Sample]] = {
    "btse book": lambda: _btse("book", _btse_books(moving=False)),
    "btse book_delta": lambda: _btse("book_delta", _btse_books(moving=False)),
    "btse book_delta moving": _btse_moving,
    "btse fill": lambda: _btse_private("fill"),
    "btse order": lambda: _btse_private("order"),
    "btse quote": lambda: _btse("quote", _btse_quotes()),
    "btse trade": lambda: _btse("trade", _btse_trades()),
}
