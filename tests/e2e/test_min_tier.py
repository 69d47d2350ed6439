"""``min_tier`` on a running bridge: no order enters, what stands there can be taken back."""

from __future__ import annotations

from venuebus_schemas import Order, OrderStatus, OrderType, Side

from .bench import Bench


async def test_a_venue_below_its_min_tier_takes_no_orders_and_still_cancels(bench: Bench) -> None:
    bench.venue.put(
        Order(account="main", symbol="A", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW,
              quantity="1", filled_quantity="0", price="5", client_order_id="old", venue_order_id="Vold")
    )  # fmt: skip
    bench.table["min_tier"] = "bronze"  # the toy ships no report
    await bench.bridge()
    await bench.submit("s1")
    await bench.result("s1", ("rejected", "risk", None))
    assert "toy takes no orders: min_tier is bronze" in bench.of("result", "s1")[0]["text"]
    await bench.send("amend", "a1", client_order_id="old", price="6")
    await bench.result("a1", ("rejected", "risk", None))
    await bench.send("cancel", "c1", client_order_id="old")
    await bench.result("c1", ("accepted", None, None))
    assert bench.venue.log() == [("cancel", "c1")]
