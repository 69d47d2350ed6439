"""``venuebus check``."""

from __future__ import annotations

from pathlib import Path

import click

from ..configuration.config import BridgeConfig, load_config
from ..plugins import Plugins, load_plugins
from ..quality import shortfall
from .tables import show_table


def read_config(file: Path) -> tuple[BridgeConfig, Plugins]:
    """Load the plugins, and with them the configuration; what was refused goes to stderr.

    Raises:
        ConfigError: with one line for every mistake.
    """
    plugins = load_plugins()
    config = load_config(file, plugins.specs, plugins.refused)
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
def command(file: Path) -> None:
    """Validate the configuration FILE, secrets included; connects to nothing.

    Every mistake is told with its key and what was expected; then the exit status is 2.

    \b
    Example:
      venuebus check venuebus.toml
    """
    config, plugins = read_config(file)
    rows = []
    for name, venue in config.venues.items():
        offered = plugins.specs[venue.plugin].capabilities.market_data
        kinds = [kind for kind in venue.market_data if kind in offered]
        symbols = ", ".join(venue.symbols[:5]) + (" …" if len(venue.symbols) > 5 else "")
        rows.append([name, venue.plugin, ", ".join(venue.account_names()), ", ".join(kinds), symbols])
    show_table(["venue", "plugin", "accounts", "market data", "symbols"], rows)
    bus = "embedded" if config.bus.embedded else ", ".join(config.bus.servers)
    click.echo(f"{file} is valid: bus {bus}, prefix {config.bus.prefix}, http {config.http.listen or 'off'}")
