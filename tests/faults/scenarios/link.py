"""The venue's link: cut, silent, replayed."""

from __future__ import annotations

import time

from ..world import World
from .registry import scenario
from .steps import never


@scenario("1", "venue refuses connections while a submit is on its way", "certainly not sent: tried again, one order")
async def not_sent_is_retried(w: World) -> None:
    await w.ready()
    w.fault("wire.accept", "cut", times=2)
    w.fault("wire.request", "cut", match="/user/open_orders")
    await w.buy("a1", expires_at=time.time_ns() + 10_000_000_000)
    result = await w.result("a1", "accepted", "unknown")
    if result["status"] == "unknown":  # the pooled connection was used: then the venue tells
        await w.result("a1", "accepted", "rejected")
    assert w.sim.submits_by_client_id.get("a1", 0) <= 1


@scenario(
    "2", "link cut in the middle of the submit's bytes", "unknown within 1 s, not sent again, venue sees at most one"
)
async def cut_in_the_middle(w: World) -> None:
    await w.ready()
    w.fault("wire.request", "cut", match="POST", after_bytes=120)
    await w.buy("a1")
    unknown = await w.result("a1", "unknown", timeout=3)
    assert unknown["ts_recv"] - unknown["ts_sent"] < 1_000_000_000
    await w.result("a1", "rejected", resolved_by="query")
    assert w.sim.submits_by_client_id.get("a1", 0) <= 1
    assert (await w.order("a1", "rejected"))["filled_quantity"] == "0"


@scenario("3", "link cut after the write, before the answer", "unknown, found by asking, accepted once")
async def cut_before_the_answer(w: World) -> None:
    await w.ready()
    w.fault("order.create.answer", "cut")
    w.fault("ws.notification", "drop", times=5)  # a push would prove the order before anybody has to ask
    await w.buy("a1")
    await w.result("a1", "unknown", timeout=3)
    await w.result("a1", "accepted", resolved_by="query", timeout=6)
    assert w.sim.submits_by_client_id["a1"] == 1
    await w.order("a1", "new")


@scenario("4", "the answer is lost but the fill arrives", "the order fills, the command is accepted, nothing twice")
async def fill_without_answer(w: World) -> None:
    await w.ready()
    w.fault("order.create.answer", "cut")
    w.fault("order.get.request", "forget", times=2)
    await w.buy("a1", price="70000")
    await w.result("a1", "accepted")
    assert (await w.order("a1", "filled"))["filled_quantity"] == "0.01"


@scenario("5", "the fill comes before the answer", "every event is published, none goes back")
async def fill_before_answer(w: World) -> None:
    await w.ready()
    w.fault("order.create.answer", "delay", seconds=0.5)
    await w.buy("a1", price="70000")
    await w.order("a1", "filled", timeout=5)
    await w.result("a1", "accepted")
    assert w.orders("a1")[-1]["status"] == "filled"


@scenario("6", "the venue replays old orders and fills after a reconnect", "no event twice")
async def replay_after_reconnect(w: World) -> None:
    await w.ready()
    await w.buy("a1", price="70000")
    await w.order("a1", "filled")
    await w.buy("a2")
    await w.result("a2", "accepted")
    w.fault("ws.notification", "duplicate", times=3)
    w.fault("ws.fill", "duplicate", times=3)
    before = len(w.events)
    w.sim.drop_connections()
    await w.session("ready", since=before)
    w.sim.fill("a2", "0.004")
    await w.order("a2", "partially_filled")
    await w.until(lambda: len([s for s, _ in w.events if ".fill." in s]) == 2, what="two fills")
    await never(lambda: len([s for s, _ in w.events if ".fill." in s]) > 2, 0.5)


@scenario("7", "a fill happens while the link is down", "asked for, published once, marked reconciled, gap told")
async def fill_in_the_gap(w: World) -> None:
    await w.ready()
    await w.buy("a1")
    await w.result("a1", "accepted")
    w.fault("ws.connect", "refuse", times=2)
    before = len(w.events)
    w.sim.drop_connections()
    await w.session("down", since=before)
    w.sim.fill("a1")
    await w.session("ready", since=before)
    await w.order("a1", "filled")
    fills = await w.until(lambda: [e for s, e in w.events if ".fill." in s], what="the fill")
    assert fills[0]["reconciled"] is True
    await w.until(
        lambda: [
            e for s, e in w.events[before:] if s.endswith(".gap") and ".acct." in e["subjects"][0] and e["healed"]
        ],
        what="the healed gap",
    )
