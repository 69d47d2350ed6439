"""The bridge's surroundings: its clock, the name service, the power, another plugin."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time

from ..world import VENUE, World
from .registry import scenario
from .steps import never, retry, stored, stored_result

MOODY = """[venuebus]
moody = moody_venue
"""


@scenario(
    "23",
    "the bridge's clock is set an hour forward, then two hours back",
    "orders and signatures go on, late commands are refused, the error of the clock is told",
)
async def clock_is_set(w: World) -> None:
    clock = w.folder / "clock"
    clock.write_text("0")
    w.inject(FAULTS_CLOCK=clock)
    bridge = await w.ready()
    for number, seconds in enumerate(("3600", "-3600")):
        clock.write_text(seconds)
        await w.buy(f"a{number}")
        await w.result(f"a{number}", "accepted")
        await w.buy(f"late{number}", expires_at=time.time_ns() - 1_000_000_000)
        await w.result(f"late{number}", "rejected", reason="expired")
        before = len(w.events)
        w.sim.drop_connections()
        await w.session("ready", since=before)
        await w.buy(f"b{number}")
        await w.result(f"b{number}", "accepted")
        await w.send("cancel", f"c{number}", client_order_id=f"a{number}")
        await w.order(f"a{number}", "canceled")
    await w.until(lambda: "clocks differ" in bridge.log(), what="a word about the clock")


@scenario(
    "23b",
    "the clock is set forward while an outcome is unknown and the venue says «not found»",
    "it is as patient as before",
    quick=False,
)
async def patience_is_not_of_the_clock(w: World) -> None:
    clock = w.folder / "clock"
    clock.write_text("0")
    w.inject(FAULTS_CLOCK=clock)
    await w.ready(resolve_min_age=4.0, resolve_answers=2)
    w.fault("order.create.answer", "cut")
    w.fault("order.get.request", "forget", times=2)
    w.fault("open_orders.request", "forget", times=1)
    w.fault("ws.notification", "drop", times=3)
    clock.write_text("3600")
    await w.buy("a1")
    await w.result("a1", "unknown")
    await w.result("a1", "accepted")
    assert not [event for event in w.results("a1") if event["status"] == "rejected"]


@scenario(
    "26",
    "a plugin raises in its own callback, again and again",
    "its venue goes down and is tried again with a growing pause; the other venue notices nothing",
    quick=False,
)
async def another_plugin_falls_over(w: World) -> None:
    upset, info = w.folder / "upset", w.folder / "moody-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(MOODY)
    w.inject(PYTHONPATH=w.folder)
    w.options["other_venues"] = {"moody": {"plugin": "moody", "upset": str(upset)}}
    await w.ready()

    def moody(state: str) -> list[int]:
        return [e["ts_recv"] for s, e in w.events if s.endswith(".moody.session") and e["state"] == state]

    await w.until(lambda: moody("ready"), what="the other venue")
    before = len(w.events)
    upset.touch()
    await w.until(lambda: len(moody("down")) >= 3, 30, "three falls")
    down = next(e for s, e in w.events if s.endswith(".moody.session") and e["state"] == "down")
    assert down["reason"] == "internal"
    assert "KeyError" in down["text"]
    first, second, third = moody("down")[:3]
    assert min(second - first, third - second) > 1_900_000_000, "a plugin's own fault is tried again calmly"
    for number in range(5):
        await w.buy(f"a{number}")
        await w.result(f"a{number}", "accepted", timeout=3)
    upset.unlink()
    await w.until(lambda: moody("ready")[1:], 30, "the other venue's recovery")
    assert not [e for s, e in w.events[before:] if s.endswith(f".{VENUE}.session")]


@scenario(
    "46",
    "power fails: JetStream loses the last seconds that it had acknowledged",
    "the venue is asked; what it has is adopted, its fill told once, nothing sent again",
    quick=False,
)
async def power_fails(w: World) -> None:
    bridge = await w.ready()
    await w.buy("a1")
    await w.result("a1", "accepted")
    w.stop_nats(signal.SIGTERM)
    await asyncio.to_thread(shutil.copytree, w.folder / "js", w.folder / "kept")
    w.start_nats()
    assert await retry(lambda: w.buy("a2"))
    await stored_result(w, "a2", "accepted")
    w.sim.fill("a2", "0.004")
    await stored(w, lambda s, e: ".fill." in s, 10)
    bridge.kill()
    w.stop_nats(signal.SIGKILL)
    shutil.rmtree(w.folder / "js")
    (w.folder / "kept").rename(w.folder / "js")
    w.start_nats()
    w.bridge("b").start()
    await stored(w, lambda s, e: s.endswith(".order.a2") and e.get("external") is True, 20)
    await stored(w, lambda s, e: ".fill." in s and e.get("reconciled") is True, 10)
    assert w.sim.submits_by_client_id == {"a1": 1, "a2": 1}
    assert await retry(lambda: w.send("cancel", "c2", client_order_id="a2"))
    await stored_result(w, "c2", "accepted")
    await stored(w, lambda s, e: s.endswith(".order.a2") and e["status"] == "canceled", 10)


@scenario(
    "47",
    "the name of the venue cannot be resolved, with an order working and an outcome unknown",
    "both stay what they are, nothing is dropped or failed; afterwards the venue tells",
)
async def name_service_is_away(w: World) -> None:
    hosts, known = w.folder / "hosts", "venue.test 127.0.0.1\n"
    hosts.write_text(known)
    w.inject(FAULTS_HOSTS=hosts)
    table = w.sim.config()
    await w.ready(**{key: table[key].replace("127.0.0.1", "venue.test") for key in ("rest_url", "ws_url", "oss_url")})
    await w.buy("a1")
    await w.result("a1", "accepted")
    w.fault("order.create.answer", "cut")
    w.fault("ws.notification", "drop", times=-1)
    for endpoint in ("order.get", "open_orders"):
        w.fault(f"{endpoint}.request", "error", times=-1)
    before = len(w.events)
    await w.buy("a2")
    await w.result("a2", "unknown")
    hosts.write_text("")
    w.sim.drop_connections()
    await w.session("down", since=before)
    w.sim.faults.clear()
    await w.buy("a3", expires_at=time.time_ns() + 1_000_000_000)
    await w.result("a3", "rejected")
    await never(lambda: w.orders("a1")[1:][-1]["status"] != "new" or len(w.results("a2")) > 1, 2.5)
    before = len(w.events)
    hosts.write_text(known)
    await w.session("ready", since=before)
    await w.result("a2", "accepted", resolved_by="query")
    assert w.orders("a1")[-1]["status"] == "new"
    assert dict(w.submits()) == {"a1": 1, "a2": 1}
