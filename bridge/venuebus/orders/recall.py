"""Orders that a venue tells of unasked and that this process does not remember."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from venuebus_schemas import Order

from ..bus.failure import BusUnavailable
from .tracker import OrderTracker, order_key

log = structlog.get_logger("venuebus.account")


class Recall:
    """Looks on the stream for an order before it counts as one placed elsewhere.

    Finished orders are forgotten in time, and a start reads only what is open; a venue that repeats old messages
    would make foreign orders of them, or open ones again. ``read`` returns the newest event of an order's key,
    ``restore`` takes it over, ``publish`` is called with what was told meanwhile, in its order.
    """

    def __init__(
        self,
        tracker: OrderTracker,
        read: Callable[[str], Awaitable[bytes | None]],
        restore: Callable[[bytes], None],
        publish: Callable[[Order], object],
    ) -> None:
        self._tracker = tracker
        self._read = read
        self._restore = restore
        self._publish = publish
        self._waiting: dict[str, list[Order]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def takes(self, order: Order) -> bool:
        """Tell whether ``order`` is published later, once the stream has been asked.

        Raises:
            ValueError: the order has no id.
        """
        key = order_key(order)
        if key in self._waiting:
            self._waiting[key].append(order)
            return True
        if not self._tracker.forgets or self._tracker.match(order) is not None:
            return False
        self._waiting[key] = [order]
        task = asyncio.create_task(self._look(key), name=f"recall-{key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _look(self, key: str) -> None:
        try:
            data = await self._read(key)
            if data is not None and self._tracker.find(client_order_id=key) is None:
                self._restore(data)
        except BusUnavailable as error:  # NATS is away: better told as foreign than not told
            log.debug("order not looked for", order=key, error=str(error))
        except (msgspec.DecodeError, ValueError) as error:
            log.error("the stream holds an order that cannot be read", order=key, error=str(error))
        finally:
            for order in self._waiting.pop(key):
                self._publish(order)
