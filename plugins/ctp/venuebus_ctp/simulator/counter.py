"""The counter behind the gateway: checks, matching, positions, and each exchange's own sequence of reports."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from venuebus.simulation import Market, MatchingEngine, OrderRefused, SimFill, SimOrder, SimTrade

from ..ordering import TRIGGERS
from . import rows
from .rows import CONTRACTS, Held, Row, SimAccount, SimContract

SPLIT = ("SHFE", "INE")
END_BEFORE_TRADE = ("SHFE", "INE", "CFFEX")  # a killed FAK ends before its trades are told
ABOVE = {TRIGGERS[name] for name in ("last_gt", "last_ge", "ask_gt", "ask_ge", "bid_gt", "bid_ge", "exchange_profit")}
Report = tuple[str, Row]


class CounterRefused(Exception):
    """The counter refuses: nothing happened."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class Counter:
    """Accounts, orders, trades and positions of all exchanges.

    ``push`` is called with every report of an account, in order: ``("order", row)`` and ``("trade", row)``.
    """

    def __init__(
        self, push: Callable[[str, Report], None], *, now_ns: Callable[[], int], seed: int = 1,
        contracts: tuple[SimContract, ...] = CONTRACTS,
    ) -> None:  # fmt: skip
        self.contracts = {contract.symbol: contract for contract in contracts}
        self.accounts: dict[str, SimAccount] = {}
        self.orders: list[Row] = []
        self.trades: list[Row] = []
        self.repeats = True
        self.exchange_silent = False
        self.inserts = 0
        self._push = push
        self._now = now_ns
        self._sys_ids = itertools.count(100_001)
        self._trade_ids = itertools.count(5001)
        self._made_refs = itertools.count(1)
        self._conditional = itertools.count(1)
        self._fresh: dict[str, list[tuple[str, SimFill | None]]] = {}
        self.engine = MatchingEngine(
            [
                Market(c.symbol, Decimal(c.tick), Decimal(1), Decimal(c.mid), level_size=Decimal(2), depth=10)
                for c in contracts
            ],
            self,
            now_ns=now_ns,
            seed=seed,
        )
        self._opening = {symbol: float(market.mid) for symbol, market in self.engine.markets.items()}

    def stamp(self) -> rows.Stamp:
        """Trading day and clock now."""
        return rows.stamp(self._now())

    # --- orders ---------------------------------------------------------------------------------------------

    def insert(self, user: str, order: Row, front: int, session: int, used_refs: set[int], request_id: int) -> None:
        """Take one order and tell its reports.

        Raises:
            CounterRefused: refused by the counter itself, before any exchange.
        """
        account = self.accounts[user]
        contract = self._check(account, order, used_refs)
        ref = order["OrderRef"]
        if ref:
            used_refs.add(int(ref))
        else:
            order = {**order, "OrderRef": f"{next(self._made_refs):>12}"}
        self.inserts += 1
        row = rows.order_row(order, account, front, session, self.stamp(), request_id)
        self.orders.append(row)
        self._report(user, row)
        if self.exchange_silent:
            return
        if contract.exchange in END_BEFORE_TRADE and self.repeats:
            self._report(user, row)
        refusal = self._exchange_refuses(contract, row)
        if refusal is not None:
            self._refuse(user, row, refusal)
            return
        self._freeze(account, row, int(row["VolumeTotalOriginal"]))
        self._to_exchange(user, contract, row)

    def _check(self, account: SimAccount, order: Row, used_refs: set[int]) -> SimContract:
        contract = self.contracts.get(order["InstrumentID"])
        if contract is None:
            raise CounterRefused(16, "CTP:找不到合约")
        if not account.settled:
            account.settled = True  # the gateway's own confirmation arrives a moment later
            raise CounterRefused(42, "CTP:结算结果未确认")
        if order["ExchangeID"] != contract.exchange:
            raise CounterRefused(148, "CTP:交易所不匹配")
        ref = order["OrderRef"].strip()
        if ref and (not ref.isdigit() or int(ref) <= max(used_refs, default=0)):
            raise CounterRefused(22, "CTP:不允许重复报单")
        if order["OrderPriceType"] != "2" and contract.exchange in SPLIT:
            raise CounterRefused(80, "CTP:不支持的价格类型")
        if order["VolumeTotalOriginal"] <= 0:
            raise CounterRefused(15, "CTP:报单字段有误")
        if order["CombOffsetFlag"] == "0":
            need = (order["LimitPrice"] or self._opening[contract.symbol]) * order["VolumeTotalOriginal"]
            if need * contract.multiplier * 0.1 > self._available(account):
                raise CounterRefused(31, "CTP:资金不足")
        else:
            self._check_close(account, contract, order)
        return contract

    def _check_close(self, account: SimAccount, contract: SimContract, order: Row) -> None:
        held = account.held.get((contract.symbol, "2" if order["Direction"] == "1" else "3"), Held())
        volume, flag = order["VolumeTotalOriginal"], order["CombOffsetFlag"]
        if contract.exchange in SPLIT:
            if flag == "3" and held.today - held.frozen_today < volume:
                raise CounterRefused(50, "CTP:平今仓位不足")
            if flag != "3" and held.older - held.frozen_older < volume:
                raise CounterRefused(51, "CTP:平昨仓位不足")
        elif held.total - held.frozen_today - held.frozen_older < volume:
            raise CounterRefused(30, "CTP:平仓量超过持仓量")

    def _exchange_refuses(self, contract: SimContract, row: Row) -> str | None:
        if row["OrderPriceType"] != "2":
            return None
        tick, price = Decimal(contract.tick), Decimal(repr(row["LimitPrice"]))
        if price % tick:
            if contract.exchange != "CZCE":
                return "价格非最小单位倍数"
            row["LimitPrice"] = float(price // tick * tick)
        opening = self._opening[contract.symbol]
        if abs(row["LimitPrice"] - opening) > opening * 0.1:
            return "价格超出涨跌停板"
        return None

    def _to_exchange(self, user: str, contract: SimContract, row: Row) -> None:
        conditional = row["ContingentCondition"] != "1"
        number = next(self._conditional) if conditional else next(self._sys_ids)
        row["OrderSysID"] = f"TJBD_{number}" if conditional else f"{number:>12}"
        row["OrderLocalID"] = f"{number:>12}"
        market = row["OrderPriceType"] != "2"
        order = SimOrder(
            order_id=f"{contract.exchange}:{row['OrderSysID']}", owner=user, symbol=contract.symbol,
            side="buy" if row["Direction"] == "0" else "sell", quantity=Decimal(row["VolumeTotalOriginal"]),
            price=None if market else Decimal(repr(row["LimitPrice"])),
            trigger_price=Decimal(repr(row["StopPrice"])) if conditional else None,
            trigger_above=_above(row) if conditional else None,
            immediate=row["TimeCondition"] == "1", all_or_none=row["VolumeCondition"] == "3", tag=row,
        )  # fmt: skip
        events = self._fresh[order.order_id] = []
        try:
            self.engine.submit(order)
        except OrderRefused as error:
            self._refuse(user, row, str(error))
            return
        finally:
            del self._fresh[order.order_id]
        self._tell_first(user, contract.exchange, row, order, [fill for _, fill in events if fill is not None])

    def _tell_first(self, user: str, exchange: str, row: Row, order: SimOrder, fills: list[SimFill]) -> None:
        if order.trigger_price is not None:
            row.update(OrderStatus="b", StatusMsg="条件单等待触发")
            self._report(user, row)
            if not order.triggered:
                return
            row = self._trigger(user, order)
        killed = order.state == "canceled"
        queued = exchange in ("DCE", "GFEX", "CZCE") or (not fills and not killed)
        if queued and not (killed and not fills and exchange != "CZCE"):
            row.update(OrderStatus="3", OrderSubmitStatus="3", StatusMsg="未成交")
            self._report(user, row)
            if exchange == "CZCE" and self.repeats:
                self._report(user, row)
        if killed and (exchange in END_BEFORE_TRADE or not fills):
            traded = sum(int(fill.quantity) for fill in fills)
            row.update(VolumeTraded=traded, VolumeTotal=row["VolumeTotalOriginal"] - traded)
            self._end(user, row)
            if traded and self.repeats:
                self._report(user, row)
            for fill in fills:
                self._trade(user, row, fill)
            return
        for fill in fills:
            self._traded(user, row, fill)
        if killed:
            self._end(user, row)

    def cancel(self, user: str, action: Row) -> None:
        """Cancel one order.

        Raises:
            CounterRefused: not found, over already, or not yet cancelable.
        """
        row = self._find(user, action)
        if row is None:
            raise CounterRefused(25, "CTP:撤单找不到相应报单")
        if row["OrderStatus"] in ("0", "5", "c"):
            raise CounterRefused(26, "CTP:报单已全成交或已撤销，不能再撤")
        order_id = f"{row['ExchangeID']}:{row['OrderSysID']}"
        if row["OrderStatus"] == "a" and row["ExchangeID"] == "CZCE":
            raise CounterRefused(157, "CTP:报单未到交易所，不能撤单")
        if self.repeats:
            self._report(user, row)
        if order_id in self.engine.orders and self.engine.orders[order_id].is_open:
            self.engine.cancel(order_id)
        else:
            self._end(user, row)

    def _find(self, user: str, action: Row) -> Row | None:
        for row in reversed(self.orders):
            if row["UserID"] != user:
                continue
            if action.get("OrderSysID"):
                if (row["OrderSysID"], row["ExchangeID"]) == (action["OrderSysID"], action["ExchangeID"]):
                    return row
            elif (row["FrontID"], row["SessionID"], row["OrderRef"]) == (
                action.get("FrontID"), action.get("SessionID"), action.get("OrderRef"),
            ):  # fmt: skip
                return row
        return None

    # --- what the engine says -------------------------------------------------------------------------------

    def on_order(self, order: SimOrder) -> None:
        """Tell a cancel or a trigger; fills are told by `on_fill`."""
        if order.order_id in self._fresh:
            return
        row: Row = order.tag
        user = order.owner
        if order.triggered and row["OrderStatus"] == "b":
            row = self._trigger(user, order)
            row.update(OrderStatus="3", OrderSubmitStatus="3")
            self._report(user, row)
        elif order.state == "canceled" and row["OrderStatus"] != "5":
            self._end(user, row)

    def _trigger(self, user: str, order: SimOrder) -> Row:
        """End the conditional order and report the one that follows it, which is another order to CTP."""
        parent: Row = order.tag
        parent.update(OrderStatus="c", StatusMsg="条件单已触发")
        self._report(user, parent)
        child = order.tag = self._child(parent)
        self._report(user, child)
        child["OrderSysID"] = f"{next(self._sys_ids):>12}"
        return child

    def _child(self, parent: Row) -> Row:
        child = dict(
            parent, OrderRef=f"{next(self._made_refs):>12}", FrontID=0, SessionID=0, OrderSysID="", OrderStatus="a",
            OrderSubmitStatus="0", ContingentCondition="1", RelativeOrderSysID=parent["OrderSysID"],
            StatusMsg="报单已提交",
        )  # fmt: skip
        self.orders.append(child)
        return child

    def on_fill(self, fill: SimFill) -> None:
        """Tell a fill of an order that was resting."""
        events = self._fresh.get(fill.order.order_id)
        if events is not None:
            events.append(("fill", fill))
            return
        row: Row = fill.order.tag
        if self.repeats:
            self._report(fill.order.owner, row)
        self._traded(fill.order.owner, row, fill)

    def on_trade(self, trade: SimTrade) -> None:
        """Nobody hears of single public trades at CTP."""

    def on_book(self, symbol: str) -> None:
        """Ticks are snapshots, taken by the gateway's feed."""

    def _traded(self, user: str, row: Row, fill: SimFill) -> None:
        traded = row["VolumeTraded"] + int(fill.quantity)
        left = row["VolumeTotalOriginal"] - traded
        row.update(VolumeTraded=traded, VolumeTotal=left, OrderStatus="1" if left else "0",
                   StatusMsg="部分成交" if left else "全部成交报单已提交", UpdateTime=self.stamp().clock)  # fmt: skip
        self._report(user, row)
        self._trade(user, row, fill)

    def _trade(self, user: str, row: Row, fill: SimFill) -> None:
        number = next(self._trade_ids)
        trade_id = f"{number:>16}" if row["ExchangeID"] == "CZCE" else f"{number:>12}"
        trade = rows.trade_row(row, trade_id, float(fill.price), int(fill.quantity), self.stamp())
        self.trades.append(trade)
        self._hold(self.accounts[user], row, fill)
        self._push(user, ("trade", dict(trade)))

    def _end(self, user: str, row: Row) -> None:
        left = row["VolumeTotalOriginal"] - row["VolumeTraded"]
        row.update(OrderStatus="5", VolumeTotal=left, StatusMsg="已撤单", CancelTime=self.stamp().clock)
        self._freeze(self.accounts[user], row, -left)
        self._report(user, row)

    def _refuse(self, user: str, row: Row, why: str) -> None:
        row.update(OrderStatus="5", OrderSubmitStatus="4", StatusMsg=f"已撤单报单被拒绝{row['ExchangeID']}:{why}")
        self._report(user, row)

    def _report(self, user: str, row: Row) -> None:
        self._push(user, ("order", dict(row)))

    # --- positions and money --------------------------------------------------------------------------------

    def _side(self, account: SimAccount, row: Row) -> Held:
        opening = row["CombOffsetFlag"] == "0"
        long_side = (row["Direction"] == "0") == opening
        return account.held.setdefault((row["InstrumentID"], "2" if long_side else "3"), Held())

    def _freeze(self, account: SimAccount, row: Row, volume: int) -> None:
        if row["CombOffsetFlag"] == "0":
            return
        held = self._side(account, row)
        if row["CombOffsetFlag"] == "3" and row["ExchangeID"] in SPLIT:
            held.frozen_today += volume
        else:
            held.frozen_older += volume

    def _hold(self, account: SimAccount, row: Row, fill: SimFill) -> None:
        contract, volume = self.contracts[row["InstrumentID"]], int(fill.quantity)
        held = self._side(account, row)
        value = float(fill.price) * volume * contract.multiplier
        account.commission += 3.0 * volume
        if row["CombOffsetFlag"] == "0":
            held.today += volume
            held.cost += value
            return
        average = held.cost / held.total if held.total else 0.0
        held.cost -= average * volume
        profit = value - average * volume
        held.profit += profit if row["Direction"] == "1" else -profit
        self._freeze(account, row, -volume)
        if row["CombOffsetFlag"] == "3":
            held.today -= volume
        else:
            older = min(held.older, volume)
            held.older -= older
            held.today -= volume - older

    def last(self, symbol: str) -> float:
        """Last price of a contract."""
        return float(self.engine.markets[symbol].last)

    def _available(self, account: SimAccount) -> float:
        return account.balance - account.commission - self._margin(account)

    def _margin(self, account: SimAccount) -> float:
        return sum(
            self.last(symbol) * held.total * self.contracts[symbol].multiplier * 0.1
            for (symbol, _), held in account.held.items()
        )

    # --- what can be asked ----------------------------------------------------------------------------------

    def positions(self, user: str) -> list[Row]:
        """Position rows of an account; rows of closed positions stay for the day."""
        account = self.accounts[user]
        found = []
        for (symbol, side), held in account.held.items():
            contract = self.contracts[symbol]
            found += rows.position_rows(account, contract, side, held, self.stamp(), self.last(symbol))
        return found

    def money(self, user: str) -> Row:
        """The account row."""
        account = self.accounts[user]
        profit = sum(row["PositionProfit"] for row in self.positions(user))
        return rows.account_row(account, self._margin(account), profit, self.stamp())

    def depth(self, symbol: str) -> Row:
        """The tick of a contract now."""
        contract, market = self.contracts[symbol], self.engine.markets[symbol]
        bids, asks = self.engine.book(symbol, 5)
        none: list[tuple[Any, Any]] = [(0.0, 0)] * 5
        levels = [(float(p), int(s)) for p, s in (bids + none)[:5]] + [(float(p), int(s)) for p, s in (asks + none)[:5]]
        opening = self._opening[symbol]
        prices: Row = {
            "last": float(market.last), "open": float(market.open), "high": float(market.high),
            "low": float(market.low), "volume": int(market.volume),
            "turnover": float(market.turnover) * contract.multiplier, "pre": opening,
            "up": round(opening * 1.1, 2), "down": round(opening * 0.9, 2),
        }  # fmt: skip
        return rows.depth_row(contract, self.stamp(), prices, levels)


def _above(row: Row) -> bool:
    condition = row["ContingentCondition"]
    return row["Direction"] == "0" if condition == TRIGGERS["exchange_stop"] else condition in ABOVE
