"""`venuebus doctor`: looks at everything that a bridge would stand on, and changes none of it.

Each module looks at one part and returns `Finding` objects; the part that cannot be looked at is a finding, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..configuration.config import BridgeConfig
from ..plugins import Plugins
from ..venue import Finding, VenueSpec
from .bus import examine_bus
from .files import examine_files
from .finding import note, warning
from .venues import examine_venues

ORDER = {"error": 0, "warning": 1, "note": 2}


async def examine(config: BridgeConfig, plugins: Plugins) -> list[Finding]:
    """Return what is wrong or worth knowing, the worst first. Sends no order, stores nothing, starts nothing."""
    parts = await asyncio.gather(
        examine_bus(config, plugins.specs), examine_files(config), examine_venues(config, plugins.specs)
    )
    found = [*_plugins(plugins, config), *(finding for part in parts for finding in part)]
    return sorted(found, key=lambda finding: ORDER[finding.severity])


def _plugins(plugins: Plugins, config: BridgeConfig) -> list[Finding]:
    found = [
        warning(
            f"plugin {refused.name}",
            f"was refused: {refused.reason}",
            "install a version that fits this bridge, or uninstall it",
        )
        for refused in plugins.refused
    ]
    return found + _unlimited(config, plugins.specs)


def _unlimited(config: BridgeConfig, specs: Mapping[str, VenueSpec[Any]]) -> list[Finding]:
    return [
        note(f"venues.{name}", "orders have no limit of quantity or value", "set max_quantity or max_notional")
        for name, venue in config.venues.items()
        if specs[venue.plugin].capabilities.verbs and venue.max_quantity is None and venue.max_notional is None
    ]
