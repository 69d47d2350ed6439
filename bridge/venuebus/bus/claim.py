"""What the ledger holds of a command, and the ways in which a claim can fail for good."""

from __future__ import annotations

import msgspec

from ..errors import BusError


class Fenced(BusError):
    """Another bridge owns the account now: nothing was written, and nothing must be sent."""


class AlreadyClaimed(BusError):
    """The command was claimed before. ``record`` is the claim that stands."""

    def __init__(self, record: Claim) -> None:
        super().__init__(f"command {record.command_id} is claimed already")
        self.record = record


class NotUnused(BusError):
    """The command is not claimed and was not, but its id is the key of an event of the account."""


class Claim(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is written before the first byte goes out: enough to find the order again, whatever crashes.

    ``nonce`` tells this claim from another one on the same command; ``sent`` is false for a command that was
    refused before anything could be sent, ``reason`` and ``text`` then say why.
    """

    type: str = "claim"
    command_id: str
    verb: str
    nonce: str
    body: str
    body_hash: str
    client_order_id: str | None = None
    venue_order_id: str | None = None
    symbol: str | None = None
    keys: dict[str, str] = {}
    ts_received: int = 0
    ts_claimed: int = 0
    expires_at: int | None = None
    epoch: int = 0
    attempt: int = 1
    sent: bool = True
    reason: str | None = None
    text: str | None = None
    traceparent: str | None = None
