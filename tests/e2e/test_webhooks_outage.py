"""NATS away, bridges killed, consumers deleted: what got 200 is on the stream exactly once, the rest got 5xx."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import nats
import pytest
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError
from venuebus.app import Bridge
from venuebus.bus.binary import find_server
from venuebus.bus.server_files import ServerOptions, read_port, server_config
from venuebus.configuration.config import build_config
from venuebus.orders.account import Account
from venuebus.plugins import load_plugins
from venuebus_pingpongx.signing import standard_webhooks
from venuebus_pingpongx.simulator import SECRET, Desk

VENUE = "pingpongx"
SMALL = {f"{name}_max_bytes": 64 * 2**20 for name in ("command", "account", "system", "dead", "hook")}


class Nats:
    """A nats-server that can be killed and started again on the same port and store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        file = self.folder / "nats.conf"
        for old in self.folder.glob("*.ports"):
            old.unlink()
        options = ServerOptions(store_dir=self.folder / "store", port=self.port, sync="always")
        options.store_dir.mkdir(exist_ok=True)
        file.write_text(server_config(options, self.folder))
        command = [str(find_server()), "-c", str(file)]
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        self.process = await asyncio.to_thread(
            subprocess.Popen, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(10):
            while (port := read_port(self.folder)) is None:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)
        self.port = port

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Nats]:
    server = Nats(tmp_path)
    await server.start()
    yield server
    server.kill()


def make_bridge(server: Nats, name: str = "one") -> Bridge:
    plugins = load_plugins()
    config = build_config(
        {
            "bus": {"servers": [server.url], "spool_dir": str(server.folder / name), **SMALL},
            "http": {"listen": "127.0.0.1:0"},
            "venues": {
                VENUE: {"plugin": "pingpongx", "verify": {"method": "standard_webhooks", "secrets": [SECRET]}},
            },
        },
        plugins.specs,
    )
    return Bridge(config, plugins)


@contextlib.asynccontextmanager
async def bridge_at(server: Nats, name: str = "one") -> AsyncIterator[Bridge]:
    bridge = make_bridge(server, name)
    await bridge.start()
    try:
        yield bridge
    finally:
        await bridge.stop()


async def post(http: aiohttp.ClientSession, bridge: Bridge, message: dict[str, Any]) -> int:
    return await post_to(http, bridge.http_url, message)


async def post_to(http: aiohttp.ClientSession, base: str, message: dict[str, Any]) -> int:
    body = Desk.encode(message)
    headers = standard_webhooks(SECRET, message["msg_id"], body, int(time.time()))
    headers["Content-Type"] = "application/json"
    try:
        async with http.post(f"{base}/hooks/{VENUE}", data=body, headers=headers) as answer:
            await answer.read()
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return 0


async def changes(server: Nats) -> Counter[str]:
    """How often every msg_id is on the stream, once the bridge has read all that is stored."""
    client = await nats.connect(server.url)
    js = client.jetstream()
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(NotFoundError):  # made by the first owner, a moment after it starts
                info = await js.consumer_info("VB_HOOK", f"bridge_{VENUE}")
                if not info.num_pending and not info.num_ack_pending:
                    break
            await asyncio.sleep(0.1)
    found: Counter[str] = Counter()
    subject = f"vb.v1.acct.{VENUE}.main.forward_change.>"
    pull = await js.pull_subscribe(subject, stream="VB_ACCT", config=ConsumerConfig(ack_policy=AckPolicy.NONE))
    pending = (await pull.consumer_info()).num_pending or 0
    while pending:
        for message in await pull.fetch(500, timeout=5):
            found[json.loads(message.data)["msg_id"]] += 1
            pending = message.metadata.num_pending
    await client.close()
    return found


async def under_load(server: Nats, bridge: Bridge, *, rate: float, seconds: float, away: tuple[float, float]) -> None:
    """Post all the time, with NATS killed in between, and hold every answer against the streams."""
    desk, answers, waited = Desk(now_ns=time.time_ns), {}, []

    async def one(http: aiohttp.ClientSession) -> None:
        message = desk.create(Decimal(100))
        started = time.monotonic()
        status = await post(http, bridge, message)
        waited.append(time.monotonic() - started)
        answers[message["msg_id"]] = status

    async def outage() -> None:
        await asyncio.sleep(away[0])
        server.kill()
        await asyncio.sleep(away[1])
        await server.start()

    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as tasks:
        tasks.create_task(outage())
        for _ in range(int(rate * seconds)):
            tasks.create_task(one(http))
            await asyncio.sleep(1 / rate)
    accepted = {name for name, status in answers.items() if status == 200}
    refused = {name for name, status in answers.items() if status == 503}
    assert len(accepted) + len(refused) == len(answers), Counter(answers.values())
    assert accepted
    assert refused
    assert max(waited) < 5.0, "the venue waits no longer than that"
    found = await changes(server)
    assert {name for name in accepted if found[name] != 1} == set()
    assert max(found.values()) == 1


async def test_with_nats_killed_under_load_every_200_is_on_the_stream_once(server: Nats) -> None:
    async with bridge_at(server) as bridge:
        await under_load(server, bridge, rate=150, seconds=6, away=(1.5, 2.5))


@pytest.mark.slow
async def test_with_nats_away_for_a_minute_under_load_every_200_is_on_the_stream_once(server: Nats) -> None:
    async with bridge_at(server) as bridge:
        await under_load(server, bridge, rate=200, seconds=75, away=(5, 60))


