"""What a strategy is told about its commands, whatever the venue does with them."""

from __future__ import annotations

import asyncio
import json
import time

import msgspec
import pytest
import structlog
from nats.js.errors import APIError
from venuebus import CommandRejected
from venuebus.orders import execution
from venuebus_schemas import (
    AnyCommand,
    Balance,
    Event,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Reason,
    Side,
    Submit,
    Verb,
    encode,
)

from .bench import Bench, check_order_life
from .toy_venue import ToyPlugin

REJECTED = "rejected"


async def test_an_accepted_order_is_pending_new_before_it_is_sent_and_canceled_once(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("a1")
    await bench.result("a1", ("accepted", None, None))
    await bench.send("cancel", "c1", client_order_id="a1")
    await bench.result("c1", ("accepted", None, None))
    await bench.until(lambda: bench.statuses("a1")[-1] == "canceled")
    assert bench.statuses("a1") == ["pending_new", "new", "pending_cancel", "canceled"]
    check_order_life(bench.of("order", "a1"))
    assert bench.venue.log() == [("submit", "a1"), ("cancel", "c1")]
    [result] = bench.of("result", "a1")
    assert result["attempts"] == 1
    assert result["venue_order_id"] == "Va1"
    assert result["ts_received"] <= result["ts_sent"] <= result["ts_answered"]
    [claim] = await bench.stored("acct.toy.main.claim.a1")
    assert claim["keys"] == {"remark": "a1"}


async def test_a_venue_that_refuses_rejects_with_its_reason(bench: Bench) -> None:
    await bench.bridge()
    bench.venue.script("submit", "reject")
    await bench.submit("r1")
    await bench.result("r1", (REJECTED, "insufficient_funds", None))
    assert bench.statuses("r1") == ["pending_new", "rejected"]


async def test_a_lost_answer_is_unknown_and_settled_by_asking_without_a_second_send(bench: Bench) -> None:
    await bench.bridge()
    bench.venue.script("submit", "take_and_hang")
    started = time.monotonic()
    await bench.submit("u1")
    await bench.until(lambda: bench.results("u1"))
    assert time.monotonic() - started < 0.6 + 1.0
    await bench.result("u1", ("unknown", "timeout", None), ("accepted", None, "query"))
    assert bench.statuses("u1") == ["pending_new", "unknown", "new"]
    assert bench.venue.count("u1") == 1


async def test_an_order_the_venue_never_got_is_rejected_after_agreeing_answers(bench: Bench) -> None:
    await bench.bridge()
    bench.venue.script("submit", "hang")
    await bench.submit("u2")
    await bench.result("u2", ("unknown", "timeout", None), (REJECTED, "timeout", "query"))
    assert bench.statuses("u2") == ["pending_new", "unknown", "rejected"]
    assert bench.venue.count("u2") == 1


async def test_what_the_venue_pushes_settles_an_unknown_outcome(bench: Bench) -> None:
    await bench.bridge()
    bench.venue.script("lookup", "fail")
    bench.venue.script("submit", "take_and_hang")
    await bench.submit("u3")
    await bench.result("u3", ("unknown", "timeout", None))
    order = bench.venue.get("u3")
    assert order is not None
    bench.venue.context.publish(order)
    await bench.result("u3", ("unknown", "timeout", None), ("accepted", None, "push"))


async def test_a_push_before_the_lost_answer_means_that_the_venue_has_the_order(bench: Bench) -> None:
    await bench.bridge()
    bench.venue.script("submit", "take_and_hang")
    await bench.submit("u4")
    await bench.until(lambda: bench.venue.get("u4"))
    order = bench.venue.get("u4")
    assert order is not None
    order.status, order.filled_quantity = OrderStatus.PARTIALLY_FILLED, "0.4"
    bench.venue.context.publish(order)
    bench.venue.context.publish(
        Fill(account="main", symbol="X", fill_id="f1", side=Side.BUY, price="2.5", quantity="0.4", venue_order_id="Vu4")
    )
    await bench.result("u4", ("accepted", None, "push"))
    assert bench.statuses("u4") == ["pending_new", "partially_filled"]
    assert bench.of("fill")[0]["client_order_id"] == "u4"


async def test_what_nobody_can_tell_stays_listed_until_an_operator_says(bench: Bench) -> None:
    await bench.bridge(ToyPlugin(bench.venue, proves_absence=False))
    bench.venue.script("submit", "unknown", "accept")
    await bench.submit("u5")
    await bench.result("u5", ("unknown", "timeout", None))
    [status] = (await bench.request("ctl.toy.status"))["items"]
    assert [unknown["command_id"] for unknown in status["unknown"]] == ["u5"]
    refused = await bench.request(
        "ctl.toy.resolve", account="main", command_id="u5", status="unknown", by="me", why="y"
    )
    assert (refused["ok"], refused["reason"]) == (False, "invalid")
    told = await bench.request(
        "ctl.toy.resolve", account="main", command_id="u5", status="rejected", by="Kim", why="phoned"
    )
    assert told["ok"]
    await bench.result("u5", ("unknown", "timeout", None), (REJECTED, None, "operator"))
    assert "Kim" in bench.of("result", "u5")[-1]["text"]
    assert bench.statuses("u5")[-1] == "rejected"
    again = await bench.request("ctl.toy.resolve", account="main", command_id="u5", status="rejected", by="K", why="y")
    assert (again["ok"], again["reason"]) == (False, "unknown_order")


async def test_a_bug_of_the_plugin_after_sending_is_unknown_never_rejected(bench: Bench) -> None:
    await bench.bridge()
    bench.venue.script("submit", "raise")
    await bench.submit("p1")
    await bench.result("p1", ("unknown", "internal", None), (REJECTED, "timeout", "query"))
    assert bench.venue.count("p1") == 1


async def test_certainly_not_sent_is_tried_again_within_the_expiry(bench: Bench) -> None:
    await bench.bridge()
    bench.venue.script("submit", "not_sent", "not_sent", "accept")
    await bench.submit("n1")
    await bench.result("n1", ("accepted", None, None))
    assert bench.venue.count("n1") == 1
    bench.venue.script("submit", "not_sent")
    await bench.submit("n2", expires_at=time.time_ns() + 700_000_000)
    started = time.monotonic()
    await bench.until(lambda: bench.results("n2"))
    assert time.monotonic() - started < 1.5
    assert bench.results("n2")[0][0] == REJECTED
    assert bench.venue.count("n2") == 0


async def test_an_expired_submit_is_refused_and_a_late_cancel_is_not(bench: Bench) -> None:
    bridge = await bench.bridge()
    await bench.submit("k1")
    await bench.result("k1", ("accepted", None, None))
    await bench.stop(bridge)
    await bench.submit("e1", expires_at=time.time_ns() + 50_000_000)
    await bench.send("cancel", "e2", client_order_id="k1", expires_at=time.time_ns() + 50_000_000)
    await bench.send("cancel", "e3", client_order_id="k1")
    await asyncio.sleep(0.1)  # the expiry itself, not a race
    await bench.bridge()
    await bench.result("e1", (REJECTED, "expired", None))
    await bench.result("e2", (REJECTED, "expired", None))
    await bench.result("e3", ("accepted", None, None))
    assert ("submit", "e1") not in bench.venue.log()


async def test_a_command_published_twice_is_refused_by_the_server_itself(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("d1")
    with pytest.raises(APIError) as refused:
        await bench.submit("d1")
    assert refused.value.err_code == 10077
    await bench.result("d1", ("accepted", None, None))


async def test_one_command_id_under_another_verb_leaves_the_first_alone(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("d2")
    await bench.result("d2", ("accepted", None, None))
    await bench.send("cancel", "d2", client_order_id="d2")
    await bench.result("d2", ("accepted", None, None), (REJECTED, "duplicate", None))
    assert [result["seq"] for result in bench.of("result", "d2")] == [1, 2]
    assert bench.venue.log() == [("submit", "d2")]
    assert bench.statuses("d2") == ["pending_new", "new"]


async def test_a_client_order_id_is_good_for_one_order(bench: Bench) -> None:
    bridge = await bench.bridge()
    await bench.submit("d3")
    await bench.result("d3", ("accepted", None, None))
    await bench.submit("d4", client_order_id="d3")
    await bench.result("d4", (REJECTED, "duplicate", None))
    await bench.send("cancel", "d5", client_order_id="d3")
    await bench.result("d5", ("accepted", None, None))
    await bench.stop(bridge)
    await bench.bridge()
    await bench.submit("d6", client_order_id="d3")
    await bench.result("d6", (REJECTED, "duplicate", None))
    assert [name for verb, name in bench.venue.log() if verb == "submit"] == ["d3"]
    assert bench.of("order", "d3")[-1]["status"] == "canceled"


async def test_a_command_id_that_names_another_order_is_not_good_for_one(bench: Bench) -> None:
    bridge = await bench.bridge()
    await bench.submit("d7", client_order_id="d8")
    await bench.result("d7", ("accepted", None, None))
    await bench.stop(bridge)
    await bench.bridge()
    await bench.submit("d8")
    await bench.result("d8", (REJECTED, "duplicate", None))
    assert [name for verb, name in bench.venue.log() if verb == "submit"] == ["d7"]
    assert bench.statuses("d8") == ["pending_new", "new"]


@pytest.mark.parametrize("settled", [execution.SETTLED_MS, -(10**12)], ids=["looked up", "by the claim"])
async def test_a_command_id_that_names_something_else_is_good_for_an_order(
    bench: Bench, settled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "SETTLED_MS", settled)
    bench.venue.set("state", "balances", [Balance(currency="USD", total="100")])
    await bench.bridge()
    await bench.until(lambda: bench.of("balance"))
    with structlog.testing.capture_logs() as lines:
        await bench.submit("USD")
        await bench.result("USD", ("accepted", None, None))
    assert "command failed inside the bridge" not in [line["event"] for line in lines]  # and came again later
    assert bench.statuses("USD") == ["pending_new", "new"]


async def test_commands_delivered_again_are_neither_executed_nor_forgotten(bench: Bench) -> None:
    await bench.bridge()
    for number in range(5):
        await bench.submit(f"m{number}")
        await bench.result(f"m{number}", ("accepted", None, None))
    bench.venue.script("cancel", "hold")
    await bench.send("cancel", "mc", client_order_id="m3")
    await bench.until(lambda: bench.statuses("m3")[-1] == "pending_cancel")
    await bench.client.jetstream().delete_consumer(f"{bench.prefix.upper()}_CMD", "bridge_toy")
    await bench.submit("after")  # it is behind all that comes again
    await bench.result("after", ("accepted", None, None))
    bench.venue.release()
    await bench.result("mc", ("accepted", None, None))
    for number in (0, 1):
        await bench.send("cancel", f"c{number}", client_order_id=f"m{number}")
        await bench.result(f"c{number}", ("accepted", None, None))
    assert [bench.venue.count(f"m{number}") for number in range(5)] == [1] * 5
    assert bench.venue.count("mc") == 1
    for number in range(5):
        check_order_life(bench.of("order", f"m{number}"))


def _submit_body(**changes: object) -> bytes:
    fields = {
        "type": "submit",
        "command_id": "bad",
        "symbol": "X",
        "side": "buy",
        "order_type": "market",
        "quantity": "1",
    }
    return json.dumps({**fields, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{nonsense", "invalid"),
        (b"\xff\xfe\x00", "invalid"),
        (b"[" * 100_000, "invalid"),
        (_submit_body(quantity=1), "invalid"),
        (_submit_body(command_id="else"), "invalid"),
        (b'{"type":"cancel","command_id":"bad","client_order_id":"x"}', "invalid"),
        (_submit_body(side="up"), "invalid"),
        (_submit_body(quantity="1e3"), "quantity"),
        (_submit_body(order_type="limit"), "price"),
        (_submit_body(order_type="stop", trigger_price="2"), "unsupported"),
        (_submit_body(time_in_force="fok"), "unsupported"),
        (_submit_body(symbol="NOPE"), "unknown_symbol"),
    ],
)
async def test_a_bad_command_is_refused_and_never_stops_the_next(bench: Bench, body: bytes, reason: str) -> None:
    await bench.bridge()
    await bench.send("submit", "bad", raw=body)
    await bench.result("bad", (REJECTED, reason, None))
    [result] = bench.of("result", "bad")
    assert ("read as MessagePack" in result["text"]) == (body[:1] == b"\xff")
    await bench.submit("good")
    await bench.result("good", ("accepted", None, None))
    letters = [event for subject, event in bench.messages if subject == "dead.toy.command"]
    assert len(letters) == (1 if reason in ("invalid", "quantity", "price") else 0)
    assert bench.venue.log() == [("submit", "good")]


async def test_commands_to_a_venue_that_nobody_serves_are_all_refused_and_told_once(bench: Bench) -> None:
    with structlog.testing.capture_logs() as lines:
        await bench.bridge()
        for number in range(3):
            command = {"type": "cancel_all", "command_id": f"n{number}"}
            subject = f"{bench.prefix}.v1.cmd.nobody.main.cancel_all.n{number}"
            await bench.client.jetstream().publish(subject, json.dumps(command).encode())
        head = "acct.nobody.main.result."
        await bench.until(lambda: sum(subject.startswith(head) for subject, _ in bench.messages) == 3)
    assert {event["reason"] for subject, event in bench.messages if subject.startswith(head)} == {"unknown_account"}
    told = [line["log_level"] for line in lines if "nobody serves" in line["event"]]
    assert sorted(told) == ["debug", "debug", "warning"]


async def test_unknown_account_unknown_verb_and_misshapen_subject_are_answered(bench: Bench) -> None:
    await bench.bridge()
    await bench.send("submit", "x1", account="other", symbol="X", side="buy", order_type="market", quantity="1")
    await bench.until(lambda: bench.of("result", "x1", account="other"))
    assert bench.of("result", "x1", account="other")[0]["reason"] == "unknown_account"
    await bench.send("buy", "x2")
    await bench.until(lambda: bench.of("result", "x2"))
    assert bench.of("result", "x2")[0]["reason"] == "invalid"
    await bench.client.jetstream().publish(f"{bench.prefix}.v1.cmd.toy.main.submit.a.b", b"{}")
    await bench.until(lambda: sum(subject == "dead.toy.command" for subject, _ in bench.messages) >= 2)
    await bench.send("cancel_after", "x3", timeout_ms=1000)
    await bench.result("x3", (REJECTED, "unsupported", None))


async def test_a_cancel_of_a_finished_or_unknown_order_is_unknown_order(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("f1")
    await bench.send("cancel", "f2", client_order_id="f1")
    await bench.result("f2", ("accepted", None, None))
    await bench.send("cancel", "f3", client_order_id="f1")
    await bench.result("f3", (REJECTED, "unknown_order", None))
    await bench.send("cancel", "f4", client_order_id="never")
    await bench.result("f4", (REJECTED, "unknown_order", None))
    await bench.send("amend", "f5", client_order_id="f1", price="3")
    await bench.result("f5", (REJECTED, "unknown_order", None))


async def test_an_amend_changes_the_order_and_a_refused_one_leaves_it_working(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("am")
    await bench.result("am", ("accepted", None, None))
    await bench.send("amend", "am1", client_order_id="am", price="3.25")
    await bench.result("am1", ("accepted", None, None))
    await bench.until(lambda: bench.statuses("am")[-1] == "new")
    assert bench.of("order", "am")[-1]["price"] == "3.25"
    bench.venue.script("amend", "reject")
    await bench.send("amend", "am2", venue_order_id="Vam", price="4")
    await bench.result("am2", (REJECTED, "insufficient_funds", None))
    await bench.until(lambda: bench.statuses("am")[-1] == "new")
    assert bench.of("order", "am")[-1]["price"] == "3.25"
    check_order_life(bench.of("order", "am"))


async def test_cancel_all_reaches_every_open_order(bench: Bench) -> None:
    await bench.bridge()
    for number in range(3):
        await bench.submit(f"all{number}")
        await bench.result(f"all{number}", ("accepted", None, None))
    await bench.send("cancel_all", "ca")
    await bench.result("ca", ("accepted", None, None))
    await bench.until(lambda: all(bench.statuses(f"all{number}")[-1:] == ["canceled"] for number in range(3)))


async def test_an_unknown_cancel_all_is_settled_when_nothing_is_open(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("ca1")
    await bench.result("ca1", ("accepted", None, None))
    bench.venue.script("cancel_all", "take_and_unknown")
    await bench.send("cancel_all", "ca2")
    await bench.result("ca2", ("unknown", "timeout", None), ("accepted", None, "query"))
    await bench.until(lambda: bench.statuses("ca1")[-1] == "canceled")


async def test_a_cancel_waits_for_its_own_submit_and_overtakes_all_others(bench: Bench) -> None:
    await bench.bridge(ToyPlugin(bench.venue, request_timeout=5.0))
    await bench.submit("o1")
    await bench.result("o1", ("accepted", None, None))
    bench.venue.script("submit", "hold")
    for number in range(20):
        await bench.submit(f"held{number}")
    await bench.send("cancel", "oc1", client_order_id="held0")
    await bench.send("cancel", "oc2", client_order_id="o1")
    await bench.result("oc2", ("accepted", None, None))
    assert not bench.results("oc1")
    assert not bench.results("held0")
    bench.venue.release()
    await bench.result("oc1", ("accepted", None, None))
    seen = bench.venue.log()
    assert seen.index(("submit", "held0")) < seen.index(("cancel", "oc1"))
    assert seen.index(("cancel", "oc2")) < seen.index(("submit", "held0"))


async def test_a_cancel_whose_answer_was_lost_is_never_called_rejected(bench: Bench) -> None:
    await bench.bridge(ToyPlugin(bench.venue, idempotent=frozenset({Verb.CANCEL})))
    await bench.submit("i1")
    await bench.result("i1", ("accepted", None, None))
    # The first cancel works but its answer is lost, so the second is told that there is no such order.
    bench.venue.script("cancel", "take_and_unknown", "accept")
    await bench.send("cancel", "i2", client_order_id="i1")
    await bench.until(lambda: bench.results("i2") and bench.results("i2")[-1][0] != "unknown")
    assert bench.results("i2")[-1][0] == "accepted"
    assert bench.statuses("i1")[-1] == "canceled"


async def test_an_unknown_cancel_of_a_working_order_is_asked_about(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("w1")
    await bench.result("w1", ("accepted", None, None))
    bench.venue.script("cancel", "unknown", "accept")
    await bench.send("cancel", "w2", client_order_id="w1")
    await bench.result("w2", ("unknown", "timeout", None), (REJECTED, "venue_rejected", "query"))
    assert bench.statuses("w1")[-1] == "new"
    await bench.send("cancel", "w3", client_order_id="w1")
    await bench.result("w3", ("accepted", None, None))
    check_order_life(bench.of("order", "w1"))


async def test_a_refused_cancel_of_an_unknown_order_leaves_it_unknown(bench: Bench) -> None:
    await bench.bridge()
    bench.venue.script("lookup", "fail")
    bench.venue.script("submit", "unknown")
    await bench.submit("v1")
    await bench.result("v1", ("unknown", "timeout", None))
    bench.venue.script("cancel", "reject")
    await bench.send("cancel", "v2", client_order_id="v1")
    await bench.result("v2", (REJECTED, "insufficient_funds", None))
    await bench.until(lambda: bench.statuses("v1")[-1] != "pending_cancel")
    assert bench.statuses("v1")[-1] == "unknown"


async def test_halt_refuses_submits_lets_cancels_through_and_survives_a_restart(bench: Bench) -> None:
    bridge = await bench.bridge()
    await bench.submit("h1")
    await bench.result("h1", ("accepted", None, None))
    assert (await bench.request("ctl.toy.halt", account="main", by="me", why="test"))["ok"]
    await bench.submit("h2")
    await bench.result("h2", (REJECTED, "halted", None))
    await bench.stop(bridge)
    await bench.bridge()
    await bench.submit("h3")
    await bench.result("h3", (REJECTED, "halted", None))
    await bench.send("cancel", "h4", client_order_id="h1")
    await bench.result("h4", ("accepted", None, None))
    assert (await bench.request("ctl.toy.resume", account="main"))["ok"]
    await bench.submit("h5")
    await bench.result("h5", ("accepted", None, None))
    assert (await bench.request("ctl.toy.halt", cancel_all=True))["ok"]
    await bench.until(lambda: bench.statuses("h5")[-1] == "canceled")
    refused = await bench.request("ctl.toy.halt", account="nobody")
    assert (refused["ok"], refused["reason"]) == (False, "unknown_account")


async def test_while_the_venue_is_away_commands_wait_and_then_are_refused(bench: Bench) -> None:
    bench.venue.script("connect", "refuse")
    await bench.bridge(ready=False)
    await bench.submit("w1", expires_at=time.time_ns() + 400_000_000)
    await bench.result("w1", (REJECTED, "not_connected", None))
    await bench.submit("w2")
    bench.venue.script("connect", "accept")
    await bench.result("w2", ("accepted", None, None))
    assert bench.venue.log() == [("submit", "w2")]


async def test_no_submit_goes_out_before_the_account_is_reconciled(bench: Bench) -> None:
    bench.venue.script("snapshot", "fail")
    await bench.bridge(ready=False)
    await bench.until(lambda: "degraded" in bench.sessions())
    await bench.submit("q1", expires_at=time.time_ns() + 300_000_000)
    await bench.result("q1", (REJECTED, "not_connected", None))
    assert bench.venue.log() == []


async def test_after_a_reconnect_the_difference_is_published_and_the_hole_marked(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("g1")
    await bench.submit("g2")
    await bench.result("g2", ("accepted", None, None))
    order = bench.venue.get("g1")
    assert order is not None
    order.status, order.filled_quantity = OrderStatus.FILLED, "1"
    bench.venue.put(order)
    fill = Fill(
        account="main", symbol="X", fill_id="f7", side=Side.BUY, price="2.5", quantity="1", venue_order_id="Vg1"
    )
    bench.venue.set("state", "fills", [fill])
    foreign = Order(symbol="Y", side=Side.SELL, order_type=OrderType.LIMIT, status=OrderStatus.NEW, quantity="3",
                    filled_quantity="0", price="9", venue_order_id="hand")  # fmt: skip
    bench.venue.put(foreign)
    before = len(bench.venue.sessions)
    assert (await bench.request("ctl.toy.reconnect"))["ok"]
    await bench.until(lambda: len(bench.venue.sessions) > before and bench.statuses("g1")[-1] == "filled")
    assert bench.of("order", "g1")[-1]["reconciled"] is True
    assert bench.of("fill")[-1]["reconciled"] is True
    assert bench.of("order", "hand")[-1]["external"] is True
    assert bench.statuses("g2") == ["pending_new", "new"]
    await bench.until(lambda: any(subject == "sys.toy.gap" for subject, _ in bench.messages))


async def test_a_session_that_ends_itself_by_canceling_is_followed_by_the_next(bench: Bench) -> None:
    bridge = await bench.bridge()
    before = len(bench.venue.sessions)
    [running] = [task for task in asyncio.all_tasks() if task.get_name() == "toy-session"]
    running.cancel()
    await bench.until(lambda: len(bench.venue.sessions) > before and bench.sessions()[-1] == "ready")
    assert "closed" not in bench.sessions()
    assert bridge.venues["toy"].sessions.reconnects == 1
    await bench.submit("again")
    await bench.result("again", ("accepted", None, None))


async def test_a_hole_within_a_session_is_told_as_healed_once_the_venue_was_asked(bench: Bench) -> None:
    bridge = await bench.bridge()
    context = bridge.venues["toy"].sessions._context
    assert context is not None
    context.resync("a message was lost")

    def told() -> list[bool]:
        gaps = [message for subject, message in bench.messages if subject == "sys.toy.gap"]
        return [gap["healed"] for gap in gaps if gap["reason"] == "a message was lost"]

    await bench.until(lambda: len(told()) == 2)
    assert told() == [False, True]


class Refuses:
    """Refuses big orders, and falls over cursed ones."""

    name = "refuses"
    order = 1

    def check(self, command: AnyCommand, venue: str, account: str) -> None:
        if isinstance(command, Submit) and command.quantity == "1000":
            raise CommandRejected(Reason.RISK, "too big")
        if isinstance(command, Submit) and command.quantity == "13":
            raise ZeroDivisionError("a bug of the interceptor")


class Falls:
    """An observer that always fails."""

    name = "falls"

    def __init__(self) -> None:
        self.seen = 0

    def observe(self, event: Event, venue: str) -> None:
        self.seen += 1
        raise ValueError("a bug of the observer")


async def test_interceptors_refuse_and_failing_observers_are_switched_off(bench: Bench) -> None:
    falls = Falls()
    await bench.bridge(ToyPlugin(bench.venue, interceptors=(Refuses(),), observers=(falls,)))
    await bench.submit("in1", quantity="1000")
    await bench.result("in1", (REJECTED, "risk", None))
    await bench.submit("in2", quantity="13")
    await bench.result("in2", (REJECTED, "internal", None))
    for number in range(8):
        await bench.submit(f"ok{number}")
        await bench.result(f"ok{number}", ("accepted", None, None))
    assert falls.seen == 10
    assert bench.venue.count("in1") == bench.venue.count("in2") == 0


async def test_requests_are_answered_and_the_service_is_discoverable(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("s1")
    await bench.result("s1", ("accepted", None, None))
    orders = await bench.request("qry.toy.main.orders")
    assert [order["client_order_id"] for order in orders["items"]] == ["s1"]
    assert (await bench.request("qry.toy.main.orders", symbol="Z"))["items"] == []
    [order] = (await bench.request("qry.toy.main.order", venue_order_id="Vs1"))["items"]
    assert order["status"] == "new"
    assert (await bench.request("qry.toy.main.order"))["reason"] == "invalid"
    assert (await bench.request("qry.toy.main.order", client_order_id="no"))["reason"] == "unknown_order"
    assert (await bench.request("qry.toy.nobody.orders"))["reason"] == "unknown_account"
    assert (await bench.request("qry.toy.main.instruments"))["items"] == [{"symbol": "X"}]
    assert (await bench.request("qry.toy.main.horoscope"))["reason"] == "unsupported"
    assert (await bench.request("ctl.toy.dance"))["reason"] == "unsupported"
    assert (await bench.request("ctl.toy.subscribe", symbols=["X"]))["reason"] == "unsupported"
    assert (await bench.request("ctl.toy.resolve", account="main"))["reason"] == "invalid"
    ping = await bench.client.request("$SRV.PING.venuebus", timeout=2)
    assert msgspec.json.decode(ping.data)["type"] == "io.nats.micro.v1.ping_response"


async def test_messagepack_is_spoken_both_ways(bench: Bench) -> None:
    bench.bus["encoding"] = "msgpack"
    bridge = await bench.bridge()
    body = encode(
        Submit(command_id="mp", symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, quantity="1", price="2"),
        "msgpack",
    )
    await bench.send("submit", "mp", raw=body)
    await bench.result("mp", ("accepted", None, None))
    bench.venue.script("submit", "hang")
    bench.venue.script("lookup", "fail")
    body = encode(
        Submit(command_id="mq", symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, quantity="1", price="2"),
        "msgpack",
    )
    await bench.send("submit", "mq", raw=body)
    await bench.result("mq", ("unknown", "timeout", None))
    await bench.stop(bridge)
    bench.venue.script("lookup", "accept")
    await bench.bridge()
    await bench.result("mq", ("unknown", "timeout", None), (REJECTED, "timeout", "query"))
    assert (await bench.request("qry.toy.main.orders"))["ok"]


async def test_bad_events_of_a_plugin_hurt_nobody(bench: Bench) -> None:
    await bench.bridge()
    order = Order(symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW, filled_quantity="NaN",
                  quantity="1", venue_order_id="nan")  # fmt: skip
    for status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
        bench.venue.context.publish(msgspec.structs.replace(order, status=status))
    bench.venue.context.publish(msgspec.structs.replace(order, venue_order_id=None))
    await bench.until(lambda: any(subject == "dead.toy.venue" for subject, _ in bench.messages))
    await bench.submit("still")
    await bench.result("still", ("accepted", None, None))
    assert len(bench.venue.sessions) == 1


async def test_a_link_lost_after_the_write_is_unknown_within_a_second(bench: Bench) -> None:
    await bench.bridge(ToyPlugin(bench.venue, request_timeout=10.0))
    bench.venue.script("submit", "take_and_hang", "hang", "accept")
    await bench.submit("l1")
    await bench.until(lambda: bench.venue.get("l1"))
    await bench.submit("l2")
    await bench.until(lambda: bench.venue.count("l2"))
    cut = time.monotonic()
    bench.venue.sessions[-1].done.set()
    await bench.until(lambda: bench.results("l1") and bench.results("l2"))
    assert time.monotonic() - cut < 1.0
    # The new session may know the order before the old one is given up: then it never was unknown.
    await bench.until(lambda: bench.results("l1")[-1] == ("accepted", None, "query"))
    await bench.result("l2", ("unknown", "timeout", None), ("rejected", "timeout", "query"))
    assert [status for status in bench.statuses("l1") if status != "unknown"] == ["pending_new", "new"]
    stamps = [(event["epoch"], event["seq"]) for event in bench.of("result", "l1")]
    first, last = stamps[0], stamps[-1]  # one and the same, where it never was unknown
    assert first[1] == 1
    assert last == first or last[1] == (2 if last[0] == first[0] else 1)  # a new session counts from 1 again
    assert len(bench.venue.sessions) == 2


async def test_an_amend_whose_answer_was_lost_is_settled_by_what_the_order_says(bench: Bench) -> None:
    await bench.bridge()
    await bench.submit("am")
    await bench.result("am", ("accepted", None, None))
    bench.venue.script("amend", "take_and_unknown", "unknown")
    await bench.send("amend", "am1", client_order_id="am", price="7")
    await bench.result("am1", ("unknown", "timeout", None), ("accepted", None, "query"))
    await bench.until(lambda: bench.statuses("am")[-1] == "new")
    assert bench.of("order", "am")[-1]["price"] == "7"
    await bench.send("amend", "am2", client_order_id="am", price="8")
    await bench.result("am2", ("unknown", "timeout", None), (REJECTED, "venue_rejected", "query"))
    await bench.until(lambda: bench.statuses("am")[-1] == "new")
    assert bench.of("order", "am")[-1]["price"] == "7"


async def test_a_cancel_of_an_order_placed_elsewhere_is_settled_too(bench: Bench) -> None:
    bench.venue.put(
        Order(
            symbol="Y",
            side=Side.SELL,
            order_type=OrderType.LIMIT,
            status=OrderStatus.NEW,
            quantity="3",
            filled_quantity="0",
            price="9",
            venue_order_id="hand",
        )
    )
    await bench.bridge()
    await bench.until(lambda: bench.of("order", "hand"))
    bench.venue.script("cancel", "unknown", "accept")
    await bench.send("cancel", "e1", venue_order_id="hand")
    await bench.result("e1", ("unknown", "timeout", None), (REJECTED, "venue_rejected", "query"))
    await bench.send("cancel", "e2", venue_order_id="hand", symbol="Z")
    await bench.result("e2", (REJECTED, "unknown_symbol", None))
    await bench.send("cancel", "e3", venue_order_id="hand", symbol="Y")
    await bench.result("e3", ("accepted", None, None))
    await bench.until(lambda: bench.statuses("hand")[-1] == "canceled")
    check_order_life(bench.of("order", "hand"))


async def test_a_fatal_error_waits_for_a_person(bench: Bench) -> None:
    bench.venue.script("connect", "fatal", "accept")
    bridge = await bench.bridge(ready=False)
    await bench.until(lambda: "failed" in bench.sessions())
    await bench.submit("f1", expires_at=time.time_ns() + 300_000_000)
    await bench.result("f1", (REJECTED, "not_connected", None))
    assert not bench.venue.sessions
    assert (await bench.request("ctl.toy.reconnect"))["ok"]
    await bench.until(lambda: str(bridge.venues["toy"].state.state) == "ready")
    await bench.submit("f2")
    await bench.result("f2", ("accepted", None, None))


async def test_an_open_breaker_refuses_and_a_refusal_of_the_venue_closes_it(bench: Bench) -> None:
    bridge = await bench.bridge()
    bench.venue.script("submit", *["unknown"] * 7, "reject", "unknown")
    for number in range(9):
        await bench.submit(f"b{number}")
        await bench.until(lambda number=number: bench.results(f"b{number}"))
    assert bridge.venues["toy"].engine.breaker.open_operations() == []
    for number in range(9, 16):
        await bench.submit(f"b{number}")
        await bench.until(lambda number=number: bench.results(f"b{number}"))
    assert bridge.venues["toy"].engine.breaker.open_operations() == ["submit"]
    await bench.submit("refused")
    await bench.result("refused", (REJECTED, "not_connected", None))
    assert bench.venue.count("refused") == 0
