"""CTP (China futures) for venuebus, through a webctp JSON gateway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from venuebus import Capabilities, Limit, LookupPolicy, VenueSpec, hookimpl
from venuebus_schemas import OrderType, PositionEffect, TimeInForce, Verb

from .config import CtpConfig
from .session import CtpSession
from .simulator import CtpSimulator

CAPABILITIES = Capabilities(
    market_data=frozenset({"quote", "ticker", "book", "instrument"}),
    verbs=frozenset({Verb.SUBMIT, Verb.CANCEL, Verb.CANCEL_ALL, Verb.AMEND}),
    order_types=frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.STOP, OrderType.STOP_LIMIT}),
    time_in_force=frozenset({TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK}),
    position_effects=frozenset(
        {PositionEffect.OPEN, PositionEffect.CLOSE, PositionEffect.CLOSE_TODAY, PositionEffect.CLOSE_YESTERDAY}
    ),
    reduce_only=True,
    idempotent=frozenset({Verb.CANCEL, Verb.CANCEL_ALL}),
    queries=frozenset({"instruments", "book", "quote", "ticker", "cancels", "native"}),
    request_timeout=10.0,
    # The counter lists all orders of the trading day, refused ones of the exchange too, but a busy one is behind.
    lookup=LookupPolicy(min_age=5.0, answers=2, interval=2.5),
    any_symbol=True,
    notes=(
        "one query a second: a reconciliation takes about five seconds",
        "amend only as cancel and new order, with params.replace",
        "SHFE and INE: close means close yesterday; close_today needs its own order",
        "no public trades: ticker.extra.volume_delta is what traded between two snapshots",
    ),
)


def limits(config: CtpConfig) -> tuple[Limit, ...]:
    """Return the counter's limits: queries, orders with cancels, and subscriptions."""
    return (
        Limit(name="queries", operations=("query",), count=1, per=max(config.query_interval, 0.001)),
        Limit(
            name="orders", operations=("submit", "cancel"), count=config.orders_per_second, per=1.0,
            reserve=max(1, config.orders_per_second // 5) if config.orders_per_second > 1 else 0,
        ),
        Limit(name="subscriptions", operations=("subscribe",), count=1, per=max(config.subscribe_interval, 0.001)),
    )  # fmt: skip


SPEC: VenueSpec[CtpConfig] = VenueSpec(
    name="ctp",
    config_type=CtpConfig,
    create=CtpSession,
    capabilities=CAPABILITIES,
    summary="China futures and options (SHFE, INE, DCE, CZCE, CFFEX, GFEX) through a webctp gateway",
    limits=limits,
    simulator=CtpSimulator,
)


@hookimpl
def venuebus_register_venues() -> Iterable[VenueSpec[Any]]:
    """Offer the venue."""
    return [SPEC]
