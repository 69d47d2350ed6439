"""The simulated order desk: OpenD's rules in front of the matching engine, and the pushes behind it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from venuebus.simulation import OrderRefused, SimFill, SimOrder

from .. import messages, names
from ..pb import trade_pb2
from ..symbols import SECTIONS, STOCK_CONNECT
from . import ledger
from .client import Client, Refusal
from .ticket import Ticket, exact, header, local, tell
from .world import SimAccount

if TYPE_CHECKING:
    from .opend import OpendSimulator

_STATES = {"new": 5, "waiting": 5, "partially_filled": 10, "filled": 11, "expired": 15, "rejected": 21}
_REMARK = 64
_WINDOW = 30.0


class Trades:
    """Handlers of the 2xxx protocols, and the engine's listener for orders and fills."""

    def __init__(self, opend: OpendSimulator) -> None:
        self._opend = opend
        self.tickets: dict[int, Ticket] = {}
        self._ids = itertools.count(4_883_217_202_603_317_248)
        self._leg_ids = itertools.count(1)
        self._fill_ids = itertools.count(2_147_483_648_000)
        self._legs: dict[str, Ticket] = {}
        self._packets: dict[int, set[int]] = {}
        self._starts: dict[tuple[int, int], deque[float]] = {}

    def handlers(self) -> dict[int, Callable[[Client, Any, Any], None]]:
        """Return protocol → handler."""
        return {
            messages.ACCOUNT_LIST: self._accounts,
            messages.ACCOUNT_PUSH: self._register,
            messages.PLACE: self._place,
            messages.MODIFY: self._modify,
        }

    # --- accounts -------------------------------------------------------------------------------------------

    def _accounts(self, client: Client, c2s: Any, s2c: Any) -> None:
        if not self._opend.trading_up:
            raise Refusal("trading server disconnected")
        for account in self._opend.accounts.values():
            if (c2s.trdCategory == 2 and not account.futures) or (c2s.trdCategory == 1 and account.futures):
                continue
            ledger.describe(account, s2c.accList.add())

    def _register(self, client: Client, c2s: Any, s2c: Any) -> None:
        unknown = set(c2s.accIDList) - self._opend.accounts.keys()
        if unknown:
            raise Refusal(f"account {min(unknown)} not found")
        client.push_accounts = set(c2s.accIDList)

    def account(self, header: Any) -> SimAccount:
        """Return the account that a header names.

        Raises:
            Refusal: there is none, it is not what the header says, or the trading server is down.
        """
        if not self._opend.trading_up:
            raise Refusal("trading server disconnected")
        account = self._opend.accounts.get(header.accID)
        if account is None or account.env != header.trdEnv:
            raise Refusal(f"account {header.accID} not found in that environment")
        if header.trdMarket not in account.markets:
            raise Refusal(f"account has no permission for trade market {header.trdMarket}")
        return account

    def _writing(self, client: Client, c2s: Any, proto: int, most: int) -> SimAccount:
        account = self.account(c2s.header)
        if account.real and not self._opend.unlocked:
            raise Refusal("Please unlock trade first 请先解锁交易")
        used = self._packets.setdefault(client.conn_id, set())
        if c2s.packetID.connID != client.conn_id or c2s.packetID.serialNo in used:
            raise Refusal("packetID refused: replay attack 重放攻击")
        used.add(c2s.packetID.serialNo)
        self.limit(account, proto, most)
        return account

    def limit(self, account: SimAccount, proto: int, most: int) -> None:
        """Count a request.

        Raises:
            Refusal: there were too many within 30 s.
        """
        if not self._opend.enforce_limits:
            return
        now = self._opend.now_ns() / 1e9
        starts = self._starts.setdefault((account.acc_id, proto), deque())
        while starts and starts[0] <= now - _WINDOW:
            starts.popleft()
        if len(starts) >= most:
            raise Refusal(f"此协议请求太频繁,触发了频率限制,请稍后再试: at most {most} per 30 s")
        starts.append(now)

    # --- writes ---------------------------------------------------------------------------------------------

    def _place(self, client: Client, c2s: Any, s2c: Any) -> None:
        account = self._writing(client, c2s, messages.PLACE, 15)
        ticket = self._take(account, c2s)
        s2c.header.CopyFrom(c2s.header)
        s2c.orderID, s2c.orderIDEx = ticket.order_id, ticket.order_id_ex

    def place_elsewhere(self, acc_id: int, symbol: str, side: int, quantity: Decimal, price: Decimal) -> Ticket:
        """Take an order from another device."""
        account, stock = self._opend.accounts[acc_id], self._opend.stocks[symbol]
        c2s = trade_pb2.PlaceOrder.C2S(
            trdSide=side, orderType=1, code=stock.code, qty=float(quantity), price=float(price), secMarket=stock.section
        )
        c2s.header.trdEnv, c2s.header.accID, c2s.header.trdMarket = account.env, acc_id, account.markets[0]
        return self._take(account, c2s)

    def _take(self, account: SimAccount, c2s: Any) -> Ticket:
        prefix = SECTIONS.get(c2s.secMarket, "HK")
        stock = self._opend.stocks.get(f"{prefix}.{c2s.code}")
        if stock is None:
            raise Refusal(f"unknown stock {prefix}.{c2s.code} 未知股票")
        if len(c2s.remark.encode()) > _REMARK:
            raise Refusal("remark is longer than 64 bytes")
        if not account.real and (c2s.orderType not in (1, 2) or c2s.timeInForce != 0):
            raise Refusal("simulated trading does not support this order type 模拟交易不支持")
        ledger.check_order(account, c2s, stock)
        now = self._opend.now_ns()
        ticket = Ticket(account, stock, c2s, next(self._ids), now, now, exact(c2s.qty))
        self.tickets[ticket.order_id] = ticket
        self._push(ticket)  # Submitting
        try:
            self._enter(ticket)
        except OrderRefused as error:
            ticket.status, ticket.text = 21, str(error)
            self._push(ticket)
        return ticket

    def _enter(self, ticket: Ticket) -> None:
        c2s = ticket.request
        kind = c2s.orderType
        leg = SimOrder(
            order_id=f"{ticket.order_id}.{next(self._leg_ids)}",
            owner=str(ticket.account.acc_id),
            symbol=ticket.stock.symbol,
            side="buy" if c2s.trdSide in (names.BUY, names.BUY_BACK) else "sell",
            quantity=ticket.quantity - ticket.filled,
            price=exact(c2s.price) if kind in names.PRICED else None,
            trigger_price=exact(c2s.auxPrice) if kind in names.TRIGGERED else None,
            immediate=c2s.timeInForce == 2 or kind == 8,
            all_or_none=kind == 9,
            tag=ticket,
        )
        if kind in names.TRAILING:
            last = self._opend.engine.markets[leg.symbol].last
            away = last * exact(c2s.trailValue) / 100 if c2s.trailType == 1 else exact(c2s.trailValue)
            leg.trigger_price = last - away if leg.side == "sell" else last + away
            leg.trigger_above = leg.side == "buy"
        ticket.leg, ticket.earlier, ticket.precise = leg, ticket.filled, True
        self._legs[leg.order_id] = ticket
        self._opend.engine.submit(leg)

    def _modify(self, client: Client, c2s: Any, s2c: Any) -> None:
        account = self._writing(client, c2s, messages.MODIFY, 20)
        s2c.header.CopyFrom(c2s.header)
        if c2s.forAll:
            if not account.real:
                raise Refusal("cancel all: simulated trading does not support it 模拟交易不支持")
            for ticket in self.of(account):
                if ticket.leg is not None and not ticket.is_over:
                    self._opend.engine.cancel(ticket.leg.order_id)
            s2c.orderID = 0
            return
        ticket = self._find(account, c2s)
        s2c.orderID, s2c.orderIDEx = ticket.order_id, ticket.order_id_ex
        operations = {1: self._amend, 2: self._cancel, 3: self._disable, 4: self._enable, 5: self._delete}
        operation = operations.get(c2s.modifyOrderOp)
        if operation is None or (not account.real and c2s.modifyOrderOp > 2):
            raise Refusal(f"operation {c2s.modifyOrderOp} is not supported 不支持")
        if c2s.header.trdMarket == STOCK_CONNECT and c2s.modifyOrderOp != 2:
            raise Refusal("Stock Connect orders can only be cancelled: not supported 不支持")
        if ticket.is_over and c2s.modifyOrderOp != 5:
            raise Refusal(f"the order is already finished: order {ticket.order_id} 订单已完成")
        try:
            operation(ticket, c2s)
        except OrderRefused as error:
            raise Refusal(f"{error.code}: {error}") from error

    def _amend(self, ticket: Ticket, c2s: Any) -> None:
        leg = _leg(ticket)
        total = exact(c2s.qty) - ticket.earlier
        price = exact(c2s.price) if leg.price is not None else None
        trigger = exact(c2s.auxPrice) if c2s.HasField("auxPrice") and leg.state == "waiting" else None
        if total <= leg.filled:
            raise Refusal(f"quantity {c2s.qty} is not more than what is filled 数量")
        ticket.quantity = exact(c2s.qty)
        ticket.request.price = c2s.price
        if trigger is not None:
            ticket.request.auxPrice = c2s.auxPrice
        self._opend.engine.amend(leg.order_id, quantity=total, price=price, trigger_price=trigger)

    def _cancel(self, ticket: Ticket, c2s: Any) -> None:
        if ticket.leg is None:
            self._set(ticket, 15)
            return
        self._opend.engine.cancel(ticket.leg.order_id)

    def _disable(self, ticket: Ticket, c2s: Any) -> None:
        leg = _leg(ticket)
        ticket.leg = None  # before the engine speaks of its end, which is not the order's
        self._legs.pop(leg.order_id, None)
        self._opend.engine.cancel(leg.order_id)
        self._set(ticket, 22)

    def _enable(self, ticket: Ticket, c2s: Any) -> None:
        if ticket.leg is not None:
            raise Refusal("the order is not disabled")
        self._enter(ticket)

    def _delete(self, ticket: Ticket, c2s: Any) -> None:
        if not ticket.is_over:
            raise Refusal("only a finished order can be deleted")
        self._set(ticket, 23)

    def take_back(self, order_id: int) -> None:
        """Void every fill of an order, as an exchange does after an erroneous trade."""
        ticket = self.tickets[order_id]
        for fill in ticket.fills:
            fill.status = 1
            self._push_fill(ticket, fill)
        ticket.filled = ticket.notional = Decimal(0)
        self._set(ticket, 24)

    # --- engine's listener ----------------------------------------------------------------------------------

    def on_order(self, order: SimOrder) -> None:
        """Tell the clients of an order's new state."""
        ticket = self._legs.get(order.order_id)
        if ticket is None:
            return
        ticket.filled = ticket.earlier + order.filled
        ticket.updated_ns = order.updated_ns
        if order.state == "canceled":
            ticket.status = 14 if ticket.filled else 15
        else:
            ticket.status = _STATES[order.state]
            if ticket.status == 5 and ticket.filled:
                ticket.status = 10
        if not order.is_open:
            self._legs.pop(order.order_id, None)
        if order.state in ("partially_filled", "filled"):
            return  # `on_fill` pushes it, with the money
        self._push(ticket)

    def on_fill(self, fill: SimFill) -> None:
        """Book a fill and tell the clients: the order's new totals, and the fill where the account is real."""
        ticket: Ticket = fill.order.tag
        ticket.notional += fill.price * fill.quantity
        ledger.book(ticket.account, ticket.stock, fill.order.side, fill.quantity, fill.price)
        self._push(ticket)
        message = trade_pb2.OrderFill(
            trdSide=ticket.request.trdSide,
            fillID=next(self._fill_ids),
            fillIDEx=f"F{fill.trade_id}-{fill.order.side}",
            orderID=ticket.order_id,
            orderIDEx=ticket.order_id_ex,
            code=ticket.stock.code,
            name=ticket.stock.name,
            qty=float(fill.quantity),
            price=float(fill.price),
            createTime=local(fill.ts_ns, ticket, precise=True),
            secMarket=ticket.stock.section,
            createTimestamp=fill.ts_ns / 1e9,
            updateTimestamp=fill.ts_ns / 1e9,
            status=0,
        )
        ticket.fills.append(message)
        if ticket.account.real:
            self._push_fill(ticket, message)

    def _set(self, ticket: Ticket, status: int) -> None:
        ticket.status, ticket.updated_ns = status, self._opend.now_ns()
        self._push(ticket)

    def _push(self, ticket: Ticket) -> None:
        s2c = trade_pb2.UpdateOrder.S2C(header=header(ticket))
        tell(ticket, s2c.order)
        for client in list(self._opend.clients):
            if ticket.account.acc_id in client.push_accounts:
                client.push(messages.ORDER_PUSH, s2c, ticket.stock.symbol)

    def _push_fill(self, ticket: Ticket, fill: Any) -> None:
        s2c = trade_pb2.UpdateOrderFill.S2C(header=header(ticket), orderFill=fill)
        for client in list(self._opend.clients):
            if ticket.account.acc_id in client.push_accounts:
                client.push(messages.FILL_PUSH, s2c, ticket.stock.symbol)

    def of(self, account: SimAccount) -> list[Ticket]:
        """Return the orders of an account, oldest first."""
        return [ticket for ticket in self.tickets.values() if ticket.account is account]

    def _find(self, account: SimAccount, c2s: Any) -> Ticket:
        for ticket in self.of(account):
            if (c2s.orderID and ticket.order_id == c2s.orderID) or (
                not c2s.orderID and c2s.orderIDEx == ticket.order_id_ex
            ):
                return ticket
        raise Refusal(f"order {c2s.orderID or c2s.orderIDEx} does not exist 订单不存在")


def _leg(ticket: Ticket) -> SimOrder:
    if ticket.leg is None:
        raise Refusal("the order is disabled")
    return ticket.leg
