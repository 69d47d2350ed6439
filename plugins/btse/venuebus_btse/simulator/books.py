"""Order books as the OSS channel tells them: snapshots of 50 levels and deltas in sequence."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from venuebus.simulation import MatchingEngine

LEVELS = 50
Level = tuple[Decimal, Decimal]


class BookFeed:
    """What was last told about one symbol's book; all subscribers share its sequence."""

    __slots__ = ("_asks", "_bids", "_engine", "frozen", "plain_every", "seq", "symbol", "top")

    def __init__(self, symbol: str, engine: MatchingEngine, plain_every: int) -> None:
        self.symbol = symbol
        self.seq = 628_282
        self.frozen = False
        self.plain_every = plain_every
        self.top: tuple[list[Level], list[Level]] = ([], [])
        self._engine = engine
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}

    def delta(self, now_ms: int) -> str | None:
        """Return the next delta, None if nothing that subscribers see has changed."""
        bids, asks = self._engine.book(self.symbol, LEVELS)
        new_bids, new_asks = dict(bids), dict(asks)
        changed_bids = difference(self._bids, new_bids)
        changed_asks = difference(self._asks, new_asks)
        if not changed_bids and not changed_asks:
            return None
        self._bids, self._asks = new_bids, new_asks
        self.seq += 1
        changed_bids.sort(reverse=True)
        changed_asks.sort(reverse=True)
        plain = self.plain_every > 0 and self.seq % self.plain_every == 0
        topic = f"update:{self.symbol}" if plain else f"update:{self.symbol}_0"
        return render(topic, self.symbol, changed_bids, changed_asks, self.seq, "delta", now_ms)

    def snapshot(self, now_ms: int, topic: str) -> str:
        """Return the state that the next delta follows."""
        return render(
            topic, self.symbol, self._bids.items(), reversed(self._asks.items()), self.seq, "snapshot", now_ms
        )

    def told(self) -> tuple[list[Level], list[Level]]:
        """Bids and asks as subscribers have them now, best first; the engine's while nobody has subscribed."""
        if not self._bids and not self._asks:
            return self._engine.book(self.symbol, LEVELS)
        return list(self._bids.items()), list(self._asks.items())

    def top_changed(self, now_ms: int) -> str | None:
        """Return the L1 frame if the best bid or ask is another one than last told."""
        top = self._engine.book(self.symbol, 1)
        if top == self.top:
            return None
        self.top = top
        return self.l1(now_ms)

    def l1(self, now_ms: int) -> str:
        """Return the L1 frame of the best bid and ask last told; a side may be empty."""
        bids, asks = self.top
        return (
            f'{{"topic":"snapshotL1:{self.symbol}","data":{{"bids":[{levels(bids)}],"asks":[{levels(asks)}],'
            f'"type":"snapshotL1","symbol":"{self.symbol}","timestamp":{now_ms}}}}}'
        )


def render(
    topic: str, symbol: str, bids: Iterable[Level], asks: Iterable[Level], seq: int, kind: str, now_ms: int
) -> str:
    """Return a frame of topic ``update``; asks are listed high to low, the best one last."""
    return (
        f'{{"topic":"{topic}","data":{{"bids":[{levels(bids)}],"asks":[{levels(asks)}],"seqNum":{seq},'
        f'"prevSeqNum":{seq - 1},"type":"{kind}","timestamp":{now_ms},"symbol":"{symbol}"}}}}'
    )


def levels(pairs: Iterable[Level]) -> str:
    """Render levels as the venue does: pairs of texts."""
    return ",".join(f'["{price:f}","{size:f}"]' for price, size in pairs)


def difference(old: dict[Decimal, Decimal], new: dict[Decimal, Decimal]) -> list[Level]:
    """Levels of ``new`` that are not so in ``old``, and those that are gone, with size 0."""
    changed = [(price, size) for price, size in new.items() if old.get(price) != size]
    changed += [(price, Decimal(0)) for price in old if price not in new]
    return changed
