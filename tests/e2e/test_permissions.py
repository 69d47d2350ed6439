"""The roles of `venuebus permissions` on a real nats-server with TLS and nkeys: what is allowed, what is refused."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig
from venuebus.app import Bridge
from venuebus.bus.connection import Connection
from venuebus.bus.streams import StreamNames, ensure_stream, hooks_config, retained_config, stream_configs
from venuebus.configuration.config import build_config
from venuebus.plugins import load_plugins
from venuebus_pingpongx.simulator import PingPongXSimulator
from venuebus_schemas import Quote, Subjects

from .bench import MIB, Bench
from .secured import Secured, User

OURS = (("toy", "main"),)
THEIRS = (("toy", "other"),)
SUBMIT = {"type": "submit", "symbol": "X", "side": "buy", "order_type": "limit", "quantity": "1", "price": "2.50"}
PROGRAM = ("-c", "from venuebus.cli import main; main()")
KINDS = ("order", "fill", "position", "balance", "forward", "forward_change", "result")


def users() -> list[User]:
    return [
        User("admin"),
        User("bridge", "bridge", accounts=OURS, webhooks=False),
        User("modest", "bridge", accounts=OURS, webhooks=False, creates=False),
        User("wide", "bridge", retained=False),
        User("hooked", "bridge", accounts=(("pp", "main"),), retained=False),
        User("strategy", "strategy", accounts=OURS),
        User("neighbor", "strategy", accounts=THEIRS),
        User("strict", "strategy", accounts=OURS, readers=("strict",)),
        User("observer", "observer", accounts=OURS),
        User("operator", "operator", accounts=OURS),
    ]


class SecuredBench(Bench):
    """A bench on a server that asks who one is; its own eyes are the admin's."""

    def __init__(self, server: Secured, folder: Path, *, bridge: str = "bridge") -> None:
        super().__init__(server.url, "vb", folder)
        self.server = server
        self.bus |= server.bus(bridge, folder) | {"market_max_bytes": MIB}
        self.table["retain"] = "last"

    async def watch(self) -> None:
        self.login = self.server.options("admin")
        await super().watch()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Secured]:
    server = Secured(tmp_path / "nats", users())
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def bench(server: Secured, tmp_path: Path) -> AsyncIterator[SecuredBench]:
    async with SecuredBench(server, tmp_path) as bench:
        yield bench


async def make_streams(server: Secured) -> None:
    connection = Connection(server.options("admin"))
    await connection.connect()
    subjects, names = Subjects(), StreamNames("vb")
    limits = {f"{name}_max_bytes": MIB for name in ("command", "account", "system", "dead", "market", "hook")}
    for config in [
        *stream_configs(subjects, names, **limits),
        retained_config(subjects, names, ["toy"], **limits),
        hooks_config(subjects, names, **limits),
    ]:
        await ensure_stream(connection, config)
    await connection.close()


async def submit(client: Client, command_id: str, account: str = "main") -> None:
    body = json.dumps({**SUBMIT, "command_id": command_id}).encode()
    await client.jetstream().publish(f"vb.v1.cmd.toy.{account}.submit.{command_id}", body)


async def read(client: Client, stream: str, subject: str, name: str = "reader", count: int = 1) -> list[dict[str, Any]]:
    """Read ``count`` stored messages as a reader of that role does."""
    js = client.jetstream(timeout=2)
    config = ConsumerConfig(
        name=name, filter_subject=subject, ack_policy=AckPolicy.NONE, mem_storage=True, inactive_threshold=5
    )
    await js.add_consumer(stream, config)
    subscription = await js.pull_subscribe_bind(consumer=name, stream=stream)
    found: list[dict[str, Any]] = []
    while len(found) < count:
        found += [json.loads(message.data) for message in await subscription.fetch(count, timeout=3)]
    await subscription.unsubscribe()
    return found


