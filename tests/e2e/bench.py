"""What the tests of whole bridges share: a bus of their own, a strategy's view of it, bridges in and out of process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec
import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from venuebus.app import Bridge
from venuebus.bus.binary import find_server
from venuebus.configuration.config import build_config
from venuebus.plugins import load_plugins

from .toy_venue import ToyPlugin, ToyVenue

MIB = 1024 * 1024
Event = dict[str, Any]
FINAL = ("filled", "canceled", "rejected", "expired")


class NatsServer:
    """A nats-server of one test's own, which may be killed and started again on the same port and store."""

    def __init__(self, folder: Path, port: int = -1, *, jetstream: bool = True) -> None:
        self.folder = folder
        self._jetstream = ["-js", "-sd", str(folder / "js")] if jetstream else []
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = self.folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        command = [str(find_server()), "-a", "127.0.0.1", "-p", str(self.port), *self._jetstream]
        command += ["--ports_file_dir", str(ports)]
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(10):
            while True:
                found = list(ports.glob("*.ports"))
                if found and (text := found[0].read_text()):
                    self.port = int(json.loads(text)["nats"][0].rsplit(":", 1)[1])
                    return
                await asyncio.sleep(0.01)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def signal(self, number: int) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it as a power cut of the process would."""
        if self.process is not None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self.process.wait(10)


class Bench:
    """One prefix on a nats-server, one toy venue, any number of bridges, and an observer of the bus."""

    def __init__(self, url: str, prefix: str, folder: Path) -> None:
        self.url = url
        self.prefix = prefix
        self.folder = folder
        self.venue = ToyVenue(folder / "venue")
        # Small, because every test's streams reserve room on the one server.
        self.bus: dict[str, Any] = {f"{name}_max_bytes": MIB for name in ("command", "account", "system", "dead")}
        self.table: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.messages: list[tuple[str, Event]] = []
        self.bridges: list[Bridge] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.client = Client()
        self.login: dict[str, Any] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.watch()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for bridge in self.bridges:
            await bridge.stop()
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait(10)
        self._follower.cancel()
        await asyncio.wait({self._follower}, timeout=1.0)
        await self.client.close()

    async def watch(self) -> None:
        """Follow what the streams hold of the account, and all else that is published below the prefix."""
        options = {"servers": self.url, "max_reconnect_attempts": -1, "reconnect_time_wait": 0.1, **self.login}
        self.client = await nats.connect(**options)

        async def seen(message: Msg) -> None:
            if message.subject.split(".")[2] in ("sys", "dead", "md"):
                self._saw(message.subject, message.data)

        await self.client.subscribe(f"{self.prefix}.v1.>", cb=seen)
        await self.client.request("$JS.API.INFO", b"")  # a barrier: a flush would overtake the subscriptions
        self._follower = asyncio.create_task(self._follow())

    def _saw(self, subject: str, data: bytes) -> None:
        decode = msgspec.json.decode if data[:1] == b"{" else msgspec.msgpack.decode
        self.messages.append((subject.removeprefix(f"{self.prefix}.v1."), decode(data)))
        self._changed.set()

    async def _follow(self) -> None:
        # A core subscription would see the messages of refused batches too: only what is stored counts.
        js, last, stream = self.client.jetstream(), 0, f"{self.prefix.upper()}_ACCT"
        while True:
            try:
                message = await js.get_msg(stream, last + 1, next=True, subject=f"{self.prefix}.v1.acct.>")
            except (nats.errors.Error, nats.js.errors.Error):
                await asyncio.sleep(0.01)
                continue
            last = message.seq or 0
            self._saw(message.subject or "", message.data or b"")

    # --- bridges --------------------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        return {
            "bus": {"servers": [self.url], "prefix": self.prefix, "spool_dir": str(self.folder / "spool"), **self.bus},
            "http": {"listen": "127.0.0.1:0"},
            "venues": {"toy": {"plugin": "toy", "folder": str(self.venue.folder), **self.table}},
            **self.extra,
        }

    async def bridge(self, plugin: ToyPlugin | None = None, *, ready: bool = True) -> Bridge:
        """Start a bridge in this process; return once its venue is ready."""
        plugins = load_plugins([plugin or ToyPlugin(self.venue)], installed=False)
        assert not plugins.refused, plugins.refused
        bridge = Bridge(build_config(self.config(), plugins.specs), plugins)
        self.bridges.append(bridge)
        await bridge.start()
        if ready:
            await self.until(lambda: str(bridge.venues["toy"].state.state) in ("ready", "halted"))
        return bridge

    async def stop(self, bridge: Bridge) -> None:
        self.bridges.remove(bridge)
        await bridge.stop()

    def process(self) -> subprocess.Popen[bytes]:
        """Start a bridge in a process of its own."""
        path = self.folder / "bridge.json"
        path.write_text(json.dumps(self.config()))
        with (self.folder / "bridge.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("toy_venue.py")), str(path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    # --- strategy -------------------------------------------------------------------------------------------

    async def send(
        self, verb: str, command_id: str, *, account: str = "main", raw: bytes | None = None, **kw: Any
    ) -> int:
        """Publish a command as a strategy does; return its stream sequence."""
        body = raw if raw is not None else json.dumps({"type": verb, "command_id": command_id, **kw}).encode()
        ack = await self.client.jetstream().publish(f"{self.prefix}.v1.cmd.toy.{account}.{verb}.{command_id}", body)
        return ack.seq

    async def submit(self, command_id: str, **kw: Any) -> int:
        """Publish a limit order."""
        fields = {"symbol": "X", "side": "buy", "order_type": "limit", "quantity": "1", "price": "2.50", **kw}
        return await self.send("submit", command_id, **{name: value for name, value in fields.items() if value})

    async def request(self, subject: str, **kw: Any) -> Event:
        reply = await self.client.request(f"{self.prefix}.v1.{subject}", json.dumps(kw).encode(), timeout=5)
        decode = msgspec.json.decode if reply.data[:1] == b"{" else msgspec.msgpack.decode
        return decode(reply.data)

    # --- what the bus says ----------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], object], timeout: float = 10.0) -> None:
        """Wait for ``condition``, looked at with every message and now and then."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                log = self.folder / "bridge.log"
                tail = log.read_text()[-2000:] if log.exists() else ""
                raise AssertionError(
                    f"not in {timeout} s; venue: {self.venue.log()}; bus: {self.messages[-12:]} {tail}"
                )
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self._changed.wait()

    def of(self, kind: str, key: str | None = None, account: str = "main") -> list[Event]:
        """Events of one kind in the order of their publication."""
        head = f"acct.toy.{account}.{kind}."
        return [
            event
            for subject, event in self.messages
            if subject.startswith(head) and key in (None, subject.removeprefix(head))
        ]

    def results(self, command_id: str) -> list[tuple[str, str | None, str | None]]:
        """Status, reason and resolver of every result of a command."""
        found = self.of("result", command_id)
        return [(event["status"], event.get("reason"), event.get("resolved_by")) for event in found]

    def statuses(self, key: str) -> list[str]:
        """Status of every order event of one order."""
        return [event["status"] for event in self.of("order", key)]

    async def result(
        self, command_id: str, *expected: tuple[str, str | None, str | None], timeout: float = 8.0
    ) -> None:
        """Wait until the results of a command are exactly ``expected``."""
        await self.until(lambda: len(self.results(command_id)) >= len(expected), timeout)
        assert self.results(command_id) == list(expected)

    def sessions(self) -> list[str]:
        return [event["state"] for subject, event in self.messages if subject == "sys.toy.session"]

    async def stored(self, subject: str) -> list[Event]:
        """Every message on the account stream below a subject, oldest first."""
        stream = f"{self.prefix.upper()}_ACCT"
        js = self.client.jetstream()
        found, sequence = [], 0
        while True:
            try:
                message = await js.get_msg(stream, sequence + 1, next=True, subject=f"{self.prefix}.v1.{subject}")
            except nats.js.errors.NotFoundError:
                return found
            sequence = message.seq or 0
            found.append(msgspec.json.decode(message.data or b""))


def check_order_life(events: list[Event]) -> None:
    """Hold the events of one order against the contract: never backwards, counted without a hole per epoch."""
    filled, final = 0.0, None
    seqs: dict[int, int] = {}
    for event in events:
        assert float(event["filled_quantity"]) >= filled, events
        filled = float(event["filled_quantity"])
        assert final in (None, event["status"]), events
        final = event["status"] if event["status"] in FINAL else None
        assert event["seq"] == seqs.get(event["epoch"], 0) + 1, events
        seqs[event["epoch"]] = event["seq"]
