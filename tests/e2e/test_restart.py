"""What a bridge does that starts again, takes over, or wakes up too late."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from venuebus.app import Bridge
from venuebus_schemas import Balance, Fill, Order, OrderStatus, OrderType, Position, PositionSide, Side

from .bench import Bench, NatsServer, check_order_life


async def crash(bench: Bench, bridge: Bridge) -> None:
    """End a bridge without a word, as kill -9 does: its tasks stop, its connections are cut."""
    bench.bridges.remove(bridge)
    for task in bridge._tasks.values():
        task.cancel()
    assert bridge.connection is not None
    for runner in bridge.venues.values():
        for account in runner.accounts.values():
            account.ledger.stop()
    await bridge.connection.control.close()
    await bridge.connection.data.close()
    await bridge.http.stop()


def owns(bridge: Bridge) -> bool:
    return str(bridge.venues["toy"].state.state) == "ready"


async def test_a_claim_left_open_is_unknown_after_a_restart_and_settled_by_asking(bench: Bench) -> None:
    process = bench.process()
    await bench.until(lambda: "ready" in bench.sessions())
    bench.venue.script("submit", "take_and_hang", "hang")
    bench.venue.script("lookup", "fail")
    await bench.submit("k1")
    await bench.until(lambda: bench.venue.get("k1"))
    await bench.submit("k2")
    await bench.until(lambda: bench.venue.count("k2"))
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    bench.venue.script("lookup", "accept")
    await bench.bridge()
    await bench.until(lambda: len(bench.results("k1")) == 2 and len(bench.results("k2")) == 2)
    assert bench.results("k1")[0][0] == bench.results("k2")[0][0] == "unknown"
    assert bench.results("k1")[1] == ("accepted", None, "query")
    assert bench.results("k2")[1] == ("rejected", "timeout", "query")
    assert bench.statuses("k1") == ["pending_new", "unknown", "new"]
    assert (bench.venue.count("k1"), bench.venue.count("k2")) == (1, 1)


@pytest.mark.parametrize("late", [True, False], ids=["too late", "in time"])
async def test_a_command_that_comes_again_to_another_bridge_shows_nothing_to_anybody(bench: Bench, late: bool) -> None:
    bridge = await bench.bridge()
    expires_at = time.time_ns() + (1 if late else 60) * 1_000_000_000
    await bench.submit("again", expires_at=expires_at)
    await bench.result("again", ("accepted", None, None))
    await bench.stop(bridge)
    # Not from the stream, as elsewhere: a core subscriber also sees what the stream refuses.
    told: list[str] = []

    async def heard(message: Msg) -> None:
        told.append(message.subject.removeprefix(f"{bench.prefix}.v1.acct.toy.main."))

    await bench.client.subscribe(f"{bench.prefix}.v1.acct.toy.main.*.again", cb=heard)
    await bench.client.subscribe(f"{bench.prefix}.v1.acct.toy.main.*.after", cb=heard)
    await bench.client.jetstream().delete_consumer(f"{bench.prefix.upper()}_CMD", "bridge_toy")
    if late:
        await asyncio.sleep(max(0.0, (expires_at - time.time_ns()) / 1e9))
    await bench.bridge()
    await bench.submit("after")  # behind the one that comes again
    await bench.result("after", ("accepted", None, None))
    await bench.until(lambda: "result.after" in told)
    assert [event for event in told if not event.startswith("claim.") and event.endswith("again")] == []
    assert bench.venue.count("again") == 1


async def test_a_restart_publishes_nothing_that_the_bus_knows(bench: Bench) -> None:
    bench.bus["duplicate_window"] = 0.2  # so that the server's own memory of message ids is no help
    ids = {"venue_order_id": "Va", "client_order_id": "a"}
    bench.venue.set("state", "fills", [
        Fill(symbol="X", fill_id=f"f{number}", side=Side.BUY, price="2", quantity="1", ts_venue=time.time_ns(), **ids)
        for number in range(3)
    ])  # fmt: skip
    bench.venue.set("state", "balances", [Balance(currency="USD", total="100")])
    bench.venue.set("state", "positions", [
        Position(symbol="X", side=PositionSide.LONG, quantity="3"),
        Position(symbol="X", side=PositionSide.SHORT, quantity="1"),
    ])  # fmt: skip
    bridge = await bench.bridge()
    await bench.submit("a")
    await bench.result("a", ("accepted", None, None))
    await bench.until(lambda: len(bench.of("fill")) == 3)
    await bench.stop(bridge)
    before = [subject for subject, _ in bench.messages if subject.startswith("acct.") and not subject.endswith("lease")]
    await asyncio.sleep(0.5)  # the window of the server's memory of message ids
    await bench.bridge()
    await bench.submit("last")
    await bench.result("last", ("accepted", None, None))
    after = [subject for subject, _ in bench.messages if subject.startswith("acct.") and not subject.endswith("lease")]
    assert [subject for subject in after[len(before) :] if "last" not in subject] == []


async def test_a_position_closed_while_the_bridge_was_away_is_told(bench: Bench) -> None:
    bench.venue.set("state", "positions", [Position(symbol="X", side=PositionSide.NET, quantity="3")])
    bridge = await bench.bridge()
    await bench.until(lambda: bench.of("position"))
    await bench.stop(bridge)
    bench.venue.set("state", "positions", [])
    await bench.bridge()
    await bench.until(lambda: bench.of("position")[-1]["quantity"] == "0")


async def test_what_happened_to_an_order_while_the_bridge_was_away_is_told_once(bench: Bench) -> None:
    bridge = await bench.bridge()
    await bench.submit("b1")
    await bench.submit("b2")
    await bench.result("b2", ("accepted", None, None))
    await bench.stop(bridge)
    order = bench.venue.get("b1")
    assert order is not None
    order.status, order.filled_quantity = OrderStatus.FILLED, "1"
    bench.venue.put(order)
    await bench.bridge()
    await bench.until(lambda: bench.statuses("b1")[-1] == "filled")
    assert bench.of("order", "b1")[-1]["reconciled"] is True
    assert bench.statuses("b2") == ["pending_new", "new"]
    await bench.send("cancel", "b3", client_order_id="b2")
    await bench.result("b3", ("accepted", None, None))
    for name in ("b1", "b2"):
        check_order_life(bench.of("order", name))


async def test_a_start_costs_what_happened_since_not_what_ever_happened(bench: Bench) -> None:
    bench.bus.update({"command_max_bytes": 32 * 1024 * 1024, "account_max_bytes": 64 * 1024 * 1024})
    bridge = await bench.bridge()
    js = bench.client.jetstream()
    await bench.submit("open")
    for start in range(0, 1000, 250):
        bodies = [f"past{start + number}" for number in range(250)]
        await asyncio.gather(
            *(
                js.publish(
                    f"{bench.prefix}.v1.cmd.toy.main.cancel.{name}",
                    json.dumps({"type": "cancel", "command_id": name, "client_order_id": "none"}).encode(),
                )
                for name in bodies
            )
        )
    await bench.until(lambda: bridge.venues["toy"].engine.outcomes.counts["rejected"] == 1000, timeout=40)
    await bench.stop(bridge)
    read: list[str] = []
    started = time.monotonic()
    bridge = await bench.bridge(ready=False)
    account = bridge.venues["toy"].accounts["main"]
    restore = account.restore
    account.restore = lambda kind, data, stored: (read.append(kind), restore(kind, data, stored))[1]  # type: ignore[func-returns-value,method-assign]
    await bench.until(lambda: owns(bridge))
    assert time.monotonic() - started < 2.0
    assert len(read) < 50
    assert account.tracker.find(client_order_id="open") is not None


async def test_a_standby_takes_over_at_once_when_the_owner_stops(bench: Bench) -> None:
    first = await bench.bridge()
    second = await bench.bridge(ready=False)
    await bench.until(lambda: str(second.venues["toy"].state.state) == "standby")
    await bench.submit("t1")
    await bench.result("t1", ("accepted", None, None))
    assert len(bench.venue.sessions) == 1
    started = time.monotonic()
    await bench.stop(first)
    await bench.until(lambda: owns(second))
    assert time.monotonic() - started < 5.0
    await bench.send("cancel", "t2", client_order_id="t1")
    await bench.result("t2", ("accepted", None, None))
    check_order_life(bench.of("order", "t1"))


async def test_a_command_without_an_answer_is_told_as_unknown_before_the_bridge_stops(bench: Bench) -> None:
    bridge = await bench.bridge()
    bench.venue.script("submit", "take_and_hang")
    await bench.submit("u1")
    await bench.until(lambda: bench.venue.count("u1") == 1)
    started = time.monotonic()
    await bench.stop(bridge)
    assert time.monotonic() - started < 10.0
    await bench.until(lambda: bench.results("u1"))
    assert bench.results("u1")[0] == ("unknown", "timeout", None)
    await bench.bridge()
    await bench.until(lambda: bench.results("u1")[-1][0] == "accepted")  # by asking, maybe before the stop
    assert bench.venue.count("u1") == 1


async def test_a_standby_takes_over_within_ten_seconds_when_the_owner_is_killed(bench: Bench) -> None:
    process = bench.process()
    await bench.until(lambda: "ready" in bench.sessions())
    second = await bench.bridge(ready=False)
    await bench.until(lambda: str(second.venues["toy"].state.state) == "standby")
    bench.venue.script("submit", "accept", "take_and_hang", "accept")
    await bench.submit("x1")
    await bench.result("x1", ("accepted", None, None))
    await bench.submit("x2")
    await bench.until(lambda: bench.venue.get("x2"))
    os.kill(process.pid, signal.SIGKILL)
    started = time.monotonic()
    await bench.submit("x3", expires_at=time.time_ns() + 20_000_000_000)
    await bench.until(lambda: owns(second), timeout=10.0)
    assert time.monotonic() - started < 10.0
    await bench.result("x3", ("accepted", None, None))
    await bench.until(lambda: bench.results("x2") and bench.results("x2")[-1][0] == "accepted")
    assert [bench.venue.count(name) for name in ("x1", "x2", "x3")] == [1, 1, 1]


async def test_an_owner_that_wakes_too_late_sends_and_writes_nothing(bench: Bench) -> None:
    process = bench.process()
    await bench.until(lambda: "ready" in bench.sessions())
    second = await bench.bridge(ready=False)
    await bench.until(lambda: str(second.venues["toy"].state.state) == "standby")
    bench.venue.script("submit", "hold")
    await bench.submit("z1", expires_at=time.time_ns() + 60_000_000_000)
    await bench.until(lambda: bench.statuses("z1"))
    os.kill(process.pid, signal.SIGSTOP)
    await bench.until(lambda: owns(second), timeout=10.0)
    bench.venue.release()
    bench.venue.script("submit", "accept")
    fence = len(bench.messages)
    os.kill(process.pid, signal.SIGCONT)
    await bench.until(lambda: any(state == "standby" for state in bench.sessions()[-2:]), timeout=10.0)
    await bench.submit("z2")
    await bench.result("z2", ("accepted", None, None))
    assert bench.venue.count("z1") == 0
    await bench.until(lambda: bench.results("z1") and bench.results("z1")[-1][0] == "rejected")
    old = bench.of("order", "z1")[0]["epoch"]
    epochs = {event["epoch"] for subject, event in bench.messages[fence:] if subject.startswith("acct.toy.main.order")}
    assert epochs
    assert min(epochs) > old


async def test_what_the_venue_told_while_nats_was_away_outlives_the_bridge(
    own_server: NatsServer, subject_prefix: str, tmp_path: Path
) -> None:
    async with Bench(own_server.url, subject_prefix, tmp_path) as bench:
        bridge = await bench.bridge()
        bench.venue.script("submit", "hold")
        await bench.submit("s1", expires_at=time.time_ns() + 30_000_000_000)
        await bench.until(lambda: bench.statuses("s1"))
        own_server.kill()
        account = bridge.venues["toy"].accounts["main"]
        await bench.until(lambda: bridge.connection is not None and not bridge.connection.is_up)
        # Claimed and in flight: the venue takes it, answers and fills it while nobody can be told.
        bench.venue.release()
        await bench.until(lambda: bench.venue.get("s1"))
        order = bench.venue.get("s1")
        assert order is not None
        order.status, order.filled_quantity = OrderStatus.FILLED, "1"
        bench.venue.put(order)
        bench.venue.context.publish(order)
        bench.venue.context.publish(
            Fill(symbol="X", fill_id="s", side=Side.BUY, price="2", quantity="1", venue_order_id="Vs1")
        )
        await bench.until(lambda: account.ledger.spool.pending_bytes > 0)
        await crash(bench, bridge)
        await own_server.start()
        await bench.bridge()
        await bench.until(lambda: bench.statuses("s1")[-1] == "filled" and bench.of("fill"))
        await bench.submit("s2")
        await bench.result("s2", ("accepted", None, None))
        assert len(bench.of("fill")) == 1
        assert bench.results("s1") == [("accepted", None, None)]
        check_order_life(bench.of("order", "s1"))
        assert bench.venue.count("s1") == 1


async def test_events_during_a_nats_restart_arrive_in_order_and_once(
    own_server: NatsServer, subject_prefix: str, tmp_path: Path
) -> None:
    async with Bench(own_server.url, subject_prefix, tmp_path) as bench:
        bridge = await bench.bridge()
        base = Order(symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW, quantity="500",
                     filled_quantity="0", venue_order_id="big")  # fmt: skip
        for number in range(500):
            order = Order(**{name: getattr(base, name) for name in base.__struct_fields__})
            order.filled_quantity = str(number)
            bench.venue.context.publish(order)
            if number == 150:
                own_server.kill()
            if number == 300:
                await own_server.start()
            if not number % 10:
                await asyncio.sleep(0.002)
        await bench.until(lambda: len(bench.of("order", "big")) >= 500, timeout=20)
        events = bench.of("order", "big")
        assert [int(event["filled_quantity"]) for event in events] == list(range(500))
        assert [event["seq"] for event in events] == list(range(1, 501))
        assert len(await bench.stored("acct.toy.main.order.big")) == 500
        await bench.submit("after")
        await bench.result("after", ("accepted", None, None))
        assert bridge.venues["toy"].accounts["main"].ledger.spool.pending_bytes == 0
