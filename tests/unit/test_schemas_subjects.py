"""The subject grammar, both ways."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus_schemas import Subject, Subjects, decode_token, encode_token

SUBJECTS = Subjects()
TOKEN = re.compile(r"[A-Za-z0-9\-_~:/+%]+\Z")
# Surrogates cannot be encoded as UTF-8 and come out of no decoder.
TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z", "C")), min_size=1, max_size=40)
SYMBOL = st.text("ABZaz09-_~:/+. *>%$#@腾é\t\x00", min_size=1, max_size=20) | TEXT
NAME = st.text("abcXYZ019_-", min_size=1, max_size=64)


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("BTC-USD", "BTC-USD"),
        ("rb2505", "rb2505"),
        ("HK.00700", "HK%2E00700"),
        ("EUR/USD", "EUR/USD"),
        ("a b", "a%20b"),
        ("*", "%2A"),
        (">", "%3E"),
        ("100%", "100%25"),
        ("SP rb2505&rb2510", "SP%20rb2505%26rb2510"),
        ("腾讯", "%E8%85%BE%E8%AE%AF"),
        ("~:/+-_", "~:/+-_"),
        ("..", "%2E%2E"),
    ],
)
def test_tokens_are_percent_encoded_as_the_contract_says(text: str, token: str) -> None:
    assert encode_token(text) == token
    assert decode_token(token) == text


def test_an_empty_text_is_no_token() -> None:
    with pytest.raises(ValueError, match="empty"):
        encode_token("")


@given(SYMBOL)
def test_every_symbol_is_one_token_and_reads_back_exactly(symbol: str) -> None:
    token = encode_token(symbol)
    assert TOKEN.match(token)
    assert decode_token(token) == symbol


@given(SYMBOL, SYMBOL)
def test_two_symbols_never_share_a_token(one: str, other: str) -> None:
    assert (encode_token(one) == encode_token(other)) == (one == other)


@given(NAME, NAME, NAME, SYMBOL, st.sampled_from(["vb", "desk1", "a.b"]))
def test_every_subject_that_is_built_reads_back(venue: str, account: str, kind: str, key: str, prefix: str) -> None:
    s = Subjects(prefix)
    assert s.parse(s.market(venue, kind, key)) == Subject("md", venue, kind, None, key)
    assert s.parse(s.account(venue, account, kind, key)) == Subject("acct", venue, kind, account, key)
    assert s.parse(s.command(venue, account, kind, key)) == Subject("cmd", venue, kind, account, key)
    assert s.parse(s.claim(venue, account, key)) == Subject("acct", venue, "claim", account, key)
    assert s.parse(s.lease(venue, account)) == Subject("acct", venue, "lease", account)
    assert s.parse(s.query(venue, account, kind)) == Subject("qry", venue, kind, account)
    assert s.parse(s.control(venue, kind)) == Subject("ctl", venue, kind)
    assert s.parse(s.system(venue, kind)) == Subject("sys", venue, kind)
    assert s.parse(s.hook(venue, key)) == Subject("hook", venue, "delivery", None, key)
    assert s.parse(s.dead(venue, kind)) == Subject("dead", venue, kind)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "vb",
        "vb.v1",
        "vb.v1.",
        "vb.v2.md.btse.quote.BTC-USD",
        "other.v1.md.btse.quote.BTC-USD",
        "vb.v1.md.btse.quote",
        "vb.v1.md.btse.quote.a.b",
        "vb.v1.md.btse..BTC-USD",
        "vb.v1.acct.btse.main",
        "vb.v1.acct.btse.main.order",
        "vb.v1.cmd.btse.main.submit",
        "vb.v1.new.btse.main",
        "vb.v1.ctl.btse",
        "vb.v1.ctl.btse.halt.now",
    ],
)
def test_what_is_not_of_the_grammar_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="subject"):
        SUBJECTS.parse(subject)


@given(st.text("vb1.mdacst%2E* >", max_size=30))
def test_parsing_raises_nothing_but_value_errors(text: str) -> None:
    try:
        SUBJECTS.parse("vb.v1." + text)
    except ValueError:
        pass


def test_a_key_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        SUBJECTS.parse("vb.v1.md.btse.quote.%FF")
