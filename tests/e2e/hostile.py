"""A plugin that does whatever a plugin must not: each venue of its kind misbehaves as its ``deed`` says.

``deed`` is ``<method>:<what>``. What a session can do beyond its life it can always do, so that every method has its
turn; where the deed says nothing of a method, it behaves.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

import venuebus_schemas as vs
from venuebus import (
    Accepted,
    Capabilities,
    CommandRejected,
    Found,
    Instruction,
    LookupPolicy,
    OrderKey,
    OutcomeUnknown,
    RetryableError,
    Snapshot,
    VenueConfig,
    VenueContext,
    VenueSpec,
    hookimpl,
)
from venuebus_schemas import Order, OrderStatus, OrderType, Quote, Side, Submit, TimeInForce, Verb


class HostileConfig(VenueConfig, kw_only=True, frozen=True):
    """``seconds``: how long ``block`` blocks."""

    deed: str
    seconds: float = 10.0


class Evil(BaseException):
    """No `Exception` at all."""


class Unshowable(Exception):
    """An error that cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Deaf:
    """What ignores every cancellation, until the test lets it go."""

    free = False

    async def __call__(self) -> None:
        while not Deaf.free:
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue


def act(what: str, seconds: float) -> Any:
    """Do a plain deed, in the middle of a call."""
    match what:
        case "raise":
            raise KeyError("boom")
        case "exit":
            sys.exit("bye")
        case "interrupt":
            raise KeyboardInterrupt
        case "evil":
            raise Evil("not an Exception")
        case "unshowable":
            raise Unshowable
        case "huge":
            raise ValueError("x" * 5_000_000)
        case "cancel":
            raise asyncio.CancelledError
        case "odd":
            error = RetryableError("y" * 100_000)
            error.retry_after, error.reason = "soon", "because"  # type: ignore[assignment]
            raise error
        case "reject":
            raise CommandRejected("no such reason", "z" * 100_000)  # type: ignore[arg-type]
        case "block":
            time.sleep(seconds)
        case "die":
            os._exit(3)
        case "print":
            print("to stdout")  # noqa: T201
            print("to stderr", file=sys.stderr)  # noqa: T201
    return None


NONSENSE: Mapping[str, Any] = {
    "wrong": "nonsense",
    "number": 7,
    "order": Accepted(order="an order"),  # type: ignore[arg-type]
    "fills": Accepted(fills=None),  # type: ignore[arg-type]
    "texts": {"key": 1},
    "keys": {"key": "k" * 100_000},
    "found": Found(order={"symbol": "X"}),  # type: ignore[arg-type]
    "orders": Snapshot(orders=["an order"]),  # type: ignore[list-item]
    "items": [{"object": object()}],
}


def bad_events(now: int) -> list[Any]:
    """Return what nobody may publish."""
    about: dict[str, Any] = {
        "symbol": "X", "side": Side.BUY, "order_type": OrderType.LIMIT, "status": OrderStatus.NEW,
        "filled_quantity": "0", "client_order_id": "bad", "ts_recv": now,
    }  # fmt: skip
    circle: list[Any] = []
    circle.append(circle)
    return [
        None,
        "text",
        object(),
        Quote(symbol=None),  # type: ignore[arg-type]
        Quote(symbol=[]),  # type: ignore[arg-type]
        Quote(symbol=""),
        Quote(symbol="s" * 5000),
        Quote(symbol="float", bid=1.5),  # type: ignore[arg-type]
        Quote(symbol="nan", bid="NaN"),
        Quote(symbol="time", ts_recv="yesterday"),  # type: ignore[arg-type]
        Quote(symbol="wide", ts_recv=10**30),
        vs.Book(symbol="levels", bids=[("1",)], asks=[]),  # type: ignore[list-item]
        vs.Trade(symbol="surrogate", price="1", size="1", trade_id="\ud800", ts_recv=now),
        vs.Session(state=vs.SessionState.READY),
        vs.Result(
            command_id="r", verb=Verb.SUBMIT, status=vs.ResultStatus.ACCEPTED, attempts=1, ts_received=1, account="main"
        ),
        Order(**{**about, "status": "banana"}),
        Order(**{**about, "account": "nobody"}),
        Order(**{**about, "price": "9" * 400}),
        Order(**{**about, "quantity": 5}),
        Order(**{**about, "text": "t" * 10_000_000}),
        Order(**{**about, "extra": {"object": object()}}),
        Order(**{**about, "client_order_id": "c" * 5000}),
        Order(**{**about, "client_order_id": None}),
        Order(**{**about, "text": circle}),
        Order(**{**about, "text": Unshowable()}),
    ]


