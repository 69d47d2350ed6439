"""Books in sequence: what is shown is always valid."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus.testing import RecordingContext
from venuebus_btse import convert
from venuebus_btse.books import MAX_LATE, Change, Half, OrderBook, clean_side
from venuebus_btse.config import BtseConfig
from venuebus_btse.market import MarketFeed
from venuebus_btse.messages import BookData
from venuebus_btse.numbers import ABOVE_ZERO_LIST, Malformed, text_of
from venuebus_schemas import Book, BookDelta, Quote

Levels = list[tuple[str, str]]


def snapshot(seq: int = 10, bids: Levels | None = None, asks: Levels | None = None) -> BookData:
    bids = [("100.0", "1"), ("99.5", "2")] if bids is None else bids
    asks = [("1000.0", "4"), ("101", "3")] if asks is None else asks
    return BookData(symbol="BTC-USD", type="snapshot", seqNum=seq, prevSeqNum=seq - 1, bids=bids, asks=asks)


def delta(seq: int, bids: Levels | None = None, asks: Levels | None = None, prev: int | None = None) -> BookData:
    prev = seq - 1 if prev is None else prev
    return BookData(symbol="BTC-USD", type="delta", seqNum=seq, prevSeqNum=prev, bids=bids or [], asks=asks or [])


def feed(*kinds: str) -> tuple[RecordingContext, MarketFeed, list[str]]:
    ctx = RecordingContext(BtseConfig(plugin="btse"))
    lost: list[str] = []
    market = MarketFeed(ctx, lost.append)
    market.want(["BTC-USD"], kinds)
    return ctx, market, lost


def test_both_sides_come_best_first_though_the_venue_lists_asks_high_to_low() -> None:
    book = OrderBook("BTC-USD")
    assert book.apply(snapshot()) is Change.SNAPSHOT
    assert book.bids.levels == [("100.0", "1"), ("99.5", "2")]
    assert book.asks.levels == [("101", "3"), ("1000.0", "4")]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_changed_between_two_looks_the_levels_are_those_of_a_plain_book(seed: int) -> None:
    chance = random.Random(seed)
    half, plain = Half(bids=bool(seed % 2)), dict[str, str]()
    for step in range(600):
        prices = [str(chance.randrange(100, 140 if step % 50 < 25 else 103)) for _ in range(chance.randrange(4))]
        sizes = {price: str(chance.randrange(1 if step % 3 else 0, 5)) for price in prices}
        if "0" in sizes.values() or not half.resize(list(sizes.items())):
            half.update(list(sizes.items()))
        plain.update(sizes)
        plain = {price: size for price, size in plain.items() if size != "0"}
        if chance.random() < 0.7:
            depth = chance.choice([3, 100])
            best_first = sorted(plain.items(), key=lambda level: int(level[0]), reverse=bool(seed % 2))
            assert half.top(depth) == best_first[:depth]
    assert plain


def test_prices_are_compared_as_numbers_and_not_as_text() -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot(bids=[("999.9", "1"), ("1000.1", "1")], asks=[("10000", "1"), ("9999", "1")]))
    assert [price for price, _ in book.bids.levels] == ["1000.1", "999.9"]
    assert [price for price, _ in book.asks.levels] == ["9999", "10000"]


@pytest.mark.parametrize("zero", ["0", "0.0", "0.00000"])
def test_a_size_of_zero_in_any_spelling_deletes_the_level_in_any_spelling_of_its_price(zero: str) -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot())
    assert book.apply(delta(11, bids=[("100", zero), ("99.50", "5")])) is Change.DELTA
    assert book.bids.levels == [("99.50", "5")]


def test_deleting_a_level_that_is_not_there_changes_nothing() -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot())
    assert book.apply(delta(11, asks=[("555", "0")])) is Change.DELTA
    assert len(book.asks.levels) == 2


def test_deltas_before_the_first_snapshot_are_dropped() -> None:
    book = OrderBook("BTC-USD")
    assert book.apply(delta(11)) is Change.IGNORED
    assert not book.in_sync


@pytest.mark.parametrize("bad", [delta(12), delta(12, prev=10), delta(11, prev=9)], ids=["hole", "jump", "wrong prev"])
def test_a_break_in_the_sequence_ends_the_book_until_a_snapshot(bad: BookData) -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot())
    assert book.apply(bad) is Change.GAP
    assert not book.in_sync
    assert book.bids.levels == []
    assert book.apply(delta(13)) is Change.IGNORED
    assert book.apply(snapshot(20)) is Change.SNAPSHOT
    assert book.apply(delta(21)) is Change.DELTA


def test_a_delta_that_comes_twice_or_late_is_no_hole() -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot())
    book.apply(delta(11, bids=[("98", "1")]))
    assert book.apply(delta(11, bids=[("98", "7")])) is Change.IGNORED
    assert book.apply(delta(9)) is Change.IGNORED
    assert ("98", "1") in book.bids.levels
    assert book.apply(delta(12)) is Change.DELTA


def test_a_venue_that_counts_anew_without_a_snapshot_is_noticed() -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot(1_000_000))
    changes = [book.apply(delta(seq)) for seq in range(1, MAX_LATE + 2)]
    assert changes[-1] is Change.GAP
    assert set(changes[:-1]) == {Change.IGNORED}


@pytest.mark.parametrize("price", ["101", "101.5"])
def test_a_crossed_or_locked_book_is_not_shown(price: str) -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot())
    assert book.apply(delta(11, bids=[(price, "1")])) is Change.CROSSED
    assert not book.in_sync


@pytest.mark.parametrize(
    "level",
    [("NaN", "1"), ("1e400", "1"), ("-1", "1"), ("0", "1"), ("1", "-2"), ("1", ""), ("abc", "1"), ("1", "Infinity")],
)
def test_levels_that_are_no_numbers_are_refused_and_end_the_book(level: tuple[str, str]) -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot())
    with pytest.raises(Malformed):
        book.apply(delta(11, bids=[level]))
    assert not book.in_sync


def test_exponents_and_thousands_separators_become_plain_text() -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot(bids=[("5.34e-7", "1,234.5")], asks=[("1", "1E+2")]))
    assert book.bids.levels == [("0.000000534", "1234.5")]
    assert book.asks.levels == [("1", "100")]


def test_an_empty_side_is_a_valid_book() -> None:
    book = OrderBook("BTC-USD")
    assert book.apply(snapshot(asks=[])) is Change.SNAPSHOT
    assert book.in_sync


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.integers(0, 3)), max_size=60))
def test_a_book_is_the_last_size_of_every_price_sorted(changes: list[tuple[bool, int, int]]) -> None:
    book = OrderBook("BTC-USD")
    book.apply(snapshot(0, bids=[], asks=[]))
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for seq, (is_bid, price, size) in enumerate(changes, 1):
        price = price if is_bid else price + 100  # never crossed
        side = bids if is_bid else asks
        side[price] = size
        level = [(str(price), str(size))]
        assert book.apply(delta(seq, level if is_bid else [], [] if is_bid else level)) is Change.DELTA
    expected = sorted((p for p, s in bids.items() if s), reverse=True), sorted(p for p, s in asks.items() if s)
    assert ([int(p) for p, _ in book.bids.levels], [int(p) for p, _ in book.asks.levels]) == expected
    assert all(Decimal(size) == bids[int(price)] for price, size in book.bids.levels)


def test_a_hole_is_told_once_and_healed_by_the_snapshot() -> None:
    ctx, market, lost = feed("book", "book_delta")
    market.on_book(snapshot(), 1)
    market.on_book(delta(11, bids=[("98", "1")]), 2)
    market.on_book(delta(13), 3)
    market.on_book(delta(14), 4)
    assert [gap[2] for gap in ctx.gaps] == [False]
    assert ctx.gaps[0][0] == ["md.book.BTC-USD", "md.book_delta.BTC-USD"]
    assert lost == ["BTC-USD"]
    market.on_book(snapshot(20), 5)
    assert [gap[2] for gap in ctx.gaps] == [False, True]
    assert [book.venue_seq for book in ctx.of(Book)] == [10, 11, 20]
    assert [(d.venue_seq, d.prev_venue_seq) for d in ctx.of(BookDelta)] == [(11, 10)]


def test_only_what_is_wanted_is_published() -> None:
    ctx, market, _ = feed("book")
    market.on_book(snapshot(), 1)
    market.on_book(delta(11), 2)
    market.on_book(BookData(symbol="BTC-USD", type="snapshotL1", bids=[("1", "1")], asks=[]), 3)
    assert [type(event) for event in ctx.events] == [Book, Book]


def test_a_removed_level_has_size_zero_in_the_delta() -> None:
    ctx, market, _ = feed("book_delta")
    market.on_book(snapshot(), 1)
    market.on_book(delta(11, asks=[("101", "0.00000")]), 2)
    assert ctx.of(BookDelta)[0].asks == [("101", "0")]


def test_an_empty_side_of_the_top_is_absent() -> None:
    ctx, market, _ = feed("quote")
    market.on_book(BookData(symbol="BTC-USD", type="snapshotL1", bids=[], asks=[("2.50", "0.1")], timestamp=5), 3)
    assert ctx.events == [Quote(symbol="BTC-USD", ask="2.50", ask_size="0.1", ts_venue=5_000_000, ts_recv=3)]


def test_published_books_are_copies_that_later_changes_do_not_touch() -> None:
    ctx, market, _ = feed("book")
    market.on_book(snapshot(), 1)
    market.on_book(delta(11, bids=[("100.5", "9")]), 2)
    first, second = ctx.of(Book)
    assert first.bids[0] == ("100.0", "1")
    assert second.bids[0] == ("100.5", "9")


def test_a_hole_names_the_subjects_as_they_are_on_the_bus() -> None:
    ctx, market, _ = feed("book", "book_delta")
    market.want(["A.B"], ["book", "book_delta"])
    market.lost("A.B", "its update could not be read")
    assert ctx.gaps[0][0] == ["md.book.A%2EB", "md.book_delta.A%2EB"]


SIZES = st.one_of(
    st.text("0123456789.,e-+ ", max_size=6),
    st.from_regex(r"(?:0|[1-9][0-9]{0,23})(?:\.[0-9]{1,34})?", fullmatch=True),
)


@given(SIZES)
def test_what_the_quick_look_lets_pass_is_what_the_thorough_one_returns(size: str) -> None:
    if ABOVE_ZERO_LIST(size) and "," not in size:
        assert text_of(size, "size") == size
        assert Decimal(size) > 0


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["100.0", "100.00", "99.5", "98"]), SIZES), max_size=4))
def test_an_update_read_whole_means_what_its_levels_mean_one_by_one(levels: list[tuple[bool, str, str]]) -> None:
    # Two levels that name each other's neighbors, blanks and separators in a size: nothing may hide behind the next.
    whole, single = OrderBook("BTC-USD"), OrderBook("BTC-USD")
    for book in (whole, single):
        book.apply(snapshot(asks=[("100.25", "4"), ("101", "3")]))
    bids = [(price, size) for is_bid, price, size in levels if is_bid]
    asks = [(f"1{price}", size) for is_bid, price, size in levels if not is_bid]
    clean = True
    for seq, (is_bid, price, size) in enumerate([*((True, *b) for b in bids), *((False, *a) for a in asks)], 11):
        try:
            clean_side(level := [(price, size)])
        except Malformed:
            clean = False
            break
        single.apply(delta(seq, level if is_bid else [], [] if is_bid else level))
    if not clean:
        with pytest.raises(Malformed):
            whole.apply(delta(11, bids, asks))
        assert not whole.in_sync
        return
    assert whole.apply(delta(11, bids, asks)) is Change.DELTA
    assert (whole.bids.levels, whole.asks.levels) == (single.bids.levels, single.asks.levels)


@given(st.text("0123456789.,e-", max_size=5), st.text("0123456789.,e-", max_size=5))
def test_a_quote_is_the_same_quickly_and_thoroughly(price: str, size: str) -> None:
    good = [("7", "1")]
    one = BookData(symbol="BTC-USD", type="snapshotL1", bids=[(price, size)], asks=good.copy())
    two = BookData(symbol="BTC-USD", type="snapshotL1", bids=[(price, size), ("1", "1")], asks=good.copy())
    try:
        expected = convert.quote(two, 1)  # two levels take the thorough way
    except Malformed:
        with pytest.raises(Malformed):
            convert.quote(one, 1)
        return
    assert convert.quote(one, 1) == expected
