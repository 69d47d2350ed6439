"""Buy a little at the best price, and know what became of it, whatever happens on the way."""

import asyncio
import os

from venuebus.client import Client, CommandInDoubt, connect
from venuebus_schemas import Result

SERVER = os.environ.get("VENUEBUS_SERVER", "nats://127.0.0.1:4222")
VENUE, SYMBOL = "btse", "BTC-USD"


async def buy(client: Client, quantity: str, price: str) -> Result:
    """Return what became of one order that takes what is there and leaves nothing in the book."""
    try:
        result = await client.submit(
            VENUE, symbol=SYMBOL, side="buy", quantity=quantity, price=price, time_in_force="ioc", expires_in=2
        )
    except CommandInDoubt as doubt:  # no answer: it may stand, so it is asked for and never sent again
        result = await client.settled(VENUE, doubt.command_id, timeout=60)
    if result.status == "unknown":  # the venue did not answer: the bridge finds out and says so
        result = await client.settled(VENUE, result.command_id)
    return result


async def main() -> None:
    async with connect(SERVER) as client:
        quote = await client.quotes(VENUE, SYMBOL).next(timeout=10)
        print("best", quote.bid, quote.ask)
        assert quote.ask is not None
        result = await buy(client, "0.01", quote.ask)
        print(result.status, result.reason or "", result.client_order_id)
        if result.status == "accepted" and result.client_order_id:
            order = await client.order(VENUE, client_order_id=result.client_order_id)
            print("order", order.status, "filled", order.filled_quantity, "at", order.avg_fill_price)


if __name__ == "__main__":
    asyncio.run(main())
