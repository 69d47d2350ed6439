"""What parent and child tell each other: MessagePack with its length before it."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
from venuebus_schemas import Reason, SessionState

LENGTH = struct.Struct("<I")
LARGEST = 32 * 2**20  # bytes of one message; a longer one is no message of ours


class Setup(msgspec.Struct, tag="setup", kw_only=True):
    """To the child, first: all it needs. ``tables`` are the configuration's, with references to secrets unread.

    ``nats_url`` is the embedded server's, ``owner`` the name that the child holds leases by.
    """

    parent: int
    venue: str
    tables: dict[str, Any]
    folder: str
    owner: str
    spool_dir: str
    single_replica: list[str]
    nats_url: str | None = None

    def __repr__(self) -> str:
        return f"<setup of {self.venue}>"  # the tables may hold what nobody should read


class Stop(msgspec.Struct, tag="stop"):
    """To the child: drain and end."""


class State(msgspec.Struct, tag="state", kw_only=True):
    """From the child: the venue's state, which it has published and logged already."""

    state: SessionState
    since_ns: int
    text: str = ""
    reason: Reason | None = None


class Sample(msgspec.Struct, array_like=True):
    """One number of a family of metrics."""

    name: str
    labels: dict[str, str]
    value: float


class Sparse(msgspec.Struct, array_like=True):
    """The native buckets of one histogram."""

    labels: list[str]
    zero: int
    counts: dict[int, int]


class Family(msgspec.Struct, array_like=True):
    """One family of metrics."""

    name: str
    help: str
    kind: str
    samples: list[Sample]
    sparse: list[Sparse] = []


class Report(msgspec.Struct, tag="report", kw_only=True):
    """From the child, every second: how it is."""

    state: State
    health: dict[str, Any]
    families: list[Family]


class Beat(msgspec.Struct, tag="beat"):
    """From the child's event loop: it runs."""


class Ended(msgspec.Struct, tag="ended"):
    """From the child, last: why it ends; "" after it drained."""

    text: str


ToChild = Setup | Stop
ToParent = State | Report | Beat | Ended
_to_child: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
_to_parent: msgspec.msgpack.Decoder[ToParent] = msgspec.msgpack.Decoder(ToParent)


def pack(message: ToChild | ToParent) -> bytes:
    """Return the bytes of ``message``."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def for_child(body: bytes) -> ToChild:
    """Read what the parent sent.

    Raises:
        DecodeError: it is nothing of the kind.
    """
    return _to_child.decode(body)


def for_parent(body: bytes) -> ToParent:
    """Read what a child sent; its process runs foreign code, so nothing in it is taken on trust.

    Raises:
        DecodeError: it is nothing of the kind.
    """
    return _to_parent.decode(body)
