"""How a command reaches the bus: the options that name it, and the client with words for the command line."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from venuebus_schemas import Subjects

from ...client import CannotConnect, Client, connect, shown
from ...errors import BusError
from ...quiet import be_quiet_about_tls

LEAVE_WITHIN = 3.0  # seconds from Ctrl-C to the end of the process, whatever hangs
F = TypeVar("F", bound=Callable[..., Any])


class Bus(NamedTuple):
    """How a command reaches the bus; what the options of `bus_options` say."""

    server: str
    creds: Path | None = None
    ca_file: Path | None = None
    inbox_prefix: str = "_INBOX"
    prefix: str = "vb"
    nkey_file: Path | None = None

    @property
    def subjects(self) -> Subjects:
        """The subject grammar below the prefix."""
        return Subjects(self.prefix)

    @property
    def shown(self) -> str:
        """The address without the login that may stand in it."""
        return shown(self.server)


def bus_options(command: F) -> F:
    """Give a click command the options of a `Bus`, passed to it as ``bus``."""

    def collected(
        *args: Any,
        server: str,
        creds: Path | None,
        nkey: Path | None,
        ca: Path | None,
        inbox_prefix: str,
        prefix: str,
        **kwargs: Any,
    ) -> Any:
        return command(*args, bus=Bus(server, creds, ca, inbox_prefix, prefix, nkey), **kwargs)

    collected.__doc__, collected.__name__ = command.__doc__, command.__name__
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--prefix", default="vb", show_default=True, envvar="VENUEBUS_PREFIX", help="Subject prefix."),
        click.option("--inbox-prefix", default="_INBOX", envvar="VENUEBUS_INBOX_PREFIX", metavar="TOKEN",
                     help="Where replies go, if your user may not read _INBOX."),
        click.option("--ca", type=file, envvar="VENUEBUS_CA", help="Authority that signed the server's certificate."),
        click.option("--nkey", type=file, envvar="VENUEBUS_NKEY", help="File with the seed of your nkey."),
        click.option("--creds", type=file, envvar="VENUEBUS_CREDS", help="NATS credentials file."),
        click.option("--server", default="nats://127.0.0.1:4222", show_default=True, envvar="VENUEBUS_SERVER",
                     metavar="URL", help="Address of NATS."),
    ):  # fmt: skip
        collected = option(collected)
    return collected  # type: ignore[return-value]


HINTS = {
    "login": ": name one with --creds or --nkey, or put user and password in --server",
    "tls": ": see --ca, and tls:// in --server",
    "unreachable": ". Is it running? Name another with --server, or start one with `venuebus demo`",
}


@asynccontextmanager
async def connected(
    bus: Bus, *, on_error: Callable[[Exception], None] | None = None, on_change: Callable[[bool], None] | None = None
) -> AsyncIterator[Client]:
    """Connect within 2.5 s, and close at the end. Nothing is ever buffered for a server that is away.

    Raises:
        BusError: NATS cannot be reached or refuses us; the text names the address and what to do.
    """
    be_quiet_about_tls()
    try:
        async with connect(
            bus.server,
            prefix=bus.prefix,
            name="venuebus-cli",
            credentials=bus.creds,
            nkey_seed=bus.nkey_file.read_text(encoding="utf-8").strip() if bus.nkey_file is not None else None,
            ca_file=bus.ca_file,
            inbox_prefix=bus.inbox_prefix,
            on_error=on_error,
            on_change=on_change,
        ) as client:
            try:
                yield client
            except asyncio.CancelledError:
                _end_for_sure()
                raise
    except CannotConnect as error:
        raise BusError(f"{error}{HINTS[error.why]}") from error


def _end_for_sure() -> None:
    # Python 3.11's wait_for can lose a cancellation that meets a message, and then a task of the client never ends:
    # Ctrl-C must not hang on that.
    timer = threading.Timer(LEAVE_WITHIN, os._exit, (130,))
    timer.daemon = True
    timer.start()
