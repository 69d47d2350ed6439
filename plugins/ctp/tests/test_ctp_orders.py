"""Orders over real sockets: each exchange's sequence, both refusals, every fault on the way, one order each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from venuebus import CommandRejected, NotSent, OrderKey, OutcomeUnknown, RetryableError
from venuebus.simulation import Fault
from venuebus.testing import FakeInstruction
from venuebus_ctp.orderrefs import OrderRefs
from venuebus_ctp.simulator import CtpSimulator
from venuebus_ctp.simulator.rows import Held
from venuebus_schemas import (
    Amend,
    Cancel,
    CancelAfter,
    CancelAll,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    PositionEffect,
    Query,
    Reason,
    Side,
    TimeInForce,
)

Connect = Callable[..., Awaitable[Any]]
EXCHANGES = {"au2712": "790", "sc2712": "530", "m2709": "3050", "TA709": "4900", "IF2712": "4050", "si2711": "9100"}


def of(made: Any, client_order_id: str) -> list[Order]:
    return [order for order in made.ctx.orders if order.client_order_id == client_order_id]


def key(instruction: FakeInstruction, **changes: Any) -> OrderKey:
    command: Any = instruction.command
    fields = {"client_order_id": command.client_order_id, "symbol": command.symbol, "keys": instruction.keys}
    return OrderKey(**{**fields, **changes})


# --- submit -------------------------------------------------------------------------------------------------------


async def test_the_claim_holds_what_finds_the_order_again(connect: Connect) -> None:
    made = await connect()
    first, second = made.submit(), made.submit("m2709")
    assert set(first.keys) == {"front_id", "session_id", "order_ref", "exchange_id", "request_id"}
    assert (first.keys["exchange_id"], second.keys["exchange_id"]) == ("SHFE", "DCE")
    assert int(second.keys["order_ref"]) == int(first.keys["order_ref"]) + 1


async def test_numbers_are_of_one_session_only_and_fit_twelve_digits(connect: Connect) -> None:
    first = int((await connect()).submit().keys["order_ref"])
    second = int((await connect()).submit().keys["order_ref"])
    assert 10**11 < first <= second < 10**12


@pytest.mark.parametrize("symbol", EXCHANGES)
async def test_a_resting_order_is_accepted_new_and_published_with_both_ids(connect: Connect, symbol: str) -> None:
    made = await connect()
    accepted = await made.session.execute(made.submit(symbol))
    order = accepted.order
    assert (order.status, order.client_order_id, order.external) == (OrderStatus.NEW, "o1", None)
    assert set(order.venue_order_ids) == {"ref", "sys"}
    assert of(made, "o1")[0].status is OrderStatus.PENDING_NEW
    assert made.ctx.find_order("main", venue_order_id=order.venue_order_ids["sys"]) is not None


@pytest.mark.parametrize(("symbol", "price"), EXCHANGES.items())
async def test_an_order_that_trades_at_once_is_filled_on_every_exchange(
    connect: Connect, sim: CtpSimulator, symbol: str, price: str
) -> None:
    made = await connect()
    accepted = await made.session.execute(made.submit(symbol, price=price, quantity="3"))
    assert accepted.order.status is OrderStatus.FILLED
    await made.ctx.until(lambda: sum(int(fill.quantity) for fill in made.ctx.of(Fill)) == 3)
    fills = made.ctx.of(Fill)
    assert {fill.client_order_id for fill in fills} == {"o1"}
    assert {fill.venue_order_id for fill in fills} == {accepted.order.venue_order_id}
    assert len({fill.fill_id for fill in fills}) == len(fills) == len(sim.counter.trades)


@pytest.mark.parametrize(("symbol", "price"), EXCHANGES.items())
async def test_a_fak_ends_canceled_with_its_fills_even_where_they_come_after_the_end(
    connect: Connect, sim: CtpSimulator, symbol: str, price: str
) -> None:
    made = await connect()
    bids, asks = sim.counter.engine.book(symbol, 1)
    accepted = await made.session.execute(
        made.submit(symbol, price=str(asks[0][0]), quantity="10", time_in_force=TimeInForce.IOC)
    )
    await made.ctx.until(lambda: made.ctx.of(Fill))
    assert accepted.order.status in (OrderStatus.CANCELED, OrderStatus.PARTIALLY_FILLED)
    await made.ctx.until(lambda: of(made, "o1")[-1].status is OrderStatus.CANCELED)
    last = of(made, "o1")[-1]
    assert (last.filled_quantity, last.leaves_quantity) == ("2", "0")
    assert sum(int(fill.quantity) for fill in made.ctx.of(Fill)) == 2
    assert bids


async def test_a_killed_fak_is_accepted_and_canceled_not_rejected(connect: Connect) -> None:
    made = await connect()
    accepted = await made.session.execute(made.submit(time_in_force=TimeInForce.IOC))
    assert (accepted.order.status, accepted.order.filled_quantity) == (OrderStatus.CANCELED, "0")


async def test_repeated_reports_are_dropped_and_counted(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    await made.session.execute(made.submit())
    states = [(order.status, order.filled_quantity, order.venue_status) for order in of(made, "o1")]
    assert len(states) == len(set(states))
    assert made.ctx.counts["report_repeated"] >= 1


async def test_two_refusal_messages_are_one_refusal(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(made.submit("zz9999", price="1", params={"exchange": "INE"}))
    assert (caught.value.reason, caught.value.venue_status) == (Reason.UNKNOWN_SYMBOL, "16")
    assert (await made.session.execute(made.submit())).order.status is OrderStatus.NEW
    assert made.ctx.counts["refusal_repeated_or_foreign"] == 1


async def test_a_refusal_by_the_exchange_is_rejected_with_its_text(connect: Connect) -> None:
    made = await connect()
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(made.submit("m2709", price="2900.5"))
    assert caught.value.reason is Reason.PRICE
    assert "价格非最小单位倍数" in str(caught.value)
    assert caught.value.venue_status == "5/4"
    assert of(made, "o1")[-1].status is OrderStatus.REJECTED


async def test_czce_never_gets_a_price_that_it_would_cut_down(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(made.submit("TA709", price="4701"))
    assert caught.value.reason is Reason.PRICE
    assert sim.counter.inserts == 0


@pytest.mark.parametrize(
    ("effect", "held", "reason"),
    [
        (PositionEffect.CLOSE, Held(today=3), Reason.RISK),
        (PositionEffect.CLOSE_TODAY, Held(older=3), Reason.RISK),
        (PositionEffect.CLOSE, Held(older=3), None),
        (PositionEffect.CLOSE_TODAY, Held(today=3), None),
        (PositionEffect.CLOSE_YESTERDAY, Held(today=3, older=3), None),
    ],
)
async def test_at_shfe_close_means_close_yesterday(
    connect: Connect, sim: CtpSimulator, effect: PositionEffect, held: Held, reason: Reason | None
) -> None:
    made = await connect()
    sim.counter.accounts["028742"].held[("au2712", "2")] = held
    sell = made.submit(side=Side.SELL, price="800", quantity="3", position_effect=effect)
    if reason is None:
        assert (await made.session.execute(sell)).order.status is OrderStatus.NEW
        return
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(sell)
    assert caught.value.reason is reason
    assert "close_" in str(caught.value)


async def test_a_settlement_that_is_not_confirmed_yet_is_tried_once_more(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.counter.accounts["028742"].settled = False
    assert (await made.session.execute(made.submit())).order.status is OrderStatus.NEW
    assert (sim.counter.inserts, made.ctx.counts["settlement_retry"]) == (1, 1)


async def test_an_exchange_that_stays_silent_leaves_the_order_pending_and_accepted(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect(exchange_grace=0.05)
    sim.counter.exchange_silent = True
    accepted = await made.session.execute(made.submit())
    assert (accepted.order.status, accepted.order.venue_status) == (OrderStatus.PENDING_NEW, "a/0")


async def test_many_orders_at_once_go_out_in_rising_orderrefs(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    instructions = [made.submit() for _ in range(20)]
    ends = await asyncio.gather(*(made.session.execute(one) for one in reversed(instructions)))
    assert [end.order.status for end in ends] == [OrderStatus.NEW] * 20
    refs = [int(row["OrderRef"]) for row in sim.counter.orders]
    assert refs == sorted(refs)
    assert sim.counter.inserts == 20


async def test_a_stop_order_waits_fires_and_works_as_one_order(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    stop = made.submit("m2709", order_type=OrderType.STOP_LIMIT, price="3010", trigger_price="3005")
    accepted = await made.session.execute(stop)
    assert (accepted.order.status, accepted.order.trigger_price) == (OrderStatus.NEW, "3005")
    assert accepted.order.venue_order_ids["sys"].startswith("DCE:TJBD_")
    sim.counter.engine.step("m2709", ticks=6, trade=True)
    await made.ctx.until(lambda: made.ctx.of(Fill))
    states = [order.status for order in of(made, "o1")]
    assert OrderStatus.TRIGGERED in states
    assert states[-1] is OrderStatus.FILLED
    assert {fill.client_order_id for fill in made.ctx.of(Fill)} == {"o1"}


# --- faults -------------------------------------------------------------------------------------------------------


async def test_a_socket_cut_after_the_insert_was_forwarded_is_unknown_and_resolved_by_query_with_one_order(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect()
    sim.faults.add(Fault(point="order.answer", action="cut"))
    submit = made.submit()
    with pytest.raises(OutcomeUnknown):
        await made.session.execute(submit)
    assert sim.counter.inserts == 1
    again = await connect()
    found = await again.session.lookup("main", key(submit))
    assert found is not None
    assert (found.order.client_order_id, found.order.status) == ("o1", OrderStatus.NEW)
    assert found.order.external is None
    assert sim.counter.inserts == 1


async def test_a_socket_cut_before_the_insert_was_forwarded_is_unknown_and_then_absent(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect()
    sim.faults.add(Fault(point="order.insert", action="cut"))
    submit = made.submit()
    with pytest.raises(OutcomeUnknown):
        await made.session.execute(submit)
    again = await connect()
    assert await again.session.lookup("main", key(submit)) is None
    assert sim.counter.inserts == 0


@pytest.mark.parametrize(("point", "inserts"), [("order.insert", 0), ("order.answer", 1)])
async def test_an_insert_without_any_answer_is_unknown_after_the_time_out(
    connect: Connect, sim: CtpSimulator, point: str, inserts: int
) -> None:
    made = await connect(request_timeout=0.1)
    sim.faults.add(Fault(point=point, action="drop"))
    submit = made.submit()
    with pytest.raises(OutcomeUnknown):
        await made.session.execute(submit)
    found = await made.session.lookup("main", key(submit))
    assert (found is not None) == (inserts == 1) == (sim.counter.inserts == 1)


async def test_a_filled_order_is_looked_up_with_its_fills(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.faults.add(Fault(point="order.answer", action="cut"))
    submit = made.submit(price="790", quantity="2")
    with pytest.raises(OutcomeUnknown):
        await made.session.execute(submit)
    again = await connect()
    found = await again.session.lookup("main", key(submit))
    assert found is not None
    assert found.order.status is OrderStatus.FILLED
    assert [(fill.quantity, fill.client_order_id) for fill in found.fills] == [("2", "o1")]


async def test_the_gateways_own_refusal_names_no_order_and_is_the_last_one_sent(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect()
    sim.faults.add(Fault(point="order.insert", action="error"))
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(made.submit())
    assert caught.value.reason is Reason.NOT_CONNECTED
    assert made.ctx.state is not None


async def test_a_front_lost_between_insert_and_report_makes_it_unknown_at_the_next_login(
    connect: Connect, sim: CtpSimulator, eventually: Any
) -> None:
    made = await connect(request_timeout=5.0)
    sim.faults.add(Fault(point="order.answer", action="drop"))
    submit = made.submit()
    executing = asyncio.create_task(made.session.execute(submit))
    await eventually(lambda: sim.counter.inserts > 0)
    sim.lose_front()
    sim.restore_front()
    with pytest.raises(OutcomeUnknown, match="logged in again"):
        await asyncio.wait_for(executing, 2)
    found = await made.session.lookup("main", key(submit))
    assert found is not None
    assert found.order.client_order_id == "o1"


async def test_a_command_claimed_before_the_front_was_lost_is_not_sent_under_its_old_number(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect()
    submit = made.submit()
    sim.lose_front()
    sim.restore_front()
    await made.ctx.until(lambda: made.ctx.resyncs)
    with pytest.raises(NotSent):
        await made.session.execute(submit)
    assert submit.sent == 1  # started, so that the bridge prepares and claims anew
    assert sim.counter.inserts == 0
    submit.keys = made.session.prepare(submit)
    assert (await made.session.execute(submit)).order.status is OrderStatus.NEW


async def test_a_command_whose_time_has_passed_is_not_sent(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    submit = made.submit()
    submit.expired = True
    with pytest.raises(NotSent):
        await made.session.execute(submit)
    assert "ReqOrderInsert" not in sim.received
    assert (await made.session.execute(made.submit())).order.status is OrderStatus.NEW


async def test_a_closed_socket_is_proof_that_nothing_was_sent(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    submit = made.submit()
    for client in list(sim.clients):
        sim.cut(client)
    await asyncio.gather(made.running, return_exceptions=True)
    with pytest.raises(NotSent):
        await made.session.execute(submit)


@pytest.mark.parametrize("action", ["duplicate", "reorder"])
async def test_reports_that_come_twice_or_late_change_nothing(connect: Connect, sim: CtpSimulator, action: Any) -> None:
    made = await connect()
    sim.faults.add(Fault(point="frame", action=action, match="RtnOrder", times=2))
    accepted = await made.session.execute(made.submit(price="790"))
    await made.ctx.until(lambda: made.ctx.of(Fill))
    await made.ctx.until(lambda: of(made, "o1")[-1].status is OrderStatus.FILLED)
    assert accepted.order.client_order_id == "o1"
    assert len(made.ctx.of(Fill)) == 1


async def test_a_trade_before_its_order_is_kept_until_the_order_is_known(connect: Connect, sim: CtpSimulator) -> None:
    """Orders of the time when nobody was logged in are never pushed, their later trades are."""
    made = await connect()
    resting = await made.session.execute(made.submit("m2709", price="2999"))
    await made.close()
    again = await connect()
    sim.faults.add(Fault(point="frame", action="drop", match="RtnOrder", times=9))
    sim.counter.engine.step("m2709", ticks=-3, trade=False)
    await again.ctx.until(lambda: again.ctx.resyncs)
    assert again.ctx.of(Fill) == []
    sim.faults.clear()
    again.ctx.orders.append(resting.order)  # what the bridge remembers
    snapshot = await again.session.snapshot("main", 0)
    assert snapshot.fills is not None
    assert {fill.client_order_id for fill in snapshot.fills} == {"o1"}
    assert len(snapshot.fills) == 1


# --- look-up ------------------------------------------------------------------------------------------------------


async def test_a_query_that_proves_nothing_is_no_absence(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(query_timeout=0.1)
    submit = made.submit()
    sim.faults.add(Fault(point="query", action="drop"))
    with pytest.raises(RetryableError):
        await made.session.lookup("main", key(submit))


async def test_an_order_of_an_earlier_day_is_not_called_absent(connect: Connect) -> None:
    made = await connect()
    submit = made.submit()
    with pytest.raises(RetryableError, match="forgot"):
        await made.session.lookup("main", key(submit, ts_claimed=1_731_070_800_000_000_000))


async def test_a_known_day_order_of_an_earlier_day_has_expired(connect: Connect) -> None:
    made = await connect()
    accepted = await made.session.execute(made.submit())
    old = accepted.order
    old.trading_day = "2024-11-11"
    found = await made.session.lookup(
        "main", OrderKey(client_order_id="o1", venue_order_id="9:9:9", symbol="m2709", order=old)
    )
    assert found is not None
    assert (found.order.status, found.order.leaves_quantity) == (OrderStatus.EXPIRED, "0")


async def test_the_same_orderref_under_another_session_proves_nothing(connect: Connect, sim: CtpSimulator) -> None:
    other = await connect()
    submit = other.submit()
    await other.session.execute(submit)
    made = await connect()
    asked = key(submit, keys={**submit.keys, "session_id": "-1"})
    sim.counter.orders[0]["RequestID"] = 0
    with pytest.raises(RetryableError, match="nothing is proved"):
        await made.session.lookup("main", asked)
    sim.counter.orders[0]["RequestID"] = 77  # certainly another request
    assert await made.session.lookup("main", asked) is None


# --- other sessions -----------------------------------------------------------------------------------------------


async def test_orders_of_another_session_are_external_and_can_be_canceled(connect: Connect, sim: CtpSimulator) -> None:
    made, other = await connect(), await connect()
    placed = await other.session.execute(other.submit(price="790"))
    resting = await other.session.execute(other.submit())
    await made.ctx.until(lambda: len(made.ctx.of(Fill)) == 1)
    await made.ctx.until(lambda: made.ctx.find_order("main", venue_order_id=resting.order.venue_order_id))
    seen = made.ctx.find_order("main", venue_order_id=resting.order.venue_order_id)
    assert (seen.external, seen.client_order_id) == (True, None)
    assert made.ctx.of(Fill)[0].venue_order_id == placed.order.venue_order_id
    cancel = Cancel(command_id="x", venue_order_id=seen.venue_order_ids["sys"])
    done = await made.session.execute(made.instruct(cancel, order=seen))
    assert done.order.status is OrderStatus.CANCELED


async def test_another_sessions_refusal_with_our_orderref_is_not_ours(
    connect: Connect, sim: CtpSimulator, eventually: Any
) -> None:
    """ErrRtnOrderInsert goes to all sessions, and every session counts OrderRef from 1."""
    made, other = await connect(exchange_grace=0.0), await connect()
    for one in (made, other):
        one.session._desk.refs = OrderRefs("1", asyncio.get_running_loop().time)
    mine = await made.session.execute(made.submit())
    foreign = other.submit("zz9999", price="1", params={"exchange": "INE"})
    assert foreign.keys["order_ref"] == mine.order.extra["OrderRef"]
    with pytest.raises(CommandRejected):
        await other.session.execute(foreign)
    await eventually(lambda: made.ctx.counts["refusal_repeated_or_foreign"])
    assert of(made, "o1")[-1].status is OrderStatus.NEW


async def test_a_snapshot_after_a_restart_finds_open_orders_by_the_ids_the_bridge_kept(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect()
    mine = await made.session.execute(made.submit())
    await made.session.execute(made.submit("m2709", price="3050"))
    await made.close()
    again = await connect()
    again.ctx.orders.append(mine.order)
    snapshot = await again.session.snapshot("main", 0)
    assert [(order.client_order_id, order.external) for order in snapshot.orders] == [("o1", None)]
    assert [(position.symbol, position.quantity) for position in snapshot.positions] == [("m2709", "1")]
    assert {fill.symbol for fill in snapshot.fills} == {"m2709"}
    assert snapshot.balances[0].currency == "CNY"


# --- cancel -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", EXCHANGES)
async def test_cancel(connect: Connect, symbol: str) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit(symbol))).order
    done = await made.session.execute(made.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))
    assert (done.order.status, done.order.client_order_id) == (OrderStatus.CANCELED, "o1")
    assert of(made, "o1")[-1].status is OrderStatus.CANCELED


async def test_cancels_are_counted_per_contract_and_day_without_faks(connect: Connect) -> None:
    made = await connect(cancel_warning=2)
    for number in (1, 2):
        order = (await made.session.execute(made.submit())).order
        await made.session.execute(made.instruct(Cancel(command_id=f"x{number}", client_order_id="o"), order=order))
    await made.session.execute(made.submit(time_in_force=TimeInForce.IOC))
    rows = await made.session.query("main", "cancels", Query())
    assert [(row["symbol"], row["cancels"]) for row in rows] == [("au2712", 2)]
    assert (made.ctx.counts["cancels"], made.ctx.counts["cancel_warning"]) == (2, 1)


async def test_an_order_the_exchange_has_not_answered_is_canceled_by_its_first_keys(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect(exchange_grace=0.0)
    sim.counter.exchange_silent = True
    order = (await made.session.execute(made.submit())).order
    done = await made.session.execute(made.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))
    assert done.order.status is OrderStatus.CANCELED


async def test_czce_refuses_that(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(exchange_grace=0.0)
    sim.counter.exchange_silent = True
    order = (await made.session.execute(made.submit("TA709"))).order
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(made.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))
    assert caught.value.venue_status == "157"


async def test_a_cancel_of_an_order_known_only_to_the_bridge_uses_the_raw_ids(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit())).order
    await made.close()
    again = await connect()
    done = await again.session.execute(again.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))
    assert done.order.status is OrderStatus.CANCELED


async def test_a_cancel_that_is_not_found_is_tried_once_by_the_other_key(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit())).order
    sim.faults.add(Fault(point="order.action", action="refuse"))
    done = await made.session.execute(made.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))
    assert done.order.status is OrderStatus.CANCELED
    assert sim.received.count("ReqOrderAction") == 2
    sim.faults.add(Fault(point="order.action", action="refuse", times=2))
    order = (await made.session.execute(made.submit())).order
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(made.instruct(Cancel(command_id="y", client_order_id="o2"), order=order))
    assert caught.value.reason is Reason.UNKNOWN_ORDER


async def test_a_cancel_that_comes_too_late_says_that_the_order_is_over(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit("m2709", price="2999"))).order
    sim.faults.add(Fault(point="frame", action="drop", match="Rtn", times=9))
    sim.counter.engine.step("m2709", ticks=-3, trade=False)
    sim.faults.clear()
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(made.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))
    assert (caught.value.reason, caught.value.venue_status) == (Reason.UNKNOWN_ORDER, "26")
    assert made.ctx.resyncs


async def test_a_cancel_without_an_answer_is_unknown(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(request_timeout=0.1)
    order = (await made.session.execute(made.submit())).order
    sim.faults.add(Fault(point="order.action", action="drop"))
    with pytest.raises(OutcomeUnknown):
        await made.session.execute(made.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))


async def test_several_cancels_and_one_nameless_refusal_are_all_unknown(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    orders = [(await made.session.execute(made.submit())).order for _ in range(2)]
    sim.faults.add(Fault(point="order.action", action="drop"))
    sim.faults.add(Fault(point="order.action", action="error"))
    ends = await asyncio.gather(
        *(
            made.session.execute(made.instruct(Cancel(command_id=f"x{n}", client_order_id="o"), order=order))
            for n, order in enumerate(orders)
        ),
        return_exceptions=True,
    )
    assert [type(end) for end in ends] == [OutcomeUnknown, OutcomeUnknown]


async def test_cancel_all_takes_external_orders_too_and_counts(connect: Connect, sim: CtpSimulator) -> None:
    made, other = await connect(), await connect()
    await made.session.execute(made.submit())
    await made.session.execute(made.submit("m2709"))
    await other.session.execute(other.submit("IF2712"))
    one = await made.session.execute(made.instruct(CancelAll(command_id="x", symbol="m2709")))
    assert one.text == "canceled 1 of 1 open orders"
    rest = await made.session.execute(made.instruct(CancelAll(command_id="y")))
    assert rest.text == "canceled 2 of 2 open orders"
    none = await made.session.execute(made.instruct(CancelAll(command_id="z")))
    assert none.text == "canceled 0 of 0 open orders"


async def test_cancel_all_counts_what_was_not_canceled(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    for _ in range(3):
        await made.session.execute(made.submit())
    sim.faults.add(Fault(point="order.action", action="refuse", times=4))
    done = await made.session.execute(made.instruct(CancelAll(command_id="x")))
    assert done.text.startswith("canceled 2 of 3 open orders; not canceled: 1")


# --- amend --------------------------------------------------------------------------------------------------------


async def test_amend_is_unsupported_unless_replacing_is_asked_for(connect: Connect) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit())).order
    with pytest.raises(CommandRejected, match="replace") as caught:
        made.instruct(Amend(command_id="a", client_order_id="o1", price="761"), order=order)
    assert caught.value.reason is Reason.UNSUPPORTED


async def test_a_replaced_order_goes_on_as_one_order(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit("m2709", price="2999", quantity="5"))).order
    sim.counter.engine.step("m2709", ticks=-2, trade=False)  # two lots come down to its price
    await made.ctx.until(lambda: made.ctx.of(Fill))
    filled = int(of(made, "o1")[-1].filled_quantity)
    assert filled == 2
    amend = Amend(command_id="a", client_order_id="o1", price="2900", quantity="8", params={"replace": True})
    done = await made.session.execute(made.instruct(amend, order=order))
    assert (done.order.quantity, done.order.price, done.order.client_order_id) == ("8", "2900", "o1")
    assert int(done.order.filled_quantity) == filled
    assert done.order.venue_order_ids["replaced"] == order.venue_order_id
    assert OrderStatus.CANCELED not in [one.status for one in of(made, "o1")]
    working = [row for row in sim.counter.orders if row["OrderStatus"] not in "05"]
    assert [row["VolumeTotal"] for row in working] == [8 - filled]
    cancel = Cancel(command_id="x", client_order_id="o1")
    assert (await made.session.execute(made.instruct(cancel, order=done.order))).order.status is OrderStatus.CANCELED


async def test_a_replacement_that_is_refused_leaves_the_order_canceled_and_says_so(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit())).order
    amend = Amend(command_id="a", client_order_id="o1", price="100", params={"replace": True})
    done = await made.session.execute(made.instruct(amend, order=order))
    assert done.order.status is OrderStatus.CANCELED
    assert "refused" in done.text


async def test_a_dead_mans_switch_is_unsupported(connect: Connect) -> None:
    made = await connect()
    with pytest.raises(CommandRejected) as caught:
        made.instruct(CancelAfter(command_id="x", timeout_ms=1000))
    assert caught.value.reason is Reason.UNSUPPORTED


async def test_one_unanswered_order_does_not_hold_up_the_others_for_long(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(request_timeout=3.0)
    sim.faults.add(Fault(point="order.answer", action="drop"))
    lost, next_one = made.submit(), made.submit("m2709")
    first = asyncio.create_task(made.session.execute(lost))
    second = await asyncio.wait_for(made.session.execute(next_one), 2.0)
    assert second.order.status is OrderStatus.NEW
    assert not first.done()
    with pytest.raises(OutcomeUnknown):
        await first


async def test_two_unanswered_orders_and_one_nameless_refusal_are_both_unknown(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect(request_timeout=3.0)
    sim.faults.add(Fault(point="order.answer", action="drop"))
    sim.faults.add(Fault(point="order.insert", action="error", match="m2709"))
    ends = await asyncio.gather(
        made.session.execute(made.submit()), made.session.execute(made.submit("m2709")), return_exceptions=True
    )
    assert [type(end) for end in ends] == [OutcomeUnknown, OutcomeUnknown]


async def test_an_orderref_that_the_counter_knows_already_makes_the_numbers_jump(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect()
    submit = made.submit()
    client = next(client for client in sim.clients if client.kind == "td")
    client.used_refs.add(int(submit.keys["order_ref"]) + 500)
    with pytest.raises(CommandRejected) as caught:
        await made.session.execute(submit)
    assert (caught.value.reason, caught.value.venue_status) == (Reason.DUPLICATE, "22")
    assert (await made.session.execute(made.submit())).order.status is OrderStatus.NEW


async def test_a_replaced_order_is_one_order_after_a_restart_too(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit("m2709", price="2999", quantity="5"))).order
    sim.counter.engine.step("m2709", ticks=-2, trade=False)
    await made.ctx.until(lambda: made.ctx.of(Fill))
    amend = Amend(command_id="a", client_order_id="o1", price="2900", params={"replace": True})
    live = (await made.session.execute(made.instruct(amend, order=order))).order
    await made.close()
    again = await connect()
    again.ctx.orders.append(live)
    snapshot = await again.session.snapshot("main", 0)
    assert [(one.client_order_id, one.status, one.quantity, one.filled_quantity) for one in snapshot.orders] == [
        ("o1", OrderStatus.NEW, "5", "2")
    ]


async def test_reports_of_another_investor_are_left_out(connect: Connect, eventually: Any) -> None:
    made = await connect(investor_id="028743")
    other = await connect()
    await other.session.execute(other.submit(price="790"))
    await eventually(lambda: made.ctx.counts["other_investor"] >= 3)
    assert made.ctx.orders == made.ctx.of(Fill) == []


async def test_an_order_that_the_counter_took_under_a_login_nobody_had_heard_of_is_found(
    connect: Connect, sim: CtpSimulator
) -> None:
    """The front comes back while the order is on its way: it works under a session that is not in the claim."""
    made = await connect()
    submit = made.submit()
    sim.lose_front()
    sim.restore_front()  # the login is on its way to us, the order on its way to the gateway
    with pytest.raises(OutcomeUnknown):
        await made.session.execute(submit)
    assert sim.counter.inserts == 1
    found = await made.session.lookup("main", key(submit))
    assert found is not None
    assert (found.order.client_order_id, found.order.external, found.order.status) == ("o1", None, OrderStatus.NEW)
    assert found.order.venue_order_id != f"1:{submit.keys['session_id']}:{submit.keys['order_ref']}"
    again = await connect()  # and after a restart, by what the claim holds
    found = await again.session.lookup("main", key(submit))
    assert found is not None
    assert found.order.client_order_id == "o1"


async def test_a_nameless_refusal_that_comes_late_is_not_taken_for_the_next_orders(
    connect: Connect, sim: CtpSimulator, eventually: Any
) -> None:
    made = await connect(request_timeout=0.1)
    sim.faults.add(Fault(point="order.insert", action="drop"))
    with pytest.raises(OutcomeUnknown):
        await made.session.execute(made.submit())
    sim.faults.add(Fault(point="order.answer", action="drop"))
    executing = asyncio.create_task(made.session.execute(made.submit()))
    await eventually(lambda: sim.counter.inserts == 1)
    client = next(client for client in sim.clients if client.kind == "td")
    sim.gateway_error(client, "RspOrderInsert", -1)  # the first one's
    with pytest.raises(OutcomeUnknown):
        await executing


async def test_an_order_lives_and_ends_through_dirty_reports(connect: Connect, sim: CtpSimulator) -> None:
    """Garbage names beside the true one, stray bytes, NaN: as a gateway older than its counter writes them."""
    made = await connect()
    sim.dirty = {"names", "surrogate", "nan"}
    order = (await made.session.execute(made.submit())).order
    assert (order.symbol, order.status) == ("au2712", OrderStatus.NEW)
    done = await made.session.execute(made.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))
    assert done.order.status is OrderStatus.CANCELED
    await made.session.execute(made.submit("m2709", price="3050"))
    await made.ctx.until(lambda: made.ctx.of(Fill))
    assert made.ctx.of(Fill)[0].symbol == "m2709"
    assert made.ctx.dead_letters == []
    assert sim.leaked == 0


async def test_ids_that_cannot_be_sent_back_never_reach_the_gateway(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    order = (await made.session.execute(made.submit())).order
    await made.close()
    again = await connect()
    order.extra = {"ExchangeID": "SHFE", "OrderSysID": "x" * 30}
    with pytest.raises(CommandRejected) as caught:
        await again.session.execute(again.instruct(Cancel(command_id="x", client_order_id="o1"), order=order))
    assert caught.value.reason is Reason.UNKNOWN_ORDER
    assert "ReqOrderAction" not in sim.received
