"""One connection to NATS on which nothing ever waits in silence.

nats-py leaves a caller waiting when a permission is missing, when the link drops under a request, and when it gives
up for good (expired credentials). Here each of these ends every call that waits, with an error that says what it was.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from .errors import CannotConnect, ClientError, ConnectionClosed, NoAnswer, NotServed, PermissionDenied

T = TypeVar("T")
TICK = 2.0  # seconds after which a waiting reader looks whether its connection still lives
# nats-py gives the server's words in lower case, the subject too
VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"')
ROLES = {"cmd": "strategy", "ctl": "operator", "md": "observer", "acct": "observer", "sys": "observer",
         "qry": "observer", "dead": "observer"}  # fmt: skip


class LinkLost(NoAnswer):
    """The connection dropped while an answer was awaited; the message may have arrived or not."""


class Offline(NotServed):
    """The connection is down, and nothing was sent."""


class Login(NamedTuple):
    """How NATS is reached. A user and a password may stand in the address."""

    servers: list[str]
    name: str = "venuebus-client"
    credentials: Path | str | None = None
    nkey_seed: str | None = None
    ca_file: Path | str | None = None
    inbox_prefix: str = "_INBOX"
    timeout: float = 2.5

    @property
    def shown(self) -> str:
        """The addresses without the logins that may stand in them."""
        return ", ".join(shown(server) for server in self.servers)

    def options(self) -> dict[str, Any]:
        """Return what nats-py wants to hear."""
        options: dict[str, Any] = {"servers": self.servers, "name": self.name, "inbox_prefix": self.inbox_prefix}
        if self.credentials is not None:
            options["user_credentials"] = str(self.credentials)
        if self.nkey_seed is not None:
            options["nkeys_seed_str"] = self.nkey_seed
        if self.ca_file is not None:
            options["tls"] = ssl.create_default_context(cafile=str(self.ca_file))
        return options


class Link:
    """A connection that reconnects for ever, sends nothing late, and fails what waits when waiting is in vain."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.nats = NatsClient()
        self.generation = 0
        """Counts the connections: a reader that sees it change begins again where it was."""
        self.on_change: list[Callable[[bool], None]] = []
        self.on_error: list[Callable[[Exception], None]] = []
        self._waiting: dict[asyncio.Future[Any], str] = {}
        self._readers: dict[asyncio.Event, tuple[str, ...]] = {}
        self._denied: dict[str, PermissionDenied] = {}
        self._told: Exception | None = None
        self._open = False
        self._closing = False

    # --- life -----------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Return when the connection stands.

        Raises:
            CannotConnect: NATS cannot be reached in time, or refuses us.
        """
        try:
            async with asyncio.timeout(self.login.timeout):
                await self.nats.connect(
                    **self.login.options(),
                    connect_timeout=2,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.25,  # type: ignore[arg-type]  # it is slept; a second is long
                    ping_interval=10,
                    max_outstanding_pings=2,
                    pending_size=0,  # a command must never leave later than it was sent
                    error_cb=self._on_error,
                    disconnected_cb=self._on_down,
                    reconnected_cb=self._on_up,
                    closed_cb=self._on_closed,
                )
        except (TimeoutError, OSError, nats.errors.Error, ssl.SSLError, ValueError) as error:
            await self.close()
            raise _explain(self.login, self._told or error) from error
        self._open, self._told = True, None

    async def close(self) -> None:
        """End the connection; everything that still waits ends with `ConnectionClosed`."""
        self._closing, self._open = True, False
        self._fail(lambda _: True, ConnectionClosed("the client was closed"))
        with suppress(TimeoutError, nats.errors.Error, OSError, AssertionError):
            async with asyncio.timeout(1):
                await self.nats.close()

    def check(self, *subjects: str) -> None:
        """Return if waiting makes sense.

        Raises:
            ConnectionClosed: the connection is over for good.
            PermissionDenied: one of ``subjects`` was denied.
        """
        if self._closing:
            raise ConnectionClosed("the client was closed")
        if self.nats.is_closed:
            raise self._over()
        for subject in subjects:
            if denied := self._denied.get(subject.casefold()):
                raise denied

    # --- talking --------------------------------------------------------------------------------------------

    async def request(self, subject: str, data: bytes, *, timeout: float, headers: dict[str, str] | None = None) -> Msg:
        """Send ``data`` and return the answer.

        Raises:
            NotServed: nobody listens on the subject. NoAnswer: none came in time. LinkLost: the link dropped.
            PermissionDenied, ConnectionClosed: as `check`.
        """
        self._denied.pop(subject.casefold(), None)  # rights may have been given since
        self.check()
        try:
            return await self._guarded(subject, self.nats.request(subject, data, timeout=timeout, headers=headers))
        except nats.errors.NoRespondersError as error:
            raise NotServed(f"nobody serves {subject} on {self.login.shown}") from error
        except nats.errors.OutboundBufferLimitError as error:
            raise Offline(f"the connection to {self.login.shown} is lost at the moment") from error
        except nats.errors.ConnectionClosedError as error:
            raise self._over() from error
        except (TimeoutError, nats.errors.TimeoutError) as error:
            raise NoAnswer(f"no answer on {subject} within {timeout:g} s") from error

    async def _guarded(self, subject: str, work: Coroutine[Any, Any, T]) -> T:
        """Return what ``work`` does, unless something happens that makes waiting for it vain."""
        trouble: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[trouble] = subject.casefold()
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, trouble}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            trouble.result()
            raise AssertionError("trouble without an error")
        finally:
            del self._waiting[trouble]
            task.cancel()
            if trouble.done() and not trouble.cancelled():
                trouble.exception()

    async def subscribe(self, subject: str, take: Callable[[Msg], None]) -> Subscription:
        """Subscribe; ``take`` is called with each message and must not block."""

        async def on_message(message: Msg) -> None:
            take(message)

        self._denied.pop(subject.casefold(), None)
        try:
            return await self.nats.subscribe(subject, cb=on_message)
        except nats.errors.ConnectionClosedError as error:
            raise self._over() from error

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription, also one that ended by itself."""
        with suppress(nats.errors.Error, OSError, ValueError):
            await subscription.unsubscribe()

    async def settle(self) -> None:
        """Return when the server has the subscriptions made so far, or has refused them."""
        while self.nats.pending_data_size and self.nats.is_connected:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)  # nats-py's flush overtakes what is still pending
        with suppress(TimeoutError, nats.errors.Error, OSError):
            await self.nats.flush(timeout=2)

    @asynccontextmanager
    async def wakes(self, event: asyncio.Event, *subjects: str) -> AsyncIterator[None]:
        """Set ``event`` whenever the link changes or one of ``subjects`` is denied."""
        self._readers[event] = subjects
        try:
            yield
        finally:
            self._readers.pop(event, None)

    # --- what nats-py tells ---------------------------------------------------------------------------------

    async def _on_error(self, error: Exception) -> None:
        # A server that refuses a login hangs up, and the reset can overtake its words: the clearer error stands.
        if self._told is None or not _is_refusal(self._told):
            self._told = error
        if violation := VIOLATION.search(str(error).casefold()):
            self._deny(*violation.groups())
        if self._open:
            for tell in self.on_error:
                tell(error)

    def _deny(self, action: str, subject: str) -> None:
        action = "publish" if action == "publish" else "subscribe"
        inbox = subject.startswith(f"{self.login.inbox_prefix.casefold()}.")
        denied = PermissionDenied(action, subject, _hint(action, subject, inbox))
        self._denied[subject] = denied
        self._fail(lambda waiting: inbox or waiting == subject, denied)
        self._wake()

    async def _on_down(self) -> None:
        self._fail(lambda _: True, LinkLost(f"the connection to {self.login.shown} was lost"))
        self._changed(False)

    async def _on_up(self) -> None:
        self.generation += 1
        self._denied.clear()
        self._changed(True)

    async def _on_closed(self) -> None:
        self._fail(lambda _: True, self._over())
        self._wake()

    def _changed(self, up: bool) -> None:
        self._wake()
        if self._open:
            for tell in self.on_change:
                tell(up)

    def _over(self) -> ClientError:
        if self._closing:
            return ConnectionClosed("the client was closed")
        why = self.nats.last_error or self._told
        return ConnectionClosed(
            f"the connection to {self.login.shown} is over for good: {why or 'nats-py gave up'}. Make a new client; "
            "where credentials expired, with new ones"
        )

    def _wake(self) -> None:
        for event in list(self._readers):
            event.set()

    def _fail(self, concerned: Callable[[str], bool], error: ClientError) -> None:
        for waiting, subject in self._waiting.items():
            if not waiting.done() and concerned(subject):
                waiting.set_exception(error)


