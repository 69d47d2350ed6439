"""``venuebus check``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..configuration.config import BridgeConfig, load_config
from ..errors import ConfigError
from ..plugins import Plugins, load_plugins
from ..quality import shortfall
from .tables import show_table


def only_venues(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--venue``: the part of FILE that counts, as ``only``."""
    text = "Only this venue of FILE; may be repeated. The others' secrets and plugins need not be here."
    return click.option("--venue", "only", metavar="NAME", multiple=True, help=text)(command)


def read_config(file: Path, only: tuple[str, ...] = ()) -> tuple[BridgeConfig, Plugins]:
    """Load the plugins, and with them the configuration; what was refused goes to stderr.

    Raises:
        ConfigError: with one line for every mistake; also that a venue of ``only`` is not in the file.
    """
    plugins = load_plugins()
    config = load_config(file, plugins.specs, plugins.refused, only)
    missing = [name for name in only if name not in config.venues]
    if missing:
        raise ConfigError("\n".join(f"{file}: venues.{name}: there is no such table" for name in missing))
    for refused in plugins.refused:
        click.secho(f"plugin {refused.name} was refused: {refused.reason}", fg="yellow", err=True)
    for oddity in plugins.oddities():
        click.secho(oddity, fg="yellow", err=True)
    for name, venue in config.venues.items():
        text = shortfall(name, venue, plugins.quality.get(venue.plugin))
        if text is not None:
            click.secho(text, fg="yellow", err=True)
    return config, plugins


@click.command(short_help="Validate FILE; connects to nothing.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@only_venues
def command(file: Path, only: tuple[str, ...]) -> None:
    """Validate the configuration FILE, secrets included; connects to nothing.

    Every mistake is told with its key and what was expected; then the exit status is 2.

    \b
    Example:
      venuebus check venuebus.toml
    """
    config, plugins = read_config(file, only)
    rows = []
    for name, venue in config.venues.items():
        offered = plugins.specs[venue.plugin].capabilities.market_data
        kinds = [kind for kind in venue.market_data if kind in offered]
        symbols = ", ".join(venue.symbols[:5]) + (" …" if len(venue.symbols) > 5 else "")
        rows.append([name, venue.plugin, ", ".join(venue.account_names()), ", ".join(kinds), symbols])
    show_table(["venue", "plugin", "accounts", "market data", "symbols"], rows)
    bus = "embedded" if config.bus.embedded else ", ".join(config.bus.servers)
    click.echo(f"{file} is valid: bus {bus}, prefix {config.bus.prefix}, http {config.http.listen or 'off'}")
