"""The wire contract as documents: JSON Schema for the messages, AsyncAPI 3 for the subjects and who sends what.

Both are made from the structs, so they cannot say anything else than the code. Optional fields are absent, never
null; the fields that the bridge stamps are required although the structs give them defaults.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from .base import SCHEMA_MAJOR, SCHEMA_VERSION, AccountEvent, Event
from .codec import COMMAND_TYPES, EVENT_TYPES
from .rpc import HaltRequest, Query, Reply, ResolveRequest, SubscribeRequest

REQUESTS: dict[str, type[msgspec.Struct]] = {
    "query": Query, "subscribe_request": SubscribeRequest, "halt_request": HaltRequest,
    "resolve_request": ResolveRequest,
}  # fmt: skip
STAMPED = ("venue", "ts_recv", "epoch", "seq")
FIELDS = {
    "type": "Tag of the message",
    "venue": "The venue's name in the configuration",
    "account": "Alias of the account in the configuration",
    "ts_recv": "When the bridge had the bytes; nanoseconds since the Unix epoch, UTC",
    "ts_venue": "What the venue said; nanoseconds since the Unix epoch, UTC",
    "epoch": "Start of the venue's session, milliseconds since the Unix epoch",
    "seq": "Counts from 1 per subject within an epoch, so that a reader sees a loss",
    "command_id": "Id of the command, the same as in the subject",
    "expires_at": "Not executed after this; default for submit and amend: 5 s after it was published",
}

Transport = Literal[
    "core NATS", "JetStream VB_ACCT", "JetStream VB_CMD", "JetStream VB_SYS", "JetStream VB_DEAD", "JetStream VB_HOOK"
]  # fmt: skip


class Channel(NamedTuple):
    """One family of subjects: ``address`` below prefix and version, and what travels on it."""

    name: str
    address: str
    message: str
    action: Literal["send", "receive"]
    transport: Transport
    summary: str
    reply: str | None = None


_MARKET = ("quote", "trade", "book", "book_delta", "ticker", "bar", "instrument")
_ACCOUNT = {
    "order": "order_id", "fill": "symbol", "position": "symbol", "balance": "currency", "forward": "position_id",
    "forward_change": "position_id", "result": "command_id",
}  # fmt: skip
_QUERIES = {
    "orders": "order", "order": "order", "fills": "fill", "positions": "position", "balances": "balance",
    "instruments": "instrument", "book": "book",
}  # fmt: skip
_CONTROLS = {
    "status": "query", "subscribe": "subscribe_request", "unsubscribe": "subscribe_request",
    "halt": "halt_request", "resume": "halt_request", "reconnect": "query", "resolve": "resolve_request",
}  # fmt: skip
_PARAMETERS = {
    "venue": "Name of the venue: A-Z a-z 0-9 _ -",
    "account": "Alias of the account: A-Z a-z 0-9 _ -",
    "symbol": "The venue's symbol, percent-encoded except for A-Z a-z 0-9 - _ ~ : / +",
    "order_id": "client_order_id, or the venue's order id where there is none; percent-encoded",
    "currency": "Currency, percent-encoded",
    "position_id": "Id of the forward position, percent-encoded",
    "command_id": "Id of the command: 1 to 64 of A-Z a-z 0-9 _ -",
    "msg_id": "Id that the venue gave its delivery, percent-encoded",
}


def channels() -> list[Channel]:
    """Return every family of subjects of the contract, from the bridge's point of view."""
    acct, cmd = "acct.{venue}.{account}", "cmd.{venue}.{account}"
    found = [
        Channel(f"md_{kind}", f"md.{{venue}}.{kind}.{{symbol}}", kind, "send", "core NATS", f"Market data: {kind}")
        for kind in _MARKET
    ]
    for kind, key in _ACCOUNT.items():
        address = f"{acct}.{kind}.{{{key}}}"
        found.append(Channel(f"acct_{kind}", address, kind, "send", "JetStream VB_ACCT", f"Account: {kind}"))
    ledger = "The bridge's own ledger; readers are denied it: "
    vb_acct: Transport = "JetStream VB_ACCT"
    found.append(Channel("acct_lease", f"{acct}.lease", "ledger", "send", vb_acct, ledger + "who owns the account"))
    claim = f"{acct}.claim.{{command_id}}"
    found.append(Channel("acct_claim", claim, "ledger", "send", vb_acct, ledger + "the claim on one command"))
    hook = "The bridge's own; readers are denied it: webhook deliveries, raw"
    found.append(Channel("hook", "hook.{venue}.{msg_id}", "ledger", "send", "JetStream VB_HOOK", hook))
    for verb in COMMAND_TYPES:
        address = f"{cmd}.{verb}.{{command_id}}"
        found.append(Channel(f"cmd_{verb}", address, verb, "receive", "JetStream VB_CMD", f"Command: {verb}"))
    for what, item in _QUERIES.items():
        address = f"qry.{{venue}}.{{account}}.{what}"
        summary = f"Request for state: {what}"
        found.append(Channel(f"qry_{what}", address, "query", "receive", "core NATS", summary, f"reply_{item}"))
    for verb, request in _CONTROLS.items():
        summary = f"Request to the bridge: {verb}"
        found.append(Channel(f"ctl_{verb}", f"ctl.{{venue}}.{verb}", request, "receive", "core NATS", summary, "reply"))
    for kind in ("session", "gap"):
        address = f"sys.{{venue}}.{kind}"
        found.append(
            Channel(f"sys_{kind}", address, kind, "send", "JetStream VB_SYS", f"The bridge about itself: {kind}")
        )
    for origin in ("venue", "command"):
        summary = f"What could not be understood, from: {origin}"
        address = f"dead.{{venue}}.{origin}"
        found.append(Channel(f"dead_{origin}", address, "dead_letter", "send", "JetStream VB_DEAD", summary))
    return found


