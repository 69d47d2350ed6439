# mypy: disable-error-code="type-arg"
from venuebus_futu.pb import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PreAfterMarketData(_message.Message):
    __slots__ = ("price", "highPrice", "lowPrice", "volume", "turnover", "changeVal", "changeRate", "amplitude")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    HIGHPRICE_FIELD_NUMBER: _ClassVar[int]
    LOWPRICE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    TURNOVER_FIELD_NUMBER: _ClassVar[int]
    CHANGEVAL_FIELD_NUMBER: _ClassVar[int]
    CHANGERATE_FIELD_NUMBER: _ClassVar[int]
    AMPLITUDE_FIELD_NUMBER: _ClassVar[int]
    price: float
    highPrice: float
    lowPrice: float
    volume: int
    turnover: float
    changeVal: float
    changeRate: float
    amplitude: float
    def __init__(self, price: _Optional[float] = ..., highPrice: _Optional[float] = ..., lowPrice: _Optional[float] = ..., volume: _Optional[int] = ..., turnover: _Optional[float] = ..., changeVal: _Optional[float] = ..., changeRate: _Optional[float] = ..., amplitude: _Optional[float] = ...) -> None: ...

class OptionBasicQotExData(_message.Message):
    __slots__ = ("strikePrice", "contractSize", "openInterest", "impliedVolatility", "premium", "delta", "gamma", "vega", "theta", "rho", "netOpenInterest", "expiryDateDistance", "contractNominalValue", "ownerLotMultiplier", "optionAreaType", "contractMultiplier", "contractSizeFloat", "indexOptionType")
    STRIKEPRICE_FIELD_NUMBER: _ClassVar[int]
    CONTRACTSIZE_FIELD_NUMBER: _ClassVar[int]
    OPENINTEREST_FIELD_NUMBER: _ClassVar[int]
    IMPLIEDVOLATILITY_FIELD_NUMBER: _ClassVar[int]
    PREMIUM_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    VEGA_FIELD_NUMBER: _ClassVar[int]
    THETA_FIELD_NUMBER: _ClassVar[int]
    RHO_FIELD_NUMBER: _ClassVar[int]
    NETOPENINTEREST_FIELD_NUMBER: _ClassVar[int]
    EXPIRYDATEDISTANCE_FIELD_NUMBER: _ClassVar[int]
    CONTRACTNOMINALVALUE_FIELD_NUMBER: _ClassVar[int]
    OWNERLOTMULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    OPTIONAREATYPE_FIELD_NUMBER: _ClassVar[int]
    CONTRACTMULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    CONTRACTSIZEFLOAT_FIELD_NUMBER: _ClassVar[int]
    INDEXOPTIONTYPE_FIELD_NUMBER: _ClassVar[int]
    strikePrice: float
    contractSize: int
    openInterest: int
    impliedVolatility: float
    premium: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    netOpenInterest: int
    expiryDateDistance: int
    contractNominalValue: float
    ownerLotMultiplier: float
    optionAreaType: int
    contractMultiplier: float
    contractSizeFloat: float
    indexOptionType: int
    def __init__(self, strikePrice: _Optional[float] = ..., contractSize: _Optional[int] = ..., openInterest: _Optional[int] = ..., impliedVolatility: _Optional[float] = ..., premium: _Optional[float] = ..., delta: _Optional[float] = ..., gamma: _Optional[float] = ..., vega: _Optional[float] = ..., theta: _Optional[float] = ..., rho: _Optional[float] = ..., netOpenInterest: _Optional[int] = ..., expiryDateDistance: _Optional[int] = ..., contractNominalValue: _Optional[float] = ..., ownerLotMultiplier: _Optional[float] = ..., optionAreaType: _Optional[int] = ..., contractMultiplier: _Optional[float] = ..., contractSizeFloat: _Optional[float] = ..., indexOptionType: _Optional[int] = ...) -> None: ...

class WarrantBasicQotExData(_message.Message):
    __slots__ = ("delta", "impliedVolatility", "premium")
    DELTA_FIELD_NUMBER: _ClassVar[int]
    IMPLIEDVOLATILITY_FIELD_NUMBER: _ClassVar[int]
    PREMIUM_FIELD_NUMBER: _ClassVar[int]
    delta: float
    impliedVolatility: float
    premium: float
    def __init__(self, delta: _Optional[float] = ..., impliedVolatility: _Optional[float] = ..., premium: _Optional[float] = ...) -> None: ...

class FutureBasicQotExData(_message.Message):
    __slots__ = ("lastSettlePrice", "position", "positionChange", "expiryDateDistance")
    LASTSETTLEPRICE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    POSITIONCHANGE_FIELD_NUMBER: _ClassVar[int]
    EXPIRYDATEDISTANCE_FIELD_NUMBER: _ClassVar[int]
    lastSettlePrice: float
    position: int
    positionChange: int
    expiryDateDistance: int
    def __init__(self, lastSettlePrice: _Optional[float] = ..., position: _Optional[int] = ..., positionChange: _Optional[int] = ..., expiryDateDistance: _Optional[int] = ...) -> None: ...

