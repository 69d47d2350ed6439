"""One line per message, whatever it is, and what watch makes of numbering and history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus.cli.connection.following import account_part, by_kind
from venuebus.cli.connection.history import covers
from venuebus.cli.render import MAX_TEXT, clock, line
from venuebus.cli.watch import Missing, Sequence
from venuebus_schemas import COMMAND_TYPES, Quote, Subject, UnknownMessage, decode_command, decode_event

GOLDEN = Path(__file__).parent.parent / "data" / "golden-1.0.jsonl"
LINES = [json.loads(row) for row in GOLDEN.read_text(encoding="utf-8").splitlines()]
NOW = 1_750_000_000_123_456_789

EXPECTED = {
    "quote": "59252.50 × 0.0130 │ 59253 × 1",
    "trade": "0.002 @ 59252.5  sell",
    "book": "59252.5 │ 59253  levels 2+1",
    "book_delta": "levels changed 1+0",
    "order": "buy 10 @ 3310 trigger 3300  partially_filled 3/10  avg 3309.5  id c-1  price  未成交  external  "
    "reconciled",
    "fill": "sell 3 @ 3310  fee 0.99 CNY  taker  id c-1  fill T-9  taken back  derived  reconciled",
    "result": "submit unknown  timeout  no answer  venue id a-b-c  by query",
    "session": "down  not_connected  link lost  attempt 3  again at 15:06:40.123",
    "gap": "vb.v1.acct.btse.>  link lost  (asked again, whole)",
    "dead_letter": "invalid  not JSON  3 bytes",
    "cancel_after": "timeout ms 60000",
    "cancel_all": "symbol BTC-USD",
}


def decode(row: dict[str, Any]) -> Any:
    raw = row["json"].encode()
    return decode_command(raw) if row["type"] in COMMAND_TYPES else decode_event(raw)


@pytest.mark.parametrize("row", LINES, ids=lambda row: row["type"])
def test_every_message_of_the_contract_has_a_line_of_its_own(row: dict[str, Any]) -> None:
    shown = line(Subject("acct", "btse", row["type"], "main", "key"), decode(row), NOW)
    assert shown.source == "btse/main"
    assert shown.kind == row["type"]
    assert shown.text
    assert "{" not in shown.text, "a type of the contract is described, not dumped"
    assert shown.time == clock(NOW)
    if row["type"] in EXPECTED:
        assert shown.text == EXPECTED[row["type"]]


def test_unknown_types_and_bytes_get_a_line_too() -> None:
    unknown = line(Subject("md", "btse", "funding", None, "X"), UnknownMessage("funding", b'{"type":"funding"}'), NOW)
    assert unknown.kind == "funding"
    assert "does not know" in unknown.text
    assert line(None, b"\xff\x00 garbage", NOW).text.endswith("garbage")


def test_control_characters_of_a_venue_do_not_reach_the_terminal_and_long_texts_end() -> None:
    nasty = line(None, b"\x1b[2J\r\n\x07 boo " + b"x" * 10_000, NOW).text
    assert nasty.isprintable()
    assert len(nasty) <= MAX_TEXT + 1


@given(st.binary(max_size=200))
def test_no_bytes_break_a_line(raw: bytes) -> None:
    assert "\n" not in str(line(None, raw, NOW))


def quote(seq: int, epoch: int = 1) -> Quote:
    return Quote(symbol="X", epoch=epoch, seq=seq)


def test_a_hole_in_the_numbering_is_told_once_and_per_subject() -> None:
    sequence = Sequence()
    assert sequence.check("a", quote(5)) is None, "a reader may join at any time"
    assert sequence.check("a", quote(6)) is None
    assert sequence.check("b", quote(1)) is None
    assert sequence.check("a", quote(9)) == Missing("a", 6, 9)
    assert sequence.check("a", quote(10)) is None
    assert sequence.check("b", quote(2)) is None


def test_a_new_epoch_starts_the_numbering_again_and_repeats_are_no_holes() -> None:
    sequence = Sequence()
    assert sequence.check("a", quote(7)) is None
    assert sequence.check("a", quote(1, epoch=2)) is None
    assert sequence.check("a", quote(2, epoch=2)) is None
    assert sequence.check("a", quote(1, epoch=2)) is None
    assert sequence.check("a", quote(3, epoch=2)) is None
    assert str(Missing("a", 3, 5)) == "1 event missing on a (seq 3 → 5)"


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        (">", "a", True), ("a.>", "a.b.c", True), ("a.>", "a", False), ("a.*", "a.b", True), ("a.*", "a.b.c", False),
        ("a.*.c", "a.b.c", True), ("a.b", "a.b", True), ("a.b", "a.c", False), ("a.b", "a", False),
        ("a.*", "a.>", False), ("a.>", "a.>", True), ("a.>", "a.*.c", True), ("a.b.>", "a.>", False),
        ("*.b", "*.b", True), ("a.b", "*.b", False),
    ],
)  # fmt: skip
def test_patterns_cover_what_nats_matches(pattern: str, subject: str, expected: bool) -> None:
    assert covers(pattern, subject) is expected


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("vb.v1.>", "vb.v1.acct.>"), (">", "vb.v1.acct.>"), ("vb.v1.acct.a.>", "vb.v1.acct.a.>"),
        ("vb.v1.acct.a.main.order.*", "vb.v1.acct.a.main.order.*"), ("vb.v1.*.a.>", "vb.v1.acct.a.>"),
        ("vb.v1.md.>", None), ("vb.v1.*", None), ("other.v1.*.a.>", None), ("$JS.>", None),
    ],
)  # fmt: skip
def test_the_account_events_of_a_pattern_are_told_from_the_rest(pattern: str, part: str | None) -> None:
    assert account_part("vb.v1", pattern) == part


@pytest.mark.parametrize(
    ("part", "first"),
    [
        ("vb.v1.acct.>", "vb.v1.acct.*.*.order.*"), ("vb.v1.acct.a.>", "vb.v1.acct.a.*.order.*"),
        ("vb.v1.acct.a.main.>", "vb.v1.acct.a.main.order.*"), ("vb.v1.acct.*.main.*.*", "vb.v1.acct.*.main.order.*"),
        ("vb.v1.acct.a.main.fill.X", "vb.v1.acct.a.main.fill.X"),
    ],
)  # fmt: skip
def test_account_events_are_parted_by_kind_where_the_kind_is_open(part: str, first: str) -> None:
    patterns = by_kind("vb.v1", part)
    assert patterns[0] == first
    assert len(patterns) == (1 if first == part else 7)
