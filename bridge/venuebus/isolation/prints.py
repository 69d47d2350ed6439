"""What a plugin prints, as log lines: standard output is nobody's, and no log must be broken up by it."""

from __future__ import annotations

import os
import sys
import threading
import time

import structlog

LONGEST = 2000  # bytes of a line that are shown
A_SECOND = 20  # lines that are shown; the others are counted
log = structlog.get_logger("venuebus.plugin")


class Prints:
    """Standard output of this process, read by a thread from `start` on."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take over file descriptor 1."""
        source, sink = os.pipe()
        os.dup2(sink, 1)
        os.close(sink)
        sys.stdout = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
        self._thread = threading.Thread(target=self._read, args=(source,), name="prints", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Log what is left; call it last."""
        null = os.open(os.devnull, os.O_WRONLY)
        sys.stdout.close()
        os.dup2(null, 1)
        if self._thread is not None:
            self._thread.join(0.5)

    def _read(self, source: int) -> None:
        second, shown, left_out = 0, 0, 0
        with os.fdopen(source, "rb") as lines:
            while line := lines.readline(LONGEST):
                now = int(time.monotonic())
                if now != second:
                    if left_out:
                        log.info("plugin printed more than is shown", venue=self._venue, lines=left_out)
                    second, shown, left_out = now, 0, 0
                shown += 1
                if shown > A_SECOND:
                    left_out += 1
                elif text := line.decode("utf-8", "backslashreplace").rstrip():
                    log.info("plugin printed", venue=self._venue, text=text)
