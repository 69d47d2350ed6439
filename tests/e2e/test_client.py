"""The typed client against real bridges and real nats-servers: what it promises a strategy."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client as NatsClient
from venuebus.bus.streams import StreamNames, stream_configs
from venuebus.client import (
    CannotConnect,
    CommandExists,
    CommandInDoubt,
    CommandNotSent,
    ConnectionClosed,
    Missing,
    NotServed,
    PermissionDenied,
    RequestRefused,
    Sequence,
    connect,
)
from venuebus.client.sequence import SUBJECTS
from venuebus_schemas import (
    Balance,
    CommandError,
    Fill,
    Gap,
    Order,
    OrderStatus,
    OrderType,
    Position,
    PositionSide,
    Quote,
    Reason,
    SessionState,
    Side,
    Subjects,
    Submit,
    Trade,
    encode,
)

from .bench import Bench, NatsServer
from .rig import Link
from .tokens import TokenServer

MIB = 1024 * 1024
STAMP: dict[str, Any] = {"venue": "toy", "ts_recv": 1_750_000_000_000_000_000, "epoch": 1}
BUY: dict[str, Any] = {"symbol": "X", "side": "buy", "quantity": "1", "price": "2.50"}


def order(seq: int, key: str = "o-1", status: OrderStatus = OrderStatus.NEW) -> Order:
    return Order(
        **STAMP, seq=seq, account="main", symbol="X", side=Side.BUY, order_type=OrderType.LIMIT, status=status,
        quantity="1", price="10", filled_quantity=str(seq), client_order_id=key,
    )  # fmt: skip


def quote(seq: int, symbol: str = "X") -> Quote:
    return Quote(**STAMP, seq=seq, symbol=symbol, bid=str(seq))


class Writer:
    """Plays the bridge on a bus without one: makes the streams and stores events."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url, self.prefix = url, prefix
        self.subjects = Subjects(prefix)
        self.nats = NatsClient()

    async def start(self) -> None:
        self.nats = await nats.connect(self.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)  # type: ignore[arg-type]
        await self.streams()

    async def streams(self) -> None:
        limits = {f"{name}_max_bytes": MIB for name in ("command", "account", "system", "dead")}
        for config in stream_configs(self.subjects, StreamNames(self.prefix), **limits):
            await self.nats.jetstream().add_stream(config)

    async def order(self, seq: int, key: str = "o-1", **headers: str) -> None:
        subject = self.subjects.account("toy", "main", "order", key)
        await self.nats.jetstream().publish(subject, encode(order(seq, key)), headers=headers or None)

    async def quote(self, seq: int, symbol: str = "X") -> None:
        await self.nats.publish(self.subjects.market("toy", "quote", symbol), encode(quote(seq, symbol)))

    async def flush(self) -> None:
        await self.nats.request("$JS.API.INFO", b"")


@pytest.fixture
async def writer(nats_url: str, subject_prefix: str) -> AsyncIterator[Writer]:
    writer = Writer(nats_url, subject_prefix)
    await writer.start()
    yield writer
    await writer.nats.close()


@pytest.fixture
async def own_writer(own_server: NatsServer) -> AsyncIterator[Writer]:
    writer = Writer(own_server.url, "vb")
    await writer.start()
    yield writer
    await writer.nats.close()


def numbers(events: list[Order]) -> list[int]:
    return [int(event.filled_quantity) for event in events]


# --- market data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_market_data_comes_typed_by_kind_and_symbol_in_both_encodings(bench: Bench, encoding: str) -> None:
    bench.bus["encoding"] = encoding
    await bench.bridge()
    async with (
        connect(bench.url, prefix=bench.prefix) as client,
        client.quotes("toy", "HK.00700") as quotes,
        client.market(Trade, "toy") as trades,
    ):
        context = bench.venue.context
        context.publish(Quote(symbol="OTHER", bid="1", ts_recv=1))
        context.publish(Quote(symbol="HK.00700", bid="380.2", ts_recv=1))
        context.publish(Trade(symbol="A", price="1", size="2", ts_recv=1))
        seen = await quotes.next(5)
        assert (type(seen), seen.symbol, seen.bid, seen.venue) == (Quote, "HK.00700", "380.2", "toy")
        assert (await trades.next(5)).price == "1"


