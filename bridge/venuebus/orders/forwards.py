"""The last state of every FX-forward position: merged, and never back from its end.

Deliveries come late, twice and in any order, and carry no time of their own. What decides is the rank of the state:
a position that is settled, extended or canceled stays so, whatever arrives afterwards.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec
from venuebus_schemas import Forward, ForwardStatus

KEPT = 100_000  # positions remembered; the one not heard of the longest is forgotten first
FINAL = frozenset({ForwardStatus.SETTLED, ForwardStatus.EXTENDED, ForwardStatus.CANCELED})
_STAMPS = frozenset({"venue", "account", "ts_recv", "ts_venue", "epoch", "seq", "reconciled"})
_FIELDS = tuple(name for name in Forward.__struct_fields__ if name not in _STAMPS)
_decoder = msgspec.msgpack.Decoder(Forward)


class Forwards:
    """Remembers positions as bytes: a struct of strings each would take three times the memory."""

    def __init__(self, kept: int = KEPT) -> None:
        self.refused = 0
        self._kept = kept
        self._states: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def get(self, position_id: str) -> Forward | None:
        """Return the last state of a position."""
        data = self._states.get(position_id)
        return None if data is None else _decoder.decode(data)

    def load(self, event: Forward) -> None:
        """Take over a state that is on the bus already."""
        self._put(event)

    def apply(self, event: Forward) -> Forward | None:
        """Return what is to be published: the state, with what earlier ones told; ``None`` if it is no news.

        A state that would lead back from the end is no news, and counted in ``refused``.
        """
        known = self.get(event.position_id)
        if known is not None:
            if known.status in FINAL and event.status is not known.status:
                self.refused += 1
                return None
            for name in _FIELDS:
                if getattr(event, name) is None:
                    setattr(event, name, getattr(known, name))
            if known.extra and event.extra:
                event.extra = {**known.extra, **event.extra}
            if all(getattr(event, name) == getattr(known, name) for name in _FIELDS):
                return None
        self._put(event)
        return event

    def _put(self, event: Forward) -> None:
        self._states[event.position_id] = msgspec.msgpack.encode(event)
        self._states.move_to_end(event.position_id)
        if len(self._states) > self._kept:
            self._states.popitem(last=False)
