"""OpenD's positions and funds as the bus's."""

from __future__ import annotations

from typing import Any

from venuebus_schemas import Balance, Position, PositionSide

from . import names
from .convert_orders import Untellable
from .doubles import text
from .symbols import traded, word

_SIDES = {0: PositionSide.LONG, 1: PositionSide.SHORT}


def position(p: Any, header: Any, alias: str, ts_recv: int) -> Position:
    """Return the position ``p`` (``Trd_Common.Position``).

    Raises:
        ValueError: a number is NaN or infinite, or what is held cannot be told.
    """
    symbol = traded(p.secMarket, p.trdMarket or header.trdMarket, p.code)
    if symbol is None:
        raise Untellable(f"position {p.positionID}: market {header.trdMarket} does not tell what {p.code} is")
    extra = {"positionID": str(p.positionID)}
    if p.name:
        extra["name"] = word(p.name)
    for name in ("val", "dilutedCostPrice"):
        if p.HasField(name):
            extra[name] = text(getattr(p, name))
    return Position(
        account=alias,
        ts_recv=ts_recv,
        symbol=symbol,
        side=_SIDES.get(p.positionSide, PositionSide.UNKNOWN),
        quantity=text(p.qty),
        available=text(p.canSellQty),
        avg_price=_price(p),
        market_price=text(p.price),
        unrealized_pnl=text(p.unrealizedPL) if p.HasField("unrealizedPL") else text(p.plVal),
        realized_pnl=text(p.realizedPL) if p.HasField("realizedPL") else None,
        currency=names.CURRENCIES.get(p.currency),
        extra=extra,
    )


def balances(funds: Any, market: int, alias: str, ts_recv: int) -> list[Balance]:
    """Return one balance per currency.

    A unified account tells cash per currency and its totals converted into one; the totals (``equity``, ``margin``)
    are in that currency's balance, marked ``converted``.

    Raises:
        ValueError: a number is NaN or infinite, or the currency cannot be told.
    """
    currency = names.CURRENCIES.get(funds.currency) or names.MARKET_CURRENCIES.get(market)
    if currency is None:
        raise Untellable(f"funds of an account of market {market} without a currency")
    items = {
        names.CURRENCIES.get(cash.currency, str(cash.currency)): Balance(
            account=alias,
            ts_recv=ts_recv,
            currency=names.CURRENCIES.get(cash.currency, str(cash.currency)),
            total=_optional(cash, "cash"),
            available=_optional(cash, "availableBalance"),
            extra=_named(cash, "netCashPower"),
        )
        for cash in funds.cashInfoList
        if cash.currency
    }
    own = items.get(currency)
    totals: dict[str, Any] = {
        "frozen": text(funds.frozenCash),
        "equity": text(funds.totalAssets),
        "margin": _optional(funds, "initialMargin"),
        "extra": {
            "power": text(funds.power),
            "marketVal": text(funds.marketVal),
            **(_named(funds, "netCashPower", "maintenanceMargin", "maxPowerShort") or {}),
            **({"converted": "true"} if items else {}),
        },
    }
    items[currency] = Balance(
        account=alias,
        ts_recv=ts_recv,
        currency=currency,
        total=own.total if own is not None else text(funds.cash),
        available=own.available
        if own is not None
        else _optional(funds, "availableFunds") or text(funds.avlWithdrawalCash),
        **totals,
    )
    return list(items.values())


def _price(p: Any) -> str | None:
    for name in ("averageCostPrice", "costPrice"):
        if p.HasField(name):
            return text(getattr(p, name))
    return None


def _optional(message: Any, name: str) -> str | None:
    return text(getattr(message, name)) if message.HasField(name) else None


def _named(message: Any, *fields: str) -> dict[str, str] | None:
    return {name: text(getattr(message, name)) for name in fields if message.HasField(name)} or None
