"""How a write to NATS can fail, told apart by what is certain of the message; and JetStream's codes that say so."""

from __future__ import annotations

from ..errors import BusError


class BusUnavailable(BusError):
    """NATS cannot take a message now; nothing of it will arrive later either."""


class NotPermitted(BusUnavailable):
    """Our login may not do this, and nothing was stored; the text names the subject and the role that grants it."""


class InDoubt(BusError):
    """No answer came: the message may be stored or not, and may even still arrive."""


class Refused(BusError):
    """JetStream refused the message, and nothing was stored. ``code`` is JetStream's own error code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"JetStream refused: {text} ({code})")
        self.code = code


WRONG_SEQUENCE = 10071
TOO_LARGE = 10054  # what JetStream itself says about a message over its stream's limit
CONFLICT_IN_FLIGHT = 10164
DUPLICATE_IN_BATCH = 10201
STREAM_FULL = frozenset({10077, 10023, 10047})
