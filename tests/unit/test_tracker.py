"""The order state machine: what venues say in any order, and what the bus says of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from venuebus.orders.tracker import OrderTracker, order_key
from venuebus_schemas import Fill, Order, OrderStatus, OrderType, Reason, Side, plain

S = OrderStatus
VENUE_STATUSES = [S.NEW, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED, S.SUSPENDED, S.TRIGGERED]


def update(status: OrderStatus, filled: str = "0", **fields: object) -> Order:
    known = {"quantity": "10", "client_order_id": "c1", "venue_order_id": "v1", **fields}
    return Order(symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=status, filled_quantity=filled, **known)  # type: ignore[arg-type]


def fill(fill_id: str = "f1", quantity: str = "4", **fields: object) -> Fill:
    known = {"client_order_id": None, "venue_order_id": "v1", **fields}
    return Fill(symbol="X", fill_id=fill_id, side=Side.BUY, price="2", quantity=quantity, **known)  # type: ignore[arg-type]


def ours() -> OrderTracker:
    tracker = OrderTracker("main")
    tracker.begin(update(S.PENDING_NEW, venue_order_id=None))
    return tracker


def state(tracker: OrderTracker) -> tuple[str, str]:
    tracked = tracker.find(client_order_id="c1")
    assert tracked is not None
    return str(tracked.order.status), tracked.order.filled_quantity


def published(tracker: OrderTracker, *updates: Order) -> list[tuple[str, str]]:
    events = [tracker.apply(one)[0] for one in updates]
    return [(str(event.status), event.filled_quantity) for event in events if event is not None]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        # the plain life
        ([(S.NEW, "0"), (S.PARTIALLY_FILLED, "4"), (S.FILLED, "10")], ["new 0", "partially_filled 4", "filled 10"]),
        # an event that changes nothing is not published
        ([(S.NEW, "0"), (S.NEW, "0"), (S.NEW, "0")], ["new 0"]),
        # the fill overtakes the acknowledgement
        ([(S.PARTIALLY_FILLED, "4"), (S.NEW, "0")], ["partially_filled 4"]),
        ([(S.FILLED, "10"), (S.NEW, "0"), (S.PARTIALLY_FILLED, "4")], ["filled 10"]),
        # old orders are replayed after a reconnect
        ([(S.CANCELED, "4"), (S.NEW, "0"), (S.PARTIALLY_FILLED, "4"), (S.CANCELED, "4")], ["canceled 4"]),
        # a cancel loses the race against the last fill: never canceled
        ([(S.NEW, "0"), (S.FILLED, "10"), (S.CANCELED, "10")], ["new 0", "filled 10"]),
        # the end is told before the last fill of an order that was canceled in part
        ([(S.NEW, "0"), (S.CANCELED, "0"), (S.CANCELED, "4")], ["new 0", "canceled 0", "canceled 4"]),
        # a status that contradicts the quantities
        ([(S.NEW, "4")], ["partially_filled 4"]),
        ([(S.PARTIALLY_FILLED, "10")], ["filled 10"]),
        # unknown is left for whatever the venue says next
        ([(S.NEW, "0"), (S.UNKNOWN, "0"), (S.NEW, "0")], ["new 0", "unknown 0", "new 0"]),
        ([(S.PARTIALLY_FILLED, "4"), (S.UNKNOWN, "0"), (S.NEW, "0")],
         ["partially_filled 4", "unknown 4", "partially_filled 4"]),
        ([(S.FILLED, "10"), (S.UNKNOWN, "0")], ["filled 10"]),
        # a trigger
        ([(S.NEW, "0"), (S.TRIGGERED, "0"), (S.NEW, "0"), (S.FILLED, "10")], ["new 0", "triggered 0", "filled 10"]),
        # a rejection after all
        ([(S.REJECTED, "0"), (S.NEW, "0")], ["rejected 0"]),
    ],
)  # fmt: skip
def test_what_the_venue_tells_never_goes_backwards(told: list[tuple[OrderStatus, str]], expected: list[str]) -> None:
    events = published(ours(), *(update(status, filled) for status, filled in told))
    assert [" ".join(event) for event in events] == expected


def test_what_the_update_leaves_out_keeps_its_value() -> None:
    tracker = ours()
    tracker.apply(update(S.NEW, price="2.5", extra={"a": "1"}))
    order, _ = tracker.apply(update(S.PARTIALLY_FILLED, "4", quantity=None, extra={"b": "2"}))
    assert order is not None
    assert (order.price, order.quantity, order.leaves_quantity) == ("2.5", "10", "6")
    assert order.extra == {"a": "1", "b": "2"}


def test_a_pending_cancel_of_ours_stands_until_the_venue_has_answered() -> None:
    tracker = ours()
    tracker.apply(update(S.NEW))
    event = tracker.pending(update(S.NEW), S.PENDING_CANCEL, "k1")
    assert event is not None
    assert (event.status, event.command_id) == (S.PENDING_CANCEL, "k1")
    assert tracker.pending(event, S.PENDING_CANCEL, "k2") is None
    assert published(tracker, update(S.NEW), update(S.PARTIALLY_FILLED, "4")) == [("pending_cancel", "4")]
    back = tracker.settle_pending(event)
    assert back is not None
    assert (back.status, back.filled_quantity) == (S.PARTIALLY_FILLED, "4")
    assert tracker.settle_pending(event) is None


def test_an_order_that_ends_while_a_cancel_is_pending_ends() -> None:
    tracker = ours()
    tracker.apply(update(S.NEW))
    tracker.pending(update(S.NEW), S.PENDING_CANCEL, "k1")
    assert published(tracker, update(S.FILLED, "10")) == [("filled", "10")]
    assert tracker.settle_pending(update(S.FILLED)) is None
    assert tracker.pending(update(S.FILLED), S.PENDING_CANCEL, "k2") is None


def test_a_refused_cancel_leaves_an_unknown_order_unknown() -> None:
    tracker = ours()
    tracker.apply(update(S.UNKNOWN))
    tracker.pending(update(S.UNKNOWN), S.PENDING_CANCEL, "k1")
    back = tracker.settle_pending(update(S.UNKNOWN))
    assert back is not None
    assert back.status is S.UNKNOWN


def test_an_amend_as_cancel_and_replace_stays_one_order() -> None:
    tracker = ours()
    tracker.apply(update(S.NEW, venue_order_ids={"first": "v1"}))
    tracker.pending(update(S.NEW), S.PENDING_AMEND, "k1")
    tracker.answered(update(S.NEW))
    replaced = update(S.NEW, client_order_id=None, venue_order_id="v2", venue_order_ids={"first": "v1", "second": "v2"})
    order, _ = tracker.apply(msgspec.structs.replace(replaced, price="3"))
    assert order is not None
    assert (order.client_order_id, order.status, order.price) == ("c1", S.NEW, "3")
    assert order.external is None
    for venue_id in ("v1", "v2"):
        tracked = tracker.find(venue_order_id=venue_id)
        assert tracked is not None
        assert tracked.order.client_order_id == "c1"
    assert len(tracker.open) == 1


@pytest.mark.parametrize("before", [S.FILLED, S.CANCELED])
def test_a_voided_fill_reopens_the_order_once_and_by_no_more(before: OrderStatus) -> None:
    tracker = ours()
    tracker.apply(update(before, "10"))
    assert published(tracker, update(S.PARTIALLY_FILLED, "6")) == []
    assert tracker.apply_fill(fill("f1", "4")) is not None
    taken_back = tracker.apply_fill(fill("f1", "4", voided=True))
    assert taken_back is not None
    assert taken_back.client_order_id == "c1"
    assert tracker.apply_fill(fill("f1", "4", voided=True)) is None
    assert published(tracker, update(before, "10"), update(S.PARTIALLY_FILLED, "3")) == []
    assert published(tracker, update(S.PARTIALLY_FILLED, "6")) == [("partially_filled", "6")]
    # the exception is used up: replays of the past change nothing any more
    assert published(tracker, update(S.PARTIALLY_FILLED, "2"), update(S.NEW, "0")) == []
    assert published(tracker, update(S.FILLED, "10")) == [("filled", "10")]


def test_two_voided_fills_may_take_back_one_after_the_other() -> None:
    tracker = ours()
    tracker.apply(update(S.FILLED, "10"))
    for name in ("f1", "f2"):
        tracker.apply_fill(fill(name, "3", voided=True))
    states = [update(S.PARTIALLY_FILLED, "7"), update(S.CANCELED, "4"), update(S.CANCELED, "1")]
    assert published(tracker, *states) == [("partially_filled", "7"), ("canceled", "4")]


def test_a_fill_is_published_once_and_takes_the_ids_of_its_order() -> None:
    tracker = ours()
    tracker.apply(update(S.NEW, position_effect=None))
    first = tracker.apply_fill(fill())
    assert first is not None
    assert first.client_order_id == "c1"
    assert tracker.apply_fill(fill()) is None
    other_side = msgspec.structs.replace(fill(), side=Side.SELL)  # both sides of a self-match have one id
    assert tracker.apply_fill(other_side) is not None


def test_derived_fills_add_up_to_what_was_filled() -> None:
    tracker = ours()
    tracker.derives_fills = True
    fills = []
    for filled, average in (("4", "2"), ("4", "2"), ("10", "2.6")):
        _, derived = tracker.apply(update(S.PARTIALLY_FILLED, filled, avg_fill_price=average))
        fills += [derived] if derived is not None else []
    assert [(one.quantity, one.price, one.derived) for one in fills] == [("4", "2", True), ("6", "3", True)]


def test_an_order_placed_elsewhere_is_adopted_until_it_tells_our_id() -> None:
    tracker = OrderTracker("main")
    order, _ = tracker.apply(update(S.NEW, client_order_id=None))
    assert order is not None
    assert order.external is True
    assert order_key(order) == "v1"
    tracker.begin(update(S.PENDING_NEW, venue_order_id=None))
    mine, _ = tracker.apply(update(S.NEW))
    assert mine is not None
    assert mine.external is None
    assert list(tracker.open) == ["c1"]


def test_an_order_without_any_id_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a client_order_id"):
        OrderTracker("main").apply(update(S.NEW, client_order_id=None, venue_order_id=None))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "much", ""])
def test_a_number_that_is_none_breaks_nothing(text: str) -> None:
    tracker = ours()
    assert published(tracker, update(S.NEW), update(S.NEW, text)) == [("new", "0")]


def test_a_state_read_back_is_where_the_order_goes_on() -> None:
    tracker = OrderTracker("main")
    tracker.load(update(S.PENDING_CANCEL, "4"), ours=True)
    assert published(tracker, update(S.PARTIALLY_FILLED, "4")) == [("partially_filled", "4")]
    tracker.load(update(S.FILLED, "10", leaves_quantity="0"), ours=True)
    assert published(tracker, update(S.NEW), update(S.FILLED, "10")) == []
    assert not tracker.open


def test_a_reason_goes_with_the_status_it_explains() -> None:
    tracker = ours()
    tracker.apply(update(S.UNKNOWN, reason=Reason.TIMEOUT, text="no answer"))
    order, _ = tracker.apply(update(S.NEW))
    assert order is not None
    assert (order.reason, order.text) == (None, None)


@st.composite
def order_lives(draw: st.DrawFn) -> tuple[list[Order], list[Order]]:
    """A true life of one order, and what a venue makes of it: repeated, reordered, with holes, but the end told."""
    fills = draw(st.lists(st.integers(1, 4), max_size=4))
    quantity = sum(fills) + draw(st.integers(0, 3))
    total = max(quantity, 1)
    life, filled = [update(S.NEW, quantity=str(total))], 0
    for size in fills:
        filled += size
        status = S.FILLED if filled == total else S.PARTIALLY_FILLED
        life.append(update(status, str(filled), quantity=str(total)))
    if filled < total and draw(st.booleans()):
        life.append(update(draw(st.sampled_from([S.CANCELED, S.EXPIRED])), str(filled), quantity=str(total)))
    told = draw(st.lists(st.sampled_from(life), max_size=12))
    told.insert(draw(st.integers(0, len(told))), life[-1])
    if draw(st.booleans()):
        told.insert(draw(st.integers(0, len(told))), update(S.UNKNOWN, quantity=None, venue_order_id=None))
    return life, [msgspec.structs.replace(one) for one in told]


@given(order_lives(), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_interleaving_moves_forward_and_ends_at_the_truth(
    lives: tuple[list[Order], list[Order]], derives: bool
) -> None:
    life, told = lives
    tracker = ours()
    tracker.derives_fills = derives
    filled, final, last, derived = Decimal(0), None, ("pending_new", "0"), Decimal(0)
    for one in told:
        order, made = tracker.apply(msgspec.structs.replace(one))
        derived += Decimal(made.quantity) if made is not None and one.price is not None else 0
        again = tracker.apply(msgspec.structs.replace(one))
        assert again[0] is None or one.status is S.UNKNOWN
        if order is None:
            continue
        now = (str(order.status), order.filled_quantity)
        assert now != last
        last = now
        assert Decimal(order.filled_quantity) >= filled
        assert final in (None, order.status)
        filled = Decimal(order.filled_quantity)
        final = order.status if order.status.is_final else None
        if order.quantity is not None and not order.status.is_final:
            assert order.leaves_quantity == plain(Decimal(order.quantity) - filled)
    truth = life[-1]
    if told[-1].status is S.UNKNOWN and not truth.status.is_final:
        assert state(tracker) == ("unknown", plain(filled))
    else:
        assert state(tracker) == (str(truth.status), truth.filled_quantity)
    assert bool(tracker.open) is not truth.status.is_final


@given(st.lists(st.tuples(st.sampled_from(list(S)), st.integers(0, 10)), max_size=15))
@settings(max_examples=300, deadline=None)
def test_whatever_a_venue_says_the_guarantees_hold(told: list[tuple[OrderStatus, int]]) -> None:
    tracker = ours()
    filled, final = 0, None
    for status, quantity in told:
        order, _ = tracker.apply(update(status, str(quantity)))
        if order is not None:
            assert int(order.filled_quantity) >= filled
            assert final in (None, order.status)
            filled = int(order.filled_quantity)
            final = order.status if order.status.is_final else None
