"""The ledger: a claim is written once, a lost owner writes nothing, and no event is lost, doubled or reordered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from venuebus.bus.claim import AlreadyClaimed, Fenced, NotUnused
from venuebus.bus.failure import BusUnavailable
from venuebus.bus.receipt import Receipt
from venuebus.bus.spool import Entry
from venuebus_schemas import Order, encode

from .bench import NatsServer
from .rig import Link, Rig, claim, order


@pytest_asyncio.fixture
async def rig(nats_url: str, subject_prefix: str, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(nats_url, subject_prefix, tmp_path)
    await made.start()
    yield made
    await made.stop()


def events(number: int) -> list[tuple[str, str, Order, str]]:
    return [("order", "o", order(number), f"claimed-{number}")]


async def test_a_command_is_claimed_once_and_its_order_with_it(rig: Rig) -> None:
    await rig.ledger.claim(claim("c1"), events(0))
    with pytest.raises(AlreadyClaimed) as refused:
        await rig.ledger.claim(claim("c1", nonce="other"), events(1))
    assert refused.value.record.nonce == "n1"
    assert await rig.stored() == [("o", 0)]
    record = await rig.ledger.read_claim("c1")
    assert record is not None
    assert record.verb == "submit"
    assert await rig.ledger.read_claim("never") is None


async def test_many_claims_at_once_each_stand_alone(rig: Rig) -> None:
    nonces = [f"n{number}" for number in range(20)]
    outcomes = await asyncio.gather(
        *(rig.ledger.claim(claim(f"c{number % 5}", nonce), []) for number, nonce in enumerate(nonces)),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 5
    assert sum(isinstance(outcome, AlreadyClaimed) for outcome in outcomes) == 15


async def test_an_order_behind_its_claim_is_stored_once_whoever_writes_between_the_two(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, posted = rig.connection.post, []

    async def post_late(subject: str, *args: Any, **more: Any) -> Receipt:
        posted.append(subject.split(".")[-2])
        receipt = await post(subject, *args, **more)
        if posted == ["claim"]:  # somebody else's event gets in before the order does
            await rig.connection.store(rig.subjects.account("toy", "other", "order", "x"), b"{}", {})
        return receipt

    monkeypatch.setattr(rig.connection, "post", post_late)
    await rig.ledger.claim(claim("c1"), events(7))
    assert posted == ["claim", "order", "order", "order"]  # refused with the claim's id not last, then on its own
    assert await rig.stored() == [("o", 7)]
    posted.clear()
    await rig.ledger.claim(claim("c2"), [("order", "p", order(8, "p"), "claimed-8")])
    assert await rig.stored() == [("o", 7), ("p", 8)]


async def test_a_claim_can_prove_that_nothing_has_its_id(rig: Rig) -> None:
    rig.put(1, key="used")
    assert await rig.ledger.settle(3)
    with pytest.raises(NotUnused):
        await rig.ledger.claim(claim("used"), [("order", "used", order(2, "used"), "second")], unused=True)
    assert await rig.ledger.read_claim("used") is None
    assert await rig.stored() == [("used", 1)]
    await rig.ledger.claim(claim("fresh"), [("order", "fresh", order(3, "fresh"), "third")], unused=True)
    with pytest.raises(AlreadyClaimed):
        await rig.ledger.claim(claim("fresh", nonce="n2"), events(4), unused=True)
    await rig.ledger.claim(claim("used"), [], unused=False)
    assert await rig.stored() == [("used", 1), ("fresh", 3)]


async def test_after_another_owner_took_the_lease_nothing_is_written(
    rig: Rig, nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    other = Rig(nats_url, subject_prefix, tmp_path, owner="b")
    await other.start(acquire=False)
    rig.put(1)
    assert await rig.ledger.settle(3)
    await rig.lease.release()
    assert await other.lease.try_acquire()
    with pytest.raises(Fenced):
        await rig.ledger.claim(claim("late"), events(9))
    assert rig.fenced.is_set()
    rig.put(2)
    await other.ledger.claim(claim("mine"), [])
    other.put(3)
    assert await other.ledger.settle(3)
    assert await rig.stored() == [("o", 1), ("o", 3)]
    left = await other.ledger.read_claim("late")  # never sent: the owner finds it and asks the venue
    assert left is not None
    with pytest.raises(AlreadyClaimed):
        await other.ledger.claim(claim("late", nonce="n2"), [])
    await other.stop()


async def test_an_event_after_the_lease_was_lost_is_refused_by_the_stream_itself(
    rig: Rig, nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    other = Rig(nats_url, subject_prefix, tmp_path, owner="b")
    await other.start(acquire=False)
    await rig.lease.release()
    assert await other.lease.try_acquire()
    rig.put(1)
    async with asyncio.timeout(3):
        await rig.fenced.wait()
    assert await rig.stored() == []
    await other.stop()


async def test_what_waits_is_written_in_groups_in_its_order(rig: Rig) -> None:
    for number in range(1000):
        rig.put(number, key=f"k{number % 3}")
    assert rig.ledger.is_behind
    assert await rig.ledger.settle(10)
    assert [number for _, number in await rig.stored()] == list(range(1000))
    assert not rig.ledger.is_behind
    assert rig.ledger.spool.pending_bytes == 0


async def test_an_event_put_twice_is_stored_once(rig: Rig) -> None:
    rig.put(1)
    assert await rig.ledger.settle(3)
    for number in (1, 2):
        rig.put(number)
    assert await rig.ledger.settle(3)
    assert await rig.stored() == [("o", 1), ("o", 2)]


async def test_a_queue_that_runs_over_while_it_is_written_loses_doubles_and_reorders_nothing(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(nats_url, subject_prefix, tmp_path, max_queue=20)
    await rig.start()
    for number in range(20):
        rig.put(number, key=f"k{number % 3}")
    writing = rig.ledger._writer
    write, under_way = writing.write, asyncio.Event()

    async def watched(entries: list[Entry]) -> list[Entry]:
        under_way.set()
        return await write(entries)

    writing.write = watched  # type: ignore[method-assign]
    await under_way.wait()
    for number in range(20, 100):
        rig.put(number, key=f"k{number % 3}")
    assert rig.ledger.spool.pending_bytes > 0
    assert await rig.ledger.settle(10)
    assert [number for _, number in await rig.stored()] == list(range(100))
    assert rig.ledger.spool.pending_bytes == 0
    rig.put(100)
    assert await rig.ledger.settle(3)
    assert rig.ledger.spool.pending_bytes == 0
    await rig.stop()


async def test_lost_answers_leave_neither_a_hole_nor_a_double(
    own_server: NatsServer, subject_prefix: str, tmp_path: Path
) -> None:
    link = Link(own_server.port)
    await link.start()
    rig = Rig(f"nats://127.0.0.1:{link.port}", subject_prefix, tmp_path)
    await rig.start()
    for number in range(10):
        rig.put(number)
    assert await rig.ledger.settle(3)
    link.deaf = True  # the server stores, and nobody hears of it
    for number in range(10, 400):
        rig.put(number, key=f"k{number % 4}")
    claiming = asyncio.ensure_future(rig.ledger.claim(claim("doubtful"), events(1000)))
    await asyncio.sleep(0.8)  # longer than the time a request may take
    assert not claiming.done()
    link.deaf = False
    link.cut()
    await claiming
    assert await rig.ledger.settle(10)
    stored = await rig.stored()
    assert [number for _, number in stored if number < 1000] == list(range(400))
    assert sum(number == 1000 for _, number in stored) == 1
    with pytest.raises(AlreadyClaimed):
        await rig.ledger.claim(claim("doubtful", nonce="again"), [])
    await rig.stop()
    await link.stop()


async def test_over_a_killed_server_events_wait_on_disk_and_claims_fail_at_once(
    own_server: NatsServer, subject_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(own_server.url, subject_prefix, tmp_path)
    await rig.start()
    for number in range(5):
        rig.put(number)
    assert await rig.ledger.settle(3)
    own_server.kill()
    for number in range(5, 300):
        rig.put(number, key=f"k{number % 2}")
        if number == 20:
            async with asyncio.timeout(5):
                while rig.connection.is_up:  # noqa: ASYNC110 - until the cut is noticed
                    await asyncio.sleep(0.01)
            with pytest.raises(BusUnavailable):
                await rig.ledger.claim(claim("away"), [])
    assert not await rig.ledger.settle(1.5)  # the write under way is given up first
    assert rig.ledger.spool.pending_bytes > 0
    await own_server.start()
    assert await rig.ledger.settle(10)
    assert [number for _, number in await rig.stored()] == list(range(300))
    assert rig.ledger.spool.pending_bytes == 0
    assert await rig.ledger.read_claim("away") is None
    await rig.ledger.claim(claim("away"), [])
    await rig.stop()


async def test_a_server_killed_again_and_again_costs_nothing(
    own_server: NatsServer, subject_prefix: str, tmp_path: Path
) -> None:
    rig = Rig(own_server.url, subject_prefix, tmp_path)
    await rig.start()
    number = 0
    for _ in range(3):
        for step in range(120):
            rig.put(number, key=f"k{number % 3}")
            number += 1
            if step == 60:
                own_server.kill()
                await own_server.start()
            if not step % 8:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)
    assert await rig.ledger.settle(15)
    assert [stored for _, stored in await rig.stored()] == list(range(number))
    await rig.stop()


async def test_a_spool_from_before_another_owner_is_dropped(
    rig: Rig, nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    await rig.lease.release()
    for owner in ("b", "c"):
        other = Rig(nats_url, subject_prefix, tmp_path, owner=owner)
        if owner == "c":
            other.ledger.spool.append([stale(other)], rig.lease.fence)
        await other.start()
        await other.ledger.replay()
        other.put(7 if owner == "b" else 8)
        assert await other.ledger.settle(3)
        await other.lease.release()
        await other.stop()
    assert await rig.stored() == [("o", 7), ("o", 8)]


def stale(rig: Rig) -> Entry:
    return Entry(rig.subjects.account("toy", "main", "order", "o"), encode(order(666)), "old", "order")
