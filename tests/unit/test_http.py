import asyncio
import json
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from venuebus.configuration.config import listen_address
from venuebus.errors import ConfigError
from venuebus.http import HttpServer
from venuebus.observability.metrics import Metrics


class Bridge:
    def __init__(self) -> None:
        self.ready: tuple[bool, dict[str, Any]] = (True, {"nats": "connected", "venues": {"btse": "ready"}})
        self.alive: tuple[bool, dict[str, Any]] = (True, {})
        self.metrics = Metrics()
        self.server = HttpServer(
            "127.0.0.1:0", self.metrics, ready=lambda: self.ready, live=lambda: self.alive, max_body=1000
        )


@pytest.fixture
async def bridge():
    bridge = Bridge()
    yield bridge
    await bridge.server.stop()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


async def test_readyz_is_200_only_while_everything_is_and_lists_it(bridge, client):
    await bridge.server.start()
    async with client.get(bridge.server.url + "/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ready": True, "nats": "connected", "venues": {"btse": "ready"}}
        assert answer.headers["Cache-Control"] == "no-store"
    bridge.ready = (False, {"nats": "connected", "venues": {"btse": "down"}})
    async with client.get(bridge.server.url + "/readyz") as answer:
        assert answer.status == 503
        assert (await answer.json())["venues"] == {"btse": "down"}


async def test_livez_is_about_the_process_alone(bridge, client):
    bridge.ready = (False, {})
    await bridge.server.start()
    async with client.get(bridge.server.url + "/livez") as answer:
        assert (answer.status, await answer.json()) == (200, {"alive": True})
    bridge.alive = (False, {"text": "event loop stalled"})
    async with client.get(bridge.server.url + "/livez") as answer:
        assert (answer.status, await answer.json()) == (503, {"alive": False, "text": "event loop stalled"})


async def test_metrics_are_served_as_prometheus_asks_for_them(bridge, client):
    bridge.metrics.counter("events", "Events", {"venue": "btse"}).value += 2
    await bridge.server.start()
    async with client.get(bridge.server.url + "/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert 'venuebus_events_total{venue="btse"} 2.0' in await answer.text()
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with client.get(bridge.server.url + "/metrics", headers=accept) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")


async def test_an_unknown_path_names_the_known_ones(bridge, client):
    await bridge.server.start()
    async with client.get(bridge.server.url + "/nope") as answer:
        assert answer.status == 404
        body = await answer.json()
    assert body == {"error": "not found", "paths": ["/livez", "/metrics", "/readyz"]}


async def test_a_wrong_method_is_told_which_is_right(bridge, client):
    await bridge.server.start()
    async with client.post(bridge.server.url + "/readyz") as answer:
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]
        assert (await answer.json())["error"] == "method not allowed"


async def test_an_added_route_gets_the_body_and_a_body_over_the_limit_is_refused(bridge, client):
    seen = []

    async def hook(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.json_response({"msg": "success"})

    bridge.server.add_post("/hooks/{venue}", hook)
    await bridge.server.start()
    async with client.post(bridge.server.url + "/hooks/pp", data=b"x" * 1000) as answer:
        assert (answer.status, await answer.json()) == (200, {"msg": "success"})
    async with client.post(bridge.server.url + "/hooks/pp", data=b"x" * 1001) as answer:
        assert answer.status == 413
        assert "too large" in (await answer.json())["error"]
    assert seen == [b"x" * 1000]


async def test_a_handler_that_fails_is_counted_and_tells_nothing_to_the_caller(bridge, client):
    async def broken(_request: web.Request) -> web.Response:
        raise RuntimeError("inner detail")

    bridge.server.add_post("/broken", broken)
    await bridge.server.start()
    async with client.post(bridge.server.url + "/broken") as answer:
        assert answer.status == 500
        assert "inner detail" not in await answer.text()
        assert answer.headers["Server"] == "venuebus"
    assert b"venuebus_http_errors_total 1.0" in bridge.metrics.render()[0]


async def test_a_body_that_never_ends_is_given_up(bridge, monkeypatch):
    monkeypatch.setattr("venuebus.http.REQUEST_TIMEOUT", 0.05)

    async def hook(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    bridge.server.add_post("/hook", hook)
    await bridge.server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.server.port)
    writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()


async def test_an_address_in_use_is_a_clear_error(bridge):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = HttpServer(f"127.0.0.1:{port}", Metrics(), ready=lambda: (True, {}), live=lambda: (True, {}))
        with pytest.raises(ConfigError, match=rf"http\.listen: 127\.0\.0\.1:{port} is in use"):
            await server.start()
        await server.stop()


async def test_an_empty_address_serves_nothing():
    server = HttpServer("", Metrics(), ready=lambda: (True, {}), live=lambda: (True, {}))
    await server.start()
    assert (server.port, server.url) == (None, "")
    await server.stop()


async def test_stop_gives_the_port_free_and_may_come_twice(bridge):
    await bridge.server.start()
    port = bridge.server.port
    await bridge.server.stop()
    await bridge.server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_addresses_are_taken_apart():
    assert listen_address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert listen_address("[::1]:80") == ("::1", 80)
    assert listen_address("") is None
    for wrong in ("8321", "host", "host:", ":80", "host:x", "host:70000", "host:-1"):
        with pytest.raises(ValueError, match="listen: expected"):
            listen_address(wrong)


async def test_details_that_json_does_not_know_are_shown_as_text(bridge, client):
    bridge.ready = (False, {"error": ValueError("odd")})
    await bridge.server.start()
    async with client.get(bridge.server.url + "/readyz") as answer:
        assert json.loads(await answer.text())["error"] == "odd"
