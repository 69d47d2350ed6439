"""The typed client for strategies and tools.

    from venuebus.client import connect

    async with connect("nats://127.0.0.1:4222") as client:
        async for quote in client.quotes("btse", "BTC-USD"):
            result = await client.submit("btse", symbol="BTC-USD", side="buy", quantity="0.01", price=quote.bid)

It needs nats-py and the schemas. What it promises beyond them: account events in order, each once, over outages; a
command on the bus once, with an outcome that is true or said to be in doubt; and nothing that waits in silence.
"""

from .client import Client, connect, new_id
from .errors import (
    CannotConnect,
    ClientError,
    CommandExists,
    CommandInDoubt,
    CommandNotSent,
    ConnectionClosed,
    NoAnswer,
    NotServed,
    PermissionDenied,
    RequestRefused,
)
from .events import EventStream
from .journal import Journal
from .link import shown
from .market import MarketStream
from .sending import SentCommand
from .sequence import Missing, Sequence

__all__ = [
    "CannotConnect", "Client", "ClientError", "CommandExists", "CommandInDoubt", "CommandNotSent", "ConnectionClosed",
    "EventStream", "Journal", "MarketStream", "Missing", "NoAnswer", "NotServed", "PermissionDenied", "RequestRefused",
    "SentCommand", "Sequence", "connect", "new_id", "shown",
]  # fmt: skip