# --- what is allowed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["bridge", "modest"])
async def test_a_bridge_does_all_its_work_with_the_rights_of_its_role(
    server: Secured, tmp_path: Path, role: str
) -> None:
    """Orders, retained quotes, a standby's take-over and a restart; with streams of its own and with an admin's."""
    if role == "modest":
        await make_streams(server)
    async with SecuredBench(server, tmp_path, bridge=role) as bench:
        bench.bus["manage_streams"] = "app" if role == "bridge" else "check"
        first = await bench.bridge()
        strategy = (await server.login("strategy")).client
        await submit(strategy, "a1")
        await bench.result("a1", ("accepted", None, None))
        await submit(bench.client, "b1", account="nobody")
        await bench.until(lambda: bench.of("result", "b1", "nobody"))
        await bench.client.jetstream().publish("vb.v1.cmd.toy.main.submit.bad", b"not a command")
        await bench.until(lambda: any(subject == "dead.toy.command" for subject, _ in bench.messages))
        bench.venue.context.publish(Quote(symbol="X", bid="1", ask="2"))
        await bench.until(lambda: any(subject == "md.toy.quote.X" for subject, _ in bench.messages))
        second = await bench.bridge(ready=False)
        await bench.until(lambda: "standby" in bench.sessions())
        await bench.stop(first)
        await bench.until(lambda: str(second.venues["toy"].state.state) == "ready")
        await submit(strategy, "a2")
        await bench.result("a2", ("accepted", None, None))
        await bench.stop(second)
        third = await bench.bridge()
        await submit(strategy, "a3")
        await bench.result("a3", ("accepted", None, None))
        denied = [*first.connection.denied, *second.connection.denied, *third.connection.denied]  # type: ignore[union-attr]
        assert [subject for subject in denied if "bridge_orphans" not in subject] == []


async def test_a_bridge_for_all_venues_refuses_commands_to_those_that_nobody_serves(
    server: Secured, tmp_path: Path
) -> None:
    async with SecuredBench(server, tmp_path, bridge="wide") as bench:
        bench.table["retain"] = "none"
        bridge = await bench.bridge()
        await bench.client.jetstream().publish("vb.v1.cmd.nowhere.main.cancel_all.a1", b"{}")
        await bench.until(lambda: any(s == "acct.nowhere.main.result.a1" for s, _ in bench.messages))
        await bench.submit("a2")
        await bench.result("a2", ("accepted", None, None))
        assert bridge.connection is not None
        assert bridge.connection.denied == {}


async def test_a_bridge_that_is_called_by_its_venue_keeps_and_reads_the_deliveries(
    server: Secured, tmp_path: Path
) -> None:
    """Twice, with another bridge on the same ledger, which must find out what it published before."""
    plugins = load_plugins()
    sim = PingPongXSimulator(rate=0, pause=0.0, backoff=0.05)
    await sim.start()
    table = {name: value for name, value in sim.config().items() if name not in ("base_url", "access_token")}
    for number in (1, 2):
        sizes = {f"{name}_max_bytes": 16 * MIB for name in ("command", "account", "system", "dead", "hook")}
        bus = {**server.bus("hooked", tmp_path), "spool_dir": str(tmp_path), **sizes}
        data = {"bus": bus, "http": {"listen": "127.0.0.1:0"}, "venues": {"pp": table}}
        bridge = Bridge(build_config(data, plugins.specs), plugins)
        await bridge.start()
        try:
            admin = (await server.login("admin")).client
            heard = await admin.subscribe("vb.v1.acct.pp.main.forward.*")
            await admin.flush()
            sim.target(f"{bridge.http_url}/hooks/pp")
            sim.send(sim.desk.create(Decimal(1000)))
            await heard.next_msg(10)
            await sim.sender.settle()
            assert bridge.connection is not None
            assert [subject for subject in bridge.connection.denied if "orphans" not in subject] == []
            info = await admin.jetstream().stream_info("VB_HOOK")
            assert info.state.messages == number
        finally:
            await bridge.stop()
    await sim.stop()


async def test_a_strategy_reads_what_is_its_own_from_the_streams(server: Secured, bench: SecuredBench) -> None:
    await bench.bridge()
    strategy = await server.login("strategy")
    await submit(strategy.client, "a1")
    await bench.result("a1", ("accepted", None, None))
    [result] = await read(strategy.client, "VB_ACCT", "vb.v1.acct.toy.main.result.*", "r1")
    orders = await read(strategy.client, "VB_ACCT", "vb.v1.acct.toy.main.order.*", "r2", count=2)
    assert result["command_id"] == "a1"
    assert [order["status"] for order in orders] == ["pending_new", "new"]
    assert (await read(strategy.client, "VB_SYS", "vb.v1.sys.toy.session", "r3"))[0]["state"] == "connecting"
    reply = await strategy.client.request("vb.v1.qry.toy.main.orders", b"{}", timeout=3)
    assert [item["client_order_id"] for item in json.loads(reply.data)["items"]] == ["a1"]
    assert strategy.denied == []


