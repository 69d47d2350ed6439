"""A venue in a process of its own: the same contract, and whatever it does to its process, the others trade on."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from venuebus import hookimpl
from venuebus.app import Bridge
from venuebus.configuration.config import build_config
from venuebus.isolation import venue as isolation
from venuebus.isolation.venue import IsolatedVenue
from venuebus.plugins import Plugins, load_plugins
from venuebus_schemas import SessionState

from .bench import Bench
from .toy_venue import ToyPlugin

SECRET = "a-literal-secret-of-the-file"


class Listener:
    """A plugin that hears of states."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    @hookimpl
    def venuebus_venue_state_changed(self, venue: str, state: SessionState, reason: str) -> None:
        self.heard.append((venue, str(state)))


class World:
    """A bridge with an isolated venue ``toy`` and one in its loop, ``well``."""

    def __init__(self, bench: Bench, plugins: Plugins, listener: Listener) -> None:
        self.bench = bench
        self.plugins = plugins
        self.listener = listener
        self.table: dict[str, Any] = {"max_blocked": 2.0}
        self.bridge: Bridge
        self.orders = 0

    def data(self) -> dict[str, Any]:
        data = self.bench.config()
        folder = str(self.bench.venue.folder)
        data["venues"] = {
            "toy": {"plugin": "hostile", "folder": folder, "isolation": "process", "key": SECRET, **self.table},
            "well": {"plugin": "toy", "folder": folder, "allowed_symbols": [{"env": "OF_THE_WELL"}]},
        }
        return data

    async def start(self, *, ready: bool = True, data: dict[str, Any] | None = None) -> Bridge:
        bridge = Bridge(build_config(data or self.data(), self.plugins.specs), self.plugins)
        self.bench.bridges.append(bridge)
        self.bridge = bridge
        await bridge.start()
        if ready:
            await self.ready()
        return bridge

    def isolated(self, bridge: Bridge | None = None) -> IsolatedVenue:
        venue = (bridge or self.bridge).fleet.venues["toy"]
        assert isinstance(venue, IsolatedVenue)
        return venue

    def pid(self, bridge: Bridge | None = None) -> int | None:
        return self.isolated(bridge)._about()["process"]  # type: ignore[no-any-return]

    async def ready(self, bridge: Bridge | None = None) -> None:
        here = bridge or self.bridge
        await self.bench.until(lambda: all(str(v.state.state) == "ready" for v in here.fleet.venues.values()), 20)

    def act(self, what: str) -> None:
        new = self.bench.venue.folder / "act.new"
        new.write_text(what)
        new.rename(self.bench.venue.folder / "act")

    async def well_trades(self) -> None:
        """One order at the venue in the loop, to its end."""
        self.orders += 1
        command_id = f"well-{self.orders}"
        body = {"type": "submit", "command_id": command_id, "symbol": "X", "side": "buy", "order_type": "limit",
                "quantity": "1", "price": "2.50"}  # fmt: skip
        subject = f"{self.bench.prefix}.v1.cmd.well.main.submit.{command_id}"
        await self.bench.client.jetstream().publish(subject, json.dumps(body).encode())
        head = f"acct.well.main.result.{command_id}"
        await self.bench.until(lambda: any(s == head for s, _ in self.bench.messages))
        assert [e["status"] for s, e in self.bench.messages if s == head] == ["accepted"]

    def texts(self, *states: str) -> list[str]:
        """What sessions of the isolated venue said about themselves in these states."""
        return [e.get("text", "") for s, e in self.bench.messages if s == "sys.toy.session" and e["state"] in states]


def is_gone(pid: int | None) -> bool:
    return not Path(f"/proc/{pid}").exists()


