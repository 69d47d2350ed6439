"""A circuit breaker per operation: a venue that fails everything is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES = 8  # in a row, none answered
REST = 5.0  # seconds


class Breaker:
    """Opens after `FAILURES` failures of one operation in a row, lets one probe through after `REST` seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._open_until: dict[str, float] = {}
        self._last: dict[str, str] = {}

    def allows(self, operation: str) -> bool:
        """Tell whether ``operation`` may be tried; after the rest this lets one through at a time."""
        until = self._open_until.get(operation)
        if until is None:
            return True
        now = self._clock()
        if now < until:
            return False
        self._open_until[operation] = now + REST  # the probe's own failure keeps it open, its success closes it
        return True

    def failed(self, operation: str, text: str) -> None:
        """Count a failure that proves nothing about the command itself."""
        count = self._failures[operation] = self._failures.get(operation, 0) + 1
        self._last[operation] = text
        if count >= FAILURES:
            self._open_until[operation] = self._clock() + REST

    def worked(self, operation: str) -> None:
        """The venue answered."""
        self._failures.pop(operation, None)
        self._open_until.pop(operation, None)

    def state(self, operation: str) -> str:
        """Describe the breaker for people."""
        left = self._open_until.get(operation, 0.0) - self._clock()
        if left <= 0:
            return "closed"
        return f"open for {left:.1f} s after {self._failures[operation]} failures, last: {self._last[operation]}"

    def open_operations(self) -> list[str]:
        """Operations that are refused now."""
        now = self._clock()
        return [name for name, until in self._open_until.items() if until > now]
