"""The child: runs one venue as a bridge would, until its parent says stop, is gone, or the plugin ends it."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn, cast

import structlog
from venuebus_schemas import SessionState, Subjects

from .. import __version__
from ..bus.connection import Connection
from ..bus.options import connect_options, renewal
from ..bus.streams import StreamNames
from ..configuration.config import BridgeConfig, build_config
from ..errors import BusError, VenuebusError
from ..fleet import Ground, MarketLink
from ..observability.health import register_metrics
from ..observability.logs import setup_logging
from ..observability.metrics import Metrics
from ..observability.watchdog import Suspects, Watchdog
from ..orders.checks import Observers
from ..plugins import Plugins, load_plugins
from ..secret import redact
from ..venue_runner import VenueRunner
from .families import families_of
from .link import Link, die_with_parent
from .prints import Prints
from .wire import Beat, Report, Setup, State

BEAT = 0.25  # seconds between two signs of life
REPORT = 1.0  # seconds between two reports
DRAIN = 7.5  # seconds to drain; the parent has a little more patience
log = structlog.get_logger("venuebus")


def main() -> NoReturn:
    """Run the venue that the parent names over the socket ``sys.argv[1]``, and exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    link = Link(socket.socket(fileno=int(sys.argv[1])))
    setup = link.read_setup()
    die_with_parent(setup.parent)
    log_table = setup.tables.get("log", {})
    setup_logging(log_table.get("level", "info"), log_table.get("format", "text"))
    structlog.contextvars.bind_contextvars(process=os.getpid())
    prints = Prints(setup.venue)
    prints.start()
    status, text = _run(Child(link, setup))
    prints.stop()
    link.end(redact(text))
    sys.stderr.flush()
    os._exit(status)  # whatever threads and exit handlers a plugin left behind


def _run(child: Child) -> tuple[int, str]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(child.run())
    except VenuebusError as error:
        return 1, str(error)
    except SystemExit as error:  # asyncio lets it end the loop from wherever the plugin raised it
        return 1, f"the plugin ended its process (SystemExit: {error.code})"
    except BaseException as error:
        log.exception("isolated venue failed")
        return 1, f"{type(error).__name__}: {error}"
    return 0, ""


class Child:
    """One venue in this process."""

    def __init__(self, link: Link, setup: Setup) -> None:
        self.metrics = Metrics()
        self.connection: Connection | None = None
        self.venues: dict[str, VenueRunner] = {}
        self._link = link
        self._setup = setup
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run the venue until told to stop.

        Raises:
            ConfigError: the configuration does not fit here. BusError: NATS cannot be used any more.
        """
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.call_soon_threadsafe(self._stop.set)

        self._link.listen(stop)
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        beating = asyncio.create_task(self._beat(), name="beat")
        plugins = load_plugins()
        config = build_config(
            self._setup.tables, plugins.specs, plugins.refused, source="isolated", folder=Path(self._setup.folder)
        )
        watchdog = Watchdog(
            Suspects(plugins, lambda: {n: v.config.plugin for n, v in self.venues.items()}), self.metrics
        )
        watchdog.start()
        register_metrics(self.metrics, cast(Any, self))
        try:
            if await self._connect(config):
                await self._trade(config, plugins)
        finally:
            watchdog.stop()
            if self.connection is not None:
                await self.connection.close()
            beating.cancel()

    async def _connect(self, config: BridgeConfig) -> bool:
        options = connect_options(config.bus, self._setup.nats_url)
        self.connection = Connection(
            options, request_timeout=config.bus.request_timeout, renew=renewal(config.bus, options),
            login_patience=config.bus.login_patience, prefix=config.bus.prefix,
        )  # fmt: skip
        self.connection.single_replica.update(self._setup.single_replica)
        text = "its process connects to NATS"
        self._link.send(State(state=SessionState.CONNECTING, text=text, since_ns=time.time_ns()))
        connecting = asyncio.create_task(self.connection.connect(), name="connect")
        if not await self._or_stop(connecting):
            return False
        await self.connection.stream_tail(StreamNames(config.bus.prefix).commands)
        return True

    async def _trade(self, config: BridgeConfig, plugins: Plugins) -> None:
        assert self.connection is not None
        assert self.connection.lost is not None
        name, tracing = self._setup.venue, None
        if config.tracing.enabled:
            from ..observability.tracing import make_tracing  # the parent has proved that the extra is there

            tracing = make_tracing(config.tracing, __version__, self._setup.owner)
        ground = Ground(
            bus=config.bus, plugins=plugins, connection=self.connection, link=MarketLink(self.connection),
            names=StreamNames(config.bus.prefix), subjects=Subjects(config.bus.prefix), owner=self._setup.owner,
            spool_dir=Path(self._setup.spool_dir), interceptors=plugins.interceptors(config),
            observers=Observers(plugins.observers(config), _observer_off), metrics=self.metrics, tracing=tracing,
        )  # fmt: skip
        runner = self.venues[name] = ground.runner(name, config.venues[name], self._told)
        runner.about = {"isolation": {"process": os.getpid()}}
        running = asyncio.create_task(runner.run(), name=f"venue-{name}")
        lost = asyncio.ensure_future(_raise_lost(self.connection.lost))
        try:
            await asyncio.wait(
                {running, lost, stop := asyncio.ensure_future(self._stop.wait())}, return_when="FIRST_COMPLETED"
            )
            stop.cancel()
            if lost.done():
                lost.result()
            await runner.stop()
            async with asyncio.timeout(DRAIN):
                await running
        except TimeoutError:
            log.error("isolated venue did not drain in time", venue=name, seconds=DRAIN)
        finally:
            lost.cancel()
            if tracing is not None:
                await tracing.close()

    async def _or_stop(self, task: asyncio.Task[None]) -> bool:
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({task, stop}, return_when="FIRST_COMPLETED")
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)
            return False
        await task
        return True

    # --- what the parent hears ------------------------------------------------------------------------------

    async def _beat(self) -> None:
        reported = 0.0
        while True:
            self._link.send(Beat())
            if time.monotonic() - reported >= REPORT:
                reported = time.monotonic()
                self._report()
            await asyncio.sleep(BEAT)

    def _report(self) -> None:
        runner = self.venues.get(self._setup.venue)
        if runner is None:
            return
        health = {**runner.health(), "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT}
        families = families_of(self.metrics.families(), self._setup.venue)
        self._link.send(Report(state=self._state(runner), health=health, families=families))

    def _told(self, venue: str, state: SessionState, text: str) -> None:
        self._report()  # whole, so that nobody finds the new state beside old numbers

    @staticmethod
    def _state(runner: VenueRunner) -> State:
        now = runner.state
        return State(state=now.state, text=now.text, reason=now.reason, since_ns=now.since_ns)


_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


async def _raise_lost(lost: asyncio.Future[str]) -> None:
    raise BusError(await asyncio.shield(lost))


def _observer_off(observer: Any, error: Exception) -> None:
    log.error("observer keeps failing and is switched off", observer=observer.name, error=str(error))