async def test_a_strict_reader_uses_consumers_of_its_own_name_only(server: Secured, bench: SecuredBench) -> None:
    await bench.bridge()
    strict = await server.login("strict")
    await submit(strict.client, "a1")
    await bench.result("a1", ("accepted", None, None))
    assert (await read(strict.client, "VB_ACCT", "vb.v1.acct.toy.main.result.*", "strict"))[0]["command_id"] == "a1"

    async def another(client: Client) -> None:
        await read(client, "VB_ACCT", "vb.v1.acct.toy.main.result.*", "somebody")

    assert await strict.is_denied(another)
    assert await strict.is_denied(lambda client: client.publish("$JS.API.CONSUMER.MSG.NEXT.VB_ACCT.other", b"1"))


async def test_an_operator_halts_and_resumes(server: Secured, bench: SecuredBench) -> None:
    await bench.bridge()
    operator = await server.login("operator")
    for verb in ("status", "halt", "resume"):
        reply = await operator.client.request(f"vb.v1.ctl.toy.{verb}", b"{}", timeout=3)
        assert json.loads(reply.data)["ok"], reply.data
    assert json.loads((await operator.client.request("$SRV.PING.venuebus", b"", timeout=3)).data)["name"] == "venuebus"
    assert operator.denied == []


# --- what is refused ------------------------------------------------------------------------------------------

Attempt = Callable[[Client], Awaitable[Any]]


def publish(subject: str, data: bytes = b"{}") -> Attempt:
    return lambda client: client.publish(subject, data)


def ask(subject: str, body: Any = None) -> Attempt:
    return lambda client: client.request(subject, json.dumps(body or {}).encode(), timeout=0.05)


def hear(subject: str) -> Attempt:
    return lambda client: client.subscribe(subject)


def consumer(stream: str, wanted: str, name: str = "trespass") -> Attempt:
    config = {"name": name, "filter_subject": wanted, "ack_policy": "none"}
    return ask(f"$JS.API.CONSUMER.CREATE.{stream}.{name}.{wanted}", {"stream_name": stream, "config": config})


NOBODYS = {
    "the lease": publish("vb.v1.acct.toy.main.lease"),
    "the lease's key": publish("$KV.VB_STATE.lease.toy.main"),
    "a claim": publish("vb.v1.acct.toy.main.claim.x"),
    "an event": publish("vb.v1.acct.toy.main.order.x"),
    "market data": publish("vb.v1.md.toy.quote.X"),
    "the venue's state": publish("vb.v1.sys.toy.session"),
    "a webhook's delivery": publish("vb.v1.hook.toy.x"),
    "hears all commands": hear("vb.v1.cmd.>"),
    "hears the account": hear("vb.v1.acct.toy.main.>"),
    "hears other inboxes": hear("_INBOX_bridge.>"),
    "hears everything": hear(">"),
    "reads commands": consumer("VB_CMD", "vb.v1.cmd.toy.main.>"),
    "takes commands": publish("$JS.API.CONSUMER.MSG.NEXT.VB_CMD.bridge_toy", b"1"),
    "reads claims": consumer("VB_ACCT", "vb.v1.acct.toy.main.claim.*"),
    "reads the lease": consumer("VB_ACCT", "vb.v1.acct.toy.main.lease"),
    "reads another's account": consumer("VB_ACCT", "vb.v1.acct.toy.other.order.*"),
    "reads all": consumer("VB_ACCT", "vb.v1.acct.>"),
    "reads by number": ask("$JS.API.STREAM.MSG.GET.VB_ACCT", {"seq": 1}),
    "purges": ask("$JS.API.STREAM.PURGE.VB_ACCT"),
    "deletes a stream": ask("$JS.API.STREAM.DELETE.VB_CMD"),
    "deletes a consumer": ask("$JS.API.CONSUMER.DELETE.VB_CMD.bridge_toy"),
    "asks for another's orders": ask("vb.v1.qry.toy.other.orders"),
    "another's command": publish("vb.v1.cmd.toy.other.submit.x"),
}  # fmt: skip
CONTROLS = {verb: ask(f"vb.v1.ctl.toy.{verb}") for verb in ("halt", "resume", "resolve", "reconnect")}
TRESPASSES: dict[str, dict[str, Attempt]] = {
    "strategy": NOBODYS | CONTROLS,
    "observer": NOBODYS | CONTROLS | {"a command": publish("vb.v1.cmd.toy.main.submit.x")},
    "operator": NOBODYS
    | {"a command": publish("vb.v1.cmd.toy.main.submit.x"), "another venue": ask("vb.v1.ctl.other.halt")},
    "bridge": {
        "a command": publish("vb.v1.cmd.toy.main.submit.x"),
        "another venue's events": publish("vb.v1.acct.other.main.order.x"),
        "another account's orders": publish("vb.v1.acct.toy.other.order.x"),
        "another's lease": publish("vb.v1.acct.other.main.lease"),
        "another's key": publish("$KV.VB_STATE.lease.other.main"),
        "another venue's market data": publish("vb.v1.md.other.quote.X"),
        "another's commands": consumer("VB_CMD", "vb.v1.cmd.other.>", "bridge_other"),
        "all commands": consumer("VB_CMD", "vb.v1.cmd.>", "bridge_toy"),
        "purges": ask("$JS.API.STREAM.PURGE.VB_ACCT"),
        "deletes a stream": ask("$JS.API.STREAM.DELETE.VB_ACCT"),
        "changes a stream": ask("$JS.API.STREAM.UPDATE.VB_CMD", {"name": "VB_CMD"}),
        "hears other inboxes": hear("_INBOX_strategy.>"),
        "halts another": ask("vb.v1.ctl.other.halt"),
    },
}  # fmt: skip


