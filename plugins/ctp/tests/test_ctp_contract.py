"""The plugin against the contract: the whole conformance suite."""

from __future__ import annotations

from venuebus.testing import VenueContract
from venuebus_ctp import SPEC


class TestCtpContract(VenueContract):
    spec = SPEC
