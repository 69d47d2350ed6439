"""What the gateway sends, as structs with the venue's own names; one decode per message.

Only the fields that are used are declared. That is a matter of cost, not of taste: msgspec needs 11 µs for one
DBL_MAX and 6 µs for one denormal in a declared field, and nothing at all in a field it may skip, and CTP fills
unset doubles with exactly those. All fields have defaults, because a row without content comes as ``{}``.
"""

from __future__ import annotations

import msgspec

Number = float | None


class Wire(msgspec.Struct, gc=False):
    """Any part of an answer; unknown fields are skipped."""


class RspInfo(Wire):
    """Outcome of a request; 0 is success, the text is for people."""

    ErrorID: int = 0
    ErrorMsg: str = ""


class RspUserLogin(Wire):
    """One login of one CTP session; on the market-data side nearly everything is empty."""

    UserID: str = ""
    BrokerID: str = ""
    FrontID: int = 0
    SessionID: int = 0
    MaxOrderRef: str = ""
    SystemName: str = ""
    TradingDay: str = ""
    LoginTime: str = ""


class Depth(Wire):
    """One market-data snapshot: a tick, or a row of the depth query.

    The bands, deltas and averages are left out on purpose: that is where the uninitialised doubles are.
    """

    InstrumentID: str = ""
    reserve1: str = ""
    ExchangeID: str = ""
    TradingDay: str = ""
    ActionDay: str = ""
    UpdateTime: str = ""
    UpdateMillisec: int = 0
    LastPrice: Number = None
    OpenPrice: Number = None
    HighestPrice: Number = None
    LowestPrice: Number = None
    PreClosePrice: Number = None
    PreSettlementPrice: Number = None
    SettlementPrice: Number = None
    UpperLimitPrice: Number = None
    LowerLimitPrice: Number = None
    Volume: int = 0
    Turnover: Number = None
    OpenInterest: Number = None
    BidPrice1: Number = None
    BidVolume1: int = 0
    AskPrice1: Number = None
    AskVolume1: int = 0
    BidPrice2: Number = None
    BidVolume2: int = 0
    AskPrice2: Number = None
    AskVolume2: int = 0
    BidPrice3: Number = None
    BidVolume3: int = 0
    AskPrice3: Number = None
    AskVolume3: int = 0
    BidPrice4: Number = None
    BidVolume4: int = 0
    AskPrice4: Number = None
    AskVolume4: int = 0
    BidPrice5: Number = None
    BidVolume5: int = 0
    AskPrice5: Number = None
    AskVolume5: int = 0


class OrderRow(Wire):
    """One state of one order: a report (``RtnOrder``) or a row of the query."""

    InvestorID: str = ""
    InstrumentID: str = ""
    reserve1: str = ""
    ExchangeID: str = ""
    OrderRef: str = ""
    FrontID: int = 0
    SessionID: int = 0
    OrderSysID: str = ""
    RelativeOrderSysID: str = ""
    RequestID: int = 0
    OrderPriceType: str = ""
    Direction: str = ""
    CombOffsetFlag: str = ""
    CombHedgeFlag: str = ""
    LimitPrice: Number = None
    StopPrice: Number = None
    VolumeTotalOriginal: int = 0
    VolumeTraded: int = 0
    VolumeTotal: int = 0
    TimeCondition: str = ""
    VolumeCondition: str = ""
    ContingentCondition: str = ""
    OrderStatus: str = ""
    OrderSubmitStatus: str = ""
    StatusMsg: str = ""
    TradingDay: str = ""
    InsertDate: str = ""
    InsertTime: str = ""
    UpdateTime: str = ""
    CancelTime: str = ""


class TradeRow(Wire):
    """One execution; it names the order by ExchangeID and OrderSysID, never by front and session."""

    InvestorID: str = ""
    InstrumentID: str = ""
    reserve1: str = ""
    ExchangeID: str = ""
    TradeID: str = ""
    Direction: str = ""
    OrderRef: str = ""
    OrderSysID: str = ""
    OffsetFlag: str = ""
    HedgeFlag: str = ""
    Price: Number = None
    Volume: int = 0
    TradeDate: str = ""
    TradeTime: str = ""
    TradingDay: str = ""


class PositionRow(Wire):
    """One row of the position query; SHFE and INE have one for today's and one for older lots."""

    InstrumentID: str = ""
    reserve1: str = ""
    ExchangeID: str = ""
    PosiDirection: str = ""
    HedgeFlag: str = ""
    PositionDate: str = ""
    Position: int = 0
    TodayPosition: int = 0
    YdPosition: int = 0
    LongFrozen: int = 0
    ShortFrozen: int = 0
    OpenCost: Number = None
    PositionCost: Number = None
    PositionProfit: Number = None
    CloseProfit: Number = None
    UseMargin: Number = None
    Commission: Number = None
    TradingDay: str = ""


class AccountRow(Wire):
    """Money of the account."""

    AccountID: str = ""
    CurrencyID: str = ""
    TradingDay: str = ""
    Balance: Number = None
    Available: Number = None
    PreBalance: Number = None
    CurrMargin: Number = None
    FrozenMargin: Number = None
    FrozenCash: Number = None
    FrozenCommission: Number = None
    Commission: Number = None
    CloseProfit: Number = None
    PositionProfit: Number = None
    Deposit: Number = None
    Withdraw: Number = None
    WithdrawQuota: Number = None


class InstrumentRow(Wire):
    """One contract."""

    InstrumentID: str = ""
    reserve1: str = ""
    InstrumentName: str = ""
    ExchangeID: str = ""
    ProductID: str = ""
    ProductClass: str = ""
    DeliveryYear: int = 0
    DeliveryMonth: int = 0
    ExpireDate: str = ""
    IsTrading: int = -1
    VolumeMultiple: int = 0
    PriceTick: Number = None
    MinLimitOrderVolume: int = 0
    MaxLimitOrderVolume: int = 0
    UnderlyingInstrID: str = ""
    StrikePrice: Number = None
    OptionsType: str = ""


class InputOrderRow(Wire):
    """The order that a refusal echoes."""

    InvestorID: str = ""
    InstrumentID: str = ""
    OrderRef: str = ""
    RequestID: int = 0
    Direction: str = ""
    LimitPrice: Number = None
    VolumeTotalOriginal: int = 0


class ActionRow(Wire):
    """The cancel that a refusal echoes; ids only as far as the request gave them."""

    InvestorID: str = ""
    InstrumentID: str = ""
    ExchangeID: str = ""
    OrderRef: str = ""
    OrderSysID: str = ""
    RequestID: int = 0
    FrontID: int = 0
    SessionID: int = 0


class SpecificInstrument(Wire):
    """The contract that one answer to a subscription is about."""

    InstrumentID: str = ""


class Frame(Wire):
    """Envelope and hot payloads of any message, so that one decode is enough.

    Payloads of queries are not declared: their key differs between the code and the documents, so
    `protocol.payload` looks for them.
    """

    MsgType: str = ""
    RspInfo: RspInfo | None = None
    RequestID: int = 0
    IsLast: bool = False
    DepthMarketData: Depth | None = None
    Order: OrderRow | None = None
    Trade: TradeRow | None = None
    RspUserLogin: RspUserLogin | None = None
    InputOrder: InputOrderRow | None = None
    InputOrderAction: ActionRow | None = None
    OrderAction: ActionRow | None = None
    SpecificInstrument: SpecificInstrument | None = None
