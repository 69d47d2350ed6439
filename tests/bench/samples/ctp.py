"""What the gateway of CTP sends: ticks, orders and trades of the account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from venuebus import Secret
from venuebus.testing.fakes import RecordingContext
from venuebus_ctp.config import CtpConfig
from venuebus_ctp.index import OrderIndex
from venuebus_ctp.market import KINDS, TickConverter
from venuebus_ctp.protocol import MdProtocol, TdProtocol
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


# --- the account ----------------------------------------------------------------------------------------------


def _ctp_private(kind: str) -> Sample:
    def make(publish: Callable[[Event], None]) -> tuple[Step, Step]:
        config = CtpConfig(plugin="ctp", td_url="ws://127.0.0.1:1/td/", user_id="9", password=Secret("no"))
        index = OrderIndex(RecordingContext(config), "main")
        receive = TdProtocol().receive
        if kind == "fill":  # a fill is told behind its order
            for number in range(COUNT):
                order: Any = receive(_ctp_order(number))
                index.report(order.row, NOW)

        def convert(report: Any) -> None:
            event = index.report(report.row, NOW) if kind == "order" else index.trade(report.row, NOW)
            if event is not None:
                publish(event)

        return receive, convert

    frame = _ctp_order if kind == "order" else _ctp_trade
    return Sample(name=f"ctp {kind}", frames=[frame(number) for number in range(COUNT)], make=make)


def _ctp_order(number: int) -> bytes:
    row = {
        "BrokerID": "9999", "InvestorID": "9", "OrderRef": f"{number + 1:>12}", "UserID": "9", "OrderPriceType": "2",
        "Direction": "0", "CombOffsetFlag": "0", "CombHedgeFlag": "1", "LimitPrice": 780.02,
        "VolumeTotalOriginal": 3, "TimeCondition": "3", "GTDDate": "", "VolumeCondition": "1", "MinVolume": 0,
        "ContingentCondition": "1", "StopPrice": 0.0, "ForceCloseReason": "0", "RequestID": 0, "OrderLocalID": "",
        "ExchangeID": "SHFE", "ParticipantID": "9999", "ClientID": "99999", "TraderID": "9999cad",
        "OrderSubmitStatus": "3", "TradingDay": "20260922", "SettlementID": 1, "OrderSysID": f"{number + 100:>12}",
        "OrderStatus": "3", "OrderType": "0", "VolumeTraded": 0, "VolumeTotal": 3, "InsertDate": "20260922",
        "InsertTime": "10:00:20", "UpdateTime": "", "CancelTime": "", "FrontID": 1, "SessionID": 77,
        "StatusMsg": "未成交", "RelativeOrderSysID": "", "InstrumentID": "au2712", "ExchangeInstID": "au2712",
    }  # fmt: skip
    return json.dumps({"MsgType": "RtnOrder", "Order": row}).encode()


def _ctp_trade(number: int) -> bytes:
    row = {
        "BrokerID": "9999", "InvestorID": "9", "OrderRef": f"{number + 1:>12}", "UserID": "9", "ExchangeID": "SHFE",
        "TradeID": f"{number + 500:>12}", "Direction": "0", "OrderSysID": f"{number + 100:>12}", "OffsetFlag": "0",
        "ParticipantID": "9999", "ClientID": "99999", "HedgeFlag": "1", "Price": 780.02, "Volume": 3,
        "TradeDate": "20260922", "TradeTime": "10:00:21", "TraderID": "9999cad", "TradingDay": "20260922",
        "SettlementID": 1, "SequenceNo": 1, "InstrumentID": "au2712", "ExchangeInstID": "au2712",
    }  # fmt: skip
    return json.dumps({"MsgType": "RtnTrade", "Trade": row}).encode()


SAMPLES: dict[str, Callable[[], Sample]] = {
    "ctp fill": lambda: _ctp_private("fill"),
    "ctp order": lambda: _ctp_private("order"),
    "ctp tick": _ctp,
}
