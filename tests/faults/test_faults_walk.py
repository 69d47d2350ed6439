"""The short form of the random walk; the long one is `make faults`."""

from __future__ import annotations

import random

from .walk import walk


async def test_a_short_walk_over_all_faults_ends_with_every_invariant() -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"random walk, seed {seed}: python -m tests.faults walk --commands 300 --seed {seed}")
    done = await walk(seed, 300)
    assert done["commands"] > 0
    assert done["left_unknown"] == 0
