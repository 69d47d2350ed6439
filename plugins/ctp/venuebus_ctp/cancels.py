"""Cancels as the counter wants them: by the exchange's id, or by the keys an order has from its first moment."""

from __future__ import annotations

from venuebus import CommandRejected
from venuebus_schemas import Order, Reason

from . import requests
from .cleaning import name
from .index import keys_of
from .messages import OrderRow
from .ordering import Account
from .requests import BadField, InputOrderAction

SYS_ID_WIDTH = 12  # the exchanges' ids are right-aligned with blanks, and a cancel has to repeat them so


def of_row(account: Account, row: OrderRow) -> list[InputOrderAction]:
    """Return the cancel of an order that this session has seen, by every key it has, the exchange's first.

    Raises:
        CommandRejected: the row's own fields cannot be sent back.
    """
    symbol = name(row.InstrumentID, row.reserve1) or ""
    actions = []
    if row.OrderSysID.strip("\0 "):
        actions.append(_action(account, symbol, row.ExchangeID, order_sys_id=row.OrderSysID))
    if row.OrderRef.strip():
        actions.append(_action(account, symbol, row.ExchangeID, ref=(row.FrontID, row.SessionID, row.OrderRef)))
    return actions


def of_order(account: Account, order: Order, exchange: str | None) -> list[InputOrderAction]:
    """Return the cancel of an order that only the bridge remembers, from the raw ids in its ``extra``.

    Raises:
        CommandRejected: it has no id at the counter, or no exchange is known.
    """
    extra = order.extra or {}
    ref, sys_id = keys_of(order)
    exchange = extra.get("ExchangeID") or (sys_id or "").partition(":")[0] or exchange
    if not exchange:
        raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"no exchange known for {order.symbol}")
    actions = []
    if sys_id is not None:
        raw = extra.get("OrderSysID") or sys_id.partition(":")[2].rjust(SYS_ID_WIDTH)
        actions.append(_action(account, order.symbol, exchange, order_sys_id=raw))
    if ref is not None and ref.count(":") == 2:
        front, session, number = ref.split(":")
        keys = (int(front), int(session), extra.get("OrderRef", number))
        actions.append(_action(account, order.symbol, exchange, ref=keys))
    if not actions:
        raise CommandRejected(Reason.UNKNOWN_ORDER, "the order has no id at the counter yet")
    return actions


def _action(
    account: Account,
    symbol: str,
    exchange: str,
    *,
    order_sys_id: str | None = None,
    ref: tuple[int, int, str] | None = None,
) -> InputOrderAction:
    front, session, number = ref or (None, None, None)
    action = InputOrderAction(
        BrokerID=account.broker_id, InvestorID=account.investor_id, UserID=account.user_id, ExchangeID=exchange,
        InstrumentID=symbol, ActionFlag="0", OrderSysID=order_sys_id, FrontID=front, SessionID=session, OrderRef=number,
    )  # fmt: skip
    try:
        requests.check(action)
    except BadField as error:
        raise CommandRejected(Reason.UNKNOWN_ORDER, f"the order's ids cannot be sent: {error}") from error
    return action
