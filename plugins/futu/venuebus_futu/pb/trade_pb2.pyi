# mypy: disable-error-code="type-arg"
from venuebus_futu.pb import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrdHeader(_message.Message):
    __slots__ = ("trdEnv", "accID", "trdMarket", "jpAccType")
    TRDENV_FIELD_NUMBER: _ClassVar[int]
    ACCID_FIELD_NUMBER: _ClassVar[int]
    TRDMARKET_FIELD_NUMBER: _ClassVar[int]
    JPACCTYPE_FIELD_NUMBER: _ClassVar[int]
    trdEnv: int
    accID: int
    trdMarket: int
    jpAccType: int
    def __init__(self, trdEnv: _Optional[int] = ..., accID: _Optional[int] = ..., trdMarket: _Optional[int] = ..., jpAccType: _Optional[int] = ...) -> None: ...

class TrdAcc(_message.Message):
    __slots__ = ("trdEnv", "accID", "trdMarketAuthList", "accType", "cardNum", "securityFirm", "simAccType", "uniCardNum", "accStatus", "accRole", "jpAccType", "competitionAccName")
    TRDENV_FIELD_NUMBER: _ClassVar[int]
    ACCID_FIELD_NUMBER: _ClassVar[int]
    TRDMARKETAUTHLIST_FIELD_NUMBER: _ClassVar[int]
    ACCTYPE_FIELD_NUMBER: _ClassVar[int]
    CARDNUM_FIELD_NUMBER: _ClassVar[int]
    SECURITYFIRM_FIELD_NUMBER: _ClassVar[int]
    SIMACCTYPE_FIELD_NUMBER: _ClassVar[int]
    UNICARDNUM_FIELD_NUMBER: _ClassVar[int]
    ACCSTATUS_FIELD_NUMBER: _ClassVar[int]
    ACCROLE_FIELD_NUMBER: _ClassVar[int]
    JPACCTYPE_FIELD_NUMBER: _ClassVar[int]
    COMPETITIONACCNAME_FIELD_NUMBER: _ClassVar[int]
    trdEnv: int
    accID: int
    trdMarketAuthList: _containers.RepeatedScalarFieldContainer[int]
    accType: int
    cardNum: str
    securityFirm: int
    simAccType: int
    uniCardNum: str
    accStatus: int
    accRole: int
    jpAccType: _containers.RepeatedScalarFieldContainer[int]
    competitionAccName: str
    def __init__(self, trdEnv: _Optional[int] = ..., accID: _Optional[int] = ..., trdMarketAuthList: _Optional[_Iterable[int]] = ..., accType: _Optional[int] = ..., cardNum: _Optional[str] = ..., securityFirm: _Optional[int] = ..., simAccType: _Optional[int] = ..., uniCardNum: _Optional[str] = ..., accStatus: _Optional[int] = ..., accRole: _Optional[int] = ..., jpAccType: _Optional[_Iterable[int]] = ..., competitionAccName: _Optional[str] = ...) -> None: ...

