"""Isolated venues of a bridge that is a program of its own: how they end with it, and what they are handed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from venuebus.app import Bridge
from venuebus.configuration.config import build_config
from venuebus.errors import ConfigError
from venuebus.isolation import venue as isolation
from venuebus.isolation.link import FULL, Link
from venuebus.isolation.venue import IsolatedVenue
from venuebus.isolation.wire import Ended, Family, Sample, State, for_parent
from venuebus.plugins import load_plugins
from venuebus_schemas import SessionState

from .bench import Bench
from .test_hot_changes import toml
from .test_isolation import install, is_gone
from .test_webhooks_ingress import sign

HERE = Path(__file__).parents[len(str(__package__).split("."))]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    install(folder, "hostile", f"{__package__}.hostile_venue")
    (folder / "notes_plugin.py").write_text(
        f"from {__package__}.test_webhooks_ingress import Plugin\nplugin = Plugin()\n"
    )
    install(folder, "notes", "notes_plugin:plugin")
    (folder / "sleepy_plugin.py").write_text(
        "import sys, time\nif 'venuebus.isolation.child' in sys.modules:\n    time.sleep(60)\n"
        f"from {__package__}.hostile_venue import venuebus_register_venues\n"
    )
    install(folder, "sleepy", "sleepy_plugin")
    for path in (folder, HERE):
        monkeypatch.syspath_prepend(str(path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(HERE)]))
    return folder


class Program:
    """``venuebus run`` and its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""

    @classmethod
    async def start(cls, file: Path, data: dict[str, Any], plugins: str = "hostile") -> Program:
        await asyncio.to_thread(file.write_text, toml(data))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from venuebus.cli import main; main()", "run", str(file),
            stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, "VENUEBUS_PLUGINS": plugins},
        )  # fmt: skip
        return cls(process)

    async def line(self, *markers: str) -> str:
        assert self.process.stderr is not None
        async with asyncio.timeout(30):
            while line := (await self.process.stderr.readline()).decode():
                self.text += line
                if all(marker in line for marker in markers):
                    return line
        raise AssertionError(f"ended before {markers}: {self.text}")

    async def end(self) -> int:
        assert self.process.stderr is not None
        async with asyncio.timeout(15):
            self.text += (await self.process.stderr.read()).decode()
            return await self.process.wait()


@pytest_asyncio.fixture
async def programs() -> AsyncIterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        if program.process.returncode is None:
            program.process.kill()
            await program.process.wait()


def process_of(line: str) -> int:
    found = re.search(r"process=(\d+)", line)
    assert found is not None, line
    return int(found[1])


async def test_children_die_with_a_killed_bridge_and_the_next_bridge_has_their_venue(
    bench: Bench, site: Path, tmp_path: Path, programs: list[Program]
) -> None:
    data = bench.config()
    data["venues"] = {"toy": {"plugin": "hostile", "folder": str(bench.venue.folder), "isolation": "process"}}
    first = await Program.start(tmp_path / "a.toml", data)
    programs.append(first)
    child = process_of(await first.line("venue ready"))
    bench.venue.script("submit", "take_and_hang", "accept")
    await bench.submit("half")
    await bench.until(lambda: bench.venue.get("half"))
    first.process.kill()
    await first.process.wait()
    await bench.until(lambda: is_gone(child), 5)
    second = await Program.start(tmp_path / "b.toml", data)
    programs.append(second)
    await bench.until(lambda: bench.results("half") and bench.results("half")[-1][0] == "accepted", 15)
    assert bench.venue.count("half") == 1
    child = process_of(await second.line("venue ready"))
    second.process.send_signal(signal.SIGTERM)
    assert await second.end() == 0
    assert "bridge stopped" in second.text
    assert is_gone(child)
    assert bench.sessions()[-1] == "closed"


async def test_the_embedded_server_is_handed_down_and_a_drain_is_within_its_time(
    bench: Bench, site: Path, tmp_path: Path, programs: list[Program]
) -> None:
    data = bench.config()
    data["bus"] |= {"servers": "embedded", "store_dir": str(tmp_path / "store")}
    data["venues"] = {
        name: {"plugin": "hostile", "folder": str(bench.venue.folder), "isolation": "process", "account": name}
        for name in ("one", "two")
    }
    program = await Program.start(tmp_path / "c.toml", data)
    programs.append(program)
    children = [process_of(await program.line("venue ready")) for _ in data["venues"]]
    assert len(set(children)) == 2
    began = time.monotonic()
    program.process.send_signal(signal.SIGTERM)
    assert await program.end() == 0
    assert time.monotonic() - began < 10  # the contract's own bound, not a measurement
    assert all(is_gone(child) for child in children)
    assert "did not" not in program.text


async def start(bench: Bench, data: dict[str, Any]) -> tuple[Bridge, IsolatedVenue]:
    plugins = load_plugins()
    bridge = Bridge(build_config(data, plugins.specs, plugins.refused), plugins)
    bench.bridges.append(bridge)
    await bridge.start()
    [venue] = bridge.fleet.venues.values()
    assert isinstance(venue, IsolatedVenue)
    return bridge, venue


