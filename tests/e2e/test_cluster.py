"""A bus of three servers and three replicas: orders go on over the loss of any one of them, and stop without two."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import nats.errors
import nats.js.errors
import pytest
import pytest_asyncio
from venuebus.app import Bridge

from .bench import Bench, Event, check_order_life
from .cluster import SIZE, Cluster, Node

ACCEPTED = ("accepted", None, None)
STORED_ALREADY = 10071  # «wrong last sequence»: an earlier copy of the command is on the stream
LIFE = 20_000_000_000  # ns in which a command may still go out: longer than an election


class ClusterBench(Bench):
    """A bench whose bus is a cluster."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        super().__init__(cluster.urls[0], "vb", folder)
        self.cluster = cluster
        self.bus.update(servers=cluster.urls, replicas=SIZE)

    async def _follow(self) -> None:
        js, last = self.client.jetstream(timeout=1), 0
        while True:
            try:  # asked for by the leader only: a replica may be behind
                message = await js.get_msg("VB_ACCT", last + 1, next=True, subject="vb.v1.acct.>")
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError):
                await asyncio.sleep(0.02)
                continue
            last = message.seq or 0
            self._saw(message.subject or "", message.data or b"")

    async def order(self, command_id: str, **fields: Any) -> None:
        """Publish a submit until it is certainly stored: with the header, the second copy is refused by name."""
        body = {
            "type": "submit", "command_id": command_id, "symbol": "X", "side": "buy", "order_type": "limit",
            "quantity": "1", "price": "2.50", "expires_at": time.time_ns() + LIFE, **fields,
        }  # fmt: skip
        subject, once = f"vb.v1.cmd.toy.main.submit.{command_id}", {"Nats-Expected-Last-Subject-Sequence": "0"}
        async with asyncio.timeout(30):
            while True:
                try:
                    await self.client.jetstream().publish(subject, json.dumps(body).encode(), timeout=1, headers=once)
                except nats.js.errors.APIError as error:
                    if error.err_code == STORED_ALREADY:
                        return
                except (nats.errors.Error, TimeoutError):
                    pass
                else:
                    return
                await asyncio.sleep(0.05)

    def ends(self) -> dict[str, list[Event]]:
        """The final results by command."""
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.of("result"):
            if event["status"] != "unknown":
                found[event["command_id"]].append(event)
        return found

    async def ended(self, commands: list[str], timeout: float = 40.0) -> None:
        """Wait for an end of every command and hold the invariants."""
        await self.until(lambda: set(commands) <= set(self.ends()), timeout)
        for command_id, results in self.ends().items():
            assert len(results) == 1, results
            assert self.venue.count(command_id) <= 1, f"{command_id} was sent twice"
            if results[0]["status"] == "accepted":
                assert self.venue.count(command_id) == 1
        lives: dict[str, list[Event]] = defaultdict(list)
        for event in self.of("order"):
            lives[event["client_order_id"]].append(event)
        for events in lives.values():
            check_order_life(events)


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


@pytest_asyncio.fixture
async def there(cluster: Cluster, tmp_path: Path) -> AsyncIterator[ClusterBench]:
    async with ClusterBench(cluster, tmp_path) as made:
        yield made


async def ready(bridge: Bridge) -> tuple[int, dict[str, Any]]:
    """What /readyz says."""
    async with aiohttp.ClientSession() as http, http.get(f"{bridge.http_url}/readyz") as answer:
        return answer.status, await answer.json()


async def test_every_stream_has_three_replicas_and_orders_flow(there: ClusterBench) -> None:
    bridge = await there.bridge()
    names = [f"a{number}" for number in range(30)]
    for name in names:
        await there.order(name)
    await there.ended(names)
    assert [there.results(name) for name in names] == [[ACCEPTED]] * len(names)
    for stream in ("VB_CMD", "VB_ACCT", "VB_SYS", "VB_DEAD", "KV_VB_STATE"):
        assert (await there.cluster.info(stream))["config"]["num_replicas"] == SIZE
    assert bridge.connection is not None
    assert bridge.connection.single_replica == set()  # so the ledger is read at the leader only
    assert (await ready(bridge))[0] == 200


