"""What an operator does in the middle of it."""

from __future__ import annotations

import time

from ..world import VENUE, World
from .registry import scenario


@scenario(
    "49", "an operator halts during a storm of submits", "acknowledged within 200 ms, new orders refused, cancels pass"
)
async def halted(w: World) -> None:
    await w.ready()
    for number in range(30):
        await w.buy(f"a{number}")
    await w.result("a0", "accepted")
    started = time.monotonic()
    reply = await w.request(f"ctl.{VENUE}.halt", cancel_all=True, by="operator", why="test")
    took = time.monotonic() - started
    assert reply["ok"], reply
    assert took < 0.2, f"acknowledged after {took:.3f} s"
    await w.buy("late")
    await w.result("late", "rejected", reason="halted")
    done = reply["items"][0]["cancel_all"][0]["command_id"]
    assert "canceled" in (await w.result(done, "accepted"))["text"]
    await w.request(f"ctl.{VENUE}.resume")
    await w.buy("again")
    await w.result("again", "accepted")


@scenario("U", "an outcome that nobody can tell", "stays listed until an operator resolves it, who and why on record")
async def operator_resolves(w: World) -> None:
    await w.ready(resolve_min_age=600.0)
    w.fault("order.create.request", "drop", seconds=0.1)
    await w.buy("a1")
    await w.result("a1", "unknown")
    status = await w.request(f"ctl.{VENUE}.status")
    assert [entry["command_id"] for entry in status["items"][0]["unknown"]] == ["a1"]
    await w.request(
        f"ctl.{VENUE}.resolve", account="main", command_id="a1", status="rejected", by="ops", why="asked the venue"
    )
    result = await w.result("a1", "rejected", resolved_by="operator")
    assert "ops" in result["text"]
    assert "asked the venue" in result["text"]
    assert (await w.request(f"ctl.{VENUE}.status"))["items"][0]["unknown"] == []
