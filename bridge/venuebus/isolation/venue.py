"""The parent's side of an isolated venue: starts its process, watches it, ends it, and starts the next one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from venuebus_schemas import Reason, SessionState

from ..bus.failure import BusUnavailable
from ..bus.lease import Lease
from ..bus.notices import Notices
from ..fleet import Ground
from ..observability.metrics import Metrics
from ..plugins import LIMIT_VARIABLE
from ..retry import reconnect_delays
from ..state import VenueState
from ..venue import VenueConfig
from .families import metrics_of
from .process import ChildProcess
from .wire import Ended, Report, Setup, State, Stop, ToParent

if TYPE_CHECKING:
    from ..configuration.config import Tables

log = structlog.get_logger("venuebus.isolation")

TICK = 0.25  # seconds between two looks at the process
START_TIMEOUT = 30.0  # seconds to its first sign of life: Python and the plugin are loaded then
STOP_TIMEOUT = 8.0  # seconds to drain
STEADY = 60.0  # seconds of life after which an end counts as the first again
CRASHES = 5  # ends in a row after which the venue counts as failed; it is still tried again
SLOWEST = 30.0  # seconds at most until the next process
MIB = 2**20


class IsolatedVenue:
    """Runs one venue in a process of its own until `stop`."""

    def __init__(
        self,
        name: str,
        config: VenueConfig,
        tables: Tables,
        ground: Ground,
        nats_url: str | None,
        told: Callable[[str, SessionState, str], None],
    ) -> None:
        self.venue = name
        self.config = config
        self.restarts = 0
        self._tables = tables
        self._ground = ground
        self._nats_url = nats_url
        self._told = told
        self._notices = Notices(ground.connection, ground.subjects, name, encoding=ground.bus.encoding)
        self.state = VenueState(name, self._notices, told, ground.owner)
        self._stop = asyncio.Event()
        self._child: ChildProcess | None = None
        self._report: Report | None = None
        self._memory: int | None = None
        self._last_words: str | None = None
        self._looked = 0.0
        self._started = 0

    # --- the life -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Have a process run the venue whenever possible, until `stop`."""
        notices = asyncio.create_task(self._notices.run(), name=f"{self.venue}-notices")
        delays, ends = reconnect_delays(maximum=SLOWEST), 0
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                why = await self._one_process()
                if self._stop.is_set():
                    break
                if time.monotonic() - began > STEADY:
                    delays, ends = reconnect_delays(maximum=SLOWEST), 0
                ends += 1
                self.restarts += 1
                await self._mourn(why, ends, next(delays))
        finally:
            if self.state.state is not SessionState.CLOSED:
                self.state.set(SessionState.CLOSED)
            await self._notices.settle(2.0)
            notices.cancel()
            await asyncio.wait({notices}, timeout=1.0)

    async def stop(self) -> None:
        """Ask `run` to come to its end."""
        self._stop.set()

    async def _one_process(self) -> str:
        """Run one process to its end and return why it ended."""
        self._started += 1
        owner = f"{self._ground.owner}-{self._started}"
        self._report, self._last_words, self._memory = None, None, None
        self._notices.restart(time.time_ns() // 1_000_000)
        self.state.mirror(SessionState.CONNECTING, "its process starts", None, time.time_ns())
        try:
            child = self._child = await ChildProcess.start(self._setup(owner), self._environment())
        except OSError as error:
            return f"its process cannot be started: {error.strerror or error}"
        log.info("isolated venue has a process", venue=self.venue, process=child.pid)
        try:
            verdict = await self._watch(child)
        finally:
            self._child = None
            await child.kill()
            await self._revoke(owner)
        return self._last_words or verdict or f"its process {child.how()}"

    async def _watch(self, child: ChildProcess) -> str | None:
        """Return when the process has ended or must be; in the second case why."""
        reading = asyncio.create_task(self._read(child), name=f"{self.venue}-process")
        ended = asyncio.create_task(child.ended(), name=f"{self.venue}-ended")
        stopping = asyncio.create_task(self._stop.wait(), name=f"{self.venue}-stop")
        waits: set[asyncio.Task[Any]] = {ended, reading, stopping}
        give_up = float("inf")
        self._looked = time.monotonic()
        try:
            while not (ended.done() or (reading.done() and ended not in waits)):
                done, _ = await asyncio.wait(waits, timeout=TICK, return_when="FIRST_COMPLETED")
                waits -= done - {ended}
                if stopping in done:
                    child.send(Stop())
                    give_up = time.monotonic() + STOP_TIMEOUT
                if reading.done():  # it closed its end: then it is about to go, or has lost its senses
                    give_up = min(give_up, time.monotonic() + 1.0)
                if verdict := self._verdict(child, give_up):
                    return verdict
            if not reading.done():  # its last words may still be on their way
                await asyncio.wait({reading}, timeout=1.0)
            return None
        finally:
            for task in (reading, ended, stopping):
                task.cancel()

    def _verdict(self, child: ChildProcess, give_up: float) -> str | None:
        now = time.monotonic()
        if now - self._looked > 4 * TICK:
            child.heard = now  # it is us who did not run, and what it said meanwhile is not read yet
        self._looked = now
        self._memory = child.memory() or self._peak()
        limit = self.config.max_memory
        if limit is not None and self._memory is not None and self._memory > limit:
            return f"its memory grew to {self._memory // MIB} MiB, over max_memory ({limit // MIB} MiB)"
        if now > give_up:
            return "its process did not end in time"
        if not child.beats:
            late = now - child.started > START_TIMEOUT
            return f"its process gave no sign of life for {START_TIMEOUT:g} s from its start" if late else None
        if now - child.heard > self.config.max_blocked:
            return f"its event loop was blocked for over {self.config.max_blocked:g} s (max_blocked)"
        return None

    def _peak(self) -> int | None:
        """Return the most memory that the process says it ever had, for systems that do not show it to us."""
        told = self._report.health.get("peak_memory") if self._report is not None else None
        return told if isinstance(told, int) else None

    async def _read(self, child: ChildProcess) -> None:
        async for message in child.messages():
            self._hear(message)

    def _hear(self, message: ToParent) -> None:
        if isinstance(message, Report):
            self._report = message
            self._mirror(message.state)
        elif isinstance(message, State):
            self._mirror(message)
        elif isinstance(message, Ended):
            self._last_words = message.text or None

    def _mirror(self, told: State) -> None:
        self.state.mirror(told.state, told.text, told.reason, told.since_ns)

    async def _mourn(self, why: str, ends: int, delay: float) -> None:
        why = "; ".join(why.splitlines())
        failed = ends >= CRASHES
        state = SessionState.FAILED if failed else SessionState.DOWN
        often = f" ({ends} times in a row)" if ends > 1 else ""
        log.error("isolated venue's process ended", venue=self.venue, why=why, ends=ends, next_in=round(delay, 2))
        self.state.set(
            state, f"{why}{often}", reason=Reason.INTERNAL, attempt=ends, retry_at=time.time_ns() + int(delay * 1e9)
        )
        try:
            async with asyncio.timeout(delay):
                await self._stop.wait()
        except TimeoutError:
            pass

    async def _revoke(self, owner: str) -> None:
        """Give back what the process held: it is certainly gone, so nobody need wait for the lease to run out.

        The next process is another owner with another fence: what the dead one still had on its way is refused.
        """
        ground = self._ground
        for account in self.config.account_names():
            lease = Lease(ground.connection, ground.names, ground.subjects, self.venue, account, owner)
            try:
                await lease.revoke()
            except BusUnavailable as error:
                log.info("lease of an ended process runs out by itself", venue=self.venue, error=str(error))
                return

    # --- what the child is given ----------------------------------------------------------------------------

    def _setup(self, owner: str) -> Setup:
        return Setup(
            parent=os.getpid(), venue=self.venue, tables=self._tables.of(self.venue), folder=str(self._tables.folder),
            owner=owner, spool_dir=str(self._ground.spool_dir.absolute()), nats_url=self._nats_url,
            single_replica=sorted(self._ground.connection.single_replica),
        )  # fmt: skip

    def _environment(self) -> Mapping[str, str]:
        """Return ours without the variables of other venues' secrets, limited to the plugins that this venue needs."""
        hidden = self._tables.variables_of_others(self.venue)
        plugins = ",".join(self._ground.plugins.needed_for(self.config.plugin))
        return {**{key: value for key, value in os.environ.items() if key not in hidden}, LIMIT_VARIABLE: plugins}

    # --- what others see ------------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """Return what ``/readyz`` tells of the venue beside its state."""
        told = self._report.health if self._report is not None and self._child is not None else {}
        return {
            "ledger": bool(told.get("ledger", True)),
            "lease": bool(told.get("lease", False)),
            "unknown_orders": told.get("unknown_orders"),
            "isolation": self._about(),
        }

    def status(self) -> dict[str, Any]:
        """Return what is known here; ``ctl.<venue>.status``, which the process itself answers, tells all."""
        return {
            "venue": self.venue,
            "plugin": self.config.plugin,
            "state": str(self.state.state),
            "reason": str(self.state.reason) if self.state.reason else None,
            "text": self.state.text or None,
            "since": self.state.since_ns,
            "symbols": list(self.config.symbols),
            "market_data": list(self.config.market_data),
            "isolation": self._about(),
        }

    def _about(self) -> dict[str, Any]:
        return {
            "process": self._child.pid if self._child is not None else None,
            "memory": self.memory,
            "restarts": self.restarts,
        }

    @property
    def memory(self) -> int | None:
        """Bytes that its process holds; ``None`` while there is none, or nobody tells."""
        return self._memory if self._child is not None else None

    def families(self) -> Iterator[Metric]:
        """Yield the venue's metrics, most of which its process counts."""
        states = GaugeMetricFamily(
            "venuebus_venue_state", "1 for the state that the venue is in", labels=("venue", "state")
        )
        for state in SessionState:
            states.add_metric((self.venue, str(state)), self.state.state is state)
        yield states
        if self._report is not None and self._child is not None:
            yield from metrics_of(self._report.families, self.venue)


def register_isolation(metrics: Metrics, venues: Callable[[], Iterable[object]]) -> None:
    """Export what those of ``venues`` that are isolated count, and what is measured of their processes."""

    def isolated() -> Iterator[IsolatedVenue]:
        return (venue for venue in venues() if isinstance(venue, IsolatedVenue))

    metrics.counters(
        "isolation_restarts", "Ends of an isolated venue's process that nobody asked for", ("venue",),
        lambda: [((venue.venue,), float(venue.restarts)) for venue in isolated()],
    )  # fmt: skip
    metrics.gauges(
        "isolation_memory_bytes", "Memory that an isolated venue's process holds", ("venue",),
        lambda: [((venue.venue,), float(venue.memory)) for venue in isolated() if venue.memory is not None],
    )  # fmt: skip
    metrics.add(lambda: [family for venue in isolated() for family in venue.families()])
