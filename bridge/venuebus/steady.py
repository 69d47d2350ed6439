"""The clock that bounds how late something may be sent: nobody can set it, and it goes on while the machine sleeps.

``time.monotonic`` stands still while a laptop or a virtual machine is suspended: a bridge that wakes would take its
lease, and a command, for as fresh as when it fell asleep.
"""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Seconds since some moment."""
    return time.clock_gettime(_CLOCK)


def steady_ns() -> int:
    """Nanoseconds since the same moment."""
    return time.clock_gettime_ns(_CLOCK)
