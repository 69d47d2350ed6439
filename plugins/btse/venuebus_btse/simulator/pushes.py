"""Frames that the venue pushes: notifications, fills, trades, as text, oddities included."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from venuebus.simulation import Market, SimOrder, SimTrade

from .answers import dumps
from .details import TX_NUMBERS, FillRecord, details, status
from .rows import sizes
from .settings import Quirks

STRINGLY = ("orderType", "price", "avgFilledPrice", "status", "maker", "triggerPrice")


class Pushes:
    """Renders pushes; which one of the oddities a message gets follows from its number alone."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._notifications = itertools.count(1)
        self._fills = itertools.count(1)
        self._trades = itertools.count(1)

    def notification(self, order: SimOrder, market: Market) -> str:
        """The frame of topic ``notificationApiV3`` for a change of ``order``; notes what was told."""
        tag = details(order)
        filled = order.filled - tag.told_filled
        price = order.price if order.price is not None else Decimal(0)
        if filled:
            price = (order.notional - tag.told_notional) / filled
        number = 123 if tag.amending else status(order)
        tag.told_filled, tag.told_notional, tag.amending = order.filled, order.notional, False
        data: dict[str, Any] = {
            "symbol": order.symbol,
            "orderID": order.order_id,
            "side": order.side.upper(),
            "orderType": tag.order_type,
            "price": price,
            "avgFilledPrice": order.average,
            "status": number,
            "clOrderID": order.client_id,
            "maker": not filled,
            "stealth": tag.stealth,
            "timestamp": order.updated_ns // 1_000_000,
            "pegPriceDeviation": tag.deviation,
            "time_in_force": tag.time_in_force,
            "txType": TX_NUMBERS[tag.tx_type],
            "triggerPrice": order.trigger_price or 0,
            "postOnly": order.post_only,
            "orderUserInitiated": True,
            **{name: 0 if size is None else size for name, size in sizes(order, "remaining").items()},
            "filledBaseSize": filled,
        }
        return _frame("notificationApiV3", self._twist(data, market))

    def refusal(self, row: dict[str, Any]) -> str:
        """The frame of topic ``notificationApiV3`` for an order that was refused: nearly everything blank."""
        names = ("symbol", "orderID", "side", "orderType", "price", "status", "clOrderID", "timestamp", "message")
        return _frame("notificationApiV3", {name: row[name] for name in names} | {"originalOrderBaseSize": 0})

    def fill(self, record: FillRecord, market: Market) -> str:
        """The frame of topic ``fills``: everything text but the maker flag and (mostly) the time."""
        fill, order = record.fill, record.fill.order
        number = next(self._fills)
        stamp = fill.ts_ns // 1_000_000
        row = {
            "orderId": order.order_id,
            "serialId": str(record.serial),
            "clOrderId": order.client_id,
            "type": str(details(order).order_type),
            "symbol": order.symbol,
            "side": order.side.upper(),
            "price": f"{fill.price:f}",
            "size": f"{fill.quantity:f}",
            "feeAmount": f"{record.fee:f}",
            "feeCurrency": record.fee_currency,
            "base": market.base,
            "quote": market.quote,
            "maker": fill.maker,
            "timestamp": str(stamp) if _due(self._quirks.timestamp_text, number) else stamp,
            "tradeId": record.trade_id,
        }
        return _frame("fills", [row])

    def trade(self, trade: SimTrade) -> str:
        """The frame of topic ``tradeHistoryApi`` for one trade; the symbol is in the data, mostly in the topic too."""
        bare = _due(self._quirks.bare_trade_topic, next(self._trades))
        return _frame("tradeHistoryApi" if bare else f"tradeHistoryApi:{trade.symbol}", [_trade(trade)])

    def history(self, symbol: str, trades: list[SimTrade]) -> str:
        """The first frame after subscribing: recent trades, newest first."""
        return _frame(f"tradeHistoryApi:{symbol}", [_trade(trade) for trade in reversed(trades)])

    def _twist(self, data: dict[str, Any], market: Market) -> dict[str, Any]:
        number = next(self._notifications)
        if _due(self._quirks.mode_side, number):
            data["side"] = f"MODE_{data['side']}"
        if _due(self._quirks.currency_name, number):
            data["orderCurrency"] = market.base if data["orderCurrency"] == "base" else market.quote
        if _due(self._quirks.stringly, number):
            for name in STRINGLY:
                value = data[name]
                data[name] = f"{value:f}" if isinstance(value, Decimal) else str(value).lower()
        return data


def _due(every: int, number: int) -> bool:
    return every > 0 and number % every == 0


def _trade(trade: SimTrade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "side": trade.side.upper(),
        "size": trade.quantity,
        "price": trade.price,
        "tradeId": trade.trade_id,
        "timestamp": trade.ts_ns // 1_000_000,
    }


def _frame(topic: str, data: Any) -> str:
    return dumps({"topic": topic, "data": data}).decode()
