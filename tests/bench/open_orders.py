"""What an open order costs in memory."""

from __future__ import annotations

from .orders import FAST
from .report import Row
from .world import World

GROUP = "Memory per open order"
FAR = {"side": "buy", "price": "30000", "time_in_force": "gtc"}
"""What makes an order rest: a bid far from the market."""


async def memory(world: World, *, quick: bool) -> list[Row]:
    """Some orders that rest, then many more: what each of these adds to what the bridge holds."""
    first, more = (100, 300) if quick else (200, 2_000)
    async with world.child("venues") as venues, world.child("trader", world.server.url) as trader:
        table = {**(await venues.ask("start"))[0], **FAST}
        async with world.bridge({"resting": table}) as bridge:

            async def rest(count: int) -> float:
                ways = await trader.ask(
                    "run", venues=["resting"], rate=200 if quick else 400, commands=count, patience=60, change=FAR
                )
                if lost := sum(status != "accepted" for _, _, _, status in ways):
                    raise RuntimeError(f"{lost} of {count} resting orders were not accepted")
                return bridge.rss

            few = await rest(first)
            many = await rest(more)
        async with world.bridge({"resting": table}) as bridge:
            ready = bridge.seconds
    return [
        Row(group=GROUP, name=f"per open order, {first:,} to {first + more:,}", value=(many - few) * 1024 / more,
            unit="KiB", note="with what its command leaves"),
        Row(group=GROUP, name=f"start until ready with {first + more:,} open orders", value=ready, unit="s"),
    ]  # fmt: skip
