"""A strategy behind a link that is cut and goes deaf at random: every outcome true, every event once and in order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from venuebus.client import Client, CommandInDoubt, CommandNotSent, connect
from venuebus_schemas import Order

from .bench import MIB, Bench
from .rig import Link


async def chaos(link: Link, cuts: int, seed: int) -> None:
    rnd = random.Random(seed)
    for _ in range(cuts):
        await asyncio.sleep(rnd.uniform(0.05, 0.4))
        if rnd.random() < 0.4:
            link.deaf = True  # what is sent arrives, the answers do not
            await asyncio.sleep(rnd.uniform(0.0, 0.2))
        link.cut()
        link.deaf = False


async def trade(client: Client, wild: asyncio.Task[None]) -> dict[str, str]:
    """Submit orders until the link is calm again; return what was told of each."""
    told: dict[str, str] = {}

    async def one(command_id: str) -> None:
        try:
            result = await client.submit(
                "toy", symbol="X", side="buy", quantity="1", price="2", command_id=command_id, timeout=10
            )
            told[command_id] = str(result.status)
        except CommandNotSent:
            told[command_id] = "not sent"
        except CommandInDoubt:
            told[command_id] = "in doubt"

    orders = []
    while not wild.done():
        orders.append(asyncio.create_task(one(f"s{len(orders)}")))
        await asyncio.wait({wild}, timeout=0.02)
    await asyncio.gather(*orders)
    return told


@pytest.mark.parametrize("cuts", [10, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
async def test_outcomes_are_true_and_events_come_once_over_many_cuts(bench: Bench, cuts: int) -> None:
    bench.bus["account_max_bytes"] = 64 * MIB
    await bench.bridge()
    link = Link(int(bench.url.rsplit(":", 1)[1]))
    await link.start()
    seen: list[Order] = []
    async with (
        connect(f"nats://127.0.0.1:{link.port}", prefix=bench.prefix) as client,
        client.order_events("toy") as events,
    ):

        async def read() -> None:
            async for order in events:
                seen.append(order)

        reading = asyncio.create_task(read())
        told = await trade(client, asyncio.create_task(chaos(link, cuts, seed=cuts)))
        async with connect(bench.url, prefix=bench.prefix) as direct:
            stored = [order async for order in kept(direct)]
            for command_id, outcome in told.items():
                if outcome == "in doubt":
                    told[command_id] = await asked(direct, command_id)
        await bench.until(lambda: len(seen) >= len(stored))
        reading.cancel()
    await link.stop()
    assert seen[: len(stored)] == stored
    reached = Counter(name for verb, name in bench.venue.log() if verb == "submit")
    assert set(reached.values()) == {1}
    for command_id, outcome in told.items():
        if outcome in ("accepted", "not sent"):
            assert (command_id in reached) is (outcome == "accepted"), f"{command_id} was told {outcome}"
    assert Counter(told.values())["accepted"] > cuts


async def asked(client: Client, command_id: str) -> str:
    """What the bus says of a command that its sender heard nothing of."""
    try:
        return str((await client.settled("toy", command_id, timeout=10)).status)
    except CommandInDoubt:
        return "not sent"  # by now it would have expired


async def kept(client: Client) -> AsyncIterator[Order]:
    """Everything that the stream has by now."""
    async with client.order_events("toy", history="all") as events:
        while True:
            try:
                yield await events.next(0.5)
            except TimeoutError:
                return
