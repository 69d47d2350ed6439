"""Orders on the simulated OpenD: what happens, what is told, and what is said when nothing can be proved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from venuebus import CommandRejected, NotSent, OrderKey, OutcomeUnknown, RetryableError
from venuebus.simulation import Fault
from venuebus_futu import messages
from venuebus_futu.simulator import OpendSimulator
from venuebus_schemas import Fill, Order, Query, Reason

Connect = Callable[..., Awaitable[Any]]
LIMIT: dict[str, Any] = {
    "symbol": "HK.00700", "side": "buy", "order_type": "limit", "quantity": "200", "price": "470",
    "client_order_id": "mine-1",
}  # fmt: skip


async def last(desk: Any, status: str, client_order_id: str = "mine-1") -> Order:
    """Wait for an order's status and return that event."""

    def found() -> Order | None:
        orders = [o for o in desk.ctx.of(Order) if o.client_order_id == client_order_id]
        return orders[-1] if orders and orders[-1].status == status else None

    await desk.ctx.until(found)
    order = found()
    assert order is not None
    return order


def sent(desk: Any, proto: int) -> list[Any]:
    return [c2s for number, c2s in desk.opend.requests if number == proto]


async def test_a_submit_carries_its_client_id_and_both_ids_come_back(desk: Any) -> None:
    accepted = await desk.do("submit", **LIMIT)
    (c2s,) = sent(desk, messages.PLACE)
    assert (c2s.remark, c2s.packetID.connID) == ("mine-1", next(iter(desk.opend.clients)).conn_id)
    assert set(accepted.order.venue_order_ids) == {"orderID", "orderIDEx"}
    order = await last(desk, "new")
    assert order.venue_order_ids == accepted.order.venue_order_ids
    assert (order.account, order.price, order.leaves_quantity) == ("real", "470", "200")


@pytest.mark.parametrize("push_first", [False, True])
async def test_a_push_may_come_before_or_after_the_answer(desk: Any, push_first: bool) -> None:
    desk.opend.push_before_answer = push_first
    await desk.do("submit", **{**LIMIT, "price": "481"})
    order = await last(desk, "filled")
    assert (order.filled_quantity, order.avg_fill_price) == ("200", "480.2")


async def test_fills_of_real_accounts_are_pushed_and_of_simulated_ones_are_not(desk: Any) -> None:
    await desk.do("submit", **{**LIMIT, "price": "481"})
    await desk.do("submit", account="sim", **{**LIMIT, "price": "482", "client_order_id": "sim-1"})
    await last(desk, "filled", "sim-1")
    await desk.ctx.until(lambda: desk.ctx.of(Fill))
    (fill,) = desk.ctx.of(Fill)
    assert (fill.account, fill.price, fill.quantity, fill.client_order_id) == ("real", "480.2", "200", "mine-1")
    assert "sim" in desk.ctx.derived


async def test_an_amend_and_a_cancel_by_the_bridges_knowledge(desk: Any) -> None:
    await desk.do("submit", **LIMIT)
    order = await last(desk, "new")
    await desk.do("amend", order=order, client_order_id="mine-1", quantity="300")
    await desk.ctx.until(lambda: desk.ctx.of(Order)[-1].quantity == "300")
    assert desk.ctx.of(Order)[-1].price == "470"
    await desk.do("cancel", order=order, client_order_id="mine-1")
    assert (await last(desk, "canceled")).leaves_quantity == "0"


async def test_an_order_that_the_bridge_does_not_know_is_looked_for_by_remark_or_either_id(desk: Any) -> None:
    ids = []
    for n in range(3):
        accepted = await desk.do("submit", **{**LIMIT, "client_order_id": f"mine-{n}"})
        ids.append(accepted.order.venue_order_ids)
    await desk.do("cancel", client_order_id="mine-0")
    await desk.do("cancel", venue_order_id=ids[1]["orderID"])
    await desk.do("cancel", venue_order_id=ids[2]["orderIDEx"])
    for n in range(3):
        await last(desk, "canceled", f"mine-{n}")
    with pytest.raises(CommandRejected) as caught:
        await desk.do("cancel", client_order_id="never-was")
    assert caught.value.reason is Reason.UNKNOWN_ORDER