def json_schema() -> dict[str, Any]:
    """Return one JSON Schema (2020-12) whose ``$defs`` hold every message, request and reply."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:venuebus:schema:{SCHEMA_VERSION}",
        "title": "venuebus messages",
        "description": "Any event or command on the bus. Readers ignore fields they do not know, and read values of "
        "an enumeration that they do not know as `unknown`.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in (*EVENT_TYPES, *COMMAND_TYPES)],
        "$defs": _definitions("#/$defs/"),
    }


def asyncapi(prefix: str = "vb") -> dict[str, Any]:
    """Return the AsyncAPI 3 document of the bridge below the subject prefix ``prefix``."""
    schemas = _draft7(_definitions("#/components/schemas/"))
    schemas["ledger"] = {"type": "object", "description": "The bridge's own; not part of the contract."}
    for item in sorted(set(_QUERIES.values())):
        # What is asked for was not published, so it is not numbered.
        stated = [name for name in schemas[item]["required"] if name not in ("epoch", "seq", "ts_recv")]
        schemas[f"{item}_item"] = {**schemas[item], "title": f"{item} in a reply", "required": stated}
        items = {"type": "array", "items": {"$ref": f"#/components/schemas/{item}_item"}}
        schemas[f"reply_{item}"] = {
            "title": f"reply with items of type {item}",
            "allOf": [{"$ref": "#/components/schemas/reply"}, {"properties": {"items": items}}],
        }
    every = channels()
    kept = {channel.message for channel in every if channel.transport != "core NATS"}
    replies = sorted({channel.reply for channel in every if channel.reply})
    names = sorted({channel.message for channel in every} | set(replies))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "venuebus",
            "version": SCHEMA_VERSION,
            "description": "Every trading venue on one message bus. Described from the bridge's point of view: it "
            "sends events and receives commands and requests.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            **{channel.name: _channel(channel, f"{prefix}.v{SCHEMA_MAJOR}") for channel in every},
            "replies": {
                "address": None,
                "description": "The inbox that a request names as its reply subject.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in replies},
            },
        },
        "operations": {channel.name: _operation(channel) for channel in every},
        "components": {
            "messages": {name: _message(name, schemas, headers=name in kept) for name in names},
            "schemas": {**schemas, "headers": _HEADERS},
        },
    }


_HEADERS = {
    "type": "object",
    "description": "Headers of what JetStream keeps; core market data carries none.",
    "properties": {
        "Vb-Type": {"type": "string", "description": "Tag of the message"},
        "Vb-Schema": {"type": "string", "description": "Version of the schema, major.minor", "pattern": r"^1\.\d+$"},
        "Content-Type": {"type": "string", "enum": ["application/json", "application/msgpack"]},
        "Nats-Msg-Id": {"type": "string", "description": "Stable: the same message is on the stream once"},
        "traceparent": {"type": "string", "description": "W3C trace context, where tracing is on"},
    },
}


def _channel(channel: Channel, root: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "address": f"{root}.{channel.address}",
        "summary": channel.summary,
        "description": f"Transport: {channel.transport}.",
        "messages": {channel.message: {"$ref": f"#/components/messages/{channel.message}"}},
    }
    tokens = [token[1:-1] for token in channel.address.split(".") if token.startswith("{")]
    found["parameters"] = {token: {"description": _PARAMETERS[token]} for token in tokens}
    return found


def _operation(channel: Channel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary,
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{channel.message}"}],
    }
    if channel.reply is not None:
        message = {"$ref": f"#/channels/replies/messages/{channel.reply}"}
        found["reply"] = {"channel": {"$ref": "#/channels/replies"}, "messages": [message]}
    return found


def _message(name: str, schemas: dict[str, Any], *, headers: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}}
    if "description" in schemas[name]:
        found["summary"] = schemas[name]["description"].split("\n")[0]
    if headers:
        found["headers"] = {"$ref": "#/components/schemas/headers"}
    return found


def _definitions(root: str) -> dict[str, Any]:
    named: dict[str, type[msgspec.Struct]] = {**EVENT_TYPES, **COMMAND_TYPES, **REQUESTS, "reply": Reply}
    _, components = msgspec.json.schema_components(list(named.values()), ref_template=root + "{name}")
    title_of = {cls.__name__: name for name, cls in named.items()}
    found = {title_of.get(title, title): _clean(schema, root, title_of) for title, schema in components.items()}
    for name, cls in named.items():
        schema = found[name]
        schema["title"] = name
        if issubclass(cls, Event):
            stamped = [*STAMPED, "account"] if issubclass(cls, AccountEvent) else list(STAMPED)
            schema["required"] = sorted({*schema["required"], *stamped})
        for field, text in FIELDS.items():
            if field in schema["properties"]:
                schema["properties"][field] = {**schema["properties"][field], "description": text}
    return dict(sorted(found.items()))


def _clean(node: Any, root: str, title_of: dict[str, str]) -> Any:
    """Drop ``null`` and defaults (absent is how the bus says "not known") and point at the message's tag."""
    if isinstance(node, list):
        return [_clean(part, root, title_of) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key != "default" or isinstance(value, dict)}
    if "anyOf" in kept:
        choices = [choice for choice in kept.pop("anyOf") if choice != {"type": "null"}]
        kept.update(choices[0] if len(choices) == 1 else {"anyOf": choices})
    if isinstance(kept.get("$ref"), str):
        name = kept["$ref"].removeprefix(root)
        kept["$ref"] = root + title_of.get(name, name)
    if isinstance(kept.get("description"), str):
        kept["description"] = kept["description"].replace("``", "`")
    return {key: _clean(value, root, title_of) for key, value in kept.items()}


def _draft7(node: Any) -> Any:
    """Say a tuple as AsyncAPI's dialect (JSON Schema draft 7) does."""
    if isinstance(node, list):
        return [_draft7(part) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _draft7(value) for key, value in node.items()}
    if "prefixItems" in kept:
        kept["items"], kept["additionalItems"] = kept.pop("prefixItems"), False
    return kept
