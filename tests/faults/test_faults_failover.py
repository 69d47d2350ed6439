"""A takeover after a kill and one after a stop while a strategy goes on sending; many more with `make failover`."""

from __future__ import annotations

import pytest

from .failover import measure, report


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.slow)])
async def test_the_standby_takes_over_in_time_and_every_order_reaches_the_venue_once(rounds: int) -> None:
    killed, planned = await measure(rounds, rounds)
    assert len(killed.rounds) == len(planned.rounds) == rounds
    text = report(killed, planned)
    assert f"| the standby is ready | {min(made.ready for made in killed.rounds):.2f} |" in text
