"""Reading a stream of the bus in order, each message once, over outages of NATS and of the reader.

nats-py's ordered consumers say nothing for more than 16 s after nats-server restarts, and push whatever the reader's
speed. Here the reader asks for the next few messages when it has none left, so that a slow one holds nothing in
memory; and it makes a new consumer, which begins behind the last message it had, whenever the link changed, the
server forgot the consumer, a number is missing, or nothing was heard for a while.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from .errors import ClientError, NoAnswer, NotServed, PermissionDenied
from .link import Link, LinkLost, Offline
from .sequence import Missing

BATCH = 256  # messages asked for at a time: all that a reader ever holds
SILENCE = 3.5  # seconds without a heartbeat, which come every second, after which the consumer counts as gone
FORGOTTEN = 60  # seconds after which the server drops the consumer of a reader that is gone or asleep
NANOSECONDS = 1_000_000_000
STREAM_NOT_FOUND = 10059


class _ApiError(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Delivered(msgspec.Struct):
    stream_seq: int = 0


class _Created(msgspec.Struct):
    error: _ApiError | None = None
    num_pending: int = 0
    delivered: _Delivered = msgspec.field(default_factory=_Delivered)


class _NoStream(Exception):
    pass


class ConsumerNames:
    """Names for consumers on the server: new ones, or the few that a strict login may use, each by one reader."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self.fixed = bool(allowed)
        self._allowed = len(allowed)
        self._free = list(allowed)

    def take(self) -> str:
        """Return a name that nobody uses.

        Raises:
            ClientError: all that are allowed are in use.
        """
        if not self.fixed:
            return f"client-{secrets.token_hex(8)}"
        if not self._free:
            raise ClientError(
                f"all {self._allowed} consumer names in `readers` are in use: close a stream, or give more"
            )
        return self._free.pop(0)

    def give_back(self, name: str) -> None:
        """Let the next reader have ``name``."""
        if self.fixed:
            self._free.append(name)


