"""A whole session against the simulator, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from venuebus import (
    Accepted,
    CommandRejected,
    FatalError,
    NotSent,
    OrderKey,
    OutcomeUnknown,
    RetryableError,
    Secret,
)
from venuebus.simulation import Fault
from venuebus.testing import FakeInstruction, RecordingContext
from venuebus_btse import CAPABILITIES, venuebus_register_venues
from venuebus_btse.config import BtseConfig, limits
from venuebus_btse.session import BtseSession
from venuebus_btse.simulator import BtseSimulator
from venuebus_schemas import (
    Amend,
    Book,
    BookDelta,
    Cancel,
    CancelAfter,
    CancelAll,
    Fill,
    Instrument,
    Order,
    OrderStatus,
    OrderType,
    Query,
    Quote,
    Reason,
    Side,
    Submit,
    Ticker,
    TimeInForce,
    Trade,
)

Connect = Callable[..., Awaitable[tuple[BtseSession, RecordingContext]]]
_ids = itertools.count(1)
OCO: dict[str, Any] = {
    "order_type": OrderType.OCO, "price": "55000", "trigger_price": "65000", "stop_price": "65100",
}  # fmt: skip


@pytest.fixture
async def sim() -> AsyncIterator[BtseSimulator]:
    it = BtseSimulator(["BTC-USD", "ETH-USD"])
    await it.start()
    yield it
    await it.stop()


def make(sim: BtseSimulator, **fields: Any) -> tuple[BtseSession, RecordingContext]:
    table = sim.config()
    table |= {"symbols": ("BTC-USD",), "market_data": ("quote", "trade", "book", "book_delta")}
    table |= {name: Secret(table[name]) for name in ("api_key", "api_secret")}
    table |= fields
    config = BtseConfig(**table)
    ctx = RecordingContext(config, limits=limits(config))
    return BtseSession(ctx), ctx


@pytest.fixture
async def connect(sim: BtseSimulator) -> AsyncIterator[Connect]:
    made: list[BtseSession] = []

    async def do(**fields: Any) -> tuple[BtseSession, RecordingContext]:
        session, ctx = make(sim, **fields)
        made.append(session)
        await session.connect()
        return session, ctx

    yield do
    for session in made:
        await session.close()


def submit(**fields: Any) -> Submit:
    number = next(_ids)
    base: dict[str, Any] = {"command_id": f"cmd-{number}", "client_order_id": f"ord-{number}", "symbol": "BTC-USD",
                            "side": Side.BUY, "order_type": OrderType.LIMIT, "price": "55000"}  # fmt: skip
    if "quote_quantity" not in fields:
        base["quantity"] = "0.01"
    if fields.get("order_type") in (OrderType.MARKET, OrderType.STOP):
        del base["price"]
    return Submit(**{**base, **fields})


async def run(session: BtseSession, ctx: RecordingContext, command: Any, order: Order | None = None) -> Accepted:
    """Execute as the bridge does: prepared, with what it knows, the outcome remembered."""
    instruction = FakeInstruction(command, order=order)
    instruction.keys = session.prepare(instruction)
    accepted = await session.execute(instruction)
    assert instruction.sent == 1
    if accepted.order is not None:
        ctx.orders.append(accepted.order)
    return accepted


async def place(session: BtseSession, ctx: RecordingContext, **fields: Any) -> Order:
    accepted = await run(session, ctx, submit(**fields))
    assert accepted.order is not None
    return accepted.order


# --- connecting ---------------------------------------------------------------------------------------------


async def test_market_data_flows_in_every_kind(sim: BtseSimulator, connect: Connect) -> None:
    _, ctx = await connect(market_data=("quote", "trade", "book", "book_delta", "ticker"))
    for _ in range(30):
        sim.step("BTC-USD", trade=True)
    await ctx.until(lambda: len(ctx.of(Trade)) >= 10 and len(ctx.of(BookDelta)) >= 5 and ctx.of(Ticker))
    assert {event.symbol for event in ctx.of(Quote)} == {"BTC-USD"}
    assert ctx.of(Instrument)[0].tick_size == "0.5"
    ids = [int(trade.trade_id or 0) for trade in ctx.of(Trade)]
    assert ids == sorted(set(ids))
    for book in ctx.of(Book):
        bids, asks = [Decimal(p) for p, _ in book.bids], [Decimal(p) for p, _ in book.asks]
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
        assert book.ts_venue
    assert ctx.dead_letters == []


async def test_books_of_the_bus_are_the_books_of_the_venue(sim: BtseSimulator, connect: Connect) -> None:
    session, _ = await connect(book_depth=10)
    for _ in range(50):
        sim.step("BTC-USD")
    await asyncio.sleep(0.1)
    rest = await session.query("main", "book", Query(symbol="ETH-USD"))
    assert len(rest[0].bids) == 10
    (ours,) = await session.query("main", "book", Query(symbol="BTC-USD"))
    bids, asks = sim.exchange.engine.book("BTC-USD", 10)
    assert [(Decimal(p), Decimal(s)) for p, s in ours.bids] == bids
    assert [(Decimal(p), Decimal(s)) for p, s in ours.asks] == asks


async def test_without_a_key_there_is_market_data_and_no_trading(connect: Connect) -> None:
    session, ctx = await connect(api_key=None, api_secret=None)
    await ctx.until(lambda: ctx.of(Quote))
    with pytest.raises(CommandRejected) as caught:
        session.prepare(FakeInstruction(submit()))
    assert caught.value.reason is Reason.UNSUPPORTED
    assert await session.snapshot("main", 0) == type(await session.snapshot("main", 0))()


async def test_a_wrong_secret_is_fatal(sim: BtseSimulator) -> None:
    session, _ = make(sim, api_secret=Secret("wrong-secret"))
    with pytest.raises(FatalError) as caught:
        await session.connect()
    assert caught.value.reason is Reason.UNAUTHORIZED
    await session.close()
    await session.close()


@pytest.mark.parametrize("text", ["AUTHENTICATE ERROR", None], ids=["older text", "json"])
async def test_a_refused_login_is_fatal_in_both_forms(sim: BtseSimulator, text: str | None) -> None:
    sim.faults.add(Fault(point="ws.login", action="garbage" if text else "refuse", text=text))
    session, _ = make(sim)
    with pytest.raises(FatalError):
        await session.connect()
    await session.close()


async def test_a_login_without_an_answer_is_worth_another_try(sim: BtseSimulator) -> None:
    sim.faults.add(Fault(point="ws.login", action="drop"))
    session, _ = make(sim, login_timeout=0.2)
    with pytest.raises(RetryableError, match="login"):
        await session.connect()
    await session.close()


async def test_an_unknown_configured_symbol_is_fatal_by_name(sim: BtseSimulator) -> None:
    session, _ = make(sim, symbols=("BTC-USD", "NO-SUCH"))
    with pytest.raises(FatalError, match="NO-SUCH") as caught:
        await session.connect()
    assert caught.value.reason is Reason.UNKNOWN_SYMBOL
    await session.close()


async def test_nothing_listening_is_worth_another_try(sim: BtseSimulator) -> None:
    session, _ = make(sim)
    await sim.stop()
    with pytest.raises(RetryableError):
        await session.connect()
    await session.close()


async def test_close_leaves_no_task_behind(sim: BtseSimulator) -> None:
    before = {task for task in asyncio.all_tasks() if task.get_name().startswith("btse-")}
    session, _ = make(sim)
    await session.connect()
    await session.close()
    assert {task for task in asyncio.all_tasks() if task.get_name().startswith("btse-")} == before


async def test_a_private_topic_that_is_missing_from_the_answer_degrades_the_session(
    sim: BtseSimulator, connect: Connect
) -> None:
    sim.faults.add(Fault(point="ws.subscribe", action="refuse", match="fills"))
    _, ctx = await connect(subscribe_timeout=0.3)
    assert ctx.state is not None
    assert "fills" in ctx.state


# --- losing the connection ----------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["spot", "oss"])
async def test_a_path_that_goes_silent_ends_the_session(sim: BtseSimulator, connect: Connect, channel: str) -> None:
    session, _ = await connect(ping_interval=0.1, silence_timeout=0.4)
    sim.faults.add(Fault(point="ws.ping", action="silence", match=channel))
    with pytest.raises(RetryableError, match="nothing heard"):
        await asyncio.wait_for(session.run(), 3.0)


async def test_dropped_connections_end_the_session(sim: BtseSimulator, connect: Connect) -> None:
    session, _ = await connect()
    task = asyncio.create_task(session.run())
    sim.drop_connections()
    with pytest.raises(RetryableError):
        await asyncio.wait_for(task, 3.0)


# --- market data in trouble ---------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["gap", "cross", "nan", "garbage", "truncate", "duplicate", "reorder"])
async def test_a_book_is_never_wrong_and_comes_back(sim: BtseSimulator, connect: Connect, action: Any) -> None:
    _, ctx = await connect(market_data=("book",))
    await ctx.until(lambda: ctx.of(Book))
    sim.faults.add(Fault(point="ws.book", action=action, seconds=0.05))
    for _ in range(20):
        sim.step("BTC-USD")
        await asyncio.sleep(0.01)
    seen = len(ctx.of(Book))

    def healed() -> bool:
        return len(ctx.of(Book)) > seen and [gap[2] for gap in ctx.gaps] in ([], [False, True])

    for _ in range(200):
        if healed():
            break
        sim.step("BTC-USD")
        await asyncio.sleep(0.02)
    assert healed()
    if action in ("gap", "cross", "nan", "truncate", "garbage"):
        assert [gap[2] for gap in ctx.gaps] == [False, True]
    if action in ("nan", "truncate", "garbage"):
        assert len(ctx.dead_letters) == 1
    for book in ctx.of(Book):
        assert Decimal(book.bids[0][0]) < Decimal(book.asks[0][0])


async def test_frames_lost_in_the_venues_buffer_lose_every_book(sim: BtseSimulator, connect: Connect) -> None:
    _, ctx = await connect(market_data=("book",), symbols=("BTC-USD", "ETH-USD"))
    await ctx.until(lambda: len(ctx.of(Book)) >= 2)
    sim.faults.add(Fault(point="ws.book", action="error", status=1007))
    sim.step("BTC-USD")
    await ctx.until(lambda: sum(gap[2] for gap in ctx.gaps) == 2, timeout=5.0)
    assert [gap[2] for gap in ctx.gaps] == [False, False, True, True]


async def test_a_venue_that_closes_the_session_ends_it(sim: BtseSimulator, connect: Connect) -> None:
    session, ctx = await connect(market_data=("book",))
    await ctx.until(lambda: ctx.of(Book))
    sim.faults.add(Fault(point="ws.book", action="error", status=1008))
    sim.step("BTC-USD")
    with pytest.raises(RetryableError) as caught:
        await asyncio.wait_for(session.run(), 3.0)
    assert caught.value.retry_after


@pytest.mark.parametrize("point", ["ws.quote", "ws.trade"])
@pytest.mark.parametrize("action", ["nan", "garbage", "truncate"])
async def test_garbage_is_kept_whole_and_stops_nothing(
    sim: BtseSimulator, connect: Connect, point: str, action: Any
) -> None:
    _, ctx = await connect(market_data=("quote", "trade"))
    sim.faults.add(Fault(point=point, action=action))
    sim.step("BTC-USD", ticks=1, trade=True)
    await ctx.until(lambda: ctx.dead_letters)
    before = len(ctx.events)
    sim.step("BTC-USD", ticks=1, trade=True)
    await ctx.until(lambda: len(ctx.events) > before)
    assert len(ctx.dead_letters) == 1
    assert ctx.dead_letters[0][0]


async def test_trades_of_the_history_are_told_once_though_the_topic_is_taken_again(
    sim: BtseSimulator, connect: Connect
) -> None:
    for _ in range(20):
        sim.step("BTC-USD", trade=True)
    session, ctx = await connect(market_data=("trade",))
    await ctx.until(lambda: len(ctx.of(Trade)) >= 10)
    told = len(ctx.of(Trade))
    await session.unsubscribe(["BTC-USD"], ["trade"])
    await session.subscribe(["BTC-USD"], ["trade"])
    sim.step("BTC-USD", trade=True)
    await ctx.until(lambda: len(ctx.of(Trade)) > told)
    ids = [trade.trade_id for trade in ctx.of(Trade)]
    assert len(ids) == len(set(ids))
    stamps = [trade.ts_venue or 0 for trade in ctx.of(Trade)]
    assert stamps == sorted(stamps)


# --- subscriptions and questions ----------------------------------------------------------------------------


async def test_symbols_come_and_go_while_the_session_runs(sim: BtseSimulator, connect: Connect) -> None:
    session, ctx = await connect(market_data=("quote",))
    await session.subscribe(["ETH-USD"], ["quote", "book"])
    await ctx.until(lambda: any(event.symbol == "ETH-USD" for event in ctx.of(Book)))
    await session.unsubscribe(["ETH-USD"], ["quote", "book"])
    await asyncio.sleep(0.05)
    before = len(ctx.events)
    sim.step("ETH-USD")
    await asyncio.sleep(0.05)
    assert len(ctx.events) == before


async def test_an_unknown_symbol_is_refused_by_name(connect: Connect) -> None:
    session, _ = await connect()
    with pytest.raises(CommandRejected, match="NO-SUCH") as caught:
        await session.subscribe(["ETH-USD", "NO-SUCH"], ["quote"])
    assert caught.value.reason is Reason.UNKNOWN_SYMBOL


async def test_a_topic_that_the_venue_leaves_out_is_refused_by_name(sim: BtseSimulator, connect: Connect) -> None:
    session, _ = await connect()
    sim.faults.add(Fault(point="ws.subscribe", action="refuse", match="snapshotL1:ETH-USD"))
    with pytest.raises(CommandRejected, match="ETH-USD"):
        await session.subscribe(["ETH-USD"], ["quote"])


async def test_instruments_are_answered(connect: Connect) -> None:
    session, _ = await connect()
    assert {item.symbol for item in await session.query("main", "instruments", Query())} == {"BTC-USD", "ETH-USD"}
    (one,) = await session.query("main", "instruments", Query(symbol="ETH-USD"))
    assert one.tick_size == "0.05"


# --- orders -------------------------------------------------------------------------------------------------


async def test_limit_order_is_placed_notified_and_canceled(sim: BtseSimulator, connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx)
    assert (order.status, order.price, order.quantity, order.filled_quantity) == ("new", "55000", "0.01", "0")
    await ctx.until(lambda: any(event.venue_order_id == order.venue_order_id for event in ctx.of(Order)))
    done = await run(session, ctx, Cancel(command_id="x", client_order_id=order.client_order_id), order)
    assert done.order is not None
    assert done.order.status is OrderStatus.CANCELED
    assert sim.exchange.cancels_by_id[str(order.venue_order_id)] == 1


async def test_market_order_fills_with_its_fee(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, order_type=OrderType.MARKET)
    assert (order.status, order.filled_quantity) == ("filled", "0.01")
    await ctx.until(lambda: ctx.of(Fill))
    fill = ctx.of(Fill)[0]
    assert (fill.client_order_id, fill.venue_order_id) == (order.client_order_id, order.venue_order_id)
    assert (fill.liquidity, fill.fee_currency) == ("taker", "BTC")
    assert Decimal(fill.fee or 0) > 0


async def test_market_buy_for_an_amount_of_quote_currency(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, order_type=OrderType.MARKET, quote_quantity="1000")
    assert order.quote_quantity == "1000"
    assert order.quantity is None
    assert 0 < Decimal(order.filled_quantity) < Decimal("0.02")
    assert order.status.is_final


@pytest.mark.parametrize(
    ("fields", "kind"),
    [({"order_type": OrderType.STOP, "trigger_price": "65000"}, "stop"),
     ({"order_type": OrderType.STOP_LIMIT, "trigger_price": "65000", "price": "65100"}, "stop_limit"),
     ({"order_type": OrderType.STOP, "trigger_price": "55000", "params": {"tx_type": "TRIGGER"}}, "stop")],
    ids=["stop", "stop limit", "take profit"],
)  # fmt: skip
async def test_orders_that_wait_for_a_trigger_are_new_with_its_price(
    connect: Connect, fields: dict[str, Any], kind: str
) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, **fields)
    assert (order.status, order.order_type, order.trigger_price) == ("new", kind, fields["trigger_price"])


async def test_peg_order(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, order_type=OrderType.PEG, params={"deviation": "-5", "stealth": "10"})
    assert (order.status, order.order_type) == ("new", "peg")


async def test_post_only_that_would_cross_is_accepted_and_canceled(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, price="70000", post_only=True)
    assert order.status is OrderStatus.CANCELED


async def test_fill_or_kill_that_cannot_be_filled_is_canceled(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, time_in_force=TimeInForce.FOK)
    assert (order.status, order.time_in_force) == ("canceled", "fok")


async def test_amend_in_its_forms(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx)
    forms: list[dict[str, Any]] = [{"price": "54000"}, {"quantity": "0.02"}, {"price": "53000", "quantity": "0.03"}]
    for fields in forms:
        done = await run(session, ctx, Amend(command_id="a", client_order_id=order.client_order_id, **fields), order)
        assert done.order is not None
        for name, value in fields.items():
            assert getattr(done.order, name) == value
    stop = await place(session, ctx, order_type=OrderType.STOP_LIMIT, price="65100", trigger_price="65000")
    command = Amend(command_id="a", venue_order_id=stop.venue_order_id, trigger_price="66000")
    done = await run(session, ctx, command, stop)
    assert done.order is not None
    assert done.order.trigger_price == "66000"


async def test_a_failed_amend_is_rejected_and_the_order_lives_on(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx)
    command = Amend(command_id="a", client_order_id=order.client_order_id, trigger_price="1000")
    with pytest.raises(CommandRejected):
        await run(session, ctx, command, order)
    found = await session.lookup("main", OrderKey(client_order_id=order.client_order_id, symbol="BTC-USD"))
    assert found is not None
    assert found.order.status is OrderStatus.NEW


async def test_oco_is_one_order_canceled_as_one(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, **OCO)
    assert (order.order_type, order.status) == ("oco", "new")
    assert set(order.venue_order_ids or {}) == {"limit", "stop"}
    done = await run(session, ctx, Cancel(command_id="x", client_order_id=order.client_order_id), order)
    assert done.order is not None
    assert (done.order.status, done.order.order_type) == ("canceled", "oco")
    await asyncio.sleep(0.1)
    assert {event.client_order_id for event in ctx.of(Order)} == {order.client_order_id}


async def test_oco_fires_its_stop_leg_and_ends_filled(sim: BtseSimulator, connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, **{**OCO, "trigger_price": "60001"})
    for _ in range(10):
        sim.step("BTC-USD", ticks=1, trade=True)
    await ctx.until(lambda: any(event.status is OrderStatus.FILLED for event in ctx.of(Order)), timeout=5.0)
    last = ctx.of(Order)[-1]
    assert (last.client_order_id, last.order_type, last.filled_quantity) == (order.client_order_id, "oco", "0.01")
    await ctx.until(lambda: ctx.of(Fill))
    assert ctx.of(Fill)[0].client_order_id == order.client_order_id


async def test_cancel_of_an_order_that_is_over_is_unknown_order(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, order_type=OrderType.MARKET)
    with pytest.raises(CommandRejected, match="filled") as caught:
        await run(session, ctx, Cancel(command_id="x", client_order_id=order.client_order_id), order)
    assert caught.value.reason is Reason.UNKNOWN_ORDER


async def test_cancel_of_an_order_that_never_was_is_unknown_order(connect: Connect) -> None:
    session, ctx = await connect()
    with pytest.raises(CommandRejected) as caught:
        await run(session, ctx, Cancel(command_id="x", client_order_id="never", symbol="BTC-USD"))
    assert caught.value.reason is Reason.UNKNOWN_ORDER


async def test_a_cancel_that_is_not_found_though_the_order_is_open_is_unknown(
    sim: BtseSimulator, connect: Connect
) -> None:
    session, ctx = await connect()
    order = await place(session, ctx)
    sim.faults.add(Fault(point="order.cancel.request", action="forget"))
    with pytest.raises(OutcomeUnknown):
        await run(session, ctx, Cancel(command_id="x", client_order_id=order.client_order_id), order)
    done = await run(session, ctx, Cancel(command_id="x", client_order_id=order.client_order_id), order)
    assert done.order is not None


async def test_cancel_all_counts_orders_of_every_market(connect: Connect) -> None:
    session, ctx = await connect()
    await place(session, ctx)
    await place(session, ctx, symbol="ETH-USD", price="2000")
    await place(session, ctx, order_type=OrderType.OCO, trigger_price="65000", stop_price="65100")
    done = await run(session, ctx, CancelAll(command_id="x"))
    assert done.text == "3 canceled, 0 not canceled"
    assert (await session.snapshot("main", ctx.now_ns())).orders == []


async def test_cancel_all_of_one_market_leaves_the_others(connect: Connect) -> None:
    session, ctx = await connect()
    await place(session, ctx)
    other = await place(session, ctx, symbol="ETH-USD", price="2000")
    done = await run(session, ctx, CancelAll(command_id="x", symbol="BTC-USD"))
    assert done.text == "1 canceled, 0 not canceled"
    orders = (await session.snapshot("main", ctx.now_ns())).orders or []
    assert [order.client_order_id for order in orders] == [other.client_order_id]


async def test_dead_mans_switch(sim: BtseSimulator, connect: Connect) -> None:
    session, ctx = await connect()
    await place(session, ctx)
    await run(session, ctx, CancelAfter(command_id="x", timeout_ms=200))
    await ctx.until(lambda: any(event.status is OrderStatus.CANCELED for event in ctx.of(Order)), timeout=5.0)


async def test_insufficient_balance_hidden_in_a_200_is_rejected(connect: Connect) -> None:
    session, ctx = await connect()
    with pytest.raises(CommandRejected) as caught:
        await run(session, ctx, submit(quantity="2000", price="900000"))
    assert caught.value.reason is Reason.INSUFFICIENT_FUNDS
    assert not ctx.of(Order)


@pytest.mark.parametrize(
    ("point", "fields"),
    [
        ("order.create.answer", {"action": "cut"}),
        ("order.create.answer", {"action": "cut", "after_bytes": 20}),
        ("order.create.answer", {"action": "act_and_error", "status": 500}),
        ("order.create.answer", {"action": "act_and_error", "status": 408}),
        ("order.create.answer", {"action": "act_and_error", "status": 502, "text": "html"}),
        ("order.create.answer", {"action": "act_and_error", "status": 400, "text": "shape3"}),
        ("order.create.answer", {"action": "truncate"}),
        ("order.create.answer", {"action": "nan"}),
        ("order.create.answer", {"action": "garbage"}),
        ("order.create.request", {"action": "refuse", "status": -1}),
        ("order.create.request", {"action": "refuse", "status": 17}),
        ("order.create.request", {"action": "cut"}),
        ("order.create.request", {"action": "drop"}),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(map(str, value.values())),
)
async def test_an_answer_that_proves_nothing_is_unknown_sent_once_and_found_by_asking(
    sim: BtseSimulator, connect: Connect, point: str, fields: dict[str, Any]
) -> None:
    session, _ = await connect(request_timeout=1.0)
    sim.faults.add(Fault(point=point, **fields))
    command = submit()
    with pytest.raises(OutcomeUnknown):
        await session.execute(FakeInstruction(command))
    client_id = str(command.client_order_id)
    assert sim.submits_by_client_id[client_id] == 1
    found = await session.lookup("main", OrderKey(client_order_id=client_id, symbol="BTC-USD"))
    if point.endswith("answer"):
        assert found is not None
        assert (found.order.status, found.order.client_order_id) == ("new", client_id)
    else:
        assert found is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"action": "refuse", "status": 8}, Reason.INSUFFICIENT_FUNDS),
     ({"action": "refuse", "status": 15}, Reason.VENUE_REJECTED),
     ({"action": "refuse", "status": 400, "text": "shape4"}, Reason.QUANTITY),
     ({"action": "refuse", "status": 401, "text": "shape1"}, Reason.UNAUTHORIZED),
     ({"action": "ban", "seconds": 1}, Reason.RATE_LIMITED)],
    ids=["row 8", "row 15", "400", "401", "429"],
)  # fmt: skip
async def test_a_clear_refusal_is_rejected(
    sim: BtseSimulator, connect: Connect, fields: dict[str, Any], reason: Reason
) -> None:
    session, ctx = await connect()
    sim.faults.add(Fault(point="order.create.request", **fields))
    with pytest.raises(CommandRejected) as caught:
        await run(session, ctx, submit())
    assert caught.value.reason is reason


async def test_a_venue_that_cannot_be_reached_leaves_the_command_unsent(sim: BtseSimulator, connect: Connect) -> None:
    session, _ = await connect(keepalive=0.01)
    await sim.stop()
    await asyncio.sleep(0.05)
    with pytest.raises(NotSent):
        await session.execute(FakeInstruction(submit()))


# --- asking -------------------------------------------------------------------------------------------------


async def test_a_filled_order_is_found_by_its_fills_alone(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, order_type=OrderType.MARKET)
    key = OrderKey(client_order_id=order.client_order_id, symbol="BTC-USD", order=order)
    found = await session.lookup("main", key)
    assert found is not None
    assert (found.order.status, found.order.filled_quantity) == ("filled", "0.01")
    assert sum(Decimal(fill.quantity) for fill in found.fills) == Decimal("0.01")


@pytest.mark.parametrize("point", ["order.get", "open_orders", "trade_history"])
async def test_absence_is_not_believed_while_one_question_is_unanswered(
    sim: BtseSimulator, connect: Connect, point: str
) -> None:
    session, _ = await connect()
    sim.faults.add(Fault(point=f"{point}.request", action="error", status=500))
    with pytest.raises(RetryableError):
        await session.lookup("main", OrderKey(client_order_id="never", symbol="BTC-USD"))
    assert await session.lookup("main", OrderKey(client_order_id="never", symbol="BTC-USD")) is None


async def test_an_order_that_one_question_forgets_is_found_by_the_next(sim: BtseSimulator, connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx)
    sim.faults.add(Fault(point="order.get.request", action="forget"))
    found = await session.lookup("main", OrderKey(client_order_id=order.client_order_id, symbol="BTC-USD"))
    assert found is not None
    assert found.order.status is OrderStatus.NEW


async def test_an_oco_is_found_as_one_after_a_restart(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx, **OCO)
    again, _ = await connect()
    key = OrderKey(client_order_id=order.client_order_id, symbol="BTC-USD", keys={"oco": "1"})
    found = await again.lookup("main", key)
    assert found is not None
    assert (found.order.order_type, found.order.status) == ("oco", "new")
    assert found.order.venue_order_ids == order.venue_order_ids
    snapshot = await again.snapshot("main", ctx.now_ns())
    assert [item.order_type for item in snapshot.orders or []] == ["oco"]


async def test_snapshot_tells_open_orders_and_fills_and_says_what_it_cannot_tell(connect: Connect) -> None:
    session, ctx = await connect()
    order = await place(session, ctx)
    await place(session, ctx, order_type=OrderType.MARKET)
    snapshot = await session.snapshot("main", ctx.now_ns() - 3600 * 10**9)
    assert [item.client_order_id for item in snapshot.orders or []] == [order.client_order_id]
    assert len(snapshot.fills or []) >= 1
    assert snapshot.balances is None
    assert snapshot.positions is None


async def test_more_fills_than_a_page_holds_are_all_told(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("venuebus_btse.lookup.PAGE", 3)
    session, ctx = await connect()
    for number in range(8):
        await place(session, ctx, order_type=OrderType.MARKET)
        if number % 3 == 0:
            await asyncio.sleep(1.01)  # the history counts in whole seconds: several of them, several fills each
    await ctx.until(lambda: len({fill.fill_id for fill in ctx.of(Fill)}) >= 8)
    snapshot = await session.snapshot("main", ctx.now_ns() - 8 * 86_400 * 10**9)
    assert {fill.fill_id for fill in snapshot.fills or []} == {fill.fill_id for fill in ctx.of(Fill)}


# --- the plugin ---------------------------------------------------------------------------------------------


def test_the_plugin_offers_one_venue() -> None:
    (spec,) = venuebus_register_venues()
    assert (spec.name, spec.contract, spec.capabilities) == ("btse", 1, CAPABILITIES)
    assert CAPABILITIES.lookup.min_age >= 35


def test_half_a_credential_and_wrong_addresses_are_named() -> None:
    config = BtseConfig(
        plugin="btse", api_key=Secret("only-a-key"), ws_url="http://x", book_depth=0, market_data=("bar",)
    )  # fmt: skip
    with pytest.raises(ValueError, match="api_secret") as caught:
        config.validate()
    text = " ".join(map(str, caught.value.args))
    assert "ws_url" in text
    assert "book_depth" in text
    assert "market_data" in text


def test_secrets_do_not_show() -> None:
    config = BtseConfig(plugin="btse", api_key=Secret("the-key-itself"), api_secret=Secret("the-secret-itself"))
    assert "itself" not in repr(config)
