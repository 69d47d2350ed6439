"""Commands from ``VB_CMD``: one durable pull consumer per venue, read by the bridge that owns the venue."""

from __future__ import annotations

from collections.abc import Callable

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from .connection import Connection
from .failure import BusUnavailable
from .pull import Pull, quietly

ACK_WAIT = 2.0  # seconds until a command that a dead bridge held comes to the next one
HOLD_EVERY = 1.2  # seconds between two signs of life for commands that wait here
MAX_HELD = 4096  # commands delivered and not acknowledged; more wait in the stream


class Delivery:
    """One command as it came, and the ways to be done with it."""

    __slots__ = ("_msg", "data", "is_first", "seq", "subject", "traceparent", "ts_published")

    def __init__(self, msg: Msg) -> None:
        self._msg = msg
        self.subject = msg.subject
        self.data = msg.data
        self.seq, self.ts_published, deliveries = position(msg.reply)
        self.is_first = deliveries == 1
        self.traceparent = msg.headers.get("traceparent") if msg.headers else None

    async def ack(self) -> None:
        """Tell the stream that the ledger has it; a lost acknowledgement only means that it comes again."""
        await quietly(self._msg.ack())

    async def hold(self) -> None:
        """Tell the stream that it is still being looked at."""
        await quietly(self._msg.in_progress())

    async def give_back(self, delay: float | None = None) -> None:
        """Have it delivered again, at once or after ``delay`` seconds, to whoever reads then."""
        await quietly(self._msg.nak(delay=delay))


def position(reply: str) -> tuple[int, int, int]:
    """Return stream sequence, time (ns) and number of deliveries of a message of JetStream, from its reply subject.

    ``$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>``, or with a domain and an
    account hash before the stream, and a token after it (ADR-15). nats-py's ``metadata`` makes a datetime of the time.
    """
    tokens = reply.split(".")
    first = 5 if len(tokens) < 11 else 7
    return int(tokens[first]), int(tokens[first + 2]), int(tokens[first - 1])


class CommandSource:
    """Reads the commands of one venue in the order of their publication."""

    def __init__(self, connection: Connection, stream: str, subject: str, durable: str) -> None:
        config = ConsumerConfig(
            durable_name=durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            deliver_policy=DeliverPolicy.ALL,
            filter_subject=subject,
            max_deliver=-1,
            max_ack_pending=MAX_HELD,
        )
        self._connection = connection
        self._stream = stream
        self._durable = durable
        self._pull = Pull(connection, stream, config)

    async def run(self, handle: Callable[[Delivery], None]) -> None:
        """Call ``handle`` with every delivery, for ever; ``handle`` must not block or raise.

        Raises:
            BusError: the consumer cannot be made.
        """

        async def take(messages: list[Msg]) -> None:
            for message in messages:
                handle(Delivery(message))

        await self._pull.run(take)

    async def has_earlier(self, seq: int, held: int) -> bool:
        """Tell whether a command from before ``seq`` is with nobody: given back, or with a bridge that died.

        It is delivered again soon. ``held`` is how many commands this bridge has and has not acknowledged.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        try:
            info = await self._connection.js.consumer_info(self._stream, self._durable, timeout=2.0)
        except (nats.js.errors.Error, nats.errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailable(f"cannot ask for consumer {self._durable}: {error or type(error).__name__}") from error
        floor = info.ack_floor.stream_seq if info.ack_floor is not None else 0
        return floor < seq - 1 and (info.num_ack_pending or 0) > held
