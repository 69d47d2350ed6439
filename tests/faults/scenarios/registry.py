"""What a scenario is, and the list of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from ..world import World

Play = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """One fault, by its number in the reliability table."""

    number: str
    injected: str
    held: str
    play: Play
    quick: bool
    options: dict[str, Any] = field(default_factory=dict)
    world: type[World] = World


SCENARIOS: list[Scenario] = []


def by_number(item: Scenario) -> tuple[int, str]:
    """Sort key: 2 before 10, 15 before 15b, and what has no number last."""
    digits = "".join(filter(str.isdigit, item.number))
    return int(digits or 1000), item.number


def scenario(
    number: str, injected: str, held: str, *, quick: bool = True, world: type[World] = World, **options: Any
) -> Callable[[Play], Play]:
    """Register a scenario. ``quick`` ones run with every test run."""

    def register(play: Play) -> Play:
        SCENARIOS.append(Scenario(number, injected, held, play, quick, options, world))
        return play

    return register
