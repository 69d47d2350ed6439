"""PingPongX FX forwards for venuebus: inbound webhooks, and polling for what got lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from venuebus import Capabilities, ConfiguredWebhook, VenueSpec, hookimpl

from .config import PingPongXConfig
from .protocol import msg_id
from .session import PingPongXSession
from .simulator import PingPongXSimulator


def webhook(config: PingPongXConfig) -> ConfiguredWebhook:
    """Return the door that the configuration describes."""
    return ConfiguredWebhook(config, msg_id)


SPEC: VenueSpec[PingPongXConfig] = VenueSpec(
    name="pingpongx",
    config_type=PingPongXConfig,
    create=PingPongXSession,
    capabilities=Capabilities(
        queries=frozenset({"forwards"}),
        inbound_only=True,
        notes=(
            "inbound only: POST <http.listen>/hooks/<venue>; every command is refused as unsupported",
            "signature and encryption are configuration: the venue's public document does not show them",
        ),
    ),
    summary="PingPongX FX forwards: webhook deliveries, polling for lost ones",
    simulator=PingPongXSimulator,
    webhook=webhook,
)


@hookimpl
def venuebus_register_venues() -> Iterable[VenueSpec[Any]]:
    """Register the kind of venue ``pingpongx``."""
    return [SPEC]
