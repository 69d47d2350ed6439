"""Whoever blocks the event loop is named: the venue, the plugin, the place. Nobody else's orders suffer for good."""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from venuebus import Capabilities, VenueConfig, VenueContext, VenueSpec, hookimpl
from venuebus.app import Bridge
from venuebus.configuration.config import build_config
from venuebus.plugins import load_plugins

from .bench import Bench
from .toy_venue import ToyPlugin


class Rogue:
    """A plugin whose sessions do in `run` what the test says, once."""

    def __init__(self) -> None:
        self.do: dict[str, Callable[[], None]] = {}
        self.asked = asyncio.Event()

    @hookimpl
    def venuebus_register_venues(self) -> list[VenueSpec[VenueConfig]]:
        create = lambda context: RogueSession(self, context)  # noqa: E731
        return [VenueSpec(name="rogue", config_type=VenueConfig, create=create, capabilities=Capabilities())]


class RogueSession:
    def __init__(self, rogue: Rogue, context: VenueContext[VenueConfig]) -> None:
        self._rogue = rogue
        self._context = context

    async def connect(self) -> None:
        pass

    async def run(self) -> None:
        await self._rogue.asked.wait()
        if act := self._rogue.do.pop(self._context.venue, None):
            act()
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def start(bench: Bench, rogue: Rogue) -> Bridge:
    plugins = load_plugins([ToyPlugin(bench.venue), rogue], installed=False)
    data = bench.config()
    for name in ("rogue-a", "rogue-b"):
        data["venues"][name] = {"plugin": "rogue"}
    bridge = Bridge(build_config(data, plugins.specs), plugins)
    bench.bridges.append(bridge)
    await bridge.start()
    await bench.until(lambda: all(str(runner.state.state) == "ready" for runner in bridge.venues.values()))
    return bridge


def blocked(bridge: Bridge) -> dict[tuple[str, str], float]:
    for family in bridge.metrics.families():
        if family.name == "venuebus_loop_blocked":
            return {(s.labels["venue"], s.labels["plugin"]): s.value for s in family.samples}
    return {}


async def test_the_venue_that_blocks_is_named_once_with_its_stack_and_told_when_over(
    bench: Bench, lines: list[Any]
) -> None:
    rogue = Rogue()
    bridge = await start(bench, rogue)

    def compute_for_ever() -> None:
        while ("rogue-b", "Rogue") not in blocked(bridge):
            time.sleep(0.01)
        time.sleep(0.4)  # an incident that goes on is still one

    rogue.do["rogue-b"] = compute_for_ever
    rogue.asked.set()
    await bench.until(lambda: [line for line in lines if line["event"] == "event loop runs again"])
    [begin] = [line for line in lines if line["event"] == "event loop is blocked" and line["plugin"] == "Rogue"]
    assert begin["venue"] == "rogue-b"
    assert "compute_for_ever" in begin["stack"]
    assert Path(__file__).name in begin["stack"]
    end = next(line for line in lines if line["event"] == "event loop runs again" and line["plugin"] == "Rogue")
    assert end["venue"] == "rogue-b"
    assert end["blocked"] > 0.25
    assert blocked(bridge)["rogue-b", "Rogue"] == 1
    assert not [about for about in blocked(bridge) if about[0] in ("toy", "rogue-a")]
    await bench.submit("after")
    await bench.result("after", ("accepted", None, None))
    body, _ = bridge.metrics.render()
    assert b'venuebus_loop_blocked_total{plugin="Rogue",venue="rogue-b"} 1.0' in body


async def test_native_code_that_keeps_the_interpreter_is_told_too(bench: Bench, lines: list[Any]) -> None:
    rogue = Rogue()
    bridge = await start(bench, rogue)
    rogue.do["rogue-a"] = lambda: ctypes.PyDLL(None).usleep(600_000) and None  # PyDLL does not let go of the GIL
    rogue.asked.set()
    told = ("event loop runs again", "event loop stood still, unseen")
    await bench.until(lambda: [line for line in lines if line["event"] in told])
    assert [line for line in lines if line["event"] in told and line["blocked"] > 0.25]
    assert sum(blocked(bridge).values()) >= 1


async def test_exceptions_of_one_venue_leave_the_orders_of_another_as_they_were(bench: Bench) -> None:
    class Broken(RogueSession):
        failures = 0

        async def connect(self) -> None:
            Broken.failures += 1
            raise KeyError("a bug of the plugin")

    rogue = Rogue()
    spec = VenueSpec(
        name="rogue", config_type=VenueConfig, create=lambda c: Broken(rogue, c), capabilities=Capabilities()
    )
    rogue.venuebus_register_venues = hookimpl(lambda: [spec])  # type: ignore[method-assign]
    plugins = load_plugins([ToyPlugin(bench.venue), rogue], installed=False)
    data = bench.config()
    data["venues"]["rogue-a"] = {"plugin": "rogue"}
    bridge = Bridge(build_config(data, plugins.specs), plugins)
    bench.bridges.append(bridge)
    await bridge.start()
    await bench.until(lambda: str(bridge.venues["toy"].state.state) == "ready")
    epoch = bridge.venues["toy"].sessions.epoch
    sent = 0
    while Broken.failures < 3:  # orders go on through several of its failures
        await bench.submit(f"o{sent}")
        await bench.result(f"o{sent}", ("accepted", None, None))
        sent += 1
    assert [name for _, name in bench.venue.log()] == [f"o{number}" for number in range(sent)]
    toy, broken = bridge.venues["toy"], bridge.venues["rogue-a"]
    assert (toy.sessions.epoch, toy.sessions.reconnects) == (epoch, 0)
    assert str(broken.state.state) in ("down", "connecting")
    assert "a bug of the plugin" in broken.state.text or str(broken.state.state) == "connecting"
