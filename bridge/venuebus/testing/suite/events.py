"""Events: what is published reads back, is exact, in sequence, and survives garbage."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from venuebus_schemas import AccountEvent, Book, BookDelta, Event, Trade

from ..clauses import clause, demand, not_applicable
from ..stage import Stage
from ..values import mistakes
from .parts import Suite

PIECE = 7  # bytes: no number, key or header of any length survives whole
FEW = 5
SHOWN = 5  # mistakes that a failure quotes
MARKET_LIMIT = 60.0  # seconds of the loop's clock in which every configured kind of market data must come


class Events(Suite):
    """What a running session publishes."""

    @clause("events", "E1", "E2", "E3")
    async def test_every_kind_of_market_data_comes_and_is_what_the_schemas_say(self) -> None:
        self._needs_market_data()
        async with self.stage(changes={"market_data": sorted(self.can.market_data)}) as stage:
            await stage.start()
            await stage.clock.pass_until(lambda: self.can.market_data <= _kinds(stage), MARKET_LIMIT)
            missing = self.can.market_data - _kinds(stage)
            demand(not missing, f"declared, configured, and never published: {', '.join(sorted(missing))}")
            self._hold_to_schema(stage)

    @clause("events", "E4")
    async def test_market_data_is_in_sequence(self) -> None:
        self._needs_market_data()
        async with self.stage(changes={"market_data": sorted(self.can.market_data)}) as stage:
            await stage.start()
            await stage.clock.pass_until(lambda: len(stage.context.events) > 500, 10.0)
            events = stage.context.events
            demand(events, "no event came")
            for symbol in {getattr(event, "symbol", "") for event in events}:
                mine = [event for event in events if getattr(event, "symbol", "") == symbol]
                _chain(symbol, mine, gaps=bool(stage.context.gaps))
                for kind in {type(event) for event in mine}:
                    times = [event.ts_recv for event in mine if type(event) is kind]
                    back = next(((a, b) for a, b in pairwise(times) if b < a), None)
                    demand(back is None, f"{kind.__name__} of {symbol}: ts_recv goes back from {back}")

    @clause("events", "E5")
    async def test_garbage_is_counted_and_the_session_goes_on(self) -> None:
        self.needs_connection()
        async with self.stage() as stage:
            await stage.start()
            assert stage.running is not None
            await stage.clock.pass_until(lambda: stage.context.events, 10.0)
            letters, counts = len(stage.context.dead_letters), stage.context.counts.total()
            stage.occasion("garbage", "E5")
            noticed = await stage.clock.pass_until(
                lambda: len(stage.context.dead_letters) > letters or stage.context.counts.total() > counts, 10.0
            )
            demand(not stage.running.done(), "garbage ended the session")
            demand(noticed, "garbage came, and there is neither a dead letter nor a count of it")
            if self.can.market_data and stage.config.symbols:
                before = len(stage.context.events)
                more = await stage.clock.pass_until(lambda: len(stage.context.events) > before, 10.0)
                demand(more, "no event came within 10 s of the garbage")

    @clause("events", "E6")
    async def test_messages_are_understood_in_pieces(self) -> None:
        self.needs_connection()
        async with self.stage() as stage:
            stage.network.piece = PIECE
            await stage.start()
            assert stage.running is not None
            if self.can.market_data and stage.config.symbols:
                came = await stage.clock.pass_until(lambda: len(stage.context.events) > FEW, 20.0)
                demand(came, f"no more than {len(stage.context.events)} events came in pieces of {PIECE} bytes")
            demand(not stage.running.done(), f"run() ended when messages came in pieces of {PIECE} bytes")
            letters = [text for _, text in stage.context.dead_letters]
            demand(not letters, f"pieces of messages became dead letters: {letters[:SHOWN]}")
            demand_sound(stage.context.events, stage.context.now_ns())

    # --- the parts ------------------------------------------------------------------------------------------

    def _needs_market_data(self) -> None:
        if not self.can.market_data:
            not_applicable("no market data is declared")

    def _hold_to_schema(self, stage: Stage) -> None:
        demand_sound(stage.context.events, stage.context.now_ns())
        for event in stage.context.events:
            symbol = getattr(event, "symbol", None)
            if isinstance(event, AccountEvent):
                accounts = stage.config.account_names()
                demand(event.account in accounts or (not event.account and len(accounts) == 1),
                       f"{event!r} is of account {event.account!r}, configured: {', '.join(accounts)}")  # fmt: skip
                continue
            kind = str(type(event).__struct_config__.tag)
            demand(kind in self.can.market_data, f"{kind} is published and not declared")
            if kind != "instrument" and stage.config.symbols:
                demand(symbol in stage.config.symbols, f"{kind} of {symbol!r}, which is not configured")


def demand_sound(events: Iterable[Event], now_ns: int) -> None:
    """Hold every event to the schemas."""
    found = [(event, text) for event in events for text in mistakes(event, now_ns)]
    shown = "\n".join(f"  {text}: {repr(event)[:300]}" for event, text in found[:SHOWN])
    demand(not found, f"{len(found)} mistakes in events:\n{shown}")


def _kinds(stage: Stage) -> set[str]:
    return {str(type(event).__struct_config__.tag) for event in stage.context.events}


def _chain(symbol: str, events: list[Event], *, gaps: bool) -> None:
    """Hold the books' numbers, their order of levels, and the trades' ids to the contract."""
    last: int | None = None
    seen: set[str] = set()
    for event in events:
        if isinstance(event, Book):
            last = event.venue_seq
            for side, best in ((event.bids, max), (event.asks, min)):
                prices = [float(price) for price, _ in side]
                demand(prices == sorted(prices, reverse=best is max), f"a book of {symbol} is not best level first")
        elif isinstance(event, BookDelta):
            if last is not None and event.prev_venue_seq is not None and not gaps:
                demand(event.prev_venue_seq == last, f"book_delta of {symbol}: {event.prev_venue_seq} follows {last}")
            last = event.venue_seq
        elif isinstance(event, Trade) and event.trade_id is not None:
            demand(event.trade_id not in seen, f"trade {event.trade_id} of {symbol} was published twice")
            seen.add(event.trade_id)
