"""What comes in on both WebSockets: data to the feeds, answers to whoever waits, the unreadable to the dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from venuebus import RetryableError, VenueContext
from venuebus_schemas import Reason

from . import protocol
from .account import AccountFeed
from .config import BtseConfig
from .link import Link
from .market import MarketFeed
from .messages import BookData
from .numbers import Malformed

RESYNC_PAUSE_NS = 5_000_000_000  # a flood of unreadable messages must not become a flood of questions


class Inbox:
    """Reads every frame once and passes it on. ``end`` ends the session."""

    def __init__(
        self,
        ctx: VenueContext[BtseConfig],
        market: MarketFeed,
        feed: AccountFeed,
        end: Callable[[BaseException], None],
    ) -> None:
        self._ctx = ctx
        self._market = market
        self._feed = feed
        self._end = end
        self._resynced = 0
        self.login: asyncio.Future[protocol.LoggedIn] | None = None
        self.spot = Link("spot", ctx.config.ws_url, ctx, self.receive_spot)
        self.oss = Link("oss", ctx.config.oss_url, ctx, self.receive_oss)

    def receive_oss(self, frame: str) -> None:
        """Take a frame of the order-book server."""
        now = self._ctx.now_ns()
        try:
            message = protocol.read_oss(frame)
            if type(message) is BookData:
                self._market.on_book(message, now)
                if self.oss.topics.open:
                    self._seen(message)
            else:
                self._control(self.oss, message)
        except Malformed as error:
            self._ctx.dead_letter(frame.encode("utf-8", "surrogatepass"), f"oss: {error}", subject="oss")

    def receive_spot(self, frame: str) -> None:
        """Take a frame of the spot server."""
        now = self._ctx.now_ns()
        try:
            message = protocol.read_spot(frame)
            if type(message) is protocol.Trades:
                self._market.on_trades(message.rows, now)
            elif type(message) is protocol.Notices:
                self._feed.on_notices(message.rows, now)
            elif type(message) is protocol.Fills:
                self._feed.on_fills(message.rows, now)
            else:
                self._control(self.spot, message)
        except Malformed as error:
            self._ctx.dead_letter(frame.encode("utf-8", "surrogatepass"), f"spot: {error}", subject="spot")
            if protocol.is_private(frame) and now - self._resynced > RESYNC_PAUSE_NS:
                self._resynced = now
                self._ctx.resync("a message about the account could not be read")

    def _seen(self, data: BookData) -> None:
        topic = protocol.quote_topic if data.type == "snapshotL1" else protocol.book_topic
        self.oss.topics.seen(topic(data.symbol))
        self.oss.heard_about_topics()

    def _control(self, link: Link, message: Any) -> None:
        match message:
            case protocol.Agreed(event="subscribe", topics=topics):
                link.topics.agreed(topics)
                link.heard_about_topics(answered=True)
            case protocol.Refusals(refused=refusals):
                for item in refusals:
                    self._refused(link, item)
                link.heard_about_topics()
            case protocol.LoggedIn():
                if self.login is not None and not self.login.done():
                    self.login.set_result(message)
                elif not message.success:
                    self._end(RetryableError(f"the venue ended the login: {message.text}", reason=Reason.UNAUTHORIZED))
            case protocol.Noise():
                self._ctx.count("noise")

    def _refused(self, link: Link, item: protocol.Refused) -> None:
        if item.code == protocol.SESSION_CLOSES:
            self._end(RetryableError(f"{link.name}: the venue closes the session: {item.text}", retry_after=5.0))
        elif item.code == protocol.BUFFER_FULL:
            # Frames were lost, and nobody says which: no book of this connection can be trusted.
            self._ctx.count("buffer_full")
            if link is self.oss:
                for symbol in list(self._market.books):
                    self._market.lost(symbol, "the venue's buffer for us was full")
            elif self._ctx.config.can_trade:
                self._ctx.resync("the venue's buffer for us was full: notifications may be missing")
        else:
            link.topics.refused(item)
