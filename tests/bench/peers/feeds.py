"""Market data through the bridge beside cryptofeed and vnpy's BTSE gateway: from the socket to whoever wants it.

The bridge's way ends at a subscriber of NATS, in another process; a peer's at a callback in its own that only counts.
So the bridge does more on each event: an encoding, nats-server, the reading of its protocol.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..child import Child
from ..market import Feeds
from ..micro import frames_of
from ..report import Row, median
from ..world import World, cpu_seconds
from .home import running, version

TARGET = 3.0
Flood = Callable[[], Awaitable[dict[str, Any]]]


async def cryptofeed(world: World, *, quick: bool) -> list[Row]:
    """Book deltas and trades; the same levels and sizes, written as Bybit writes them."""
    frames, turns = (5_000, 2) if quick else (20_000, 5)
    rows = []
    for kind in ("book_delta", "trade"):
        async with (
            running("cryptofeed", "peers.cryptofeed_client") as peer,
            world.child("venues") as venues,
            world.child("peers.bybit") as server,
            Feeds.open(world) as feeds,
        ):
            table = (await venues.ask("start"))[0]
            recorded = await frames_of(table, venues, kind, frames)
            await peer.ask("start", url=await server.ask("start", frames=recorded), kind=kind)

            async def flood(server: Child = server) -> dict[str, Any]:
                return await server.ask("flood")  # type: ignore[no-any-return]

            rows += await _beside("cryptofeed", feeds, kind, frames, turns, peer, flood)
    return rows


async def vnpy(world: World, *, quick: bool) -> list[Row]:
    """Trades and quotes of the same simulator; vnpy's gateway publishes no book of spot markets."""
    frames, turns = (5_000, 2) if quick else (20_000, 5)
    rows = []
    for kind in ("trade", "quote"):
        async with (
            running("vnpy-btse", "peers.vnpy_client") as peer,
            world.child("venues") as venues,
            Feeds.open(world) as feeds,
        ):
            table = (await venues.ask("start"))[0]
            await peer.ask("start", ws_url=table["ws_url"], oss_url=table["oss_url"], kind=kind)
            await venues.ask("subscribed", simulator=0, topics=1)

            async def flood(venues: Child = venues, kind: str = kind) -> dict[str, Any]:
                return await venues.ask("flood", simulator=0, frames=frames, kinds=[kind])  # type: ignore[no-any-return]

            rows += await _beside("vnpy-btse", feeds, kind, frames, turns, peer, flood)
    return rows


async def _beside(name: str, feeds: Feeds, kind: str, frames: int, turns: int, peer: Child, flood: Flood) -> list[Row]:
    pairs = []
    for turn in range(turns + 1):
        before, flooded = cpu_seconds(peer.pid), await flood()
        came = await peer.ask("read", expected=frames, quiet=2.0)
        if came["count"] < frames:
            raise RuntimeError(f"{name}: {came['count']} of {frames} {kind} frames reached its callback")
        theirs = {
            "rate": came["count"] / ((came["last_ns"] - flooded["started_ns"]) / 1e9),
            "cpu": (cpu_seconds(peer.pid) - before) / came["count"] * 1e6,
        }
        ours = await feeds.run("bridge", kind, frames)
        pairs += [(theirs, ours)] if turn else []  # the first warms both up, and has what a subscription starts with
    group = "Peers: the bridge to a subscriber of NATS, the peer to its callback"
    return [
        Row(group=group, name=f"{kind} beside {name} {version(name)}", value=median(o["rate"] for _, o in pairs),
            unit="events/s", beside=median(t["rate"] for t, _ in pairs), against=name,
            ratio=median(o["rate"] / t["rate"] for t, o in pairs), target=TARGET, judged="ratio", more=True),
        Row(group=group, name=f"{kind}, CPU of the process", value=median(o["cpu"] for _, o in pairs), unit="µs/event",
            beside=median(t["cpu"] for t, _ in pairs), against=name,
            ratio=median(t["cpu"] / o["cpu"] for t, o in pairs), judged="ratio", more=True,
            note="ratio: peer to bridge"),
    ]  # fmt: skip
