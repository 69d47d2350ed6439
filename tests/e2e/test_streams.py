"""The streams of the bus: made as the guarantees need them, and held against what is there."""

from __future__ import annotations

import json
from pathlib import Path

import nats
import pytest
from nats.aio.client import ServerVersion
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError
from venuebus import BusError
from venuebus.bus.connection import Connection
from venuebus.bus.streams import StreamNames, ensure_stream, retained_config, stream_configs
from venuebus_schemas import Subjects

from .bench import NatsServer

MIB = 1024 * 1024
LIMITS = {f"{name}_max_bytes": MIB for name in ("command", "account", "system", "dead")}


class Bus:
    def __init__(self, url: str, prefix: str) -> None:
        self.connection = Connection({"servers": [url]})
        self.subjects = Subjects(prefix)
        self.names = StreamNames(prefix)

    def config(self, name: str) -> StreamConfig:
        configs = stream_configs(self.subjects, self.names, **LIMITS)
        return next(config for config in configs if config.name == name)


async def test_the_streams_are_created_once_and_found_again(nats_url: str, subject_prefix: str) -> None:
    bus = Bus(nats_url, subject_prefix)
    await bus.connection.connect()
    for _ in range(2):
        for config in stream_configs(bus.subjects, bus.names, **LIMITS):
            await ensure_stream(bus.connection, config)
    made = (await bus.connection.js.stream_info(bus.names.account)).config
    assert (made.allow_atomic, made.deny_delete, made.storage) == (True, True, StorageType.FILE)
    js = bus.connection.js
    await js.publish(f"{bus.subjects.root}.cmd.toy.main.submit.a", b"{}")
    with pytest.raises(APIError) as refused:
        await js.publish(f"{bus.subjects.root}.cmd.toy.main.submit.a", b"{}")
    assert refused.value.err_code == 10077
    await bus.connection.close()


async def test_a_second_publication_is_refused_also_after_a_kill_of_the_server(
    own_server: NatsServer, subject_prefix: str
) -> None:
    bus = Bus(own_server.url, subject_prefix)
    await bus.connection.connect()
    await ensure_stream(bus.connection, bus.config(bus.names.commands))
    await bus.connection.js.publish(f"{bus.subjects.root}.cmd.toy.main.submit.a", b"{}")
    own_server.kill()
    await own_server.start()
    client = await nats.connect(own_server.url)
    with pytest.raises(APIError) as refused:
        await client.jetstream().publish(f"{bus.subjects.root}.cmd.toy.main.submit.a", b"{}")
    assert refused.value.err_code == 10077
    await client.close()
    await bus.connection.close()


@pytest.mark.parametrize(
    ("stream", "field", "value", "text"),
    [
        ("commands", "max_msgs_per_subject", 5, "max_msgs_per_subject is 5, expected 1"),
        ("commands", "deny_delete", False, "deny_delete is False, expected True"),
        ("account", "allow_atomic", False, "allow_atomic is False, expected True"),
        ("account", "storage", StorageType.MEMORY, "storage is memory, expected file"),
    ],
)
async def test_a_stream_that_breaks_a_guarantee_is_refused_by_name(
    nats_url: str, subject_prefix: str, stream: str, field: str, value: object, text: str
) -> None:
    bus = Bus(nats_url, subject_prefix)
    await bus.connection.connect()
    name = getattr(bus.names, stream)
    wrong = bus.config(name)
    setattr(wrong, field, value)
    if field == "max_msgs_per_subject":
        wrong.discard_new_per_subject = True
    await bus.connection.js.add_stream(wrong)
    with pytest.raises(BusError, match=text) as refused:
        await ensure_stream(bus.connection, bus.config(name))
    assert name in str(refused.value)
    await bus.connection.close()


async def test_what_is_the_operators_choice_is_left_alone(nats_url: str, subject_prefix: str) -> None:
    bus = Bus(nats_url, subject_prefix)
    await bus.connection.connect()
    other = bus.config(bus.names.account)
    other.max_age, other.max_bytes, other.duplicate_window = 7200.0, 2 * MIB, 60
    await bus.connection.js.add_stream(other)
    await ensure_stream(bus.connection, bus.config(bus.names.account))
    assert (await bus.connection.js.stream_info(bus.names.account)).config.max_age == 7200.0
    await bus.connection.close()


async def test_a_missing_stream_is_not_created_where_that_is_forbidden(nats_url: str, subject_prefix: str) -> None:
    bus = Bus(nats_url, subject_prefix)
    await bus.connection.connect()
    with pytest.raises(BusError, match="manage_streams"):
        await ensure_stream(bus.connection, bus.config(bus.names.account), create=False)
    await bus.connection.close()


async def test_retained_market_data_takes_further_venues(nats_url: str, subject_prefix: str) -> None:
    bus = Bus(nats_url, subject_prefix)
    await bus.connection.connect()
    limits = {"market_max_age": 3600.0, "market_max_bytes": MIB}
    for venues in (["one"], ["two"], ["one"]):
        await ensure_stream(bus.connection, retained_config(bus.subjects, bus.names, venues, **limits))
    for venue in ("one", "two"):
        for number in range(3):
            await bus.connection.js.publish(f"{bus.subjects.root}.md.{venue}.quote.X", json.dumps(number).encode())
    state = (await bus.connection.js.stream_info(bus.names.market)).state
    assert state.messages == 2
    config = (await bus.connection.js.stream_info(bus.names.market)).config
    assert (config.max_age, config.max_bytes) == (3600, MIB)
    await bus.connection.close()


async def test_a_server_that_is_too_old_is_named_with_what_to_do(
    nats_url: str, subject_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = Bus(nats_url, subject_prefix)
    monkeypatch.setattr(type(bus.connection.control), "connected_server_version", ServerVersion("2.11.9"))
    with pytest.raises(BusError, match=r"2\.11\.9 is too old.*2\.12 or later"):
        await bus.connection.connect()
    await bus.connection.close()


async def test_a_server_without_jetstream_is_named(subject_prefix: str, tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "plain", jetstream=False)
    await server.start()
    bus = Bus(server.url, subject_prefix)
    await bus.connection.connect()
    with pytest.raises(BusError, match="no JetStream"):
        await ensure_stream(bus.connection, bus.config(bus.names.account))
    await bus.connection.close()
    server.kill()
