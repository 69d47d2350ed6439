"""run, simulate and demo as processes: what a person starts, sees and ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from venuebus.plugins import load_plugins

PROGRAM = ("-c", "from venuebus.cli import main; main()")
Spawn = Callable[..., Awaitable[asyncio.subprocess.Process]]
SIMULATED = sorted(name for name, spec in load_plugins().specs.items() if spec.simulator)


@pytest.fixture
async def spawn(tmp_path: Path) -> AsyncIterator[Spawn]:
    started: list[asyncio.subprocess.Process] = []

    async def spawn(*arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *PROGRAM, *arguments, cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "XDG_DATA_HOME": str(tmp_path)}, preexec_fn=_default_sigint,
        )  # fmt: skip
        started.append(process)
        return process

    yield spawn
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _default_sigint() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it


async def end(process: asyncio.subprocess.Process, timeout: float = 10) -> tuple[int, str, str]:
    async with asyncio.timeout(timeout):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def read_until(stream: asyncio.StreamReader | None, marker: str, timeout: float = 30) -> str:
    assert stream is not None
    text = ""
    async with asyncio.timeout(timeout):
        while marker not in text:
            line = await stream.readline()
            assert line, f"ended before {marker!r}: {text}"
            text += line.decode()
    return text


async def cli(spawn: Spawn, *arguments: str) -> tuple[int, str, str]:
    return await end(await spawn(*arguments), 30)


@pytest.mark.skipif("btse" not in SIMULATED, reason="venuebus-btse is not installed")
async def test_a_bridge_trades_at_a_simulator_in_another_process_and_ends_on_sigterm(
    spawn: Spawn, tmp_path: Path
) -> None:
    simulator = await spawn("simulate", "btse", "--config-only")
    table = await read_until(simulator.stdout, "market_data")
    file = tmp_path / "venuebus.toml"
    file.write_text('[bus]\nservers = "embedded"\nstore_dir = "n"\n[http]\nlisten = "127.0.0.1:0"\n' + table)
    assert (await cli(spawn, "check", str(file)))[0] == 0
    bridge = await spawn("run", str(file))
    log = await read_until(bridge.stderr, "venue ready")
    address = re.search(r"nats://127\.0\.0\.1:\d+", log)
    assert address is not None
    at = ("--server", address.group(0), "--venue", "btse")
    order = ("symbol=BTC-USD", "side=buy", "quantity=0.01")
    code, out, err = await cli(
        spawn, "send", "submit", *at, *order, "order_type=limit", "price=59000", "--id", "rest-1"
    )
    assert (code, "accepted" in out) == (0, True), err
    code, out, err = await cli(spawn, "orders", *at, "--json")
    assert [json.loads(row)["client_order_id"] for row in out.splitlines()] == ["rest-1"], err
    code, out, err = await cli(spawn, "send", "amend", *at, "client_order_id=rest-1", "price=59001")
    assert (code, "accepted" in out) == (0, True), err
    code, out, err = await cli(spawn, "send", "cancel", *at, "client_order_id=rest-1", "--follow")
    assert (code, "canceled" in out) == (0, True), err
    code, out, err = await cli(
        spawn, "send", "submit", *at, *order, "order_type=market", "--follow", "--output", "json"
    )
    assert code == 0, err
    events = [json.loads(row) for row in out.splitlines()]
    assert {event["type"] for event in events} == {"order", "fill", "result"}
    assert [event["status"] for event in events if event["type"] == "order"][-1] == "filled"
    code, out, err = await cli(spawn, "watch", *at[:2], "acct.btse.>", "--since", "1h", "--no-follow")
    assert code == 0, err
    assert " fill " in out
    bridge.send_signal(signal.SIGTERM)
    code, _, err = await end(bridge)
    assert code == 0, err
    assert "bridge stopped" in err
    simulator.send_signal(signal.SIGINT)
    assert (await end(simulator))[0] == 130


async def test_run_without_nats_says_that_it_waits_and_ends_when_asked(spawn: Spawn, tmp_path: Path) -> None:
    name = SIMULATED[0]
    simulator = await spawn("simulate", name, "--config-only")
    table = await read_until(simulator.stdout, "\n\n")
    file = tmp_path / "venuebus.toml"
    file.write_text('[bus]\nservers = ["nats://127.0.0.1:1"]\n[http]\nlisten = "127.0.0.1:0"\n' + table)
    bridge = await spawn("run", str(file))
    assert "127.0.0.1:1" in await read_until(bridge.stderr, "waiting for NATS")
    bridge.send_signal(signal.SIGINT)
    assert (await end(bridge))[0] == 130


async def test_the_demo_trades_at_every_simulated_venue_and_ends_by_itself(spawn: Spawn) -> None:
    code, out, err = await end(await spawn("demo", "--seconds", "9"), 40)
    assert code == 0, err
    assert "\x1b" not in out, "plain lines in a pipe"
    for name in SIMULATED:
        assert re.search(rf"  {name}: ready  [1-9]", out), f"{name} is not ready: {out[-2000:]}{err}"
    assert re.search(r"commands [1-9]\d*  .*accepted [1-9]", out), out[-2000:]
    assert re.search(r" order .*(canceled|filled) ", out)
    assert re.search(r"unknown [1-9]", out.splitlines()[-1]) is None


async def test_ctrl_c_ends_the_demo_and_leaves_nothing_behind(spawn: Spawn) -> None:
    demo = await spawn("demo", "--venue", SIMULATED[0])
    shown = await read_until(demo.stdout, "ready")
    address = re.search(r"nats://127\.0\.0\.1:(\d+)", shown)
    assert address is not None
    demo.send_signal(signal.SIGINT)
    code, _, err = await end(demo)
    assert code == 130
    assert "Traceback" not in err
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(address.group(1)))