class BasicQot(_message.Message):
    __slots__ = ("security", "isSuspended", "listTime", "priceSpread", "updateTime", "highPrice", "openPrice", "lowPrice", "curPrice", "lastClosePrice", "volume", "turnover", "turnoverRate", "amplitude", "darkStatus", "optionExData", "listTimestamp", "updateTimestamp", "preMarket", "afterMarket", "secStatus", "futureExData", "warrantExData", "name", "overnight", "hpVolume")
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    ISSUSPENDED_FIELD_NUMBER: _ClassVar[int]
    LISTTIME_FIELD_NUMBER: _ClassVar[int]
    PRICESPREAD_FIELD_NUMBER: _ClassVar[int]
    UPDATETIME_FIELD_NUMBER: _ClassVar[int]
    HIGHPRICE_FIELD_NUMBER: _ClassVar[int]
    OPENPRICE_FIELD_NUMBER: _ClassVar[int]
    LOWPRICE_FIELD_NUMBER: _ClassVar[int]
    CURPRICE_FIELD_NUMBER: _ClassVar[int]
    LASTCLOSEPRICE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    TURNOVER_FIELD_NUMBER: _ClassVar[int]
    TURNOVERRATE_FIELD_NUMBER: _ClassVar[int]
    AMPLITUDE_FIELD_NUMBER: _ClassVar[int]
    DARKSTATUS_FIELD_NUMBER: _ClassVar[int]
    OPTIONEXDATA_FIELD_NUMBER: _ClassVar[int]
    LISTTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    UPDATETIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PREMARKET_FIELD_NUMBER: _ClassVar[int]
    AFTERMARKET_FIELD_NUMBER: _ClassVar[int]
    SECSTATUS_FIELD_NUMBER: _ClassVar[int]
    FUTUREEXDATA_FIELD_NUMBER: _ClassVar[int]
    WARRANTEXDATA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OVERNIGHT_FIELD_NUMBER: _ClassVar[int]
    HPVOLUME_FIELD_NUMBER: _ClassVar[int]
    security: _common_pb2.Security
    isSuspended: bool
    listTime: str
    priceSpread: float
    updateTime: str
    highPrice: float
    openPrice: float
    lowPrice: float
    curPrice: float
    lastClosePrice: float
    volume: int
    turnover: float
    turnoverRate: float
    amplitude: float
    darkStatus: int
    optionExData: OptionBasicQotExData
    listTimestamp: float
    updateTimestamp: float
    preMarket: PreAfterMarketData
    afterMarket: PreAfterMarketData
    secStatus: int
    futureExData: FutureBasicQotExData
    warrantExData: WarrantBasicQotExData
    name: str
    overnight: PreAfterMarketData
    hpVolume: float
    def __init__(self, security: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., isSuspended: _Optional[bool] = ..., listTime: _Optional[str] = ..., priceSpread: _Optional[float] = ..., updateTime: _Optional[str] = ..., highPrice: _Optional[float] = ..., openPrice: _Optional[float] = ..., lowPrice: _Optional[float] = ..., curPrice: _Optional[float] = ..., lastClosePrice: _Optional[float] = ..., volume: _Optional[int] = ..., turnover: _Optional[float] = ..., turnoverRate: _Optional[float] = ..., amplitude: _Optional[float] = ..., darkStatus: _Optional[int] = ..., optionExData: _Optional[_Union[OptionBasicQotExData, _Mapping]] = ..., listTimestamp: _Optional[float] = ..., updateTimestamp: _Optional[float] = ..., preMarket: _Optional[_Union[PreAfterMarketData, _Mapping]] = ..., afterMarket: _Optional[_Union[PreAfterMarketData, _Mapping]] = ..., secStatus: _Optional[int] = ..., futureExData: _Optional[_Union[FutureBasicQotExData, _Mapping]] = ..., warrantExData: _Optional[_Union[WarrantBasicQotExData, _Mapping]] = ..., name: _Optional[str] = ..., overnight: _Optional[_Union[PreAfterMarketData, _Mapping]] = ..., hpVolume: _Optional[float] = ...) -> None: ...

class Ticker(_message.Message):
    __slots__ = ("time", "sequence", "dir", "price", "volume", "turnover", "recvTime", "type", "typeSign", "pushDataType", "timestamp", "hpVolume")
    TIME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DIR_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    TURNOVER_FIELD_NUMBER: _ClassVar[int]
    RECVTIME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TYPESIGN_FIELD_NUMBER: _ClassVar[int]
    PUSHDATATYPE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    HPVOLUME_FIELD_NUMBER: _ClassVar[int]
    time: str
    sequence: int
    dir: int
    price: float
    volume: int
    turnover: float
    recvTime: float
    type: int
    typeSign: int
    pushDataType: int
    timestamp: float
    hpVolume: float
    def __init__(self, time: _Optional[str] = ..., sequence: _Optional[int] = ..., dir: _Optional[int] = ..., price: _Optional[float] = ..., volume: _Optional[int] = ..., turnover: _Optional[float] = ..., recvTime: _Optional[float] = ..., type: _Optional[int] = ..., typeSign: _Optional[int] = ..., pushDataType: _Optional[int] = ..., timestamp: _Optional[float] = ..., hpVolume: _Optional[float] = ...) -> None: ...

class OrderBookDetail(_message.Message):
    __slots__ = ("orderID", "volume")
    ORDERID_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    orderID: int
    volume: int
    def __init__(self, orderID: _Optional[int] = ..., volume: _Optional[int] = ...) -> None: ...

