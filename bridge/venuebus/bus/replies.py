"""Questions to NATS and their answers: one subscription for all answers, one future per question.

nats-py's own ``request`` does the same at three times the cost (a random token, two time-outs and a task switch each);
the order path asks several times per command. When the link goes, every question ends at once: an answer that was on
its way will not come on the next connection.
"""

from __future__ import annotations

import asyncio

import nats.errors
from nats.aio.msg import Msg

from .client import BusClient, PermissionDenied

Answer = asyncio.Future[Msg]


class Replies:
    """Asks over one client. Bounded by what callers ask at a time; nothing is kept after an answer or its time."""

    def __init__(self, client: BusClient) -> None:
        self._client = client
        self._prefix = ""
        self._number = 0
        self._open: dict[str, tuple[Answer, str, asyncio.TimerHandle]] = {}
        self._deaf: Exception | None = None

    async def open(self) -> None:
        """Subscribe to the answers; once, nats-py restores the subscription after a reconnect."""
        if not self._prefix:
            prefix = f"{self._client.new_inbox()}."
            await self._client.listen(f"{prefix}*", self._answered)
            self._prefix = prefix

    async def ask(self, subject: str, data: bytes, *, headers: dict[str, str] | None = None, timeout: float) -> Msg:
        """Publish a question and return the answer.

        Raises:
            NoRespondersError, TimeoutError, ConnectionError, PermissionDenied: as the future of `put`.
            OutboundBufferLimitError, ConnectionClosedError: as `put`.
        """
        return await (await self.put(subject, data, headers=headers, timeout=timeout))

    async def put(self, subject: str, data: bytes, *, headers: dict[str, str] | None = None, timeout: float) -> Answer:
        """Publish a question and return the future of its answer, so that several can be under way without tasks.

        The future raises ``NoRespondersError`` where nobody takes ``subject``, ``TimeoutError`` without an answer in
        ``timeout`` seconds, ``ConnectionError`` when the link goes before it, and `PermissionDenied` where our login
        may not ask, or not hear answers. Who does not want the answer any more cancels it.

        Raises:
            OutboundBufferLimitError, ConnectionClosedError: NATS is away, and the question was not sent.
            PermissionDenied: our login may not hear answers.
        """
        if self._deaf is not None:
            raise self._deaf
        loop = asyncio.get_running_loop()
        self._number += 1
        token = str(self._number)
        future: Answer = loop.create_future()
        self._open[token] = future, subject, loop.call_later(timeout, self._too_late, token)
        try:
            await self._client.publish(subject, data, reply=self._prefix + token, headers=headers)
        except BaseException:
            self._forget(token)
            raise
        return future

    def link_lost(self) -> None:
        """End every open question."""
        self._deaf = None  # the next connection may come with other rights
        for token in list(self._open):
            self._fail(token, ConnectionResetError("the link to NATS was lost"))

    def denied(self, error: PermissionDenied) -> None:
        """End the questions that the server does not permit; all of them where it does not let us hear answers."""
        deaf = error.action == "subscription" and error.subject == f"{self._prefix}*".casefold()
        if deaf:
            self._deaf = error
        for token, (_, subject, _) in list(self._open.items()):
            if deaf or subject.casefold() == error.subject:
                self._fail(token, error)

    def _answered(self, message: Msg) -> None:
        future = self._forget(message.subject[len(self._prefix) :])
        if future is None:
            return
        if message.headers and message.headers.get("Status") == "503":
            future.set_exception(nats.errors.NoRespondersError())
        else:
            future.set_result(message)

    def _too_late(self, token: str) -> None:
        self._fail(token, TimeoutError("no answer in time"))

    def _fail(self, token: str, error: Exception) -> None:
        future = self._forget(token)
        if future is not None:
            future.set_exception(error)

    def _forget(self, token: str) -> Answer | None:
        """Close a question; return its future if somebody still waits for it."""
        found = self._open.pop(token, None)
        if found is None:
            return None
        future, _, timer = found
        timer.cancel()
        return None if future.done() else future
