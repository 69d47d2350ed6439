"""Who waits for which answer: one ticket per order or cancel that was sent."""

from __future__ import annotations

import asyncio

from . import codes, protocol
from .convert import key_of, order_key, sys_key
from .messages import ActionRow, InputOrderRow, OrderRow
from .requests import InputOrder, InputOrderAction


class VenueRefused(Exception):
    """The counter answered with an error number: the request had no effect."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(codes.describe(number, text))
        self.number = number


class InsertTicket:
    """One order that waits for its first report or refusal."""

    def __init__(self, order: InputOrder, key: str, request_id: int, *, again: bool = False) -> None:
        self.order = order
        self.key = key
        self.request_id = request_id
        self.again = again
        self.report: asyncio.Future[OrderRow] = asyncio.get_running_loop().create_future()

    def is_meant(self, event: protocol.InsertRefused) -> bool:
        """Tell whether a refusal is about this order; others' refusals are broadcast with OrderRefs like ours."""
        echo = event.order
        if echo is None:
            return False
        if not event.broadcast and event.request_id:
            return event.request_id == self.request_id
        if self.again and event.number == codes.SETTLEMENT_NOT_CONFIRMED:
            return False  # the first attempt's second message, late
        return _same(self.order, echo) and echo.RequestID in (0, self.order.RequestID)


def _same(order: InputOrder, echo: InputOrderRow) -> bool:
    return (
        echo.OrderRef.strip() == order.OrderRef
        and echo.InstrumentID == order.InstrumentID
        and echo.Direction == order.Direction
        and echo.LimitPrice == order.LimitPrice
        and echo.VolumeTotalOriginal == order.VolumeTotalOriginal
    )


class CancelTicket:
    """One cancel that waits for the order's end or a refusal."""

    def __init__(self, action: InputOrderAction, request_id: int) -> None:
        self.request_id = request_id
        self.by_ref = (
            order_key(action.FrontID, action.SessionID or 0, action.OrderRef)
            if action.FrontID is not None and action.OrderRef is not None
            else None
        )
        self.by_sys = sys_key(action.ExchangeID, action.OrderSysID) if action.OrderSysID else None
        self.report: asyncio.Future[OrderRow] = asyncio.get_running_loop().create_future()

    def concerns(self, row: OrderRow) -> bool:
        """Tell whether ``row`` is a state of the order to be canceled."""
        if self.by_sys is not None:
            return self.by_sys == sys_key(row.ExchangeID, row.OrderSysID)
        return self.by_ref == key_of(row)

    def is_meant(self, event: protocol.ActionRefused) -> bool:
        """Tell whether a refusal is about this cancel."""
        echo = event.action
        if echo is None:
            return False
        number = echo.RequestID or (0 if event.broadcast else event.request_id)
        if number:
            return number == self.request_id
        return self._names(echo)

    def _names(self, echo: ActionRow) -> bool:
        if self.by_sys is not None:
            return self.by_sys == sys_key(echo.ExchangeID, echo.OrderSysID)
        return self.by_ref == order_key(echo.FrontID, echo.SessionID, echo.OrderRef)
