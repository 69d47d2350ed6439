"""REST over real sockets: one attempt is one request, and what an error proves about sending."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from venuebus import CommandRejected, NotSent, OutcomeUnknown, RetryableError, Secret
from venuebus.testing import RecordingContext
from venuebus_btse.config import BtseConfig, limits
from venuebus_btse.rest import Rest
from venuebus_btse.signing import Nonces, sign

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n[]"
Reply = Callable[[int], bytes | None]


class Venue:
    """A server that counts requests and answers them from a script: bytes, or None for cutting the connection."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.reply: Reply = lambda number: OK
        self.server: asyncio.Server | None = None
        self.writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/spot"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *fields = head.strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((line, headers, body))
                answer = self.reply(len(self.requests))
                if answer is None:
                    writer.transport.abort()
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    it = Venue()
    it.server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    yield it
    it.server.close()
    for writer in it.writers:
        writer.close()


def context(url: str, **fields: object) -> RecordingContext:
    config = BtseConfig(plugin="btse", rest_url=url, api_key=Secret("key!"), api_secret=Secret("secret!"), **fields)  # type: ignore[arg-type]
    return RecordingContext(config, limits=limits(config))


@pytest.fixture
async def rest(venue: Venue) -> AsyncIterator[Rest]:
    it = Rest(context(venue.url, request_timeout=1.0), Nonces())
    yield it
    await it.close()


def sending() -> None:
    sending.count += 1  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _reset() -> None:
    sending.count = 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_a_kept_alive_connection_that_is_cut_makes_no_second_request(
    venue: Venue, rest: Rest, method: str
) -> None:
    await rest.ask("/order", {"clOrderID": "a"}, operation="order.get")
    venue.reply = lambda number: None if number == 2 else OK
    with pytest.raises(OutcomeUnknown):
        await rest.order(method, "/order", {"symbol": "X"}, operation="cancel", sending=sending)
    await asyncio.sleep(0.1)  # long enough for a client's own repetition on the loopback
    assert [line.split()[0] for line, _, _ in venue.requests] == ["GET", method]
    assert venue.connections == 1
    assert sending.count == 1  # type: ignore[attr-defined]


async def test_a_query_on_a_cut_connection_is_not_repeated_and_may_be_asked_again(venue: Venue, rest: Rest) -> None:
    await rest.ask("/order", operation="order.get")
    venue.reply = lambda number: None if number == 2 else OK
    with pytest.raises(RetryableError):
        await rest.ask("/order", operation="order.get")
    assert len(venue.requests) == 2
    await rest.ask("/order", operation="order.get")
    assert len(venue.requests) == 3


async def test_every_attempt_has_a_new_nonce_and_its_own_signature_of_the_exact_bytes(venue: Venue, rest: Rest) -> None:
    body = b'{"price":8500.0, "symbol":"BTC-USD"}'
    for _ in range(3):
        await rest.order("POST", "/order", body=body, operation="submit", sending=sending)
    nonces = [int(headers["request-nonce"]) for _, headers, _ in venue.requests]
    assert nonces == sorted(set(nonces))
    for line, headers, sent in venue.requests:
        assert line == "POST /spot/api/v3.3/order HTTP/1.1"
        assert sent == body
        assert headers["request-api"] == "key!"
        assert headers["request-sign"] == sign("secret!", "/api/v3.3/order", headers["request-nonce"], body)


async def test_nonces_arrive_in_order_though_requests_run_in_parallel(venue: Venue, rest: Rest) -> None:
    await asyncio.gather(*(
        rest.order("POST", "/order", body=b"{}", operation="submit", sending=sending) for _ in range(20)
    ))  # fmt: skip
    nonces = [int(headers["request-nonce"]) for _, headers, _ in venue.requests]
    assert len(set(nonces)) == 20


async def test_the_query_is_sent_encoded_and_not_signed(venue: Venue, rest: Rest) -> None:
    query = {"symbol": "BTC-USD", "clOrderID": "a&b=c d+é"}
    await rest.order("DELETE", "/order", query, operation="cancel", sending=sending)
    line, headers, body = venue.requests[0]
    assert line == "DELETE /spot/api/v3.3/order?symbol=BTC-USD&clOrderID=a%26b%3Dc%20d%2B%C3%A9 HTTP/1.1"
    assert body == b""
    assert headers["request-sign"] == sign("secret!", "/api/v3.3/order", headers["request-nonce"])


