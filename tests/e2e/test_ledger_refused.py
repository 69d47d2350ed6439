"""A claim that the account stream refuses for a reason of its own: said at once, not tried for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from nats.js.api import DiscardPolicy
from venuebus.bus.failure import BusUnavailable

from .rig import Rig, claim, order


async def test_a_claim_that_is_too_large_for_the_stream_is_certainly_not_written(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(nats_url, subject_prefix, tmp_path)
    await rig.start()
    try:
        js = rig.connection.js
        config = (await js.stream_info(rig.names.account)).config
        config.max_msg_size = 400
        await js.update_stream(config)
        large = claim("big")
        large.text = "x" * 1000
        async with asyncio.timeout(5):
            with pytest.raises(BusUnavailable, match="refuses the claim"):
                await rig.ledger.claim(large, [("order", "big", order(0, "big"), "big-0")])
            await rig.ledger.claim(claim("small"), [])
        assert await rig.ledger.read_claim("big") is None
        assert await rig.stored() == []
    finally:
        await rig.stop()


async def test_a_ledger_too_full_for_a_claim_is_unhealthy_until_it_takes_one(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(nats_url, subject_prefix, tmp_path)
    await rig.start()
    try:
        js = rig.connection.js
        config = (await js.stream_info(rig.names.account)).config
        discard, room = config.discard, config.max_bytes
        config.discard, config.max_bytes = DiscardPolicy.NEW, 1
        await js.update_stream(config)
        async with asyncio.timeout(5):
            with pytest.raises(BusUnavailable, match="is full"):
                await rig.ledger.claim(claim("full"), [])
            assert not rig.ledger.healthy
            config.discard, config.max_bytes = discard, room
            await js.update_stream(config)
            await rig.ledger.claim(claim("full"), [])
        assert rig.ledger.healthy
    finally:
        await rig.stop()


async def test_an_event_that_nats_never_takes_is_told_and_holds_nothing_up(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    told: list[tuple[str, str]] = []
    rig = Rig(nats_url, subject_prefix, tmp_path, on_unwritable=lambda entry, why: told.append((entry.msg_id, why)))
    await rig.start()
    try:
        js = rig.connection.js
        config = (await js.stream_info(rig.names.account)).config
        config.max_msg_size = 600
        await js.update_stream(config)
        rig.put(1)
        large = order(2)
        large.text = "x" * 1000
        rig.ledger.put("order", "o", large, "large")
        rig.put(3)
        assert await rig.ledger.settle(5)
        assert await rig.stored() == [("o", 1), ("o", 3)]
        assert rig.ledger.healthy
        ((msg_id, why),) = told
        assert msg_id == "large"
        assert "10054" in why
    finally:
        await rig.stop()
