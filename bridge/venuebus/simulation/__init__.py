"""Building blocks for venue simulators: a matching engine and a script of faults. Public for plugin authors."""

from .engine import MatchingEngine
from .faults import Fault, FaultScript
from .model import Listener, Market, OrderRefused, SimFill, SimOrder, SimTrade

__all__ = [
    "Fault",
    "FaultScript",
    "Listener",
    "Market",
    "MatchingEngine",
    "OrderRefused",
    "SimFill",
    "SimOrder",
    "SimTrade",
]