@pytest.mark.parametrize("stream", ["VB_ACCT", pytest.param("VB_CMD", marks=pytest.mark.slow)])
async def test_the_leader_of_a_stream_is_killed_in_mid_flow(there: ClusterBench, stream: str) -> None:
    await there.bridge()
    await flow_over(there, await there.cluster.leader(stream), signal.SIGKILL)


@pytest.mark.slow
async def test_one_server_after_the_other_is_stopped_and_started(there: ClusterBench) -> None:
    await there.bridge()
    for number, node in enumerate(there.cluster.nodes):
        await flow_over(there, node, signal.SIGTERM, f"n{number}")
        await there.cluster.whole("VB_ACCT", "VB_CMD", "VB_SYS", "VB_DEAD", "KV_VB_STATE")


@pytest.mark.slow
async def test_the_owner_and_the_leader_of_its_stream_die_together(there: ClusterBench) -> None:
    owner = there.process()
    await there.until(lambda: "ready" in there.sessions(), 20)
    standby = await there.bridge(ready=False)
    await there.until(lambda: str(standby.venues["toy"].state.state) == "standby")
    there.venue.script("submit", "accept", "accept", "take_and_hang", "accept")
    names = [f"a{number}" for number in range(12)]
    for name in names[:6]:
        await there.order(name)
    await there.until(lambda: there.venue.count("a2") == 1)
    (await there.cluster.leader("VB_ACCT")).end()
    owner.kill()
    for name in names[6:]:
        await there.order(name)
    await there.ended(names)
    assert there.ends()["a2"][0]["status"] == "accepted"
    assert str(standby.venues["toy"].state.state) == "ready"


async def flow_over(there: ClusterBench, victim: Node, number: int, prefix: str = "a") -> None:
    """Order, lose a server on the way, order on, get it back, order on: and everything ended, once."""
    names = [f"{prefix}{count}" for count in range(90)]
    for count, name in enumerate(names):
        if count == 30:
            victim.end(number)
        if count == 60:
            there.cluster.restart(victim)
        await there.order(name)
    await there.ended(names)
    accepted = [name for name in names if there.ends()[name][0]["status"] == "accepted"]
    assert len(accepted) > 60, there.ends()


@pytest.mark.slow
async def test_without_a_quorum_nothing_is_sent_and_afterwards_it_goes_on(there: ClusterBench) -> None:
    bridge = await there.bridge()
    before = [f"a{number}" for number in range(20)]
    for name in before:
        await there.order(name)
    lost = there.cluster.nodes[1:]
    for node in lost:
        node.end()
    late = [asyncio.create_task(there.order(f"b{number}")) for number in range(5)]
    await until_ready_is(bridge, 503)
    sent = len(there.venue.log())
    with contextlib.suppress(AssertionError):
        await there.until(lambda: len(there.venue.log()) > sent, 2.0)
    assert len(there.venue.log()) == sent
    for node in lost:
        there.cluster.restart(node)
    await asyncio.gather(*late)
    await there.ended([*before, *(f"b{number}" for number in range(5))])
    await until_ready_is(bridge, 200)
    await there.order("after")
    await there.ended(["after"])
    assert there.results("after") == [ACCEPTED]


async def until_ready_is(bridge: Bridge, status: int, timeout: float = 20.0) -> dict[str, Any]:
    async with asyncio.timeout(timeout):
        while True:
            now, body = await ready(bridge)
            if now == status:
                return body
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_bridge_that_starts_before_the_cluster_has_a_leader_waits_for_it(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.restart(cluster.nodes[0])
    try:
        there = ClusterBench(cluster, tmp_path)
        starting = asyncio.create_task(there.bridge())
        done, _ = await asyncio.wait({starting}, timeout=12.0)  # as long as a cluster without a quorum is silent
        assert not done, starting
        for node in cluster.nodes[1:]:
            cluster.restart(node)
        async with asyncio.timeout(30):
            await starting
        async with there:
            await there.order("a1")
            await there.ended(["a1"])
            assert there.results("a1") == [ACCEPTED]
    finally:
        await cluster.stop()
