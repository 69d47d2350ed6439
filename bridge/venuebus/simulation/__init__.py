"""Building blocks for venue simulators: a matching engine and a script of faults. Public for plugin authors."""

from .engine import Market, MatchingEngine, OrderRefused, SimFill, SimOrder, SimTrade
from .faults import Fault, FaultScript

__all__ = ["Fault", "FaultScript", "Market", "MatchingEngine", "OrderRefused", "SimFill", "SimOrder", "SimTrade"]
