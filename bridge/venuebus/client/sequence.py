"""Noticing what is missing: ``seq`` counts from 1 per subject within an epoch."""

from __future__ import annotations

from typing import Literal, NamedTuple

from venuebus_schemas import Event

SUBJECTS = 65_536  # numberings that are remembered; the one that was begun first is forgotten first

Cause = Literal["lost", "slow_reader", "venue", "history"]


class Missing(NamedTuple):
    """A hole: events that a reader did not get.

    ``cause`` is ``lost`` (the numbering has a hole), ``slow_reader`` (this reader took too long, so older market data
    gave way to newer), ``venue`` (the bridge says so in a ``gap``; ``subject`` is a pattern then) or ``history``
    (the stream no longer keeps what a reader wanted to resume from). Without ``before`` nobody knows how many.
    ``healed``: the state was asked for and published again.
    """

    subject: str
    after: int | None = None
    before: int | None = None
    cause: Cause = "lost"
    healed: bool = False
    text: str | None = None

    @property
    def number(self) -> int | None:
        """How many events are missing, where that is known."""
        return None if self.after is None or self.before is None else self.before - self.after - 1

    def __str__(self) -> str:
        if self.number is None:
            return f"events may be missing on {self.subject}{f': {self.text}' if self.text else ''}"
        plural = "s" if self.number > 1 else ""
        return f"{self.number} event{plural} missing on {self.subject} (seq {self.after} → {self.before})"


class Sequence:
    """Finds the holes in the numbering of any number of subjects, in bounded memory."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}

    def check(self, subject: str, event: Event, cause: Cause = "lost") -> Missing | None:
        """Return the hole before ``event``, if there is one. The first event of a subject starts the count."""
        known = self._last.get(subject)
        if known is None and len(self._last) >= SUBJECTS:
            del self._last[next(iter(self._last))]
        if known is None or known[0] != event.epoch or event.seq > known[1]:
            self._last[subject] = (event.epoch, event.seq)
        if known is None or known[0] != event.epoch or event.seq <= known[1] + 1:
            return None
        return Missing(subject, known[1], event.seq, cause)
