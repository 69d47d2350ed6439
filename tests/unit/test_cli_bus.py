"""watch, send, orders and resolve against a real nats-server, run as a person runs them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from venuebus.bus.embedded import EmbeddedServer, ServerOptions
from venuebus.bus.streams import StreamNames, stream_configs
from venuebus_schemas import (
    Event,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Quote,
    Reason,
    Reply,
    Result,
    ResultStatus,
    Side,
    Subjects,
    Verb,
    encode,
)

SUBJECTS = Subjects()
PROGRAM = ("-c", "from venuebus.cli import main; main()")
STAMP: dict[str, Any] = {"venue": "toy", "ts_recv": 1_750_000_000_000_000_000, "epoch": 1}
SUBMIT = ("submit", "--venue", "toy", "symbol=X", "side=buy", "order_type=limit", "quantity=1", "price=10")


@dataclass
class Ended:
    code: int
    out: list[str]
    err: str


class Program:
    """The command line in a process of its own, read line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(15):
            return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def end(self) -> Ended:
        async with asyncio.timeout(15):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return Ended(self.process.returncode, out.decode().splitlines(), err.decode())


Start = Callable[..., Awaitable[Program]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(ServerOptions(store_dir=tmp_path / "store", max_store=2**30, sync="default"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[Client]:
    client = await nats.connect(server.url)
    for config in stream_configs(SUBJECTS, StreamNames("vb"), system_max_bytes=2**20, dead_max_bytes=2**20):
        await client.jetstream().add_stream(config)
    yield client
    await client.close()


@pytest.fixture
async def start(server: EmbeddedServer) -> AsyncIterator[Start]:
    started: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str) -> Program:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *PROGRAM, *arguments, "--server", server.url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return Program(process)

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def put(client: Client, subject: str, event: Event) -> None:
    await client.jetstream().publish(subject, encode(event))


def order(seq: int, status: OrderStatus, *, client_order_id: str = "o-1", filled: str = "0") -> Order:
    return Order(
        **STAMP, seq=seq, account="main", symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=status,
        quantity="1", price="10", filled_quantity=filled, client_order_id=client_order_id,
    )  # fmt: skip


async def subscribed(client: Client, subject: str, watcher: Program) -> None:
    """Return when the watching process has subscribed: it then sees what we send it."""
    async with asyncio.timeout(10):
        while True:
            await client.publish(subject, b'{"type":"hello"}')
            try:
                async with asyncio.timeout(0.05):
                    assert "hello" in await watcher.line()
                    return
            except TimeoutError:
                continue


async def watch_until(client: Client, watcher: Program, marker: str) -> list[str]:
    lines: list[str] = []
    while True:
        line = await watcher.line()
        if marker in line:
            return lines
        if "hello" not in line:
            lines.append(line)


async def test_watch_shows_events_commands_and_types_it_does_not_know(client: Client, start: Start) -> None:
    watcher = await start("watch")
    await subscribed(client, "vb.v1.md.toy.hello.X", watcher)
    await client.publish(SUBJECTS.market("toy", "quote", "A.B"), encode(Quote(**STAMP, seq=1, symbol="A.B", bid="1")))
    await client.publish(SUBJECTS.market("toy", "funding", "X"), b'{"type":"funding","rate":"0.1"}')
    await client.publish("vb.v1.md.toy.quote.X", b"\xff garbage")
    await client.publish("vb.v1.elsewhere", b"{}")
    await client.publish("vb.v1.cmd.toy.main.cancel.c-1", b'{"type":"cancel","command_id":"c-1","client_order_id":"o"}')
    await client.publish("vb.v1.md.toy.end.X", b'{"type":"end"}')
    shown = await watch_until(client, watcher, " end ")
    assert [text in line for text, line in zip(("A.B", "funding", "garbage", "elsewhere", "o"), shown, strict=True)]
    assert "1 × - │ - × -" in shown[0]
    assert "\x1b" not in "".join(shown), "no colours in a pipe"


async def test_watch_tells_a_hole_in_the_numbering_on_stderr_and_ctrl_c_ends_it(client: Client, start: Start) -> None:
    watcher = await start("watch", "md.toy.quote.>", "--json")
    subject = SUBJECTS.market("toy", "quote", "X")
    await subscribed(client, "vb.v1.md.toy.quote.hello", watcher)
    for seq in (1, 2, 5):
        await client.publish(subject, encode(Quote(**STAMP, seq=seq, symbol="X")))
    seen: list[int] = []
    while seen[-1:] != [5]:
        shown = json.loads(await watcher.line())
        if shown["subject"] == subject:
            seen.append(shown["message"]["seq"])
    assert seen == [1, 2, 5]
    watcher.process.send_signal(signal.SIGINT)
    ended = await watcher.end()
    assert ended.code == 130
    assert "2 events missing" in ended.err
    assert "Traceback" not in ended.err


async def test_watch_reads_the_history_and_shows_nothing_twice(client: Client, start: Start) -> None:
    subject = SUBJECTS.account("toy", "main", "order", "o-1")
    for seq, status in enumerate((OrderStatus.PENDING_NEW, OrderStatus.NEW, OrderStatus.FILLED), 1):
        await put(client, subject, order(seq, status))
    await put(client, SUBJECTS.lease("toy", "main"), order(1, OrderStatus.NEW))
    ended = await (await start("watch", "acct.>", "--last", "2", "--no-follow", "--json")).end()
    assert ended.code == 0
    assert [json.loads(line)["message"]["status"] for line in ended.out] == ["new", "filled"][-len(ended.out) :]
    ended = await (await start("watch", "acct.>", "--last", "3", "--count", "1", "--json")).end()
    assert len(ended.out) == 1
    ended = await (await start("watch", "acct.toy.>", "--since", "1h", "--no-follow")).end()
    assert [line.split("  ")[-2].split()[0] for line in ended.out] == ["pending_new", "new", "filled"]
    watcher = await start("watch", "--since", "1h", "--json")
    assert [json.loads(await watcher.line())["message"]["seq"] for _ in range(3)] == [1, 2, 3]
    await put(client, subject, order(4, OrderStatus.FILLED))
    assert json.loads(await watcher.line())["message"]["seq"] == 4


async def test_watch_shows_account_events_that_were_stored_and_none_that_was_refused(
    client: Client, start: Start
) -> None:
    watcher = await start("watch", "md.>", "acct.>", "--json")
    await subscribed(client, "vb.v1.md.toy.hello.X", watcher)
    subject = SUBJECTS.account("toy", "main", "order", "o-1")
    refused = {"Nats-Expected-Last-Subject-Sequence": "77"}
    with pytest.raises(nats.js.errors.APIError):
        await client.jetstream().publish(subject, encode(order(9, OrderStatus.NEW)), headers=refused)
    await put(client, subject, order(1, OrderStatus.NEW))
    shown = {"subject": ""}
    while shown["subject"] != subject:
        shown = json.loads(await watcher.line())
    assert shown["message"]["seq"] == 1


async def answer(client: Client, *events: Callable[[dict[str, Any]], tuple[str, Event]]) -> None:
    """Play the bridge: answer every command on the bus with ``events``, made from the command."""

    async def on_command(message: Msg) -> None:
        body = json.loads(message.data)
        assert message.headers is not None
        assert message.headers["Nats-Msg-Id"] == body["command_id"]
        assert message.headers["Nats-Expected-Last-Subject-Sequence"] == "0"
        for make in events:
            subject, event = make(body)
            await put(client, subject, event)

    await client.subscribe("vb.v1.cmd.>", cb=on_command)
    await client.request("$JS.API.INFO", b"")  # a barrier: a flush would overtake the subscriptions


def result(status: ResultStatus, reason: Reason | None = None) -> Callable[[dict[str, Any]], tuple[str, Event]]:
    def make(body: dict[str, Any]) -> tuple[str, Event]:
        subject = SUBJECTS.account("toy", "main", "result", body["command_id"])
        return subject, Result(
            **STAMP, seq=1, account="main", command_id=body["command_id"], verb=Verb(body["type"]), status=status,
            reason=reason, attempts=1, ts_received=1, client_order_id="o-1",
        )  # fmt: skip

    return make


def event(made: Event, kind: str) -> Callable[[dict[str, Any]], tuple[str, Event]]:
    return lambda _body: (SUBJECTS.account("toy", "main", kind, "o-1"), made)


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (ResultStatus.ACCEPTED, None, 0),
        (ResultStatus.REJECTED, Reason.RISK, 1),
        (ResultStatus.UNKNOWN, Reason.TIMEOUT, 1),
    ],
)
async def test_send_ends_with_0_only_when_accepted(
    client: Client, start: Start, status: ResultStatus, reason: Reason | None, code: int
) -> None:
    await answer(client, result(status, reason))
    ended = await (await start("send", *SUBMIT, "--id", "c-1")).end()
    assert ended.code == code, ended.err
    assert f"submit {status}" in ended.out[0]
    assert "c-1" in ended.out[0]
    assert reason is None or reason in ended.out[0]


