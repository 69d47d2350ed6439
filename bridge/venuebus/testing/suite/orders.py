"""Orders: every end is true, whatever the venue and the network do."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
from venuebus_schemas import Fill, Order, OrderType, Reason, Submit, TimeInForce, Verb, plain

from ...errors import CommandRejected, NotSent, OutcomeUnknown
from ...orders.checks import check_capabilities
from ...simulation.occasions import engine_of
from ...venue import Accepted, SupportsOrders
from ..clauses import clause, demand, not_applicable, untested
from ..loops import as_session, patiently
from ..stage import Probe, Stage
from .events import demand_sound
from .parts import Suite

TURNS = 100  # of the loop between sending() and the first byte; a library may take a few
PROMPT = 5.0  # seconds of the loop's clock until a lost link must have ended a request
TOO_FINE = Decimal("0.000000000123")


class Orders(Suite):
    """Commands, one attempt at a time, as the bridge makes them."""

    @clause("orders", "O1", "O3", "E1", "E2")
    async def test_an_order_is_placed_once_and_told(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before = stage.taken()
            probe, order = await stage.place()
            demand(probe.sent == 1, f"sending() was called {probe.sent} times for one order")
            demand(stage.taken() == before + 1, f"one submit made {stage.taken() - before} orders at the venue")
            told = stage.told(probe, order.venue_order_id)
            demand(told is not None, "no event of the order names its client_order_id or its venue_order_id")
            assert told is not None
            account = told.account or ("" if len(stage.config.account_names()) > 1 else stage.account)
            demand(account == stage.account, f"the order's account is {told.account!r}, not {stage.account!r}")
            _same(told, probe.command)
            own = [event for event in stage.context.events if isinstance(event, Order | Fill)]
            demand_sound(own, stage.context.now_ns())

    @clause("orders", "O1")
    async def test_sending_is_called_right_before_the_first_byte(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before = stage.taken()
            held: list[int] = []
            probe = stage.submit()
            probe.on_sending = lambda: held.append(stage.taken())
            await stage.execute(probe, fast=True)
            demand(held, "execute() never called sending()")
            demand(held[0] == before, "the order was at the venue before sending() was called")
            demand(await patiently(lambda: probe.on_the_wire, 2.0), "no byte followed sending()")
            demand(
                probe.turns <= TURNS, f"the loop went round {probe.turns} times between sending() and the first byte"
            )

    @clause("orders", "O2")
    async def test_nothing_goes_out_when_sending_refuses(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before = stage.taken()
            probe = stage.submit()
            probe.on_sending = _too_late
            outcome = await stage.execute(probe, fast=True)
            demand(isinstance(outcome, NotSent), f"sending() raised NotSent, and execute() ended with {outcome!r}")
            await stage.clock.pass_until(lambda: stage.taken() > before, 2.0)
            demand(stage.taken() == before, "sending() refused, and the order is at the venue all the same")

    @clause("orders", "O2")
    async def test_nothing_goes_out_before_connect_and_after_close(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before, probe = stage.taken(), stage.submit()
            closed = stage.session
            await stage.act(closed.close())
            fresh = stage.create()
            for session, when in ((fresh, "before connect()"), (closed, "after close()")):
                stage.session = session
                outcome = await stage.execute(probe, fast=True)
                demand(isinstance(outcome, NotSent | CommandRejected), f"execute() {when} ended with {outcome!r}")
            await stage.act(fresh.close())
            demand(stage.taken() == before, "an order reached the venue without a connection")

    @clause("orders", "O2", "O5")
    async def test_a_link_that_is_cut_before_sending_proves_that_nothing_went_out(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before, probe = stage.taken(), stage.submit()
            stage.network.mute = True
            stage.network.cut()
            outcome = await stage.execute(probe, fast=True)
            if isinstance(outcome, NotSent):
                demand(stage.taken() == before, "NotSent was raised, and the order is at the venue")
            else:
                demand(isinstance(outcome, OutcomeUnknown | CommandRejected), f"the link was cut: {outcome!r}")

    @clause("orders", "O5")
    async def test_a_lost_answer_is_an_unknown_outcome(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before, probe = stage.taken(), stage.submit()
            probe.on_sending = lambda: setattr(stage.network, "lose_answers", True)
            outcome = await stage.execute(probe, fast=True)
            demand(isinstance(outcome, OutcomeUnknown), f"no answer came, and execute() ended with {outcome!r}")
            demand(stage.taken() == before + 1, f"one submit made {stage.taken() - before} orders at the venue")

    @clause("orders", "O5")
    async def test_a_link_that_is_cut_after_sending_is_an_unknown_outcome_at_once(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before, probe = stage.taken(), stage.submit()
            probe.on_sending = lambda: setattr(stage.network, "lose_answers", True)
            task = as_session(stage.session.execute(probe), "execute")
            await patiently(lambda: stage.taken() > before or task.done(), 5.0)
            demand(stage.taken() == before + 1, "the order did not reach the venue")
            stage.network.mute = True
            stage.network.cut()
            demand(await stage.ends(task, PROMPT), f"the link was cut, and execute() waits on after {PROMPT:g} s")
            error = task.exception()
            wrong = error is None or isinstance(error, NotSent | CommandRejected)
            demand(not wrong, f"the link was cut after sending, and execute() ended with {error!r}")

    @clause("orders", "O5")
    async def test_an_answer_that_proves_nothing_is_an_unknown_outcome(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before, probe = stage.taken(), stage.submit()
            if not stage.try_occasion("doubt_submit"):
                not_applicable("the simulator has no answer that proves nothing ('doubt_submit')")
            outcome = await stage.execute(probe, fast=True)
            demand(stage.taken() == before + 1, "the simulator did not take the order that it was to take in doubt")
            told = isinstance(outcome, Accepted) and stage.told(probe) is not None  # by a push, which is a proof
            demand(told or isinstance(outcome, OutcomeUnknown), f"nothing was proved, and execute() ended: {outcome!r}")

    @clause("orders", "O4")
    async def test_what_the_venue_refuses_is_rejected(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before, probe = stage.taken(), stage.submit()
            stage.occasion("refuse_submit", "O4")
            outcome = await stage.execute(probe, fast=True)
            demand(isinstance(outcome, CommandRejected), f"the venue refused, and execute() ended with {outcome!r}")
            assert isinstance(outcome, CommandRejected)
            demand(str(outcome), "the rejection has no text for people")
            demand(isinstance(outcome.reason, Reason), f"the reason {outcome.reason!r} is none of the contract's codes")
            demand(stage.taken() == before, "the simulator took the order that it was to refuse")

    @clause("orders", "O6")
    async def test_an_instruction_that_is_executed_twice_makes_one_order(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before = stage.taken()
            probe, _ = await stage.place()
            again = await stage.execute(probe, fast=True)
            await stage.clock.pass_until(lambda: stage.taken() > before + 1, 2.0)
            made = stage.taken() - before
            demand(made == 1, f"the same instruction, executed twice, made {made} orders (the second: {again!r})")

    @clause("orders", "O7")
    async def test_what_cannot_be_expressed_is_refused_before_the_wire(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before = stage.taken()
            wanted = self.wanted(stage.simulator, stage.config)
            price = plain(Decimal(wanted.get("price") or 1) + TOO_FINE)
            quantity = plain(Decimal(wanted.get("quantity") or 1) + TOO_FINE)
            cases: list[tuple[dict[str, Any], str]] = [
                ({"params": {"no_option_of_this_venue": 1}}, "an unknown option in params"),
                ({"quantity": quantity}, f"a quantity of {quantity}"),
            ]
            cases += [({"price": price}, f"a price of {price}")] if "price" in wanted else []
            for changes, what in cases:
                try:
                    outcome: object = await stage.execute(stage.submit(**changes), fast=True)
                except CommandRejected as error:
                    outcome = error
                demand(isinstance(outcome, CommandRejected), f"{what} was not refused: {outcome!r}")
            demand(stage.taken() == before, "what cannot be expressed became an order, so it was changed on the way")

    @clause("orders", "O7", "E3")
    async def test_every_declared_kind_of_order_can_be_expressed(self) -> None:
        self.needs(Verb.SUBMIT)
        demand(self.can.order_types, "submit is declared, and no order type")
        async with self.stage() as stage:
            await stage.start()
            wanted = self.wanted(stage.simulator, stage.config)
            kinds: list[dict[str, Any]] = [{"order_type": kind} for kind in sorted(self.can.order_types)]
            kinds += [{"time_in_force": kind} for kind in sorted(self.can.time_in_force)]
            refused = [text for kind in kinds if (text := self._unsupported(stage, {**wanted, **kind}))]
            demand(not refused, f"declared, and unsupported for every configured symbol: {'; '.join(refused)}")

    @clause("orders", "O7")
    async def test_what_is_not_declared_is_refused_before_the_wire(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            before, wanted = stage.taken(), self.wanted(stage.simulator, stage.config)
            strange: list[dict[str, Any]] = [{"order_type": kind} for kind in OrderType]
            strange += [{"time_in_force": kind} for kind in TimeInForce]
            strange += [{"post_only": True}, {"reduce_only": True}]
            for more in strange:
                probe = Probe(_command({**wanted, **more}), stage.account, stage.network)
                try:  # as the bridge does: what the capabilities do not refuse, prepare() must
                    check_capabilities(probe.command, Verb.SUBMIT, self.can)
                except CommandRejected as error:
                    demand(error.reason is Reason.UNSUPPORTED, f"{more} is refused as {error.reason}")
                else:
                    demand(self._declares(more), f"{more} is not declared, and nobody refuses it")
            demand(stage.taken() == before, "an order was made although nothing was executed")

    @clause("orders", "O8")
    async def test_a_cancel_ends_an_open_order(self) -> None:
        self.needs(Verb.SUBMIT, Verb.CANCEL)
        async with self.stage() as stage:
            await stage.start()
            probe, order = await stage.place()
            cancel = stage.cancel(order)
            outcome = await stage.execute(cancel, fast=True)
            demand(isinstance(outcome, Accepted), f"the cancel of an open order ended with {outcome!r}")
            stage.take(outcome, cancel)
            over = await stage.clock.pass_until(lambda: _is_over(stage.known(probe)), 10.0)
            demand(over, f"the order was canceled, and its last state is {stage.known(probe)!r}")
            again = await stage.execute(stage.cancel(stage.known(probe)), fast=True)
            rejected = isinstance(again, CommandRejected) and again.reason is Reason.UNKNOWN_ORDER
            demand(rejected, f"the cancel of an order that is over ended with {again!r}")

    @clause("orders", "O8")
    async def test_a_cancel_of_an_unknown_order_is_rejected(self) -> None:
        self.needs(Verb.CANCEL)
        async with self.stage() as stage:
            await stage.start()
            symbol = self.wanted(stage.simulator, stage.config).get("symbol")
            try:
                probe = stage.cancel(None, client_order_id="kit-never-sent", symbol=symbol)
                outcome: object = await stage.execute(probe, fast=True)
            except CommandRejected as error:
                outcome = error
            rejected = isinstance(outcome, CommandRejected) and outcome.reason is Reason.UNKNOWN_ORDER
            demand(rejected, f"the cancel of an order that never was ended with {outcome!r}")

    @clause("orders", "O9")
    async def test_an_amend_changes_what_it_names(self) -> None:
        self.needs(Verb.SUBMIT, Verb.AMEND)
        async with self.stage() as stage:
            await stage.start()
            probe, order = await stage.place()
            changes = dict(self.amend) if self.amend is not None else self._higher(stage, probe)
            amend = stage.amend(order, **changes)
            outcome = await stage.execute(amend, fast=True)
            demand(isinstance(outcome, Accepted), f"the amend of an open order ended with {outcome!r}")
            stage.take(outcome, amend)
            named = {key: Decimal(str(value)) for key, value in changes.items() if key in ("price", "quantity")}

            def done() -> bool:
                known = stage.known(probe)
                return known is not None and all(
                    Decimal(getattr(known, key) or "NaN") == value for key, value in named.items()
                )

            amended = await stage.clock.pass_until(done, 10.0)
            demand(amended, f"{changes}, and the order's state is {stage.known(probe)!r}")

    @clause("orders", "L7", "O5")
    async def test_a_canceled_execute_ends_at_once(self) -> None:
        self.needs(Verb.SUBMIT)
        async with self.stage() as stage:
            await stage.start()
            probe = stage.submit()
            probe.on_sending = lambda: setattr(stage.network, "lose_answers", True)
            task = as_session(stage.session.execute(probe), "execute")
            await patiently(lambda: probe.sent or task.done(), 5.0)
            task.cancel()
            demand(await patiently(task.done, 1.0), "execute() goes on 1 s after it was canceled")
            wrong = not task.cancelled() and isinstance(task.exception(), NotSent | CommandRejected)
            demand(not wrong, f"canceled after sending(), and execute() ended with {_error(task)!r}")

    # --- the parts ------------------------------------------------------------------------------------------

    def needs(self, *verbs: Verb) -> None:
        """End the test where one of ``verbs`` is not declared."""
        missing = [verb for verb in verbs if verb not in self.can.verbs]
        if missing:
            not_applicable(f"{', '.join(missing)} is not declared")

    def _declares(self, more: dict[str, Any]) -> bool:
        can = self.can
        offered: set[Any] = {*can.order_types, *(can.time_in_force or TimeInForce), TimeInForce.OTHER}
        return all(getattr(can, name, False) if value is True else value in offered for name, value in more.items())

    def _unsupported(self, stage: Stage, wanted: dict[str, Any]) -> str:
        """Say why no configured symbol takes ``wanted``; empty where one does, or something else is wrong with it."""
        text = ""
        for symbol in (wanted["symbol"], *stage.config.symbols):
            try:
                command = stage.submit(**_completed({**wanted, "symbol": symbol})).command
                check_capabilities(command, Verb.SUBMIT, self.can)
            except CommandRejected as error:
                if error.reason is not Reason.UNSUPPORTED:
                    return ""
                text = text or str(error)
            else:
                return ""
        return text

    def _higher(self, stage: Stage, probe: Probe) -> dict[str, str]:
        engine, command = engine_of(stage.simulator), probe.command
        assert isinstance(command, Submit)
        if engine is None or command.symbol not in engine.markets or command.price is None:
            untested("name what an `amend` changes: the simulator shows no engine with the order's market")
        return {"price": plain(Decimal(command.price) + engine.markets[command.symbol].tick)}


def is_order_session(stage: Stage) -> bool:
    """Tell whether the session executes commands."""
    return isinstance(stage.session, SupportsOrders)


def _too_late() -> None:
    raise NotSent("the time of this attempt has passed")


def _same(order: Order, command: object) -> None:
    assert isinstance(command, Submit)
    for name in ("client_order_id", "symbol", "side"):
        told, sent = getattr(order, name), getattr(command, name)
        demand(told == sent, f"the order's {name} is {told!r}, the command's {sent!r}")
    for name in ("quantity", "price"):
        told, sent = getattr(order, name), getattr(command, name)
        if told is not None and sent is not None:
            demand(Decimal(told) == Decimal(sent), f"the order's {name} is {told}, the command's {sent}")


def _is_over(order: Order | None) -> bool:
    return order is not None and order.status.is_final


def _command(fields: dict[str, Any]) -> Submit:
    return msgspec.convert({"type": "submit", "command_id": "kit", "client_order_id": "kit", **fields}, Submit)


def _completed(fields: dict[str, object]) -> dict[str, object]:
    """Give an order type what it needs beside a price, and take away what it must not have."""
    kind, price = fields["order_type"], fields.get("price")
    full = dict(fields)
    if kind in (OrderType.MARKET, OrderType.STOP, OrderType.AUCTION):
        full.pop("price", None)
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.OCO, OrderType.TRAILING_STOP):
        full["trigger_price"] = price
    if kind is OrderType.OCO:
        full["stop_price"] = price
    return full


def _error(task: asyncio.Task[object]) -> object:
    return None if task.cancelled() else task.exception()
