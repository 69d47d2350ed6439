"""``qry`` requests that only OpenD can answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from venuebus import CommandRejected, RetryableError, VenueContext
from venuebus_schemas import Query, Reason

from . import messages, names
from .accounts import Account
from .config import FutuConfig
from .doubles import number, text
from .feed import Feed
from .link import Link
from .pb import trade_pb2
from .state import State
from .symbols import SECTION, split

_DAY = 86_400 * 1_000_000_000


class Queries:
    """Answers by name; ``params`` of the request hold what the common fields do not."""

    def __init__(self, ctx: VenueContext[FutuConfig], link: Link, state: State, feed: Feed, timeout: float) -> None:
        self._ctx = ctx
        self._link = link
        self._state = state
        self._feed = feed
        self._timeout = timeout

    async def answer(self, account: Callable[[], Account], what: str, request: Query) -> list[Any]:
        """Return the items of the reply.

        Raises:
            CommandRejected: no such query, a field is missing, or OpenD says no.
        """
        more = request.params or {}
        try:
            if what == "instruments":
                symbols = (
                    [request.symbol] if request.symbol else list(more.get("symbols") or self._feed.subscriptions())
                )
                return await self._feed.instruments(symbols)
            if what == "book":
                return [await self._feed.book(_symbol(request), int(more.get("depth", 10)))]
            if what == "subscriptions":
                return [{"symbol": s, "market_data": kinds} for s, kinds in self._feed.subscriptions().items()]
            if what == "order_history":
                begin, end = self._span(more)
                orders = await self._state.order_history(account(), begin, end)
                return [order for order in orders if request.symbol in (None, order.symbol)]
            if what == "fill_history":
                begin, end = self._span(more)
                fills = await self._state.fill_history(account(), begin, end)
                return [fill for fill in fills if request.symbol in (None, fill.symbol)]
            if what == "max_quantity":
                return [await self._max_quantity(account(), request, more)]
            if what == "order_fees":
                return await self._fees(account(), more)
        except RetryableError as error:
            raise CommandRejected(Reason.NOT_CONNECTED, str(error)) from error
        except (TypeError, ValueError) as error:
            raise CommandRejected(Reason.INVALID, str(error)) from error
        raise CommandRejected(Reason.UNSUPPORTED, f"no query {what}")

    def _span(self, more: dict[str, Any]) -> tuple[int, int]:
        now = self._ctx.now_ns()
        return int(more.get("begin_ns", now - 7 * _DAY)), int(more.get("end_ns", now))

    async def _max_quantity(self, account: Account, request: Query, more: dict[str, Any]) -> dict[str, str]:
        prefix, code = split(_symbol(request))
        kind = names.NATIVE_ORDER_TYPES.get(str(more.get("order_type", "NORMAL")))
        if kind is None:
            raise CommandRejected(Reason.INVALID, f"params.order_type: {more['order_type']!r} is not known")
        await self._ctx.limits.acquire("max_quantity", key=account.alias)
        c2s = trade_pb2.GetMaxTrdQtys.C2S(
            header=account.header(), orderType=kind, code=code, price=number(str(more.get("price", "0"))),
            secMarket=SECTION[prefix],
        )  # fmt: skip
        s2c = await self._link.ask(messages.MAX_QUANTITIES, c2s, self._timeout)
        return {field.name: text(value) for field, value in s2c.maxTrdQtys.ListFields() if isinstance(value, float)}

    async def _fees(self, account: Account, more: dict[str, Any]) -> list[dict[str, Any]]:
        ids = [str(order_id) for order_id in more.get("order_ids") or ()]
        if not ids:
            raise CommandRejected(Reason.INVALID, "params.order_ids: a list of orderIDEx expected")
        await self._ctx.limits.acquire("order_fees", key=account.alias)
        c2s = trade_pb2.GetOrderFee.C2S(header=account.header(), orderIdExList=ids)
        s2c = await self._link.ask(messages.ORDER_FEES, c2s, self._timeout)
        return [
            {
                "venue_order_id": fee.orderIDEx,
                "fee": text(fee.feeAmount) if fee.HasField("feeAmount") else None,
                "items": {item.title: text(item.value) for item in fee.feeList},
            }
            for fee in s2c.orderFeeList
        ]


def _symbol(request: Query) -> str:
    if not request.symbol:
        raise CommandRejected(Reason.INVALID, "symbol expected")
    return request.symbol
