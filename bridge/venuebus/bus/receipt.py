"""What JetStream says about a message that was given to it, and what that proves."""

from __future__ import annotations

import asyncio

import msgspec
import nats.errors
from nats.aio.msg import Msg

from ..errors import BusError
from ..secret import redact
from .client import PermissionDenied
from .failure import STREAM_FULL, BusUnavailable, InDoubt, NotPermitted, Refused


class _ApiError(msgspec.Struct):
    err_code: int = 0
    code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    stream: str = ""
    duplicate: bool = False
    error: _ApiError | None = None


_ack = msgspec.json.Decoder(_Ack)


class Receipt:
    """One message on its way into a stream, or the reason why it never went out."""

    __slots__ = ("_answer", "_subject")

    def __init__(self, subject: str, answer: asyncio.Future[Msg] | BusError) -> None:
        self._subject = subject
        self._answer = answer

    async def sequence(self) -> int:
        """Wait for JetStream's word; return the sequence under which the message is stored.

        Raises:
            BusUnavailable: certainly not stored. InDoubt: no answer. Refused: certainly not stored, with the code.
        """
        if isinstance(self._answer, BusError):
            raise self._answer
        try:
            answer = await self._answer
        except (PermissionDenied, TimeoutError, nats.errors.Error, OSError) as error:
            raise failure(self._subject, error) from error
        return _sequence(answer)

    def forget(self) -> None:
        """Do not wait for it any more."""
        if not isinstance(self._answer, BusError):
            self._answer.cancel()


def failure(subject: str, error: Exception) -> BusError:
    """Return what ``error``, raised while a message was given to JetStream, proves about the message."""
    if isinstance(error, nats.errors.OutboundBufferLimitError | nats.errors.ConnectionClosedError):
        return BusUnavailable("NATS is away")
    if isinstance(error, nats.errors.NoRespondersError):
        return BusUnavailable(f"no stream takes {subject}")
    if isinstance(error, PermissionDenied):
        return NotPermitted(str(error))
    return InDoubt(f"no answer from JetStream for {subject}: {describe(error)}")


def describe(error: BaseException) -> str:
    """Return the text of an error without what is secret; its name where it has no text."""
    return redact(str(error) or type(error).__name__)


def _sequence(answer: Msg) -> int:
    try:
        ack = _ack.decode(answer.data)
    except msgspec.DecodeError as error:
        raise InDoubt(f"JetStream answered {answer.data[:80]!r}") from error
    if ack.error is not None:
        if ack.error.code == 503 and ack.error.err_code not in STREAM_FULL:
            raise InDoubt(f"JetStream is not available: {ack.error.description}")
        raise Refused(ack.error.err_code, ack.error.description)
    return ack.seq
