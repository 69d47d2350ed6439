"""Order books in sequence: a snapshot, then deltas without a hole. Never hands out a book that is not valid."""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from enum import Enum

from .messages import BookData
from .numbers import PLAIN, Malformed, text_of

MAX_LEVELS = 2000  # per side; the venue keeps 50, so more is a fault that must not eat memory
MAX_LATE = 50  # old sequence numbers in a row; more means that the venue began to count anew
TextLevel = tuple[str, str]


class Change(Enum):
    """What a frame did to a book."""

    SNAPSHOT = "snapshot"
    DELTA = "delta"
    IGNORED = "ignored"
    GAP = "gap"
    CROSSED = "crossed"


class Half:
    """One side of a book, best level first. Keys are prices (negated for bids), so that both sides sort alike."""

    __slots__ = ("_keys", "_sign", "levels")

    def __init__(self, *, bids: bool) -> None:
        self._sign = -1 if bids else 1
        self._keys: list[Decimal] = []
        self.levels: list[TextLevel] = []

    def clear(self) -> None:
        """Forget every level."""
        self._keys = []
        self.levels = []

    def set(self, price: str, size: str) -> None:
        """Put ``size`` at ``price``; 0 takes the level away. "59252.5" and "59252.50" are one level."""
        key = self._sign * Decimal(price)
        at = bisect_left(self._keys, key)
        known = at < len(self._keys) and self._keys[at] == key
        if not size.strip("0."):
            if known:
                del self._keys[at], self.levels[at]
        elif known:
            self.levels[at] = (price, size)
        else:
            self._keys.insert(at, key)
            self.levels.insert(at, (price, size))
            if len(self._keys) > MAX_LEVELS:
                del self._keys[-1], self.levels[-1]

    @property
    def best(self) -> Decimal | None:
        """Price of the best level."""
        return self._sign * self._keys[0] if self._keys else None


class OrderBook:
    """The book of one symbol. Only `in_sync` books may be shown; a hole or a crossed book ends that until the next
    snapshot, and deltas that come late are dropped.
    """

    __slots__ = ("_late", "asks", "bids", "in_sync", "seq", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.bids = Half(bids=True)
        self.asks = Half(bids=False)
        self.seq: int | None = None
        self.in_sync = False
        self._late = 0

    def apply(self, data: BookData) -> Change:
        """Take one frame.

        Raises:
            Malformed: a level or the type is not what it must be; the book is out of sync then.
        """
        if data.type == "snapshot":
            return self._snapshot(data)
        if data.type != "delta":
            raise Malformed(f"type: snapshot or delta expected, not {data.type[:20]!r}")
        if not self.in_sync:
            return Change.IGNORED
        if self.seq is not None and data.seqNum is not None and data.seqNum <= self.seq and self._late < MAX_LATE:
            self._late += 1  # sent before the snapshot, or twice
            return Change.IGNORED
        if self.seq is None or data.prevSeqNum != self.seq or data.seqNum != self.seq + 1:
            self.invalidate()
            return Change.GAP
        self._set(data)
        self.seq = data.seqNum
        self._late = 0
        return self._checked(Change.DELTA)

    def invalidate(self) -> None:
        """Wait for the next snapshot."""
        self.in_sync = False
        self.seq = None
        self._late = 0
        self.bids.clear()
        self.asks.clear()

    def _snapshot(self, data: BookData) -> Change:
        self.invalidate()
        if data.seqNum is None:
            raise Malformed("seqNum: missing in a snapshot")
        self._set(data)
        self.seq = data.seqNum
        self.in_sync = True
        return self._checked(Change.SNAPSHOT)

    def _set(self, data: BookData) -> None:
        try:
            clean_levels(data)
        except Malformed:
            self.invalidate()
            raise
        for price, size in data.bids:
            self.bids.set(price, size)
        for price, size in data.asks:
            self.asks.set(price, size)

    def _checked(self, change: Change) -> Change:
        bid, ask = self.bids.best, self.asks.best
        if bid is None or ask is None or bid < ask:
            return change
        self.invalidate()
        return Change.CROSSED


def clean_levels(data: BookData) -> None:
    """Make every price and size of ``data`` plain text, in place.

    Raises:
        Malformed: one is no number, negative, or a price of 0.
    """
    for side in (data.bids, data.asks):
        for at, (price, size) in enumerate(side):
            if not (PLAIN(price) and PLAIN(size)):
                side[at] = (text_of(price, "price"), text_of(size, "size"))
                price = side[at][0]
            if not price.strip("0."):
                raise Malformed("price: more than 0 expected")
