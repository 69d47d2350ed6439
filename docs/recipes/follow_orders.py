"""Follow every change of every order into a file, each once, also when this program was not running for a while.

python follow_orders.py orders.jsonl
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
from venuebus.client import Missing, connect
from venuebus_schemas import Order

SERVER = os.environ.get("VENUEBUS_SERVER", "nats://127.0.0.1:4222")
VENUE = "btse"


class Line(msgspec.Struct):
    """One line of the file. ``place`` is where the stream has the event, so the file itself says where to go on."""

    place: int
    order: Order


def last_place(path: Path) -> int:
    """Return the place of the last whole line, 0 without one; what a crash left half-written is cut off."""
    if not path.exists():
        return 0
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        path.write_bytes(whole)
    lines = whole.splitlines()
    return msgspec.json.decode(lines[-1], type=Line).place if lines else 0


def missing(hole: Missing) -> None:
    """Say loudly what cannot be read any more: the stream keeps 90 days unless it is told otherwise."""
    print("MISSING", hole, file=sys.stderr)


async def main(path: Path) -> None:
    async with connect(SERVER, on_missing=missing) as client:
        events = client.events(Order, venue=VENUE, after=last_place(path))
        with path.open("ab") as file:
            async for order in events:
                file.write(msgspec.json.encode(Line(events.sequence, order)) + b"\n")
                file.flush()
                print(events.sequence, order.client_order_id, order.status, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