class OrderBook(_message.Message):
    __slots__ = ("price", "volume", "orederCount", "detailList", "hpVolume")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    OREDERCOUNT_FIELD_NUMBER: _ClassVar[int]
    DETAILLIST_FIELD_NUMBER: _ClassVar[int]
    HPVOLUME_FIELD_NUMBER: _ClassVar[int]
    price: float
    volume: int
    orederCount: int
    detailList: _containers.RepeatedCompositeFieldContainer[OrderBookDetail]
    hpVolume: float
    def __init__(self, price: _Optional[float] = ..., volume: _Optional[int] = ..., orederCount: _Optional[int] = ..., detailList: _Optional[_Iterable[_Union[OrderBookDetail, _Mapping]]] = ..., hpVolume: _Optional[float] = ...) -> None: ...

class KLine(_message.Message):
    __slots__ = ("time", "isBlank", "highPrice", "openPrice", "lowPrice", "closePrice", "lastClosePrice", "volume", "turnover", "turnoverRate", "pe", "changeRate", "timestamp", "hpVolume")
    TIME_FIELD_NUMBER: _ClassVar[int]
    ISBLANK_FIELD_NUMBER: _ClassVar[int]
    HIGHPRICE_FIELD_NUMBER: _ClassVar[int]
    OPENPRICE_FIELD_NUMBER: _ClassVar[int]
    LOWPRICE_FIELD_NUMBER: _ClassVar[int]
    CLOSEPRICE_FIELD_NUMBER: _ClassVar[int]
    LASTCLOSEPRICE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    TURNOVER_FIELD_NUMBER: _ClassVar[int]
    TURNOVERRATE_FIELD_NUMBER: _ClassVar[int]
    PE_FIELD_NUMBER: _ClassVar[int]
    CHANGERATE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    HPVOLUME_FIELD_NUMBER: _ClassVar[int]
    time: str
    isBlank: bool
    highPrice: float
    openPrice: float
    lowPrice: float
    closePrice: float
    lastClosePrice: float
    volume: int
    turnover: float
    turnoverRate: float
    pe: float
    changeRate: float
    timestamp: float
    hpVolume: float
    def __init__(self, time: _Optional[str] = ..., isBlank: _Optional[bool] = ..., highPrice: _Optional[float] = ..., openPrice: _Optional[float] = ..., lowPrice: _Optional[float] = ..., closePrice: _Optional[float] = ..., lastClosePrice: _Optional[float] = ..., volume: _Optional[int] = ..., turnover: _Optional[float] = ..., turnoverRate: _Optional[float] = ..., pe: _Optional[float] = ..., changeRate: _Optional[float] = ..., timestamp: _Optional[float] = ..., hpVolume: _Optional[float] = ...) -> None: ...

class SecurityStaticBasic(_message.Message):
    __slots__ = ("security", "id", "lotSize", "secType", "name", "listTime", "delisting", "listTimestamp", "exchType")
    SECURITY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LOTSIZE_FIELD_NUMBER: _ClassVar[int]
    SECTYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LISTTIME_FIELD_NUMBER: _ClassVar[int]
    DELISTING_FIELD_NUMBER: _ClassVar[int]
    LISTTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    EXCHTYPE_FIELD_NUMBER: _ClassVar[int]
    security: _common_pb2.Security
    id: int
    lotSize: int
    secType: int
    name: str
    listTime: str
    delisting: bool
    listTimestamp: float
    exchType: int
    def __init__(self, security: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., id: _Optional[int] = ..., lotSize: _Optional[int] = ..., secType: _Optional[int] = ..., name: _Optional[str] = ..., listTime: _Optional[str] = ..., delisting: _Optional[bool] = ..., listTimestamp: _Optional[float] = ..., exchType: _Optional[int] = ...) -> None: ...

class WarrantStaticExData(_message.Message):
    __slots__ = ("type", "owner")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    type: int
    owner: _common_pb2.Security
    def __init__(self, type: _Optional[int] = ..., owner: _Optional[_Union[_common_pb2.Security, _Mapping]] = ...) -> None: ...

class OptionStaticExData(_message.Message):
    __slots__ = ("type", "owner", "strikeTime", "strikePrice", "suspend", "market", "strikeTimestamp", "indexOptionType", "expirationCycle", "optionStandardType", "optionSettlementMode")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    STRIKETIME_FIELD_NUMBER: _ClassVar[int]
    STRIKEPRICE_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_FIELD_NUMBER: _ClassVar[int]
    MARKET_FIELD_NUMBER: _ClassVar[int]
    STRIKETIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    INDEXOPTIONTYPE_FIELD_NUMBER: _ClassVar[int]
    EXPIRATIONCYCLE_FIELD_NUMBER: _ClassVar[int]
    OPTIONSTANDARDTYPE_FIELD_NUMBER: _ClassVar[int]
    OPTIONSETTLEMENTMODE_FIELD_NUMBER: _ClassVar[int]
    type: int
    owner: _common_pb2.Security
    strikeTime: str
    strikePrice: float
    suspend: bool
    market: str
    strikeTimestamp: float
    indexOptionType: int
    expirationCycle: int
    optionStandardType: int
    optionSettlementMode: int
    def __init__(self, type: _Optional[int] = ..., owner: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., strikeTime: _Optional[str] = ..., strikePrice: _Optional[float] = ..., suspend: _Optional[bool] = ..., market: _Optional[str] = ..., strikeTimestamp: _Optional[float] = ..., indexOptionType: _Optional[int] = ..., expirationCycle: _Optional[int] = ..., optionStandardType: _Optional[int] = ..., optionSettlementMode: _Optional[int] = ...) -> None: ...

