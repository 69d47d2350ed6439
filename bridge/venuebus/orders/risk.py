"""Built-in limits on what may be sent, configured per venue. Each refusal says which limit and by how much."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal

from venuebus_schemas import Amend, AnyCommand, Order, Quote, Reason, Side, Submit

from ..errors import CommandRejected
from ..venue import VenueConfig


class RiskLimits:
    """An interceptor that runs first: symbols, quantity, notional, distance from the market, orders per second."""

    name = "risk limits"
    order = -1000

    def __init__(
        self,
        config: VenueConfig,
        last_quote: Callable[[str], Quote | None],
        find_order: Callable[[str, Amend], Order | None] = lambda account, command: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._symbols = frozenset(config.allowed_symbols) if config.allowed_symbols is not None else None
        self._quantity = _decimal(config.max_quantity)
        self._notional = _decimal(config.max_notional)
        self._collar = _decimal(config.price_collar)
        self._rate = config.max_orders_per_second
        self._quote = last_quote
        self._find = find_order
        self._clock = clock
        self._recent: deque[float] = deque()

    @property
    def is_active(self) -> bool:
        """Tell whether any limit is configured."""
        limits = (self._symbols, self._quantity, self._notional, self._collar, self._rate)
        return any(limit is not None for limit in limits)

    @property
    def needs_quotes(self) -> bool:
        """Tell whether a limit compares with the market."""
        return self._collar is not None or self._notional is not None

    def check(self, command: AnyCommand, venue: str, account: str) -> None:
        """Refuse a submit or amend that breaks a limit.

        Raises:
            CommandRejected: ``risk``.
        """
        if isinstance(command, Submit):
            if self._symbols is not None and command.symbol not in self._symbols:
                raise _refusal(
                    f"symbol {command.symbol} is not among allowed_symbols ({', '.join(sorted(self._symbols))})"
                )
            self._check_numbers(
                command.symbol, command.side, command.quantity, command.quote_quantity, command.price,
                command.trigger_price,
            )  # fmt: skip
            self._check_rate()
        elif isinstance(command, Amend):
            self._check_amend(command, self._find(account, command))

    def _check_amend(self, command: Amend, order: Order | None) -> None:
        # An amend names what changes; the limits are about the order that it would make.
        if order is None:
            self._check_numbers(
                command.symbol or "", None, command.quantity, None, command.price, command.trigger_price
            )
            return
        changed = command.price is not None
        self._check_numbers(
            order.symbol, order.side, command.quantity or order.quantity, None, command.price or order.price,
            command.trigger_price or order.trigger_price, collar=changed,
        )  # fmt: skip

    def _check_numbers(
        self, symbol: str, side: Side | None, quantity: str | None, quote_quantity: str | None, price: str | None,
        trigger: str | None, *, collar: bool = True,
    ) -> None:  # fmt: skip
        if self._quantity is not None and quantity is not None and Decimal(quantity) > self._quantity:
            over = Decimal(quantity) - self._quantity
            raise _refusal(f"quantity {quantity} is over max_quantity {self._quantity:f} by {over:f}")
        if self._notional is not None:
            self._check_notional(symbol, side, quantity, quote_quantity, price, trigger)
        if collar and self._collar is not None and price is not None and side is not None:
            reference = self._reference(symbol, side)
            if reference is None:
                raise _refusal(f"price_collar: no quote of {symbol} to compare {price} with")
            away, allowed = abs(Decimal(price) - reference), abs(reference) * self._collar  # spreads trade below 0
            if away > allowed:
                raise _refusal(
                    f"price {price} is {away:f} away from {reference:f}, "
                    f"over price_collar {self._collar:f} ({allowed:f}) by {away - allowed:f}"
                )

    def _check_notional(
        self, symbol: str, side: Side | None, quantity: str | None, quote_quantity: str | None, price: str | None,
        trigger: str | None,
    ) -> None:  # fmt: skip
        assert self._notional is not None
        value: Decimal | None = None
        if quote_quantity is not None:
            value = Decimal(quote_quantity)
        elif quantity is not None:
            at = Decimal(price) if price is not None else self._reference(symbol, side or Side.BUY)
            if price is None and trigger is not None:  # a stop trades where it fires, which may be far from here
                at = max(abs(at or Decimal(0)), abs(Decimal(trigger)))
            if at is None:
                raise _refusal(f"max_notional: no quote of {symbol} to value a market order with")
            value = Decimal(quantity) * abs(at)
        if value is not None and value > self._notional:
            over = value - self._notional
            raise _refusal(f"notional {value:f} is over max_notional {self._notional:f} by {over:f}")

    def _reference(self, symbol: str, side: Side) -> Decimal | None:
        quote = self._quote(symbol)
        if quote is None:
            return None
        text = (quote.ask or quote.bid) if side is Side.BUY else (quote.bid or quote.ask)
        return Decimal(text) if text and Decimal(text) else None

    def _check_rate(self) -> None:
        if self._rate is None:
            return
        now = self._clock()
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
        if len(self._recent) >= self._rate:
            raise _refusal(f"max_orders_per_second {self._rate:g} is reached ({len(self._recent)} in the last second)")
        self._recent.append(now)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _refusal(text: str) -> CommandRejected:
    return CommandRejected(Reason.RISK, text)
