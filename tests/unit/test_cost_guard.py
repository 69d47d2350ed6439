"""No message costs a tenth more than it did, or less unnoticed: opcodes, calls and bytes, which no machine changes."""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec
import pytest

from tests.bench import guard
from tests.bench.samples import MISSING, SAMPLES, Sample
from tests.bench.samples.probe import PROBES

BASELINE = guard.read_baseline()


def sample_of(name: str) -> Sample:
    venue = name.partition(" ")[0]
    if venue in MISSING:
        pytest.skip(f"the plugin is not installed: {MISSING[venue]}")
    assert name in SAMPLES, f"{name} is in the baseline and not measured; renew the baseline: {guard.RENEW}"
    return SAMPLES[name]()


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() | BASELINE.keys()))
def test_a_message_costs_what_the_baseline_says(name: str) -> None:
    if not BASELINE:
        pytest.skip(f"no costs are committed for {guard.python()}; to have them: {guard.RENEW}")
    found = guard.costs(sample_of(name))
    assert name in BASELINE, f"{name} is new, add its costs: {guard.RENEW} '{name}'"
    wrong = guard.differences(found, BASELINE[name])
    renew = f"if this is meant, renew the baseline: {guard.RENEW} '{name}'"
    assert not wrong, "\n  ".join([name, *wrong]) + f"\n{renew}"


def test_the_same_is_measured_twice() -> None:
    sample = sample_of("btse book_delta")
    assert guard.differences(guard.costs(sample), guard.costs(sample)) == []


def test_a_step_that_does_more_is_named_with_how_much_more() -> None:
    sample = sample_of("btse quote")
    before = guard.costs(sample)
    made = sample.make

    def make(publish: Any) -> Any:
        decode, convert = made(publish)
        return decode, lambda message: convert(copy.copy(message) and message)

    sentences = guard.differences(guard.costs(msgspec.structs.replace(sample, make=make)), before)
    assert {sentence.partition(":")[0] for sentence in sentences} == {"convert"}
    assert any("opcodes a message instead of" in sentence and "(+" in sentence for sentence in sentences)


def test_work_that_only_c_does_shows_though_python_does_nothing_more() -> None:
    before, grown = (guard.costs(PROBES[name]()) for name in ("probe", "probe grown"))
    assert [grown[step]["opcodes"] for step in guard.STEPS] == [before[step]["opcodes"] for step in guard.STEPS]
    assert [grown[step]["calls"] for step in guard.STEPS] == [before[step]["calls"] for step in guard.STEPS]
    (sentence,) = guard.differences(grown, before)
    assert re.fullmatch(r"decode: \d+ bytes a message instead of \d+ \(\+(1[5-9]|2[0-5])\.\d%\)", sentence)


def test_a_copy_that_a_step_keeps_shows_in_its_bytes() -> None:
    sample = sample_of("btse book")
    made = sample.make

    def make(publish: Any) -> Any:
        decode, convert = made(publish)
        return (lambda frame: (decode(frame), str(frame) * 20)[0]), convert

    sentences = guard.differences(guard.costs(msgspec.structs.replace(sample, make=make)), guard.costs(sample))
    assert any(sentence.startswith("decode:") and "bytes" in sentence for sentence in sentences)
    assert not any(sentence.startswith(("convert:", "publish:")) for sentence in sentences)


def test_what_became_cheaper_is_told_too_so_that_it_stays_so() -> None:
    costs = {step: {"opcodes": 80.0, "calls": 10.0, "bytes": 1000.0} for step in guard.STEPS}
    baseline = {step: {"opcodes": 100.0, "calls": 10.5, "bytes": 950.0} for step in guard.STEPS}
    assert guard.differences(costs, baseline) == [
        f"{step}: 80 opcodes a message instead of 100 (-20.0%)" for step in guard.STEPS
    ]
