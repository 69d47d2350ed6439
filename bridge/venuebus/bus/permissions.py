"""A role's subjects in the words of nats-server: a block of its configuration, or the claims of a user's JWT."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from .grants import Grants, Role, Scope, grants

NKEY = re.compile(r"U[A-Z2-7]{55}\Z")
RESPONSES = 1  # answers to one request
RESPONSE_TIME = 60  # seconds in which a request may be answered: the venue may have to be asked


def permissions(roles: Iterable[Role], scope: Scope, prefix: str = "vb") -> Grants:
    """Return what all ``roles`` together need for ``scope``."""
    first, *more = (grants(role, scope, prefix) for role in roles)
    for granted in more:
        first |= granted
    return first


def nats_user(granted: Grants, nkey: str, *, indent: str = "") -> str:
    """Return one entry of a nats-server's ``users`` list. Its language takes JSON's texts and lists."""
    lines = [
        "{",
        f"  nkey: {json.dumps(nkey)}",
        "  permissions: {",
        *_allowed("publish", granted.publish),
        *_allowed("subscribe", granted.subscribe),
    ]
    if granted.responses:
        lines.append(f'    allow_responses: {{ max: {RESPONSES}, expires: "{RESPONSE_TIME}s" }}')
    lines += ["  }", "}"]
    return "\n".join(indent + line for line in lines)


def nats_account(granted: Grants, nkey: str, account: str) -> str:
    """Return an ``accounts`` block with the one user, ready to be included by a nats-server's configuration."""
    user = nats_user(granted, nkey, indent="      ")
    return f"accounts {{\n  {account} {{\n    jetstream: enabled\n    users: [\n{user}\n    ]\n  }}\n}}"


def jwt_claims(granted: Grants, nkey: str, name: str) -> dict[str, Any]:
    """Return the claims of a user's JWT but for what its issuer adds: ``iss``, ``iat``, ``jti`` and ``exp``."""
    claims: dict[str, Any] = {
        "pub": {"allow": list(granted.publish)},
        "sub": {"allow": list(granted.subscribe)},
        "subs": -1,
        "data": -1,
        "payload": -1,
        "type": "user",
        "version": 2,
    }
    if granted.responses:
        claims["resp"] = {"max": RESPONSES, "ttl": RESPONSE_TIME * 1_000_000_000}
    return {"name": name, "sub": nkey, "nats": claims}


def _allowed(action: str, patterns: tuple[str, ...]) -> list[str]:
    return [f"    {action}: {{ allow: [", *(f"      {json.dumps(one)}" for one in patterns), "    ] }"]
