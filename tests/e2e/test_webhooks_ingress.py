"""``POST /hooks/<venue>`` over real sockets, with a real bridge and a real nats-server behind it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import hmac
import json
import sys
import time
import types
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import nats
import pytest
from nats.aio.client import Client
from venuebus import Capabilities, ConfiguredWebhook, Delivery, VenueSpec, WebhookConfig, hookimpl
from venuebus.app import Bridge
from venuebus.configuration.config import build_config
from venuebus.plugins import load_plugins
from venuebus_schemas import (
    AccountEvent,
    DeadLetter,
    Forward,
    ForwardChange,
    ForwardChangeKind,
    ForwardFields,
    ForwardStatus,
    decode_event,
)

SECRET = "the venue's key"
# The server of the run is shared: what every test's streams reserve must fit into it.
SMALL = {f"{name}_max_bytes": 4 * 2**20 for name in ("command", "account", "system", "dead", "hook")}


class Note(msgspec.Struct):
    """The smallest venue there is: an id, a position and its status."""

    msg_id: str
    position: str = "p1"
    status: ForwardStatus = ForwardStatus.OPEN


def note_id(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=Note).msg_id
    except msgspec.DecodeError:
        return None


class NoteSession:
    def __init__(self, context: Any) -> None:
        self._closed = asyncio.Event()

    async def connect(self) -> None:
        return None

    async def run(self) -> None:
        await self._closed.wait()

    async def close(self) -> None:
        self._closed.set()

    def translate(self, delivery: Delivery) -> list[AccountEvent]:
        try:
            note = msgspec.json.decode(delivery.body, type=Note)
        except msgspec.DecodeError as error:
            raise ValueError(f"no note: {error}") from None
        if note.position == "bug":
            raise RuntimeError("a bug of the plugin")
        common: dict[str, Any] = {
            "position_id": note.position, "status": note.status, "buy_currency": "CNH", "buy_amount": "7",
            "sell_currency": "USD", "sell_amount": "1", "value_date": "2024-03-27",
        }  # fmt: skip
        change = ForwardChange(change=ForwardChangeKind.CREATE, msg_id=note.msg_id, new=ForwardFields(**common))
        return [change, Forward(**common)]


class Plugin:
    @hookimpl
    def venuebus_register_venues(self) -> list[VenueSpec[Any]]:
        return [
            VenueSpec(
                name="notes", config_type=WebhookConfig, create=NoteSession,
                capabilities=Capabilities(inbound_only=True), webhook=lambda config: ConfiguredWebhook(config, note_id),
            )
        ]  # fmt: skip


def sign(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), b"i." + stamp.encode() + b"." + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json", "webhook-id": "i", "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }  # fmt: skip


class World:
    def __init__(self, bridge: Bridge, client: Client, http: aiohttp.ClientSession, prefix: str) -> None:
        self.bridge = bridge
        self.client = client
        self.http = http
        self.prefix = prefix
        self.url = f"{bridge.http_url}/hooks/notes"
        self.events: list[Any] = []
        self._changed = asyncio.Event()

    async def listen(self) -> None:
        async def on_message(message: Any) -> None:
            if ".lease" not in message.subject:
                self.events.append(decode_event(message.data))
                self._changed.set()

        for plane in ("acct", "dead"):
            await self.client.subscribe(f"{self.prefix}.v1.{plane}.>", cb=on_message)
        await self.client.request("$JS.API.INFO", b"")  # a barrier: a flush would overtake the subscriptions

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def post(self, body: bytes, headers: dict[str, str] | None = None, url: str | None = None) -> tuple[int, Any]:
        async with self.http.post(url or self.url, data=body, headers=headers or sign(body)) as answer:
            self.headers = answer.headers
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def stored(self) -> int:
        info = await self.client.jetstream().stream_info(f"{self.prefix.upper()}_HOOK")
        return info.state.messages


def note(name: str, **fields: Any) -> bytes:
    return json.dumps({"msg_id": name, **fields}).encode()


@contextlib.asynccontextmanager
async def world(
    nats_url: str, prefix: str, folder: Path, *, http: dict[str, Any] | None = None, **table: Any
) -> AsyncIterator[World]:
    plugins = load_plugins([Plugin()], installed=False)
    verify = {"verify": {"method": "standard_webhooks", "secrets": [SECRET, "the next key"]}}
    config = build_config(
        {
            "bus": {"servers": [nats_url], "prefix": prefix, "spool_dir": str(folder), **SMALL},
            "http": {"listen": "127.0.0.1:0", **(http or {})},
            "venues": {"notes": {"plugin": "notes", **({} if "insecure_unverified" in table else verify), **table}},
        },
        plugins.specs,
    )
    bridge = Bridge(config, plugins)
    await bridge.start()
    client = await nats.connect(nats_url)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
            made = World(bridge, client, session, prefix)
            await made.listen()
            yield made
    finally:
        await client.close()
        await bridge.stop()


@pytest.fixture
async def there(nats_url: str, subject_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world(nats_url, subject_prefix, tmp_path, max_body=2000, read_timeout=0.5) as made:
        yield made


# --- what is accepted -------------------------------------------------------------------------------------------


async def test_an_authentic_delivery_is_stored_answered_and_appears_once(there: World) -> None:
    assert await there.post(note("m1")) == (200, {"msg": "success"})
    await there.until(lambda: there.of(Forward))
    (change,), (state,) = there.of(ForwardChange), there.of(Forward)
    assert (change.msg_id, change.venue, change.account, change.seq) == ("m1", "notes", "main", 1)
    assert (state.position_id, state.status) == ("p1", ForwardStatus.OPEN)
    assert change.ts_recv == state.ts_recv > 0
    assert await there.stored() == 1


async def test_the_raw_bytes_are_kept_with_their_headers_but_never_a_secret(there: World) -> None:
    body = b'{"msg_id":   "m1",\n "unknown": [1, 2]}'
    headers = {**sign(body), "Authorization": "Basic c2VjcmV0", "Cookie": "a=b", "X-Other": "kept"}
    await there.post(body, headers)
    message = await there.client.jetstream().get_last_msg(
        f"{there.prefix.upper()}_HOOK", f"{there.prefix}.v1.hook.notes.m1"
    )
    assert message.data == body
    kept = json.loads((message.headers or {})["Vb-Hook-Headers"])
    assert kept["x-other"] == "kept"
    assert kept["webhook-id"] == "i"
    assert not {"authorization", "cookie", "host"} & set(kept)


async def test_a_repeated_msg_id_gets_200_and_publishes_nothing(there: World) -> None:
    for _ in range(5):
        assert (await there.post(note("m1")))[0] == 200
    assert (await there.post(note("m2", position="p2")))[0] == 200
    await there.until(lambda: len(there.of(Forward)) == 2)
    assert [change.msg_id for change in there.of(ForwardChange)] == ["m1", "m2"]
    assert there.bridge.ingress.counts("notes") == {"new": 2, "repeated": 4}
    assert await there.stored() == 2


async def test_another_bridge_that_has_never_seen_a_msg_id_recognizes_it(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    async with world(nats_url, subject_prefix, tmp_path) as first:
        await first.post(note("m1"))
        await first.until(lambda: first.of(Forward))
    async with world(nats_url, subject_prefix, tmp_path) as second:
        assert (await second.post(note("m1")))[0] == 200
        assert (await second.post(note("m1", status="settled")))[0] == 200
        await second.until(lambda: second.of(DeadLetter))
        assert not second.of(ForwardChange)
        assert second.bridge.ingress.counts("notes").get("conflict") == 1


async def test_the_same_msg_id_with_another_body_is_kept_and_alarmed_and_changes_nothing(
    there: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await there.post(note("m1"))
    for _ in range(2):
        assert (await there.post(note("m1", status="settled")))[0] == 200
    # The letter is written before the answer, the translation after it: neither waits for the other.
    await there.until(lambda: there.of(DeadLetter) and there.of(Forward))
    (letter,) = there.of(DeadLetter)
    assert base64.b64decode(letter.raw) == note("m1", status="settled")
    assert "another body under msg_id 'm1'" in letter.text
    assert [state.status for state in there.of(Forward)] == [ForwardStatus.OPEN]
    assert there.bridge.ingress.counts("notes") == {"new": 1, "conflict": 1, "repeated": 1}
    assert "another body came under a msg_id" in "".join(capsys.readouterr())
    assert await there.stored() == 2


async def test_strange_msg_ids_are_ids_like_any_other(there: World) -> None:
    names = ["a.b", "*", ">", "x y", "m~1", "~m", "号码", "/", "%2E", "m" * 200]
    for index, name in enumerate(names):
        assert (await there.post(note(name, position=f"p{index}")))[0] == 200
        assert (await there.post(note(name, position=f"p{index}")))[0] == 200
    await there.until(lambda: len(there.of(Forward)) == len(names))
    assert [change.msg_id for change in there.of(ForwardChange)] == names
    assert await there.stored() == len(names)


async def test_the_second_of_two_keys_is_valid_too(there: World) -> None:
    assert (await there.post(note("m1"), sign(note("m1"), "the next key")))[0] == 200


# --- authentic, but not understood ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"text"', b"\x00\xff\xfe", b'{"msg_id": 5}', b'{"other": "m1"}', b"[" * 1900,
        b'{"msg_id": ' + b"9" * 1500 + b"}", '{"msg_id": "\ud800"}'.encode("utf-8", "surrogatepass"),
        json.dumps({"msg_id": "m" * 201}).encode(), note("m1", position="bug"), note("m1", status=7),
    ],
    ids=range(14),
)  # fmt: skip
async def test_what_is_authentic_and_not_understood_becomes_a_dead_letter_and_gets_200(
    there: World, body: bytes
) -> None:
    for _ in range(2):
        assert (await there.post(body))[0] == 200
    if b"mmmmm" in body:  # too long for a subject, so it is filed under its digest; it is understood all the same
        await there.until(lambda: there.of(Forward))
        assert not there.of(DeadLetter)
    else:
        await there.until(lambda: there.of(DeadLetter))
        (letter,) = there.of(DeadLetter)
        assert base64.b64decode(letter.raw) == body
        assert not there.of(Forward)
    assert await there.stored() == 1
    assert (await there.post(note("after", position="p9")))[0] == 200
    await there.until(lambda: any(state.position_id == "p9" for state in there.of(Forward)))


# --- not authentic ----------------------------------------------------------------------------------------------


async def test_what_is_not_authentic_gets_401_without_a_word_and_is_not_stored(there: World) -> None:
    body = note("m1")
    signed = sign(body)
    forged = [
        sign(body, "another key"),
        {**signed, "webhook-id": "j"},
        {name: value for name, value in signed.items() if name != "webhook-signature"},
        sign(body, at=time.time() - 400),
        sign(body, at=time.time() + 400),
        sign(body + b" "),
    ]
    for headers in forged:
        assert await there.post(body, headers) == (401, {"error": "unauthorized"})
    assert there.bridge.ingress.counts("notes") == {"unauthorized": len(forged)}
    assert await there.stored() == 0
    assert (await there.post(body, signed))[0] == 200


async def test_a_timestamp_that_stands_there_twice_is_not_authentic(there: World) -> None:
    body = note("m1")
    reader, writer = await asyncio.open_connection("127.0.0.1", there.bridge.http.port)
    lines = [f"{name}: {value}" for name, value in sign(body).items()]
    lines += [f"webhook-timestamp: {int(time.time())}", f"Content-Length: {len(body)}", "Host: x", "Connection: close"]
    writer.write(("POST /hooks/notes HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body)
    assert b" 401 " in await reader.readline()
    writer.close()


# --- the form of the request ------------------------------------------------------------------------------------


async def test_other_methods_paths_and_content_types_have_their_codes(there: World) -> None:
    body = note("m1")
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        async with there.http.request(method, there.url, data=body, headers=sign(body)) as answer:
            assert answer.status == 405
            assert "POST" in answer.headers["Allow"]
    for path in ("/hooks/other", "/hooks/", "/hooks/notes/more", "/hook/notes"):
        assert (await there.post(body, url=there.bridge.http_url + path))[0] == 404
    for content in ("text/plain", "application/xml", "", "application/jsonx"):
        assert (await there.post(body, {**sign(body), "Content-Type": content}))[0] == 415
    assert (await there.post(gzip.compress(body), {**sign(body), "Content-Encoding": "gzip"}))[0] == 415
    assert (await there.post(body, {**sign(body), "Content-Type": "Application/JSON; charset=utf-8"}))[0] == 200
    assert await there.stored() == 1


async def test_a_body_that_is_too_long_gets_413_with_and_without_its_length(there: World) -> None:
    def chunks() -> Any:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield b"x" * 100

        return parts()

    long = note("m2", text="x" * 2000)
    assert (await there.post(long))[0] == 413
    async with there.http.post(there.url, data=chunks(), headers=sign(b"")) as answer:
        assert answer.status == 413
    exact = b'{"msg_id": "m3"}'.ljust(2000)
    assert (await there.post(exact))[0] == 200
    assert (await there.post(exact + b" "))[0] == 413


async def test_a_chunked_body_within_the_limit_is_taken(there: World) -> None:
    body = note("m1")

    async def parts() -> AsyncIterator[bytes]:
        for byte in body:
            yield bytes([byte])

    async with there.http.post(there.url, data=parts(), headers=sign(body)) as answer:
        assert answer.status == 200


async def raw_request(there: World, head: str, body: bytes, *, close: bool = False) -> bytes:
    """Send a request by hand and return the status line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", there.bridge.http.port)
    try:
        writer.write(f"POST /hooks/notes HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body)
        await writer.drain()
        if close:
            writer.transport.abort()
            return b""
        async with asyncio.timeout(5):
            return await reader.readline()
    finally:
        writer.close()


async def test_a_body_that_trickles_in_gets_408(there: World) -> None:
    head = "Content-Type: application/json\r\nContent-Length: 100\r\n"
    assert b" 408 " in await raw_request(there, head, b'{"msg_id"')
    assert there.bridge.ingress.counts("notes") == {"slow": 1}


async def test_a_request_that_breaks_off_leaves_nothing_behind(there: World) -> None:
    head = "Content-Type: application/json\r\nContent-Length: 100\r\n"
    await raw_request(there, head, b'{"msg_id"', close=True)
    assert (await there.post(note("m1"), sign(note("m1"), "wrong")))[0] == 401
    assert set(there.bridge.ingress.counts("notes")) <= {"broken_off", "unauthorized"}
    assert await there.stored() == 0


async def test_what_is_no_http_gets_400(there: World) -> None:
    assert b" 400 " in await raw_request(there, "No colon here\r\n", b"")
    assert b" 400 " in await raw_request(there, "Content-Length: abc\r\n", b"")
    assert b" 400 " in await raw_request(there, "Transfer-Encoding: chunked\r\n", b"zz\r\nxx\r\n")


# --- who and how often ------------------------------------------------------------------------------------------


async def test_only_networks_that_are_allowed_may_deliver(nats_url: str, subject_prefix: str, tmp_path: Path) -> None:
    http = {"trusted_proxies": ["127.0.0.1"]}
    async with world(nats_url, subject_prefix, tmp_path, http=http, allow_from=["203.0.113.0/24"]) as there:
        body = note("m1")
        assert await there.post(body) == (403, {"error": "forbidden"})
        assert (await there.post(body, {**sign(body), "X-Forwarded-For": "198.51.100.9"}))[0] == 403
        assert (await there.post(body, {**sign(body), "X-Forwarded-For": "203.0.113.9, 198.51.100.9"}))[0] == 403
        assert (await there.post(body, {**sign(body), "X-Forwarded-For": "198.51.100.9, 203.0.113.9"}))[0] == 200
        assert await there.stored() == 1


async def test_a_claimed_address_counts_for_nothing_without_a_trusted_proxy(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    async with world(nats_url, subject_prefix, tmp_path, allow_from=["203.0.113.0/24"]) as there:
        body = note("m1")
        assert (await there.post(body, {**sign(body), "X-Forwarded-For": "203.0.113.9"}))[0] == 403


async def test_too_many_get_429_with_the_time_to_come_back(nats_url: str, subject_prefix: str, tmp_path: Path) -> None:
    async with world(nats_url, subject_prefix, tmp_path, max_rate=0.5) as there:
        assert (await there.post(note("m1")))[0] == 200
        assert await there.post(note("m2")) == (429, {"error": "too many deliveries"})
        assert 1 <= int(there.headers["Retry-After"]) <= 2


async def test_more_at_once_than_memory_allows_get_503_and_may_come_back(
    there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("venuebus.webhooks.ingress.AT_ONCE", 1)
    _, writer = await asyncio.open_connection("127.0.0.1", there.bridge.http.port)
    writer.write(
        b"POST /hooks/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    )
    async with asyncio.timeout(5):
        while (answer := await there.post(note("m1")))[0] == 200:  # until the slow one has arrived
            pass
    assert answer == (503, {"error": "too many deliveries at once"})
    assert there.headers["Retry-After"] == "1"
    writer.close()
    async with asyncio.timeout(5):
        while (await there.post(note("m1")))[0] != 200:
            pass


async def test_connections_over_the_limit_are_told_503_and_the_others_go_on(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    async with world(nats_url, subject_prefix, tmp_path, http={"max_connections": 20}) as there:
        assert (await there.post(note("m1")))[0] == 200  # this one stays open
        writers = []
        lines = []
        for _ in range(40):
            reader, writer = await asyncio.open_connection("127.0.0.1", there.bridge.http.port)
            writers.append(writer)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    lines.append(await reader.readline())
        assert lines == [b"HTTP/1.1 503 Service Unavailable\r\n"] * 21
        assert (await there.post(note("m2", position="p2")))[0] == 200
        for writer in writers:
            writer.close()


async def test_a_connection_that_says_nothing_is_closed(
    nats_url: str, subject_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("FIRST_REQUEST", 0.2), ("IDLE", 0.3), ("SWEEP", 0.05)):
        monkeypatch.setattr(f"venuebus.connections.{name}", seconds)
    async with world(nats_url, subject_prefix, tmp_path) as there:
        for head in (b"", b"POST /hooks/no"):
            reader, writer = await asyncio.open_connection("127.0.0.1", there.bridge.http.port)
            writer.write(head)
            async with asyncio.timeout(5):
                assert b" 408 " in await reader.readline()
                await reader.read()
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", there.bridge.http.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            assert b" 200 " in await reader.readline()
            assert b"alive" in await reader.read()  # until it is closed for silence
        writer.close()


# --- an open door -----------------------------------------------------------------------------------------------


async def test_an_unverified_door_takes_everything_and_says_so(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    async with world(nats_url, subject_prefix, tmp_path, insecure_unverified=True) as there:
        assert (await there.post(note("m1"), {"Content-Type": "application/json"}))[0] == 200
        await there.until(lambda: there.of(Forward))
        async with there.http.get(there.bridge.http_url + "/readyz") as answer:
            assert answer.status == 200
            assert "NOT verified" in (await answer.json())["venues"]["notes"]["warnings"][0]


async def test_what_happened_is_counted(there: World) -> None:
    await there.post(note("m1"))
    await there.post(note("m1"), sign(note("m1"), "wrong"))
    async with there.http.get(there.bridge.http_url + "/metrics") as answer:
        text = await answer.text()
    assert 'venuebus_webhook_deliveries_total{outcome="new",venue="notes"} 1.0' in text
    assert 'venuebus_webhook_deliveries_total{outcome="unauthorized",venue="notes"} 1.0' in text
    assert "venuebus_webhook_answer_seconds_count 2.0" in text


async def test_a_verification_that_fails_lets_nobody_in_and_is_told_once(
    nats_url: str,
    subject_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = types.ModuleType("failing_verification")
    module.check = lambda headers, raw, now_ns: headers["x-not-there"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "failing_verification", module)
    verify = {"method": "custom", "call": "failing_verification:check"}
    async with world(nats_url, subject_prefix, tmp_path, verify=verify) as there:
        for _ in range(3):
            assert await there.post(note("m1")) == (500, {"error": "internal error"})
        assert await there.stored() == 0
    assert "".join(capsys.readouterr()).count("] the verification itself fails") == 1


async def test_what_cannot_be_decrypted_is_kept_as_it_came(
    nats_url: str, subject_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("some_encryption")

    def unwrap(raw: bytes) -> bytes:
        if not raw.startswith(b"sealed:"):
            raise RuntimeError("tag mismatch")
        return base64.b64decode(raw[7:])

    module.unwrap = unwrap  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_encryption", module)
    async with world(nats_url, subject_prefix, tmp_path, decrypt="some_encryption:unwrap") as there:
        sealed = b"sealed:" + base64.b64encode(note("m1"))
        assert (await there.post(sealed))[0] == 200
        assert (await there.post(b"damaged"))[0] == 200
        await there.until(lambda: there.of(Forward) and there.of(DeadLetter))
        assert there.of(ForwardChange)[0].msg_id == "m1"
        assert base64.b64decode(there.of(DeadLetter)[0].raw) == b"damaged"
        repeated = b"sealed:" + base64.b64encode(note("m1")) + b"\n"  # sealed anew, the same inside
        assert (await there.post(repeated))[0] == 200
        assert there.bridge.ingress.counts("notes") == {"new": 2, "repeated": 1}


async def test_what_others_put_on_the_stream_of_deliveries_stops_nothing(there: World) -> None:
    js = there.client.jetstream()
    odd = {"Vb-Hook-Id": "no json", "Vb-Hook-Received": "soon", "Vb-Hook-Headers": "["}
    await js.publish(f"{there.prefix}.v1.hook.notes.x", b"nonsense", headers=odd)
    await js.publish(f"{there.prefix}.v1.hook.notes.y", b"")
    assert (await there.post(note("m1")))[0] == 200
    await there.until(lambda: there.of(Forward) and len(there.of(DeadLetter)) == 2)
    (change,) = there.of(ForwardChange)
    assert change.msg_id == "m1"


async def test_two_changes_of_one_position_are_counted_so_that_a_loss_shows(there: World) -> None:
    for name, status in (("m1", "open"), ("m2", "open"), ("m3", "settled")):
        await there.post(note(name, status=status))
    await there.until(lambda: len(there.of(ForwardChange)) == 3 and len(there.of(Forward)) == 2)
    assert [change.seq for change in there.of(ForwardChange)] == [1, 2, 3]
    assert [state.seq for state in there.of(Forward)] == [1, 2]
