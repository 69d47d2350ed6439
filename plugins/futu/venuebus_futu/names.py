"""OpenD's numbers as the bus's words. What a table does not have is ``unknown``, never the nearest neighbour."""

from __future__ import annotations

from venuebus_schemas import InstrumentKind, OrderStatus, OrderType, Side, TimeInForce

SIMULATE = 0
REAL = 1
ENVIRONMENTS = {SIMULATE: "simulate", REAL: "real"}

SIDES = {1: Side.BUY, 2: Side.SELL, 3: Side.SELL, 4: Side.BUY}
SIDE_NAMES = {3: "SellShort", 4: "BuyBack"}
BUY, SELL, SELL_SHORT, BUY_BACK = 1, 2, 3, 4

STATUSES = {
    0: OrderStatus.PENDING_NEW,
    1: OrderStatus.PENDING_NEW,
    2: OrderStatus.PENDING_NEW,
    3: OrderStatus.REJECTED,
    4: OrderStatus.UNKNOWN,  # TimeOut: OpenD itself does not know whether the order exists
    5: OrderStatus.NEW,
    10: OrderStatus.PARTIALLY_FILLED,
    11: OrderStatus.FILLED,
    12: OrderStatus.PENDING_CANCEL,
    13: OrderStatus.PENDING_CANCEL,
    14: OrderStatus.CANCELED,
    15: OrderStatus.CANCELED,
    21: OrderStatus.REJECTED,
    22: OrderStatus.SUSPENDED,  # off the book and kept by Futu; "enable" puts it back, so it is not over
    23: OrderStatus.CANCELED,  # a dead order, hidden by its owner
    24: OrderStatus.CANCELED,  # its fills were taken back
}
STATUS_NAMES = {
    -1: "Unknown", 0: "Unsubmitted", 1: "WaitingSubmit", 2: "Submitting", 3: "SubmitFailed", 4: "TimeOut",
    5: "Submitted", 10: "Filled_Part", 11: "Filled_All", 12: "Cancelling_Part", 13: "Cancelling_All",
    14: "Cancelled_Part", 15: "Cancelled_All", 21: "Failed", 22: "Disabled", 23: "Deleted", 24: "FillCancelled",
}  # fmt: skip
FILL_CANCELLED = 24
DELETED = 23

ORDER_TYPES = {
    1: OrderType.LIMIT, 2: OrderType.MARKET, 5: OrderType.LIMIT, 6: OrderType.AUCTION, 7: OrderType.AUCTION_LIMIT,
    8: OrderType.LIMIT, 9: OrderType.LIMIT, 10: OrderType.STOP, 11: OrderType.STOP_LIMIT, 12: OrderType.OTHER,
    13: OrderType.OTHER, 14: OrderType.TRAILING_STOP, 15: OrderType.TRAILING_STOP_LIMIT, 16: OrderType.OTHER,
    17: OrderType.OTHER, 18: OrderType.OTHER, 19: OrderType.OTHER,
}  # fmt: skip
NATIVE_ORDER_TYPES = {
    "NORMAL": 1, "MARKET": 2, "ABSOLUTE_LIMIT": 5, "AUCTION": 6, "AUCTION_LIMIT": 7, "SPECIAL_LIMIT": 8,
    "SPECIAL_LIMIT_ALL": 9, "STOP": 10, "STOP_LIMIT": 11, "MARKET_IF_TOUCHED": 12, "LIMIT_IF_TOUCHED": 13,
    "TRAILING_STOP": 14, "TRAILING_STOP_LIMIT": 15, "TWAP_MARKET": 16, "TWAP_LIMIT": 17, "VWAP_MARKET": 18,
    "VWAP_LIMIT": 19,
}  # fmt: skip
"""The SDK's names of the order types, as ``params.order_type`` takes them."""
ORDER_TYPE_NAMES = {number: name for name, number in NATIVE_ORDER_TYPES.items()}
PLAIN_ORDER_TYPES = {
    OrderType.LIMIT: 1, OrderType.MARKET: 2, OrderType.AUCTION: 6, OrderType.AUCTION_LIMIT: 7, OrderType.STOP: 10,
    OrderType.STOP_LIMIT: 11, OrderType.TRAILING_STOP: 14, OrderType.TRAILING_STOP_LIMIT: 15,
}  # fmt: skip
TRAILING = frozenset({14, 15})
UNAMBIGUOUS_ORDER_TYPES = frozenset(PLAIN_ORDER_TYPES.values()) - TRAILING
"""Types that the canonical word tells whole; the others' name travels in ``extra``."""
PRICED = frozenset({1, 5, 7, 8, 9, 11, 13, 17, 19})
"""Order types with a limit price. (The limit of a trailing stop is computed by the venue.)"""
TRIGGERED = frozenset({10, 11, 12, 13})