class FutureStaticExData(_message.Message):
    __slots__ = ("lastTradeTime", "lastTradeTimestamp", "isMainContract")
    LASTTRADETIME_FIELD_NUMBER: _ClassVar[int]
    LASTTRADETIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ISMAINCONTRACT_FIELD_NUMBER: _ClassVar[int]
    lastTradeTime: str
    lastTradeTimestamp: float
    isMainContract: bool
    def __init__(self, lastTradeTime: _Optional[str] = ..., lastTradeTimestamp: _Optional[float] = ..., isMainContract: _Optional[bool] = ...) -> None: ...

class SecurityStaticInfo(_message.Message):
    __slots__ = ("basic", "warrantExData", "optionExData", "futureExData")
    BASIC_FIELD_NUMBER: _ClassVar[int]
    WARRANTEXDATA_FIELD_NUMBER: _ClassVar[int]
    OPTIONEXDATA_FIELD_NUMBER: _ClassVar[int]
    FUTUREEXDATA_FIELD_NUMBER: _ClassVar[int]
    basic: SecurityStaticBasic
    warrantExData: WarrantStaticExData
    optionExData: OptionStaticExData
    futureExData: FutureStaticExData
    def __init__(self, basic: _Optional[_Union[SecurityStaticBasic, _Mapping]] = ..., warrantExData: _Optional[_Union[WarrantStaticExData, _Mapping]] = ..., optionExData: _Optional[_Union[OptionStaticExData, _Mapping]] = ..., futureExData: _Optional[_Union[FutureStaticExData, _Mapping]] = ...) -> None: ...

class SubInfo(_message.Message):
    __slots__ = ("subType", "securityList")
    SUBTYPE_FIELD_NUMBER: _ClassVar[int]
    SECURITYLIST_FIELD_NUMBER: _ClassVar[int]
    subType: int
    securityList: _containers.RepeatedCompositeFieldContainer[_common_pb2.Security]
    def __init__(self, subType: _Optional[int] = ..., securityList: _Optional[_Iterable[_Union[_common_pb2.Security, _Mapping]]] = ...) -> None: ...

class ConnSubInfo(_message.Message):
    __slots__ = ("subInfoList", "usedQuota", "isOwnConnData")
    SUBINFOLIST_FIELD_NUMBER: _ClassVar[int]
    USEDQUOTA_FIELD_NUMBER: _ClassVar[int]
    ISOWNCONNDATA_FIELD_NUMBER: _ClassVar[int]
    subInfoList: _containers.RepeatedCompositeFieldContainer[SubInfo]
    usedQuota: int
    isOwnConnData: bool
    def __init__(self, subInfoList: _Optional[_Iterable[_Union[SubInfo, _Mapping]]] = ..., usedQuota: _Optional[int] = ..., isOwnConnData: _Optional[bool] = ...) -> None: ...

