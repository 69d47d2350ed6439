"""What BTSE sends: books, deltas, quotes and trades."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from venuebus.testing.fakes import RecordingContext
from venuebus_btse import protocol
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


SAMPLES: dict[str, Callable[[], Sample]] = {
    "btse book": lambda: _btse("book", _btse_books(moving=False)),
    "btse book_delta": lambda: _btse("book_delta", _btse_books(moving=False)),
    "btse book_delta moving": _btse_moving,
    "btse quote": lambda: _btse("quote", _btse_quotes()),
    "btse trade": lambda: _btse("trade", _btse_trades()),
}
