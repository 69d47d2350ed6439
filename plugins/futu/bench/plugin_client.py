"""The Futu plugin without a bridge: its session at a local OpenD, counting the orders that it hands to ``publish``."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from venuebus import Secret, collector
from venuebus.testing import RecordingContext
from venuebus_futu.config import FutuConfig
from venuebus_futu.session import FutuSession
from venuebus_schemas import Event, Order

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.bench.child import serve


class Counting(RecordingContext):
    """A context whose ``publish`` only counts orders."""

    number = last_ns = 0

    def publish(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, Order):
            self.number += 1
            self.last_ns = time.time_ns()


class Client:
    """One session."""

    session: FutuSession | None = None

    async def start(self, request: dict[str, Any]) -> bool:
        """Connect to an OpenD."""
        table = {**request["table"], "symbols": [], "market_data": []}
        table["trade_password"] = Secret(table["trade_password"])
        self.context = Counting(msgspec.convert(table, FutuConfig), venue="futu")
        self.session = FutuSession(self.context)
        await self.session.connect()
        collector.pace()  # as the bridge does
        return True

    async def read(self, request: dict[str, Any]) -> dict[str, int]:
        """Tell what came once ``expected`` are here or nothing has come for ``quiet`` seconds; count from 0 then."""
        context = self.context
        seen, since = context.number, time.monotonic()
        while context.number < request["expected"] and time.monotonic() - since < request["quiet"]:
            await asyncio.sleep(0.02)
            if context.number != seen:
                seen, since = context.number, time.monotonic()
        count, context.number = context.number, 0
        return {"count": count, "last_ns": context.last_ns}


async def main() -> None:
    """Answer until stdin is closed."""
    client = Client()
    await serve({"start": client.start, "read": client.read})
    if client.session is not None:
        await client.session.close()


if __name__ == "__main__":
    asyncio.run(main())
