"""Errors, named by what the caller should do.

    VenuebusError
    ├── ConfigError          mend the configuration; nothing was started
    ├── PluginError          mend or remove the plugin; the others go on
    ├── BusError             mend NATS or its streams
    ├── RetryableError       (session) the link is lost: the bridge comes back, after ``retry_after`` at the earliest
    ├── FatalError           (session) coming back is useless or harmful until a person has changed something
    ├── NotSent              (command) certainly never reached the venue: may be tried again
    ├── CommandRejected      (command) certainly has no effect
    └── OutcomeUnknown       (command) neither could be proved: ask the venue, never send again

Anything else that a plugin raises while it executes a command is treated as `OutcomeUnknown`; anything else that
a session raises fails that venue and no other.
"""

from __future__ import annotations

from venuebus_schemas import Reason


class VenuebusError(Exception):
    """Root of the errors that the bridge and its plugins raise on purpose."""


class ConfigError(VenuebusError):
    """The configuration is wrong; the text names file, key and what was expected."""


class PluginError(VenuebusError):
    """A plugin cannot be used; the text names the distribution and why."""


class BusError(VenuebusError):
    """NATS, a stream or the ledger is not as it must be; the text says what to change."""


class RetryableError(VenuebusError):
    """The connection is lost or could not be made; worth another attempt.

    Args:
        text: what happened, for people.
        retry_after: seconds to wait at least, where the venue named them.
        reason: machine-readable reason for the session event.
    """

    def __init__(self, text: str, *, retry_after: float | None = None, reason: Reason = Reason.NOT_CONNECTED) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.reason = reason


class FatalError(VenuebusError):
    """Another attempt is useless or harmful (a wrong password locks the account): a person must act."""

    def __init__(self, text: str, *, reason: Reason = Reason.UNAUTHORIZED) -> None:
        super().__init__(text)
        self.reason = reason


class NotSent(VenuebusError):
    """Not one byte of the request can have reached the venue, so trying again is safe."""

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class CommandRejected(VenuebusError):
    """The command certainly has no effect, and why.

    Args:
        reason: one of the contract's codes.
        text: for people; names the limit and by how much, or the venue's own words.
        venue_status: the venue's own code, where it gave one.
    """

    def __init__(self, reason: Reason, text: str, *, venue_status: str | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.venue_status = venue_status


class OutcomeUnknown(VenuebusError):
    """The command may or may not have taken effect.

    Args:
        text: what was lost, for people.
        reason: ``timeout`` unless something better is known.
    """

    def __init__(self, text: str, *, reason: Reason = Reason.TIMEOUT) -> None:
        super().__init__(text)
        self.reason = reason
