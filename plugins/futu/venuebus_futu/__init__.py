"""Futu and moomoo for venuebus, through their OpenD gateway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from venuebus import VenueSimulator, VenueSpec, hookimpl

from .capabilities import CAPABILITIES, limits
from .config import FutuConfig
from .session import FutuSession

__version__ = "0.1.0"


def _simulator() -> VenueSimulator:
    from .simulator import OpendSimulator  # only who simulates pays for it

    return OpendSimulator()


SPEC = VenueSpec(
    name="futu",
    config_type=FutuConfig,
    create=FutuSession,
    capabilities=CAPABILITIES,
    summary="Futu and moomoo through OpenD: HK, US, China, Singapore and Japan; stocks, options, futures",
    limits=limits,
    simulator=_simulator,
)


@hookimpl
def venuebus_register_venues() -> Iterable[VenueSpec[Any]]:
    """Register OpenD."""
    return [SPEC]
