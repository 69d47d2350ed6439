"""From the start of the process until ready: with an empty bus, and with the ledger of a long past."""

from __future__ import annotations

import asyncio
import time

import msgspec
from nats.js import JetStreamContext
from venuebus.bus.ledger import Claim
from venuebus_schemas import Order, OrderStatus, OrderType, Result, ResultStatus, Side, Subjects, Submit, Verb, encode

from .orders import FAST
from .report import Row, median
from .world import World

VENUE, ACCOUNT = "desk0", "main"
GROUP = "Start, from process to ready"


async def times(world: World, *, quick: bool) -> list[Row]:
    """Start with nothing, then with many past commands; the first bridge after them writes the checkpoint."""
    past = 10_000 if quick else 300_000
    async with world.child("venues") as venues:
        table = {VENUE: {**(await venues.ask("start"))[0], **FAST}}
        empty = []
        for _ in range(3):
            async with world.bridge(table) as bridge:
                empty.append(bridge.seconds)
                idle = bridge.peak
        await _write_past(world, past)
        async with world.bridge(table) as bridge:
            first = bridge.seconds
        async with world.bridge(table) as bridge:
            later, peak = bridge.seconds, bridge.peak
    count = f"{past:,} past commands"
    return [
        Row(group=GROUP, name="nothing on the bus", value=median(empty), unit="s"),
        Row(group=GROUP, name=f"{count}, checkpoint written", value=later, unit="s", target=5.0),
        Row(group=GROUP, name=f"{count}, all newer than the checkpoint", value=first, unit="s",
            note="no bridge was running meanwhile; not a real case"),
        Row(group=GROUP, name=f"memory for {count}", value=peak - idle, unit="MiB", target=10.0),
    ]  # fmt: skip


async def _write_past(world: World, count: int) -> None:
    """Write what so many filled orders leave on the streams, and acknowledge their commands as a bridge has."""
    js = world.bus.jetstream(publish_async_max_pending=2000)
    subjects = Subjects()
    for number in range(count):
        for subject, data in _traces(subjects, f"past{number}", time.time_ns()):
            await js.publish_async(subject, data)
        if not number % 200:
            await asyncio.sleep(0)  # nats-py does not yield by itself
    await js.publish_async_completed()
    info = await js.stream_info("VB_ACCT")
    if info.state.messages < 3 * count:
        raise RuntimeError(f"{info.state.messages} messages on the ledger, {3 * count} expected")
    await _acknowledge(js, count)


def _traces(subjects: Subjects, key: str, now: int) -> list[tuple[str, bytes]]:
    command = Submit(command_id=key, symbol="BTC-USD", side=Side.BUY, order_type=OrderType.LIMIT, quantity="0.00001",
                     price="60000")  # fmt: skip
    claim = Claim(command_id=key, verb="submit", nonce=key, body=encode(command).decode(), body_hash=key,
                  client_order_id=key, symbol="BTC-USD", ts_received=now, ts_claimed=now)  # fmt: skip
    order = Order(venue=VENUE, account=ACCOUNT, symbol="BTC-USD", side=Side.BUY, order_type=OrderType.LIMIT,
                  status=OrderStatus.FILLED, quantity="0.00001", filled_quantity="0.00001", price="60000",
                  client_order_id=key, venue_order_id=f"v{key}", command_id=key, ts_recv=now)  # fmt: skip
    result = Result(venue=VENUE, account=ACCOUNT, command_id=key, verb=Verb.SUBMIT, status=ResultStatus.ACCEPTED,
                    client_order_id=key, attempts=1, ts_received=now, ts_recv=now)  # fmt: skip
    return [
        (subjects.command(VENUE, ACCOUNT, "submit", key), encode(command)),
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
