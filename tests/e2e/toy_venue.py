"""A scripted venue in a folder, so that bridges in several processes see the same orders, and a plugin for it.

Run as a program (``python toy_venue.py CONFIG.json``) it is a bridge with that plugin, for tests that kill one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from venuebus import (
    Accepted,
    Capabilities,
    CommandRejected,
    FatalError,
    Found,
    Instruction,
    Interceptor,
    LookupPolicy,
    NotSent,
    Observer,
    OrderKey,
    OutcomeUnknown,
    RetryableError,
    Snapshot,
    VenueConfig,
    VenueContext,
    VenueSpec,
    hookimpl,
)
from venuebus_schemas import (
    Amend,
    Balance,
    Cancel,
    CancelAll,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Position,
    Query,
    Reason,
    Submit,
    TimeInForce,
    Verb,
)


class ToyConfig(VenueConfig, kw_only=True, frozen=True):
    """``folder`` is the venue."""

    folder: str


class ToyVenue:
    """What stands at the venue. ``script`` says what happens to the next commands of a verb, the last one stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions: list[ToySession] = []
        (folder / "orders").mkdir(parents=True, exist_ok=True)

    def script(self, verb: str, *steps: str) -> None:
        """Steps: accept, reject, hang, take_and_hang, unknown, not_sent, raise, hold."""
        (self.folder / f"script.{verb}").write_text("\n".join(steps))

    def next_step(self, verb: str) -> str:
        path = self.folder / f"script.{verb}"
        steps = path.read_text().split("\n") if path.exists() else ["accept"]
        if len(steps) > 1:
            path.write_text("\n".join(steps[1:]))
        return steps[0]

    def release(self) -> None:
        """Let commands go on that wait at ``hold``."""
        (self.folder / "released").touch()

    async def released(self) -> None:
        while not (self.folder / "released").exists():  # noqa: ASYNC110 - a file cannot be awaited
            await asyncio.sleep(0.01)

    def note(self, verb: str, name: str) -> None:
        with (self.folder / "log").open("a") as log:
            log.write(f"{verb} {name} {os.getpid()}\n")

    def log(self) -> list[tuple[str, str]]:
        """Every command that reached the venue: verb and id, in order."""
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.split()[0], line.split()[1]) for line in lines]

    def count(self, name: str) -> int:
        """How often a command about ``name`` reached the venue."""
        return sum(1 for _, seen in self.log() if seen == name)

    def put(self, order: Order) -> None:
        assert order.client_order_id or order.venue_order_id
        name = order.client_order_id or order.venue_order_id
        path = self.folder / "orders" / f"{name}.json"
        path.with_suffix(".new").write_bytes(msgspec.json.encode(order))
        path.with_suffix(".new").rename(path)

    def get(self, name: str | None) -> Order | None:
        path = self.folder / "orders" / f"{name}.json"
        return msgspec.json.decode(path.read_bytes(), type=Order) if path.exists() else None

    def orders(self) -> list[Order]:
        paths = sorted((self.folder / "orders").glob("*.json"))
        return [msgspec.json.decode(path.read_bytes(), type=Order) for path in paths]

    def set(self, name: str, kind: str, items: list[Any]) -> None:
        """Set what the snapshot tells of fills, positions or balances."""
        (self.folder / f"{name}.{kind}").write_bytes(msgspec.json.encode(items))

    def read(self, kind: str, of: Any) -> Any:
        path = self.folder / f"state.{kind}"
        return msgspec.json.decode(path.read_bytes(), type=list[of]) if path.exists() else []

    @property
    def context(self) -> VenueContext[ToyConfig]:
        """Context of the running session."""
        return self.sessions[-1].context


