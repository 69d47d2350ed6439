"""The client: everything a strategy or a tool does on the bus, typed."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

from nats.aio.client import Client as NatsClient
from venuebus_schemas import (
    AccountEvent,
    Amend,
    AnyCommand,
    Book,
    Cancel,
    CancelAll,
    CommandError,
    Encoding,
    Event,
    Fill,
    Gap,
    Order,
    OrderType,
    PositionEffect,
    Quote,
    Reason,
    Result,
    Session,
    Side,
    StreamNames,
    Subjects,
    Submit,
    TimeInForce,
    Trade,
    plain,
)

from .errors import CommandNotSent, NoAnswer, NotServed
from .events import EventStream
from .journal import ConsumerNames, Journal
from .link import Link, Login
from .market import MarketStream
from .requests import Requests
from .sending import Results, Sender, SentCommand, in_doubt
from .sequence import Missing

M = TypeVar("M", bound=Event)
A = TypeVar("A", bound=AccountEvent)
Number = str | Decimal
History = Literal["none", "last", "all"]
START = {"none": "new", "last": "last_per_subject", "all": "all"}


def new_id(prefix: str = "c") -> str:
    """Return a command id that is new, readable, sortable and short enough to be a client order id."""
    return f"{prefix}-{time.strftime('%y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"


class Client(Requests):
    """One connection to the bus; made by `connect`.

    Methods that wait raise `ConnectionClosed` when the connection is over for good and `PermissionDenied` when the
    login may not do what they need; an outage of NATS is waited for where nothing is lost by waiting.
    """

    def __init__(
        self,
        link: Link,
        *,
        prefix: str,
        encoding: Encoding,
        on_missing: Callable[[Missing], None] | None,
        readers: Sequence[str] = (),
    ) -> None:
        self.subjects = Subjects(prefix)
        super().__init__(link, self.subjects, encoding)
        self.streams = StreamNames(prefix)
        self._on_missing = on_missing
        self._names = ConsumerNames(readers)
        self._sender = Sender(link, self.subjects, encoding)
        self._results: dict[tuple[str, str], Results] = {}

    @property
    def nats(self) -> NatsClient:
        """The connection below, for what this client has no word for."""
        return self._link.nats

    async def settle(self) -> None:
        """Return when the server has the subscriptions that were made so far through `nats`."""
        await self._link.settle()

    # --- market data ----------------------------------------------------------------------------------------

    def market(self, kind: type[M], venue: str, symbol: str | None = None, *, keep: int = 1024) -> MarketStream[M]:
        """Return the market data of one kind, of one symbol or (``None``) of all.

        At most ``keep`` messages wait for a slow reader; then the oldest give way. Holes are told to ``on_missing``
        in the reader's own turn, right before the event behind the hole.
        """
        tag = str(kind.__struct_config__.tag)
        subject = self.subjects.market(venue, tag, symbol or "*")
        if symbol is None:
            subject = f"{self.subjects.root}.md.{venue}.{tag}.*"
        gaps = [] if self._on_missing is None else [self.subjects.system(venue, "gap")]
        return MarketStream(self._link, [subject], gaps, (kind,), keep, self._missing)

    def quotes(self, venue: str, symbol: str | None = None) -> MarketStream[Quote]:
        """Return the top of the book."""
        return self.market(Quote, venue, symbol)

    def trades(self, venue: str, symbol: str | None = None) -> MarketStream[Trade]:
        """Return what was traded."""
        return self.market(Trade, venue, symbol)

    def books(self, venue: str, symbol: str | None = None) -> MarketStream[Book]:
        """Return whole books."""
        return self.market(Book, venue, symbol)

    # --- account events -------------------------------------------------------------------------------------

    def events(
        self,
        *kinds: type[A],
        venue: str,
        account: str = "main",
        key: str | None = None,
        history: History = "none",
        after: int | None = None,
    ) -> EventStream[A]:
        """Return account events as the stream stored them: in order, each once, nothing that was refused.

        Args:
            kinds: one or more of `Order`, `Fill`, `Position`, `Balance`, `Forward`, `ForwardChange`, `Result`. One
                kind needs the right to read that kind only; several at once the right to read the whole stream.
            key: only this one: an order's client id, a result's command id, a fill's or position's symbol, a currency.
            history: ``none`` begins now, ``last`` with the newest event per key, ``all`` with the oldest kept.
            after: go on behind this place of the stream instead: the ``sequence`` of an earlier reader.
        """
        if not kinds:
            raise ValueError("events: name at least one kind, such as Order")
        tags = [str(kind.__struct_config__.tag) for kind in kinds]
        root = f"{self.subjects.root}.acct.{venue}.{account}"
        filters = [f"{root}.{tag}.*" for tag in tags]
        if key is not None:
            filters = [self.subjects.account(venue, account, tag, key) for tag in tags]
        journal = self.journal(self.streams.account, *filters, history=history, after=after)
        return EventStream(journal, kinds, self._missing)

    def order_events(self, venue: str, *, account: str = "main", history: History = "none") -> EventStream[Order]:
        """Return every change of every order."""
        return self.events(Order, venue=venue, account=account, history=history)

    def fill_events(self, venue: str, *, account: str = "main", history: History = "none") -> EventStream[Fill]:
        """Return every execution."""
        return self.events(Fill, venue=venue, account=account, history=history)

    def sessions(self, venue: str, *, history: History = "last") -> EventStream[Session]:
        """Return the states of a venue's connection, the present one first."""
        journal = self.journal(self.streams.system, self.subjects.system(venue, "session"), history=history)
        return EventStream(journal, (Session,), self._missing)

    def gaps(self, venue: str, *, history: History = "none") -> EventStream[Gap]:
        """Return the holes that the bridge knows of."""
        journal = self.journal(self.streams.system, self.subjects.system(venue, "gap"), history=history)
        return EventStream(journal, (Gap,), self._missing)

    def journal(self, stream: str, *filters: str, history: History = "none", after: int | None = None) -> Journal:
        """Return a stream's messages as they are, for tools: not decoded, of all subjects that match ``filters``."""
        return Journal(self._link, stream, list(filters), _start(history, after), self._missing, self._names)

    # --- commands -------------------------------------------------------------------------------------------

    async def send(
        self, venue: str, command: AnyCommand, *, account: str = "main", timeout: float = 5.0
    ) -> SentCommand:
        """Put a command on the bus, once, and return when it is stored there; its results come later.

        Raises:
            CommandError: it breaks a rule of the contract; nothing was sent.
            CommandNotSent: certainly not on the bus. CommandExists: the id was used before.
            CommandInDoubt: the bus did not say within ``timeout`` seconds, whatever was tried.
            PermissionDenied: the login may not send it or not read its result; nothing was sent.
        """
        results = self._results.get((venue, account))
        if results is None:
            results = self._results[venue, account] = Results(self.events(Result, venue=venue, account=account))
        sent = SentCommand(venue, account, command.command_id)
        try:
            async with asyncio.timeout(timeout):
                await results.expect(sent)
        except (NoAnswer, NotServed, TimeoutError) as error:
            why = str(error) or "the connection is lost at the moment"
            raise CommandNotSent(command.command_id, f"not sent, as its result could not be read: {why}") from error
        await self._sender.store(venue, account, command, timeout)
        return sent

    async def submit(
        self,
        venue: str,
        *,
        symbol: str,
        side: Side | str,
        order_type: OrderType | str = OrderType.LIMIT,
        quantity: Number | None = None,
        quote_quantity: Number | None = None,
        price: Number | None = None,
        trigger_price: Number | None = None,
        stop_price: Number | None = None,
        time_in_force: TimeInForce | str | None = None,
        expire_date: str | None = None,
        post_only: bool | None = None,
        reduce_only: bool | None = None,
        position_effect: PositionEffect | str | None = None,
        params: dict[str, Any] | None = None,
        account: str = "main",
        client_order_id: str | None = None,
        command_id: str | None = None,
        expires_in: float = 5.0,
        timeout: float = 20.0,
    ) -> Result:
        """Place an order and return the first result: accepted, rejected or unknown.

        Numbers are texts or `Decimal`, taken as they are. The bridge refuses the order when it gets it later than
        ``expires_in`` seconds from now. After ``unknown`` ask `settled`: the bridge finds out and says so.

        Raises:
            CommandError, CommandNotSent, CommandExists: nothing was sent, or nothing new.
            CommandInDoubt: the order may stand. It carries the command id to ask with.
        """
        order = Submit(
            command_id=command_id or new_id(), client_order_id=client_order_id, symbol=symbol, side=Side(side),
            order_type=OrderType(order_type), quantity=_text(quantity), quote_quantity=_text(quote_quantity),
            price=_text(price), trigger_price=_text(trigger_price), stop_price=_text(stop_price),
            time_in_force=None if time_in_force is None else TimeInForce(time_in_force), expire_date=expire_date,
            post_only=post_only, reduce_only=reduce_only, params=params, expires_at=_expiry(expires_in),
            position_effect=None if position_effect is None else PositionEffect(position_effect),
        )  # fmt: skip
        return await self._result(venue, order, account, timeout)

    async def amend(
        self,
        venue: str,
        *,
        client_order_id: str | None = None,
        venue_order_id: str | None = None,
        symbol: str | None = None,
        quantity: Number | None = None,
        price: Number | None = None,
        trigger_price: Number | None = None,
        params: dict[str, Any] | None = None,
        account: str = "main",
        command_id: str | None = None,
        expires_in: float = 5.0,
        timeout: float = 20.0,
    ) -> Result:
        """Change a working order; ``quantity`` is the new total. Returns and raises as `submit`."""
        command = Amend(
            command_id=command_id or new_id(), client_order_id=client_order_id, venue_order_id=venue_order_id,
            symbol=symbol, quantity=_text(quantity), price=_text(price), trigger_price=_text(trigger_price),
            params=params, expires_at=_expiry(expires_in),
        )  # fmt: skip
        return await self._result(venue, command, account, timeout)

    async def cancel(
        self,
        venue: str,
        *,
        client_order_id: str | None = None,
        venue_order_id: str | None = None,
        symbol: str | None = None,
        account: str = "main",
        command_id: str | None = None,
        timeout: float = 20.0,
    ) -> Result:
        """Cancel one order. Returns and raises as `submit`; a cancel does not expire."""
        command = Cancel(
            command_id=command_id or new_id(), client_order_id=client_order_id, venue_order_id=venue_order_id,
            symbol=symbol,
        )  # fmt: skip
        return await self._result(venue, command, account, timeout)

    async def cancel_all(
        self, venue: str, *, symbol: str | None = None, account: str = "main", timeout: float = 20.0
    ) -> Result:
        """Cancel every open order of the account (of the symbol), external ones too; ``text`` counts them."""
        return await self._result(venue, CancelAll(command_id=new_id(), symbol=symbol), account, timeout)

    async def result(
        self, venue: str, command_id: str, *, account: str = "main", timeout: float | None = 5.0
    ) -> Result:
        """Return what the bus knows of a command, whoever sent it: the settling result, or ``unknown`` for now.

        Raises:
            CommandInDoubt: no result came within ``timeout``. It may still come while the command has not expired.
        """
        return await self._look_up(venue, account, command_id, timeout, settled=False)

    async def settled(
        self, venue: str, command_id: str, *, account: str = "main", timeout: float | None = None
    ) -> Result:
        """Return the result that is no longer ``unknown``, also of a command that another process sent.

        Raises:
            CommandInDoubt: there was none within ``timeout``.
        """
        return await self._look_up(venue, account, command_id, timeout, settled=True)

    async def _look_up(
        self, venue: str, account: str, command_id: str, timeout: float | None, *, settled: bool
    ) -> Result:
        stream = self.events(Result, venue=venue, account=account, key=command_id, history="last")
        try:
            async with asyncio.timeout(timeout), stream:
                found = await stream.next()
                while settled and found.status == "unknown":
                    found = await stream.next()
                return found
        except TimeoutError:
            why = f"no {'settling ' if settled else ''}result within {timeout:g} s"
            raise in_doubt(venue, account, command_id, why, stored=False) from None

    async def _result(self, venue: str, command: AnyCommand, account: str, timeout: float) -> Result:
        deadline = time.monotonic() + timeout
        sent = await self.send(venue, command, account=account, timeout=min(5.0, timeout))
        return await sent.result(max(0.0, deadline - time.monotonic()))

    async def close(self) -> None:
        """End everything; who still waits hears of it. `connect` does this at the end of its block."""
        for results in self._results.values():
            await results.close()
        await self._link.close()

    def _missing(self, missing: Missing) -> None:
        if self._on_missing is not None:
            self._on_missing(missing)


