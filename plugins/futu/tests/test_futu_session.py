"""Life of a session: in, kept alive, out; what OpenD loses and regains; what a drop in any place leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from venuebus import FatalError, RetryableError
from venuebus.simulation import Fault
from venuebus.testing import RecordingContext
from venuebus_futu import SPEC, messages
from venuebus_futu.session import FutuSession
from venuebus_futu.simulator import OpendSimulator
from venuebus_futu.simulator.world import Stock
from venuebus_schemas import Order, Query, Reason

Connect = Callable[..., Awaitable[Any]]
QUIET: dict[str, Any] = {"symbols": [], "market_data": []}


async def test_logging_in_asks_for_everything_once_and_in_order(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, symbols=["HK.00700"], market_data=["book"])
    assert [proto for proto, _ in opend.requests] == [1001, 1002, 2001, 2005, 2008, 3202, 3003, 3001]
    init = opend.requests[0][1]
    assert (init.packetEncAlgo, init.recvNotify, init.pushProtoFmt) == (-1, True, 0)
    assert list(opend.requests[4][1].accIDList) == list(opend.accounts)
    assert desk.ctx.derived == {"sim", "futures"}


@pytest.mark.parametrize("encryption", ["cbc", "ecb"])
async def test_an_encrypted_session_trades(rsa_pem: str, connect: Connect, encryption: str) -> None:
    opend = OpendSimulator(tick=None, rsa_pem=rsa_pem)
    await opend.start()
    try:
        desk = await connect(opend, encryption=encryption, **QUIET)
        await desk.do(
            "submit", symbol="HK.00700", side="buy", order_type="limit", quantity="100", price="470",
            client_order_id="enc-1",
        )  # fmt: skip
        await desk.ctx.until(lambda: any(order.status == "new" for order in desk.ctx.of(Order)))
    finally:
        await opend.stop()


async def test_a_key_where_opend_has_none_and_none_where_it_has_one(
    rsa_pem: str, opend: OpendSimulator, connect: Connect
) -> None:
    with pytest.raises(RetryableError, match="rsa_key"):
        await connect(opend, rsa_key=rsa_pem, connect_timeout=2.0, **QUIET)
    locked = OpendSimulator(tick=None, rsa_pem=rsa_pem)
    await locked.start()
    try:
        with pytest.raises(RetryableError, match="rsa_key"):
            await connect(locked, rsa_key=None, connect_timeout=2.0, **QUIET)
    finally:
        await locked.stop()


async def test_a_key_that_is_none_is_fatal(opend: OpendSimulator, connect: Connect) -> None:
    with pytest.raises(FatalError, match="rsa_key"):
        await connect(opend, rsa_key="no key at all", **QUIET)


async def test_nobody_listens(opend: OpendSimulator, connect: Connect) -> None:
    await opend.stop()
    with pytest.raises(RetryableError, match=r"127\.0\.0\.1"):
        await connect(opend, **QUIET)


@pytest.mark.parametrize(
    ("account", "reason", "text"),
    [
        ({"acc_id": "1"}, Reason.UNKNOWN_ACCOUNT, "no account 1"),
        ({"acc_id": "281756455988249903", "environment": "simulate"}, Reason.INVALID, "OpenD says real"),
        ({"acc_id": "281756455988249902", "environment": "real"}, Reason.INVALID, "OpenD says simulate"),
        ({"acc_id": "281756455988249903", "currency": "XAU"}, Reason.INVALID, "XAU"),
    ],
)
async def test_an_account_that_is_not_what_the_configuration_says(
    opend: OpendSimulator, connect: Connect, account: dict[str, str], reason: Reason, text: str
) -> None:
    with pytest.raises(FatalError, match=text) as caught:
        await connect(opend, accounts={"main": account}, **QUIET)
    assert caught.value.reason is reason


async def test_two_aliases_of_one_account_are_refused(opend: OpendSimulator, connect: Connect) -> None:
    account = {"acc_id": "281756455988249903"}
    with pytest.raises(FatalError, match="two aliases"):
        await connect(opend, accounts={"a": account, "b": account}, **QUIET)


async def test_an_account_that_the_plain_list_lacks_is_looked_for_by_category(
    opend: OpendSimulator, connect: Connect
) -> None:
    opend.faults.add(Fault(point="login", action="forget", match="2001", times=2))
    accounts = {"futures": {"acc_id": "281756455988249904", "environment": "simulate"}}
    desk = await connect(opend, accounts=accounts, **QUIET)
    asked = [c2s for proto, c2s in opend.requests if proto == messages.ACCOUNT_LIST]
    assert [c2s.trdCategory for c2s in asked] == [0, 1, 2]
    await desk.do(
        "submit", account="futures", symbol="HK.HSImain", side="sell", order_type="limit", quantity="1",
        price="23510", client_order_id="fut-1",
    )  # fmt: skip
    await desk.ctx.until(lambda: any(order.status == "new" for order in desk.ctx.of(Order)))
    order = desk.ctx.of(Order)[-1]
    assert (order.symbol, order.account, order.client_order_id) == ("HK.HSImain", "futures", "fut-1")


async def test_a_wrong_password_is_not_tried_again(opend: OpendSimulator, connect: Connect) -> None:
    with pytest.raises(FatalError, match="密码"):
        await connect(opend, trade_password="wrong-one", **QUIET)
    assert [proto for proto, _ in opend.requests].count(messages.UNLOCK) == 1


async def test_simulated_accounts_need_no_password(opend: OpendSimulator, connect: Connect) -> None:
    accounts = {"sim": {"acc_id": "281756455988249902", "environment": "simulate"}}
    await connect(opend, trade_password=None, accounts=accounts, **QUIET)
    assert messages.UNLOCK not in [proto for proto, _ in opend.requests]


async def test_market_data_alone_needs_no_account(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, accounts={}, symbols=["HK.00700"], market_data=["quote"])
    assert desk.ctx.accounts == ()
    await desk.ctx.until(lambda: desk.ctx.events)


async def test_a_symbol_that_opend_does_not_know_is_fatal_by_name(opend: OpendSimulator, connect: Connect) -> None:
    with pytest.raises(FatalError, match=r"HK\.99999"):
        await connect(opend, symbols=["HK.00700", "HK.99999"], market_data=["quote"])


# --- the end, wherever it comes ---------------------------------------------------------------------------------


async def test_a_cut_ends_the_run_and_close_leaves_nothing(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, **QUIET)
    opend.drop_clients()
    assert "connection" in await desk.lost()
    await desk.session.close()
    await desk.session.close()
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not any(name.startswith("futu-") for name in names)


async def test_a_drop_in_mid_frame_does_not_hurt_the_next_session(opend: OpendSimulator, connect: Connect) -> None:
    """The official SDK keeps the half frame and never recovers."""
    desk = await connect(opend, **QUIET)
    opend.faults.add(Fault(point="push", action="cut", after_bytes=50))
    opend.place_elsewhere(281756455988249903, "HK.00700", 1, "100", "470")
    await desk.lost()
    again = await connect(opend, ctx=desk.ctx, **QUIET)
    snapshot = await again.session.snapshot("real", 0)
    assert [order.status for order in snapshot.orders] == ["new"]


async def test_an_unanswered_init_connect_is_one_failed_attempt(opend: OpendSimulator, connect: Connect) -> None:
    """The official SDK stays connected and deaf for ever."""
    opend.faults.add(Fault(point="init", action="drop"))
    with pytest.raises(RetryableError, match="1001"):
        await connect(opend, connect_timeout=0.2, **QUIET)
    await connect(opend, **QUIET)


@pytest.mark.parametrize("point", ["connect", "init", "login", "quote"])
@pytest.mark.parametrize("action", ["cut", "garbage", "error"])
async def test_trouble_while_logging_in_is_retryable(
    opend: OpendSimulator, connect: Connect, point: str, action: Any
) -> None:
    opend.faults.add(Fault(point=point, action=action))
    with pytest.raises(RetryableError):
        await connect(opend, symbols=["HK.00700"], market_data=["quote"], connect_timeout=2.0, request_timeout=2.0)
    await connect(opend, symbols=["HK.00700"], market_data=["quote"])


async def test_a_silent_opend_is_noticed_within_two_intervals(connect: Connect) -> None:
    opend = OpendSimulator(tick=None, keep_alive=1.0)
    await opend.start()
    try:
        desk = await connect(opend, **QUIET)
        opend.faults.add(Fault(point="keep_alive", action="drop", times=10))
        began = asyncio.get_running_loop().time()
        assert "silent" in await desk.lost()
        assert asyncio.get_running_loop().time() - began < 2.0
    finally:
        await opend.stop()


async def test_keep_alive_keeps_a_quiet_session_on_an_opend_that_drops_the_silent(connect: Connect) -> None:
    opend = OpendSimulator(tick=None, keep_alive=1.0)
    await opend.start()
    try:
        desk = await connect(opend, **QUIET)
        await asyncio.sleep(3.5)  # longer than the simulator's patience of three intervals: time is the subject here
        assert not desk.run.done()
        assert [proto for proto, _ in opend.requests].count(messages.KEEP_ALIVE) >= 3
    finally:
        await opend.stop()


# --- OpenD's own servers ----------------------------------------------------------------------------------------


async def test_the_trading_server_goes_and_comes_back(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, **QUIET)
    opend.set_servers(trading=False)
    await desk.ctx.until(lambda: desk.ctx.state is not None)
    with pytest.raises(RetryableError):
        await desk.session.snapshot("real", 0)
    opend.unlocked = False  # it was restarted
    opend.requests.clear()
    opend.set_servers(trading=True)
    await desk.ctx.until(lambda: desk.ctx.state is None)
    assert [proto for proto, _ in opend.requests] == [2001, 2005, 2008]
    assert not desk.run.done()


async def test_connecting_while_the_trading_server_is_away_is_degraded(opend: OpendSimulator, connect: Connect) -> None:
    opend.trading_up = False
    desk = await connect(opend, symbols=["HK.00700"], market_data=["quote"])
    await desk.ctx.until(lambda: desk.ctx.state is not None)
    opend.set_servers(trading=True)
    await desk.ctx.until(lambda: desk.ctx.state is None)
    assert (await desk.session.snapshot("sim", 0)).orders == []


async def test_the_quote_server_comes_back_with_all_subscriptions(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, symbols=["HK.00700"], market_data=["quote"])
    opend.set_servers(quotes=False)
    opend.step("HK.00700")
    opend.set_servers(quotes=True)
    await desk.ctx.until(lambda: desk.ctx.gaps)
    assert desk.ctx.gaps[0][0] == ["md.>"]
    seen = len(desk.ctx.events)
    opend.step("HK.00700", ticks=1)
    await desk.ctx.until(lambda: len(desk.ctx.events) > seen)


async def test_a_changed_trade_password_needs_a_person(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, **QUIET)
    opend.event(14, "trade password changed")
    with pytest.raises(FatalError, match="password"):
        await asyncio.wait_for(desk.run, 10)


async def test_what_was_subscribed_at_run_time_is_there_after_a_reconnect(
    opend: OpendSimulator, connect: Connect
) -> None:
    desk = await connect(opend, symbols=["HK.00700"], market_data=["quote"])
    await desk.session.subscribe(["US.AAPL"], ["trade"])
    opend.drop_clients()
    await desk.lost()
    again = await connect(opend, ctx=desk.ctx, symbols=["HK.00700"], market_data=["quote"])
    items = await again.session.query("real", "subscriptions", Query())
    assert items == [
        {"symbol": "HK.00700", "market_data": ["quote"]},
        {"symbol": "US.AAPL", "market_data": ["trade"]},
    ]


async def test_a_hundred_and_fifty_symbols_are_subscribed_in_chunks(connect: Connect) -> None:
    stocks = [Stock(f"HK.{n:05d}", f"Stock {n}", "10", "0.01", lot=100) for n in range(1, 151)]
    opend = OpendSimulator(tick=None, stocks=stocks)
    await opend.start()
    try:
        await connect(opend, symbols=[stock.symbol for stock in stocks], market_data=["quote"])
        sizes = [len(c2s.securityList) for proto, c2s in opend.requests if proto == messages.SUBSCRIBE]
        assert sizes == [100, 50]
    finally:
        await opend.stop()


def test_the_spec_is_well_formed(make_config: Callable[..., Any], opend: OpendSimulator) -> None:
    config = make_config(opend)
    assert config.account_names() == ("sim", "real", "futures")
    assert "123456" not in repr(config)
    assert SPEC.name == config.plugin == "futu"
    context = RecordingContext(config)
    assert isinstance(SPEC.create(context), FutuSession)
