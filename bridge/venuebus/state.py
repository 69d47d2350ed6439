"""The state of one venue: published, counted, told to plugins, and waited for by commands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from venuebus_schemas import Reason, Session, SessionState

from .bus.notices import Notices

log = structlog.get_logger("venuebus.venue")


class VenueState:
    """One venue's state and the event of its next change."""

    def __init__(
        self, venue: str, notices: Notices, told: Callable[[str, SessionState, str], None], bridge: str
    ) -> None:
        self.venue = venue
        self.bridge = bridge
        self.state = SessionState.CLOSED
        self.reason: Reason | None = None
        self.text = ""
        self.since_ns = time.time_ns()
        self.changes = 0
        self._notices = notices
        self._told = told
        self._changed = asyncio.Event()

    def set(
        self,
        state: SessionState,
        text: str = "",
        *,
        reason: Reason | None = None,
        attempt: int | None = None,
        retry_at: int | None = None,
    ) -> None:
        """Change the state: one log line, one session event, and whoever waits is woken."""
        same = state is self.state and text == self.text
        self.state, self.text, self.reason = state, text, reason
        if not same:
            self.since_ns = time.time_ns()
            self.changes += 1
            bad = state in (SessionState.DOWN, SessionState.FAILED, SessionState.DEGRADED)
            say = log.warning if bad else log.info
            known = {"reason": str(reason) if reason else None, "text": text or None, "attempt": attempt}
            say(f"venue {state}", venue=self.venue, **{key: value for key, value in known.items() if value})
            self._notices.session(
                Session(
                    state=state,
                    reason=reason,
                    text=text or None,
                    attempt=attempt,
                    retry_at=retry_at,
                    bridge=self.bridge,
                )
            )
            self._told(self.venue, state, text)
        self.wake()

    def mirror(self, state: SessionState, text: str, reason: Reason | None, since_ns: int) -> None:
        """Take over a state that the process which runs the venue has published and logged; only plugins are told."""
        same = state is self.state and text == self.text
        self.state, self.text, self.reason = state, text, reason
        if not same:
            self.since_ns = since_ns
            self.changes += 1
            self._told(self.venue, state, text)
            self.wake()

    def wake(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Return at the next change."""
        await self._changed.wait()
