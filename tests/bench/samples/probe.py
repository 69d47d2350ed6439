"""A message of two sizes: for the decoder 20 % more work, for Python the same opcodes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from venuebus_schemas import Event, Quote

from .sample import COUNT, NOW, Sample, Step


class _Message(msgspec.Struct):
    sizes: list[str]


def probe(name: str, sizes: int) -> Sample:
    """Return a sample whose every message holds so many sizes, of which only the first is used."""

    def make(publish: Callable[[Event], None]) -> tuple[Step, Step]:
        decode = msgspec.json.Decoder(_Message).decode
        return decode, lambda message: publish(Quote(symbol="A", bid=message.sizes[0], ts_recv=NOW))

    frame = msgspec.json.encode(_Message([f"0.{number + 1000}" for number in range(sizes)]))
    return Sample(name=name, frames=[frame] * COUNT, make=make)


PROBES: dict[str, Callable[[], Sample]] = {
    "probe": lambda: probe("probe", 500),
    "probe grown": lambda: probe("probe grown", 600),
}
