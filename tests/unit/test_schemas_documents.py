"""The generated JSON Schema and AsyncAPI documents: valid, complete, and true of the golden messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from venuebus_schemas import COMMAND_TYPES, EVENT_TYPES, Subjects
from venuebus_schemas.documents import asyncapi, channels, json_schema

DATA = Path(__file__).parent.parent / "data"
GOLDEN = [json.loads(line) for line in (DATA / "golden-1.0.jsonl").read_text(encoding="utf-8").splitlines()]


def messages() -> list[dict[str, Any]]:
    return [json.loads(line["json"]) for line in GOLDEN]


def definition(name: str) -> dict[str, Any]:
    return {**json_schema()["$defs"][name], "$defs": json_schema()["$defs"]}


def test_the_asyncapi_document_is_valid_against_the_official_schema() -> None:
    official = json.loads((DATA / "asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(official)
    assert [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(asyncapi())] == []
    broken = {**asyncapi(), "channels": {"x": {"adress": "misspelt"}}}
    assert list(validator.iter_errors(broken)), "the official schema must be able to refuse"


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [ref for part in node.values() for ref in references(part)]
        return [ref for part in node for ref in references(part)] if isinstance(node, list) else []

    found = references(document)
    assert len(found) > 100
    for ref in found:
        node: Any = document
        for step in ref.removeprefix("#/").split("/"):
            node = node[step]


def test_the_json_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert {*EVENT_TYPES, *COMMAND_TYPES, "reply"} <= set(json_schema()["$defs"])


@pytest.mark.parametrize("line", GOLDEN, ids=lambda line: line["type"])
def test_golden_messages_are_valid_by_exactly_one_schema(line: dict[str, Any]) -> None:
    message = json.loads(line["json"])
    jsonschema.Draft202012Validator(json_schema()).validate(message)
    payload = asyncapi()["components"]["schemas"]
    jsonschema.Draft7Validator({**payload[line["type"]], "components": {"schemas": payload}}).validate(message)


@pytest.mark.parametrize("line", GOLDEN, ids=lambda line: line["type"])
def test_what_the_bridge_always_stamps_is_required(line: dict[str, Any]) -> None:
    required = set(definition(line["type"])["required"])
    if line["type"] in COMMAND_TYPES:
        assert {"type", "command_id"} <= required
        assert "expires_at" not in required
        return
    assert {"type", "venue", "ts_recv", "epoch", "seq"} <= required
    assert ("account" in required) == ("account" in definition(line["type"])["properties"])
    message = json.loads(line["json"])
    del message["seq"]
    assert list(jsonschema.Draft202012Validator(definition(line["type"])).iter_errors(message))


@pytest.mark.parametrize("bad", [1.5, 59252, "1e5", "", " 1", "1.", ".5", "+1", "NaN", None])
def test_prices_are_decimal_text_and_nothing_else(bad: Any) -> None:
    quote = next(message for message in messages() if message["type"] == "quote")
    validator = jsonschema.Draft202012Validator(definition("quote"))
    assert not list(validator.iter_errors(quote))
    assert list(validator.iter_errors({**quote, "bid": bad}))


def test_unknown_fields_are_allowed_so_that_later_minor_versions_stay_valid() -> None:
    for message in messages():
        jsonschema.Draft202012Validator(json_schema()).validate({**message, "a_later_field": 1})


def test_no_field_offers_null_or_a_default() -> None:
    assert '"null"' not in json.dumps(json_schema())
    assert '"default"' not in json.dumps(json_schema())


def test_every_message_is_described() -> None:
    for name in (*EVENT_TYPES, *COMMAND_TYPES):
        assert len(definition(name)["description"]) > 10, name


def test_every_subject_of_the_contract_has_a_channel() -> None:
    s = Subjects()
    addresses = {channel["address"] for channel in asyncapi()["channels"].values() if channel["address"]}
    expected = {
        s.market("{venue}", kind, "X").replace("X", "{symbol}")
        for kind in ("quote", "trade", "book", "book_delta", "ticker", "bar", "instrument")
    }
    for kind, key in {
        "order": "order_id", "fill": "symbol", "position": "symbol", "balance": "currency", "forward": "position_id",
        "forward_change": "position_id", "result": "command_id", "claim": "command_id",
    }.items():  # fmt: skip
        expected.add(s.account("{venue}", "{account}", kind, "X").replace("X", f"{{{key}}}"))
    expected.add(s.lease("{venue}", "{account}"))
    expected |= {s.command("{venue}", "{account}", v, "X").replace("X", "{command_id}") for v in COMMAND_TYPES}
    expected |= {
        s.query("{venue}", "{account}", what)
        for what in ("orders", "order", "fills", "positions", "balances", "instruments", "book")
    }
    expected |= {
        s.control("{venue}", verb)
        for verb in ("status", "subscribe", "unsubscribe", "halt", "resume", "reconnect", "resolve")
    }
    expected |= {s.system("{venue}", kind) for kind in ("session", "gap")}
    expected.add(s.hook("{venue}", "X").replace("X", "{msg_id}"))
    expected |= {s.dead("{venue}", origin) for origin in ("venue", "command")}
    assert addresses == expected


def test_events_are_sent_and_commands_received_by_the_bridge() -> None:
    for channel in channels():
        assert channel.action == ("receive" if channel.address.split(".")[0] in ("cmd", "qry", "ctl") else "send")
        operation = asyncapi()["operations"][channel.name]
        assert ("reply" in operation) == (channel.address.split(".")[0] in ("qry", "ctl"))


def test_the_prefix_is_the_configured_one() -> None:
    addresses = [channel["address"] for channel in asyncapi("desk1")["channels"].values() if channel["address"]]
    assert all(address.startswith("desk1.v1.") for address in addresses)
