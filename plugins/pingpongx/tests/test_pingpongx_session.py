"""Asking the venue for what got lost, against the simulator's queries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from venuebus import (
    CommandRejected,
    Delivery,
    RetryableError,
    Secret,
    SupportsOrders,
    SupportsQueries,
    SupportsWebhooks,
)
from venuebus.simulation import Fault
from venuebus.testing import RecordingContext
from venuebus_pingpongx import SPEC
from venuebus_pingpongx.config import PingPongXConfig
from venuebus_pingpongx.session import PingPongXSession
from venuebus_pingpongx.simulator import ACCESS_TOKEN, PingPongXSimulator
from venuebus_schemas import Forward, ForwardStatus, Query, Reason


@pytest.fixture
async def sim() -> AsyncIterator[PingPongXSimulator]:
    sim = PingPongXSimulator(rate=0)
    await sim.start()
    yield sim
    await sim.stop()


def settings(sim: PingPongXSimulator, **changed: Any) -> PingPongXConfig:
    table: dict[str, Any] = {
        "plugin": "pingpongx", "insecure_unverified": True, "base_url": sim.url, "access_token": Secret(ACCESS_TOKEN),
        "poll_interval": 0.05, "page_size": 10,
    }  # fmt: skip
    return PingPongXConfig(**{**table, **changed})


class Running:
    """A session that runs."""

    def __init__(self, config: PingPongXConfig) -> None:
        self.context = RecordingContext(config)
        self.session = PingPongXSession(self.context)

    async def __aenter__(self) -> Running:
        await self.session.connect()
        self.task = asyncio.create_task(self.session.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()
        await asyncio.wait_for(self.task, 5)
        await self.session.close()


def states(context: RecordingContext) -> dict[str, ForwardStatus]:
    return {event.position_id: event.status for event in context.of(Forward)}


def test_it_takes_deliveries_and_queries_but_no_orders() -> None:
    session = PingPongXSession(RecordingContext(PingPongXConfig(plugin="pingpongx", insecure_unverified=True)))
    assert isinstance(session, SupportsWebhooks)
    assert isinstance(session, SupportsQueries)
    assert not isinstance(session, SupportsOrders)
    assert SPEC.capabilities.inbound_only
    assert not SPEC.capabilities.verbs


async def test_every_page_is_asked_for_and_every_state_is_published(sim: PingPongXSimulator) -> None:
    for _ in range(8):
        sim.desk.life()
    for _ in range(25):
        sim.desk.create()
    async with Running(settings(sim)) as running:
        await running.context.until(lambda: len(states(running.context)) == len(sim.desk.positions))
    found = states(running.context)
    words = {"waitSettle": "open", "settle": "settled", "extendClose": "extended", "cancel": "unknown"}
    assert found == {name: words[row["status"]] for name, row in sim.desk.positions.items()}
    assert all(event.reconciled and event.account == "main" and event.ts_recv for event in running.context.of(Forward))


async def test_a_venue_that_does_not_answer_degrades_the_session_and_deliveries_go_on(
    sim: PingPongXSimulator, sample_bytes: bytes
) -> None:
    sim.desk.create()
    sim.faults.add(Fault(point="query", action="error", times=2))
    async with Running(settings(sim)) as running:
        await running.context.until(lambda: running.context.state)
        assert "answered 500" in (running.context.state or "")
        delivery = Delivery(
            msg_id="P1", body=sample_bytes, raw=sample_bytes, headers={}, content_type="application/json",
            ts_recv=time.time_ns(),
        )  # fmt: skip
        assert len(running.session.translate(delivery)) == 4
        await running.context.until(lambda: running.context.state is None and running.context.of(Forward))
    assert running.context.counts["poll_failed"] == 2


async def test_a_token_that_is_refused_is_told_and_a_renewed_file_is_taken_up(
    sim: PingPongXSimulator, tmp_path: Path
) -> None:
    sim.desk.create()
    file = tmp_path / "token"
    file.write_text("an expired one")
    async with Running(settings(sim, access_token=Secret(file=file))) as running:
        await running.context.until(lambda: running.context.state)
        assert "refuses the access token" in (running.context.state or "")
        file.write_text(ACCESS_TOKEN + "\n")
        await running.context.until(lambda: running.context.state is None and running.context.of(Forward))


async def test_a_venue_that_is_away_is_retried_without_end(sim: PingPongXSimulator) -> None:
    async with Running(settings(sim, base_url="http://127.0.0.1:9")) as running:
        await running.context.until(lambda: running.context.counts["poll_failed"] >= 2 or running.context.state)
        assert "no answer from the venue" in (running.context.state or "")
        assert not running.task.done()


async def test_the_query_forwards_asks_for_all_or_for_one_client_order_id(sim: PingPongXSimulator) -> None:
    created = sim.desk.create(Decimal("794.50"))["payload"]
    extended = sim.desk.extend(created["position_id"], Decimal("301.60"))["payload"]
    async with Running(settings(sim, poll_interval=60)) as running:
        everything = await running.session.query("main", "forwards", Query())
        assert len(everything) == 3
        one = await running.session.query("main", "forwards", Query(client_order_id=created["c_order_id"]))
        # One client order id names different positions over time: the old one and what was left of it.
        assert {item.position_id for item in one} == {created["position_id"], extended["leftPosition"]["position_id"]}
        with pytest.raises(CommandRejected) as caught:
            await running.session.query("main", "positions", Query())
        assert caught.value.reason is Reason.UNSUPPORTED
    with pytest.raises(CommandRejected, match="base_url and access_token"):
        await running.session.query("main", "forwards", Query())


async def test_no_answer_to_a_query_is_an_error_not_an_empty_list(sim: PingPongXSimulator) -> None:
    sim.desk.create()
    async with Running(settings(sim, poll_interval=60)) as running:
        await running.context.until(lambda: running.context.of(Forward))
        sim.faults.add(Fault(point="query", action="error"))
        with pytest.raises(RetryableError):
            await running.session.query("main", "forwards", Query())


async def test_without_an_address_nothing_is_asked_and_the_session_lives() -> None:
    async with Running(PingPongXConfig(plugin="pingpongx", insecure_unverified=True)) as running:
        assert not running.task.done()
    assert not running.context.events


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"base_url": "https://x"}, "base_url: goes together with access_token"),
        ({"access_token": Secret("abcdef")}, "base_url: goes together with access_token"),
        ({"base_url": "ftp://x", "access_token": Secret("abcdef")}, "base_url: expected an address"),
        ({"insecure_unverified": False}, "verify: missing"),
    ],
)
def test_half_a_configuration_is_refused(table: dict[str, Any], why: str) -> None:
    config = PingPongXConfig(**{"plugin": "pingpongx", "insecure_unverified": True, **table})
    with pytest.raises(ValueError, match=why):
        config.validate()
