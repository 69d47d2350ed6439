"""One connection to BTSE: REST, the spot WebSocket (trades, own orders and fills) and the order-book WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from venuebus import (
    Accepted,
    CommandRejected,
    FatalError,
    Found,
    Instruction,
    NotSent,
    OrderKey,
    RetryableError,
    Snapshot,
    VenueContext,
)
from venuebus_schemas import Query, Reason

from . import protocol
from .account import AccountFeed
from .commands import Commands
from .config import MARKET_DATA, BtseConfig
from .convert import book as to_book
from .inbox import Inbox
from .lookup import Lookup
from .market import MarketFeed
from .markets import Markets
from .rest import Rest
from .resync import Resync
from .signing import Nonces

PRIVATE = (protocol.NOTIFICATIONS, protocol.FILLS)
RETRY = (5.0, 60.0)  # seconds between two requests for topics that were left out, doubling


class BtseSession:
    """One attempt at being connected. Everything it starts, it ends in `close`."""

    def __init__(self, ctx: VenueContext[BtseConfig]) -> None:
        self._ctx = ctx
        self._config = ctx.config
        self._nonces = Nonces()
        self._rest = Rest(ctx, self._nonces)
        self._resync = Resync(ctx, self._spawn)
        self._market = MarketFeed(ctx, self._resync.ask)
        self._markets = Markets(ctx, self._rest, self._market)
        self._feed = AccountFeed(ctx, ctx.accounts[0])
        self._lookup = Lookup(ctx, self._rest, self._feed)
        self._commands = Commands(ctx, self._rest, self._feed, self._market, self._lookup)
        self._inbox = Inbox(ctx, self._market, self._feed, self._end)
        self._spot, self._oss = self._inbox.spot, self._inbox.oss
        self._resync.serve(self._oss, self._market)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lost: asyncio.Future[None] | None = None
        self._ready = False

    # --- life -----------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Return when logged in and subscribed.

        Raises:
            RetryableError: worth another try. FatalError: wrong credentials, or a symbol that the venue has not.
        """
        self._lost = asyncio.get_running_loop().create_future()
        http = self._rest.open()
        await self._markets.load(check=True)
        await self._markets.check_clock()
        for link in (self._spot, self._oss):
            await link.open(http)
            self._watch(link.read(), f"btse-{link.name}-read")
            self._watch(link.keep_alive(), f"btse-{link.name}-ping")
        await self._or_lost(self._enter())
        self._watch(self._second_hand(), "btse-timers")
        self._watch(self._poll_tickers(), "btse-tickers")
        self._ready = True

    async def run(self) -> None:
        """Wait until one of the connections ends.

        Raises:
            RetryableError: always.
        """
        if self._lost is None:
            raise RetryableError("not connected")
        await asyncio.shield(self._lost)

    async def close(self) -> None:
        """Leave no task and no socket behind; safe twice."""
        self._ready = False
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5.0)
        await self._spot.close()
        await self._oss.close()
        await self._rest.close()
        if self._lost is not None and not self._lost.done():
            self._lost.cancel()
        elif self._lost is not None and not self._lost.cancelled():
            self._lost.exception()  # somebody looked at it, so that nobody warns that nobody did

    # --- what the bridge asks for ---------------------------------------------------------------------------

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        """Check a command before it is claimed; see `Commands.prepare`."""
        if not self._config.can_trade:
            raise CommandRejected(Reason.UNSUPPORTED, "this venue has no api_key: market data only")
        return self._commands.prepare(instruction)

    async def execute(self, instruction: Instruction) -> Accepted:
        """Send a command once; see `Commands.execute`. A link that ends meanwhile proves nothing about the request:
        it travels over REST, so its answer is still waited for.
        """
        if not self._ready:
            raise NotSent("the session is not connected")
        return await self._commands.execute(instruction)

    async def lookup(self, account: str, key: OrderKey) -> Found | None:
        """Ask for one order; see `Lookup.lookup`."""
        return await self._lookup.lookup(key)

    async def snapshot(self, account: str, since_ns: int) -> Snapshot:
        """Ask for open orders and fills; without credentials there is no account to ask for."""
        if not self._config.can_trade:
            return Snapshot()
        return await self._lookup.snapshot(since_ns)

    async def subscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Subscribe at run time.

        Raises:
            CommandRejected: ``unknown_symbol`` or ``unsupported``, naming what the venue refused.
        """
        strange = sorted(set(market_data) - MARKET_DATA)
        if strange:
            raise CommandRejected(Reason.UNSUPPORTED, f"market_data {', '.join(strange)} is not offered here")
        unknown = sorted(set(symbols) - set(self._market.instruments))
        if unknown and self._market.instruments:
            await self._markets.load()
            unknown = sorted(set(symbols) - set(self._market.instruments))
            if unknown:
                raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"the venue has no {', '.join(unknown)}")
        refused = await self._subscribe(symbols, market_data)
        if refused:
            gone = {symbol for symbol in symbols if any(protocol.symbol_of(topic) == symbol for topic in refused)}
            self._market.unwant(gone, market_data)
            text = ", ".join(f"{topic} ({why})" for topic, why in sorted(refused.items()))
            raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"refused: {text}")

    async def unsubscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Unsubscribe; what was not subscribed is ignored."""
        self._market.unwant(symbols, market_data)
        wanted = self._market.wanted
        oss = [protocol.quote_topic(s) for s in symbols if s not in wanted["quote"]]
        oss += [protocol.book_topic(s) for s in symbols if s not in self._market.books]
        await self._oss.unsubscribe(oss)
        await self._spot.unsubscribe(protocol.trade_topic(s) for s in symbols if s not in wanted["trade"])

    async def query(self, account: str, what: str, request: Query) -> list[Any]:
        """Answer ``instruments`` (of one symbol or all) and ``book`` (of one symbol).

        Raises:
            CommandRejected: another question, no symbol where one is needed, or one that the venue has not.
        """
        if what == "instruments":
            await self._markets.load()
            known = self._market.instruments
            if request.symbol is None:
                return list(known.values())
            if request.symbol not in known:
                raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"the venue has no {request.symbol}")
            return [known[request.symbol]]
        if what == "book":
            return [await self._book(request.symbol)]
        raise CommandRejected(Reason.UNSUPPORTED, f"{what} is not answered here; answered: instruments, book")

    # --- connecting -----------------------------------------------------------------------------------------

    async def _enter(self) -> None:
        if self._config.can_trade:
            await self._log_in()
            missing = await self._spot.subscribe(PRIVATE)
            if missing:
                self._lack(missing)
        refused = await self._subscribe(self._config.symbols, self._config.market_data)
        for topic, why in refused.items():
            self._ctx.log.warning("topic_refused", topic=topic, why=why)
            self._ctx.count("topics_refused")
        if refused:
            self._spawn(self._retry_topics(sorted(refused)), "btse-topics")

    async def _log_in(self) -> None:
        key, secret = self._config.api_key, self._config.api_secret
        assert key is not None
        assert secret is not None
        login = self._inbox.login = asyncio.get_running_loop().create_future()
        nonce = self._nonces.next(self._rest.clock.now_ns())
        await self._spot.send(protocol.login_frame(key.reveal(), secret.reveal(), self._config.ws_auth_path, nonce))
        try:
            answer = await asyncio.wait_for(login, self._config.login_timeout)
        except TimeoutError:
            raise RetryableError(f"no answer to the login within {self._config.login_timeout:g} s") from None
        if not answer.success:
            raise FatalError(f"the venue refuses the login: {answer.text}", reason=Reason.UNAUTHORIZED)

    def _lack(self, missing: dict[str, str]) -> None:
        """Without its private topics a session does not see its orders: say so, and go on asking."""
        text = ", ".join(f"{topic} ({why})" for topic, why in sorted(missing.items()))
        self._ctx.degraded(f"not subscribed: {text}")
        self._spawn(self._retry_private(), "btse-private-topics")

    async def _retry_private(self) -> None:
        pause = RETRY[0]
        while True:
            await asyncio.sleep(pause)
            if not await self._spot.subscribe(PRIVATE):
                self._ctx.recovered()
                return
            pause = min(pause * 2, RETRY[1])

    async def _retry_topics(self, topics: list[str]) -> None:
        """Ask again for market data that the venue left out; what it refuses for good is not asked for again."""
        pause = RETRY[0]
        while topics:
            await asyncio.sleep(pause)
            refused = {
                **await self._oss.subscribe([t for t in topics if not t.startswith(protocol.TRADES)]),
                **await self._spot.subscribe([t for t in topics if t.startswith(protocol.TRADES)]),
            }
            permanent = {**self._oss.topics.permanent, **self._spot.topics.permanent}
            topics = [topic for topic in topics if topic in refused and topic not in permanent]
            pause = min(pause * 2, RETRY[1])

    async def _subscribe(self, symbols: Any, kinds: Any) -> dict[str, str]:
        self._market.want(symbols, kinds)
        refused = await self._oss.subscribe(self._market.oss_topics(symbols, kinds))
        return {**refused, **await self._spot.subscribe(self._market.spot_topics(symbols, kinds))}

    async def _book(self, symbol: str | None) -> Any:
        if symbol is None:
            raise CommandRejected(Reason.INVALID, "book: symbol expected")
        book = self._market.books.get(symbol)
        if book is not None and book.in_sync:
            return to_book(book, self._config.book_depth, self._ctx.now_ns(), None)
        return await self._resync.fetch(self._rest, symbol)

    # --- tasks ----------------------------------------------------------------------------------------------

    async def _second_hand(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self._feed.tick(self._ctx.now_ns())

    async def _poll_tickers(self) -> None:
        while True:
            try:
                await self._markets.poll()
            except RetryableError:
                self._ctx.count("ticker_polls_failed")
            await asyncio.sleep(self._config.ticker_interval)

    def _watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run ``work`` until `close`; when it ends, the session does."""
        task = self._spawn(work, name)
        task.add_done_callback(lambda done: None if done.cancelled() else self._end(done.exception()))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._end(task.exception())

    def _end(self, error: BaseException | None) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_exception(error or RetryableError("a connection ended"))

    async def _or_lost(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` unless a connection ends meanwhile."""
        assert self._lost is not None
        task = self._spawn(work, "btse-enter")
        await asyncio.wait({task, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            self._lost.result()
        task.result()
