"""The whole bridge: built from the configuration, started, watched and stopped in one place."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from venuebus_schemas import SessionState, Subjects

from . import __version__
from .bus.connection import HIGH_WATER, Connection
from .bus.embedded import EmbeddedServer, ServerOptions, default_store_dir
from .bus.hooks import HookStore
from .bus.options import connect_options, renewal
from .bus.orphans import Orphans
from .bus.streams import StreamNames, ensure_stream, hooks_config, retained_config, stream_configs
from .config import BridgeConfig
from .errors import BusError, ConfigError
from .health import register_metrics
from .http import HttpServer
from .metrics import Metrics
from .orders.checks import Observers
from .plugins import Plugins
from .venue_runner import VenueRunner
from .watchdog import Suspects, Watchdog
from .webhooks.ingress import Ingress

log = structlog.get_logger("venuebus")

if TYPE_CHECKING:
    from .tracing import Tracing

GOOD = frozenset({SessionState.READY, SessionState.STANDBY})
STOP_TIMEOUT = 9.0
BEAT = 0.5  # seconds between two heartbeats of the loop
DEAD = 15.0  # seconds without a heartbeat after which /livez says so


class MarketLink:
    """Market data's way out: core NATS on a connection of its own."""

    def __init__(self, connection: Connection) -> None:
        self._client = connection.data
        self.publish = connection.data.publish

    @property
    def is_congested(self) -> bool:
        """Tell whether NATS is away, or behind by more than the client should hold."""
        return not self._client.is_connected or self._client.pending_data_size > HIGH_WATER