async def test_a_cancel_of_an_order_that_is_over_is_refused_as_unknown_order(desk: Any) -> None:
    await desk.do("submit", **{**LIMIT, "price": "481"})
    order = await last(desk, "filled")
    with pytest.raises(CommandRejected) as caught:
        await desk.do("cancel", order=order, client_order_id="mine-1")
    assert caught.value.reason is Reason.UNKNOWN_ORDER


async def test_disable_enable_and_delete(desk: Any) -> None:
    await desk.do("submit", **LIMIT)
    order = await last(desk, "new")
    await desk.do("amend", order=order, client_order_id="mine-1", params={"operation": "disable"})
    assert not (await last(desk, "suspended")).status.is_final
    await desk.do("amend", order=order, client_order_id="mine-1", params={"operation": "enable"})
    await last(desk, "new")
    await desk.do("cancel", order=order, client_order_id="mine-1")
    await last(desk, "canceled")
    await desk.do("cancel", order=order, client_order_id="mine-1", params={"operation": "delete"})
    await desk.ctx.until(lambda: desk.ctx.of(Order)[-1].venue_status == "Deleted")


async def test_cancel_all_takes_every_open_order_external_ones_too(desk: Any) -> None:
    for n in range(3):
        await desk.do("submit", **{**LIMIT, "client_order_id": f"mine-{n}"})
    await desk.do("submit", **{**LIMIT, "symbol": "US.AAPL", "price": "200", "client_order_id": "apple"})
    elsewhere = desk.opend.place_elsewhere(281756455988249903, "HK.00700", 1, "100", "469")
    accepted = await desk.do("cancel_all", symbol="HK.00700")
    assert "4 open, 4 canceled, 0 ended otherwise, 0 refused" in accepted.text
    assert elsewhere.status == 15
    accepted = await desk.do("cancel_all")
    assert "1 open, 1 canceled" in accepted.text
    assert "0 open" in (await desk.do("cancel_all")).text


async def test_an_order_of_another_device_has_no_client_order_id(desk: Any) -> None:
    desk.opend.place_elsewhere(281756455988249903, "HK.00700", 1, "100", "469")
    await desk.ctx.until(lambda: desk.ctx.of(Order))
    assert {order.client_order_id for order in desk.ctx.of(Order)} == {None}


async def test_fills_that_are_taken_back(desk: Any) -> None:
    accepted = await desk.do("submit", **{**LIMIT, "price": "481"})
    await last(desk, "filled")
    await desk.ctx.until(lambda: desk.ctx.of(Fill))
    desk.opend.trades.take_back(int(accepted.order.venue_order_ids["orderID"]))
    await last(desk, "canceled")
    good, voided = desk.ctx.of(Fill)
    assert (good.voided, voided.voided, good.fill_id == voided.fill_id) == (None, True, True)
    assert desk.ctx.of(Order)[-1].filled_quantity == "0"
    assert desk.ctx.resyncs
    snapshot = await desk.session.snapshot("real", 0)
    assert [fill.voided for fill in snapshot.fills] == [True]


async def test_a_changed_fill_voids_the_one_before(desk: Any) -> None:
    await desk.do("submit", **{**LIMIT, "price": "481"})
    await desk.ctx.until(lambda: desk.ctx.of(Fill))
    (ticket,) = desk.opend.trades.tickets.values()
    changed = ticket.fills[0]
    changed.status, changed.price, changed.updateTimestamp = 2, 480.0, 1631522999.5
    for _ in range(2):  # it may be told twice
        desk.opend.trades._push_fill(ticket, changed)
    await desk.ctx.until(lambda: len(desk.ctx.of(Fill)) == 3)
    first, voided, again = desk.ctx.of(Fill)
    assert (voided.fill_id, voided.voided, voided.price) == (first.fill_id, True, "480.2")
    assert (again.price, again.voided, again.extra["replaces"]) == ("480", None, first.fill_id)
    assert again.fill_id != first.fill_id