async def test_a_slow_reader_gets_the_newest_and_is_told_what_gave_way(writer: Writer) -> None:
    told: list[Missing] = []
    async with (
        connect(writer.url, prefix=writer.prefix, on_missing=told.append) as client,
        client.market(Quote, "toy", "X", keep=3) as quotes,
    ):
        await writer.quote(1)
        assert (await quotes.next(5)).seq == 1
        for seq in range(2, 11):
            await writer.quote(seq)
        await writer.flush()
        await client.nats.flush()
        assert [(await quotes.next(5)).seq for _ in range(3)] == [8, 9, 10]
        assert quotes.dropped == 6
        assert told == [Missing(writer.subjects.market("toy", "quote", "X"), 1, 8, "slow_reader")]
        assert told[0].number == 6


async def test_holes_are_told_before_the_event_behind_them(writer: Writer) -> None:
    told: list[object] = []
    subject = writer.subjects.market("toy", "quote", "X")
    async with (
        connect(writer.url, prefix=writer.prefix, on_missing=told.append) as client,
        client.quotes("toy", "X") as quotes,
    ):
        for seq in (1, 2, 5):
            await writer.quote(seq)
        for _ in range(3):
            told.append((await quotes.next(5)).seq)
        assert told == [1, 2, Missing(subject, 2, 5), 5]
        gap = Gap(**STAMP, subjects=["md.toy.>"], ts_to=1, reason="reconnect", healed=True)
        await writer.nats.publish(writer.subjects.system("toy", "gap"), encode(gap))
        await writer.flush()
        await client.nats.flush()
        await writer.quote(6)
        assert (await quotes.next(5)).seq == 6
        assert told[4:] == [Missing("md.toy.>", cause="venue", healed=True, text="reconnect")]


def test_numberings_are_remembered_in_bounded_memory() -> None:
    sequence = Sequence()
    for number in range(SUBJECTS + 10):
        assert sequence.check(f"o-{number}", quote(1)) is None
    assert len(sequence._last) == SUBJECTS
    assert sequence.check("o-0", quote(5)) is None, "forgotten: it begins anew"
    assert sequence.check(f"o-{SUBJECTS}", quote(3)) == Missing(f"o-{SUBJECTS}", 1, 3)


async def test_leaving_a_loop_over_market_data_ends_the_subscription(writer: Writer) -> None:
    async with connect(writer.url, prefix=writer.prefix) as client:
        quotes = client.quotes("toy", "X")
        await quotes.open()
        await writer.quote(1)
        async with aclosing(aiter(quotes)) as loop:  # type: ignore[type-var]  # an async generator
            async for seen in loop:
                assert seen.seq == 1
                break
        assert not any("quote" in sub.subject for sub in client.nats._subs.values())


async def test_what_no_reader_can_read_is_counted_and_skipped(writer: Writer) -> None:
    subject = writer.subjects.market("toy", "quote", "X")
    async with connect(writer.url, prefix=writer.prefix) as client, client.quotes("toy", "X") as quotes:
        for data in (b"\xff garbage", b'{"type":"quote"}', b'{"type":"of the future","x":1}'):
            await writer.nats.publish(subject, data)
        await writer.quote(7)
        assert (await quotes.next(5)).seq == 7
        assert quotes.undecodable == 2


# --- account events ---------------------------------------------------------------------------------------------


