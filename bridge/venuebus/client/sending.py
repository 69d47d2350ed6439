"""Commands: stored once, and what became of them.

The stream refuses a second message on a command's subject for as long as it keeps the first, so publishing the same
command again is safe and is the way to learn whether it is there. What is never done is to send what may be stored
under another id.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakValueDictionary

import msgspec
from venuebus_schemas import (
    CONTENT_TYPES,
    SCHEMA_VERSION,
    AnyCommand,
    Encoding,
    Result,
    ResultStatus,
    Subjects,
    check_command,
    encode,
)

from .errors import ClientError, CommandExists, CommandInDoubt, CommandNotSent, NoAnswer, NotServed, PermissionDenied
from .events import EventStream
from .link import Link, Offline

WRONG_SEQUENCE = 10071
ACK_TIMEOUT = 2.0  # seconds for one acknowledgment before the command is published again


class _ApiError(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    duplicate: bool = False
    error: _ApiError | None = None


class SentCommand:
    """A command that is on the bus. Results that come are kept for as long as somebody holds this object."""

    def __init__(self, venue: str, account: str, command_id: str) -> None:
        self.venue = venue
        self.account = account
        self.command_id = command_id
        self.results: list[Result] = []
        self._arrived = asyncio.Event()
        self._failed: BaseException | None = None

    async def result(self, timeout: float | None = 20.0) -> Result:
        """Return the first result: accepted, rejected or unknown.

        Raises:
            CommandInDoubt: none came in time, or results cannot be read any more. The command may take effect.
        """
        return await self._wait(lambda: bool(self.results), timeout)

    async def settled(self, timeout: float | None = None) -> Result:
        """Return the result that is no longer ``unknown``: the first one, or the second where the first is unknown.

        Raises:
            CommandInDoubt: none came in time, or results cannot be read any more.
        """
        return await self._wait(lambda: _settled(self.results), timeout)

    async def _wait(self, done: Callable[[], bool], timeout: float | None) -> Result:
        try:
            async with asyncio.timeout(timeout):
                while not done():
                    if self._failed is not None:
                        raise self._doubt(str(self._failed)) from self._failed
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise self._doubt(f"no result within {timeout:g} s") from None
        return self.results[-1] if _settled(self.results) else self.results[0]

    def _doubt(self, why: str) -> CommandInDoubt:
        return in_doubt(self.venue, self.account, self.command_id, why, stored=True)

    def _take(self, result: Result) -> None:
        """Keep a result and wake who waits."""
        self.results.append(result)
        self._arrived.set()

    def _fail(self, error: BaseException) -> None:
        """Say that no further result can be read."""
        self._failed = error
        self._arrived.set()


class Results:
    """Hands the results of one account to those who wait for them, by one reader of the stream."""

    def __init__(self, stream: EventStream[Result]) -> None:
        self._stream = stream
        self._sent: WeakValueDictionary[str, SentCommand] = WeakValueDictionary()
        self._task: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def expect(self, sent: SentCommand) -> None:
        """Return when no result of ``sent`` can be missed any more."""
        async with self._opening:
            if self._task is None or self._task.done():
                await self._stream.open()
                self._task = asyncio.create_task(self._run(), name="venuebus-client-results")
        self._sent[sent.command_id] = sent

    async def _run(self) -> None:
        why: Exception = ClientError("the client was closed")
        try:
            async for result in self._stream:
                self._hand_out(result)
        except ClientError as error:
            why = error
            await self._stream.close()
        finally:
            for waiting in list(self._sent.values()):
                waiting._fail(why)

    def _hand_out(self, result: Result) -> None:
        if waiting := self._sent.get(result.command_id):
            waiting._take(result)

    async def close(self) -> None:
        """Stop reading; who still waits is told."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


