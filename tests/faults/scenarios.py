"""The scenarios by number: what is injected, and what must hold. Each plays in a world of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import nats.errors
import nats.js.errors
from nats.js.api import DiscardPolicy

from .world import VENUE, World

Play = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """One fault, by its number in the reliability table."""

    number: str
    injected: str
    held: str
    play: Play
    quick: bool
    options: dict[str, Any] = field(default_factory=dict)


SCENARIOS: list[Scenario] = []
MARKET_ORDER = json.dumps(
    {"type": "submit", "command_id": "p4", "symbol": "X", "side": "buy", "order_type": "market", "quantity": "1"}
).encode()


def scenario(number: str, injected: str, held: str, *, quick: bool = True, **options: Any) -> Callable[[Play], Play]:
    """Register a scenario. ``quick`` ones run with every test run."""

    def register(play: Play) -> Play:
        SCENARIOS.append(Scenario(number, injected, held, play, quick, options))
        return play

    return register


# --- the venue's link -----------------------------------------------------------------------------------------------


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
    await _never(lambda: len([s for s, _ in w.events if ".fill." in s]) > 2, 0.5)


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


# --- commands twice, late, garbled ----------------------------------------------------------------------------------


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
    bridge.stop()
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


# --- NATS -----------------------------------------------------------------------------------------------------------


@scenario("13", "nats-server restarts", "commands go on, events are all there, in order")
async def nats_restarts(w: World) -> None:
    await w.ready()
    await w.buy("a1")
    await w.result("a1", "accepted")
    w.stop_nats(signal.SIGTERM)
    w.sim.fill("a1", "0.004")
    w.start_nats()
    await w.until(lambda: w.client.is_connected, 10, "the observer's reconnect")
    assert await _retry(lambda: w.buy("a2"))
    await _stored_result(w, "a2", "accepted")
    await _stored(w, lambda s, e: ".fill." in s, 10)


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
    assert await _retry(lambda: w.buy("z1", price="70000"))
    await _stored_result(w, "z1", "accepted")
    count = len(w.sim.state()["fills"])
    await _stored(w, lambda s, e: ".fill." in s, 15, count=count)


@scenario(
    "15", "NATS unreachable for seconds while the venue trades", "no submit without a ledger, events kept and published"
)
async def nats_away(w: World) -> None:
    bridge = await w.ready()
    await w.buy("a1", quantity="0.05")
    await w.result("a1", "accepted")
    w.proxy.refusing = True
    w.proxy.cut()
    await asyncio.to_thread(_wait_for_log, bridge, "NATS is away")
    for _ in range(4):
        w.sim.fill("a1", "0.01")
    sent = await w.buy("a2")
    assert sent
    await _never(lambda: "a2" in w.sim.submits_by_client_id, 1.0)
    w.proxy.refusing = False
    await _stored(w, lambda s, e: ".fill." in s, 15, count=4)
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
    await asyncio.to_thread(_wait_for_log, bridge, "NATS is away")
    w.sim.fill("a1", "0.02")
    await asyncio.to_thread(_wait_for_log, bridge, "kept on disk")
    bridge.kill()
    w.proxy.refusing = False
    again = w.bridge("a")
    again.start()
    await _stored(w, lambda s, e: ".fill." in s, 20)
    await _stored(w, lambda s, e: s.endswith(".order.a1") and e["filled_quantity"] == "0.02", 10)


@scenario(
    "15c", "NATS stalls: connected, but nothing comes back", "a claim without an answer sends nothing", quick=False
)
async def nats_stalls(w: World) -> None:
    await w.ready()
    w.proxy.stall(True)
    await w.buy("a1", expires_at=time.time_ns() + 3_000_000_000)
    await _never(lambda: w.sim.submits_by_client_id, 4.0)
    w.proxy.stall(False)
    await _stored_result(w, "a1", "rejected", timeout=30)
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
    await _never(lambda: w.sim.submits_by_client_id, 2.0)
    info.config.max_bytes = -1
    await js.update_stream(info.config)
    assert await _retry(lambda: w.buy("a2"))
    await w.result("a2", "accepted", timeout=30)


# --- bridges that die -----------------------------------------------------------------------------------------------


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


# --- the venue's word -----------------------------------------------------------------------------------------------


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
    bridge.stop()
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
    await _never(lambda: [e for s, e in w.events if s.endswith(".session") and e["state"] == "ready"], 1.0)
    assert w.sim.state()["logins"] <= 1
    await w.request(f"ctl.{VENUE}.reconnect")
    await w.session("ready", since=before)


@scenario("35", "a hole in the sequence of a book", "gap told, resynchronised, never crossed")
async def hole_in_the_book(w: World) -> None:
    await w.ready(market_data=["book"])
    books: list[dict[str, Any]] = []

    async def keep(message: Any) -> None:
        books.append(json.loads(message.data))

    await w.client.subscribe("vb.v1.md.>", cb=keep)
    w.fault("ws.book", "gap")
    before = len(w.events)
    for _ in range(10):
        w.sim.step("BTC-USD")
    await w.until(lambda: [e for s, e in w.events[before:] if s.endswith(".gap") and e["healed"]], 10, "the healed gap")
    for _ in range(5):
        w.sim.step("BTC-USD")
    await w.until(lambda: len(books) > 3, 5, "books")
    for book in books:
        assert not book["bids"] or not book["asks"] or float(book["bids"][0][0]) < float(book["asks"][0][0])


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
    placed = await _by_hand(w)
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


@scenario(
    "49", "an operator halts during a storm of submits", "acknowledged within 200 ms, new orders refused, cancels pass"
)
async def halted(w: World) -> None:
    await w.ready()
    for number in range(30):
        await w.buy(f"a{number}")
    await w.result("a0", "accepted")
    started = time.monotonic()
    reply = await w.request(f"ctl.{VENUE}.halt", cancel_all=True, by="operator", why="test")
    took = time.monotonic() - started
    assert reply["ok"], reply
    assert took < 0.2, f"acknowledged after {took:.3f} s"
    await w.buy("late")
    await w.result("late", "rejected", reason="halted")
    done = reply["items"][0]["cancel_all"][0]["command_id"]
    assert "canceled" in (await w.result(done, "accepted"))["text"]
    await w.request(f"ctl.{VENUE}.resume")
    await w.buy("again")
    await w.result("again", "accepted")


@scenario("U", "an outcome that nobody can tell", "stays listed until an operator resolves it, who and why on record")
async def operator_resolves(w: World) -> None:
    await w.ready(resolve_min_age=600.0)
    w.fault("order.create.request", "drop", seconds=0.1)
    await w.buy("a1")
    await w.result("a1", "unknown")
    status = await w.request(f"ctl.{VENUE}.status")
    assert [entry["command_id"] for entry in status["items"][0]["unknown"]] == ["a1"]
    await w.request(
        f"ctl.{VENUE}.resolve", account="main", command_id="a1", status="rejected", by="ops", why="asked the venue"
    )
    result = await w.result("a1", "rejected", resolved_by="operator")
    assert "ops" in result["text"]
    assert "asked the venue" in result["text"]
    assert (await w.request(f"ctl.{VENUE}.status"))["items"][0]["unknown"] == []


# --- small parts ----------------------------------------------------------------------------------------------------


async def _never(happens: Callable[[], Any], seconds: float) -> None:
    """Watch for ``seconds`` that something does not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert not (what := happens()), f"must not happen: {what}"
        await asyncio.sleep(0.05)


