"""The event loop: no step blocks it, and a message does not cost more than it is worth."""

from __future__ import annotations

from venuebus_schemas import AccountEvent, Verb

from ..clauses import clause, demand, not_applicable
from ..loops import Steps
from ..stage import Stage
from ..values import values
from .parts import Suite

STANDSTILL = 0.1  # seconds that a step may wait for something else than the processor
TRIES = 3  # a true fault comes every time; a busy machine or a first import does not
EVENTS = 300


class Pace(Suite):
    """What a session costs the others in its loop."""

    @clause("loop", "P1")
    async def test_no_step_blocks_the_loop(self) -> None:
        best = await self._longest()
        for _ in range(TRIES - 1):
            if best.longest <= self.step_budget and best.blocked <= STANDSTILL:
                break
            again = await self._longest()
            best = min(best, again, key=lambda steps: max(steps.longest, steps.blocked))
        demand(best.steps, "the session made no step at all")
        demand(best.blocked <= STANDSTILL, f"a step stood still for {best.blocked * 1e3:.0f} ms: {best.blocked_where}")
        demand(best.longest <= self.step_budget, f"a step computed for {best.longest * 1e3:.0f} ms, "
               f"more than {self.step_budget * 1e3:.0f} ms: {best.where}")  # fmt: skip

    @clause("loop", "P2")
    async def test_a_message_costs_few_calls(self) -> None:
        if not self.can.market_data:
            not_applicable("no market data is declared")
        steps = Steps(count_calls=True)
        async with self.stage() as stage:
            await stage.start()
            await stage.clock.pass_until(lambda: len(stage.context.events) > 20, 20.0)
            stage.context.events.clear()
            with steps.measured():
                await stage.clock.pass_until(lambda: len(stage.context.events) >= EVENTS, 20.0)
            events = [event for event in stage.context.events if not isinstance(event, AccountEvent)]
            count = sum(1 for event in events for _ in values(event))
        demand(count, "no market data came")
        cost = steps.calls / count
        demand(cost <= self.call_budget, f"{steps.calls} calls for {count} values in {len(events)} events: "
               f"{cost:.1f} a value, more than {self.call_budget:g}")  # fmt: skip

    async def _longest(self) -> Steps:
        steps = Steps()
        async with self.stage() as stage:
            with steps.measured():
                await stage.start()
                if Verb.SUBMIT in self.can.verbs:
                    await self._trade(stage)
                await stage.clock.pass_until(lambda: len(stage.context.events) >= EVENTS, 3.0)
                await stage.end()
        return steps

    async def _trade(self, stage: Stage) -> None:
        _, order = await stage.place()
        if Verb.CANCEL in self.can.verbs:
            await stage.execute(stage.cancel(order), fast=True)
