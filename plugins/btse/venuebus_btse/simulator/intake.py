"""Reads the bodies of order requests: what the venue takes, and with which words it refuses the rest."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from venuebus.simulation import Market, OrderRefused, SimOrder

from .answers import Refusal, bad_request, envelope, spring
from .details import LIMIT, MARKET, PEG, STOP, TAKE_PROFIT, TX_NUMBERS, Details
from .settings import pad

LIVES = {
    "HALFMIN": 30,
    "FIVEMIN": 300,
    "HOUR": 3600,
    "TWELVEHOUR": 43_200,
    "DAY": 86_400,
    "WEEK": 604_800,
    "MONTH": 2_592_000,
}
TYPES = {"LIMIT": LIMIT, "MARKET": MARKET, "OCO": LIMIT, "PEG": PEG}


class RowRefusal(Exception):
    """The order is refused by an order row in an HTTP 200."""

    def __init__(self, number: int, key: str, text: str, params: list[str]) -> None:
        super().__init__(text)
        self.number, self.key, self.text, self.params = number, key, text, params


@dataclass(slots=True)
class Wanted:
    """A checked request for an order."""

    market: Market
    side: str
    kind: str
    tx_type: str
    size: Decimal | None
    quote: Decimal | None
    price: Decimal | None
    trigger: Decimal | None
    stop: Decimal | None
    time_in_force: str
    post_only: bool
    client_id: str | None
    stealth: Decimal
    deviation: Decimal


def read_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, its numbers exact.

    Raises:
        Refusal: it is none.
    """
    try:
        data = json.loads(body, parse_float=Decimal)
    except ValueError:
        raise bad_request("JSON parse error") from None
    if not isinstance(data, dict):
        raise bad_request("JSON parse error")
    return data


def number(data: dict[str, Any], name: str) -> Decimal | None:
    """Return a number of the body; null, absent and 0 all mean none, as at the venue.

    Raises:
        Refusal: it is no number.
    """
    value = data.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        parsed = Decimal(str(value))
    except InvalidOperation:
        raise envelope(-2, f"Invalid {name}: {value}") from None
    if not parsed.is_finite():
        raise envelope(-2, f"Invalid {name}: {value}")
    return parsed or None


def read_order(data: dict[str, Any], markets: dict[str, Market]) -> Wanted:
    """Return the order that a body asks for.

    Raises:
        Refusal: it breaks a rule of form. RowRefusal: the venue would refuse it by a row.
    """
    market = markets.get(str(data.get("symbol")))
    if market is None:
        raise envelope(-7006, f"Symbol not found: {data.get('symbol')}")
    side, kind = str(data.get("side")).upper(), str(data.get("type")).upper()
    tx_type = str(data.get("txType") or "LIMIT").upper()
    time_in_force = str(data.get("time_in_force") or "GTC").upper()
    if side not in ("BUY", "SELL") or kind not in TYPES or tx_type not in TX_NUMBERS:
        raise envelope(-2, f"Invalid side, type or txType: {side} {kind} {tx_type}")
    if time_in_force not in {"GTC", "IOC", "FOK", *LIVES}:
        raise envelope(-2, f"Invalid time_in_force: {time_in_force}")
    size, price, stop = number(data, "size"), number(data, "price"), number(data, "stopPrice")
    wanted = Wanted(
        market=market,
        side=side.lower(),
        kind=kind,
        tx_type="OCO" if kind == "OCO" else tx_type,
        size=None if size is None else pad(size, market.lot),
        quote=None,
        price=None if price is None else pad(price, market.tick),
        trigger=number(data, "triggerPrice"),
        stop=None if stop is None else pad(stop, market.tick),
        time_in_force=time_in_force,
        post_only=data.get("postOnly") is True,
        client_id=str(data["clOrderID"]) if data.get("clOrderID") else None,
        stealth=number(data, "stealth") or Decimal(100),
        deviation=number(data, "deviation") or Decimal(0),
    )
    _check_fields(wanted)
    return wanted


