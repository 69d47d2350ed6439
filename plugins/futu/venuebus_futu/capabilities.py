"""What OpenD offers, and how often it may be asked."""

from __future__ import annotations

from venuebus import Capabilities, Limit, LookupPolicy
from venuebus_schemas import OrderType, TimeInForce, Verb

from .config import FutuConfig

REQUEST_TIMEOUT = 12.0  # as the official SDK waits

CAPABILITIES = Capabilities(
    market_data=frozenset({"quote", "trade", "book", "ticker", "bar", "instrument"}),
    verbs=frozenset({Verb.SUBMIT, Verb.AMEND, Verb.CANCEL, Verb.CANCEL_ALL}),
    order_types=frozenset(
        {
            OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP,
            OrderType.TRAILING_STOP_LIMIT, OrderType.AUCTION, OrderType.AUCTION_LIMIT, OrderType.OTHER,
        }
    ),
    time_in_force=frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.GTD}),
    idempotent=frozenset({Verb.CANCEL}),
    queries=frozenset(
        {"instruments", "book", "order_history", "fill_history", "max_quantity", "order_fees", "subscriptions"}
    ),
    request_timeout=REQUEST_TIMEOUT,
    # OpenD's order list may lag behind its server, and may be asked for ten times in 30 s only.
    lookup=LookupPolicy(min_age=10.0, answers=3, interval=3.5),
    notes=(
        "simulated accounts: no fills from the venue, they are computed from order updates",
        "orders are found again by remark, which carries client_order_id",
        "amend: enable and disable through params.operation; cancel: delete through params.operation",
    ),
)  # fmt: skip

_WINDOW = 30.1  # the rule is "more than 30 s"; the rest is for what the way to OpenD does to distances
CANCEL_RESERVE = 8
LOOKUP_RESERVE = 3

LIMITS = (
    Limit(name="PlaceOrder", operations=("place",), count=15, per=_WINDOW, spacing=0.02, by_key=True),
    Limit(
        name="ModifyOrder", operations=("modify",), count=20, per=_WINDOW, spacing=0.04, reserve=CANCEL_RESERVE,
        by_key=True,
    ),
    Limit(name="UnlockTrade", operations=("unlock",), count=10, per=_WINDOW),
    Limit(name="GetOrderList", operations=("orders",), count=10, per=_WINDOW, reserve=LOOKUP_RESERVE, by_key=True),
    Limit(name="GetOrderFillList", operations=("fills",), count=10, per=_WINDOW, reserve=LOOKUP_RESERVE, by_key=True),
    Limit(name="GetPositionList", operations=("positions",), count=10, per=_WINDOW, by_key=True),
    Limit(name="GetFunds", operations=("funds",), count=10, per=_WINDOW, by_key=True),
    Limit(
        name="GetHistoryOrderList", operations=("order_history",), count=10, per=_WINDOW, reserve=LOOKUP_RESERVE,
        by_key=True,
    ),
    Limit(name="GetHistoryOrderFillList", operations=("fill_history",), count=10, per=_WINDOW, by_key=True),
    Limit(name="GetMaxTrdQtys", operations=("max_quantity",), count=10, per=_WINDOW, by_key=True),
    Limit(name="GetOrderFee", operations=("order_fees",), count=10, per=_WINDOW, by_key=True),
    Limit(name="GetStaticInfo", operations=("static_info",), count=10, per=_WINDOW),
)  # fmt: skip


def limits(config: FutuConfig) -> tuple[Limit, ...]:
    """Return OpenD's published limits; they count for every client of it together, of which we know only ourselves."""
    return LIMITS
