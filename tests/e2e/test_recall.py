"""A venue that repeats what is long over: nothing of it is news, and nothing becomes a foreign order."""

from __future__ import annotations

import msgspec
import pytest
from venuebus_schemas import Order, OrderStatus, OrderType, Side

from .bench import Bench


def told(status: OrderStatus, **ids: str) -> Order:
    return Order(
        symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=status, quantity="1", price="2.50",
        filled_quantity="0", **ids,
    )  # fmt: skip


@pytest.mark.parametrize("statuses", [[OrderStatus.CANCELED], [OrderStatus.NEW, OrderStatus.CANCELED]])
async def test_an_order_that_ended_before_the_restart_is_not_told_again(
    bench: Bench, statuses: list[OrderStatus]
) -> None:
    first = await bench.bridge()
    await bench.submit("a1")
    await bench.result("a1", ("accepted", None, None))
    await bench.send("cancel", "c1", client_order_id="a1")
    await bench.result("c1", ("accepted", None, None))
    await bench.until(lambda: bench.statuses("a1")[-1] == "canceled")
    await bench.stop(first)
    second = await bench.bridge()
    assert second.venues["toy"].accounts["main"].tracker.find(client_order_id="a1") is None
    before = bench.statuses("a1")
    for status in statuses:
        bench.venue.context.publish(told(status, client_order_id="a1", venue_order_id="Va1"))
    bench.venue.context.publish(told(OrderStatus.NEW, venue_order_id="H1"))
    await bench.until(lambda: bench.of("order", "H1"))
    assert bench.of("order", "H1")[0]["external"] is True
    assert bench.statuses("a1") == before
    assert "a1" not in second.venues["toy"].accounts["main"].tracker.open


async def test_what_is_told_while_the_stream_is_asked_keeps_its_order(bench: Bench) -> None:
    await bench.stop(await bench.bridge())
    await bench.bridge()
    new = told(OrderStatus.NEW, venue_order_id="H1")
    for filled, status in (("0", OrderStatus.NEW), ("0.4", OrderStatus.PARTIALLY_FILLED), ("1", OrderStatus.FILLED)):
        bench.venue.context.publish(msgspec.structs.replace(new, status=status, filled_quantity=filled))
    await bench.until(lambda: len(bench.of("order", "H1")) == 3)
    assert bench.statuses("H1") == ["new", "partially_filled", "filled"]
