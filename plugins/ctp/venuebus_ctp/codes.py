"""What the counter's and the gateway's error numbers mean for the caller. Texts are for people; numbers decide."""

from __future__ import annotations

from venuebus_schemas import Reason

FRONT_DOWN = -1
TOO_MANY_IN_FLIGHT = -2
TOO_FAST = -3
NOT_LOGGED_IN = -401
DUPLICATE_REF = 22
SETTLEMENT_NOT_CONFIRMED = 42
CANCEL_NOT_FOUND = 25
CANCEL_TOO_LATE = 26
TOO_MANY_SESSIONS = 60

LOGIN_RETRYABLE = frozenset({FRONT_DOWN, TOO_MANY_IN_FLIGHT, TOO_FAST, 5, 6, 7, 8, 21, 39, 90, 154, 5002})
"""Log in again later. Every other refusal is for a person: accounts lock after 6 to 10 wrong attempts."""

QUERY_RETRYABLE = frozenset({TOO_MANY_IN_FLIGHT, TOO_FAST, 90, 154, 5002})
"""Ask again after a second or more."""

_REASONS: dict[Reason, tuple[int, ...]] = {
    Reason.NOT_CONNECTED: (FRONT_DOWN, NOT_LOGGED_IN, 5, 6, 7, 8, 21, 39, 90, 154, 5002),
    Reason.RATE_LIMITED: (TOO_MANY_IN_FLIGHT, TOO_FAST, 40, 41, 116, TOO_MANY_SESSIONS, 6000),
    Reason.UNAUTHORIZED: (
        3, 9, 10, 11, 12, 13, 14, 28, 42, 48, 49, 63, 64, 75, 131, 132, 140, 141, 143, 144, 4040, 4042, 4043, 4060,
    ),
    Reason.UNKNOWN_SYMBOL: (16,),
    Reason.UNKNOWN_ORDER: (CANCEL_NOT_FOUND, CANCEL_TOO_LATE),
    Reason.DUPLICATE: (DUPLICATE_REF, 24),
    Reason.INVALID: (-400, -404, 15, 17, 23, 147, 148),
    Reason.UNSUPPORTED: (80, 81),
    Reason.PRICE: (95, 146, 149, 150),
    Reason.QUANTITY: (163, 164, 165),
    Reason.INSUFFICIENT_FUNDS: (31,),
    Reason.RISK: (29, 30, 50, 51, 52, 53, 54, 62, 106, 156),
    Reason.MARKET_CLOSED: (162,),
}  # fmt: skip
_BY_NUMBER = {number: reason for reason, numbers in _REASONS.items() for number in numbers}

_BY_WORD = (
    ("当前状态禁止", Reason.MARKET_CLOSED),
    ("资金不足", Reason.INSUFFICIENT_FUNDS),
    ("仓位不足", Reason.RISK),
    ("价格", Reason.PRICE),
    ("涨跌停", Reason.PRICE),
)

HINTS = {
    FRONT_DOWN: "the gateway has no connection to the front",
    3: "the front does not accept this login (market data: set md_login = \"user\" if it verifies logins)",
    16: "no such contract; names are case-sensitive",
    50: "use close_yesterday or close: no position of today",
    51: "use close_today: at SHFE and INE close means close yesterday",
    42: "settlement not confirmed",
    80: "this exchange has no such order type: use a limit order at the price limit with ioc",
    157: "CZCE: an order that the exchange has not answered yet cannot be canceled",
}  # fmt: skip


def reason(number: int) -> Reason:
    """Return the contract's reason for an error number; ``venue_rejected`` where there is no better one."""
    return _BY_NUMBER.get(number, Reason.VENUE_REJECTED)


def reason_of_text(text: str | None) -> Reason:
    """Return the reason for an exchange's refusal, which has a text and no number: a hint, never a decision."""
    return next((found for word, found in _BY_WORD if text and word in text), Reason.VENUE_REJECTED)


def describe(number: int, text: str) -> str:
    """Return number, the venue's words, and what to do about it where that is known."""
    hint = HINTS.get(number)
    return f"{number} {text.strip() or 'no text'}" + (f" ({hint})" if hint else "")
