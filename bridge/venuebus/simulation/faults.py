"""A script of faults that a simulator consults: what goes wrong, on which operation, how often.

Simulators ask at fixed points (``faults.take("order.answer", …)``) and do what the returned `Fault` says. Scripts
are plain data, so a test, a random walk and a person on the simulator's control endpoint write them the same way.
"""

from __future__ import annotations

from typing import Literal

import msgspec

INJECTED_KEPT = 10_000  # newest entries of `FaultScript.injected`

Action = Literal[
    "cut",  # close the connection (after ``after_bytes`` of the answer, if given)
    "drop",  # do the work, never answer
    "delay",  # answer after ``seconds``
    "refuse",  # do not do the work, answer with the venue's refusal
    "error",  # do not do the work, answer with the venue's own "internal error"
    "act_and_error",  # do the work, answer with an error that proves nothing
    "duplicate",  # send twice
    "reorder",  # send after the next message
    "forget",  # say "not found" although it exists
    "gap",  # leave out one sequenced update
    "garbage",  # send bytes that are no message
    "lie",  # say that it worked although it did not
    "ban",  # answer with the venue's rate-limit refusal, naming ``seconds``
    "silence",  # keep the connection, but send nothing any more
    "truncate",  # send the first half of the message
    "nan",  # send numbers that are none
    "cross",  # send a book whose best bid is above its best ask
]


class Fault(msgspec.Struct, kw_only=True):
    """Do ``action`` at ``point`` for the next ``times`` occasions (-1: always), after skipping ``skip``.

    Attributes:
        seconds: how long, for ``delay``, ``ban`` and the like.
        after_bytes: where to cut.
        match: only occasions whose subject contains this text.
        status: the code to answer with; which codes there are, the simulator's documentation says.
        text: the body or message to answer with, instead of the usual one.
    """

    point: str
    action: Action
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    after_bytes: int | None = None
    match: str | None = None
    status: int | None = None
    text: str | None = None


class FaultScript:
    """The faults still to come, in the order they were added. ``injected`` lists the newest (point, action) done."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self.faults: list[Fault] = list(faults or [])
        self.injected: list[tuple[str, str]] = []

    def add(self, fault: Fault) -> None:
        """Append one fault."""
        self.faults.append(fault)

    def clear(self) -> None:
        """Forget all faults that have not happened yet."""
        self.faults.clear()

    def take(self, point: str, subject: str = "") -> Fault | None:
        """Return the fault to inject at ``point`` now, using it up; ``subject`` is matched against ``match``."""
        for fault in self.faults:
            if fault.point != point or (fault.match is not None and fault.match not in subject):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                return None
            if fault.times > 0:
                fault.times -= 1
            if fault.times == 0:
                self.faults.remove(fault)
            self.injected.append((point, fault.action))
            if len(self.injected) > 2 * INJECTED_KEPT:
                del self.injected[:-INJECTED_KEPT]
            return fault
        return None
