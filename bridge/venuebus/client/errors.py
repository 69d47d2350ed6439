"""What can go wrong between a strategy and the bus, named by what the caller should do.

ClientError
├── CannotConnect       name another server or login; nothing was sent
├── ConnectionClosed    connect again: this connection is over for good
├── PermissionDenied    use a login with the role that the text names
├── NotServed           start a bridge, or mend the venue's name
├── NoAnswer            ask again: a request changes nothing
├── RequestRefused      the bridge says no; ``reason`` is the contract's code
├── CommandNotSent      certainly not on the bus, so it may be sent again, under a new id too
├── CommandExists       a command with this id is on the bus already: ask for its result
└── CommandInDoubt      may take effect: ask for its result, never send it under another id
"""

from __future__ import annotations

from typing import Literal

from venuebus_schemas import Reason

from ..errors import BusError

Why = Literal["login", "tls", "unreachable"]


class ClientError(BusError):
    """Root of what the client raises on purpose."""


class CannotConnect(ClientError):
    """NATS cannot be reached or refuses us. ``why`` tells login, tls and unreachable apart."""

    def __init__(self, text: str, why: Why) -> None:
        super().__init__(text)
        self.why = why


class ConnectionClosed(ClientError):
    """The connection is over for good and everything that waits on it has ended; make a new client.

    nats-py gives up like this when credentials expire while they are in use, or when the server refuses a message
    as malformed. An outage of NATS is none: the client reconnects for ever.
    """


class PermissionDenied(ClientError):
    """The login may not do this. ``action`` is publish or subscribe; a denied publish was not stored."""

    def __init__(self, action: str, subject: str, text: str) -> None:
        super().__init__(text)
        self.action = action
        self.subject = subject


class NotServed(ClientError):
    """Nobody is there: no bridge owns the venue, or the stream was never made."""


class NoAnswer(ClientError):
    """No answer came in time, or the connection was lost while it was awaited."""


class RequestRefused(ClientError):
    """The bridge answered a request with no."""

    def __init__(self, reason: Reason | None, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class CommandNotSent(ClientError):
    """The command is certainly not on the bus and never will be."""

    def __init__(self, command_id: str, text: str) -> None:
        super().__init__(text)
        self.command_id = command_id


class CommandExists(ClientError):
    """A command with this id was published before; nothing was sent now. Its result is on the bus, or will be."""

    def __init__(self, command_id: str, text: str) -> None:
        super().__init__(text)
        self.command_id = command_id


class CommandInDoubt(ClientError):
    """What became of the command is not known here, so it must count as open.

    Ask with ``await client.result(venue, command_id)``; ``stored`` is true when the bus certainly has the command
    and only its result is missing.
    """

    def __init__(self, venue: str, account: str, command_id: str, text: str, *, stored: bool) -> None:
        super().__init__(text)
        self.venue = venue
        self.account = account
        self.command_id = command_id
        self.stored = stored