class ComboLeg(_message.Message):
    __slots__ = ("security", "side", "qtyRatio", "positionID", "predSide")
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QTYRATIO_FIELD_NUMBER: _ClassVar[int]
    POSITIONID_FIELD_NUMBER: _ClassVar[int]
    PREDSIDE_FIELD_NUMBER: _ClassVar[int]
    security: _common_pb2.Security
    side: int
    qtyRatio: float
    positionID: int
    predSide: int
    def __init__(self, security: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., side: _Optional[int] = ..., qtyRatio: _Optional[float] = ..., positionID: _Optional[int] = ..., predSide: _Optional[int] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("trdSide", "orderType", "orderStatus", "orderID", "orderIDEx", "code", "name", "qty", "price", "createTime", "updateTime", "fillQty", "fillAvgPrice", "lastErrMsg", "secMarket", "createTimestamp", "updateTimestamp", "remark", "timeInForce", "fillOutsideRTH", "auxPrice", "trailType", "trailValue", "trailSpread", "currency", "trdMarket", "session", "jpAccType", "expireTime", "orderAmount", "strategyType", "comboLegs")
    TRDSIDE_FIELD_NUMBER: _ClassVar[int]
    ORDERTYPE_FIELD_NUMBER: _ClassVar[int]
    ORDERSTATUS_FIELD_NUMBER: _ClassVar[int]
    ORDERID_FIELD_NUMBER: _ClassVar[int]
    ORDERIDEX_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    QTY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    CREATETIME_FIELD_NUMBER: _ClassVar[int]
    UPDATETIME_FIELD_NUMBER: _ClassVar[int]
    FILLQTY_FIELD_NUMBER: _ClassVar[int]
    FILLAVGPRICE_FIELD_NUMBER: _ClassVar[int]
    LASTERRMSG_FIELD_NUMBER: _ClassVar[int]
    SECMARKET_FIELD_NUMBER: _ClassVar[int]
    CREATETIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    UPDATETIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    REMARK_FIELD_NUMBER: _ClassVar[int]
    TIMEINFORCE_FIELD_NUMBER: _ClassVar[int]
    FILLOUTSIDERTH_FIELD_NUMBER: _ClassVar[int]
    AUXPRICE_FIELD_NUMBER: _ClassVar[int]
    TRAILTYPE_FIELD_NUMBER: _ClassVar[int]
    TRAILVALUE_FIELD_NUMBER: _ClassVar[int]
    TRAILSPREAD_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    TRDMARKET_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    JPACCTYPE_FIELD_NUMBER: _ClassVar[int]
    EXPIRETIME_FIELD_NUMBER: _ClassVar[int]
    ORDERAMOUNT_FIELD_NUMBER: _ClassVar[int]
    STRATEGYTYPE_FIELD_NUMBER: _ClassVar[int]
    COMBOLEGS_FIELD_NUMBER: _ClassVar[int]
    trdSide: int
    orderType: int
    orderStatus: int
    orderID: int
    orderIDEx: str
    code: str
    name: str
    qty: float
    price: float
    createTime: str
    updateTime: str
    fillQty: float
    fillAvgPrice: float
    lastErrMsg: str
    secMarket: int
    createTimestamp: float
    updateTimestamp: float
    remark: str
    timeInForce: int
    fillOutsideRTH: bool
    auxPrice: float
    trailType: int
    trailValue: float
    trailSpread: float
    currency: int
    trdMarket: int
    session: int
    jpAccType: int
    expireTime: str
    orderAmount: float
    strategyType: int
    comboLegs: _containers.RepeatedCompositeFieldContainer[ComboLeg]
    def __init__(self, trdSide: _Optional[int] = ..., orderType: _Optional[int] = ..., orderStatus: _Optional[int] = ..., orderID: _Optional[int] = ..., orderIDEx: _Optional[str] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., qty: _Optional[float] = ..., price: _Optional[float] = ..., createTime: _Optional[str] = ..., updateTime: _Optional[str] = ..., fillQty: _Optional[float] = ..., fillAvgPrice: _Optional[float] = ..., lastErrMsg: _Optional[str] = ..., secMarket: _Optional[int] = ..., createTimestamp: _Optional[float] = ..., updateTimestamp: _Optional[float] = ..., remark: _Optional[str] = ..., timeInForce: _Optional[int] = ..., fillOutsideRTH: _Optional[bool] = ..., auxPrice: _Optional[float] = ..., trailType: _Optional[int] = ..., trailValue: _Optional[float] = ..., trailSpread: _Optional[float] = ..., currency: _Optional[int] = ..., trdMarket: _Optional[int] = ..., session: _Optional[int] = ..., jpAccType: _Optional[int] = ..., expireTime: _Optional[str] = ..., orderAmount: _Optional[float] = ..., strategyType: _Optional[int] = ..., comboLegs: _Optional[_Iterable[_Union[ComboLeg, _Mapping]]] = ...) -> None: ...

class OrderFill(_message.Message):
    __slots__ = ("trdSide", "fillID", "fillIDEx", "orderID", "orderIDEx", "code", "name", "qty", "price", "createTime", "counterBrokerID", "counterBrokerName", "secMarket", "createTimestamp", "updateTimestamp", "status", "trdMarket", "jpAccType")
    TRDSIDE_FIELD_NUMBER: _ClassVar[int]
    FILLID_FIELD_NUMBER: _ClassVar[int]
    FILLIDEX_FIELD_NUMBER: _ClassVar[int]
    ORDERID_FIELD_NUMBER: _ClassVar[int]
    ORDERIDEX_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    QTY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    CREATETIME_FIELD_NUMBER: _ClassVar[int]
    COUNTERBROKERID_FIELD_NUMBER: _ClassVar[int]
    COUNTERBROKERNAME_FIELD_NUMBER: _ClassVar[int]
    SECMARKET_FIELD_NUMBER: _ClassVar[int]
    CREATETIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    UPDATETIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TRDMARKET_FIELD_NUMBER: _ClassVar[int]
    JPACCTYPE_FIELD_NUMBER: _ClassVar[int]
    trdSide: int
    fillID: int
    fillIDEx: str
    orderID: int
    orderIDEx: str
    code: str
    name: str
    qty: float
    price: float
    createTime: str
    counterBrokerID: int
    counterBrokerName: str
    secMarket: int
    createTimestamp: float
    updateTimestamp: float
    status: int
    trdMarket: int
    jpAccType: int
    def __init__(self, trdSide: _Optional[int] = ..., fillID: _Optional[int] = ..., fillIDEx: _Optional[str] = ..., orderID: _Optional[int] = ..., orderIDEx: _Optional[str] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., qty: _Optional[float] = ..., price: _Optional[float] = ..., createTime: _Optional[str] = ..., counterBrokerID: _Optional[int] = ..., counterBrokerName: _Optional[str] = ..., secMarket: _Optional[int] = ..., createTimestamp: _Optional[float] = ..., updateTimestamp: _Optional[float] = ..., status: _Optional[int] = ..., trdMarket: _Optional[int] = ..., jpAccType: _Optional[int] = ...) -> None: ...

class AccCashInfo(_message.Message):
    __slots__ = ("currency", "cash", "availableBalance", "netCashPower")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    AVAILABLEBALANCE_FIELD_NUMBER: _ClassVar[int]
    NETCASHPOWER_FIELD_NUMBER: _ClassVar[int]
    currency: int
    cash: float
    availableBalance: float
    netCashPower: float
    def __init__(self, currency: _Optional[int] = ..., cash: _Optional[float] = ..., availableBalance: _Optional[float] = ..., netCashPower: _Optional[float] = ...) -> None: ...

class AccMarketInfo(_message.Message):
    __slots__ = ("trdMarket", "assets")
    TRDMARKET_FIELD_NUMBER: _ClassVar[int]
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    trdMarket: int
    assets: float
    def __init__(self, trdMarket: _Optional[int] = ..., assets: _Optional[float] = ...) -> None: ...

class Funds(_message.Message):
    __slots__ = ("power", "totalAssets", "cash", "marketVal", "frozenCash", "debtCash", "avlWithdrawalCash", "currency", "availableFunds", "unrealizedPL", "realizedPL", "riskLevel", "initialMargin", "maintenanceMargin", "cashInfoList", "maxPowerShort", "netCashPower", "longMv", "shortMv", "pendingAsset", "maxWithdrawal", "riskStatus", "marginCallMargin", "isPdt", "pdtSeq", "beginningDTBP", "remainingDTBP", "dtCallAmount", "dtStatus", "securitiesAssets", "fundAssets", "bondAssets", "marketInfoList", "cryptoMv", "exposureLevel", "exposureLimit", "usedLimit", "remainingLimit")
    POWER_FIELD_NUMBER: _ClassVar[int]
    TOTALASSETS_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    MARKETVAL_FIELD_NUMBER: _ClassVar[int]
    FROZENCASH_FIELD_NUMBER: _ClassVar[int]
    DEBTCASH_FIELD_NUMBER: _ClassVar[int]
    AVLWITHDRAWALCASH_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    AVAILABLEFUNDS_FIELD_NUMBER: _ClassVar[int]
    UNREALIZEDPL_FIELD_NUMBER: _ClassVar[int]
    REALIZEDPL_FIELD_NUMBER: _ClassVar[int]
    RISKLEVEL_FIELD_NUMBER: _ClassVar[int]
    INITIALMARGIN_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCEMARGIN_FIELD_NUMBER: _ClassVar[int]
    CASHINFOLIST_FIELD_NUMBER: _ClassVar[int]
    MAXPOWERSHORT_FIELD_NUMBER: _ClassVar[int]
    NETCASHPOWER_FIELD_NUMBER: _ClassVar[int]
    LONGMV_FIELD_NUMBER: _ClassVar[int]
    SHORTMV_FIELD_NUMBER: _ClassVar[int]
    PENDINGASSET_FIELD_NUMBER: _ClassVar[int]
    MAXWITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    RISKSTATUS_FIELD_NUMBER: _ClassVar[int]
    MARGINCALLMARGIN_FIELD_NUMBER: _ClassVar[int]
    ISPDT_FIELD_NUMBER: _ClassVar[int]
    PDTSEQ_FIELD_NUMBER: _ClassVar[int]
    BEGINNINGDTBP_FIELD_NUMBER: _ClassVar[int]
    REMAININGDTBP_FIELD_NUMBER: _ClassVar[int]
    DTCALLAMOUNT_FIELD_NUMBER: _ClassVar[int]
    DTSTATUS_FIELD_NUMBER: _ClassVar[int]
    SECURITIESASSETS_FIELD_NUMBER: _ClassVar[int]
    FUNDASSETS_FIELD_NUMBER: _ClassVar[int]
    BONDASSETS_FIELD_NUMBER: _ClassVar[int]
    MARKETINFOLIST_FIELD_NUMBER: _ClassVar[int]
    CRYPTOMV_FIELD_NUMBER: _ClassVar[int]
    EXPOSURELEVEL_FIELD_NUMBER: _ClassVar[int]
    EXPOSURELIMIT_FIELD_NUMBER: _ClassVar[int]
    USEDLIMIT_FIELD_NUMBER: _ClassVar[int]
    REMAININGLIMIT_FIELD_NUMBER: _ClassVar[int]
    power: float
    totalAssets: float
    cash: float
    marketVal: float
    frozenCash: float
    debtCash: float
    avlWithdrawalCash: float
    currency: int
    availableFunds: float
    unrealizedPL: float
    realizedPL: float
    riskLevel: int
    initialMargin: float
    maintenanceMargin: float
    cashInfoList: _containers.RepeatedCompositeFieldContainer[AccCashInfo]
    maxPowerShort: float
    netCashPower: float
    longMv: float
    shortMv: float
    pendingAsset: float
    maxWithdrawal: float
    riskStatus: int
    marginCallMargin: float
    isPdt: bool
    pdtSeq: str
    beginningDTBP: float
    remainingDTBP: float
    dtCallAmount: float
    dtStatus: int
    securitiesAssets: float
    fundAssets: float
    bondAssets: float
    marketInfoList: _containers.RepeatedCompositeFieldContainer[AccMarketInfo]
    cryptoMv: float
    exposureLevel: int
    exposureLimit: float
    usedLimit: float
    remainingLimit: float
    def __init__(self, power: _Optional[float] = ..., totalAssets: _Optional[float] = ..., cash: _Optional[float] = ..., marketVal: _Optional[float] = ..., frozenCash: _Optional[float] = ..., debtCash: _Optional[float] = ..., avlWithdrawalCash: _Optional[float] = ..., currency: _Optional[int] = ..., availableFunds: _Optional[float] = ..., unrealizedPL: _Optional[float] = ..., realizedPL: _Optional[float] = ..., riskLevel: _Optional[int] = ..., initialMargin: _Optional[float] = ..., maintenanceMargin: _Optional[float] = ..., cashInfoList: _Optional[_Iterable[_Union[AccCashInfo, _Mapping]]] = ..., maxPowerShort: _Optional[float] = ..., netCashPower: _Optional[float] = ..., longMv: _Optional[float] = ..., shortMv: _Optional[float] = ..., pendingAsset: _Optional[float] = ..., maxWithdrawal: _Optional[float] = ..., riskStatus: _Optional[int] = ..., marginCallMargin: _Optional[float] = ..., isPdt: _Optional[bool] = ..., pdtSeq: _Optional[str] = ..., beginningDTBP: _Optional[float] = ..., remainingDTBP: _Optional[float] = ..., dtCallAmount: _Optional[float] = ..., dtStatus: _Optional[int] = ..., securitiesAssets: _Optional[float] = ..., fundAssets: _Optional[float] = ..., bondAssets: _Optional[float] = ..., marketInfoList: _Optional[_Iterable[_Union[AccMarketInfo, _Mapping]]] = ..., cryptoMv: _Optional[float] = ..., exposureLevel: _Optional[int] = ..., exposureLimit: _Optional[float] = ..., usedLimit: _Optional[float] = ..., remainingLimit: _Optional[float] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("positionID", "positionSide", "code", "name", "qty", "canSellQty", "price", "costPrice", "val", "plVal", "plRatio", "secMarket", "td_plVal", "td_trdVal", "td_buyVal", "td_buyQty", "td_sellVal", "td_sellQty", "unrealizedPL", "realizedPL", "currency", "trdMarket", "dilutedCostPrice", "averageCostPrice", "averagePlRatio", "comboID", "strategyType", "positionType", "accID", "jpAccType", "payoutIfWin")
    POSITIONID_FIELD_NUMBER: _ClassVar[int]
    POSITIONSIDE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    QTY_FIELD_NUMBER: _ClassVar[int]
    CANSELLQTY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    COSTPRICE_FIELD_NUMBER: _ClassVar[int]
    VAL_FIELD_NUMBER: _ClassVar[int]
    PLVAL_FIELD_NUMBER: _ClassVar[int]
    PLRATIO_FIELD_NUMBER: _ClassVar[int]
    SECMARKET_FIELD_NUMBER: _ClassVar[int]
    TD_PLVAL_FIELD_NUMBER: _ClassVar[int]
    TD_TRDVAL_FIELD_NUMBER: _ClassVar[int]
    TD_BUYVAL_FIELD_NUMBER: _ClassVar[int]
    TD_BUYQTY_FIELD_NUMBER: _ClassVar[int]
    TD_SELLVAL_FIELD_NUMBER: _ClassVar[int]
    TD_SELLQTY_FIELD_NUMBER: _ClassVar[int]
    UNREALIZEDPL_FIELD_NUMBER: _ClassVar[int]
    REALIZEDPL_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    TRDMARKET_FIELD_NUMBER: _ClassVar[int]
    DILUTEDCOSTPRICE_FIELD_NUMBER: _ClassVar[int]
    AVERAGECOSTPRICE_FIELD_NUMBER: _ClassVar[int]
    AVERAGEPLRATIO_FIELD_NUMBER: _ClassVar[int]
    COMBOID_FIELD_NUMBER: _ClassVar[int]
    STRATEGYTYPE_FIELD_NUMBER: _ClassVar[int]
    POSITIONTYPE_FIELD_NUMBER: _ClassVar[int]
    ACCID_FIELD_NUMBER: _ClassVar[int]
    JPACCTYPE_FIELD_NUMBER: _ClassVar[int]
    PAYOUTIFWIN_FIELD_NUMBER: _ClassVar[int]
    positionID: int
    positionSide: int
    code: str
    name: str
    qty: float
    canSellQty: float
    price: float
    costPrice: float
    val: float
    plVal: float
    plRatio: float
    secMarket: int
    td_plVal: float
    td_trdVal: float
    td_buyVal: float
    td_buyQty: float
    td_sellVal: float
    td_sellQty: float
    unrealizedPL: float
    realizedPL: float
    currency: int
    trdMarket: int
    dilutedCostPrice: float
    averageCostPrice: float
    averagePlRatio: float
    comboID: int
    strategyType: int
    positionType: int
    accID: int
    jpAccType: int
    payoutIfWin: float
    def __init__(self, positionID: _Optional[int] = ..., positionSide: _Optional[int] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., qty: _Optional[float] = ..., canSellQty: _Optional[float] = ..., price: _Optional[float] = ..., costPrice: _Optional[float] = ..., val: _Optional[float] = ..., plVal: _Optional[float] = ..., plRatio: _Optional[float] = ..., secMarket: _Optional[int] = ..., td_plVal: _Optional[float] = ..., td_trdVal: _Optional[float] = ..., td_buyVal: _Optional[float] = ..., td_buyQty: _Optional[float] = ..., td_sellVal: _Optional[float] = ..., td_sellQty: _Optional[float] = ..., unrealizedPL: _Optional[float] = ..., realizedPL: _Optional[float] = ..., currency: _Optional[int] = ..., trdMarket: _Optional[int] = ..., dilutedCostPrice: _Optional[float] = ..., averageCostPrice: _Optional[float] = ..., averagePlRatio: _Optional[float] = ..., comboID: _Optional[int] = ..., strategyType: _Optional[int] = ..., positionType: _Optional[int] = ..., accID: _Optional[int] = ..., jpAccType: _Optional[int] = ..., payoutIfWin: _Optional[float] = ...) -> None: ...

class TrdFilterConditions(_message.Message):
    __slots__ = ("codeList", "idList", "beginTime", "endTime", "orderIDExList", "filterMarket")
    CODELIST_FIELD_NUMBER: _ClassVar[int]
    IDLIST_FIELD_NUMBER: _ClassVar[int]
    BEGINTIME_FIELD_NUMBER: _ClassVar[int]
    ENDTIME_FIELD_NUMBER: _ClassVar[int]
    ORDERIDEXLIST_FIELD_NUMBER: _ClassVar[int]
    FILTERMARKET_FIELD_NUMBER: _ClassVar[int]
    codeList: _containers.RepeatedScalarFieldContainer[str]
    idList: _containers.RepeatedScalarFieldContainer[int]
    beginTime: str
    endTime: str
    orderIDExList: _containers.RepeatedScalarFieldContainer[str]
    filterMarket: int
    def __init__(self, codeList: _Optional[_Iterable[str]] = ..., idList: _Optional[_Iterable[int]] = ..., beginTime: _Optional[str] = ..., endTime: _Optional[str] = ..., orderIDExList: _Optional[_Iterable[str]] = ..., filterMarket: _Optional[int] = ...) -> None: ...

class MaxTrdQtys(_message.Message):
    __slots__ = ("maxCashBuy", "maxCashAndMarginBuy", "maxPositionSell", "maxSellShort", "maxBuyBack", "longRequiredIM", "shortRequiredIM", "session")
    MAXCASHBUY_FIELD_NUMBER: _ClassVar[int]
    MAXCASHANDMARGINBUY_FIELD_NUMBER: _ClassVar[int]
    MAXPOSITIONSELL_FIELD_NUMBER: _ClassVar[int]
    MAXSELLSHORT_FIELD_NUMBER: _ClassVar[int]
    MAXBUYBACK_FIELD_NUMBER: _ClassVar[int]
    LONGREQUIREDIM_FIELD_NUMBER: _ClassVar[int]
    SHORTREQUIREDIM_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    maxCashBuy: float
    maxCashAndMarginBuy: float
    maxPositionSell: float
    maxSellShort: float
    maxBuyBack: float
    longRequiredIM: float
    shortRequiredIM: float
    session: int
    def __init__(self, maxCashBuy: _Optional[float] = ..., maxCashAndMarginBuy: _Optional[float] = ..., maxPositionSell: _Optional[float] = ..., maxSellShort: _Optional[float] = ..., maxBuyBack: _Optional[float] = ..., longRequiredIM: _Optional[float] = ..., shortRequiredIM: _Optional[float] = ..., session: _Optional[int] = ...) -> None: ...

class OrderFeeItem(_message.Message):
    __slots__ = ("title", "value")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    title: str
    value: float
    def __init__(self, title: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class OrderFee(_message.Message):
    __slots__ = ("orderIDEx", "feeAmount", "feeList")
    ORDERIDEX_FIELD_NUMBER: _ClassVar[int]
    FEEAMOUNT_FIELD_NUMBER: _ClassVar[int]
    FEELIST_FIELD_NUMBER: _ClassVar[int]
    orderIDEx: str
    feeAmount: float
    feeList: _containers.RepeatedCompositeFieldContainer[OrderFeeItem]
    def __init__(self, orderIDEx: _Optional[str] = ..., feeAmount: _Optional[float] = ..., feeList: _Optional[_Iterable[_Union[OrderFeeItem, _Mapping]]] = ...) -> None: ...

class GetAccList(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("userID", "trdCategory", "needGeneralSecAccount")
        USERID_FIELD_NUMBER: _ClassVar[int]
        TRDCATEGORY_FIELD_NUMBER: _ClassVar[int]
        NEEDGENERALSECACCOUNT_FIELD_NUMBER: _ClassVar[int]
        userID: int
        trdCategory: int
        needGeneralSecAccount: bool
        def __init__(self, userID: _Optional[int] = ..., trdCategory: _Optional[int] = ..., needGeneralSecAccount: _Optional[bool] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("accList",)
        ACCLIST_FIELD_NUMBER: _ClassVar[int]
        accList: _containers.RepeatedCompositeFieldContainer[TrdAcc]
        def __init__(self, accList: _Optional[_Iterable[_Union[TrdAcc, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetAccList.C2S
        def __init__(self, c2s: _Optional[_Union[GetAccList.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetAccList.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetAccList.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class UnlockTrade(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("unlock", "pwdMD5", "securityFirm")
        UNLOCK_FIELD_NUMBER: _ClassVar[int]
        PWDMD5_FIELD_NUMBER: _ClassVar[int]
        SECURITYFIRM_FIELD_NUMBER: _ClassVar[int]
        unlock: bool
        pwdMD5: str
        securityFirm: int
        def __init__(self, unlock: _Optional[bool] = ..., pwdMD5: _Optional[str] = ..., securityFirm: _Optional[int] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: UnlockTrade.C2S
        def __init__(self, c2s: _Optional[_Union[UnlockTrade.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: UnlockTrade.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[UnlockTrade.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class SubAccPush(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("accIDList",)
        ACCIDLIST_FIELD_NUMBER: _ClassVar[int]
        accIDList: _containers.RepeatedScalarFieldContainer[int]
        def __init__(self, accIDList: _Optional[_Iterable[int]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: SubAccPush.C2S
        def __init__(self, c2s: _Optional[_Union[SubAccPush.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: SubAccPush.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[SubAccPush.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetFunds(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("header", "refreshCache", "currency", "assetCategory")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        REFRESHCACHE_FIELD_NUMBER: _ClassVar[int]
        CURRENCY_FIELD_NUMBER: _ClassVar[int]
        ASSETCATEGORY_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        refreshCache: bool
        currency: int
        assetCategory: int
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., refreshCache: _Optional[bool] = ..., currency: _Optional[int] = ..., assetCategory: _Optional[int] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "funds")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        FUNDS_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        funds: Funds
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., funds: _Optional[_Union[Funds, _Mapping]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetFunds.C2S
        def __init__(self, c2s: _Optional[_Union[GetFunds.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetFunds.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetFunds.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetPositionList(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("header", "filterConditions", "filterPLRatioMin", "filterPLRatioMax", "refreshCache", "assetCategory", "currency", "optionStrategyView")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        FILTERCONDITIONS_FIELD_NUMBER: _ClassVar[int]
        FILTERPLRATIOMIN_FIELD_NUMBER: _ClassVar[int]
        FILTERPLRATIOMAX_FIELD_NUMBER: _ClassVar[int]
        REFRESHCACHE_FIELD_NUMBER: _ClassVar[int]
        ASSETCATEGORY_FIELD_NUMBER: _ClassVar[int]
        CURRENCY_FIELD_NUMBER: _ClassVar[int]
        OPTIONSTRATEGYVIEW_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        filterConditions: TrdFilterConditions
        filterPLRatioMin: float
        filterPLRatioMax: float
        refreshCache: bool
        assetCategory: int
        currency: int
        optionStrategyView: bool
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., filterConditions: _Optional[_Union[TrdFilterConditions, _Mapping]] = ..., filterPLRatioMin: _Optional[float] = ..., filterPLRatioMax: _Optional[float] = ..., refreshCache: _Optional[bool] = ..., assetCategory: _Optional[int] = ..., currency: _Optional[int] = ..., optionStrategyView: _Optional[bool] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "positionList")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        POSITIONLIST_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        positionList: _containers.RepeatedCompositeFieldContainer[Position]
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., positionList: _Optional[_Iterable[_Union[Position, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetPositionList.C2S
        def __init__(self, c2s: _Optional[_Union[GetPositionList.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetPositionList.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetPositionList.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetMaxTrdQtys(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("header", "orderType", "code", "price", "orderID", "adjustPrice", "adjustSideAndLimit", "secMarket", "orderIDEx", "session", "positionID")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERTYPE_FIELD_NUMBER: _ClassVar[int]
        CODE_FIELD_NUMBER: _ClassVar[int]
        PRICE_FIELD_NUMBER: _ClassVar[int]
        ORDERID_FIELD_NUMBER: _ClassVar[int]
        ADJUSTPRICE_FIELD_NUMBER: _ClassVar[int]
        ADJUSTSIDEANDLIMIT_FIELD_NUMBER: _ClassVar[int]
        SECMARKET_FIELD_NUMBER: _ClassVar[int]
        ORDERIDEX_FIELD_NUMBER: _ClassVar[int]
        SESSION_FIELD_NUMBER: _ClassVar[int]
        POSITIONID_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderType: int
        code: str
        price: float
        orderID: int
        adjustPrice: bool
        adjustSideAndLimit: float
        secMarket: int
        orderIDEx: str
        session: int
        positionID: int
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderType: _Optional[int] = ..., code: _Optional[str] = ..., price: _Optional[float] = ..., orderID: _Optional[int] = ..., adjustPrice: _Optional[bool] = ..., adjustSideAndLimit: _Optional[float] = ..., secMarket: _Optional[int] = ..., orderIDEx: _Optional[str] = ..., session: _Optional[int] = ..., positionID: _Optional[int] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "maxTrdQtys")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        MAXTRDQTYS_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        maxTrdQtys: MaxTrdQtys
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., maxTrdQtys: _Optional[_Union[MaxTrdQtys, _Mapping]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetMaxTrdQtys.C2S
        def __init__(self, c2s: _Optional[_Union[GetMaxTrdQtys.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetMaxTrdQtys.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetMaxTrdQtys.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetOrderList(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("header", "filterConditions", "filterStatusList", "refreshCache")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        FILTERCONDITIONS_FIELD_NUMBER: _ClassVar[int]
        FILTERSTATUSLIST_FIELD_NUMBER: _ClassVar[int]
        REFRESHCACHE_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        filterConditions: TrdFilterConditions
        filterStatusList: _containers.RepeatedScalarFieldContainer[int]
        refreshCache: bool
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., filterConditions: _Optional[_Union[TrdFilterConditions, _Mapping]] = ..., filterStatusList: _Optional[_Iterable[int]] = ..., refreshCache: _Optional[bool] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "orderList")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERLIST_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderList: _containers.RepeatedCompositeFieldContainer[Order]
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderList: _Optional[_Iterable[_Union[Order, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetOrderList.C2S
        def __init__(self, c2s: _Optional[_Union[GetOrderList.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetOrderList.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetOrderList.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class PlaceOrder(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("packetID", "header", "trdSide", "orderType", "code", "qty", "price", "adjustPrice", "adjustSideAndLimit", "secMarket", "remark", "timeInForce", "fillOutsideRTH", "auxPrice", "trailType", "trailValue", "trailSpread", "session", "positionID", "expireTime", "amount", "predSide")
        PACKETID_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        TRDSIDE_FIELD_NUMBER: _ClassVar[int]
        ORDERTYPE_FIELD_NUMBER: _ClassVar[int]
        CODE_FIELD_NUMBER: _ClassVar[int]
        QTY_FIELD_NUMBER: _ClassVar[int]
        PRICE_FIELD_NUMBER: _ClassVar[int]
        ADJUSTPRICE_FIELD_NUMBER: _ClassVar[int]
        ADJUSTSIDEANDLIMIT_FIELD_NUMBER: _ClassVar[int]
        SECMARKET_FIELD_NUMBER: _ClassVar[int]
        REMARK_FIELD_NUMBER: _ClassVar[int]
        TIMEINFORCE_FIELD_NUMBER: _ClassVar[int]
        FILLOUTSIDERTH_FIELD_NUMBER: _ClassVar[int]
        AUXPRICE_FIELD_NUMBER: _ClassVar[int]
        TRAILTYPE_FIELD_NUMBER: _ClassVar[int]
        TRAILVALUE_FIELD_NUMBER: _ClassVar[int]
        TRAILSPREAD_FIELD_NUMBER: _ClassVar[int]
        SESSION_FIELD_NUMBER: _ClassVar[int]
        POSITIONID_FIELD_NUMBER: _ClassVar[int]
        EXPIRETIME_FIELD_NUMBER: _ClassVar[int]
        AMOUNT_FIELD_NUMBER: _ClassVar[int]
        PREDSIDE_FIELD_NUMBER: _ClassVar[int]
        packetID: _common_pb2.PacketID
        header: TrdHeader
        trdSide: int
        orderType: int
        code: str
        qty: float
        price: float
        adjustPrice: bool
        adjustSideAndLimit: float
        secMarket: int
        remark: str
        timeInForce: int
        fillOutsideRTH: bool
        auxPrice: float
        trailType: int
        trailValue: float
        trailSpread: float
        session: int
        positionID: int
        expireTime: str
        amount: float
        predSide: int
        def __init__(self, packetID: _Optional[_Union[_common_pb2.PacketID, _Mapping]] = ..., header: _Optional[_Union[TrdHeader, _Mapping]] = ..., trdSide: _Optional[int] = ..., orderType: _Optional[int] = ..., code: _Optional[str] = ..., qty: _Optional[float] = ..., price: _Optional[float] = ..., adjustPrice: _Optional[bool] = ..., adjustSideAndLimit: _Optional[float] = ..., secMarket: _Optional[int] = ..., remark: _Optional[str] = ..., timeInForce: _Optional[int] = ..., fillOutsideRTH: _Optional[bool] = ..., auxPrice: _Optional[float] = ..., trailType: _Optional[int] = ..., trailValue: _Optional[float] = ..., trailSpread: _Optional[float] = ..., session: _Optional[int] = ..., positionID: _Optional[int] = ..., expireTime: _Optional[str] = ..., amount: _Optional[float] = ..., predSide: _Optional[int] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "orderID", "orderIDEx")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERID_FIELD_NUMBER: _ClassVar[int]
        ORDERIDEX_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderID: int
        orderIDEx: str
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderID: _Optional[int] = ..., orderIDEx: _Optional[str] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: PlaceOrder.C2S
        def __init__(self, c2s: _Optional[_Union[PlaceOrder.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: PlaceOrder.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[PlaceOrder.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class ModifyOrder(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("packetID", "header", "orderID", "modifyOrderOp", "forAll", "trdMarket", "qty", "price", "adjustPrice", "adjustSideAndLimit", "auxPrice", "trailType", "trailValue", "trailSpread", "orderIDEx")
        PACKETID_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERID_FIELD_NUMBER: _ClassVar[int]
        MODIFYORDEROP_FIELD_NUMBER: _ClassVar[int]
        FORALL_FIELD_NUMBER: _ClassVar[int]
        TRDMARKET_FIELD_NUMBER: _ClassVar[int]
        QTY_FIELD_NUMBER: _ClassVar[int]
        PRICE_FIELD_NUMBER: _ClassVar[int]
        ADJUSTPRICE_FIELD_NUMBER: _ClassVar[int]
        ADJUSTSIDEANDLIMIT_FIELD_NUMBER: _ClassVar[int]
        AUXPRICE_FIELD_NUMBER: _ClassVar[int]
        TRAILTYPE_FIELD_NUMBER: _ClassVar[int]
        TRAILVALUE_FIELD_NUMBER: _ClassVar[int]
        TRAILSPREAD_FIELD_NUMBER: _ClassVar[int]
        ORDERIDEX_FIELD_NUMBER: _ClassVar[int]
        packetID: _common_pb2.PacketID
        header: TrdHeader
        orderID: int
        modifyOrderOp: int
        forAll: bool
        trdMarket: int
        qty: float
        price: float
        adjustPrice: bool
        adjustSideAndLimit: float
        auxPrice: float
        trailType: int
        trailValue: float
        trailSpread: float
        orderIDEx: str
        def __init__(self, packetID: _Optional[_Union[_common_pb2.PacketID, _Mapping]] = ..., header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderID: _Optional[int] = ..., modifyOrderOp: _Optional[int] = ..., forAll: _Optional[bool] = ..., trdMarket: _Optional[int] = ..., qty: _Optional[float] = ..., price: _Optional[float] = ..., adjustPrice: _Optional[bool] = ..., adjustSideAndLimit: _Optional[float] = ..., auxPrice: _Optional[float] = ..., trailType: _Optional[int] = ..., trailValue: _Optional[float] = ..., trailSpread: _Optional[float] = ..., orderIDEx: _Optional[str] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "orderID", "orderIDEx")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERID_FIELD_NUMBER: _ClassVar[int]
        ORDERIDEX_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderID: int
        orderIDEx: str
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderID: _Optional[int] = ..., orderIDEx: _Optional[str] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: ModifyOrder.C2S
        def __init__(self, c2s: _Optional[_Union[ModifyOrder.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: ModifyOrder.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[ModifyOrder.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class UpdateOrder(_message.Message):
    __slots__ = ()
    class S2C(_message.Message):
        __slots__ = ("header", "order")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDER_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        order: Order
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: UpdateOrder.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[UpdateOrder.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class OrderPush(_message.Message):
    __slots__ = ()
    class S2C(_message.Message):
        __slots__ = ("header", "order")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDER_FIELD_NUMBER: _ClassVar[int]
        header: bytes
        order: Order
        def __init__(self, header: _Optional[bytes] = ..., order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: OrderPush.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[OrderPush.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetOrderFillList(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("header", "filterConditions", "refreshCache")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        FILTERCONDITIONS_FIELD_NUMBER: _ClassVar[int]
        REFRESHCACHE_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        filterConditions: TrdFilterConditions
        refreshCache: bool
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., filterConditions: _Optional[_Union[TrdFilterConditions, _Mapping]] = ..., refreshCache: _Optional[bool] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "orderFillList")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERFILLLIST_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderFillList: _containers.RepeatedCompositeFieldContainer[OrderFill]
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderFillList: _Optional[_Iterable[_Union[OrderFill, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetOrderFillList.C2S
        def __init__(self, c2s: _Optional[_Union[GetOrderFillList.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetOrderFillList.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetOrderFillList.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class UpdateOrderFill(_message.Message):
    __slots__ = ()
    class S2C(_message.Message):
        __slots__ = ("header", "orderFill")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERFILL_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderFill: OrderFill
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderFill: _Optional[_Union[OrderFill, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: UpdateOrderFill.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[UpdateOrderFill.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetHistoryOrderList(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("header", "filterConditions", "filterStatusList")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        FILTERCONDITIONS_FIELD_NUMBER: _ClassVar[int]
        FILTERSTATUSLIST_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        filterConditions: TrdFilterConditions
        filterStatusList: _containers.RepeatedScalarFieldContainer[int]
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., filterConditions: _Optional[_Union[TrdFilterConditions, _Mapping]] = ..., filterStatusList: _Optional[_Iterable[int]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "orderList")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERLIST_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderList: _containers.RepeatedCompositeFieldContainer[Order]
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderList: _Optional[_Iterable[_Union[Order, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetHistoryOrderList.C2S
        def __init__(self, c2s: _Optional[_Union[GetHistoryOrderList.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetHistoryOrderList.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetHistoryOrderList.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetHistoryOrderFillList(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("header", "filterConditions")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        FILTERCONDITIONS_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        filterConditions: TrdFilterConditions
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., filterConditions: _Optional[_Union[TrdFilterConditions, _Mapping]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "orderFillList")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERFILLLIST_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderFillList: _containers.RepeatedCompositeFieldContainer[OrderFill]
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderFillList: _Optional[_Iterable[_Union[OrderFill, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetHistoryOrderFillList.C2S
        def __init__(self, c2s: _Optional[_Union[GetHistoryOrderFillList.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetHistoryOrderFillList.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetHistoryOrderFillList.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetOrderFee(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("header", "orderIdExList")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERIDEXLIST_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderIdExList: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderIdExList: _Optional[_Iterable[str]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("header", "orderFeeList")
        HEADER_FIELD_NUMBER: _ClassVar[int]
        ORDERFEELIST_FIELD_NUMBER: _ClassVar[int]
        header: TrdHeader
        orderFeeList: _containers.RepeatedCompositeFieldContainer[OrderFee]
        def __init__(self, header: _Optional[_Union[TrdHeader, _Mapping]] = ..., orderFeeList: _Optional[_Iterable[_Union[OrderFee, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetOrderFee.C2S
        def __init__(self, c2s: _Optional[_Union[GetOrderFee.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetOrderFee.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetOrderFee.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...
