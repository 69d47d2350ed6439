"""Runs under the official SDK's Python: reads and writes messages with the SDK's own classes.

Standard input: one JSON object ``{"message name": "hex of our bytes"}``, names as ``Trd_PlaceOrder.Request``. Standard
output: the same names, each with the SDK's reading of our bytes, written again, and with a message that the SDK filled
by itself. Never imported by the tests: the SDK installs a signal handler that ends the process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def fill(message, depth=0):
    """Set every field to something that is not its default."""
    for field in message.DESCRIPTOR.fields:
        repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
        if field.message_type is not None:
            if depth < 6:
                fill(getattr(message, field.name).add() if repeated else getattr(message, field.name), depth + 1)
            continue
        value = value_for(field)
        if repeated:
            getattr(message, field.name).extend([value, value])
        else:
            setattr(message, field.name, value)


def value_for(field):
    """Return a value that tells the field by its number."""
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        return f"f{field.number}-中文"
    if kind == field.CPPTYPE_BOOL:
        return True
    if kind == field.CPPTYPE_ENUM:
        return field.enum_type.values[-1].number
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return field.number + 0.1
    return field.number


def main() -> None:
    asked = json.loads(sys.stdin.read())
    answers = {}
    for name, ours in asked.items():
        module_name, _, kind = name.partition(".")
        module = importlib.import_module(f"futu.common.pb.{module_name}_pb2")
        again = getattr(module, kind)()
        again.ParseFromString(bytes.fromhex(ours))
        theirs = getattr(module, kind)()
        fill(theirs)
        answers[name] = {
            "again": again.SerializeToString().hex(),
            "unknown": len(again.SerializeToString()) != again.ByteSize() or bool(_unknown(again)),
            "theirs": theirs.SerializeToString().hex(),
        }
    sys.stdout.write("ANSWER" + json.dumps(answers) + "\n")
    sys.stdout.flush()


def _unknown(message):
    from google.protobuf.unknown_fields import UnknownFieldSet

    if len(UnknownFieldSet(message)):
        return True
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
        if any(_unknown(item) for item in (value if repeated else [value])):
            return True
    return False


if __name__ == "__main__":
    main()
    os._exit(0)  # the SDK's threads would keep the process
