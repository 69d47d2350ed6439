"""The venue's JSON objects: order rows, the order object, open orders, fills."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from venuebus.simulation import Market, SimOrder

from .details import FillRecord, details, status
from .settings import Quirks

Row = dict[str, Any]


def order_row(order: SimOrder, *, number: int | None = None, filled_now: Decimal | None = None) -> Row:
    """One row of the answer to POST, PUT and DELETE."""
    tag = details(order)
    gone = order.state == "canceled" and order.trigger_price is not None and not order.triggered
    return {
        "status": status(order) if number is None else number,
        "symbol": order.symbol,
        "orderType": tag.order_type,
        "price": _price(order) if not gone else 0.0,
        "side": order.side.upper(),
        "orderID": order.order_id,
        "timestamp": order.updated_ns // 1_000_000,
        "triggerPrice": order.trigger_price or 0.0,
        "stopPrice": None,
        "trigger": order.trigger_price is not None,
        "message": "",
        "avgFilledPrice": order.average,
        "clOrderID": order.client_id,
        "stealth": tag.stealth,
        "deviation": tag.deviation,
        "postOnly": order.post_only,
        "orderDetailType": None,
        "time_in_force": tag.time_in_force,
        **sizes(order, "remainingOrder"),
        "filledBaseSize": order.filled if filled_now is None else filled_now,
    }


def sizes(order: SimOrder, remaining: str) -> Row:
    """The size fields; ``remaining`` is how the fields of what is left begin, which differs between channels."""
    tag = details(order)
    quote = order.quote_quantity
    spent = None if quote is None else quote - order.notional
    return {
        "originalOrderBaseSize": tag.original if quote is None else None,
        "originalOrderQuoteSize": quote,
        "currentOrderBaseSize": order.quantity if quote is None else None,
        "currentOrderQuoteSize": quote,
        "totalFilledBaseSize": order.filled,
        f"{remaining}BaseSize": order.leaves if quote is None else None,
        f"{remaining}QuoteSize": spent,
        "orderCurrency": "base" if quote is None else "quote",
    }


def refused_row(number: int, key: str, text: str, params: list[str], now_ms: int, client_id: str | None) -> Row:
    """A refusal that comes as HTTP 200: everything blank, the reason as JSON within JSON."""
    message = json.dumps({"msgKey": key, "default_msg": text, "params": params}, separators=(",", ":"))
    return _blank(number, now_ms, message=message, clOrderID=client_id)


def not_found_row(order_id: str | None, client_id: str | None, symbol: str, now_ms: int) -> Row:
    """Status 16: says nothing about how the order ended."""
    return _blank(16, now_ms, symbol=symbol, orderID=order_id or "", clOrderID=client_id or "")


def amend_failed_row(order: SimOrder, now_ms: int) -> Row:
    """Status 15 for an amend: the order lives on. The symbol is broken, as in the venue's own example."""
    base = order.symbol.partition("-")[0]
    row = _blank(15, now_ms, symbol=f"{base}-null", orderID=order.order_id, side=order.side.upper())
    return {**row, **sizes(order, "remainingOrder"), "time_in_force": details(order).time_in_force}


def order_object(order: SimOrder, market: Market) -> Row:
    """The answer to GET order."""
    value = (order.quote_quantity or order.quantity * Decimal(_price(order))) if _price(order) else order.notional
    tag = details(order)
    return {
        "orderID": order.order_id,
        "symbol": order.symbol,
        "quote": market.quote,
        "status": status(order),
        "orderType": tag.order_type,
        "price": _price(order),
        "side": order.side.upper(),
        "orderValue": value,
        "trailValue": 0,
        "avgFilledPrice": order.average,
        "clOrderID": order.client_id,
        "timeInForce": tag.time_in_force,
        "timestamp": order.created_ns // 1_000_000,
        "pegPriceMin": 0,
        "pegPriceMax": 0,
        "pegPriceDeviation": tag.deviation if tag.order_type == 80 else 0,
        "triggerOrder": order.trigger_price is not None,
        "triggerPrice": order.trigger_price or 0,
        "triggerOriginalPrice": 0,
        "triggerOrderType": tag.trigger_type,
        "triggerTrailingStopDeviation": 0,
        "triggerStopPrice": 0,
        "triggered": order.triggered,
        **sizes(order, "remainingOrder"),
    }


def open_order(order: SimOrder, market: Market, quirks: Quirks) -> Row:
    """One row of the open orders: a state by name instead of the number."""
    row = order_object(order, market)
    del row["status"], row["quote"]
    row["orderState"] = "STATUS_INACTIVE" if order.state == "waiting" else "STATUS_ACTIVE"
    row["cancelDuration"] = 0
    row |= {"requestId": details(order).request_id, "vendorName": None, "botID": None, "orderDetail": None}
    if quirks.legacy_open_orders:
        for name in sizes(order, "remainingOrder"):
            row.pop(name)
        row |= {"size": order.quantity, "filledSize": order.filled, "fillSize": order.filled}
    return row


def fill_row(record: FillRecord, market: Market) -> Row:
    """One row of the trade history: ``size`` is the order's, ``filledSize`` the fill's, seconds for milliseconds."""
    fill, order = record.fill, record.fill.order
    tag = details(order)
    return {
        "tradeId": record.trade_id,
        "orderId": order.order_id,
        "clOrderID": order.client_id,
        "username": record.user,
        "side": order.side.upper(),
        "orderType": tag.order_type,
        "triggerType": tag.trigger_type,
        "price": _price(order) or fill.price,
        "size": order.quote_quantity if order.quote_quantity is not None else order.quantity,
        "filledPrice": fill.price,
        "filledSize": fill.quantity,
        "triggerPrice": order.trigger_price or 0,
        "base": market.base,
        "quote": market.quote,
        "symbol": order.symbol,
        "feeCurrency": record.fee_currency,
        "feeAmount": record.fee,
        "wallet": "SPOT@",
        "realizedPnl": 0,
        "total": 0,
        "serialId": record.serial,
        "timestamp": fill.ts_ns // 1_000_000_000 * 1000,
        "avgFilledPrice": order.average,
    }


def _price(order: SimOrder) -> Decimal:
    return order.price if order.price is not None else Decimal(0)


def _blank(number: int, now_ms: int, **known: Any) -> Row:
    row: Row = {
        "status": number,
        "symbol": "",
        "orderType": 0,
        "price": 0.0,
        "side": "",
        "orderID": "",
        "timestamp": now_ms,
        "triggerPrice": 0.0,
        "stopPrice": None,
        "trigger": False,
        "message": "",
        "avgFilledPrice": 0.0,
        "clOrderID": "",
        "stealth": 0.0,
        "deviation": 0.0,
        "postOnly": False,
        "orderDetailType": None,
        "time_in_force": "GTC",
        "originalOrderBaseSize": 0,
        "originalOrderQuoteSize": 0,
        "currentOrderBaseSize": 0,
        "currentOrderQuoteSize": 0,
        "totalFilledBaseSize": 0,
        "remainingOrderBaseSize": 0,
        "remainingOrderQuoteSize": 0,
        "orderCurrency": "base",
        "filledBaseSize": 0,
    }
    return {**row, **known}
