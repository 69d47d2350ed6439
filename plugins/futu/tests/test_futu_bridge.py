"""The whole bridge as a process, a real nats-server, and the simulated OpenD: at most one order, whatever breaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import nats
import pytest_asyncio
from venuebus.simulation import Fault
from venuebus_futu import messages
from venuebus_futu.simulator import OpendSimulator

Event = dict[str, Any]
REAL = 281756455988249903


class World:
    """One bridge on one OpenD, and what the bus has said."""

    def __init__(self, opend: OpendSimulator, url: str, prefix: str, folder: Path) -> None:
        self.opend = opend
        self.url = url
        self.prefix = prefix
        self.folder = folder
        self.events: list[tuple[str, Event]] = []
        self.client: Any = None
        self.process: subprocess.Popen[bytes] | None = None

    async def open(self) -> None:
        self.client = await nats.connect(self.url)

        async def keep(message: Any) -> None:
            if message.headers and "Vb-Type" in message.headers:
                self.events.append((message.subject, json.loads(message.data)))

        for plane in ("acct", "sys", "dead"):
            await self.client.subscribe(f"{self.prefix}.v1.{plane}.>", cb=keep)
        await self.client.request("$JS.API.INFO", b"")  # a barrier: the subscriptions stand

    def start(self, **changes: Any) -> None:
        """Start the bridge."""
        table = {
            **self.opend.config(), "symbols": ["HK.00700"], "market_data": ["quote"], "resolve_min_age": 0.5,
            "resolve_answers": 2, "request_timeout": 2.0, **changes,
        }  # fmt: skip
        accounts = table.pop("accounts")
        table |= {f"accounts.{name}.{key}": value for name, keys in accounts.items() for key, value in keys.items()}
        lines = ["[bus]", f'servers = ["{self.url}"]', f'prefix = "{self.prefix}"']
        lines += [f'spool_dir = "{self.folder}/spool"', "[http]", 'listen = "127.0.0.1:0"', "[venues.futu]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        config = self.folder / "bridge.toml"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        with (self.folder / "bridge.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "venuebus", "run", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def end(self, number: int) -> None:
        """End the bridge with a signal; OpenD in this process goes on answering meanwhile."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
        await asyncio.to_thread(self.process.wait, 15)

    async def ready(self, **changes: Any) -> None:
        """Start the bridge and wait until the venue is ready."""
        before = len(self.events)
        self.start(**changes)
        await self.session("ready", since=before)

    async def session(self, state: str, *, since: int = 0) -> Any:
        return await self.until(
            lambda: next((e for s, e in self.events[since:] if s.endswith(".session") and e["state"] == state), None),
            f"session {state}",
        )

    async def until(self, condition: Callable[[], Any], what: str, timeout: float = 25.0) -> Any:
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > deadline:
                log = (self.folder / "bridge.log").read_text(encoding="utf-8", errors="replace")[-3000:]
                tail = "\n".join(f"{subject} {json.dumps(event)[:300]}" for subject, event in self.events[-30:])
                raise AssertionError(f"not in time: {what}\n{tail}\n{log}")
            await asyncio.sleep(0.02)  # the events come on another task of this loop
        return value

    async def send(self, verb: str, command_id: str, account: str = "real", **fields: Any) -> None:
        body = json.dumps({"type": verb, "command_id": command_id, **fields}).encode()
        subject = f"{self.prefix}.v1.cmd.futu.{account}.{verb}.{command_id}"
        await self.client.jetstream().publish(subject, body, headers={"Nats-Expected-Last-Subject-Sequence": "0"})

    async def buy(self, command_id: str, price: str = "470", account: str = "real", **fields: Any) -> None:
        body = {"symbol": "HK.00700", "side": "buy", "order_type": "limit", "quantity": "200", "price": price}
        await self.send("submit", command_id, account, **{**body, **fields})

    def results(self, command_id: str) -> list[Event]:
        return [event for subject, event in self.events if subject.endswith(f".result.{command_id}")]

    async def result(self, command_id: str, *statuses: str) -> Any:
        return await self.until(
            lambda: next((e for e in self.results(command_id) if e["status"] in statuses), None),
            f"result {statuses} of {command_id}",
        )

    async def order(self, key: str, status: str) -> Event:
        def newest() -> Event | None:
            states = [event for subject, event in self.events if subject.endswith(f".order.{key}")]
            return states[-1] if states and states[-1]["status"] == status else None

        found: Event = await self.until(newest, f"order {key} {status}")
        return found

    def kinds(self, kind: str) -> list[Event]:
        return [event for subject, event in self.events if f".{kind}." in subject]

    def placed(self) -> Counter[str]:
        """Count what reached the venue, by client order id."""
        return Counter(c2s.remark for proto, c2s in self.opend.requests if proto == messages.PLACE)


