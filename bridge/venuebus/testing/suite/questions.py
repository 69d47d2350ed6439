"""Questions: look-up, snapshot, subscriptions."""

from __future__ import annotations

from typing import Any

import msgspec
from venuebus_schemas import Event, Order, Query, Reason, Submit, Verb

from ...errors import CommandRejected, RetryableError
from ...venue import (
    Found,
    OrderKey,
    Snapshot,
    SupportsLookup,
    SupportsQueries,
    SupportsSnapshot,
    SupportsSubscriptions,
)
from ..clauses import clause, demand, not_applicable, untested
from ..loops import as_session
from ..stage import Stage
from .events import demand_sound
from .parts import Suite

ASK_LIMIT = 60.0  # seconds of the loop's clock until a question must have ended
NEVER = "kit-never-sent"
NO_SYMBOL = "KIT9999"
NO_QUERY = "kit-no-such-query"
LOOKUPS = 3  # as often as an order that just came may be "not found" before that counts


class Questions(Suite):
    """What the bridge asks a session."""

    @clause("questions", "Q1")
    async def test_an_order_is_found_by_its_ids_and_by_what_its_claim_holds(self) -> None:
        async with self.stage() as stage:
            await self._with_lookup(stage)
            probe, order = await stage.place()
            command = probe.command
            assert isinstance(command, Submit)
            claim = OrderKey(client_order_id=command.client_order_id, symbol=command.symbol, keys=probe.keys,
                             ts_claimed=stage.context.now_ns())  # fmt: skip
            keys = {"its claim": claim}
            if order.venue_order_id is not None:
                keys["its venue_order_id"] = OrderKey(venue_order_id=order.venue_order_id, symbol=command.symbol,
                                                      order=order)  # fmt: skip
            for name, key in keys.items():
                found = await self._look_up(stage, key)
                demand(found is not None, f"an open order is not found by {name}")
                assert found is not None
                _is_that(found, order, name)
            old = stage.session
            await stage.connect()
            demand(await self._look_up(stage, claim) is not None, "a new session does not find the order by its claim")
            await stage.act(old.close())

    @clause("questions", "Q2")
    async def test_an_order_that_never_was_is_not_found(self) -> None:
        async with self.stage() as stage:
            await self._with_lookup(stage)
            probe = stage.submit(client_order_id=NEVER)
            command = probe.command
            assert isinstance(command, Submit)
            key = OrderKey(client_order_id=NEVER, symbol=command.symbol, keys=probe.keys,
                           ts_claimed=stage.context.now_ns())  # fmt: skip
            found = await self._look_up(stage, key)
            demand(found is None, f"an order that was never sent was found: {found!r}")

    @clause("questions", "Q2")
    async def test_what_the_venue_says_it_does_not_know_is_not_made_up(self) -> None:
        async with self.stage() as stage:
            await self._with_lookup(stage)
            probe, _ = await stage.place()
            command = probe.command
            assert isinstance(command, Submit)
            key = OrderKey(client_order_id=command.client_order_id, symbol=command.symbol, keys=probe.keys,
                           ts_claimed=stage.context.now_ns())  # fmt: skip
            stage.occasion("forget_order", "Q2")
            task = as_session(stage.session.lookup(stage.account, key), "lookup")
            demand(await stage.ends(task, ASK_LIMIT), "lookup() does not end")
            error = task.exception()
            fine = isinstance(error, RetryableError) or (error is None and task.result() is None)
            demand(fine, f"the venue answered that there is no such order: {error or task.result()!r}")

    @clause("questions", "Q2")
    async def test_a_look_up_without_an_answer_proves_nothing(self) -> None:
        async with self.stage() as stage:
            await self._with_lookup(stage)
            probe, _ = await stage.place()
            command = probe.command
            assert isinstance(command, Submit)
            key = OrderKey(client_order_id=command.client_order_id, symbol=command.symbol, keys=probe.keys)
            stage.network.mute = True
            await self._no_answer(stage, stage.session.lookup(stage.account, key), "lookup()")

    @clause("questions", "Q3", "E1", "E2")
    async def test_a_snapshot_holds_the_open_order(self) -> None:
        async with self.stage() as stage:
            await self._with_snapshot(stage)
            if Verb.SUBMIT not in self.can.verbs:
                shot = await self._snapshot(stage)
                demand_sound(_all(shot), stage.context.now_ns())
                return
            _, order = await stage.place()
            # Another session, which knows nothing of the order, is told of it all the same.
            old = stage.session
            await stage.connect()
            shot = await self._snapshot(stage)
            demand(shot.orders is not None, "orders can be placed, and the snapshot does not tell the open ones")
            ids = {name for one in shot.orders or [] for name in (one.venue_order_id, one.client_order_id)}
            demand(ids & {order.venue_order_id, order.client_order_id} - {None}, "the snapshot lacks the open order")
            demand_sound(_all(shot), stage.context.now_ns())
            strange = {event.account for event in _all(shot)} - {stage.account, ""}
            demand(not strange, f"the snapshot of {stage.account} holds events of {strange}")
            await stage.act(old.close())

    @clause("questions", "Q3")
    async def test_a_snapshot_without_an_answer_is_no_snapshot(self) -> None:
        async with self.stage() as stage:
            await self._with_snapshot(stage)
            since = stage.context.now_ns()
            stage.network.mute = True
            await self._no_answer(stage, stage.session.snapshot(stage.account, since), "snapshot()")

    @clause("questions", "Q4")
    async def test_subscriptions_take_effect(self) -> None:
        async with self.stage() as stage:
            if not stage.config.symbols or not stage.config.market_data:
                not_applicable("the simulator's configuration names no symbols or no market data")
            symbol, kinds = stage.config.symbols[0], sorted(set(stage.config.market_data) - {"instrument"})
            await stage.start()
            if not isinstance(stage.session, SupportsSubscriptions):
                not_applicable("the session has no subscribe()")
            try:
                await stage.act(stage.session.subscribe([NO_SYMBOL], kinds))
            except CommandRejected as error:
                demand(NO_SYMBOL in str(error), f"the refusal of {NO_SYMBOL} does not name it: {error}")
            else:
                raise AssertionError(f"subscribe() took {NO_SYMBOL}, which the venue does not have")
            await stage.act(stage.session.unsubscribe([symbol], kinds))
            stage.context.events.clear()
            await stage.clock.pass_until(lambda: False, 1.0)
            stage.context.events.clear()
            await stage.clock.pass_until(lambda: False, 3.0)
            still = {str(type(event).__struct_config__.tag) for event in _of(stage, symbol)}
            demand(not still & set(kinds), f"unsubscribed, and still published: {still}")
            await stage.act(stage.session.subscribe([symbol], kinds))
            demand(await stage.clock.pass_until(lambda: _of(stage, symbol), 20.0), "subscribed again, and nothing came")

    @clause("questions", "Q5")
    async def test_declared_queries_are_answered(self) -> None:
        async with self.stage() as stage:
            await stage.start()
            if not isinstance(stage.session, SupportsQueries):
                demand(not self.can.queries, f"{sorted(self.can.queries)} are declared, and there is no query()")
                not_applicable("the session has no query()")
            request = Query(symbol=next(iter(stage.config.symbols), None))
            for what in (*sorted(self.can.queries), NO_QUERY):
                task = as_session(stage.session.query(stage.account, what, request), "query")
                demand(await stage.ends(task, ASK_LIMIT), f"the query {what} does not end within {ASK_LIMIT:g} s")
                error = task.exception()
                refused = isinstance(error, CommandRejected) and error.reason is Reason.UNSUPPORTED
                if what == NO_QUERY:
                    demand(refused, f"a query that is not declared ended with {error!r}")
                    continue
                demand(error is None or (isinstance(error, CommandRejected) and not refused),
                       f"the query {what} ended with {error!r}")  # fmt: skip
                demand(error is not None or isinstance(task.result(), list), f"the query {what} returned no list")

    # --- the parts ------------------------------------------------------------------------------------------

    async def _with_lookup(self, stage: Stage) -> None:
        if Verb.SUBMIT not in self.can.verbs:
            not_applicable("submit is not declared")
        await stage.start()
        if not isinstance(stage.session, SupportsLookup):
            not_applicable("the session has no lookup()")

    async def _with_snapshot(self, stage: Stage) -> None:
        await stage.start()
        if not isinstance(stage.session, SupportsSnapshot):
            not_applicable("the session has no snapshot()")
        if not stage.config.account_names():
            untested("the simulator's configuration names no account")

    async def _look_up(self, stage: Stage, key: OrderKey) -> Found | None:
        for _ in range(LOOKUPS):
            task = as_session(stage.session.lookup(stage.account, key), "lookup")
            demand(await stage.ends(task, ASK_LIMIT), f"lookup() does not end within {ASK_LIMIT:g} s")
            found = task.result()
            demand(found is None or isinstance(found, Found), f"lookup() returned {type(found).__name__}")
            if found is not None:
                return found  # type: ignore[no-any-return]
        return None

    async def _snapshot(self, stage: Stage) -> Snapshot:
        since = stage.context.now_ns() - 3_600_000_000_000
        task = as_session(stage.session.snapshot(stage.account, since), "snapshot")
        demand(await stage.ends(task, ASK_LIMIT), f"snapshot() does not end within {ASK_LIMIT:g} s")
        shot = task.result()
        demand(isinstance(shot, Snapshot), f"snapshot() returned {type(shot).__name__}")
        return shot  # type: ignore[no-any-return]

    async def _no_answer(self, stage: Stage, question: Any, name: str) -> None:
        task = as_session(question, name)
        demand(await stage.ends(task, ASK_LIMIT), f"the venue is silent, and {name} does not end")
        error = None if task.cancelled() else task.exception()
        seen = f"returned {task.result()!r}" if error is None and not task.cancelled() else f"ended with {error!r}"
        demand(isinstance(error, RetryableError), f"the venue is silent, and {name} {seen}")


def _is_that(found: Found, order: Order, name: str) -> None:
    ids = {found.order.venue_order_id, found.order.client_order_id, *(found.order.venue_order_ids or {}).values()}
    demand(ids & ({order.venue_order_id, order.client_order_id} - {None}), f"by {name}, another order: {found!r}")


def _all(shot: Snapshot) -> list[Any]:
    lists = (getattr(shot, name) for name in msgspec.structs.asdict(shot))
    return [event for events in lists for event in events or []]


def _of(stage: Stage, symbol: str) -> list[Event]:
    return [event for event in stage.context.events if getattr(event, "symbol", None) == symbol]
