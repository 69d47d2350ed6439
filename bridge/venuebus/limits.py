"""Rate limits as sliding windows: exact, linked, with a part kept for cancels, bans included.

A sliding window is the strictest reading of "n per period" that venues publish: in *no* period of that length
more than n requests start. One request may count against several limits (per API and per user); it waits for
all of them. Memory is bounded by the limits' own counts.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

import msgspec
from venuebus_schemas import Reason

from .errors import CommandRejected


class Limit(msgspec.Struct, kw_only=True, frozen=True):
    """``count`` requests in any ``per`` seconds, at least ``spacing`` seconds apart.

    ``reserve`` of the count are kept for requests with priority (cancels, halts, resolving). ``operations`` are
    the names the plugin uses in `RateLimits.acquire`. With ``by_key`` each key (an account) has its own window.
    """

    name: str
    operations: tuple[str, ...]
    count: int
    per: float
    spacing: float = 0.0
    reserve: int = 0
    by_key: bool = False


class _Window:
    __slots__ = ("last", "starts")

    def __init__(self) -> None:
        self.starts: deque[float] = deque()
        self.last = float("-inf")

    def wait(self, limit: Limit, now: float, priority: bool) -> float:
        while self.starts and self.starts[0] <= now - limit.per:
            self.starts.popleft()
        delay = max(0.0, self.last + limit.spacing - now)
        allowed = limit.count if priority else max(1, limit.count - limit.reserve)
        if len(self.starts) >= allowed:
            delay = max(delay, self.starts[len(self.starts) - allowed] + limit.per - now)
        return delay

    def take(self, now: float) -> None:
        self.starts.append(now)
        self.last = now


class RateLimits:
    """The limits of one venue, shared by all its sessions, so that a reconnect does not forget them."""

    def __init__(
        self,
        limits: Iterable[Limit] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._limits: dict[str, list[Limit]] = {}
        for limit in limits:
            for operation in limit.operations:
                self._limits.setdefault(operation, []).append(limit)
        self._windows: dict[tuple[str, str], _Window] = {}
        self._bans: dict[str, float] = {}
        self._clock = clock
        self._sleep = sleep or asyncio.sleep
        self.on_ban: Callable[[str, float], None] | None = None
        self.refused = 0
        self.waited = 0
        self.waiting = 0

    def delay(self, operation: str, *, key: str = "", priority: bool = False) -> float:
        """Seconds until ``operation`` may start; 0 if it may now."""
        now = self._clock()
        delay = max(0.0, self._bans.get(operation, 0.0) - now, self._bans.get("*", 0.0) - now)
        for limit in self._limits.get(operation, ()):
            delay = max(delay, self._window(limit, key).wait(limit, now, priority))
        return delay

    async def acquire(
        self, operation: str, *, key: str = "", priority: bool = False, timeout: float | None = None
    ) -> None:
        """Wait until ``operation`` may start, and count it.

        Raises:
            CommandRejected: ``rate_limited``, if that is more than ``timeout`` seconds away; nothing is counted.
        """
        deadline = None if timeout is None else self._clock() + timeout
        while (delay := self.delay(operation, key=key, priority=priority)) > 0:
            if deadline is not None and self._clock() + delay > deadline:
                self.refused += 1
                raise CommandRejected(
                    Reason.RATE_LIMITED,
                    f"{operation} may start in {delay:.3f} s at the earliest ({self._why(operation, delay)})",
                )
            self.waited += 1
            self.waiting += 1
            try:
                await self._sleep(delay)  # type: ignore[misc]
            finally:
                self.waiting -= 1
        now = self._clock()
        for limit in self._limits.get(operation, ()):
            self._window(limit, key).take(now)

    def ban(self, seconds: float, operation: str = "*") -> None:
        """Let nothing of ``operation`` start for ``seconds`` (``*``: nothing at all), because the venue said so."""
        until = self._clock() + seconds
        if until > self._bans.get(operation, 0.0):
            self._bans[operation] = until
            if self.on_ban is not None:
                self.on_ban(operation, seconds)

    def state(self) -> Mapping[str, float]:
        """Remaining seconds of every ban in force."""
        now = self._clock()
        return {name: until - now for name, until in self._bans.items() if until > now}

    def budget(self) -> Mapping[str, tuple[int, int]]:
        """Requests that each limit still allows now, of the key that has used most, and its whole count, by name."""
        now = self._clock()
        left = {limit.name: (limit.count, limit.count) for limits in self._limits.values() for limit in limits}
        spans = {limit.name: limit.per for limits in self._limits.values() for limit in limits}
        for (name, _), window in self._windows.items():
            used = sum(1 for start in window.starts if start > now - spans[name])
            left[name] = (min(left[name][0], left[name][1] - used), left[name][1])
        return left

    def _why(self, operation: str, delay: float) -> str:
        until = max(self._bans.get(operation, 0.0), self._bans.get("*", 0.0))
        if until - self._clock() >= delay - 0.001:  # the clock went on since
            return "the venue said to wait"
        return ", ".join(f"{limit.name}: {limit.count} per {limit.per:g} s" for limit in self._limits[operation])

    def _window(self, limit: Limit, key: str) -> _Window:
        name = (limit.name, key if limit.by_key else "")
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = _Window()
        return window
