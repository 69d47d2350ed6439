"""What PingPongX delivers to the webhook: each type of event, and what each becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from venuebus_pingpongx.convert import KINDS, translate
from venuebus_pingpongx.protocol import read_event
from venuebus_schemas import Event

from .sample import COUNT, NOW, Sample, Step


def _pingpongx(kind: str) -> Sample:
    def make(publish: Callable[[Event], None]) -> tuple[Step, Step]:
        def convert(delivery: Any) -> None:
            for event in translate(delivery).events:
                event.account, event.ts_recv = "main", NOW
                publish(event)

        return read_event, convert

    states = 3 if kind == "positionExtend" else 1
    frames = [_delivery(kind, number) for number in range(COUNT)]
    return Sample(name=f"pingpongx {kind}", frames=frames, make=make, published=1 + states)


def _delivery(kind: str, number: int) -> bytes:
    payload: dict[str, Any]
    if kind == "positionExtend":
        old = _position(f"A{number}", 794.5, 5722.38, "extendClose")
        parts = {"leftPosition": (f"B{number}", 492.9, 3550.11), "newPosition": (f"C{number}", 301.6, 2172.32)}
        payload = {"oldPosition": old} | {
            key: _position(*part, "waitSettle") | {"parent_position_id": f"A{number}"} for key, part in parts.items()
        }
    else:
        status = {"positionCreate": "waitSettle", "positionSettle": "settle", "positionCancel": "cancel"}[kind]
        payload = _position(f"A{number}", 794.5, 5722.38, status)
    return json.dumps({"event_type": kind, "msg_id": f"P{number:020}", "payload": payload}).encode()


def _position(position_id: str, sold: float, bought: float, status: str) -> dict[str, Any]:
    return {
        "base_currency": "USD", "base_currency2": "CNH", "buy_amount": bought, "buy_currency": "CNH",
        "c_order_id": f"order-{position_id}", "open_time": 1_711_446_996_000, "pay_way": "balance",
        "position_id": position_id, "price": 7.20249, "price2": 0.138841, "root_position_id": "240326FW308504201",
        "sell_amount": sold, "sell_currency": "USD", "source_type": "lock", "status": status,
        "status_desc": "待履约", "trade_channel": "api", "value_date": "2024-03-27",
    }  # fmt: skip


def _of(kind: str) -> Callable[[], Sample]:
    return lambda: _pingpongx(kind)


SAMPLES: dict[str, Callable[[], Sample]] = {f"pingpongx {kind}": _of(kind) for kind in KINDS}
