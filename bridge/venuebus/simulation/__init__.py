"""Building blocks for venue simulators, public for plugin authors.

- `MatchingEngine` over `Market`s: price-time priority, triggers, groups, synthetic liquidity that `step` moves. It
  knows no protocol: translate your venue's requests into `submit`, `amend` and `cancel` of a `SimOrder`, and what it
  tells its `Listener` into your venue's pushes. Everything is `Decimal`; time and randomness come from outside.
- `FaultScript`: which `Fault` happens at which point, how often. Ask it wherever something can go wrong::

      fault = self.faults.take("submit.request", line)
      if fault is not None and fault.action == "refuse":
          ...

- Occasions: what the conformance suite asks of a venue (`Occasion`). A simulator with an attribute ``faults`` that asks
  at the points of `STANDARD_OCCASIONS` offers them for nothing; one with other points maps them in an attribute
  ``occasions``; any other one has a method ``stage`` (`StagesOccasions`). The suite counts orders by ``engine`` or
  ``exchange.engine``, or by `CountsOrders`.

A simulator that moves by itself and measures with ``loop.time()`` shows the suite the most in the least time.
"""

from .engine import MatchingEngine
from .faults import Fault, FaultScript
from .model import Listener, Market, OrderRefused, SimFill, SimOrder, SimTrade
from .occasions import STANDARD_OCCASIONS, CountsOrders, Occasion, StagesOccasions

__all__ = [
    "STANDARD_OCCASIONS",
    "CountsOrders",
    "Fault",
    "FaultScript",
    "Listener",
    "Market",
    "MatchingEngine",
    "Occasion",
    "OrderRefused",
    "SimFill",
    "SimOrder",
    "SimTrade",
    "StagesOccasions",
]