async def test_account_events_are_what_the_stream_took_and_nothing_that_it_refused(writer: Writer) -> None:
    async with (
        connect(writer.url, prefix=writer.prefix) as client,
        client.order_events("toy") as events,
        client.events(Order, Fill, venue="toy") as both,
    ):
        await writer.order(1)
        with pytest.raises(nats.js.errors.APIError):
            await writer.order(99, **{"Nats-Expected-Last-Subject-Sequence": "77"})
        for subject in (writer.subjects.lease("toy", "main"), writer.subjects.claim("toy", "main", "c")):
            await writer.nats.jetstream().publish(subject, b'{"type":"claim"}')
        await writer.order(2)
        assert numbers([await events.next(5), await events.next(5)]) == [1, 2]
        assert [type(await both.next(5)) for _ in range(2)] == [Order, Order]
        assert both.undecodable == 0


async def test_history_and_places_on_the_stream(writer: Writer) -> None:
    for seq, key in ((1, "a"), (2, "b"), (3, "a")):
        await writer.order(seq, key)
    async with connect(writer.url, prefix=writer.prefix) as client:
        async with client.order_events("toy", history="all") as events:
            assert numbers([await events.next(5) for _ in range(2)]) == [1, 2]
            place = events.sequence
        async with client.events(Order, venue="toy", after=place) as events:
            assert numbers([await events.next(5)]) == [3]
        async with client.order_events("toy", history="last") as events:
            assert numbers([await events.next(5) for _ in range(2)]) == [2, 3]
            await writer.order(4, "b")
            assert numbers([await events.next(5)]) == [4]
        async with client.events(Order, venue="toy", key="b", history="all") as events:
            assert numbers([await events.next(5) for _ in range(2)]) == [2, 4]
            with pytest.raises(TimeoutError):
                await events.next(0.05)
            await writer.order(5, "b")
            assert numbers([await events.next(5)]) == [5], "a time-out loses nothing"


async def test_a_place_that_the_stream_does_not_have_is_told(writer: Writer) -> None:
    told: list[Missing] = []
    await writer.order(1)
    async with connect(writer.url, prefix=writer.prefix, on_missing=told.append) as client:
        async with client.events(Order, venue="toy", after=500) as events:
            assert [(missing.cause, missing.text) for missing in told] == [("history", "the stream was made anew")]
            await writer.order(2)
            assert numbers([await events.next(5) for _ in range(2)]) == [1, 2]
        await writer.nats.jetstream().purge_stream(client.streams.account)
        await writer.order(3)
        async with client.events(Order, venue="toy", after=1) as events:
            assert numbers([await events.next(5)]) == [3]
        assert [missing.text for missing in told[1:]] == ["the stream no longer keeps what came before"]


async def test_a_slow_reader_of_account_events_holds_little_and_loses_nothing(writer: Writer) -> None:
    async with connect(writer.url, prefix=writer.prefix) as client, client.order_events("toy") as events:
        await asyncio.gather(*(writer.order(seq, f"o-{seq}") for seq in range(1, 1001)))
        seen = [await events.next(5)]
        await client.nats.flush()
        assert len(events._journal._ready) < 256, "what is not asked for stays on the stream"
        seen += [await events.next(5) for _ in range(999)]
        assert sorted(numbers(seen)) == list(range(1, 1001))


async def test_account_events_go_on_where_they_were_when_the_server_forgot_the_reader(writer: Writer) -> None:
    async with connect(writer.url, prefix=writer.prefix) as client, client.order_events("toy") as events:
        await writer.order(1)
        assert numbers([await events.next(5)]) == [1]
        js = writer.nats.jetstream()
        assert await js.delete_consumer(client.streams.account, events._journal._name)
        await writer.order(2)
        assert numbers([await events.next(5)]) == [2]


