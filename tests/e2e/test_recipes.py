"""The programs that the guides show, run as a reader would run them: a bridge, a simulated BTSE, nothing changed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from venuebus.app import Bridge
from venuebus.client import Client, connect
from venuebus.configuration.config import build_config
from venuebus.plugins import load_plugins
from venuebus_schemas import Order

from .bench import MIB, Bench, NatsServer

ROOT = Path(__file__).parent.parent.parent
RECIPES = ROOT / "docs" / "recipes"
TYPESCRIPT = RECIPES / "typescript"
ADDRESS = "nats://127.0.0.1:4222"  # what the recipes name, unless told otherwise
AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "E401", "E403")


@dataclass
class World:
    """A nats-server, a simulated BTSE and a bridge between them, and how to run a program beside them."""

    url: str
    folder: Path

    async def start(self, *command: str | Path, **environment: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *map(str, command), cwd=self.folder, env={**os.environ, "VENUEBUS_SERVER": self.url, **environment},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def run(self, *command: str | Path, **environment: str) -> list[str]:
        """Return the lines that the program printed; it must end by itself, with 0."""
        process = await self.start(*command, **environment)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode().splitlines()


@pytest.fixture
async def world(own_server: NatsServer, tmp_path: Path) -> AsyncIterator[World]:
    plugins = load_plugins()
    if "btse" not in plugins.specs:
        pytest.skip("plugins/btse is not installed")
    make = plugins.specs["btse"].simulator
    assert make is not None
    simulator = make()
    await simulator.start()
    bus = {f"{name}_max_bytes": MIB for name in ("command", "account", "system", "dead")}
    data = {
        "bus": {"servers": [own_server.url], "spool_dir": str(tmp_path / "spool"), **bus},
        "http": {"listen": ""},
        "venues": {"btse": simulator.config()},
    }
    bridge = Bridge(build_config(data, plugins.specs), plugins)
    try:
        await bridge.start()
        async with connect(own_server.url) as client:
            async for session in client.sessions("btse"):
                if session.state == "ready":
                    break
        yield World(own_server.url, tmp_path)
    finally:
        await bridge.stop()
        await simulator.stop()


async def orders(client: Client, count: int) -> list[Order]:
    events = client.order_events("btse", history="all")
    return [await events.next(10) for _ in range(count)]


async def test_the_readme_s_strategies_trade(world: World) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    codes = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(codes) == 2
    printed = []
    for number, code in enumerate(codes):
        assert ADDRESS in code
        program = world.folder / f"readme{number}.py"
        program.write_text(code.replace(ADDRESS, world.url))
        printed.append(await world.run(sys.executable, program))
    ((typed,), (quote, result)) = printed
    assert typed == "accepted None"
    assert "'type': 'quote'" in quote
    assert "'status': 'accepted'" in result


async def test_the_first_order_is_settled_whatever_comes(world: World) -> None:
    best, result, order = await world.run(sys.executable, RECIPES / "first_order.py")
    assert best.startswith("best ")
    assert re.match(r"accepted +c-\d{6}-", result)
    assert re.match(r"order (filled|canceled) filled [\d.]+ at ", order)


async def test_prices_are_followed(world: World) -> None:
    lines = await world.run(sys.executable, RECIPES / "spread.py")
    assert len([line for line in lines if " spread " in line]) >= 18
    assert not any("forget" in line for line in lines)


async def test_the_bus_is_used_without_the_client(world: World) -> None:
    stored, result = await world.run(sys.executable, RECIPES / "raw_nats.py")
    assert (stored, result.strip()) == ("stored as 1", "accepted")


async def test_orders_are_followed_into_a_file_each_once_over_a_kill(world: World) -> None:
    file = world.folder / "orders.jsonl"
    command = (sys.executable, RECIPES / "follow_orders.py", file)
    resting = {"symbol": "BTC-USD", "side": "buy", "quantity": "0.01", "price": "50000"}
    async with connect(world.url) as client:
        for number in (1, 2):
            follower = await world.start(*command)
            await client.submit("btse", **resting, client_order_id=f"o{number}")
            await client.cancel("btse", client_order_id=f"o{number}")
            assert follower.stdout is not None
            async with asyncio.timeout(20):
                while (line := await follower.stdout.readline()) and b"canceled" not in line:
                    pass
            follower.kill()
            await follower.wait()
            with file.open("ab") as end:
                end.write(b'{"place":99,"order":{"ty')  # as a crash in the middle of a line leaves it
            await client.submit("btse", **resting, client_order_id=f"away{number}")
        follower = await world.start(*command)
        assert follower.stdout is not None
        async with asyncio.timeout(20):
            while b"away2 new" not in await follower.stdout.readline():
                pass
        follower.send_signal(signal.SIGINT)
        await follower.communicate()
        written = [msgspec.json.decode(line)["order"] for line in file.read_bytes().splitlines()]
        stored = await orders(client, len(written))
    assert [(one["client_order_id"], one["status"]) for one in written] == [
        (one.client_order_id, str(one.status)) for one in stored
    ]
    assert len({(one["client_order_id"], one["seq"]) for one in written}) == len(written)


async def test_what_is_in_doubt_is_settled(bench: Bench) -> None:
    bench.venue.script("submit", "take_and_unknown")
    bench.venue.script("lookup", "fail", "fail", "answer")
    await bench.bridge()
    async with connect(bench.url, prefix=bench.prefix) as client:
        first = await client.submit("toy", symbol="X", side="buy", quantity="1", price="2", command_id="c-1")
        assert first.status == "unknown"
        world = World(bench.url, bench.folder)
        asking = world.run(sys.executable, RECIPES / "settle_unknown.py", VENUEBUS_PREFIX=bench.prefix, VENUE="toy")
        lines = await asking
        settled = await client.settled("toy", "c-1", timeout=10)
    assert settled.status == "accepted"
    assert lines in (["1 in doubt", "c-1 accepted says the query"], ["0 in doubt"]), "settled before it was asked"


# --- TypeScript -------------------------------------------------------------------------------------------------


async def compiled(world: World) -> Path:
    """Return the folder with the compiled recipe; installed once per lock file, beside the virtual environment."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("the TypeScript recipe needs node and npm, and they are not on this machine")
    sources = sorted(path for path in TYPESCRIPT.iterdir() if path.is_file())
    mark = sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    folder = ROOT / ".venv" / "recipes" / mark
    if not (folder / "build").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for path in sources:
            shutil.copy(path, folder)
        process = await world.start(npm, "ci", "--prefix", folder, "--loglevel", "error")
        _, err = await process.communicate()
        if process.returncode and any(word in err.decode() for word in AWAY):
            pytest.skip(f"npm's registry cannot be reached: {err.decode().splitlines()[0]}")
        assert process.returncode == 0, err.decode()
        assert await world.run(npm, "run", "build", "--prefix", folder, "--silent") == []
    return folder / "build"


async def test_the_bus_is_used_from_typescript(world: World) -> None:
    build = await compiled(world)
    lines = await world.run("node", build / "first_order.js")
    assert re.match(r"best [\d.]+$", lines[0])
    assert [line.strip() for line in lines[1:]] == ["stored new", "again known", "accepted"]
    async with connect(world.url) as client:
        (placed, *_) = await orders(client, 1)
    assert placed.client_order_id is not None
    assert placed.client_order_id.startswith("ts-")


def test_the_lock_file_names_no_registry() -> None:
    text = (TYPESCRIPT / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert "://" not in text