async def contents(admin: Client) -> dict[str, tuple[int, int]]:
    """Last sequence and number of consumers of every stream."""
    found = await admin.jetstream().streams_info()
    return {info.config.name or "": (info.state.last_seq, info.state.consumer_count) for info in found}


@pytest.mark.parametrize("role", list(TRESPASSES))
async def test_trespasses_are_refused_and_leave_nothing(server: Secured, role: str) -> None:
    assert len(TRESPASSES[role]) >= 7
    await make_streams(server)
    person = await server.login(role)
    assert not await person.is_denied(hear("vb.v1.qry.toy.*.*" if role == "bridge" else "vb.v1.md.toy.quote.X"))
    admin = (await server.login("admin")).client
    before = await contents(admin)
    allowed = [name for name, attempt in TRESPASSES[role].items() if not await person.is_denied(attempt)]
    assert allowed == []
    assert await contents(admin) == before
    assert person.client.is_connected
    for info in await admin.jetstream().streams_info():
        assert info.state.messages == 0, info.config.name


async def test_a_consumer_cannot_say_another_filter_than_its_subject(server: Secured) -> None:
    """The create subject carries the filter that is permitted; the request's body must not widen it."""
    await make_streams(server)
    strategy = (await server.login("strategy")).client
    admin = (await server.login("admin")).client
    await admin.jetstream().publish("vb.v1.acct.toy.other.order.x", b"{}")
    allowed = "vb.v1.acct.toy.main.order.*"
    for config in (
        {"filter_subject": "vb.v1.acct.toy.other.order.*"},
        {"filter_subjects": [allowed, "vb.v1.acct.toy.other.order.*"]},
        {"filter_subjects": ["vb.v1.acct.toy.other.order.*"]},
        {},
    ):
        body = {"stream_name": "VB_ACCT", "config": {"name": "wide", "ack_policy": "none", **config}}
        subject = f"$JS.API.CONSUMER.CREATE.VB_ACCT.wide.{allowed}"
        answer = json.loads((await strategy.request(subject, json.dumps(body).encode(), timeout=2)).data)
        assert "error" in answer, (config, answer)


@pytest.mark.parametrize(
    "reply", ["vb.v1.acct.toy.main.lease", "$KV.VB_STATE.lease.toy.main", "vb.v1.cmd.toy.main.submit.x"]
)
async def test_nobody_can_have_the_bridge_answer_on_its_own_subjects(
    server: Secured, bench: SecuredBench, reply: str
) -> None:
    """Who asks names the subject of the answer, and NATS would check it with the bridge's rights."""
    bridge = await bench.bridge()
    strategy = await server.login("strategy")
    lease = bridge.venues["toy"].leases["main"]
    await strategy.client.publish("vb.v1.qry.toy.main.orders", b"{}", reply=reply)
    answer = await strategy.client.request("vb.v1.qry.toy.main.orders", b"{}", timeout=3)
    assert json.loads(answer.data)["ok"]
    await bench.submit("a1")
    await bench.result("a1", ("accepted", None, None))
    assert lease.is_held
    assert len(await bench.stored("acct.toy.main.lease")) == 1


