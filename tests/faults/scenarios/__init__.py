"""The scenarios by number: what is injected, and what must hold. Each plays in a world of its own."""

from . import bridges, bus, commands, environment, link, market_data, operator, other_venues, venue_word
from .registry import SCENARIOS, Scenario, by_number

SCENARIOS.sort(key=by_number)
SUBJECTS = (bridges, bus, commands, environment, link, market_data, operator, other_venues, venue_word)

__all__ = ["SCENARIOS", "SUBJECTS", "Scenario"]
