"""The venue's figures, explained to the cent; statuses, dates and amounts that cannot be carried."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from venuebus_pingpongx.convert import differences, revaluation, translate
from venuebus_pingpongx.messages import Position
from venuebus_pingpongx.protocol import read_event
from venuebus_schemas import Forward, ForwardChange, ForwardChangeKind, ForwardStatus


def of(message: dict[str, Any]) -> tuple[ForwardChange, list[Forward], list[str]]:
    found = translate(read_event(json.dumps(message).encode()))
    change, *states = found.events
    assert isinstance(change, ForwardChange)
    assert all(isinstance(state, Forward) for state in states)
    return change, states, found.warnings  # type: ignore[return-value]


def flat(kind: str = "positionCreate", **fields: Any) -> dict[str, Any]:
    payload = {
        "position_id": "240326FW272838750", "buy_currency": "CNH", "buy_amount": 7.2, "sell_currency": "USD",
        "sell_amount": 1, "value_date": "2024-03-27", "status": "waitSettle", **fields,
    }  # fmt: skip
    return {"event_type": kind, "msg_id": "P1", "payload": payload}


def test_the_sample_becomes_a_change_and_three_states(sample: dict[str, Any]) -> None:
    change, (old, left, new), warnings = of(sample)
    assert (change.change, change.msg_id) == (ForwardChangeKind.EXTEND, "P24010816531715000058")
    assert change.old is not None
    assert change.left is not None
    assert change.new is not None
    assert (old.position_id, old.status, old.venue_status) == ("240326FW272838750", "extended", "extendClose")
    assert (left.position_id, left.status) == ("240326FW162799862", "open")
    assert (new.position_id, new.status) == ("240326FW481691497", "open")
    assert {left.parent_id, new.parent_id} == {old.position_id}
    assert {old.root_id, left.root_id, new.root_id} == {"240326FW308504201"}
    assert (old.client_order_id, left.client_order_id, new.client_order_id) == (
        None, "202403261705FW00003", "202403261705FW00003-6",
    )  # fmt: skip
    assert (new.price, new.inverse_price, new.base_currency, new.quote_currency) == (
        "7.20266", "0.138838", "USD", "CNH",
    )  # fmt: skip
    assert (old.value_date, left.value_date, new.value_date) == ("2024-03-27", "2024-03-27", "2024-03-28")
    assert (new.pay_way, new.channel, new.source) == ("balance", "api", "lock")
    assert new.ts_opened == 1_711_454_778_000_000_000  # 2024-03-26T12:06:18Z
    assert new.extra == {"status_desc": "待履约"}
    assert warnings == []


def test_the_sold_side_conserves_and_five_cents_of_the_bought_side_are_the_new_price(sample: dict[str, Any]) -> None:
    event = read_event(json.dumps(sample).encode())
    assert event.change is not None
    old, left, new = event.change.oldPosition, event.change.leftPosition, event.change.newPosition
    assert old is not None
    assert left is not None
    assert new is not None
    assert left.sell_amount + new.sell_amount == old.sell_amount == Decimal("794.5")
    assert left.buy_amount + new.buy_amount - old.buy_amount == Decimal("0.05")
    # 301.60 x (7.20266 - 7.20249) = 0.051272: the extended part is valued anew at its new price
    assert new.price is not None
    assert old.price is not None
    assert new.sell_amount * (new.price - old.price) == Decimal("0.051272")
    assert revaluation(old, new) == Decimal("0.05")
    assert differences(event.change) == {"buy_difference": "0.05"}
    assert of(sample)[0].extra == {"buy_difference": "0.05"}


def test_what_does_not_conserve_is_warned_about_and_never_refused(sample: dict[str, Any]) -> None:
    sample["payload"]["leftPosition"]["sell_amount"] = 492.91
    sample["payload"]["newPosition"]["buy_amount"] = 2200
    change, states, warnings = of(sample)
    assert change.extra == {"sell_difference": "0.01", "buy_difference": "27.73"}
    assert len(states) == 3
    assert [warning.split(" by ")[0] for warning in warnings] == [
        "the sold amounts differ", "the bought amounts differ",
    ]  # fmt: skip


def test_lineage_that_does_not_fit_is_warned_about(sample: dict[str, Any]) -> None:
    sample["payload"]["newPosition"]["parent_position_id"] = "somebody"
    sample["payload"]["leftPosition"]["root_position_id"] = "else"
    _, states, warnings = of(sample)
    assert len(states) == 3
    assert len(warnings) == 2


def test_a_full_extension_leaves_nothing(sample: dict[str, Any]) -> None:
    del sample["payload"]["leftPosition"]
    sample["payload"]["newPosition"] |= {"sell_amount": 794.5, "buy_amount": 5722.51}
    change, states, warnings = of(sample)
    assert change.left is None
    assert [state.status for state in states] == [ForwardStatus.EXTENDED, ForwardStatus.OPEN]
    assert warnings == []


@pytest.mark.parametrize(
    ("kind", "status", "change", "role", "state"),
    [
        ("positionCreate", "waitSettle", "create", "new", "open"),
        ("positionCreate", "settle", "create", "new", "settled"),
        ("positionSettle", "settle", "settle", "old", "settled"),
        ("positionSettle", "violated", "settle", "old", "unknown"),
        ("positionCancel", "cancel", "cancel", "old", "canceled"),
        ("positionCancel", "whatever it is called", "cancel", "old", "canceled"),
        ("positionCancel", "waitSettle", "cancel", "old", "canceled"),
        ("positionCancel", "settle", "cancel", "old", "settled"),
        ("positionExtend", "extendClose", "extend", "old", "extended"),
        ("positionExtend", "waitSettle", "extend", "new", "open"),
        ("positionCreate", None, "create", "new", "unknown"),
    ],
)
def test_flat_events_have_their_role_and_state(
    kind: str, status: str | None, change: str, role: str, state: str
) -> None:
    told, (position,), _ = of(flat(kind, status=status))
    assert told.change == change
    fields = getattr(told, role)
    assert (fields.status, fields.venue_status, position.status) == (state, status, state)
    assert [name for name in ("old", "left", "new") if getattr(told, name) is not None] == [role]


def test_what_is_absent_stays_absent_and_the_rest_goes_to_extra() -> None:
    _, (state,), _ = of(flat(violate_date=2, violate_money=1.5, violate_currency="USD", pay_way="", price=None))
    assert (state.pay_way, state.price, state.ts_opened, state.client_order_id, state.root_id) == (None,) * 5
    assert state.extra == {"violate_date": "2", "violate_money": "1.5", "violate_currency": "USD"}


def test_numbers_stay_as_they_are_in_plain_notation() -> None:
    body = (
        json.dumps(flat())
        .replace("7.2", "123456789012345678901234567.10")
        .replace('"sell_amount": 1', '"sell_amount": 1E2')
    )
    _, state = translate(read_event(body.encode())).events
    assert isinstance(state, Forward)
    assert (state.buy_amount, state.sell_amount) == ("123456789012345678901234567.10", "100")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"buy_amount": "NaN"}, "buy_amount is not a number"),
        ({"buy_amount": "-Infinity"}, "buy_amount is not a number"),
        ({"sell_amount": "1e999999"}, "sell_amount is not a number within reason"),
        ({"price": "1e-999999"}, "price is not a number within reason"),
        ({"price": "1." + "0" * 100}, "price is not a number within reason"),
        ({"value_date": "27.03.2024"}, "value_date"),
        ({"value_date": "2024-02-30"}, "value_date"),
        ({"value_date": "2024-W13-3"}, "value_date"),
        ({"value_date": "20240327"}, "value_date"),
        ({"value_date": ""}, "value_date"),
        ({"position_id": ""}, "position_id"),
        ({"position_id": "x" * 300}, "position_id"),
        ({"buy_currency": "US\nD"}, "buy_currency"),
        ({"open_time": 1711454778}, "open_time"),
        ({"open_time": -1}, "open_time"),
        ({"open_time": 10**17}, "open_time"),
    ],
)
def test_a_value_that_no_field_can_carry_is_refused_with_its_name(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        of(flat(**fields))


def test_a_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown event_type 'positionMerge'"):
        of(flat("positionMerge"))


def test_a_revaluation_is_only_told_where_the_direction_is_certain() -> None:
    common: dict[str, Any] = {
        "position_id": "1", "buy_currency": "USD", "buy_amount": Decimal(1), "sell_currency": "MXN",
        "sell_amount": Decimal(20), "value_date": "2024-03-27", "base_currency": "USD", "price": Decimal(20),
    }  # fmt: skip
    assert revaluation(Position(**common), Position(**{**common, "price": Decimal(21)})) is None