@pytest.mark.parametrize(
    ("changes", "account", "reason"),
    [
        ({"quantity": "150"}, "real", Reason.QUANTITY),
        ({"quantity": "400000", "price": "480"}, "real", Reason.INSUFFICIENT_FUNDS),
        ({"symbol": "HK.00001"}, "real", Reason.UNKNOWN_SYMBOL),
        ({"order_type": "stop_limit", "trigger_price": "475"}, "sim", Reason.UNSUPPORTED),
    ],
)
async def test_refusals_of_the_venue(desk: Any, changes: dict[str, str], account: str, reason: Reason) -> None:
    with pytest.raises(CommandRejected) as caught:
        await desk.do("submit", account=account, **{**LIMIT, **changes})
    assert caught.value.reason is reason


async def test_a_locked_account_refuses_orders(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, trade_password=None, symbols=[], market_data=[])
    with pytest.raises(CommandRejected) as caught:
        await desk.do("submit", **LIMIT)
    assert caught.value.reason is Reason.UNAUTHORIZED


async def test_a_stop_waits_fires_and_fills(desk: Any) -> None:
    stop = {**LIMIT, "order_type": "stop", "side": "buy", "trigger_price": "481"}
    del stop["price"]
    await desk.do("submit", **stop)
    order = await last(desk, "new")
    assert (order.trigger_price, order.price, order.order_type) == ("481", None, "stop")
    desk.opend.step("HK.00700", ticks=10, trade=True)
    await last(desk, "filled")


async def test_an_unknown_account_and_a_dead_mans_switch(desk: Any) -> None:
    with pytest.raises(CommandRejected) as caught:
        await desk.do("submit", account="nobody", **LIMIT)
    assert caught.value.reason is Reason.UNKNOWN_ACCOUNT


# --- outcomes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(point="order", action="cut"),
        Fault(point="order", action="cut", after_bytes=60),
        Fault(point="order", action="drop"),
        Fault(point="order", action="act_and_error"),
        Fault(point="order", action="error"),
        Fault(point="order", action="garbage"),
    ],
    ids=lambda fault: f"{fault.action}{fault.after_bytes or ''}",
)
async def test_what_cannot_be_proved_is_unknown_and_found_by_its_remark(
    opend: OpendSimulator, connect: Connect, fault: Fault
) -> None:
    desk = await connect(opend, request_timeout=0.5, symbols=[], market_data=[])
    opend.faults.add(fault)
    with pytest.raises(OutcomeUnknown) as caught:
        await desk.do("submit", **LIMIT)
    assert caught.value.reason == ("not_connected" if fault.action in ("cut", "garbage") else "timeout")
    again = await connect(opend, ctx=desk.ctx, symbols=[], market_data=[])
    key = OrderKey(client_order_id="mine-1", symbol="HK.00700", keys={"remark": "mine-1"})
    found = await again.session.lookup("real", key)
    if fault.action == "error":
        assert found is None
    else:
        assert found is not None
        assert (found.order.status, found.order.client_order_id) == ("new", "mine-1")
    assert len(sent(again, messages.PLACE)) == 1


async def test_a_link_that_is_lost_before_the_first_byte_is_not_sent(desk: Any) -> None:
    desk.opend.drop_clients()
    await desk.lost()
    with pytest.raises(NotSent):
        await desk.do("submit", **LIMIT)
    assert sent(desk, messages.PLACE) == []


