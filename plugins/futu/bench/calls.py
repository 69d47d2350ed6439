"""What each kind of OpenD's pushes costs in the bridge, step by step, in one process without sockets."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from venuebus.testing import RecordingContext
from venuebus_futu import convert_orders, messages
from venuebus_futu.config import FutuConfig
from venuebus_futu.feed import Feed
from venuebus_futu.protocol import Connection
from venuebus_schemas import Event, encode

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

from opend_frames import PUSHES, SYMBOL  # noqa: E402

from tests.bench.micro import undrained  # noqa: E402
from tests.bench.report import Row  # noqa: E402
from tests.bench.world import World  # noqa: E402

GROUP = "OpenD (Futu, moomoo)"
COUNT = 4_000
PIECE = 64 * 1024  # bytes that come from the socket at once
Publish = Callable[[Event], Any]
Step = Callable[[Any], Any]
"""Takes one received message."""


async def conversion(world: World, *, quick: bool) -> list[Row]:
    """Each kind: cut the stream into frames and read them; convert, too; stamp and encode, too."""
    rows = []
    for kind, push in PUSHES.items():
        data = b"".join(push(number) for number in range(COUNT))
        pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
        for name, make in _STEPS.items():
            value = min(_cost(pieces, make(kind)) for _ in range(5 if quick else 9))
            whole = kind == "order" and make is _encoding
            rows.append(
                Row(group=GROUP, name=f"{kind} push: {name}", value=value, unit="µs", target=10.0 if whole else None)
            )
    return rows


def _cost(pieces: list[bytes], step: Step) -> float:
    connection, started = Connection(), time.process_time()
    for piece in pieces:
        for item in connection.receive(piece):
            step(item)
    return (time.process_time() - started) / COUNT * 1e6


def _reading(kind: str) -> Step:
    return lambda item: messages.response(item).s2c


def _converting(kind: str, publish: Publish | None = None) -> Step:
    return (_orders if kind in ("order", "fill") else _market)(kind, publish or (lambda event: None))


def _encoding(kind: str) -> Step:
    if kind in ("order", "fill"):
        return _converting(kind, encode)
    return _converting(kind, undrained("futu").publish)


def _market(kind: str, publish: Publish) -> Step:
    context = RecordingContext(FutuConfig(plugin="futu"))
    context.publish = publish  # type: ignore[method-assign,assignment]
    link: Any = None
    feed = Feed(context, link, 1.0)
    feed._wanted[SYMBOL] = {kind}
    handler = {"trade": feed.on_trades, "ticker": feed.on_tickers, "bar": feed.on_bars}.get(kind, feed.on_book)
    return lambda item: handler(messages.response(item).s2c, 1)


def _orders(kind: str, publish: Publish) -> Step:
    book = convert_orders.Book("real")
    headers: dict[bytes, Any] = {}

    def order(item: Any) -> None:
        s2c = messages.response(item).s2c
        raw = s2c.header
        header = headers.get(raw) or headers.setdefault(raw, messages.header(raw))
        publish(convert_orders.order(s2c.order, header, book, 1))

    def fill(item: Any) -> None:
        s2c = messages.response(item).s2c
        publish(convert_orders.fill(s2c.orderFill, s2c.header, book, 1))

    return order if kind == "order" else fill


_STEPS: dict[str, Callable[[str], Step]] = {
    "frame and decode": _reading,
    "frame, decode, convert": _converting,
    "frame, decode, convert, encode": _encoding,
}


PARTS = {"futu-conversion": conversion}
"""For the repository's own bench: name → ``await part(world, quick=…)``, which returns rows."""