async def _retry(call: Callable[[], Awaitable[bool]], timeout: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if await call():
            return True
        await asyncio.sleep(0.2)
    return False


async def _stored(w: World, match: Callable[[str, Any], bool], timeout: float, count: int = 1) -> None:
    deadline = time.monotonic() + timeout
    found: list[Any] = []
    while time.monotonic() < deadline:
        with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, TimeoutError):
            found = [event for subject, event in await w.stored() if match(subject, event)]
            if len(found) >= count:
                return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{len(found)} of {count} on the stream\n{w.describe()}")


async def _stored_result(w: World, command_id: str, status: str, timeout: float = 15.0) -> None:
    await _stored(w, lambda s, e: s.endswith(f".result.{command_id}") and e["status"] == status, timeout)


def _wait_for_log(bridge: Any, text: str, timeout: float = 15.0) -> None:
    deadline = time.monotonic() + timeout
    while text not in bridge.log():
        if time.monotonic() > deadline:
            raise AssertionError(f"not logged: {text}\n{bridge.log()[-2000:]}")
        time.sleep(0.05)


async def _by_hand(w: World) -> bool:
    url = w.sim.config()["rest_url"].removesuffix("/spot") + "/_sim/orders"
    body = {"symbol": "BTC-USD", "side": "BUY", "type": "LIMIT", "price": 20000, "size": 0.01}
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as answer:
        return answer.status == 200
