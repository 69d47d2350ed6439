"""Fixtures of the CTP tests: a simulated gateway on a free port and a session that is logged in to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from venuebus import Secret
from venuebus.testing import FakeInstruction, RecordingContext
from venuebus_ctp import SPEC, limits
from venuebus_ctp.config import CtpConfig
from venuebus_ctp.session import CtpSession
from venuebus_ctp.simulator import CtpSimulator
from venuebus_schemas import OrderType, PositionEffect, Side, Submit


@pytest_asyncio.fixture
async def sim() -> AsyncIterator[CtpSimulator]:
    """A gateway that only ticks when told to."""
    simulator = CtpSimulator(query_rate=1000, tick_interval=0)
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Waits for what only counters and the simulator's state tell."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110  there is no event for it
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def configure(sim: CtpSimulator) -> Callable[..., CtpConfig]:
    """Makes a configuration for the simulator, with quick time-outs."""

    def make(**changes: Any) -> CtpConfig:
        table = {
            **sim.config(),
            "query_interval": 0.0,
            "subscribe_interval": 0.0,
            "login_timeout": 1.0,
            "query_timeout": 0.5,
            "request_timeout": 0.5,
            "settlement_retry": 0.01,
            "exchange_grace": 0.2,
            "symbols": ("au2712", "m2709"),
            "load_instruments": "none",
            "orders_per_second": 1000,
            **changes,
        }
        table["password"] = Secret(str(table["password"]))
        return CtpConfig(**table)

    return make


class Connected:
    """A session with its context and its running task."""

    def __init__(self, config: CtpConfig) -> None:
        self.ctx = RecordingContext(config, limits=limits(config))
        made = SPEC.create(self.ctx)
        assert isinstance(made, CtpSession)
        self.session = made
        self.running: asyncio.Task[None] | None = None
        self.count = 0

    async def start(self) -> Connected:
        await self.session.connect()
        self.running = asyncio.create_task(self.session.run())
        return self

    def submit(self, symbol: str = "au2712", **changes: Any) -> FakeInstruction:
        """Prepare a submit: buy one to open, far below the market unless told otherwise."""
        self.count += 1
        prices = {
            "au2712": "760",
            "sc2712": "500",
            "m2709": "2900",
            "TA709": "4700",
            "IF2712": "3900",
            "si2711": "8800",
        }
        fields: dict[str, Any] = {
            "command_id": f"c{self.count}",
            "client_order_id": f"o{self.count}",
            "symbol": symbol,
            "side": Side.BUY,
            "order_type": OrderType.LIMIT,
            "quantity": "1",
            "price": prices.get(symbol),
            "position_effect": PositionEffect.OPEN,
            **changes,
        }
        return self.instruct(Submit(**fields))

    def instruct(self, command: Any, order: Any = None) -> FakeInstruction:
        instruction = FakeInstruction(command, order=order)
        instruction.keys = self.session.prepare(instruction)
        return instruction

    async def close(self) -> None:
        await self.session.close()
        if self.running is not None:
            with contextlib.suppress(Exception):
                await self.running


@pytest_asyncio.fixture
async def connect(configure: Callable[..., CtpConfig]) -> AsyncIterator[Callable[..., Awaitable[Connected]]]:
    """Connects sessions and closes them at the end."""
    made: list[Connected] = []

    async def start(**changes: Any) -> Connected:
        connected = Connected(configure(**changes))
        made.append(connected)
        return await connected.start()

    yield start
    for connected in made:
        await connected.close()
