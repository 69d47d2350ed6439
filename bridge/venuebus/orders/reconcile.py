"""Asking the venue for the state of an account, and publishing what differs from what the bus says."""

from __future__ import annotations

import asyncio
import time

import structlog
from venuebus_schemas import Fill, Order, OrderStatus, Position, Reason

from ..errors import CommandRejected, RetryableError
from ..venue import LookupPolicy, OrderKey, Snapshot, SupportsLookup, SupportsSnapshot
from .account import Account
from .resolver import Resolver
from .tracker import Tracked, order_key

log = structlog.get_logger("venuebus.reconcile")

OVERLAP_NS = 600 * 1_000_000_000  # fills are asked for again from this long before the newest one known
LOOKUPS_AT_ONCE = 4
SNAPSHOT_TIMEOUT = 120.0  # seconds; a venue's rate limits may stretch a snapshot of many symbols to a minute
LOOKUP_TIMEOUT = 15.0


class Reconciler:
    """Compares accounts with the venue: open orders, fills, positions, balances."""

    def __init__(self, resolver: Resolver, policy: LookupPolicy, *, fills_lookback: float) -> None:
        self.runs = 0
        self.differences = 0
        self._resolver = resolver
        self._policy = policy
        self._lookback_ns = int(fills_lookback * 1e9)
        self._absent: dict[str, int] = {}

    async def run(self, session: object, account: Account) -> int:
        """Ask once and publish what differs, marked ``reconciled``; return how many events that were.

        Raises:
            RetryableError: the venue gave no complete answer.
        """
        if not isinstance(session, SupportsSnapshot):
            account.reconciled = True
            return 0
        started = time.time_ns()
        newest = min(account.last_fill_ns, started)  # a clock that was set back must not hide what comes
        since = newest - OVERLAP_NS if newest else started - self._lookback_ns
        try:
            async with asyncio.timeout(SNAPSHOT_TIMEOUT):
                snapshot = await session.snapshot(account.name, since)
        except TimeoutError as error:
            raise RetryableError(f"no snapshot within {SNAPSHOT_TIMEOUT:g} s", reason=Reason.TIMEOUT) from error
        news = 0
        if snapshot.orders is not None:
            await self._recall(account, snapshot.orders)
        changed = await self._taken_back(session, account, snapshot.fills or [])
        with self._resolver.asking():
            news += self._publish(account, snapshot)
            for order in changed:
                news += account.publish(order, reconciled=True)
        if snapshot.orders is not None:
            news += await self._missing(session, account, snapshot.orders, started)
        account.reconciled = True
        self.runs += 1
        self.differences += news
        return news

    async def _recall(self, account: Account, orders: list[Order]) -> None:
        # An order the process does not remember may stand on the stream: then it is not news, and not foreign.
        for order in orders:
            if account.tracker.match(order) is None:
                data = await account.ledger.read_last("order", order_key(order))
                if data is not None:
                    account.restore("order", data, 0)

    async def _taken_back(self, session: object, account: Account, fills: list[Fill]) -> list[Order]:
        # A voided fill changes an order that is over, and the venue lists open ones only.
        found: dict[str, Order] = {}
        for fill in fills:
            if not fill.voided or account.tracker.knows(fill) or not isinstance(session, SupportsLookup):
                continue
            answer = await session.lookup(
                account.name,
                OrderKey(client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id, symbol=fill.symbol),
            )
            if answer is not None:
                await self._recall(account, [answer.order])
                found[order_key(answer.order)] = answer.order
        return list(found.values())

    def _publish(self, account: Account, snapshot: Snapshot) -> int:
        news = 0
        for order in snapshot.orders or []:
            news += account.publish(order, reconciled=True)
        # Those of ten minutes come again each time: looking at each in full kept the loop for a second every minute.
        fresh = [fill for fill in snapshot.fills or [] if not account.tracker.knows(fill)]
        for fill in sorted(fresh, key=lambda fill: fill.ts_venue or 0):
            news += account.publish(fill, reconciled=True)
        for balance in snapshot.balances or []:
            news += account.publish(balance, reconciled=True)
        if snapshot.positions is not None:
            seen = {f"{position.symbol}/{position.side}" for position in snapshot.positions}
            for position in snapshot.positions:
                news += account.publish(position, reconciled=True)
            for slot, old in list(account.positions.items()):
                if slot not in seen and old.quantity != "0":
                    gone = Position(symbol=old.symbol, side=old.side, quantity="0", ts_recv=time.time_ns())
                    news += account.publish(gone, reconciled=True)
        return news

    async def _missing(self, session: object, account: Account, orders: list[Order], started: int) -> int:
        """Ask one by one for orders that the bus holds open and the venue's list does not."""
        now = time.time_ns()  # what is from the future was told before the clock was set back
        present = {id(tracked) for order in orders if (tracked := account.tracker.match(order)) is not None}
        missing = [
            tracked
            for tracked in account.tracker.open.values()
            if id(tracked) not in present
            and not started <= tracked.order.ts_recv <= now
            and tracked.order.status not in (OrderStatus.PENDING_NEW, OrderStatus.UNKNOWN)
        ]
        if not missing or not isinstance(session, SupportsLookup):
            return 0
        gate = asyncio.Semaphore(LOOKUPS_AT_ONCE)

        async def ask(tracked: Tracked) -> int:
            async with gate:
                return await self._look_up(session, account, tracked)

        return sum(await asyncio.gather(*(ask(tracked) for tracked in missing)))

    async def _look_up(self, session: SupportsLookup, account: Account, tracked: Tracked) -> int:
        order = tracked.order
        key = order_key(order)
        asked = OrderKey(
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            symbol=order.symbol,
            keys=order.extra or {},
            order=order,
        )
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                found = await session.lookup(account.name, asked)
        except (RetryableError, CommandRejected, TimeoutError, OSError) as error:
            log.debug("look-up without an answer", order=key, error=str(error))
            return 0
        with self._resolver.asking():
            if found is not None:
                self._absent.pop(key, None)
                for fill in found.fills:
                    account.publish(fill, reconciled=True)
                found.order.client_order_id = found.order.client_order_id or order.client_order_id
                return int(account.publish(found.order, reconciled=True))
            return self._absent_again(account, tracked, key)

    def _absent_again(self, account: Account, tracked: Tracked, key: str) -> int:
        # "Not found" once may be "not yet": the same number of answers must agree as for an unknown command.
        count = self._absent[key] = self._absent.get(key, 0) + 1
        if count < self._policy.answers:
            return 0
        del self._absent[key]
        order = tracked.order
        status = OrderStatus.CANCELED if self._policy.proves_absence else OrderStatus.UNKNOWN
        gone = Order(
            symbol=order.symbol, side=order.side, order_type=order.order_type, status=status,
            filled_quantity=order.filled_quantity, client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id, reason=Reason.UNKNOWN_ORDER, ts_recv=time.time_ns(),
            text=f"not open at the venue any more: {count} answers agree",
        )  # fmt: skip
        return int(account.publish(gone, reconciled=True))

    @property
    def wants_more(self) -> bool:
        """Tell whether some order was not found and must be asked for again soon."""
        return bool(self._absent)
