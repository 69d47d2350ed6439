"""Requests: what the bridge and the venue know now (``qry``), and what operators may do (``ctl``)."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from venuebus_schemas import (
    Balance,
    Book,
    Encoding,
    Fill,
    Instrument,
    Order,
    Position,
    Query,
    Reply,
    Subjects,
    encode,
)

from .errors import NoAnswer, NotServed, RequestRefused
from .link import Link, Offline

T = TypeVar("T")
TIMEOUT = 16.0  # a little more than the bridge gives a venue


class Requests:
    """Asks and hands out typed answers.

    Every method raises `NotServed` when no bridge serves the venue, `NoAnswer` when none came in time,
    `RequestRefused` with the contract's reason when the answer is no, and `PermissionDenied`.
    """

    def __init__(self, link: Link, subjects: Subjects, encoding: Encoding) -> None:
        self._link = link
        self._subjects = subjects
        self._encoding = encoding

    async def orders(self, venue: str, *, account: str = "main", symbol: str | None = None) -> list[Order]:
        """Return the orders that the bridge knows as open, those with an unknown outcome included."""
        return await self._ask(venue, account, "orders", Query(symbol=symbol), Order)

    async def order(
        self,
        venue: str,
        *,
        account: str = "main",
        client_order_id: str | None = None,
        venue_order_id: str | None = None,
    ) -> Order:
        """Return one order by one of its ids, open or not."""
        query = Query(client_order_id=client_order_id, venue_order_id=venue_order_id)
        return (await self._ask(venue, account, "order", query, Order))[0]

    async def fills(self, venue: str, *, account: str = "main", symbol: str | None = None) -> list[Fill]:
        """Return what was executed in the last 24 hours, asked from the venue."""
        return await self._ask(venue, account, "fills", Query(symbol=symbol), Fill)

    async def positions(self, venue: str, *, account: str = "main", symbol: str | None = None) -> list[Position]:
        """Return the positions, asked from the venue."""
        return await self._ask(venue, account, "positions", Query(symbol=symbol), Position)

    async def balances(self, venue: str, *, account: str = "main") -> list[Balance]:
        """Return the balances, asked from the venue."""
        return await self._ask(venue, account, "balances", Query(), Balance)

    async def instruments(self, venue: str, *, account: str = "main", symbol: str | None = None) -> list[Instrument]:
        """Return what can be traded, with its steps and limits."""
        return await self._ask(venue, account, "instruments", Query(symbol=symbol), Instrument)

    async def book(self, venue: str, symbol: str, *, account: str = "main") -> Book:
        """Return the whole book of one symbol."""
        return (await self._ask(venue, account, "book", Query(symbol=symbol), Book))[0]

    async def status(self, venue: str) -> dict[str, Any]:
        """Return the bridge's word about a venue: state, accounts, unknown orders, limits, rates."""
        reply = await self.control(venue, "status")
        return dict((reply.items or [{}])[0])

    async def query(self, venue: str, what: str, query: Query | None = None, *, account: str = "main") -> Reply:
        """Ask ``qry.<venue>.<account>.<what>``, also for what only this venue can tell."""
        return await self._request(venue, self._subjects.query(venue, account, what), query or Query(), TIMEOUT)

    async def control(self, venue: str, verb: str, body: Any = None, *, timeout: float = TIMEOUT) -> Reply:
        """Ask ``ctl.<venue>.<verb>``: status subscribe unsubscribe halt resume reconnect resolve.

        ``body`` is one of the request structs of `venuebus_schemas` (`HaltRequest`, `ResolveRequest` …) or a dict.
        """
        return await self._request(venue, self._subjects.control(venue, verb), {} if body is None else body, timeout)

    async def _ask(self, venue: str, account: str, what: str, query: Query, kind: type[T]) -> list[T]:
        reply = await self.query(venue, what, query, account=account)
        return [msgspec.convert(item, kind) for item in reply.items or []]

    async def _request(self, venue: str, subject: str, body: Any, timeout: float) -> Reply:
        try:
            answer = await self._link.request(subject, encode(body, self._encoding), timeout=timeout)
        except NotServed as error:
            if isinstance(error, Offline):
                raise
            shown = self._link.login.shown
            text = f"no bridge on {shown} serves the venue {venue!r}: is it running, and is the venue's name right?"
            raise NotServed(text) from error
        decode = msgspec.json.decode if answer.data[:1] == b"{" else msgspec.msgpack.decode
        try:
            reply = decode(answer.data, type=Reply)
        except msgspec.DecodeError as error:
            raise NoAnswer(f"what came on {subject} is no reply: {error}") from error
        if not reply.ok:
            told = f"the bridge refuses ({reply.reason or 'no reason given'}): {reply.text or ''}"
            raise RequestRefused(reply.reason, told.rstrip(": "))
        return reply
