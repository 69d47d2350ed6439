"""Signatures: hex HMAC-SHA384 over path, nonce and body, in that order, with the secret's text as the key."""

from __future__ import annotations

import hashlib
import hmac


def sign(secret: str, path: str, nonce: str, body: bytes = b"") -> str:
    """Return the signature of a request.

    ``path`` is without host, without the ``/spot`` of the base address and without a query (the venue answers 401
    to a signed query). ``body`` must be the very bytes that are sent: the venue knows no canonical form.
    """
    return hmac.new(secret.encode(), path.encode() + nonce.encode() + body, hashlib.sha384).hexdigest()


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
