"""The whole bridge: built from the configuration, started, watched and stopped in one place."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from venuebus_schemas import SessionState, Subjects

from . import __version__
from .bus.connection import Connection
from .bus.embedded import EmbeddedServer, ServerOptions, default_store_dir
from .bus.hooks import HookStore
from .bus.options import connect_options, renewal
from .bus.orphans import Orphans
from .bus.streams import StreamNames, ensure_stream, hooks_config, retained_config, stream_configs
from .configuration.changes import Changes, Reloader, compare
from .configuration.config import BridgeConfig, Tables
from .errors import BusError, ConfigError
from .fleet import Fleet, Ground, MarketLink, RunningVenue
from .http import HttpServer
from .isolation.venue import IsolatedVenue, register_isolation
from .observability.health import register_metrics
from .observability.logs import set_level
from .observability.metrics import Metrics
from .observability.watchdog import Suspects, Watchdog
from .orders.checks import Observers
from .plugins import Plugins
from .venue import VenueConfig
from .venue_runner import VenueRunner
from .webhooks.ingress import Ingress

log = structlog.get_logger("venuebus")

if TYPE_CHECKING:
    from .observability.tracing import Tracing

GOOD = frozenset({SessionState.READY, SessionState.STANDBY})
BEAT = 0.5  # seconds between two heartbeats of the loop
DEAD = 15.0  # seconds without a heartbeat after which /livez says so


class Bridge:
    """One process of venuebus. `start` returns when the bus stands and every venue is on its way.

    With ``reread``, which returns the configuration as it is now, venues come and go while the bridge runs: at
    `reload`, and when a file of the configuration changes.
    """

    def __init__(
        self,
        config: BridgeConfig,
        plugins: Plugins,
        *,
        tracing: Tracing | None = None,
        reread: Callable[[], BridgeConfig] | None = None,
    ) -> None:
        self.config = config
        self.tracing = tracing
        self.plugins = plugins
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.fleet = Fleet(self._fail)
        self.metrics = Metrics()
        self.server: EmbeddedServer | None = None
        self.connection: Connection | None = None
        self.http = HttpServer(
            config.http.listen, self.metrics, ready=self._ready, live=self._live, max_body=config.http.max_body,
            max_connections=config.http.max_connections,
        )  # fmt: skip
        self.ingress = Ingress(self.metrics, config.http.trusted_proxies)
        for name, venue in config.venues.items():
            self.ingress.open(self.ingress.door(name, plugins.specs[venue.plugin], venue))
        if self._may_be_called:
            self.http.add_post("/hooks/{venue}", self.ingress.handle)
        self._reloader = Reloader(reread, self._apply, self._watched) if reread is not None else None
        self._orphans: Orphans | None = None
        self._ground: Ground | None = None
        self._watchdog = Watchdog(Suspects(plugins, self._kinds), self.metrics)
        self.loop_lag = 0.0
        self._lags = self.metrics.histogram("loop_lag_seconds", "How late the event loop wakes up")
        register_metrics(self.metrics, self)
        register_isolation(self.metrics, self.fleet.venues.values)
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
        await self._ensure_streams(connection, self.config, subjects, names)
        await connection.stream_tail(names.commands)
        if self._may_be_called:
            self.ingress.connect(HookStore(connection, names, subjects))
        self._ground = Ground(
            bus=bus, plugins=self.plugins, connection=connection, link=MarketLink(connection), names=names,
            subjects=subjects, owner=self.owner, spool_dir=self._spool_dir(),
            interceptors=self.plugins.interceptors(self.config),
            observers=Observers(self.plugins.observers(self.config), self._observer_off),
            metrics=self.metrics, tracing=self.tracing,
        )  # fmt: skip
        for name, venue in self.config.venues.items():
            self.fleet.start(self._make(name, venue, self.config.tables))
        self._orphans = Orphans(connection, names, subjects, frozenset(self.config.venues), bus.encoding)
        self._spawn("orphans", self._orphans.run())
        assert connection.lost is not None
        connection.lost.add_done_callback(lambda lost: self._fail(lost.result()))
        if self._reloader is not None:
            self._spawn("reload", self._reloader.run())
        log.info("bridge started", venues=", ".join(self.fleet.venues), nats=self.nats_url, http=self.http_url or "off")

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

    async def _ensure_streams(
        self, connection: Connection, config: BridgeConfig, subjects: Subjects, names: StreamNames
    ) -> None:
        bus = self.config.bus
        create = bus.manage_streams == "app"
        limits = {
            name: getattr(bus, name)
            for name in bus.__struct_fields__
            if name.endswith(("_max_age", "_max_bytes")) or name == "duplicate_window"
        }
        for stream in stream_configs(subjects, names, replicas=bus.replicas, **limits):
            await ensure_stream(connection, stream, create=create)
        if any(self.plugins.specs[venue.plugin].webhook is not None for venue in config.venues.values()):
            hooks = hooks_config(subjects, names, replicas=bus.replicas, **limits)
            await ensure_stream(connection, hooks, create=create)
        retained = [name for name, venue in config.venues.items() if venue.retain == "last"]
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
        if (reload := self._tasks.get("reload")) is not None:
            reload.cancel()  # first, so that it starts no venue behind our back
        await self.fleet.end_all()
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

    # --- venues come and go ---------------------------------------------------------------------------------

    def reload(self) -> None:
        """Have the configuration read again; what is different takes effect, or all of it is refused."""
        if self._reloader is not None:
            log.info("reading the configuration again", file=self.config.source)
            self._reloader.ask()

    def _watched(self) -> tuple[Path, ...]:
        return self.config.files if self.config.run.watch_config else ()

    async def _apply(self, config: BridgeConfig) -> None:
        changes, specs = compare(self.config, config), self.plugins.specs
        fresh = {name: venue for name, venue in config.venues.items() if name in (*changes.added, *changes.changed)}
        merged = self._merged(config, set())
        try:
            # Everything that may fail comes before anything is ended.
            doors = {name: self.ingress.door(name, specs[venue.plugin], venue) for name, venue in fresh.items()}
            made = {name: self._make(name, venue, merged.tables) for name, venue in fresh.items()}
            if changes and (ground := self._ground) is not None:
                if not ground.connection.is_up:
                    raise BusError("NATS is away")  # at once: a newer configuration must not wait behind this one
                await self._ensure_streams(ground.connection, config, ground.subjects, ground.names)
        except ConfigError as error:
            log.error("configuration refused: nothing is changed", mistake=str(error))
            return
        self._tell(changes, config)
        kept = await self.fleet.end([*changes.removed, *changes.changed])
        for name in kept:
            log.error("venue goes on as it was, it did not end; restart the bridge to change it", venue=name)
        for name in {*changes.removed, *changes.changed} - kept:
            self.ingress.close(name)
        set_level(config.log.level)
        self.config = self._merged(config, kept)
        for name in fresh.keys() - kept:
            self.ingress.open(doors[name])
            if self._orphans is not None:
                self._orphans.serve(name)
            self.fleet.start(made[name])

    def _merged(self, config: BridgeConfig, kept: set[str]) -> BridgeConfig:
        """Return ``config`` without what cannot change now: fixed tables, and the venues ``kept``."""
        old = self.config
        return msgspec.structs.replace(
            old,
            venues={**config.venues, **{name: old.venues[name] for name in kept}},
            run=config.run,
            log=msgspec.structs.replace(old.log, level=config.log.level),
            files=config.files,
            tables=config.tables.keeping("bus", "http", "tracing", of=old.tables),
        )

    def _tell(self, changes: Changes, config: BridgeConfig) -> None:
        for key in changes.fixed:
            log.warning("changed in the configuration, takes effect at the next start of the bridge", key=key)
        for name in changes.removed:
            log.info("venue removed", venue=name)
        for name, keys in changes.changed.items():
            log.info("venue changed", venue=name, keys=", ".join(keys))
        for name in changes.added:
            log.info("venue added", venue=name, plugin=config.venues[name].plugin)
        if not (changes or changes.fixed):
            log.info("configuration read, nothing is different", file=config.source)

    def _make(self, name: str, config: VenueConfig, tables: Tables) -> RunningVenue:
        assert self._ground is not None
        told = self.plugins.venue_state_changed
        if config.isolation == "process":
            url = self.server.url if self.server is not None else None
            return IsolatedVenue(name, config, tables, self._ground, url, told)
        return self._ground.runner(name, config, told)

    @property
    def venues(self) -> dict[str, VenueRunner]:
        """Return the venues that run in this event loop."""
        return {name: venue for name, venue in self.fleet.venues.items() if isinstance(venue, VenueRunner)}

    @property
    def _may_be_called(self) -> bool:
        return any(spec.webhook is not None for spec in self.plugins.specs.values())

    def _kinds(self) -> dict[str, str]:
        return {name: venue.config.plugin for name, venue in list(self.fleet.venues.items())}  # a thread asks

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
            "venues": {name: venue.status() for name, venue in self.fleet.venues.items()},
        }

    def _ready(self) -> tuple[bool, dict[str, Any]]:
        nats_up = self.connection is not None and self.connection.is_up
        venues = {
            name: {
                "state": str(venue.state.state),
                "text": venue.state.text or None,
                **venue.health(),
                **({"warnings": warnings} if (warnings := self.ingress.warnings(name)) else {}),
            }
            for name, venue in self.fleet.venues.items()
        }
        started = bool(venues)
        good = all(venue.state.state in GOOD for venue in self.fleet.venues.values())
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
        from .observability.tracing import (
            make_tracing,  # OpenTelemetry is an extra, and nobody else should pay for its import
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{config.source}: tracing.enabled: {error.name} is not installed; add the extra: "
            "pip install 'venuebus[otel]'"
        ) from error
    return make_tracing(config.tracing, __version__, owner)
