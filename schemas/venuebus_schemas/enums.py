"""The enumerations of the bus. Every one has ``unknown`` and reads what it does not know as that."""

from __future__ import annotations

from .base import OpenEnum


class Side(OpenEnum):
    """Direction of an order, a fill or the aggressor of a trade."""

    BUY = "buy"
    SELL = "sell"
    UNKNOWN = "unknown"


class OrderType(OpenEnum):
    """How an order finds its price."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TRAILING_STOP_LIMIT = "trailing_stop_limit"
    PEG = "peg"
    AUCTION = "auction"
    AUCTION_LIMIT = "auction_limit"
    OCO = "oco"
    OTHER = "other"
    UNKNOWN = "unknown"


class TimeInForce(OpenEnum):
    """How long an order works."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"
    OTHER = "other"
    UNKNOWN = "unknown"


class PositionEffect(OpenEnum):
    """Whether an order opens or closes a position, where a venue keeps the two apart."""

    OPEN = "open"
    CLOSE = "close"
    CLOSE_TODAY = "close_today"
    CLOSE_YESTERDAY = "close_yesterday"
    UNKNOWN = "unknown"


class OrderStatus(OpenEnum):
    """State of an order. ``unknown`` means that the outcome is not known: never a guess."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    PENDING_AMEND = "pending_amend"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    TRIGGERED = "triggered"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Tell whether the order is over: nothing but a voided fill can change it."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})


class Liquidity(OpenEnum):
    """Whether a fill added liquidity or took it."""

    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = "unknown"


class PositionSide(OpenEnum):
    """Side of a position; ``net`` where the venue keeps one signed number."""

    LONG = "long"
    SHORT = "short"
    NET = "net"
    UNKNOWN = "unknown"


class InstrumentKind(OpenEnum):
    """What is traded."""

    SPOT = "spot"
    FUTURE = "future"
    OPTION = "option"
    EQUITY = "equity"
    INDEX = "index"
    FX = "fx"
    OTHER = "other"
    UNKNOWN = "unknown"


class Right(OpenEnum):
    """Right of an option."""

    CALL = "call"
    PUT = "put"
    UNKNOWN = "unknown"


class ForwardStatus(OpenEnum):
    """State of an FX-forward position."""

    OPEN = "open"
    SETTLED = "settled"
    EXTENDED = "extended"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class ForwardChangeKind(OpenEnum):
    """What happened to an FX-forward position."""

    CREATE = "create"
    CANCEL = "cancel"
    EXTEND = "extend"
    SETTLE = "settle"
    UNKNOWN = "unknown"


class ResultStatus(OpenEnum):
    """Outcome of a command. ``rejected`` certainly had no effect; ``unknown`` could not be proved either way."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class ResolvedBy(OpenEnum):
    """Whose word settled an outcome that was unknown."""

    PUSH = "push"
    QUERY = "query"
    OPERATOR = "operator"
    UNKNOWN = "unknown"


class SessionState(OpenEnum):
    """State of a venue's connection."""

    CONNECTING = "connecting"
    READY = "ready"
    DEGRADED = "degraded"
    DOWN = "down"
    FAILED = "failed"
    HALTED = "halted"
    STANDBY = "standby"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class DeadLetterOrigin(OpenEnum):
    """Where a message that could not be understood came from."""

    VENUE = "venue"
    COMMAND = "command"
    UNKNOWN = "unknown"


class Verb(OpenEnum):
    """What a command asks for."""

    SUBMIT = "submit"
    AMEND = "amend"
    CANCEL = "cancel"
    CANCEL_ALL = "cancel_all"
    CANCEL_AFTER = "cancel_after"
    UNKNOWN = "unknown"


class Reason(OpenEnum):
    """Why something was refused or failed; machine-readable, stable."""

    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_SYMBOL = "unknown_symbol"
    UNKNOWN_ORDER = "unknown_order"
    DUPLICATE = "duplicate"
    EXPIRED = "expired"
    HALTED = "halted"
    NOT_CONNECTED = "not_connected"
    RATE_LIMITED = "rate_limited"
    UNAUTHORIZED = "unauthorized"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    PRICE = "price"
    QUANTITY = "quantity"
    MARKET_CLOSED = "market_closed"
    RISK = "risk"
    VENUE_REJECTED = "venue_rejected"
    TIMEOUT = "timeout"
    INTERNAL = "internal"
    UNKNOWN = "unknown"
