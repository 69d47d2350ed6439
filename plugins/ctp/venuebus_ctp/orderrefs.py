"""OrderRef: numbers that must rise within a CTP session, taken before the claim and used after it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from venuebus import NotSent

MAX_REF = 999_999_999_999  # twelve digits
JUMP = 10_000
ABANDONED_AFTER = 2.0  # a claim takes milliseconds; one that has not come by then was refused or lost


class OrderRefs:
    """Numbers orders above the session's MaxOrderRef and lets them go out in rising order only.

    A number is taken when a command is prepared and used when it is executed, and commands overtake each other
    in between; the counter refuses a number below one it has seen (error 22). So a number waits for lower ones,
    and a lower one that does not come in time is passed by: whoever brings it later must prepare again.
    """

    def __init__(self, max_order_ref: str, clock: Callable[[], float], *, used: int = 0) -> None:
        digits = max_order_ref.strip()
        self._next = max(int(digits) if digits.isascii() and digits.isdigit() else 0, used) + 1
        self._clock = clock
        self._taken: dict[int, float] = {}
        self._executing: set[int] = set()
        self._highest = self._next - 1
        self._moved = asyncio.Event()

    @property
    def highest(self) -> int:
        """The highest number taken so far."""
        return self._next - 1

    def take(self) -> str:
        """Return the next number."""
        number = self._next
        if number > MAX_REF:
            raise NotSent("no OrderRef left in this session")
        self._next += 1
        self._taken[number] = self._clock()
        return str(number)

    async def turn(self, ref: str) -> None:
        """Wait until every lower number has gone out or was passed by; `done` must follow.

        Raises:
            NotSent: a higher number has gone out already.
        """
        number = int(ref)
        self._executing.add(number)
        self._taken.setdefault(number, self._clock())
        try:
            while (wait := self._wait(number)) > 0:
                self._moved.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._moved.wait()
            if number <= self._highest:
                raise NotSent(f"OrderRef {ref} was passed by {self._highest}: take a new one")
        except BaseException:
            self.done(ref, sent=False)  # given up while it waited: whoever comes after must not wait for it
            raise

    def done(self, ref: str, *, sent: bool) -> None:
        """Let the next number go: this one was sent, or will not be."""
        number = int(ref)
        if sent:
            self._highest = max(self._highest, number)
        self._executing.discard(number)
        self._taken.pop(number, None)
        self._moved.set()

    def jump(self) -> None:
        """Leave a gap: the counter says that it knows higher numbers than it told (error 22)."""
        self._next += JUMP

    def _wait(self, number: int) -> float:
        longest = 0.0
        now = self._clock()
        for lower, taken in list(self._taken.items()):
            if lower >= number:
                continue
            if lower in self._executing:
                longest = max(longest, 1.0)
            elif now - taken >= ABANDONED_AFTER:
                del self._taken[lower]
            else:
                longest = max(longest, taken + ABANDONED_AFTER - now)
        return longest
