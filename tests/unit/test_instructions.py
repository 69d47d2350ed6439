"""Instructions show what C alone does more, and repeat."""

from __future__ import annotations

import pytest

from tests.bench import instructions


def test_a_step_that_takes_a_tenth_more_or_less_is_told_and_less_than_that_is_not() -> None:
    before = {"decode": 10_000, "convert": 10_000, "publish": 10_000}
    assert instructions.differences({"decode": 12_000, "convert": 8_500, "publish": 10_900}, before) == [
        "decode: 12000 instructions a message instead of 10000 (+20.0%)",
        "convert: 8500 instructions a message instead of 10000 (-15.0%)",
    ]


@pytest.mark.slow  # valgrind takes half a minute
@pytest.mark.skipif(not instructions.is_available(), reason="valgrind is not installed")
def test_work_that_only_c_does_is_counted_and_the_same_again_in_another_run() -> None:
    names = ["probe", "probe grown"]
    first, second = instructions.costs(names), instructions.costs(names)
    for name in names:
        for step, count in first[name].items():
            assert second[name][step] == pytest.approx(count, rel=0.01)
    (sentence,) = instructions.differences(first["probe grown"], first["probe"])
    assert sentence.startswith("decode: ")
