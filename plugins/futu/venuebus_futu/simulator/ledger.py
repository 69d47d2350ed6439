"""The money side of the simulated accounts: what an order may cost, what a fill books, what the lists say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from .. import names
from .client import Refusal
from .world import Holding, SimAccount, Stock

_RATES = {
    "HKD": Decimal(1),
    "USD": Decimal("7.8"),
    "CNH": Decimal("1.1"),
    "SGD": Decimal("5.8"),
    "JPY": Decimal("0.05"),
}


class OpenOrder(Protocol):
    """What `funds` needs of an order that still ties up money."""

    request: Any
    stock: Stock
    quantity: Decimal
    filled: Decimal


def describe(account: SimAccount, acc: Any) -> None:
    """Fill in a ``TrdAcc``."""
    acc.trdEnv, acc.accID = account.env, account.acc_id
    acc.trdMarketAuthList.extend(account.markets)
    acc.accType, acc.accStatus, acc.accRole = account.kind, 0, 1
    if account.real:
        acc.securityFirm, acc.cardNum = account.firm, account.card
    else:
        acc.simAccType = account.sim_kind


def check_order(account: SimAccount, c2s: Any, stock: Stock) -> None:
    """Refuse what OpenD's server refuses.

    Raises:
        Refusal: with OpenD's kind of text.
    """
    if c2s.trdSide not in (1, 2, 3, 4):
        raise Refusal(f"trdSide {c2s.trdSide} is not supported")
    if c2s.qty <= 0 or c2s.qty % stock.lot:
        raise Refusal(f"quantity {c2s.qty:g} is not a multiple of the lot size {stock.lot} 数量")
    if c2s.orderType in names.PRICED and not c2s.HasField("price"):
        raise Refusal("price is missing 价格")
    if c2s.trdSide == names.BUY and c2s.orderType in names.PRICED and not account.futures:
        cost = Decimal(repr(c2s.price)) * Decimal(repr(c2s.qty)) * stock.multiplier
        if cost > account.cash.get(stock.currency, Decimal(0)):
            raise Refusal("Insufficient buying power 购买力不足")


def book(account: SimAccount, stock: Stock, side: str, quantity: Decimal, price: Decimal) -> None:
    """Move money and securities for one fill."""
    holding = account.holdings.setdefault(stock.symbol, Holding())
    signed = quantity if side == "buy" else -quantity
    if holding.quantity * signed >= 0:
        total = holding.quantity + signed
        holding.cost = (holding.cost * holding.quantity + price * signed) / total if total else Decimal(0)
    elif abs(signed) > abs(holding.quantity):
        holding.cost = price
    holding.quantity += signed
    if not account.futures:
        account.cash[stock.currency] = account.cash.get(stock.currency, Decimal(0)) - signed * price * stock.multiplier


def position(stock: Stock, holding: Holding, last: Decimal, message: Any) -> None:
    """Fill in a ``Position``."""
    message.positionID = abs(hash(stock.symbol)) % 2**63
    message.positionSide = 0 if holding.quantity > 0 else 1
    message.code, message.name = stock.code, stock.name
    message.qty = message.canSellQty = float(holding.quantity)
    message.price, message.val = float(last), float(last * holding.quantity * stock.multiplier)
    message.averageCostPrice = float(round(holding.cost, 6))
    message.plVal = message.unrealizedPL = float((last - holding.cost) * holding.quantity * stock.multiplier)
    message.secMarket, message.currency = stock.section, names.CURRENCY[stock.currency]


def funds(
    account: SimAccount,
    message: Any,
    currency: int,
    prices: Mapping[str, Decimal],
    stocks: Mapping[str, Stock],
    orders: Iterable[OpenOrder],
) -> None:
    """Fill in ``Funds``; the totals of a unified account are converted into ``currency``."""
    wanted = names.CURRENCIES.get(currency, "HKD") if account.real else next(iter(account.cash))
    cash = sum((_converted(amount, name, wanted) for name, amount in account.cash.items()), Decimal(0))
    if not account.real:
        cash = account.cash[wanted]
    held = sum(
        (
            _converted(prices[symbol] * holding.quantity * stocks[symbol].multiplier, stocks[symbol].currency, wanted)
            for symbol, holding in account.holdings.items()
        ),
        Decimal(0),
    )
    frozen = sum(
        (
            _converted(
                (order.quantity - order.filled) * Decimal(repr(order.request.price)) * order.stock.multiplier,
                order.stock.currency,
                wanted,
            )
            for order in orders
            if order.request.trdSide == names.BUY
        ),
        Decimal(0),
    )
    message.power = message.avlWithdrawalCash = _told(cash - frozen)
    message.totalAssets, message.cash, message.marketVal = _told(cash + held), _told(cash), _told(held)
    message.frozenCash, message.debtCash = _told(frozen), 0.0
    message.currency = names.CURRENCY[wanted]
    if account.real:
        for name, amount in account.cash.items():
            message.cashInfoList.add(currency=names.CURRENCY[name], cash=_told(amount), availableBalance=_told(amount))


def _converted(amount: Decimal, currency: str, wanted: str) -> Decimal:
    return amount * _RATES[currency] / _RATES[wanted]


def _told(amount: Decimal) -> float:
    return float(round(amount, 4))
