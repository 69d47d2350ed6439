"""The plugin against the contract: the whole conformance suite."""

from __future__ import annotations

from venuebus.testing import VenueContract
from venuebus_pingpongx import SPEC


class TestPingPongXContract(VenueContract):
    spec = SPEC
