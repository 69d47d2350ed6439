"""The 44 bytes before every message of OpenD, little-endian and packed; nothing between frames."""

from __future__ import annotations

import struct
from hashlib import sha1

HEADER = struct.Struct("<2sIBBII20s8s")
"""Magic, protocol id, body format, version, serial, body length on the wire, SHA-1 of the plain body, reserved."""
TOLD = struct.Struct("<2sIBxII20s8x")
"""The same without version and reserved bytes, which say nothing."""
SIZE = HEADER.size
MAGIC = b"FT"
PROTOBUF = 0
JSON = 1
RESERVED = bytes(8)


def pack(proto: int, serial: int, body: bytes, wire: bytes | None = None, *, fmt: int = PROTOBUF) -> bytes:
    """Return one frame; ``wire`` is the encrypted body where the connection has a cipher."""
    wire = body if wire is None else wire
    return HEADER.pack(MAGIC, proto, fmt, 0, serial, len(wire), sha1(body).digest(), RESERVED) + wire
