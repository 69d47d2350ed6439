"""The simulator as a whole: one port, both channels, markets that move."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import cycle, islice
from typing import Any

from aiohttp import web
from venuebus.simulation import Fault, FaultScript, OrderRefused, SimOrder

from .control import STATE_ORDERS, Control, describe_fill, describe_order
from .exchange import Exchange
from .flood import FloodReport, Plan, run_flood
from .gate import Gate, RateGuard
from .hub import Hub
from .private import PrivateEndpoints
from .public import PublicEndpoints
from .rest import Rest
from .settings import Quirks, RateRules, User, default_user, make_market, pad
from .sockets import Sockets
from .wire import Tap, tapped

DEFAULT_SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
TICK = 0.02  # seconds between two batches of steps
OCCASIONS = {
    "refuse_submit": (Fault(point="order.create.request", action="refuse"),),
    "doubt_submit": (Fault(point="order.create.answer", action="error"),),
    "forget_order": tuple(
        Fault(point=f"{name}.request", action="forget") for name in ("order.get", "open_orders", "trade_history")
    ),
    "garbage": (Fault(point="ws.quote", action="garbage"),),
}
"""What `venuebus.testing` stages here."""


class BtseSimulator:
    """BTSE spot on a loopback port: REST, both WebSocket channels, and ``/_sim`` to control it.

    Args:
        symbols: markets by name.
        symbol_count: as many markets in all; the rest are made up (``S000-USD`` …).
        users: who may sign in; the first one is in `config`. Default: one, with the constants of `settings`.
        rate: steps of the markets per second, 0 for markets that stand still until told.
        depth: levels of synthetic liquidity on each side.
        seed: of everything random.
        now_ns: the venue's clock.
        idle_timeout: seconds without a message from a client before its WebSocket is dropped.
        keep: finished orders, and fills, that the venue remembers.
        strict_nonce: refuse nonces that are not greater than the key's last one, instead of only those used before.
    """

    occasions = OCCASIONS

    def __init__(
        self,
        symbols: Iterable[str] = DEFAULT_SYMBOLS,
        *,
        symbol_count: int | None = None,
        users: list[User] | None = None,
        rate: float = 0.0,
        depth: int = 60,
        seed: int = 1,
        quirks: Quirks | None = None,
        limits: RateRules | None = None,
        faults: FaultScript | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        idle_timeout: float = 60.0,
        keep: int = 100_000,
        strict_nonce: bool = False,
    ) -> None:
        names = list(symbols)
        names += [f"S{number:03d}-USD" for number in range((symbol_count or 0) - len(names))]
        self.symbols = tuple(names[:symbol_count] if symbol_count else names)
        self.users = users or [default_user()]
        self.faults = faults if faults is not None else FaultScript()
        self._now_ns = now_ns
        self._depth = depth
        self._seed = seed
        self._rate = rate
        self._keep = keep
        quirks = quirks or Quirks()
        self.hub = Hub(quirks, now_ms=self._now_ms)
        self.guard = RateGuard(limits or RateRules())
        self.gate = Gate(self.users, now_ms=self._now_ms, strict_nonce=strict_nonce)
        self.exchange = self._new_exchange()
        public = PublicEndpoints(lambda: self.exchange.engine, now_ms=self._now_ms)
        self._private = PrivateEndpoints(lambda: self.exchange, self.hub, quirks, now_ms=self._now_ms)
        self.rest = Rest(
            public, self._private, lambda: self.exchange, self.gate, self.guard, self.faults, now_ms=self._now_ms
        )
        self.sockets = Sockets(self.hub, self.gate, self.faults, quirks, idle_timeout=idle_timeout)
        self._taps: set[Tap] = set()
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._mover: asyncio.Task[None] | None = None
        self._rate_changed = asyncio.Event()
        self._address = ("127.0.0.1", 0)

    # --- life -----------------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application()
        app.add_routes(Control(self).routes())
        app.router.add_get("/ws/spot", self.sockets.handle)
        app.router.add_get("/ws/oss/spot", self.sockets.handle)
        app.router.add_route("*", "/spot/{path:.*}", self.rest.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await self._runner.setup()
        assert self._runner.server is not None
        factory = tapped(self._runner.server, self.faults, self._taps)
        self._server = await asyncio.get_running_loop().create_server(factory, host, port)
        self._address = (host, self._server.sockets[0].getsockname()[1])
        self._mover = asyncio.create_task(self._move(), name="btse simulator markets")

    async def stop(self) -> None:
        """Close every connection and release the port; nothing is left running."""
        self.rest.stop()
        self._private.release()
        if self._server is not None:
            self._server.close()
        if self._mover is not None:
            self._mover.cancel()
            await asyncio.gather(self._mover, return_exceptions=True)
            self._mover = None
        for tap in list(self._taps):
            if tap.transport is not None:
                tap.transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def config(self) -> dict[str, Any]:
        """Return the ``[venues.btse]`` table that connects a bridge to this simulator."""
        host, port = self._address
        key, secret = next(iter(self.user.keys.items()))
        return {
            "plugin": "btse",
            "rest_url": f"http://{host}:{port}/spot",
            "ws_url": f"ws://{host}:{port}/ws/spot",
            "oss_url": f"ws://{host}:{port}/ws/oss/spot",
            "api_key": key,
            "api_secret": secret,
            "symbols": list(self.symbols),
            "market_data": ["quote", "trade", "book"],
        }

    def describe(self) -> str:
        """Return what a person needs to reach it."""
        table = self.config()
        shown = ", ".join(self.symbols[:5]) + (f" … {len(self.symbols)} in all" if len(self.symbols) > 5 else "")
        lines = [f"{name} = {table[name]!r}" for name in ("rest_url", "ws_url", "oss_url", "api_key", "api_secret")]
        host, port = self._address
        return "\n".join(
            ["BTSE spot simulator", *lines, f"markets: {shown}", f"control: http://{host}:{port}/_sim/state"]
        )

    @property
    def user(self) -> User:
        """The user that `config` names."""
        return self.users[0]

    # --- control --------------------------------------------------------------------------------------------

    @property
    def submits_by_client_id(self) -> dict[str, int]:
        """How many requests to place an order arrived whole, per ``clOrderID``: more than one is a duplicate."""
        return dict(self.exchange.submits_by_client_id)

    def find(self, either_id: str, user: str | None = None) -> list[SimOrder]:
        """Remembered orders by the venue's or the client's id, newest first."""
        name = user or self.user.name
        return self.exchange.matching(name, either_id, None) or self.exchange.matching(name, None, either_id)

    def fill(self, either_id: str, size: str | None = None) -> SimOrder:
        """Let a stranger trade with a resting order at its own price.

        Raises:
            OrderRefused: there is no such order, or it cannot trade that much.
        """
        order = next((order for order in self.find(either_id) if order.is_open), None)
        if order is None:
            raise OrderRefused("unknown", f"no open order {either_id}")
        lot = self.exchange.engine.markets[order.symbol].lot
        return self.exchange.engine.hit(order.order_id, None if size is None else pad(Decimal(str(size)), lot))

    def step(self, symbol: str, *, ticks: int | None = None, trade: bool | None = None) -> None:
        """Move one market."""
        self.exchange.step(symbol, ticks=ticks, trade=trade)

    def set_rate(self, rate: float) -> None:
        """Steps per second from now on."""
        self._rate = rate
        self._rate_changed.set()

    def drop_connections(self) -> int:
        """Cut every WebSocket connection without a close frame; return how many."""
        streams = list(self.hub.streams)
        for stream in streams:
            stream.cut()
        return len(streams)

    def reset(self) -> None:
        """Start over with fresh markets: no orders, fills, counters, faults, blocks. Connections stay."""
        self._private.release()
        self.faults.clear()
        self.guard.reset()
        self.rest.requests.clear()
        self.rest.answers.clear()
        self.exchange = self._new_exchange()
        for symbol in self.symbols:
            self.hub.book_changed(symbol)

    def state(self) -> dict[str, Any]:
        """Orders, fills and counters, as ``GET /_sim/state`` shows them."""
        exchange = self.exchange
        orders = list(exchange.engine.orders.values())[-STATE_ORDERS:]
        fills = [record for records in exchange.fills.values() for record in islice(reversed(records), STATE_ORDERS)]
        return {
            "orders": [describe_order(order) for order in orders],
            "fills": [describe_fill(record) for record in fills],
            "requests": dict(self.rest.requests),
            "answers": dict(self.rest.answers),
            "rate_limited": self.guard.refused,
            "submits_by_client_id": dict(exchange.submits_by_client_id),
            "orders_by_client_id": dict(exchange.orders_by_client_id),
            "cancels_by_id": dict(exchange.cancels_by_id),
            "amends_by_id": dict(exchange.amends_by_id),
            "switched_off": self._private.switched_off,
            "connections": self.sockets.connections,
            "logins": self.sockets.logins,
            "injected": list(self.faults.injected),
        }

    async def flood(
        self,
        symbol_count: int = 1,
        frames: int = 10_000,
        kinds: Iterable[str] = ("book",),
        *,
        rate: float | None = None,
        record: bool = False,
    ) -> FloodReport:
        """Send ``frames`` frames of the first ``symbol_count`` symbols to every subscriber; see `run_flood`."""
        symbols = self.symbols[:symbol_count]
        plan = Plan(symbols=symbols, kinds=tuple(kinds), frames=frames, rate=rate, record=record)
        return await run_flood(self.hub, plan, self.exchange.engine.reserve_trade_ids(frames), self._now_ms)

    # --- inside ---------------------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return self._now_ns() // 1_000_000

    def _new_exchange(self) -> Exchange:
        for user in self.users:
            user.balances = dict(user.opening)
        markets = [make_market(symbol, self._depth, number) for number, symbol in enumerate(self.symbols)]
        exchange = Exchange(markets, self.users, self.hub, now_ns=self._now_ns, seed=self._seed, keep=self._keep)
        self.hub.open(exchange.engine)
        return exchange

    async def _move(self) -> None:
        """Step the markets in turn, in small batches, so that a high rate costs few wake-ups."""
        names = cycle(self.symbols)
        clock = asyncio.get_running_loop().time
        due, before = 0.0, clock()
        while True:
            if self._rate <= 0:
                self._rate_changed.clear()
                await self._rate_changed.wait()
                due, before = 0.0, clock()
            await asyncio.sleep(TICK)
            now = clock()
            due, before = min(due + (now - before) * self._rate, self._rate), now
            for symbol in islice(names, int(due)):
                self.exchange.step(symbol)
            due -= int(due)