async def test_account_events_are_each_read_once_over_a_restart_of_the_server(
    own_server: NatsServer, own_writer: Writer
) -> None:
    link = Link(own_server.port)
    await link.start()
    changes: list[bool] = []
    async with (
        connect(f"nats://127.0.0.1:{link.port}", on_change=changes.append) as client,
        client.order_events("toy") as events,
    ):
        await own_writer.order(1)
        seen = [await events.next(5)]
        waiting = asyncio.create_task(events.next(15))
        own_server.kill()
        await own_server.start()
        while not own_writer.nats.is_connected:  # noqa: ASYNC110 - nats-py tells nobody in time
            await asyncio.sleep(0.01)
        for seq in (2, 3):
            await own_writer.order(seq)
        seen.append(await waiting)
        link.cut()  # and over a cut in which something is stored
        await own_writer.order(4)
        seen += [await events.next(15), await events.next(15)]
    await link.stop()
    assert numbers(seen) == [1, 2, 3, 4]
    assert changes[:2] == [False, True]


async def test_without_a_stream_the_reader_is_told_to_start_a_bridge(nats_url: str, subject_prefix: str) -> None:
    async with connect(nats_url, prefix=subject_prefix) as client:
        with pytest.raises(NotServed, match=r"there is no stream .*_ACCT.*venuebus run"):
            await client.order_events("toy").next(5)
        with pytest.raises(CommandNotSent, match="venuebus run"):
            await client.submit("toy", **BUY)
        with pytest.raises(NotServed, match="'nobody'"):
            await client.status("nobody")


# --- commands ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_an_order_lives_from_submit_to_cancel(bench: Bench, encoding: Any) -> None:
    bench.bus["encoding"] = encoding
    await bench.bridge()
    async with (
        connect(bench.url, prefix=bench.prefix, encoding=encoding) as client,
        client.order_events("toy") as events,
    ):
        placed = await client.submit("toy", **{**BUY, "price": Decimal("2.50")}, client_order_id="mine")
        assert (placed.status, placed.client_order_id, placed.venue_order_id) == ("accepted", "mine", "Vmine")
        amended = await client.amend("toy", client_order_id="mine", price="2.60")
        assert amended.status == "accepted"
        assert [one.price for one in await client.orders("toy")] == ["2.60"]
        assert (await client.cancel("toy", client_order_id="mine")).status == "accepted"
        again = await client.cancel("toy", client_order_id="mine")
        assert (again.status, again.reason) == ("rejected", Reason.UNKNOWN_ORDER)
        seen = [await events.next(5)]
        while not seen[-1].status.is_final:
            seen.append(await events.next(5))
        assert (seen[0].status, seen[-1].status, seen[-1].price) == ("pending_new", "canceled", "2.60")
        everything = await client.cancel_all("toy")
        assert (everything.status, everything.text) == ("accepted", "canceled everything")
    assert bench.venue.count("mine") == 0, "commands reach the venue under their own ids"


async def test_a_rejection_is_a_result_and_a_broken_rule_is_an_error_before_anything_is_sent(bench: Bench) -> None:
    bench.venue.script("submit", "reject")
    await bench.bridge()
    async with connect(bench.url, prefix=bench.prefix) as client:
        refused = await client.submit("toy", **BUY)
        assert (refused.status, refused.reason) == ("rejected", Reason.INSUFFICIENT_FUNDS)
        with pytest.raises(CommandError, match="price: needed"):
            await client.submit("toy", symbol="X", side="buy", quantity="1")
        with pytest.raises(CommandError, match="side"):
            await client.submit("toy", **{**BUY, "side": "bye"})
        for wrong, kind in ((0.01, "float"), (1, "int")):
            with pytest.raises(CommandError, match=rf"texts \('0.01'\) or Decimal, never {kind}: {wrong} given"):
                await client.submit("toy", **{**BUY, "quantity": wrong})
            with pytest.raises(CommandError, match=f"never {kind}"):
                await client.amend("toy", client_order_id="mine", price=wrong)
    assert len(bench.venue.log()) == 1


