"""The simulated OpenD: listens, knows its clients, and lets tests and people turn its screws.

Points of the fault script: ``connect`` (a new connection is cut), ``init``, ``login``, ``keep_alive``, ``order``,
``modify``, ``query`` (other 2xxx), ``quote`` (3xxx) with subject ``<protocol>:<code>``, and ``push`` with subject
``<protocol>:<symbol>``. ``cut`` without ``after_bytes`` does the work and closes without an answer.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from hashlib import md5
from typing import Any

from venuebus.simulation import Fault, FaultScript, MatchingEngine

from .. import cipher, messages
from ..pb import link_pb2
from .client import Client, Refusal, encryption
from .lists import Lists
from .quotes import Quotes
from .ticket import Ticket
from .trading import Trades
from .world import SimAccount, Stock, default_accounts, default_stocks


class OpendSimulator:
    """OpenD with a market behind it. ``tick`` seconds between price moves; ``None`` leaves moving to `step`."""

    def __init__(
        self,
        *,
        faults: FaultScript | None = None,
        rsa_pem: str | None = None,
        trade_password: str = "123456",
        keep_alive: float = 10.0,
        tick: float | None = 0.5,
        quota: int = 1000,
        accounts: list[SimAccount] | None = None,
        stocks: list[Stock] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        seed: int = 1,
        enforce_limits: bool = True,
    ) -> None:
        self.faults = faults or FaultScript()
        self.rsa_pem = rsa_pem
        self.rsa = cipher.Rsa(rsa_pem) if rsa_pem is not None else None
        self.trade_password = trade_password
        self.keep_alive = keep_alive
        self.quota = quota
        self.max_clients = 128
        self.enforce_limits = enforce_limits
        self.push_before_answer = False
        self.now_ns = now_ns
        self.accounts = {account.acc_id: account for account in accounts or default_accounts()}
        self.stocks = {stock.symbol: stock for stock in stocks or default_stocks()}
        self.clients: set[Client] = set()
        self.requests: deque[tuple[int, Any]] = deque(maxlen=100_000)
        self.unknown_requests: list[int] = []
        self.damaged = 0
        self.unlocked = False
        self.trading_up = True
        self.quotes_up = True
        self._tick = tick
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.trades = Trades(self)
        self.quotes = Quotes(self)
        self.engine = MatchingEngine(
            [stock.market() for stock in self.stocks.values()],
            self,
            now_ns=now_ns,
            seed=seed,
            first_trade_id=70_000_001,
        )
        self.handlers: dict[int, Callable[[Client, Any, Any], None]] = {
            messages.INIT_CONNECT: self._init,
            messages.GLOBAL_STATE: self._global_state,
            messages.KEEP_ALIVE: self._keep_alive,
            messages.UNLOCK: self._unlock,
            **self.trades.handlers(),
            **Lists(self).handlers(),
            **self.quotes.handlers(),
        }

    # --- VenueSimulator -------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one, and a second start takes the first one's again."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self), host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        if self._tick is not None:
            self._task = asyncio.create_task(self._move(self._tick), name="opend-simulator-prices")

    async def stop(self) -> None:
        """Close every connection and release the port."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for client in list(self.clients):
            client.close()
        await server.wait_closed()

    def config(self) -> dict[str, Any]:
        """Return the ``[venues.<name>]`` table that connects a bridge to this OpenD."""
        table: dict[str, Any] = {
            "plugin": "futu",
            "host": self.host,
            "port": self.port,
            "symbols": [symbol for symbol in ("HK.00700", "US.AAPL") if symbol in self.stocks],
            "market_data": ["quote", "trade", "book"],
            "trade_password": self.trade_password,
            "accounts": {
                account.alias: {
                    "acc_id": str(account.acc_id),
                    "environment": "real" if account.real else "simulate",
                }
                for account in self.accounts.values()
            },
        }
        if self.rsa_pem is not None:
            table["rsa_key"] = self.rsa_pem
        return table

    def describe(self) -> str:
        """Return what a person needs to reach it."""
        accounts = ", ".join(
            f"{account.alias} {account.acc_id} ({'real' if account.real else 'simulate'})"
            for account in self.accounts.values()
        )
        lock = f"trade password {self.trade_password}" + (", RSA key required" if self.rsa_pem else "")
        return f"OpenD at {self.host}:{self.port}; accounts {accounts}; {lock}; symbols {' '.join(self.stocks)}"

    # --- what `venuebus.testing` asks for -------------------------------------------------------------------

    def stage(self, occasion: str) -> bool:
        """Let an occasion of `venuebus.simulation` happen."""
        if occasion == "garbage":
            for client in self.clients:
                client.push_body(messages.ORDER_PUSH, b"\xff\xff\xff no message")
            return True
        faults = {
            "refuse_submit": Fault(point="order", action="refuse"),
            "doubt_submit": Fault(point="order", action="act_and_error"),
            "forget_order": Fault(point="query", action="forget", times=2),
        }
        if occasion not in faults:
            return False
        self.faults.add(faults[occasion])
        return True

    def orders_taken(self) -> int:
        """Return how many orders OpenD took."""
        return len(self.trades.tickets)

    # --- screws ---------------------------------------------------------------------------------------------

    def step(self, symbol: str, *, ticks: int | None = None, trade: bool | None = None) -> None:
        """Move the price of ``symbol``; resting orders that it reaches are filled, and clients are told."""
        self.engine.step(symbol, ticks=ticks, trade=trade)
        self.quotes.flush()

    def set_servers(self, *, trading: bool | None = None, quotes: bool | None = None) -> None:
        """Let OpenD lose or regain its own servers, while the clients' connections stay; they are notified."""
        self.trading_up = self.trading_up if trading is None else trading
        self.quotes_up = self.quotes_up if quotes is None else quotes
        if quotes is False:
            for client in self.clients:
                client.pushing.clear()
        notice = link_pb2.Notify.S2C(type=3)
        notice.connectStatus.qotLogined = self.quotes_up
        notice.connectStatus.trdLogined = self.trading_up
        self.notify(notice)

    def event(self, kind: int, text: str) -> None:
        """Send a gateway event (7 kicked out, 14 trade password changed …)."""
        notice = link_pb2.Notify.S2C(type=1)
        notice.event.eventType, notice.event.desc = kind, text
        self.notify(notice)

    def notify(self, notice: Any) -> None:
        """Push a notice to every client that wants notices."""
        for client in list(self.clients):
            if client.notices:
                client.push(messages.NOTIFY, notice)

    def drop_clients(self) -> None:
        """Cut every connection."""
        for client in list(self.clients):
            client.close()

    def place_elsewhere(self, acc_id: int, symbol: str, side: int, quantity: str, price: str) -> Ticket:
        """Place an order as a person with the phone would: no remark, no client."""
        return self.trades.place_elsewhere(acc_id, symbol, side, Decimal(quantity), Decimal(price))

    # --- engine's listener ----------------------------------------------------------------------------------

    def on_order(self, order: Any) -> None:
        """Pass on to the order desk."""
        self.trades.on_order(order)

    def on_fill(self, fill: Any) -> None:
        """Pass on to the order desk."""
        self.trades.on_fill(fill)

    def on_trade(self, trade: Any) -> None:
        """Pass on to the quote desk."""
        self.quotes.on_trade(trade)

    def on_book(self, symbol: str) -> None:
        """Pass on to the quote desk."""
        self.quotes.on_book(symbol)

    # --- requests about the connection ----------------------------------------------------------------------

    def _init(self, client: Client, c2s: Any, s2c: Any) -> None:
        asked = c2s.packetEncAlgo if c2s.HasField("packetEncAlgo") else None
        algorithm = encryption(self.rsa, asked)
        if algorithm not in (cipher.NONE, cipher.FTAES_ECB, cipher.AES_CBC):
            raise Refusal(f"packetEncAlgo {algorithm} is not supported")
        client.algorithm = algorithm
        client.notices = c2s.recvNotify
        s2c.serverVer, s2c.loginUserID, s2c.connID = 1011, 10086, client.conn_id
        s2c.connAESKey = secrets.token_hex(8)
        s2c.keepAliveInterval = max(1, round(self.keep_alive))
        s2c.aesCBCiv = secrets.token_hex(8)

    def _global_state(self, client: Client, c2s: Any, s2c: Any) -> None:
        for name in ("marketHK", "marketUS", "marketSH", "marketSZ", "marketHKFuture"):
            setattr(s2c, name, 3)
        s2c.qotLogined, s2c.trdLogined = self.quotes_up, self.trading_up
        s2c.serverVer, s2c.serverBuildNo = 1011, 7108
        s2c.time = self.now_ns() // 1_000_000_000
        s2c.localTime = self.now_ns() / 1e9
        s2c.connID = client.conn_id
        s2c.programStatus.type = 10

    def _keep_alive(self, client: Client, c2s: Any, s2c: Any) -> None:
        s2c.time = self.now_ns() // 1_000_000_000

    def _unlock(self, client: Client, c2s: Any, s2c: Any) -> None:
        if c2s.unlock:
            digest = md5(self.trade_password.encode(), usedforsecurity=False).hexdigest()
            if c2s.pwdMD5 != digest:
                raise Refusal("Unlock trade failed: wrong trade password 交易密码错误")
        self.unlocked = c2s.unlock

    async def _move(self, tick: float) -> None:
        while True:
            await asyncio.sleep(tick)
            for symbol in self.stocks:
                self.engine.step(symbol)
            self.quotes.flush()
