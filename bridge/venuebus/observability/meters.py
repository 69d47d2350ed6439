"""Histograms of the paths that market data and account events take."""

from __future__ import annotations

import time
from collections.abc import Callable

from venuebus_schemas import Event

from .metrics import Histogram, Metrics


def market_meter(metrics: Metrics, venue: str) -> Callable[[Event], None]:
    """Return what measures the first event of each batch of market data, which has waited longest."""
    text = "Age of market data at the end of a hop, of the first event in each batch"
    link = metrics.histogram("market_data_hop_seconds", text, {"venue": venue, "hop": "venue"})
    bridge = metrics.histogram("market_data_hop_seconds", text, {"venue": venue, "hop": "bridge"})

    def observe(event: Event) -> None:
        if event.ts_recv:
            bridge.observe((time.time_ns() - event.ts_recv) / 1e9)
            if event.ts_venue is not None:
                link.observe((event.ts_recv - event.ts_venue) / 1e9)

    return observe


def write_meter(metrics: Metrics, venue: str) -> Histogram:
    """Return what measures how long groups of account events take to be stored."""
    return metrics.histogram("ledger_write_seconds", "Time until a group of account events is stored", {"venue": venue})