async def test_an_unknown_outcome_is_told_first_and_settled_later(bench: Bench) -> None:
    bench.venue.script("submit", "take_and_unknown")
    await bench.bridge()
    async with connect(bench.url, prefix=bench.prefix) as client:
        sent = await client.send(
            "toy", Submit(command_id="c-1", **{**BUY, "side": Side.BUY}, order_type=OrderType.LIMIT)
        )
        assert (await sent.result()).status == "unknown"
        settled = await sent.settled(10)
        assert (settled.status, settled.resolved_by) == ("accepted", "query")
        assert await client.settled("toy", "c-1", timeout=5) == settled, "another process may ask, too"
        assert await client.result("toy", "c-1") == settled
    assert bench.venue.count("c-1") == 1


async def test_a_used_id_sends_nothing_and_its_result_can_be_asked_for(bench: Bench) -> None:
    await bench.bridge()
    async with connect(bench.url, prefix=bench.prefix) as client:
        first = await client.submit("toy", **BUY, command_id="once")
        with pytest.raises(CommandExists) as caught:
            await client.submit("toy", **BUY, command_id="once")
        assert await client.result("toy", caught.value.command_id) == first
    assert bench.venue.count("once") == 1


async def test_a_lost_acknowledgment_is_asked_for_and_the_command_is_there_once(bench: Bench) -> None:
    await bench.bridge()
    link = Link(int(bench.url.rsplit(":", 1)[1]))
    await link.start()
    async with connect(f"nats://127.0.0.1:{link.port}", prefix=bench.prefix) as client:
        assert (await client.submit("toy", **BUY)).status == "accepted"
        link.deaf = True
        sending = asyncio.create_task(client.submit("toy", **BUY, command_id="lost"))
        await bench.until(lambda: bench.results("lost"))
        link.deaf = False
        assert (await sending).status == "accepted", "the result was lost on the way, too, and read again"
        link.deaf = True
        sending = asyncio.create_task(client.submit("toy", **BUY, command_id="cut"))
        await bench.until(lambda: bench.results("cut"))
        link.cut()
        link.deaf = False
        assert (await sending).status == "accepted"
    await link.stop()
    assert (bench.venue.count("lost"), bench.venue.count("cut")) == (1, 1)


async def test_without_any_answer_the_command_is_in_doubt_and_says_how_to_ask(bench: Bench) -> None:
    await bench.bridge()
    link = Link(int(bench.url.rsplit(":", 1)[1]))
    await link.start()
    async with connect(f"nats://127.0.0.1:{link.port}", prefix=bench.prefix) as client:
        await client.submit("toy", **BUY)
        link.deaf = True
        with pytest.raises(
            CommandInDoubt, match=r'may be on the bus or not.*client\.result\("toy", "doubt"\)'
        ) as caught:
            await client.submit("toy", **BUY, command_id="doubt", timeout=0.4)
        assert not caught.value.stored
        link.deaf = False
        link.cut()
        assert (await client.result("toy", caught.value.command_id, timeout=10)).status == "accepted"
    await link.stop()
    assert bench.venue.count("doubt") == 1


async def test_no_result_leaves_the_command_in_doubt_although_it_is_stored(writer: Writer) -> None:
    async with connect(writer.url, prefix=writer.prefix) as client:
        with pytest.raises(CommandInDoubt, match="is on the bus, its outcome is not known") as caught:
            await client.submit("toy", **BUY, command_id="c-1", timeout=0.1)
        assert caught.value.stored
        with pytest.raises(CommandInDoubt, match="no result within"):
            await client.result("toy", "c-1", timeout=0.05)


async def test_while_the_server_is_away_nothing_is_sent_and_nothing_leaves_later(
    own_server: NatsServer, own_writer: Writer
) -> None:
    down = asyncio.Event()
    async with connect(own_server.url, on_change=lambda up: None if up else down.set()) as client:
        with pytest.raises(CommandInDoubt):
            await client.submit("toy", **BUY, timeout=0.05)
        own_server.kill()
        await down.wait()
        for account in ("main", "new"):
            with pytest.raises(CommandNotSent, match="lost"):
                await client.submit("toy", **BUY, account=account, command_id="late", timeout=0.5)
        await own_server.start()
        with pytest.raises(CommandInDoubt):
            await client.result("toy", "late", timeout=0.1)
        info = await own_writer.nats.jetstream().stream_info("VB_CMD")
        assert info.state.messages == 1


