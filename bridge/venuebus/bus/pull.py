"""Reading a durable pull consumer without a pause between two requests.

nats-py's ``fetch`` asks anew for every message that comes alone: two requests and their answers per command, and a
command that arrives in between waits for the next one. Here one standing request covers the next `REQUEST` messages and
is renewed while half of it is left, so the server sends at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import nats.errors
import nats.js.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig

from ..errors import BusError
from .client import PermissionDenied
from .connection import Connection
from .failure import BusUnavailable

log = structlog.get_logger("venuebus.bus")

REQUEST = 256  # messages that one request asks for
EXPIRES = 30.0  # seconds after which the server ends a request that was not used up
HEARTBEAT = 2.0  # seconds between signs of life of an idle request
SILENCE = 5.0  # seconds without any sign after which it is asked anew: the server forgot the request
PAUSE = 0.25  # seconds after a failure


class Pull:
    """Messages of one durable consumer, in order, acknowledged by whoever takes them."""

    def __init__(self, connection: Connection, stream: str, config: ConsumerConfig) -> None:
        assert config.durable_name is not None
        self._connection = connection
        self._stream = stream
        # Named, so that the subject which makes it carries its filter, and permissions can hold it to that.
        self._config = config.evolve(name=config.durable_name)
        self._durable = config.durable_name
        self.creates = f"$JS.API.CONSUMER.CREATE.{stream}.{config.durable_name}.{config.filter_subject}"
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{config.durable_name}"
        self._batch: list[Msg] = []
        self._left = 0
        self._broken = False
        self._news = asyncio.Event()

    async def run(
        self, take: Callable[[list[Msg]], Awaitable[None]], *, bound: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Call ``take`` with what came, for ever, one call at a time; ``bound`` before each start from the consumer.

        Raises:
            BusError: the consumer cannot be made.
        """
        self._connection.on_change.append(self._link_changed)
        try:
            while True:
                try:
                    if self._connection.is_up:
                        await self._follow(take, bound)
                except (BusUnavailable, nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
                    log.debug("reading failed", consumer=self._durable, error=str(error))
                await asyncio.sleep(PAUSE)
        finally:
            self._connection.on_change.remove(self._link_changed)

    async def _follow(
        self, take: Callable[[list[Msg]], Awaitable[None]], bound: Callable[[], Awaitable[None]] | None
    ) -> None:
        if bound is not None:
            await bound()
        await self._make()
        self._batch, self._left, self._broken = [], 0, False
        client = self._connection.control
        inbox = client.new_inbox()
        subscription = await client.listen(inbox, self._came)
        try:
            while not self._broken:
                if self._left <= REQUEST // 2:
                    await self._ask(inbox)
                if not await self._something():
                    return
                batch, self._batch = self._batch, []
                if batch:
                    await take(batch)
        finally:
            # A request that outlives its reader would swallow the next message.
            await quietly(subscription.unsubscribe())

    async def _make(self) -> None:
        try:
            await self._connection.js.add_consumer(self._stream, self._config)
        except nats.js.errors.ServiceUnavailableError:
            raise
        except nats.js.errors.APIError as error:
            raise BusError(f"consumer {self._durable} cannot be made: {error.description}") from error
        except PermissionDenied as error:
            raise BusError(f"consumer {self._durable} cannot be made: {error}") from error

    async def _ask(self, inbox: str) -> None:
        request = {"batch": REQUEST, "expires": int(EXPIRES * 1e9), "idle_heartbeat": int(HEARTBEAT * 1e9)}
        await self._connection.control.publish(self._next, msgspec.json.encode(request), reply=inbox)
        self._left += REQUEST

    async def _something(self) -> bool:
        if self._batch or self._broken:
            return True
        self._news.clear()
        try:
            async with asyncio.timeout(SILENCE):
                await self._news.wait()
        except TimeoutError:
            if denied := self._connection.denied.get(self._next.casefold()):
                raise BusError(f"consumer {self._durable} cannot be read: {denied}") from denied
            return False
        return True

    def _came(self, message: Msg) -> None:
        if message.reply:
            self._left -= 1
            self._batch.append(message)
        else:
            self._told(message.headers or {})
        self._news.set()

    def _told(self, status: dict[str, str]) -> None:
        match status.get("Status"):
            case "100":
                pass  # a sign of life
            case "404" | "408":  # the request has ended: its time was over, or the server had nothing for it
                self._left -= min(self._left, int(status.get("Nats-Pending-Messages", REQUEST)))
            case code:  # the consumer was deleted, its leader changed, the server goes down …: begin anew
                log.debug("request ended", consumer=self._durable, status=code, text=status.get("Description"))
                self._broken = True

    def _link_changed(self, up: bool) -> None:
        self._broken = True
        self._news.set()


async def quietly(coroutine: Awaitable[object]) -> None:
    """Await what may fail without consequence: an acknowledgement, an unsubscription."""
    try:
        await coroutine
    except (nats.errors.Error, OSError):
        pass
