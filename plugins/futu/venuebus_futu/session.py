"""One attempt at being connected to OpenD: log in, listen, keep alive, end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from venuebus import (
    Accepted,
    CommandRejected,
    FatalError,
    Found,
    Instruction,
    NotSent,
    OrderKey,
    RateLimits,
    RetryableError,
    Snapshot,
    VenueContext,
)
from venuebus_schemas import Query, Reason

from . import accounts, cipher, messages, protocol
from .capabilities import REQUEST_TIMEOUT
from .config import FutuConfig
from .feed import Feed
from .link import Link
from .pb import link_pb2
from .protocol import Connection, Damaged, Message, Received
from .queries import Queries
from .state import State
from .trading import Trading

CLIENT_VERSION = 300  # major * 100 + minor, as the SDK says of itself
CONTENT_TYPE = "application/x-protobuf"
_READY = 10
_EVENT_LOGIN_FAILED, _EVENT_KICKED, _EVENT_PASSWORD, _EVENT_TRADE_PASSWORD = 4, 7, 8, 14
_LOST_WITH_ACCOUNT_DATA = frozenset({messages.ORDER_PUSH, messages.FILL_PUSH})
_TIDY = 15.0
# What was subscribed at run time must outlive the session. The limits are the one object that the contract promises
# to be the same for all sessions of a venue, so they stand for it.
_SUBSCRIBED: WeakKeyDictionary[RateLimits, dict[str, set[str]]] = WeakKeyDictionary()

T = TypeVar("T")


class FutuSession:
    """A session on one OpenD. See the plugin contract for when each method is called."""

    def __init__(self, ctx: VenueContext[FutuConfig]) -> None:
        self._ctx = ctx
        self._config = ctx.config
        self._timeout = ctx.config.request_timeout or REQUEST_TIMEOUT
        self._link: Link | None = None
        self._interval = 10.0
        self._user_id = 0
        self._trading: Trading | None = None
        self._state: State | None = None
        self._feed: Feed | None = None
        self._queries: Queries | None = None
        self._notices: asyncio.Queue[Any] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._handlers: dict[int, Callable[[Any, int], None]] = {}

    # --- life -----------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Return when logged in, unlocked, registered for pushes and subscribed.

        Raises:
            RetryableError: OpenD cannot be reached or does not answer.
            FatalError: key, account, environment or password are not right; the text says which.
        """
        link = await self._open()
        init = await self._init(link)
        state = State(self._ctx, link, self._timeout)
        trading = Trading(self._ctx, link, init.connID, state, self._timeout)
        feed = Feed(self._ctx, link, self._timeout)
        self._state, self._trading, self._feed = state, trading, feed
        self._queries = Queries(self._ctx, link, state, feed, self._timeout)
        self._handlers = {
            messages.ORDER_PUSH: trading.on_order,
            messages.FILL_PUSH: trading.on_fill,
            messages.BOOK_PUSH: feed.on_book,
            messages.TICKER_PUSH: feed.on_trades,
            messages.BASIC_QUOTE_PUSH: feed.on_tickers,
            messages.BAR_PUSH: feed.on_bars,
            messages.NOTIFY: self._on_notice,
        }
        health = await link.ask(messages.GLOBAL_STATE, link_pb2.GetGlobalState.C2S(userID=0), self._timeout)
        if health.trdLogined:
            trading.enter(await accounts.log_in(self._ctx, link, self._timeout))
        try:
            if self._config.symbols:
                await feed.subscribe(list(self._config.symbols), list(self._config.market_data))
        except CommandRejected as error:
            if error.reason is Reason.UNKNOWN_SYMBOL:
                raise FatalError(str(error), reason=error.reason) from error
            raise RetryableError(str(error), reason=error.reason) from error
        await self._restore(feed)

    async def run(self) -> None:
        """Listen until the connection ends.

        Raises:
            RetryableError: it ended. FatalError: OpenD said something that a person must see to.
        """
        link, trading = self._link, self._trading
        if link is None or trading is None:
            raise RetryableError("not connected")
        if not trading.online and self._config.accounts:
            self._ctx.degraded("OpenD is not logged in at its trading server")
        self._tasks = {
            asyncio.create_task(self._keep_alive(link), name=f"{self._ctx.venue}-keep-alive"),
            asyncio.create_task(self._heed(), name=f"{self._ctx.venue}-notices"),
            asyncio.create_task(self._tidy(), name=f"{self._ctx.venue}-subscriptions"),
        }
        waited: set[asyncio.Future[Any]] = {link.closed, *self._tasks}
        done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        for ended in done - {link.closed}:
            ended.result()
        raise RetryableError(link.closed.result() if link.closed.done() else "the session ended by itself")

    async def close(self) -> None:
        """End the tasks and the connection."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._trading is not None:
            self._trading.online = False
        if self._link is not None:
            self._link.abort("closed by us")

    # --- what it can do -------------------------------------------------------------------------------------

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        """Check a command; name the remark that its order will carry."""
        return _ready(self._trading).prepare(instruction)

    async def execute(self, instruction: Instruction) -> Accepted:
        """Send one command, once."""
        if self._trading is None:
            raise NotSent("not connected")
        return await self._trading.execute(instruction)

    async def lookup(self, account: str, key: OrderKey) -> Found | None:
        """Return one order as OpenD's server tells it."""
        trading, state = self._online()
        return await state.lookup(trading.account(account), key)

    async def snapshot(self, account: str, since_ns: int) -> Snapshot:
        """Return the state of an account as OpenD's server tells it."""
        trading, state = self._online()
        return await state.snapshot(trading.account(account), since_ns)

    async def subscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Subscribe, within the quota."""
        await _ready(self._feed).subscribe(symbols, market_data)
        remembered = _SUBSCRIBED.setdefault(self._ctx.limits, {})
        for symbol in symbols:
            remembered.setdefault(symbol, set()).update(market_data)

    async def unsubscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Unsubscribe; OpenD keeps what is younger than a minute, unpublished, until it may go."""
        await _ready(self._feed).unsubscribe(symbols, market_data)
        remembered = _SUBSCRIBED.get(self._ctx.limits, {})
        for symbol in symbols:
            remembered.get(symbol, set()).difference_update(market_data)

    async def query(self, account: str, what: str, request: Query) -> list[Any]:
        """Answer ``qry`` requests: instruments, book, histories, fees, quantities, subscriptions."""
        trading = _ready(self._trading)
        return await _ready(self._queries).answer(lambda: trading.account(account), what, request)

    def _online(self) -> tuple[Trading, State]:
        trading, state = _ready(self._trading), _ready(self._state)
        if not trading.online:
            raise RetryableError("OpenD has no trading server, so its lists prove nothing")
        return trading, state

    # --- logging in -----------------------------------------------------------------------------------------

    async def _open(self) -> Link:
        rsa = None
        if self._config.rsa_key is not None:
            try:
                rsa = cipher.Rsa(self._config.rsa_key.reveal())
            except (ValueError, TypeError, OSError) as error:
                raise FatalError(f"rsa_key: {error}", reason=Reason.INVALID) from error
        connection = Connection(rsa=rsa, max_body=self._config.max_body)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._config.connect_timeout):
                _, link = await loop.create_connection(
                    lambda: Link(connection, self._on_push), self._config.host, self._config.port
                )
        except (OSError, TimeoutError) as error:
            text = str(error) or "no answer in time"
            raise RetryableError(f"OpenD at {self._config.host}:{self._config.port}: {text}") from error
        self._link = link
        return link

    async def _init(self, link: Link) -> Any:
        encrypted = self._config.rsa_key is not None
        wanted = (
            (cipher.AES_CBC if self._config.encryption == "cbc" else cipher.FTAES_ECB) if encrypted else cipher.NONE
        )
        c2s = link_pb2.InitConnect.C2S(
            clientVer=CLIENT_VERSION,
            clientID="venuebus",
            recvNotify=True,
            packetEncAlgo=wanted,  # absent would mean FTAES_ECB wherever OpenD has a key
            pushProtoFmt=0,
            programmingLanguage="Python",
        )
        try:
            init = await link.ask(messages.INIT_CONNECT, c2s, self._config.connect_timeout)
        except RetryableError as error:
            hint = "is rsa_key the very file that OpenD has?" if encrypted else "has OpenD an RSA key? Then set rsa_key"
            raise RetryableError(f"OpenD does not let us in ({error}); {hint}") from error
        if encrypted:
            try:
                link.connection.cipher = cipher.session_cipher(wanted, init.connAESKey, init.aesCBCiv)
            except ValueError as error:
                raise RetryableError(f"OpenD's answer to InitConnect: {error}") from error
        if init.keepAliveInterval > 0:
            self._interval = float(init.keepAliveInterval)
        self._user_id = init.loginUserID
        return init

    async def _restore(self, feed: Feed) -> None:
        """Subscribe again what earlier sessions were asked for while they ran."""
        by_kinds: dict[tuple[str, ...], list[str]] = {}
        for symbol, kinds in _SUBSCRIBED.get(self._ctx.limits, {}).items():
            by_kinds.setdefault(tuple(sorted(kinds)), []).append(symbol)
        for wanted, symbols in by_kinds.items():
            try:
                await feed.subscribe(symbols, list(wanted))
            except CommandRejected as error:
                self._ctx.log.warning("a subscription cannot be restored: %s", error)

    # --- while it lives -------------------------------------------------------------------------------------

    def _on_push(self, item: Received) -> None:
        """Turn one frame into events; whatever cannot be understood is kept whole and stops nothing."""
        if isinstance(item, Message):
            handler = self._handlers.get(item.proto)
            if handler is None:
                self._unclaimed(item)
                return
            try:
                response = messages.response(item)
                if response.retType != messages.SUCCEED:
                    raise messages.Malformed(f"a push that says {response.retType}: {response.retMsg}")
                handler(response.s2c, self._ctx.now_ns())
            except ValueError as error:
                self._bury(item.raw(), item.proto, str(error))
        elif isinstance(item, Damaged):
            self._bury(item.raw, item.proto, item.text)
        else:
            self._ctx.dead_letter(item.raw, item.text, content_type="application/octet-stream")

    def _unclaimed(self, item: Message) -> None:
        if item.proto == messages.KEEP_ALIVE and messages.is_request(item):
            self._ctx.count("keep_alive_of_opend")  # it says no more than any other frame does: OpenD lives
        elif item.proto in messages.PROTOCOLS and item.proto not in protocol.PUSHES:
            try:
                messages.response(item)
            except messages.Malformed as error:
                self._bury(item.raw(), item.proto, str(error))
            else:
                self._ctx.count("late_answer")
        elif item.proto in protocol.PUSHES:
            self._ctx.count("push_not_wanted")
        else:
            self._bury(item.raw(), item.proto, f"protocol {item.proto} is not known")

    def _bury(self, raw: bytes, proto: int, text: str) -> None:
        self._ctx.dead_letter(raw, text, content_type=CONTENT_TYPE, subject=str(proto))
        if proto in _LOST_WITH_ACCOUNT_DATA:
            self._ctx.resync(f"a push {proto} could not be read")

    async def _keep_alive(self, link: Link) -> None:
        """Show OpenD that we live, and find out when it does not: after two intervals without a byte at most."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._interval * 0.8)
            sent = loop.time()
            c2s = link_pb2.KeepAlive.C2S(time=self._ctx.now_ns() // 1_000_000_000)
            try:
                await link.ask(messages.KEEP_ALIVE, c2s, self._interval)
            except RetryableError as error:
                if link.last_received < sent:
                    link.abort(f"OpenD is silent: {error}")
                    return

    def _on_notice(self, s2c: Any, now: int) -> None:
        self._notices.put_nowait(s2c)

    async def _heed(self) -> None:
        """Act on OpenD's notices, one after the other."""
        trading = _ready(self._trading)
        quotes_since: int | None = None
        while True:
            notice = await self._notices.get()
            if notice.HasField("connectStatus"):
                status: Any = notice.connectStatus
                if trading.online and not status.trdLogined:
                    trading.online = False
                    self._ctx.degraded("OpenD has lost its trading server")
                elif not trading.online and status.trdLogined:
                    await self._trading_is_back(trading)
                if not status.qotLogined and quotes_since is None:
                    quotes_since = self._ctx.now_ns()
                elif status.qotLogined and quotes_since is not None:
                    await _ready(self._feed).restore()
                    self._ctx.gap(["md.>"], "OpenD had lost its quote server", ts_from=quotes_since, healed=False)
                    quotes_since = None
            if notice.HasField("event"):
                self._on_event(notice.event.eventType, notice.event.desc)
            if notice.HasField("programStatus"):
                program = notice.programStatus.programStatus
                if program.type != _READY:
                    self._ctx.log.warning("OpenD says %s", program.strExtDesc or f"program status {program.type}")

    async def _trading_is_back(self, trading: Trading) -> None:
        # OpenD may have been restarted meanwhile: accounts, lock and push list are asked for again.
        link = self._link
        assert link is not None
        trading.enter(await accounts.log_in(self._ctx, link, self._timeout))
        self._ctx.recovered()

    def _on_event(self, kind: int, text: str) -> None:
        self._ctx.count(f"notice_{kind}")
        if kind == _EVENT_TRADE_PASSWORD:
            raise FatalError(f"the trade password was changed, trading is locked: {text}")
        if kind in (_EVENT_LOGIN_FAILED, _EVENT_KICKED, _EVENT_PASSWORD):
            self._ctx.log.error("OpenD lost its own login: %s", text)

    async def _tidy(self) -> None:
        """Let idle subscriptions go when OpenD allows it."""
        while True:
            rest = await _ready(self._feed).tidy()
            await asyncio.sleep(min(rest, _TIDY) if rest is not None else _TIDY)


def _ready(part: T | None) -> T:
    if part is None:
        raise RetryableError("not connected")
    return part
