"""A seeded walk over commands and faults: whatever breaks, one order each, a true end, and every fill once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from venuebus import CommandRejected, NotSent, OrderKey, OutcomeUnknown, RetryableError
from venuebus.simulation import Fault
from venuebus_ctp.simulator import CtpSimulator
from venuebus_schemas import Cancel, Fill, Order, OrderStatus, TimeInForce

Connect = Callable[..., Awaitable[Any]]
MARKETS = {"au2712": ("0.02", 780.0), "m2709": ("1", 3000.0), "TA709": ("2", 4800.0), "IF2712": ("0.2", 4000.0)}
FAULTS = [
    ("order.insert", "cut"),
    ("order.insert", "drop"),
    ("order.insert", "error"),
    ("order.insert", "refuse"),
    ("order.answer", "cut"),
    ("order.answer", "drop"),
    ("order.action", "drop"),
    ("order.action", "refuse"),
    ("query", "drop"),
    ("query", "error"),
    ("query", "garbage"),
    ("frame", "duplicate"),
    ("frame", "reorder"),
]


class Walk:
    """One walk: what was sent, what came of it, and what the bus would remember."""

    def __init__(self, connect: Connect, sim: CtpSimulator, seed: int) -> None:
        self.sim = sim
        self.connect = connect
        self.random = random.Random(seed)
        self.session: Any = None
        self.memory: list[Order] = []
        self.fills: dict[str, Fill] = {}
        self.sent: dict[str, Any] = {}
        self.unknown: set[str] = set()
        self.refused: set[str] = set()

    async def reconnect(self) -> None:
        """A new session that knows what the bus knows."""
        if self.session is not None:
            self.keep()
            await self.session.close()
        self.session = await self.connect(request_timeout=0.15, query_timeout=0.15, exchange_grace=0.02)
        self.session.ctx.orders.extend(self.memory)

    def keep(self) -> None:
        ctx = self.session.ctx
        self.memory = [order for order in ctx.orders if order.client_order_id or order.external]
        for fill in ctx.of(Fill):
            self.fills[fill.fill_id] = fill

    async def step(self, number: int) -> None:
        if self.session.running.done():
            await self.reconnect()
        if self.random.random() < 0.5:
            point, action = self.random.choice(FAULTS)
            match = self.random.choice(["Rtn", "RspOrder"]) if point == "frame" else None
            self.sim.faults.add(Fault(point=point, action=action, match=match))  # type: ignore[arg-type]
        roll = self.random.random()
        if roll < 0.55:
            await self.submit(number)
        elif roll < 0.7:
            await self.cancel(number)
        elif roll < 0.85:
            symbol = self.random.choice(list(MARKETS))
            self.sim.counter.engine.step(symbol)
        elif roll < 0.92:
            self.sim.lose_front()
            self.sim.restore_front()
        else:
            with contextlib.suppress(RetryableError):
                await self.session.session.snapshot("main", 0)

    async def submit(self, number: int) -> None:
        symbol = self.random.choice(list(MARKETS))
        tick, middle = MARKETS[symbol]
        price = middle + float(tick) * self.random.randint(-8, 8)
        tif = self.random.choice([None, TimeInForce.IOC, TimeInForce.FOK])
        name = f"w{number}"
        try:
            instruction = self.session.submit(
                symbol, client_order_id=name, price=f"{price:.2f}", quantity=str(self.random.randint(1, 6)),
                time_in_force=tif,
            )  # fmt: skip
        except CommandRejected:
            return
        self.sent[name] = instruction
        try:
            await self.session.session.execute(instruction)
        except OutcomeUnknown:
            self.unknown.add(name)
        except (CommandRejected, NotSent):
            self.refused.add(name)

    async def cancel(self, number: int) -> None:
        live = [order for order in self.session.ctx.orders if order.client_order_id and not order.status.is_final]
        if not live:
            return
        order = self.random.choice(live)
        command = Cancel(command_id=f"x{number}", client_order_id=order.client_order_id)
        try:
            await self.session.session.execute(self.session.instruct(command, order=order))
        except (CommandRejected, NotSent, OutcomeUnknown):
            pass

    async def settle(self) -> None:
        """Ask about everything, with nothing broken any more."""
        self.sim.faults.clear()
        await self.reconnect()
        for name in list(self.unknown):
            command = self.sent[name].command
            key = OrderKey(client_order_id=name, symbol=command.symbol, keys=self.sent[name].keys)
            found = await self.session.session.lookup("main", key)
            rows = [row for row in self.rows(name) if row["OrderStatus"]]
            assert (found is not None) == bool(rows), name
            if found is not None:
                self.session.ctx.orders.append(found.order)
                for fill in found.fills:
                    self.fills[fill.fill_id] = fill
        snapshot = await self.session.session.snapshot("main", 0)
        self.keep()
        for fill in snapshot.fills or []:
            self.fills[fill.fill_id] = fill
        self.open = snapshot.orders or []

    def rows(self, name: str) -> list[dict[str, Any]]:
        keys = self.sent[name].keys
        return [
            row
            for row in self.sim.counter.orders
            if (str(row["FrontID"]), str(row["SessionID"]), row["OrderRef"])
            == (keys["front_id"], keys["session_id"], keys["order_ref"])
            or (row["OrderRef"], str(row["RequestID"])) == (keys["order_ref"], keys["request_id"])
        ]


@pytest.mark.parametrize("seed", range(6))
async def test_every_walk_ends_with_one_order_a_true_end_and_every_fill_once(
    connect: Connect, sim: CtpSimulator, seed: int
) -> None:
    walk = Walk(connect, sim, seed)
    await walk.reconnect()
    for number in range(40):
        await asyncio.wait_for(walk.step(number), 10)
    await walk.settle()
    for name in walk.sent:
        rows = walk.rows(name)
        assert len(rows) <= 1, name
        if name in walk.refused:  # refused means: certainly no effect
            assert not rows or (rows[0]["OrderStatus"], rows[0]["VolumeTraded"]) == ("5", 0), name
        elif name not in walk.unknown:
            assert len(rows) == 1, name
    assert len(walk.sim.counter.trades) == len(walk.fills)
    assert sum(row["Volume"] for row in walk.sim.counter.trades) == sum(int(f.quantity) for f in walk.fills.values())
    at_venue = {
        f"{r['FrontID']}:{r['SessionID']}:{r['OrderRef']}" for r in sim.counter.orders if r["OrderStatus"] not in "05"
    }
    assert {order.venue_order_id for order in walk.open} >= at_venue
    assert all(order.status is not OrderStatus.UNKNOWN for order in walk.open)
    assert sim.leaked == 0
