"""The standing pull request: more than one request's worth, an expiry, a deleted consumer, an unsubscribed reader."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from venuebus.bus import pull as pulling
from venuebus.bus.commands import position
from venuebus.bus.connection import Connection
from venuebus.bus.pull import Pull
from venuebus.errors import BusError


class Reader:
    """A stream, a `Pull` that reads it, and what came."""

    def __init__(self, connection: Connection, stream: str, pull: Pull) -> None:
        self.connection, self.stream, self.pull = connection, stream, pull
        self.seen: list[str] = []
        self.requests = 0
        self._changed = asyncio.Event()
        ask = pull._ask

        async def counted(inbox: str) -> None:
            await ask(inbox)
            self.requests += 1
            self._changed.set()

        pull._ask = counted  # type: ignore[method-assign]

    async def take(self, messages: list[Msg]) -> None:
        for message in messages:
            self.seen.append(message.data.decode())
            await message.ack()
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def put(self, *texts: str) -> None:
        for text in texts:
            await self.connection.store(f"{self.stream}.x", text.encode(), {})


@contextlib.asynccontextmanager
async def reader(url: str, prefix: str) -> AsyncIterator[Reader]:
    stream = f"{prefix}PULL"
    connection = Connection({"servers": [url]})
    await connection.connect()
    await connection.js.add_stream(StreamConfig(name=stream, subjects=[f"{stream}.>"]))
    config = ConsumerConfig(durable_name="d", ack_policy=AckPolicy.EXPLICIT, ack_wait=2.0, max_ack_pending=4096)
    made = Reader(connection, stream, Pull(connection, stream, config))
    try:
        yield made
    finally:
        await connection.js.delete_stream(stream)
        await connection.close()


@contextlib.asynccontextmanager
async def running(there: Reader) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(there.pull.run(there.take))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_more_messages_than_one_request_asks_for_come_once_and_in_order(
    nats_url: str, subject_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "REQUEST", 8)
    texts = [str(number) for number in range(100)]
    async with reader(nats_url, subject_prefix) as there, running(there):
        await there.put(*texts)
        await there.until(lambda: len(there.seen) >= 100)
        assert there.seen == texts


async def test_a_request_whose_time_is_over_is_made_again(
    nats_url: str, subject_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "EXPIRES", 0.3)
    monkeypatch.setattr(pulling, "HEARTBEAT", 0.1)
    async with reader(nats_url, subject_prefix) as there, running(there):
        await there.until(lambda: there.requests >= 3)
        await there.put("late")
        await there.until(lambda: there.seen == ["late"])


async def test_a_consumer_that_somebody_deletes_is_made_again(nats_url: str, subject_prefix: str) -> None:
    async with reader(nats_url, subject_prefix) as there, running(there):
        await there.put("a")
        await there.until(lambda: there.seen == ["a"])
        await there.connection.js.delete_consumer(there.stream, "d")
        await there.put("b")
        await there.until(lambda: "b" in there.seen)


async def test_a_failure_of_the_taker_that_nats_caused_loses_nothing(nats_url: str, subject_prefix: str) -> None:
    async with reader(nats_url, subject_prefix) as there:
        take, failures = there.take, [TimeoutError("no answer")]

        async def failing(messages: list[Msg]) -> None:
            if failures:
                raise failures.pop()
            await take(messages)

        there.take = failing  # type: ignore[method-assign]
        async with running(there):
            await there.put("a")
            await there.until(lambda: there.seen == ["a"])  # delivered again once its time to be acknowledged is over


async def test_a_reader_that_ended_takes_nothing_from_the_next(nats_url: str, subject_prefix: str) -> None:
    async with reader(nats_url, subject_prefix) as there:
        async with running(there):
            await there.until(lambda: there.requests == 1)
        await there.put("a")
        async with running(there):
            await there.until(lambda: there.seen == ["a"])
        info = await there.connection.js.consumer_info(there.stream, "d")
        assert info.num_redelivered == 0


async def test_a_consumer_that_cannot_be_made_is_told(nats_url: str, subject_prefix: str) -> None:
    async with reader(nats_url, subject_prefix) as there:
        await there.connection.js.add_consumer(there.stream, ConsumerConfig(durable_name="e", ack_policy=AckPolicy.ALL))
        pull = Pull(there.connection, there.stream, ConsumerConfig(durable_name="e", ack_policy=AckPolicy.NONE))
        with pytest.raises(BusError, match="consumer e cannot be made"):
            await pull.run(there.take)


async def test_the_position_in_a_delivery_is_what_nats_py_reads_from_it(nats_url: str, subject_prefix: str) -> None:
    async with reader(nats_url, subject_prefix) as there:
        await there.put("a", "b")
        client = await nats.connect(nats_url)
        js: Any = client.jetstream()
        messages = await (await js.pull_subscribe(f"{there.stream}.>", "p", stream=there.stream)).fetch(2)
        for number, message in enumerate(messages, 1):
            meta = message.metadata
            sequence, at, _ = position(message.reply)
            assert sequence == meta.sequence.stream == number
            assert abs(at - meta.timestamp.timestamp() * 1e9) < 2_000  # nats-py rounds to microseconds
        await client.close()


def test_a_position_with_a_domain_and_an_account_hash_is_read_too() -> None:
    assert position("$JS.ACK.VB_CMD.bridge_x.1.7.3.1700000000000000001.0") == (7, 1700000000000000001, 1)
    assert position("$JS.ACK.hub.ACC.VB_CMD.bridge_x.1.7.3.1700000000000000001.0.tok") == (7, 1700000000000000001, 1)
