# mypy: ignore-errors
# What it imports is in an environment of its own.
"""Runs under vnpy's Python: the spot side of its BTSE gateway at a simulator, counting what reaches ``on_tick``."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from vnpy_btse import btse_gateway
from vnpy_evo.trader.constant import Exchange
from vnpy_evo.trader.object import SubscribeRequest, TickData

from ..child import serve

SYMBOL = "BTC-USD"


class Gateway(btse_gateway.BtseGateway):
    """Counts ticks where they reach the gateway's callback, before vnpy's event engine queues them."""

    def __init__(self) -> None:
        super().__init__(None, "BTSE")
        self.count = self.last_ns = 0

    def on_tick(self, tick: TickData) -> None:
        """Count one tick, and keep it as the gateway does."""
        self.ticks[tick.symbol] = tick
        self.count += 1
        self.last_ns = time.time_ns()

    def write_log(self, msg: str) -> None:
        """Say nothing: there is no event engine."""


class Client:
    """The gateway and its two market data connections."""

    def __init__(self) -> None:
        self.gateway = Gateway()

    async def start(self, request: dict[str, Any]) -> bool:
        """Connect to a simulator and subscribe to ``kind``."""
        btse_gateway.REAL_SPOT_WEBSOCKET_HOST = request["ws_url"]
        btse_gateway.REAL_SPOT_ORDERBOOK_HOST = request["oss_url"]
        gateway, connected = self.gateway, threading.Event()
        gateway.ticks[SYMBOL] = TickData(
            symbol=SYMBOL, exchange=Exchange.BTSE, name=SYMBOL, datetime=None, gateway_name="BTSE"
        )
        quote = request["kind"] == "quote"
        api = gateway.spot_ob_api if quote else gateway.spot_ws_api
        api.on_connected = connected.set  # without a login: public data needs none
        api.on_error = lambda error: None  # the venue's greeting is not JSON, which its own on_error cannot be told
        api.connect("REAL", "", 0) if quote else api.connect("", "", "REAL", "", 0)
        await asyncio.to_thread(connected.wait, 10)
        wanted = SubscribeRequest(symbol=SYMBOL, exchange=Exchange.BTSE)
        if quote:
            api.callbacks[f"snapshotL1:{SYMBOL}"] = api.on_snapshot  # the topic that the venue answers with
            api.subscribe_snapshot(wanted)
        else:
            api.subscribe_market_trade(wanted)
        return True

    async def read(self, request: dict[str, Any]) -> dict[str, int]:
        """Tell what came once ``expected`` are here or nothing has come for ``quiet`` seconds; count from 0 then."""
        gateway = self.gateway
        seen, since = gateway.count, time.monotonic()
        while gateway.count < request["expected"] and time.monotonic() - since < request["quiet"]:
            await asyncio.sleep(0.02)
            if gateway.count != seen:
                seen, since = gateway.count, time.monotonic()
        count, gateway.count = gateway.count, 0
        return {"count": count, "last_ns": gateway.last_ns}


async def main() -> None:
    """Answer until stdin is closed; the gateway's threads end with their sockets."""
    client = Client()
    await serve({"start": client.start, "read": client.read})
    client.gateway.spot_ws_api.stop()
    client.gateway.spot_ob_api.stop()


if __name__ == "__main__":
    asyncio.run(main())
