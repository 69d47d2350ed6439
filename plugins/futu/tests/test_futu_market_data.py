"""Subscriptions: what is asked for comes, what is not does not, and the quota and its minute are respected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from venuebus import CommandRejected
from venuebus.simulation import Fault
from venuebus_futu import feed, messages
from venuebus_futu.simulator import OpendSimulator
from venuebus_schemas import Bar, Book, Instrument, InstrumentKind, Query, Quote, Reason, Ticker, Trade

Connect = Callable[..., Awaitable[Any]]


async def test_every_kind_of_market_data_comes(opend: OpendSimulator, connect: Connect) -> None:
    kinds = ["quote", "trade", "book", "ticker", "bar", "instrument"]
    desk = await connect(opend, symbols=["HK.00700"], market_data=kinds)
    opend.step("HK.00700", ticks=1, trade=True)
    await desk.ctx.until(lambda: all(desk.ctx.of(kind) for kind in (Quote, Trade, Book, Ticker, Bar, Instrument)))
    (instrument,) = desk.ctx.of(Instrument)
    assert (instrument.symbol, instrument.kind, instrument.lot_size) == ("HK.00700", InstrumentKind.EQUITY, "100")
    (trade,), ticker = desk.ctx.of(Trade), desk.ctx.of(Ticker)[-1]
    assert (ticker.last, ticker.volume) == (trade.price, trade.size)
    book, quote = desk.ctx.of(Book)[-1], desk.ctx.of(Quote)[-1]
    assert (quote.bid, quote.ask) == (book.bids[0][0], book.asks[0][0])
    assert len(book.bids) == len(book.asks) == 10


@pytest.mark.parametrize(
    "symbol",
    ["HK.00700", "US.BRK.B", "SH.600519", "SZ.000001", "SG.D05", "JP.7203", "HK.HSImain", "US.AAPL270115C235000"],
)
async def test_every_market_stocks_futures_and_options(opend: OpendSimulator, connect: Connect, symbol: str) -> None:
    desk = await connect(opend, symbols=[symbol], market_data=["quote", "instrument"])
    await desk.ctx.until(lambda: desk.ctx.of(Quote))
    assert {event.symbol for event in desk.ctx.events} == {symbol}


async def test_only_what_was_asked_for_is_published(opend: OpendSimulator, connect: Connect) -> None:
    desk = await connect(opend, symbols=["HK.00700"], market_data=["quote"])
    opend.step("HK.00700", ticks=1, trade=True)
    opend.step("US.AAPL", ticks=1, trade=True)
    await desk.ctx.until(lambda: len(desk.ctx.of(Quote)) >= 2)
    assert {type(event) for event in desk.ctx.events} == {Quote}


async def test_a_bar_is_final_when_the_next_begins(opend: OpendSimulator, connect: Connect) -> None:
    clock = [1_790_000_000_000_000_000]
    opend.now_ns = opend.engine._now = lambda: clock[0]
    desk = await connect(opend, symbols=["HK.00700"], market_data=["bar"], bars=["1m", "5m"])
    opend.step("HK.00700", ticks=1, trade=True)
    clock[0] += 60_000_000_000
    opend.step("HK.00700", ticks=1, trade=True)
    await desk.ctx.until(lambda: len([bar for bar in desk.ctx.of(Bar) if bar.interval == "1m"]) == 3)
    first, ended, second = (bar for bar in desk.ctx.of(Bar) if bar.interval == "1m")
    assert (first.final, ended.final, second.final) == (False, True, False)
    assert (ended.ts_open, ended.close) == (first.ts_open, first.close)
    assert second.ts_open - first.ts_open == 60_000_000_000


async def test_a_symbol_that_opend_does_not_know_is_refused_by_name_and_the_others_are_not_hurt(desk: Any) -> None:
    with pytest.raises(CommandRejected, match=r"HK\.99999") as caught:
        await desk.session.subscribe(["HK.00700", "HK.99999", "US.AAPL"], ["quote"])
    assert caught.value.reason is Reason.UNKNOWN_SYMBOL
    with pytest.raises(CommandRejected, match="PREFIX"):
        await desk.session.subscribe(["00700"], ["quote"])
    with pytest.raises(CommandRejected, match="greeks"):
        await desk.session.subscribe(["HK.00700"], ["greeks"])
    await desk.session.subscribe(["HK.00700"], ["quote"])
    await desk.ctx.until(lambda: desk.ctx.of(Quote))


async def test_the_quota_is_looked_at_before_it_is_used(connect: Connect) -> None:
    opend = OpendSimulator(tick=None, quota=2)
    await opend.start()
    try:
        desk = await connect(opend, symbols=["HK.00700"], market_data=["quote", "book"])  # one subscription
        with pytest.raises(CommandRejected, match="1 left") as caught:
            await desk.session.subscribe(["US.AAPL"], ["quote", "trade"])
        assert caught.value.reason is Reason.RATE_LIMITED
        await desk.session.subscribe(["US.AAPL"], ["quote"])
        other = await connect(opend, symbols=["US.AAPL"], market_data=["quote"])  # the same pair costs nothing more
        await other.ctx.until(lambda: other.ctx.of(Quote))
    finally:
        await opend.stop()


async def test_unsubscribing_stops_events_at_once_and_the_subscription_after_its_minute(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.session.subscribe(["HK.00700"], ["quote", "book"])
    await desk.session.unsubscribe(["HK.00700"], ["quote"])
    desk.opend.step("HK.00700", ticks=1)
    await desk.ctx.until(lambda: len(desk.ctx.of(Book)) >= 2)
    quotes = len(desk.ctx.of(Quote))
    await desk.session.unsubscribe(["HK.00700"], ["book", "trade"])
    desk.opend.step("HK.00700", ticks=1)
    await desk.session.query("real", "book", Query(symbol="HK.00700"))  # whatever was pushed has arrived by now
    assert len(desk.ctx.of(Quote)) == quotes
    requests = [c2s for proto, c2s in desk.opend.requests if proto == messages.SUBSCRIBE]
    assert [c2s.isSubOrUnSub for c2s in requests] == [True]
    monkeypatch.setattr(feed, "MINIMUM", -1.0)
    desk.opend.quotes.minimum = 0.0
    await desk.session.unsubscribe([], [])
    requests = [c2s for proto, c2s in desk.opend.requests if proto == messages.SUBSCRIBE]
    assert [c2s.isSubOrUnSub for c2s in requests] == [True, False]
    await desk.session.unsubscribe(["JP.7203"], ["quote"])  # was never subscribed


async def test_a_refused_unsubscribe_is_no_trouble(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.session.subscribe(["HK.00700"], ["quote"])
    monkeypatch.setattr(feed, "MINIMUM", -1.0)
    await desk.session.unsubscribe(["HK.00700"], ["quote"])  # the simulator insists on its minute
    assert desk.ctx.counts["unsubscribe_refused"] == 1


async def test_a_refused_subscription_says_why(desk: Any) -> None:
    desk.opend.faults.add(Fault(point="quote", action="refuse", match="3001"))
    with pytest.raises(CommandRejected, match="refused"):
        await desk.session.subscribe(["HK.00700"], ["quote"])
    assert await desk.session.query("real", "subscriptions", Query()) == []


async def test_old_ticks_that_opend_shows_at_first_are_no_trades(opend: OpendSimulator, connect: Connect) -> None:
    opend.step("HK.00700", ticks=0, trade=True)
    desk = await connect(opend, symbols=["HK.00700"], market_data=["trade"])
    opend.step("HK.00700", ticks=0, trade=True)
    await desk.ctx.until(lambda: desk.ctx.of(Trade))
    assert len(desk.ctx.of(Trade)) == 1
    assert desk.ctx.counts["trade_skipped"] == 1


async def test_books_and_instruments_can_be_asked_for(desk: Any) -> None:
    (book,) = await desk.session.query("real", "book", Query(symbol="US.AAPL", params={"depth": 3}))
    assert (len(book.bids), book.bids[0][0], book.asks[0][0]) == (3, "226.49", "226.51")
    (item,) = await desk.session.query("real", "instruments", Query(symbol="HK.HSImain"))
    assert (item.kind, item.multiplier, item.exchange) == (InstrumentKind.FUTURE, "50", "HKEX")
    with pytest.raises(CommandRejected, match="symbol"):
        await desk.session.query("real", "book", Query())
    with pytest.raises(CommandRejected, match=r"HK\.4"):
        await desk.session.query("real", "instruments", Query(symbol="HK.4"))
