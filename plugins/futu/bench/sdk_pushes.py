"""Runs under the official SDK's Python: how many order pushes reach a callback. Arguments: port, count."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from futu import RET_OK, OpenSecTradeContext, SecurityFirm, TradeOrderHandlerBase, TrdMarket

DONE = threading.Event()


class Handler(TradeOrderHandlerBase):
    """Counts."""

    count = 0
    last = 0

    def on_recv_rsp(self, rsp_pb):
        """Count one push."""
        ret, content = super().on_recv_rsp(rsp_pb)
        if ret == RET_OK:
            Handler.count += 1
            Handler.last = time.time_ns()
            if Handler.count == int(sys.argv[2]):
                DONE.set()
        return ret, content


def main() -> None:
    """Wait for all pushes and tell when the last one came."""
    context = OpenSecTradeContext(
        filter_trdmarket=TrdMarket.HK,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        security_firm=SecurityFirm.FUTUSECURITIES,
    )
    context.set_handler(Handler())
    DONE.wait(120)
    sys.stdout.write("ANSWER" + json.dumps({"count": Handler.count, "last_ns": Handler.last}) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
