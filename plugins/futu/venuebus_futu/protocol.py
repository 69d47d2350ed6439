"""Bytes of one OpenD connection ↔ messages, without any socket or clock. Serves both ends.

Pushes and responses share the number space of serials (OpenD counts its pushes from 1), so a response is told by its
protocol id and its serial together, never by the serial alone.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Any

import msgspec

from . import frame
from .cipher import Cipher, Undecryptable

INIT = 1001
PUSHES = frozenset({1003, 2208, 2218, 3005, 3007, 3009, 3011, 3013, 3015, 3019, 3261, 3310, 3450, 3451, 3452})
MAX_BODY = 64 * 1024 * 1024  # the longest normal answers are lists of some MiB
_SERIALS = 2**32
_KEPT = 65_536  # of bytes that are no frame: enough to see what they are
# Looked up once, since `receive` runs for every frame.
_SIZE, _MAGIC, _unpack = frame.SIZE, frame.MAGIC, frame.TOLD.unpack_from


class Message(msgspec.Struct, gc=False):
    """One whole frame, checked and decrypted. ``token`` is the request's that it answers."""

    proto: int
    fmt: int
    serial: int
    body: bytes
    token: Any = None

    def raw(self) -> bytes:
        """Return the frame again, in plain text, for a dead letter."""
        return frame.pack(self.proto, self.serial, self.body, fmt=self.fmt)


class Damaged(msgspec.Struct, gc=False):
    """One frame whose body is not what its header says; the stream goes on after it."""

    proto: int
    serial: int
    raw: bytes
    text: str
    token: Any = None


class Garbage(msgspec.Struct, gc=False):
    """Bytes that are no frame. Where the next one starts cannot be known, so nothing more is read: reconnect."""

    raw: bytes
    text: str


Received = Message | Damaged | Garbage


class Connection:
    """The state of one connection: what was received in part, the ciphers, the requests that wait for an answer."""

    def __init__(self, *, rsa: Cipher | None = None, max_body: int = MAX_BODY, first_serial: int = 1) -> None:
        self.cipher: Cipher | None = None
        self.pending: dict[tuple[int, int], Any] = {}
        self.broken = False
        self._rsa = rsa
        self._max_body = max_body
        self._serial = first_serial - 1
        self._buffer = bytearray()
        self._needed = frame.SIZE  # bytes from the start of the buffer on that are worth a look

    def next_serial(self) -> int:
        """Return the serial of the next request; increases for as long as a connection can live."""
        self._serial = (self._serial + 1) % _SERIALS
        return self._serial

    def send(self, proto: int, serial: int, body: bytes, *, token: Any = None, fmt: int = frame.PROTOBUF) -> bytes:
        """Return the frame to write; with a ``token``, the answer to it will carry the token."""
        if token is not None:
            self.pending[proto, serial] = token
        cipher = self._rsa if proto == INIT else self.cipher
        return frame.pack(proto, serial, body, None if cipher is None else cipher.encrypt(body), fmt=fmt)

    def forget(self, proto: int, serial: int) -> None:
        """Wait no longer for an answer; one that comes late is a message without token."""
        self.pending.pop((proto, serial), None)

    def receive(self, data: bytes) -> list[Received]:
        """Take bytes as they come, in pieces of any size; return what is whole now."""
        received: list[Received] = []
        if self.broken:
            return received
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return received
            data = bytes(self._buffer)  # once per frame that was cut, so that what is cut out of it is copied once only
            self._buffer.clear()
        start, end, plain = 0, len(data), self.cipher is None
        self._needed = _SIZE
        while end - start >= _SIZE:
            magic, proto, fmt, serial, length, digest = _unpack(data, start)
            if magic != _MAGIC or length > self._max_body:
                received.append(self._give_up(data[start : start + _KEPT], magic, length))
                return received
            stop = start + _SIZE + length
            if stop > end:
                self._needed = _SIZE + length
                break
            body = data[start + _SIZE : stop]
            if plain and proto in PUSHES and sha1(body).digest() == digest:
                received.append(Message(proto, fmt, serial, body))  # nearly all frames, so without a call more
            else:
                received.append(self._take(proto, fmt, serial, digest, body, data[start:stop]))
            start = stop
        if start < end:
            self._buffer += data[start:] if start else data
        return received

    @property
    def incomplete(self) -> bool:
        """Tell whether a frame has begun and not ended."""
        return bool(self._buffer)

    def _take(self, proto: int, fmt: int, serial: int, digest: bytes, body: bytes, raw: bytes) -> Message | Damaged:
        token = None if proto in PUSHES else self.pending.pop((proto, serial), None)
        cipher = self._rsa if proto == INIT else self.cipher
        if cipher is not None:
            try:
                body = cipher.decrypt(body)
            except Undecryptable as error:
                return Damaged(proto, serial, raw, str(error), token)
        if sha1(body).digest() != digest:
            return Damaged(proto, serial, raw, "the body's SHA-1 is not the header's", token)
        return Message(proto, fmt, serial, body, token)

    def _give_up(self, raw: bytes, magic: bytes, length: int) -> Garbage:
        self.broken = True
        self._buffer.clear()
        if magic != frame.MAGIC:
            return Garbage(raw, f"{magic!r} where a frame's magic {frame.MAGIC!r} belongs")
        return Garbage(raw, f"a body of {length} bytes is announced; {self._max_body} is the most")
