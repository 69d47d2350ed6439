"""NATS: restarted, killed, away, full."""

from __future__ import annotations

import asyncio
import signal
import time

from nats.js.api import DiscardPolicy

from ..world import World
from .registry import scenario
from .steps import never, retry, stored, stored_result, wait_for_log


@scenario("13", "nats-server restarts", "commands go on, events are all there, in order")
async def nats_restarts(w: World) -> None:
    await w.ready()
    await w.buy("a1")
    await w.result("a1", "accepted")
    w.stop_nats(signal.SIGTERM)
    w.sim.fill("a1", "0.004")
    w.start_nats()
    await w.until(lambda: w.client.is_connected, 10, "the observer's reconnect")
    assert await retry(lambda: w.buy("a2"))
    await stored_result(w, "a2", "accepted")
    await stored(w, lambda s, e: ".fill." in s, 10)


@scenario(
    "14",
    "kill -9 of nats-server while events are published",
    "nothing acknowledged is lost, nothing twice",
    sync="always",
)
async def nats_killed(w: World) -> None:
    await w.ready()
    for number in range(10):
        await w.buy(f"a{number}", price="70000")
    w.stop_nats(signal.SIGKILL)
    w.start_nats()
    await w.until(lambda: w.client.is_connected, 10, "the observer's reconnect")
    assert await retry(lambda: w.buy("z1", price="70000"))
    await stored_result(w, "z1", "accepted")
    count = len(w.sim.state()["fills"])
    await stored(w, lambda s, e: ".fill." in s, 15, count=count)


@scenario(
    "15", "NATS unreachable for seconds while the venue trades", "no submit without a ledger, events kept and published"
)
async def nats_away(w: World) -> None:
    bridge = await w.ready()
    await w.buy("a1", quantity="0.05")
    await w.result("a1", "accepted")
    w.proxy.refusing = True
    w.proxy.cut()
    await asyncio.to_thread(wait_for_log, bridge, "NATS is away")
    for _ in range(4):
        w.sim.fill("a1", "0.01")
    sent = await w.buy("a2")
    assert sent
    await never(lambda: "a2" in w.sim.submits_by_client_id, 1.0)
    w.proxy.refusing = False
    await stored(w, lambda s, e: ".fill." in s, 15, count=4)
    states = [e for s, e in await w.stored() if s.endswith(".order.a1")]
    assert states[-1]["filled_quantity"] == "0.04"
    assert [float(e["filled_quantity"]) for e in states] == sorted(float(e["filled_quantity"]) for e in states)


@scenario(
    "15b",
    "the bridge is killed while NATS is away and the venue trades",
    "the fills are on the stream once",
    quick=False,
)
async def killed_while_nats_is_away(w: World) -> None:
    bridge = await w.ready()
    await w.buy("a1", quantity="0.05")
    await w.result("a1", "accepted")
    w.proxy.refusing = True
    w.proxy.cut()
    await asyncio.to_thread(wait_for_log, bridge, "NATS is away")
    w.sim.fill("a1", "0.02")
    await asyncio.to_thread(wait_for_log, bridge, "kept on disk")
    bridge.kill()
    w.proxy.refusing = False
    again = w.bridge("a")
    again.start()
    await stored(w, lambda s, e: ".fill." in s, 20)
    await stored(w, lambda s, e: s.endswith(".order.a1") and e["filled_quantity"] == "0.02", 10)


@scenario(
    "15c", "NATS stalls: connected, but nothing comes back", "a claim without an answer sends nothing", quick=False
)
async def nats_stalls(w: World) -> None:
    await w.ready()
    w.proxy.stall(True)
    await w.buy("a1", expires_at=time.time_ns() + 3_000_000_000)
    await never(lambda: w.sim.submits_by_client_id, 4.0)
    w.proxy.stall(False)
    await stored_result(w, "a1", "rejected", timeout=30)
    assert w.sim.submits_by_client_id == {}


@scenario("16", "the account stream is full", "no submit without a ledger, health says so", quick=False)
async def storage_full(w: World) -> None:
    await w.ready()
    js = w.client.jetstream()
    info = await js.stream_info("VB_ACCT")
    info.config.max_bytes = max(1, info.state.bytes + 10)
    info.config.discard = DiscardPolicy.NEW
    await js.update_stream(info.config)
    await w.buy("a1")
    await never(lambda: w.sim.submits_by_client_id, 2.0)
    info.config.max_bytes = -1
    await js.update_stream(info.config)
    assert await retry(lambda: w.buy("a2"))
    await w.result("a2", "accepted", timeout=30)
