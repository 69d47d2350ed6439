"""What may be tried again: only what was certainly not sent, or has no further effect."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest
import venuebus
from venuebus import CommandRejected, NotSent, OutcomeUnknown
from venuebus.retry import command_attempts, reconnect_delays
from venuebus_schemas import Reason


async def attempts(error: BaseException, *, idempotent: bool, seconds: float = 0.5) -> int:
    made = 0
    left = [seconds]
    try:
        async for attempt in command_attempts(lambda: left[0], idempotent=idempotent, ready=lambda: 0.0):
            with attempt:
                made += 1
                left[0] -= 0.1
                raise error
    except type(error):
        return made
    raise AssertionError("the attempts ended without their error")


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknown("lost"),
        CommandRejected(Reason.PRICE, "no"),
        ValueError("a bug"),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
async def test_nothing_that_may_have_been_sent_is_sent_again(error: Exception) -> None:
    assert await attempts(error, idempotent=False) == 1


async def test_certainly_not_sent_is_tried_again_until_time_is_up() -> None:
    assert await attempts(NotSent("closed"), idempotent=False) > 1
    assert await attempts(NotSent("closed"), idempotent=False, seconds=0.1) == 1


async def test_what_has_no_further_effect_is_tried_again_also_after_an_unknown_outcome() -> None:
    assert await attempts(OutcomeUnknown("lost"), idempotent=True) > 1
    assert await attempts(CommandRejected(Reason.PRICE, "no"), idempotent=True) == 1


async def test_a_pause_that_ends_after_the_expiry_is_not_begun() -> None:
    assert await attempts(NotSent("later", retry_after=9.0), idempotent=False) == 1


def test_only_retry_imports_tenacity() -> None:
    root = Path(venuebus.__file__).parent
    plugins = root.parents[1] / "plugins"
    users = []
    for path in [*root.rglob("*.py"), *plugins.glob("*/venuebus_*/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in ("tenacity", "stamina", "backoff") for name in names):
                users.append(path.relative_to(root).as_posix())
    assert users == ["retry.py"]


def test_reconnect_delays_double_up_to_a_bound_with_jitter() -> None:
    delays = list(itertools.islice(reconnect_delays(initial=0.5, maximum=8.0), 10))
    for number, delay in enumerate(delays):
        top = min(0.5 * 2**number, 8.0)
        assert top / 2 <= delay <= top
    assert len(set(delays)) > 5
