"""The bridge about itself: ``sys.<venue>.<kind>`` and ``dead.<venue>.<origin>``."""

from __future__ import annotations

from .base import Event, Nanoseconds
from .enums import DeadLetterOrigin, Reason, SessionState


class Session(Event, tag_field="type", tag="session", kw_only=True, omit_defaults=True, gc=False):
    """State of one venue's connection, published on every change.

    ``bridge`` names the process that says so: with a standby there are two that speak about one venue.
    """

    state: SessionState
    reason: Reason | None = None
    text: str | None = None
    attempt: int | None = None
    retry_at: Nanoseconds | None = None
    bridge: str | None = None


class Gap(Event, tag_field="type", tag="gap", kw_only=True, omit_defaults=True, gc=False):
    """Events on ``subjects`` may be missing between the two times.

    ``healed`` is true once the state was asked for and published again. ``subjects`` are NATS patterns.
    """

    subjects: list[str]
    ts_from: Nanoseconds | None = None
    ts_to: Nanoseconds
    reason: str
    healed: bool


class DeadLetter(Event, tag_field="type", tag="dead_letter", kw_only=True, omit_defaults=True, gc=False):
    """What could not be understood, whole: ``raw`` is base64 of the exact bytes.

    Bytes longer than the bus allows come as several letters, ``part`` of ``parts``, counted from 1.
    """

    origin: DeadLetterOrigin
    reason: Reason
    text: str
    raw: str
    content_type: str | None = None
    subject: str | None = None
    part: int | None = None
    parts: int | None = None


Status = Session | Gap | DeadLetter
