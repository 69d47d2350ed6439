"""The parts of the conformance kit on their own: the relay, the clock, the steps, the bus in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from venuebus import VenueConfig
from venuebus.simulation import Fault, FaultScript
from venuebus.simulation.occasions import orders_taken, stage
from venuebus.testing import LoopClock, MemoryBus, Network
from venuebus.testing.loops import Steps, as_session, patiently
from venuebus.testing.values import mistakes, values
from venuebus_schemas import (
    Balance,
    Book,
    DeadLetter,
    Order,
    OrderStatus,
    OrderType,
    Position,
    PositionSide,
    Quote,
    Side,
)

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """A server that says what it hears in capitals."""

    def __init__(self) -> None:
        self.heard = b""
        self.peers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.append(writer)
        while data := await reader.read(1000):
            self.heard += data
            writer.write(data.upper())
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, int]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    yield echo, server.sockets[0].getsockname()[1]
    server.close()
    for peer in echo.peers:
        peer.transport.abort()
    await server.wait_closed()


async def test_the_relay_leads_every_local_address_of_a_table_through_itself(echo: tuple[Echo, int]) -> None:
    server, port = echo
    network = Network()
    table = await network.reroute(
        {
            "url": f"ws://127.0.0.1:{port}/x",
            "port": port,
            "inner": {"md_port": port, "n": port},
            "list": [f"localhost:{port}"],
        }
    )
    through = table["port"]
    assert through != port
    assert table == {"url": f"ws://127.0.0.1:{through}/x", "port": through, "inner": {"md_port": through, "n": port},
                     "list": [f"127.0.0.1:{table['list'][0].split(':')[1]}"]}  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", through)
    writer.write(b"abc")
    assert await reader.readexactly(3) == b"ABC"
    assert (network.up, network.down, network.open, server.heard) == (3, 3, 1, b"abc")
    network.lose_answers = True
    writer.write(b"def")
    assert await patiently(lambda: server.heard == b"abcdef", 2.0)
    network.lose_answers, network.mute = False, True
    writer.write(b"ghi")
    assert await patiently(lambda: network.up == 9, 2.0)
    assert server.heard == b"abcdef"
    assert network.down == 3
    network.cut()
    with pytest.raises(ConnectionError):
        await reader.readexactly(1)
    assert network.open == 0
    await network.close()


async def test_the_relay_refuses_passes_pieces_and_cuts_after_a_number_of_bytes(echo: tuple[Echo, int]) -> None:
    _, port = echo
    refusing = Network()
    table = await refusing.reroute({"port": port}, refuse=True)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", table["port"])
    await refusing.close()
    network = Network()
    network.piece, network.cut_after = 2, 10
    reader, writer = await asyncio.open_connection("127.0.0.1", (await network.reroute({"port": port}))["port"])
    writer.write(b"abcdefg")
    got = [await reader.read(100)]
    while sum(map(len, got)) < 7:
        got.append(await reader.read(100))
    assert b"".join(got) == b"ABCDEFG"
    assert len(got) > 1
    writer.write(b"hij")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    await network.close()


async def test_the_loop_clock_moves_timers_on_without_waiting() -> None:
    clock = LoopClock()
    started = time.monotonic()
    sleeper = asyncio.create_task(asyncio.sleep(120))
    assert not await clock.pass_until(sleeper.done, 60.0)
    assert await clock.pass_until(sleeper.done, 61.0)
    assert time.monotonic() - started < 60
    assert clock.now_ns() - time.time_ns() > 100 * 10**9


async def test_steps_are_measured_for_the_session_alone_and_tell_waiting_from_working() -> None:
    async def stand_still() -> None:
        time.sleep(0.15)  # noqa: ASYNC251 - it is what is to be found

    async def work() -> None:
        end = time.thread_time() + 0.06
        while time.thread_time() < end:
            pass

    with Steps().measured() as steps:
        await asyncio.create_task(stand_still())
        assert (steps.steps, steps.blocked) == (0, 0.0)
        await as_session(stand_still(), "mine")
        assert steps.blocked >= 0.14
        assert steps.longest < 0.05
        await as_session(work(), "mine")
        assert steps.longest >= 0.055


def test_an_event_is_taken_apart_value_by_value() -> None:
    book = Book(symbol="A", bids=[("1", "2")], asks=[("1.5", "0.10")], ts_recv=1)
    found = {path: kind for path, kind, _ in values(book)}
    assert found["bids[0][0]"] == found["asks[0][1]"] == "decimal"
    assert found["ts_recv"] == "time"
    now = time.time_ns()
    assert mistakes(Quote(symbol="A", bid="1.0", ts_recv=now), now) == []
    wrong = Quote(symbol="A", bid="1e5", ask=" 2", ts_recv=now // 1000)
    assert [text.split(" is ")[0] for text in mistakes(wrong, now)] == ["ts_recv", "bid", "ask"]


def test_occasions_are_staged_by_script_by_map_or_by_method() -> None:
    class Scripted:
        faults = FaultScript()

    class Mapped(Scripted):
        faults = FaultScript()
        occasions = {"garbage": (Fault(point="frame", action="garbage"),)}  # noqa: RUF012

    class Staged:
        def stage(self, occasion: str) -> bool:
            return occasion == "garbage"

        def orders_taken(self) -> int:
            return 7

    assert stage(Scripted(), "refuse_submit")
    assert Scripted.faults.take("submit.request") is not None
    assert stage(Mapped(), "garbage")
    assert not stage(Mapped(), "refuse_submit")
    assert Mapped.faults.take("frame") is not None
    assert stage(Staged(), "garbage")
    assert not stage(Staged(), "doubt_submit")
    assert not stage(object(), "garbage")
    assert orders_taken(Staged()) == 7
    assert orders_taken(object()) is None


async def test_the_bus_in_memory_has_the_bus_s_subjects_stamps_and_encodings() -> None:
    bus, heard = MemoryBus(encoding="msgpack"), []
    bus.subscribe("vb.v1.md.*.quote.>", lambda subject, data: heard.append(subject))
    context = bus.context(VenueConfig(plugin="toy"), venue="toy")
    for price in ("1", "2"):
        context.publish(Quote(symbol="HK.1", bid=price, ts_recv=1))
    context.publish(Order(symbol="A", side=Side.BUY, order_type=OrderType.LIMIT, status=OrderStatus.NEW,
                          filled_quantity="0", client_order_id="o1"))  # fmt: skip
    context.publish(Position(symbol="A", side=PositionSide.LONG, quantity="1"))
    context.publish(Balance(currency="USD", total="5"))
    context.dead_letter(b"\x00", "what?")
    assert heard == ["vb.v1.md.toy.quote.HK%2E1"] * 2
    assert [subject for subject, _ in bus.messages[2:]] == [
        "vb.v1.acct.toy.main.order.o1", "vb.v1.acct.toy.main.position.A", "vb.v1.acct.toy.main.balance.USD",
        "vb.v1.dead.toy.venue",
    ]  # fmt: skip
    quotes = bus.events("vb.v1.md.>")
    assert [(quote.venue, quote.seq) for quote in quotes] == [("toy", 1), ("toy", 2)]
    assert not bus.messages[0][1].startswith(b"{")
    (letter,) = await bus.until("vb.v1.dead.*.*")
    assert isinstance(letter, DeadLetter)
    assert letter.raw == "AA=="
    with pytest.raises(TimeoutError):
        await bus.until("vb.v1.sys.>", timeout=0.01)
