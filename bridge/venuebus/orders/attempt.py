"""One attempt at one command: what the plugin is given, and the two clocks that bound it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import structlog
from venuebus_schemas import AnyCommand, Order, Reason

from ..errors import CommandRejected, NotSent, OutcomeUnknown, PluginError
from ..guard import GRACE, said
from ..venue import Accepted, SupportsOrders

log = structlog.get_logger("venuebus.orders")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Attempt:
    """An `Instruction`. Until `sending` is called nothing can have gone out, so giving up is safe; after it the
    venue has its request time-out to answer, and then the outcome is unknown.
    """

    def __init__(
        self,
        account: str,
        command: AnyCommand,
        *,
        order: Order | None,
        may_send: Callable[[], str | None],
        attempt: int = 1,
    ) -> None:
        self.account = account
        self.command = command
        self.order = order
        self.keys: Mapping[str, str] = _NOTHING
        self.attempt = attempt
        self.ts_sent: int | None = None
        self.sent_at: float | None = None
        self._may_send = may_send
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over = False

    @property
    def is_over(self) -> bool:
        """Tell whether it was run and came to an end."""
        return self._over

    def sending(self) -> None:
        """Let the attempt start, or raise `NotSent` with the reason why it must not."""
        reason = "the attempt was given up" if self._over else self._may_send()
        if reason is not None:
            raise NotSent(reason)
        if self.sent_at is None:
            self.sent_at = time.monotonic()
            self.ts_sent = time.time_ns()
            self._started.set_result(None)

    async def run(
        self,
        session: SupportsOrders,
        lost: asyncio.Future[None],
        *,
        time_left: Callable[[], float],
        request_timeout: float,
        waiting: Callable[[], bool],
    ) -> Accepted:
        """Have ``session`` execute the command; end in one of the typed outcomes, whatever the plugin does.

        Raises:
            NotSent, CommandRejected, OutcomeUnknown: nothing else.
        """
        self._over = False
        task = asyncio.create_task(session.execute(self), name=f"execute-{self.command.command_id}")
        try:
            return await self._watch(task, lost, time_left, request_timeout, waiting)
        except (NotSent, CommandRejected, OutcomeUnknown):
            raise
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # Unplanned is unknown: the plugin's own fault proves nothing about the venue.
            text = str(error) if isinstance(error, PluginError) else said(error)
            raise OutcomeUnknown(text, reason=Reason.INTERNAL) from error
        finally:
            self._over = True  # whatever the plugin still does with it, nothing goes out any more
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=GRACE)
                if not task.done():
                    log.error("plugin ignores that execute() was canceled", command=self.command.command_id)
                    task.add_done_callback(_look_at)

    async def _watch(
        self,
        task: asyncio.Task[Accepted],
        lost: asyncio.Future[None],
        time_left: Callable[[], float],
        request_timeout: float,
        waiting: Callable[[], bool],
    ) -> Accepted:
        ends: set[asyncio.Future[Any]] = {task, lost}
        await asyncio.wait({*ends, self._started}, timeout=max(0.0, time_left()), return_when="FIRST_COMPLETED")
        if task.done():
            return _outcome(task)
        if not self._started.done():
            if lost.done():
                raise NotSent("the session ended before the request was written")
            reason = Reason.RATE_LIMITED if waiting() else Reason.EXPIRED
            raise CommandRejected(reason, "the command expired before it could be sent")
        assert self.sent_at is not None
        left = self.sent_at + request_timeout - time.monotonic()
        await asyncio.wait(ends, timeout=max(0.0, left), return_when="FIRST_COMPLETED")
        if not task.done() and lost.done():
            await asyncio.wait({task}, timeout=0.3)  # the plugin knows best what its own loss means
        if task.done():
            return _outcome(task)
        what = "the link was lost" if lost.done() else f"no answer within {request_timeout:g} s"
        raise OutcomeUnknown(f"{what} after the request was sent")


def _look_at(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # so that nobody warns that nobody did


def _outcome(task: asyncio.Task[Accepted]) -> Accepted:
    if task.cancelled():
        raise OutcomeUnknown("the plugin gave up in the middle of the request", reason=Reason.INTERNAL)
    return task.result()