@asynccontextmanager
async def connect(
    servers: str | list[str] = "nats://127.0.0.1:4222",
    *,
    prefix: str = "vb",
    encoding: Encoding = "json",
    on_missing: Callable[[Missing], None] | None = None,
    on_change: Callable[[bool], None] | None = None,
    on_error: Callable[[Exception], None] | None = None,
    name: str = "venuebus-client",
    credentials: Path | str | None = None,
    nkey_seed: str | None = None,
    ca_file: Path | str | None = None,
    inbox_prefix: str = "_INBOX",
    readers: Sequence[str] = (),
    timeout: float = 2.5,
) -> AsyncIterator[Client]:
    """Connect to the bus; the connection ends with the block.

    Args:
        servers: addresses of NATS; a user and a password may stand in them.
        prefix: the bridge's ``bus.prefix``.
        encoding: how commands and requests are written; events are read in both encodings.
        on_missing: told about holes: in numberings, by slow readers, and those that the bridge tells.
        on_change: told when the connection is lost (false) and back (true).
        on_error: told what nats-py reports beside that: for a log, nothing has to be done about it.
        name: what NATS shows of this connection.
        credentials: file with a JWT and its seed.
        nkey_seed: seed of an nkey.
        ca_file: authority that signed the server's certificate.
        inbox_prefix: where replies go, if your user may not read _INBOX.
        readers: names of the consumers that your user may have, where its permissions name them: one per stream
            that is read at a time, and one for the results of each account that commands are sent to.
        timeout: seconds for the first connection.

    Raises:
        CannotConnect: NATS cannot be reached or refuses us.
    """
    login = Login(
        [servers] if isinstance(servers, str) else servers, name, credentials, nkey_seed, ca_file, inbox_prefix, timeout
    )
    link = Link(login)
    if on_change is not None:
        link.on_change.append(on_change)
    if on_error is not None:
        link.on_error.append(on_error)
    await link.connect()
    client = Client(link, prefix=prefix, encoding=encoding, on_missing=on_missing, readers=readers)
    try:
        yield client
    finally:
        await client.close()


def _start(history: History, after: int | None) -> dict[str, Any]:
    if after is not None:
        return {"deliver_policy": "by_start_sequence", "opt_start_seq": after + 1}
    return {"deliver_policy": START[history]}


def _expiry(seconds: float) -> int:
    return time.time_ns() + int(seconds * 1e9)


def _text(number: object) -> str | None:
    if isinstance(number, Decimal):
        return plain(number)
    if number is None or isinstance(number, str):
        return number
    kind = type(number).__name__
    raise CommandError(Reason.INVALID, f"numbers are texts ('0.01') or Decimal, never {kind}: {number!r} given")