async def test_public_questions_are_not_signed(venue: Venue, rest: Rest) -> None:
    await rest.ask("/time", operation="time", signed=False)
    assert "request-sign" not in venue.requests[0][1]


async def test_connection_refused_is_not_sent() -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
    rest = Rest(context(url), Nonces())
    with pytest.raises(NotSent):
        await rest.order("POST", "/order", body=b"{}", operation="submit", sending=sending)
    assert sending.count == 0  # type: ignore[attr-defined]
    await rest.close()


async def test_a_tls_failure_is_not_sent(venue: Venue) -> None:
    venue.reply = lambda number: b"not tls"
    rest = Rest(context(venue.url.replace("http://", "https://"), request_timeout=1.0), Nonces())
    with pytest.raises(NotSent):
        await rest.order("POST", "/order", body=b"{}", operation="submit", sending=sending)
    assert sending.count == 0  # type: ignore[attr-defined]
    await rest.close()


async def test_a_command_that_is_too_late_is_not_written(venue: Venue, rest: Rest) -> None:
    def too_late() -> None:
        raise NotSent("expired")

    with pytest.raises(NotSent, match="expired"):
        await rest.order("POST", "/order", body=b"{}", operation="submit", sending=too_late)
    await rest.order("POST", "/order", body=b"{}", operation="submit", sending=sending)
    assert len(venue.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ],
    ids=["cut", "half a body", "no HTTP", "half a head"],
)
async def test_no_whole_answer_is_unknown(venue: Venue, rest: Rest, reply: bytes | None) -> None:
    venue.reply = lambda number: reply
    with pytest.raises(OutcomeUnknown):
        await rest.order("POST", "/order", body=b"{}", operation="submit", sending=sending)
    assert len(venue.requests) == 1


async def test_closing_the_session_leaves_a_request_under_way_unknown(venue: Venue) -> None:
    rest = Rest(context(venue.url, request_timeout=5.0), Nonces())
    arrived = asyncio.Event()

    def nothing(number: int) -> bytes:
        arrived.set()
        return b""

    venue.reply = nothing
    task = asyncio.create_task(rest.order("POST", "/order", body=b"{}", operation="submit", sending=sending))
    await arrived.wait()
    await rest.close()
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(task, 1.0)


@pytest.mark.parametrize("form", ["seconds", "epoch", "milliseconds", "none"])
async def test_a_rate_limit_holds_everything_back_as_long_as_the_venue_says(venue: Venue, form: str) -> None:
    ctx = context(venue.url, request_timeout=0.2)
    rest = Rest(ctx, Nonces())
    text = {"seconds": "30", "epoch": str(int(time.time()) + 30), "milliseconds": str(int(time.time() * 1000) + 30_000),
            "none": ""}[form]  # fmt: skip
    header = f"Retry-After: {text}\r\n" if text else ""
    venue.reply = lambda number: f"HTTP/1.1 429 Too Many\r\n{header}Content-Length: 0\r\n\r\n".encode()
    answer = await rest.order("POST", "/order", body=b"{}", operation="submit", sending=sending)
    assert answer.http == 429
    left = ctx.limits.state()["*"]
    assert left == pytest.approx(1.0 if form == "none" else 30.0, abs=1.5)
    with pytest.raises(CommandRejected):
        await rest.order("POST", "/order", body=b"{}", operation="submit", sending=sending)
    with pytest.raises(RetryableError):
        await rest.ask("/order", operation="order.get")
    assert len(venue.requests) == 1
    await rest.close()


async def test_limits_are_those_the_venue_published() -> None:
    config = BtseConfig(plugin="btse")
    found = {limit.name: (limit.count, limit.per) for limit in limits(config)}
    assert found["queries"] == (30, 1.0)
    assert found["queries of open_orders"] == (15, 1.0)
    assert found["orders"] == (75, 1.0)
    orders = next(limit for limit in limits(config) if limit.name == "orders")
    assert orders.reserve == 15
