"""The matching engine that venue simulators stand on."""

from __future__ import annotations

import itertools
from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from venuebus.simulation import Market, MatchingEngine, OrderRefused, SimFill, SimOrder, SimTrade

D = Decimal


class Recorder:
    """A listener that checks, whenever it hears of a book, that the book is sane."""

    def __init__(self) -> None:
        self.engine: MatchingEngine | None = None
        self.states: dict[str, list[tuple[str, D]]] = defaultdict(list)
        self.fills: list[SimFill] = []
        self.trades: list[SimTrade] = []
        self.books: list[str] = []

    def on_order(self, order: SimOrder) -> None:
        self.states[order.order_id].append((order.state, order.filled))

    def on_fill(self, fill: SimFill) -> None:
        assert self.states[fill.order.order_id][-1] == (fill.order.state, fill.order.filled)
        self.fills.append(fill)

    def on_trade(self, trade: SimTrade) -> None:
        self.trades.append(trade)

    def on_book(self, symbol: str) -> None:
        assert self.engine is not None
        check_book(self.engine, symbol)
        self.books.append(symbol)


def check_book(engine: MatchingEngine, symbol: str) -> None:
    bids, asks = engine.book(symbol, 1000)
    assert [p for p, _ in bids] == sorted({p for p, _ in bids}, reverse=True)
    assert [p for p, _ in asks] == sorted({p for p, _ in asks})
    assert all(size > 0 for _, size in bids + asks)
    assert not bids or not asks or bids[0][0] < asks[0][0]
    for order in engine.open_orders(symbol=symbol):
        if order.state != "waiting" and order.price is not None:
            assert dict(bids if order.side == "buy" else asks)[order.price] >= order.leaves


def make(mid: str = "100", depth: int = 5, **options: int) -> tuple[MatchingEngine, Recorder, itertools.count[int]]:
    clock = itertools.count(1)
    recorder = Recorder()
    market = Market("X", D("0.5"), D("0.1"), D(mid), depth=depth)
    engine = MatchingEngine([market], recorder, now_ns=lambda: next(clock), **options)
    recorder.engine = engine
    return engine, recorder, itertools.count(1)


def order(number: int, side: str = "buy", quantity: str = "1", price: str | None = None, **more: object) -> SimOrder:
    return SimOrder(f"o{number}", "me", "X", side, D(quantity), D(price) if price else None, **more)  # type: ignore[arg-type]


def test_a_taker_walks_the_book_at_the_makers_prices() -> None:
    engine, recorder, _ = make()
    taken = engine.submit(order(1, quantity="4", price="101.5"))
    assert [(f.price, f.quantity, f.maker) for f in recorder.fills] == [
        (D("100.5"), D(1), False),
        (D("101.0"), D(2), False),
        (D("101.5"), D(1), False),
    ]
    assert taken.state == "filled"
    assert taken.average == D("101.0")
    assert engine.book("X", 1)[1] == [(D("101.5"), D(2))]


def test_a_resting_order_is_seen_in_the_book_and_told() -> None:
    engine, recorder, _ = make()
    engine.submit(order(1, price="99.5", quantity="7"))
    assert recorder.books == ["X"]
    assert engine.book("X", 1)[0] == [(D("99.5"), D(8))]
    engine.cancel("o1")
    assert engine.book("X", 1)[0] == [(D("99.5"), D(1))]
    assert recorder.books == ["X", "X"]


def test_orders_at_one_price_are_served_in_their_order_and_an_amend_of_the_price_loses_the_place() -> None:
    engine, recorder, _ = make()
    for number in (1, 2, 3):
        engine.submit(order(number, price="100"))
    engine.amend("o2", quantity=D("0.5"))
    engine.amend("o1", price=D("99.5"))
    engine.amend("o1", price=D("100"))
    engine.submit(order(4, "sell", "1.5", "100"))
    assert [f.order.order_id for f in recorder.fills if f.maker] == ["o2", "o3"]
    engine.submit(order(5, "sell", "1", "100"))
    assert recorder.fills[-2].order.order_id == "o1"


