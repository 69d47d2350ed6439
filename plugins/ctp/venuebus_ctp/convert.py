"""Orders, trades, positions and money of the counter to canonical events; pure and total."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from venuebus_schemas import (
    Balance,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Position,
    PositionEffect,
    PositionSide,
    Reason,
    Side,
    TimeInForce,
)

from . import codes
from .cleaning import known, label, name, text
from .daytime import iso, time_of
from .messages import AccountRow, OrderRow, PositionRow, TradeRow

CURRENCY = "CNY"
SIDES = {"0": Side.BUY, "1": Side.SELL}
EFFECTS = {
    "0": PositionEffect.OPEN, "1": PositionEffect.CLOSE, "3": PositionEffect.CLOSE_TODAY,
    "4": PositionEffect.CLOSE_YESTERDAY,
    "2": PositionEffect.CLOSE, "5": PositionEffect.CLOSE, "6": PositionEffect.CLOSE,  # forced by broker or exchange
}  # fmt: skip
HEDGES = {"2": "arbitrage", "3": "hedge"}
_STATUSES = {
    "0": OrderStatus.FILLED, "1": OrderStatus.PARTIALLY_FILLED, "2": OrderStatus.PARTIALLY_FILLED,
    "3": OrderStatus.NEW, "4": OrderStatus.SUSPENDED, "5": OrderStatus.CANCELED, "a": OrderStatus.PENDING_NEW,
    "b": OrderStatus.NEW, "c": OrderStatus.TRIGGERED,
}  # fmt: skip
CANCELED, INSERT_REJECTED = "5", "4"
ENDED = frozenset("05")


def order_key(front_id: int, session_id: int, order_ref: str) -> str:
    """Return the key that an order has from its first moment: ``FrontID:SessionID:OrderRef``."""
    return f"{front_id}:{session_id}:{order_ref.strip()}"


def key_of(row: OrderRow) -> str:
    """Return the key of an order's report."""
    return order_key(row.FrontID, row.SessionID, row.OrderRef)


def sys_key(exchange: str, order_sys_id: str) -> str | None:
    """Return ``EXCHANGE:ORDERSYSID``, blanks stripped; ``None`` before the exchange has given one."""
    stripped = order_sys_id.strip("\0 ")
    return f"{exchange.strip()}:{stripped}" if stripped else None


def is_rejected(row: OrderRow) -> bool:
    """Tell a refusal by the exchange from a cancel: both end in status 5."""
    return row.OrderStatus == CANCELED and row.OrderSubmitStatus == INSERT_REJECTED


def status_of(row: OrderRow) -> OrderStatus:
    """Return the canonical status; what is not in the counter's manual is ``unknown``."""
    if is_rejected(row):
        return OrderStatus.REJECTED
    return _STATUSES.get(row.OrderStatus, OrderStatus.UNKNOWN)


def is_conditional(row: OrderRow) -> bool:
    """Tell an order that waits for its trigger (at the counter or at the exchange)."""
    return row.ContingentCondition not in ("", "1", "\0")


def _order_type(row: OrderRow) -> OrderType:
    market = row.OrderPriceType in ("1", "3", "G")
    if is_conditional(row):
        return OrderType.STOP if market else OrderType.STOP_LIMIT
    return OrderType.MARKET if market else OrderType.LIMIT if row.OrderPriceType == "2" else OrderType.OTHER


def _time_in_force(row: OrderRow) -> TimeInForce | None:
    if row.TimeCondition == "1":
        return TimeInForce.FOK if row.VolumeCondition == "3" else TimeInForce.IOC
    return {"3": TimeInForce.DAY, "4": TimeInForce.GTD, "5": TimeInForce.GTC, "2": TimeInForce.OTHER}.get(
        row.TimeCondition
    )


class Owner(msgspec.Struct, kw_only=True):
    """What the bridge knows of an order and CTP does not carry.

    ``filled_before`` and ``ids`` come from an order that was replaced: the two make one order on the bus.
    """

    client_order_id: str | None = None
    external: bool = False
    filled_before: int = 0
    ids: dict[str, str] = {}


