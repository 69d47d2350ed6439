"""What is different between two configurations, and the files whose change makes a bridge look.

Kubernetes shows a ConfigMap or Secret as symbolic links into a folder that is exchanged as a whole, and editors write a
new file over the old one. So it is not the file that is watched but what stands under its name, by asking every second.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from ..errors import BusError, ConfigError
from .config import BridgeConfig

RETRY = 2.0  # seconds until a configuration that NATS kept from taking effect is tried again
POLL = 1.0  # seconds between two looks; a file must look the same twice before it is read
FIXED = ("bus", "http", "tracing", "log")  # tables that take effect at the next start, but for the log's level
log = structlog.get_logger("venuebus.config")

_Look = tuple[int, int, int, int] | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a new configuration asks for. ``fixed`` are keys that need a restart."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]]
    fixed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(old: BridgeConfig, new: BridgeConfig) -> Changes:
    """Return how ``new`` differs from ``old``; of secrets the value as it is now and the file it is in count."""
    changed = {}
    for name in old.venues.keys() & new.venues.keys():
        keys = _different(old.venues[name], new.venues[name])
        if keys:
            changed[name] = keys
    fixed = [
        f"{table}.{key}"
        for table in FIXED
        for key in _different(getattr(old, table), getattr(new, table))
        if (table, key) != ("log", "level")
    ]
    return Changes(
        added=tuple(name for name in new.venues if name not in old.venues),
        removed=tuple(name for name in old.venues if name not in new.venues),
        changed=dict(sorted(changed.items())),
        fixed=tuple(fixed),
    )


def _different(old: Any, new: Any) -> tuple[str, ...]:
    if type(old) is not type(new):
        return ("plugin",)
    return tuple(name for name in old.__struct_fields__ if not _same(getattr(old, name), getattr(new, name)))


def _same(old: object, new: object) -> bool:
    try:
        return old == new
    except OSError:  # the file of the old secret is gone
        return False


class Reloader:
    """Reads the configuration again when asked, and when a file of it looks different.

    Args:
        read: returns the configuration as it is now, or raises `ConfigError` with every mistake.
        apply: makes it so; called with one configuration at a time. What it raises a `BusError` for is tried again.
        files: those to watch, asked for before every look; empty: watch none.
    """

    def __init__(
        self,
        read: Callable[[], BridgeConfig],
        apply: Callable[[BridgeConfig], Awaitable[None]],
        files: Callable[[], Iterable[Path]],
    ) -> None:
        self._read = read
        self._apply = apply
        self._files = files
        self._asked = asyncio.Event()
        self._mistakes = ""
        self._again = False
        self._seen = _look_at(files())  # now: what changes while the bridge still starts counts, too

    def ask(self) -> None:
        """Have the configuration read now."""
        self._mistakes = ""
        self._asked.set()

    async def run(self) -> None:
        """Read and apply for ever."""
        read = seen = self._seen
        while True:
            asked = await self._wait()
            now = await asyncio.to_thread(_look_at, self._files())
            if asked or self._again or (now == seen and now != read):
                await self._reload()
                # It may refer to other files now; what changed while it was read counts as not read yet.
                after = await asyncio.to_thread(_look_at, self._files())
                now = read = {path: now.get(path, look) for path, look in after.items()}
            seen = now

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(RETRY if self._again else POLL):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _reload(self) -> None:
        self._again = False
        try:
            config = await asyncio.to_thread(self._read)
        except ConfigError as error:
            if str(error) != self._mistakes:
                self._mistakes = str(error)
                for line in self._mistakes.splitlines():
                    log.error("configuration refused", mistake=line)
                log.error("configuration refused: nothing is changed", mistakes=len(self._mistakes.splitlines()))
            return
        try:
            await self._apply(config)
            self._mistakes = ""
        except BusError as error:
            self._again = True  # most likely NATS is away, and nobody will write the file again because of that
            if str(error) != self._mistakes:
                self._mistakes = str(error)
                log.error("configuration cannot take effect now, it is tried again", why=str(error))
        except Exception:  # foreign code had its part in it, and must not end the bridge
            log.exception("configuration refused: a plugin failed on it")


def _look_at(files: Iterable[Path]) -> dict[Path, _Look]:
    """Return what identifies the content of each file, through every symbolic link; ``None``: it is not there."""
    found: dict[Path, _Look] = {}
    for path in files:
        try:
            stat = os.stat(path)
            found[path] = (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except OSError:
            found[path] = None
    return found