def test_the_moving_price_fills_resting_orders_at_their_own_price() -> None:
    engine, recorder, _ = make()
    engine.submit(order(1, "sell", "1", "100"))
    engine.submit(order(2, "sell", "1", "101"))
    engine.step("X", ticks=4, trade=False)
    assert [(f.order.order_id, f.price, f.maker) for f in recorder.fills] == [
        ("o1", D("100.0"), True),
        ("o2", D("101.0"), True),
    ]
    assert all(t.side == "buy" for t in recorder.trades)


def test_a_strangers_trade_fills_the_order_that_is_best() -> None:
    engine, recorder, _ = make()
    engine.submit(order(1, "buy", "1", "100"))
    while not recorder.fills:
        engine.step("X", ticks=0, trade=True)
    assert recorder.fills[0].price == D(100)
    assert recorder.fills[0].maker


def test_hit_fills_a_part_of_a_resting_order() -> None:
    engine, recorder, _ = make()
    engine.submit(order(1, "buy", "1", "98"))
    assert engine.hit("o1", D("0.4")).state == "partially_filled"
    assert engine.hit("o1").state == "filled"
    assert [f.quantity for f in recorder.fills] == [D("0.4"), D("0.6")]
    with pytest.raises(OrderRefused, match="filled"):
        engine.hit("o1")


def test_post_only_immediate_and_all_or_none() -> None:
    engine, recorder, _ = make()
    assert engine.submit(order(1, price="100.5", post_only=True)).state == "canceled"
    assert engine.submit(order(2, price="100", post_only=True)).state == "new"
    with pytest.raises(OrderRefused) as refused:
        engine.amend("o2", price=D("100.5"))
    assert refused.value.code == "post_only"
    assert engine.submit(order(3, price="100.5", quantity="2", all_or_none=True)).state == "canceled"
    assert not recorder.fills
    taken = engine.submit(order(4, price="100.5", quantity="2", immediate=True))
    assert (taken.state, taken.filled) == ("canceled", D(1))


def test_a_quote_quantity_buys_no_more_than_it_pays_for() -> None:
    engine, _, _ = make()
    bought = engine.submit(order(1, quantity="0", quote_quantity=D("250")))
    assert bought.notional <= 250
    assert bought.filled == D("2.4")
    with pytest.raises(OrderRefused):
        engine.submit(order(2, quantity="0", quote_quantity=D("0.01")))


def test_a_chain_of_a_thousand_triggers_does_not_recurse() -> None:
    engine, _, _ = make(depth=50)
    for number in range(1000):
        price = D(101) + D("0.5") * (number % 40)
        engine.submit(order(number, quantity="0.1", price="150", trigger_price=price, trigger_above=True))
    engine.submit(order(5000, quantity="10", price="102"))
    assert sum(o.state == "waiting" for o in engine.orders.values()) < 1000
    check_book(engine, "X")


def test_a_trigger_waits_fires_and_can_be_amended_until_then() -> None:
    engine, recorder, _ = make()
    engine.submit(order(1, quantity="1", price="103", trigger_price=D(102), trigger_above=True))
    engine.amend("o1", trigger_price=D(101))
    engine.submit(order(2, quantity="3", price="101"))
    assert engine.orders["o1"].triggered
    assert engine.orders["o1"].state == "filled"
    assert recorder.states["o1"][0][0] == "waiting"
    with pytest.raises(OrderRefused):
        engine.amend("o1", trigger_price=D(101))


