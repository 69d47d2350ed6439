"""What the counter says when asked: one order, the state of the account, and every query of the document."""

from __future__ import annotations

from typing import Any

import msgspec
from venuebus import CommandRejected, Found, OrderKey, RetryableError, Snapshot, VenueContext
from venuebus_schemas import Fill, Order, OrderStatus, Query, Reason

from . import codes, protocol
from .cleaning import name
from .config import CtpConfig
from .contracts import Contracts
from .convert import ENDED, key_of, order_key, sys_key, to_balance, to_positions
from .daytime import iso, time_of_tick, trading_day_at
from .index import OrderIndex
from .market import TickConverter, to_book
from .messages import AccountRow, Depth, OrderRow, PositionRow, TradeRow
from .requests import QUERIES, BadField, Filter, PasswordUpdate, make_filter
from .tickets import VenueRefused
from .trading import TradingLink

LOOKUP, SNAPSHOT, ASKED = 0, 1, 2  # whose query goes first
PASSWORD = "ReqUserPasswordUpdate"


class AccountView:
    """Asks the counter, one query at a time, and understands the rows."""

    def __init__(
        self, ctx: VenueContext[CtpConfig], trading: TradingLink, index: OrderIndex, contracts: Contracts
    ) -> None:
        self._ctx = ctx
        self._trading = trading
        self._index = index
        self._contracts = contracts

    def _filter(self, **fields: Any) -> Filter:
        broker = self._ctx.config.broker_id or self._trading.login.BrokerID or None
        return Filter(BrokerID=broker, InvestorID=self._ctx.config.investor, **fields)

    # --- the whole account ----------------------------------------------------------------------------------

    async def snapshot(self, account: str, since_ns: int) -> Snapshot:
        """Return open orders, today's fills since ``since_ns``, positions and money.

        Finished orders are included where the bridge still takes them for open. Four queries, so four seconds.

        Raises:
            RetryableError: one of them had no complete answer.
        """
        try:
            orders = await self._trading.queries.rows("ReqQryOrder", OrderRow, self._filter(), priority=SNAPSHOT)
            trades = await self._trading.queries.rows("ReqQryTrade", TradeRow, self._filter(), priority=SNAPSHOT)
            held = await self._trading.queries.rows(
                "ReqQryInvestorPosition", PositionRow, self._filter(), priority=SNAPSHOT
            )
            money = await self._trading.queries.rows(
                "ReqQryTradingAccount", AccountRow, self._filter(), priority=SNAPSHOT
            )
        except VenueRefused as error:
            raise RetryableError(str(error)) from error
        now = self._ctx.now_ns()
        positions, unusable = to_positions(
            held, account=account, now_ns=now, multiplier=self._contracts.multiplier, reconciled=True
        )
        if unusable:
            self._ctx.count("unusable_position", unusable)
            self._ctx.log.warning("positions without a usable contract name are left out", rows=unusable)
        return Snapshot(
            orders=self._orders(orders, account, now),
            fills=[fill for fill in self._fills(trades, now) if fill.ts_venue is None or fill.ts_venue >= since_ns],
            positions=positions,
            balances=[to_balance(row, account=account, now_ns=now, reconciled=True) for row in money],
        )

    def _orders(self, rows: list[OrderRow], account: str, now: int) -> list[Order]:
        kept = []
        for row in {key_of(row): row for row in rows}.values():
            order = self._index.report(row, now, reconciled=True)
            if order is None:
                if name(row.InstrumentID, row.reserve1) is None:
                    self._trading.queries.unreadable(
                        repr(row).encode("utf-8", "replace"), "an order without a usable name"
                    )
                continue
            if row.OrderStatus in ENDED or row.OrderStatus == "c":
                known = self._ctx.find_order(account, venue_order_id=order.venue_order_id)
                if known is None or known.status.is_final:
                    continue
            kept.append(order)
        return kept

    def _fills(self, rows: list[TradeRow], now: int) -> list[Fill]:
        fills = []
        for row in [*self._index.unpark(), *rows]:
            try:
                fill = self._index.trade(row, now, reconciled=True, park=False)
            except ValueError as error:
                self._trading.queries.unreadable(repr(row).encode("utf-8", "replace"), str(error))
                continue
            if fill is not None:
                fills.append(fill)
        return list({fill.fill_id: fill for fill in fills}.values())

    # --- one order ------------------------------------------------------------------------------------------

    async def lookup(self, account: str, key: OrderKey) -> Found | None:
        """Return what the counter says of one order, with its fills; ``None`` if it does not know it.

        "Not there" is believed within the trading day only: the counter forgets at its end, and a restart of its
        flow may have given the order another front and session.

        Raises:
            RetryableError: no complete answer, or one that proves nothing.
        """
        keys = _keys(key)
        try:
            rows = await self._trading.queries.rows(
                "ReqQryOrder", OrderRow, self._filter(InstrumentID=key.symbol), priority=LOOKUP
            )
            row = _find(rows, keys) or _sent_as(rows, key)
            if row is None:
                return self._absent(account, key, rows)
            trades: list[TradeRow] = []
            if row.VolumeTraded > 0:
                narrowed = self._filter(InstrumentID=key.symbol)
                trades = await self._trading.queries.rows("ReqQryTrade", TradeRow, narrowed, priority=LOOKUP)
        except VenueRefused as error:
            raise RetryableError(str(error)) from error
        now = self._ctx.now_ns()
        entry = self._index.entry(key_of(row))
        if entry is not None:
            entry.replaced_by_us = False  # what was to replace it is not there: its own end is the order's end
        order = self._index.report(row, now, reconciled=True)
        if order is None:
            raise RetryableError("the counter's row names no contract")
        order.client_order_id = order.client_order_id or key.client_order_id
        entry = self._index.entry(key_of(row))
        if entry is not None and entry.owner.client_order_id is None and key.client_order_id is not None:
            entry.owner = msgspec.structs.replace(entry.owner, client_order_id=key.client_order_id, external=False)
            order.external = None
        mine = sys_key(row.ExchangeID, row.OrderSysID)
        fills = self._fills([t for t in trades if sys_key(t.ExchangeID, t.OrderSysID) == mine], now)
        return Found(order=order, fills=fills)

    def _absent(self, account: str, key: OrderKey, rows: list[OrderRow]) -> Found | None:
        today = self._trading.login.TradingDay
        shown = iso(today) or ""
        known = key.order
        if known is not None and known.trading_day is not None and known.trading_day < shown:
            if known.status in (OrderStatus.UNKNOWN, OrderStatus.PENDING_NEW):
                raise RetryableError(f"the order is of {known.trading_day}; the counter only knows {shown}")
            ended = msgspec.structs.replace(
                known, status=OrderStatus.EXPIRED, leaves_quantity="0", ts_recv=self._ctx.now_ns(), account=account,
                text=f"day order of {known.trading_day}; fills after its last report can no longer be asked for",
            )  # fmt: skip
            return Found(order=ended)
        if key.ts_claimed is not None and today and trading_day_at(key.ts_claimed) < today:
            raise RetryableError(f"the order was sent before trading day {shown}, and the counter forgot that day")
        ref, number = key.keys.get("order_ref"), key.keys.get("request_id", "0")
        for row in rows:
            if number != "0" and row.RequestID and str(row.RequestID) != number:
                continue
            if ref is not None and row.OrderRef.strip() == ref and self._is_stranger(account, row):
                # A restart of the counter's flow gives front and session anew and forgets RequestID: it might be this.
                raise RetryableError(f"an order with OrderRef {ref} is there under {key_of(row)}: nothing is proved")
        return None

    def _is_stranger(self, account: str, row: OrderRow) -> bool:
        login = self._trading.login
        if (row.FrontID, row.SessionID) == (login.FrontID, login.SessionID):
            return False
        known = self._ctx.find_order(account, venue_order_id=key_of(row))
        return known is None or known.client_order_id is None

    # --- questions of users ---------------------------------------------------------------------------------

    async def query(self, account: str, what: str, request: Query, converter: TickConverter) -> list[Any]:
        """Answer a ``qry`` request; see `SupportsQueries`."""
        try:
            match what:
                case "instruments":
                    return await self._instruments(request)
                case "book" | "ticker" | "quote":
                    return await self._depth(what, request, converter)
                case "cancels":
                    return self._cancels()
                case "native":
                    return await self._native(request)
        except BadField as error:
            raise CommandRejected(Reason.INVALID, str(error)) from error
        except RetryableError as error:
            raise CommandRejected(error.reason, str(error)) from error
        except VenueRefused as error:
            raise CommandRejected(codes.reason(error.number), str(error), venue_status=str(error.number)) from error
        raise CommandRejected(Reason.UNSUPPORTED, f"{what}: instruments, book, quote, ticker, cancels, native expected")

    async def _instruments(self, request: Query) -> list[Any]:
        fields = dict(request.params or {})
        if request.symbol is not None:
            fields["InstrumentID"] = request.symbol
        items = await self._contracts.ask(make_filter("ReqQryInstrument", fields), priority=ASKED)
        return [item for item in items if request.symbol is None or item.symbol == request.symbol]

    async def _depth(self, what: str, request: Query, converter: TickConverter) -> list[Any]:
        if request.symbol is None:
            raise BadField("symbol", f"{what} needs one")
        filters = make_filter("ReqQryDepthMarketData", {"InstrumentID": request.symbol})
        rows = await self._trading.queries.rows("ReqQryDepthMarketData", Depth, filters, priority=ASKED)
        now = self._ctx.now_ns()
        found = [row for row in rows if name(row.InstrumentID, row.reserve1) == request.symbol]
        if what == "book":
            return [to_book(row, request.symbol, now, self._time(row, request.symbol)) for row in found]
        asking = TickConverter(self._contracts.exchange, stale_after=self._ctx.config.stale_after)
        asking.trading_day = converter.trading_day
        asking.wanted[request.symbol] = frozenset({what})
        return [event for row in found for event in asking.convert(row, now)]

    def _time(self, row: Depth, symbol: str) -> int | None:
        exchange = row.ExchangeID or self._contracts.exchange(symbol) or ""
        return time_of_tick(exchange, row.ActionDay, row.TradingDay, row.UpdateTime, row.UpdateMillisec)

    def _cancels(self) -> list[Any]:
        return [
            {"symbol": symbol, "trading_day": iso(day) or day, "cancels": count}
            for (symbol, day), count in sorted(self._index.cancels.items())
        ]

    async def _native(self, request: Query) -> list[Any]:
        fields = dict(request.params or {})
        wanted = fields.pop("request", None)
        if wanted == PASSWORD:
            return await self._change_password(fields)
        if not isinstance(wanted, str) or wanted not in QUERIES:
            raise BadField("params.request", f"one of {', '.join(sorted(QUERIES))} or {PASSWORD} expected")
        allowed = QUERIES[wanted]
        own = self._filter()
        given = {"BrokerID": own.BrokerID, "InvestorID": own.InvestorID, "InstrumentID": request.symbol}
        for field, value in given.items():
            if field in allowed and field not in fields and value is not None:
                fields[field] = value
        rows = await self._trading.queries.query(wanted, make_filter(wanted, fields), priority=ASKED)
        return [protocol.native(row) for row in rows]

    async def _change_password(self, fields: dict[str, Any]) -> list[Any]:
        if not self._ctx.config.password_change:
            raise CommandRejected(Reason.UNAUTHORIZED, "set password_change = true in the venue's configuration first")
        if set(fields) != {"OldPassword", "NewPassword"}:
            raise BadField("params", "OldPassword and NewPassword expected")
        own = self._filter()
        update = PasswordUpdate(
            BrokerID=own.BrokerID, UserID=self._ctx.config.user_id,
            OldPassword=fields["OldPassword"], NewPassword=fields["NewPassword"],
        )  # fmt: skip
        rows = await self._trading.queries.query(PASSWORD, update, priority=ASKED)
        return [protocol.native(row) for row in rows]


