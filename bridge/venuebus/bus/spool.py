"""Where account events wait on disk while NATS is away: one append-only file per account, replayed in order."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

_LENGTH = struct.Struct("<I")


class Entry(msgspec.Struct, array_like=True, gc=False):
    """One message on its way to the account stream."""

    subject: str
    data: bytes
    msg_id: str
    kind: str
    traceparent: str | None = None


class Spool:
    """A bounded file of entries. ``fence`` says under which lease they were written.

    Entries survive the process. They are written when NATS is away, so the disk is what keeps the promise that
    nothing the venue told is forgotten; ``max_bytes`` bounds it, and a full spool stops the session instead.
    ``pending`` counts the entries not replayed yet.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._file: int | None = None
        self._read_at = 0
        self.pending = 0
        self._peeked = (0, 0)
        self._size = self._whole_size() if path.exists() else 0
        self._fence_path = path.with_suffix(".fence")

    def reload(self) -> None:
        """Look again at what is on disk: another bridge of this machine may have written since."""
        self.close()
        self._read_at = 0
        self._size = self._whole_size() if self.path.exists() else 0

    @property
    def pending_bytes(self) -> int:
        """Bytes not replayed yet."""
        return self._size - self._read_at

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more may be appended."""
        return self._size >= self.max_bytes

    @property
    def fence(self) -> int:
        """Sequence of the lease under which the entries were written; 0 if there are none."""
        text = self._fence_path.read_text() if self._fence_path.exists() else ""
        return int(text) if text.isdigit() else 0  # a crash may leave it empty

    def append(self, entries: list[Entry], fence: int) -> None:
        """Write ``entries`` and hand them to the operating system.

        Raises:
            OSError: the disk does not take them.
        """
        if not entries:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fence_path.write_text(str(fence))
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.ftruncate(self._file, self._size)  # behind a record torn by a crash nothing could be read
        block = bytearray()
        for entry in entries:
            record = msgspec.msgpack.encode(entry)
            block += _LENGTH.pack(len(record)) + record
        written = 0
        try:
            while written < len(block):
                written += os.write(self._file, block[written:])
        except OSError:
            os.ftruncate(self._file, self._size)  # all or nothing: the disk may take a part only
            raise
        self._size += len(block)
        self.pending += len(entries)

    def sync(self) -> None:
        """Have the disk itself keep what was appended."""
        if self._file is not None:
            os.fsync(self._file)

    def peek(self, count: int) -> tuple[list[Entry], int]:
        """Return up to ``count`` entries not replayed yet, and the position behind them for `advance`."""
        entries: list[Entry] = []
        position = self._read_at
        if not self.path.exists():
            return entries, position
        for entry, end in self._records(position):
            entries.append(entry)
            position = end
            if len(entries) >= count:
                break
        self._peeked = (position, len(entries))
        return entries, position

    def _whole_size(self) -> int:
        """Return where the last whole record ends."""
        end, total = 0, self.path.stat().st_size
        self.pending = 0
        with self.path.open("rb") as file:
            while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
                after = file.tell() + _LENGTH.unpack(head)[0]
                if after > total:
                    break
                end = file.seek(after)
                self.pending += 1
        return end

    def _records(self, position: int) -> Iterator[tuple[Entry, int]]:
        with self.path.open("rb") as file:
            file.seek(position)
            while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
                (length,) = _LENGTH.unpack(head)
                record = file.read(length)
                if len(record) < length:
                    return  # torn by a crash in mid-write: the last one was never promised to anybody
                yield msgspec.msgpack.decode(record, type=Entry), file.tell()

    def advance(self, position: int) -> None:
        """Forget what stands before ``position``; an empty spool is removed."""
        self._read_at = position
        if position == self._peeked[0]:
            self.pending -= self._peeked[1]
        if position >= self._size:
            self.clear()

    def clear(self) -> None:
        """Forget everything."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self.path.unlink(missing_ok=True)
        self._fence_path.unlink(missing_ok=True)
        self._read_at = self._size = self.pending = 0

    def close(self) -> None:
        """Close the file and keep what is in it."""
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None