async def test_a_bridge_without_the_rights_says_what_it_lacks(server: Secured, bench: SecuredBench) -> None:
    bench.bus |= server.bus("strategy", bench.folder)
    with pytest.raises(Exception, match=r"may not publish to \$js\.api\.stream\.info\.vb_cmd.*role bridge"):
        await bench.bridge()


async def test_a_bridge_with_another_users_inbox_says_so(server: Secured, bench: SecuredBench) -> None:
    bench.bus["inbox_prefix"] = "_INBOX_strategy"
    with pytest.raises(Exception, match=r"may not subscribe to _inbox_strategy\..*bus\.inbox_prefix"):
        await bench.bridge()


async def test_rights_that_are_taken_from_a_running_bridge_do_not_lose_an_event(
    server: Secured, bench: SecuredBench
) -> None:
    """A denied write counts as not stored: it waits on the disk until somebody gives the right back."""
    bridge = await bench.bridge()
    right = server.users["bridge"].granted
    assert right is not None
    server.users["bridge"].granted = User("bridge", "bridge", accounts=(("toy", "none"),)).granted
    server.write()
    server.signal(signal.SIGHUP)
    await bench.until(lambda: not bridge.venues["toy"].leases["main"].is_held)
    server.users["bridge"].granted = right
    server.write()
    server.signal(signal.SIGHUP)
    await bench.until(lambda: str(bridge.venues["toy"].state.state) == "ready", timeout=20)
    await bench.submit("a1")
    await bench.result("a1", ("accepted", None, None))


# --- the command line -----------------------------------------------------------------------------------------


async def cli(server: Secured, name: str, *arguments: str) -> tuple[int, str, str]:
    seed = server.bus(name, server.folder)["nkey"]["file"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *PROGRAM, *arguments, "--server", server.url, "--ca", str(server.authority.ca),
        "--nkey", seed, "--inbox-prefix", server.users[name].inbox,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), err.decode()


SEND = ("send", "submit", "--venue", "toy", "symbol=X", "side=buy", "order_type=limit", "quantity=1", "price=2")


async def test_the_command_line_does_its_roles_work_and_names_the_role_that_it_lacks(
    server: Secured, bench: SecuredBench
) -> None:
    await bench.bridge()
    code, out, err = await cli(server, "strategy", *SEND, "--id", "c1")
    assert code == 0, (out, err)
    code, out, err = await cli(server, "observer", "orders", "--venue", "toy")
    assert "c1" in out, err
    code, out, err = await cli(server, "observer", *SEND, "--id", "c2")
    assert code == 1, (out, err)
    assert "vb.v1.cmd.toy.main.submit.c2" in err
    assert "strategy" in err
    resolve = ("resolve", "c1", "--venue", "toy", "--status", "accepted", "--why", "seen", "--by", "me")
    code, out, err = await cli(server, "strategy", *resolve)
    assert code == 1, (out, err)
    assert "vb.v1.ctl.toy.resolve" in err
    assert "operator" in err
    code, out, err = await cli(server, "operator", *resolve)
    assert "may not" not in err  # the bridge says that there is nothing to resolve
    assert bench.venue.count("c2") == 0


async def test_watch_shows_what_the_role_may_read_and_names_the_role_for_the_rest(
    server: Secured, bench: SecuredBench
) -> None:
    await bench.bridge()
    await bench.submit("a1")
    await bench.result("a1", ("accepted", None, None))
    for kept in (("--since", "1h"), ("--last", "3")):
        code, out, err = await cli(server, "observer", "watch", "acct.toy.main.>", *kept, "--no-follow")
        assert (code, err) == (0, "")
        assert len(out.splitlines()) == 3, out  # pending_new, new, and the result
    code, out, err = await cli(server, "strategy", "watch", "acct.toy.other.order.*", "--last", "1", "--no-follow")
    assert (code, out) == (0, "")
    assert "may not publish" in err
    code, out, err = await cli(server, "strategy", "watch", "cmd.>", "sys.toy.*", "--last", "1", "--count", "1")
    assert (code, len(out.splitlines())) == (0, 1), err
    assert "this login may not subscribe to vb.v1.cmd.>" in err
