"""A plugin of nobody in particular, whose session falls over with an error of its own while ``upset`` exists."""

import asyncio
from pathlib import Path
from typing import Any

from venuebus import Capabilities, VenueConfig, VenueSpec, hookimpl


class MoodyConfig(VenueConfig, kw_only=True, frozen=True):
    """``upset`` is a file."""

    upset: str


class MoodySession:
    """Connects at once; raises what no plugin should raise."""

    def __init__(self, context: Any) -> None:
        self._upset = Path(context.config.upset)

    async def connect(self) -> None:
        """Connect."""

    async def run(self) -> None:
        """Stay until upset."""
        while not self._upset.exists():  # noqa: ASYNC110 - a file cannot be awaited
            await asyncio.sleep(0.02)
        raise KeyError("a bug of the plugin, raised in its own callback")

    async def close(self) -> None:
        """Close."""


@hookimpl
def venuebus_register_venues() -> list[VenueSpec[MoodyConfig]]:
    """Register it."""
    return [VenueSpec(name="moody", config_type=MoodyConfig, create=MoodySession, capabilities=Capabilities())]
