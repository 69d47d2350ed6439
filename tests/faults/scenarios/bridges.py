"""Bridges that die, sleep and hand over."""

from __future__ import annotations

import asyncio
import signal
import time

from ..world import World
from .registry import scenario


@scenario(
    "17", "kill -9 after the claim, before the send", "unknown, then rejected on the venue's word; not sent again"
)
async def killed_after_claim(w: World) -> None:
    bridge = await w.ready()
    w.fault("wire.request", "cut", match="POST", times=1)
    w.fault("order.create.request", "drop", seconds=30.0)
    await w.buy("a1")
    await w.until(lambda: [s for s, _ in w.events if s.endswith(".claim.a1")], what="the claim")
    bridge.kill()
    w.sim.faults.clear()
    await w.ready("b")
    await w.result("a1", "unknown")
    await w.result("a1", "rejected", "accepted")
    assert w.sim.submits_by_client_id.get("a1", 0) <= 1


@scenario("18", "kill -9 between the submit and its answer", "unknown, asked for, adopted; one order")
async def killed_before_answer(w: World) -> None:
    bridge = await w.ready()
    w.fault("order.create.answer", "drop", seconds=30.0)
    await w.buy("a1")
    await w.until(lambda: w.sim.submits_by_client_id.get("a1"), what="the submit at the venue")
    bridge.kill()
    await w.ready("b")
    await w.result("a1", "accepted", resolved_by="query")
    assert w.sim.submits_by_client_id == {"a1": 1}
    await w.order("a1", "new")


@scenario(
    "19", "kill -9 after a fill happened, before it is published", "the fill is asked for; exactly one fill event"
)
async def killed_before_publishing(w: World) -> None:
    bridge = await w.ready()
    await w.buy("a1")
    await w.result("a1", "accepted")
    bridge.signal(signal.SIGSTOP)
    w.sim.fill("a1")
    bridge.kill()
    await w.ready("b")
    await w.order("a1", "filled")
    await w.until(lambda: [e for s, e in w.events if ".fill." in s], what="the fill")


@scenario("20", "two bridges with the same configuration", "one is active, one is on standby, one submit per command")
async def two_bridges(w: World) -> None:
    await w.ready("a")
    before = len(w.events)
    standby = w.bridge("b")
    standby.start()
    await w.session("standby", since=before)
    for number in range(20):
        await w.buy(f"a{number}")
    for number in range(20):
        await w.result(f"a{number}", "accepted")
    assert all(count == 1 for count in w.sim.submits_by_client_id.values())


@scenario("20b", "the active bridge is killed", "the standby is ready within 10 s, nothing sent twice")
async def active_killed(w: World) -> None:
    active = await w.ready("a")
    before = len(w.events)
    w.bridge("b").start()
    await w.session("standby", since=before)
    w.fault("order.create.answer", "drop", seconds=30.0)
    await w.buy("a1")
    await w.until(lambda: w.sim.submits_by_client_id.get("a1"), what="the submit at the venue")
    started, before = time.monotonic(), len(w.events)
    active.kill()
    await w.session("ready", since=before, timeout=12)
    took = time.monotonic() - started
    assert took < 10, f"took over after {took:.1f} s"
    await w.result("a1", "accepted", resolved_by="query")
    await w.buy("a2")
    await w.result("a2", "accepted")
    assert w.sim.submits_by_client_id == {"a1": 1, "a2": 1}


@scenario(
    "21",
    "the owner is stopped (SIGSTOP), the standby takes over, the owner wakes",
    "it sends nothing, its writes are refused",
)
async def late_waker(w: World) -> None:
    active = await w.ready("a")
    before = len(w.events)
    w.bridge("b").start()
    await w.session("standby", since=before)
    active.signal(signal.SIGSTOP)
    before = len(w.events)
    await w.buy("a1", expires_at=time.time_ns() + 30_000_000_000)
    await w.session("ready", since=before, timeout=15)
    active.signal(signal.SIGCONT)
    await w.result("a1", "accepted", timeout=20)
    await w.until(
        lambda: "standby" in active.log() or "lease lost" in active.log() or "another bridge" in active.log(), 15
    )
    for number in range(5):
        await w.buy(f"b{number}")
        await w.result(f"b{number}", "accepted")
    assert all(count == 1 for count in w.sim.submits_by_client_id.values())


@scenario("22", "planned hand-over with open orders", "within 5 s, no unknown order, none twice")
async def planned_handover(w: World) -> None:
    active = await w.ready("a")
    await w.buy("a1")
    await w.result("a1", "accepted")
    before = len(w.events)
    w.bridge("b").start()
    await w.session("standby", since=before)
    started, before = time.monotonic(), len(w.events)
    active.signal(signal.SIGTERM)
    await w.session("ready", since=before, timeout=10)
    took = time.monotonic() - started
    assert took < 5, f"handed over after {took:.1f} s"
    assert await asyncio.to_thread(active.stop) == 0
    await w.send("cancel", "c1", client_order_id="a1")
    await w.result("c1", "accepted")
    await w.order("a1", "canceled")
    assert not [e for s, e in w.events if e.get("status") == "unknown"]
