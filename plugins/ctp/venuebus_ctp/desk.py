"""Commands to the counter: submit, cancel, cancel_all, and an amend that is a cancel and a new order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from venuebus import Accepted, CommandRejected, Instruction, NotSent, OutcomeUnknown, RetryableError, VenueContext
from venuebus_schemas import Amend, Cancel, CancelAll, Order, OrderStatus, OrderType, Reason, Submit

from . import cancels, codes
from .config import AmendParams, CtpConfig, SubmitParams
from .contracts import Contracts
from .convert import (
    EFFECTS,
    ENDED,
    Owner,
    is_conditional,
    is_rejected,
    key_of,
    order_key,
    reason_of,
    to_order,
)
from .index import OrderIndex
from .messages import OrderRow
from .ordering import Account, exchange_for, read_params, to_input_order
from .orderrefs import OrderRefs
from .requests import Filter, InputOrder, InputOrderAction
from .tickets import VenueRefused
from .trading import TradingLink


class Desk:
    """Executes commands on one trading socket.

    ``refs`` is replaced at every login: OrderRef counts anew in every CTP session.
    """

    def __init__(
        self, ctx: VenueContext[CtpConfig], trading: TradingLink, index: OrderIndex, contracts: Contracts
    ) -> None:
        self._ctx = ctx
        self._config = ctx.config
        self._trading = trading
        self._index = index
        self._contracts = contracts
        self.refs: OrderRefs | None = None
        self._states: dict[str, asyncio.Event] = {}

    @property
    def account(self) -> Account:
        """Broker, investor and user as the counter knows them."""
        login = self._trading.login
        broker = self._config.broker_id or login.BrokerID
        return Account(broker, self._config.investor, self._config.user_id)

    @property
    def timeout(self) -> float:
        """How long the counter may take to answer an order or a cancel."""
        return self._config.request_timeout or 10.0

    # --- before the claim -----------------------------------------------------------------------------------

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        """Check the command and take an OrderRef; the claim then holds what finds the order again.

        Raises:
            CommandRejected: it cannot be expressed at its exchange.
        """
        match instruction.command:
            case Submit() as submit:
                return self._keys(self._input_order(submit, {}).ExchangeID)
            case Amend() as amend:
                replacement = self._replacement(amend, self._target(instruction), {}, filled=0)
                return self._keys(replacement.ExchangeID)
            case Cancel() | CancelAll():
                return {}
            case other:
                raise CommandRejected(Reason.UNSUPPORTED, f"{other.__struct_config__.tag}: CTP has no such request")

    def _keys(self, exchange: str) -> Mapping[str, str]:
        try:
            login = self._trading.login
        except RetryableError as error:
            raise CommandRejected(Reason.NOT_CONNECTED, str(error)) from error
        if self.refs is None:
            raise CommandRejected(Reason.NOT_CONNECTED, "not logged in")
        return {
            "front_id": str(login.FrontID), "session_id": str(login.SessionID),
            "order_ref": self.refs.take(), "exchange_id": exchange,
            "request_id": str(self._trading.protocol.request_id()),
        }  # fmt: skip

    def _input_order(self, submit: Submit, keys: Mapping[str, str]) -> InputOrder:
        try:
            account = self.account
        except RetryableError as error:
            raise CommandRejected(Reason.NOT_CONNECTED, str(error)) from error
        contract = self._contracts.find(submit.symbol)
        return to_input_order(
            submit, account, order_ref=keys.get("order_ref", "1"), request_id=int(keys.get("request_id", "0")),
            contract=contract,
        )  # fmt: skip

    # --- submit ---------------------------------------------------------------------------------------------

    async def submit(self, instruction: Instruction, submit: Submit) -> Accepted:
        """Place one order; see `SupportsOrders.execute` for the errors."""
        params = read_params(submit.params, SubmitParams)
        exchange = exchange_for(submit, params, self._contracts.find(submit.symbol))
        try:
            if exchange == "CZCE":
                # It cuts an off-tick price down silently, so here the tick has to be known.
                await self._contracts.require(submit.symbol)
            order = self._input_order(submit, instruction.keys)
        except (CommandRejected, NotSent):
            self._pass(instruction)
            raise
        owner = Owner(client_order_id=submit.client_order_id)
        row = await self._place(instruction, order, owner)
        return Accepted(order=to_order(row, owner, account=instruction.account, now_ns=self._ctx.now_ns()))

    def _pass(self, instruction: Instruction) -> None:
        """Let higher OrderRefs go: this command's will not be used."""
        if self.refs is not None and "order_ref" in instruction.keys:
            self.refs.done(instruction.keys["order_ref"], sent=False)

    async def _place(self, instruction: Instruction, order: InputOrder, owner: Owner) -> OrderRow:
        """Send one order in the turn of its OrderRef and return what the exchange (or the counter) first says."""
        key = self._own_key(instruction)
        refs = self.refs
        if refs is None:
            raise NotSent("not logged in")
        ref = order.OrderRef
        try:
            await refs.turn(ref)
        except NotSent:
            # Nothing has gone out, but this number never will: started, so that the next attempt takes a new one.
            instruction.sending()
            raise
        sent = False

        def sending() -> None:
            instruction.sending()
            self._index.begin(key, owner, order)

        def written() -> None:
            nonlocal sent
            sent = True
            refs.done(ref, sent=True)
            self._announce(instruction, order, owner, key)

        try:
            await self._ctx.limits.acquire("submit")
            if self.refs is not refs:
                instruction.sending()
                raise NotSent("the front logged in again: this OrderRef belongs to the session before")
            report = await self._trading.insert(order, key, sending, written, timeout=self.timeout)
        except VenueRefused as refusal:
            if refusal.number == codes.DUPLICATE_REF:
                refs.jump()
            raise self._refused(refusal) from refusal
        finally:
            if not sent:
                refs.done(ref, sent=False)
        return await self._settle(report, key)

    def _own_key(self, instruction: Instruction) -> str:
        keys = instruction.keys
        login = self._trading.protocol.login
        if login is None:
            raise NotSent("not logged in")
        if (str(login.FrontID), str(login.SessionID)) != (keys.get("front_id"), keys.get("session_id")):
            # The claim names another CTP session: started, so that the next attempt prepares and claims again.
            instruction.sending()
            raise NotSent("the front logged in again after this command was claimed")
        return order_key(login.FrontID, login.SessionID, keys["order_ref"])

    def _announce(self, instruction: Instruction, order: InputOrder, owner: Owner, key: str) -> None:
        # Now the bridge can find the order by its CTP key, whatever happens to the answer.
        if isinstance(instruction.command, Submit):
            command = instruction.command
            self._ctx.publish(Order(
                account=instruction.account, ts_recv=self._ctx.now_ns(), symbol=command.symbol, side=command.side,
                order_type=command.order_type, status=OrderStatus.PENDING_NEW, quantity=command.quantity,
                filled_quantity="0", client_order_id=owner.client_order_id, venue_order_id=key,
                venue_order_ids={"ref": key}, position_effect=EFFECTS.get(order.CombOffsetFlag[:1]),
                extra={"ExchangeID": order.ExchangeID},
            ))  # fmt: skip

    async def _settle(self, row: OrderRow, key: str) -> OrderRow:
        """Give the exchange a moment to speak after the counter took the order; raise if it refuses."""
        entry = self._index.entry(key)
        if row.OrderStatus == "a" and entry is not None and self._config.exchange_grace > 0:
            event = self._states.setdefault(key, asyncio.Event())
            try:
                async with asyncio.timeout(self._config.exchange_grace):
                    while entry.row is None or entry.row.OrderStatus == "a":
                        event.clear()
                        await event.wait()
            except TimeoutError:
                pass  # before the opening and in a busy second the exchange says nothing: the counter has it
            finally:
                self._states.pop(key, None)
        if entry is not None and entry.row is not None:
            row = entry.row
        if is_rejected(row):
            reason, text = reason_of(row)
            raise CommandRejected(reason, text, venue_status=f"{row.OrderStatus}/{row.OrderSubmitStatus}")
        return row

    def reported(self, row: OrderRow) -> None:
        """Tell whoever waits for the exchange's word that a report came."""
        if self._states:
            event = self._states.get(key_of(row))
            if event is not None:
                event.set()

    @staticmethod
    def _refused(refusal: VenueRefused) -> CommandRejected:
        return CommandRejected(codes.reason(refusal.number), str(refusal), venue_status=str(refusal.number))

    # --- cancel ---------------------------------------------------------------------------------------------

    async def cancel(self, instruction: Instruction, cancel: Cancel) -> Accepted:
        """Cancel one order; see `SupportsOrders.execute` for the errors."""
        actions = self._cancels_of(instruction.order, cancel)
        row = await self._cancel(actions, instruction.sending)
        now = self._ctx.now_ns()
        entry = self._index.entry(key_of(row))
        state = to_order(row, entry.owner if entry else Owner(), account=instruction.account, now_ns=now)
        return Accepted(order=state)

    async def _cancel(self, actions: list[InputOrderAction], sending: Callable[[], None]) -> OrderRow:
        refusal: VenueRefused | None = None
        for action in actions:
            await self._ctx.limits.acquire("cancel", priority=True)
            try:
                row = await self._trading.cancel(action, sending, timeout=self.timeout)
            except VenueRefused as error:
                refusal = error
                if error.number == codes.CANCEL_NOT_FOUND:
                    continue  # once more, by the order's other key
                if error.number == codes.CANCEL_TOO_LATE:
                    self._ctx.resync("a cancel came too late: the order's end may have been missed")
                raise self._refused(error) from error
            if row.OrderStatus == "0":
                raise CommandRejected(Reason.UNKNOWN_ORDER, "the order was filled before the cancel reached it")
            return row
        assert refusal is not None
        raise self._refused(refusal) from refusal

    def _cancels_of(self, order: Order | None, cancel: Cancel) -> list[InputOrderAction]:
        row = self._index.row_of(order) if order is not None else None
        given = cancel.venue_order_id or ""
        if row is None and given:
            entry = self._index.entry(given)
            row = entry.row if entry is not None else None
        if row is not None:
            return cancels.of_row(self.account, row)
        if order is not None:
            return cancels.of_order(self.account, order, self._contracts.exchange(order.symbol))
        raise CommandRejected(Reason.UNKNOWN_ORDER, f"no order {cancel.client_order_id or given} in this account")

    async def cancel_all(self, instruction: Instruction, command: CancelAll) -> Accepted:
        """Ask for the open orders, external ones too, and cancel each; the text counts both ends."""
        own = self.account
        filters = Filter(BrokerID=own.broker_id, InvestorID=own.investor_id, InstrumentID=command.symbol)
        try:
            rows = await self._trading.queries.rows("ReqQryOrder", OrderRow, filters, priority=0)
        except VenueRefused as refusal:
            raise self._refused(refusal) from refusal
        except RetryableError as error:
            # Nothing was canceled, so nothing is half done: it may be tried again.
            raise NotSent(f"the open orders cannot be asked for: {error}") from error
        last = {key_of(row): row for row in rows}
        open_ = [row for row in last.values() if row.OrderStatus not in ENDED and not _is_spent(row)]
        if not open_:
            return Accepted(text="canceled 0 of 0 open orders")
        ends = await asyncio.gather(*(self._cancel_row(row, instruction) for row in open_), return_exceptions=True)
        failed = [end for end in ends if isinstance(end, BaseException)]
        if len(failed) == len(open_) and all(isinstance(end, NotSent) for end in failed):
            raise NotSent(str(failed[0]))
        unknown = sum(isinstance(end, OutcomeUnknown) for end in failed)
        text = f"canceled {len(open_) - len(failed)} of {len(open_)} open orders"
        if failed:
            text += f"; not canceled: {len(failed) - unknown}, not known: {unknown}; first: {failed[0]}"
        if unknown:
            raise OutcomeUnknown(text)
        return Accepted(text=text)

    async def _cancel_row(self, row: OrderRow, instruction: Instruction) -> OrderRow:
        return await self._cancel(cancels.of_row(self.account, row), instruction.sending)

    # --- amend ----------------------------------------------------------------------------------------------

    def _target(self, instruction: Instruction) -> OrderRow:
        order = instruction.order
        row = self._index.row_of(order) if order is not None else None
        if row is None:
            raise CommandRejected(Reason.UNKNOWN_ORDER, "amend: no order of this session")
        return row

    def _replacement(self, amend: Amend, row: OrderRow, keys: Mapping[str, str], *, filled: int) -> InputOrder:
        if not read_params(amend.params, AmendParams).replace:
            text = 'amend: CTP cannot change an order; params {"replace": true} cancels it and places a new one'
            raise CommandRejected(Reason.UNSUPPORTED, text)
        now = to_order(row, Owner(), account="", now_ns=0)
        if now is None or is_conditional(row) or now.order_type is not OrderType.LIMIT:
            raise CommandRejected(Reason.UNSUPPORTED, "amend: only limit orders can be replaced")
        if amend.trigger_price is not None:
            raise CommandRejected(Reason.UNSUPPORTED, "amend: this order has no trigger")
        total = int(amend.quantity) if amend.quantity and amend.quantity.isdigit() else row.VolumeTotalOriginal
        if amend.quantity is not None and not amend.quantity.isdigit():
            raise CommandRejected(Reason.QUANTITY, "quantity: a whole number of contracts expected")
        left = total - filled
        if left <= 0:
            raise CommandRejected(Reason.QUANTITY, f"quantity: {filled} are filled already")
        hedge = {"2": "arbitrage", "3": "hedge"}.get(row.CombHedgeFlag[:1], "speculation")
        submit = Submit(
            command_id=amend.command_id, symbol=now.symbol, side=now.side, order_type=OrderType.LIMIT,
            quantity=str(left), price=amend.price or now.price, time_in_force=now.time_in_force,
            position_effect=now.position_effect, params={"hedge": hedge, "exchange": row.ExchangeID},
        )  # fmt: skip
        return self._input_order(submit, keys)

    async def amend(self, instruction: Instruction, amend: Amend) -> Accepted:
        """Cancel, wait for the end, and place what is left at the new terms, as one order on the bus.

        Not atomic, which is why it has to be asked for: if the new order is refused the old one stays canceled,
        and the returned order says so.
        """
        old = self._target(instruction)
        self._replacement(amend, old, {}, filled=old.VolumeTraded)
        key = self._own_key(instruction)
        entry = self._index.entry(key_of(old))
        assert entry is not None
        entry.replaced_by_us = True
        try:
            ended = await self._cancel(cancels.of_row(self.account, old), instruction.sending)
        except BaseException:
            entry.replaced_by_us = False
            self._pass(instruction)
            raise
        before = entry.owner.filled_before + ended.VolumeTraded
        owner = Owner(
            client_order_id=entry.owner.client_order_id, external=entry.owner.external, filled_before=before,
            ids={**entry.owner.ids, "replaced": key_of(old)},
        )  # fmt: skip
        try:
            new = self._replacement(amend, ended, instruction.keys, filled=before)
            row = await self._place(instruction, new, owner)
        except (CommandRejected, NotSent) as error:
            self._pass(instruction)
            state = to_order(ended, entry.owner, account=instruction.account, now_ns=self._ctx.now_ns())
            return Accepted(order=state, text=f"canceled, and the new order was refused: {error}")
        self._ctx.count("replaced")
        state = to_order(row, owner, account=instruction.account, now_ns=self._ctx.now_ns())
        return Accepted(order=state, venue_order_id=key, text="canceled and replaced")


def _is_spent(row: OrderRow) -> bool:
    return row.OrderStatus == "c"
