"""What the venue lists, asked for over REST: steps and bounds of its markets, their last 24 hours, and its clock."""

from __future__ import annotations

from datetime import datetime

import msgspec
from venuebus import FatalError, RetryableError, VenueContext
from venuebus_schemas import Reason

from .answers import Answer, refusal
from .config import BtseConfig
from .market import MarketFeed
from .messages import MarketRow, loads, read
from .numbers import Malformed
from .rest import Rest

SKEW = 2.0  # seconds between our clock and the venue's from which signatures are in danger
FEW = 3  # symbols up to which asking for each costs the venue and us less than asking for all

_rows = msgspec.json.Decoder(list[MarketRow])


class Markets:
    """Asks `MarketFeed`'s questions."""

    def __init__(self, ctx: VenueContext[BtseConfig], rest: Rest, feed: MarketFeed) -> None:
        self._ctx = ctx
        self._rest = rest
        self._feed = feed

    async def load(self, *, check: bool = False) -> None:
        """Load every market. With ``check``, insist on the configured symbols and publish their instruments.

        Raises:
            RetryableError: no answer. FatalError: the venue lists its markets, and a configured one is not there.
        """
        rows = await self._ask(None)
        self._feed.on_summary(rows, self._ctx.now_ns(), tickers=False)
        if not check:
            return
        known, symbols = self._feed.instruments, self._ctx.config.symbols
        unknown = [symbol for symbol in symbols if symbol not in known]
        if unknown and rows:
            raise FatalError(
                f"symbols: the venue has no {', '.join(unknown)} (market_summary lists {len(rows)} markets)",
                reason=Reason.UNKNOWN_SYMBOL,
            )
        for symbol in symbols:
            if symbol in known:
                self._ctx.publish(known[symbol])

    async def poll(self) -> None:
        """Publish the tickers that are wanted.

        Raises:
            RetryableError: no answer.
        """
        wanted = sorted(self._feed.wanted["ticker"])
        for symbol in wanted if len(wanted) <= FEW else [None]:
            rows = await self._ask(symbol)
            self._feed.on_summary(rows, self._ctx.now_ns(), tickers=True)

    async def check_clock(self) -> None:
        """Compare clocks, warn, and sign by the venue's where ours is wrong: its answer to that is «wrong key»."""
        if not self._ctx.config.can_trade:
            return
        try:
            before = self._rest.clock.now_ns()
            answer = await self._rest.ask("/time", operation="time", signed=False)
            ours = (before + self._rest.clock.now_ns()) / 2e9
            theirs = datetime.fromisoformat(str(loads(answer.body)["iso"])).timestamp()
        except (RetryableError, Malformed, ValueError, KeyError, TypeError):
            return
        if abs(ours - theirs) > SKEW:
            self._ctx.count("clock_skew")
            self._ctx.log.warning("clock_skew", seconds=round(ours - theirs, 3))
            self._rest.clock.correct(int((theirs - ours) * 1e9))

    async def _ask(self, symbol: str | None) -> list[MarketRow]:
        query = {"symbol": symbol} if symbol is not None else None
        answer = await self._rest.ask("/market_summary", query, operation="market_summary", signed=False)
        said = refusal(answer)
        if said is not None:
            raise RetryableError(f"market_summary: {said.shown}")
        try:
            return _rows.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._read_slowly(answer)

    def _read_slowly(self, answer: Answer) -> list[MarketRow]:
        """Read field by field, so that one broken market does not hide the others."""
        try:
            payload = loads(answer.body)
        except Malformed as error:
            self._ctx.dead_letter(answer.body, f"market_summary: {error}", content_type="application/json")
            raise RetryableError(f"market_summary: {error}") from error
        rows = []
        for row in payload if isinstance(payload, list) else [payload]:
            try:
                rows.append(read(MarketRow, row))
            except Malformed as error:
                self._ctx.dead_letter(msgspec.json.encode(row), f"market_summary: {error}")
        return rows