class Journal:
    """The messages of a stream that match some filters, oldest first, from a place on.

    An ``async with`` begins to read at once and ends with the block; without one, `next` begins. One task at a time
    may read.
    """

    def __init__(
        self,
        link: Link,
        stream: str,
        filters: list[str],
        start: dict[str, Any],
        on_missing: Callable[[Missing], None],
        names: ConsumerNames,
    ) -> None:
        self._link = link
        self._stream = stream
        self._filters = filters
        self._start = start
        self._tell = on_missing
        self._names = names
        # The stream's number of the last message that is done with.
        self._resume: int | None = start["opt_start_seq"] - 1 if "opt_start_seq" in start else None
        self._ready: deque[Msg] = deque()
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None
        self._inbox = self._name = ""
        self._generation = -1
        self._expected = 1
        self._asked = 0
        self._stale = True

    @property
    def sequence(self) -> int:
        """The stream's number of the last message that was handed out, or of the place where reading began."""
        return self._resume or 0

    async def open(self) -> None:
        """Begin to read: what is stored from now on will be handed out.

        Raises:
            NotServed: the stream does not exist; a bridge makes it when it starts.
            PermissionDenied, ConnectionClosed: as they say.
        """
        if self._subscription is None:
            await self._create(first=True)

    async def next(self) -> Msg:
        """Return the next message; wait for it. Nothing is lost when the wait is canceled.

        Raises:
            NotServed, PermissionDenied, ConnectionClosed: as `open`.
        """
        await self.open()
        while not self._ready:
            await self._fill()
        message = self._ready.popleft()
        self._resume = message.metadata.sequence.stream
        return message

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop reading; the server forgets the consumer by itself."""
        await self._silence()
        if self._name:
            self._names.give_back(self._name)
            self._name = ""

    async def _silence(self) -> None:
        subscription, self._subscription = self._subscription, None
        self._stale = True
        if subscription is not None:
            await self._link.unsubscribe(subscription)

    # --- asking ---------------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Return when something arrived or changed."""
        if self._stale or self._generation != self._link.generation:
            await self._create(first=False)
        self._wake.clear()
        async with self._link.wakes(self._wake, self._inbox, self._next_subject):
            if self._asked <= 0:
                await self._ask()
            self._link.check(self._inbox, self._next_subject)
            if self._ready or self._generation != self._link.generation:
                return
            try:
                async with asyncio.timeout(SILENCE):
                    await self._wake.wait()
            except TimeoutError:
                self._stale = True

    @property
    def _next_subject(self) -> str:
        return f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"

    async def _ask(self) -> None:
        wanted = {"batch": BATCH, "expires": 30 * NANOSECONDS, "idle_heartbeat": NANOSECONDS}
        self._asked = BATCH
        try:
            await self._link.nats.publish(self._next_subject, msgspec.json.encode(wanted), reply=self._inbox)
        except nats.errors.Error:
            self._stale = True  # the link is down; it wakes us when it is back, or raises when it is over

    def _arrived(self, message: Msg) -> None:
        headers = message.headers or {}
        status = headers.get("Status") if not message.data else None
        if status is None:
            self._take(message)
        elif status in ("404", "408") or (status == "409" and "batch" in headers.get("Description", "").casefold()):
            self._asked = 0  # the time of this request is over; the consumer lives
        elif status != "100" or headers.get("Nats-Last-Consumer", "") not in ("", str(self._expected - 1)):
            self._stale = True  # the consumer is gone, or it sent more than what came
        self._wake.set()

    def _take(self, message: Msg) -> None:
        if self._stale:
            return
        if message.metadata.sequence.consumer != self._expected:
            self._stale = True  # something was lost on the way: read it again
            return
        self._expected += 1
        self._asked -= 1
        self._ready.append(message)

    # --- the consumer ---------------------------------------------------------------------------------------

    async def _create(self, *, first: bool) -> None:
        """Make a consumer that begins behind the last message; go on trying while NATS is away."""
        delay = 0.05
        while True:
            try:
                await self._create_once()
                return
            except _NoStream as error:
                if first:
                    raise NotServed(str(error)) from None
            except (NoAnswer, NotServed) as error:
                if first and not isinstance(error, (LinkLost, Offline)):
                    raise
            self._wake.clear()
            async with self._link.wakes(self._wake):
                self._link.check()
                try:
                    async with asyncio.timeout(delay):
                        await self._wake.wait()
                except TimeoutError:
                    delay = min(delay * 2, 1.0)

    async def _create_once(self) -> None:
        await self._silence()
        self._link.check()
        generation, inbox = self._link.generation, self._link.nats.new_inbox()
        if self._names.fixed and not self._name:
            self._name = self._names.take()
        self._subscription = await self._link.subscribe(inbox, self._arrived)
        start = self._start
        if self._resume is not None:
            start = {"deliver_policy": "by_start_sequence", "opt_start_seq": self._resume + 1}
        created = await self._consumer(start)
        if self._resume and created.num_pending == 0:
            # The server would wait in silence for a number that a stream made anew reaches much later.
            end = await self._consumer({"deliver_policy": "new"})
            if end.delivered.stream_seq < self._resume:
                self._tell(Missing(self._filters[0], cause="history", text="the stream was made anew"))
                self._resume, start = 0, {"deliver_policy": "all"}
            created = await self._consumer(start)
        self._inbox, self._generation = inbox, generation
        self._expected, self._asked, self._stale = 1, 0, False
        self._begins(created.delivered.stream_seq)

    async def _consumer(self, start: dict[str, Any]) -> _Created:
        """Make the consumer, in the place of the one before."""
        if self._names.fixed:
            await self._link.request(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}", b"", timeout=2)
        else:
            self._name = self._names.take()
        config: dict[str, Any] = {
            "name": self._name, "ack_policy": "none", "mem_storage": True, "num_replicas": 1,
            "inactive_threshold": FORGOTTEN * NANOSECONDS, **start,
        }  # fmt: skip
        subject = f"$JS.API.CONSUMER.CREATE.{self._stream}.{self._name}"
        if len(self._filters) == 1:
            config["filter_subject"] = self._filters[0]
            subject += f".{self._filters[0]}"  # the subject that permissions are given for
        else:
            config["filter_subjects"] = self._filters
        body = msgspec.json.encode({"stream_name": self._stream, "config": config})
        try:
            answer = await self._link.request(subject, body, timeout=2)
        except PermissionDenied as denied:
            if len(self._filters) == 1:
                raise
            text = (
                f"{denied}; the right to read several kinds at once is the right to read all: read one kind per stream"
            )
            raise PermissionDenied(denied.action, denied.subject, text) from denied
        created = msgspec.json.decode(answer.data, type=_Created)
        self._check(created.error)
        return created

    def _check(self, error: _ApiError | None) -> None:
        if error is None:
            return
        if error.err_code == STREAM_NOT_FOUND:
            raise _NoStream(
                f"there is no stream {self._stream}: a bridge makes it when it starts (`venuebus run FILE`)"
            )
        if error.code == 503:
            raise NoAnswer(f"JetStream is not available: {error.description}")
        raise ClientError(f"the stream {self._stream} cannot be read: {error.description} ({error.err_code})")

    def _begins(self, before: int) -> None:
        """Remember where the consumer begins, so that the next one begins there too; tell what is gone."""
        if self._resume is not None and before > self._resume:
            text = "the stream no longer keeps what came before"
            self._tell(Missing(self._filters[0], cause="history", text=text))
        if self._resume is not None or self._start["deliver_policy"] != "last_per_subject":
            self._resume = before
