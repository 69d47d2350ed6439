"""A simulator of OpenD: its protocol over real sockets, with accounts, matching, pushes, encryption, limits, faults."""

from .opend import OpendSimulator
from .world import SimAccount, Stock, default_accounts, default_stocks

__all__ = ["OpendSimulator", "SimAccount", "Stock", "default_accounts", "default_stocks"]
