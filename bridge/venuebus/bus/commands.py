"""Commands from ``VB_CMD``: one durable pull consumer per venue, read by the bridge that owns the venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from ..errors import BusError
from .connection import Connection

log = structlog.get_logger("venuebus.commands")

ACK_WAIT = 2.0  # seconds until a command that a dead bridge held comes to the next one
HOLD_EVERY = 0.7  # seconds between two signs of life for commands that wait here
FETCH = 256
MAX_HELD = 4096  # commands delivered and not acknowledged; more wait in the stream


class Delivery:
    """One command as it came, and the ways to be done with it."""

    __slots__ = ("_msg", "data", "seq", "subject", "ts_published")

    def __init__(self, msg: Msg) -> None:
        meta = msg.metadata
        self._msg = msg
        self.subject = msg.subject
        self.data = msg.data
        self.seq = meta.sequence.stream
        self.ts_published = int(meta.timestamp.timestamp() * 1e6) * 1000

    async def ack(self) -> None:
        """Tell the stream that the ledger has it; a lost acknowledgement only means that it comes again."""
        await quietly(self._msg.ack())

    async def hold(self) -> None:
        """Tell the stream that it is still being looked at."""
        await quietly(self._msg.in_progress())

    async def give_back(self, delay: float | None = None) -> None:
        """Have it delivered again, at once or after ``delay`` seconds, to whoever reads then."""
        await quietly(self._msg.nak(delay=delay))


async def quietly(coroutine: object) -> None:
    """Await what may fail without consequence: an acknowledgement, an unsubscription."""
    try:
        await coroutine  # type: ignore[misc]
    except (nats.errors.Error, OSError):
        pass


def end_if_canceled() -> None:
    """Raise the cancellation that the ``wait_for`` below nats-py lost: Python 3.11's loses one that meets a result.

    Raises:
        CancelledError: this task was canceled, and goes on all the same.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class CommandSource:
    """Reads the commands of one venue in the order of their publication."""

    def __init__(self, connection: Connection, stream: str, subject: str, durable: str) -> None:
        self._connection = connection
        self._stream = stream
        self._subject = subject
        self._durable = durable
        self._subscription: JetStreamContext.PullSubscription | None = None

    async def run(self, handle: Callable[[Delivery], None]) -> None:
        """Call ``handle`` with every delivery, for ever; ``handle`` must not block or raise.

        Raises:
            BusError: the consumer cannot be made.
        """
        try:
            while True:
                await self._read(handle)
                end_if_canceled()
        finally:
            # A request for messages that outlives its reader would swallow the next command.
            subscription, self._subscription = self._subscription, None
            if subscription is not None:
                await quietly(subscription.unsubscribe())

    async def _read(self, handle: Callable[[Delivery], None]) -> None:
        if not self._connection.is_up:
            await asyncio.sleep(0.1)
            return
        try:
            if self._subscription is None:
                self._subscription = await self._bind()
            messages = await self._subscription.fetch(FETCH, timeout=1.0)
        except TimeoutError:
            return
        except nats.js.errors.NotFoundError:
            self._subscription = None  # somebody deleted the consumer: make it again
            return
        except (nats.js.errors.Error, nats.errors.Error, OSError) as error:
            log.debug("reading commands failed", error=str(error))
            self._subscription = None
            await asyncio.sleep(0.25)
            return
        for message in messages:
            handle(Delivery(message))

    async def _bind(self) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            durable_name=self._durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            deliver_policy=DeliverPolicy.ALL,
            filter_subject=self._subject,
            max_deliver=-1,
            max_ack_pending=MAX_HELD,
        )
        js = self._connection.js
        try:
            await js.add_consumer(self._stream, config)
        except nats.js.errors.APIError as error:
            raise BusError(f"consumer {self._durable} cannot be made: {error.description}") from error
        return await js.pull_subscribe_bind(durable=self._durable, stream=self._stream)
