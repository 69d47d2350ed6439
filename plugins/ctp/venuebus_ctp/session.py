"""One attempt at being connected: both sockets, and what the bridge may ask of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from venuebus import (
    Accepted,
    CommandRejected,
    Found,
    Instruction,
    OrderKey,
    RetryableError,
    Snapshot,
    VenueContext,
)
from venuebus_schemas import Amend, Cancel, CancelAll, Query, Reason, Submit

from .account import AccountView
from .config import CtpConfig
from .contracts import Contracts, is_name
from .desk import Desk
from .index import OrderIndex
from .market import KINDS, TickConverter
from .messages import OrderRow, RspUserLogin, TradeRow
from .orderrefs import OrderRefs
from .quotes import QuotesLink
from .tickets import VenueRefused
from .trading import TradingLink

REF_STEP_NS = 10_000_000


class CtpSession:
    """A trading and a market-data socket of one gateway.

    Every ``RspUserLogin`` is a new epoch. The one that nobody asked for is the only sign that the front was lost
    and came back: nothing of the time between is ever pushed, so the account's state is asked for again.
    """

    def __init__(self, ctx: VenueContext[CtpConfig]) -> None:
        self._ctx = ctx
        self._config = ctx.config
        self._http: aiohttp.ClientSession | None = None
        self._trading: TradingLink | None = None
        self._quotes: QuotesLink | None = None
        self._desk: Desk | None = None
        self._view: AccountView | None = None
        self._contracts: Contracts | None = None
        self._index = OrderIndex(ctx, self._config.account)
        self._converter = TickConverter(self._exchange, stale_after=self._config.stale_after)

    # --- life -----------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in on both sides and subscribe; see `VenueSession.connect`."""
        self._http = aiohttp.ClientSession()
        trading = self._trading = TradingLink(
            self._ctx, self._http, on_order=self._on_order, on_trade=self._on_trade, on_login=self._on_login
        )
        contracts = self._contracts = Contracts(self._ctx, trading)
        self._desk = Desk(self._ctx, trading, self._index, contracts)
        self._view = AccountView(self._ctx, trading, self._index, contracts)
        await trading.connect()
        if self._config.md_url is not None:
            self._quotes = QuotesLink(self._ctx, self._http, self._converter)
            await self._quotes.connect()
            if self._config.symbols and KINDS & set(self._config.market_data):
                try:
                    await self._quotes.subscribe(list(self._config.symbols), list(self._config.market_data))
                except CommandRejected as error:
                    raise RetryableError(f"md: {error}", reason=error.reason) from error

    async def run(self) -> None:
        """Wait until either socket ends; the contracts are loaded meanwhile."""
        trading = self._open_trading()
        links = [trading.link] + ([self._quotes.link] if self._quotes is not None else [])
        loading = asyncio.create_task(self._load_contracts(), name="ctp-contracts")
        waits = [asyncio.create_task(link.ended.wait(), name=f"ctp-{link.name}-end") for link in links]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (loading, *waits):
                task.cancel()
            await asyncio.gather(loading, *waits, return_exceptions=True)
        for link in links:
            if link.ended.is_set() and link.failure is not None:
                raise link.failure
        raise RetryableError("the socket was closed")

    async def close(self) -> None:
        """Close both sockets with a close frame, so that the gateway releases its CTP sessions."""
        http, self._http = self._http, None
        open_ = [link for link in (self._quotes, self._trading) if link is not None]
        await asyncio.gather(*(link.close() for link in open_))
        if http is not None:
            await http.close()

    async def _load_contracts(self) -> None:
        contracts = self._contracts
        if contracts is None or self._config.load_instruments == "none":
            return
        everything = self._config.load_instruments == "all"
        symbols = [symbol for symbol in self._config.symbols if is_name(symbol)]
        if not symbols and not everything:
            return
        try:
            unknown = await contracts.load(symbols, all_of_them=everything)
        except (RetryableError, VenueRefused) as error:
            self._ctx.count("contracts_not_loaded")
            self._ctx.log.warning("contracts could not be asked for", error=str(error))
            return
        if unknown:
            # The market-data side says yes to any name and then stays silent.
            self._ctx.count("unknown_symbol", len(unknown))
            self._ctx.log.warning("the counter knows no such contracts (case matters)", symbols=unknown)

    def _open_trading(self) -> TradingLink:
        if self._trading is None:
            raise RetryableError("not connected")
        return self._trading

    def _exchange(self, symbol: str) -> str | None:
        return self._contracts.exchange(symbol) if self._contracts is not None else None

    # --- what the trading side says ---------------------------------------------------------------------------

    def _on_login(self, login: RspUserLogin, first: bool) -> None:
        desk = self._desk
        if desk is not None:
            # MaxOrderRef begins anew in every CTP session. Counted from the clock (hundredths of a second, twelve
            # digits) a number is of one session only, also for an order that was on its way when the front came back.
            used = max(desk.refs.highest if desk.refs is not None else 0, self._ctx.now_ns() // REF_STEP_NS)
            desk.refs = OrderRefs(login.MaxOrderRef, asyncio.get_running_loop().time, used=used)
        self._converter.trading_day = login.TradingDay
        if not first:
            self._ctx.count("td_login_again")
            self._ctx.resync("the trading front was lost and logged in again by itself", new_epoch=True)

    def _is_ours(self, investor: str) -> bool:
        if investor in ("", self._config.investor):
            return True
        self._ctx.count("other_investor")  # one user may trade for several: each is a venue of its own
        return False

    def _on_order(self, row: OrderRow) -> None:
        if not self._is_ours(row.InvestorID):
            return
        order = self._index.report(row, self._ctx.now_ns())
        if order is not None:
            self._ctx.publish(order)
        if self._desk is not None:
            self._desk.reported(row)
        if self._index.is_parking:
            self._publish_parked()

    def _on_trade(self, row: TradeRow) -> None:
        if self._is_ours(row.InvestorID) and not self._publish_trade(row):
            # Of an order that was never pushed (placed while nobody was logged in): ask, then publish with its ids.
            self._ctx.count("trade_before_order")
            self._ctx.resync("a trade of an order that was not seen")

    def _publish_parked(self) -> None:
        for row in self._index.unpark():
            self._publish_trade(row)

    def _publish_trade(self, row: TradeRow) -> bool:
        """Publish an execution; tell whether that is settled (``False``: parked until its order is known)."""
        try:
            fill = self._index.trade(row, self._ctx.now_ns())
        except ValueError as error:
            self._open_trading().queries.unreadable(repr(row).encode("utf-8", "replace"), str(error))
            return True
        if fill is None:
            return False
        self._ctx.publish(fill)
        return True

    # --- commands -------------------------------------------------------------------------------------------

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        """Check the command and take an OrderRef; see `SupportsPrepare`."""
        if self._desk is None:
            raise CommandRejected(Reason.NOT_CONNECTED, "not connected")
        return self._desk.prepare(instruction)

    async def execute(self, instruction: Instruction) -> Accepted:
        """Send one command; see `SupportsOrders`."""
        desk = self._desk
        if desk is None:
            raise CommandRejected(Reason.NOT_CONNECTED, "not connected")
        match instruction.command:
            case Submit() as submit:
                return await desk.submit(instruction, submit)
            case Cancel() as cancel:
                return await desk.cancel(instruction, cancel)
            case CancelAll() as cancel_all:
                return await desk.cancel_all(instruction, cancel_all)
            case Amend() as amend:
                return await desk.amend(instruction, amend)
        raise CommandRejected(Reason.UNSUPPORTED, "CTP has no such request")

    # --- questions ------------------------------------------------------------------------------------------

    async def lookup(self, account: str, key: OrderKey) -> Found | None:
        """Ask for one order; see `SupportsLookup`."""
        return await self._asked().lookup(account, key)

    async def snapshot(self, account: str, since_ns: int) -> Snapshot:
        """Ask for the account's state; see `SupportsSnapshot`."""
        return await self._asked().snapshot(account, since_ns)

    async def query(self, account: str, what: str, request: Query) -> list[Any]:
        """Answer a ``qry`` request; see `SupportsQueries`."""
        try:
            view = self._asked()
        except RetryableError as error:
            raise CommandRejected(error.reason, str(error)) from error
        return await view.query(account, what, request, self._converter)

    def _asked(self) -> AccountView:
        if self._view is None:
            raise RetryableError("not connected")
        return self._view

    # --- market data ----------------------------------------------------------------------------------------

    async def subscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Subscribe; unknown names are refused by asking the counter, as the front says yes to any name."""
        quotes = self._open_quotes()
        await self._refuse_unknown(symbols)
        await quotes.subscribe(symbols, market_data)

    async def unsubscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Unsubscribe; what was not subscribed is ignored."""
        await self._open_quotes().unsubscribe(symbols, market_data)

    def _open_quotes(self) -> QuotesLink:
        if self._quotes is None:
            raise CommandRejected(Reason.UNSUPPORTED, "no md_url is configured, or not connected")
        return self._quotes

    async def _refuse_unknown(self, symbols: list[str]) -> None:
        bad = [symbol for symbol in symbols if not is_name(symbol)]
        contracts = self._contracts
        if not bad and contracts is not None and self._config.load_instruments != "none":
            try:
                bad = await contracts.load(symbols, all_of_them=False, priority=2)
            except (RetryableError, VenueRefused) as error:
                raise CommandRejected(Reason.NOT_CONNECTED, f"contracts cannot be asked for: {error}") from error
        if bad:
            raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"no such contract (case matters): {', '.join(bad)}")