class Bridge:
    """One process of venuebus. `start` returns when the bus stands and every venue is on its way."""

    def __init__(self, config: BridgeConfig, plugins: Plugins, *, tracing: Tracing | None = None) -> None:
        self.config = config
        self.tracing = tracing
        self.plugins = plugins
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.venues: dict[str, VenueRunner] = {}
        self.metrics = Metrics()
        self.server: EmbeddedServer | None = None
        self.connection: Connection | None = None
        self.http = HttpServer(
            config.http.listen, self.metrics, ready=self._ready, live=self._live, max_body=config.http.max_body,
            max_connections=config.http.max_connections,
        )  # fmt: skip
        self.ingress = Ingress(self.metrics, config.http.trusted_proxies)
        for name, venue in config.venues.items():
            self.ingress.add(name, plugins.specs[venue.plugin], venue)
        if self.ingress.is_needed:
            self.http.add_post("/hooks/{venue}", self.ingress.handle)
        self._watchdog = Watchdog(Suspects(plugins, self._kinds), self.metrics)
        self.loop_lag = 0.0
        self._lags = self.metrics.histogram("loop_lag_seconds", "How late the event loop wakes up")
        register_metrics(self.metrics, self)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[str] | None = None
        self._stopping = asyncio.Event()
        self._beat = time.monotonic()

    # --- life -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring the bus up and start every venue; waits for NATS as long as it takes.

        Raises:
            BusError: NATS or its streams cannot be used. ConfigError: the HTTP address is taken.
        """
        self._failed = asyncio.get_running_loop().create_future()
        bus = self.config.bus
        if self.tracing is None and self.config.tracing.enabled:
            self.tracing = _tracing(self.config, self.owner)
        self._spawn("heartbeat", self._heartbeat())
        self._watchdog.start()
        await self.http.start()
        if bus.embedded:
            await self._start_server()
        options = connect_options(bus, self.server.url if self.server is not None else None)
        connection = self.connection = Connection(
            options, request_timeout=bus.request_timeout, renew=renewal(bus, options),
            login_patience=bus.login_patience, prefix=bus.prefix,
        )  # fmt: skip
        await connection.connect()
        subjects, names = Subjects(bus.prefix), StreamNames(bus.prefix)
        await self._ensure_streams(connection, subjects, names)
        await connection.stream_tail(names.commands)
        if self.ingress.is_needed:
            self.ingress.connect(HookStore(connection, names, subjects))
        interceptors = self.plugins.interceptors(self.config)
        observers = Observers(self.plugins.observers(self.config), self._observer_off)
        link = MarketLink(connection)
        for name, config in self.config.venues.items():
            runner = VenueRunner(
                name, self.plugins.specs[config.plugin], config, bus, connection, link, names, subjects, self.owner,
                self._spool_dir(), interceptors=interceptors, observers=observers,
                told=self.plugins.venue_state_changed, metrics=self.metrics, tracing=self.tracing,
            )  # fmt: skip
            self.venues[name] = runner
            self._spawn(f"venue-{name}", runner.run())
        self._spawn("orphans", Orphans(connection, names, subjects, frozenset(self.venues), bus.encoding).run())
        assert connection.lost is not None
        connection.lost.add_done_callback(lambda lost: self._fail(lost.result()))
        log.info("bridge started", venues=", ".join(self.venues), nats=self.nats_url, http=self.http_url or "off")

    async def _start_server(self) -> None:
        bus = self.config.bus
        options = ServerOptions(
            store_dir=bus.store_dir or default_store_dir(),
            port=bus.port,
            max_store=bus.max_store,
            sync=bus.sync,
        )
        self.server = EmbeddedServer(options, binary=bus.server_binary)
        await self.server.start()
        log.info("embedded nats-server", url=self.server.url, version=self.server.version, store=str(options.store_dir))

    async def _ensure_streams(self, connection: Connection, subjects: Subjects, names: StreamNames) -> None:
        bus = self.config.bus
        create = bus.manage_streams == "app"
        limits = {
            name: getattr(bus, name)
            for name in bus.__struct_fields__
            if name.endswith(("_max_age", "_max_bytes")) or name == "duplicate_window"
        }
        for stream in stream_configs(subjects, names, replicas=bus.replicas, **limits):
            await ensure_stream(connection, stream, create=create)
        if self.ingress.is_needed:
            hooks = hooks_config(subjects, names, replicas=bus.replicas, **limits)
            await ensure_stream(connection, hooks, create=create)
        retained = [name for name, venue in self.config.venues.items() if venue.retain == "last"]
        if retained:
            market = retained_config(subjects, names, retained, replicas=bus.replicas, **limits)
            await ensure_stream(connection, market, create=create)

    def _spool_dir(self) -> Path:
        bus = self.config.bus
        if bus.spool_dir is not None:
            return bus.spool_dir
        if bus.store_dir is not None:
            return bus.store_dir / "spool"
        return default_store_dir().parent / "spool"

    async def wait(self) -> None:
        """Return when `request_stop` was called.

        Raises:
            BusError: the bridge cannot go on (the NATS client was closed for good, a venue's task died).
        """
        assert self._failed is not None
        stopping: asyncio.Future[Any] = asyncio.ensure_future(self._stopping.wait())
        ends: set[asyncio.Future[Any]] = {stopping, self._failed}
        try:
            await asyncio.wait(ends, return_when="FIRST_COMPLETED")
            if self._failed.done():
                raise BusError(self._failed.result())
        finally:
            stopping.cancel()

    def request_stop(self) -> None:
        """Have `wait` return."""
        self._stopping.set()

    async def stop(self) -> None:
        """Drain and close everything within 10 s; safe after a failed start."""
        started = time.monotonic()
        venues = [task for name, task in self._tasks.items() if name.startswith("venue-")]
        for runner in self.venues.values():
            await runner.stop()
        if venues:
            _, late = await asyncio.wait(venues, timeout=STOP_TIMEOUT)
            for task in late:
                log.error("venue did not stop in time", task=task.get_name())
                task.cancel()
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=1.0)
        if self.connection is not None:
            await self.connection.close()
        await self.http.stop()
        self._watchdog.stop()
        if self.tracing is not None:
            await self.tracing.close()
        if self.server is not None:
            await self.server.stop()
        log.info("bridge stopped", seconds=round(time.monotonic() - started, 2))

    def _spawn(self, name: str, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(coroutine, name=name)
        task.add_done_callback(self._ended)
        self._tasks[name] = task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", task=task.get_name(), exc_info=error)
            self._fail(f"{task.get_name()}: {type(error).__name__}: {error}")

    def _fail(self, text: str) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(text)

    def _observer_off(self, observer: Any, error: Exception) -> None:
        log.error("observer keeps failing and is switched off", observer=observer.name, error=str(error))

    async def _heartbeat(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(BEAT)
            self.loop_lag = max(0.0, time.monotonic() - self._beat - BEAT)
            self._lags.observe(self.loop_lag)

    def _kinds(self) -> dict[str, str]:
        return {name: runner.spec.name for name, runner in list(self.venues.items())}  # the watchdog's thread asks

    # --- what others see ------------------------------------------------------------------------------------

    @property
    def nats_url(self) -> str:
        """Where strategies find the bus."""
        if self.server is not None:
            return self.server.url
        servers = self.config.bus.servers
        return servers if isinstance(servers, str) else servers[0]

    @property
    def http_url(self) -> str:
        """Where probes and metrics are; "" if they are off."""
        return self.http.url

    def status(self) -> dict[str, Any]:
        """Return the state of the bus and of every venue."""
        return {
            "bridge": self.owner,
            "nats": {
                "connected": self.connection is not None and self.connection.is_up,
                "reconnects": self.connection.reconnects if self.connection is not None else 0,
                "url": self.nats_url,
            },
            "venues": {name: runner.status() for name, runner in self.venues.items()},
        }

    def _ready(self) -> tuple[bool, dict[str, Any]]:
        nats_up = self.connection is not None and self.connection.is_up
        venues = {
            name: {
                "state": str(runner.state.state),
                "text": runner.state.text or None,
                "ledger": all(account.ledger.healthy for account in runner.accounts.values()),
                "lease": runner.may_act,
                "unknown_orders": len(runner.engine.outcomes.unresolved),
                **({"warnings": warnings} if (warnings := self.ingress.warnings(name)) else {}),
            }
            for name, runner in self.venues.items()
        }
        started = bool(self.venues)
        good = all(runner.state.state in GOOD for runner in self.venues.values())
        ledgers = all(venue["ledger"] for venue in venues.values())
        standby = str(SessionState.STANDBY)  # connected, but without a quorum: no lease can be renewed, nothing is sent
        leases = all(venue["lease"] or venue["state"] == standby for venue in venues.values())
        return nats_up and started and good and ledgers and leases, {
            "nats": "connected" if nats_up else "away",
            "venues": venues,
        }

    def _live(self) -> tuple[bool, dict[str, Any]]:
        silent = time.monotonic() - self._beat
        return silent < DEAD, {"loop_lag": round(self.loop_lag, 4), "heartbeat": round(silent, 3)}


def _tracing(config: BridgeConfig, owner: str) -> Tracing:
    try:
        from .tracing import make_tracing  # OpenTelemetry is an extra, and nobody else should pay for its import
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{config.source}: tracing.enabled: {error.name} is not installed; add the extra: "
            "pip install 'venuebus[otel]'"
        ) from error
    return make_tracing(config.tracing, __version__, owner)
