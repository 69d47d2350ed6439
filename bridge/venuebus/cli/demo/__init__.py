"""``venuebus demo``: the whole system in one process, with simulated venues, seen through the bus."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import click

from ...app import Bridge
from ...client import Client
from ...configuration.config import BridgeConfig, build_config
from ...errors import VenuebusError
from ...observability.logs import setup_logging
from ...plugins import Plugins, load_plugins
from ...venue import VenueSimulator
from ..connection import Bus, connected
from ..connection.history import Msg, read_history
from ..simulate import DeliversTo
from .board import Board
from .show import show_lines, show_screen
from .trader import Trader

LOG = "demo.log"
PLANES = ("md", "acct", "sys", "dead", "cmd")


@click.command(short_help="Everything at once with simulated venues: bus, bridge and a live view.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="N", help="End by itself after N seconds.")
@click.option("--venue", "wanted", multiple=True, metavar="PLUGIN", help="Only this one; may be given several times.")
@click.option("--plain", is_flag=True, help="Lines instead of the live view, as in a pipe.")
def command(seconds: float | None, wanted: tuple[str, ...], plain: bool) -> int:
    """Run everything at once: NATS, a simulator of every installed venue, the bridge, and a live view of the bus.

    A small trader places, amends and cancels orders by itself, so that the whole life of an order is seen. Nothing
    leaves this machine, and nothing is kept. Ctrl-C ends it.

    \b
    Example:
      venuebus demo
      venuebus demo --venue btse --seconds 20
    """
    plugins = load_plugins()
    chosen = [name for name in sorted(plugins.specs) if plugins.specs[name].simulator and name in (wanted or (name,))]
    for name in wanted:
        if name not in chosen:
            known = ", ".join(sorted(name for name, spec in plugins.specs.items() if spec.simulator)) or "none"
            raise click.UsageError(f"--venue: no plugin {name!r} with a simulator; installed: {known}")
    if not chosen:
        raise VenuebusError("no installed plugin has a simulator: install one, such as plugins/btse")
    with tempfile.TemporaryDirectory(prefix="venuebus-demo-") as name:
        folder = Path(name)
        try:
            with open(folder / LOG, "w", encoding="utf-8") as log:
                setup_logging("info", "text", log)  # beside the screen, not on it
                return asyncio.run(_demo(plugins, chosen, folder, seconds, plain or not sys.stdout.isatty()))
        except Exception:
            _show_log(folder / LOG)
            raise


async def _demo(plugins: Plugins, chosen: list[str], folder: Path, seconds: float | None, plain: bool) -> int:
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _end_on_signals(stop)
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        show = asyncio.create_task(_run(stack, plugins, chosen, folder, plain), name="demo")
        timer = asyncio.create_task(asyncio.sleep(seconds or 1e9), name="timer")
        either: set[asyncio.Future[Any]] = {show, timer, stop}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        show.cancel()
        (outcome,) = await asyncio.gather(show, return_exceptions=True)
        _say(f"ending after {time.monotonic() - started:.0f} s …")
    while isinstance(outcome, BaseExceptionGroup):
        outcome = outcome.exceptions[0]  # of the tasks that failed, the first says why
    if isinstance(outcome, Exception):
        raise outcome
    return stop.result() if stop.done() else 0


async def _run(stack: AsyncExitStack, plugins: Plugins, chosen: list[str], folder: Path, plain: bool) -> None:
    """Start everything, each thing handed to ``stack`` for its end, and show the bus until canceled."""
    _say(f"starting simulators: {', '.join(chosen)}")
    tables: dict[str, Any] = {}
    simulators: dict[str, VenueSimulator] = {}
    for name in chosen:
        make = plugins.specs[name].simulator
        if make is None:
            continue
        simulator = make()
        stack.push_async_callback(simulator.stop)
        await simulator.start()
        tables[name] = simulator.config()
        simulators[name] = simulator
    _say("starting NATS and the bridge")
    config = _config(tables, plugins, folder)
    bridge = Bridge(config, plugins)
    stack.push_async_callback(bridge.stop)
    await bridge.start()
    for name, simulator in simulators.items():
        if isinstance(simulator, DeliversTo):
            simulator.target(f"{bridge.http_url}/hooks/{name}")
    bus = Bus(bridge.nats_url)
    client = await stack.enter_async_context(connected(bus))
    board = Board(bus.subjects)
    traders = [
        Trader(client, board, name, venue.account_names()[0], plugins.specs[venue.plugin].capabilities)
        for name, venue in config.venues.items()
        if plugins.specs[venue.plugin].capabilities.verbs and venue.account_names()
    ]
    async with _listening(client, bus, board, traders), asyncio.TaskGroup() as tasks:
        tasks.create_task(bridge.wait(), name="bridge")
        for number, trader in enumerate(traders):
            tasks.create_task(trader.run(), name=f"trader-{number}")
        show = show_lines if plain else show_screen
        tasks.create_task(show(board, bridge.nats_url, bridge.http_url), name="show")


def _config(tables: dict[str, Any], plugins: Plugins, folder: Path) -> BridgeConfig:
    megabyte = 2**20
    bus = {
        "servers": "embedded", "store_dir": str(folder / "nats"), "spool_dir": str(folder / "spool"),
        "sync": "default", "max_store": 600 * megabyte, "command_max_bytes": 100 * megabyte,
        "account_max_bytes": 200 * megabyte, "market_max_bytes": 50 * megabyte,
        "system_max_bytes": 50 * megabyte, "dead_max_bytes": 50 * megabyte,
    }  # fmt: skip
    data = {"bus": bus, "http": {"listen": "127.0.0.1:0"}, "venues": tables}
    return build_config(data, plugins.specs, plugins.refused, source="the demo's configuration")


@asynccontextmanager
async def _listening(client: Client, bus: Bus, board: Board, traders: list[Trader]) -> AsyncIterator[None]:
    """Feed the board from the bus: first what happened before we listened, then everything."""

    def take(subject: str, data: bytes, now_ns: int) -> None:
        event = board.take(subject, data, now_ns)
        for trader in traders:
            trader.hear(event)

    early: list[Msg] = []
    caught_up = False

    async def on_message(message: Msg) -> None:
        if caught_up:
            take(message.subject, message.data, time.time_ns())
        else:
            early.append(message)

    root = bus.subjects.root
    subscriptions = [await client.nats.subscribe(f"{root}.{plane}.>", cb=on_message) for plane in PLANES]
    await client.settle()
    history = await read_history(client, bus, [f"{root}.sys.>"], since=None, last=100, note=_say)
    for stored in history:
        take(stored.subject, stored.data, stored.ts_ns)
    known = {(stored.subject, stored.data) for stored in history}
    caught_up = True
    for message in early:
        if (message.subject, message.data) not in known:
            take(message.subject, message.data, time.time_ns())
    try:
        yield
    finally:
        for subscription in subscriptions:
            await subscription.unsubscribe()


def _end_on_signals(stop: asyncio.Future[int]) -> None:
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals, status: int) -> None:
        loop.remove_signal_handler(number)  # a second one ends at once
        if not stop.done():
            stop.set_result(status)

    loop.add_signal_handler(signal.SIGINT, on_signal, signal.SIGINT, 130)
    loop.add_signal_handler(signal.SIGTERM, on_signal, signal.SIGTERM, 0)


def _say(text: str) -> None:
    click.secho(text, fg="bright_black", err=True)


def _show_log(path: Path) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for text in lines[-20:]:
        _say(f"  log: {text}")
