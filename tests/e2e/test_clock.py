"""A wall clock that somebody sets while the bridge runs changes nothing that is safety."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from venuebus_schemas import OrderStatus

from .bench import Bench
from .rig import Rig

HOUR = 3_600_000_000_000
Jump = Callable[[int], None]


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Set the clock of this process forward or back."""
    real = time.time_ns

    def set_to(offset: int) -> None:
        monkeypatch.setattr(time, "time_ns", lambda: real() + offset)
        monkeypatch.setattr(time, "time", lambda: (real() + offset) / 1e9)

    return set_to


@pytest.mark.parametrize("offset", [HOUR, -HOUR])
async def test_what_is_expired_is_told_by_the_servers_clock(
    nats_url: str, subject_prefix: str, tmp_path: Path, jump: Jump, offset: int
) -> None:
    rig = Rig(nats_url, subject_prefix, tmp_path)
    await rig.start()
    try:
        await rig.connection.stream_tail(rig.names.account)
        real = time.time_ns()
        jump(offset)
        assert abs(rig.connection.bus_time_ns() - real) < HOUR // 60
        await rig.connection.stream_tail(rig.names.account)
        assert abs(rig.connection.bus_time_ns() - real) < HOUR // 60
        assert abs(rig.connection.clock_offset_ns + offset) < HOUR // 60  # told in the log and the metrics
    finally:
        await rig.stop()


async def test_with_the_clock_set_back_a_command_that_is_too_old_is_still_refused(bench: Bench, jump: Jump) -> None:
    await bench.bridge()
    expired = time.time_ns() - 1_000_000_000
    jump(-HOUR)
    await bench.submit("old", expires_at=expired)
    await bench.result("old", ("rejected", "expired", None))
    await bench.submit("new", expires_at=expired + 60_000_000_000)
    await bench.result("new", ("accepted", None, None))
    assert bench.venue.count("old") == 0


async def test_an_order_that_ended_unheard_is_found_also_after_the_clock_was_set_back(bench: Bench, jump: Jump) -> None:
    bench.table["reconcile_interval"] = 0.2
    await bench.bridge()
    await bench.submit("a1")
    await bench.result("a1", ("accepted", None, None))
    jump(-HOUR)
    order = bench.venue.get("a1")
    assert order is not None
    bench.venue.put(msgspec.structs.replace(order, status=OrderStatus.CANCELED))  # and nobody tells
    await bench.until(lambda: bench.statuses("a1")[-1] == "canceled")
