"""Every scenario of the reliability table; the slow ones with `make faults`."""

from __future__ import annotations

from typing import Any

import pytest

from .scenarios import SCENARIOS, Scenario


def _parameters() -> list[Any]:
    return [
        pytest.param(item, id=f"{item.number}-{item.play.__name__}", marks=() if item.quick else (pytest.mark.slow,))
        for item in SCENARIOS
    ]


@pytest.mark.parametrize("scenario", _parameters())
async def test_what_must_hold_holds(scenario: Scenario) -> None:
    sync = scenario.options.get("sync", "default")
    async with scenario.world(options=scenario.options, sync=sync) as world:
        await scenario.play(world)
        await world.check()
