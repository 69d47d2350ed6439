"""The BTSE plugin beside cryptofeed and vnpy's BTSE gateway: a WebSocket feed to a callback that counts.

The same work on both sides, in one process each: read the socket, decode, keep the book, make an event object. A
further row tells what the whole bridge takes, up to a subscriber of NATS in another process: an encoding, nats-server
and the reading of its protocol more than the peer does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from ..child import Child
from ..market import Feeds
from ..micro import frames_of
from ..report import Row, median
from ..world import World, cpu_seconds
from .home import running, version

TARGET = 3.0
Flood = Callable[[], Awaitable[dict[str, Any]]]


class Way(NamedTuple):
    """A process that counts, and how frames are sent to it."""

    client: Child
    flood: Flood

    async def run(self, frames: int) -> dict[str, float]:
        """Send once; return callbacks per second, and CPU µs of each.

        Raises:
            RuntimeError: not every frame reached the callback.
        """
        before, flooded = cpu_seconds(self.client.pid), await self.flood()
        came = await self.client.ask("read", expected=frames, quiet=2.0)
        if came["count"] < frames:
            raise RuntimeError(f"process {self.client.pid}: {came['count']} of {frames} frames reached its callback")
        return {
            "rate": came["count"] / ((came["last_ns"] - flooded["started_ns"]) / 1e9),
            "cpu": (cpu_seconds(self.client.pid) - before) / came["count"] * 1e6,
        }


async def cryptofeed(world: World, *, quick: bool) -> list[Row]:
    """Book deltas and trades; the same levels and sizes, written as Bybit writes them."""
    frames, turns = (5_000, 2) if quick else (20_000, 5)
    rows = []
    for kind in ("book_delta", "trade"):
        async with (
            running("cryptofeed", "peers.cryptofeed_client") as peer,
            world.child("venues") as venues,
            world.child("peers.bybit") as server,
            world.child("peers.plugin_client") as plugin,
        ):
            table = (await venues.ask("start"))[0]
            recorded = await frames_of(table, venues, kind, frames)
            await peer.ask("start", url=await server.ask("start", frames=recorded), kind=kind)

            async def flood(server: Child = server) -> dict[str, Any]:
                return await server.ask("flood")  # type: ignore[no-any-return]

            rows += await _beside(world, "cryptofeed", kind, frames, turns, Way(peer, flood), plugin, venues)
    return rows


async def vnpy(world: World, *, quick: bool) -> list[Row]:
    """Trades and quotes of the same simulator; vnpy's gateway publishes no book of spot markets."""
    frames, turns = (5_000, 2) if quick else (20_000, 5)
    rows = []
    for kind in ("trade", "quote"):
        async with (
            running("vnpy-btse", "peers.vnpy_client") as peer,
            world.child("venues") as venues,
            world.child("peers.plugin_client") as plugin,
        ):
            table = (await venues.ask("start"))[0]
            await peer.ask("start", ws_url=table["ws_url"], oss_url=table["oss_url"], kind=kind)
            await venues.ask("subscribed", simulator=0, topics=1)
            way = Way(peer, _simulator(venues, 0, frames, kind))
            rows += await _beside(world, "vnpy-btse", kind, frames, turns, way, plugin, venues)
    return rows


def _simulator(venues: Child, number: int, frames: int, kind: str) -> Flood:
    kinds = ["book" if kind == "book_delta" else kind]

    async def flood() -> dict[str, Any]:
        return await venues.ask("flood", simulator=number, frames=frames, kinds=kinds)  # type: ignore[no-any-return]

    return flood


async def _beside(
    world: World, name: str, kind: str, frames: int, turns: int, peer: Way, plugin: Child, venues: Child
) -> list[Row]:
    await plugin.ask("start", table=(await venues.ask("start"))[0], kind=kind)
    await venues.ask("subscribed", simulator=1, topics=1)
    own = Way(plugin, _simulator(venues, 1, frames, kind))
    pairs = []
    async with Feeds.open(world) as feeds:
        for turn in range(turns + 1):
            ways = await peer.run(frames), await own.run(frames), await feeds.run("bridge", kind, frames)
            pairs += [ways] if turn else []  # the first warms all up, and has what a subscription starts with
    group = f"{name} {version(name)}: a feed to a callback"
    return [
        Row(group=group, name=f"{kind}, the plugin to a callback", value=median(o["rate"] for _, o, _ in pairs),
            unit="events/s", beside=median(t["rate"] for t, _, _ in pairs), against=name,
            ratio=median(o["rate"] / t["rate"] for t, o, _ in pairs), target=TARGET, judged="ratio", more=True),
        Row(group=group, name=f"{kind}, CPU of the process", value=median(o["cpu"] for _, o, _ in pairs),
            unit="µs/event", beside=median(t["cpu"] for t, _, _ in pairs), against=name,
            ratio=median(t["cpu"] / o["cpu"] for t, o, _ in pairs), judged="ratio", more=True,
            note="ratio: peer to plugin"),
        Row(group=group, name=f"{kind}, the whole bridge to a subscriber", value=median(b["rate"] for *_, b in pairs),
            unit="events/s", beside=median(t["rate"] for t, _, _ in pairs), against=name,
            ratio=median(b["rate"] / t["rate"] for t, _, b in pairs), judged="ratio", more=True),
    ]  # fmt: skip
