"""Canonical commands to the counter's order fields: what each exchange takes, and a clear refusal otherwise."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec
from venuebus import CommandRejected
from venuebus_schemas import OrderType, PositionEffect, Reason, Side, Submit, TimeInForce

from . import requests
from .config import SubmitParams
from .market import Contract, exchange_of
from .requests import BadField, InputOrder

P = TypeVar("P", bound=msgspec.Struct)

OFFSETS = {
    PositionEffect.OPEN: "0", PositionEffect.CLOSE: "1",
    PositionEffect.CLOSE_TODAY: "3", PositionEffect.CLOSE_YESTERDAY: "4",
}  # fmt: skip
HEDGES = {"speculation": "1", "arbitrage": "2", "hedge": "3"}
TRIGGERS = {
    "exchange_stop": "2", "exchange_profit": "3", "last_gt": "5", "last_ge": "6", "last_lt": "7", "last_le": "8",
    "ask_gt": "9", "ask_ge": "A", "ask_lt": "B", "ask_le": "C", "bid_gt": "D", "bid_ge": "E", "bid_lt": "F",
    "bid_le": "H",
}  # fmt: skip
LIMIT, ANY, BEST, FIVE = "2", "1", "3", "G"
IOC, SESSION, DAY = "1", "2", "3"
ANY_VOLUME, MIN_VOLUME, ALL = "1", "2", "3"
NOW = "1"


class Account(NamedTuple):
    """Whose orders these are."""

    broker_id: str
    investor_id: str
    user_id: str


class Style(NamedTuple):
    """How an order finds its price and how long it works, in the counter's codes."""

    price_type: str
    time_condition: str
    volume_condition: str
    min_volume: int


def _refuse(reason: Reason, text: str) -> NoReturn:
    raise CommandRejected(reason, text)


def read_params(params: dict[str, Any] | None, kind: type[P]) -> P:
    """Return the venue's own options of a command.

    Raises:
        CommandRejected: ``invalid``: an unknown key, or a value of the wrong type.
    """
    try:
        return msgspec.convert(params or {}, kind)
    except msgspec.ValidationError as error:
        raise CommandRejected(Reason.INVALID, f"params: {error}") from error


def exchange_for(submit: Submit, params: SubmitParams, contract: Contract | None) -> str:
    """Return the exchange, which every order must name.

    Raises:
        CommandRejected: ``unknown_symbol`` where neither the contract query nor the name tells it.
    """
    found = params.exchange or (contract.exchange if contract else None) or exchange_of(submit.symbol)
    if found is None:
        _refuse(Reason.UNKNOWN_SYMBOL, f"no exchange known for {submit.symbol!r}: say params.exchange")
    return found


def to_input_order(
    submit: Submit, account: Account, *, order_ref: str, request_id: int = 0, contract: Contract | None
) -> InputOrder:
    """Return the order as the counter wants it, every field checked.

    Raises:
        CommandRejected: the exchange has no such order, or a number does not fit; nothing is ever rounded.
    """
    params = read_params(submit.params, SubmitParams)
    exchange = exchange_for(submit, params, contract)
    _check_options(submit)
    volume = _volume(submit.quantity, contract)
    style = _style(submit, params, exchange, volume)
    limit = _price("price", submit.price, contract) if submit.price is not None else 0.0
    stop = _price("trigger_price", submit.trigger_price, contract) if submit.trigger_price is not None else 0.0
    order = InputOrder(
        BrokerID=account.broker_id, InvestorID=account.investor_id, UserID=account.user_id, ExchangeID=exchange,
        InstrumentID=submit.symbol, OrderRef=order_ref, RequestID=request_id, OrderPriceType=style.price_type,
        Direction="0" if submit.side is Side.BUY else "1", CombOffsetFlag=_offset(submit),
        CombHedgeFlag=HEDGES[params.hedge], LimitPrice=limit, StopPrice=stop, VolumeTotalOriginal=volume,
        MinVolume=style.min_volume, TimeCondition=style.time_condition, VolumeCondition=style.volume_condition,
        ContingentCondition=_condition(submit, params, exchange),
    )  # fmt: skip
    try:
        requests.check(order)
    except BadField as error:
        reason = Reason.UNKNOWN_SYMBOL if error.field == "InstrumentID" else Reason.INVALID
        raise CommandRejected(reason, str(error)) from error
    return order


def _check_options(submit: Submit) -> None:
    if submit.quantity is None:
        _refuse(Reason.UNSUPPORTED, "quote_quantity: CTP counts contracts only")
    if submit.post_only:
        _refuse(Reason.UNSUPPORTED, "post_only: CTP has no such order")
    if submit.expire_date is not None:
        _refuse(Reason.UNSUPPORTED, "expire_date: CTP keeps orders for the trading day only")
    if submit.side not in (Side.BUY, Side.SELL):
        _refuse(Reason.INVALID, "side: buy or sell expected")
    if submit.reduce_only and submit.position_effect in (None, PositionEffect.OPEN):
        _refuse(Reason.INVALID, "reduce_only: say which position with position_effect close, close_today, …")
    if submit.stop_price is not None:
        _refuse(Reason.UNSUPPORTED, "stop_price: CTP has no oco orders")


