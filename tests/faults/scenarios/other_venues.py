"""What only other venues do: replace an order by another, take fills back, tell positions."""

from __future__ import annotations

import asyncio
import time

from ..venues import CtpWorld, FutuWorld
from .registry import scenario
from .steps import never


@scenario(
    "39",
    "CTP: an amend is a cancel and a new order, and the bridge is killed right after",
    "one order on the bus, never canceled, found again under both of the venue's ids",
    quick=False,
    world=CtpWorld,
)
async def replaced_and_killed(w: CtpWorld) -> None:
    bridge = await w.ready()
    await w.buy("a1", quantity="3")
    await w.order("a1", "new")
    await w.send("amend", "r1", client_order_id="a1", price="761", params={"replace": True})
    await w.result("r1", "accepted")
    await w.until(lambda: w.orders("a1")[-1].get("price") == "761", what="the new terms")
    bridge.kill()
    before = len(w.events)
    await w.ready("b")
    await w.send("cancel", "c1", client_order_id="a1")
    await w.result("c1", "accepted")
    await w.order("a1", "canceled")
    assert "canceled" not in [event["status"] for event in w.orders("a1")[:-1]]
    assert {s.rpartition(".")[2] for s, _ in w.events if ".order." in s} == {"a1"}
    assert not [event for _, event in w.events[before:] if event.get("external")]
    assert [row["OrderStatus"] for row in w.sim.counter.orders] == ["5", "5"]


@scenario(
    "40",
    "Futu: the exchange takes fills back, and the bridge is started anew",
    "the fill is voided once, under its own id, and the order with it",
    world=FutuWorld,
)
async def fills_taken_back(w: FutuWorld) -> None:
    bridge = await w.ready()
    await w.buy("bust", price="481")
    order = await w.order("bust", "filled")
    w.sim.trades.take_back(int(order["venue_order_ids"]["orderID"]))
    assert (await w.order("bust", "canceled"))["filled_quantity"] == "0"

    def voided() -> list[str]:
        return [e["fill_id"] for s, e in w.events if ".fill." in s and e.get("voided")]

    await w.until(voided, what="the voided fills")
    good = {e["fill_id"] for s, e in w.events if ".fill." in s and not e.get("voided")}
    assert sorted(voided()) == sorted(good)
    count = len(voided())
    assert await asyncio.to_thread(bridge.stop) == 0
    before = len(w.events)
    await w.ready("b")
    await never(lambda: len(voided()) > count or [s for s, _ in w.events[before:] if ".order.bust" in s], 1.0)


@scenario(
    "40b",
    "Futu: fills are taken back while no bridge runs",
    "the venue is asked, and both the order and the fill are put right once",
    quick=False,
    world=FutuWorld,
)
async def fills_taken_back_unseen(w: FutuWorld) -> None:
    bridge = await w.ready()
    await w.buy("bust", price="481")
    order = await w.order("bust", "filled")
    await w.until(lambda: [s for s, _ in w.events if ".fill." in s], what="the fill")
    bridge.kill()
    w.sim.trades.take_back(int(order["venue_order_ids"]["orderID"]))
    await w.ready("b")
    await w.until(lambda: [e for s, e in w.events if ".fill." in s and e.get("voided")], what="the voided fill")
    assert (await w.order("bust", "canceled"))["filled_quantity"] == "0"


@scenario(
    "42",
    "Futu: the position changes while no bridge runs, and a submit waits",
    "the venue's position is on the stream, marked reconciled, before the submit is claimed",
    world=FutuWorld,
)
async def position_differs(w: FutuWorld) -> None:
    bridge = await w.ready()
    await w.buy("a1", price="481")
    await w.order("a1", "filled")
    await w.until(lambda: w.position() == "200", what="the position")
    assert await asyncio.to_thread(bridge.stop) == 0
    w.place_elsewhere("100", "481")
    before = len(w.events)
    await w.buy("a2", expires_at=time.time_ns() + 30_000_000_000)
    await w.ready("b")
    await w.result("a2", "accepted")
    stored = [(subject, event) for subject, event in await w.stored() if subject.startswith("vb.v1.acct.futu.real.")]
    told = next(
        index for index, (subject, event) in enumerate(stored)
        if ".position." in subject and event["quantity"] == "300" and event.get("reconciled")
    )  # fmt: skip
    claimed = next(index for index, (subject, _) in enumerate(stored) if subject.endswith(".claim.a2"))
    assert told < claimed
    await w.until(lambda: [e for s, e in w.events[before:] if s.endswith(".gap") and e["healed"]], what="the gap")
