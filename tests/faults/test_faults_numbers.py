"""No number is forgotten: each fault has a scenario here, or tests elsewhere that exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .elsewhere import ELSEWHERE
from .scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
FAULTS = range(1, 51)


def test_every_fault_is_played_or_tested_elsewhere() -> None:
    played = {"".join(filter(str.isdigit, item.number)) for item in SCENARIOS}
    elsewhere = {item.number for item in ELSEWHERE}
    assert [number for number in FAULTS if str(number) not in played | elsewhere] == []
    assert played & elsewhere == set()


def test_no_number_is_used_twice() -> None:
    numbers = [item.number for item in SCENARIOS]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("test", [test for item in ELSEWHERE for test in item.tests])
def test_what_is_named_elsewhere_exists(test: str) -> None:
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
