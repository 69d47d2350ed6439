"""OrderRef rises within a session, whatever order commands come in."""

from __future__ import annotations

import asyncio

import pytest
from venuebus import NotSent
from venuebus_ctp.orderrefs import ABANDONED_AFTER, OrderRefs


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("highest", "first"), [("1", "2"), ("", "1"), ("          41", "42"), ("x", "1")])
def test_numbers_start_above_the_sessions_highest(highest: str, first: str) -> None:
    assert OrderRefs(highest, Clock()).take() == first


def test_a_session_that_logs_in_again_under_its_old_id_goes_on_counting() -> None:
    assert OrderRefs("1", Clock(), used=9).take() == "10"


async def test_a_higher_number_waits_for_a_lower_one_that_is_on_its_way() -> None:
    refs = OrderRefs("", asyncio.get_running_loop().time)
    first, second = refs.take(), refs.take()
    turn = asyncio.create_task(refs.turn(second))
    await asyncio.sleep(0)
    assert not turn.done()
    await refs.turn(first)
    refs.done(first, sent=True)
    await turn
    refs.done(second, sent=True)


async def test_a_number_that_was_never_used_is_passed_by_and_refused_later() -> None:
    clock = Clock()
    refs = OrderRefs("", clock)
    lost, second = refs.take(), refs.take()
    clock.now += ABANDONED_AFTER
    await refs.turn(second)
    refs.done(second, sent=True)
    with pytest.raises(NotSent, match="passed by"):
        await refs.turn(lost)


async def test_a_command_that_is_given_up_lets_the_next_one_go() -> None:
    refs = OrderRefs("", asyncio.get_running_loop().time)
    first, second = refs.take(), refs.take()
    await refs.turn(first)
    turn = asyncio.create_task(refs.turn(second))
    await asyncio.sleep(0)
    refs.done(first, sent=False)
    await turn
    assert refs.highest == 2


async def test_a_command_that_is_cancelled_while_it_waits_holds_up_nobody() -> None:
    refs = OrderRefs("", asyncio.get_running_loop().time)
    first, second, third = refs.take(), refs.take(), refs.take()
    await refs.turn(first)
    waiting = asyncio.create_task(refs.turn(second))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    refs.done(first, sent=True)
    async with asyncio.timeout(0.5):
        await refs.turn(third)
