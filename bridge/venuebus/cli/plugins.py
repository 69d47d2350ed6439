"""``venuebus plugins``."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from ..plugins import Plugins, load_plugins
from ..quality import Quality
from ..venue import Capabilities
from .tables import show_table


def spoken(capabilities: Capabilities) -> str:
    """Say what a venue offers in a few words."""
    parts = [
        ", ".join(sorted(capabilities.market_data)) or "no market data",
        ", ".join(sorted(str(verb) for verb in capabilities.verbs)) or "no orders",
    ]
    if capabilities.inbound_only:
        parts.append("it calls us")
    return " · ".join(parts)


def details(plugins: Plugins) -> list[dict[str, Any]]:
    """Return everything that `venuebus plugins --json` tells, one object per plugin."""
    found: list[dict[str, Any]] = []
    for plugin in plugins.loaded:
        base = {"plugin": plugin.name, "distribution": plugin.distribution, "version": plugin.version}
        venues = [
            {
                "name": spec.name,
                "summary": spec.summary,
                "contract": spec.contract,
                "tier": plugins.quality[spec.name].tier,
                "tier_text": plugins.quality[spec.name].text,
                "conformance": _areas(plugins.quality[spec.name]),
                "simulator": spec.simulator is not None,
                "capabilities": msgspec.to_builtins(spec.capabilities),
            }
            for spec in (plugins.specs[name] for name in plugin.venues)
        ]
        found.append({**base, "status": "ok", "venues": venues})
    for refused in plugins.refused:
        base = {"plugin": refused.name, "distribution": refused.distribution, "version": refused.version}
        found.append({**base, "status": "refused", "reason": refused.reason})
    return found


def _areas(quality: Quality) -> dict[str, Any] | None:
    report = quality.report
    return None if report is None else {"date": report.date, **msgspec.to_builtins(report.areas)}


@click.command(short_help="List the installed venue plugins, and why one was refused.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON document.")
def command(as_json: bool) -> int:
    """List the installed venue plugins: versions, what they can do, and why one was refused.

    The tier (gold, silver, bronze, none) is computed from the conformance report that a plugin ships; what keeps it
    from a higher one goes to stderr. `min_tier` in a venue's configuration demands one for orders.

    Ends with 1 when a plugin was refused.

    \b
    Example:
      venuebus plugins
      VENUEBUS_PLUGINS=btse venuebus plugins --json
    """
    plugins = load_plugins()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(details(plugins))).decode())
        return 1 if plugins.refused else 0
    rows: list[list[str]] = []
    notes: list[str] = []
    for plugin in plugins.loaded:
        label = f"{plugin.distribution} {plugin.version}".strip()
        for name in plugin.venues or ("",):
            if not name:
                rows.append(["ok", plugin.name, label, "", "", "no venues: interceptors or observers"])
                continue
            spec = plugins.specs[name]
            simulated = " · simulator" if spec.simulator is not None else ""
            quality = plugins.quality[name]
            rows.append(["ok", name, label, str(spec.contract), quality.tier, spoken(spec.capabilities) + simulated])
            if quality.tier != "gold":
                notes.append(f"{name} is {quality.tier}: {quality.text}")
    for refused in plugins.refused:
        label = f"{refused.distribution} {refused.version}".strip()
        rows.append(["refused", refused.name, label, "", "", refused.reason])
    if not rows:
        click.echo("no plugins installed: a venue is a distribution of its own, such as venuebus-btse")
        return 0
    titles = ["status", "plugin", "distribution", "contract", "tier", "what it can do"]
    show_table(titles, rows, colors={"refused": "red"})
    for note in notes:
        click.secho(note, fg="yellow", err=True)
    return 1 if plugins.refused else 0
