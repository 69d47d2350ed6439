"""Connecting, logging in, market data and questions, over real sockets against the simulated gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from venuebus import CommandRejected, FatalError, RetryableError
from venuebus.simulation import Fault
from venuebus_ctp.config import CtpConfig
from venuebus_ctp.simulator import CtpSimulator
from venuebus_ctp.simulator.rows import Held
from venuebus_schemas import Book, Instrument, PositionSide, Query, Quote, Reason, Ticker

Connect = Callable[..., Awaitable[Any]]


def tasks() -> set[str]:
    return {
        task.get_name()
        for task in asyncio.all_tasks()
        if task.get_name().startswith("ctp-") and "simulator" not in task.get_name()
    }


# --- configuration ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("td_url", "ws://h:1/td"),
        ("td_url", "http://h/td/"),
        ("md_url", "ws://h:1/md"),
        ("login_timeout", 0),
        ("subscribe_batch", 1001),
        ("user_id", "x" * 16),
        ("user_id", "用户"),
        ("broker_id", "12345678901"),
    ],
)
def test_a_wrong_configuration_is_refused_by_key(configure: Callable[..., CtpConfig], key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=key):
        configure(**{key: value})


def test_the_configuration_hides_the_password(configure: Callable[..., CtpConfig]) -> None:
    assert "123456" not in repr(configure())


def test_the_simulators_own_table_is_a_good_configuration(sim: CtpSimulator) -> None:
    table = {**sim.config()}
    del table["password"]
    assert msgspec.convert(table["symbols"], tuple[str, ...])[0] == "au2712"
    assert "/td/" in sim.describe()


# --- login --------------------------------------------------------------------------------------------------------


async def test_login_and_clean_close_leave_nothing_behind(connect: Connect, sim: CtpSimulator, eventually: Any) -> None:
    made = await connect()
    assert len(sim.clients) == 2
    await made.close()
    await made.session.close()
    assert tasks() == set()
    await eventually(lambda: not (sim.clients))
    assert (sim.cleanly_closed, sim.leaked) == (2, 0)


async def test_a_wrong_password_is_fatal_and_tried_once(connect: Connect, sim: CtpSimulator) -> None:
    with pytest.raises(FatalError, match="login refused: 3") as caught:
        await connect(password="wrong-password")
    assert caught.value.reason is Reason.UNAUTHORIZED
    assert "wrong-password" not in str(caught.value)
    assert (sim.counter.accounts["028742"].wrong_passwords, sim.logins) == (1, 1)


async def test_a_wrong_password_at_the_gateways_own_login_ends_the_session_at_once(
    connect: Connect, sim: CtpSimulator
) -> None:
    """The gateway repeats the old credentials at every return of the front; the account would lock."""
    made = await connect()
    sim.lose_front()
    sim.counter.accounts["028742"].password = "changed"
    sim.restore_front()
    with pytest.raises(FatalError):
        await asyncio.wait_for(asyncio.shield(made.running), 2)


async def test_a_front_that_is_away_never_answers_and_the_login_times_out(connect: Connect, sim: CtpSimulator) -> None:
    sim.front_up = False
    with pytest.raises(RetryableError, match="no answer to the login") as caught:
        await connect(login_timeout=0.1)
    assert caught.value.reason is Reason.TIMEOUT


async def test_market_data_that_never_answers_its_login_times_out_too(connect: Connect, sim: CtpSimulator) -> None:
    sim.faults.add(Fault(point="login", action="drop", match="md"))
    with pytest.raises(RetryableError, match="md: no answer"):
        await connect(login_timeout=0.1)


async def test_a_front_that_verifies_market_data_logins_is_explained(connect: Connect, sim: CtpSimulator) -> None:
    sim.faults.add(Fault(point="login", action="refuse", match="md"))
    with pytest.raises(FatalError, match="md_login"):
        await connect()


async def test_minus_one_at_login_is_worth_another_attempt(connect: Connect, sim: CtpSimulator) -> None:
    sim.faults.add(Fault(point="login", action="error", match="td"))
    with pytest.raises(RetryableError):
        await connect()


async def test_nobody_there_is_retryable_and_a_wrong_path_fatal(connect: Connect, sim: CtpSimulator) -> None:
    with pytest.raises(FatalError, match="403"):
        await connect(td_url=sim.config()["td_url"].replace("/td/", "/wrong/"))
    url = sim.config()["td_url"]
    await sim.stop()
    with pytest.raises(RetryableError):
        await connect(td_url=url)


async def test_a_session_ends_when_a_socket_is_cut(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.cut(next(client for client in sim.clients if client.kind == "md"))
    with pytest.raises(RetryableError, match="md"):
        await asyncio.wait_for(asyncio.shield(made.running), 2)


async def test_a_venue_without_market_data_needs_no_md_url(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(md_url=None, symbols=())
    assert len(sim.clients) == 1
    with pytest.raises(CommandRejected):
        await made.session.subscribe(["au2712"], ["quote"])


async def test_before_connect_nothing_can_be_asked(configure: Callable[..., CtpConfig]) -> None:
    from venuebus.testing import RecordingContext
    from venuebus_ctp.session import CtpSession

    session = CtpSession(RecordingContext(configure()))
    with pytest.raises(RetryableError):
        await session.snapshot("main", 0)
    with pytest.raises(CommandRejected):
        await session.query("main", "instruments", Query())
    await session.close()


# --- front lost ---------------------------------------------------------------------------------------------------


async def test_a_login_nobody_asked_for_is_a_new_epoch(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    before = made.submit().keys["session_id"]
    sim.lose_front()
    sim.restore_front()
    await made.ctx.until(lambda: made.ctx.resyncs)
    assert made.ctx.resyncs[0][1] is True
    assert made.submit().keys["session_id"] != before


async def test_market_data_is_subscribed_again_after_the_front_was_lost(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.lose_front()
    sim.restore_front()
    await made.ctx.until(lambda: any(healed for _, _, healed in made.ctx.gaps))
    assert [healed for subjects, _, healed in made.ctx.gaps if subjects == ["md.>"]] == [False, True]
    before = len(made.ctx.of(Quote))
    sim.tick("au2712")
    await made.ctx.until(lambda: len(made.ctx.of(Quote)) > before)


async def test_minus_one_tells_that_the_front_is_lost_until_the_next_login(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.lose_front()
    with pytest.raises(RetryableError):
        await made.session.snapshot("main", 0)
    assert made.ctx.state is not None
    sim.restore_front()
    await made.ctx.until(lambda: made.ctx.state is None)


# --- queries ------------------------------------------------------------------------------------------------------


async def test_a_query_that_never_ends_times_out_and_the_next_one_works(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(query_timeout=0.1)
    sim.faults.add(Fault(point="query", action="drop", match="ReqQryOrder"))
    with pytest.raises(RetryableError, match="no complete answer"):
        await made.session.snapshot("main", 0)
    snapshot = await made.session.snapshot("main", 0)
    assert snapshot.orders == []
    assert made.ctx.counts["query_timeout"] == 1


async def test_a_query_whose_last_row_was_dropped_by_the_gateway_is_no_answer(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect(query_timeout=0.1)
    sim.faults.add(Fault(point="query", action="gap", match="ReqQryTradingCode"))
    with pytest.raises(CommandRejected, match="no complete answer"):
        await made.session.query("main", "native", Query(params={"request": "ReqQryTradingCode"}))


@pytest.mark.parametrize("action", ["error", "ban"])
async def test_too_fast_queries_are_asked_again(connect: Connect, sim: CtpSimulator, action: Any) -> None:
    made = await connect(query_interval=0.01)
    sim.faults.add(Fault(point="query", action=action, times=2))
    assert (await made.session.snapshot("main", 0)).balances
    assert made.ctx.counts["query_busy"] == 2


async def test_queries_keep_their_pace_one_at_a_time(connect: Connect, sim: CtpSimulator) -> None:
    sim.query_rate = 20
    made = await connect(query_interval=0.06, query_timeout=3.0)
    ask = Query(params={"request": "ReqQryInvestor"})
    started = time.monotonic()
    answers = await asyncio.gather(*(made.session.query("main", "native", ask) for _ in range(6)))
    assert [len(answer) for answer in answers] == [1] * 6
    assert time.monotonic() - started >= 5 * 0.06
    assert made.ctx.counts["query_busy"] == 0


async def test_garbage_is_kept_counted_and_breaks_nothing(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.faults.add(Fault(point="query", action="garbage", match="ReqQryOrder"))
    assert (await made.session.snapshot("main", 0)).orders == []
    assert made.ctx.counts["unreadable"] == 1
    assert made.ctx.dead_letters[0][0].startswith(b'{"MsgType": "RspQryOrder"')
    sim.faults.add(Fault(point="query", action="garbage", match="ReqQryOrder"))
    await made.session.snapshot("main", 0)
    assert len(made.ctx.resyncs) == 1  # it might have been a report; but one question is enough for a while


async def test_dirty_values_do_not_hinder_a_snapshot(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.counter.accounts["028742"].held[("au2712", "2")] = Held(today=1, older=2, at_open=5, cost=2_340_000.0)
    sim.dirty = {"surrogate", "names", "nan"}
    snapshot = await made.session.snapshot("main", 0)
    assert snapshot.positions is not None
    position = snapshot.positions[0]
    assert (position.symbol, position.side, position.quantity) == ("au2712", PositionSide.LONG, "3")
    assert (position.today_quantity, position.available) == ("1", "3")
    assert snapshot.balances is not None
    assert snapshot.balances[0].total is not None


NATIVE = [
    "ReqQryOrder",
    "ReqQryTrade",
    "ReqQryInvestorPosition",
    "ReqQryInvestorPositionDetail",
    "ReqQryTradingAccount",
    "ReqQryInvestor",
    "ReqQryTradingCode",
    "ReqQryInstrumentMarginRate",
    "ReqQryInstrumentCommissionRate",
    "ReqQryInstrumentOrderCommRate",
    "ReqQryOptionInstrCommRate",
    "ReqQryOptionInstrTradeCost",
    "ReqQryExchangeMarginRate",
    "ReqQryDepthMarketData",
    "ReqQryProduct",
    "ReqQryExchange",
    "ReqQryInstrument",
    "ReqQryMaxOrderVolume",
]


async def test_every_query_of_the_document_is_answered_natively(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.dirty = {"surrogate"}
    answers = {name: await made.session.query("main", "native", Query(params={"request": name})) for name in NATIVE}
    assert len(answers["ReqQryExchange"]) == 6
    assert answers["ReqQryInvestor"][0]["InvestorID"] == "028742"
    assert answers["ReqQryInstrumentCommissionRate"][0]["OpenRatioByVolume"] == "3"
    assert all("BizType" not in row for rows in answers.values() for row in rows)
    assert len(answers["ReqQryProduct"]) == 7


@pytest.mark.parametrize(
    ("what", "query"),
    [
        ("native", Query()),
        ("native", Query(params={"request": "ReqUserLogout"})),
        ("native", Query(params={"request": 1})),
        ("native", Query(params={"request": "ReqQryOrder", "Misspelt": "x"})),
        ("book", Query()),
        ("nonsense", Query()),
        ("native", Query(params={"request": "ReqQryOrder", "InstrumentID": "x" * 81})),
        ("native", Query(params={"request": "ReqUserPasswordUpdate", "OldPassword": "123456", "NewPassword": "x"})),
    ],
)
async def test_a_question_that_cannot_be_asked_is_refused_before_the_gateway_sees_it(
    connect: Connect, sim: CtpSimulator, what: str, query: Query
) -> None:
    made = await connect()
    before = list(sim.received)
    with pytest.raises(CommandRejected):
        await made.session.query("main", what, query)
    assert sim.received == before
    assert sim.leaked == 0


async def test_the_password_is_changed_only_where_that_is_allowed_and_never_comes_back(
    connect: Connect, sim: CtpSimulator
) -> None:
    made = await connect(password_change=True)
    params = {"request": "ReqUserPasswordUpdate", "OldPassword": "123456", "NewPassword": "next"}
    assert await made.session.query("main", "native", Query(params=params)) == [
        {"BrokerID": "9999", "UserID": "028742"}
    ]
    assert sim.counter.accounts["028742"].password == "next"
    with pytest.raises(CommandRejected) as caught:
        await made.session.query("main", "native", Query(params=params))
    assert caught.value.reason is Reason.UNAUTHORIZED


async def test_canonical_questions(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    instruments = await made.session.query("main", "instruments", Query())
    assert len(instruments) == 7
    only = await made.session.query("main", "instruments", Query(symbol="TA709"))
    assert [(item.symbol, item.exchange, item.tick_size) for item in only] == [("TA709", "CZCE", "2")]
    book = (await made.session.query("main", "book", Query(symbol="m2709")))[0]
    assert isinstance(book, Book)
    assert len(book.bids) == 5
    ticker = (await made.session.query("main", "ticker", Query(symbol="m2709")))[0]
    assert isinstance(ticker, Ticker)
    assert ticker.last == "3000"
    assert await made.session.query("main", "cancels", Query()) == []


# --- market data --------------------------------------------------------------------------------------------------


async def test_ticks_come_as_quote_ticker_and_book_with_utc_times(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect()
    sim.dirty = {"dbl_max", "denormal", "surrogate"}
    made.ctx.events.clear()
    sim.tick("au2712")
    await made.ctx.until(lambda: len(made.ctx.events) >= 3)
    ticker = made.ctx.of(Ticker)[0]
    assert (ticker.symbol, ticker.last, ticker.settlement) == ("au2712", "780", None)
    assert made.ctx.of(Quote)[0].bid == "779.98"
    assert made.ctx.of(Book)[0].asks == [("780.02", "2")]
    assert ticker.ts_venue is not None


async def test_the_contracts_of_the_configuration_are_published_and_unknown_names_counted(
    connect: Connect, sim: CtpSimulator, eventually: Any
) -> None:
    made = await connect(load_instruments="symbols", symbols=("au2712", "AU2712"))
    await made.ctx.until(lambda: made.ctx.of(Instrument))
    sim.tick("au2712")
    await made.ctx.until(lambda: made.ctx.of(Quote))
    await eventually(lambda: made.ctx.counts["unknown_symbol"])
    assert [item.symbol for item in made.ctx.of(Instrument)] == ["au2712"]


async def test_subscribing_more_and_less_while_running(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(load_instruments="symbols")
    await made.session.subscribe(["IF2712"], ["quote"])
    await made.ctx.until(lambda: [q for q in made.ctx.of(Quote) if q.symbol == "IF2712"])
    assert not [b for b in made.ctx.of(Book) if b.symbol == "IF2712"]
    await made.session.unsubscribe(["IF2712", "never"], ["quote"])
    assert not any("IF2712" in client.subscribed for client in sim.clients)


@pytest.mark.parametrize("symbol", ["if2712", "x" * 90, "豆粕", "bad\x01"])
async def test_a_symbol_the_venue_does_not_know_is_refused_by_name(
    connect: Connect, sim: CtpSimulator, symbol: str
) -> None:
    made = await connect(load_instruments="symbols")
    with pytest.raises(CommandRejected, match="no such contract") as caught:
        await made.session.subscribe([symbol], ["quote"])
    assert caught.value.reason is Reason.UNKNOWN_SYMBOL
    assert sim.leaked == 0


async def test_a_subscription_without_an_answer_times_out(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(subscribe_timeout=0.1)
    sim.faults.add(Fault(point="frame", action="drop", match="RspSubMarketData"))
    with pytest.raises(CommandRejected) as caught:
        await made.session.subscribe(["IF2712"], ["quote"])
    assert caught.value.reason is Reason.TIMEOUT


async def test_large_subscriptions_go_in_batches(connect: Connect, sim: CtpSimulator) -> None:
    made = await connect(subscribe_batch=1)
    assert sim.received.count("SubscribeMarketData") == 2
    await made.close()
