"""The whole way: a venue that delivers, a bridge, a nats-server, and what a strategy sees."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from venuebus.app import Bridge
from venuebus.configuration.config import build_config
from venuebus.errors import ConfigError
from venuebus.plugins import load_plugins
from venuebus.simulation import Fault
from venuebus_pingpongx.simulator import SECRET, PingPongXSimulator
from venuebus_schemas import DeadLetter, Forward, ForwardChange, Result, decode_event

VENUE = "pp"
SAMPLE = Path(__file__).parents[2] / "plugins/pingpongx/tests/position_extend.json"
SMALL = {f"{name}_max_bytes": 16 * 2**20 for name in ("command", "account", "system", "dead", "hook")}


class World:
    """A bridge with one venue, and everything that is on the bus."""

    def __init__(self, bridge: Bridge, client: Client, sim: PingPongXSimulator, prefix: str) -> None:
        self.bridge = bridge
        self.client = client
        self.sim = sim
        self.prefix = prefix
        self.events: list[Any] = []
        self._changed = asyncio.Event()

    async def listen(self) -> None:
        async def on_message(message: Any) -> None:
            if not {"lease", "claim"} & set(message.subject.split(".")):
                self.events.append(decode_event(message.data))
                self._changed.set()

        for plane in ("acct", "dead"):
            await self.client.subscribe(f"{self.prefix}.v1.{plane}.>", cb=on_message)
        await self.client.request("$JS.API.INFO", b"")  # a barrier: a flush would overtake the subscriptions

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def states(self) -> dict[str, str]:
        return {event.position_id: str(event.status) for event in self.of(Forward)}

    async def until(self, condition: Callable[[], object], timeout: float = 20) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def world(
    nats_url: str, prefix: str, folder: Path, sim: PingPongXSimulator, *, polling: bool = False
) -> AsyncIterator[World]:
    await sim.start()
    table = sim.config()
    if not polling:
        del table["base_url"], table["access_token"]
    plugins = load_plugins()
    config = build_config(
        {
            "bus": {"servers": [nats_url], "prefix": prefix, "spool_dir": str(folder), **SMALL},
            "http": {"listen": "127.0.0.1:0"},
            "venues": {VENUE: {**table, "poll_interval": 0.2}},
        },
        plugins.specs,
    )
    bridge = Bridge(config, plugins)
    await bridge.start()
    client = await nats.connect(nats_url)
    try:
        made = World(bridge, client, sim, prefix)
        await made.listen()
        sim.target(f"{bridge.http_url}/hooks/{VENUE}")
        yield made
    finally:
        await sim.stop()
        await client.close()
        await bridge.stop()


@pytest.fixture
async def there(nats_url: str, subject_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    sim = PingPongXSimulator(rate=0, pause=0.0, backoff=0.05)
    async with world(nats_url, subject_prefix, tmp_path, sim) as made:
        yield made


async def test_the_sample_posted_with_curl_word_for_word_appears_as_events(there: World, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    body, headers = tmp_path / "body.json", tmp_path / "headers"
    body.write_bytes(SAMPLE.read_bytes())
    sign = [sys.executable, "-m", "venuebus_pingpongx.sign", str(body), "--secret", SECRET]
    headers.write_bytes((await asyncio.to_thread(subprocess.run, sign, check=True, capture_output=True)).stdout)
    url = f"{there.bridge.http_url}/hooks/{VENUE}"
    post = [curl, "-sS", "-w", "%{http_code}", "-H", f"@{headers}", "--data-binary", f"@{body}", url]
    answers = [await asyncio.to_thread(subprocess.run, post, check=True, capture_output=True) for _ in range(3)]
    assert [answer.stdout for answer in answers] == [b'{"msg": "success"}200'] * 3
    await there.until(lambda: len(there.of(Forward)) == 3)
    (change,) = there.of(ForwardChange)
    assert (change.change, change.msg_id, change.extra) == (
        "extend", "P24010816531715000058", {"buy_difference": "0.05"},
    )  # fmt: skip
    assert there.states == {
        "240326FW272838750": "extended", "240326FW162799862": "open", "240326FW481691497": "open",
    }  # fmt: skip
    js = there.client.jetstream()
    stored = await js.get_last_msg(
        f"{there.prefix.upper()}_ACCT", f"{there.prefix}.v1.acct.pp.main.forward.240326FW481691497"
    )
    assert json.loads(stored.data or b"")["sell_amount"] == "301.6"
    raw = await js.get_last_msg(f"{there.prefix.upper()}_HOOK", f"{there.prefix}.v1.hook.pp.P24010816531715000058")
    assert raw.data == SAMPLE.read_bytes()


async def test_every_kind_of_forgery_and_damage_leaves_the_truth_alone(there: World) -> None:
    actions: list[Any] = ["lie", "garbage", "truncate", "cut", "duplicate", "reorder", None]
    lives = [there.sim.desk.life() for _ in range(20)]
    messages = [message for life in lives for message in life]
    for number, message in enumerate(messages):
        action = actions[number % len(actions)]
        if action is not None and number < len(messages) - 1:
            there.sim.faults.add(Fault(point="delivery", action=action, match=message["msg_id"]))
        there.sim.send(message)
    await there.sim.sender.settle()
    assert not there.sim.sender.given_up
    await there.until(lambda: len({change.msg_id for change in there.of(ForwardChange)}) == len(messages))
    told = [change.msg_id for change in there.of(ForwardChange)]
    assert sorted(told) == sorted(message["msg_id"] for message in messages)
    words = {"waitSettle": "open", "settle": "settled", "extendClose": "extended", "cancel": "canceled"}
    wanted = {name: words[row["status"]] for name, row in there.sim.desk.positions.items()}
    await there.until(lambda: there.states == wanted)
    injected = [action for _, action in there.sim.faults.injected]
    letters = {base64.b64decode(letter.raw) for letter in there.of(DeadLetter)}
    await there.until(lambda: len(there.of(DeadLetter)) >= injected.count("garbage") + injected.count("truncate"))
    assert len(letters) <= injected.count("garbage") + injected.count("truncate")
    counts = there.bridge.ingress.counts(VENUE)
    assert counts["unauthorized"] == injected.count("lie") > 0
    assert counts["new"] == len(messages) + injected.count("garbage") + injected.count("truncate")


def created(amount: str, kind: str = "positionCreate") -> str:
    position = (
        f'{{"position_id": "1", "buy_currency": "CNH", "buy_amount": {amount}, "sell_currency": "USD", '
        '"sell_amount": 1, "value_date": "2024-03-27"}'
    )
    return f'{{"event_type": "{kind}", "msg_id": "m", "payload": {position}}}'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (created("1e999999"), "within reason"),
        (created("9" * 5000), "within reason"),
        (created('1, "buy_amount": 2'), "twice"),
        (created("1", "positionMerge"), "unknown event_type"),
        ('{"event_type": "positionCreate", "msg_id": "m", "payload": ' + "[" * 200_000, "too deeply"),
        ('{"event_type": "positionCreate", "msg_id": "m"', "not a delivery"),
        ('{"event_type": "positionCreate", "msg_id": "m", "payload": {"position_id": 5}}', "no position"),
    ],
    ids=["exponent", "digits", "duplicate key", "unknown type", "depth", "broken", "shape"],
)  # fmt: skip
async def test_bad_bodies_that_are_authentic_become_dead_letters_and_get_200(there: World, body: str, why: str) -> None:
    there.sim.sender.send("m", body.encode())
    await there.sim.sender.settle()
    assert there.sim.sender.outcomes == {200: 1}
    await there.until(lambda: there.of(DeadLetter))
    (letter,) = there.of(DeadLetter)
    assert why in letter.text
    assert base64.b64decode(letter.raw) == body.encode()
    assert not there.of(ForwardChange)


async def test_lives_delivered_backwards_end_as_they_should(there: World) -> None:
    for _ in range(10):
        for message in reversed(there.sim.desk.life()):
            there.sim.send(message)
            await there.sim.sender.settle()
    words = {"waitSettle": "open", "settle": "settled", "extendClose": "extended", "cancel": "canceled"}
    wanted = {name: words[row["status"]] for name, row in there.sim.desk.positions.items()}
    await there.until(lambda: there.states == wanted)
    ended: set[str] = set()
    for event in there.of(Forward):
        assert event.position_id not in ended, "a position came back from its end"
        if event.status != "open":
            ended.add(event.position_id)


async def test_what_was_lost_is_found_by_asking(nats_url: str, subject_prefix: str, tmp_path: Path) -> None:
    sim = PingPongXSimulator(rate=0, pause=0.0)
    sim.faults.add(Fault(point="delivery", action="drop", times=-1))
    async with world(nats_url, subject_prefix, tmp_path, sim, polling=True) as there:
        await sim.live()
        await there.until(lambda: len(there.states) == len(sim.desk.positions))
        assert not there.of(ForwardChange)
        assert all(event.reconciled for event in there.of(Forward))
        before = len(there.of(Forward))
        polls = there.bridge.venues[VENUE].sessions.counts["polls"]
        async with asyncio.timeout(10):
            while there.bridge.venues[VENUE].sessions.counts["polls"] < polls + 3:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)
        assert len(there.of(Forward)) == before, "asking again brings no news"


async def test_every_command_is_unsupported_at_once(there: World) -> None:
    js = there.client.jetstream()
    bodies: dict[str, dict[str, Any]] = {
        "submit": {"symbol": "USD/CNH", "side": "buy", "order_type": "market", "quantity": "1"},
        "amend": {"client_order_id": "a", "quantity": "1"},
        "cancel": {"client_order_id": "a"},
        "cancel_all": {},
        "cancel_after": {"timeout_ms": 1000},
    }
    for verb, body in bodies.items():
        data = json.dumps({"type": verb, "command_id": f"c-{verb}", **body}).encode()
        await js.publish(f"{there.prefix}.v1.cmd.{VENUE}.main.{verb}.c-{verb}", data)
    await there.until(lambda: len(there.of(Result)) == len(bodies), timeout=5)
    assert {(str(result.status), str(result.reason)) for result in there.of(Result)} == {("rejected", "unsupported")}


async def test_the_simulator_can_be_steered_over_http(there: World) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as http:
        async with http.post(
            f"{there.sim.url}/_sim/target", data=json.dumps({"url": there.sim.sender.target})
        ) as answer:
            assert (await answer.json())["target"] == there.sim.sender.target
        faults = [{"point": "delivery", "action": "duplicate", "times": 1}]
        async with http.post(f"{there.sim.url}/_sim/faults", data=json.dumps(faults)) as answer:
            assert await answer.json() == {"faults": 1}
        async with http.post(f"{there.sim.url}/_sim/live") as answer:
            sent = (await answer.json())["sent"]
        await there.until(lambda: len(there.of(ForwardChange)) == len(sent))
        await there.sim.sender.settle()
        async with http.get(f"{there.sim.url}/_sim/state") as answer:
            state = await answer.json()
    assert state["answers"] == {"200": len(sent) + 1}
    assert (state["accepted"], state["given_up"]) == (len(sent), 0)


def test_the_signing_helper_tells_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from venuebus_pingpongx.sign import main

    file = tmp_path / "body"
    file.write_bytes(b"{}")
    with pytest.raises(SystemExit):
        main([str(file), "--secret", "x"])
    assert "no msg_id" in capsys.readouterr().err
    assert main([str(file), "--secret", "x", "--id", "P1", "--at", "1711454778"]) == 0
    assert "webhook-timestamp: 1711454778" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"poll_interval": 0, "base_url": "https://x", "access_token": "abcdef"}, "venues.pp.poll_interval"),
        ({"max_pages": 0}, "venues.pp.max_pages"),
        ({"api_key": "x"}, "venues.pp.api_key: unknown key"),
        ({"insecure_unverified": False}, "venues.pp.verify: missing"),
        ({"base_url": "https://x"}, "venues.pp.base_url: goes together with access_token"),
    ],
)
def test_a_configuration_that_cannot_work_names_the_key(table: dict[str, Any], why: str) -> None:
    data = {"venues": {VENUE: {"plugin": "pingpongx", "insecure_unverified": True, **table}}}
    with pytest.raises(ConfigError) as caught:
        build_config(data, load_plugins().specs)
    assert why in str(caught.value)
