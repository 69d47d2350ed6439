"""The event loop under test: whose task is whose, what each step costs, and a clock that can be moved on.

What a session starts carries a mark in its context (tasks, timers and callbacks inherit it), so that its tasks and
its steps are told from those of the simulator, which lives in the same loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

try:
    import resource

    _THREAD: int | None = getattr(resource, "RUSAGE_THREAD", None)
except ImportError:  # not on this system
    _THREAD = None

OURS: contextvars.ContextVar[bool] = contextvars.ContextVar("venuebus_session", default=False)
STEP = 0.25  # seconds that the clock is moved at a time
TURNS = 12  # of the loop after that


class Tasks:
    """Keeps the tasks that the session under test started, by the mark in their context."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        loop = asyncio.get_running_loop()
        loop.set_task_factory(self._make)
        self._threads = set(threading.enumerate())

    def alive(self) -> list[asyncio.Task[Any]]:
        """Return those that are not done."""
        return [task for task in self._tasks if not task.done()]

    def threads(self) -> list[str]:
        """Return the names of threads that were started since, except the loop's own executor's."""
        new = set(threading.enumerate()) - self._threads
        return sorted(thread.name for thread in new if not thread.name.startswith("asyncio_"))

    def _make(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        context = options.get("context")
        ours = context.get(OURS, False) if context is not None else OURS.get()
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
        if ours:
            self._tasks.add(task)
        return task


def as_session(coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    """Start ``coro`` as a task that is the session's own."""
    context = contextvars.copy_context()
    context.run(OURS.set, True)
    return asyncio.get_running_loop().create_task(coro, name=name, context=context)


def call_as_session(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``function`` so that what it starts is the session's own."""
    context = contextvars.copy_context()
    context.run(OURS.set, True)
    return context.run(function, *arguments)


class Clock:
    """Moves the running loop's clock on, so that a time-out of a minute is waited for in no time."""

    def __init__(self) -> None:
        loop: Any = asyncio.get_running_loop()
        self._true: Callable[[], float] = loop.time
        self.ahead = 0.0
        loop.time = lambda: self._true() + self.ahead

    def now_ns(self) -> int:
        """Return the time of day, moved on as far as the loop's clock."""
        return time.time_ns() + int(self.ahead * 1e9)

    async def pass_until(self, done: Callable[[], object], seconds: float) -> bool:
        """Move on until ``done``, for ``seconds`` of the loop's clock at most; return whether it came true."""
        end = self.ahead + seconds
        while not done():
            if self.ahead >= end:
                return False
            self.ahead += STEP
            for _ in range(TURNS):  # what became due runs, and what it sent arrives
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)
        return True


async def patiently(done: Callable[[], object], seconds: float) -> bool:
    """Wait until ``done``; a machine that is busy elsewhere does not use up the ``seconds``."""
    pause = 0.01
    for _ in range(max(1, round(seconds / pause))):
        if done():
            return True
        await asyncio.sleep(pause)
    return bool(done())


class Steps:
    """What the session's steps cost, measured so that other processes do not count.

    Attributes:
        longest: CPU seconds of the longest step.
        blocked: the longest time that a step stood still of its own accord (a sleep, a lock, a blocking socket).
        calls: function calls in all steps, where they were counted.
    """

    def __init__(self, *, count_calls: bool = False) -> None:
        self.longest = self.blocked = 0.0
        self.where = self.blocked_where = ""
        self.calls = 0
        self.steps = 0
        self._count = count_calls

    @contextmanager
    def measured(self) -> Iterator[Steps]:
        """Measure every step while the block runs; the garbage collector is kept out of it."""
        handles: Any = asyncio.Handle
        original = handles._run

        def run(handle: Any) -> None:
            context = handle._context
            if context is None or not context.get(OURS, False):
                original(handle)
                return
            self._measure(original, handle)

        gc.collect()
        was_enabled = gc.isenabled()
        gc.disable()
        handles._run = run
        try:
            yield self
        finally:
            handles._run = original
            if was_enabled:
                gc.enable()

    def _measure(self, run: Callable[[Any], None], handle: Any) -> None:
        waits, cpu, wall = _waits(), time.thread_time(), time.perf_counter()
        before = sys.getprofile()
        if self._count:
            sys.setprofile(self._called)
        try:
            run(handle)
        finally:
            if self._count:
                sys.setprofile(before)
        used, took = time.thread_time() - cpu, time.perf_counter() - wall
        self.steps += 1
        if used > self.longest:
            self.longest, self.where = used, repr(handle)
        # Losing the processor to another process is no wait of its own; the kernel tells the two apart.
        if _waits() > waits and took - used > self.blocked:
            self.blocked, self.blocked_where = took - used, repr(handle)

    def _called(self, frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            self.calls += 1


def _waits() -> int:
    return resource.getrusage(_THREAD).ru_nvcsw if _THREAD is not None else 0
