"""The child's end of the socket pair: never waits for a parent that does not read, and never outlives one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from .wire import LARGEST, LENGTH, Ended, Setup, Stop, ToParent, for_child, pack

FULL = 2**20  # bytes that a parent that does not read may leave here; what comes then is dropped, and told again later
LAST_WORDS = struct.pack("ll", 1, 0)  # a second for them to be taken
_PR_SET_PDEATHSIG = 1


class Link:
    """Read by a thread, written by the event loop."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pending = bytearray()

    def read_setup(self) -> Setup:
        """Wait for the parent's first message."""
        message = for_child(self._read())
        if not isinstance(message, Setup):
            raise TypeError(f"the parent began with {type(message).__name__}")
        return message

    def listen(self, stop: Callable[[], None]) -> None:
        """Have a thread call ``stop`` when the parent says so, and end this process when the parent is gone."""
        threading.Thread(target=self._listen, args=(stop,), name="parent", daemon=True).start()

    def _listen(self, stop: Callable[[], None]) -> None:
        while True:
            if isinstance(for_child(self._read()), Stop):
                stop()

    def _read(self) -> bytes:
        (length,) = LENGTH.unpack(self._exactly(LENGTH.size))
        if length > LARGEST:
            die()
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._sock.recv(count - len(data))
            except OSError:
                part = b""
            if not part:
                die()
            data += part
        return bytes(data)

    def send(self, message: ToParent) -> None:
        """Hand ``message`` over, or drop it where the parent has not read for long. Never blocks."""
        if len(self._pending) < FULL:
            self._pending += pack(message)
        try:
            sent = self._sock.send(self._pending, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            die()
        del self._pending[:sent]

    def end(self, text: str) -> None:
        """Say why this process ends, as the last thing."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, LAST_WORDS)
            self._sock.sendall(self._pending + pack(Ended(text)))


def die_with_parent(parent: int) -> None:
    """Have the system kill this process when its parent dies, also while something here keeps the interpreter."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        die()  # it died before we asked


def die() -> NoReturn:
    """End at once, with nothing tidied up: the ledger is made for that."""
    os.kill(os.getpid(), signal.SIGKILL)
    os._exit(1)
