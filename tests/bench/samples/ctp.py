"""What the gateway of CTP sends: ticks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from venuebus_ctp.market import KINDS, TickConverter
from venuebus_ctp.protocol import MdProtocol
from venuebus_schemas import Event

from .sample import COUNT, NOW, Sample, Step


def _ctp() -> Sample:
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


SAMPLES: dict[str, Callable[[], Sample]] = {"ctp tick": _ctp}
