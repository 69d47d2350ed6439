"""Runs under the official SDK's Python: logs in, places, modifies and cancels as one of its users would.

Arguments: port, and the path of an RSA key or ``-``. Standard output: one JSON object per line.
"""

from __future__ import annotations

import json
import os
import queue
import sys

from futu import (
    RET_OK,
    ModifyOrderOp,
    OpenQuoteContext,
    OpenSecTradeContext,
    SecurityFirm,
    SubType,
    SysConfig,
    TradeOrderHandlerBase,
    TrdEnv,
    TrdMarket,
    TrdSide,
)

PUSHES: queue.Queue = queue.Queue()


def say(**fields) -> None:
    sys.stdout.write("ANSWER" + json.dumps(fields, default=str) + "\n")
    sys.stdout.flush()


class Handler(TradeOrderHandlerBase):
    """Keeps what is pushed."""

    def on_recv_rsp(self, rsp_pb):
        ret, content = super().on_recv_rsp(rsp_pb)
        PUSHES.put((ret, content))
        return ret, content


def until(status: str) -> dict:
    """Return the first push that tells ``status``."""
    while True:
        ret, content = PUSHES.get(timeout=15)
        row = content.to_dict("records")[0] if ret == RET_OK else {}
        if row.get("order_status") == status:
            return row


def main() -> None:
    port, key = int(sys.argv[1]), sys.argv[2]
    if key != "-":
        SysConfig.enable_proto_encrypt(True)
        SysConfig.set_init_rsa_file(key)
    context = OpenSecTradeContext(
        filter_trdmarket=TrdMarket.HK, host="127.0.0.1", port=port, security_firm=SecurityFirm.FUTUSECURITIES
    )
    context.set_handler(Handler())
    ret, accounts = context.get_acc_list()
    say(step="accounts", ok=ret == RET_OK, rows=accounts.to_dict("records"))
    ret, text = context.unlock_trade("123456")
    say(step="unlock", ok=ret == RET_OK, text=text)
    ret, data = context.place_order(
        price=470.0, qty=100, code="HK.00700", trd_side=TrdSide.BUY, trd_env=TrdEnv.REAL, remark="sdk-1"
    )
    say(step="place", ok=ret == RET_OK, rows=data.to_dict("records"))
    order_id = data["order_id"][0]
    say(step="working", row=until("SUBMITTED"))
    ret, data = context.modify_order(ModifyOrderOp.NORMAL, order_id, 200, 471.0, trd_env=TrdEnv.REAL)
    say(step="modify", ok=ret == RET_OK, row=until("SUBMITTED"))
    ret, data = context.modify_order(ModifyOrderOp.CANCEL, order_id, 0, 0, trd_env=TrdEnv.REAL)
    say(step="cancel", ok=ret == RET_OK, row=until("CANCELLED_ALL"))
    ret, data = context.place_order(
        price=481.0, qty=100, code="HK.00700", trd_side=TrdSide.BUY, trd_env=TrdEnv.REAL, remark="sdk-2"
    )
    say(step="fill", ok=ret == RET_OK, row=until("FILLED_ALL"))
    for step, (ret, data) in {
        "orders": context.order_list_query(trd_env=TrdEnv.REAL),
        "deals": context.deal_list_query(trd_env=TrdEnv.REAL),
        "positions": context.position_list_query(trd_env=TrdEnv.REAL),
        "funds": context.accinfo_query(trd_env=TrdEnv.REAL),
    }.items():
        say(step=step, ok=ret == RET_OK, rows=data.to_dict("records") if ret == RET_OK else data)
    quotes = OpenQuoteContext(host="127.0.0.1", port=port)
    ret, text = quotes.subscribe(["HK.00700"], [SubType.ORDER_BOOK, SubType.QUOTE])
    say(step="subscribe", ok=ret == RET_OK, text=text)
    ret, book = quotes.get_order_book("HK.00700", num=3)
    say(step="book", ok=ret == RET_OK, bid=book["Bid"][0][0] if ret == RET_OK else book)
    ret, data = quotes.get_stock_quote(["HK.00700"])
    say(step="quote", ok=ret == RET_OK, rows=data.to_dict("records") if ret == RET_OK else data)
    say(step="end")


if __name__ == "__main__":
    try:
        main()
    finally:
        os._exit(0)  # the SDK's threads would keep the process