class Sender:
    """Puts commands on the bus, each once."""

    def __init__(self, link: Link, subjects: Subjects, encoding: Encoding) -> None:
        self._link = link
        self._subjects = subjects
        self._encoding = encoding

    async def store(self, venue: str, account: str, command: AnyCommand, timeout: float) -> None:
        """Return when the bus has the command.

        An acknowledgment that does not come is asked for by publishing the same command again, which the stream
        refuses when it has it.

        Raises:
            CommandError: the command breaks a rule of the contract; nothing was sent.
            ValueError: venue or account is no subject token.
            CommandExists, CommandNotSent, CommandInDoubt, PermissionDenied: as they say.
        """
        check_command(command)
        subject, data, headers = self._message(venue, account, command)
        deadline, tried = time.monotonic() + timeout, False
        why = f"the stream did not answer within {timeout:g} s"
        while not tried or time.monotonic() < deadline:
            try:
                if await self._publish(subject, data, headers, deadline) or tried:
                    return  # where it was there already: by our first attempt, whose answer was lost
            except NoAnswer:
                tried = True
            except (NotServed, _Refused) as error:
                if not tried:
                    raise CommandNotSent(command.command_id, f"not sent: {error}") from error
                await self._wait_for_link(deadline)
            except ClientError as error:
                if not tried and isinstance(error, PermissionDenied) and error.action == "publish":
                    raise
                why = str(error)
                break
            else:
                text = f"not sent: a command with the id {command.command_id} was published before"
                raise CommandExists(command.command_id, text)
        raise in_doubt(venue, account, command.command_id, why, stored=False)

    def _message(self, venue: str, account: str, command: AnyCommand) -> tuple[str, bytes, dict[str, str]]:
        verb = str(type(command).__struct_config__.tag)
        subject = self._subjects.command(venue, account, verb, command.command_id)
        self._subjects.parse(subject)  # a venue or account that is no token must not reach another subject
        if command.ts_sent is None:
            command = msgspec.structs.replace(command, ts_sent=time.time_ns())
        headers = {
            "Nats-Msg-Id": command.command_id,
            "Nats-Expected-Last-Subject-Sequence": "0",  # unlike the id's, this refusal means one thing only
            "Content-Type": CONTENT_TYPES[self._encoding],
            "Vb-Type": verb,
            "Vb-Schema": SCHEMA_VERSION,
        }
        if (traceparent := current_traceparent()) is not None:
            headers["traceparent"] = traceparent
        return subject, encode(command, self._encoding), headers

    async def _publish(self, subject: str, data: bytes, headers: dict[str, str], deadline: float) -> bool:
        """Return whether this attempt stored the command; false: it was there already."""
        limit = max(0.05, min(ACK_TIMEOUT, deadline - time.monotonic()))
        try:
            answer = await self._link.request(subject, data, timeout=limit, headers=headers)
        except NotServed as error:
            if isinstance(error, Offline):
                raise
            text = f"no stream on {self._link.login.shown} takes {subject}. A bridge makes it when it starts"
            raise NotServed(f"{text}: `venuebus run FILE`") from error
        ack = msgspec.json.decode(answer.data, type=_Ack)
        if ack.error is None:
            return not ack.duplicate
        if ack.error.err_code == WRONG_SEQUENCE:
            return False
        if ack.error.code == 503 and ack.error.err_code not in (10077, 10023, 10047):
            raise NoAnswer(f"JetStream is not available: {ack.error.description}")
        raise _Refused(f"the stream refuses it: {ack.error.description} ({ack.error.err_code})")

    async def _wait_for_link(self, deadline: float) -> None:
        wake = asyncio.Event()
        async with self._link.wakes(wake):
            with suppress(TimeoutError, ClientError):
                self._link.check()
                async with asyncio.timeout(min(0.2, max(0.0, deadline - time.monotonic()))):
                    await wake.wait()


class _Refused(ClientError):
    pass


def in_doubt(venue: str, account: str, command_id: str, why: str, *, stored: bool) -> CommandInDoubt:
    """Return the error that says how to go on."""
    what = "is on the bus, its outcome is not known" if stored else "may be on the bus or not"
    ask = f'await client.result("{venue}", "{command_id}"' + (f', account="{account}")' if account != "main" else ")")
    return CommandInDoubt(
        venue, account, command_id,
        f"the command {command_id} {what}: {why}. It must count as open; ask with `{ask}`", stored=stored,
    )  # fmt: skip


def current_traceparent() -> str | None:
    """Return the W3C context of the strategy's current span; ``None`` where it does not trace.

    OpenTelemetry is looked up, never imported: who has a span has imported it.
    """
    trace = sys.modules.get("opentelemetry.trace")
    context = trace.get_current_span().get_span_context() if trace is not None else None
    if context is None or not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"


def _settled(results: list[Result]) -> bool:
    return bool(results) and results[-1].status is not ResultStatus.UNKNOWN
