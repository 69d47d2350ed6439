"""nats-py's client without its traps: the server's word ends a connection, never the client.

nats-py closes a client for good on every ``-ERR`` but a permission's: an expired or revoked login, a message that is
too large, too many connections. Everything that hangs on it is dead then, although a new connection, with the
credentials that are in the file by now, would do. Here such a word means what a lost link means: connect again, and
read the login anew for it. Who cannot be helped by that is told apart by `is_refusal`.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ..secret import redact

log = structlog.get_logger("venuebus.bus")

# nats-py gives the server's words in lower case, the subject too.
VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"')
STAYS = ("invalid subject", "maximum subscriptions exceeded")  # the server says so and keeps the connection
REFUSED = ("authorization", "authentication", "user credentials", "credentials cannot be used")
Ask = Callable[..., Awaitable[Msg]]
R = TypeVar("R")


class PermissionDenied(nats.errors.Error):
    """The server does not let this login use ``subject``; nothing was stored."""

    def __init__(self, action: str, subject: str, text: str) -> None:
        super().__init__(text)
        self.action = action
        self.subject = subject


class _Inlet:
    """What nats-py takes for the future of a request; it hands over every message in the moment it is read."""

    def __init__(self, subject: str, take: Callable[[Msg], None]) -> None:
        self._subject = subject
        self._take = take

    def cancelled(self) -> bool:
        return False

    def set_result(self, message: Msg) -> None:
        try:
            self._take(message)
        except Exception:  # nats-py would stop reading for good
            log.exception("message from NATS could not be taken", subject=self._subject)


class BusClient(Client):
    """A client that is closed by its owner only.

    Attributes:
        renew: called before every connection, to read again what may have been replaced on the disk.
        ask: how `request` asks, if not in nats-py's own way.
    """

    renew: Callable[[], None] | None = None
    ask: Ask | None = None

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Ask as nats-py does, or by `ask` where that is set."""
        if self.ask is None:
            return await super().request(subject, payload, timeout, old_style, headers)
        return await self.ask(subject, payload, headers=headers, timeout=timeout)

    async def listen(self, subject: str, take: Callable[[Msg], None]) -> Subscription:
        """Call ``take`` with every message on ``subject`` while it is read; ``take`` must neither wait nor be slow.

        nats-py's own callbacks cost a queue and two switches of a task per message, and drop messages when the queue
        is full; here nothing is kept.
        """
        return await self.subscribe(subject, future=_Inlet(subject, take))  # type: ignore[arg-type]

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, Any] | None
    ) -> None:
        # nats-py looks at every header's name and value with a regular expression and a table, half of what it costs
        # to store an event. One look at all of them tells whether any has a line end in it; nats-py takes that out.
        block = "" if not headers else "".join([f"{name}: {text}\r\n" for name, text in headers.items()])
        if not headers or not subject or not block.count("\n") == block.count("\r") == len(headers):
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        lines = f"NATS/1.0\r\n{block}\r\n".encode()
        head = f"HPUB {subject} {reply} {len(lines)} {len(lines) + payload_size}\r\n".encode()
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        await self._send_command(b"".join((head, lines, payload, b"\r\n")))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    def use_seed(self, seed: str) -> None:
        """Log in with another nkey from the next connection on."""
        self._nkeys_seed_str = seed
        self._setup_nkeys_connect()

    async def _process_connect_init(self) -> None:
        if self.renew is not None:
            _with_credentials(self.renew)
        await super()._process_connect_init()

    def _connect_command(self) -> bytes:
        return _with_credentials(super()._connect_command)

    async def _attempt_reconnect(self) -> None:
        try:
            await super()._attempt_reconnect()
        except asyncio.InvalidStateError:
            pass  # an error of the server in the middle of it has begun the next attempt, which ended this one's future

    async def _process_err(self, err_msg: str) -> None:
        text = err_msg.strip("'")
        if "stale connection" in text or VIOLATION.search(text):
            await super()._process_err(err_msg)
            return
        error = nats.errors.Error(f"nats: {text}")
        await self._error_cb(error)
        if not any(word in text for word in STAYS):
            await self._process_op_err(error)


def _with_credentials(read: Callable[[], R]) -> R:
    try:
        return read()
    except Exception as error:  # whatever a half-written file does: nats-py would go silent on most of it
        text = redact(str(error)) or type(error).__name__
        raise nats.errors.Error(f"credentials cannot be used: {text}") from error


def is_refusal(error: BaseException) -> bool:
    """Tell whether the server will not have us, or we not the server, which waiting alone does not mend."""
    text = str(error).lower()
    if isinstance(error, ssl.SSLError):
        return "certificate" in text
    return any(word in text for word in REFUSED)
