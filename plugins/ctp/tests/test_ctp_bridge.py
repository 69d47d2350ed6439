"""The whole bridge as a process, a real nats-server, and the simulated gateway: at most one order, whatever breaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import nats
import pytest_asyncio
from venuebus.simulation import Fault
from venuebus_ctp.simulator import CtpSimulator

Event = dict[str, Any]


class World:
    """One bridge on one account of one simulator, and what the bus has said."""

    def __init__(self, sim: CtpSimulator, url: str, prefix: str, folder: Path) -> None:
        self.sim = sim
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

        for plane in ("acct", "sys"):
            await self.client.subscribe(f"{self.prefix}.v1.{plane}.>", cb=keep)
        await self.client.request("$JS.API.INFO", b"")  # a barrier: the subscriptions stand

    def start(self, **changes: Any) -> None:
        """Start the bridge."""
        table = {
            **self.sim.config(),
            "symbols": ["au2712", "m2709"],
            "market_data": ["quote"],
            "query_interval": 0.02,
            "query_timeout": 1.0,
            "request_timeout": 2.0,
            "reconcile_interval": 2.0,
            "resolve_min_age": 0.5,
            "resolve_answers": 2,
            "orders_per_second": 100,
            **changes,
        }
        lines = ["[bus]", f'servers = ["{self.url}"]', f'prefix = "{self.prefix}"']
        lines += [f'spool_dir = "{self.folder}/spool"', "[http]", 'listen = "127.0.0.1:0"', "[venues.ctp]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        config = self.folder / "bridge.toml"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        with (self.folder / "bridge.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "venuebus", "run", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def end(self, number: int) -> None:
        """End the bridge with a signal; the simulator in this process goes on answering meanwhile."""
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

    async def until(self, condition: Callable[[], Any], what: str, timeout: float = 20.0) -> Any:
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > deadline:
                log = (self.folder / "bridge.log").read_text(encoding="utf-8", errors="replace")[-3000:]
                tail = "\n".join(f"{subject} {json.dumps(event)[:300]}" for subject, event in self.events[-30:])
                raise AssertionError(f"not in time: {what}\n{tail}\n{log}")
            await asyncio.sleep(0.02)  # the events come on another task of this loop
        return value

    async def send(self, verb: str, command_id: str, **fields: Any) -> None:
        body = json.dumps({"type": verb, "command_id": command_id, **fields}).encode()
        subject = f"{self.prefix}.v1.cmd.ctp.main.{verb}.{command_id}"
        await self.client.jetstream().publish(subject, body, headers={"Nats-Expected-Last-Subject-Sequence": "0"})

    async def buy(self, command_id: str, symbol: str = "au2712", price: str = "760", **fields: Any) -> None:
        body = {"symbol": symbol, "side": "buy", "order_type": "limit", "quantity": "1", "price": price}
        await self.send("submit", command_id, **{**body, "position_effect": "open", **fields})

    async def result(self, command_id: str, status: str) -> Any:
        return await self.until(
            lambda: next(
                (e for s, e in self.events if s.endswith(f".result.{command_id}") and e["status"] == status), None
            ),
            f"result {status} of {command_id}",
        )

    async def order(self, key: str, status: str) -> Event:
        def newest() -> Event | None:
            states = [event for subject, event in self.events if subject.endswith(f".order.{key}")]
            return states[-1] if states and states[-1]["status"] == status else None

        found: Event = await self.until(newest, f"order {key} {status}")
        return found

    def kinds(self, kind: str) -> list[Event]:
        return [event for subject, event in self.events if f".{kind}." in subject]


@pytest_asyncio.fixture
async def world(nats_url: str, subject_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    sim = CtpSimulator(query_rate=1000, tick_interval=0)
    await sim.start()
    made = World(sim, nats_url, subject_prefix, tmp_path)
    await made.open()
    streams = made.client.jetstream()
    before = {info.config.name for info in await streams.streams_info()}
    yield made
    if made.process is not None and made.process.poll() is None:
        await made.end(signal.SIGKILL)
    for info in await streams.streams_info():  # each reserves room on the server that all tests share
        if info.config.name not in before:
            await streams.delete_stream(info.config.name)
    await made.client.close()
    await sim.stop()


async def test_an_order_lives_and_ends_on_the_bus(world: World) -> None:
    await world.ready()
    await world.buy("a1")
    result = await world.result("a1", "accepted")
    order = await world.order("a1", "new")
    assert order["venue_order_id"] == result["venue_order_id"]
    assert order["venue_order_ids"]["sys"].startswith("SHFE:")
    await world.send("cancel", "x1", client_order_id="a1")
    await world.result("x1", "accepted")
    await world.order("a1", "canceled")
    await world.buy("a2", symbol="m2709", price="3050")
    await world.order("a2", "filled")
    assert [fill["client_order_id"] for fill in world.kinds("fill")] == ["a2"]
    await world.end(signal.SIGTERM)
    await world.until(lambda: not world.sim.clients, "both sockets closed")
    assert (world.sim.cleanly_closed, world.sim.leaked) == (2, 0)


async def test_a_socket_cut_after_the_insert_ends_unknown_then_accepted_with_one_order(world: World) -> None:
    await world.ready()
    world.sim.faults.add(Fault(point="order.answer", action="cut"))
    await world.buy("a1")
    unknown = await world.result("a1", "unknown")
    assert unknown["ts_recv"] - unknown["ts_sent"] < 1_000_000_000
    accepted = await world.result("a1", "accepted")
    assert accepted["resolved_by"] == "query"
    await world.order("a1", "new")
    assert world.sim.counter.inserts == 1
    assert not [order for order in world.kinds("order") if order.get("external")]


async def test_an_insert_that_was_never_forwarded_ends_rejected_with_no_order(world: World) -> None:
    await world.ready()
    world.sim.faults.add(Fault(point="order.insert", action="cut"))
    await world.buy("a1")
    await world.result("a1", "unknown")
    rejected = await world.result("a1", "rejected")
    assert rejected["resolved_by"] == "query"
    assert world.sim.counter.inserts == 0


async def test_a_bridge_killed_before_the_answer_finds_its_order_by_the_claims_orderref(world: World) -> None:
    await world.ready()
    world.sim.faults.add(Fault(point="order.answer", action="drop"))
    await world.buy("a1", price="790")  # fills at once, unheard
    await world.until(lambda: world.sim.counter.inserts == 1, "the order at the counter")
    await world.end(signal.SIGKILL)
    await world.ready()
    await world.result("a1", "accepted")
    await world.order("a1", "filled")
    fills = world.kinds("fill")
    assert [(fill["client_order_id"], fill["quantity"]) for fill in fills] == [("a1", "1")]
    assert world.sim.counter.inserts == 1
    assert not [order for order in world.kinds("order") if order.get("external")]


async def test_what_happened_while_the_front_was_away_is_asked_for(world: World) -> None:
    await world.ready()
    await world.buy("a1", symbol="m2709", price="2999")
    await world.order("a1", "new")
    world.sim.lose_front()
    world.sim.counter.engine.step("m2709", ticks=-3, trade=False)
    world.sim.restore_front()
    filled = await world.order("a1", "filled")
    assert filled["reconciled"] is True
    fills = await world.until(lambda: world.kinds("fill"), "the fill")
    assert (fills[0]["client_order_id"], fills[0]["reconciled"]) == ("a1", True)
    await world.until(
        lambda: [e for s, e in world.events if s.endswith(".gap") and e["healed"]], "a gap that is healed"
    )
    await world.buy("a2")
    await world.result("a2", "accepted")


async def test_a_wrong_password_is_tried_once_and_then_a_person_is_waited_for(world: World) -> None:
    world.start(password="wrong-password")
    failed = await world.session("failed")
    assert failed["reason"] == "unauthorized"
    await asyncio.sleep(2.0)  # a second attempt would have come by now
    assert (world.sim.logins, world.sim.counter.accounts["028742"].wrong_passwords) == (1, 1)
    assert "wrong-password" not in (world.folder / "bridge.log").read_text(encoding="utf-8")


async def test_a_replaced_order_is_one_order_on_the_bus(world: World) -> None:
    await world.ready()
    await world.buy("a1")
    await world.order("a1", "new")
    await world.send("amend", "r1", client_order_id="a1", price="761", quantity="3", params={"replace": True})
    result = await world.result("r1", "accepted")
    order = await world.until(
        lambda: next(
            (e for e in reversed(world.kinds("order")) if e.get("price") == "761" and e["status"] == "new"), 0
        ),
        "the new terms",
    )
    assert (order["client_order_id"], order["quantity"]) == ("a1", "3")
    assert result["client_order_id"] == "a1"
    assert "canceled" not in [order["status"] for order in world.kinds("order")]
    await world.send("cancel", "x1", client_order_id="a1")
    await world.order("a1", "canceled")
    assert [row["OrderStatus"] for row in world.sim.counter.orders] == ["5", "5"]


async def test_queries_of_the_document_are_answered_on_the_bus(world: World) -> None:
    await world.ready()
    body = json.dumps({"params": {"request": "ReqQryInvestor"}}).encode()
    answer = await world.client.request(f"{world.prefix}.v1.qry.ctp.main.native", body, timeout=5)
    reply = json.loads(answer.data)
    assert reply["ok"] is True
    assert reply["items"][0]["InvestorID"] == "028742"
    subject = f"{world.prefix}.v1.qry.ctp.main.instruments"
    answer = await world.client.request(subject, b'{"symbol":"TA709"}', timeout=5)
    assert json.loads(answer.data)["items"][0]["exchange"] == "CZCE"
