"""What the venue says, wrongly, late, or not at all."""

from __future__ import annotations

import asyncio
import time

from ..world import VENUE, World
from .registry import scenario
from .steps import by_hand, never


@scenario("31", "garbage, NaN and truncated frames of the venue", "dead letter with the bytes, the session lives")
async def poison_frames(w: World) -> None:
    await w.ready()
    for action in ("garbage", "nan", "truncate"):
        w.fault("ws.quote", action)
    before = len(w.events)
    for _ in range(12):
        w.sim.step("BTC-USD")
    await w.until(lambda: len([s for s, _ in w.events if s == f"vb.v1.dead.{VENUE}.venue"]) >= 3, what="dead letters")
    await w.buy("a1")
    await w.result("a1", "accepted")
    assert not [e for s, e in w.events[before:] if s.endswith(".session")]


@scenario(
    "32", "1,000 submits at once", "the venue's limits hold, the rest is refused, cancels get through", quick=False
)
async def storm(w: World) -> None:
    await w.ready()
    await w.buy("first")
    await w.result("first", "accepted")
    for number in range(1000):
        await w.buy(f"s{number}")
    started = time.monotonic()
    await w.send("cancel", "c1", client_order_id="first")
    await w.result("c1", "accepted", timeout=10)
    assert time.monotonic() - started < 5
    ends = {"accepted": 0, "rejected": 0}
    for number in range(1000):
        ends[(await w.result(f"s{number}", "accepted", "rejected", timeout=30))["status"]] += 1
    assert ends["accepted"] >= 150
    assert w.sim.state()["rate_limited"] == 0


@scenario(
    "33", "the venue answers 429 with Retry-After", "nothing is sent before its time, kept over a restart", quick=False
)
async def banned(w: World) -> None:
    bridge = await w.ready()
    w.fault("order.create.request", "ban", seconds=6.0)
    await w.buy("a1")
    await w.result("a1", "rejected", "accepted", timeout=12)
    count = w.sim.state()["requests"].get("order.create", 0)
    await asyncio.to_thread(bridge.stop)
    await w.ready("b")
    await w.buy("a2", expires_at=time.time_ns() + 500_000_000)
    result = await w.result("a2", "rejected", "accepted", timeout=12)
    if result["status"] == "rejected":
        assert w.sim.state()["requests"].get("order.create", 0) == count


@scenario("34", "the venue refuses the credentials", "failed, no retry storm; goes on when asked")
async def credentials_refused(w: World) -> None:
    bridge = w.bridge()
    w.fault("ws.login", "refuse")
    before = len(w.events)
    bridge.start()
    failed = await w.session("failed", since=before)
    assert failed["reason"] == "unauthorized"
    await never(lambda: [e for s, e in w.events if s.endswith(".session") and e["state"] == "ready"], 1.0)
    assert w.sim.state()["logins"] <= 1
    await w.request(f"ctl.{VENUE}.reconnect")
    await w.session("ready", since=before)


@scenario("37", "the venue says «not found» for an order it has", "unknown until enough answers agree, then found")
async def not_found_yet(w: World) -> None:
    await w.ready(resolve_min_age=4.0, resolve_answers=4)
    w.fault("order.create.answer", "cut")
    w.fault("order.get.request", "forget", times=2)
    w.fault("open_orders.request", "forget", times=2)
    w.fault("ws.notification", "drop", times=3)
    await w.buy("a1")
    await w.result("a1", "unknown")
    await w.result("a1", "accepted")
    assert not [e for e in w.results("a1") if e["status"] == "rejected"]


@scenario("38", "cancel and fill race", "cancel refused, order filled, never canceled")
async def cancel_after_fill(w: World) -> None:
    await w.ready()
    await w.buy("a1")
    await w.result("a1", "accepted")
    w.fault("ws.notification", "delay", times=2, seconds=1.0)
    w.fault("ws.fill", "delay", times=2, seconds=1.0)
    w.sim.fill("a1")
    await w.send("cancel", "c1", client_order_id="a1")
    await w.result("c1", "rejected", reason="unknown_order")
    await w.order("a1", "filled")
    assert not [e for e in w.orders("a1") if e["status"] == "canceled"]


@scenario("41", "an order placed by hand at the venue", "adopted, marked external, can be canceled")
async def foreign_order(w: World) -> None:
    await w.ready()
    placed = await by_hand(w)
    order = await w.until(
        lambda: [e for s, e in w.events if ".order." in s and e.get("external")], what="the foreign order"
    )
    await w.send("cancel", "c1", venue_order_id=order[0]["venue_order_id"])
    await w.result("c1", "accepted")
    assert placed


@scenario("48", "half-open TCP: the venue is silent, no FIN", "noticed, down, the state asked for again", quick=False)
async def half_open(w: World) -> None:
    await w.ready(ping_interval=1.0, silence_timeout=3.0)
    before = len(w.events)
    w.fault("ws.ping", "silence")
    await w.session("down", since=before, timeout=15)
    await w.session("ready", since=before, timeout=15)
