"""Executing commands, and what OpenD pushes about orders and fills."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from venuebus import Accepted, CommandRejected, Instruction, NotSent, OrderKey, OutcomeUnknown, VenueContext
from venuebus_schemas import Amend, Cancel, CancelAll, Fill, Order, OrderStatus, Reason, Submit

from . import convert_commands, convert_orders, messages, names, refusals
from .accounts import Account
from .config import FutuConfig
from .link import Link, NoAnswer
from .pb import trade_pb2
from .state import State

PATIENCE = 5.0  # a submit or amend expires 5 s after it was published, so waiting longer for a window is no use
SETTLE = 2.0  # how long a cancel_all waits for the pushes that say what became of the orders
_REMEMBERED_FILLS = 10_000
_REMEMBERED_HEADERS = 1_000


class Trading:
    """Orders of all accounts of one connection."""

    def __init__(self, ctx: VenueContext[FutuConfig], link: Link, conn_id: int, state: State, timeout: float) -> None:
        self.accounts: dict[str, Account] = {}
        self.online = False
        self._ctx = ctx
        self._link = link
        self._conn_id = conn_id
        self._state = state
        self._timeout = timeout
        self._by_id: dict[int, Account] = {}
        self._known: dict[str, Callable[[str], Order | None]] = {}
        self._watched: dict[tuple[str, str], asyncio.Future[Order]] = {}
        self._headers: dict[bytes, tuple[Any, Account | None]] = {}
        self._fills: OrderedDict[tuple[int, str], Fill] = OrderedDict()

    def enter(self, accounts: dict[str, Account]) -> None:
        """Take the accounts that OpenD has confirmed; commands pass from now on."""
        self.accounts = accounts
        self._headers.clear()
        self._by_id = {account.acc_id: account for account in accounts.values()}
        self._known = {alias: self._finder(alias) for alias in accounts}
        self.online = True

    def account(self, alias: str) -> Account:
        """Return an account by its alias.

        Raises:
            CommandRejected: ``unknown_account``.
        """
        account = self.accounts.get(alias)
        if account is not None:
            return account
        if alias in self._ctx.config.accounts:
            raise CommandRejected(Reason.NOT_CONNECTED, "OpenD has not had its trading server yet")
        raise CommandRejected(Reason.UNKNOWN_ACCOUNT, f"no account {alias} on this OpenD")

    # --- commands -------------------------------------------------------------------------------------------

    def prepare(self, instruction: Instruction) -> dict[str, str]:
        """Check a command and name the remark by which its order will be found again."""
        account, command = self.account(instruction.account), instruction.command
        if isinstance(command, Submit):
            convert_commands.place(command, real=account.real, markets=account.markets)
            return {"remark": command.client_order_id or ""}
        if isinstance(command, Amend):
            convert_commands.params(command.params, convert_commands.AmendParams)
        elif isinstance(command, Cancel):
            convert_commands.params(command.params, convert_commands.CancelParams)
        elif not isinstance(command, CancelAll):
            raise CommandRejected(Reason.UNSUPPORTED, "OpenD has no dead man's switch")
        return {}

    async def execute(self, instruction: Instruction) -> Accepted:
        """Send one command, once.

        Raises:
            CommandRejected, NotSent, OutcomeUnknown: as the contract says.
        """
        if not self.online:
            raise NotSent("OpenD has no trading server", retry_after=1.0)
        account, command = self.account(instruction.account), instruction.command
        if isinstance(command, Submit):
            return await self._submit(account, command, instruction)
        if isinstance(command, Amend):
            return await self._amend(account, command, instruction)
        if isinstance(command, Cancel):
            return await self._cancel(account, command, instruction)
        if isinstance(command, CancelAll):
            return await self._cancel_all(account, command, instruction)
        raise CommandRejected(Reason.UNSUPPORTED, "OpenD has no dead man's switch")

    async def _submit(self, account: Account, command: Submit, instruction: Instruction) -> Accepted:
        known = self._ctx.find_order(account.alias, client_order_id=command.client_order_id)
        if known is not None and known.venue_order_id is not None:  # a remark need not be unique at OpenD
            raise CommandRejected(Reason.DUPLICATE, f"{command.client_order_id}: order {known.venue_order_id} has it")
        c2s = convert_commands.place(command, real=account.real, markets=account.markets)
        c2s.header.CopyFrom(account.header(c2s.header.trdMarket))
        await self._ctx.limits.acquire("place", key=account.alias, timeout=PATIENCE)
        response = await self._send(messages.PLACE, c2s, instruction.sending)
        refusals.check(response, "PlaceOrder")
        order_id, order_id_ex = response.s2c.orderID, response.s2c.orderIDEx
        if not order_id and not order_id_ex:
            return Accepted()
        ids = {"orderID": str(order_id)} if order_id else {}
        if order_id_ex:
            ids["orderIDEx"] = order_id_ex
        # OpenD's yes means that the server took the order; what became of it comes as a push, before or after this.
        taken = Order(
            account=account.alias,
            ts_recv=self._ctx.now_ns(),
            symbol=command.symbol,
            side=command.side,
            order_type=command.order_type,
            status=OrderStatus.PENDING_NEW,
            filled_quantity="0",
            client_order_id=command.client_order_id,
            venue_order_id=str(order_id) if order_id else order_id_ex,
            venue_order_ids=ids,
        )
        return Accepted(order=taken, venue_order_id=taken.venue_order_id)

    async def _amend(self, account: Account, command: Amend, instruction: Instruction) -> Accepted:
        order = await self._target(account, command, instruction.order)
        c2s = convert_commands.modify(command, order)
        await self._modify(account, c2s, order, instruction.sending, priority=False)
        return Accepted(venue_order_id=order.venue_order_id)

    async def _cancel(self, account: Account, command: Cancel, instruction: Instruction) -> Accepted:
        more = convert_commands.params(command.params, convert_commands.CancelParams)
        order = await self._target(account, command, instruction.order)
        c2s = trade_pb2.ModifyOrder.C2S(modifyOrderOp=names.OPERATIONS[more.operation])
        await self._modify(account, c2s, order, instruction.sending, priority=True)
        return Accepted(venue_order_id=order.venue_order_id)

    async def _cancel_all(self, account: Account, command: CancelAll, instruction: Instruction) -> Accepted:
        orders = [
            order
            for order in await self._ask_orders(account)
            if not order.status.is_final and command.symbol in (None, order.symbol)
        ]
        watched = {
            order.venue_order_id: asyncio.get_running_loop().create_future() for order in orders if order.venue_order_id
        }
        self._watched.update({(account.alias, order_id): future for order_id, future in watched.items()})
        refused: list[str] = []
        doubtful: list[str] = []
        unsent: list[str] = []
        try:
            for order in orders:
                try:
                    c2s = trade_pb2.ModifyOrder.C2S(modifyOrderOp=names.OPERATIONS["cancel"])
                    await self._modify(account, c2s, order, instruction.sending, priority=True)
                except CommandRejected as error:
                    refused.append(f"{order.venue_order_id}: {error}")
                except OutcomeUnknown as error:
                    doubtful.append(f"{order.venue_order_id}: {error}")
                except NotSent as error:
                    unsent.append(str(error))
            if orders and len(unsent) == len(orders):
                raise NotSent(unsent[0])
            if watched:
                await asyncio.wait(watched.values(), timeout=SETTLE)
        finally:
            for order_id in watched:
                self._watched.pop((account.alias, order_id), None)
        ended = [future.result() for future in watched.values() if future.done()]
        canceled = sum(order.status is OrderStatus.CANCELED for order in ended)
        text = (
            f"{len(orders)} open, {canceled} canceled, {len(ended) - canceled} ended otherwise, {len(refused)} refused"
        )
        if doubtful or unsent:
            texts = "; ".join(doubtful + unsent)[:500]
            raise OutcomeUnknown(f"{text}, {len(doubtful)} unknown, {len(unsent)} not asked for: {texts}")
        left = len(orders) - len(ended) - len(refused)
        return Accepted(text="; ".join([f"{text}, {left} asked for and not confirmed yet", *refused])[:1000])

    async def _modify(
        self, account: Account, c2s: Any, order: Order, sending: Callable[[], None], *, priority: bool
    ) -> None:
        ids = order.venue_order_ids or {}
        c2s.header.CopyFrom(account.header())
        c2s.orderID = int(ids.get("orderID", 0))
        if "orderIDEx" in ids:
            c2s.orderIDEx = ids["orderIDEx"]
        await self._ctx.limits.acquire(
            "modify", key=account.alias, priority=priority, timeout=None if priority else PATIENCE
        )
        refusals.check(await self._send(messages.MODIFY, c2s, sending), "ModifyOrder")

    async def _send(self, proto: int, c2s: Any, sending: Callable[[], None]) -> Any:
        serial = self._link.connection.next_serial()
        c2s.packetID.connID = self._conn_id
        c2s.packetID.serialNo = serial
        request = messages.PROTOCOLS[proto].Request(c2s=c2s)
        if not self._link.is_open or not self.online:
            raise NotSent("the connection to OpenD or its trading server is lost")
        sending()
        future = self._link.write(proto, serial, request)
        try:
            return await self._link.answer(proto, serial, future, self._timeout)
        except NoAnswer as error:
            raise OutcomeUnknown(str(error), reason=error.reason) from error

    async def _target(self, account: Account, command: Amend | Cancel, order: Order | None) -> Order:
        """Return the order with both of OpenD's ids; asked for where the bridge does not know it."""
        if order is not None and order.venue_order_ids:
            return order
        key = OrderKey(client_order_id=command.client_order_id, venue_order_id=command.venue_order_id, order=order)
        for known in await self._ask_orders(account):
            ids = set((known.venue_order_ids or {}).values())
            if (key.client_order_id and known.client_order_id == key.client_order_id) or key.venue_order_id in ids:
                return known
        named = command.client_order_id or command.venue_order_id
        raise CommandRejected(Reason.UNKNOWN_ORDER, f"OpenD has no order {named} in its list")

    async def _ask_orders(self, account: Account) -> list[Order]:
        try:
            return await self._state.orders(account, priority=True)
        except NoAnswer as error:
            raise NotSent(f"the order list could not be had: {error}") from error

    # --- pushes ---------------------------------------------------------------------------------------------

    def on_order(self, s2c: Any, now: int) -> None:
        """Publish an order push.

        Raises:
            ValueError: it cannot be told what it says.
        """
        raw = s2c.header
        header, account = self._headers.get(raw) or self._read_header(raw)
        if account is None:
            self._ctx.count("push_of_other_account")
            return
        pushed = s2c.order
        order = convert_orders.order(pushed, header, account.book, now, self._known[account.alias])
        self._ctx.publish(order)
        if self._watched and order.status.is_final:
            future = self._watched.get((account.alias, order.venue_order_id or ""))
            if future is not None and not future.done():
                future.set_result(order)
        if pushed.orderStatus == names.FILL_CANCELLED:
            # Which fills were taken back is not said here, and their own push may have been before our time.
            self._ctx.resync(f"the venue took back fills of order {order.venue_order_id}")

    def on_fill(self, s2c: Any, now: int) -> None:
        """Publish a fill push; a changed fill voids what was published before and comes under an id of its own.

        Raises:
            ValueError: it cannot be told what it says.
        """
        account = self._owner(s2c.header)
        if account is None:
            self._ctx.count("push_of_other_account")
            return
        fill = convert_orders.fill(s2c.orderFill, s2c.header, account.book, now, self._known[account.alias])
        key = (account.acc_id, fill.fill_id)
        if s2c.orderFill.status == 2:
            before = self._fills.get(key)
            if before is None:
                self._ctx.resync(f"the venue changed fill {fill.fill_id}, which this session has not seen")
            elif (before.price, before.quantity) == (fill.price, fill.quantity):
                return
            else:
                self._ctx.publish(_voided(before, now))
            fill.extra = {**(fill.extra or {}), "replaces": fill.fill_id}
            fill.fill_id = f"{fill.fill_id}-{s2c.orderFill.updateTimestamp or s2c.orderFill.createTimestamp:.6f}"
        self._ctx.publish(fill)
        self._fills[key] = fill
        if len(self._fills) > _REMEMBERED_FILLS:
            self._fills.popitem(last=False)

    def _read_header(self, raw: bytes) -> tuple[Any, Account | None]:
        header = messages.header(raw)
        read = (header, self._owner(header))
        if len(self._headers) >= _REMEMBERED_HEADERS:
            self._headers.clear()
        self._headers[raw] = read
        return read

    def _owner(self, header: Any) -> Account | None:
        account = self._by_id.get(header.accID)
        if account is None:
            return None
        if account.real != (header.trdEnv == names.REAL):
            raise ValueError(f"account {header.accID} is {'real' if account.real else 'simulated'}, the push is not")
        return account

    def _finder(self, alias: str) -> Callable[[str], Order | None]:
        return lambda order_id: self._ctx.find_order(alias, venue_order_id=order_id)


def _voided(fill: Fill, now: int) -> Fill:
    return Fill(
        account=fill.account,
        ts_recv=now,
        symbol=fill.symbol,
        fill_id=fill.fill_id,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        venue_order_id=fill.venue_order_id,
        client_order_id=fill.client_order_id,
        voided=True,
    )
