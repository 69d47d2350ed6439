"""The lease in the account stream outlives the stream's own limit: it is written anew before it would be discarded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from venuebus.errors import BusError

from .rig import Rig, claim, order

EVENTS = 4000


async def test_a_stream_that_is_filled_over_and_over_never_loses_its_owner(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(nats_url, subject_prefix, tmp_path)  # its streams hold 1 MiB
    await rig.start()
    try:
        first = rig.lease.fence
        for number in range(EVENTS):
            large = order(number, f"o{number % 7}")
            large.text = "x" * 1000
            rig.ledger.put("order", f"o{number % 7}", large, f"m{number}")
            if number % 100 == 99:
                await rig.ledger.claim(claim(f"c{number}"), [])
                assert await rig.ledger.settle(10)
                await rig.lease.renew()
        assert not rig.fenced.is_set()
        window = await rig.connection.window(rig.names.account)
        assert window.first > first, "the stream was not filled"
        assert window.first < rig.lease.fence
        stored = {number for _, number in await rig.stored()}
        assert stored == set(range(EVENTS - len(stored), EVENTS)), "a hole in what the stream still holds"
    finally:
        await rig.stop()


async def test_an_owner_whose_fence_stands_well_leaves_it(nats_url: str, subject_prefix: str, tmp_path: Path) -> None:
    rig = Rig(nats_url, subject_prefix, tmp_path)
    await rig.start()
    try:
        first = rig.lease.fence
        for number in range(200):
            rig.put(number)
        assert await rig.ledger.settle(5)
        rig.ledger.keep_fence()
        await rig.ledger.claim(claim("after"), [])  # behind the look
        assert rig.lease.fence == first
    finally:
        await rig.stop()


async def test_a_fence_that_another_bridge_wrote_meanwhile_is_not_taken_back(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(nats_url, subject_prefix, tmp_path)
    await rig.start()
    other = Rig(nats_url, subject_prefix, tmp_path, "b")
    try:
        await rig.lease.release()
        await other.start()
        rig.lease._valid_until = float("inf")  # a clock that stood still
        rig.lease.must_move = lambda window: True  # type: ignore[method-assign]
        rig.ledger.keep_fence()
        async with asyncio.timeout(5):
            await rig.fenced.wait()
        await other.ledger.claim(claim("mine"), [])
        with pytest.raises(BusError):
            await rig.ledger.claim(claim("late"), [])
    finally:
        await other.stop()
        await rig.stop()
