"""Who has subscribed to what, and how the exchange's news reach them."""

from __future__ import annotations

from collections.abc import Callable

from venuebus.simulation import MatchingEngine, SimOrder, SimTrade

from .books import BookFeed
from .details import FillRecord
from .pushes import Pushes
from .rows import Row
from .settings import Quirks
from .stream import Stream

HISTORY = 50  # trades in the first frame after subscribing


class Hub:
    """Topics and their subscribers. Frames are rendered only where somebody listens, once for all."""

    def __init__(self, quirks: Quirks, *, now_ms: Callable[[], int]) -> None:
        self.streams: set[Stream] = set()
        self.feeds: dict[str, BookFeed] = {}
        self.pushes = Pushes(quirks)
        self._quirks = quirks
        self._now_ms = now_ms
        self._engine: MatchingEngine | None = None
        self._topics: dict[str, set[Stream]] = {}

    def open(self, engine: MatchingEngine) -> None:
        """Take over the engine's books; called again after a reset, sequences go on."""
        self._engine = engine
        for symbol in engine.markets:
            feed = BookFeed(symbol, engine, self._quirks.plain_topic)
            if symbol in self.feeds:
                feed.seq = self.feeds[symbol].seq + 1
            self.feeds[symbol] = feed

    def subscribe(self, stream: Stream, topic: str) -> None:
        """Add a subscriber and send what the topic starts with."""
        name, _, symbol = topic.partition(":")
        stream.topics.add(topic)
        if name in ("notificationApiV3", "fills"):
            if stream.user is not None:  # without a login: accepted, and silent for ever
                stream.private.add(name)
            return
        symbol = symbol.removesuffix(f"_{topic[-1]}") if name != "tradeHistoryApi" else symbol
        first = self._first(name, symbol, topic)
        self._topics.setdefault(f"{name}:{symbol}", set()).add(stream)
        stream.push("ws.snapshot", topic, first)

    def unsubscribe(self, stream: Stream, topic: str) -> None:
        """Remove a subscriber of one topic."""
        name, _, symbol = topic.partition(":")
        stream.topics.discard(topic)
        stream.private.discard(name)
        symbol = symbol.removesuffix(f"_{topic[-1]}") if name != "tradeHistoryApi" else symbol
        self._topics.get(f"{name}:{symbol}", set()).discard(stream)

    def forget(self, stream: Stream) -> None:
        """Remove a connection that is gone."""
        self.streams.discard(stream)
        for subscribers in self._topics.values():
            subscribers.discard(stream)
        stream.release()

    def subscribers(self, name: str, symbol: str) -> set[Stream]:
        """Connections that have subscribed to ``name`` of ``symbol``."""
        return self._topics.get(f"{name}:{symbol}") or set()

    # --- what the exchange tells ----------------------------------------------------------------------------

    def order_changed(self, order: SimOrder) -> None:
        """Send a notification to the user's connections."""
        assert self._engine is not None
        text = self.pushes.notification(order, self._engine.markets[order.symbol])
        self._private(order.owner, "notificationApiV3", "ws.notification", f"{order.client_id} {order.order_id}", text)

    def refused(self, user: str, row: Row) -> None:
        """Tell the user's connections of a refusal by row, which is blank there as well."""
        text = self.pushes.refusal(row)
        self._private(user, "notificationApiV3", "ws.notification", str(row["clOrderID"]), text)

    def filled(self, record: FillRecord) -> None:
        """Send a fill to the user's connections."""
        assert self._engine is not None
        order = record.fill.order
        text = self.pushes.fill(record, self._engine.markets[order.symbol])
        self._private(order.owner, "fills", "ws.fill", f"{order.client_id} {order.order_id}", text)

    def traded(self, trade: SimTrade) -> None:
        """Send a public trade."""
        if subscribers := self.subscribers("tradeHistoryApi", trade.symbol):
            text = self.pushes.trade(trade)
            for stream in subscribers:
                stream.push("ws.trade", trade.symbol, text)

    def book_changed(self, symbol: str) -> None:
        """Send the delta and the new top of a book."""
        feed = self.feeds[symbol]
        if feed.frozen:
            return
        if (subscribers := self.subscribers("update", symbol)) and (text := feed.delta(self._now_ms())) is not None:
            for stream in subscribers:
                stream.push("ws.book", symbol, text)
        if (watchers := self.subscribers("snapshotL1", symbol)) and (
            text := feed.top_changed(self._now_ms())
        ) is not None:
            for stream in watchers:
                stream.push("ws.quote", symbol, text)

    # --- inside ---------------------------------------------------------------------------------------------

    def _private(self, user: str, topic: str, point: str, subject: str, text: str) -> None:
        for stream in self.streams:
            if stream.user == user and topic in stream.private:
                stream.push(point, subject, text)

    def _first(self, name: str, symbol: str, topic: str) -> str:
        """What a new subscriber hears first; earlier subscribers hear a missed change before that."""
        assert self._engine is not None
        feed = self.feeds[symbol]
        if name == "update":
            if not feed.frozen and (text := feed.delta(self._now_ms())) is not None:
                for stream in self.subscribers("update", symbol):
                    stream.push("ws.book", symbol, text)
            return feed.snapshot(self._now_ms(), topic)
        if name == "snapshotL1":
            feed.top_changed(self._now_ms())
            return feed.l1(self._now_ms())
        return self.pushes.history(symbol, self._engine.trades[symbol][-HISTORY:])