async def test_following_waits_for_the_fills_that_come_after_the_order_is_over(client: Client, start: Start) -> None:
    fill = Fill(
        **STAMP, seq=1, account="main", symbol="X", fill_id="f", side=Side.BUY, price="10", quantity="1",
        client_order_id="o-1",
    )  # fmt: skip
    over = order(2, OrderStatus.FILLED, filled="1")
    await answer(client, event(over, "order"), result(ResultStatus.ACCEPTED), event(fill, "fill"))
    ended = await (await start("send", *SUBMIT, "client_order_id=o-1", "--follow")).end()
    assert ended.code == 0, ended.err
    assert [line.split()[1] for line in ended.out] == ["order", "result", "fill"]


@pytest.mark.parametrize("first", ["result", "order"])
async def test_send_follows_the_order_to_its_end_and_leaves_others_out(
    client: Client, start: Start, first: str
) -> None:
    fill = Fill(
        **STAMP, seq=1, account="main", symbol="X", fill_id="f", side=Side.BUY, price="10", quantity="1",
        client_order_id="o-1",
    )  # fmt: skip
    over = (order(2, OrderStatus.FILLED, filled="1"), "order")
    await answer(
        client,
        *(
            (result(ResultStatus.ACCEPTED), event(order(1, OrderStatus.NEW), "order"))
            if first == "result"
            else (event(order(1, OrderStatus.NEW), "order"),)
        ),
        event(order(1, OrderStatus.NEW, client_order_id="o-2"), "order"),
        *(
            event(made, kind)
            for made, kind in (((fill, "fill"), over) if first == "result" else (over, (fill, "fill")))
        ),
        *((result(ResultStatus.ACCEPTED),) if first == "order" else ()),
    )
    ended = await (await start("send", *SUBMIT, "client_order_id=o-1", "--follow")).end()
    assert ended.code == 0, ended.err
    expected = {"result": ["result", "order", "fill", "order"], "order": ["order", "order", "fill", "result"]}
    assert [line.split()[1] for line in ended.out] == expected[first]
    assert "o-2" not in "".join(ended.out)


