"""Questions to NATS and their answers: one subscription for all answers, one future per question.

nats-py's own ``request`` does the same at three times the cost (a random token, two time-outs and a task switch each);
the order path asks five times per command. When the link goes, every question ends at once: an answer that was on its
way will not come on the next connection.
"""

from __future__ import annotations

import asyncio

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from .client import PermissionDenied


class Replies:
    """Asks over one client. Bounded by what callers ask at a time; nothing is kept after an answer or its time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = ""
        self._number = 0
        self._open: dict[str, tuple[asyncio.Future[Msg], str]] = {}
        self._deaf: Exception | None = None

    async def open(self) -> None:
        """Subscribe to the answers; once, nats-py restores the subscription after a reconnect."""
        if not self._prefix:
            prefix = f"{self._client.new_inbox()}."
            await self._client.subscribe(f"{prefix}*", cb=self._answered, pending_bytes_limit=0)
            self._prefix = prefix

    async def ask(self, subject: str, data: bytes, *, headers: dict[str, str] | None = None, timeout: float) -> Msg:
        """Publish a question and return the answer.

        Raises:
            NoRespondersError: nobody takes ``subject``. TimeoutError: no answer in ``timeout`` seconds.
            ConnectionError: the link went before the answer came. OutboundBufferLimitError, ConnectionClosedError:
            NATS is away, and the question was not sent. PermissionDenied: our login may not ask, or not hear answers.
        """
        if self._deaf is not None:
            raise self._deaf
        loop = asyncio.get_running_loop()
        self._number += 1
        token = str(self._number)
        future: asyncio.Future[Msg] = loop.create_future()
        self._open[token] = future, subject
        timer = loop.call_later(timeout, _too_late, future)
        try:
            await self._client.publish(subject, data, reply=self._prefix + token, headers=headers)
            answer = await future
        finally:
            timer.cancel()
            del self._open[token]
            future.cancel()  # without effect where it is done; tells asyncio that nobody will ask
        if answer.headers and answer.headers.get("Status") == "503":
            raise nats.errors.NoRespondersError
        return answer

    def link_lost(self) -> None:
        """End every open question."""
        self._deaf = None  # the next connection may come with other rights
        for future, _ in self._open.values():
            if not future.done():
                future.set_exception(ConnectionResetError("the link to NATS was lost"))

    def denied(self, error: PermissionDenied) -> None:
        """End the questions that the server does not permit; all of them where it does not let us hear answers."""
        deaf = error.action == "subscription" and error.subject == f"{self._prefix}*".casefold()
        if deaf:
            self._deaf = error
        for future, subject in self._open.values():
            if not future.done() and (deaf or subject.casefold() == error.subject):
                future.set_exception(error)

    async def _answered(self, message: Msg) -> None:
        found = self._open.get(message.subject[len(self._prefix) :])
        if found is not None and not found[0].done():
            found[0].set_result(message)


def _too_late(future: asyncio.Future[Msg]) -> None:
    if not future.done():
        future.set_exception(TimeoutError("no answer in time"))
