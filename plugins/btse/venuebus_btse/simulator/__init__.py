"""A simulated BTSE spot venue that speaks the real protocol."""

from .server import BtseSimulator
from .settings import API_KEY, API_SECRET, Quirks, RateRules, User

__all__ = ["API_KEY", "API_SECRET", "BtseSimulator", "Quirks", "RateRules", "User"]
