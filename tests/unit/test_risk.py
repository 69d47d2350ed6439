"""Built-in limits on what may be sent: each refusal says which limit and by how much."""

from __future__ import annotations

from typing import Any

import pytest
from venuebus import CommandRejected, VenueConfig
from venuebus.orders.risk import RiskLimits
from venuebus_schemas import Amend, Cancel, Order, OrderStatus, OrderType, Quote, Side, Submit

QUOTE = Quote(symbol="X", bid="99", bid_size="1", ask="101", ask_size="1")
SPREAD = Quote(symbol="SPREAD", bid="-22", bid_size="1", ask="-20", ask_size="1")


def limits(**keys: Any) -> tuple[RiskLimits, list[float]]:
    now = [5.0]
    config = VenueConfig(plugin="toy", **keys)
    return RiskLimits(config, {"X": QUOTE, "SPREAD": SPREAD}.get, clock=lambda: now[0]), now


def submit(symbol: str = "X", quantity: str | None = "2", price: str | None = "100", **fields: Any) -> Submit:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    side = fields.pop("side", Side.BUY)
    return Submit(command_id="c", symbol=symbol, side=side, order_type=kind, quantity=quantity, price=price, **fields)


@pytest.mark.parametrize(
    ("keys", "command", "text"),
    [
        ({"allowed_symbols": ("Y",)}, submit(), "allowed_symbols"),
        ({"max_quantity": "1.5"}, submit(), "over max_quantity 1.5 by 0.5"),
        ({"max_quantity": "1.5"}, Amend(command_id="c", client_order_id="o", quantity="3"), "by 1.5"),
        ({"max_notional": "150"}, submit(), "over max_notional 150 by 50"),
        ({"max_notional": "150"}, submit(price=None), "notional 202 is over"),
        ({"max_notional": "150"}, submit(price=None, side=Side.SELL), "notional 198 is over"),
        ({"max_notional": "150"}, submit(price="-100"), "over max_notional"),
        ({"max_notional": "150"}, submit(quantity=None, quote_quantity="151"), "by 1"),
        ({"max_notional": "150"}, submit("Z", price=None), "no quote of Z"),
        ({"max_notional": "250"}, submit(price=None, trigger_price="130"), "notional 260 is over"),
        ({"max_notional": "150"}, submit(price=None, trigger_price="60"), "notional 202 is over"),
        ({"max_notional": "150"}, submit("Z", price=None, trigger_price="80"), "notional 160 is over"),
        ({"max_quantity": "1"}, submit(quantity="1.00000001"), "by 0.00000001$"),
        ({"price_collar": "0.05"}, submit(price="110"), r"9 away from 101, over price_collar 0.05 \(5.05\) by 3.95$"),
        ({"price_collar": "0.05"}, submit("SPREAD"), r"120 away from -20, over price_collar 0.05 \(1.00\) by 119.00$"),
        ({"price_collar": "0.05"}, submit("Z"), "no quote of Z"),
    ],
)
def test_what_breaks_a_limit_is_refused_with_the_limit(keys: dict[str, Any], command: Any, text: str) -> None:
    risk, _ = limits(**keys)
    assert risk.is_active
    with pytest.raises(CommandRejected, match=text) as refused:
        risk.check(command, "toy", "main")
    assert refused.value.reason == "risk"


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        ({"allowed_symbols": ("X",)}, submit()),
        ({"max_quantity": "2"}, submit()),
        ({"max_notional": "200"}, submit()),
        ({"price_collar": "0.05"}, submit(price="105")),
        ({"price_collar": "0.05"}, submit("SPREAD", price="-21")),
        ({"max_quantity": "0.1"}, Cancel(command_id="c", client_order_id="o")),
    ],
)
def test_what_keeps_every_limit_passes(keys: dict[str, Any], command: Any) -> None:
    risk, _ = limits(**keys)
    risk.check(command, "toy", "main")


def test_orders_per_second_are_counted_in_a_sliding_second() -> None:
    risk, now = limits(max_orders_per_second=2)
    risk.check(submit(), "toy", "main")
    now[0] += 0.6
    risk.check(submit(), "toy", "main")
    with pytest.raises(CommandRejected, match="max_orders_per_second 2 is reached"):
        risk.check(submit(), "toy", "main")
    risk.check(Amend(command_id="c", client_order_id="o", price="1"), "toy", "main")
    now[0] += 0.4
    risk.check(submit(), "toy", "main")


def test_without_a_limit_it_is_not_active() -> None:
    risk, _ = limits()
    assert not risk.is_active
    assert not risk.needs_quotes
    assert limits(price_collar="1")[0].needs_quotes


def test_an_amend_is_held_to_the_limits_by_the_order_that_it_would_make() -> None:
    known = Order(
        symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW, quantity="2", price="100",
        filled_quantity="0", client_order_id="a",
    )  # fmt: skip
    config = VenueConfig(plugin="toy", price_collar="0.05", max_notional="250")
    risk = RiskLimits(config, {"X": QUOTE}.get, lambda account, command: known)
    risk.check(Amend(command_id="1", client_order_id="a", quantity="2.4"), "v", "main")
    with pytest.raises(CommandRejected, match="price_collar"):
        risk.check(Amend(command_id="2", client_order_id="a", price="50"), "v", "main")
    with pytest.raises(CommandRejected, match="max_notional"):
        risk.check(Amend(command_id="3", client_order_id="a", quantity="3"), "v", "main")