class Session:
    """One connection of a venue that misbehaves."""

    calls: Mapping[str, int] = {}
    leaked: list[Any] = []  # noqa: RUF012 - a leak outlives what leaked it
    made: dict[str, int] = {}  # noqa: RUF012 - sessions by venue

    def __init__(self, context: VenueContext[HostileConfig]) -> None:
        self.context = context
        self.method, _, self.what = context.config.deed.partition(":")
        self.times = 0
        self.lost = asyncio.Event()
        Session.made[context.venue] = Session.made.get(context.venue, 0) + 1

    async def _misbehave(self, method: str) -> Any:
        if self.method != method:
            return None
        self.times += 1
        if self.what == "hang":
            await asyncio.Event().wait()
        if self.what == "deaf":
            await Deaf()()
        if self.what in NONSENSE:
            return NONSENSE[self.what]
        return act(self.what, self.context.config.seconds)

    # --- life -----------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        await self._misbehave("connect")
        if self.method == "leak":
            self._leak()
        if self.method == "context":
            await self._abuse()

    async def run(self) -> None:
        if self.method == "publish":
            for event in bad_events(self.context.now_ns()):
                self.context.publish(event)
            self.context.publish(Quote(symbol="good", bid="1", ts_recv=self.context.now_ns()))
        if self.method in ("close", "leak"):
            await asyncio.sleep(0.1)
            return
        if self.method == "stray":
            asyncio.get_running_loop().call_soon(sys.exit, "a callback")
            Session.leaked.append(asyncio.create_task(self._misbehave("stray")))
        await self._misbehave("run")
        await self.lost.wait()

    async def close(self) -> None:
        await self._misbehave("close")
        self.lost.set()

    def _leak(self) -> None:
        async def go_on() -> None:
            while not Deaf.free:
                self.context.publish(Quote(symbol="late", bid="1", ts_recv=self.context.now_ns()))
                await asyncio.sleep(0.02)

        left, right = socket.socketpair()
        Session.leaked += [asyncio.create_task(go_on()), left, right, bytearray(1_000_000)]

    async def _abuse(self) -> None:
        for number in range(10_000):
            self.context.count(f"name-{number}")
        self.context.count("n" * 1_000_000)
        self.context.degraded(None)  # type: ignore[arg-type]
        self.context.recovered()
        self.context.dead_letter(b"raw", "t" * 1_000_000)

    # --- the rest -------------------------------------------------------------------------------------------

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        if self.method == "prepare":
            return NONSENSE[self.what] if self.what in NONSENSE else act(self.what, 0)
        return {}

    async def execute(self, instruction: Instruction) -> Accepted:
        command = instruction.command
        if self.method == "execute" and self.what == "lazy":
            return Accepted()  # it never says `sending`, and sends nothing
        instruction.sending()
        if self.method == "lookup":
            raise OutcomeUnknown("the answer was lost")
        done = await self._misbehave("execute")
        if self.method == "execute" and self.what != "print":
            return done
        assert isinstance(command, Submit)
        return Accepted(order=self._order(command.client_order_id or ""))

    def _order(self, client_order_id: str) -> Order:
        return Order(
            symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW, filled_quantity="0",
            quantity="1", client_order_id=client_order_id, venue_order_id=f"V{client_order_id}",
        )  # fmt: skip

    async def lookup(self, account: str, key: OrderKey) -> Found | None:
        if self.method == "execute" and self.times:
            return Found(order=self._order(key.client_order_id or ""))
        if self.times < 3 and (said := await self._misbehave("lookup")) is not None:
            return said
        return Found(order=self._order(key.client_order_id or ""))

    async def snapshot(self, account: str, since_ns: int) -> Snapshot:
        said = await self._misbehave("snapshot")
        if self.method == "snapshot" and self.what == "none":
            return None  # type: ignore[return-value]
        return said if said is not None else Snapshot()

    async def query(self, account: str, what: str, request: vs.Query) -> list[Any]:
        return await self._misbehave("query")  # type: ignore[no-any-return]

    async def subscribe(self, symbols: list[str], market_data: list[str]) -> None:
        await self._misbehave("subscribe")

    async def unsubscribe(self, symbols: list[str], market_data: list[str]) -> None:
        await self._misbehave("unsubscribe")


