"""The plugin against the contract: the whole conformance suite."""

from __future__ import annotations

from typing import ClassVar

from venuebus.testing import VenueContract
from venuebus_ctp import SPEC


class TestCtpContract(VenueContract):
    spec = SPEC
    amend: ClassVar = {
        "price": "760",
        "params": {"replace": True},
    }  # CTP has no other amend
