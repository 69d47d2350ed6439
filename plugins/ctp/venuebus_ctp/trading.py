"""The trading socket: login, and who waits for which order's or cancel's first answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import aiohttp
import msgspec
from venuebus import FatalError, NotSent, OutcomeUnknown, RetryableError, VenueContext
from venuebus_schemas import Reason

from . import codes, protocol, requests
from .config import CtpConfig
from .convert import key_of, order_key
from .link import Link
from .messages import OrderRow, RspUserLogin, TradeRow
from .queries import Queries
from .requests import InputOrder, InputOrderAction
from .tickets import CancelTicket, InsertTicket, VenueRefused

T = TypeVar("T")
LATE_NS = 120_000_000_000  # how long a refusal may still come for a request that nobody waits for any more
ASK_AGAIN_NS = 30_000_000_000
UNANSWERED = 1.0  # seconds for which an unanswered order holds up the next one


class TradingLink:
    """Requests and answers of the trading socket. Reports go to the three callbacks, in the gateway's order."""

    def __init__(
        self,
        ctx: VenueContext[CtpConfig],
        http: aiohttp.ClientSession,
        *,
        on_order: Callable[[OrderRow], None],
        on_trade: Callable[[TradeRow], None],
        on_login: Callable[[RspUserLogin, bool], None],
    ) -> None:
        self._ctx = ctx
        self._config = ctx.config
        self._on_order, self._on_trade, self._on_login = on_order, on_trade, on_login
        self.protocol = protocol.TdProtocol(first_request_id=1 + ctx.now_ns() // 1_000_000 % 1_000_000_000)
        self.link = Link("td", http, self._receive, self._lost)
        self.queries = Queries(ctx, self.protocol, self.link, self._front_lost)
        self.front_down = False
        self._login: asyncio.Future[None] | None = None
        self._inserts: list[InsertTicket] = []
        self._cancels: list[CancelTicket] = []
        self._late: list[tuple[float, InsertTicket | CancelTicket]] = []
        self._inserting = asyncio.Lock()
        self._asked_again = 0

    # --- login ----------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open the socket and log in, once.

        Raises:
            FatalError: the credentials are refused; trying again would lock the account.
            RetryableError: no answer in time (a front that is away never answers), or "not now".
        """
        config = self._config
        await self.link.open(config.td_url, timeout=config.connect_timeout, heartbeat=config.heartbeat)
        self._login = asyncio.get_running_loop().create_future()
        try:
            data = self.protocol.log_in(config.user_id, config.password.reveal())
        except requests.BadField as error:
            raise FatalError(str(error), reason=Reason.INVALID) from None
        await self.link.send(data)
        try:
            async with asyncio.timeout(config.login_timeout):
                await self._login
        except TimeoutError as error:
            text = f"td: no answer to the login within {config.login_timeout:g} s: is the front up?"
            raise RetryableError(text, reason=Reason.TIMEOUT) from error

    async def close(self) -> None:
        """Fail everybody who waits, and close the socket."""
        self._fail_all("the session was closed")
        await self.link.close()

    @property
    def login(self) -> RspUserLogin:
        """The CTP session that is logged in now.

        Raises:
            RetryableError: there is none.
        """
        found = self.protocol.login
        if found is None:
            raise RetryableError("td: not logged in")
        return found

    # --- orders ---------------------------------------------------------------------------------------------

    async def insert(
        self, order: InputOrder, key: str, sending: Callable[[], None], written: Callable[[], None], *, timeout: float
    ) -> OrderRow:
        """Send one order and return its first report. ``sending`` runs right before the write, ``written`` after.

        One order is unanswered at a time (for a second at most): the gateway's own errors carry nothing to tell two
        apart. An order refused because the settlement is not confirmed yet (the gateway does that by itself,
        unseen) is sent once more after a second.

        Raises:
            VenueRefused: no effect. NotSent: nothing went out. OutcomeUnknown: the link broke or nothing came.
        """
        async with self._inserting:
            ticket = await self._insert(InsertTicket(order, key, order.RequestID), sending, written, timeout)
            if _refusal(ticket) == codes.SETTLEMENT_NOT_CONFIRMED:
                self._inserts.remove(ticket)
                self._ctx.count("settlement_retry")
                await asyncio.sleep(self._config.settlement_retry)
                ticket = InsertTicket(order, key, self.protocol.request_id(), again=True)
                await self._insert(ticket, sending, written, timeout)
        try:
            return await self._outcome(ticket.report, max(0.0, timeout - UNANSWERED), f"order {key}")
        finally:
            self._inserts.remove(ticket)
            self._give_up(ticket)

    async def _insert(
        self, ticket: InsertTicket, sending: Callable[[], None], written: Callable[[], None], timeout: float
    ) -> InsertTicket:
        """Write one order and wait a moment for its answer; the ticket stays listed for later ones."""
        data = requests.encode("ReqOrderInsert", ticket.order, ticket.request_id)
        login = self.login
        if order_key(login.FrontID, login.SessionID, ticket.order.OrderRef) != ticket.key:
            sending()  # started, so that the next attempt prepares and claims anew
            raise NotSent("the front logged in again before this order was sent")
        self.link.require_open()
        self._inserts.append(ticket)
        try:
            sending()
            await self._write(data, written, f"order {ticket.key}")
            await asyncio.wait({ticket.report}, timeout=min(UNANSWERED, timeout))
        except BaseException:
            self._inserts.remove(ticket)
            raise
        return ticket

    async def cancel(self, action: InputOrderAction, sending: Callable[[], None], *, timeout: float) -> OrderRow:
        """Send one cancel and return the order's report that ends it.

        Raises:
            VenueRefused: the order is unchanged. NotSent: nothing went out. OutcomeUnknown: neither was told.
        """
        request_id = self.protocol.request_id()
        action = msgspec.structs.replace(action, RequestID=request_id)
        data = requests.encode("ReqOrderAction", action, request_id)
        ticket = CancelTicket(action, request_id)
        what = f"cancel of {ticket.by_sys or ticket.by_ref}"
        self.link.require_open()
        self._cancels.append(ticket)
        try:
            sending()
            await self._write(data, _nothing, what)
            return await self._outcome(ticket.report, timeout, what)
        finally:
            self._cancels.remove(ticket)
            self._give_up(ticket)

    def _give_up(self, ticket: InsertTicket | CancelTicket) -> None:
        """Remember a request that was never answered: its nameless refusal may still come, and not be another's."""
        report = ticket.report
        answered = report.done() and not report.cancelled() and not isinstance(report.exception(), OutcomeUnknown)
        if not answered:
            self._late.append((self._ctx.now_ns() + LATE_NS, ticket))

    def _may_be_late(self, kind: type[InsertTicket | CancelTicket]) -> bool:
        now = self._ctx.now_ns()
        self._late = [(until, ticket) for until, ticket in self._late if until > now]
        return any(isinstance(ticket, kind) for _, ticket in self._late)

    async def _write(self, data: bytes, written: Callable[[], None], what: str) -> None:
        try:
            await self.link.send(data)
        except RetryableError as error:
            raise OutcomeUnknown(f"{what}: {error}", reason=Reason.NOT_CONNECTED) from error
        finally:
            written()  # also where the write broke: part of it may be out

    async def _outcome(self, report: asyncio.Future[T], timeout: float, what: str) -> T:
        try:
            async with asyncio.timeout(timeout):
                return await report
        except TimeoutError as error:
            raise OutcomeUnknown(f"{what}: no report in time") from error

    # --- what the gateway says --------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        event = self.protocol.receive(data)
        match event:
            case protocol.OrderReport():
                self._order_report(event.row)
            case protocol.TradeReport():
                self._on_trade(event.row)
            case protocol.QueryRow():
                self.queries.got_row()
            case protocol.QueryEnded():
                self.queries.ended(event.query)
            case protocol.InsertRefused():
                self._insert_refused(event)
            case protocol.ActionRefused():
                self._action_refused(event)
            case protocol.LoggedIn():
                self._logged_in(event.login)
            case protocol.LoginRefused():
                self._login_refused(event)
            case protocol.Unreadable():
                self.queries.unreadable(event.raw, event.text)
                self._ask_again()
            case protocol.GatewayError():
                self._ctx.count("gateway_error")
                self._ctx.log.warning("gateway error", msg_type=event.msg_type, number=event.number, text=event.text)
            case protocol.Ignored():
                self._ctx.count("ignored")

    def _ask_again(self) -> None:
        # It may have been a report; but a gateway that only talks rubbish must not cause a storm of questions.
        now = self._ctx.now_ns()
        if now - self._asked_again > ASK_AGAIN_NS:
            self._asked_again = now
            self._ctx.resync("a message of the trading side could not be read")

    def _order_report(self, row: OrderRow) -> None:
        key = key_of(row)
        if self._late:
            self._late = [(until, ticket) for until, ticket in self._late if not _answers(row, key, ticket)]
        for ticket in self._inserts:
            if ticket.key == key and not ticket.report.done():
                ticket.report.set_result(row)
        self._on_order(row)
        for cancel in self._cancels:
            if row.OrderStatus in ("0", "5") and cancel.concerns(row) and not cancel.report.done():
                cancel.report.set_result(row)

    def _insert_refused(self, event: protocol.InsertRefused) -> None:
        open_ = [ticket for ticket in self._inserts if not ticket.report.done()]
        refusal = VenueRefused(event.number, event.text)
        if event.number == codes.FRONT_DOWN:
            self._front_lost()
        if event.order is None and not event.broadcast:
            _nameless([ticket.report for ticket in open_], refusal, doubtful=self._may_be_late(InsertTicket))
            return
        for ticket in open_:
            if ticket.is_meant(event):
                ticket.report.set_exception(refusal)
                return
        self._ctx.count("refusal_repeated_or_foreign")

    def _action_refused(self, event: protocol.ActionRefused) -> None:
        open_ = [ticket for ticket in self._cancels if not ticket.report.done()]
        refusal = VenueRefused(event.number, event.text)
        if event.number == codes.FRONT_DOWN:
            self._front_lost()
        if event.action is None and not event.broadcast:
            _nameless([ticket.report for ticket in open_], refusal, doubtful=self._may_be_late(CancelTicket))
            return
        for ticket in open_:
            if ticket.is_meant(event):
                ticket.report.set_exception(refusal)
                return
        self._ctx.count("refusal_repeated_or_foreign")

    def _logged_in(self, login: RspUserLogin) -> None:
        first = self._login is not None and not self._login.done()
        if not first:
            self._fail_all("the front was lost and logged in again")
        was_down, self.front_down = self.front_down, False
        self._on_login(login, first)
        if self._login is not None and first:
            self._login.set_result(None)
        elif was_down:
            self._ctx.recovered()

    def _login_refused(self, event: protocol.LoginRefused) -> None:
        text = f"td: login refused: {codes.describe(event.number, event.text)}"
        error: FatalError | RetryableError
        if event.number == codes.TOO_MANY_SESSIONS:
            error = RetryableError(text, retry_after=180.0, reason=Reason.RATE_LIMITED)
        elif event.number in codes.LOGIN_RETRYABLE:
            error = RetryableError(text)
        else:
            error = FatalError(text)
        if self._login is not None and not self._login.done():
            self._login.set_exception(error)
            return
        # The gateway logs in again by itself with the same credentials, over and over: leave before it locks.
        self.link.failure = error
        self.link.ended.set()

    def _front_lost(self) -> None:
        if not self.front_down:
            self.front_down = True
            self._ctx.degraded("the gateway has lost the trading front")

    def _fail_all(self, why: str) -> None:
        for ticket in self._inserts:
            _fail(ticket.report, OutcomeUnknown(f"order {ticket.key}: {why}", reason=Reason.NOT_CONNECTED))
        for cancel in self._cancels:
            _fail(cancel.report, OutcomeUnknown(f"cancel: {why}", reason=Reason.NOT_CONNECTED))
        self.queries.fail(why)

    def _lost(self) -> None:
        self._fail_all("the socket was cut")


def _nameless(waiting: list[asyncio.Future[OrderRow]], refusal: VenueRefused, *, doubtful: bool) -> None:
    """The gateway's own error names nothing: it is certain only where one request is unanswered."""
    if len(waiting) == 1 and not doubtful:
        _fail(waiting[0], refusal)
        return
    for report in waiting:
        _fail(report, OutcomeUnknown(f"one of several requests was refused, not told which: {refusal}"))


def _answers(row: OrderRow, key: str, ticket: InsertTicket | CancelTicket) -> bool:
    if isinstance(ticket, InsertTicket):
        return ticket.key == key
    return row.OrderStatus in ("0", "5") and ticket.concerns(row)


def _refusal(ticket: InsertTicket) -> int:
    error = ticket.report.exception() if ticket.report.done() and not ticket.report.cancelled() else None
    return error.number if isinstance(error, VenueRefused) else 0


def _nothing() -> None:
    pass


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