def _check_fields(wanted: Wanted) -> None:
    if wanted.kind == "MARKET":
        if wanted.size is not None and wanted.price is not None:
            raise bad_request("Size and Price should not be mixed")
        if wanted.side == "buy" and wanted.price is not None:
            wanted.quote, wanted.price = wanted.price, None
    elif wanted.price is None:
        raise spring(302, "Invalid order price")
    if wanted.size is None and wanted.quote is None:
        raise spring(301, "Invalid order size")
    if wanted.tx_type in ("STOP", "TRIGGER", "OCO") and wanted.trigger is None:
        raise envelope(-2, "triggerPrice is required")
    if wanted.tx_type == "LIMIT":
        wanted.trigger = None
    if wanted.kind == "OCO":
        _check_oco(wanted)
    if wanted.kind == "PEG":
        if wanted.market.quote != "USD":
            raise RowRefusal(15, "trade.error.index_order_usd_only", "Index orders are for USD markets only", [])
        if abs(wanted.deviation) > 10:
            raise envelope(-2, f"Invalid deviation: {wanted.deviation}")
    last = wanted.market.last
    if wanted.price is not None and not last / 20 <= wanted.price <= last * 20:
        raise RowRefusal(15, "trade.error.price_out_of_band", "Price is too far from the market", [str(wanted.price)])


def _check_oco(wanted: Wanted) -> None:
    if wanted.stop is None:
        raise envelope(-2, "stopPrice is required")
    assert wanted.trigger is not None
    assert wanted.price is not None
    last = wanted.market.last
    low, high = (wanted.price, wanted.trigger) if wanted.side == "buy" else (wanted.trigger, wanted.price)
    if not low < last < high:
        raise RowRefusal(15, "trade.error.oco_price", "The market price must lie between both prices", [str(last)])


def build(wanted: Wanted, user: str, request_id: int) -> list[SimOrder]:
    """Return the engine's order, or both legs of an OCO (the one that waits for its trigger first)."""
    if wanted.kind != "OCO":
        return [_order(wanted, user, request_id, wanted.price, wanted.trigger)]
    group = str(uuid.uuid4())
    stop = _order(wanted, user, request_id, wanted.stop, wanted.trigger, group)
    limit = _order(wanted, user, request_id, wanted.price, None, group)
    return [stop, limit]


def _order(
    wanted: Wanted,
    user: str,
    request_id: int,
    price: Decimal | None,
    trigger: Decimal | None,
    group: str | None = None,
) -> SimOrder:
    peg = wanted.kind == "PEG"
    above = wanted.side == "buy"
    if wanted.tx_type == "TRIGGER":
        above = not above
    tag = Details(
        user=user,
        order_type=TYPES[wanted.kind],
        tx_type=wanted.tx_type,
        time_in_force=wanted.time_in_force,
        original=wanted.size or Decimal(0),
        request_id=request_id,
        trigger_type=0 if trigger is None else TAKE_PROFIT if wanted.tx_type == "TRIGGER" else STOP,
        stealth=wanted.stealth / 100 if peg else Decimal(1),
        deviation=wanted.deviation / 100 if peg else Decimal(1),
        peg_limit=price if peg else None,
        oco=group is not None,
    )
    return SimOrder(
        order_id=str(uuid.uuid4()),
        owner=user,
        symbol=wanted.market.symbol,
        side="buy" if wanted.side == "buy" else "sell",
        quantity=wanted.size or Decimal(0),
        price=pegged(tag, wanted.side, wanted.market) if peg else price,
        trigger_price=trigger,
        trigger_above=None if trigger is None else above,
        immediate=wanted.time_in_force == "IOC",
        all_or_none=wanted.time_in_force == "FOK",
        post_only=wanted.post_only,
        quote_quantity=wanted.quote,
        client_id=wanted.client_id,
        tag=tag,
        group=group,
    )


def pegged(tag: Details, side: str, market: Market) -> Decimal:
    """Price of a peg order now: the index and its deviation, never beyond the order's limit."""
    assert tag.peg_limit is not None
    price = market.mid * (1 + tag.deviation) // market.tick * market.tick
    return min(price, tag.peg_limit) if side == "buy" else max(price, tag.peg_limit)


def from_engine(refused: OrderRefused) -> Refusal:
    """The venue's words for what the engine does not take."""
    if refused.code == "quantity":
        return spring(301, "Invalid order size")
    if refused.code == "price":
        return spring(302, "Invalid order price")
    return envelope(-2, str(refused))
