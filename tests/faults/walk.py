"""A seeded random walk over all faults: two bridges, one venue, a NATS that is cut and killed.

    python -m tests.faults walk --commands 10000 --seed 7

The seed is printed and replays the same decisions (the machine's timing stays its own). At the end every command has
an end or is listed as unknown, no order was sent twice, and the fills on the bus are those of the venue.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from typing import Any

import nats.errors
import nats.js.errors
from venuebus.simulation import OrderRefused

from .world import VENUE, BridgeProcess, World

POINTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("order.create.answer", "cut", {}),
    ("order.create.answer", "drop", {"seconds": 0.3}),
    ("order.create.answer", "act_and_error", {}),
    ("order.create.answer", "delay", {"seconds": 0.2}),
    ("order.create.request", "error", {"status": 500}),
    ("order.create.request", "refuse", {"status": 15}),
    ("order.create.request", "lie", {}),
    ("order.cancel.answer", "cut", {}),
    ("order.amend.answer", "cut", {}),
    ("order.get.request", "forget", {"times": 2}),
    ("open_orders.request", "error", {"status": 500}),
    ("wire.request", "cut", {"match": "POST", "after_bytes": 100}),
    ("wire.accept", "cut", {}),
    ("ws.notification", "drop", {"times": 2}),
    ("ws.notification", "duplicate", {"times": 3}),
    ("ws.notification", "reorder", {}),
    ("ws.fill", "drop", {}),
    ("ws.fill", "duplicate", {}),
    ("ws.fill", "reorder", {}),
)


class Walk:
    """One walk. ``counts`` tells what was done, for the report."""

    def __init__(self, world: World, seed: int, commands: int) -> None:
        self.world = world
        self.counts: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._commands = commands
        self._open: list[str] = []
        self._bridges: list[BridgeProcess] = []
        self._asked: list[str] = []

    async def run(self) -> dict[str, Any]:
        """Walk, let everything settle, and hold the invariants.

        Raises:
            AssertionError: an invariant does not hold; the message names the command, order or fill.
        """
        world = self.world
        self._bridges = [await world.ready("a", **SETTINGS), world.bridge("b", **SETTINGS)]
        self._bridges[1].start()
        started = time.monotonic()
        number = 0
        while number < self._commands:
            for _ in range(self._random.randint(5, 25)):
                number += 1
                await self._command(f"w{number}")
            await self._keep_pace(number, started)
            if self._random.random() < 0.6:
                point, action, more = self._random.choice(POINTS)
                world.fault(point, action, **more)
                self.counts[f"{action} at {point}"] += 1
            if self._random.random() < 0.5:
                self._fill()
            if self._random.random() < 0.08:
                await self._disturb()
        await self._settle()
        unknown = await self._ends()
        await world.check()
        return {
            "commands": len(self._asked),
            "seconds": round(time.monotonic() - started, 1),
            "orders_at_venue": len(world.sim.submits_by_client_id),
            "fills": len(world.venue_fills()),
            "left_unknown": unknown,
            **dict(sorted(self.counts.items())),
        }

    async def _keep_pace(self, number: int, started: float) -> None:
        ahead = number / RATE - (time.monotonic() - started)
        if ahead > 0:
            await asyncio.sleep(ahead)

    # --- steps ----------------------------------------------------------------------------------------------

    async def _command(self, command_id: str) -> None:
        pick = self._random.random()
        if pick < 0.65 or not self._open:
            price = "70000" if self._random.random() < 0.25 else str(self._random.randrange(10_000, 50_000))
            sent = await self.world.buy(command_id, price=price, quantity=self._random.choice(("0.01", "0.02", "0.05")))
            if sent:
                self._open.append(command_id)
        elif pick < 0.9:
            target = self._open.pop(self._random.randrange(len(self._open)))
            sent = await self.world.send("cancel", command_id, client_order_id=target)
        else:
            target = self._random.choice(self._open)
            price = str(self._random.randrange(10_000, 50_000))
            sent = await self.world.send("amend", command_id, client_order_id=target, price=price)
        self.counts["published" if sent else "not published, NATS away"] += 1
        if sent:
            self._asked.append(command_id)

    def _fill(self) -> None:
        resting = self.world.sim.exchange.engine.open_orders()
        if resting:
            with contextlib.suppress(OrderRefused):
                self.world.sim.fill(self._random.choice(resting).order_id, self._random.choice((None, "0.005")))
                self.counts["fill by a stranger"] += 1

    async def _disturb(self) -> None:
        pick = self._random.choice(("kill", "kill", "drop", "cut", "nats", "away", "stop"))
        self.counts[f"disturbed: {pick}"] += 1
        if pick == "kill":
            bridge = self._random.choice(self._bridges)
            bridge.kill()
            bridge.start()
        elif pick == "drop":
            self.world.sim.drop_connections()
        elif pick == "cut":
            self.world.proxy.cut()
        elif pick == "nats":
            self.world.stop_nats(self._random.choice((signal.SIGKILL, signal.SIGTERM)))
            self.world.start_nats()
            await self.world.until(lambda: self.world.client.is_connected, 15, "the observer's reconnect")
        elif pick == "away":
            self.world.proxy.refusing = True
            self.world.proxy.cut()
            await asyncio.sleep(self._random.uniform(0.2, 1.5))  # as long as this outage lasts
            self.world.proxy.refusing = False
        else:
            bridge = self._random.choice(self._bridges)
            bridge.signal(signal.SIGSTOP)
            await asyncio.sleep(self._random.uniform(0.5, 7.0))  # as long as this pause lasts
            bridge.signal(signal.SIGCONT)

    # --- the end --------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        self.world.sim.faults.clear()
        self.world.proxy.refusing = False
        for bridge in self._bridges:
            if bridge.process is not None and bridge.process.poll() is not None:
                bridge.start()
        try:
            await self.world.until(lambda: not self._without_end(), 60, "an end of every command")
        except AssertionError as error:
            left = sorted(self._without_end())
            status = await self.world.request(f"ctl.{VENUE}.status")
            raise AssertionError(f"{len(left)} commands without an end: {left[:20]}\n{status}\n{error}") from error

    def _without_end(self) -> set[str]:
        ended: set[str] = set()
        for subject, event in self.world.events:
            if ".result." in subject and event["status"] != "unknown":
                ended.add(event["command_id"])
        return set(self._asked) - ended

    async def _ends(self) -> int:
        # The venue's last word may still be on its way after the last result: compare fills until they agree.
        deadline = time.monotonic() + 20
        while True:
            stored = await self.world.stored()
            fills = {event["fill_id"] for subject, event in stored if ".fill." in subject}
            venue = self.world.venue_fills()
            if fills == venue or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        with contextlib.suppress(nats.errors.Error, nats.js.errors.Error):
            status = await self.world.request(f"ctl.{VENUE}.status")
            return len(status["items"][0]["unknown"])
        return -1


RATE = 80.0  # commands per second: what a busy strategy sends, and what expires seldom
SETTINGS: dict[str, Any] = {
    "orders_per_second": 500, "queries_per_second": 200, "queries_per_second_user": 400,
    "resolve_min_age": 2.0, "resolve_answers": 2, "reconcile_interval": 1.0,
}  # fmt: skip


async def walk(seed: int, commands: int) -> dict[str, Any]:
    """Run one walk in a world of its own."""
    async with World() as world:
        return await Walk(world, seed, commands).run()
