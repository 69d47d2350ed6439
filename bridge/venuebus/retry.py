"""Retry policies over tenacity: the only place that knows how long to wait and what may be tried again.

Two things may: what was certainly not sent, and a call whose repetition has no further effect. Nothing else in the
bridge can retry a command, because nothing else imports tenacity and the order path has no loop of its own.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from .errors import NotSent, OutcomeUnknown


def command_attempts(
    time_left: Callable[[], float], *, idempotent: bool, ready: Callable[[], float]
) -> AsyncIterator[AbstractContextManager[object]]:
    """Yield attempts at one command, while trying again is safe and ``time_left`` (seconds) is not used up.

    Each is a context: an error inside it that may be tried again ends that attempt, every other one leaves the loop.

    Args:
        time_left: seconds until the command must not be executed any more.
        idempotent: whether an unknown outcome may be tried again too (a cancel by order id).
        ready: seconds that the venue's limits ask to wait at least.
    """

    def may_retry(error: BaseException) -> bool:
        return isinstance(error, NotSent) or (idempotent and isinstance(error, OutcomeUnknown))

    backoff = wait_exponential_jitter(multiplier=0.05, max=2.0, jitter=0.05)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        told = error.retry_after if isinstance(error, NotSent) and error.retry_after is not None else 0.0
        return max(backoff(state), told, ready())

    def stop(state: RetryCallState) -> bool:
        return time_left() <= 0 or state.attempt_number >= 20 or wait(state) >= time_left()

    return _Attempts(
        may_retry, lambda: AsyncRetrying(retry=retry_if_exception(may_retry), wait=wait, stop=stop, reraise=True)
    )


class _First:
    """The first attempt, which nearly always is the only one; keeps the error that allows another."""

    def __init__(self, may_retry: Callable[[BaseException], bool]) -> None:
        self.error: BaseException | None = None
        self._may_retry = may_retry

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if error is None or not self._may_retry(error):
            return False
        self.error = error
        return True


class _Attempts:
    """The first attempt without tenacity, whose set-up costs a tenth of a whole command; the others by it.

    tenacity is told of the first one's error as of an attempt of its own, so it decides about the second.
    """

    def __init__(self, may_retry: Callable[[BaseException], bool], retrying: Callable[[], AsyncRetrying]) -> None:
        self._first = _First(may_retry)
        self._retrying = retrying
        self._others: AsyncIterator[AbstractContextManager[object]] | None = None
        self._begun = False

    def __aiter__(self) -> _Attempts:
        return self

    async def __anext__(self) -> AbstractContextManager[object]:
        if not self._begun:
            self._begun = True
            return self._first
        if self._first.error is None:
            raise StopAsyncIteration
        if self._others is None:
            self._others = aiter(self._retrying())
            with await anext(self._others):
                raise self._first.error
        return await anext(self._others)


def reconnect_delays(*, initial: float = 0.5, maximum: float = 60.0) -> Iterator[float]:
    """Yield the seconds to wait before each next connection attempt: doubling, capped, with full jitter above half.

    A healthy session starts a fresh iterator, so that a link that drops once a day never waits a minute.
    """
    delay = initial
    while True:
        yield delay / 2 + random.uniform(0, delay / 2)
        delay = min(delay * 2, maximum)
