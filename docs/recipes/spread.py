"""Keep the latest quote of every symbol of a venue, and never trade on one that may be old.

A reader can miss market data: it is slow, NATS was away, the venue's own link was cut. Each of these is told, before
the event behind the hole where numbers show it, so that a strategy can stop trusting what it has.
"""

import asyncio
import os
from decimal import Decimal

from venuebus.client import Missing, connect
from venuebus_schemas import Quote

SERVER = os.environ.get("VENUEBUS_SERVER", "nats://127.0.0.1:4222")
VENUE = "btse"


class Prices:
    """What is known now. Nothing is known of a symbol until its next quote when something was missed."""

    def __init__(self) -> None:
        self.latest: dict[str, Quote] = {}

    def missing(self, hole: Missing) -> None:
        """Forget what a hole makes doubtful: of one symbol where the numbering shows it, or of all of them."""
        print("forget:", hole)
        self.latest.clear()

    def changed(self, up: bool) -> None:
        """Forget everything when the connection is lost."""
        if not up:
            self.latest.clear()

    def take(self, quote: Quote) -> None:
        """Keep a quote and show its spread."""
        self.latest[quote.symbol] = quote
        if quote.bid and quote.ask:
            print(quote.symbol, "spread", Decimal(quote.ask) - Decimal(quote.bid))


async def main(count: int) -> None:
    prices = Prices()
    async with (
        connect(SERVER, on_missing=prices.missing, on_change=prices.changed) as client,
        client.market(Quote, VENUE, keep=256) as quotes,
    ):
        for _ in range(count):
            prices.take(await quotes.next())


if __name__ == "__main__":
    asyncio.run(main(count=20))