class ToySession:
    """One connection to a `ToyVenue`."""

    def __init__(self, context: VenueContext[ToyConfig], venue: ToyVenue) -> None:
        self.context = context
        self.venue = venue
        self.done = asyncio.Event()

    async def connect(self) -> None:
        step = self.venue.next_step("connect")
        if step == "refuse":
            raise RetryableError("the venue is closed")
        if step == "fatal":
            raise FatalError("wrong password")
        self.venue.sessions.append(self)

    async def run(self) -> None:
        await self.done.wait()

    async def close(self) -> None:
        self.done.set()

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        if getattr(instruction.command, "symbol", None) == "NOPE":
            raise CommandRejected(Reason.UNKNOWN_SYMBOL, "no symbol NOPE")
        return {"remark": instruction.command.command_id}

    async def execute(self, instruction: Instruction) -> Accepted:
        command = instruction.command
        verb = str(command.__struct_config__.tag)
        step = self.venue.next_step(verb)
        if step == "hold":
            await self.venue.released()
        if step == "not_sent":
            raise NotSent("the socket was closed")
        instruction.sending()
        self.venue.note(verb, command.command_id)
        if step == "reject":
            raise CommandRejected(Reason.INSUFFICIENT_FUNDS, "no money")
        if step == "unknown":
            raise OutcomeUnknown("the venue says time-out")
        if step == "raise":
            raise KeyError("a bug of the plugin")
        if step == "hang":
            await asyncio.Event().wait()
        order = self._apply(instruction)
        if step == "take_and_hang":
            await asyncio.Event().wait()
        if step == "take_and_unknown":
            raise OutcomeUnknown("the answer was lost")
        return Accepted(order=order, text=None if order else "canceled everything")

    def _apply(self, instruction: Instruction) -> Order | None:
        command = instruction.command
        if isinstance(command, Submit):
            order = Order(
                account=instruction.account, symbol=command.symbol, side=command.side, order_type=command.order_type,
                status=OrderStatus.NEW, quantity=command.quantity, filled_quantity="0", price=command.price,
                client_order_id=command.client_order_id, venue_order_id=f"V{command.client_order_id}",
            )  # fmt: skip
            self.venue.put(order)
            return order
        if isinstance(command, CancelAll):
            for order in self.venue.orders():
                if not order.status.is_final:
                    self._end(order)
            return None
        assert isinstance(command, Cancel | Amend)
        assert instruction.order is not None
        order = self.venue.get(instruction.order.client_order_id or instruction.order.venue_order_id)
        if order is None or order.status.is_final:
            raise CommandRejected(Reason.UNKNOWN_ORDER, "the venue has no such open order")
        if isinstance(command, Cancel):
            return self._end(order)
        order.price = command.price or order.price
        order.quantity = command.quantity or order.quantity
        self.venue.put(order)
        return order

    def _end(self, order: Order) -> Order:
        order.status = OrderStatus.CANCELED
        self.venue.put(order)
        self.context.publish(msgspec.structs.replace(order))
        return order

    async def lookup(self, account: str, key: OrderKey) -> Found | None:
        step = self.venue.next_step("lookup")
        if step == "fail":
            raise RetryableError("no answer")
        order = self.venue.get(key.client_order_id or key.venue_order_id)
        return Found(order=order) if order is not None else None

    async def snapshot(self, account: str, since_ns: int) -> Snapshot:
        step = self.venue.next_step("snapshot")
        if step == "fail":
            raise RetryableError("no complete answer")
        return Snapshot(
            orders=[order for order in self.venue.orders() if not order.status.is_final],
            fills=self.venue.read("fills", Fill),
            positions=self.venue.read("positions", Position),
            balances=self.venue.read("balances", Balance),
        )

    async def query(self, account: str, what: str, request: Query) -> list[Any]:
        if what != "instruments":
            raise CommandRejected(Reason.UNSUPPORTED, f"no query {what}")
        return [{"symbol": "X"}]


class ToyPlugin:
    """The plugin, with what a test wants to look in on."""

    def __init__(
        self,
        venue: ToyVenue,
        *,
        interceptors: tuple[Interceptor, ...] = (),
        observers: tuple[Observer, ...] = (),
        request_timeout: float = 0.6,
        idempotent: frozenset[Verb] = frozenset(),
        proves_absence: bool = True,
    ) -> None:
        self._venue = venue
        self._interceptors = interceptors
        self._observers = observers
        self._capabilities = Capabilities(
            market_data=frozenset({"quote", "trade"}),
            verbs=frozenset({Verb.SUBMIT, Verb.AMEND, Verb.CANCEL, Verb.CANCEL_ALL}),
            order_types=frozenset({OrderType.LIMIT, OrderType.MARKET}),
            time_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
            idempotent=idempotent,
            request_timeout=request_timeout,
            lookup=LookupPolicy(min_age=0.5, answers=2, interval=0.15, proves_absence=proves_absence),
        )

    @hookimpl
    def venuebus_register_venues(self) -> list[VenueSpec[ToyConfig]]:
        return [
            VenueSpec(
                name="toy",
                config_type=ToyConfig,
                create=lambda context: ToySession(context, self._venue),
                capabilities=self._capabilities,
            )
        ]

    @hookimpl
    def venuebus_register_interceptors(self, config: Any) -> tuple[Interceptor, ...]:
        return self._interceptors

    @hookimpl
    def venuebus_register_observers(self, config: Any) -> tuple[Observer, ...]:
        return self._observers


async def serve(data: dict[str, Any]) -> None:
    """Run a bridge until SIGTERM."""
    from venuebus.app import Bridge
    from venuebus.configuration.config import build_config
    from venuebus.plugins import load_plugins

    plugins = load_plugins([ToyPlugin(ToyVenue(Path(data["venues"]["toy"]["folder"])))], installed=False)
    bridge = Bridge(build_config(data, plugins.specs), plugins)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, bridge.request_stop)
    await bridge.start()
    try:
        await bridge.wait()
    finally:
        started = time.monotonic()
        await bridge.stop()
        assert time.monotonic() - started < 10


if __name__ == "__main__":
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
