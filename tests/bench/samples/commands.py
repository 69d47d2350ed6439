"""A submit on its whole way without sockets: NATS's message, checks, claim, the venue's signed request, result.

What the bus and the venue would do is done at once by stand-ins (`_Bus`, `_Venue`); the bridge's order path, its ledger
and BTSE's commands are the real ones. All of it is the step *convert*; *decode* reads where JetStream has the message.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from venuebus import Secret
from venuebus.bus.commands import Delivery
from venuebus.bus.journal import Journal
from venuebus.bus.lease import Lease
from venuebus.bus.ledger import Ledger
from venuebus.bus.spool import Spool
from venuebus.bus.streams import StreamNames
from venuebus.limits import RateLimits
from venuebus.observability.metrics import Metrics
from venuebus.orders.account import Account
from venuebus.orders.engine import Engine
from venuebus.orders.steps import CommandMeter
from venuebus.testing.fakes import RecordingContext
from venuebus_btse import SPEC
from venuebus_btse.account import AccountFeed
from venuebus_btse.answers import Answer
from venuebus_btse.commands import Commands
from venuebus_btse.config import BtseConfig
from venuebus_btse.lookup import Lookup
from venuebus_btse.market import MarketFeed
from venuebus_btse.rest import Rest
from venuebus_btse.signing import Nonces
from venuebus_schemas import Event, OrderType, Reason, Side, Subjects, Submit, Verb, encode

from .sample import COUNT, NOW, Sample, Step

SUBJECTS = Subjects()


class _Bus:
    """A connection to a JetStream that has everything stored at once."""

    is_up = True

    async def post(self, subject: str, data: bytes, headers: Mapping[str, str]) -> _Bus:
        """Be the receipt, too."""
        return self

    async def sequence(self) -> int:
        """Say that it is stored."""
        return 1

    def forget(self) -> None:
        """Nothing is waited for."""

    async def window(self, stream: str) -> Any:
        """Have room without end."""
        return SimpleNamespace(limit=1 << 40)


class _Lease(Lease):
    is_held = True

    def must_move(self, window: Any) -> bool:
        """Stand where it is for ever."""
        return False


class _Venue(Rest):
    """Signs every request, and answers what the venue answers to an order that rests in the book."""

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes, *, signed: bool,
        sending: Callable[[], None] | None,
    ) -> Answer:  # fmt: skip
        assert sending is not None
        sending()
        self._headers(self._root + path, body)
        asked = json.loads(body)
        row = {
            "status": 2, "symbol": "BTC-USD", "orderType": 76, "price": 60000.5, "side": "BUY", "message": "",
            "orderID": f"0c6d2ed6-{asked['clOrderID']}", "clOrderID": asked["clOrderID"], "timestamp": NOW // 10**6,
            "triggerPrice": 0.0, "trigger": False, "avgFilledPrice": 0, "postOnly": False, "time_in_force": "GTC",
            "originalOrderBaseSize": 0.5, "currentOrderBaseSize": 0.5, "totalFilledBaseSize": 0,
            "remainingOrderBaseSize": 0.5, "orderCurrency": "base", "filledBaseSize": 0,
        }  # fmt: skip
        return Answer(200, json.dumps([row]).encode())


class _Gate:
    def __init__(self, session: Commands, lost: asyncio.Future[None]) -> None:
        self._current = (session, lost)

    def session(self) -> tuple[Any, asyncio.Future[None]]:
        """Be connected."""
        return self._current

    def closed_for(self, account: str, verb: Verb) -> tuple[Reason, str] | None:
        """Be open."""
        return None

    async def changed(self) -> None:
        """Never called: it is always open."""


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return one loop for all commands, which ends with the process."""
    loop = asyncio.new_event_loop()

    def end() -> None:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    atexit.register(end)
    return loop


_writing: list[asyncio.Task[None]] = []  # a loop alone does not keep its tasks


def _btse() -> Commands:
    context = RecordingContext(BtseConfig(plugin="btse", api_key=Secret("key"), api_secret=Secret("secret")))
    feed = AccountFeed(context, "main")
    rest = _Venue(context, Nonces())
    return Commands(context, rest, feed, MarketFeed(context, lambda symbol: None), Lookup(context, rest, feed))


def _account() -> Account:
    bus: Any = _Bus()
    names = StreamNames()
    lease = _Lease(bus, names, SUBJECTS, "btse", "main", "bench")
    ledger = Ledger(bus, names, SUBJECTS, "btse", lease, Spool(Path("no-such-folder") / "spool", 1))
    account = Account("btse", "main", ledger, Journal(bus, names, SUBJECTS, "btse", "main"))
    account.restart(1)
    return account


def _steps(publish: Callable[[Event], None]) -> tuple[Step, Step]:
    loop = _loop()
    account = _account()
    _writing.append(loop.create_task(account.ledger.run()))
    engine = Engine(
        "btse", {"main": account}, _Gate(_btse(), loop.create_future()), SPEC.capabilities, SUBJECTS,
        limits=RateLimits(()), meter=CommandMeter(Metrics(), "btse"), request_timeout=10.0, dead_letter=_refused,
        epoch=lambda: 1, now_ns=lambda: NOW,
    )  # fmt: skip

    async def way(delivery: Delivery) -> None:
        engine.handle(delivery)
        await asyncio.gather(*engine._tasks)
        if not await account.ledger.settle(5.0):
            raise RuntimeError("the result was not stored")

    def convert(delivery: Delivery) -> None:
        before = engine.outcomes.counts.get("accepted", 0)
        loop.run_until_complete(way(delivery))
        if engine.outcomes.counts.get("accepted", 0) != before + 1:
            raise RuntimeError(f"not accepted: {engine.outcomes.counts}")

    return Delivery, convert


def _refused(data: bytes, text: str, subject: str) -> None:
    raise RuntimeError(f"{subject}: {text}")


def _message(number: int) -> Any:
    command = Submit(
        command_id=f"order-{number:04}",
        symbol="BTC-USD",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity="0.5",
        price="60000.5",
    )
    return SimpleNamespace(
        subject=SUBJECTS.command("btse", "main", Verb.SUBMIT, f"order-{number:04}"),
        data=encode(command),
        reply=f"$JS.ACK.VB_CMD.bridge_btse.1.{number + 1}.{number + 1}.{NOW}.0",
        headers=None,
        ack=_acknowledged,
    )


async def _acknowledged() -> None:
    """Nothing is told: there is no stream."""


def _submit() -> Sample:
    frames = [_message(number) for number in range(COUNT)]
    return Sample(name="btse submit", frames=frames, make=_steps, published=0)


SAMPLES: dict[str, Callable[[], Sample]] = {"btse submit": _submit}
