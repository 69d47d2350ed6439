"""The venue's book of forward positions: created, extended in part or whole, settled, canceled.

The figures follow the venue's samples: the sold side is split exactly, each bought amount is rounded half up from its
own price, and an extension makes new positions that descend from the old one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

CHINA = timezone(timedelta(hours=8))
CENT = Decimal("0.01")
WORDS = {"waitSettle": "待履约", "settle": "已履约", "extendClose": "已展期关闭", "cancel": "已取消"}
_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")

Row = dict[str, Any]
Message = dict[str, Any]


class Desk:
    """All positions, newest last. Every change returns the message that tells it; nothing is sent from here.

    Args:
        seed: of everything random.
        now_ns: the venue's clock.
    """

    def __init__(self, seed: int = 1, *, now_ns: Callable[[], int]) -> None:
        self.positions: dict[str, Row] = {}
        self._random = random.Random(seed)
        self._now_ns = now_ns
        self._count = 0
        self._price = Decimal("7.20249")

    def create(self, sell_amount: Decimal | None = None) -> Message:
        """Open a position."""
        amount = sell_amount or Decimal(self._random.randint(10_000, 5_000_000)) / 100
        row = self._row(amount, self._next_price(), days=self._random.randint(1, 30))
        row["root_position_id"] = row["parent_position_id"] = row["position_id"]
        row["c_order_id"] = f"{self._now().strftime('%Y%m%d%H%M')}FW{self._count:05d}"
        return self._message("positionCreate", row)

    def extend(self, position_id: str, part: Decimal | None = None) -> Message:
        """Move ``part`` of what is sold (all, by default) to a later day."""
        old = self.positions[position_id]
        amount = part or old["sell_amount"]
        new = self._row(amount, self._next_price(), days=35)
        new["c_order_id"] = f"{old['c_order_id']}-{self._count}"
        payload = {"newPosition": new, "oldPosition": old}
        if amount < old["sell_amount"]:
            left = self._row(old["sell_amount"] - amount, old["price"], days=0)
            left["value_date"], left["c_order_id"] = old["value_date"], old["c_order_id"]
            left["open_time"] = new["open_time"]
            payload["leftPosition"] = left
        for row in payload.values():
            if row is not old:
                row["parent_position_id"], row["root_position_id"] = position_id, old["root_position_id"]
        self._end(old, "extendClose")
        told = {name: dict(row) for name, row in payload.items()}
        told["oldPosition"].pop("c_order_id", None)  # as in the venue's sample
        return self._envelope("positionExtend", told)

    def settle(self, position_id: str) -> Message:
        """Deliver the money."""
        self._end(self.positions[position_id], "settle")
        return self._message("positionSettle", self.positions[position_id])

    def cancel(self, position_id: str) -> Message:
        """Take the position back."""
        self._end(self.positions[position_id], "cancel")
        self.positions[position_id]["cancel_way"] = "close"
        return self._message("positionCancel", self.positions[position_id])

    def life(self) -> list[Message]:
        """Return one life in its order: created, extended twice, settled; a few are canceled instead."""
        first = self.create()
        position_id = first["payload"]["position_id"]
        if self._random.random() < 0.1:
            return [first, self.cancel(position_id)]
        part = (self.positions[position_id]["sell_amount"] / 2).quantize(CENT)
        second = self.extend(position_id, part)
        left, new = second["payload"]["leftPosition"]["position_id"], second["payload"]["newPosition"]["position_id"]
        third = self.extend(new)
        last = third["payload"]["newPosition"]["position_id"]
        return [first, second, third, self.settle(left), self.settle(last)]

    @staticmethod
    def encode(message: Message) -> bytes:
        """Return a message as the venue writes it: numbers bare, keys sorted."""
        return _encoder.encode(message)

    def _row(self, sell_amount: Decimal, price: Decimal, *, days: int) -> Row:
        self._count += 1
        now = self._now()
        row: Row = {
            "position_id": f"{now.strftime('%y%m%d')}FW{self._random.randrange(10**5):05d}{self._count % 10_000:04d}",
            "sell_currency": "USD", "sell_amount": sell_amount,
            "buy_currency": "CNH", "buy_amount": (sell_amount * price).quantize(CENT, ROUND_HALF_UP),
            "base_currency": "USD", "base_currency2": "CNH",
            "price": price, "price2": (1 / price).quantize(Decimal("0.000001"), ROUND_HALF_UP),
            "open_time": self._now_ns() // 1_000_000,
            "value_date": (now + timedelta(days=days)).strftime("%Y-%m-%d"),
            "pay_way": "balance", "source_type": "lock", "trade_channel": "api",
            "status": "waitSettle", "status_desc": WORDS["waitSettle"],
        }  # fmt: skip
        self.positions[row["position_id"]] = row
        if len(self.positions) > 50_000:
            self.positions.pop(next(iter(self.positions)))
        return row

    def _end(self, row: Row, status: str) -> None:
        if row["status"] != "waitSettle":
            raise ValueError(f"{row['position_id']} is {row['status']} already")
        row["status"], row["status_desc"] = status, WORDS[status]

    def _message(self, event_type: str, row: Row) -> Message:
        return self._envelope(event_type, dict(row))

    def _envelope(self, event_type: str, payload: Row) -> Message:
        self._count += 1
        name = f"P{self._now().strftime('%y%m%d%H%M%S')}{self._random.randrange(10**4):04d}{self._count % 10**6:06d}"
        return {"event_type": event_type, "msg_id": name, "payload": payload}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ns() / 1e9, UTC).astimezone(CHINA)

    def _next_price(self) -> Decimal:
        self._price += Decimal(self._random.randint(-50, 50)) / 100_000
        return self._price
