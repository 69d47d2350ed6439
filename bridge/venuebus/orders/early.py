"""Commands that came before their time: a redelivery comes behind what was published after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from ..steady import steady
from .job import Job

PATIENCE = 6.0  # seconds that a cancel waits for a submit that comes again; one with a dead bridge comes after 2


class Early:
    """Tells whether a command must wait for one that was published before it and is still to come.

    ``ask(seq, held)`` tells whether the stream has a command from before ``seq`` that is with nobody, where this
    bridge has ``held`` commands that it has not acknowledged.
    """

    def __init__(self, ask: Callable[[int, int], Awaitable[bool]]) -> None:
        self._ask = ask
        self._since: dict[int, float] = {}

    async def is_early(self, job: Job, held: Iterable[Job]) -> bool:
        """Tell it of ``job``, of whose order nothing is known here; never for longer than `PATIENCE`.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        if job.delivery is None:
            return False
        seq = job.delivery.seq
        count = sum(not other.acknowledged for other in held)
        if steady() - self._since.setdefault(seq, steady()) < PATIENCE and await self._ask(seq, count):
            return True
        del self._since[seq]
        return False
