"""Rate limits: in no period of the window's length do more requests start than the venue allows."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from venuebus import CommandRejected, Limit, RateLimits


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


def limits(*given_limits: Limit) -> tuple[RateLimits, Clock]:
    clock = Clock()
    return RateLimits(given_limits, clock=clock, sleep=clock.sleep), clock


async def starts(rates: RateLimits, clock: Clock, operation: str, count: int, **how: object) -> list[float]:
    found = []
    for _ in range(count):
        await rates.acquire(operation, **how)  # type: ignore[arg-type]
        found.append(clock.now)
    return found


async def test_exactly_the_allowed_number_starts_in_any_window() -> None:
    rates, clock = limits(Limit(name="orders", operations=("order",), count=3, per=1.0))
    times = await starts(rates, clock, "order", 10)
    assert times[:4] == [100.0, 100.0, 100.0, 101.0]
    assert all(later - early >= 1.0 for early, later in zip(times, times[3:], strict=False))
    assert times[-1] == 103.0


@given(
    st.integers(1, 5),
    st.floats(0.1, 3.0),
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40),
)
@settings(max_examples=100, deadline=None)
def test_no_window_ever_holds_more_than_its_count(count: int, per: float, pauses: list[float]) -> None:
    async def scenario() -> list[float]:
        rates, clock = limits(Limit(name="a", operations=("x",), count=count, per=per))
        times = []
        for pause in pauses:
            clock.now += pause
            await rates.acquire("x")
            times.append(clock.now)
        return times

    times = asyncio.run(scenario())
    for early, later in zip(times, times[count:], strict=False):
        assert later - early >= per - 1e-9


async def test_one_request_counts_against_all_its_limits() -> None:
    rates, clock = limits(
        Limit(name="per api", operations=("order",), count=5, per=1.0),
        Limit(name="per user", operations=("order", "query"), count=2, per=10.0),
    )
    await starts(rates, clock, "query", 1)
    assert await starts(rates, clock, "order", 2) == [100.0, 110.0]


async def test_the_reserve_is_there_for_cancels_only() -> None:
    rates, clock = limits(Limit(name="a", operations=("order", "cancel"), count=4, per=1.0, reserve=2))
    await starts(rates, clock, "order", 2)
    assert rates.delay("order") == 1.0
    assert rates.delay("cancel", priority=True) == 0.0
    assert await starts(rates, clock, "cancel", 2, priority=True) == [100.0, 100.0]
    assert rates.delay("cancel", priority=True) == 1.0


async def test_spacing_keeps_requests_apart() -> None:
    rates, clock = limits(Limit(name="a", operations=("q",), count=10, per=1.0, spacing=0.25))
    times = await starts(rates, clock, "q", 4)
    assert [later - early for early, later in pairwise(times)] == [0.25] * 3


async def test_every_account_has_a_window_of_its_own_where_the_limit_says_so() -> None:
    rates, _ = limits(Limit(name="a", operations=("q",), count=1, per=1.0, by_key=True))
    await rates.acquire("q", key="one")
    assert rates.delay("q", key="two") == 0.0
    assert rates.delay("q", key="one") == 1.0


async def test_what_cannot_start_in_time_is_refused_by_name_and_not_counted() -> None:
    rates, clock = limits(Limit(name="orders per user", operations=("order",), count=1, per=10.0))
    await rates.acquire("order")
    with pytest.raises(CommandRejected, match="orders per user") as refused:
        await rates.acquire("order", timeout=3.0)
    assert refused.value.reason == "rate_limited"
    assert rates.refused == 1
    clock.now += 10.0
    assert rates.delay("order") == 0.0


async def test_a_ban_stops_its_operation_or_everything_and_is_told() -> None:
    rates, clock = limits(Limit(name="a", operations=("order",), count=9, per=1.0))
    told = []
    rates.on_ban = lambda operation, seconds: told.append((operation, seconds))
    rates.ban(2.0, "order")
    rates.ban(1.0, "order")  # a shorter one does not shorten it
    assert (rates.delay("order"), rates.delay("query")) == (2.0, 0.0)
    rates.ban(5.0)
    assert rates.delay("query") == 5.0
    assert told == [("order", 2.0), ("*", 5.0)]
    assert rates.state() == {"order": 2.0, "*": 5.0}
    with pytest.raises(CommandRejected, match=r"may start in 5.000 s at the earliest \(the venue said to wait\)"):
        await rates.acquire("order", timeout=1.0)  # not the limit, which has room
    clock.now += 5.0
    assert rates.delay("order") == 0.0
    assert rates.state() == {}


async def test_waiters_at_the_same_time_share_the_window() -> None:
    rates, clock = limits(Limit(name="a", operations=("q",), count=2, per=1.0))
    times: list[float] = []

    async def one() -> None:
        await rates.acquire("q")
        times.append(clock.now)

    await asyncio.gather(*(one() for _ in range(6)))
    assert times == [100.0, 100.0, 101.0, 101.0, 102.0, 102.0]
    assert rates.waiting == 0


async def test_an_operation_without_a_limit_starts_at_once() -> None:
    rates, clock = limits()
    assert await starts(rates, clock, "anything", 3) == [100.0] * 3
