"""The simulator's REST channel: signatures, the life of an order, and the traps of the real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from venuebus_btse.simulator import API_KEY, BtseSimulator, Quirks, RateRules, User

PATH = "/api/v3.3/order"


async def test_the_signature_is_over_path_nonce_and_body_bytes_and_never_over_the_query(client: Any) -> None:
    assert await client.call("GET", "user/open_orders", symbol="BTC-USD") == (200, [])
    url = client.urls["rest_url"] + "/api/v3.3/user/open_orders"
    async with client.http.get(
        url, params={"symbol": "BTC-USD"}, headers=client.headers("/api/v3.3/user/open_orders?symbol=BTC-USD")
    ) as response:
        assert response.status == 401
        assert (await response.json())["errorCode"] == -7
    async with client.http.get(url, headers=client.headers("/spot/api/v3.3/user/open_orders")) as response:
        assert response.status == 401


async def test_a_spaced_body_is_as_good_as_a_compact_one_if_the_bytes_are_those_signed(client: Any) -> None:
    body = b'{"symbol": "BTC-USD",  "side":"BUY","type":"LIMIT", "price":5.9e4 ,"size":0.01}'
    url = client.urls["rest_url"] + PATH
    async with client.http.post(url, data=body, headers=client.headers(PATH, body)) as response:
        assert response.status == 200
    async with client.http.post(url, data=body.replace(b" ", b""), headers=client.headers(PATH, body)) as response:
        assert response.status == 401


async def test_a_nonce_is_good_once_and_headers_are_needed(client: Any, sign: Callable[..., str]) -> None:
    path = "/api/v3.3/user/open_orders"
    headers = client.headers(path)
    url = client.urls["rest_url"] + path
    async with client.http.get(url, headers=headers) as response:
        assert response.status == 200
    async with client.http.get(url, headers=headers) as response:
        assert response.status == 401
    async with client.http.get(url) as response:
        assert response.status == 400
    late = "1624985375123"
    headers = {"request-api": API_KEY, "request-nonce": late, "request-sign": sign("x", path, late)}
    async with client.http.get(url, headers=headers) as response:
        assert response.status == 401


async def test_two_users_do_not_see_each_other(connect: Callable[..., Awaitable[Any]]) -> None:
    users = [User("a", {"ka": "sa", "kb": "sb"}), User("b", {"kc": "sc"})]
    client = await connect(BtseSimulator(users=users))
    seen = []
    for key, secret in (("ka", "sa"), ("kb", "sb"), ("kc", "sc")):
        body = json.dumps({"symbol": "BTC-USD", "side": "BUY", "type": "LIMIT", "price": 59000, "size": 1}).encode()
        headers = client.headers(PATH, body, key=key, secret=secret)
        async with client.http.post(client.urls["rest_url"] + PATH, data=body, headers=headers) as response:
            assert response.status == 200
        path = "/api/v3.3/user/open_orders"
        async with client.http.get(
            client.urls["rest_url"] + path, headers=client.headers(path, key=key, secret=secret)
        ) as response:
            seen.append(len(await response.json()))
    assert seen == [1, 2, 1]


async def test_an_order_rests_is_filled_in_part_amended_and_canceled(client: Any) -> None:
    _, [row] = await client.order(clOrderID="a1", size=0.01)
    assert (row["status"], row["orderType"], row["clOrderID"], row["time_in_force"]) == (2, 76, "a1", "GTC")
    assert (row["originalOrderBaseSize"], row["remainingOrderBaseSize"]) == (Decimal("0.01"), Decimal("0.01"))
    assert (await client.control("fill", {"clOrderID": "a1", "size": "0.004"}))["status"] == 5
    _, [amended] = await client.call(
        "PUT", "order", {"symbol": "BTC-USD", "clOrderID": "a1", "type": "SIZE", "value": 0.02}
    )
    assert (amended["status"], amended["currentOrderBaseSize"]) == (123, Decimal("0.02"))
    assert (amended["originalOrderBaseSize"], amended["remainingOrderBaseSize"]) == (Decimal("0.01"), Decimal("0.016"))
    status, found = await client.call("GET", "order", clOrderID="a1")
    assert status == 200
    assert (found["status"], found["totalFilledBaseSize"]) == (5, Decimal("0.004"))
    assert "filledBaseSize" not in found
    _, [gone] = await client.call("DELETE", "order", symbol="BTC-USD", orderID=row["orderID"])
    assert (gone["status"], gone["totalFilledBaseSize"]) == (6, Decimal("0.004"))
    assert (await client.call("GET", "order", orderID=row["orderID"]))[1]["status"] == 6
    assert await client.call("GET", "user/open_orders") == (200, [])


async def test_a_filled_order_is_not_found_any_more_but_its_fills_are(client: Any) -> None:
    _, [row] = await client.order(clOrderID="f1", price=60_100, size=0.01)
    assert row["status"] == 4
    status, body = await client.call("GET", "order", clOrderID="f1")
    assert (status, body["errorCode"]) == (400, -1)
    status, body = await client.call("GET", "order", orderID=row["orderID"])
    assert (status, body["status"], body["message"]) == (400, 429, "Order not found")
    _, fills = await client.call("GET", "user/trade_history", symbol="BTC-USD", clOrderID="f1")
    assert sum(fill["filledSize"] for fill in fills) == Decimal("0.01")
    assert {fill["orderId"] for fill in fills} == {row["orderID"]}
    assert fills[0]["feeAmount"] == Decimal("0.000012")
    assert fills[0]["feeCurrency"] == "BTC"
    assert fills[0]["timestamp"] % 1000 == 0


async def test_canceled_orders_are_forgotten_after_thirty_minutes(connect: Callable[..., Awaitable[Any]]) -> None:
    now = [1_750_000_000_000_000_000]
    sim = BtseSimulator(now_ns=lambda: now[0])
    client = await connect(sim)
    client._nonces = iter(range(now[0] // 1_000_000, now[0] // 1_000_000 + 100))
    await client.order(clOrderID="c1")
    await client.call("DELETE", "order", symbol="BTC-USD", clOrderID="c1")
    assert (await client.call("GET", "order", clOrderID="c1"))[0] == 200
    now[0] += 31 * 60 * 10**9
    client._nonces = iter(range(now[0] // 1_000_000, now[0] // 1_000_000 + 100))
    assert (await client.call("GET", "order", clOrderID="c1"))[0] == 400


async def test_delete_without_an_id_cancels_the_whole_market_and_so_does_an_empty_one(client: Any) -> None:
    for trap in ({}, {"clOrderID": ""}, {"orderID": ""}):
        for number in range(3):
            await client.order(clOrderID=f"d{number}")
        await client.order(symbol="ETH-USD", price=2900, size=1, clOrderID="other")
        _, rows = await client.call("DELETE", "order", symbol="BTC-USD", **trap)
        assert [row["status"] for row in rows] == [6, 6, 6]
        assert [row["clOrderID"] for row in (await client.call("GET", "user/open_orders"))[1]] == ["other"]
        await client.call("DELETE", "order", symbol="ETH-USD")
    assert await client.call("DELETE", "order", symbol="BTC-USD") == (200, [])
    assert client.sim.exchange.cancels_by_id["*"] == 7


async def test_unknown_orders_are_status_16_in_an_http_200(client: Any) -> None:
    _, [row] = await client.call("DELETE", "order", symbol="BTC-USD", clOrderID="nobody")
    assert row["status"] == 16
    body = {"symbol": "BTC-USD", "orderID": "nobody", "type": "PRICE", "value": 59_500}
    _, [row] = await client.call("PUT", "order", body)
    assert (row["status"], row["orderID"]) == (16, "nobody")


async def test_the_client_id_is_not_unique_and_the_counters_show_it(client: Any) -> None:
    await client.order(clOrderID="twice")
    await client.order(clOrderID="twice")
    state = await client.control("state")
    assert state["submits_by_client_id"] == {"twice": 2}
    assert state["orders_by_client_id"] == {"twice": 2}
    assert client.sim.submits_by_client_id["twice"] == 2
    _, rows = await client.call("DELETE", "order", symbol="BTC-USD", clOrderID="twice")
    assert len(rows) == 2


async def test_an_oco_is_two_orders_with_one_client_id(client: Any) -> None:
    fields = {"type": "OCO", "txType": "LIMIT", "price": 59_000, "triggerPrice": 61_000, "stopPrice": 61_010}
    _, rows = await client.order(**fields, clOrderID="oco")
    assert [(row["status"], row["price"], row["triggerPrice"]) for row in rows] == [(2, 59_000, 0), (9, 61_010, 61_000)]
    _, listed = await client.call("GET", "user/open_orders", clOrderID="oco")
    assert sorted(row["orderState"] for row in listed) == ["STATUS_ACTIVE", "STATUS_INACTIVE"]
    assert {row["clOrderID"] for row in listed} == {"oco"}
    _, gone = await client.call("DELETE", "order", symbol="BTC-USD", orderID=rows[1]["orderID"])
    assert [(row["status"], row["trigger"], row["price"]) for row in gone] == [(6, False, 59_000), (6, True, 0)]


async def test_one_leg_of_an_oco_ends_the_other(client: Any) -> None:
    fields = {"type": "OCO", "txType": "LIMIT", "price": 59_000, "triggerPrice": 60_100, "stopPrice": 60_200}
    _, [limit, stop] = await client.order(**fields)
    await client.order(price=60_100, size=Decimal("0.00002").__float__(), clOrderID="hand")
    for _ in range(400):
        client.sim.step("BTC-USD", ticks=1, trade=True)
    orders = {order["orderID"]: order for order in (await client.control("state"))["orders"]}
    assert orders[stop["orderID"]]["state"] == "filled"
    assert orders[limit["orderID"]]["state"] == "canceled"


async def test_a_stop_waits_may_be_amended_and_fires(client: Any) -> None:
    stop = {"txType": "Stop", "triggerPrice": 60_500, "price": 61_000, "clOrderID": "s"}
    _, [row] = await client.order(**stop)
    assert (row["status"], row["trigger"]) == (9, True)
    _, found = await client.call("GET", "order", clOrderID="s")
    assert (found["triggerOrder"], found["triggered"], found["triggerOrderType"]) == (True, False, 1001)
    body = {"symbol": "BTC-USD", "clOrderID": "s", "type": "TRIGGERPRICE", "value": 60_020}
    assert (await client.call("PUT", "order", body))[1][0]["status"] == 123
    for _ in range(60):
        client.sim.step("BTC-USD", ticks=1, trade=True)
    assert (await client.control("state"))["orders"][0]["state"] == "filled"


@pytest.mark.parametrize(
    ("amend", "price", "size"),
    [
        ({"type": "PRICE", "value": 58_000}, 58_000, "0.01"),
        ({"type": "SIZE", "value": 0.02}, 59_000, "0.02"),
        ({"type": "ALL", "orderPrice": 58_500, "orderSize": 0.03}, 58_500, "0.03"),
    ],
)
async def test_every_form_of_amend(client: Any, amend: dict[str, Any], price: int, size: str) -> None:
    await client.order(clOrderID="m")
    _, [row] = await client.call("PUT", "order", {"symbol": "BTC-USD", "clOrderID": "m", **amend})
    assert (row["status"], row["price"], row["currentOrderBaseSize"]) == (123, price, Decimal(size))
    assert client.sim.exchange.amends_by_id == {"m": 1}


async def test_a_failed_amend_is_status_15_and_the_order_lives_on(client: Any) -> None:
    await client.order(clOrderID="m")
    body = {"symbol": "BTC-USD", "clOrderID": "m", "type": "TRIGGERPRICE", "value": 61_000}
    _, [row] = await client.call("PUT", "order", body)
    assert (row["status"], row["symbol"], row["message"]) == (15, "BTC-null", "")
    assert (await client.call("GET", "order", clOrderID="m"))[1]["status"] == 2


async def test_immediate_fill_or_kill_and_post_only(client: Any) -> None:
    _, [row] = await client.order(price=60_000.5, size=1, time_in_force="IOC")
    assert (row["status"], row["totalFilledBaseSize"]) == (6, Decimal("0.05"))
    _, [row] = await client.order(price=60_001, size=10, time_in_force="FOK")
    assert (row["status"], row["totalFilledBaseSize"]) == (6, 0)
    _, [row] = await client.order(price=60_001, size=0.01, postOnly=True)
    assert (row["status"], row["totalFilledBaseSize"]) == (6, 0)


async def test_market_orders_by_base_and_by_quote_size(client: Any) -> None:
    _, [row] = await client.order(type="MARKET", price=None, side="SELL", size=0.01)
    assert (row["status"], row["orderType"], row["price"]) == (4, 77, 0)
    _, [row] = await client.order(type="MARKET", price=500, size=None)
    assert (row["orderCurrency"], row["originalOrderQuoteSize"], row["originalOrderBaseSize"]) == ("quote", 500, None)
    assert row["totalFilledBaseSize"] * row["avgFilledPrice"] <= 500
    status, body = await client.order(type="MARKET", price=500, size=0.01)
    assert (status, body["message"]) == (400, "BADREQUEST: Size and Price should not be mixed")


async def test_what_the_market_cannot_fill_of_a_market_order_ends_as_5(client: Any) -> None:
    _, [row] = await client.order(type="MARKET", price=None, size=1999)
    assert (row["status"], row["remainingOrderBaseSize"] > 0) == (5, True)
    assert (await client.call("GET", "user/open_orders"))[1] == []


async def test_peg_orders_follow_the_index(client: Any) -> None:
    peg = {"type": "PEG", "deviation": -1, "stealth": 10, "price": 65_000}
    _, [row] = await client.order(**peg)
    assert (row["orderType"], row["price"], row["deviation"], row["stealth"]) == (
        80,
        59_400,
        Decimal("-0.01"),
        Decimal("0.1"),
    )
    client.sim.step("BTC-USD", ticks=200, trade=False)
    assert (await client.call("GET", "order", orderID=row["orderID"]))[1]["price"] == 59_499
    _, [failed] = await client.call(
        "PUT", "order", {"symbol": "BTC-USD", "orderID": row["orderID"], "type": "PRICE", "value": 59_000}
    )
    assert failed["status"] == 15


async def test_refusals_in_every_shape(connect: Callable[..., Awaitable[Any]]) -> None:
    poor = User(
        "poor", {API_KEY: BtseSimulator().config()["api_secret"]}, opening={"USD": Decimal(100), "BTC": Decimal(0)}
    )
    client = await connect(BtseSimulator(users=[poor], limits=RateRules(enabled=False)))
    status, [row] = await client.order(clOrderID="poor")
    assert (status, row["status"], row["orderType"], row["price"], row["side"]) == (200, 8, 0, 0, "")
    assert json.loads(row["message"])["msgKey"] == "trade.error.insufficient_balance1"
    status, [row] = await client.order(price=1)
    assert (status, row["status"]) == (200, 15)
    assert (await client.order(symbol="XXX-USD"))[1]["errorCode"] == -7006
    assert (await client.order(size=0.000001))[1]["error"] == "Bad Request"
    assert (await client.order(symbol="ETH-USD", side="SELL", price=3000.03))[1]["code"] == 302
    status, body = await client.order(side="SELL")
    assert (status, body["code"], body["success"]) == (400, 51523, False)
    assert (await client.call("POST", "order", {"symbol": "BTC-USD"}))[0] == 400
    assert (await client.call("POST", "nowhere", {}))[0] == 404
    assert (await client.call("PATCH", "order", {}))[0] == 405


async def test_cancel_all_after_cancels_everything_when_it_is_not_renewed(client: Any) -> None:
    await client.order()
    await client.order(symbol="ETH-USD", price=2900, size=1)
    await client.control("orders", {"symbol": "BTC-USD", "side": "BUY", "type": "LIMIT", "price": 58_000, "size": 1})
    assert await client.call("POST", "order/cancelAllAfter", {"timeout": 60_000}) == (200, "")
    assert await client.call("POST", "order/cancelAllAfter", {"timeout": 0}) == (200, "")
    assert len((await client.call("GET", "user/open_orders"))[1]) == 3
    socket = await client.spot("notificationApiV3", login=True)
    assert await client.call("POST", "order/cancelAllAfter", {"timeout": 50}) == (200, "")
    assert [str((await socket.data("notificationApiV3"))["status"]) for _ in range(3)] == ["6", "6", "6"]
    assert (await client.call("GET", "user/open_orders"))[1] == []


async def test_the_trade_history_is_cut_to_seven_days_and_filtered(connect: Callable[..., Awaitable[Any]]) -> None:
    day = 86_400_000
    now = [1_750_000_000_000_000_000]
    client = await connect(BtseSimulator(now_ns=lambda: now[0]))

    async def at(days: int) -> int:
        now[0] = 1_750_000_000_000_000_000 + days * day * 10**6
        client._nonces = iter(range(now[0] // 10**6, now[0] // 10**6 + 100))
        return now[0] // 10**6

    for days in (0, 4, 9):
        start = await at(days)
        await client.order(clOrderID=f"day{days}", price=60_100, size=0.001)

    async def history(**query: Any) -> list[str]:
        _, rows = await client.call("GET", "user/trade_history", symbol="BTC-USD", **query)
        return [row["clOrderID"] for row in rows]

    assert await history() == ["day9", "day4"]
    assert await history(startTime=start - 20 * day, endTime=start) == ["day9", "day4"]
    assert await history(startTime=start - 9 * day) == ["day4", "day0"]
    assert await history(endTime=start - day) == ["day4"]
    assert await history(count=1) == ["day9"]
    assert await history(clOrderID="day4") == ["day4"]
    assert (await client.call("GET", "user/trade_history"))[0] == 400


async def test_fees_and_public_endpoints(client: Any) -> None:
    assert (await client.call("GET", "user/fees", symbol="BTC-USD"))[1]["symbol"] == "btc-usd"
    assert len((await client.call("GET", "user/fees"))[1]) == 3
    _, markets = await client.call("GET", "market_summary", signed=False)
    assert [market["symbol"] for market in markets] == ["BTC-USD", "ETH-USD", "SOL-USD"]
    assert markets[0]["minSizeIncrement"] == Decimal("0.00001")
    _, book = await client.call("GET", "orderbook/L2", signed=False, symbol="BTC-USD", depth=2)
    assert [level["price"] for level in book["buyQuote"]] == ["59999.5", "59999.0"]
    assert {level["price"] for level in book["sellQuote"]} == {"60001.0", "60000.5"}
    assert (await client.call("GET", "orderbook", signed=False, symbol="BTC-USD", limit_bids=1, group=3))[1]["buyQuote"]
    await client.order(price=60_100, size=0.01)
    _, [trade] = await client.call("GET", "trades", signed=False, symbol="BTC-USD", count=1)
    assert (trade["side"], trade["price"]) == ("BUY", Decimal("60000.5"))
    _, candles = await client.call("GET", "ohlcv", signed=False, symbol="BTC-USD", resolution="5")
    assert len(candles) == 300
    assert candles[0][0] - candles[1][0] == 300
    assert candles[0][4] == Decimal("60000.5")
    assert (await client.call("GET", "price", signed=False, symbol="ETH-USD"))[1][0]["lastPrice"] == 3000
    _, clock = await client.call("GET", "time", signed=False)
    assert clock["iso"].endswith("Z")


async def test_small_numbers_come_as_doubles_with_exponents(client: Any) -> None:
    url = client.urls["rest_url"] + "/api/v3.3/market_summary"
    async with client.http.get(url, params={"symbol": "BTC-USD"}) as response:
        text = await response.text()
    assert '"minSizeIncrement":1e-05' in text


async def test_the_rate_limit_blocks_longer_every_time(connect: Callable[..., Awaitable[Any]]) -> None:
    sim = BtseSimulator(limits=RateRules(queries_per_key=3, blocks=(1.0, 300.0)))
    clock = [100.0]
    sim.guard._clock = lambda: clock[0]
    client = await connect(sim)
    for expected in (200, 200, 200, 429, 429):
        assert (await client.call("GET", "user/open_orders"))[0] == expected
    assert (await client.order())[0] == 429
    clock[0] += 1.5
    for expected in (200, 200, 200, 429):
        assert (await client.call("GET", "user/open_orders"))[0] == expected
    headers = client.headers("/api/v3.3/user/open_orders")
    async with client.http.get(client.urls["rest_url"] + "/api/v3.3/user/open_orders", headers=headers) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "300")
    assert client.sim.guard.refused == 5


@pytest.mark.parametrize(("reading", "low"), [("timestamp", 10**9), ("timestamp_ms", 10**12), ("none", 0)])
async def test_retry_after_has_several_readings(connect: Callable[..., Awaitable[Any]], reading: Any, low: int) -> None:
    client = await connect(BtseSimulator(limits=RateRules(orders_per_key=0, retry_after=reading)))
    body = b"{}"
    url = client.urls["rest_url"] + PATH
    async with client.http.post(url, data=body, headers=client.headers(PATH, body)) as response:
        assert response.status == 429
        assert int(response.headers.get("Retry-After", "0")) >= low


async def test_open_orders_with_the_old_fields_only(connect: Callable[..., Awaitable[Any]]) -> None:
    client = await connect(BtseSimulator(quirks=Quirks(legacy_open_orders=True)))
    await client.order()
    _, [row] = await client.call("GET", "user/open_orders")
    assert (row["size"], row["fillSize"]) == (Decimal("0.01"), 0)
    assert "originalOrderBaseSize" not in row


async def test_an_order_with_a_life_ends_by_itself(connect: Callable[..., Awaitable[Any]], monkeypatch: Any) -> None:
    monkeypatch.setitem(__import__("venuebus_btse.simulator.intake", fromlist=["LIVES"]).LIVES, "HALFMIN", 0.05)
    client = await connect(BtseSimulator())
    socket = await client.spot("notificationApiV3", login=True)
    await client.order(time_in_force="HALFMIN")
    assert [str((await socket.data("notificationApiV3"))["status"]) for _ in range(2)] == ["2", "6"]


async def test_stopping_takes_less_than_a_second_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    sim = BtseSimulator(rate=100.0)
    await sim.start()
    await asyncio.wait_for(sim.stop(), 1.0)
    await sim.stop()
    assert asyncio.all_tasks() == before
