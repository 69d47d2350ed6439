"""Order books in sequence: a snapshot, then deltas without a hole. Never hands out a book that is not valid."""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from enum import Enum
from operator import itemgetter

from .messages import BookData
from .numbers import ABOVE_ZERO_LIST, PLAIN_LIST, ZEROS, Malformed, text_of

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


SIZE = itemgetter(1)
DELTA = Change.DELTA  # which nearly every frame is, without a look into the enumeration each time


class Half:
    """One side of a book, best level first.

    Nearly every update changes the size of a price that is there, so a level is found by the text of its price and
    the order is touched only where a price comes or goes. Keys are prices, negated for bids, so that both sides sort
    alike.
    """

    __slots__ = ("_at", "_bids", "_keys", "_levels", "_prices", "_resized", "_resizes", "_shuffled", "_sizes", "_tops")

    def __init__(self, *, bids: bool) -> None:
        self._bids = bids
        self.clear()

    def clear(self) -> None:
        """Forget every level."""
        self._keys: list[Decimal] = []
        self._prices: list[str] = []
        self._sizes: dict[str, str] = {}
        self._shuffled = False  # whether `_sizes` is in another order than `_prices`
        self._levels: list[TextLevel] = []  # as `top` made them last, kept where it is asked again and again
        self._at: dict[str, int] = {}  # where each price stands in them
        self._resized: list[TextLevel] = []
        self._resizes = 0  # changes since `_levels` was made; all of one are in `_resized`
        self._tops = 0

    def resize(self, side: list[TextLevel]) -> bool:
        """Put each size at its price, if the book has all these prices. Sizes must be plain and above 0.

        Tells whether it was done; if not, `update` must follow.
        """
        count = len(self._sizes)
        self._sizes.update(side)
        if len(self._sizes) == count:
            self._resized = side
            self._resizes += 1
            return True
        while len(self._sizes) > count:  # a dict keeps its order, so these are the new ones
            self._sizes.popitem()
        return False

    def update(self, side: list[TextLevel]) -> bool:
        """Put each size at its price; 0 takes the level away. "59252.5" and "59252.50" are one level.

        Tells whether a price may have come or gone. Makes every text of ``side`` plain, in place, and writes the
        size of a level taken away as "0".

        Raises:
            Malformed: one is no number, negative, or a price of 0.
        """
        sizes = [size for _, size in side]
        text = ",".join(sizes)
        # One look at all sizes costs a third of a look at each; prices that are in the book have been looked at.
        if not PLAIN_LIST(text) or text.count(",") >= len(side):
            clean_side(side)
        self._at = {}
        for at, (price, size) in enumerate(side):
            if size in ZEROS:
                size = "0"
            elif price in self._sizes:
                self._sizes[price] = size
                continue
            side[at] = (clean_price(price), size)
            self._place(*side[at])
        return bool(side)

    def _place(self, price: str, size: str) -> None:
        key = Decimal(price)
        if self._bids:
            key = key.copy_negate()  # unary minus would round to 28 digits
        at = bisect_left(self._keys, key)
        if at < len(self._keys) and self._keys[at] == key:
            del self._sizes[self._prices[at]]
            if size == "0":
                del self._keys[at], self._prices[at]
                return
            self._prices[at] = price
        elif size == "0":
            return
        else:
            self._keys.insert(at, key)
            self._prices.insert(at, price)
        self._sizes[price] = size
        self._shuffled = True
        if len(self._keys) > MAX_LEVELS:
            del self._keys[-1], self._sizes[self._prices.pop()]

    def top(self, depth: int) -> list[TextLevel]:
        """Return the best ``depth`` levels, best first."""
        if not self._at or self._resizes > 1:
            return self._list()[:depth]
        # Making the pairs of a hundred levels anew for ten that changed would cost as much as all else.
        if self._resizes:
            levels, at = self._levels, self._at
            for level in self._resized:
                levels[at[level[0]]] = level
            self._resizes = 0
        return self._levels[:depth]

    def _list(self) -> list[TextLevel]:
        if self._shuffled:
            sizes, self._shuffled = self._sizes, False
            self._sizes = {price: sizes[price] for price in self._prices}
        levels = list(self._sizes.items())
        self._resizes = 0
        self._tops += 1
        if self._tops > 1:  # not after a snapshot alone: a book of which only deltas are read need not keep them
            self._levels = levels
            self._at = {price: at for at, price in enumerate(self._sizes)}
        return levels

    @property
    def levels(self) -> list[TextLevel]:
        """Every level, best first."""
        return self.top(len(self._prices))

    @property
    def best(self) -> Decimal | None:
        """Price of the best level."""
        return self._keys[0].copy_abs() if self._keys else None


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
        if data.type != "delta":
            return self._snapshot(data)
        if not self.in_sync:
            return Change.IGNORED
        seq, number = self.seq, data.seqNum
        if seq is not None and number is not None and number <= seq and self._late < MAX_LATE:
            self._late += 1  # sent before the snapshot, or twice
            return Change.IGNORED
        if seq is None or data.prevSeqNum != seq or number != seq + 1:
            self.invalidate()
            return Change.GAP
        moved = self._set(data)
        self.seq = number
        self._late = 0
        return self._checked(DELTA) if moved else DELTA

    def invalidate(self) -> None:
        """Wait for the next snapshot."""
        self.in_sync = False
        self.seq = None
        self._late = 0
        self.bids.clear()
        self.asks.clear()

    def _snapshot(self, data: BookData) -> Change:
        if data.type != "snapshot":
            raise Malformed(f"type: snapshot or delta expected, not {data.type[:20]!r}")
        self.invalidate()
        if data.seqNum is None:
            raise Malformed("seqNum: missing in a snapshot")
        self._set(data)
        self.seq = data.seqNum
        self.in_sync = True
        return self._checked(Change.SNAPSHOT)

    def _set(self, data: BookData) -> bool:
        """Put the levels of ``data`` into the book; tell whether a price may have come or gone."""
        bids, asks = data.bids, data.asks
        sizes = ",".join([*map(SIZE, bids), *map(SIZE, asks)])
        # Nearly always all sizes are new and all prices known, which one look at all of them tells.
        usual = sizes.count(",") == len(bids) + len(asks) - 1 and ABOVE_ZERO_LIST(sizes) is not None
        try:
            moved = not (usual and self.bids.resize(bids)) and self.bids.update(bids)
            return (not (usual and self.asks.resize(asks)) and self.asks.update(asks)) or moved
        except Malformed:
            self.invalidate()
            raise

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
    clean_side(data.bids)
    clean_side(data.asks)


def clean_side(side: list[TextLevel]) -> None:
    """Make every price and size of one side plain text, in place.

    Raises:
        Malformed: as `clean_levels`.
    """
    for at, (price, size) in enumerate(side):
        side[at] = (clean_price(price), text_of(size, "size"))


def clean_price(price: str) -> str:
    """Return a price as plain text.

    Raises:
        Malformed: it is no number above 0.
    """
    price = text_of(price, "price")
    if price in ZEROS:
        raise Malformed("price: more than 0 expected")
    return price
