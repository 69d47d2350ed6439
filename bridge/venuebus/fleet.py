"""The venues that a bridge runs: they come and go while it runs, each without touching the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from venuebus_schemas import SessionState, Subjects

from .bus.connection import HIGH_WATER, Connection
from .bus.pieces import publish_all
from .bus.streams import StreamNames
from .configuration.config import BusConfig
from .observability.metrics import Metrics
from .orders.checks import Observers
from .outbox import MarketPublisher
from .plugins import Plugins
from .state import VenueState
from .venue import Interceptor, VenueConfig
from .venue_runner import VenueRunner

if TYPE_CHECKING:
    from .observability.tracing import Tracing

log = structlog.get_logger("venuebus")

STOP_TIMEOUT = 9.0  # seconds for a venue to drain
CANCEL_TIMEOUT = 1.0  # seconds for what was canceled because it did not


class MarketLink:
    """Market data's way out: core NATS on a connection of its own."""

    def __init__(self, connection: Connection) -> None:
        self._client = connection.data
        self.publish_all = partial(publish_all, connection.data)

    @property
    def is_congested(self) -> bool:
        """Tell whether NATS is away, or behind by more than the client should hold."""
        return not self._client.is_connected or self._client.pending_data_size > HIGH_WATER


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every venue of this process stands on."""

    bus: BusConfig
    plugins: Plugins
    connection: Connection
    link: MarketPublisher
    names: StreamNames
    subjects: Subjects
    owner: str
    spool_dir: Path
    interceptors: tuple[Interceptor, ...]
    observers: Observers
    metrics: Metrics
    tracing: Tracing | None = None

    def runner(self, name: str, config: VenueConfig, told: Callable[[str, SessionState, str], None]) -> VenueRunner:
        """Make what runs a venue in this event loop."""
        interceptors = (*self.plugins.gates(name, config), *self.interceptors)
        return VenueRunner(
            name, self.plugins.specs[config.plugin], config, self.bus, self.connection, self.link, self.names,
            self.subjects, self.owner, self.spool_dir, interceptors=interceptors, observers=self.observers,
            told=told, metrics=self.metrics, tracing=self.tracing,
        )  # fmt: skip


class RunningVenue(Protocol):
    """One venue that runs, wherever: in this event loop or in a process of its own."""

    venue: str
    config: VenueConfig
    state: VenueState

    async def run(self) -> None:
        """Run the venue until `stop`."""

    async def stop(self) -> None:
        """Ask `run` to drain and to return."""

    def status(self) -> dict[str, Any]:
        """Return what ``ctl.<venue>.status`` tells."""

    def health(self) -> dict[str, Any]:
        """Return what ``/readyz`` tells of it; a false ``ledger`` makes the bridge not ready."""


class Fleet:
    """Every venue of one bridge.

    Args:
        failed: told why the bridge cannot go on: a venue's task died of an error of ours.
    """

    def __init__(self, failed: Callable[[str], None]) -> None:
        self.venues: dict[str, RunningVenue] = {}
        self._failed = failed
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, venue: RunningVenue) -> None:
        """Run ``venue`` from now on."""
        self.venues[venue.venue] = venue
        task = self._tasks[venue.venue] = asyncio.create_task(venue.run(), name=f"venue-{venue.venue}")
        task.add_done_callback(self._ended)

    async def end(self, names: Iterable[str], timeout: float = STOP_TIMEOUT) -> set[str]:
        """Drain venues, all at the same time; return those that did not end, which stay as they are."""
        wanted = {name: self._tasks[name] for name in names if name in self._tasks}
        for name in wanted:
            await self.venues[name].stop()
        late = await self._wait(wanted, timeout)
        for name in late:
            log.error("venue did not stop in time", venue=name, seconds=timeout)
            wanted[name].cancel()
        late = await self._wait({name: wanted[name] for name in late}, CANCEL_TIMEOUT)
        for name in wanted.keys() - late:
            del self.venues[name], self._tasks[name]
        return late

    async def end_all(self, timeout: float = STOP_TIMEOUT) -> None:
        """Drain every venue."""
        await self.end(list(self._tasks), timeout)

    @staticmethod
    async def _wait(tasks: dict[str, asyncio.Task[None]], timeout: float) -> set[str]:
        if tasks:
            await asyncio.wait(tasks.values(), timeout=timeout)
        return {name for name, task in tasks.items() if not task.done()}

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", task=task.get_name(), exc_info=error)
            self._failed(f"{task.get_name()}: {type(error).__name__}: {error}")
