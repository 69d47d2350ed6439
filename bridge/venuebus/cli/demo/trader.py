"""The demo's trader: an ordinary client of the bus that places, amends and cancels a few small orders."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import count
from math import gcd
from typing import Any

from venuebus_schemas import (
    AnyCommand,
    Instrument,
    OrderType,
    PositionEffect,
    Quote,
    Reason,
    Result,
    ResultStatus,
    TimeInForce,
    Verb,
    plain,
)

from ...client import Client, new_id
from ...errors import BusError
from ...venue import Capabilities
from ..send import build
from .board import Board

PAUSE = 1.2  # seconds between two steps: slow enough to be followed by eye
ANSWER = 20.0
GRID = 10**9  # the finest price step that is looked for
AWAY = 5  # ticks from the best price for an order that should rest


class Trader:
    """Trades at one venue, one order after the other, with the prices that it sees on the bus."""

    def __init__(self, client: Client, board: Board, venue: str, account: str, offers: Capabilities) -> None:
        self._client = client
        self._board = board
        self._venue = venue
        self._account = account
        self._offers = offers
        self._instruments: dict[str, Instrument] = {}
        self._grid: dict[str, int] = {}
        self._amends = Verb.AMEND in offers.verbs

    def hear(self, event: Any) -> None:
        """Take an event of the bus: steps and prices to trade with."""
        if isinstance(event, Instrument) and event.venue == self._venue:
            self._instruments[event.symbol] = event
        elif isinstance(event, Quote) and event.venue == self._venue:
            for price in filter(None, (event.bid, event.ask)):
                self._grid[event.symbol] = gcd(self._grid.get(event.symbol, 0), int(Decimal(price) * GRID))

    async def run(self) -> None:
        """Trade until canceled. A step that fails is seen on the screen, and the next round goes on."""
        await self._learn()
        for number in count():
            quote = await self._quote(number)
            try:
                await self._rest_amend_cancel(quote)
                await self._trade(quote.symbol, "buy", PositionEffect.OPEN)
                await self._trade(quote.symbol, "sell", PositionEffect.CLOSE_TODAY)
                if number % 3 == 2:
                    await self._send(Verb.SUBMIT, {**self._order("NO-SUCH-SYMBOL", "buy"), "price": "1"})
            except BusError:
                await asyncio.sleep(PAUSE)

    # --- steps ----------------------------------------------------------------------------------------------

    async def _rest_amend_cancel(self, quote: Quote) -> None:
        price = self._away(quote, AWAY)
        placed = await self._send(Verb.SUBMIT, {**self._order(quote.symbol, "buy"), "price": price})
        if placed.status is not ResultStatus.ACCEPTED:
            return
        target = {"client_order_id": placed.client_order_id, "symbol": quote.symbol}
        if self._amends:
            nearer = self._away(self._board.venue(self._venue).quotes.get(quote.symbol, quote), AWAY - 2)
            amended = await self._send(Verb.AMEND, {**target, "price": nearer})
            self._amends = amended.reason is not Reason.UNSUPPORTED  # CTP replaces, and only if told so
        if Verb.CANCEL in self._offers.verbs:
            await self._send(Verb.CANCEL, target)

    async def _trade(self, symbol: str, side: str, effect: PositionEffect) -> None:
        quote = self._board.venue(self._venue).quotes.get(symbol)
        best = None if quote is None else quote.ask if side == "buy" else quote.bid
        if best is None:
            return
        order = self._order(symbol, side)
        if "position_effect" in order:
            order["position_effect"] = str(effect if effect in self._offers.position_effects else PositionEffect.CLOSE)
        cross = self._tick(symbol, best) * AWAY * (1 if side == "buy" else -1)
        await self._send(Verb.SUBMIT, {**order, "price": plain(max(Decimal(best) + cross, self._tick(symbol, best)))})

    async def _send(self, verb: Verb, fields: dict[str, Any]) -> Result:
        command: AnyCommand = build(str(verb), new_id("demo"), fields)
        sent = await self._client.send(self._venue, command, account=self._account)
        result = await sent.result(ANSWER)
        await asyncio.sleep(PAUSE)
        return result

    # --- what to trade --------------------------------------------------------------------------------------

    def _order(self, symbol: str, side: str) -> dict[str, Any]:
        order: dict[str, Any] = {"symbol": symbol, "side": side, "order_type": str(OrderType.LIMIT)}
        instrument = self._instruments.get(symbol)
        lot = instrument and (instrument.min_quantity or instrument.lot_size)
        order["quantity"] = lot or "1"
        if self._offers.position_effects:
            order["position_effect"] = str(PositionEffect.OPEN)
        if TimeInForce.GTC not in self._offers.time_in_force and TimeInForce.DAY in self._offers.time_in_force:
            order["time_in_force"] = str(TimeInForce.DAY)
        return order

    def _away(self, quote: Quote, ticks: int) -> str:
        best = quote.bid or quote.ask or "1"
        tick = self._tick(quote.symbol, best)
        return plain(max(Decimal(best) - tick * ticks, tick))

    def _tick(self, symbol: str, price: str) -> Decimal:
        instrument = self._instruments.get(symbol)
        if instrument is not None and instrument.tick_size is not None:
            return Decimal(instrument.tick_size)
        grid = self._grid.get(symbol)  # what all prices seen so far are multiples of
        return Decimal(grid) / GRID if grid else Decimal(1).scaleb(-len(price.partition(".")[2]))

    async def _learn(self) -> None:
        """Ask for the instruments, for steps and lots; a venue without that query is traded by what its prices show."""
        if "instruments" not in self._offers.queries:
            return
        for _ in range(20):
            try:
                found = await self._client.instruments(self._venue, account=self._account)
            except BusError:
                await asyncio.sleep(PAUSE / 2)  # not ready yet
                continue
            self._instruments = {one.symbol: one for one in found}
            return

    async def _quote(self, number: int) -> Quote:
        """Wait until the venue is ready and has a quote; take the symbols in turn."""
        venue = self._board.venue(self._venue)
        while True:
            quotes = [quote for _, quote in sorted(venue.quotes.items()) if quote.bid and quote.ask]
            if quotes and venue.state in ("ready", "degraded"):
                return quotes[number % len(quotes)]
            await asyncio.sleep(0.2)