def _keys(key: OrderKey) -> set[str]:
    keys = {key.venue_order_id} if key.venue_order_id else set()
    if key.order is not None:
        keys.update({key.order.venue_order_id, *(key.order.venue_order_ids or {}).values()} - {None})  # type: ignore[arg-type]
    claim = key.keys
    if {"front_id", "session_id", "order_ref"} <= claim.keys():
        keys.add(order_key(int(claim["front_id"]), int(claim["session_id"]), claim["order_ref"]))
    return {word for word in keys if word}


def _sent_as(rows: list[OrderRow], key: OrderKey) -> OrderRow | None:
    """Find an order that the counter took under a session of which nobody knew yet when it was sent."""
    ref, number = key.keys.get("order_ref"), key.keys.get("request_id", "0")
    if ref is None or number == "0":
        return None
    return next((row for row in rows if row.OrderRef.strip() == ref and str(row.RequestID) == number), None)


def _find(rows: list[OrderRow], keys: set[str]) -> OrderRow | None:
    found = None
    for row in rows:
        if key_of(row) not in keys and sys_key(row.ExchangeID, row.OrderSysID) not in keys:
            continue
        if found is None or found.OrderStatus in ENDED or row.OrderStatus not in ENDED:
            found = row  # a replaced order has two rows: the one that still works counts
    return found