def seen_by_others(pid: int | None) -> bytes:
    """Command line and environment of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


def install(folder: Path, name: str, value: str) -> None:
    """Put a distribution with one plugin into ``folder``, as pip would."""
    info = folder / f"vbtest_{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vbtest-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[venuebus]\n{name} = {value}\n")


@pytest_asyncio.fixture
async def world(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    site = tmp_path / "site"
    install(site, "hostile", f"{__package__}.hostile_venue")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(Path(__file__).parents[len(str(__package__).split("."))]))
    monkeypatch.setenv("VENUEBUS_PLUGINS", "hostile")
    monkeypatch.setenv("OF_THE_WELL", "X")
    listener = Listener()
    plugins = load_plugins([ToyPlugin(bench.venue), listener])
    assert not plugins.refused, plugins.refused
    yield World(bench, plugins, listener)


async def test_it_keeps_the_contract_and_everybody_sees_it(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    bench, bridge = world.bench, await world.start()
    pid = world.pid()
    assert pid not in (None, os.getpid())
    await bench.submit("one")
    await bench.result("one", ("accepted", None, None))
    await bench.send("cancel", "c1", client_order_id="one")
    await bench.result("c1", ("accepted", None, None))
    assert bench.statuses("one") == ["pending_new", "new", "pending_cancel", "canceled"]
    [line] = (bench.venue.folder / "log").read_text().splitlines()[:1]
    assert line.split() == ["submit", "one", str(pid)]  # it is the child that did it
    status = (await bench.request("ctl.toy.status"))["items"][0]
    assert (status["state"], status["isolation"]) == ("ready", {"process": pid})
    await bench.until(lambda: world.isolated().health()["lease"])
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{bridge.http_url}/readyz") as answer:
            told = await answer.json()
            assert (answer.status, told["venues"]["toy"]["state"]) == (200, "ready")
            assert told["venues"]["toy"]["isolation"]["process"] == pid

        async def metrics() -> str:
            async with http.get(f"{bridge.http_url}/metrics") as answer:
                return await answer.text()

        text = await metrics()
        while 'venuebus_messages_received_total{kind="order",venue="toy"}' not in text:
            await asyncio.sleep(0.2)
            text = await metrics()
    assert 'venuebus_venue_state{state="ready",venue="toy"} 1.0' in text
    assert 'venuebus_venue_state{state="ready",venue="well"} 1.0' in text
    assert 'venuebus_isolation_memory_bytes{venue="toy"}' in text
    assert text.count("# TYPE venuebus_venue_state gauge") == 1
    assert ("toy", "ready") in world.listener.heard
    secrets = seen_by_others(pid)
    assert SECRET.encode() not in secrets
    assert b"OF_THE_WELL" not in secrets  # what only another venue's secrets are read from
    world.act("print")
    err = ""
    while "raw bytes on fd 1" not in err:
        await asyncio.sleep(0.05)
        err += capfd.readouterr().err
    assert "plugin printed" in err
    assert "plain words on stdout" in err
    await bench.stop(bridge)
    assert bench.sessions()[-1] == "closed"
    assert is_gone(pid)
    assert bridge._ground is not None
    bucket = bridge._ground.names.bucket
    key = await bench.client.jetstream().get_last_msg(f"KV_{bucket}", f"$KV.{bucket}.lease.toy.main")
    assert (key.headers or {}).get("KV-Operation") == "DEL"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("exit", "the plugin ended its process (SystemExit: 3)"),
        pytest.param("os_exit", "its process ended with status 4", marks=pytest.mark.slow),
        ("block", "its event loop was blocked for over 2 s"),
        ("grow", "over max_memory (160 MiB)"),
    ],
)
async def test_what_ends_its_process_ends_nothing_else(world: World, act: str, words: str) -> None:
    world.table["max_memory"] = 160 * 2**20
    bridge = await world.start()
    well = bridge.venues["well"]
    epoch, pid = well.sessions.epoch, world.pid()
    world.act(act)
    while world.isolated().restarts == 0:
        await world.well_trades()
    await world.bench.until(lambda: any(words in text for text in world.texts("down")))
    await world.ready()
    assert world.pid() not in (None, pid)
    assert is_gone(pid)
    assert world.isolated().restarts == 1
    assert (well.sessions.epoch, well.sessions.reconnects) == (epoch, 0)
    await world.bench.submit("after")
    await world.bench.result("after", ("accepted", None, None))
    await world.well_trades()


async def test_an_order_whose_process_is_killed_is_sent_once_and_told_by_the_next(world: World) -> None:
    bench = world.bench
    await world.start()
    bench.venue.script("submit", "take_and_hang", "accept")
    await bench.submit("once")
    await bench.until(lambda: bench.venue.get("once"))
    pid = world.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await bench.until(lambda: bench.results("once") and bench.results("once")[-1][0] == "accepted", 10)
    assert bench.venue.count("once") == 1
    await world.ready()
    assert "its process was killed by SIGKILL" in world.texts("down")[0]
    assert len({json.dumps(lease) for lease in await bench.stored("acct.toy.main.lease")}) == 2  # each with its fence
    await bench.submit("next")
    await bench.result("next", ("accepted", None, None))


async def test_orders_under_random_kills_are_sent_once_and_all_come_to_an_end(world: World) -> None:
    bench = world.bench
    await world.start()
    seed = random.randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    dice = random.Random(seed)
    ids = [f"r{number}" for number in range(30)]
    kills = sorted(dice.sample(range(5, 25), 2))
    for number, command_id in enumerate(ids):
        await bench.submit(command_id, expires_at=time.time_ns() + 60 * 10**9)
        if number in kills and (pid := world.pid()) is not None:
            await asyncio.sleep(dice.uniform(0, 0.01))
            os.kill(pid, signal.SIGKILL)
            restarts = world.isolated().restarts
            await bench.until(lambda r=restarts: world.isolated().restarts > r)  # type: ignore[misc]
    final = ("accepted", "rejected")
    await bench.until(lambda: all(any(r[0] in final for r in bench.results(i)) for i in ids), 30)
    counts = {command_id: bench.venue.count(command_id) for command_id in ids}
    assert max(counts.values()) == 1, counts
    for command_id in ids:  # a process killed between the toy's note and its order has reached nothing
        placed = bench.venue.get(command_id) is not None
        assert bench.results(command_id)[-1][0] == ("accepted" if placed else "rejected"), command_id


async def test_two_bridges_take_over_from_each_others_processes(world: World) -> None:
    bench = world.bench
    first = await world.start()
    second = await world.start(ready=False)
    await bench.until(lambda: str(world.isolated(second).state.state) == "standby", 20)
    pid = world.pid(first)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)  # its lease is given back for it, so one of the two has it again at once

    def owners() -> list[Bridge]:
        return [b for b in (first, second) if str(world.isolated(b).state.state) == "ready"]

    await bench.until(lambda: len(bench.sessions()) > 0 and world.isolated(first).restarts == 1, 10)
    await bench.until(lambda: len(owners()) == 1, 10)
    [owner] = owners()
    other = second if owner is first else first
    await bench.until(lambda: str(world.isolated(other).state.state) == "standby", 20)
    await bench.stop(owner)
    await bench.until(lambda: str(world.isolated(other).state.state) == "ready", 10)
    await bench.submit("moved")
    await bench.result("moved", ("accepted", None, None))
    assert bench.venue.count("moved") == 1


async def test_one_that_ends_again_and_again_is_failed_and_mended_without_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "CRASHES", 2)
    (world.bench.venue.folder / "act.create").touch()
    bridge = await world.start(ready=False)
    await world.bench.until(lambda: world.isolated().state.state is SessionState.FAILED, 30)
    assert "its process ended with status 5" in world.isolated().state.text
    assert "2 times in a row" in world.isolated().state.text
    assert ("toy", "failed") in world.listener.heard
    await world.well_trades()
    (world.bench.venue.folder / "act.create").unlink()
    # A change of the configuration while it waits for its next attempt takes it out of that wait.
    data = world.data()
    data["venues"]["toy"]["max_quantity"] = "7"
    was = world.isolated()
    await bridge._apply(build_config(data, world.plugins.specs))
    assert world.isolated() is not was
    await world.ready()


async def test_it_moves_into_the_loop_and_back_by_a_change_of_the_configuration(world: World) -> None:
    bridge = await world.start()
    data = world.data()
    data["venues"]["toy"] |= {"plugin": "toy", "isolation": "loop"}
    del data["venues"]["toy"]["max_blocked"], data["venues"]["toy"]["key"]
    pid = world.pid()
    await bridge._apply(build_config(data, world.plugins.specs))
    await world.ready()
    assert "toy" in bridge.venues
    assert is_gone(pid)
    await world.bench.submit("in-the-loop")
    await world.bench.result("in-the-loop", ("accepted", None, None))
    await bridge._apply(build_config(world.data(), world.plugins.specs))
    await world.ready()
    assert world.pid() not in (None, pid)
    await world.bench.submit("outside")
    await world.bench.result("outside", ("accepted", None, None))
    assert await world.bench.request("ctl.well.status")
