"""Account events on disk while NATS is away: in order, whole, bounded, through crashes and full disks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from venuebus.bus.spool import Entry, Spool


def entries(*numbers: int) -> list[Entry]:
    return [Entry(f"s.{number}", b"x" * number, f"m{number}", "order") for number in numbers]


def names(spool: Spool, count: int = 1000) -> list[str]:
    return [entry.msg_id for entry in spool.peek(count)[0]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "a.spool"


def test_entries_come_back_in_order_and_are_forgotten_when_replayed(path: Path) -> None:
    spool = Spool(path, 10_000)
    assert spool.pending_bytes == 0
    spool.append(entries(1, 2), fence=7)
    spool.append(entries(3), fence=7)
    first, position = spool.peek(2)
    assert [entry.msg_id for entry in first] == ["m1", "m2"]
    assert first[0] == entries(1)[0]
    spool.advance(position)
    assert names(spool) == ["m3"]
    spool.append(entries(4), fence=7)
    assert names(spool) == ["m3", "m4"]
    spool.advance(spool.peek(10)[1])
    assert spool.pending_bytes == 0
    assert not path.exists()
    assert names(spool) == []


def test_they_survive_the_process_with_their_fence(path: Path) -> None:
    spool = Spool(path, 10_000)
    spool.append(entries(1, 2, 3), fence=42)
    again = Spool(path, 10_000)  # the first was never closed: a crash
    assert again.fence == 42
    assert names(again) == ["m1", "m2", "m3"]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_record_torn_by_a_crash_is_dropped_and_never_swallows_the_next(path: Path, cut: int) -> None:
    spool = Spool(path, 10_000)
    spool.append(entries(1, 2), fence=1)
    whole = path.stat().st_size
    spool.append(entries(10), fence=1)
    spool.close()
    os.truncate(path, path.stat().st_size - min(cut, path.stat().st_size - whole))
    again = Spool(path, 10_000)
    left = names(again)
    assert left[:2] == ["m1", "m2"]
    again.append(entries(5, 6), fence=1)
    assert names(again) == [*left, "m5", "m6"]


def test_a_disk_that_takes_only_a_part_leaves_nothing_torn(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(path, 10_000)
    spool.append(entries(1), fence=1)
    real, calls = os.write, []

    def full(file: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[: len(data) // 2])

    monkeypatch.setattr("venuebus.bus.spool.os.write", full)
    with pytest.raises(OSError, match="No space"):
        spool.append(entries(20, 30), fence=1)
    monkeypatch.undo()
    spool.append(entries(4), fence=1)
    assert names(spool) == ["m1", "m4"]
    assert names(Spool(path, 10_000)) == ["m1", "m4"]


def test_it_says_when_it_is_full(path: Path) -> None:
    spool = Spool(path, 200)
    assert not spool.is_full
    while not spool.is_full:
        spool.append(entries(30), fence=1)
    assert 200 <= path.stat().st_size < 300
    spool.clear()
    assert not spool.is_full
    assert not path.exists()
