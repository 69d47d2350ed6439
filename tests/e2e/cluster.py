"""Three nats-servers that hold streams together, on loopback, each of which may be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from venuebus.bus.binary import find_server

SIZE = 3


class Node:
    """One server of the cluster; its ports and its store outlive it."""

    def __init__(self, name: str, folder: Path, port: int, route: int) -> None:
        self.name = name
        self.port = port
        self.route = route
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self, routes: list[int]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        peers = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        config = self._folder / "nats.conf"
        config.write_text(
            f'server_name: {self.name}\nlisten: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self._folder}/js" }}\n'
            f'cluster {{ name: test, listen: "127.0.0.1:{self.route}", routes: [{peers}] }}\n'
        )
        command = [str(find_server()), "-c", str(config)]
        if shutil.which("setpriv"):  # so that a killed test run leaves no server behind
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it with a signal, and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
            process.wait(15)

    def log(self) -> str:
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


class Cluster:
    """The servers, and who of them leads what."""

    def __init__(self, folder: Path) -> None:
        ports = _free_ports(2 * SIZE)
        self.nodes = [Node(f"n{i}", folder / f"n{i}", ports[i], ports[SIZE + i]) for i in range(SIZE)]
        self._client = Client()

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    async def start(self) -> None:
        """Return when the servers have found each other and take streams with three replicas."""
        for node in self.nodes:
            self.restart(node)
        async with asyncio.timeout(30):
            await _until(self._connect)
            await _until(self._takes_streams)

    async def stop(self) -> None:
        if self._client.is_connected or self._client.is_reconnecting:
            with contextlib.suppress(TimeoutError, nats.errors.Error, OSError):
                async with asyncio.timeout(2):
                    await self._client.close()
        for node in self.nodes:
            node.end()

    def restart(self, node: Node) -> None:
        """Start a server that is down."""
        node.start([other.route for other in self.nodes])

    async def _connect(self) -> bool:
        try:
            self._client = await nats.connect(
                self.urls, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=_ignore, allow_reconnect=True,
            )  # fmt: skip
        except (nats.errors.Error, OSError):
            return False
        return True

    async def _takes_streams(self) -> bool:
        js = self._client.jetstream(timeout=1)
        try:
            await js.add_stream(name="PROBE", subjects=["probe"], num_replicas=SIZE)
            await js.publish("probe", b"")
            await js.delete_stream("PROBE")
        except (nats.js.errors.Error, nats.errors.Error, TimeoutError, OSError):
            return False
        return True

    async def info(self, stream: str) -> dict[str, Any]:
        """What the leader of a stream tells of it.

        Raises:
            TimeoutError: nobody leads it.
        """
        answer = await self._client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=1)
        found: dict[str, Any] = json.loads(answer.data)
        return found

    async def leader(self, stream: str) -> Node:
        """Wait until somebody leads the stream and return who."""
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(nats.errors.Error, TimeoutError):
                    name = (await self.info(stream)).get("cluster", {}).get("leader")
                    for node in self.nodes:
                        if node.name == name and node.is_running:
                            return node
                await asyncio.sleep(0.05)

    async def whole(self, *streams: str) -> None:
        """Wait until every replica of the streams is there and has everything."""
        async with asyncio.timeout(40):
            for stream in streams:
                await _until(partial(self._is_whole, stream))

    async def _is_whole(self, stream: str) -> bool:
        try:
            replicas = (await self.info(stream)).get("cluster", {}).get("replicas", [])
        except (nats.errors.Error, TimeoutError):
            return False
        return len(replicas) == SIZE - 1 and all(peer.get("current") and not peer.get("offline") for peer in replicas)


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask servers until they say so: what a cluster agrees on cannot be waited for, only asked."""
    while not await holds():  # noqa: ASYNC110
        await asyncio.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different: a cluster's servers must know each other's beforehand."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


async def _ignore(error: Exception) -> None:
    """Nats-py prints errors otherwise; a cluster under test is full of them."""
