"""`VenueContract`: one subclass in a plugin's tests is the whole conformance suite."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from venuebus_schemas import OrderType, PositionEffect, plain

from ..quality import FILE, Report
from ..simulation.occasions import engine_of
from ..venue import VenueConfig, VenueSimulator, VenueSpec
from .clauses import demand, not_applicable, untested
from .report import OPTION, PACKAGE, RECORDER, make_report, shipped
from .suite.deliveries import Deliveries
from .suite.events import Events
from .suite.life import Life
from .suite.orders import Orders
from .suite.pace import Pace
from .suite.questions import Questions
from .suite.settings import Settings

BELOW = Decimal("0.97")  # of the market's price: such a buy rests


class VenueContract(Deliveries, Pace, Questions, Orders, Events, Life, Settings):
    """Subclass it, name the plugin's spec, and pytest holds the plugin to every clause of the contract::

        from venuebus.testing import VenueContract
        from venuebus_toy import SPEC

        class TestToyContract(VenueContract):
            spec = SPEC

    Only what the spec's capabilities and the session's ``Supports…`` protocols declare is tried; the rest is shown as
    "not applicable". What is declared and cannot be tried with this simulator is "untested". The attributes below
    have defaults that are taken from the spec's own simulator; nothing but the spec is needed where that simulator
    shows a `venuebus.simulation.MatchingEngine` as ``engine`` or ``exchange.engine``.

    Attributes:
        spec: the `VenueSpec` under test; its ``simulator`` is needed, unless `simulator` is overridden.
        order: fields of a submit that the simulator takes and that rests (not filled at once).
        amend: what an amend of that order changes; default: its price, by one tick.
        account: alias of the account to trade with; default: the first.
        symbol: what to trade; default: the first configured one that the simulator's engine knows.
        credentials: names of the keys whose wrong value makes `connect` fail for good; default: all that hold a
            `Secret`.
        step_budget: CPU seconds that one step in the event loop may take.
        call_budget: function calls that one published value (a price, a size) may cost.
        silence_limit: seconds after which a silent venue must have been noticed.
    """

    order: Mapping[str, Any] | None = None
    amend: Mapping[str, Any] | None = None
    account: str | None = None
    symbol: str | None = None
    credentials: tuple[str, ...] | None = None
    step_budget: float = 0.05
    call_budget: float = 25.0
    silence_limit: float = 120.0

    spec: VenueSpec[Any]

    def simulator(self) -> VenueSimulator:
        """Return a new simulator that is not started; one whose market moves by itself shows the most."""
        if self.spec.simulator is None:
            untested("the spec names no simulator: override simulator(), or nothing can be tried")
        return self.spec.simulator()

    def config(self, simulator: Any) -> dict[str, Any]:
        """Return the ``[venues.<name>]`` table that connects to ``simulator``; override it to add keys."""
        return dict(simulator.config())

    def wanted(self, simulator: Any, config: VenueConfig) -> dict[str, Any]:
        """Return the fields of an order that rests: `order`, or a small limit order below the engine's market."""
        if self.order is not None:
            return dict(self.order)
        engine = engine_of(simulator)
        symbols = (self.symbol,) if self.symbol else config.symbols
        market = next((engine.markets[name] for name in symbols if name in engine.markets), None) if engine else None
        demand(market is not None, "name an `order` that the simulator takes: it shows no engine with a known symbol")
        assert market is not None
        price = (market.mid * BELOW) // market.tick * market.tick
        fields: dict[str, Any] = {
            "symbol": market.symbol, "side": "buy", "order_type": OrderType.LIMIT, "price": plain(price),
            "quantity": plain(max(market.min_quantity, market.lot)),
        }  # fmt: skip
        if self.spec.capabilities.position_effects:
            fields["position_effect"] = PositionEffect.OPEN
        return fields

    def test_the_shipped_report_is_current(self, request: pytest.FixtureRequest) -> None:
        """The report in the plugin's package is what this run would write; runs after the suite."""
        path = shipped(self.spec)
        if path is None or not path.exists():
            not_applicable(f"the plugin ships no {FILE}: pytest {OPTION} {PACKAGE}")
        marks = request.config.stash[RECORDER].whole(type(self))
        if marks is None or request.config.getoption(OPTION):
            pytest.skip("only a part of the suite ran, or the report is being written anew")
        now = make_report(self.spec, marks)
        has = msgspec.json.decode(path.read_bytes(), type=Report)
        for name in ("plugin", "distribution", "version", "contract", "capabilities", "areas", "tests"):
            if getattr(has, name) != getattr(now, name):
                pytest.fail(f"{path.name} says of {name} {getattr(has, name)!r}, this run {getattr(now, name)!r}: "
                            f"write it anew with pytest {OPTION} {PACKAGE}", pytrace=False)  # fmt: skip
