"""The book of one symbol: synthetic levels and users' resting orders on one price ladder.

Prices are counted in whole ticks, so looking a level up is integer work; sizes stay `Decimal`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal
from itertools import takewhile

from .model import ZERO, Buy, Market, SimOrder

Level = tuple[Decimal, Decimal]


class Side:
    """One side of a book. ``ladder`` holds every price that has anything, ascending, in ticks."""

    __slots__ = ("_sign", "ladder", "resting", "synthetic")

    def __init__(self, side: Buy) -> None:
        self.synthetic: dict[int, Decimal] = {}
        self.resting: dict[int, dict[str, SimOrder]] = {}
        self.ladder: list[int] = []
        self._sign = -1 if side == "buy" else 0

    def best(self) -> int | None:
        """Price that is served first, in ticks."""
        return self.ladder[self._sign] if self.ladder else None

    def size(self, price: int) -> Decimal:
        """Everything at ``price``."""
        size = self.synthetic.get(price, ZERO)
        orders = self.resting.get(price)
        return size + sum((order.leaves for order in orders.values()), ZERO) if orders else size

    def set(self, price: int, size: Decimal) -> None:
        """Put ``size`` of synthetic liquidity at ``price``; 0 takes it away."""
        if size > 0:
            if price not in self.synthetic and price not in self.resting:
                insort(self.ladder, price)
            self.synthetic[price] = size
        elif self.synthetic.pop(price, None) is not None:
            self._drop(price)

    def rest(self, price: int, order: SimOrder) -> None:
        """Queue a user's order behind the others at ``price``."""
        queue = self.resting.get(price)
        if queue is None:
            if price not in self.synthetic:
                insort(self.ladder, price)
            queue = self.resting[price] = {}
        queue[order.order_id] = order

    def remove(self, price: int, order: SimOrder) -> bool:
        """Take a user's order off ``price``; tell whether it was there."""
        queue = self.resting.get(price)
        if queue is None or queue.pop(order.order_id, None) is None:
            return False
        if not queue:
            del self.resting[price]
            self._drop(price)
        return True

    def best_first(self) -> list[int]:
        """Every price, the best one first."""
        return self.ladder[::-1] if self._sign else list(self.ladder)

    def _drop(self, price: int) -> None:
        if price not in self.synthetic and price not in self.resting:
            del self.ladder[bisect_left(self.ladder, price)]


class Book:
    """Both sides of one market, with synthetic liquidity laid out around the market's ``mid``."""

    __slots__ = ("_eaten", "_market", "_mid", "asks", "bids", "changed", "checked")

    def __init__(self, market: Market) -> None:
        self.bids = Side("buy")
        self.asks = Side("sell")
        self.changed = False
        self.checked: Decimal | None = None  # the last price at which no waiting order fired
        self._market = market
        self._mid = self.ticks(market.mid)
        self._eaten: set[tuple[Buy, int]] = set()
        for distance in range(1, market.depth + 1):
            size = market.level_size * distance
            self.bids.set(self._mid - distance, size)
            self.asks.set(self._mid + distance, size)

    def ticks(self, price: Decimal) -> int:
        """Return ``price`` in ticks, rounded down."""
        return int(price // self._market.tick)

    def price(self, ticks: int) -> Decimal:
        """Return the price of ``ticks``."""
        return ticks * self._market.tick

    def side(self, side: Buy) -> Side:
        """Orders and liquidity that buy, or that sell."""
        return self.bids if side == "buy" else self.asks

    def visible(self, side: Buy, depth: int) -> list[Level]:
        """(price, size) of the best ``depth`` levels, best first."""
        half = self.side(side)
        ladder = half.ladder[-depth:][::-1] if side == "buy" else half.ladder[:depth]
        synthetic, resting = half.synthetic, half.resting
        tick = self._market.tick
        return [(price * tick, half.size(price) if price in resting else synthetic[price]) for price in ladder]

    def take(self, side: Buy, price: int, quantity: Decimal) -> None:
        """Eat synthetic liquidity; what is eaten whole comes back with the next `move`."""
        half = self.side(side)
        rest = half.synthetic[price] - quantity
        half.set(price, rest)
        if rest <= 0:
            self._eaten.add((side, price))
        self.changed = True

    def move(self) -> None:
        """Follow the market's ``mid``: levels leave at one end of each side, come at the other, eaten ones are back.

        Work and memory are bound by the distance moved and by ``depth``, whatever the history.
        """
        old, new = self._mid, self.ticks(self._market.mid)
        depth = self._market.depth
        self._mid = new
        sides: tuple[tuple[Buy, range, range], ...] = (
            ("buy", range(old - depth, old), range(new - depth, new)),
            ("sell", range(old + 1, old + depth + 1), range(new + 1, new + depth + 1)),
        )
        for side, before, after in sides:
            half = self.side(side)
            gone = _without(before, after)
            for price in gone:
                half.set(price, ZERO)
            fresh = _without(after, before)
            fresh += [price for name, price in self._eaten if name == side and price in after]
            for price in fresh:
                half.set(price, self._market.level_size * abs(price - new))
            self.changed = self.changed or bool(gone or fresh)
        self._eaten.clear()

    def churn(self, side: Buy, distance: int, times: int) -> None:
        """Give the synthetic level ``distance`` ticks from ``mid`` another size, if it is there."""
        price = self._mid - distance if side == "buy" else self._mid + distance
        half = self.side(side)
        if price in half.synthetic:
            half.set(price, self._market.level_size * times)
            self.changed = True

    # --- questions about an order ---------------------------------------------------------------------------

    def available(self, order: SimOrder) -> Decimal:
        """All that ``order`` could trade with now, within its price."""
        half = self.side(other_side(order.side))
        prices = takewhile(lambda level: reaches(order, self.price(level)), half.best_first())
        return sum((half.size(level) for level in prices), ZERO)

    def crosses(self, order: SimOrder, price: Decimal | None = None) -> bool:
        """Tell whether ``order``, at ``price`` if given, would trade at once."""
        best = self.side(other_side(order.side)).best()
        limit = price if price is not None else order.price
        if best is None or limit is None:
            return best is not None
        return self.price(best) <= limit if order.side == "buy" else self.price(best) >= limit

    def affordable(self, order: SimOrder) -> Decimal:
        """Whole lots that ``quote_quantity`` pays for in the book as it is (of a waiting order: at its trigger)."""
        lot = self._market.lot
        money = order.quote_quantity or ZERO
        if order.trigger_price is not None and not order.triggered:
            return money / order.trigger_price // lot * lot
        half = self.side(other_side(order.side))
        bought = ZERO
        for level in half.best_first():
            price, size = self.price(level), half.size(level)
            if not reaches(order, price):
                break
            quantity = min(size, money / price // lot * lot)
            bought += quantity
            money -= quantity * price
            if quantity < size:
                break
        return bought


def other_side(side: Buy) -> Buy:
    """Return the side that ``side`` trades with."""
    return "sell" if side == "buy" else "buy"


def reaches(order: SimOrder, price: Decimal) -> bool:
    """Tell whether ``order`` may trade at ``price``."""
    if order.price is None:
        return True
    return price <= order.price if order.side == "buy" else price >= order.price


def _without(whole: range, part: range) -> list[int]:
    return [*range(whole.start, min(whole.stop, part.start)), *range(max(whole.start, part.stop), whole.stop)]
