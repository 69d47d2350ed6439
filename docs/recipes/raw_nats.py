"""The same bus without the client: nats-py and JSON, and the rules that the client keeps for you otherwise."""

import asyncio
import json
import os
import time
import uuid
from typing import Any

import nats
from nats.aio.msg import Msg

SERVER = os.environ.get("VENUEBUS_SERVER", "nats://127.0.0.1:4222")


async def main() -> None:
    # Nothing may be buffered while NATS is away, or an order leaves when it is back; and it must come back for ever.
    bus = await nats.connect(SERVER, pending_size=0, max_reconnect_attempts=-1)
    js = bus.jetstream()
    command_id = f"raw-{uuid.uuid4().hex[:16]}"

    quotes = await bus.subscribe("vb.v1.md.btse.quote.BTC-USD")  # market data: a plain subscription
    quote = json.loads((await quotes.next_msg(timeout=10)).data)

    # Account events: from the stream. A plain subscription would show what JetStream then refuses, too.
    results = await js.subscribe(f"vb.v1.acct.btse.main.result.{command_id}", ordered_consumer=True)
    now = time.time_ns()
    order: dict[str, Any] = {
        "type": "submit", "command_id": command_id, "symbol": "BTC-USD", "side": "buy", "order_type": "limit",
        "quantity": "0.01", "price": quote["ask"], "ts_sent": now, "expires_at": now + 5_000_000_000,
    }  # fmt: skip
    # The server takes one message per command subject: publishing the same command again is safe, and refused.
    ack = await js.publish(
        f"vb.v1.cmd.btse.main.submit.{command_id}",
        json.dumps(order).encode(),
        headers={"Nats-Msg-Id": command_id, "Nats-Expected-Last-Subject-Sequence": "0"},
    )
    print("stored as", ack.seq)
    while True:
        message: Msg = await results.next_msg(timeout=20)
        result = json.loads(message.data)
        print(result["status"], result.get("reason", ""))
        if result["status"] != "unknown":  # after unknown a second result follows
            break
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
