"""Many messages in one piece: as if each had been published alone, or none of them."""

from __future__ import annotations

import nats
import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from venuebus.bus.pieces import Address, publish_all


async def test_every_message_of_a_piece_arrives_alone_whole_and_in_order(nats_url: str) -> None:
    client = await nats.connect(nats_url, pending_size=4096)
    reader = await nats.connect(nats_url)
    subscription = await reader.subscribe("pieces.>")
    await reader.publish("pieces.heard", b"")  # a barrier, which nats-py's flush is not: its ping overtakes the rest
    await subscription.next_msg(5)
    sent = [(Address(f"pieces.{number % 3}"), b"\r\n" * (number % 7) + str(number).encode()) for number in range(1000)]
    await publish_all(client, [*sent[:700]])
    await publish_all(client, sent[700:])  # more than may be pending, so it waits for the socket
    assert client.pending_data_size <= 4096
    await client.flush()
    came: list[Msg] = [await subscription.next_msg(5) for _ in sent]
    assert [(msg.subject, msg.data) for msg in came] == [(to.subject, data) for to, data in sent]
    assert client.stats["out_msgs"] == len(sent)
    assert client.stats["out_bytes"] == sum(len(data) for _, data in sent)
    await reader.close()
    await client.close()


async def test_a_piece_with_a_message_too_large_is_refused_whole(nats_url: str) -> None:
    client = await nats.connect(nats_url)
    subscription = await client.subscribe("large.>")
    large = b"x" * (client.max_payload + 1)
    with pytest.raises(nats.errors.MaxPayloadError):
        await publish_all(client, [(Address("large.a"), b"1"), (Address("large.b"), large)])
    await publish_all(
        client, [(Address("large.c"), b"x" * client.max_payload), (Address("large.d"), b"2")]
    )  # together too long
    assert [(await subscription.next_msg(5)).subject for _ in range(2)] == ["large.c", "large.d"]
    await client.close()


async def test_what_nats_py_would_refuse_is_refused(nats_url: str) -> None:
    client = await nats.connect(nats_url, pending_size=100, allow_reconnect=True, reconnect_time_wait=60)
    client._status = Client.RECONNECTING  # a link that is lost, without a server that must go
    await publish_all(client, [(Address("a"), b"x" * 20)])
    with pytest.raises(nats.errors.OutboundBufferLimitError):
        await publish_all(client, [(Address("a"), b"x" * 80)])
    client._status = Client.CONNECTED
    await client.close()
    with pytest.raises(nats.errors.ConnectionClosedError):
        await publish_all(client, [(Address("a"), b"1")])
