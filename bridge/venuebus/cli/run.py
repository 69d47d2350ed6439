"""``venuebus run``."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click
import structlog

from .. import collector
from ..app import Bridge
from ..configuration.config import BridgeConfig, load_config
from ..guard import said
from ..observability.logs import setup_logging
from ..plugins import Plugins
from .check import only_venues, read_config

log = structlog.get_logger("venuebus")


@click.command(short_help="Run the bridge that FILE configures.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@only_venues
def command(file: Path, only: tuple[str, ...]) -> int:
    """Run the bridge that FILE configures, until SIGTERM or Ctrl-C.

    Both end it within 10 s with nothing lost: what is being sent is finished, what the venues told us is stored.
    Logs go to stderr, one line per change of state.

    SIGHUP, or a change of FILE or of a file it refers to, reads the configuration again: venues that are new, gone or
    different come and go, the others notice nothing. One with mistakes is refused whole.

    Several processes share the venues of one FILE when each runs its part of them with --venue.

    \b
    Examples:
      venuebus run venuebus.toml
      venuebus run venuebus.toml --venue btse --venue futu
    """
    config, plugins = read_config(file, only)
    collector.pace()
    return _outlive(_run(config, plugins, reread=lambda: load_config(file, plugins.specs, plugins.refused, only)))


def _outlive(bridge: Coroutine[Any, Any, int]) -> int:
    """Run ``bridge`` to its end, although a plugin calls `sys.exit` in a task or callback where no guard stands."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(bridge, name="run")
        while True:
            try:
                return loop.run_until_complete(task)
            except (SystemExit, KeyboardInterrupt) as error:
                # Ctrl-C comes to the loop as a signal, once its handler stands: then nobody but a plugin raises this.
                early = signal.getsignal(signal.SIGINT) is signal.default_int_handler
                if task.done() or (early and isinstance(error, KeyboardInterrupt)):
                    raise
                log.error("a plugin tried to end the program from a task of its own; it goes on", error=said(error))


async def _run(config: BridgeConfig, plugins: Plugins, reread: Callable[[], BridgeConfig]) -> int:
    setup_logging(config.log.level, config.log.format)
    bridge = Bridge(config, plugins, reread=reread)
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_signal(status: int) -> None:
        if not stop.done():
            stop.set_result(status)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, on_signal, 0)
    had_terminal = _has_terminal()

    def on_hangup() -> None:
        if had_terminal and not _has_terminal():
            on_signal(130)  # its window was closed, which is no wish for a new configuration
        else:
            bridge.reload()

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    loop.add_signal_handler(signal.SIGINT, on_signal, 130)
    life = asyncio.create_task(_live(bridge), name="bridge")
    try:
        either: set[asyncio.Future[Any]] = {life, stop}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            life.result()
            return 0
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        await bridge.stop()
    return stop.result()


async def _live(bridge: Bridge) -> None:
    await bridge.start()
    await bridge.wait()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