def _hint(action: str, subject: str, inbox: bool) -> str:
    told = f"the login may not {action}{'' if action == 'publish' else ' to'} {subject}"
    if inbox:
        return f"{told}: give the inbox_prefix that belongs to your user"
    planes = [token for token in subject.split(".") if token in ROLES]
    if subject.startswith("$js.api.consumer."):
        return (
            f"{told}: reading this stream needs the role {ROLES[planes[0]] if planes else 'observer'!r} for the account"
        )
    return f"{told}: it needs the role {ROLES[planes[0]]!r} for this venue and account" if planes else told


def shown(server: str) -> str:
    """Return an address without the login that may stand in it."""
    if "@" not in server:
        return server
    parts = urlsplit(server)
    host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    return f"{parts.scheme}://…@{host}"


def _is_refusal(error: BaseException) -> bool:
    text = str(error).casefold()
    return "authorization" in text or "authentication" in text


def _explain(login: Login, error: BaseException) -> CannotConnect:
    text = str(error).casefold()
    if _is_refusal(error):
        return CannotConnect(f"NATS at {login.shown} refuses the login", "login")
    if isinstance(error, ssl.SSLError) or "tls" in text or "certificate" in text:
        return CannotConnect(f"NATS at {login.shown} and we do not agree about TLS ({error})", "tls")
    if isinstance(error, ConnectionRefusedError) or "refused" in text or "connect call failed" in text:
        why = "nothing listens there"
    elif isinstance(error, TimeoutError) or not text:
        why = "no answer"
    else:
        why = str(error)
    return CannotConnect(f"cannot reach NATS at {login.shown}: {why}", "unreachable")
