"""What the contract demands, clause by clause: docs/contract.md, section 8.1, where every id here stands.

A test of the kit names the clauses that it proves; a failure quotes them.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, Literal, NoReturn

import pytest

Area = Literal["life", "configuration", "events", "orders", "questions", "loop", "webhooks"]
Test = Callable[[Any], None]

WHERE = "docs/contract.md, section 8.1"
NOT_APPLICABLE = "not applicable: "
UNTESTED = "untested: "
REAL_LIMIT = 60.0  # seconds after which a test of the kit hangs, whatever it waits for

CLAUSES: dict[str, str] = {
    "L1": "connect() returns when logged in and subscribed, and run() lasts as long as the connection",
    "L2": "close() leaves no task, no thread and no socket; it is safe twice, and before and after a failed connect",
    "L3": "a connection that is refused or not answered is a RetryableError of connect()",
    "L4": "credentials that the venue refuses are a FatalError of connect()",
    "L5": "run() ends, by returning or by RetryableError, when the venue cuts the connection or falls silent",
    "L6": "after a loss a new session on the same context connects, and events flow again",
    "L7": "a canceled connect(), run() or execute() ends within 1 s",
    "C1": "the spec is well formed, and its simulator's config() is a valid configuration",
    "C2": "keys that the configuration does not know are refused by name",
    "C3": "secrets are typed Secret and appear in no repr and no log line",
    "E1": "every event reads back from both encodings as it was",
    "E2": "prices, quantities and money are plain decimal text; times are nanoseconds within a sane range",
    "E3": "events name a configured symbol or account and a kind that the capabilities declare",
    "E4": "sequences hold: book deltas chain, trade and fill ids do not repeat, ts_recv does not go back",
    "E5": "what means nothing becomes a dead letter or is counted, and ends neither the session nor the next message",
    "E6": "a message is understood however the network cuts it into pieces",
    "O1": "sending() is called once per attempt that reaches the wire, right before its first byte",
    "O2": "NotSent is raised only when no byte went out: before connect(), after close(), when sending() refuses",
    "O3": "an order that is accepted is at the venue once, and its events name it by either id, and its account",
    "O4": "what the venue refuses is CommandRejected, and no order is there",
    "O5": "an answer that is lost, or proves nothing, is OutcomeUnknown: never Accepted, CommandRejected or NotSent",
    "O6": "an instruction that is executed twice makes one order at most",
    "O7": "what the venue cannot express is CommandRejected before the wire; no number is rounded",
    "O8": "a cancel ends an open order; of one that is over or unknown it is CommandRejected unknown_order",
    "O9": "an amend changes what it names and nothing else",
    "Q1": "an order is found by its ids and by what prepare() put into the claim",
    "Q2": "a look-up says None only if the venue answered that it knows no such order; no answer is RetryableError",
    "Q3": "a snapshot is complete or a RetryableError: an open order is in it, placed here or elsewhere",
    "Q4": "subscribe() and unsubscribe() take effect; what the venue does not know is CommandRejected by name",
    "Q5": "every query that is declared is answered; one that is not is CommandRejected unsupported",
    "P1": "no step blocks the event loop, and none computes for longer than the step budget",
    "P2": "a message costs no more function calls than the budget allows for each value that it publishes",
    "W1": "a genuine delivery is verified; a forged or changed one is not",
    "W2": "msg_id is the same in every repetition, and translate() means the same each time it is called",
    "W3": "a delivery that means nothing is a ValueError of translate(), and the next one is understood",
}


def clause(area: Area, *ids: str) -> Callable[[Callable[[Any], Coroutine[Any, Any, None]]], Test]:
    """Make a test of the kit from a coroutine: ``area`` of the report, ``ids`` of the clauses that it proves."""
    assert set(ids) <= set(CLAUSES), ids

    def decorate(work: Callable[[Any], Coroutine[Any, Any, None]]) -> Test:
        @functools.wraps(work)
        def test(self: Any) -> None:
            seen = ""
            try:
                asyncio.run(_limited(work(self)))
                return
            except AssertionError as error:
                seen = f"{error} ({_place(error)})"
            demands = "\n".join(f"  {name}  {CLAUSES[name]}" for name in ids)
            pytest.fail(f"{seen}\nThe contract demands ({WHERE}):\n{demands}", pytrace=False)

        del test.__wrapped__  # pytest must see a plain function, not a coroutine
        test.conformance = (area, ids)  # type: ignore[attr-defined]
        return test

    return decorate


def _place(error: BaseException) -> str:
    """Say which line of which test has failed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    at = next((frame for frame in frames if frame.name.startswith("test_")), frames[-1] if frames else None)
    return f"{os.path.basename(at.filename)}, line {at.lineno}" if at is not None else "?"


async def _limited(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work, name="test")
    end = time.monotonic() + REAL_LIMIT  # the loop's own clock is moved on by the test
    while not task.done():
        await asyncio.wait({task}, timeout=0.5)
        if time.monotonic() > end and not task.done():
            task.cancel()
            raise AssertionError(f"the test did not end within {REAL_LIMIT:g} s: something waits for ever")
    task.result()


def demand(holds: object, text: str) -> None:
    """Fail with ``text``, which says what was seen, unless ``holds``."""
    __tracebackhide__ = True
    if not holds:
        raise AssertionError(text)


def not_applicable(text: str) -> NoReturn:
    """End the test: the plugin does not declare this ability."""
    pytest.skip(NOT_APPLICABLE + text)


def untested(text: str) -> NoReturn:
    """End the test: the plugin declares the ability, and nothing here can try it. Costs the highest tier."""
    pytest.skip(UNTESTED + text)
