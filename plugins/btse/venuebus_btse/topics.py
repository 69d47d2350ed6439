"""What was asked to be subscribed, and what the venue took.

A refused topic is simply missing from the venue's answer, and an answer names no request. So one request is under
way at a time, and what is missing when its answer is in, or when its time is over, was not taken.
"""

from __future__ import annotations

from collections.abc import Iterable

from .protocol import PERMANENT, Refused


class Topics:
    """Bookkeeping of one connection; takes no clock and no socket."""

    def __init__(self) -> None:
        self.active: set[str] = set()
        self.permanent: dict[str, str] = {}
        self._asked: set[str] = set()
        self._refused: dict[str, str] = {}

    def ask(self, topics: Iterable[str]) -> list[str]:
        """Note a request; return the topics that are worth asking for: neither active nor refused for good."""
        self._asked = {topic for topic in topics if topic not in self.active and topic not in self.permanent}
        self._refused = {}
        return sorted(self._asked)

    def agreed(self, topics: Iterable[str]) -> None:
        """Note the venue's answer to a subscription."""
        taken = set(topics)
        self.active |= taken & self._asked
        self._asked -= taken

    def seen(self, topic: str) -> None:
        """Note that data of a topic came, which says as much as an answer."""
        if topic in self._asked:
            self._asked.discard(topic)
            self.active.add(topic)

    def refused(self, refusal: Refused) -> None:
        """Note a refusal that names a topic."""
        text = f"{refusal.code} {refusal.text}".strip()
        if refusal.code in PERMANENT:
            self.permanent[refusal.topic] = text
            self.active.discard(refusal.topic)
        if refusal.topic in self._asked:
            self._asked.discard(refusal.topic)
            self._refused[refusal.topic] = text

    def drop(self, topics: Iterable[str]) -> list[str]:
        """Note that topics are not wanted any more; return those that were active."""
        gone = sorted(self.active.intersection(topics))
        self.active.difference_update(gone)
        return gone

    @property
    def open(self) -> bool:
        """Tell whether the request still waits for an answer about some topic."""
        return bool(self._asked)

    def outcome(self) -> dict[str, str]:
        """Close the request; return every topic of it that was not taken, with the reason."""
        missing = dict.fromkeys(self._asked, "missing from the venue's answer")
        self._asked = set()
        return {**missing, **self._refused}
