"""Worlds around the other venues' simulators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from venuebus_ctp.simulator import CtpSimulator
from venuebus_futu import messages
from venuebus_futu.simulator import OpendSimulator

from .world import World

REAL = 281756455988249903  # the simulated OpenD's real account


class CtpWorld(World):
    """A counter behind a webctp gateway."""

    venue = "ctp"

    def simulator(self) -> CtpSimulator:
        """Make the simulated gateway."""
        return CtpSimulator(query_rate=1000, tick_interval=0)

    def table(self) -> dict[str, Any]:
        """Return what the venue's table says: no pauses that a busy counter would need."""
        return {
            **self.sim.config(), "symbols": ["au2712"], "market_data": ["quote"], "query_interval": 0.02,
            "query_timeout": 1.0, "request_timeout": 2.0, "reconcile_interval": 2.0, "resolve_min_age": 0.5,
            "resolve_answers": 2, "orders_per_second": 100,
        }  # fmt: skip

    def submits(self) -> Mapping[str, int]:
        """Count orders by what must be unique at the counter."""
        return Counter(f"{row['FrontID']}/{row['SessionID']}/{row['OrderRef']}" for row in self.sim.counter.orders)

    def venue_fills(self) -> set[str]:
        """Ids of the counter's trades as the plugin tells them."""
        return {
            f"{row['TradingDay'].strip()}:{row['ExchangeID'].strip()}:{row['TradeID'].strip()}:"
            f"{'b' if row['Direction'] == '0' else 's'}"
            for row in self.sim.counter.trades
        }

    async def buy(self, command_id: str, price: str = "760", quantity: str = "1", **fields: Any) -> bool:
        """Submit a limit order that rests unless the price says otherwise."""
        return await self.send(
            "submit", command_id, symbol="au2712", side="buy", order_type="limit", quantity=quantity, price=price,
            **{"position_effect": "open", **fields},
        )  # fmt: skip


class FutuWorld(World):
    """OpenD with one real account."""

    venue = "futu"
    account = "real"

    def simulator(self) -> OpendSimulator:
        """Make the simulated OpenD."""
        return OpendSimulator(tick=None)

    def table(self) -> dict[str, Any]:
        """Return what the venue's table says: one account."""
        table = self.sim.config()
        return {
            **table, "symbols": ["HK.00700"], "market_data": ["quote"], "resolve_min_age": 0.5, "resolve_answers": 2,
            "request_timeout": 2.0, "reconcile_interval": 5.0, "accounts": {"real": table["accounts"]["real"]},
        }  # fmt: skip

    def submits(self) -> Mapping[str, int]:
        """Count orders by remark, which carries our id."""
        return Counter(c2s.remark for proto, c2s in self.sim.requests if proto == messages.PLACE)

    def venue_fills(self) -> set[str]:
        """Ids of the fills of the real account."""
        return {str(fill.fillID) for ticket in self.sim.trades.tickets.values() for fill in ticket.fills}

    async def buy(self, command_id: str, price: str = "470", quantity: str = "200", **fields: Any) -> bool:
        """Submit a limit order that rests unless the price says otherwise."""
        return await self.send(
            "submit", command_id, symbol="HK.00700", side="buy", order_type="limit", quantity=quantity, price=price,
            **fields,
        )  # fmt: skip

    def place_elsewhere(self, quantity: str, price: str) -> Any:
        """Buy from another device of the same account."""
        return self.sim.place_elsewhere(REAL, "HK.00700", 1, Decimal(quantity), Decimal(price))
