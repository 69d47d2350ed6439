"""Every fault that the simulator can be told to have."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from venuebus.simulation import Fault
from venuebus_btse.simulator import BtseSimulator

LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)


def placed(client: Any) -> int:
    """Orders at the venue, and that each request arrived at most once."""
    assert all(count == 1 for count in client.sim.submits_by_client_id.values())
    return len(client.sim.exchange.engine.orders)


async def test_a_connection_is_refused_or_cut_before_a_byte_is_read(client: Any) -> None:
    for point in ("wire.accept", "wire.request"):
        client.sim.faults.add(Fault(point=point, action="cut"))
        with pytest.raises(LOST):
            await client.order(clOrderID="w")
    assert placed(client) == 0
    assert client.sim.rest.requests["order.create"] == 0


async def test_a_request_is_cut_after_some_bytes(client: Any) -> None:
    for after in (10, 200, 480):
        client.sim.faults.add(
            Fault(point="wire.request", action="cut", after_bytes=after, match="POST /spot/api/v3.3/order")
        )
        with pytest.raises(LOST):
            await client.order(clOrderID="half", padding="x" * 500)
    assert placed(client) == 0
    assert client.sim.submits_by_client_id == {}
    assert client.sim.faults.injected == [("wire.request", "cut")] * 3
    assert (await client.order(clOrderID="half"))[0] == 200


@pytest.mark.parametrize("action", ["cut", "drop"])
async def test_before_the_work_nothing_is_done(client: Any, action: Any) -> None:
    client.sim.faults.add(Fault(point="order.create.request", action=action, seconds=0.05))
    with pytest.raises(LOST):
        await client.order(clOrderID="b")
    assert placed(client) == 0
    assert client.sim.submits_by_client_id == {"b": 1}


@pytest.mark.parametrize("action", ["cut", "drop"])
async def test_after_the_work_the_order_is_there_and_nobody_says_so(client: Any, action: Any) -> None:
    client.sim.faults.add(Fault(point="order.create.answer", action=action, seconds=0.05))
    with pytest.raises(LOST):
        await client.order(clOrderID="a")
    assert placed(client) == 1


async def test_an_answer_is_cut_in_the_middle(client: Any) -> None:
    client.sim.faults.add(Fault(point="order.create.answer", action="cut", after_bytes=20))
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.order(clOrderID="a")
    assert placed(client) == 1


async def test_answers_are_delayed_truncated_and_spoilt(client: Any) -> None:
    client.sim.faults.add(Fault(point="order.create.answer", action="delay", seconds=0.1))
    started = time.monotonic()
    assert (await client.order(clOrderID="1"))[0] == 200
    assert time.monotonic() - started >= 0.1
    for number, action in enumerate(("truncate", "garbage", "nan"), 2):
        client.sim.faults.add(Fault(point="order.create.answer", action=action))
        status, body = await client.order(clOrderID=str(number))
        assert status == 200
        assert isinstance(body, str) or str(body[0]["price"]) == "nan"
    assert placed(client) == 4


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
@pytest.mark.parametrize("text", ["shape1", "shape2", "shape3", "shape4", "html", "empty", "oops"])
async def test_an_error_is_answered_instead_of_the_work_or_after_it(client: Any, status: int, text: str) -> None:
    client.sim.faults.add(Fault(point="order.create.request", action="error", status=status, text=text))
    assert (await client.order(clOrderID="b"))[0] == status
    assert placed(client) == 0
    client.sim.faults.add(Fault(point="order.create.answer", action="act_and_error", status=status, text=text))
    assert (await client.order(clOrderID="a"))[0] == status
    assert placed(client) == 1


@pytest.mark.parametrize("number", [-1, 8, 15, 17])
async def test_a_row_refuses_or_says_that_it_does_not_know(client: Any, number: int) -> None:
    client.sim.faults.add(Fault(point="order.create.request", action="refuse", status=number))
    status, [row] = await client.order(clOrderID="r")
    assert (status, row["status"], row["clOrderID"], row["price"]) == (200, number, "r", 0)
    client.sim.faults.add(Fault(point="order.create.answer", action="act_and_error", status=number))
    assert (await client.order(clOrderID="s"))[1][0]["status"] == number
    assert placed(client) == 1


async def test_a_ban_names_its_seconds(client: Any) -> None:
    client.sim.faults.add(Fault(point="rest.request", action="ban", seconds=7, match="user/open_orders"))
    path = "/api/v3.3/user/open_orders"
    assert (await client.order())[0] == 200
    async with client.http.get(client.urls["rest_url"] + path, headers=client.headers(path)) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")


async def test_an_order_that_exists_is_forgotten_for_some_queries(client: Any) -> None:
    await client.order(clOrderID="f", price=60_000.5, size=0.2)
    for point, times in (("order.get.request", 2), ("open_orders.request", 1), ("trade_history.request", 1)):
        client.sim.faults.add(Fault(point=point, action="forget", times=times))
    assert [(await client.call("GET", "order", clOrderID="f"))[0] for _ in range(3)] == [400, 400, 200]
    assert [len((await client.call("GET", "user/open_orders"))[1]) for _ in range(2)] == [0, 1]
    query = {"symbol": "BTC-USD", "clOrderID": "f"}
    assert [len((await client.call("GET", "user/trade_history", **query))[1]) for _ in range(2)] == [0, 1]


async def test_lies_about_orders_amends_and_cancels(client: Any) -> None:
    client.sim.faults.add(Fault(point="order.create.request", action="lie"))
    _, [row] = await client.order(clOrderID="never")
    assert (row["status"], row["originalOrderBaseSize"]) == (2, Decimal("0.01"))
    assert placed(client) == 0
    await client.order(clOrderID="real")
    client.sim.faults.add(Fault(point="order.amend.request", action="lie"))
    body = {"symbol": "BTC-USD", "clOrderID": "real", "type": "PRICE", "value": 58_000}
    assert (await client.call("PUT", "order", body))[1][0]["status"] == 123
    client.sim.faults.add(Fault(point="order.cancel.request", action="lie"))
    assert (await client.call("DELETE", "order", symbol="BTC-USD", clOrderID="real"))[1][0]["status"] == 6
    [order] = (await client.call("GET", "user/open_orders"))[1]
    assert order["price"] == 59_000


async def test_faults_are_skipped_repeated_and_matched(client: Any) -> None:
    client.sim.faults.add(Fault(point="order.create.request", action="refuse", skip=1, times=2, match='"x'))
    got = [(await client.order(clOrderID=name))[0] for name in ("y1", "x1", "x2", "y2", "x3", "x4")]
    assert got == [200, 200, 400, 200, 400, 200]
    client.sim.faults.add(Fault(point="order.create.request", action="refuse", times=-1))
    assert [(await client.order())[0] for _ in range(4)] == [400] * 4
    client.sim.faults.clear()
    assert (await client.order())[0] == 200


async def test_faults_over_http(client: Any) -> None:
    told = await client.control("faults", [{"point": "order.create.request", "action": "refuse", "status": 400}])
    assert told["pending"][0]["point"] == "order.create.request"
    assert "error" in await client.control("faults", [{"point": "x", "action": "explode"}])
    assert (await client.order())[0] == 400
    await client.control("faults", {"point": "order.create.request", "action": "refuse"})
    await client.control("faults", [])
    assert (await client.order())[0] == 200
    assert (await client.control("state"))["injected"] == [["order.create.request", "refuse"]]


async def test_the_other_hand_places_fills_steps_and_resets(client: Any) -> None:
    body = {"symbol": "BTC-USD", "side": "SELL", "type": "LIMIT", "price": 61_000, "size": 1, "clOrderID": "hand"}
    [row] = await client.control("orders", body)
    assert "error" in await client.control("orders", {**body, "price": 1})
    [listed] = (await client.call("GET", "user/open_orders"))[1]
    assert listed["orderID"] == row["orderID"]
    assert (await client.control("step", {"symbol": "BTC-USD", "ticks": 2001, "trade": False}))["steps"] == 1
    [order] = (await client.control("state"))["orders"]
    assert (order["by_hand"], order["state"]) == (True, "partially_filled")
    assert (await client.control("cancel", {"clOrderID": "hand"}))[0]["status"] == 6
    assert "error" in await client.control("fill", {"clOrderID": "hand"})
    socket = await client.oss("update:BTC-USD_0")
    await socket.data("update")
    await client.control("reset")
    assert (await client.control("state"))["orders"] == []
    assert (await socket.data("update"))["type"] == "delta"
    assert (await client.control("drop"))["dropped"] == 1
    with pytest.raises(ConnectionResetError):
        await socket.text()


async def test_a_websocket_is_not_let_in(client: Any) -> None:
    client.sim.faults.add(Fault(point="ws.connect", action="refuse", status=429, match="oss"))
    await client.spot()
    with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
        await client.oss()
    client.sim.faults.add(Fault(point="ws.connect", action="cut", times=2))  # aiohttp tries a GET twice
    with pytest.raises(LOST):
        await client.oss()
    await client.oss()


async def test_a_login_fails_in_several_ways(client: Any) -> None:
    for action, expected in (("refuse", '{"event": "login", "success": false}'), ("garbage", "AUTHENTICATE ERROR")):
        client.sim.faults.add(Fault(point="ws.login", action=action))
        socket = await client.spot()
        await socket.text()
        await socket.send(client.login_frame())
        assert await socket.text() == expected
    client.sim.faults.add(Fault(point="ws.login", action="drop"))
    socket = await client.spot()
    await socket.text()
    await socket.send(client.login_frame())
    assert await socket.ping() == "pong"
    client.sim.faults.add(Fault(point="ws.login", action="cut"))
    await socket.send(client.login_frame())
    with pytest.raises(ConnectionResetError):
        await socket.text()


async def test_a_subscription_is_refused_unanswered_or_ends_the_session(client: Any) -> None:
    socket = await client.oss()
    client.sim.faults.add(Fault(point="ws.subscribe", action="refuse", match="ETH"))
    assert await socket.subscribe("update:BTC-USD_0", "update:ETH-USD_0") == ["update:BTC-USD_0"]
    client.sim.faults.add(Fault(point="ws.subscribe", action="drop"))
    await socket.send({"op": "subscribe", "args": ["update:ETH-USD_0"]})
    assert await socket.ping() == "pong"
    assert "ETH" not in "".join(socket.raw)
    client.sim.faults.add(Fault(point="ws.subscribe", action="error", status=1008))
    await socket.send({"op": "subscribe", "args": ["update:ETH-USD_0"]})
    assert (await socket.until(lambda frame: "errors" in frame))["errors"][0]["error"]["code"] == 1008
    with pytest.raises(ConnectionResetError):
        await socket.text()


async def test_no_pong_and_silence(client: Any) -> None:
    socket = await client.oss("update:BTC-USD_0")
    client.sim.faults.add(Fault(point="ws.ping", action="drop"))
    await socket.send("ping")
    assert await socket.ping() == "pong"
    client.sim.faults.add(Fault(point="ws.book", action="silence"))
    client.sim.step("BTC-USD", ticks=1)
    await socket.send("ping")
    with pytest.raises(TimeoutError):
        await socket.text(timeout=0.1)


@pytest.mark.parametrize(
    ("action", "seqs"),
    [("gap", [2, 3]), ("duplicate", [1, 1, 2, 3]), ("reorder", [2, 1, 3]), ("delay", [2, 3, 1])],
)
async def test_book_sequences_are_broken(client: Any, action: Any, seqs: list[int]) -> None:
    socket = await client.oss("update:BTC-USD_0")
    first = (await socket.data("update"))["seqNum"]
    client.sim.faults.add(Fault(point="ws.book", action=action, seconds=0.1, match="BTC-USD"))
    for _ in range(3):
        client.sim.step("BTC-USD", ticks=1)
    assert [(await socket.data("update"))["seqNum"] - first for _ in seqs] == seqs


async def test_a_reordered_frame_that_nothing_follows_is_only_late(client: Any) -> None:
    socket = await client.oss("update:BTC-USD_0")
    await socket.data("update")
    client.sim.faults.add(Fault(point="ws.book", action="reorder", seconds=0.05))
    client.sim.step("BTC-USD", ticks=1)
    assert (await socket.data("update"))["type"] == "delta"


async def test_books_are_crossed_spoilt_and_lost(client: Any) -> None:
    socket = await client.oss("update:BTC-USD_0", "snapshotL1:BTC-USD")
    first = await socket.data("update")
    await socket.data("snapshotL1")
    client.sim.faults.add(Fault(point="ws.book", action="cross"))
    client.sim.step("BTC-USD", ticks=1)
    crossed = await socket.data("update")
    assert crossed["prevSeqNum"] == first["seqNum"]
    assert max(Decimal(price) for price, _ in crossed["bids"]) > min(Decimal(price) for price, _ in first["asks"])
    client.sim.faults.add(Fault(point="ws.book", action="nan"))
    client.sim.step("BTC-USD", ticks=1)
    assert (await socket.data("update"))["bids"][0][0] == "NaN"
    await socket.data("snapshotL1")
    for action in ("truncate", "garbage"):
        client.sim.faults.add(Fault(point="ws.book", action=action))
        client.sim.step("BTC-USD", ticks=1)
        with pytest.raises(ValueError, match="line 1"):
            json.loads(await socket.text())
        await socket.data("snapshotL1")
    client.sim.faults.add(Fault(point="ws.book", action="error", status=1007))
    client.sim.step("BTC-USD", ticks=1)
    assert (await socket.until(lambda frame: "errors" in frame))["errors"][0]["error"]["code"] == 1007


async def test_notifications_and_fills_are_duplicated_reordered_delayed_and_lost(client: Any) -> None:
    socket = await client.spot("notificationApiV3", "fills", login=True)
    client.sim.faults.add(Fault(point="ws.notification", action="reorder", match="one"))
    await client.order(clOrderID="one")
    await client.call("DELETE", "order", symbol="BTC-USD", clOrderID="one")
    assert [int((await socket.data("notificationApiV3"))["status"]) for _ in range(2)] == [6, 2]
    client.sim.faults.add(Fault(point="ws.fill", action="duplicate"))
    client.sim.faults.add(Fault(point="ws.notification", action="drop", times=2))
    await client.order(clOrderID="two", price=60_000.5, size=0.01)
    fills = [(await socket.data("fills"))[0] for _ in range(2)]
    assert fills[0] == fills[1]
    client.sim.faults.add(Fault(point="ws.fill", action="delay", seconds=0.1))
    await client.order(clOrderID="three", price=60_000.5, size=0.01)
    frames = [(await socket.until(lambda frame: "topic" in frame))["topic"] for _ in range(3)]
    assert frames == ["notificationApiV3", "notificationApiV3", "fills"]


async def test_a_trade_stream_is_cut_in_full_flight(client: Any) -> None:
    socket = await client.spot("tradeHistoryApi:BTC-USD")
    client.sim.faults.add(Fault(point="ws.trade", action="cut", skip=2))
    for _ in range(5):
        client.sim.step("BTC-USD", trade=True)
    with pytest.raises(ConnectionResetError):
        await socket.until(lambda frame: False)
    assert sum("tradeHistoryApi" in text and "topic" in text for text in socket.raw) <= 3


async def test_a_reader_that_is_too_slow_is_told_1007(connect: Callable[..., Awaitable[Any]]) -> None:
    client = await connect(BtseSimulator())
    socket = await client.oss("update:BTC-USD_0")
    [stream] = client.sim.hub.streams
    for _ in range(30_000):
        stream.say("{}")
    assert (await socket.until(lambda frame: "errors" in frame))["errors"][0]["error"]["code"] == 1007


async def test_stopping_does_not_wait_for_requests_that_are_never_answered(client: Any) -> None:
    client.sim.faults.add(Fault(point="order.create.answer", action="drop"))
    request = asyncio.create_task(client.order(clOrderID="x"))
    socket = await client.spot("notificationApiV3", login=True)
    while not client.sim.submits_by_client_id:
        await socket.ping()
    await asyncio.wait_for(client.sim.stop(), 1.0)
    with pytest.raises(LOST):
        await request
