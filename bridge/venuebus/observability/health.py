"""What is measured: stable names, base units, and nothing computed before somebody looks.

The parts of the bridge count in plain numbers; here is said what they mean, and they are read at the scrape. The only
labels are those whose values a configuration or an enumeration bounds: no symbol, no id, no text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from venuebus_schemas import SessionState, Verb

from .metrics import Metrics

if TYPE_CHECKING:
    from ..app import Bridge
    from ..orders.account import Account
    from ..venue_runner import VenueRunner

Read = Callable[["VenueRunner"], float]
ReadMany = Callable[["VenueRunner"], Mapping[str, float]]
ReadAccount = Callable[["Account"], float]
Rows = Iterator[tuple[tuple[str, ...], float]]


def register_metrics(metrics: Metrics, bridge: Bridge) -> None:
    """Register what is read of ``bridge`` at each scrape; before it is started, so that waiting for NATS is seen."""
    metrics.gauge("nats_connected", "1 while NATS takes messages", lambda: float(_up(bridge)))
    metrics.gauge("nats_clock_offset_seconds", "The NATS server's clock less ours", lambda: _offset(bridge))
    metrics.counters("nats_reconnects", "Reconnects to NATS", (), lambda: [((), float(_reconnects(bridge)))])
    for name, text, read in VENUE_GAUGES:
        metrics.gauges(name, text, ("venue",), lambda read=read: _per_venue(bridge, read))  # type: ignore[misc]
    for name, text, read in VENUE_COUNTERS:
        metrics.counters(name, text, ("venue",), lambda read=read: _per_venue(bridge, read))  # type: ignore[misc]
    for name, text, read_account in ACCOUNT_GAUGES:
        metrics.gauges(
            name, text, ("venue", "account"), lambda read=read_account: _per_account(bridge, read)  # type: ignore[misc]
        )  # fmt: skip
    for name, label, text, read_many in VENUE_MAPS:
        metrics.counters(name, text, ("venue", label), lambda read=read_many: _per_value(bridge, read))  # type: ignore[misc]
    for name, label, text, read_many in VENUE_GAUGE_MAPS:
        metrics.gauges(name, text, ("venue", label), lambda read=read_many: _per_value(bridge, read))  # type: ignore[misc]


def _per_venue(bridge: Bridge, read: Read) -> Rows:
    for name, runner in bridge.venues.items():
        yield (name,), float(read(runner))


def _per_account(bridge: Bridge, read: ReadAccount) -> Rows:
    for name, runner in bridge.venues.items():
        for account in runner.accounts.values():
            yield (name, account.name), float(read(account))


def _per_value(bridge: Bridge, read: ReadMany) -> Rows:
    for name, runner in bridge.venues.items():
        for value, number in read(runner).items():
            yield (name, value), float(number)


def _received(runner: VenueRunner) -> Mapping[str, int]:
    counts = dict(runner.outbox.received)
    for account in runner.accounts.values():
        _add(counts, account.heard)
    return counts


def _sent(runner: VenueRunner) -> Mapping[str, int]:
    counts = dict(runner.outbox.sent)
    _add(counts, runner.notices.stored)
    for account in runner.accounts.values():
        _add(counts, account.ledger.written)
    return counts


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for kind, count in more.items():
        counts[kind] = counts.get(kind, 0) + count


def _lost(runner: VenueRunner, how: str) -> Mapping[str, int]:
    return {kind: count for (what, kind), count in runner.outbox.lost.items() if what == how}


def _states(runner: VenueRunner) -> Mapping[str, float]:
    return {str(state): runner.state.state is state for state in SessionState}


def _breakers(runner: VenueRunner) -> Mapping[str, float]:
    broken = runner.engine.breaker.open_operations()
    return {str(verb): verb in broken for verb in Verb if verb is not Verb.UNKNOWN}


def _budget(runner: VenueRunner, part: int) -> Mapping[str, float]:
    return {name: numbers[part] for name, numbers in runner.limits.budget().items()}


def _bans(runner: VenueRunner) -> list[float]:
    return list(runner.limits.state().values())


def _oldest(runner: VenueRunner) -> float:
    received = [job.ts_received for job in runner.engine.outcomes.unresolved.values()]
    return max(0.0, (time.time_ns() - min(received)) / 1e9) if received else 0.0


def _up(bridge: Bridge) -> bool:
    return bridge.connection is not None and bridge.connection.is_up


def _offset(bridge: Bridge) -> float | None:
    return bridge.connection.clock_offset_ns / 1e9 if bridge.connection is not None else None


def _reconnects(bridge: Bridge) -> int:
    return bridge.connection.reconnects if bridge.connection is not None else 0


VENUE_GAUGES: tuple[tuple[str, str, Read], ...] = (
    ("market_data_waiting", "Market data messages that NATS was not given yet", lambda v: v.outbox.waiting),
    ("notices_waiting", "Session and gap events and dead letters not stored yet", lambda v: v.notices.waiting),
    ("gaps_open", "Subjects with a hole in their market data that is not healed", lambda v: len(v.notices.open_gaps)),
    ("commands_waiting", "Commands read and not at their end", lambda v: v.engine.waiting),
    ("unknown_orders", "Commands whose outcome is not known", lambda v: len(v.engine.outcomes.unresolved)),
    ("unknown_oldest_seconds", "Age of the oldest of them, 0 if there are none", _oldest),
    ("rate_limit_waiting", "Requests that wait for a limit of the venue", lambda v: v.limits.waiting),
    ("rate_ban_seconds", "How long the venue still wants to hear nothing", lambda v: max([0.0, *_bans(v)])),
)
VENUE_COUNTERS: tuple[tuple[str, str, Read], ...] = (
    ("venue_state_changes", "Changes of the venue's state", lambda v: v.state.changes),
    ("venue_reconnects", "Sessions lost after they were ready", lambda v: v.sessions.reconnects),
    ("lease_acquired", "Times that this bridge took the venue over", lambda v: v.acquired),
    ("gaps", "Holes told, healed at once or later or never", lambda v: v.notices.gaps),
    ("notices_dropped", "Notices dropped because NATS was away too long", lambda v: v.notices.dropped),
    ("reconciliations", "Times that the venue was asked for its state", lambda v: v.reconciler.runs),
    ("reconciled_differences", "Events that only asking brought to light", lambda v: v.reconciler.differences),
    ("rate_limited", "Requests refused by the venue's limits before they were sent", lambda v: v.limits.refused),
    ("rate_limit_waits", "Waits for a limit of the venue", lambda v: v.limits.waited),
)
ACCOUNT_GAUGES: tuple[tuple[str, str, ReadAccount], ...] = (
    ("lease_held", "1 while this bridge may act for the account", lambda a: a.ledger.lease.is_held),
    ("account_reconciled", "1 once the venue was asked for the account's state", lambda a: a.reconciled),
    ("account_halted", "1 while the account is halted", lambda a: a.halted),
    ("open_orders", "Orders that are not over", lambda a: len(a.tracker.open)),
    ("open_claims", "Commands claimed and not at their end", lambda a: len(a.open_claims)),
    ("ledger_healthy", "0 while account events cannot be stored", lambda a: a.ledger.healthy),
    ("ledger_waiting", "Account messages on their way to the stream", lambda a: a.ledger.waiting),
    ("spool_messages", "Account events waiting on disk for NATS", lambda a: a.ledger.spool.pending),
    ("spool_bytes", "Their size on disk", lambda a: a.ledger.spool.pending_bytes),
    ("spool_limit_bytes", "Size at which the session is stopped instead", lambda a: a.ledger.spool.max_bytes),
)
VENUE_MAPS: tuple[tuple[str, str, str, ReadMany], ...] = (
    ("messages_received", "kind", "Events that sessions have published", _received),
    ("messages_published", "kind", "Messages handed to NATS, or stored by it where they are kept", _sent),
    ("market_data_dropped", "kind", "Market data dropped, NATS slow or away", lambda v: _lost(v, "dropped")),
    ("market_data_conflated", "kind", "Market data replaced by newer", lambda v: _lost(v, "conflated")),
    ("dead_letters", "origin", "Messages that could not be understood", lambda v: v.notices.dead_by_origin),
    ("venue_events", "event", "What the plugin counts", lambda v: v.sessions.counts),
)
VENUE_GAUGE_MAPS: tuple[tuple[str, str, str, ReadMany], ...] = (
    ("venue_state", "state", "1 for the state that the venue is in", _states),
    ("breaker_open", "verb", "1 while commands are refused because the venue fails them all", _breakers),
    ("rate_limit_left", "limit", "Requests that a limit of the venue allows now", lambda v: _budget(v, 0)),
    ("rate_limit_size", "limit", "Requests that it allows at most", lambda v: _budget(v, 1)),
)
