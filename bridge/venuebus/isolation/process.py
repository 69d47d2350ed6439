"""One child process as its parent sees it: started, heard, measured, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import structlog

from .wire import LARGEST, LENGTH, Setup, ToChild, ToParent, for_parent, pack

log = structlog.get_logger("venuebus.isolation")

_PAGE = os.sysconf("SC_PAGE_SIZE")


class ChildProcess:
    """A process that runs `venuebus.isolation`. ``heard`` is when it last said anything, by the monotonic clock."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = process.pid
        self.started = self.heard = time.monotonic()
        self.beats = 0
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, setup: Setup, environment: Mapping[str, str]) -> ChildProcess:
        """Start a process and tell it ``setup``, over a socket that nobody else can read.

        Raises:
            OSError: the system does not start it.
        """
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "venuebus.isolation", str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True,
                env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        child = cls(process, reader, writer)
        child.send(setup)
        return child

    def send(self, message: ToChild) -> None:
        """Tell the child something; it reads in a thread, so this is little and soon gone."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(pack(message))

    async def messages(self) -> AsyncIterator[ToParent]:
        """Yield what the child says, until it ends or says what makes no sense."""
        while True:
            try:
                (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
                if length > LARGEST:
                    log.error("isolated venue talks nonsense", process=self.pid, length=length)
                    return
                body = await self._reader.readexactly(length)
                message = for_parent(body)
            except (asyncio.IncompleteReadError, OSError):
                return
            except msgspec.DecodeError as error:
                log.error("isolated venue talks nonsense", process=self.pid, error=str(error))
                return
            self.heard = time.monotonic()
            self.beats += 1
            yield message

    async def ended(self) -> None:
        """Return once the process is gone."""
        await self._process.wait()

    def memory(self) -> int | None:
        """Bytes of memory that the process holds now; ``None`` where the system does not tell."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            return None

    async def kill(self) -> None:
        """End the process and what it started, at once; return when it is gone. Safe when it is gone already."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        self._writer.close()

    def how(self) -> str:
        """Say how it ended."""
        status = self._process.returncode
        if status is None:
            return "still runs"
        if status >= 0:
            return f"ended with status {status}"
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"was killed by signal {-status}"
