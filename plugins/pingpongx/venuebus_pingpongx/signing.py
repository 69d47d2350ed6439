"""Signing as the venue would, for the simulator and for trying a webhook by hand.

Written from the specifications and apart from the bridge's verification, so that the two prove each other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Literal

Method = Literal["standard_webhooks", "hmac_sha256", "shared_secret"]
Signer = Callable[[str, bytes, int], dict[str, str]]
"""From message id, body and time (seconds) to the headers that prove them."""


def standard_webhooks(secret: str, msg_id: str, body: bytes, at: int) -> dict[str, str]:
    """Return the three headers of standardwebhooks.com: HMAC-SHA256 over ``id.timestamp.body``."""
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    signed = msg_id.encode() + b"." + str(at).encode() + b"." + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": msg_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}


def signer(method: Method, secret: str) -> Signer:
    """Return the function that signs by ``method`` with its headers' default names."""
    if method == "standard_webhooks":
        return lambda msg_id, body, at: standard_webhooks(secret, msg_id, body, at)
    if method == "hmac_sha256":
        return lambda msg_id, body, at: {"x-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    return lambda msg_id, body, at: {"x-webhook-secret": secret}
