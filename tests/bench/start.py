"""From the start of the process until ready: with an empty bus, and with the ledger of a long past."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Iterable
from typing import Any

import aiohttp
import msgspec
from nats.js import JetStreamContext
from venuebus.bus.claim import Claim
from venuebus_schemas import Order, OrderStatus, OrderType, Result, ResultStatus, Side, Subjects, Submit, Verb, encode

from .orders import FAST
from .report import Row, median
from .world import World

VENUE, ACCOUNT = "desk0", "main"
GROUP = "Start, from process to ready"


async def times(world: World, *, quick: bool) -> list[Row]:
    """Start with nothing; with many past commands; and after a crash, with some that the checkpoint does not cover."""
    past, newer = (10_000, 1_000) if quick else (300_000, 3_000)
    async with world.child("venues") as venues:
        table = {VENUE: {**(await venues.ask("start"))[0], **FAST}}
        empty = []
        for _ in range(3):
            async with world.bridge(table) as bridge:
                empty.append(bridge.seconds)
                idle = bridge.peak
        async with world.bridge(
            table
        ):  # so that the checkpoint covers them: a bridge writes it every 3 s and at its end
            await _write_ledger(world, 0, past)
        await _write_commands(world, 0, past)
        async with world.bridge(table) as bridge:
            later, peak = bridge.seconds, bridge.peak
        await _write_ledger(world, past, newer)
        await _write_commands(world, past, newer)
        async with world.bridge(table) as bridge:
            crashed = bridge.seconds
    count = f"{past:,} past commands"
    return [
        Row(group=GROUP, name="nothing on the bus", value=median(empty), unit="s"),
        Row(group=GROUP, name=count, value=later, unit="s", target=5.0),
        Row(group=GROUP, name=f"{count}, {newer:,} of them since the checkpoint", value=crashed, unit="s", target=5.0),
        Row(group=GROUP, name=f"memory that {count} cost", value=peak - idle, unit="MiB", target=10.0),
    ]  # fmt: skip


async def embedded(world: World, *, quick: bool) -> list[Row]:
    """Start with nats-server as the bridge's own child, as ``pip install`` and one file give it."""
    async with world.child("venues") as venues:
        table = {VENUE: {**(await venues.ask("start"))[0], **FAST}}
        await _until_ready(world, table)  # leaves compiled code behind, as pip does when it installs
        seconds = [await _until_ready(world, table) for _ in range(2 if quick else 5)]
    return [Row(group=GROUP, name="with the embedded nats-server", value=median(seconds), unit="s", target=2.0)]


async def _until_ready(world: World, venues: dict[str, dict[str, Any]]) -> float:
    """Return the seconds from the start of the process until ``/readyz`` says so, with a store of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    bus = {"servers": "embedded", "store_dir": str(world.folder / f"own-{port}"), "spool_dir": str(world.folder)}
    file = world.configuration(venues, bus=bus, listen=f"127.0.0.1:{port}")
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "venuebus", "run", str(file), stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(60):
            while process.returncode is None:
                try:
                    async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        if answer.status == 200:
                            return time.perf_counter() - started
                except aiohttp.ClientError:
                    pass  # it does not listen yet
                await asyncio.sleep(0.005)
        raise RuntimeError(f"the bridge ended with status {process.returncode} before it was ready")
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _write_ledger(world: World, first: int, count: int) -> None:
    """Write what so many filled orders leave on the account's stream: claim, order and result."""
    subjects = Subjects()
    traces = (trace for number in range(first, first + count) for trace in _traces(subjects, number, time.time_ns()))
    await _publish(world, traces)
    info = await world.bus.jetstream().stream_info("VB_ACCT")
    if info.state.messages < 3 * (first + count):
        raise RuntimeError(f"{info.state.messages} messages on the ledger, {3 * (first + count)} expected")


async def _write_commands(world: World, first: int, count: int) -> None:
    """Write their commands, and acknowledge them as the bridge has that claimed them."""
    subjects = Subjects()
    await _publish(
        world,
        (
            (subjects.command(VENUE, ACCOUNT, "submit", f"past{number}"), encode(_command(f"past{number}")))
            for number in range(first, first + count)
        ),
    )
    await _acknowledge(world.bus.jetstream(), count)


async def _publish(world: World, messages: Iterable[tuple[str, bytes]]) -> None:
    js = world.bus.jetstream(publish_async_max_pending=2000)
    for number, (subject, data) in enumerate(messages):
        await js.publish_async(subject, data)
        if not number % 500:
            await asyncio.sleep(0)  # nats-py does not yield by itself
    await js.publish_async_completed()


def _command(key: str) -> Submit:
    return Submit(command_id=key, symbol="BTC-USD", side=Side.BUY, order_type=OrderType.LIMIT, quantity="0.00001",
                  price="60000")  # fmt: skip


def _traces(subjects: Subjects, number: int, now: int) -> list[tuple[str, bytes]]:
    key = f"past{number}"
    command = _command(key)
    claim = Claim(command_id=key, verb="submit", nonce=key, body=encode(command).decode(), body_hash=key,
                  client_order_id=key, symbol="BTC-USD", ts_received=now, ts_claimed=now)  # fmt: skip
    order = Order(venue=VENUE, account=ACCOUNT, symbol="BTC-USD", side=Side.BUY, order_type=OrderType.LIMIT,
                  status=OrderStatus.FILLED, quantity="0.00001", filled_quantity="0.00001", price="60000",
                  client_order_id=key, venue_order_id=f"v{key}", command_id=key, ts_recv=now)  # fmt: skip
    result = Result(venue=VENUE, account=ACCOUNT, command_id=key, verb=Verb.SUBMIT, status=ResultStatus.ACCEPTED,
                    client_order_id=key, attempts=1, ts_received=now, ts_recv=now)  # fmt: skip
    return [
        (subjects.claim(VENUE, ACCOUNT, key), msgspec.json.encode(claim)),
        (subjects.account(VENUE, ACCOUNT, "order", key), encode(order)),
        (subjects.account(VENUE, ACCOUNT, "result", key), encode(result)),
    ]


async def _acknowledge(js: JetStreamContext, count: int) -> None:
    durable = f"bridge_{VENUE}"
    consumer = await js.pull_subscribe_bind(durable=durable, stream="VB_CMD")
    left = count
    while left:
        messages = await consumer.fetch(min(1000, left), timeout=10)
        for message in messages:
            await message.ack()
        left -= len(messages)
    await consumer.unsubscribe()
    info = await js.consumer_info("VB_CMD", durable)
    if info.num_pending:
        raise RuntimeError(f"{info.num_pending} commands are still to be delivered")
