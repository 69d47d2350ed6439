"""The counter's structs as the gateway writes them: every field, with the values that nobody set."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..daytime import SECOND, SHANGHAI, time_of

DBL_MAX = 1.7976931348623157e308
DENORMAL = 6.92492106609455e-310
STRAY = "\udcb0"
Row = dict[str, Any]


@dataclass(slots=True)
class SimContract:
    """One contract of the simulated exchanges."""

    symbol: str
    exchange: str
    product: str
    tick: str
    multiplier: int
    mid: str
    name: str
    product_class: str = "1"
    expiry: str = "20271215"
    strike: float = DBL_MAX
    right: str = "\0"
    underlying: str = ""


CONTRACTS = (
    SimContract("au2712", "SHFE", "au", "0.02", 1000, "780", "黄金2712"),
    SimContract("sc2712", "INE", "sc", "0.1", 1000, "520", "原油2712"),
    SimContract("m2709", "DCE", "m", "1", 10, "3000", "豆粕2709"),
    SimContract("TA709", "CZCE", "TA", "2", 5, "4800", "PTA709"),
    SimContract("IF2712", "CFFEX", "IF", "0.2", 300, "4000", "沪深2712"),
    SimContract("si2711", "GFEX", "si", "5", 5, "9000", "工业硅2711"),
    SimContract("m2709-C-3000", "DCE", "m_o", "0.5", 10, "120", "豆粕购3000", "2", strike=3000.0, right="1",
                underlying="m2709"),
)  # fmt: skip


@dataclass(slots=True)
class Stamp:
    """Where a moment falls in the exchanges' calendar."""

    trading_day: str
    calendar_day: str
    clock: str
    millisecond: int = 0

    def tick_days(self, exchange: str) -> tuple[str, str]:
        """Return ActionDay and TradingDay as the exchange writes them: DCE's and CZCE's are wrong at night."""
        if exchange == "DCE":
            return self.trading_day, self.trading_day
        return self.calendar_day, self.calendar_day if exchange == "CZCE" else self.trading_day


