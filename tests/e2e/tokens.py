"""Operator, account and user JWTs of one test's own, and the nats-server that trusts them (resolver MEMORY)."""

from __future__ import annotations

import base64
import json
import math
import time
from pathlib import Path
from typing import Any

import nkeys

from .bench import NatsServer
from .secured import Key

UNLIMITED = {
    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1,
    "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
}  # fmt: skip

NO_JETSTREAM = {**UNLIMITED, "mem_storage": 0, "disk_storage": 0, "streams": 0, "consumer": 0}


def sign(issuer: Key, claims: dict[str, Any]) -> str:
    """Return the JWT of ``claims``, signed by ``issuer``."""
    body = {"jti": f"{time.time_ns()}", "iat": int(time.time()), "iss": issuer.public, **claims}
    parts = [json.dumps(part).encode() for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(issuer.pair.sign(signed)).rstrip(b"=")
    return (signed + b"." + signature).decode()


class TokenServer(NatsServer):
    """A nats-server with one account, whose users have credentials that may expire."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._operator = Key(nkeys.PREFIX_BYTE_OPERATOR)
        self._account = Key(nkeys.PREFIX_BYTE_ACCOUNT)

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        system = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        trust = {"type": "operator", "version": 2, "system_account": system.public}
        operator = {"sub": self._operator.public, "name": "o", "nats": trust}
        limits = {"limits": UNLIMITED, "type": "account", "version": 2}
        account = {"sub": self._account.public, "name": "VENUEBUS", "nats": limits}
        servers = {"sub": system.public, "name": "SYS", "nats": {**limits, "limits": NO_JETSTREAM}}
        (self.folder / "nats.conf").write_text(
            f"operator: {sign(self._operator, operator)}\n"
            "resolver: MEMORY\nresolver_preload: {\n"
            f"  {self._account.public}: {sign(self._operator, account)}\n"
            f"  {system.public}: {sign(self._operator, servers)}\n}}\n"
            f"jetstream {{ store_dir: '{self.folder / 'js'}' }}\n"
        )
        self._jetstream = ["-c", str(self.folder / "nats.conf")]
        await super().start()

    def credentials(
        self, path: Path, *, lives: float | None = None, claims: dict[str, Any] | None = None, key: Key | None = None
    ) -> Path:
        """Write a credentials file for a user whose login ends ``lives`` seconds from now."""
        key = key or Key()
        given = claims or {"name": "u", "nats": {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}}
        given = {**given, "sub": key.public}
        if lives is not None:
            given["exp"] = math.ceil(time.time() + lives)
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{sign(self._account, given)}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{key.seed}\n------END USER NKEY SEED------\n"
        )
        path.chmod(0o600)
        return path