TIMES_IN_FORCE = {0: TimeInForce.DAY, 1: TimeInForce.GTC, 2: TimeInForce.IOC, 3: TimeInForce.GTD}
TIME_IN_FORCE = {word: number for number, word in TIMES_IN_FORCE.items()}
SESSIONS = {"none": 0, "rth": 1, "eth": 2, "all": 3, "overnight": 4}
SESSION_NAMES = {number: name for name, number in SESSIONS.items()}
TRAILS = {"ratio": 1, "amount": 2}
TRAIL_NAMES = {number: name for name, number in TRAILS.items()}

CURRENCIES = {1: "HKD", 2: "USD", 3: "CNH", 4: "JPY", 5: "SGD", 6: "AUD", 7: "CAD", 8: "MYR", 9: "NZD"}
CURRENCY = {name: number for number, name in CURRENCIES.items()}
MARKET_CURRENCIES = {
    1: "HKD", 2: "USD", 3: "CNH", 4: "CNH", 6: "SGD", 8: "AUD", 10: "HKD", 11: "USD", 12: "SGD", 13: "JPY", 15: "JPY",
    111: "MYR", 112: "CAD",
}  # fmt: skip
"""TrdMarket → the currency in which an account of that market alone is kept."""

OPERATIONS = {"amend": 1, "cancel": 2, "disable": 3, "enable": 4, "delete": 5}

INSTRUMENT_KINDS = {
    3: InstrumentKind.EQUITY, 4: InstrumentKind.EQUITY, 6: InstrumentKind.INDEX, 8: InstrumentKind.OPTION,
    10: InstrumentKind.FUTURE, 11: InstrumentKind.FX, 12: InstrumentKind.SPOT, 1: InstrumentKind.OTHER,
    2: InstrumentKind.OTHER, 5: InstrumentKind.OTHER, 7: InstrumentKind.OTHER, 9: InstrumentKind.OTHER,
}  # fmt: skip
EXCHANGES = {
    1: "HKEX", 2: "HKEX-GEM", 3: "HKEX", 4: "NYSE", 5: "NASDAQ", 6: "PINK", 7: "AMEX", 8: "US-OPTION", 9: "NYMEX",
    10: "COMEX", 11: "CBOT", 12: "CME", 13: "CBOE", 14: "SSE", 15: "SZSE", 16: "SSE-STAR", 17: "SGX", 18: "OSE",
    19: "CRYPTO", 20: "MYX", 21: "TSE", 22: "NIKKEI",
}  # fmt: skip
SECURITY_STATUSES = {
    1: "normal", 2: "listing", 3: "purchasing", 4: "subscribing", 5: "before_dark", 6: "dark", 7: "dark_ended",
    8: "to_be_open", 9: "suspended", 10: "called", 11: "expired_last_trading_date", 12: "expired", 13: "delisted",
    14: "changed_to_temporary_code", 15: "temporary_code_ended", 16: "code_changing", 17: "code_changed",
    18: "circuit_breaker", 19: "circuit_breaker_final", 20: "after_combination", 21: "after_transaction",
}  # fmt: skip

SUB_BASIC, SUB_BOOK, SUB_TICKER = 1, 2, 4
BAR_SUBTYPES = {
    "1m": 11, "3m": 17, "5m": 7, "10m": 18, "15m": 8, "30m": 9, "1h": 10, "2h": 19, "3h": 20, "4h": 21, "1d": 6,
    "1w": 12, "1M": 13, "3M": 15, "1y": 16,
}  # fmt: skip
BAR_INTERVALS = {
    1: "1m", 2: "1d", 3: "1w", 4: "1M", 5: "1y", 6: "5m", 7: "15m", 8: "30m", 9: "1h", 10: "3m", 11: "3M", 12: "10m",
    13: "2h", 14: "3h", 15: "4h",
}  # fmt: skip
"""KLType → interval. (Subscription types and bar types have different numbers for the same bar.)"""

IRREGULAR_PRINTS = frozenset({2, 6, 8, 11, 13, 14, 15, 16, 18, 19, 23, 24, 25, 26, 27, 30})
"""Ticker types whose price is not the market's now: late, odd-lot, bulk, average, derivative and official prints."""
