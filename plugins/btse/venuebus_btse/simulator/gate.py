"""Who may come in: signatures, nonces and rate limits."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable, Mapping

from .answers import Refusal, envelope
from .settings import RateRules, User

NONCE_MEMORY = 4096


class _Nonces:
    """Refuses a nonce that was used, and one that lies before all that are still remembered."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._seen: set[int] = set()
        self._order: deque[int] = deque()
        self._newest = 0
        self._floor = 0

    def accept(self, nonce: int) -> bool:
        if nonce in self._seen or nonce <= self._floor or (self._strict and nonce <= self._newest):
            return False
        self._newest = max(self._newest, nonce)
        self._seen.add(nonce)
        self._order.append(nonce)
        if len(self._order) > NONCE_MEMORY:
            old = self._order.popleft()
            self._seen.discard(old)
            self._floor = max(self._floor, old)
        return True


class Gate:
    """Checks the three headers of a request, and the arguments of a login.

    A nonce may be used once per key. Requests that overtake each other on several connections are let in, unless
    ``strict_nonce``: then every nonce must be greater than the one before.
    """

    def __init__(
        self, users: list[User], *, now_ms: Callable[[], int], tolerance_ms: int = 60_000, strict_nonce: bool = False
    ) -> None:
        self.users = {user.name: user for user in users}
        self._by_key = {key: (user, secret) for user in users for key, secret in user.keys.items()}
        self._nonces = {key: _Nonces(strict_nonce) for key in self._by_key}
        self._now_ms = now_ms
        self._tolerance = tolerance_ms

    def check(self, headers: Mapping[str, str], path: str, body: bytes) -> tuple[User, str]:
        """Return the user and the key that signed ``path`` (without ``/spot``, without the query) and ``body``.

        Raises:
            Refusal: 401, in the venue's usual shape; 400 where a header is missing.
        """
        key, nonce, sign = (headers.get(name, "") for name in ("request-api", "request-nonce", "request-sign"))
        if not (key and nonce and sign):
            raise envelope(-7, "Authenticate failed", 400)
        user = self._verify(key, nonce, sign, path.encode() + nonce.encode() + body)
        if user is None:
            raise envelope(-7, "Authenticate failed", 401)
        return user, key

    def login(self, args: list[object]) -> User | None:
        """Return the user of a WebSocket login, None if anything about it is wrong."""
        if len(args) != 3:
            return None
        key, nonce, sign = (str(arg) for arg in args)
        return self._verify(key, nonce, sign, f"/ws/spot{nonce}".encode())

    def _verify(self, key: str, nonce: str, sign: str, message: bytes) -> User | None:
        known = self._by_key.get(key)
        if known is None or not nonce.isascii() or not nonce.isdigit():
            return None
        user, secret = known
        wanted = hmac.new(secret.encode(), message, hashlib.sha384).hexdigest()
        if not hmac.compare_digest(wanted, sign) or abs(int(nonce) - self._now_ms()) > self._tolerance:
            return None
        return user if self._nonces[key].accept(int(nonce)) else None


class RateGuard:
    """Counts requests in sliding windows of one second and blocks who asks too much, longer each time."""

    def __init__(self, rules: RateRules, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.rules = rules
        self.refused = 0
        self._clock = clock
        self._windows: dict[tuple[str, str], deque[float]] = {}
        self._blocks: dict[str, tuple[float, int, float]] = {}  # key → until, level, when broken

    def admit(self, kind: str, key: str, user: str | None = None) -> None:
        """Count one request of ``kind`` (query or order).

        Raises:
            Refusal: 429 with ``Retry-After``.
        """
        if not self.rules.enabled:
            return
        now = self._clock()
        until, level, broken = self._blocks.get(key, (0.0, 0, 0.0))
        if now < until:
            raise self.refusal(until - now)
        if level and now - broken > self.rules.clean_after:
            level = 0
        per_key, per_user = (
            (self.rules.queries_per_key, self.rules.queries_per_user)
            if kind == "query"
            else (self.rules.orders_per_key, self.rules.orders_per_user)
        )
        windows = [(self._window(kind, key, now), per_key)]
        if user is not None:
            windows.append((self._window(f"{kind} of user", user, now), per_user))
        if any(len(window) >= limit for window, limit in windows):
            level = level + 1 if level < len(self.rules.blocks) else 1
            seconds = self.rules.blocks[level - 1]
            self._blocks[key] = (now + seconds, level, now)
            raise self.refusal(seconds)
        for window, _ in windows:
            window.append(now)

    def refusal(self, seconds: float) -> Refusal:
        """The answer 429 that names ``seconds`` in the configured way."""
        self.refused += 1
        refusal = envelope(-1, "Too many requests", 429)
        now = time.time() + seconds
        text = {
            "seconds": f"{max(1, round(seconds))}",
            "timestamp": f"{int(now) + 1}",
            "timestamp_ms": f"{int(now * 1000) + 1}",
            "none": "",
        }[self.rules.retry_after]
        if text:
            refusal.headers["Retry-After"] = text
        return refusal

    def reset(self) -> None:
        """Lift every block and forget what was counted."""
        self._windows.clear()
        self._blocks.clear()

    def _window(self, kind: str, who: str, now: float) -> deque[float]:
        window = self._windows.setdefault((kind, who), deque())
        while window and window[0] <= now - 1.0:
            window.popleft()
        return window
