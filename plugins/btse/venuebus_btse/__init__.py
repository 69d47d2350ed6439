"""BTSE spot for venuebus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from venuebus import Capabilities, LookupPolicy, VenueContext, VenueSession, VenueSimulator, VenueSpec, hookimpl
from venuebus_schemas import OrderType, TimeInForce, Verb

from .config import MARKET_DATA, BtseConfig, limits

CAPABILITIES = Capabilities(
    market_data=MARKET_DATA,
    verbs=frozenset({Verb.SUBMIT, Verb.AMEND, Verb.CANCEL, Verb.CANCEL_ALL, Verb.CANCEL_AFTER}),
    order_types=frozenset({
        OrderType.LIMIT, OrderType.MARKET, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.OCO, OrderType.PEG,
    }),
    time_in_force=frozenset({TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    quote_quantity=True,
    post_only=True,
    idempotent=frozenset({Verb.CANCEL, Verb.CANCEL_AFTER}),
    queries=frozenset({"instruments", "book"}),
    request_timeout=10.0,
    # The venue's own time-out is 30 s, so an order may still appear that long after it was sent.
    lookup=LookupPolicy(min_age=35.0, answers=3, interval=2.0),
    notes=(
        "quote_quantity: market buys only",
        "balances and positions: spot v3.3 has no question for them",
        "params: tx_type, time_in_force, deviation, stealth, trail_value, trigger_price_type",
    ),
)  # fmt: skip


def create(context: VenueContext[BtseConfig]) -> VenueSession:
    """Return a new session."""
    from .session import BtseSession

    return BtseSession(context)


def simulator() -> VenueSimulator:
    """Return a simulated BTSE with markets that move."""
    from .simulator import BtseSimulator

    return BtseSimulator(rate=20.0)


SPEC: VenueSpec[BtseConfig] = VenueSpec(
    name="btse",
    config_type=BtseConfig,
    create=create,
    capabilities=CAPABILITIES,
    summary="BTSE spot: quotes, trades, books; limit, market, stop, oco and peg orders",
    limits=limits,
    simulator=simulator,
)


@hookimpl
def venuebus_register_venues() -> Iterable[VenueSpec[Any]]:
    """Offer one kind of venue: ``btse``."""
    return [SPEC]
