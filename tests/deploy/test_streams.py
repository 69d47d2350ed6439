"""Streams that nack makes of the chart's objects are those that the bridge verifies, to the last field."""

from __future__ import annotations

from typing import Any

import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from venuebus import BusError
from venuebus.bus.connection import Connection
from venuebus.bus.streams import StreamNames, drift, ensure_stream, hooks_config, retained_config, stream_configs
from venuebus.configuration.settings import BusConfig
from venuebus_schemas import Subjects

from .tools import Missing, objects, render, tool

# nack's words and NATS's. What is not here is not rendered, and a new field is a failure rather than a guess.
FIELDS = {
    "name": "name", "subjects": "subjects", "maxMsgsPerSubject": "max_msgs_per_subject", "maxBytes": "max_bytes",
    "discardPerSubject": "discard_new_per_subject", "denyDelete": "deny_delete", "allowDirect": "allow_direct",
    "allowRollup": "allow_rollup_hdrs", "allowMsgTtl": "allow_msg_ttl", "allowAtomicPublish": "allow_atomic",
    "replicas": "num_replicas",
}  # fmt: skip
KINDS: dict[str, Any] = {"storage": StorageType, "discard": DiscardPolicy, "retention": RetentionPolicy}
SECONDS = {"maxAge": "max_age", "duplicateWindow": "duplicate_window"}


@pytest.fixture(autouse=True)
def program() -> None:
    try:
        tool("helm")
    except Missing as why:
        pytest.skip(f"no helm: {why}")


def as_nack_makes_it(spec: dict[str, Any]) -> StreamConfig:
    made: dict[str, Any] = {}
    for key, value in spec.items():
        if key in SECONDS:
            made[SECONDS[key]] = float(value.removesuffix("s"))
        elif key in KINDS:
            made[key] = KINDS[key](value)
        elif key not in ("servers", "account"):
            made[FIELDS[key]] = value
    return StreamConfig(**made)


def rendered(*arguments: str) -> dict[str, StreamConfig]:
    found: list[Any] = [found for found in objects(render("external", *arguments)) if found["kind"] == "Stream"]
    return {found["spec"]["name"]: as_nack_makes_it(found["spec"]) for found in found}


def wanted(prefix: str, bus: BusConfig) -> dict[str, StreamConfig]:
    subjects, names = Subjects(prefix), StreamNames(prefix)
    limits = {name: getattr(bus, name) for name in bus.__struct_fields__ if name.endswith(("_age", "_max_bytes"))}
    limits = {**limits, "duplicate_window": bus.duplicate_window}
    configs = stream_configs(subjects, names, replicas=bus.replicas, **limits)
    configs.append(retained_config(subjects, names, ["btse"], replicas=bus.replicas, **limits))
    configs.append(hooks_config(subjects, names, replicas=bus.replicas, **limits))
    return {str(config.name): config for config in configs}


def differences(made: dict[str, StreamConfig], expected: dict[str, StreamConfig]) -> list[str]:
    found = list(made.keys() ^ expected.keys())
    for name in made.keys() & expected.keys():
        found += [f"{name}: {text}" for text in drift(made[name], expected[name])]
        for field in ("max_age", "max_bytes", "num_replicas", "duplicate_window"):
            ours, theirs = getattr(expected[name], field), getattr(made[name], field)
            if ours != theirs and not (ours is None or (ours == -1 and theirs is None)):
                found.append(f"{name}: {field} is {theirs}, expected {ours}")
    return found


def test_the_stream_objects_are_what_the_bridge_wants() -> None:
    made = rendered("--set", "venues.btse.webhook=true")
    assert differences(made, wanted("vb", BusConfig(servers=("nats://x:4222",), replicas=3))) == []


def test_they_follow_the_prefix_and_the_limits_of_the_configuration() -> None:
    settings = "bus.config.prefix=desk.a,bus.config.command_max_bytes=1048576,bus.config.account_max_age=86400"
    made = rendered("--set", f"{settings},bus.config.replicas=1,venues.btse.webhook=true")
    bus = BusConfig(servers=("nats://x:4222",), command_max_bytes=1048576, account_max_age=86400.0)
    assert differences(made, wanted("desk.a", bus)) == []
    assert differences(made, wanted("desk.a", BusConfig(servers=("nats://x:4222",)))) != []


async def test_a_server_with_these_streams_satisfies_a_bridge_that_only_verifies(
    nats_url: str, subject_prefix: str
) -> None:
    small = ",".join(
        f"bus.config.{name}_max_bytes=1048576" for name in ("command", "account", "system", "dead", "market")
    )
    made = rendered("--set", f"bus.config.prefix={subject_prefix},bus.config.replicas=1,{small}")
    connection = Connection({"servers": [nats_url]})
    await connection.connect()
    expected = wanted(subject_prefix, BusConfig(servers=(nats_url,)))
    for name, config in made.items():
        with pytest.raises(BusError, match="does not exist"):
            await ensure_stream(connection, expected[name], create=False)
        await connection.js.add_stream(config)
    for name in made:
        await ensure_stream(connection, expected[name], create=False)
    await connection.close()
