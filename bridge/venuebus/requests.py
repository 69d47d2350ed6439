"""Requests to one venue: state for strategies (``qry``), and what operators may do (``ctl``)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import structlog
from venuebus_schemas import (
    CancelAll,
    Encoding,
    HaltRequest,
    Query,
    Reason,
    Reply,
    ResolveRequest,
    Subjects,
    SubscribeRequest,
    Verb,
    decode_event,
    encode,
)

from .errors import CommandRejected, RetryableError, VenuebusError
from .guard import said
from .orders.account import Account
from .orders.engine import Engine
from .orders.job import Job
from .orders.resolver import Resolver
from .sessions import Sessions
from .venue import SupportsQueries, SupportsSnapshot, SupportsSubscriptions

log = structlog.get_logger("venuebus.requests")
T = TypeVar("T")

QUERY_TIMEOUT = 15.0


class Requests:
    """Answers requests about one venue. Every answer is a `Reply`; nothing here raises."""

    def __init__(
        self,
        venue: str,
        accounts: Mapping[str, Account],
        sessions: Sessions,
        engine: Engine,
        resolver: Resolver,
        subjects: Subjects,
        *,
        encoding: Encoding,
        status: Callable[[], dict[str, Any]],
        market_data: tuple[str, ...],
        on_halt: Callable[[], None],
    ) -> None:
        self.venue = venue
        self._accounts = accounts
        self._sessions = sessions
        self._engine = engine
        self._resolver = resolver
        self._subjects = subjects
        self._encoding = encoding
        self._status = status
        self._market_data = market_data
        self._on_halt = on_halt

    async def query(self, subject: str, data: bytes) -> bytes:
        """Answer ``qry.<venue>.<account>.<what>``."""
        parsed = self._subjects.parse(subject)
        return await self._reply(self._query(parsed.account or "", parsed.kind, data))

    async def control(self, subject: str, data: bytes) -> bytes:
        """Answer ``ctl.<venue>.<verb>``."""
        parsed = self._subjects.parse(subject)
        return await self._reply(self._control(parsed.kind, data))

    async def _reply(self, work: Any) -> bytes:
        try:
            async with asyncio.timeout(QUERY_TIMEOUT):
                reply = Reply(ok=True, items=await work)
        except CommandRejected as error:
            reply = Reply(ok=False, reason=error.reason, text=str(error))
        except RetryableError as error:
            reply = Reply(ok=False, reason=error.reason, text=str(error))
        except TimeoutError:
            reply = Reply(ok=False, reason=Reason.TIMEOUT, text=f"no answer within {QUERY_TIMEOUT:g} s")
        except VenuebusError as error:
            reply = Reply(ok=False, reason=Reason.INTERNAL, text=str(error))
        except Exception as error:
            log.exception("request failed", venue=self.venue)
            reply = Reply(ok=False, reason=Reason.INTERNAL, text=said(error))
        try:
            return encode(reply, self._encoding)
        except Exception as error:
            log.exception("an answer of the plugin cannot be encoded", venue=self.venue)
            text = f"the plugin's answer cannot be encoded: {said(error)}"
            return encode(Reply(ok=False, reason=Reason.INTERNAL, text=text), self._encoding)

    # --- qry ------------------------------------------------------------------------------------------------

    async def _query(self, account_name: str, what: str, data: bytes) -> list[Any]:
        request = _decode(data, Query)
        account = self._accounts.get(account_name)
        if account is None:
            have = ", ".join(self._accounts)
            raise CommandRejected(Reason.UNKNOWN_ACCOUNT, f"no account {account_name!r} at {self.venue}; known: {have}")
        if what == "orders":
            orders = [tracked.order for tracked in account.tracker.open.values()]
            return [order for order in orders if request.symbol in (None, order.symbol)]
        if what == "order":
            return [await self._order(account, request)]
        session = self._session()
        if what in ("fills", "positions", "balances") and isinstance(session, SupportsSnapshot):
            since = time.time_ns() - 86_400_000_000_000
            items = getattr(await session.snapshot(account.name, since), what)
            if items is None:
                raise CommandRejected(Reason.UNSUPPORTED, f"{self.venue} has no query for {what}")
            for item in items:
                item.venue, item.account = self.venue, account.name
                item.epoch, item.ts_recv = self._sessions.epoch, item.ts_recv or time.time_ns()
            return [item for item in items if request.symbol in (None, getattr(item, "symbol", None))]
        if isinstance(session, SupportsQueries):
            items = await session.query(account.name, what, request)
            for item in items:
                if isinstance(item, msgspec.Struct) and hasattr(item, "venue"):
                    item.venue = self.venue
            return items
        raise CommandRejected(Reason.UNSUPPORTED, f"{self.venue} has no query {what!r}")

    async def _order(self, account: Account, request: Query) -> Any:
        if request.client_order_id is None and request.venue_order_id is None:
            raise CommandRejected(Reason.INVALID, "client_order_id or venue_order_id expected")
        tracked = account.tracker.find(client_order_id=request.client_order_id, venue_order_id=request.venue_order_id)
        if tracked is not None:
            return tracked.order
        data = await account.ledger.read_last("order", request.client_order_id or request.venue_order_id or "")
        if data is None:
            raise CommandRejected(Reason.UNKNOWN_ORDER, "no such order on the bus")
        return decode_event(data)

    def _session(self) -> Any:
        current = self._sessions.session()
        if current is None:
            raise CommandRejected(Reason.NOT_CONNECTED, f"{self.venue} is not connected")
        return current[0]

    # --- ctl ------------------------------------------------------------------------------------------------

    async def _control(self, verb: str, data: bytes) -> list[Any]:
        if verb == "status":
            _decode(data, Query)
            return [self._status()]
        if verb in ("subscribe", "unsubscribe"):
            return await self._subscribe(verb, _decode(data, SubscribeRequest))
        if verb in ("halt", "resume"):
            return await self._halt(verb == "halt", _decode(data, HaltRequest))
        if verb == "reconnect":
            await self._sessions.reconnect()
            return []
        if verb == "resolve":
            request = _decode(data, ResolveRequest)
            if request.account not in self._accounts:
                raise CommandRejected(Reason.UNKNOWN_ACCOUNT, f"no account {request.account!r} at {self.venue}")
            self._resolver.operator(request.account, request.command_id, request.status, request.by, request.why)
            return [msgspec.to_builtins(request)]
        raise CommandRejected(
            Reason.UNSUPPORTED, f"unknown verb {verb!r}: status subscribe unsubscribe halt resume reconnect resolve"
        )

    async def _subscribe(self, verb: str, request: SubscribeRequest) -> list[Any]:
        session = self._session()
        if not isinstance(session, SupportsSubscriptions):
            raise CommandRejected(Reason.UNSUPPORTED, f"{self.venue} has no subscriptions at run time")
        kinds = request.market_data or list(self._market_data)
        if not request.symbols or not all(request.symbols):
            raise CommandRejected(Reason.INVALID, "symbols: at least one, none empty")
        if verb == "subscribe":
            await session.subscribe(request.symbols, kinds)
        else:
            await session.unsubscribe(request.symbols, kinds)
        return [{"symbols": request.symbols, "market_data": kinds}]

    async def _halt(self, halted: bool, request: HaltRequest) -> list[Any]:
        if request.account is not None and request.account not in self._accounts:
            raise CommandRejected(Reason.UNKNOWN_ACCOUNT, f"no account {request.account!r} at {self.venue}")
        names = [request.account] if request.account is not None else list(self._accounts)
        for name in names:
            self._accounts[name].halted = halted
        self._sessions.halt(all(account.halted for account in self._accounts.values()))
        self._on_halt()
        log.warning(
            "halted" if halted else "resumed", venue=self.venue, account=request.account or "all",
            by=request.by or "?", why=request.why or "?",
        )  # fmt: skip
        if not (halted and request.cancel_all):
            return [{"halted": halted, "accounts": names}]
        started = [{"account": name, "command_id": self._cancel_all(name)} for name in names]
        return [{"halted": halted, "accounts": names, "cancel_all": started}]

    def _cancel_all(self, account: str) -> str:
        # The halt is acknowledged now; the cancel-all reports what it did, and what is left, as a result of its own.
        command = CancelAll(command_id=f"halt-{uuid.uuid4().hex[:20]}")
        body = msgspec.json.encode(command)
        job = Job(account, command.command_id, Verb.CANCEL_ALL, None, time.time_ns(), body, command=command)
        try:
            self._engine.inject(job)
        except CommandRejected as error:
            return f"not started: {error}"
        return command.command_id


def _decode(data: bytes, kind: type[T]) -> T:
    try:
        if not data.strip():
            return msgspec.convert({}, kind)
        decode = msgspec.json.decode if data.lstrip()[:1] == b"{" else msgspec.msgpack.decode
        return decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandRejected(Reason.INVALID, f"not a request: {error}") from error