async def test_a_second_result_settles_an_unknown_one(client: Client, start: Start) -> None:
    await answer(client, result(ResultStatus.UNKNOWN, Reason.TIMEOUT), result(ResultStatus.ACCEPTED),
                 event(order(2, OrderStatus.CANCELED), "order"))  # fmt: skip
    ended = await (await start("send", *SUBMIT, "--follow", "--output", "json")).end()
    assert ended.code == 0, ended.err
    assert [json.loads(line)["status"] for line in ended.out] == ["unknown", "accepted", "canceled"]


async def test_the_same_command_id_is_refused_the_second_time(client: Client, start: Start) -> None:
    await answer(client, result(ResultStatus.ACCEPTED))
    assert (await (await start("send", *SUBMIT, "--id", "once")).end()).code == 0
    ended = await (await start("send", *SUBMIT, "--id", "once")).end()
    assert ended.code == 1
    assert "published before" in ended.err


async def test_no_result_is_a_failure_that_says_why(client: Client, start: Start) -> None:
    ended = await (await start("send", *SUBMIT, "--timeout", "0.3")).end()
    assert ended.code == 1
    assert "no result" in ended.err
    assert "serves the venue 'toy'" in ended.err


async def test_a_bus_without_streams_is_told_from_a_bridge_that_is_away(server: EmbeddedServer, start: Start) -> None:
    ended = await (await start("send", *SUBMIT)).end()
    assert ended.code == 1
    assert "no stream" in ended.err
    assert "venuebus run" in ended.err


async def test_orders_are_listed_unknown_first_and_resolve_hands_over_the_word(client: Client, start: Start) -> None:
    asked: list[dict[str, Any]] = []

    async def on_query(message: Msg) -> None:
        unknown = order(2, OrderStatus.UNKNOWN, client_order_id="o-2")
        await message.respond(encode(Reply(ok=True, items=[order(1, OrderStatus.NEW), unknown])))

    async def on_control(message: Msg) -> None:
        asked.append(json.loads(message.data))
        good = asked[-1]["command_id"] == "c-1"
        await message.respond(encode(Reply(ok=good, reason=None if good else Reason.UNKNOWN_ORDER, text="no such")))

    await client.subscribe(SUBJECTS.query("toy", "main", "orders"), cb=on_query)
    await client.subscribe(SUBJECTS.control("toy", "resolve"), cb=on_control)
    await client.request("$JS.API.INFO", b"")  # a barrier: a flush would overtake the subscriptions
    ended = await (await start("orders", "--venue", "toy")).end()
    assert ended.code == 0, ended.err
    assert [line.split("\t")[0] for line in ended.out] == ["status", "unknown", "new"]
    say = ("--venue", "toy", "--status", "rejected", "--why", "not in its history", "--by", "ann")
    ended = await (await start("resolve", "c-1", *say)).end()
    assert ended.code == 0, ended.err
    assert asked[0] == {
        "account": "main", "command_id": "c-1", "status": "rejected", "by": "ann", "why": "not in its history",
    }  # fmt: skip
    ended = await (await start("resolve", "c-2", *say)).end()
    assert ended.code == 1
    assert "unknown_order" in ended.err
    assert "no such" in ended.err


async def test_a_venue_that_no_bridge_serves_is_said_so(client: Client, start: Start) -> None:
    ended = await (await start("orders", "--venue", "nobody")).end()
    assert ended.code == 1
    assert "'nobody'" in ended.err