async def test_before_nats_is_there_every_delivery_gets_503_and_is_taken_afterwards(server: Nats) -> None:
    server.kill()
    message = Desk(now_ns=time.time_ns).create()
    bridge = make_bridge(server)
    starting = asyncio.create_task(bridge.start())
    try:
        async with asyncio.timeout(30), aiohttp.ClientSession() as http:
            while not bridge.http_url:  # noqa: ASYNC110 - its start waits for NATS
                await asyncio.sleep(0)
            assert await post(http, bridge, message) == 503
            await server.start()
            await starting
            assert await post(http, bridge, message) == 200
            assert await changes(server) == {message["msg_id"]: 1}
    finally:
        starting.cancel()
        await bridge.stop()


CONFIG = """
[bus]
servers = ["{nats}"]
spool_dir = "{folder}/spool"
[http]
listen = "127.0.0.1:{port}"
[venues.pingpongx]
plugin = "pingpongx"
verify = {{ method = "standard_webhooks", secrets = ["{secret}"] }}
"""


async def run_bridge(server: Nats, port: int) -> asyncio.subprocess.Process:
    """Start ``venuebus run`` and return once it takes deliveries."""
    file = server.folder / "bridge.toml"
    file.write_text(CONFIG.format(nats=server.url, folder=server.folder, port=port, secret=SECRET))
    with (server.folder / "bridge.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "venuebus", "run", str(file), stdout=log, stderr=log
        )
    async with asyncio.timeout(20), aiohttp.ClientSession() as http:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if (await answer.json())["nats"] == "connected":
                        return process
            await asyncio.sleep(0.05)


async def test_with_the_bridge_killed_under_load_every_200_is_on_the_stream_once(server: Nats) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    desk, answers = Desk(now_ns=time.time_ns), {}
    process = await run_bridge(server, port)

    async def deliver(http: aiohttp.ClientSession) -> None:
        message = desk.create(Decimal(100))
        while (status := await post_to(http, f"http://127.0.0.1:{port}", message)) != 200:
            answers[message["msg_id"]] = status
            await asyncio.sleep(0.3)
        answers[message["msg_id"]] = status

    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http, asyncio.TaskGroup() as tasks:
            for _ in range(3):
                for _ in range(100):
                    tasks.create_task(deliver(http))
                    await asyncio.sleep(0.005)
                process.kill()
                await process.wait()
                process = await run_bridge(server, port)
        assert set(answers.values()) == {200}
        assert await changes(server) == dict.fromkeys(answers, 1)
    finally:
        process.terminate()
        await process.wait()


async def test_a_standby_stores_what_the_owner_translates(server: Nats) -> None:
    desk = Desk(now_ns=time.time_ns)
    async with (
        bridge_at(server, "owner") as owner, bridge_at(server, "standby") as standby, aiohttp.ClientSession() as http
    ):  # fmt: skip
        async with asyncio.timeout(10):
            for bridge, wanted in ((owner, "ready"), (standby, "standby")):
                while (state := bridge.venues[VENUE].state).state != wanted:
                    await state.changed()
        message = desk.create()
        assert await post(http, standby, message) == 200
        assert await changes(server) == {message["msg_id"]: 1}
        assert "webhook_translated" not in standby.venues[VENUE].sessions.counts


async def test_a_consumer_that_is_made_anew_reads_everything_again_and_publishes_nothing_twice(server: Nats) -> None:
    desk = Desk(now_ns=time.time_ns)
    async with bridge_at(server) as bridge, aiohttp.ClientSession() as http:
        messages = [message for _ in range(10) for message in desk.life()]
        for message in messages:
            assert await post(http, bridge, message) == 200
        before = await changes(server)
        assert before == {message["msg_id"]: 1 for message in messages}
    client = await nats.connect(server.url)
    js = client.jetstream()
    await js.delete_consumer("VB_HOOK", f"bridge_{VENUE}")
    forwards = (await js.stream_info("VB_ACCT", subjects_filter=f"vb.v1.acct.{VENUE}.main.forward.>")).state.subjects
    await client.close()
    async with bridge_at(server) as bridge:
        assert await changes(server) == before
        assert bridge.venues[VENUE].sessions.counts["webhook_published_before"] == len(messages)
    client = await nats.connect(server.url)
    after = await client.jetstream().stream_info("VB_ACCT", subjects_filter=f"vb.v1.acct.{VENUE}.main.forward.>")
    await client.close()
    assert after.state.subjects == forwards, "a state that is known is no news"


async def test_a_late_extension_does_not_reopen_a_settled_child_after_a_restart(server: Nats) -> None:
    desk = Desk(now_ns=time.time_ns)
    created = desk.create(Decimal("794.50"))
    extended = desk.extend(created["payload"]["position_id"])
    child = extended["payload"]["newPosition"]["position_id"]
    settled = desk.settle(child)
    extended["payload"]["newPosition"] = {**extended["payload"]["newPosition"], "status": "waitSettle"}
    async with bridge_at(server) as bridge, aiohttp.ClientSession() as http:
        assert await post(http, bridge, settled) == 200
        assert await changes(server)
    async with bridge_at(server) as bridge, aiohttp.ClientSession() as http:
        assert await post(http, bridge, extended) == 200
        assert await post(http, bridge, created) == 200
        assert await changes(server) == {message["msg_id"]: 1 for message in (created, extended, settled)}
        forwards = account(bridge).forwards
        assert {name: str(forwards.get(name).status) for name in (child, created["payload"]["position_id"])} == {  # type: ignore[union-attr]
            child: "settled",
            created["payload"]["position_id"]: "extended",
        }
    client = await nats.connect(server.url)
    last = await client.jetstream().get_last_msg("VB_ACCT", f"vb.v1.acct.{VENUE}.main.forward.{child}")
    await client.close()
    assert json.loads(last.data or b"")["status"] == "settled"


def account(bridge: Bridge) -> Account:
    return bridge.venues[VENUE].accounts["main"]
