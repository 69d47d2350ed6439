"""``venuebus doctor``."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click
import msgspec
import structlog

from ..doctor import examine
from ..quiet import be_quiet_about_tls
from ..venue import Finding
from .check import only_venues, read_config
from .tables import show_table

SILENT = logging.CRITICAL  # what the connection would log is among the findings
COLORS = {"error": "red", "warning": "yellow", "note": "bright_black"}


@click.command(short_help="Look for what is wrong with FILE's bus, venues, secrets and disks; changes nothing.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@only_venues
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding.")
@click.option("--strict", is_flag=True, help="A warning ends with 1, too.")
@click.option("--notes/--no-notes", default=True, help="Whether to show what is only worth knowing.")
def command(file: Path, only: tuple[str, ...], as_json: bool, strict: bool, notes: bool) -> int:
    """Look at everything that the configuration FILE makes a bridge stand on, and say what to mend.

    NATS and its version, limits and clock, the streams, the permissions really granted (each is tried, harmlessly),
    every venue's address and clock, what the venue says of our credentials, the modes of files with secrets, folders
    and their room, who can reach the HTTP address. Sends no order, stores nothing, starts nothing.

    Ends with 0 if there is no error (--strict: and no warning), 1 otherwise, 2 if FILE itself is wrong.

    \b
    Examples:
      venuebus doctor venuebus.toml
      venuebus doctor venuebus.toml --json | jq 'select(.severity == "error")'
    """
    config, plugins = read_config(file, only)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(SILENT))
    be_quiet_about_tls()
    found = asyncio.run(examine(config, plugins))
    _show(found, as_json, notes)
    counts = {severity: sum(finding.severity == severity for finding in found) for severity in COLORS}
    if not as_json:
        click.echo(", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items()))
    return 1 if counts["error"] or (strict and counts["warning"]) else 0


def _show(found: list[Finding], as_json: bool, notes: bool) -> None:
    shown = [finding for finding in found if notes or finding.severity != "note"]
    if as_json:
        for finding in shown:
            print(msgspec.json.encode(finding).decode())
        return
    show_table(
        ["severity", "where", "what", "fix"],
        [[finding.severity, finding.where, finding.text, finding.fix] for finding in shown],
        colors=COLORS,
    )
