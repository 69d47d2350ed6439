"""The venue's numbers and words: order states, error codes, and what they mean for a command.

Where the documents contradict each other the reading is the careful one: a number we do not know changes nothing,
and a code that may hide a time-out proves nothing.
"""

from __future__ import annotations

from venuebus_schemas import OrderStatus, OrderType, Reason, TimeInForce

TIMED_OUT = -1
FILLED = 4
PARTLY = 5
CANCELED = 6
REFUNDED = 7
NO_FUNDS = 8
WAITING = 9
REJECTED = 15
NOT_FOUND = 16
FAILED = 17
AMENDED = 123

STATUSES = {
    2: OrderStatus.NEW,
    4: OrderStatus.FILLED,
    5: OrderStatus.PARTIALLY_FILLED,
    6: OrderStatus.CANCELED,
    7: OrderStatus.CANCELED,  # refunded: a market order without counterparty
    9: OrderStatus.NEW,  # waits for its trigger
    10: OrderStatus.TRIGGERED,
    123: OrderStatus.NEW,
}
"""Numbers that are a state of an order wherever they come. 8, 15, 16, -1 and 17 depend on the question."""

REFUSALS = frozenset({NO_FUNDS, REJECTED})
UNPROVEN = frozenset({TIMED_OUT, FAILED})

LIMIT, MARKET, PEG = 76, 77, 80
TYPES = {LIMIT: OrderType.LIMIT, MARKET: OrderType.MARKET, PEG: OrderType.PEG, 81: OrderType.OTHER}
TX_OCO = frozenset({"3", "OCO"})

LIVES = {
    TimeInForce.DAY: "DAY",
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
TIMES_IN_FORCE = {name: kind for kind, name in LIVES.items()}

_REASONS = {
    "-2": Reason.INVALID,
    "-7": Reason.UNAUTHORIZED,
    "10002": Reason.UNAUTHORIZED,
    "-7006": Reason.UNKNOWN_SYMBOL,
    "1": Reason.MARKET_CLOSED,
    "8": Reason.INSUFFICIENT_FUNDS,
    "51523": Reason.INSUFFICIENT_FUNDS,
    "33199101": Reason.INSUFFICIENT_FUNDS,
    "33001003": Reason.PRICE,
    "300": Reason.QUANTITY,
    "301": Reason.QUANTITY,
    "302": Reason.PRICE,
    "303": Reason.RATE_LIMITED,
    "304": Reason.RISK,
    "64": Reason.RISK,
    "16": Reason.UNKNOWN_ORDER,
}
_WORDS = (
    ("insufficient", Reason.INSUFFICIENT_FUNDS),
    ("balance", Reason.INSUFFICIENT_FUNDS),
    ("authenticat", Reason.UNAUTHORIZED),
    ("permission", Reason.UNAUTHORIZED),
    ("duplicate", Reason.DUPLICATE),
    ("symbol", Reason.UNKNOWN_SYMBOL),
    ("should not be mixed", Reason.INVALID),
    ("order not found", Reason.UNKNOWN_ORDER),
    ("doesn't exist", Reason.UNKNOWN_ORDER),
    ("price", Reason.PRICE),
    ("size", Reason.QUANTITY),
    ("amount", Reason.QUANTITY),
    ("market", Reason.MARKET_CLOSED),
)
_AMBIGUOUS = ("system error", "timeout", "timed out", "internal")


def reason_of(http: int, code: str, text: str) -> Reason:
    """Return the contract's reason for a refusal: by HTTP status, then the venue's code, then its words."""
    if http == 429:
        return Reason.RATE_LIMITED
    if http in (401, 403, 451):
        return Reason.UNAUTHORIZED
    if code in _REASONS:
        return _REASONS[code]
    low = text.lower()
    for word, reason in _WORDS:
        if word in low:
            return reason
    return Reason.VENUE_REJECTED


def proves_nothing(code: str, text: str) -> bool:
    """Tell whether an error that looks like a refusal may hide work that was done ("System error")."""
    low = text.lower()
    return code in ("-11", "17") or any(word in low for word in _AMBIGUOUS)


def says_not_found(code: str, text: str) -> bool:
    """Tell whether an error says that the order does not exist. Code -1 alone says only "something general"."""
    low = text.lower()
    return code == "16" or "not found" in low or "doesn't exist" in low or "not exist" in low
