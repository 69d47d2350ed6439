"""The bridge's client writes what nats-py would, and hands over what comes while it is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import nats.errors
import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from venuebus.bus.client import BusClient


@pytest_asyncio.fixture
async def client(nats_url: str) -> AsyncIterator[BusClient]:
    made = BusClient()
    await made.connect(nats_url)
    yield made
    await made.close()


@pytest.mark.parametrize(
    "value", ["plain", "Grüße 中文", "a: b", "two\nlines", "two\r\nlines", "alone\rhere"], ids=repr
)
async def test_headers_arrive_as_nats_py_would_have_sent_them(client: BusClient, nats_url: str, value: str) -> None:
    plain = await nats.connect(nats_url)
    subscription = await plain.subscribe("headers.*")
    await plain.flush()
    headers = {"Nats-Msg-Id": "x-1", "Vb-Type": value}
    await client.publish("headers.ours", b"\r\n{}", reply="back", headers=headers)
    ours = await subscription.next_msg(5)
    await plain.publish("headers.theirs", b"\r\n{}", reply="back", headers=headers)
    theirs = await subscription.next_msg(5)
    assert (ours.headers, ours.data, ours.reply) == (theirs.headers, theirs.data, theirs.reply)
    assert ours.headers is not None
    assert client.stats["out_msgs"] == 1
    await plain.close()


async def test_headers_without_a_subject_are_refused(client: BusClient) -> None:
    with pytest.raises(nats.errors.BadSubjectError):
        await client.publish("", b"x", headers={"a": "b"})


async def test_a_listener_that_fails_misses_one_message_and_stops_nothing(client: BusClient) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def take(message: Msg) -> None:
        if message.data == b"bad":
            raise ValueError(message.data)
        heard.put_nowait(message.data)

    await client.listen("heard.*", take)
    for data in (b"one", b"bad", b"two"):
        await client.publish("heard.x", data)
    async with asyncio.timeout(5):
        assert [await heard.get(), await heard.get()] == [b"one", b"two"]
