"""Commands to the venue, each sent once, each with an end that is true."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from venuebus import (
    Accepted,
    CommandRejected,
    Instruction,
    OrderKey,
    OutcomeUnknown,
    RetryableError,
    VenueContext,
)
from venuebus_schemas import Amend, Cancel, CancelAfter, CancelAll, Order, OrderType, Reason, Submit

from . import codes
from .account import AccountFeed
from .answers import Answer, message_text, order_rows, raise_for_command, refusal
from .config import BtseConfig
from .lookup import Lookup
from .market import MarketFeed
from .messages import OrderRow
from .requests import (
    NoParams,
    amend_body,
    cancel_market_query,
    cancel_query,
    read_params,
    submit_body,
    symbol_of,
    target,
)
from .rest import Rest


class Commands:
    """Executes commands of one account over REST."""

    def __init__(
        self, ctx: VenueContext[BtseConfig], rest: Rest, feed: AccountFeed, market: MarketFeed, lookup: Lookup
    ) -> None:
        self._ctx = ctx
        self._rest = rest
        self._feed = feed
        self._market = market
        self._lookup = lookup

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        """Check everything that needs no venue; return what a look-up will need beside the ids.

        Raises:
            CommandRejected: the command cannot be expressed here.
        """
        command, order = instruction.command, instruction.order
        match command:
            case Submit():
                submit_body(command, self._market.instruments.get(command.symbol), self._ctx.config.market_buy)
                oco = {"oco": "1"} if command.order_type is OrderType.OCO else {}
                return {"symbol": command.symbol, **oco}
            case Amend():
                symbol = symbol_of(command.symbol, order)
                amend_body(command, order, self._market.instruments.get(symbol))
                return {"symbol": symbol}
            case Cancel():
                read_params(NoParams, command.params)
                symbol = symbol_of(command.symbol, order)
                cancel_query(symbol, target(command, order))
                return {"symbol": symbol}
            case _:
                return {}

    async def execute(self, instruction: Instruction) -> Accepted:
        """Send the command.

        Raises:
            CommandRejected, NotSent, OutcomeUnknown: as `venuebus.SupportsOrders` says.
        """
        match instruction.command:
            case Submit() as command:
                return await self._submit(command, instruction)
            case Amend() as command:
                return await self._amend(command, instruction)
            case Cancel() as command:
                return await self._cancel(command, instruction)
            case CancelAll() as command:
                return await self._cancel_all(command, instruction)
            case CancelAfter() as command:
                body = msgspec.json.encode({"timeout": command.timeout_ms})
                answer = await self._rest.order("POST", "/order/cancelAllAfter", body=body, operation="cancel_after",
                                                sending=instruction.sending, priority=True)  # fmt: skip
                raise_for_command(answer)
                return Accepted(text="disarmed" if not command.timeout_ms else f"armed for {command.timeout_ms} ms")

    # --- submit ---------------------------------------------------------------------------------------------

    async def _submit(self, command: Submit, instruction: Instruction) -> Accepted:
        body = submit_body(command, self._market.instruments.get(command.symbol), self._ctx.config.market_buy)
        known = self._ctx.find_order(self._feed.account, client_order_id=command.client_order_id)
        if known is not None and known.venue_order_id is not None:  # the venue takes an id twice
            raise CommandRejected(Reason.DUPLICATE, f"{command.client_order_id}: order {known.venue_order_id} has it")
        self._lookup.traded(command.symbol)
        oco = command.order_type is OrderType.OCO
        path = "/order/peg" if command.order_type is OrderType.PEG else "/order"
        if oco:
            self._feed.placing()
        try:
            answer = await self._rest.order("POST", path, body=body, operation="submit", sending=instruction.sending)
            raise_for_command(answer)
            rows = order_rows(answer)
            _refuse_rows(rows, _shown(answer))
            if oco and command.client_order_id is not None:
                self._feed.pair_up(command.client_order_id, rows)
        finally:
            if oco:
                self._feed.placed()
        known = self._ctx.find_order(self._feed.account, client_order_id=command.client_order_id)
        order = self._feed.reply(rows, self._ctx.now_ns(), known)
        if order is None:
            raise OutcomeUnknown(f"the answer names no order state that we know: {_shown(answer)}")
        if order.client_order_id is None:
            order.client_order_id = command.client_order_id
        return Accepted(order=order, venue_order_id=order.venue_order_id)

    # --- amend ----------------------------------------------------------------------------------------------

    async def _amend(self, command: Amend, instruction: Instruction) -> Accepted:
        known = instruction.order
        symbol = symbol_of(command.symbol, known)
        body = amend_body(command, known, self._market.instruments.get(symbol))
        answer = await self._rest.order("PUT", "/order", body=body, operation="amend", sending=instruction.sending)
        said = refusal(answer)
        if said is not None and said.clear and said.not_found:
            await self._explain_missing(command, known, symbol, said.shown)
        raise_for_command(answer)
        rows = order_rows(answer)
        if not rows or any(row.status == codes.NOT_FOUND for row in rows):
            await self._explain_missing(command, known, symbol, _shown(answer))
        # 15 here means that the amend failed: the order lives on as it was.
        _refuse_rows(rows, _shown(answer))
        order = self._feed.reply(rows, self._ctx.now_ns(), known)
        if order is None:
            raise OutcomeUnknown(f"the answer names no order state that we know: {_shown(answer)}")
        return Accepted(order=order)

    # --- cancel ---------------------------------------------------------------------------------------------

    async def _cancel(self, command: Cancel, instruction: Instruction) -> Accepted:
        known = instruction.order
        symbol = symbol_of(command.symbol, known)
        answer = await self._rest.order(
            "DELETE", "/order", cancel_query(symbol, self._cancel_target(command, known)), operation="cancel",
            sending=instruction.sending, priority=True,
        )  # fmt: skip
        said = refusal(answer)
        if said is not None and said.clear and said.not_found:
            await self._explain_missing(command, known, symbol, said.shown)
        raise_for_command(answer)
        rows = order_rows(answer)
        if not rows or all(row.status == codes.NOT_FOUND for row in rows):
            await self._explain_missing(command, known, symbol, _shown(answer))
        rows = [row for row in rows if row.status != codes.NOT_FOUND]
        _refuse_rows(rows, _shown(answer))
        order = self._feed.reply(rows, self._ctx.now_ns(), known)
        if not any(row.status in (codes.CANCELED, codes.REFUNDED) for row in rows):
            if order is not None and order.status.is_final:
                self._ctx.publish(order)
                raise CommandRejected(Reason.UNKNOWN_ORDER, f"the order is over: {order.status}")
            raise OutcomeUnknown(f"the answer does not say that the order was canceled: {_shown(answer)}")
        return Accepted(order=order)

    def _cancel_target(self, command: Cancel, known: Order | None) -> dict[str, str]:
        if known is not None and known.order_type is OrderType.OCO:
            # Cancelling one leg cancels both, but only a leg that lives can be canceled.
            alive = self._feed.pairs.learn(known).alive()
            if alive is not None:
                return {"orderID": alive}
        return target(command, known)

    async def _explain_missing(self, command: Amend | Cancel, known: Order | None, symbol: str, shown: str) -> None:
        """The venue does not find the order, which says nothing about how it ended: ask.

        Raises:
            CommandRejected: ``unknown_order``, it is over or unknown. OutcomeUnknown: it is open, or nobody says.
        """
        key = OrderKey(
            client_order_id=command.client_order_id or (known.client_order_id if known is not None else None),
            venue_order_id=command.venue_order_id or (known.venue_order_id if known is not None else None),
            symbol=symbol, order=known,
        )  # fmt: skip
        try:
            found = await self._lookup.lookup(key)
        except RetryableError as error:
            raise OutcomeUnknown(f"{shown}; and the order could not be asked for: {error}") from error
        if found is None:
            raise CommandRejected(Reason.UNKNOWN_ORDER, f"the venue does not know the order: {shown}")
        self._ctx.publish(found.order)
        for fill in found.fills:
            self._ctx.publish(fill)
        if found.order.status.is_final:
            raise CommandRejected(Reason.UNKNOWN_ORDER, f"the order is over ({found.order.status}): {shown}")
        raise OutcomeUnknown(f"the venue does not find the order, yet says that it is {found.order.status}: {shown}")

    # --- cancel_all -----------------------------------------------------------------------------------------

    async def _cancel_all(self, command: CancelAll, instruction: Instruction) -> Accepted:
        """Cancel market by market, since the venue knows no other way; one result for all of them."""
        if command.symbol is not None:
            symbols = [command.symbol]
        else:
            try:
                snapshot = await self._lookup.open_symbols()
            except RetryableError as error:
                raise CommandRejected(Reason.NOT_CONNECTED, f"the open orders cannot be asked for: {error}") from error
            symbols = sorted(snapshot)
        canceled, refused, unknown = 0, list[str](), list[str]()
        first = True
        for symbol in symbols:
            try:
                canceled += await self._cancel_market(symbol, instruction if first else None)
            except CommandRejected as error:
                refused.append(f"{symbol}: {error}")
            except OutcomeUnknown as error:
                unknown.append(f"{symbol}: {error}")
            first = False
        left = await self._left(symbols)
        text = f"{canceled} canceled, {'unknown how many' if left is None else left} not canceled"
        if unknown:
            raise OutcomeUnknown(f"{text}; no answer for {'; '.join(unknown)}")
        if refused and len(refused) == len(symbols):
            raise CommandRejected(Reason.VENUE_REJECTED, f"{text}; {'; '.join(refused)}")
        return Accepted(text="; ".join([text, *refused]))

    async def _cancel_market(self, symbol: str, instruction: Instruction | None) -> int:
        answer = await self._rest.order(
            "DELETE", "/order", cancel_market_query(symbol), operation="cancel_all", priority=True,
            sending=instruction.sending if instruction is not None else _nothing,
        )  # fmt: skip
        said = refusal(answer)
        if said is not None and said.clear and said.not_found:
            return 0
        raise_for_command(answer)
        rows = order_rows(answer)
        now = self._ctx.now_ns()
        for row in rows:
            order = self._feed.state(row, now, "reply")
            if order is not None:
                self._ctx.publish(order)
        ids = {row.orderID for row in rows if row.status in (codes.CANCELED, codes.REFUNDED)}
        pairs = {id(leg[0]) if (leg := self._feed.pairs.of_leg(venue_id)) is not None else venue_id for venue_id in ids}
        return len(pairs)

    async def _left(self, symbols: list[str]) -> int | None:
        """Count the orders of ``symbols`` that are still open; None if the venue does not say."""
        if not symbols:
            return 0
        try:
            rows = await self._lookup.open_rows()
        except RetryableError:
            return None
        return len({row.client_id or row.orderID for row in rows if row.symbol in symbols})


def _nothing() -> None:
    """The command as a whole was reported as sent with its first request."""


def _refuse_rows(rows: list[OrderRow], shown: str) -> None:
    """Return if no row of an HTTP 200 says no.

    Raises:
        CommandRejected: every row does (8, 15). OutcomeUnknown: there is none, or one says time-out or failed.
    """
    if not rows:
        raise OutcomeUnknown(f"an answer without an order: {shown}")
    for row in rows:
        if row.status in codes.UNPROVEN or row.status == codes.NOT_FOUND:
            raise OutcomeUnknown(f"order status {row.status}: {message_text(row.message) or shown}")
    if all(row.status in codes.REFUSALS for row in rows):
        row = rows[0]
        text = message_text(row.message)
        reason = Reason.INSUFFICIENT_FUNDS if row.status == codes.NO_FUNDS else codes.reason_of(200, "", text or "")
        raise CommandRejected(reason, text or f"refused with order status {row.status}", venue_status=str(row.status))


def _shown(answer: Answer) -> str:
    return answer.body[:300].decode("utf-8", "replace")
