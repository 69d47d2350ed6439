"""OpenD's times as nanoseconds: epoch doubles first, strings by the exchange's zone otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
_LATEST = 32_503_680_000.0  # the year 3000: whatever is beyond is no time


def epoch_ns(seconds: float) -> int | None:
    """Return an epoch double (microsecond content) in nanoseconds; ``None`` for 0, which OpenD sends for "none".

    Raises:
        ValueError: not a number, or no time at all.
    """
    if seconds == 0.0:
        return None
    if not 0.0 < seconds < _LATEST:
        raise ValueError(f"{seconds} where an epoch time belongs")
    return round(seconds * 1e6) * 1000


@lru_cache(maxsize=4096)
def local_ns(local: str, zone: ZoneInfo) -> int | None:
    """Return ``YYYY-MM-DD HH:MM:SS[.mmm]`` of ``zone`` in nanoseconds.

    ``None`` where the text is empty or cannot be told exactly: in the hour that clocks go through twice, and in the
    one they leave out.

    Raises:
        ValueError: the text has another form.
    """
    if not local:
        return None
    if type(local) is not str:
        raise ValueError(f"{local!r} where a local time belongs")
    naive = datetime.fromisoformat(local)
    if naive.tzinfo is not None:
        raise ValueError(f"{local!r} names a zone of its own")
    first = naive.replace(tzinfo=zone, fold=0)
    if first.utcoffset() != naive.replace(tzinfo=zone, fold=1).utcoffset():
        return None
    whole = first.replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000_000 + first.microsecond * 1000


def local_text(ns: int, zone: ZoneInfo) -> str:
    """Return ``ns`` as OpenD writes local times, to the second."""
    return datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
