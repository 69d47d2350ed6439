"""The plain relay: bodies of OpenD's frames, as they are, on NATS. What the bridge is measured against.

It reads a header, a body, publishes, and does nothing else: no check sum, no protobuf, no state.
"""

from __future__ import annotations

import asyncio
import json
import sys

import nats
from nats.aio.client import Client
from venuebus_futu import frame, messages
from venuebus_futu.pb import common_pb2, link_pb2, quote_pb2


async def relay(bus: Client, port: int, subtype: int, subject: str) -> None:
    """Publish whatever comes for HK.00700."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    hello = link_pb2.InitConnect.C2S(clientVer=300, clientID="relay", packetEncAlgo=-1)
    wanted = quote_pb2.Sub.C2S(
        securityList=[common_pb2.Security(market=1, code="00700")], subTypeList=[subtype], isSubOrUnSub=True,
        isRegOrUnRegPush=True,
    )  # fmt: skip
    writer.write(frame.pack(messages.INIT_CONNECT, 1, link_pb2.InitConnect.Request(c2s=hello).SerializeToString()))
    writer.write(frame.pack(messages.SUBSCRIBE, 2, quote_pb2.Sub.Request(c2s=wanted).SerializeToString()))
    while True:
        head = await reader.readexactly(44)
        await bus.publish(subject, await reader.readexactly(int.from_bytes(head[12:16], "little")))


async def main() -> None:
    """``relay.py NATS_URL [[PORT, SUBTYPE, SUBJECT], …]``, until stdin is closed."""
    bus = await nats.connect(sys.argv[1])
    tasks = [asyncio.create_task(relay(bus, *feed)) for feed in json.loads(sys.argv[2])]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