@pytest.mark.parametrize("end", ["trade", "cancel", "expire", "trigger"])
def test_orders_of_a_group_die_together(end: str) -> None:
    engine, _, _ = make()
    engine.submit(order(1, price="103", trigger_price=D("101"), trigger_above=True, group="g"))
    engine.submit(order(2, price="98", group="g"))
    {
        "trade": lambda: engine.hit("o2", D("0.1")),
        "cancel": lambda: engine.cancel("o1"),
        "expire": lambda: engine.expire("o2"),
        "trigger": lambda: engine.submit(order(3, quantity="3", price="101")),
    }[end]()
    assert engine.orders["o1" if end == "trade" else "o2"].state == ("expired" if end == "expire" else "canceled")
    if end == "trigger":
        assert engine.orders["o1"].state == "filled"


def test_a_leg_that_fires_and_rests_ends_the_other_one() -> None:
    engine, _, _ = make()
    engine.submit(order(1, price="99", trigger_price=D("101"), trigger_above=True, group="g"))
    engine.submit(order(2, price="98", group="g"))
    engine.submit(order(3, quantity="3", price="101"))
    assert (engine.orders["o1"].state, engine.orders["o2"].state) == ("new", "canceled")


def test_liquidity_that_was_eaten_comes_back_with_the_next_step() -> None:
    engine, _, _ = make()
    before = engine.book("X", 50)
    engine.submit(order(1, quantity="3"))
    assert engine.book("X", 50) != before
    engine.step("X", ticks=0, trade=False)
    assert engine.book("X", 50) == before


def test_the_book_moves_with_its_middle_however_far() -> None:
    engine, _, _ = make(depth=5)
    for ticks in (1, -1, 3, -7, 100, -150, 0):
        engine.step("X", ticks=ticks, trade=False)
        mid = engine.markets["X"].mid
        bids, asks = engine.book("X", 50)
        assert [price for price, _ in bids] == [mid - D("0.5") * i for i in range(1, 6)]
        assert [price for price, _ in asks] == [mid + D("0.5") * i for i in range(1, 6)]


def test_finished_orders_fills_and_trades_are_forgotten_oldest_first() -> None:
    engine, _, _ = make(keep=50)
    engine.submit(order(0, price="90"))
    for number in range(1, 3000):
        engine.step("X", ticks=0, trade=False)
        engine.submit(order(number, quantity="0.1"))
    assert len(engine.orders) == 51
    assert "o0" in engine.orders
    assert len(engine.fills) <= 1050
    assert len(engine.trades["X"]) <= 1000


def test_refused_orders_leave_nothing_behind() -> None:
    engine, recorder, _ = make()
    for bad in (
        order(1, quantity="0.05", price="100"),
        order(1, quantity="0", price="100"),
        order(1, quantity="NaN", price="100"),
        order(1, price="100.25"),
        order(1, price="-1"),
        order(1, price="100", trigger_price=D("0.3")),
        SimOrder("o1", "me", "Y", "buy", D(1)),
    ):
        with pytest.raises(OrderRefused):
            engine.submit(bad)
    assert not engine.orders
    assert not recorder.states
    assert engine.submits == 0


def test_a_market_too_cheap_for_its_depth_has_fewer_levels() -> None:
    engine = MatchingEngine([Market("P", D("0.01"), D(1), D("0.05"), depth=20)], Recorder(), now_ns=lambda: 1)
    assert engine.book("P", 50)[0][-1] == (D("0.01"), D(4))


sides = st.sampled_from(["buy", "sell"])
prices = st.integers(180, 220).map(lambda n: D(n) / 2)
sizes = st.integers(1, 200).map(lambda n: D(n) / 10)
actions = st.one_of(
    st.tuples(st.just("limit"), sides, sizes, prices, st.sampled_from(["gtc", "ioc", "fok", "post"])),
    st.tuples(st.just("market"), sides, sizes),
    st.tuples(st.just("quote"), sides, st.integers(10, 3000)),
    st.tuples(st.just("stop"), sides, sizes, prices, prices, st.booleans()),
    st.tuples(st.just("oco"), sides, sizes, prices, prices, prices),
    st.tuples(st.just("amend"), st.integers(0, 60), st.none() | sizes, st.none() | prices, st.none() | prices),
    st.tuples(st.just("cancel"), st.integers(0, 60)),
    st.tuples(st.just("hit"), st.integers(0, 60), sizes),
    st.tuples(st.just("step"), st.none() | st.integers(-30, 30), st.none() | st.booleans()),
)


