"""One world per scenario: nats-server, proxy, simulated BTSE, bridges as processes, and an observer of the bus."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig
from venuebus.bus.binary import find_server
from venuebus.simulation import Fault
from venuebus_btse.simulator import BtseSimulator, RateRules

from .proxy import NatsProxy

FINAL = frozenset({"filled", "canceled", "rejected", "expired"})
VENUE = "btse"
STREAMS = {"VB_ACCT": "acct", "VB_SYS": "sys", "VB_DEAD": "dead"}
Event = dict[str, Any]


class BridgeProcess:
    """``venuebus run`` in a process of its own."""

    def __init__(self, name: str, config: Path, log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._environment = environment
        self._config = config
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "venuebus", "run", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment},
            )

    def signal(self, number: int) -> None:
        """Send a signal by its process id."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self) -> int:
        """End it as an operator would; return its exit status."""
        assert self.process is not None
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def http(self) -> str:
        """Where it listens, as its last start has told."""
        return re.findall(r"http://127\.0\.0\.1:\d+", self.log())[-1]


class World:
    """Everything a scenario plays with; an async context manager that leaves nothing running.

    What is special about the venue stands in the first methods, for the worlds of other venues.
    """

    venue = VENUE
    account = "main"

    def __init__(self, *, options: dict[str, Any] | None = None, sync: str = "default") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="venuebus-faults-"))
        self.sim: Any = self.simulator()
        self.environment: dict[str, str] = {}
        self.bridges: list[BridgeProcess] = []
        self.events: list[tuple[str, Event]] = []
        self.sent: dict[str, float] = {}
        self.options = dict(options or {})
        self._sync = sync
        self._nats: subprocess.Popen[bytes] | None = None
        self._nats_port = _free_port()
        self.proxy = NatsProxy(self._nats_port)
        self.client = Client()
        self._changed = asyncio.Event()
        self._observers: list[asyncio.Task[None]] = []

    def inject(self, **variables: Path) -> None:
        """Have bridges started from now on use the scenario's clock, name service or plugins."""
        path = [str(Path(__file__).with_name("child")), *(str(variables.pop("PYTHONPATH", "")).split())]
        self.environment = {
            "PYTHONPATH": os.pathsep.join(path),
            **{key: str(value) for key, value in variables.items()},
        }

    # --- the venue ------------------------------------------------------------------------------------------

    def simulator(self) -> Any:
        """Make the simulated venue."""
        return BtseSimulator(symbols=["BTC-USD"], limits=RateRules(enabled=False))

    def table(self) -> dict[str, Any]:
        """Return what the venue's table says in every scenario."""
        return {
            **self.sim.config(), "market_data": ["quote"], "reconcile_interval": 2.0, "resolve_min_age": 3.0,
            "resolve_answers": 2,
        }  # fmt: skip

    def submits(self) -> Mapping[str, int]:
        """Count the submits that reached the venue, by the id that finds an order there."""
        found: Mapping[str, int] = self.sim.submits_by_client_id
        return found

    def venue_fills(self) -> set[str]:
        """Ids of every fill that the venue has made."""
        return {record.trade_id for records in self.sim.exchange.fills.values() for record in records}

    # --- life -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.start_nats()
        await self.proxy.start()
        await self.sim.start()
        await self.client.connect(
            f"nats://127.0.0.1:{self._nats_port}", max_reconnect_attempts=-1, reconnect_time_wait=0.1,  # type: ignore[arg-type]
            pending_size=0, error_cb=_ignore,
        )  # fmt: skip
        self._observers = [
            asyncio.create_task(self._observe(stream), name=f"observe-{stream}")
            for stream in ("VB_ACCT", "VB_SYS", "VB_DEAD")
        ]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for observer in self._observers:
            observer.cancel()
        await asyncio.gather(*self._observers, return_exceptions=True)
        for bridge in self.bridges:
            bridge.signal(signal.SIGCONT)
            bridge.kill()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.client.close(), 2)
        await self.sim.stop()
        await self.proxy.stop()
        self.stop_nats(signal.SIGKILL)
        if exc[0] is None:  # what failed is kept for whoever looks at it
            shutil.rmtree(self.folder, ignore_errors=True)

    def start_nats(self) -> None:
        """Start the server, on the same port and store each time."""
        config = self.folder / "nats.conf"
        sync = "always" if self._sync == "always" else "2m"
        config.write_text(
            f'listen: "127.0.0.1:{self._nats_port}"\n'
            f'jetstream {{ store_dir: "{self.folder}/js", sync_interval: {sync} }}\n'
        )
        with (self.folder / "nats.log").open("ab") as log:
            self._nats = subprocess.Popen([str(find_server()), "-c", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._nats_port), 0.2):
                return
        raise TimeoutError("nats-server did not open its port")

    def stop_nats(self, number: int = signal.SIGTERM) -> None:
        """End the server with a signal, and wait until it is gone."""
        if self._nats is not None:
            self._nats.send_signal(number)
            self._nats.wait(10)
            self._nats = None

    def bridge(self, name: str = "a", **venue: Any) -> BridgeProcess:
        """Return a bridge with the scenario's configuration, not started yet; all share the bus and the venue."""
        bus = {
            "servers": [self.proxy.url], "spool_dir": f"{self.folder}/spool-{name}", **self.options.get("bus", {}),
        }  # fmt: skip
        venues = {
            self.venue: {**self.table(), **self.options.get("venue", {}), **venue},
            **self.options.get("other_venues", {}),
        }
        config = self.folder / f"{name}.toml"
        lines = [*_toml("bus", bus), *_toml("http", {"listen": "127.0.0.1:0"})]
        for key, table in venues.items():
            lines += _toml(f"venues.{key}", table)
        config.write_text("\n".join(lines) + "\n")
        made = BridgeProcess(name, config, self.folder / f"{name}.log", self.environment)
        self.bridges.append(made)
        return made

    async def ready(self, name: str = "a", **venue: Any) -> BridgeProcess:
        """Start a bridge and wait until its venue is ready."""
        bridge = self.bridge(name, **venue)
        before = len(self.events)
        bridge.start()
        await self.session("ready", since=before)
        return bridge

    # --- the bus --------------------------------------------------------------------------------------------

    async def _observe(self, stream: str) -> None:
        """Read a stream as a strategy should: what JetStream refused never happened, though core NATS showed it."""
        js = self.client.jetstream()
        subscription = None
        seen = 0
        while True:
            try:
                if subscription is None:
                    subscription = await js.pull_subscribe(f"vb.v1.{STREAMS[stream]}.>", "observer", stream=stream)
                for message in await subscription.fetch(200, timeout=0.5):
                    if message.metadata.sequence.stream > seen:
                        seen = message.metadata.sequence.stream
                        self.events.append((str(message.subject), json.loads(message.data)))
                    await message.ack()
            except TimeoutError:
                continue
            except (nats.js.errors.Error, nats.errors.Error):
                subscription = None
                await asyncio.sleep(0.05)
            self._changed.set()

    async def follow(self, subject: str, cb: Callable[[Any], Awaitable[None]], **options: Any) -> None:
        """Subscribe to core NATS; when this returns, nothing is missed."""
        await self.client.subscribe(subject, cb=cb, **options)
        await self.client.request("$JS.API.INFO", b"")  # a barrier: a flush would overtake the subscription

    async def until(self, condition: Callable[[], Any], timeout: float = 15.0, what: str = "") -> Any:
        """Wait for ``condition`` to be true, looked at after every event and twenty times a second."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not within {timeout:g} s: {what or condition}\n{self.describe()}")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(left, 0.05))
        return value

    async def session(self, state: str, *, since: int = 0, timeout: float = 20.0) -> Event:
        """Wait for a session event with ``state``."""

        def found() -> Event | None:
            for subject, event in self.events[since:]:
                if subject.endswith(f".{self.venue}.session") and event["state"] == state:
                    return event
            return None

        event: Event = await self.until(found, timeout, f"session {state}")
        return event

    async def send(self, verb: str, command_id: str, **fields: Any) -> bool:
        """Publish one command as strategies should; return whether the stream took it."""
        body = json.dumps({"type": verb, "command_id": command_id, **fields}).encode()
        subject = f"vb.v1.cmd.{self.venue}.{self.account}.{verb}.{command_id}"
        self.sent.setdefault(command_id, time.time())
        try:
            await self.client.jetstream().publish(
                subject, body, headers={"Nats-Expected-Last-Subject-Sequence": "0"}, timeout=2
            )
        except (nats.js.errors.Error, nats.errors.Error, TimeoutError):
            return False
        return True

    async def buy(self, command_id: str, price: str = "10000", quantity: str = "0.01", **fields: Any) -> bool:
        """Submit a limit order that rests unless the price says otherwise."""
        return await self.send(
            "submit", command_id, symbol="BTC-USD", side="buy", order_type="limit", quantity=quantity, price=price,
            **fields,
        )  # fmt: skip

    def results(self, command_id: str) -> list[Event]:
        """Results of one command seen so far, oldest first."""
        return [event for subject, event in self.events if subject.endswith(f".result.{command_id}")]

    def position(self) -> str | None:
        """Quantity of the position last told."""
        told = [event["quantity"] for subject, event in self.events if ".position." in subject]
        return told[-1] if told else None

    def orders(self, key: str) -> list[Event]:
        """Order events of one order seen so far, oldest first."""
        return [event for subject, event in self.events if subject.endswith(f".order.{key}")]

    async def result(self, command_id: str, *statuses: str, timeout: float = 20.0, **match: Any) -> Event:
        """Wait for a result of the command with one of ``statuses``."""

        def found() -> Event | None:
            for event in self.results(command_id):
                if event["status"] in statuses and all(event.get(key) == value for key, value in match.items()):
                    return event
            return None

        event: Event = await self.until(found, timeout, f"result {statuses} of {command_id}")
        return event

    async def order(self, key: str, *statuses: str, timeout: float = 15.0) -> Event:
        """Wait until an order's newest state is one of ``statuses``."""

        def found() -> Event | None:
            states = self.orders(key)
            return states[-1] if states and states[-1]["status"] in statuses else None

        event: Event = await self.until(found, timeout, f"order {key} {statuses}")
        return event

    async def request(self, subject: str, **body: Any) -> Event:
        """Send a request and return the reply."""
        answer = await self.client.request(f"vb.v1.{subject}", json.dumps(body).encode(), timeout=5)
        reply: Event = json.loads(answer.data)
        return reply

    def fault(self, point: str, action: str, **more: Any) -> None:
        """Put one fault into the venue's script."""
        self.sim.faults.add(Fault(point=point, action=action, **more))  # type: ignore[arg-type]

    def describe(self) -> str:
        """What a person needs who looks at a scenario that failed."""
        lines = [
            f"{subject} {json.dumps(event)[:260]}" for subject, event in self.events[-40:] if ".claim." not in subject
        ]
        logs = [f"--- {bridge.name}\n{bridge.log()[-3000:]}" for bridge in self.bridges]
        return "\n".join([*lines, f"venue: {dict(self.submits())}", *logs])

    # --- what must hold in the end --------------------------------------------------------------------------

    async def stored(self) -> list[tuple[str, Event]]:
        """Everything on the account stream, in order."""
        js = self.client.jetstream()
        found: list[tuple[str, Event]] = []
        last = (await js.stream_info("VB_ACCT")).state.last_seq
        everything = ConsumerConfig(ack_policy=AckPolicy.NONE)
        subscription = await js.pull_subscribe("vb.v1.acct.>", stream="VB_ACCT", config=everything)
        while last:
            messages = await subscription.fetch(500, timeout=10)
            found.extend((message.subject, json.loads(message.data)) for message in messages)
            if messages[-1].metadata.sequence.stream >= last:
                break
        await subscription.unsubscribe()
        return found

    async def check(self) -> None:
        """Hold the invariants against the stream and the venue.

        Raises:
            AssertionError: naming the command, order or fill that breaks one.
        """
        stored = await self.stored()
        twice = {key: count for key, count in self.submits().items() if count > 1}
        assert not twice, f"sent more than once: {twice}"
        results: dict[str, list[Event]] = defaultdict(list)
        fills: dict[str, int] = defaultdict(int)
        lives: dict[str, _Life] = defaultdict(_Life)
        for subject, event in stored:
            kind = subject.split(".")[5]
            if kind == "result" and event.get("reason") != "duplicate":
                results[event["command_id"]].append(event)
            elif kind == "fill":
                fills[event["fill_id"]] += not event.get("voided")
                if event.get("voided"):
                    lives[event.get("client_order_id") or event["venue_order_id"]].voided += float(event["quantity"])
            elif kind == "order":
                lives[event.get("client_order_id") or event["venue_order_id"]].check(event)
        for command_id, outcomes in results.items():
            final = [event for event in outcomes if event["status"] != "unknown"]
            assert len(final) <= 1, f"{command_id} ended {len(final)} times: {final}"
        assert all(count == 1 for count in fills.values()), f"fills published twice: {fills}"
        venue_fills = self.venue_fills()
        assert set(fills) == venue_fills, (
            f"fills differ: bus only {set(fills) - venue_fills}, venue only {venue_fills - set(fills)}"
        )


@dataclass
class _Life:
    """What one order has come to, and how far fills that were taken back let it fall."""

    filled: float = 0.0
    ended: str = ""
    voided: float = 0.0

    def check(self, event: Event) -> None:
        now, fall = float(event["filled_quantity"]), self.filled - float(event["filled_quantity"])
        assert fall <= self.voided, f"went back from {self.filled} to {now}: {event}"
        assert fall > 0 or not self.ended or event["status"] == self.ended, f"was {self.ended} already: {event}"
        self.voided -= max(0.0, fall)
        self.filled, self.ended = now, event["status"] if event["status"] in FINAL else ""


def _toml(name: str, table: dict[str, Any]) -> list[str]:
    """Return a table and the tables in it as lines of TOML."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items())]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += _toml(f"{name}.{key}", value)
    return lines


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _ignore(error: Exception) -> None:
    """Nats-py prints errors otherwise; a world is full of them."""