def to_order(row: OrderRow, owner: Owner, *, account: str, now_ns: int, reconciled: bool = False) -> Order | None:
    """Return the state of an order, ``None`` if its contract's name is beyond repair."""
    symbol = name(row.InstrumentID, row.reserve1)
    if symbol is None:
        return None
    status = status_of(row)
    order_type = _order_type(row)
    sys_id = sys_key(row.ExchangeID, row.OrderSysID)
    ids = {"ref": key_of(row), **owner.ids}
    if sys_id is not None:
        ids["sys"] = sys_id
    message = label(row.StatusMsg)
    rejected = status is OrderStatus.REJECTED
    filled = row.VolumeTraded + owner.filled_before
    ended = row.CancelTime if status.is_final and row.CancelTime.strip() else row.UpdateTime
    return Order(
        account=account, ts_recv=now_ns, ts_venue=time_of(row.TradingDay, ended), symbol=symbol,
        side=SIDES.get(row.Direction, Side.UNKNOWN), order_type=order_type, status=status,
        quantity=str(row.VolumeTotalOriginal + owner.filled_before), filled_quantity=str(filled),
        leaves_quantity="0" if status.is_final else str(row.VolumeTotal),
        price=text(row.LimitPrice) if order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None,
        trigger_price=text(row.StopPrice) if is_conditional(row) else None,
        time_in_force=_time_in_force(row), position_effect=EFFECTS.get(row.CombOffsetFlag[:1]),
        client_order_id=owner.client_order_id, venue_order_id=order_key(row.FrontID, row.SessionID, row.OrderRef),
        venue_order_ids=ids, text=message, reason=codes.reason_of_text(message) if rejected else None,
        venue_status=f"{row.OrderStatus}/{row.OrderSubmitStatus}", external=True if owner.external else None,
        reconciled=True if reconciled else None, ts_created=time_of(row.TradingDay, row.InsertTime),
        trading_day=iso(row.TradingDay), extra=_order_extra(row, owner),
    )  # fmt: skip


def _order_extra(row: OrderRow, owner: Owner) -> dict[str, str]:
    # Raw, blanks included: a cancel has to repeat OrderSysID exactly as it was given.
    extra = {"FrontID": str(row.FrontID), "SessionID": str(row.SessionID), "OrderRef": row.OrderRef}
    if row.ExchangeID.strip():
        extra["ExchangeID"] = row.ExchangeID
    if row.OrderSysID.strip("\0 "):
        extra["OrderSysID"] = row.OrderSysID
    parent = sys_key(row.ExchangeID, row.RelativeOrderSysID)
    if parent is not None:
        extra["RelativeOrderSysID"] = row.RelativeOrderSysID
    if owner.filled_before:
        extra["filled_before"] = str(owner.filled_before)
    hedge = HEDGES.get(row.CombHedgeFlag[:1])
    if hedge is not None:
        extra["hedge"] = hedge
    return extra


def fill_id(row: TradeRow) -> str:
    """Return a trade's stable id: TradeID is unique only per day, exchange and side."""
    side = {"0": "b", "1": "s"}.get(row.Direction, "?")
    return f"{(row.TradingDay or row.TradeDate).strip()}:{row.ExchangeID.strip()}:{row.TradeID.strip()}:{side}"


def to_fill(
    row: TradeRow, *, account: str, now_ns: int, venue_order_id: str | None, client_order_id: str | None,
    reconciled: bool = False,
) -> Fill | None:  # fmt: skip
    """Return an execution, ``None`` if it lacks a contract, a price or an id that can be used."""
    symbol, price = name(row.InstrumentID, row.reserve1), text(row.Price)
    if symbol is None or price is None or row.Volume <= 0 or not row.TradeID.strip():
        return None
    trading_day = row.TradingDay or row.TradeDate
    extra = {"ExchangeID": row.ExchangeID, "OrderSysID": row.OrderSysID, "TradeID": row.TradeID}
    return Fill(
        account=account, ts_recv=now_ns, ts_venue=time_of(trading_day, row.TradeTime), symbol=symbol,
        fill_id=fill_id(row), side=SIDES.get(row.Direction, Side.UNKNOWN), price=price, quantity=str(row.Volume),
        venue_order_id=venue_order_id or sys_key(row.ExchangeID, row.OrderSysID), client_order_id=client_order_id,
        position_effect=EFFECTS.get(row.OffsetFlag), reconciled=True if reconciled else None,
        trading_day=iso(trading_day), extra=extra,
    )  # fmt: skip


