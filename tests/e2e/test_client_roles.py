"""The client and `send` under the permissions that `venuebus permissions` prints: enough, and clear beyond them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from venuebus.client import Client, ClientError, PermissionDenied, connect
from venuebus_schemas import Fill, Order, Quote

from .secured import HOST, Secured, User
from .test_permissions import OURS, SecuredBench

BUY: dict[str, Any] = {"symbol": "X", "side": "buy", "quantity": "1", "price": "2.50"}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[SecuredBench]:
    users = [
        User("admin"),
        User("bridge", "bridge", accounts=OURS, webhooks=False),
        User("strategy", "strategy", accounts=OURS),
        User("strict", "strategy", accounts=OURS, readers=("mine",)),
        User("observer", "observer", accounts=OURS),
        User("operator", "operator", accounts=OURS),
    ]
    server = Secured(tmp_path / "nats", users)
    await server.start()
    async with SecuredBench(server, tmp_path) as bench:
        await bench.bridge()
        yield bench
    await server.stop()


def login(bench: SecuredBench, name: str, **options: Any) -> AbstractAsyncContextManager[Client]:
    user = bench.server.users[name]
    return connect(
        bench.server.url, nkey_seed=user.key.seed, ca_file=bench.server.authority.ca, inbox_prefix=user.inbox, **options
    )


async def test_a_strategy_does_all_its_work(bench: SecuredBench) -> None:
    async with login(bench, "strategy", on_missing=lambda hole: None) as client, client.quotes("toy", "X") as quotes:
        bench.venue.context.publish(Quote(symbol="X", bid="1", ask="2"))
        assert (await quotes.next(5)).bid == "1"
        async with client.order_events("toy") as orders, client.sessions("toy") as sessions:
            assert (await sessions.next(5)).venue == "toy"
            assert (await client.submit("toy", **BUY, client_order_id="o")).status == "accepted"
            assert (await orders.next(5)).client_order_id == "o"
            assert [one.client_order_id for one in await client.orders("toy")] == ["o"]
            done = await client.cancel("toy", client_order_id="o", command_id="c")
            assert await client.result("toy", "c") == done


async def test_what_a_strategy_may_not_do_is_said_at_once(bench: SecuredBench) -> None:
    async with login(bench, "strategy") as client, asyncio.timeout(10):
        with pytest.raises(PermissionDenied, match=r"ctl\.toy\.status: it needs the role 'operator'"):
            await client.status("toy")
        with pytest.raises(PermissionDenied, match="read one kind per stream"):
            await client.events(Order, Fill, venue="toy").next()
        with pytest.raises(PermissionDenied, match="needs the role 'observer' for the account"):
            await client.order_events("toy", account="other").next()
        with pytest.raises(PermissionDenied, match="'observer' for the account"):
            await client.submit("toy", **BUY, account="other")  # its result could not be read, so it is not sent
    assert bench.venue.log() == []


async def test_one_consumer_of_one_s_own_is_enough_for_one_reader_at_a_time(bench: SecuredBench) -> None:
    async with login(bench, "strict", readers=["mine"]) as client:
        async with client.order_events("toy"):
            with pytest.raises(ClientError, match="all 1 consumer names in `readers` are in use"):
                await client.fill_events("toy").next(5)
        assert (await client.submit("toy", **BUY, client_order_id="o")).status == "accepted"
    async with (
        login(bench, "strict", readers=["mine"]) as client,
        client.order_events("toy", history="all") as orders,  # made anew, in the place of the one before
    ):
        assert (await orders.next(5)).client_order_id == "o"


async def test_an_observer_looks_and_an_operator_acts(bench: SecuredBench) -> None:
    async with login(bench, "observer") as observer, asyncio.timeout(10):
        assert await observer.orders("toy") == []
        with pytest.raises(PermissionDenied):
            await observer.submit("toy", **BUY)
        with pytest.raises(PermissionDenied):
            await observer.control("toy", "halt")
    async with login(bench, "operator") as operator:
        assert (await operator.status("toy"))["state"] == "ready"
        assert (await operator.control("toy", "halt", {"why": "a test"})).ok


async def program(bench: SecuredBench, name: str, *arguments: str) -> tuple[int | None, str]:
    """Run the command line as ``name``; return its status and what it said."""
    user = bench.server.users[name]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from venuebus.cli import main; main()", *arguments,
        "--server", f"tls://{user.name}:{user.password}@{HOST}:{bench.server.port}",
        "--ca", str(bench.server.authority.ca), "--inbox-prefix", user.inbox,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert user.password not in out.decode()
    return process.returncode, out.decode()


async def test_send_works_and_follows_with_a_strategy_s_rights(bench: SecuredBench) -> None:
    status, out = await program(bench, "strategy", "send", "cancel_all", "--venue", "toy")
    assert status == 0, out
    bench.venue.script("submit", "reject")
    order = ("symbol=X", "side=buy", "order_type=limit", "quantity=1", "price=2")
    status, out = await program(bench, "strategy", "send", "submit", "--venue", "toy", *order, "--follow")
    assert status == 1, out
    assert "insufficient_funds" in out


async def test_watch_follows_an_account_with_an_observer_s_rights(bench: SecuredBench) -> None:
    watching = asyncio.create_task(program(bench, "observer", "watch", "acct.toy.main.>", "--count", "2"))
    async with login(bench, "strategy") as client:
        while not watching.done():  # until it has begun to watch
            await client.submit("toy", **BUY)
            await asyncio.wait({watching}, timeout=0.1)
    status, out = await watching
    assert status == 0, out
    assert "order" in out or "result" in out
    assert "cannot be read" not in out
