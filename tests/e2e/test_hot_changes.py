"""Venues come and go while the bridge runs; those that stay notice nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import structlog
from venuebus import Capabilities, Limit, Secret, VenueConfig, VenueContext, VenueSpec, hookimpl
from venuebus.app import Bridge
from venuebus.configuration.config import load_config
from venuebus.fleet import RunningVenue
from venuebus.plugins import load_plugins

from .bench import Bench, NatsServer
from .test_webhooks_ingress import Plugin as NotesPlugin
from .test_webhooks_ingress import sign
from .toy_venue import ToyPlugin


class KeyConfig(VenueConfig, kw_only=True, frozen=True):
    key: Secret
    plain: str = ""


class KeySession:
    """Notes the key that it connects with."""

    used: list[str]

    def __init__(self, context: VenueContext[KeyConfig]) -> None:
        self._context = context
        self._ended = asyncio.Event()

    async def connect(self) -> None:
        KeySession.used.append(self._context.config.key.reveal())

    async def run(self) -> None:
        await self._ended.wait()

    async def close(self) -> None:
        self._ended.set()


def limits(config: KeyConfig) -> tuple[Limit, ...]:
    if config.plain == "boom":
        raise KeyError("a bug of the plugin")
    return ()


class KeyPlugin:
    @hookimpl
    def venuebus_register_venues(self) -> list[VenueSpec[Any]]:
        return [
            VenueSpec(name="key", config_type=KeyConfig, create=KeySession, capabilities=Capabilities(), limits=limits)
        ]


class World:
    """A bridge that reads a file, and what it logs."""

    def __init__(self, bench: Bench, lines: list[Any]) -> None:
        self.bench = bench
        self.lines = lines
        self.data = bench.config()
        self.data["bus"]["hook_max_bytes"] = 2**20
        self.file = bench.folder / "venuebus.toml"
        self.bridge: Bridge

    def write(self, **venues: dict[str, Any] | None) -> None:
        """Write the file with these tables of venues; ``None`` takes one out."""
        for name, table in venues.items():
            self.data["venues"].pop(name, None)
            if table is not None:
                self.data["venues"][name] = table
        text = toml(self.data)
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.rename(self.file)

    async def start(self) -> Bridge:
        plugins = load_plugins([ToyPlugin(self.bench.venue), KeyPlugin(), NotesPlugin()], installed=False)

        def read() -> Any:
            return load_config(self.file, plugins.specs, plugins.refused)

        self.bridge = Bridge(read(), plugins, reread=read)
        self.bench.bridges.append(self.bridge)
        await self.bridge.start()
        await self.ready(*self.data["venues"])
        return self.bridge

    async def ready(self, *names: str) -> None:
        await self.bench.until(lambda: all(self.state(name) == "ready" for name in names))

    def state(self, name: str) -> str:
        venue: RunningVenue | None = self.bridge.fleet.venues.get(name)
        return str(venue.state.state) if venue is not None else "gone"

    def told(self, event: str) -> list[Any]:
        return [line for line in self.lines if line["event"] == event]


def toml(data: dict[str, Any]) -> str:
    """Write tables of tables of plain values; JSON's strings, numbers and lists are TOML's."""
    lines = []
    for name, table in data.items():
        if name == "venues":
            continue
        lines += [f"[{name}]", *(f"{key} = {value(item)}" for key, item in table.items())]
    for name, table in data["venues"].items():
        lines += [f"[venues.{name}]", *(f"{key} = {value(item)}" for key, item in table.items())]
    return "\n".join(lines) + "\n"


def value(item: Any) -> str:
    if isinstance(item, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(text)}" for key, text in item.items()) + " }"
    return json.dumps(item)


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest_asyncio.fixture
async def world(bench: Bench, lines: list[Any]) -> AsyncIterator[World]:
    KeySession.used = []
    yield World(bench, lines)


async def test_venues_come_change_and_go_and_the_others_notice_nothing(world: World) -> None:
    bench = world.bench
    world.data["run"] = {"watch_config": False}
    toy = {"plugin": "toy", "folder": "."}
    world.write()
    bridge = await world.start()
    stays = bridge.venues["toy"]
    before = (stays, stays.sessions.epoch, stays.sessions.session(), stays.leases["main"].fence)
    await bench.submit("rest")
    await bench.result("rest", ("accepted", None, None))

    world.write(extra={**toy, "account": "second"})
    bridge.reload()
    await world.ready("extra")
    extra = bridge.venues["extra"]
    assert [(line["venue"], line["plugin"]) for line in world.told("venue added")] == [("extra", "toy")]

    world.write(extra={**toy, "account": "second", "max_quantity": "3"})
    bridge.reload()
    await bench.until(lambda: bridge.venues.get("extra") not in (None, extra) and world.state("extra") == "ready")
    assert [(line["venue"], line["keys"]) for line in world.told("venue changed")] == [("extra", "max_quantity")]
    assert bridge.venues["extra"].sessions.epoch > extra.sessions.epoch

    world.write(extra=None)
    bridge.reload()
    await bench.until(lambda: world.state("extra") == "gone")
    assert [line["venue"] for line in world.told("venue removed")] == ["extra"]
    states = [event["state"] for subject, event in bench.messages if subject == "sys.extra.session"]
    assert states == ["connecting", "ready", "closed"] * 2
    bucket = bridge.venues["toy"]._names.bucket  # the lease was given back, so nobody has to wait for it
    key = await bench.client.jetstream().get_last_msg(f"KV_{bucket}", f"$KV.{bucket}.lease.extra.second")
    assert (key.headers or {}).get("KV-Operation") == "DEL"

    assert before == (bridge.venues["toy"], stays.sessions.epoch, stays.sessions.session(), stays.leases["main"].fence)
    assert len(await bench.stored("acct.toy.main.lease")) == 1
    await bench.send("cancel", "c1", client_order_id="rest")
    await bench.result("c1", ("accepted", None, None))
    assert bench.sessions() == ["connecting", "ready"]


async def test_a_configuration_with_mistakes_is_refused_whole_with_all_of_them(world: World) -> None:
    world.data["run"] = {"watch_config": False}
    world.write()
    bridge = await world.start()
    toy = bridge.venues["toy"]
    world.write(
        toy={"plugin": "toy", "folder": ".", "max_quantity": "lots"},
        extra={"plugin": "toy", "folder": ".", "smbols": []},
    )
    bridge.reload()
    refused = "configuration refused: nothing is changed"
    await world.bench.until(lambda: world.told(refused))
    mistakes = [line["mistake"] for line in world.told("configuration refused")]
    assert any("venues.toy.max_quantity" in line for line in mistakes)
    assert any("venues.extra.smbols: unknown key; did you mean 'symbols'" in line for line in mistakes)
    assert bridge.venues == {"toy": toy}
    world.file.write_text("[bus\n")
    bridge.reload()
    await world.bench.until(lambda: len(world.told(refused)) == 2)
    world.write(extra=None, toy={"plugin": "toy", "folder": str(world.bench.venue.folder)})
    bridge.reload()  # it takes the next good one as if nothing had been
    await world.bench.until(lambda: world.told("configuration read, nothing is different"))
    assert bridge.venues == {"toy": toy}


async def test_what_needs_a_restart_is_said_and_the_rest_takes_effect(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("venuebus"), "level", logging.INFO)  # and back at the end
    world.data["run"] = {"watch_config": False}
    world.write()
    bridge = await world.start()
    world.data["bus"]["request_timeout"] = 3.0
    world.data["http"]["max_body"] = 5000
    world.data["log"] = {"level": "debug", "format": "json"}
    world.write(extra={"plugin": "toy", "folder": ".", "account": "second"})
    bridge.reload()
    await world.ready("extra")
    fixed = world.told("changed in the configuration, takes effect at the next start of the bridge")
    assert [line["key"] for line in fixed] == ["bus.request_timeout", "http.max_body", "log.format"]
    assert logging.getLogger("venuebus").level == logging.DEBUG  # which needs none


async def test_a_plugin_that_fails_on_a_configuration_changes_nothing(world: World) -> None:
    world.data["run"] = {"watch_config": False}
    world.write(k={"plugin": "key", "key": "old-secret"})
    bridge = await world.start()
    before = dict(bridge.fleet.venues)
    world.write(k={"plugin": "key", "key": "old-secret", "plain": "boom"}, toy=None)
    bridge.reload()
    await world.bench.until(lambda: [line for line in world.lines if line["event"].startswith("configuration refused")])
    assert bridge.fleet.venues == before
    assert [world.state(name) for name in before] == ["ready", "ready"]
    world.write(k={"plugin": "key", "key": "old-secret", "plain": "mended"})
    bridge.reload()
    await world.bench.until(lambda: world.state("toy") == "gone" and world.state("k") == "ready")


async def test_a_change_while_nats_is_away_takes_effect_once_it_is_back(
    own_server: NatsServer, subject_prefix: str, tmp_path: Path, lines: list[Any]
) -> None:
    async with Bench(own_server.url, subject_prefix, tmp_path) as bench:
        world = World(bench, lines)
        world.data["run"] = {"watch_config": False}
        world.write()
        bridge = await world.start()
        own_server.kill()
        await bench.until(lambda: bridge.connection is not None and not bridge.connection.is_up)
        world.write(extra={"plugin": "toy", "folder": ".", "account": "second"})
        bridge.reload()
        await bench.until(lambda: world.told("configuration cannot take effect now, it is tried again"))
        assert set(bridge.venues) == {"toy"}
        await own_server.start()
        await bench.until(lambda: world.state("extra") == "ready" and world.state("toy") == "ready", 20)
        assert len(world.told("venue added")) == 1


async def test_an_exchanged_folder_behind_a_link_is_seen_as_kubernetes_mounts_it(world: World) -> None:
    mount = world.bench.folder / "mount"
    (mount / "..first").mkdir(parents=True)
    (mount / "..data").symlink_to("..first")
    (mount / "venuebus.toml").symlink_to("..data/venuebus.toml")
    (mount / "key").symlink_to("..data/key")
    real, world.file = mount / "..first" / "venuebus.toml", mount / "venuebus.toml"
    (mount / "..first" / "key").write_text("old-secret\n")
    world.data["venues"]["k"] = {"plugin": "key", "key": {"file": "key"}}
    real.write_text(toml(world.data))
    bridge = await world.start()
    held = bridge.venues["k"]

    def swap(name: str, secret: str) -> None:
        (mount / name).mkdir()
        (mount / name / "key").write_text(secret)
        (mount / name / "venuebus.toml").write_text(toml(world.data))
        (mount / "..data_tmp").symlink_to(name)
        (mount / "..data_tmp").rename(mount / "..data")

    swap("..second", "new-secret\n")  # the secret alone: it is read again at the next connect, nothing is restarted
    await world.bench.until(lambda: world.told("configuration read, nothing is different"))
    assert bridge.venues["k"] is held
    assert KeySession.used == ["old-secret"]
    await world.bench.request("ctl.k.reconnect")
    await world.bench.until(lambda: len(KeySession.used) == 2 and world.state("k") == "ready")
    assert KeySession.used == ["old-secret", "new-secret"]

    world.data["venues"]["k"]["plain"] = "changed"
    swap("..third", "new-secret\n")
    await world.bench.until(lambda: bridge.venues.get("k") not in (held, None) and world.state("k") == "ready")
    assert world.told("venue changed")[0]["keys"] == "plain"
    assert "old-secret" not in str(world.lines)
    assert len(world.told("configuration refused")) == 0


async def test_a_venue_that_calls_us_gets_its_door_while_the_bridge_runs(world: World) -> None:
    world.data["run"] = {"watch_config": False}
    world.write()
    bridge = await world.start()
    old, new = "the venue's key", "another key"
    world.file.write_text(toml(world.data) + door("notes", old))
    body = json.dumps({"msg_id": "m1"}).encode()
    async with aiohttp.ClientSession() as http:

        async def deliver(key: str, name: str = "notes") -> int:
            url = f"{bridge.http_url}/hooks/{name}"
            async with http.post(url, data=body, headers=sign(body, key)) as answer:
                return answer.status

        assert await deliver(old) == 404
        bridge.reload()
        await world.ready("notes")
        assert await deliver(old) == 200
        await world.bench.until(lambda: world.bridge.venues["notes"].sessions.counts.get("webhook_translated") == 1)
        was = bridge.venues["notes"]
        world.file.write_text(toml(world.data) + door("notes", new))
        bridge.reload()
        await world.bench.until(
            lambda: bridge.venues.get("notes") not in (was, None) and world.state("notes") == "ready"
        )
        assert [await deliver(old), await deliver(new)] == [401, 200]
        world.write()
        bridge.reload()
        await world.bench.until(lambda: world.state("notes") == "gone")
        assert await deliver(new) == 404


def door(name: str, key: str) -> str:
    verify = f'verify = {{ method = "standard_webhooks", secrets = ["{key}"] }}'
    return f'[venues.{name}]\nplugin = "notes"\n{verify}\n'


async def test_sighup_and_a_written_file_reach_a_running_program(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "venuebus.toml"
    data = bench.config()
    data["venues"] = {"one": {"plugin": "pingpongx", "insecure_unverified": True}}
    data["bus"]["hook_max_bytes"] = 2**20
    if "pingpongx" not in load_plugins().specs:
        pytest.skip("venuebus-pingpongx is not installed")
    file.write_text(toml(data))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from venuebus.cli import main; main()", "run", str(file),
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "VENUEBUS_PLUGINS": "pingpongx"},
    )  # fmt: skip
    assert process.stderr is not None
    try:

        async def line(marker: str) -> str:
            assert process.stderr is not None
            async with asyncio.timeout(30):
                while text := (await process.stderr.readline()).decode():
                    if marker in text:
                        return text
            raise AssertionError(f"ended before {marker}")

        await line("venue ready")
        data["venues"]["two"] = {"plugin": "pingpongx", "insecure_unverified": True}
        file.write_text(toml(data))  # seen without a signal
        assert "venue=two" in await line("venue added")
        await line("venue ready")
        data["run"] = {"watch_config": False}
        del data["venues"]["one"]
        file.write_text(toml(data))
        process.send_signal(signal.SIGHUP)
        assert "venue=one" in await line("venue removed")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            await process.stderr.read()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_closed_terminal_ends_the_program_instead_of_asking_for_the_configuration(
    bench: Bench, tmp_path: Path
) -> None:
    file = tmp_path / "venuebus.toml"
    data = bench.config()
    data["venues"] = {"one": {"plugin": "pingpongx", "insecure_unverified": True}}
    data["bus"]["hook_max_bytes"] = 2**20
    if "pingpongx" not in load_plugins().specs:
        pytest.skip("venuebus-pingpongx is not installed")
    file.write_text(toml(data))
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TERMINAL + "from venuebus.cli import main; main()", "run", str(file),
        stdin=theirs, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        env={**os.environ, "VENUEBUS_PLUGINS": "pingpongx"},
    )  # fmt: skip
    os.close(theirs)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            while b"venue ready" not in await process.stderr.readline():
                assert not process.stderr.at_eof()
            os.close(ours)
            text = (await process.stderr.read()).decode()
            assert await process.wait() == 130
        assert "bridge stopped" in text
        assert "reading the configuration again" not in text
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
"""Make standard input the terminal that controls the session, as a shell's window does."""
