"""The hooks: what exists, said once at start. No hook runs per message.

House rule for signatures, on both sides: no defaults and no ``*`` (pluggy ignores or breaks on them).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from venuebus_schemas import SessionState

    from .configuration.config import BridgeConfig
    from .venue import Interceptor, Observer, VenueSpec

PROJECT = "venuebus"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def venuebus_register_venues() -> Iterable[VenueSpec[Any]]:  # type: ignore[empty-body]
    """Return the kinds of venue that this plugin offers. Called once, when plugins are loaded.

    Example::

        @hookimpl
        def venuebus_register_venues():
            return [VenueSpec(name="toy", config_type=ToyConfig, create=ToySession, capabilities=CAPABILITIES)]
    """


@hookspec
def venuebus_register_interceptors(config: BridgeConfig) -> Iterable[Interceptor]:  # type: ignore[empty-body]
    """Return objects that see every command before the venue does. Called once, before any venue starts.

    Each may refuse a command by raising `CommandRejected`; one that raises anything else refuses it too.
    """


@hookspec
def venuebus_register_observers(config: BridgeConfig) -> Iterable[Observer]:  # type: ignore[empty-body]
    """Return objects that see every event. Called once, before any venue starts.

    ``observe`` must not block; an observer that keeps failing is switched off and reported.
    """


@hookspec
def venuebus_venue_state_changed(venue: str, state: SessionState, reason: str) -> None:
    """Told after a venue's state changed: a few times an hour. Must not block; exceptions are logged."""
