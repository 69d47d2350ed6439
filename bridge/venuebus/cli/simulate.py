"""``venuebus simulate``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import click
import msgspec

from ..configuration.config import listen_address
from ..errors import VenuebusError
from ..plugins import load_plugins
from ..venue import VenueSimulator


@runtime_checkable
class DeliversTo(Protocol):
    """A simulator of a venue that calls us: it delivers to an address that it must be told."""

    def target(self, url: str) -> None:
        """Deliver to ``url`` from now on: ``<http.listen>/hooks/<venue>``."""


@click.command(short_help="Run one venue's simulator alone, speaking its real protocol.")
@click.argument("plugin")
@click.option(
    "--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT", help="Port 0 takes a free one."
)
@click.option("--target", metavar="URL", help="Where a venue that calls us delivers to: http://…/hooks/<venue>.")
@click.option("--config-only", is_flag=True, help="Print nothing but the configuration, for a pipe.")
def command(plugin: str, listen: str, target: str | None, config_only: bool) -> None:
    """Run the simulator of PLUGIN until Ctrl-C, and print the configuration that connects a bridge to it.

    \b
    Example:
      venuebus simulate btse --listen 127.0.0.1:9700
    """
    try:
        address = listen_address(listen)
    except ValueError as error:
        raise click.UsageError(str(error).replace("listen:", "--listen:", 1)) from None
    if address is None:
        raise click.UsageError("--listen: HOST:PORT expected")
    plugins = load_plugins()
    spec = plugins.specs.get(plugin)
    if spec is None:
        reasons = [f"{plugin} was refused: {entry.reason}" for entry in plugins.refused if plugin in entry.claims]
        installed = ", ".join(sorted(name for name, one in plugins.specs.items() if one.simulator)) or "none"
        raise click.UsageError(reasons[0] if reasons else f"no plugin {plugin!r}; with a simulator: {installed}")
    if spec.simulator is None:
        raise VenuebusError(f"the plugin {plugin} has no simulator")
    simulator = spec.simulator()
    if target is not None:
        if not isinstance(simulator, DeliversTo):
            raise click.UsageError(f"--target: the venue {plugin} is called, it does not call us")
        simulator.target(target)
    asyncio.run(_simulate(plugin, simulator, *address, config_only=config_only))


async def _simulate(name: str, simulator: VenueSimulator, host: str, port: int, *, config_only: bool) -> None:
    try:
        await simulator.start(host, port)
    except OSError as error:
        raise VenuebusError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    try:
        if not config_only:
            click.secho(simulator.describe(), err=True)
            click.secho("\nTo connect a bridge, put this into its configuration:", fg="bright_black", err=True)
        click.echo(toml_table(f"venues.{name}", simulator.config()))
        if not config_only:
            click.secho("Ctrl-C ends it.", fg="bright_black", err=True)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
    finally:
        await simulator.stop()


def toml_table(name: str, values: Mapping[str, Any]) -> str:
    """Return ``values`` as a TOML table, tables inside it after it."""
    lines, inner = [f"[{name}]"], []
    for key, value in values.items():
        if isinstance(value, Mapping) and not set(value) <= {"env", "file"}:
            inner.append(toml_table(f"{name}.{key}", value))
        elif value is not None:
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join([*lines, "", *inner])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return msgspec.json.encode(value).decode()  # texts, numbers and booleans are written as in JSON
