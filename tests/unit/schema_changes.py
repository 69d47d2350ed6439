"""What a change of the messages breaks: an older version's JSON Schema document against a newer one's.

Run as a program it prints the document to keep for a release: ``python -m tests.unit.schema_changes > FILE``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from venuebus_schemas import COMMAND_TYPES
from venuebus_schemas.documents import json_schema

TEXTS = frozenset({"description", "title", "examples", "$schema", "$id"})


def bare(node: Any) -> Any:
    """Return a document without what only people read."""
    if isinstance(node, dict):
        named = "properties" in node or "$defs" in node
        return {
            key: _members(value) if named and key in ("properties", "$defs") else bare(value)
            for key, value in sorted(node.items())
            if key not in TEXTS
        }
    return [bare(item) for item in node] if isinstance(node, list) else node


def _members(named: dict[str, Any]) -> dict[str, Any]:
    return {name: bare(value) for name, value in sorted(named.items())}


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return everything in ``new`` that a reader or writer of ``old`` could trip over; empty: it only adds."""
    old, new = bare(old), bare(new)
    gone = [ref for ref in old["oneOf"] if ref not in new["oneOf"]]
    found = [f"{ref['$ref']}: is no message any more" for ref in gone]
    for name, before in old["$defs"].items():
        after = new["$defs"].get(name)
        found += [f"{name}: is gone"] if after is None else _changed(name, before, after)
    return found


def _changed(name: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """One message, or one enumeration."""
    found = []
    for key in sorted({*before, *after} - {"properties", "required", "enum"}):
        if before.get(key) != after.get(key):
            found.append(f"{name}: {key} was {before.get(key)!r}, is {after.get(key)!r}")
    lost = [value for value in before.get("enum", []) if value not in after.get("enum", [])]
    found += [f"{name}: the value {value!r} is gone" for value in lost]
    has, is_now = before.get("properties", {}), after.get("properties", {})
    for field, kind in has.items():
        if field not in is_now:
            found.append(f"{name}.{field}: is gone")
        elif kind != is_now[field]:
            found.append(f"{name}.{field}: was {json.dumps(kind)}, is {json.dumps(is_now[field])}")
    needed, needs = set(before.get("required", [])), set(after.get("required", []))
    found += [f"{name}.{field}: is required now" for field in sorted(needs - needed)]
    if name not in COMMAND_TYPES:  # whoever reads it counts on the field; who sends a command may always have sent it
        found += [f"{name}.{field}: may be absent now" for field in sorted(needed - needs)]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bare(json_schema()), indent=1, sort_keys=True) + "\n")