def act(engine: MatchingEngine, number: int, action: tuple) -> None:  # type: ignore[type-arg]
    kind, *rest = action
    new = lambda side, size, price=None, **more: engine.submit(  # noqa: E731
        SimOrder(f"o{number}", f"u{number % 2}", "X", side, size, price, **more)
    )
    if kind == "limit":
        side, size, price, how = rest
        new(side, size, price, immediate=how == "ioc", all_or_none=how == "fok", post_only=how == "post")
    elif kind == "market":
        new(*rest)
    elif kind == "quote":
        new(rest[0], D(0), quote_quantity=D(rest[1]))
    elif kind == "stop":
        side, size, price, trigger, above = rest
        new(side, size, price, trigger_price=trigger, trigger_above=above)
    elif kind == "oco":
        side, size, price, trigger, stop = rest
        new(side, size, stop, trigger_price=trigger, group=f"g{number}")
        engine.submit(SimOrder(f"p{number}", "u0", "X", side, size, price, group=f"g{number}"))
    elif kind == "amend":
        engine.amend(f"o{rest[0]}", quantity=rest[1], price=rest[2], trigger_price=rest[3])
    elif kind == "cancel":
        engine.cancel(f"o{rest[0]}")
    elif kind == "hit":
        engine.hit(f"o{rest[0]}", rest[1])
    else:
        engine.step("X", ticks=rest[0], trade=rest[1])


def check_books_add_up(engine: MatchingEngine, recorder: Recorder) -> None:
    filled: dict[str, D] = defaultdict(D)
    for fill in recorder.fills:
        filled[fill.order.order_id] += fill.quantity
        limit = fill.order.price
        assert limit is None or (fill.price <= limit if fill.order.side == "buy" else fill.price >= limit)
    for known in engine.orders.values():
        assert filled[known.order_id] == known.filled <= known.quantity
        assert (known.state == "filled") == (known.leaves == 0)
        if known.quote_quantity is not None and known.side == "buy":
            assert known.notional <= known.quote_quantity
        totals = [total for _, total in recorder.states[known.order_id]]
        assert totals == sorted(totals)
        finals = [state for state, _ in recorder.states[known.order_id] if state in ("filled", "canceled", "expired")]
        assert len(finals) == (0 if known.is_open else 1)
    assert {o.order_id for o in engine.open_orders()} == {o.order_id for o in engine.orders.values() if o.is_open}


@settings(max_examples=150, deadline=None)
@given(st.lists(actions, max_size=60))
def test_whatever_is_done_the_book_is_never_crossed_and_the_fills_add_up(script: list[tuple]) -> None:  # type: ignore[type-arg]
    engine, recorder, _ = make()
    for number, action in enumerate(script):
        before = engine.book("X", 1000)
        heard = len(recorder.books)
        try:
            act(engine, number, action)
        except OrderRefused:
            pass
        check_book(engine, "X")
        if engine.book("X", 1000) != before:
            assert len(recorder.books) > heard
    check_books_add_up(engine, recorder)


@settings(max_examples=25, deadline=None)
@given(st.lists(actions, max_size=40), st.integers(0, 3))
def test_the_same_script_and_seed_give_the_same_run(script: list[tuple], seed: int) -> None:  # type: ignore[type-arg]
    runs = []
    for _ in range(2):
        engine, recorder, _ = make(seed=seed)
        for number, action in enumerate(script):
            try:
                act(engine, number, action)
            except OrderRefused:
                pass
        runs.append((engine.book("X", 100), recorder.trades, dict(recorder.states)))
    assert runs[0] == runs[1]
