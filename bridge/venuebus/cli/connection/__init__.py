"""The command line's own, short-lived connection to the bus, and the options that name it.

This package is the only part of the command line that knows nats-py.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import click
import msgspec
import nats.errors
from nats.aio.client import Client as Client
from nats.aio.msg import Msg as Msg
from venuebus_schemas import Reply, Subjects

from ...errors import BusError

CONNECT_TIMEOUT = 2.5
LEAVE_WITHIN = 3.0  # seconds from Ctrl-C to the end of the process, whatever hangs
F = TypeVar("F", bound=Callable[..., Any])


class Bus(NamedTuple):
    """How a command reaches the bus; what the options of `bus_options` say."""

    server: str
    creds: Path | None = None
    ca_file: Path | None = None
    inbox_prefix: str = "_INBOX"
    prefix: str = "vb"

    @property
    def subjects(self) -> Subjects:
        """The subject grammar below the prefix."""
        return Subjects(self.prefix)

    @property
    def shown(self) -> str:
        """The address without the login that may stand in it."""
        return self.server if "@" not in self.server else f"{urlsplit(self.server).scheme}://…@{_host(self.server)}"


def bus_options(command: F) -> F:
    """Give a click command the options of a `Bus`, passed to it as ``bus``."""

    def collected(
        *args: Any, server: str, creds: Path | None, ca: Path | None, inbox_prefix: str, prefix: str, **kwargs: Any
    ) -> Any:
        return command(*args, bus=Bus(server, creds, ca, inbox_prefix, prefix), **kwargs)

    collected.__doc__, collected.__name__ = command.__doc__, command.__name__
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--prefix", default="vb", show_default=True, envvar="VENUEBUS_PREFIX", help="Subject prefix."),
        click.option("--inbox-prefix", default="_INBOX", envvar="VENUEBUS_INBOX_PREFIX", metavar="TOKEN",
                     help="Where replies go, if your user may not read _INBOX."),
        click.option("--ca", type=file, envvar="VENUEBUS_CA", help="Authority that signed the server's certificate."),
        click.option("--creds", type=file, envvar="VENUEBUS_CREDS", help="NATS credentials file."),
        click.option("--server", default="nats://127.0.0.1:4222", show_default=True, envvar="VENUEBUS_SERVER",
                     metavar="URL", help="Address of NATS."),
    ):  # fmt: skip
        collected = option(collected)
    return collected  # type: ignore[return-value]


@asynccontextmanager
async def connected(
    bus: Bus, *, on_error: Callable[[Exception], None] | None = None, on_change: Callable[[bool], None] | None = None
) -> AsyncIterator[Client]:
    """Connect within 2.5 s, and close at the end. Nothing is ever buffered for a server that is away.

    Raises:
        BusError: NATS cannot be reached or refuses us; the text names the address and what to do.
    """
    client, told = Client(), list[Exception]()
    ready = False

    async def note(error: Exception) -> None:
        told.append(error)
        if ready and on_error is not None:
            on_error(error)

    async def changed() -> None:
        if ready and on_change is not None:
            on_change(client.is_connected)

    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await client.connect(
                bus.server,
                name="venuebus-cli",
                connect_timeout=2,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                pending_size=0,
                inbox_prefix=bus.inbox_prefix,
                error_cb=note,
                disconnected_cb=changed,
                reconnected_cb=changed,
                **_login(bus),
            )
    except (TimeoutError, OSError, nats.errors.Error, ssl.SSLError, ValueError) as error:
        await _abandon(client)
        raise BusError(_explain(bus, told[-1] if told else error)) from error
    ready = True
    try:
        yield client
    except asyncio.CancelledError:
        _end_for_sure()
        raise
    finally:
        ready = False
        await _abandon(client)


async def request(client: Client, bus: Bus, subject: str, body: Any, *, timeout: float = 5.0) -> Reply:
    """Ask the bridge something and return its reply.

    Raises:
        BusError: nobody serves the subject, no answer came, or the bridge says no.
    """
    try:
        answer = await client.request(subject, msgspec.json.encode(body), timeout=timeout)
    except nats.errors.NoRespondersError as error:
        venue = bus.subjects.parse(subject).venue
        raise BusError(
            f"no bridge on {bus.shown} serves the venue {venue!r}: is it running, and is the venue's name right?"
        ) from error
    except (TimeoutError, nats.errors.Error) as error:
        raise BusError(f"no answer on {subject} within {timeout:g} s") from error
    try:
        reply = msgspec.json.decode(answer.data, type=Reply)
    except msgspec.DecodeError:
        reply = msgspec.msgpack.decode(answer.data, type=Reply)
    if not reply.ok:
        raise BusError(f"the bridge refuses ({reply.reason or 'no reason given'}): {reply.text or ''}".rstrip(": "))
    return reply


async def settle(client: Client) -> None:
    """Return when the server has the subscriptions made so far."""
    await asyncio.sleep(0)  # nats-py's flush overtakes what is still pending otherwise
    await client.flush(timeout=2)


def _login(bus: Bus) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if bus.creds is not None:
        options["user_credentials"] = str(bus.creds)
    if bus.ca_file is not None:
        options["tls"] = ssl.create_default_context(cafile=str(bus.ca_file))
    return options


def _end_for_sure() -> None:
    # Python 3.11's wait_for can lose a cancellation that meets a message, and then a task of the client never ends:
    # Ctrl-C must not hang on that.
    timer = threading.Timer(LEAVE_WITHIN, os._exit, (130,))
    timer.daemon = True
    timer.start()


async def _abandon(client: Client) -> None:
    try:
        async with asyncio.timeout(1):
            await client.close()
    except (TimeoutError, nats.errors.Error, OSError):
        pass  # the process is about to end, and nothing of ours waits in the client


def _host(server: str) -> str:
    parts = urlsplit(server)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _explain(bus: Bus, error: BaseException) -> str:
    text = str(error).lower()
    if "authorization" in text or "authentication" in text:
        return f"NATS at {bus.shown} refuses the login: name one with --creds, or put user and password in --server"
    if isinstance(error, ssl.SSLError) or "tls" in text or "certificate" in text:
        return f"NATS at {bus.shown} and we do not agree about TLS ({error}): see --ca, and tls:// in --server"
    if isinstance(error, ConnectionRefusedError) or "refused" in text or "connect call failed" in text:
        why = "nothing listens there"
    elif isinstance(error, TimeoutError) or not text:
        why = "no answer"
    else:
        why = str(error)
    return (
        f"cannot reach NATS at {bus.shown}: {why}. Is it running? Name another with --server, "
        "or start one with `venuebus demo`"
    )
