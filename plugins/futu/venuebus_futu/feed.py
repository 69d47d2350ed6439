"""Market data of one connection: subscriptions within OpenD's quota, and its pushes as events."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace
from venuebus import CommandRejected, RetryableError, VenueContext
from venuebus_schemas import Bar, Book, Quote, Reason

from . import convert_market, messages, names, refusals
from .config import FutuConfig
from .link import Link, NoAnswer
from .pb import common_pb2, quote_pb2
from .symbols import QUOTE_MARKET, split

CHUNK = 100  # securities per request, as the SDK cuts them
MINIMUM = 60.0  # seconds that a subscription must have lasted before OpenD lets it go
Key = tuple[str, int]


class Feed:
    """Which (symbol, subscription type) pairs OpenD pushes to us, and what of it is wanted."""

    def __init__(self, ctx: VenueContext[FutuConfig], link: Link, timeout: float) -> None:
        self._ctx = ctx
        self._link = link
        self._timeout = timeout
        self._regular_only = ctx.config.prints == "regular"
        self._since: dict[Key, float] = {}  # subscribed at OpenD, and from when
        self._wanted: dict[str, set[str]] = {}  # symbol → kinds
        self._known: set[str] = set()
        self._bars: dict[tuple[str, str], Bar] = {}
        self._busy = asyncio.Lock()

    # --- subscriptions --------------------------------------------------------------------------------------

    async def subscribe(self, symbols: list[str], kinds: list[str]) -> None:
        """Subscribe, and return when OpenD has agreed.

        Raises:
            CommandRejected: a symbol or kind that OpenD does not know, by name; or the quota does not suffice.
            RetryableError: no answer.
        """
        for kind in kinds:
            self._subtypes(kind)
        for symbol in symbols:
            _security(symbol)
        async with self._busy:
            await self._introduce(symbols, publish="instrument" in kinds)
            pairs = {(symbol, sub) for symbol in symbols for kind in kinds for sub in self._subtypes(kind)}
            new = pairs - self._since.keys()
            await self._check_quota(new)
            before = {symbol: set(self._wanted.get(symbol, ())) for symbol in symbols}
            for symbol in symbols:
                # Before the request, because OpenD pushes the present state before it answers.
                self._wanted.setdefault(symbol, set()).update(kinds)
            try:
                await self._request(new, on=True)
            except (CommandRejected, RetryableError):
                self._wanted.update(before)
                raise

    async def unsubscribe(self, symbols: list[str], kinds: list[str]) -> None:
        """Publish no more of these, at once; OpenD is told when its minute is over (see `tidy`)."""
        for symbol in symbols:
            wanted = self._wanted.get(symbol)
            if wanted is not None:
                wanted.difference_update(kinds)
                if not wanted:
                    del self._wanted[symbol]
        await self.tidy()

    async def tidy(self) -> float | None:
        """Let go what nobody wants and is a minute old; return in how many seconds there is more to let go."""
        async with self._busy:
            now = asyncio.get_running_loop().time()
            useful = {
                (symbol, sub) for symbol, kinds in self._wanted.items() for k in kinds for sub in self._subtypes(k)
            }
            idle = {key: since for key, since in self._since.items() if key not in useful}
            try:
                await self._request({key for key, since in idle.items() if now - since > MINIMUM}, on=False)
            except CommandRejected:
                self._ctx.count("unsubscribe_refused")  # it costs quota, and will be asked for again
            rest = [since + MINIMUM - now for key, since in idle.items() if key in self._since]
            return max(0.1, min(rest)) if rest else None

    async def restore(self) -> None:
        """Subscribe everything again, after OpenD had lost its quote server.

        Raises:
            RetryableError: no answer, or OpenD refuses.
        """
        async with self._busy:
            everything, self._since = set(self._since), {}
            try:
                await self._request(everything, on=True)
            except CommandRejected as error:
                raise RetryableError(f"subscriptions cannot be restored: {error}") from error

    def subscriptions(self) -> dict[str, list[str]]:
        """Return the kinds wanted per symbol."""
        return {symbol: sorted(kinds) for symbol, kinds in self._wanted.items() if kinds}

    async def instruments(self, symbols: list[str]) -> list[Any]:
        """Return what OpenD says of each symbol.

        Raises:
            CommandRejected: ``unknown_symbol``, by name. RetryableError: no answer.
        """
        found: list[Any] = []
        for i in range(0, len(symbols), CHUNK):
            found += await self._static(symbols[i : i + CHUNK])
        return found

    async def book(self, symbol: str, depth: int = 10) -> Any:
        """Return the book now.

        Raises:
            CommandRejected: OpenD says no, or has only an odd-lot book. RetryableError: no answer.
        """
        c2s = quote_pb2.GetOrderBook.C2S(security=_security(symbol), num=depth)
        response = await self._link.call(messages.BOOK, c2s, self._timeout)
        _agreed(response, symbol)
        book = convert_market.book(response.s2c, self._ctx.now_ns())
        if book is None:
            raise CommandRejected(Reason.UNSUPPORTED, f"{symbol}: OpenD answered with the odd-lot book")
        return book

    def _subtypes(self, kind: str) -> tuple[int, ...]:
        if kind in ("quote", "book"):
            return (names.SUB_BOOK,)
        if kind == "trade":
            return (names.SUB_TICKER,)
        if kind == "ticker":
            return (names.SUB_BASIC,)
        if kind == "bar":
            return tuple(names.BAR_SUBTYPES[interval] for interval in self._ctx.config.bars)
        if kind == "instrument":
            return ()
        raise CommandRejected(
            Reason.UNSUPPORTED, f"market data {kind}: OpenD has quote book trade ticker bar instrument"
        )

    async def _introduce(self, symbols: list[str], *, publish: bool) -> None:
        new = [symbol for symbol in dict.fromkeys(symbols) if symbol not in self._known]
        for item in await self.instruments(new if not publish else list(dict.fromkeys(symbols))):
            self._known.add(item.symbol)
            if publish:
                self._ctx.publish(item)

    async def _static(self, symbols: list[str]) -> list[Any]:
        response = await self._ask_static(symbols)
        message = response.retMsg
        if response.retType != messages.SUCCEED and (
            not refusals.is_proved(response.retType, message) or refusals.reason(message) is Reason.RATE_LIMITED
        ):
            raise NoAnswer(f"{' '.join(symbols)[:100]}: {message} ({response.retType})")
        if response.retType != messages.SUCCEED and len(symbols) > 1:
            # One unknown code fails the whole request; halves find it in few requests.
            middle = len(symbols) // 2
            return await self._static(symbols[:middle]) + await self._static(symbols[middle:])
        if response.retType != messages.SUCCEED:
            raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"{symbols[0]}: {message}")
        items = [convert_market.instrument(info, self._ctx.now_ns()) for info in response.s2c.staticInfoList]
        missing = set(symbols) - {item.symbol for item in items}
        if missing:
            raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"OpenD does not know {', '.join(sorted(missing))}")
        return items

    async def _ask_static(self, symbols: list[str]) -> Any:
        await self._ctx.limits.acquire("static_info")
        c2s = quote_pb2.GetStaticInfo.C2S(securityList=[_security(symbol) for symbol in symbols])
        return await self._link.call(messages.STATIC_INFO, c2s, self._timeout)

    async def _check_quota(self, new: set[Key]) -> None:
        if not new:
            return
        s2c = await self._link.ask(messages.SUBSCRIPTIONS, quote_pb2.GetSubInfo.C2S(isReqAllConn=True), self._timeout)
        # A pair that another client of this OpenD has costs nothing more.
        shared = {
            (f"{prefix}.{security.code}", sub.subType)
            for connection in s2c.connSubInfoList
            for sub in connection.subInfoList
            for security in sub.securityList
            if (prefix := _PREFIXES.get(security.market)) is not None
        }
        needed = len(new - shared)
        if needed > s2c.remainQuota:
            raise CommandRejected(
                Reason.RATE_LIMITED,
                f"{needed} subscriptions needed, {s2c.remainQuota} left of OpenD's quota ({s2c.totalUsedQuota} used)",
            )

    async def _request(self, pairs: set[Key], *, on: bool) -> None:
        by_type: dict[int, list[str]] = {}
        for symbol, sub in sorted(pairs):
            by_type.setdefault(sub, []).append(symbol)
        for sub, symbols in by_type.items():
            for i in range(0, len(symbols), CHUNK):
                await self._request_chunk(symbols[i : i + CHUNK], sub, on=on)

    async def _request_chunk(self, symbols: list[str], sub: int, *, on: bool) -> None:
        c2s = quote_pb2.Sub.C2S(
            securityList=[_security(symbol) for symbol in symbols], subTypeList=[sub], isSubOrUnSub=on
        )
        c2s.isRegOrUnRegPush = on  # without it OpenD subscribes and never pushes
        if on:
            c2s.isFirstPush = True
            if sub in _BAR_SUBTYPES and self._ctx.config.extended_hours:
                c2s.extendedTime = True
        response = await self._link.call(messages.SUBSCRIBE, c2s, self._timeout)
        _agreed(response, " ".join(symbols))
        now = asyncio.get_running_loop().time()
        for symbol in symbols:
            if on:
                self._since[symbol, sub] = now
            else:
                self._since.pop((symbol, sub), None)

    # --- pushes ---------------------------------------------------------------------------------------------

    def on_book(self, s2c: Any, now: int) -> None:
        """Publish a book push, whole or its top, as wanted."""
        symbol = convert_market.symbol_of(s2c)
        wanted = self._wanted.get(symbol, _NOTHING)
        if "quote" in wanted:
            self._publish_book(convert_market.quote(s2c, now, symbol))
        if "book" in wanted:
            self._publish_book(convert_market.book(s2c, now, symbol))

    def _publish_book(self, event: Book | Quote | None) -> None:
        if event is None:
            self._ctx.count("odd_lot_book")
        else:
            self._ctx.publish(event)

    def on_trades(self, s2c: Any, now: int) -> None:
        """Publish the trades of a ticker push."""
        found, skipped = convert_market.trades(s2c, now, regular_only=self._regular_only)
        if skipped:
            self._ctx.count("trade_skipped", skipped)
        for trade in found:
            if "trade" in self._wanted.get(trade.symbol, _NOTHING):
                self._ctx.publish(trade)

    def on_tickers(self, s2c: Any, now: int) -> None:
        """Publish the statistics of a basic-quote push."""
        for q in s2c.basicQotList[:]:  # a list, as protobuf's own container is slow to walk
            ticker = convert_market.ticker(q, now)
            if "ticker" in self._wanted.get(ticker.symbol, _NOTHING):
                self._ctx.publish(ticker)

    def on_bars(self, s2c: Any, now: int) -> None:
        """Publish bars; one is final when the next has begun, which OpenD does not say by itself."""
        for bar in convert_market.bars(s2c, now):
            if "bar" not in self._wanted.get(bar.symbol, _NOTHING):
                continue
            key = (bar.symbol, bar.interval)
            before = self._bars.get(key)
            if before is not None and before.ts_open < bar.ts_open and not before.final:
                # A copy: what was published is the bus's.
                self._ctx.publish(replace(before, final=True, ts_recv=now))
            self._ctx.publish(bar)
            self._bars[key] = bar


_NOTHING: frozenset[str] = frozenset()
_BAR_SUBTYPES = frozenset(names.BAR_SUBTYPES.values())
_PREFIXES = {market: prefix for prefix, market in QUOTE_MARKET.items()}


def _security(symbol: str) -> Any:
    try:
        prefix, code = split(symbol)
    except ValueError as error:
        raise CommandRejected(Reason.UNKNOWN_SYMBOL, str(error)) from error
    return common_pb2.Security(market=QUOTE_MARKET[prefix], code=code)


def _agreed(response: Any, what: str) -> None:
    if response.retType == messages.SUCCEED:
        return
    if response.retType != messages.FAILED:
        raise NoAnswer(f"{what}: {response.retMsg} ({response.retType})")
    text = response.retMsg or "refused"
    quota = any(word in text.lower() for word in ("quota", "额度", "insufficient"))
    raise CommandRejected(Reason.RATE_LIMITED if quota else Reason.VENUE_REJECTED, f"{what}: {text}")
