"""What every area of the suite stands on: the plugin under test, as `VenueContract` describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...venue import Capabilities, VenueConfig, VenueSimulator, VenueSpec
from ..clauses import not_applicable
from ..stage import Stage


class Suite:
    """The attributes that an author may set; `VenueContract` documents them."""

    spec: VenueSpec[Any]
    order: Mapping[str, Any] | None
    amend: Mapping[str, Any] | None
    account: str | None
    symbol: str | None
    credentials: tuple[str, ...] | None
    step_budget: float
    call_budget: float
    silence_limit: float

    @property
    def can(self) -> Capabilities:
        """What the plugin declares."""
        return self.spec.capabilities

    def simulator(self) -> VenueSimulator:
        """Return a simulator that is not started; see `VenueContract.simulator`."""
        raise NotImplementedError

    def config(self, simulator: Any) -> dict[str, Any]:
        """Return the venue's table; see `VenueContract.config`."""
        raise NotImplementedError

    def wanted(self, simulator: Any, config: VenueConfig) -> dict[str, Any]:
        """Return the fields of an order that rests; see `VenueContract.wanted`."""
        raise NotImplementedError

    def stage(self, *, refuse: bool = False, changes: Mapping[str, Any] | None = None) -> Stage:
        """Return a stage for one test; ``changes`` go into the venue's table."""
        return Stage(self, refuse=refuse, changes=changes)  # type: ignore[arg-type]

    def needs_connection(self) -> None:
        """End the test where the venue calls us and there is nothing to connect to."""
        if self.can.inbound_only:
            not_applicable("the venue calls us (inbound_only): there is no connection to make")