def not_async(self: Session, *args: Any) -> Any:
    """What should have been a coroutine."""
    return None


def generated(self: Session, *args: Any) -> Any:
    """A generator, which looks like a coroutine to a reader."""
    yield 1


async def nested(self: Session, *args: Any) -> Any:
    """A coroutine that returns one."""
    return not_async


def create(context: VenueContext[HostileConfig]) -> Any:
    """Return a session, unless making one is the deed."""
    method, _, what = context.config.deed.partition(":")
    if method == "create":
        return {"none": None, "number": 7}.get(what) if what in ("none", "number") else act(what, 0)
    shape = {"sync": not_async, "generator": generated, "nested": nested}.get(what)
    kind = type("Shaped", (Session,), {method: shape}) if shape is not None else Session
    return kind(context)


CAPABILITIES = Capabilities(
    market_data=frozenset({"quote", "trade"}),
    verbs=frozenset({Verb.SUBMIT}),
    order_types=frozenset({OrderType.LIMIT}),
    time_in_force=frozenset({TimeInForce.GTC}),
    request_timeout=0.6,
    lookup=LookupPolicy(min_age=0.2, answers=2, interval=0.1),
)


class Meddler:
    """An interceptor and an observer that do to the venue of their deed what a session would."""

    def __init__(self, name: str, order: int = 0) -> None:
        self.name = name
        self.order = order

    def check(self, command: Any, venue: str, account: str) -> Any:
        if venue == f"intercept-{self.name}":
            return act(self.name, 0) if self.name != "said" else False
        return None

    def observe(self, event: Any, venue: str) -> Any:
        return act(self.name, 0)


class AsyncMeddler(Meddler):
    """The same, as coroutines, which nobody awaits."""

    def check(self, command: Any, venue: str, account: str) -> Any:
        async def later() -> None:
            raise AssertionError("never awaited")

        return later() if venue == "intercept-async" else None

    def observe(self, event: Any, venue: str) -> Any:
        return self.check(None, "intercept-async", "main")


class HostilePlugin:
    """The plugin; its hooks fail, too, once it is loaded."""

    __name__ = "hostile"

    @hookimpl
    def venuebus_register_venues(self) -> list[VenueSpec[HostileConfig]]:
        return [VenueSpec(name="hostile", config_type=HostileConfig, create=create, capabilities=CAPABILITIES)]

    @hookimpl
    def venuebus_register_interceptors(self, config: Any) -> list[Meddler]:
        return [*map(Meddler, ("raise", "exit", "evil", "said")), AsyncMeddler("async")]

    @hookimpl
    def venuebus_register_observers(self, config: Any) -> list[Meddler]:
        return [*map(Meddler, ("raise", "exit", "evil")), AsyncMeddler("async")]

    @hookimpl
    def venuebus_venue_state_changed(self, venue: str, state: Any, reason: str) -> None:
        sys.exit("a hook that ends the program")


PLUGIN = HostilePlugin()
