"""The lease: one owner at a time, given up in an orderly way or by time, and lost for good once another has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from venuebus.bus.lease import GRACE, TTL

from .bench import NatsServer
from .rig import Link, Rig


@pytest_asyncio.fixture
async def two(nats_url: str, subject_prefix: str, tmp_path: Path) -> AsyncIterator[tuple[Rig, Rig]]:
    rigs = [Rig(nats_url, subject_prefix, tmp_path, owner=name) for name in ("a", "b")]
    for rig in rigs:
        await rig.start(acquire=False)
    yield rigs[0], rigs[1]
    for rig in rigs:
        await rig.stop()


async def test_the_first_owns_it_and_the_second_is_told_who(two: tuple[Rig, Rig]) -> None:
    first, second = two
    assert await first.lease.try_acquire()
    assert first.lease.is_held
    assert not await second.lease.try_acquire()
    assert not second.lease.is_held
    assert second.lease.holder == "a"
    fence = first.lease.fence
    for _ in range(3):
        assert await first.lease.renew()
    assert await first.lease.try_acquire()
    assert first.lease.fence == fence


async def test_of_two_at_the_same_moment_one_gets_it(two: tuple[Rig, Rig]) -> None:
    outcomes = await asyncio.gather(two[0].lease.try_acquire(), two[1].lease.try_acquire())
    assert sorted(outcomes) == [False, True]
    assert [rig.lease.is_held for rig in two] == outcomes


async def test_a_planned_release_hands_over_at_once(two: tuple[Rig, Rig]) -> None:
    first, second = two
    assert await first.lease.try_acquire()
    await first.lease.release()
    assert not first.lease.is_held
    assert await second.lease.try_acquire()
    assert second.lease.fence > first.lease.fence
    assert second.lease.previous_fence == first.lease.fence
    assert not await first.lease.renew()
    assert not first.lease.is_held


async def test_a_silent_owner_stops_itself_before_another_may_take_over(two: tuple[Rig, Rig]) -> None:
    assert GRACE < TTL
    first, second = two
    started = time.monotonic()
    assert await first.lease.try_acquire()
    while not await second.lease.try_acquire():
        assert time.monotonic() - started < 10.0
        await asyncio.sleep(0.1)
    assert time.monotonic() - started >= GRACE
    assert not first.lease.is_held
    assert not await first.lease.renew()
    assert not await first.lease.try_acquire()
    assert first.lease.holder == "b"


async def test_an_owner_that_slept_gets_its_own_lease_back_if_nobody_took_it(two: tuple[Rig, Rig]) -> None:
    first, _ = two
    assert await first.lease.try_acquire()
    fence = first.lease.fence
    async with asyncio.timeout(10):
        key = f"$KV.{first.names.bucket}.lease.toy.main"
        while await first.connection.last(first.names.state, key) is not None:  # noqa: ASYNC110 - it expires
            await asyncio.sleep(0.1)
    assert not first.lease.is_held
    assert await first.lease.renew()
    assert first.lease.is_held
    assert first.lease.fence == fence


async def test_renewing_without_answers_ends_the_right_to_send_by_the_clock(
    own_server: NatsServer, subject_prefix: str, tmp_path: Path
) -> None:
    link = Link(own_server.port)
    await link.start()
    rig = Rig(f"nats://127.0.0.1:{link.port}", subject_prefix, tmp_path)
    await rig.start()
    link.deaf = True
    assert await rig.lease.renew()  # not known to be lost
    rig.lease._valid_until = time.monotonic() - 0.001
    assert not rig.lease.is_held
    link.deaf = False
    link.cut()
    async with asyncio.timeout(10):
        while not rig.connection.is_up:  # noqa: ASYNC110 - until it is back
            await asyncio.sleep(0.02)
        # The server has a renewal that we never heard of: the lease is ours all the same.
        while not rig.lease.is_held:
            assert await rig.lease.renew()
            await asyncio.sleep(0.02)
    await rig.stop()
    await link.stop()
