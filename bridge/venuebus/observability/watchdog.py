"""Says who keeps the event loop from running: a thread that looks at its beat, and at its stack while it stands still.

The loop beats ten times a second, the thread looks as often: together 2 ms a second, nothing that shows under load.
One line when a venue (or the bridge itself) has blocked the loop for over `LIMIT`, with the stack; one when it runs
again, with how long it stood; and a count.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any

import structlog

from ..context import Context
from ..plugins import Plugins
from .metrics import Metrics

LIMIT = 0.25  # seconds without a beat that are told
BEAT = 0.1  # seconds between two beats, and between two looks
DEPTH = 25  # innermost calls of the stack that is told
STOOD = "Times that the event loop stood still"
log = structlog.get_logger("venuebus.watchdog")


@dataclass(frozen=True)
class Suspect:
    """Who blocks: "" where it is nobody's in particular."""

    venue: str = ""
    plugin: str = ""


class Suspects:
    """Tells whose code stands in a stack.

    Args:
        plugins: those that are loaded; code of the package that one lives in is that plugin's.
        venues: which venues run now, and the kind of each.
    """

    def __init__(self, plugins: Plugins, venues: Callable[[], Mapping[str, str]]) -> None:
        self._venues = venues
        self._kinds = {plugin.name: plugin.venues for plugin in plugins.loaded}
        self._homes: dict[str, str] = {}
        for plugin in plugins.loaded:
            specs = [plugins.specs[name] for name in plugin.venues if name in plugins.specs]
            parts = [*plugin.hooks.get_plugins(), *(s.create for s in specs), *(s.config_type for s in specs)]
            for home in {home for part in parts for home in _homes(part)}:
                # What two plugins share is neither's; their modules are.
                self._homes[home] = plugin.name if home not in self._homes else ""

    def find(self, frames: Iterable[FrameType], task: str) -> Suspect:
        """Return who is at fault for a stack, innermost call first, that runs in the task named ``task``."""
        frames = list(frames)
        plugin = next((found for frame in frames if (found := self._plugin(frame))), "")
        venues = self._venues()
        running = [name for name, kind in venues.items() if kind in self._kinds.get(plugin, ())]
        known = [name for name in map(_venue, frames) if name is not None and name in venues]
        named = sorted((name for name in venues if task.startswith(f"{name}-")), key=len)
        if known or named:
            return Suspect(known[0] if known else named[-1], plugin)
        return Suspect(running[0] if len(running) == 1 else "", plugin)

    def _plugin(self, frame: FrameType) -> str | None:
        name = str(frame.f_globals.get("__name__", ""))
        while name:
            if self._homes.get(name):
                return self._homes[name]
            name = name.rpartition(".")[0]
        return None


class Watchdog:
    """Watches the running event loop from `start` to `stop`, both called in it."""

    def __init__(self, suspects: Suspects, metrics: Metrics, *, limit: float = LIMIT) -> None:
        self._suspects = suspects
        self._metrics = metrics
        metrics.declare("loop_blocked", STOOD, ("venue", "plugin"))
        self._limit = limit
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._incident: Suspect | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None
        self._loop_thread = 0
        self._beat = 0.0
        self._cpu = 0.0

    def start(self) -> None:
        """Begin to watch the loop that calls this."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._beat, self._cpu = time.monotonic(), time.thread_time()
        self._timer = self._loop.call_later(BEAT, self._tick)
        self._thread = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more. Safe twice, and before `start`."""
        self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join(1.0)

    # --- in the loop ----------------------------------------------------------------------------------------

    def _tick(self) -> None:
        assert self._loop is not None
        now, cpu = time.monotonic(), time.thread_time()
        with self._lock:
            incident, self._incident = self._incident, None
            late, busy = now - self._beat - BEAT, cpu - self._cpu
            self._beat, self._cpu = now, cpu
        self._timer = self._loop.call_later(BEAT, self._tick)
        if incident is not None:
            log.warning("event loop runs again", **_about(incident), blocked=round(late, 3), busy=round(busy, 3))
        elif late > self._limit:
            self._count(Suspect())
            # Native code that keeps the interpreter to itself stops the thread, too; so does a machine without time.
            why = "native code let no thread run" if busy > late / 2 else "the process got no time, or slept as a whole"
            log.warning("event loop stood still, unseen", why=why, blocked=round(late, 3), busy=round(busy, 3))

    # --- in the thread --------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._ended.wait(BEAT):
            if time.monotonic() - self._beat - BEAT > self._limit and self._incident is None:
                self._look()

    def _look(self) -> None:
        with self._lock:  # while it is held the loop cannot beat, so what is seen here is what blocks it
            if self._incident is not None or time.monotonic() - self._beat - BEAT <= self._limit:
                return
            frames = list(_walk(sys._current_frames().get(self._loop_thread)))
            if any(frame.f_code is Watchdog._tick.__code__ for frame in frames) or _is_idle(frames):
                return  # it beats at this moment, or waits for something to do: `_tick` tells that it was late
            suspect = self._incident = self._suspects.find(frames, self._task())
            stack = traceback.StackSummary.extract(
                ((frame, frame.f_lineno) for frame in reversed(frames[:DEPTH])), lookup_lines=False
            )
        self._count(suspect)
        log.warning(
            "event loop is blocked", **_about(suspect), limit=self._limit, stack="".join(stack.format()).rstrip()
        )

    def _task(self) -> str:
        task = asyncio.current_task(self._loop)
        return task.get_name() if task is not None else ""

    def _count(self, suspect: Suspect) -> None:
        labels = {"venue": suspect.venue, "plugin": suspect.plugin}
        self._metrics.counter("loop_blocked", STOOD, labels).inc()


def _walk(frame: FrameType | None) -> Iterable[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_idle(frames: list[FrameType]) -> bool:
    return not frames or (frames[0].f_code.co_name == "select" and frames[0].f_globals.get("__name__") == "selectors")


def _about(suspect: Suspect) -> dict[str, str]:
    return {"venue": suspect.venue or "none in particular", "plugin": suspect.plugin or "none: the bridge itself"}


def _homes(part: object) -> set[str]:
    """Return the module and the package of a plugin's module, class, function or object."""
    name = str(part.__name__) if isinstance(part, ModuleType) else str(getattr(part, "__module__", "") or "")
    package = str(getattr(sys.modules.get(name), "__package__", None) or "")
    return {home for home in (name, package) if home and home.split(".")[0] not in ("venuebus", "builtins")}


def _venue(frame: FrameType) -> str | None:
    """Return the venue that a call works for: its object, or the context that its object holds, knows."""
    try:
        fields: dict[str, Any] = vars(frame.f_locals["self"])
    except (KeyError, TypeError):
        return None
    for value in list(fields.values()):
        if value.__class__ is Context:
            return str(value.venue)
    venue = fields.get("venue")
    return venue if isinstance(venue, str) else None