async def test_nothing_is_written_when_the_bridge_says_that_the_time_has_passed(desk: Any) -> None:
    instruction = desk.instruction("submit", **LIMIT)
    instruction.expired = True
    with pytest.raises(NotSent):
        await desk.session.execute(instruction)
    await desk.session.snapshot("sim", 0)  # a round trip, so that anything written before has arrived
    assert sent(desk, messages.PLACE) == []


async def test_a_stale_order_is_never_sent_after_the_session(desk: Any) -> None:
    """The official SDK holds an order back during an outage and sends it after the reconnection."""
    desk.opend.set_servers(trading=False)
    await desk.ctx.until(lambda: desk.ctx.state is not None)
    with pytest.raises(NotSent):
        await desk.session.execute(desk.instruction("submit", **LIMIT))
    desk.opend.set_servers(trading=True)
    await desk.ctx.until(lambda: desk.ctx.state is None)
    assert sent(desk, messages.PLACE) == []


async def test_a_refusal_is_certain_and_a_ban_is_one(desk: Any) -> None:
    desk.opend.faults.add(Fault(point="order", action="refuse"))
    with pytest.raises(CommandRejected):
        await desk.do("submit", **LIMIT)
    desk.opend.faults.add(Fault(point="order", action="ban"))
    with pytest.raises(CommandRejected) as caught:
        await desk.do("submit", **LIMIT)
    assert caught.value.reason is Reason.RATE_LIMITED
    assert desk.opend.trades.tickets == {}


async def test_a_duplicated_push_and_a_duplicated_answer_change_nothing(desk: Any) -> None:
    desk.opend.faults.add(Fault(point="order", action="duplicate"))
    desk.opend.faults.add(Fault(point="push", action="duplicate", times=3))
    await desk.do("submit", **{**LIMIT, "price": "481"})
    await last(desk, "filled")
    await desk.session.snapshot("sim", 0)
    assert len({fill.fill_id for fill in desk.ctx.of(Fill)}) == 1
    assert desk.ctx.dead_letters == []


async def test_one_answer_too_late_is_counted_and_the_next_command_gets_its_own(
    opend: OpendSimulator, connect: Connect
) -> None:
    desk = await connect(opend, request_timeout=0.2, symbols=[], market_data=[])
    opend.faults.add(Fault(point="order", action="delay", seconds=0.4))
    with pytest.raises(OutcomeUnknown):
        await desk.do("submit", **LIMIT)
    accepted = await desk.do("submit", **{**LIMIT, "client_order_id": "mine-2"})
    order = await last(desk, "new", "mine-2")
    assert order.venue_order_id == accepted.venue_order_id
    async with asyncio.timeout(5):
        while not desk.ctx.counts["late_answer"]:
            await desk.session.query("real", "book", Query(symbol="HK.00700"))


async def test_no_order_is_placed_twice_by_a_reused_packet(desk: Any) -> None:
    await desk.do("submit", **LIMIT)
    await desk.do("submit", **{**LIMIT, "client_order_id": "mine-2"})
    first, second = sent(desk, messages.PLACE)
    assert first.packetID.serialNo < second.packetID.serialNo


async def test_the_sixteenth_order_within_30_s_is_refused_by_ourselves_and_cancels_still_pass(desk: Any) -> None:
    ids = []
    for n in range(15):
        ids.append(await desk.do("submit", **{**LIMIT, "client_order_id": f"mine-{n}"}))
    with pytest.raises(CommandRejected) as caught:
        await desk.do("submit", **{**LIMIT, "client_order_id": "one-too-many"})
    assert caught.value.reason is Reason.RATE_LIMITED
    assert len(sent(desk, messages.PLACE)) == 15
    order = await last(desk, "new", "mine-14")
    for _ in range(12):
        await desk.do("amend", order=order, client_order_id="mine-14", price="469")
    with pytest.raises(CommandRejected) as caught:
        await desk.do("amend", order=order, client_order_id="mine-14", price="468")
    assert caught.value.reason is Reason.RATE_LIMITED
    for n in range(8):
        await desk.do("cancel", order=await last(desk, "new", f"mine-{n}"), client_order_id=f"mine-{n}")


