"""Orders at the edges: everything at once, and states that only a person can settle."""

from __future__ import annotations

from .bench import Bench


async def test_cancel_all_reaches_submits_that_were_published_right_before_it(bench: Bench) -> None:
    await bench.bridge()
    for number in range(5):
        await bench.submit(f"s{number}")
    await bench.send("cancel_all", "ca")
    await bench.result("ca", ("accepted", None, None))
    await bench.until(lambda: all(bench.statuses(f"s{number}")[-1:] == ["canceled"] for number in range(5)))