async def test_deliveries_come_to_the_bridge_and_are_translated_by_the_process(
    bench: Bench, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENUEBUS_PLUGINS", "notes")
    data = bench.config()
    data["bus"]["hook_max_bytes"] = 2**20
    verify = {"method": "standard_webhooks", "secrets": ["the venue's key"]}
    data["venues"] = {"notes": {"plugin": "notes", "verify": verify, "isolation": "process"}}
    bridge, venue = await start(bench, data)
    body = json.dumps({"msg_id": "m1"}).encode()
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{bridge.http_url}/hooks/notes", data=body, headers=sign(body)) as answer,
    ):
        assert answer.status == 200  # also while the process still starts: it is stored
    await bench.until(lambda: any(s.startswith("acct.notes.main.forward_change.") for s, _ in bench.messages), 20)
    assert str(venue.state.state) == "ready"


async def test_a_process_that_never_gives_a_sign_of_life_is_ended(
    bench: Bench, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENUEBUS_PLUGINS", "sleepy")
    monkeypatch.setattr(isolation, "START_TIMEOUT", 1.0)
    data = bench.config()
    data["venues"] = {"toy": {"plugin": "hostile", "folder": str(bench.venue.folder), "isolation": "process"}}
    _, venue = await start(bench, data)
    await bench.until(lambda: venue.restarts > 0, 20)
    await bench.until(lambda: "down" in bench.sessions())
    text = next(e["text"] for s, e in bench.messages if s == "sys.toy.session" and e["state"] == "down")
    assert "gave no sign of life for 1 s" in text or "blocked for over" in text


async def test_a_bridge_that_was_blocked_itself_does_not_hold_it_against_its_children(
    bench: Bench, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENUEBUS_PLUGINS", "hostile")
    data = bench.config()
    table = {"plugin": "hostile", "folder": str(bench.venue.folder), "isolation": "process", "max_blocked": 0.5}
    data["venues"] = {"toy": table}
    _, venue = await start(bench, data)
    await bench.until(lambda: str(venue.state.state) == "ready", 20)
    process = venue.health()["isolation"]["process"]
    time.sleep(2.0)  # noqa: ASYNC251 - this is what is tested
    await bench.submit("after")
    await bench.result("after", ("accepted", None, None))
    assert (venue.restarts, venue.health()["isolation"]["process"]) == (0, process)


def test_a_parent_that_does_not_read_holds_up_nobody() -> None:
    ours, theirs = socket.socketpair()
    link = Link(theirs)
    state = State(state=SessionState.DEGRADED, text="x" * 1000, since_ns=1)
    for _ in range(4 * FULL // 1000):
        link.send(state)  # would hang here
    assert len(link._pending) < FULL + 2000
    received = bytearray()

    def read() -> None:
        while part := ours.recv(65536):
            received.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    link.end("last words")
    theirs.shutdown(socket.SHUT_WR)
    reader.join(5)
    messages = []
    while received:
        length = int.from_bytes(received[:4], "little")
        messages.append(for_parent(bytes(received[4 : 4 + length])))
        del received[: 4 + length]
    assert messages[-1] == Ended("last words")  # what was cut off in the middle was sent to its end
    assert set(map(type, messages[:-1])) == {State}
    ours.close()
    theirs.close()


def test_what_a_child_says_about_others_or_of_no_metric_is_left_out() -> None:
    from venuebus.isolation.families import metrics_of

    told = [
        Family(
            "venuebus_x", "help", "gauge", [Sample("venuebus_x", {"venue": "a"}, 1.0), Sample("venuebus_x", {}, 2.0)]
        ),
        Family("process_cpu_seconds", "help", "counter", [Sample("process_cpu_seconds_total", {"venue": "a"}, 1.0)]),
    ]
    [family] = metrics_of(told, "a")
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"venue": "a"}, 1.0)]


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        ({"max_memory": 2**30}, 'venues.toy.max_memory: only with isolation = "process"'),
        ({"isolation": "process", "max_memory": 1000}, "venues.toy.max_memory: expected bytes, 100663296 at least"),
        ({"isolation": "thread"}, "venues.toy.isolation: expected one of loop, process, got 'thread'"),
        ({"isolation": "process", "max_blocked": 0.0}, "venues.toy.max_blocked: expected a number above 0"),
    ],
)
def test_mistakes_are_told(site: Path, monkeypatch: pytest.MonkeyPatch, table: dict[str, Any], mistake: str) -> None:
    monkeypatch.setenv("VENUEBUS_PLUGINS", "hostile")
    data = {"venues": {"toy": {"plugin": "hostile", "folder": ".", **table}}}
    with pytest.raises(ConfigError, match=re.escape(mistake)):
        build_config(data, load_plugins().specs)


def test_a_configuration_never_shows_what_it_was_read_from() -> None:
    from venuebus.configuration.config import Tables

    data = {
        "bus": {"token": {"env": "BUS"}},
        "http": {"listen": {"env": "WEB"}},
        "venues": {
            "a": {"key": {"env": "A"}, "more": [{"env": "BOTH"}]},
            "b": {"key": {"env": "B"}, "x": {"env": "BOTH"}},
        },
    }
    tables = Tables(data)
    assert tables.variables_of_others("a") == {"B", "WEB"}
    assert set(tables.of("a")) == {"bus", "venues"}
    assert list(tables.of("a")["venues"]) == ["a"]
    assert "BUS" not in repr(tables)
