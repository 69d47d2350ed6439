"""The subject grammar, both ways: pure text, no I/O. Consumers need it as much as the bridge does.

A token that carries a symbol or an id is percent-encoded as UTF-8 except for ``A-Z a-z 0-9 - _ ~ : / +``, so a
symbol with dots, blanks or ``*`` is one token and reads back exactly.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote

from .base import SCHEMA_MAJOR

Plane = Literal["md", "acct", "cmd", "qry", "ctl", "sys", "dead", "hook"]
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
"""What a venue's and an account's name may be made of: one subject token, as it is."""


class Subject(NamedTuple):
    """A subject taken apart. ``kind`` is the message kind, the verb or the query; ``key`` is decoded."""

    plane: Plane
    venue: str
    kind: str
    account: str | None = None
    key: str | None = None


@lru_cache(maxsize=65536)
def encode_token(text: str) -> str:
    """Return ``text`` as one subject token.

    Raises:
        ValueError: ``text`` is empty, which no token can be.
    """
    if not text:
        raise ValueError("an empty text cannot be a subject token")
    return quote(text, safe="-_~:/+", errors="surrogatepass").replace(".", "%2E")


def decode_token(token: str) -> str:
    """Return the text that `encode_token` made ``token`` of."""
    return unquote(token, errors="strict")


class Subjects:
    """Builds and reads the subjects below one prefix (``vb`` unless configured otherwise)."""

    def __init__(self, prefix: str = "vb") -> None:
        self.root = f"{prefix}.v{SCHEMA_MAJOR}"
        self._depth = self.root.count(".") + 1

    def market(self, venue: str, kind: str, symbol: str) -> str:
        """Subject of market data of one symbol."""
        return f"{self.root}.md.{venue}.{kind}.{encode_token(symbol)}"

    def account(self, venue: str, account: str, kind: str, key: str) -> str:
        """Subject of an account event."""
        return f"{self.root}.acct.{venue}.{account}.{kind}.{encode_token(key)}"

    def lease(self, venue: str, account: str) -> str:
        """Subject of the account's lease, the bridge's own."""
        return f"{self.root}.acct.{venue}.{account}.lease"

    def claim(self, venue: str, account: str, command_id: str) -> str:
        """Subject of the claim on one command, the bridge's own."""
        return f"{self.root}.acct.{venue}.{account}.claim.{encode_token(command_id)}"

    def command(self, venue: str, account: str, verb: str, command_id: str) -> str:
        """Subject of a command."""
        return f"{self.root}.cmd.{venue}.{account}.{verb}.{encode_token(command_id)}"

    def query(self, venue: str, account: str, what: str) -> str:
        """Subject of a request for state."""
        return f"{self.root}.qry.{venue}.{account}.{what}"

    def control(self, venue: str, verb: str) -> str:
        """Subject of a request to the bridge."""
        return f"{self.root}.ctl.{venue}.{verb}"

    def system(self, venue: str, kind: str) -> str:
        """Subject of a session or gap event."""
        return f"{self.root}.sys.{venue}.{kind}"

    def dead(self, venue: str, origin: str) -> str:
        """Subject of a dead letter."""
        return f"{self.root}.dead.{venue}.{origin}"

    def hook(self, venue: str, msg_id: str) -> str:
        """Subject of what a venue delivered to the webhook, raw; the bridge's own."""
        return f"{self.root}.hook.{venue}.{encode_token(msg_id)}"

    def parse(self, subject: str) -> Subject:
        """Take a subject apart.

        Raises:
            ValueError: the subject is not below this prefix or does not follow the grammar.
        """
        if not subject.startswith(self.root + "."):
            raise ValueError(f"subject {subject!r} is not below {self.root!r}")
        tokens = subject.split(".")[self._depth :]
        if not all(tokens):
            raise ValueError(f"subject {subject!r} has an empty token")
        match tokens:
            case ["md", venue, kind, key]:
                return Subject("md", venue, kind, None, decode_token(key))
            case ["acct", venue, account, "lease"]:
                return Subject("acct", venue, "lease", account)
            case ["acct", venue, account, kind, key]:
                return Subject("acct", venue, kind, account, decode_token(key))
            case ["cmd", venue, account, verb, key]:
                return Subject("cmd", venue, verb, account, decode_token(key))
            case ["qry", venue, account, what]:
                return Subject("qry", venue, what, account)
            case ["hook", venue, key]:
                return Subject("hook", venue, "delivery", None, decode_token(key))
            case ["ctl" | "sys" | "dead" as plane, venue, kind]:
                return Subject(plane, venue, kind)
        raise ValueError(f"subject {subject!r} does not follow the grammar of {self.root}.>")
