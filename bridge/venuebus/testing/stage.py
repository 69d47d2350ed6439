"""The stage of one test: a simulator, a network that can fail, and a session with all that the bridge would give it."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from venuebus_schemas import Amend, AnyCommand, Cancel, Order, Submit

from ..configuration.config import build_config
from ..errors import CommandRejected, FatalError, NotSent, OutcomeUnknown, RetryableError
from ..limits import RateLimits
from ..simulation.occasions import Occasion, orders_taken, stage
from ..venue import Accepted, SupportsOrders, SupportsPrepare, SupportsSnapshot, VenueConfig
from .clauses import demand, untested
from .loops import Clock, Tasks, as_session, call_as_session, patiently
from .relay import Network
from .tracked import TrackingContext

if TYPE_CHECKING:
    from .contract import VenueContract

T = TypeVar("T")
Outcome = Accepted | CommandRejected | NotSent | OutcomeUnknown
ACT_LIMIT = 45.0  # the bridge waits as long for connect()
CLOSE_LIMIT = 5.0  # the bridge waits no longer
ANSWER_LIMIT = 15.0  # the longest that the contract lets a request wait for its answer
_numbers = itertools.count(1)


class Probe:
    """An `Instruction` that notices when `sending` is called and how soon a byte follows.

    Attributes:
        turns: how often the loop went round between `sending` and the first byte on the wire.
        on_sending: called in `sending`; may raise `NotSent`.
    """

    def __init__(self, command: AnyCommand, account: str, network: Network, *, order: Order | None = None) -> None:
        self.command = command
        self.account = account
        self.order = order
        self.keys: Mapping[str, str] = {}
        self.attempt = 1
        self.sent = 0
        self.turns = 0
        self.on_sending: Callable[[], None] = lambda: None
        self._network = network
        self._before = 0

    def sending(self) -> None:
        """Note the moment."""
        self.on_sending()
        self.sent += 1
        self._before = self._network.up
        asyncio.get_running_loop().call_soon(self._turn)

    @property
    def on_the_wire(self) -> bool:
        """Tell whether a byte went out since `sending`."""
        return self.sent > 0 and self._network.up > self._before

    def _turn(self) -> None:
        if not self.on_the_wire and self.turns < 10_000:
            self.turns += 1
            asyncio.get_running_loop().call_soon(self._turn)


class Stage:
    """Use with ``async with``: the simulator runs, nothing is connected yet.

    Attributes:
        simulator, network, context, config: what the session has to do with.
        table: the ``[venues.<name>]`` table, with its addresses led through `network`.
        session: the session under test, once `connect` or `start` was called.
        running: its `run` as a task.
    """

    def __init__(self, suite: VenueContract, *, refuse: bool = False, changes: Mapping[str, Any] | None = None) -> None:
        self.suite = suite
        self.spec = suite.spec
        self.network = Network()
        self.session: Any = None
        self.running: asyncio.Task[Any] | None = None
        self._refuse = refuse
        self._changes = dict(changes or {})
        self._complaints: list[str] = []

    async def __aenter__(self) -> Stage:
        self.tasks = Tasks()
        self.clock = Clock()
        asyncio.get_running_loop().set_exception_handler(self._complain)
        self.simulator: Any = self.suite.simulator()
        await self.simulator.start()
        table = {**self.suite.config(self.simulator), **self._changes}
        self.table = await self.network.reroute(table, refuse=self._refuse)
        self.config = self.build(self.table)
        self.context = self.new_context()
        self.account = self.suite.account or next(iter(self.config.account_names()), "main")
        return self

    async def __aexit__(self, *error: object) -> None:
        try:
            await self.end()
            if error[0] is None:
                await patiently(lambda: not self.tasks.alive() and not self.network.open, 2.0)
                left = [task.get_name() for task in self.tasks.alive()] + ["a connection"] * self.network.open
                demand(not left, f"after close() there is still {', '.join(left)}")
        finally:
            await self.network.close()
            await self.simulator.stop()

    def _complain(self, loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
        self._complaints.append(f"{about.get('message')} ({about.get('exception')!r})")

    def build(self, table: Mapping[str, Any]) -> VenueConfig:
        """Read ``table`` as the bridge would.

        Raises:
            ConfigError: naming every mistake.
        """
        name = self.spec.name
        return build_config({"venues": {name: table}}, {name: self.spec}, source="config()").venues[name]

    def new_context(self) -> TrackingContext:
        """Return a context like the bridge's, with the plugin's rate limits on the stage's clock."""
        context = TrackingContext(self.config, venue=self.spec.name, now_ns=self.clock.now_ns)
        loop = asyncio.get_running_loop()
        limits = self.spec.limits(self.config) if self.spec.limits is not None else ()
        context.limits = RateLimits(limits, clock=lambda: loop.time())  # noqa: PLW0108 - the stage moves it
        return context

    # --- life -----------------------------------------------------------------------------------------------

    def create(self) -> Any:
        """Make a session, as its own."""
        self.session = call_as_session(self.spec.create, self.context)
        return self.session

    async def connect(self) -> None:
        """Make a session and connect it."""
        session = self.create()
        await self.act(session.connect())

    async def start(self) -> Stage:
        """Do what the bridge does: connect, run, and ask for the state of every account."""
        await self.connect()
        self.running = as_session(self.session.run(), "run")
        if isinstance(self.session, SupportsSnapshot):
            since = self.context.now_ns() - int(self.config.fills_lookback * 1e9)
            for account in self.config.account_names():
                await self.act(self.session.snapshot(account, since))
        return self

    async def act(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work`` as the session's own, as long as the bridge would; the stage's clock is moved on."""
        task = as_session(work, "act")
        name = getattr(work, "__qualname__", "it")
        if not await self.ends(task, ACT_LIMIT):
            task.cancel()
            demand(False, f"{name}() did not end within {ACT_LIMIT:g} s")
        error = task.exception()
        if isinstance(error, RetryableError | FatalError):
            demand(False, f"{name}() ended with {type(error).__name__}: {error}")
        return task.result()  # type: ignore[no-any-return]

    async def end(self) -> None:
        """Cancel `run` and close the session, as the bridge does."""
        running, self.running = self.running, None
        if running is not None and not running.done():
            running.cancel()
            await self.ends(running, 5.0)
        if running is not None and running.done() and not running.cancelled():
            running.exception()
        session, self.session = self.session, None
        if session is not None:
            closing = as_session(session.close(), "close")
            demand(await self.ends(closing, CLOSE_LIMIT), f"close() did not end within {CLOSE_LIMIT:g} s")
            closing.result()

    async def leftovers(self) -> list[str]:
        """Return what a closed session left behind, after giving it the time that an end takes."""

        def clean() -> bool:
            return not self.tasks.alive() and not self.network.open

        await patiently(clean, 2.0)
        found = [f"task {task.get_name()}" for task in self.tasks.alive()]
        found += [f"thread {name}" for name in self.tasks.threads()]
        found += ["an open connection"] * self.network.open
        gc.collect()  # what nobody closed or looked at is reported when it is collected
        return found + self._complaints

    async def ends(self, task: asyncio.Task[Any], seconds: float) -> bool:
        """Tell whether ``task`` ends within ``seconds`` of the loop's clock, which is moved on."""
        return await self.clock.pass_until(task.done, seconds)

    def occasion(self, occasion: Occasion, clause: str) -> None:
        """Let the simulator stage ``occasion``, or end the test as untested."""
        if not stage(self.simulator, occasion):
            untested(f"{clause}: the simulator cannot stage {occasion!r} (venuebus.simulation.occasions)")

    def try_occasion(self, occasion: Occasion) -> bool:
        """Let the simulator stage ``occasion``; ``False`` where it cannot."""
        return stage(self.simulator, occasion)

    def taken(self) -> int:
        """Return how many orders the simulator took, or end the test as untested."""
        count = orders_taken(self.simulator)
        if count is None:
            untested("the simulator does not tell how many orders it took (venuebus.simulation.CountsOrders)")
        return count

    # --- commands -------------------------------------------------------------------------------------------

    def submit(self, **changes: Any) -> Probe:
        """Return the suite's order under ids of its own, prepared."""
        number = next(_numbers)
        fields = {**self.suite.wanted(self.simulator, self.config), **changes}
        table = {"type": "submit", "command_id": f"kit-{number}", "client_order_id": f"kit-{number}", **fields}
        probe = self.prepared(msgspec.convert(table, Submit))
        self.context.begin(self.account, msgspec.convert(table, Submit))
        return probe

    def cancel(self, order: Order | None, **ids: Any) -> Probe:
        """Return a cancel of ``order`` (or of ``ids``), prepared."""
        named = ids or {"client_order_id": order.client_order_id if order is not None else None}
        symbol = ids.pop("symbol", order.symbol if order is not None else None)
        table = {"type": "cancel", "command_id": f"kit-{next(_numbers)}", "symbol": symbol, **named}
        return self.prepared(msgspec.convert(table, Cancel), order)

    def amend(self, order: Order, **changes: Any) -> Probe:
        """Return an amend of ``order``, prepared."""
        table = {"type": "amend", "command_id": f"kit-{next(_numbers)}", "client_order_id": order.client_order_id,
                 "symbol": order.symbol, **changes}  # fmt: skip
        return self.prepared(msgspec.convert(table, Amend), order)

    def prepared(self, command: AnyCommand, order: Order | None = None) -> Probe:
        """Return ``command`` with the keys that its claim would hold."""
        probe = Probe(command, self.account, self.network, order=order)
        if isinstance(self.session, SupportsPrepare):
            probe.keys = dict(call_as_session(self.session.prepare, probe))
            strange = [key for key, value in probe.keys.items() if not isinstance(value, str)]
            demand(not strange, f"prepare() returned values that are no text: {strange}")
        return probe

    async def execute(self, probe: Probe, *, seconds: float = ANSWER_LIMIT, fast: bool = False) -> Outcome:
        """Execute as the bridge does: every end but the typed ones is `OutcomeUnknown`, and so is no end at all.

        With ``fast`` the loop's clock is moved on while it waits.
        """
        demand(isinstance(self.session, SupportsOrders), "verbs are declared, and the session has no execute()")
        task = as_session(self.session.execute(probe), "execute")
        waiting = self.clock.pass_until if fast else patiently
        if not await waiting(task.done, seconds):
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)
            return OutcomeUnknown(f"no answer within {seconds:g} s")
        if task.cancelled():
            return OutcomeUnknown("the plugin gave up")
        error = task.exception()
        if error is None:
            accepted = task.result()
            demand(isinstance(accepted, Accepted), f"execute() returned {type(accepted).__name__}, not Accepted")
            return accepted  # type: ignore[no-any-return]
        if isinstance(error, CommandRejected | NotSent | OutcomeUnknown):
            return error
        return OutcomeUnknown(f"{type(error).__name__}: {error}")

    def take(self, outcome: Outcome, probe: Probe) -> None:
        """Take up what an accepted command tells of its order, as the bridge does."""
        if not isinstance(outcome, Accepted):
            return
        if outcome.order is not None:
            if isinstance(probe.command, Submit):
                outcome.order.client_order_id = probe.command.client_order_id
            self.context.publish(outcome.order)
        for fill in outcome.fills:
            self.context.publish(fill)

    async def place(self, **changes: Any) -> tuple[Probe, Order]:
        """Place the suite's order and return it as the venue tells it, open or filled."""
        probe = self.submit(**changes)
        outcome = await self.execute(probe)
        demand(isinstance(outcome, Accepted), f"the suite's order was not accepted: {outcome!r}; name another `order`")
        assert isinstance(outcome, Accepted)
        self.take(outcome, probe)
        told = await self.clock.pass_until(lambda: self.told(probe, outcome.venue_order_id) is not None, 5.0)
        demand(told, "the order was accepted, and neither an event nor the answer told its state with an id of its own")
        order = self.known(probe)
        assert order is not None
        return probe, order

    def known(self, probe: Probe) -> Order | None:
        """Return the state of a submit's order as the bridge would know it."""
        command = probe.command
        assert isinstance(command, Submit)
        return self.context.find_order(self.account, client_order_id=command.client_order_id)

    def told(self, probe: Probe, venue_order_id: str | None = None) -> Order | None:
        """Return what the session told last about a submit's order, by either id."""
        command = probe.command
        assert isinstance(command, Submit)
        return self.context.told(self.account, command.client_order_id, venue_order_id)
