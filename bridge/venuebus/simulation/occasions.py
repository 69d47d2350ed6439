"""What a test may ask of any simulator: occasions by name, and how many orders it took.

The wire's own faults (refused, unanswered, cut and silent connections, lost answers) need nothing of the simulator:
the conformance kit puts a relay in between. What only the venue itself can do are the occasions here. A simulator that
asks a `FaultScript` at the points of `STANDARD_OCCASIONS` offers them for nothing; one with points of its own has an
attribute ``occasions`` that maps names to faults; any other one has a method ``stage``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import msgspec

from .engine import MatchingEngine
from .faults import Fault, FaultScript

Occasion = Literal[
    "refuse_submit",  # the next order is refused by the venue, in its own words; there is no order then
    "doubt_submit",  # the next order is taken, and answered with an error that proves nothing
    "forget_order",  # the next question about one order is answered "no such order"
    "garbage",  # a message arrives that means nothing, in a frame that is whole; the connection lives on
]
OCCASIONS: tuple[str, ...] = get_args(Occasion)

STANDARD_OCCASIONS: Mapping[str, Sequence[Fault]] = {
    "refuse_submit": (Fault(point="submit.request", action="refuse"),),
    "doubt_submit": (Fault(point="submit.answer", action="act_and_error"),),
    "forget_order": (Fault(point="order.answer", action="forget"),),
    "garbage": (Fault(point="push", action="garbage"),),
}
"""Points and actions of a simulator that has no ``occasions`` of its own."""


@runtime_checkable
class StagesOccasions(Protocol):
    """A simulator that stages occasions itself."""

    def stage(self, occasion: str) -> bool:
        """Let ``occasion`` happen once, now or at the next opportunity; ``False`` where this simulator cannot."""


@runtime_checkable
class CountsOrders(Protocol):
    """A simulator that knows how many orders it took. For nothing with an ``engine`` (or ``exchange.engine``)."""

    def orders_taken(self) -> int:
        """Return how many orders were taken since the start, whatever became of them."""


def stage(simulator: Any, occasion: Occasion) -> bool:
    """Let ``occasion`` happen once at ``simulator``; ``False`` where it has no way to."""
    if isinstance(simulator, StagesOccasions):
        return simulator.stage(occasion)
    script = getattr(simulator, "faults", None)
    if not isinstance(script, FaultScript):
        return False
    faults = getattr(simulator, "occasions", STANDARD_OCCASIONS).get(occasion, ())
    for fault in faults:
        script.add(msgspec.structs.replace(fault))
    return bool(faults)


def engine_of(simulator: Any) -> MatchingEngine | None:
    """Return the matching engine behind ``simulator``, if it shows one as ``engine`` or ``exchange.engine``."""
    for owner in (simulator, getattr(simulator, "exchange", None)):
        engine = getattr(owner, "engine", None)
        if isinstance(engine, MatchingEngine):
            return engine
    return None


def orders_taken(simulator: Any) -> int | None:
    """Return how many orders ``simulator`` took since its start; ``None`` where it does not tell."""
    if isinstance(simulator, CountsOrders):
        return simulator.orders_taken()
    engine = engine_of(simulator)
    return None if engine is None else engine.submits