class _Sum:
    __slots__ = ("cost", "frozen", "hedged", "margin", "open_cost", "profit", "quantity", "realized", "today", "yd")

    def __init__(self) -> None:
        self.quantity = self.today = self.frozen = self.yd = 0
        self.cost = self.open_cost = self.profit = self.margin = self.realized = 0.0
        self.hedged: dict[str, int] = {}

    def add(self, row: PositionRow, side: PositionSide) -> None:
        self.quantity += row.Position
        self.today += row.TodayPosition
        self.yd += row.YdPosition
        # A sell order that closes freezes the long side as ShortFrozen, and the other way round.
        self.frozen += row.ShortFrozen if side is PositionSide.LONG else row.LongFrozen
        self.cost += _sane(row.PositionCost)
        self.open_cost += _sane(row.OpenCost)
        self.profit += _sane(row.PositionProfit)
        self.margin += _sane(row.UseMargin)
        self.realized += _sane(row.CloseProfit)
        if row.HedgeFlag in HEDGES and row.Position:
            word = HEDGES[row.HedgeFlag]
            self.hedged[word] = self.hedged.get(word, 0) + row.Position


def _sane(value: float | None) -> float:
    return value if value is not None and abs(value) < 1e300 else 0.0


def to_positions(
    rows: Iterable[PositionRow], *, account: str, now_ns: int, multiplier: Callable[[str], int | None],
    reconciled: bool = False,
) -> tuple[list[Position], int]:  # fmt: skip
    """Return one position per contract and side, and how many rows had no usable name.

    SHFE and INE give two rows a side (today's lots and older ones), the others one; hedge books are summed and
    told apart in ``extra``. YdPosition is yesterday's close and never changes in the day, so it is not the older
    part of what is held now: that is ``quantity - today_quantity``.
    """
    sums: dict[tuple[str, PositionSide], _Sum] = {}
    unusable = 0
    sides = {"1": PositionSide.NET, "2": PositionSide.LONG, "3": PositionSide.SHORT}
    for row in rows:
        symbol = name(row.InstrumentID, row.reserve1)
        if symbol is None:
            unusable += 1
            continue
        side = sides.get(row.PosiDirection, PositionSide.UNKNOWN)
        sums.setdefault((symbol, side), _Sum()).add(row, side)
    positions = []
    for (symbol, side), total in sums.items():
        size = (multiplier(symbol) or 0) * total.quantity
        extra = {key: shown for key, value in (
            ("position_cost", total.cost), ("open_cost", total.open_cost),
        ) if (shown := text(value)) is not None}  # fmt: skip
        extra["yesterday_close_quantity"] = str(total.yd)
        extra.update({f"{word}_quantity": str(count) for word, count in total.hedged.items()})
        positions.append(Position(
            account=account, ts_recv=now_ns, symbol=symbol, side=side, quantity=str(total.quantity),
            available=str(max(0, total.quantity - total.frozen)), today_quantity=str(total.today),
            avg_price=text(total.open_cost / size) if size else None, unrealized_pnl=text(total.profit),
            realized_pnl=text(total.realized), margin=text(total.margin), currency=CURRENCY,
            reconciled=True if reconciled else None, extra=extra,
        ))  # fmt: skip
    return positions, unusable


def to_balance(row: AccountRow, *, account: str, now_ns: int, reconciled: bool = False) -> Balance:
    """Return the account's money; ``total`` and ``equity`` are the counter's Balance, open profit included."""
    frozen = sum(_sane(value) for value in (row.FrozenMargin, row.FrozenCash, row.FrozenCommission))
    named: Mapping[str, float | None] = {
        "pre_balance": row.PreBalance, "close_profit": row.CloseProfit, "position_profit": row.PositionProfit,
        "commission": row.Commission, "deposit": row.Deposit, "withdraw": row.Withdraw,
        "withdraw_quota": row.WithdrawQuota,
    }  # fmt: skip
    extra = {key: shown for key, value in named.items() if (shown := text(value)) is not None}
    return Balance(
        account=account, ts_recv=now_ns, currency=known(row.CurrencyID) or CURRENCY, total=text(row.Balance),
        available=text(row.Available), frozen=text(frozen), equity=text(row.Balance), margin=text(row.CurrMargin),
        reconciled=True if reconciled else None, extra=extra or None,
    )  # fmt: skip


def reason_of(row: OrderRow) -> tuple[Reason, str]:
    """Return why the exchange refused an order: it gives a text and no number."""
    message = label(row.StatusMsg) or "refused by the exchange"
    return codes.reason_of_text(message), message