class Sub(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("securityList", "subTypeList", "isSubOrUnSub", "isRegOrUnRegPush", "regPushRehabTypeList", "isFirstPush", "isUnsubAll", "isSubOrderBookDetail", "extendedTime", "session", "header")
        SECURITYLIST_FIELD_NUMBER: _ClassVar[int]
        SUBTYPELIST_FIELD_NUMBER: _ClassVar[int]
        ISSUBORUNSUB_FIELD_NUMBER: _ClassVar[int]
        ISREGORUNREGPUSH_FIELD_NUMBER: _ClassVar[int]
        REGPUSHREHABTYPELIST_FIELD_NUMBER: _ClassVar[int]
        ISFIRSTPUSH_FIELD_NUMBER: _ClassVar[int]
        ISUNSUBALL_FIELD_NUMBER: _ClassVar[int]
        ISSUBORDERBOOKDETAIL_FIELD_NUMBER: _ClassVar[int]
        EXTENDEDTIME_FIELD_NUMBER: _ClassVar[int]
        SESSION_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        securityList: _containers.RepeatedCompositeFieldContainer[_common_pb2.Security]
        subTypeList: _containers.RepeatedScalarFieldContainer[int]
        isSubOrUnSub: bool
        isRegOrUnRegPush: bool
        regPushRehabTypeList: _containers.RepeatedScalarFieldContainer[int]
        isFirstPush: bool
        isUnsubAll: bool
        isSubOrderBookDetail: bool
        extendedTime: bool
        session: int
        header: _common_pb2.QotHeader
        def __init__(self, securityList: _Optional[_Iterable[_Union[_common_pb2.Security, _Mapping]]] = ..., subTypeList: _Optional[_Iterable[int]] = ..., isSubOrUnSub: _Optional[bool] = ..., isRegOrUnRegPush: _Optional[bool] = ..., regPushRehabTypeList: _Optional[_Iterable[int]] = ..., isFirstPush: _Optional[bool] = ..., isUnsubAll: _Optional[bool] = ..., isSubOrderBookDetail: _Optional[bool] = ..., extendedTime: _Optional[bool] = ..., session: _Optional[int] = ..., header: _Optional[_Union[_common_pb2.QotHeader, _Mapping]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: Sub.C2S
        def __init__(self, c2s: _Optional[_Union[Sub.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: Sub.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[Sub.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class RegQotPush(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("securityList", "subTypeList", "rehabTypeList", "isRegOrUnReg", "isFirstPush", "header")
        SECURITYLIST_FIELD_NUMBER: _ClassVar[int]
        SUBTYPELIST_FIELD_NUMBER: _ClassVar[int]
        REHABTYPELIST_FIELD_NUMBER: _ClassVar[int]
        ISREGORUNREG_FIELD_NUMBER: _ClassVar[int]
        ISFIRSTPUSH_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        securityList: _containers.RepeatedCompositeFieldContainer[_common_pb2.Security]
        subTypeList: _containers.RepeatedScalarFieldContainer[int]
        rehabTypeList: _containers.RepeatedScalarFieldContainer[int]
        isRegOrUnReg: bool
        isFirstPush: bool
        header: _common_pb2.QotHeader
        def __init__(self, securityList: _Optional[_Iterable[_Union[_common_pb2.Security, _Mapping]]] = ..., subTypeList: _Optional[_Iterable[int]] = ..., rehabTypeList: _Optional[_Iterable[int]] = ..., isRegOrUnReg: _Optional[bool] = ..., isFirstPush: _Optional[bool] = ..., header: _Optional[_Union[_common_pb2.QotHeader, _Mapping]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: RegQotPush.C2S
        def __init__(self, c2s: _Optional[_Union[RegQotPush.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: RegQotPush.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[RegQotPush.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetSubInfo(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("isReqAllConn", "header")
        ISREQALLCONN_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        isReqAllConn: bool
        header: _common_pb2.QotHeader
        def __init__(self, isReqAllConn: _Optional[bool] = ..., header: _Optional[_Union[_common_pb2.QotHeader, _Mapping]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("connSubInfoList", "totalUsedQuota", "remainQuota")
        CONNSUBINFOLIST_FIELD_NUMBER: _ClassVar[int]
        TOTALUSEDQUOTA_FIELD_NUMBER: _ClassVar[int]
        REMAINQUOTA_FIELD_NUMBER: _ClassVar[int]
        connSubInfoList: _containers.RepeatedCompositeFieldContainer[ConnSubInfo]
        totalUsedQuota: int
        remainQuota: int
        def __init__(self, connSubInfoList: _Optional[_Iterable[_Union[ConnSubInfo, _Mapping]]] = ..., totalUsedQuota: _Optional[int] = ..., remainQuota: _Optional[int] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetSubInfo.C2S
        def __init__(self, c2s: _Optional[_Union[GetSubInfo.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetSubInfo.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetSubInfo.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetBasicQot(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("securityList", "header")
        SECURITYLIST_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        securityList: _containers.RepeatedCompositeFieldContainer[_common_pb2.Security]
        header: _common_pb2.QotHeader
        def __init__(self, securityList: _Optional[_Iterable[_Union[_common_pb2.Security, _Mapping]]] = ..., header: _Optional[_Union[_common_pb2.QotHeader, _Mapping]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("basicQotList",)
        BASICQOTLIST_FIELD_NUMBER: _ClassVar[int]
        basicQotList: _containers.RepeatedCompositeFieldContainer[BasicQot]
        def __init__(self, basicQotList: _Optional[_Iterable[_Union[BasicQot, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetBasicQot.C2S
        def __init__(self, c2s: _Optional[_Union[GetBasicQot.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetBasicQot.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetBasicQot.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class UpdateBasicQot(_message.Message):
    __slots__ = ()
    class S2C(_message.Message):
        __slots__ = ("basicQotList",)
        BASICQOTLIST_FIELD_NUMBER: _ClassVar[int]
        basicQotList: _containers.RepeatedCompositeFieldContainer[BasicQot]
        def __init__(self, basicQotList: _Optional[_Iterable[_Union[BasicQot, _Mapping]]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: UpdateBasicQot.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[UpdateBasicQot.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class UpdateKL(_message.Message):
    __slots__ = ()
    class S2C(_message.Message):
        __slots__ = ("rehabType", "klType", "security", "klList", "name")
        REHABTYPE_FIELD_NUMBER: _ClassVar[int]
        KLTYPE_FIELD_NUMBER: _ClassVar[int]
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        KLLIST_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        rehabType: int
        klType: int
        security: _common_pb2.Security
        klList: _containers.RepeatedCompositeFieldContainer[KLine]
        name: str
        def __init__(self, rehabType: _Optional[int] = ..., klType: _Optional[int] = ..., security: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., klList: _Optional[_Iterable[_Union[KLine, _Mapping]]] = ..., name: _Optional[str] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: UpdateKL.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[UpdateKL.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class UpdateTicker(_message.Message):
    __slots__ = ()
    class S2C(_message.Message):
        __slots__ = ("security", "tickerList", "name")
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        TICKERLIST_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        security: _common_pb2.Security
        tickerList: _containers.RepeatedCompositeFieldContainer[Ticker]
        name: str
        def __init__(self, security: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., tickerList: _Optional[_Iterable[_Union[Ticker, _Mapping]]] = ..., name: _Optional[str] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: UpdateTicker.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[UpdateTicker.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetOrderBook(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("security", "num", "header")
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        NUM_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        security: _common_pb2.Security
        num: int
        header: _common_pb2.QotHeader
        def __init__(self, security: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., num: _Optional[int] = ..., header: _Optional[_Union[_common_pb2.QotHeader, _Mapping]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("security", "orderBookAskList", "orderBookBidList", "svrRecvTimeBid", "svrRecvTimeBidTimestamp", "svrRecvTimeAsk", "svrRecvTimeAskTimestamp", "name", "orderBookType")
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKASKLIST_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKBIDLIST_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEBID_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEBIDTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEASK_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEASKTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKTYPE_FIELD_NUMBER: _ClassVar[int]
        security: _common_pb2.Security
        orderBookAskList: _containers.RepeatedCompositeFieldContainer[OrderBook]
        orderBookBidList: _containers.RepeatedCompositeFieldContainer[OrderBook]
        svrRecvTimeBid: str
        svrRecvTimeBidTimestamp: float
        svrRecvTimeAsk: str
        svrRecvTimeAskTimestamp: float
        name: str
        orderBookType: int
        def __init__(self, security: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., orderBookAskList: _Optional[_Iterable[_Union[OrderBook, _Mapping]]] = ..., orderBookBidList: _Optional[_Iterable[_Union[OrderBook, _Mapping]]] = ..., svrRecvTimeBid: _Optional[str] = ..., svrRecvTimeBidTimestamp: _Optional[float] = ..., svrRecvTimeAsk: _Optional[str] = ..., svrRecvTimeAskTimestamp: _Optional[float] = ..., name: _Optional[str] = ..., orderBookType: _Optional[int] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetOrderBook.C2S
        def __init__(self, c2s: _Optional[_Union[GetOrderBook.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetOrderBook.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetOrderBook.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class UpdateOrderBook(_message.Message):
    __slots__ = ()
    class S2C(_message.Message):
        __slots__ = ("security", "orderBookAskList", "orderBookBidList", "svrRecvTimeBid", "svrRecvTimeBidTimestamp", "svrRecvTimeAsk", "svrRecvTimeAskTimestamp", "name", "orderBookType")
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKASKLIST_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKBIDLIST_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEBID_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEBIDTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEASK_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEASKTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKTYPE_FIELD_NUMBER: _ClassVar[int]
        security: _common_pb2.Security
        orderBookAskList: _containers.RepeatedCompositeFieldContainer[OrderBook]
        orderBookBidList: _containers.RepeatedCompositeFieldContainer[OrderBook]
        svrRecvTimeBid: str
        svrRecvTimeBidTimestamp: float
        svrRecvTimeAsk: str
        svrRecvTimeAskTimestamp: float
        name: str
        orderBookType: int
        def __init__(self, security: _Optional[_Union[_common_pb2.Security, _Mapping]] = ..., orderBookAskList: _Optional[_Iterable[_Union[OrderBook, _Mapping]]] = ..., orderBookBidList: _Optional[_Iterable[_Union[OrderBook, _Mapping]]] = ..., svrRecvTimeBid: _Optional[str] = ..., svrRecvTimeBidTimestamp: _Optional[float] = ..., svrRecvTimeAsk: _Optional[str] = ..., svrRecvTimeAskTimestamp: _Optional[float] = ..., name: _Optional[str] = ..., orderBookType: _Optional[int] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: UpdateOrderBook.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[UpdateOrderBook.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class BookLevels(_message.Message):
    __slots__ = ()
    class S2C(_message.Message):
        __slots__ = ("security", "orderBookAskList", "orderBookBidList", "svrRecvTimeBid", "svrRecvTimeBidTimestamp", "svrRecvTimeAsk", "svrRecvTimeAskTimestamp", "name", "orderBookType")
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKASKLIST_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKBIDLIST_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEBID_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEBIDTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEASK_FIELD_NUMBER: _ClassVar[int]
        SVRRECVTIMEASKTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        ORDERBOOKTYPE_FIELD_NUMBER: _ClassVar[int]
        security: bytes
        orderBookAskList: _containers.RepeatedScalarFieldContainer[bytes]
        orderBookBidList: _containers.RepeatedScalarFieldContainer[bytes]
        svrRecvTimeBid: str
        svrRecvTimeBidTimestamp: float
        svrRecvTimeAsk: str
        svrRecvTimeAskTimestamp: float
        name: str
        orderBookType: int
        def __init__(self, security: _Optional[bytes] = ..., orderBookAskList: _Optional[_Iterable[bytes]] = ..., orderBookBidList: _Optional[_Iterable[bytes]] = ..., svrRecvTimeBid: _Optional[str] = ..., svrRecvTimeBidTimestamp: _Optional[float] = ..., svrRecvTimeAsk: _Optional[str] = ..., svrRecvTimeAskTimestamp: _Optional[float] = ..., name: _Optional[str] = ..., orderBookType: _Optional[int] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: BookLevels.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[BookLevels.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class TickerPush(_message.Message):
    __slots__ = ()
    class Ticker(_message.Message):
        __slots__ = ("time", "sequence", "dir", "price", "volume", "turnover", "recvTime", "type", "typeSign", "pushDataType", "timestamp", "hpVolume")
        TIME_FIELD_NUMBER: _ClassVar[int]
        SEQUENCE_FIELD_NUMBER: _ClassVar[int]
        DIR_FIELD_NUMBER: _ClassVar[int]
        PRICE_FIELD_NUMBER: _ClassVar[int]
        VOLUME_FIELD_NUMBER: _ClassVar[int]
        TURNOVER_FIELD_NUMBER: _ClassVar[int]
        RECVTIME_FIELD_NUMBER: _ClassVar[int]
        TYPE_FIELD_NUMBER: _ClassVar[int]
        TYPESIGN_FIELD_NUMBER: _ClassVar[int]
        PUSHDATATYPE_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        HPVOLUME_FIELD_NUMBER: _ClassVar[int]
        time: str
        sequence: int
        dir: int
        price: float
        volume: int
        turnover: float
        recvTime: float
        type: int
        typeSign: int
        pushDataType: int
        timestamp: float
        hpVolume: float
        def __init__(self, time: _Optional[str] = ..., sequence: _Optional[int] = ..., dir: _Optional[int] = ..., price: _Optional[float] = ..., volume: _Optional[int] = ..., turnover: _Optional[float] = ..., recvTime: _Optional[float] = ..., type: _Optional[int] = ..., typeSign: _Optional[int] = ..., pushDataType: _Optional[int] = ..., timestamp: _Optional[float] = ..., hpVolume: _Optional[float] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("security", "tickerList", "name")
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        TICKERLIST_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        security: bytes
        tickerList: _containers.RepeatedCompositeFieldContainer[TickerPush.Ticker]
        name: str
        def __init__(self, security: _Optional[bytes] = ..., tickerList: _Optional[_Iterable[_Union[TickerPush.Ticker, _Mapping]]] = ..., name: _Optional[str] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: TickerPush.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[TickerPush.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class BarPush(_message.Message):
    __slots__ = ()
    class KLine(_message.Message):
        __slots__ = ("time", "isBlank", "highPrice", "openPrice", "lowPrice", "closePrice", "lastClosePrice", "volume", "turnover", "turnoverRate", "pe", "changeRate", "timestamp", "hpVolume")
        TIME_FIELD_NUMBER: _ClassVar[int]
        ISBLANK_FIELD_NUMBER: _ClassVar[int]
        HIGHPRICE_FIELD_NUMBER: _ClassVar[int]
        OPENPRICE_FIELD_NUMBER: _ClassVar[int]
        LOWPRICE_FIELD_NUMBER: _ClassVar[int]
        CLOSEPRICE_FIELD_NUMBER: _ClassVar[int]
        LASTCLOSEPRICE_FIELD_NUMBER: _ClassVar[int]
        VOLUME_FIELD_NUMBER: _ClassVar[int]
        TURNOVER_FIELD_NUMBER: _ClassVar[int]
        TURNOVERRATE_FIELD_NUMBER: _ClassVar[int]
        PE_FIELD_NUMBER: _ClassVar[int]
        CHANGERATE_FIELD_NUMBER: _ClassVar[int]
        TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        HPVOLUME_FIELD_NUMBER: _ClassVar[int]
        time: str
        isBlank: bool
        highPrice: float
        openPrice: float
        lowPrice: float
        closePrice: float
        lastClosePrice: float
        volume: int
        turnover: float
        turnoverRate: float
        pe: float
        changeRate: float
        timestamp: float
        hpVolume: float
        def __init__(self, time: _Optional[str] = ..., isBlank: _Optional[bool] = ..., highPrice: _Optional[float] = ..., openPrice: _Optional[float] = ..., lowPrice: _Optional[float] = ..., closePrice: _Optional[float] = ..., lastClosePrice: _Optional[float] = ..., volume: _Optional[int] = ..., turnover: _Optional[float] = ..., turnoverRate: _Optional[float] = ..., pe: _Optional[float] = ..., changeRate: _Optional[float] = ..., timestamp: _Optional[float] = ..., hpVolume: _Optional[float] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("rehabType", "klType", "security", "klList", "name")
        REHABTYPE_FIELD_NUMBER: _ClassVar[int]
        KLTYPE_FIELD_NUMBER: _ClassVar[int]
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        KLLIST_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        rehabType: int
        klType: int
        security: bytes
        klList: _containers.RepeatedCompositeFieldContainer[BarPush.KLine]
        name: str
        def __init__(self, rehabType: _Optional[int] = ..., klType: _Optional[int] = ..., security: _Optional[bytes] = ..., klList: _Optional[_Iterable[_Union[BarPush.KLine, _Mapping]]] = ..., name: _Optional[str] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: BarPush.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[BarPush.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class QuotePush(_message.Message):
    __slots__ = ()
    class BasicQot(_message.Message):
        __slots__ = ("security", "isSuspended", "listTime", "priceSpread", "updateTime", "highPrice", "openPrice", "lowPrice", "curPrice", "lastClosePrice", "volume", "turnover", "turnoverRate", "amplitude", "darkStatus", "optionExData", "listTimestamp", "updateTimestamp", "preMarket", "afterMarket", "secStatus", "futureExData", "warrantExData", "name", "overnight", "hpVolume")
        SECURITY_FIELD_NUMBER: _ClassVar[int]
        ISSUSPENDED_FIELD_NUMBER: _ClassVar[int]
        LISTTIME_FIELD_NUMBER: _ClassVar[int]
        PRICESPREAD_FIELD_NUMBER: _ClassVar[int]
        UPDATETIME_FIELD_NUMBER: _ClassVar[int]
        HIGHPRICE_FIELD_NUMBER: _ClassVar[int]
        OPENPRICE_FIELD_NUMBER: _ClassVar[int]
        LOWPRICE_FIELD_NUMBER: _ClassVar[int]
        CURPRICE_FIELD_NUMBER: _ClassVar[int]
        LASTCLOSEPRICE_FIELD_NUMBER: _ClassVar[int]
        VOLUME_FIELD_NUMBER: _ClassVar[int]
        TURNOVER_FIELD_NUMBER: _ClassVar[int]
        TURNOVERRATE_FIELD_NUMBER: _ClassVar[int]
        AMPLITUDE_FIELD_NUMBER: _ClassVar[int]
        DARKSTATUS_FIELD_NUMBER: _ClassVar[int]
        OPTIONEXDATA_FIELD_NUMBER: _ClassVar[int]
        LISTTIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        UPDATETIMESTAMP_FIELD_NUMBER: _ClassVar[int]
        PREMARKET_FIELD_NUMBER: _ClassVar[int]
        AFTERMARKET_FIELD_NUMBER: _ClassVar[int]
        SECSTATUS_FIELD_NUMBER: _ClassVar[int]
        FUTUREEXDATA_FIELD_NUMBER: _ClassVar[int]
        WARRANTEXDATA_FIELD_NUMBER: _ClassVar[int]
        NAME_FIELD_NUMBER: _ClassVar[int]
        OVERNIGHT_FIELD_NUMBER: _ClassVar[int]
        HPVOLUME_FIELD_NUMBER: _ClassVar[int]
        security: bytes
        isSuspended: bool
        listTime: str
        priceSpread: float
        updateTime: str
        highPrice: float
        openPrice: float
        lowPrice: float
        curPrice: float
        lastClosePrice: float
        volume: int
        turnover: float
        turnoverRate: float
        amplitude: float
        darkStatus: int
        optionExData: bytes
        listTimestamp: float
        updateTimestamp: float
        preMarket: bytes
        afterMarket: bytes
        secStatus: int
        futureExData: bytes
        warrantExData: bytes
        name: str
        overnight: bytes
        hpVolume: float
        def __init__(self, security: _Optional[bytes] = ..., isSuspended: _Optional[bool] = ..., listTime: _Optional[str] = ..., priceSpread: _Optional[float] = ..., updateTime: _Optional[str] = ..., highPrice: _Optional[float] = ..., openPrice: _Optional[float] = ..., lowPrice: _Optional[float] = ..., curPrice: _Optional[float] = ..., lastClosePrice: _Optional[float] = ..., volume: _Optional[int] = ..., turnover: _Optional[float] = ..., turnoverRate: _Optional[float] = ..., amplitude: _Optional[float] = ..., darkStatus: _Optional[int] = ..., optionExData: _Optional[bytes] = ..., listTimestamp: _Optional[float] = ..., updateTimestamp: _Optional[float] = ..., preMarket: _Optional[bytes] = ..., afterMarket: _Optional[bytes] = ..., secStatus: _Optional[int] = ..., futureExData: _Optional[bytes] = ..., warrantExData: _Optional[bytes] = ..., name: _Optional[str] = ..., overnight: _Optional[bytes] = ..., hpVolume: _Optional[float] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("basicQotList",)
        BASICQOTLIST_FIELD_NUMBER: _ClassVar[int]
        basicQotList: _containers.RepeatedCompositeFieldContainer[QuotePush.BasicQot]
        def __init__(self, basicQotList: _Optional[_Iterable[_Union[QuotePush.BasicQot, _Mapping]]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: QuotePush.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[QuotePush.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...

class GetStaticInfo(_message.Message):
    __slots__ = ()
    class C2S(_message.Message):
        __slots__ = ("market", "secType", "securityList", "header")
        MARKET_FIELD_NUMBER: _ClassVar[int]
        SECTYPE_FIELD_NUMBER: _ClassVar[int]
        SECURITYLIST_FIELD_NUMBER: _ClassVar[int]
        HEADER_FIELD_NUMBER: _ClassVar[int]
        market: int
        secType: int
        securityList: _containers.RepeatedCompositeFieldContainer[_common_pb2.Security]
        header: _common_pb2.QotHeader
        def __init__(self, market: _Optional[int] = ..., secType: _Optional[int] = ..., securityList: _Optional[_Iterable[_Union[_common_pb2.Security, _Mapping]]] = ..., header: _Optional[_Union[_common_pb2.QotHeader, _Mapping]] = ...) -> None: ...
    class S2C(_message.Message):
        __slots__ = ("staticInfoList",)
        STATICINFOLIST_FIELD_NUMBER: _ClassVar[int]
        staticInfoList: _containers.RepeatedCompositeFieldContainer[SecurityStaticInfo]
        def __init__(self, staticInfoList: _Optional[_Iterable[_Union[SecurityStaticInfo, _Mapping]]] = ...) -> None: ...
    class Request(_message.Message):
        __slots__ = ("c2s",)
        C2S_FIELD_NUMBER: _ClassVar[int]
        c2s: GetStaticInfo.C2S
        def __init__(self, c2s: _Optional[_Union[GetStaticInfo.C2S, _Mapping]] = ...) -> None: ...
    class Response(_message.Message):
        __slots__ = ("retType", "retMsg", "errCode", "s2c")
        RETTYPE_FIELD_NUMBER: _ClassVar[int]
        RETMSG_FIELD_NUMBER: _ClassVar[int]
        ERRCODE_FIELD_NUMBER: _ClassVar[int]
        S2C_FIELD_NUMBER: _ClassVar[int]
        retType: int
        retMsg: str
        errCode: int
        s2c: GetStaticInfo.S2C
        def __init__(self, retType: _Optional[int] = ..., retMsg: _Optional[str] = ..., errCode: _Optional[int] = ..., s2c: _Optional[_Union[GetStaticInfo.S2C, _Mapping]] = ...) -> None: ...
    def __init__(self) -> None: ...