async def test_commands_that_nobody_waits_for_leave_nothing_behind(bench: Bench) -> None:
    await bench.bridge()
    async with connect(bench.url, prefix=bench.prefix) as client:
        await asyncio.gather(*(client.submit("toy", **BUY) for _ in range(20)))
        gc.collect()
        (results,) = client._results.values()
        assert len(results._sent) == 0


# --- requests ---------------------------------------------------------------------------------------------------


async def test_requests_are_answered_typed_or_refused_with_the_reason(bench: Bench) -> None:
    bench.venue.set("state", "positions", [Position(symbol="X", side=PositionSide.LONG, quantity="3")])
    bench.venue.set("state", "balances", [Balance(currency="USD", total="10")])
    await bench.bridge()
    async with connect(bench.url, prefix=bench.prefix) as client:
        await client.submit("toy", **BUY, client_order_id="o")
        assert [one.client_order_id for one in await client.orders("toy", symbol="X")] == ["o"]
        assert await client.orders("toy", symbol="Y") == []
        assert (await client.order("toy", client_order_id="o")).venue_order_id == "Vo"
        assert [one.quantity for one in await client.positions("toy")] == ["3"]
        assert [one.total for one in await client.balances("toy")] == ["10"]
        assert await client.fills("toy") == []
        assert (await client.status("toy"))["state"] == "ready"
        assert (await client.sessions("toy").next(5)).state is SessionState.READY
        with pytest.raises(RequestRefused, match="no query book") as caught:
            await client.book("toy", "X")
        assert caught.value.reason is Reason.UNSUPPORTED
        assert (await client.control("toy", "halt", {"why": "a test"})).ok
        assert (await client.submit("toy", **BUY)).reason is Reason.HALTED


# --- what ends a connection -------------------------------------------------------------------------------------


async def test_a_connection_that_is_over_for_good_ends_everything_that_waits(writer: Writer) -> None:
    async with connect(writer.url, prefix=writer.prefix) as client:
        quotes, events = client.quotes("toy", "X"), client.order_events("toy")
        await asyncio.gather(quotes.open(), events.open())
        sent = await client.send("toy", Submit(command_id="c", **{**BUY, "side": Side.BUY}, order_type=OrderType.LIMIT))
        waiting = [asyncio.create_task(what) for what in (quotes.next(), events.next(), sent.result(None))]
        await asyncio.sleep(0)
        # nats-server closes on a message whose headers carry it over the limit, and nats-py then gives up for good.
        await client.nats.publish("x", bytes(client.nats.max_payload), headers={"a": "b" * 100})
        ended = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
        assert [type(error) for error in ended] == [ConnectionClosed, ConnectionClosed, CommandInDoubt]
        assert "over for good" in str(ended[0])
        assert "maximum payload" in str(ended[0])
        for call in (
            client.status("toy"),
            quotes.next(),
            client.order_events("toy").next(),
            client.submit("toy", **BUY),
        ):
            with pytest.raises((ConnectionClosed, CommandInDoubt, CommandNotSent), match="over for good"):
                await asyncio.wait_for(call, 5)


async def test_credentials_that_expire_in_use_end_everything_that_waits(tmp_path: Path) -> None:
    server = TokenServer(tmp_path)
    await server.start()
    try:
        admin = await nats.connect(server.url, user_credentials=str(server.credentials(tmp_path / "admin.creds")))
        writer = Writer(server.url, "vb")
        writer.nats = admin
        await writer.streams()
        file = server.credentials(tmp_path / "strategy.creds", lives=1)
        async with connect(server.url, credentials=file) as client:
            waiting = [client.order_events("toy").next(), client.quotes("toy", "X").next()]
            ended = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 15)
            assert [type(error) for error in ended] == [ConnectionClosed, ConnectionClosed]
            assert "over for good: nats: user authentication expired" in str(ended[0]).casefold()
        async with connect(server.url, credentials=server.credentials(file)) as client:
            await writer.order(1)
            assert numbers([await client.order_events("toy", history="all").next(5)]) == [1]
        await admin.close()
    finally:
        server.kill()


