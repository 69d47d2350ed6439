# mypy: ignore-errors
# What it imports is in an environment of its own.
"""Runs under the official SDK's Python: a trade context at a local OpenD, counting what reaches its order handler."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

ANSWERS, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115 - the SDK logs there, where we answer
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from futu import RET_OK, OpenSecTradeContext, SecurityFirm, TradeOrderHandlerBase, TrdMarket  # noqa: E402

from tests.bench.child import serve  # noqa: E402


class Handler(TradeOrderHandlerBase):
    """Counts the pushes that the SDK has made a table of."""

    count = last_ns = 0

    def on_recv_rsp(self, rsp_pb):
        """Count one push."""
        ret, content = super().on_recv_rsp(rsp_pb)
        if ret == RET_OK:
            Handler.count += 1
            Handler.last_ns = time.time_ns()
        return ret, content


async def start(request: dict[str, Any]) -> bool:
    """Connect; the handler is registered when this answers."""
    context = await asyncio.to_thread(
        OpenSecTradeContext, filter_trdmarket=TrdMarket.HK, host="127.0.0.1", port=request["table"]["port"],
        security_firm=SecurityFirm.FUTUSECURITIES,
    )  # fmt: skip
    context.set_handler(Handler())
    return True


async def read(request: dict[str, Any]) -> dict[str, int]:
    """Tell what came once ``expected`` are here or nothing has come for ``quiet`` seconds; count from 0 then."""
    seen, since = Handler.count, time.monotonic()
    while Handler.count < request["expected"] and time.monotonic() - since < request["quiet"]:
        await asyncio.sleep(0.02)
        if Handler.count != seen:
            seen, since = Handler.count, time.monotonic()
    count, Handler.count = Handler.count, 0
    return {"count": count, "last_ns": Handler.last_ns}


if __name__ == "__main__":
    asyncio.run(serve({"start": start, "read": read}, ANSWERS))
    os._exit(0)  # the SDK's threads would go on
