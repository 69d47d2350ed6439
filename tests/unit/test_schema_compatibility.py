"""Messages change by addition only, held against what each released version said."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from venuebus_schemas import COMMAND_TYPES, EVENT_TYPES, UnknownMessage, decode_command, decode_event, encode
from venuebus_schemas.base import SCHEMA_MAJOR, SCHEMA_MINOR
from venuebus_schemas.documents import json_schema

from tests.unit.schema_changes import breaks

DATA = Path(__file__).parent.parent / "data"
RELEASED = sorted(DATA.glob("schema-*.json"))
GOLDEN = sorted(DATA.glob("golden-*.jsonl"))
Change = Callable[[dict[str, Any]], None]


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_the_messages_only_add_to_a_released_version(path: Path) -> None:
    assert breaks(read(path), json_schema()) == [], "a new field must be optional; nothing may go or change"


def test_every_released_version_is_kept_with_its_golden_messages() -> None:
    versions = [f"{SCHEMA_MAJOR}.{minor}" for minor in range(SCHEMA_MINOR + 1)]
    assert [path.stem.removeprefix("schema-") for path in RELEASED] == versions
    assert [path.stem.removeprefix("golden-") for path in GOLDEN] == versions


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_messages_of_a_released_version_are_read_with_every_field(path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {line["type"] for line in lines} >= {*EVENT_TYPES, *COMMAND_TYPES}
    for line in lines:
        if line["type"] == "reply":
            continue
        decode = decode_command if line["type"] in COMMAND_TYPES else decode_event
        for data in (line["json"].encode(), bytes.fromhex(line["msgpack"])):
            message = decode(data)
            assert not isinstance(message, UnknownMessage)
            assert json.loads(encode(message)) == json.loads(line["json"])


def without_enum_value(document: dict[str, Any]) -> None:
    document["$defs"]["OrderStatus"]["enum"].remove("suspended")


BREAKING: dict[str, tuple[Change, str]] = {
    "removed message": (lambda d: d["$defs"].pop("ticker"), "ticker: is gone"),
    "no message any more": (lambda d: d["oneOf"].pop(0), "is no message any more"),
    "removed field": (lambda d: d["$defs"]["order"]["properties"].pop("venue_status"), "order.venue_status: is gone"),
    "renamed field": (
        lambda d: d["$defs"]["fill"]["properties"].update(cost=d["$defs"]["fill"]["properties"].pop("fee")),
        "fill.fee: is gone",
    ),
    "renamed tag": (
        lambda d: d["$defs"]["trade"]["properties"]["type"].update(enum=["print"]),
        'trade.type: was {"enu',
    ),
    "changed type": (lambda d: d["$defs"]["bar"]["properties"]["final"].update(type="string"), "bar.final: was"),
    "changed notation": (lambda d: d["$defs"]["quote"]["properties"]["bid"].pop("pattern"), "quote.bid: was"),
    "changed reference": (
        lambda d: d["$defs"]["order"]["properties"].update(side={"$ref": "#/$defs/PositionSide"}),
        "order.side: was",
    ),
    "new required field": (lambda d: d["$defs"]["submit"]["required"].append("price"), "submit.price: is required now"),
    "new required field of its own": (
        lambda d: (
            d["$defs"]["cancel"]["properties"].update(why={"type": "string"}),
            d["$defs"]["cancel"]["required"].append("why"),
        ),
        "cancel.why: is required now",
    ),
    "required no more": (
        lambda d: d["$defs"]["order"]["required"].remove("filled_quantity"),
        "order.filled_quantity: may be absent now",
    ),
    "removed enum value": (without_enum_value, "OrderStatus: the value 'suspended' is gone"),
    "removed enum": (lambda d: d["$defs"].pop("Liquidity"), "Liquidity: is gone"),
    "changed kind": (lambda d: d["$defs"]["gap"].update(type="array"), "gap: type was 'object', is 'array'"),
}
ADDING: dict[str, Change] = {
    "optional field": lambda d: d["$defs"]["order"]["properties"].update(mood={"type": "string"}),
    "enum value": lambda d: d["$defs"]["Reason"]["enum"].append("bored"),
    "message": lambda d: (
        d["$defs"].update(mood={"type": "object", "properties": {"type": {"enum": ["mood"]}}, "required": ["type"]}),
        d["oneOf"].append({"$ref": "#/$defs/mood"}),
    ),
    "text": lambda d: d["$defs"]["order"].update(description="Otherwise said."),
    "less demanded of a command": lambda d: d["$defs"]["submit"]["required"].remove("side"),
}


@pytest.mark.parametrize("name", BREAKING)
def test_the_check_finds_what_breaks(name: str) -> None:
    change, text = BREAKING[name]
    new = copy.deepcopy(json_schema())
    change(new)
    found = breaks(json_schema(), new)
    assert any(text in one for one in found), found


@pytest.mark.parametrize("name", ADDING)
def test_the_check_lets_additions_pass(name: str) -> None:
    new = copy.deepcopy(json_schema())
    ADDING[name](new)
    assert new != json_schema()
    assert breaks(json_schema(), new) == []
