"""Message classes from the compiled descriptors.

The pool is private: whatever else the process loads (the official SDK registers ``Common.proto`` and friends in the
default pool), neither can break the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_POOL = descriptor_pool.DescriptorPool()
_FILES = descriptor_pb2.FileDescriptorSet.FromString(Path(__file__).with_name("descriptors.binpb").read_bytes())
for _file in _FILES.file:
    _POOL.Add(_file)


def load(name: str) -> dict[str, Any]:
    """Return the classes of the messages of one file by their names."""
    messages = _POOL.FindFileByName(name).message_types_by_name
    return {key: message_factory.GetMessageClass(descriptor) for key, descriptor in messages.items()}
