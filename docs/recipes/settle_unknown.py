"""Show what is in doubt on an account: first the orders whose outcome nobody could prove, then how each one ends."""

import asyncio
import os

from venuebus.client import connect
from venuebus_schemas import OrderStatus

SERVER = os.environ.get("VENUEBUS_SERVER", "nats://127.0.0.1:4222")
PREFIX = os.environ.get("VENUEBUS_PREFIX", "vb")
VENUE = os.environ.get("VENUE", "btse")


async def main() -> None:
    async with connect(SERVER, prefix=PREFIX) as client:
        orders = await client.orders(VENUE)
        doubtful = [one.command_id for one in orders if one.status is OrderStatus.UNKNOWN and one.command_id]
        print(len(doubtful), "in doubt")
        for command_id in doubtful:
            # The bridge asks the venue until it knows. What it cannot find out waits for `venuebus resolve`.
            result = await client.settled(VENUE, command_id, timeout=60)
            print(command_id, result.status, "says the", result.resolved_by)


if __name__ == "__main__":
    asyncio.run(main())
