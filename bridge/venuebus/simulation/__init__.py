"""Building blocks for venue simulators: a matching engine and a script of faults. Public for plugin authors."""

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
