"""What happens on the bus from now on: account events as the streams took them, everything else as it is published."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from nats.aio.msg import Msg

from ...client import Client, ClientError, Journal, NotServed, PermissionDenied
from .history import by_kind, covers

QUEUE = 65_536  # messages that wait for a slow terminal; more are dropped, counted and told


def account_part(root: str, pattern: str) -> str | None:
    """Return what ``pattern`` matches of the account events, as a pattern."""
    everything = f"{root}.acct.>"
    if covers(pattern, everything):
        return everything
    tokens, depth = pattern.split("."), root.count(".") + 1
    if tokens[depth : depth + 1] == ["*"] and tokens[depth + 1 :] and covers(".".join(tokens[:depth]), root):
        return ".".join([root, "acct", *tokens[depth + 1 :]])
    return pattern if covers(everything, pattern) else None


class Following:
    """Messages that match some patterns, in one queue.

    NATS shows plain subscribers also what JetStream then refuses, of a bridge that lost its lease for instance, and
    roles may not subscribe to account events at all; so those are read from their stream, where there is one.
    """

    def __init__(self, client: Client, note: Callable[[str], None]) -> None:
        self._client = client
        self._note = note
        self._waiting: asyncio.Queue[Msg | ClientError] = asyncio.Queue(QUEUE)
        self._stored = False
        self.dropped = 0

    async def begin(self, patterns: list[str], stack: AsyncExitStack) -> None:
        """Return when everything that is published from now on will be seen; ``stack`` ends it."""
        root = self._client.subjects.root
        for pattern in patterns:
            part = account_part(root, pattern)
            journals = await self._journals(root, part, stack) if part is not None else []
            for journal in journals:
                stack.callback(asyncio.create_task(self._read(journal), name="watch-account").cancel)
            self._stored |= bool(journals)
            if part != pattern or not journals:
                await self._client.nats.subscribe(pattern, cb=self._take)
        await self._client.settle()

    async def _journals(self, root: str, part: str, stack: AsyncExitStack) -> list[Journal]:
        """Open readers of the stream: one, or one for each kind where the login may read single kinds only."""
        denied: PermissionDenied | None = None
        for patterns in ([part], by_kind(root, part)):
            opened = []
            try:
                for pattern in patterns:
                    journal = self._client.journal(self._client.streams.account, pattern)
                    opened.append(await stack.enter_async_context(journal))
                return opened
            except NotServed:
                return []
            except PermissionDenied as error:
                denied = denied or error
        self._note(f"account events cannot be read: {denied}")
        return []

    async def _read(self, journal: Journal) -> None:
        try:
            while True:
                await self._waiting.put(await journal.next())
        except ClientError as error:
            await self._waiting.put(error)

    async def _take(self, message: Msg) -> None:
        if self._stored and message.subject.startswith(f"{self._client.subjects.root}.acct."):
            return
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.dropped += 1

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits to be shown."""
        return self._waiting.empty()

    async def next(self) -> Msg:
        """Return the next message.

        Raises:
            ClientError: the account events can no longer be read.
        """
        message = await self._waiting.get()
        if isinstance(message, ClientError):
            raise message
        return message