def stamp(now_ns: int) -> Stamp:
    """Return the trading day and clock of a moment; on a weekend's night, which has no session, 15:00 of that day."""
    local = datetime.fromtimestamp(now_ns // SECOND, SHANGHAI)
    clock, calendar = local.strftime("%H:%M:%S"), local.strftime("%Y%m%d")
    for ahead in range(5):
        trading_day = (local.date() + timedelta(days=ahead)).strftime("%Y%m%d")
        if time_of(trading_day, clock) == now_ns // SECOND * SECOND:
            return Stamp(trading_day, calendar, clock, now_ns // 1_000_000 % 1000)
    return Stamp(calendar, calendar, "15:00:00")


@dataclass(slots=True)
class Held:
    """One side of one contract: lots of today and older ones."""

    today: int = 0
    older: int = 0
    at_open: int = 0
    cost: float = 0.0
    frozen_today: int = 0
    frozen_older: int = 0
    profit: float = 0.0

    @property
    def total(self) -> int:
        """All lots held."""
        return self.today + self.older


@dataclass(slots=True)
class SimAccount:
    """One account at the counter."""

    user_id: str
    password: str
    broker_id: str
    balance: float = 10_000_000.0
    commission: float = 0.0
    settled: bool = True
    wrong_passwords: int = 0
    held: dict[tuple[str, str], Held] = field(default_factory=dict)


def login_row(account: SimAccount, front: int, session: int, max_ref: str, at: Stamp) -> Row:
    """Answer to a login on the trading side."""
    return {
        "UserID": account.user_id, "BrokerID": account.broker_id, "FrontID": front, "SessionID": session,
        "MaxOrderRef": max_ref, "SystemName": "TradingHosting", "TradingDay": at.trading_day, "LoginTime": at.clock,
        "SHFETime": at.clock, "DCETime": at.clock, "CZCETime": at.clock, "FFEXTime": at.clock, "INETime": "--:--:--",
    }  # fmt: skip


def order_row(order: Row, account: SimAccount, front: int, session: int, at: Stamp, request_id: int) -> Row:
    """The first state of an order, before the exchange has seen it."""
    volume = order["VolumeTotalOriginal"]
    return {
        "BrokerID": account.broker_id, "InvestorID": account.user_id, "OrderRef": order["OrderRef"],
        "UserID": account.user_id, "OrderPriceType": order["OrderPriceType"], "Direction": order["Direction"],
        "CombOffsetFlag": order["CombOffsetFlag"], "CombHedgeFlag": order["CombHedgeFlag"],
        "LimitPrice": order["LimitPrice"], "VolumeTotalOriginal": volume,
        "TimeCondition": order["TimeCondition"], "GTDDate": "", "VolumeCondition": order["VolumeCondition"],
        "MinVolume": order.get("MinVolume", 0), "ContingentCondition": order["ContingentCondition"],
        "StopPrice": order.get("StopPrice", 0.0), "ForceCloseReason": "0", "IsAutoSuspend": 0,
        "BusinessUnit": "9999cad", "RequestID": order.get("RequestID", request_id), "OrderLocalID": "",
        "ExchangeID": order["ExchangeID"], "ParticipantID": "9999", "ClientID": f"9999{account.user_id}",
        "TraderID": "9999cad", "InstallID": 1, "OrderSubmitStatus": "0", "NotifySequence": 0,
        "TradingDay": at.trading_day, "SettlementID": 1, "OrderSysID": "", "OrderSource": "0", "OrderStatus": "a",
        "OrderType": "0", "VolumeTraded": 0, "VolumeTotal": volume, "InsertDate": at.calendar_day,
        "InsertTime": at.clock, "ActiveTime": "", "SuspendTime": "", "UpdateTime": "", "CancelTime": "",
        "ActiveTraderID": "", "ClearingPartID": "", "SequenceNo": 0, "FrontID": front, "SessionID": session,
        "UserProductInfo": "", "StatusMsg": "报单已提交", "UserForceClose": 0, "ActiveUserID": "",
        "BrokerOrderSeq": 0, "RelativeOrderSysID": "", "ZCETotalTradedVolume": 0, "IsSwapOrder": 0, "BranchID": "",
        "InvestUnitID": "", "AccountID": "", "CurrencyID": "", "MacAddress": "",
        "InstrumentID": order["InstrumentID"], "ExchangeInstID": order["InstrumentID"], "IPAddress": "",
    }  # fmt: skip


def trade_row(order: Row, trade_id: str, price: float, volume: int, at: Stamp) -> Row:
    """One execution of an order; it names no front and no session."""
    return {
        "BrokerID": order["BrokerID"], "InvestorID": order["InvestorID"], "OrderRef": order["OrderRef"],
        "UserID": order["UserID"], "ExchangeID": order["ExchangeID"], "TradeID": trade_id,
        "Direction": order["Direction"], "OrderSysID": order["OrderSysID"], "ParticipantID": "9999",
        "ClientID": order["ClientID"], "TradingRole": STRAY, "OffsetFlag": order["CombOffsetFlag"][:1],
        "HedgeFlag": order["CombHedgeFlag"][:1], "Price": price, "Volume": volume,
        "TradeDate": at.calendar_day if order["ExchangeID"] in ("SHFE", "INE") else at.trading_day,
        "TradeTime": at.clock, "TradeType": "\0", "PriceSource": "\0", "TraderID": "9999cad",
        "OrderLocalID": order["OrderLocalID"], "ClearingPartID": "9999", "BusinessUnit": "", "SequenceNo": 1,
        "TradingDay": order["TradingDay"], "SettlementID": 1, "BrokerOrderSeq": 0, "TradeSource": "0",
        "InvestUnitID": "", "InstrumentID": order["InstrumentID"], "ExchangeInstID": order["InstrumentID"],
    }  # fmt: skip


def position_rows(
    account: SimAccount, contract: SimContract, side: str, held: Held, at: Stamp, last: float
) -> list[Row]:
    """One side's rows: two at SHFE and INE, one elsewhere."""
    split = contract.exchange in ("SHFE", "INE")
    parts = [("1", held.today, 0, held.frozen_today), ("2", held.older, held.at_open, held.frozen_older)]
    if not split:
        parts = [("1", held.total, held.at_open, held.frozen_today + held.frozen_older)]
    rows = []
    for date, volume, at_open, frozen in parts:
        share = volume / held.total if held.total else 0.0
        value = last * volume * contract.multiplier
        long_side = side == "2"
        rows.append({
            "BrokerID": account.broker_id, "InvestorID": account.user_id, "InstrumentID": contract.symbol,
            "ExchangeID": contract.exchange, "PosiDirection": side, "HedgeFlag": "1", "PositionDate": date,
            "YdPosition": at_open, "Position": volume, "LongFrozen": 0 if long_side else frozen,
            "ShortFrozen": frozen if long_side else 0, "TodayPosition": (held.today if not split or date == "1" else 0),
            "OpenCost": held.cost * share, "PositionCost": held.cost * share,
            "PositionProfit": (value - held.cost * share) * (1 if long_side else -1), "UseMargin": value * 0.1,
            "CloseProfit": held.profit if date == "1" else 0.0, "Commission": 0.0,
            "PreSettlementPrice": float(contract.mid),
            "SettlementPrice": last, "TradingDay": at.trading_day, "SettlementID": 1, "InvestUnitID": "",
            "CombPosition": 0, "AbandonFrozen": 0, "TasPosition": 0, "MarginRateByMoney": 0.1,
        })  # fmt: skip
    return rows


def account_row(account: SimAccount, margin: float, profit: float, at: Stamp) -> Row:
    """The account's money."""
    balance = account.balance + profit - account.commission
    return {
        "AccountID": account.user_id, "BrokerID": account.broker_id, "Available": balance - margin,
        "Balance": balance, "PreBalance": account.balance, "CurrMargin": margin, "FrozenMargin": 0.0,
        "FrozenCash": 0.0, "FrozenCommission": 0.0, "Commission": account.commission, "CloseProfit": 0.0,
        "PositionProfit": profit, "Deposit": 0.0, "Withdraw": 0.0, "WithdrawQuota": (balance - margin) * 0.8,
        "CurrencyID": "CNY", "BizType": "\0", "TradingDay": at.trading_day, "SettlementID": 1,
    }  # fmt: skip


def instrument_row(contract: SimContract) -> Row:
    """One contract."""
    digits = "".join(char for char in contract.symbol if char.isdigit())[:4]
    return {
        "InstrumentID": contract.symbol, "ExchangeInstID": contract.symbol, "ExchangeID": contract.exchange,
        "InstrumentName": contract.name, "ProductID": contract.product, "ProductClass": contract.product_class,
        "DeliveryYear": 2027, "DeliveryMonth": int(digits[-2:]), "MaxMarketOrderVolume": 100,
        "MinMarketOrderVolume": 1, "MaxLimitOrderVolume": 500, "MinLimitOrderVolume": 1,
        "VolumeMultiple": contract.multiplier, "PriceTick": float(contract.tick), "CreateDate": "20261216",
        "OpenDate": "20261216", "ExpireDate": contract.expiry, "StartDelivDate": contract.expiry,
        "EndDelivDate": contract.expiry, "InstLifePhase": "1", "IsTrading": 1, "PositionType": "2",
        "PositionDateType": "1" if contract.exchange in ("SHFE", "INE") else "2", "LongMarginRatio": 0.1,
        "ShortMarginRatio": 0.1, "MaxMarginSideAlgorithm": "0", "UnderlyingInstrID": contract.underlying,
        "StrikePrice": contract.strike, "OptionsType": contract.right, "UnderlyingMultiple": 1.0,
        "CombinationType": "0",
    }  # fmt: skip


def depth_row(contract: SimContract, at: Stamp, prices: Row, levels: list[tuple[float, int]]) -> Row:
    """One tick: ten levels (bids, then asks), missing ones as the gateway writes them."""
    action_day, trading_day = at.tick_days(contract.exchange)
    row: Row = {
        "TradingDay": trading_day, "ExchangeID": "", "LastPrice": prices["last"], "PreSettlementPrice": prices["pre"],
        "PreClosePrice": prices["pre"], "PreOpenInterest": 1000.0, "OpenPrice": prices["open"],
        "HighestPrice": prices["high"], "LowestPrice": prices["low"], "Volume": prices["volume"],
        "Turnover": prices["turnover"], "OpenInterest": 1000.0, "ClosePrice": 0.0, "SettlementPrice": 0.0,
        "UpperLimitPrice": prices["up"], "LowerLimitPrice": prices["down"], "PreDelta": 0.0, "CurrDelta": DBL_MAX,
        "UpdateTime": at.clock, "UpdateMillisec": 0 if contract.exchange == "CZCE" else at.millisecond // 500 * 500,
        "AveragePrice": prices["last"], "ActionDay": action_day, "InstrumentID": contract.symbol,
        "ExchangeInstID": "", "BandingUpperPrice": 0.0, "BandingLowerPrice": 0.0,
    }  # fmt: skip
    for number in range(5):
        for side, offset in (("Bid", 0), ("Ask", 5)):
            price, volume = levels[offset + number]
            row[f"{side}Price{number + 1}"] = price
            row[f"{side}Volume{number + 1}"] = volume
    return row