# --- state ------------------------------------------------------------------------------------------------------


async def test_a_snapshot_tells_open_orders_fills_positions_and_money(desk: Any) -> None:
    await desk.do("submit", **{**LIMIT, "price": "481"})
    await desk.do("submit", **{**LIMIT, "client_order_id": "open-1"})
    await last(desk, "new", "open-1")
    snapshot = await desk.session.snapshot("real", 0)
    assert [(order.client_order_id, order.status) for order in snapshot.orders] == [("open-1", "new")]
    assert [(fill.price, fill.quantity) for fill in snapshot.fills] == [("480.2", "200")]
    (position,) = snapshot.positions
    assert (position.symbol, position.quantity, position.avg_price) == ("HK.00700", "200", "480.2")
    money = {balance.currency: balance for balance in snapshot.balances}
    assert money["HKD"].total == "9903960"
    assert money["HKD"].frozen == "94000"
    assert (await desk.session.snapshot("sim", 0)).fills is None


async def test_what_ended_while_nobody_looked_is_told_with_the_snapshot(
    opend: OpendSimulator, connect: Connect
) -> None:
    desk = await connect(opend, symbols=[], market_data=[])
    await desk.do("submit", **LIMIT)
    await last(desk, "new")
    opend.drop_clients()
    await desk.lost()
    for ticket in opend.trades.tickets.values():
        assert ticket.leg is not None
        opend.engine.cancel(ticket.leg.order_id)
    again = await connect(opend, ctx=desk.ctx, symbols=[], market_data=[])
    assert (await again.session.snapshot("real", 0)).orders == []
    order = await last(again, "canceled")
    assert order.reconciled is True


async def test_a_look_up_of_what_never_was_is_none(desk: Any) -> None:
    assert await desk.session.lookup("real", OrderKey(client_order_id="never", keys={"remark": "never"})) is None


async def test_a_look_up_without_an_answer_proves_nothing(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, request_timeout=0.3, symbols=[], market_data=[])
    opend.faults.add(Fault(point="query", action="drop"))
    with pytest.raises(RetryableError):
        await desk.session.lookup("real", OrderKey(client_order_id="never"))
    opend.faults.add(Fault(point="query", action="error"))
    with pytest.raises(RetryableError):
        await desk.session.lookup("real", OrderKey(client_order_id="never"))


async def test_a_look_up_tells_the_fills(desk: Any) -> None:
    await desk.do("submit", **{**LIMIT, "price": "481"})
    await last(desk, "filled")
    found = await desk.session.lookup("real", OrderKey(client_order_id="mine-1"))
    assert found is not None
    assert [(fill.price, fill.quantity) for fill in found.fills] == [("480.2", "200")]


async def test_histories_fees_and_quantities_can_be_asked_for(desk: Any) -> None:
    accepted = await desk.do("submit", **{**LIMIT, "price": "481"})
    await last(desk, "filled")
    (order,) = await desk.session.query("real", "order_history", Query())
    assert (order.client_order_id, order.status) == ("mine-1", "filled")
    assert await desk.session.query("real", "order_history", Query(symbol="US.AAPL")) == []
    (fill,) = await desk.session.query("real", "fill_history", Query(symbol="HK.00700"))
    assert fill.quantity == "200"
    ids = [accepted.order.venue_order_ids["orderIDEx"]]
    (fee,) = await desk.session.query("real", "order_fees", Query(params={"order_ids": ids}))
    assert fee == {"venue_order_id": ids[0], "fee": "15", "items": {"Platform Fee": "15"}}
    (most,) = await desk.session.query("real", "max_quantity", Query(symbol="HK.00700", params={"price": "480"}))
    assert most["maxPositionSell"] == "200"
    with pytest.raises(CommandRejected):
        await desk.session.query("real", "horoscope", Query())
