"""Commands as OpenD's requests: every type, side, session, time in force and trail; nothing is rounded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from venuebus import CommandRejected
from venuebus_futu import convert_commands
from venuebus_schemas import Amend, Order, OrderStatus, OrderType, Side, Submit

ALL = frozenset({1, 2, 4, 5, 6, 15})


def submit(**fields: Any) -> Submit:
    base = {
        "type": "submit", "command_id": "c1", "client_order_id": "mine-1", "symbol": "HK.00700", "side": "buy",
        "order_type": "limit", "quantity": "100", "price": "480.2",
    }  # fmt: skip
    return msgspec.convert({k: v for k, v in {**base, **fields}.items() if v is not None}, Submit)


def place(**fields: Any) -> Any:
    return convert_commands.place(submit(**fields), real=True, markets=ALL)


def refused(reason: str, **fields: Any) -> str:
    with pytest.raises(CommandRejected) as caught:
        place(**fields)
    assert caught.value.reason == reason
    return str(caught.value)


def test_a_limit_order_carries_the_client_id_as_its_remark() -> None:
    c2s = place()
    assert (c2s.trdSide, c2s.orderType, c2s.code, c2s.secMarket) == (1, 1, "00700", 1)
    assert (c2s.qty, c2s.price, c2s.remark, c2s.timeInForce) == (100.0, 480.2, "mine-1", 0)
    assert (c2s.header.trdEnv, c2s.header.trdMarket) == (1, 1)
    assert not c2s.HasField("auxPrice")


@pytest.mark.parametrize(
    ("canonical", "native", "more", "number"),
    [
        ("limit", None, {}, 1),
        ("market", None, {"price": None}, 2),
        ("limit", "ABSOLUTE_LIMIT", {}, 5),
        ("auction", None, {"price": None}, 6),
        ("auction_limit", None, {}, 7),
        ("limit", "SPECIAL_LIMIT", {}, 8),
        ("limit", "SPECIAL_LIMIT_ALL", {}, 9),
        ("stop", None, {"price": None, "trigger_price": "470"}, 10),
        ("stop_limit", None, {"trigger_price": "470"}, 11),
        ("other", "MARKET_IF_TOUCHED", {"price": None, "trigger_price": "470"}, 12),
        ("other", "LIMIT_IF_TOUCHED", {"trigger_price": "470"}, 13),
        ("trailing_stop", None, {"price": None, "params": {"trail_type": "ratio", "trail_value": "20"}}, 14),
        (
            "trailing_stop_limit",
            None,
            {"price": None, "params": {"trail_type": "amount", "trail_value": "2.5", "trail_spread": "0.4"}},
            15,
        ),
        ("other", "TWAP_MARKET", {"price": None}, 16),
        ("other", "TWAP_LIMIT", {}, 17),
        ("other", "VWAP_MARKET", {"price": None}, 18),
        ("other", "VWAP_LIMIT", {}, 19),
    ],
)
def test_every_order_type(canonical: str, native: str | None, more: dict[str, Any], number: int) -> None:
    more = dict(more)
    params = {**more.pop("params", {}), **({"order_type": native} if native else {})}
    c2s = place(order_type=canonical, params=params or None, **more)
    assert c2s.orderType == number
    assert c2s.auxPrice == (470.0 if "trigger_price" in more else 0.0)
    if number in (14, 15):
        assert (c2s.trailType, c2s.trailValue) == ((1, 20.0) if number == 14 else (2, 2.5))
        assert c2s.trailSpread == (0.4 if number == 15 else 0.0)


@pytest.mark.parametrize(("tif", "number"), [(None, 0), ("day", 0), ("gtc", 1), ("ioc", 2), ("gtd", 3)])
def test_every_time_in_force(tif: str | None, number: int) -> None:
    c2s = place(time_in_force=tif, expire_date="2027-01-29" if tif == "gtd" else None)
    assert c2s.timeInForce == number
    assert c2s.expireTime == ("2027-01-29" if tif == "gtd" else "")


@pytest.mark.parametrize(("session", "number"), [("rth", 1), ("eth", 2), ("all", 3), ("overnight", 4)])
def test_every_session_of_the_us(session: str, number: int) -> None:
    c2s = place(symbol="US.AAPL", price="226.5", params={"session": session, "fill_outside_rth": True})
    assert (c2s.session, c2s.fillOutsideRTH, c2s.secMarket, c2s.header.trdMarket) == (number, True, 2, 2)


def test_the_four_sides() -> None:
    assert place(side="sell").trdSide == 2
    assert place(side="sell", params={"side": "sell_short"}).trdSide == 3
    assert place(side="buy", params={"side": "buy_back"}).trdSide == 4
    refused("invalid", side="buy", params={"side": "sell_short"})


def test_a_price_may_be_moved_to_a_tick_only_where_that_was_asked_for() -> None:
    assert not place().HasField("adjustPrice")
    c2s = place(params={"adjust_limit": "0.0015", "position_id": "18446744073709551615"})
    assert (c2s.adjustPrice, c2s.adjustSideAndLimit, c2s.positionID) == (True, 0.0015, 2**64 - 1)


@pytest.mark.parametrize(
    ("symbol", "price", "ok"),
    [("HK.00700", "480.123", True), ("HK.00700", "480.1234", False), ("US.AAPL", "226.123", True),
     ("US.AAPL", "0.1234", True), ("US.AAPL", "0.12345", False), ("US.AAPL270115C235000", "12.35", True),
     ("US.AAPL270115C235000", "12.355", False), ("HK.HSI2512", "-37.123456789", True),
     ("HK.00700", "480.200000", True), ("HK.00700", "99999999999999999.123", False)],
)  # fmt: skip
def test_digits_that_opend_would_cut_off_are_refused(symbol: str, price: str, ok: bool) -> None:
    if ok:
        assert place(symbol=symbol, price=price).price == float(price)
    else:
        assert "price" in refused("price", symbol=symbol, price=price)


def test_what_cannot_be_expressed_is_refused_by_name() -> None:
    assert "quantity" in refused("quantity", quantity="100.5")
    assert "fok" in refused("unsupported", time_in_force="fok")
    assert "post_only" in refused("unsupported", post_only=True)
    assert "reduce_only" in refused("unsupported", reduce_only=True)
    assert "quote_quantity" in refused("unsupported", quantity=None, quote_quantity="1000")
    assert "position_effect" in refused("unsupported", position_effect="open")
    assert "peg" in refused("unsupported", order_type="peg")
    assert "trigger_price" in refused(
        "price", order_type="other", params={"order_type": "MARKET_IF_TOUCHED"}, price=None
    )
    assert "takes none" in refused("price", order_type="auction")
    assert "trail" in refused("invalid", order_type="trailing_stop", price=None)
    assert "trail_spread" in refused(
        "invalid", order_type="trailing_stop_limit", price=None, params={"trail_type": "ratio", "trail_value": "1"}
    )
    assert "US" in refused("invalid", params={"session": "rth"})
    assert "nonsense" in refused("invalid", params={"nonsense": 1})
    assert "ICEBERG" in refused("invalid", params={"order_type": "ICEBERG"})
    assert "not market" in refused("invalid", order_type="market", price=None, params={"order_type": "STOP"})
    assert "PREFIX.CODE" in refused("unknown_symbol", symbol="00700")
    assert "permission" in refused("unknown_symbol", symbol="MY.1155")


def known(**fields: Any) -> Order:
    base: dict[str, Any] = {
        "symbol": "HK.00700", "side": Side.BUY, "order_type": OrderType.LIMIT, "status": OrderStatus.NEW,
        "quantity": "300", "filled_quantity": "100", "price": "480",
    }  # fmt: skip
    return Order(**{**base, **fields})


def amend(order: Order | None, **fields: Any) -> Any:
    return convert_commands.modify(
        msgspec.convert({"type": "amend", "command_id": "c", "client_order_id": "x", **fields}, Amend), order
    )


def test_an_amend_sends_the_new_total_and_what_stays() -> None:
    c2s = amend(known(), quantity="500")
    assert (c2s.modifyOrderOp, c2s.qty, c2s.price) == (1, 500.0, 480.0)
    c2s = amend(known(), price="481.2")
    assert (c2s.qty, c2s.price) == (300.0, 481.2)
    c2s = amend(known(order_type=OrderType.STOP, price=None, trigger_price="470"), trigger_price="471")
    assert (c2s.qty, c2s.auxPrice, c2s.HasField("price")) == (300.0, 471.0, False)


def test_an_amend_of_an_order_that_nobody_knows_needs_both_numbers() -> None:
    with pytest.raises(CommandRejected, match="quantity"):
        amend(None, price="481")
    with pytest.raises(CommandRejected, match="price"):
        amend(None, quantity="100")
    assert amend(None, price="481", quantity="100").qty == 100.0


@pytest.mark.parametrize(("operation", "number"), [("enable", 4), ("disable", 3)])
def test_enable_and_disable_change_no_number(operation: str, number: int) -> None:
    assert amend(known(), params={"operation": operation}).modifyOrderOp == number
    with pytest.raises(CommandRejected, match="changes no number"):
        amend(known(), price="1", params={"operation": operation})