def _offset(submit: Submit) -> str:
    found = OFFSETS.get(submit.position_effect) if submit.position_effect is not None else None
    if found is None:
        # Opening by default would turn a forgotten "close" into a second position.
        _refuse(Reason.INVALID, "position_effect: open, close, close_today or close_yesterday expected")
    return found


def _volume(quantity: str | None, contract: Contract | None) -> int:
    number = Decimal(quantity or "0")
    if number != number.to_integral_value() or not 0 < number <= requests.INT_MAX:
        _refuse(Reason.QUANTITY, f"quantity: a whole number of contracts expected, not {quantity}")
    if contract is not None and contract.max_quantity is not None and number > contract.max_quantity:
        _refuse(Reason.QUANTITY, f"quantity: at most {contract.max_quantity} an order, not {quantity}")
    return int(number)


def _price(field: str, given: str, contract: Contract | None) -> float:
    number = Decimal(given)
    price = float(given)
    if abs(price) >= 1e12 or Decimal(repr(price)) != number:
        _refuse(Reason.PRICE, f"{field}: {given} cannot be carried exactly by CTP's double")
    if contract is not None and contract.tick is not None:
        tick = Decimal(repr(contract.tick))
        if number % tick:
            # CZCE would cut it down to the tick silently, the others refuse it.
            _refuse(Reason.PRICE, f"{field}: a multiple of {tick} expected, not {given}")
    return price


def _style(submit: Submit, params: SubmitParams, exchange: str, volume: int) -> Style:
    if params.min_volume is not None and not 1 <= params.min_volume <= volume:
        _refuse(Reason.QUANTITY, f"params.min_volume: 1 to {volume} expected")
    match submit.order_type:
        case OrderType.LIMIT | OrderType.STOP_LIMIT:
            return _limit(submit, params, exchange, volume)
        case OrderType.MARKET | OrderType.STOP:
            return _market(submit.time_in_force, params, exchange, volume)
    _refuse(Reason.UNSUPPORTED, f"order_type {submit.order_type}: CTP has limit, market, stop and stop_limit")


def _limit(submit: Submit, params: SubmitParams, exchange: str, volume: int) -> Style:
    if params.session_only:
        if exchange != "DCE" or submit.time_in_force not in (None, TimeInForce.OTHER):
            _refuse(Reason.UNSUPPORTED, "params.session_only: DCE only, without time_in_force")
        return Style(LIMIT, SESSION, ANY_VOLUME, 1)
    if params.min_volume is not None and submit.time_in_force is not TimeInForce.IOC:
        _refuse(Reason.UNSUPPORTED, "params.min_volume: only with time_in_force ioc")
    match submit.time_in_force:
        case None | TimeInForce.DAY:
            return Style(LIMIT, DAY, ANY_VOLUME, 1)
        case TimeInForce.IOC if params.min_volume is not None:
            return Style(LIMIT, IOC, MIN_VOLUME, params.min_volume)
        case TimeInForce.IOC:
            return Style(LIMIT, IOC, ANY_VOLUME, 1)
        case TimeInForce.FOK:
            return Style(LIMIT, IOC, ALL, volume)
    _refuse(Reason.UNSUPPORTED, f"time_in_force {submit.time_in_force}: CTP has day, ioc and fok")


def _market(tif: TimeInForce | None, params: SubmitParams, exchange: str, volume: int) -> Style:
    if params.min_volume is not None or params.session_only:
        _refuse(Reason.UNSUPPORTED, "params: min_volume and session_only are for limit orders")
    if exchange in ("DCE", "GFEX"):
        if tif in (None, TimeInForce.FOK):
            return Style(ANY, IOC, ALL, volume)
        _refuse(Reason.UNSUPPORTED, f"time_in_force {tif}: a market order at {exchange} is fok")
    if exchange == "CZCE":
        if tif in (None, TimeInForce.DAY):
            return Style(ANY, DAY, ALL, volume)
        _refuse(Reason.UNSUPPORTED, f"time_in_force {tif}: a market order at CZCE is day")
    if exchange == "CFFEX":
        if tif not in (None, TimeInForce.IOC, TimeInForce.DAY):
            _refuse(Reason.UNSUPPORTED, f"time_in_force {tif}: a market order at CFFEX is ioc or day")
        kept = params.remainder == "limit" or tif is TimeInForce.DAY
        return Style(BEST if params.market == "best" else FIVE, DAY if kept else IOC, ANY_VOLUME, 1)
    _refuse(
        Reason.UNSUPPORTED,
        f"order_type market: {exchange} has none (error 80): use limit at the price limit with time_in_force ioc",
    )


def _condition(submit: Submit, params: SubmitParams, exchange: str) -> str:
    if submit.order_type not in (OrderType.STOP, OrderType.STOP_LIMIT):
        if params.trigger is not None or submit.trigger_price is not None:
            _refuse(Reason.INVALID, "trigger: only with order_type stop or stop_limit")
        return NOW
    if params.trigger is None:
        return TRIGGERS["last_ge" if submit.side is Side.BUY else "last_le"]
    if params.trigger.startswith("exchange_") and exchange != "DCE":
        _refuse(Reason.UNSUPPORTED, f"params.trigger {params.trigger}: DCE only")
    return TRIGGERS[params.trigger]