@pytest_asyncio.fixture
async def world(nats_url: str, subject_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    opend = OpendSimulator(tick=None)
    await opend.start()
    made = World(opend, nats_url, subject_prefix, tmp_path)
    await made.open()
    streams = made.client.jetstream()
    before = {info.config.name for info in await streams.streams_info()}
    yield made
    if made.process is not None and made.process.poll() is None:
        await made.end(signal.SIGKILL)
    for info in await streams.streams_info():
        if info.config.name not in before:
            await streams.delete_stream(info.config.name)
    await made.client.close()
    await opend.stop()


async def test_a_life_of_orders_on_a_real_and_a_simulated_account(world: World) -> None:
    await world.ready()
    await world.buy("rest")
    await world.result("rest", "accepted")
    await world.order("rest", "new")
    await world.send("amend", "more", client_order_id="rest", quantity="300")
    await world.result("more", "accepted")
    await world.send("cancel", "away", client_order_id="rest")
    await world.result("away", "accepted")
    assert (await world.order("rest", "canceled"))["quantity"] == "300"
    await world.buy("take", price="481")
    await world.order("take", "filled")
    await world.buy("paper", price="482", account="sim")
    await world.order("paper", "filled")
    real, simulated = await world.until(lambda: len(world.kinds("fill")) == 2 and world.kinds("fill"), "two fills")
    assert (real["account"], real["price"], real.get("derived")) == ("real", "480.2", None)
    assert (simulated["account"], simulated["quantity"], simulated["derived"]) == ("sim", "200", True)


async def test_a_cut_in_the_answer_is_unknown_at_once_and_found_by_its_remark(world: World) -> None:
    """Faults 2 and 3."""
    await world.ready()
    world.opend.faults.add(Fault(point="order", action="cut", after_bytes=60))
    await world.buy("cut")
    unknown = await world.result("cut", "unknown")
    assert unknown["ts_recv"] - unknown["ts_sent"] < 1_000_000_000
    assert (await world.result("cut", "accepted"))["resolved_by"] in ("query", "push")
    await world.order("cut", "new")
    assert world.placed() == {"cut": 1}


async def test_the_answer_is_lost_and_the_fill_arrives(world: World) -> None:
    """Fault 4."""
    await world.ready()
    world.opend.faults.add(Fault(point="order", action="drop"))
    await world.buy("lost", price="481")
    await world.order("lost", "filled")
    await world.result("lost", "accepted")
    assert len(world.kinds("fill")) == 1
    assert world.placed() == {"lost": 1}


async def test_fills_before_the_answer_are_all_told(world: World) -> None:
    """Fault 5."""
    world.opend.push_before_answer = True
    await world.ready()
    await world.buy("early", price="481")
    await world.result("early", "accepted")
    assert (await world.order("early", "filled"))["filled_quantity"] == "200"
    assert len(world.kinds("fill")) == 1


async def test_fills_of_the_gap_are_asked_for_and_told_once(world: World) -> None:
    """Faults 6 and 7: OpenD replays nothing."""
    await world.ready()
    await world.buy("gap", price="479")
    await world.order("gap", "new")
    before = len(world.events)
    world.opend.faults.add(Fault(point="connect", action="cut", times=2))
    world.opend.drop_clients()
    world.opend.step("HK.00700", ticks=-20, trade=False)
    await world.session("ready", since=before)
    await world.order("gap", "filled")
    (fill,) = await world.until(lambda: world.kinds("fill"), "a fill")
    assert fill["reconciled"] is True
    assert world.kinds("sys.futu.gap") or any(s.endswith(".gap") for s, _ in world.events)
    before = len(world.events)
    world.opend.drop_clients()
    await world.session("ready", since=before)
    assert len(world.kinds("fill")) == 1


async def test_a_bridge_that_is_killed_while_it_waits_adopts_its_order(world: World) -> None:
    """Fault 18."""
    await world.ready(request_timeout=10.0)
    world.opend.faults.add(Fault(point="order", action="drop"))
    await world.buy("killed")
    await world.until(lambda: world.placed()["killed"], "the order at the venue")
    await world.end(signal.SIGKILL)
    await world.ready()
    await world.result("killed", "accepted")
    await world.order("killed", "new")
    assert world.placed() == {"killed": 1}


async def test_a_fill_that_the_killed_bridge_missed_is_told_once(world: World) -> None:
    """Fault 19."""
    await world.ready()
    await world.buy("missed", price="479")
    await world.order("missed", "new")
    await world.end(signal.SIGKILL)
    world.opend.step("HK.00700", ticks=-20, trade=False)
    await world.ready()
    await world.order("missed", "filled")
    await world.until(lambda: len(world.kinds("fill")) == 1, "one fill")


async def test_frames_that_nobody_can_read_go_to_dead_and_the_orders_are_asked_for(world: World) -> None:
    """Fault 31."""
    await world.ready()
    await world.buy("before")
    await world.order("before", "new")
    for client in world.opend.clients:
        client.push_body(messages.ORDER_PUSH, b"\xff\xff")
    await world.until(lambda: world.kinds("dead"), "a dead letter")
    await world.buy("after")
    await world.order("after", "new")


async def test_a_storm_is_held_to_the_limits_and_cancels_get_through(world: World) -> None:
    """Fault 32."""
    await world.ready()
    for number in range(40):
        await world.buy(f"storm-{number}")
    await world.until(lambda: len(world.kinds("result")) >= 40, "40 results", timeout=40)
    outcomes = Counter(result["status"] for result in world.kinds("result"))
    assert outcomes == {"accepted": 15, "rejected": 25}
    assert sum(world.placed().values()) == 15
    taken = next(r["client_order_id"] for r in world.kinds("result") if r["status"] == "accepted")
    await world.send("cancel", "still-possible", client_order_id=taken)
    await world.result("still-possible", "accepted")


async def test_a_refused_password_fails_the_venue_and_is_tried_once(world: World) -> None:
    """Fault 34."""
    world.start(trade_password="not-the-one")
    await world.session("failed")
    assert [proto for proto, _ in world.opend.requests].count(messages.UNLOCK) == 1


async def test_a_list_that_forgets_an_order_does_not_make_it_rejected_at_once(world: World) -> None:
    """Fault 37."""
    await world.ready(resolve_min_age=3.0, resolve_answers=3)
    world.opend.faults.add(Fault(point="query", action="forget", match="2201", times=2))
    world.opend.faults.add(Fault(point="query", action="forget", match="2221", times=2))
    world.opend.faults.add(Fault(point="push", action="drop", times=2))
    world.opend.faults.add(Fault(point="order", action="act_and_error"))
    await world.buy("forgotten")
    await world.result("forgotten", "unknown")
    await world.result("forgotten", "accepted")
    assert {result["status"] for result in world.results("forgotten")} == {"unknown", "accepted"}
    assert world.placed() == {"forgotten": 1}


async def test_a_cancel_that_comes_after_the_fill(world: World) -> None:
    """Fault 38."""
    await world.ready()
    await world.buy("race", price="479")
    await world.order("race", "new")
    world.opend.faults.add(Fault(point="push", action="delay", seconds=0.5, times=2))
    world.opend.step("HK.00700", ticks=-20, trade=False)
    await world.send("cancel", "too-late", client_order_id="race")
    assert (await world.result("too-late", "rejected"))["reason"] == "unknown_order"
    await world.order("race", "filled")
    assert not [order for order in world.kinds("order") if order["status"] == "canceled"]


async def test_fills_that_the_venue_takes_back(world: World) -> None:
    """Fault 40."""
    await world.ready()
    await world.buy("bust", price="481")
    order = await world.order("bust", "filled")
    world.opend.trades.take_back(int(order["venue_order_ids"]["orderID"]))
    await world.until(lambda: [fill for fill in world.kinds("fill") if fill.get("voided")], "a voided fill")
    assert (await world.order("bust", "canceled"))["filled_quantity"] == "0"


async def test_an_order_of_another_device_is_adopted_and_can_be_canceled(world: World) -> None:
    """Fault 41."""
    await world.ready()
    ticket = world.opend.place_elsewhere(REAL, "HK.00700", 1, "100", "469")
    order = await world.order(str(ticket.order_id), "new")
    assert order["external"] is True
    await world.send("cancel", "by-hand", venue_order_id=str(ticket.order_id))
    await world.result("by-hand", "accepted")
    await world.order(str(ticket.order_id), "canceled")


async def test_opend_loses_its_trading_server_and_regains_it(world: World) -> None:
    await world.ready()
    await world.buy("before")
    await world.order("before", "new")
    before = len(world.events)
    world.opend.set_servers(trading=False)
    await world.session("degraded", since=before)
    await world.buy("meanwhile")
    assert (await world.result("meanwhile", "rejected"))["reason"] in ("not_connected", "expired")
    world.opend.set_servers(trading=True)
    await world.session("ready", since=before)
    await world.buy("after")
    await world.order("after", "new")
    assert world.placed() == {"before": 1, "after": 1}
