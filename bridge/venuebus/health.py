"""What is measured: names are stable, units are in them, nothing is computed before somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from venuebus_schemas import SessionState

from .metrics import Metrics

if TYPE_CHECKING:
    from .app import Bridge


def register_metrics(metrics: Metrics, bridge: Bridge) -> None:
    """Register the gauges of ``bridge``; each is read at the scrape."""

    def per_venue(read: str) -> Iterator[tuple[tuple[str, ...], float]]:
        for name, runner in bridge.venues.items():
            value: object = runner
            for part in read.split("."):
                value = getattr(value, part)
            yield (name,), float(len(value) if isinstance(value, dict) else value)  # type: ignore[arg-type]

    metrics.gauge("nats_connected", "1 while NATS takes messages", lambda: float(_up(bridge)))
    metrics.gauge("nats_reconnects", "Reconnects to NATS", lambda: float(_reconnects(bridge)))
    metrics.gauge("loop_lag_seconds", "How late the event loop woke up last", lambda: bridge.loop_lag)
    for name, text, read in (
        ("venue_events_received", "Events that sessions have published", "sessions.received"),
        ("venue_reconnects", "Sessions lost after they were ready", "sessions.reconnects"),
        ("market_data_published", "Market data messages handed to NATS", "outbox.published"),
        ("market_data_waiting", "Market data messages waiting for NATS", "outbox.waiting"),
        ("market_data_dropped", "Market data messages dropped, NATS slow or away", "outbox.dropped"),
        ("market_data_conflated", "Market data messages replaced by newer ones", "outbox.conflated"),
        ("dead_letters", "Messages that could not be understood", "notices.dead_letters"),
        ("unknown_orders", "Commands whose outcome is not known", "engine.outcomes.unresolved"),
        ("reconciliations", "Times that the venue was asked for its state", "reconciler.runs"),
        ("reconciled_differences", "Events that only asking brought to light", "reconciler.differences"),
        ("rate_limited", "Requests refused by the venue's limits before they were sent", "limits.refused"),
    ):
        metrics.gauges(name, text, ("venue",), lambda read=read: per_venue(read))  # type: ignore[misc]

    def states() -> Iterator[tuple[tuple[str, ...], float]]:
        for name, runner in bridge.venues.items():
            for state in SessionState:
                yield (name, str(state)), float(runner.state.state is state)

    def counts() -> Iterator[tuple[tuple[str, ...], float]]:
        for name, runner in bridge.venues.items():
            for event, count in runner.sessions.counts.items():
                yield (name, event), float(count)

    def commands() -> Iterator[tuple[tuple[str, ...], float]]:
        for name, runner in bridge.venues.items():
            for status, count in runner.engine.outcomes.counts.items():
                yield (name, status), float(count)

    def spooled() -> Iterator[tuple[tuple[str, ...], float]]:
        for name, runner in bridge.venues.items():
            for account in runner.accounts.values():
                yield (name, account.name), float(account.ledger.spool.pending_bytes)

    metrics.gauges("venue_state", "1 for the state that the venue is in", ("venue", "state"), states)
    metrics.gauges("venue_events_total", "What plugins count", ("venue", "event"), counts)
    metrics.gauges("commands", "Results published", ("venue", "status"), commands)
    metrics.gauges("spool_bytes", "Account events waiting on disk for NATS", ("venue", "account"), spooled)


def _up(bridge: Bridge) -> bool:
    return bridge.connection is not None and bridge.connection.is_up


def _reconnects(bridge: Bridge) -> int:
    return bridge.connection.reconnects if bridge.connection is not None else 0
