"""What every measurement needs: a nats-server, bridges as processes of their own, and their CPU time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
import nats
import psutil
from nats.aio.client import Client
from nats.aio.msg import Msg
from venuebus.bus.embedded import EmbeddedServer, ServerOptions

from .child import ROOT, Child

OUT = ROOT / ".bench"
READY_TIMEOUT = 120.0
MIB = 1024 * 1024
Sync = Literal["always", "default"]


class World:
    """One nats-server with a store of its own, and a connection of the bench to it."""

    def __init__(self, folder: Path, server: EmbeddedServer, bus: Client, sync: Sync) -> None:
        self.sync = sync
        self.folder = folder
        self.server = server
        self.bus = bus

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, *, sync: Sync = "default") -> AsyncIterator[Self]:
        """Start the server; take everything away afterwards."""
        OUT.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=OUT))
        server = EmbeddedServer(ServerOptions(store_dir=folder / "nats", sync=sync))
        try:
            await server.start()
            bus = await nats.connect(server.url, max_reconnect_attempts=-1)
            try:
                yield cls(folder, server, bus, sync)
            finally:
                await bus.close()
        finally:
            await server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def child(self, module: str, *args: str) -> AsyncIterator[Child]:
        """Run a process of the bench that answers requests."""
        child = await Child.start(module, *args)
        try:
            yield child
        finally:
            await child.stop()

    def configuration(
        self, venues: dict[str, dict[str, Any]], *, bus: dict[str, Any], listen: str = "127.0.0.1:0"
    ) -> Path:
        """Write a file for ``venuebus run``; return its path."""
        file = self.folder / f"bridge-{time.monotonic_ns()}.toml"
        tables = {
            "bus": bus,
            "http": {"listen": listen},
            "log": {"level": "warning"},
            **{f"venues.{name}": table for name, table in venues.items()},
        }
        file.write_text("\n".join(_toml(name, table) for name, table in tables.items()))
        return file

    @contextlib.asynccontextmanager
    async def bridge(
        self, venues: dict[str, dict[str, Any]], *, listen: str = "127.0.0.1:0", **bus: Any
    ) -> AsyncIterator[Bridge]:
        """Run ``venuebus run`` with these venues; returns when all of them are ready."""
        async with self.bridges(venues, [()], listen=listen, **bus) as [bridge]:
            yield bridge

    @contextlib.asynccontextmanager
    async def bridges(
        self,
        venues: dict[str, dict[str, Any]],
        parts: Sequence[Sequence[str]],
        *,
        listen: str = "127.0.0.1:0",
        **bus: Any,
    ) -> AsyncIterator[list[Bridge]]:
        """Run ``venuebus run`` on one file with these venues, a process per part; returns when all are ready.

        Args:
            parts: the names that each process is given as ``--venue``; none: all of the file.
        """
        bus = {"servers": [self.server.url], "spool_dir": str(self.folder / "spool"), **bus}
        file = self.configuration(venues, bus=bus, listen=listen)
        waiting = set(venues)
        ready = asyncio.Event()

        async def heard(msg: Msg) -> None:
            if b'"state":"ready"' in msg.data:
                waiting.discard(msg.subject.split(".")[3])
                if not waiting:
                    ready.set()

        subscription = await self.bus.subscribe("vb.v1.sys.*.session", cb=heard)
        # A request is a barrier; nats-py's own flush is not.
        await self.bus.request("$JS.API.INFO", b"")
        started = time.perf_counter()
        processes: list[asyncio.subprocess.Process] = []
        try:
            for part in parts:
                picked = [argument for name in part for argument in ("--venue", name)]
                command = [sys.executable, "-m", "venuebus", "run", str(file), *picked]
                processes.append(await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL))
            await _either(ready, processes)
            seconds = time.perf_counter() - started
            await subscription.unsubscribe()
            yield [Bridge(process, seconds) for process in processes]
        finally:
            await asyncio.gather(*(_end(process) for process in processes))

    @contextlib.asynccontextmanager
    async def relay(self, feeds: list[tuple[str, str, str]]) -> AsyncIterator[int]:
        """Run the plain relay of (WebSocket address, topic, subject); yield its process id."""
        async with self._script("relay.py", json.dumps(feeds)) as process:
            yield process.pid

    @contextlib.asynccontextmanager
    async def bare(self, table: dict[str, Any]) -> AsyncIterator[int]:
        """Run the bare script at a simulator's address; yield its process id once it hears the commands of ``bare``."""
        async with self._script("bare.py", json.dumps(table)) as process:
            assert process.stdout is not None
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError("the bare script did not become ready")
            yield process.pid

    @contextlib.asynccontextmanager
    async def _script(self, name: str, *args: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name(name)), self.server.url, *args,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()

    @contextlib.contextmanager
    def stalled(self) -> Any:
        """Stop the server where it stands, sockets open, as a machine does that swaps; let it go on afterwards."""
        assert self.server.pid is not None
        os.kill(self.server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.server.pid, signal.SIGCONT)


class Bridge:
    """A running bridge; ``seconds`` from the start of its process until every venue was ready."""

    def __init__(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        self.pid = process.pid
        self.seconds = seconds

    @property
    def rss(self) -> float:
        """Resident memory now, MiB."""
        return float(psutil.Process(self.pid).memory_info().rss) / MIB

    @property
    def peak(self) -> float:
        """Most resident memory since its start, MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return self.rss


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, user and system together."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _either(ready: asyncio.Event, processes: list[asyncio.subprocess.Process]) -> None:
    waits = {asyncio.ensure_future(ready.wait()), *(asyncio.ensure_future(process.wait()) for process in processes)}
    try:
        await asyncio.wait(waits, timeout=READY_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if not ready.is_set():
        status = [process.returncode for process in processes]
        raise RuntimeError(f"the bridge did not become ready (status {status}, None: still running)")


def _toml(name: str, table: dict[str, Any]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {msgspec.json.encode(value).decode()}" for key, value in table.items())])
