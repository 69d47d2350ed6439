"""Signatures: hex HMAC-SHA384 over path, nonce and body, in that order, with the secret's text as the key."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable


def sign(secret: str, path: str, nonce: str, body: bytes = b"") -> str:
    """Return the signature of a request.

    ``path`` is without host, without the ``/spot`` of the base address and without a query (the venue answers 401
    to a signed query). ``body`` must be the very bytes that are sent: the venue knows no canonical form.
    """
    return hmac.new(secret.encode(), path.encode() + nonce.encode() + body, hashlib.sha384).hexdigest()


class VenueClock:
    """The venue's time as one session knows it: the machine's at the start, going on steadily, corrected by the venue.

    A nonce too far from the venue's time is refused like a wrong key. So a clock of the machine that is wrong, or is
    set while the session lives, must not reach the signatures.
    """

    def __init__(self, now_ns: Callable[[], int], steady_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._steady_ns = steady_ns
        self._ahead = now_ns() - steady_ns()

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return self._steady_ns() + self._ahead

    def correct(self, by_ns: int) -> None:
        """Take over what the venue's clock is ahead of this one."""
        self._ahead += by_ns


class Nonces:
    """Milliseconds since the epoch, strictly increasing, also when the clock stands still or steps back."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, now_ns: int) -> str:
        """Return the next nonce as the text that goes into both the header and the signature."""
        self._last = max(self._last + 1, now_ns // 1_000_000)
        return str(self._last)


def auth_headers(key: str, secret: str, path: str, nonce: str, body: bytes) -> dict[str, str]:
    """Return the three headers of a signed request."""
    return {"request-api": key, "request-nonce": nonce, "request-sign": sign(secret, path, nonce, body)}


def login_args(key: str, secret: str, path: str, nonce: str) -> list[str]:
    """Return the arguments of ``authKeyExpires``. Never to be logged."""
    return [key, nonce, sign(secret, path, nonce)]
