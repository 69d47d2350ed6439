"""The simulator's WebSocket channels: login, topics, and books that can be replayed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from venuebus_btse.simulator import BtseSimulator, Quirks, RateRules


class Replica:
    """A book as a client keeps it, which insists on the sequence and on never being crossed."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
        self.seq: int | None = None
        self.topics: set[str] = set()

    def take(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        self.topics.add(frame["topic"])
        assert data["seqNum"] == data["prevSeqNum"] + 1
        if data["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        else:
            assert data["prevSeqNum"] == self.seq
        self.seq = data["seqNum"]
        for side, levels in self.sides.items():
            prices = [Decimal(price) for price, _ in data[side]]
            assert prices == sorted(prices, reverse=True)
            for price, size in data[side]:
                if Decimal(size) == 0:
                    levels.pop(Decimal(price), None)
                else:
                    levels[Decimal(price)] = Decimal(size)
        assert max(self.sides["bids"]) < min(self.sides["asks"])

    def book(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        return sorted(self.sides["bids"].items(), reverse=True), sorted(self.sides["asks"].items())


async def drain(socket: Any, replica: Replica) -> None:
    """Take everything that was sent before an answer to a ping."""
    await socket.send("ping")
    while (text := await socket.text()) != "pong":
        frame = json.loads(text)
        if str(frame.get("topic", "")).startswith("update"):
            replica.take(frame)


async def test_a_replayed_book_is_the_engines_book_whatever_happens(client: Any) -> None:
    socket = await client.oss("update:BTC-USD_0")
    replica = Replica()
    for number in range(300):
        client.sim.step("BTC-USD")
        if number % 10 == 0:
            price = 59_990 + number % 40
            await client.order(price=price, size=0.3, clOrderID=f"b{number}")
        if number % 30 == 0:
            await client.order(type="MARKET", price=None, side="SELL", size=0.5)
        if number % 70 == 0:
            await client.call("DELETE", "order", symbol="BTC-USD")
    await drain(socket, replica)
    assert replica.book() == tuple(map(list, client.sim.exchange.engine.book("BTC-USD", 50)))
    assert len(replica.book()[0]) == 50
    assert replica.topics == {"update:BTC-USD", "update:BTC-USD_0"}


async def test_a_late_subscriber_and_an_early_one_share_the_sequence(client: Any) -> None:
    early, late = await client.oss("update:ETH-USD_0"), await client.oss()
    one, two = Replica(), Replica()
    for _ in range(20):
        client.sim.step("ETH-USD")
    await late.subscribe("update:ETH-USD_2")
    for _ in range(20):
        client.sim.step("ETH-USD")
    await drain(early, one)
    await drain(late, two)
    assert one.book() == two.book()
    assert one.seq == two.seq


async def test_l1_follows_the_best_prices(client: Any) -> None:
    socket = await client.oss("snapshotL1:BTC-USD")
    first = await socket.data("snapshotL1:BTC-USD")
    assert (first["bids"], first["asks"]) == ([["59999.5", "0.05000"]], [["60000.5", "0.05000"]])
    await client.order(side="SELL", price=60_000, size=0.2)
    assert (await socket.data("snapshotL1:BTC-USD"))["asks"] == [["60000.0", "0.20000"]]
    client.sim.step("BTC-USD", ticks=-2, trade=False)
    assert (await socket.data("snapshotL1:BTC-USD"))["bids"] == [["59998.5", "0.15000"]]


async def test_trades_begin_with_history_newest_first(client: Any) -> None:
    for _ in range(60):
        client.sim.step("BTC-USD", trade=True)
    socket = await client.spot("tradeHistoryApi:BTC-USD")
    history = await socket.data("tradeHistoryApi:BTC-USD")
    ids = [trade["tradeId"] for trade in history]
    assert len(ids) == 50
    assert ids == sorted(ids, reverse=True)
    for _ in range(10):
        client.sim.step("BTC-USD", trade=True)
    frames = [await socket.until(lambda frame: "topic" in frame) for _ in range(10)]
    assert {frame["topic"] for frame in frames} == {"tradeHistoryApi", "tradeHistoryApi:BTC-USD"}
    assert [frame["data"][0]["tradeId"] for frame in frames] == sorted(f["data"][0]["tradeId"] for f in frames)
    assert {frame["data"][0]["symbol"] for frame in frames} == {"BTC-USD"}


async def test_the_first_text_is_no_json_and_ping_is_answered_by_pong(client: Any) -> None:
    socket = await client.spot()
    assert await socket.text() == "UNLOGIN_USER connect success"
    assert await socket.ping() == "pong"


async def test_a_wrong_login_is_told_and_private_topics_stay_silent(client: Any) -> None:
    socket = await client.spot()
    await socket.send(client.login_frame(secret="wrong"))
    assert await socket.until(lambda frame: frame.get("event") == "login") == {"event": "login", "success": False}
    assert await socket.subscribe("notificationApiV3", "fills") == ["notificationApiV3", "fills"]
    await client.order(price=60_100)
    assert await socket.ping() == "pong"
    assert not any("notificationApiV3" in text and "topic" in text for text in socket.raw)


async def test_a_login_after_the_subscription_does_not_wake_it(client: Any) -> None:
    socket = await client.spot("notificationApiV3")
    await socket.send(client.login_frame())
    await socket.until(lambda frame: frame.get("event") == "login")
    await client.order()
    assert await socket.ping() == "pong"
    assert await socket.subscribe("notificationApiV3") == ["notificationApiV3"]
    await client.order()
    assert (await socket.data("notificationApiV3"))["symbol"] == "BTC-USD"


async def test_refused_topics_are_missing_from_the_answer(client: Any) -> None:
    spot = await client.spot()
    assert await spot.subscribe("tradeHistoryApi:BTC-USD", "tradeHistoryApi:XXX", "nonsense") == [
        "tradeHistoryApi:BTC-USD"
    ]
    oss = await client.oss()
    await oss.send({"op": "subscribe", "args": ["update:BTC-USD_0", "update:XXX-USD_0", "what:BTC-USD"]})
    errors = [await oss.frame(), await oss.frame()]
    assert [error["errors"][0]["error"]["code"] for error in errors] == [1000, 1005]
    assert [error["errors"][0]["arg"] for error in errors] == ["update:XXX-USD_0", "what:BTC-USD"]
    assert (await oss.frame())["channel"] == ["update:BTC-USD_0"]


async def test_requests_that_make_no_sense_end_the_session_after_ten(client: Any) -> None:
    oss = await client.oss()
    for number in range(10):
        await oss.send("{" if number % 2 else {"op": "dance", "args": []})
    codes = [(await oss.frame())["errors"][0]["error"]["code"] for _ in range(11)]
    assert codes == [1001, 1002] * 5 + [1008]
    with pytest.raises(ConnectionResetError):
        await oss.text()


async def test_unsubscribed_topics_fall_silent(client: Any) -> None:
    oss = await client.oss("update:BTC-USD_0", "snapshotL1:BTC-USD")
    await oss.send({"op": "unsubscribe", "args": ["update:BTC-USD_0", "snapshotL1:BTC-USD"]})
    await oss.until(lambda frame: frame.get("event") == "unsubscribe")
    seen = len(oss.raw)
    client.sim.step("BTC-USD", ticks=5)
    assert await oss.ping() == "pong"
    assert oss.raw[seen:] == ["pong"]


async def test_notifications_tell_every_state_with_all_the_oddities(client: Any) -> None:
    socket = await client.spot("notificationApiV3", "fills", login=True)
    await client.order(clOrderID="n1", size=0.01)
    await client.control("fill", {"clOrderID": "n1", "size": "0.004"})
    await client.call("PUT", "order", {"symbol": "BTC-USD", "clOrderID": "n1", "type": "SIZE", "value": 0.02})
    await client.control("fill", {"clOrderID": "n1"})
    notes, fills = [], []
    while len(notes) < 4 or len(fills) < 2:
        frame = await socket.until(lambda frame: "topic" in frame)
        (notes if frame["topic"] == "notificationApiV3" else fills).append(frame["data"])
    assert [int(note["status"]) for note in notes] == [2, 5, 123, 4]
    assert [note["totalFilledBaseSize"] for note in notes] == [0, Decimal("0.004"), Decimal("0.004"), Decimal("0.02")]
    assert [note["filledBaseSize"] for note in notes] == [0, Decimal("0.004"), 0, Decimal("0.016")]
    assert [note["side"] for note in notes] == ["BUY", "BUY", "MODE_BUY", "BUY"]
    assert [note["orderCurrency"] for note in notes] == ["base", "base", "base", "BTC"]
    assert [type(note["price"]) for note in notes] == [Decimal, str, Decimal, str]
    assert all(note["originalOrderQuoteSize"] == 0 for note in notes)
    assert [(fill[0]["size"], fill[0]["price"], fill[0]["maker"]) for fill in fills] == [
        ("0.00400", "59000.0", True),
        ("0.01600", "59000.0", True),
    ]
    assert len({fill[0]["tradeId"] for fill in fills}) == 2
    assert {fill[0]["clOrderId"] for fill in fills} == {"n1"}


async def test_a_fill_is_the_same_on_the_socket_and_in_the_history(client: Any) -> None:
    socket = await client.spot("fills", login=True)
    await client.order(side="SELL", price=59_900, size=0.2, clOrderID="t1")
    _, rows = await client.call("GET", "user/trade_history", symbol="BTC-USD")
    told = [(await socket.data("fills"))[0] for _ in rows]
    assert [fill["tradeId"] for fill in told] == [row["tradeId"] for row in reversed(rows)]
    assert [Decimal(fill["feeAmount"]) for fill in told] == [row["feeAmount"] for row in reversed(rows)]
    assert {fill["feeCurrency"] for fill in told} == {"USD"}
    assert {fill["type"] for fill in told} == {"76"}


async def test_a_refusal_is_told_blank_on_the_socket_too(client: Any) -> None:
    socket = await client.spot("notificationApiV3", login=True)
    await client.order(price=1, clOrderID="r1")
    data = await socket.data("notificationApiV3")
    assert (data["status"], data["clOrderID"], data["side"], data["price"]) == (15, "r1", "", 0)


async def test_who_does_not_ping_is_dropped(connect: Callable[..., Awaitable[Any]]) -> None:
    client = await connect(BtseSimulator(idle_timeout=0.1))
    socket = await client.oss("update:BTC-USD_0")
    await socket.data("update")
    with pytest.raises(ConnectionResetError):
        await socket.text()


async def test_markets_move_by_themselves_at_a_rate(connect: Callable[..., Awaitable[Any]]) -> None:
    client = await connect(BtseSimulator(rate=500.0, symbol_count=5, quirks=Quirks(plain_topic=0)))
    assert client.sim.symbols == ("BTC-USD", "ETH-USD", "SOL-USD", "S000-USD", "S001-USD")
    socket = await client.oss(*(f"update:{symbol}_0" for symbol in client.sim.symbols))
    replicas = {symbol: Replica() for symbol in client.sim.symbols}
    for _ in range(200):
        frame = await socket.until(lambda frame: "topic" in frame)
        replicas[frame["data"]["symbol"]].take(frame)
    assert all(replica.topics == {f"update:{symbol}_0"} for symbol, replica in replicas.items())


async def test_a_flood_keeps_every_book_valid_and_leaves_it_right(connect: Callable[..., Awaitable[Any]]) -> None:
    client = await connect(BtseSimulator(symbol_count=10, limits=RateRules(enabled=False)))
    symbols = client.sim.symbols
    sockets = [
        await client.oss(*(f"update:{s}_0" for s in symbols), *(f"snapshotL1:{s}" for s in symbols)) for _ in "12"
    ]
    trades = await client.spot(*(f"tradeHistoryApi:{symbol}" for symbol in symbols))
    report = asyncio.create_task(
        client.control("flood", {"symbol_count": 10, "frames": 3000, "kinds": ["book", "quote", "trade"]})
    )

    async def read(socket: Any) -> dict[str, int]:
        replicas = {symbol: Replica() for symbol in symbols}
        counts = {"update": 0, "snapshotL1": 0, "tradeHistoryApi": 0}
        while sum(counts.values()) < (1000 + 10 if socket is trades else 2000 + 20):
            frame = await socket.until(lambda frame: "topic" in frame)
            kind = frame["topic"].partition(":")[0]
            counts[kind] += 1
            if kind == "update":
                replicas[frame["data"]["symbol"]].take(frame)
                assert frame["data"]["type"] == "snapshot" or len(frame["data"]["bids"]) in (5, 50)
        if socket is not trades:
            client.sim.step("BTC-USD", ticks=1)
            await drain_into(socket, replicas)
            for symbol, replica in replicas.items():
                assert replica.book() == tuple(map(list, client.sim.exchange.engine.book(symbol, 50)))
        return counts

    async def drain_into(socket: Any, replicas: dict[str, Replica]) -> None:
        await socket.send("ping")
        while (text := await socket.text()) != "pong":
            frame = json.loads(text)
            if frame.get("topic", "").startswith("update"):
                replicas[frame["data"]["symbol"]].take(frame)

    counts = await asyncio.gather(*(read(socket) for socket in (*sockets, trades)))
    assert counts[0]["update"] == 1010
    assert counts[0] == counts[1]
    told = await report
    assert (told["frames"], told["connections"]) == (5000, 3)
    assert told["ended_ns"] > told["started_ns"]


async def test_a_paced_flood_takes_its_time(client: Any) -> None:
    socket = await client.oss("update:BTC-USD_0")
    report = asyncio.create_task(client.sim.flood(1, 100, ("book",), rate=1000.0, record=True))
    replica = Replica()
    for _ in range(101):
        replica.take(await socket.until(lambda frame: "topic" in frame))
    told = await report
    assert 0.09e9 <= told.ended_ns - told.started_ns < 2e9
    assert told.first_seq["BTC-USD"] + 99 == replica.seq
    assert len(told.sent_ns["BTC-USD"]) == 100