async def test_closing_the_client_ends_what_waits(writer: Writer) -> None:
    async with connect(writer.url, prefix=writer.prefix) as client:
        quotes = client.quotes("toy", "X")
        await quotes.open()
        waiting = asyncio.create_task(quotes.next())
        await asyncio.sleep(0)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(waiting, 5)


async def test_an_address_where_nothing_listens_and_a_refused_login_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CannotConnect, match="nothing listens there") as caught:
        async with connect("nats://127.0.0.1:9", timeout=0.5):
            pass
    assert caught.value.why == "unreachable"
    async with guarded(tmp_path) as server:
        with pytest.raises(CannotConnect, match="refuses the login") as caught:
            # Long enough for several attempts: a reset can overtake the words of the server.
            async with connect(server.url.replace("//", "//nobody:x@"), timeout=2.0):
                pass
    assert caught.value.why == "login"
    assert "nobody" not in str(caught.value)


class guarded:  # noqa: N801 - reads as a function
    """A nats-server on which `reader` may read and ask, and nothing else."""

    def __init__(self, folder: Path) -> None:
        users = [
            {"user": "admin", "password": "x"},
            {"user": "reader", "password": "x", "permissions": {
                "publish": ["$JS.API.CONSUMER.CREATE.VB_ACCT.*.vb.v1.acct.toy.main.*.*",
                            "$JS.API.CONSUMER.MSG.NEXT.VB_ACCT.*"],
                "subscribe": ["_INBOX_r.>", "vb.v1.md.toy.>"],
            }},
        ]  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "users.conf").write_text(json.dumps({"authorization": {"users": users}}))
        self.server = NatsServer(folder)
        self.server._jetstream += ["-c", str(folder / "users.conf")]

    async def __aenter__(self) -> NatsServer:
        await self.server.start()
        return self.server

    async def __aexit__(self, *exc: object) -> None:
        self.server.kill()


async def test_a_missing_permission_is_a_clear_error_at_once_and_what_is_allowed_goes_on(tmp_path: Path) -> None:
    async with guarded(tmp_path) as server:
        writer = Writer(server.url.replace("//", "//admin:x@"), "vb")
        await writer.start()
        login = server.url.replace("//", "//reader:x@")
        async with connect(login, inbox_prefix="_INBOX_r") as client:
            async with client.order_events("toy") as events, client.quotes("toy", "X") as quotes:
                await writer.order(1)
                await writer.quote(1)
                assert numbers([await events.next(5)]) == [1]
                assert (await quotes.next(5)).seq == 1
            with pytest.raises(PermissionDenied, match=r"may not publish .*cmd\.toy.*'strategy'") as caught:
                await asyncio.wait_for(client.submit("toy", **BUY), 2)
            assert caught.value.action == "publish"
            with pytest.raises(PermissionDenied, match=r"may not publish .*qry\.toy.*'observer'"):
                await asyncio.wait_for(client.orders("toy"), 2)
            with pytest.raises(PermissionDenied, match=r"subscribe to vb\.v1\.md\.other"):
                await asyncio.wait_for(client.quotes("other", "X").next(), 2)
            with pytest.raises(PermissionDenied, match="reading this stream needs the role 'observer'"):
                await asyncio.wait_for(client.order_events("toy", account="other").next(), 2)
        async with connect(login) as client:
            with pytest.raises(PermissionDenied, match="inbox_prefix"):
                await asyncio.wait_for(client.order_events("toy").next(), 4)
        assert (await writer.nats.jetstream().stream_info("VB_CMD")).state.messages == 0
        await writer.nats.close()
