"""Commands twice, late, garbled, out of order."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from ..world import VENUE, World
from .registry import scenario
from .steps import never

MARKET_ORDER = json.dumps(
    {"type": "submit", "command_id": "p4", "symbol": "X", "side": "buy", "order_type": "market", "quantity": "1"}
).encode()


@scenario("8", "the same command published twice", "the server refuses the second, one order")
async def published_twice(w: World) -> None:
    await w.ready()
    assert await w.buy("a1")
    await w.result("a1", "accepted")
    assert not await w.buy("a1")
    assert w.sim.submits_by_client_id == {"a1": 1}


@scenario("9", "the same command id with another body", "rejected as duplicate, the first order untouched")
async def same_id_other_body(w: World) -> None:
    await w.ready()
    await w.buy("a1")
    await w.result("a1", "accepted")
    await w.send("cancel", "a1", client_order_id="a1")
    await w.result("a1", "rejected", reason="duplicate")
    assert w.orders("a1")[-1]["status"] == "new"
    await w.buy("a2", client_order_id="a1")
    await w.result("a2", "rejected", reason="duplicate")
    assert w.sim.submits_by_client_id == {"a1": 1}


@scenario("10", "the consumer is deleted, so JetStream delivers every command again", "the claims hold, one order each")
async def everything_redelivered(w: World) -> None:
    await w.ready()
    for number in range(5):
        await w.buy(f"a{number}")
        await w.result(f"a{number}", "accepted")
    before = len(w.events)
    await w.client.jetstream().delete_consumer("VB_CMD", f"bridge_{VENUE}")
    await w.buy("a9")
    await w.result("a9", "accepted")
    assert all(count == 1 for count in w.sim.submits_by_client_id.values())
    assert not [e for s, e in w.events[before:] if ".result.a" in s and e["command_id"] != "a9"]


@scenario("12", "a command is stored while no bridge runs and read later", "refused as expired, no order")
async def read_late(w: World) -> None:
    bridge = await w.ready()
    await asyncio.to_thread(bridge.stop)
    await w.buy("a1", expires_at=time.time_ns() + 500_000_000)
    await w.send("cancel", "c1", client_order_id="nothing")
    await w.ready("b")
    await w.result("a1", "rejected", reason="expired")
    await w.result("c1", "rejected", reason="unknown_order")
    assert w.sim.submits_by_client_id == {}


@scenario("30", "undecodable commands, unknown verbs and accounts", "dead letter and refusal each, the queue moves on")
async def poison_commands(w: World) -> None:
    await w.ready()
    js = w.client.jetstream()
    for subject, body in (
        ("main.submit.p1", b"\xff\xfe not json"), ("main.submit.p2", b'{"type":"submit"}'), ("main.explode.p3", b"{}"),
        ("other.submit.p4", MARKET_ORDER),
        ("main.submit.p5", b"[" * 5000),
    ):  # fmt: skip
        await js.publish(f"vb.v1.cmd.{VENUE}.{subject}", body)
    await w.buy("ok")
    for command_id in ("p1", "p2", "p3", "p5"):
        await w.result(command_id, "rejected", reason="invalid")
    await w.result("p4", "rejected", reason="unknown_account")
    await w.result("ok", "accepted")
    letters = [e for s, e in w.events if s == f"vb.v1.dead.{VENUE}.command"]
    assert len(letters) >= 3


@scenario(
    "11",
    "a bridge that dies holds a submit while the cancel published after it is delivered",
    "the cancel waits for the submit: the order is canceled, none is left living",
)
async def redelivered_behind_its_cancel(w: World) -> None:
    bridge = await w.ready()
    assert await asyncio.to_thread(bridge.stop) == 0
    await w.buy("a1", expires_at=time.time_ns() + 60_000_000_000)
    await w.send("cancel", "c1", client_order_id="a1")
    js = w.client.jetstream()
    dying = await js.pull_subscribe_bind(durable=f"bridge_{VENUE}", stream="VB_CMD")
    (held,) = await dying.fetch(1, timeout=5)
    assert held.subject.endswith(".submit.a1")
    alive = asyncio.create_task(_say_so(held))  # as long as it lives; then it gives the submit back
    await w.ready("b")
    await never(lambda: [e for s, e in w.events if s.endswith(".result.c1")], 1.5)
    alive.cancel()
    await asyncio.wait({alive})
    await held.nak()
    await w.result("a1", "accepted")
    await w.result("c1", "accepted")
    await w.order("a1", "canceled")
    assert w.sim.exchange.engine.open_orders() == []


async def _say_so(held: Any) -> None:
    while True:
        await held.in_progress()
        await asyncio.sleep(0.3)


@scenario(
    "50",
    "two strategies share an account and use the same ids",
    "one order per id; the other one is refused, also after the order is over and after a restart",
)
async def ids_collide(w: World) -> None:
    bridge = await w.ready()
    published = await asyncio.gather(w.buy("same"), w.buy("same", price="20000"))
    assert sorted(published) == [False, True]  # the server takes a command id once, whoever uses it
    await w.result("same", "accepted")
    await asyncio.gather(w.buy("s1", client_order_id="x"), w.buy("s2", client_order_id="x", price="20000"))
    ends = [(await w.result(name, "accepted", "rejected")) for name in ("s1", "s2")]
    assert sorted(event["status"] for event in ends) == ["accepted", "rejected"]
    assert next(event for event in ends if event["status"] == "rejected")["reason"] == "duplicate"
    await w.send("cancel", "c1", client_order_id="x")
    await w.order("x", "canceled")
    await w.buy("s3", client_order_id="x")
    await w.result("s3", "rejected", reason="duplicate")
    bridge.kill()
    await w.ready("b")
    await w.buy("s4", client_order_id="x")
    await w.result("s4", "rejected", reason="duplicate")
    assert dict(w.submits()) == {"same": 1, "x": 1}
