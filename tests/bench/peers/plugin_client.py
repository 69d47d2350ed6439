"""The bridge's BTSE plugin without a bridge: its session at a simulator, counting what it hands to ``publish``.

That is the same work as a peer's: from the socket to an event object at a callback, in one process.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from venuebus import collector
from venuebus.testing import RecordingContext
from venuebus_btse.config import BtseConfig
from venuebus_btse.session import BtseSession
from venuebus_schemas import Event

from ..child import serve


class Counting(RecordingContext):
    """A context whose ``publish`` only counts the events of the kind that is measured."""

    kind = ""
    number = last_ns = 0

    def publish(self, event: Event) -> None:
        """Count one event."""
        if event.__struct_config__.tag == self.kind:
            self.number += 1
            self.last_ns = time.time_ns()


class Client:
    """One session."""

    async def start(self, request: dict[str, Any]) -> bool:
        """Connect to a simulator and subscribe to ``kind``."""
        table = request["table"]
        names = {name: table[name] for name in ("rest_url", "ws_url", "oss_url")}
        config = BtseConfig(plugin="btse", symbols=("BTC-USD",), market_data=(request["kind"],), **names)
        self.context = Counting(config)
        self.context.kind = request["kind"]
        self.session = BtseSession(self.context)
        await self.session.connect()
        collector.pace()  # as the bridge does when its venues are ready
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
    await client.session.close()


if __name__ == "__main__":
    asyncio.run(main())
