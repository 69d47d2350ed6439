"""The contracts of the venue: where each trades and in which steps, as the counter's query tells it."""

from __future__ import annotations

from collections.abc import Callable

from venuebus import CommandRejected, NotSent, RetryableError, VenueContext
from venuebus_schemas import Instrument, Reason

from .cleaning import name
from .config import CtpConfig
from .market import Contract, exchange_of, to_contract, to_instrument
from .messages import InstrumentRow
from .requests import BadField, Filter
from .tickets import VenueRefused
from .trading import TradingLink

ONE_BY_ONE = 8  # so many contracts are asked for singly; for more, one query for all takes less time
BACKGROUND = 9  # the last in the queue of queries


class Contracts:
    """What has been asked for so far. Memory: one small record per contract that was asked for."""

    def __init__(self, ctx: VenueContext[CtpConfig], trading: TradingLink) -> None:
        self._ctx = ctx
        self._trading = trading
        self._known: dict[str, Contract] = {}
        self._guessed: dict[str, str | None] = {}

    def find(self, symbol: str) -> Contract | None:
        """Return a contract that was asked for."""
        return self._known.get(symbol)

    def exchange(self, symbol: str) -> str | None:
        """Return where a contract trades: as the query told it, else as its name tells it."""
        found = self._known.get(symbol)
        if found is not None:
            return found.exchange
        if symbol not in self._guessed:
            self._guessed[symbol] = exchange_of(symbol)
        return self._guessed[symbol]

    def multiplier(self, symbol: str) -> int | None:
        """Return how many units one contract stands for."""
        found = self._known.get(symbol)
        return found.multiplier if found is not None else None

    async def require(self, symbol: str) -> Contract:
        """Return a contract, asking for it if that was not done yet.

        Raises:
            CommandRejected: ``unknown_symbol``. NotSent: it cannot be asked for now.
        """
        if symbol not in self._known:
            try:
                await self.ask(Filter(InstrumentID=symbol), priority=0)
            except BadField as error:
                raise CommandRejected(Reason.UNKNOWN_SYMBOL, str(error)) from error
            except (RetryableError, VenueRefused) as error:
                raise NotSent(f"the contract {symbol} cannot be asked for: {error}") from error
        found = self._known.get(symbol)
        if found is None:
            raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"the counter knows no contract {symbol} (case matters)")
        return found

    async def ask(self, filters: Filter, *, priority: int) -> list[Instrument]:
        """Ask for contracts, remember and return them; rows without a usable name are kept as dead letters.

        Raises:
            RetryableError: no complete answer. VenueRefused: the counter refuses the query.
        """
        now = self._ctx.now_ns()
        found = []
        for row in await self._trading.queries.rows("ReqQryInstrument", InstrumentRow, filters, priority=priority):
            instrument, contract = to_instrument(row, now), to_contract(row)
            if instrument is None:
                self._trading.queries.unreadable(
                    repr(row).encode("utf-8", "replace"), "a contract without a usable name"
                )
                continue
            if contract is not None:
                self._known[instrument.symbol] = contract
            found.append(instrument)
        return found

    async def load(self, symbols: list[str], *, all_of_them: bool, priority: int = BACKGROUND) -> list[str]:
        """Ask for ``symbols`` (or for everything), publish the instruments, return the names nobody knows.

        Raises:
            RetryableError: no complete answer. VenueRefused: the counter refuses the query.
        """
        missing = [symbol for symbol in symbols if symbol not in self._known]
        wanted = set(symbols)
        publish: Callable[[Instrument], None] = self._ctx.publish
        if all_of_them or len(missing) > ONE_BY_ONE:
            for instrument in await self.ask(Filter(), priority=priority):
                if all_of_them or instrument.symbol in wanted:
                    publish(instrument)
        else:
            for symbol in missing:
                for instrument in await self.ask(Filter(InstrumentID=symbol), priority=priority):
                    if instrument.symbol == symbol:
                        publish(instrument)
        return [symbol for symbol in symbols if symbol not in self._known]


def is_name(symbol: str) -> bool:
    """Tell whether a text can be a contract's name at all."""
    return name(symbol) == symbol and len(symbol) <= 80
