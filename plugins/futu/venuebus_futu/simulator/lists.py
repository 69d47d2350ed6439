"""The simulated order desk's lists: orders, fills, funds, positions, quantities, fees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .. import messages
from ..symbols import SECTIONS
from . import ledger
from .client import Client, Refusal
from .ticket import Ticket, exact, tell

if TYPE_CHECKING:
    from .opend import OpendSimulator


class Lists:
    """Handlers of the 2xxx protocols that change nothing."""

    def __init__(self, opend: OpendSimulator) -> None:
        self._opend = opend

    def handlers(self) -> dict[int, Callable[[Client, Any, Any], None]]:
        """Return protocol → handler."""
        return {
            messages.ORDERS: self._orders,
            messages.HISTORY_ORDERS: self._orders,
            messages.FILLS: self._fills,
            messages.HISTORY_FILLS: self._fills,
            messages.FUNDS: self._funds,
            messages.POSITIONS: self._positions,
            messages.MAX_QUANTITIES: self._max_quantities,
            messages.ORDER_FEES: self._fees,
        }

    def _orders(self, client: Client, c2s: Any, s2c: Any) -> None:
        account = self._opend.trades.account(c2s.header)
        history = not hasattr(c2s, "refreshCache")
        if history or c2s.refreshCache:
            self._opend.trades.limit(account, messages.HISTORY_ORDERS if history else messages.ORDERS, 10)
        s2c.header.CopyFrom(c2s.header)
        tickets = [t for t in self._opend.trades.of(account) if _passes(t, c2s.filterConditions, c2s.filterStatusList)]
        if history:
            tickets = [ticket for ticket in reversed(tickets) if ticket.is_over]
        for ticket in tickets:
            tell(ticket, s2c.orderList.add())

    def _fills(self, client: Client, c2s: Any, s2c: Any) -> None:
        account = self._opend.trades.account(c2s.header)
        if not account.real:
            raise Refusal("simulated trading does not support deals 模拟交易不支持成交数据")
        self._opend.trades.limit(
            account, messages.FILLS if hasattr(c2s, "refreshCache") else messages.HISTORY_FILLS, 10
        )
        s2c.header.CopyFrom(c2s.header)
        for ticket in self._opend.trades.of(account):
            if _passes(ticket, c2s.filterConditions, ()):
                s2c.orderFillList.extend(ticket.fills)

    def _funds(self, client: Client, c2s: Any, s2c: Any) -> None:
        account = self._opend.trades.account(c2s.header)
        s2c.header.CopyFrom(c2s.header)
        if account.real and not c2s.HasField("currency"):
            raise Refusal("currency is required for a unified account")
        prices = {symbol: market.last for symbol, market in self._opend.engine.markets.items()}
        open_orders = [ticket for ticket in self._opend.trades.of(account) if not ticket.is_over]
        ledger.funds(account, s2c.funds, c2s.currency, prices, self._opend.stocks, open_orders)

    def _positions(self, client: Client, c2s: Any, s2c: Any) -> None:
        account = self._opend.trades.account(c2s.header)
        s2c.header.CopyFrom(c2s.header)
        for symbol, holding in account.holdings.items():
            if holding.quantity:
                stock = self._opend.stocks[symbol]
                ledger.position(stock, holding, self._opend.engine.markets[symbol].last, s2c.positionList.add())

    def _max_quantities(self, client: Client, c2s: Any, s2c: Any) -> None:
        account = self._opend.trades.account(c2s.header)
        s2c.header.CopyFrom(c2s.header)
        stock = self._opend.stocks.get(f"{SECTIONS.get(c2s.secMarket, 'HK')}.{c2s.code}")
        if stock is None:
            raise Refusal(f"unknown stock {c2s.code} 未知股票")
        cash = account.cash.get(stock.currency, Decimal(0))
        s2c.maxTrdQtys.maxCashBuy = float(cash // exact(c2s.price)) if c2s.price > 0 else 0.0
        holding = account.holdings.get(stock.symbol)
        s2c.maxTrdQtys.maxPositionSell = float(max(Decimal(0), holding.quantity)) if holding else 0.0

    def _fees(self, client: Client, c2s: Any, s2c: Any) -> None:
        account = self._opend.trades.account(c2s.header)
        if not account.real:
            raise Refusal("simulated trading does not support fees 模拟交易不支持")
        s2c.header.CopyFrom(c2s.header)
        for ticket in self._opend.trades.of(account):
            if ticket.order_id_ex in c2s.orderIdExList:
                fee = s2c.orderFeeList.add(orderIDEx=ticket.order_id_ex, feeAmount=float(len(ticket.fills) * 15))
                fee.feeList.add(title="Platform Fee", value=fee.feeAmount)


def _passes(ticket: Ticket, conditions: Any, statuses: Iterable[int]) -> bool:
    if conditions.codeList and ticket.stock.code not in conditions.codeList:
        return False
    if conditions.idList and ticket.order_id not in conditions.idList:
        return False
    if conditions.orderIDExList and ticket.order_id_ex not in conditions.orderIDExList:
        return False
    wanted = list(statuses)
    return not wanted or ticket.status in wanted
