"""What is written for a nats-server of our own, and what it writes for us: its configuration and its ports file."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Literal

import msgspec

from ..errors import BusError

GIB = 1024**3


class ServerOptions(msgspec.Struct, kw_only=True, frozen=True):
    """How to run the server. ``port`` 0 takes a free one; ``max_store`` is bytes; ``sync`` as in `BusConfig`."""

    store_dir: Path
    port: int = 0
    max_store: int = 8 * GIB
    sync: Literal["always", "default"] = "always"
    user: str | None = None
    password: str | None = None
    token: str | None = None


def default_store_dir() -> Path:
    """Return where the store is unless configured: below the platform's folder for a user's data."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "venuebus" / "nats"


def server_config(options: ServerOptions, run_dir: Path) -> str:
    """Return the text of the server's own configuration file."""
    lines = [
        f'listen: "127.0.0.1:{options.port or -1}"',
        f'server_name: "venuebus-{secrets.token_hex(4)}"',
        f"ports_file_dir: {_quoted(str(run_dir))}",
        f"log_file: {_quoted(str(options.store_dir / 'nats-server.log'))}",
        "log_size_limit: 10485760",
        "logfile_max_num: 3",
        "jetstream {",
        f"  store_dir: {_quoted(str(options.store_dir))}",
        f"  max_file: {options.max_store}",
        "  max_mem: 1073741824",
        f"  sync_interval: {'always' if options.sync == 'always' else '2m'}",
        "}",
    ]
    if options.token is not None:
        lines.append(f"authorization {{ token: {_quoted(options.token)} }}")
    elif options.user is not None:
        lines.append(f"authorization {{ user: {_quoted(options.user)}, password: {_quoted(options.password or '')} }}")
    return "\n".join(lines) + "\n"


def read_port(run_dir: Path) -> int | None:
    """Return the port of the server whose ports file is in ``run_dir``; ``None`` until it is written."""
    for file in run_dir.glob("*.ports"):
        try:
            return int(json.loads(file.read_text(encoding="utf-8"))["nats"][0].rpartition(":")[2])
        except (ValueError, LookupError):
            return None  # half written
    return None


def _quoted(text: str) -> str:
    """Write ``text`` as a string of the server's configuration language.

    Raises:
        BusError: it holds a character that the language cannot express.
    """
    if any(ord(char) < 32 for char in text):
        raise BusError("a control character cannot stand in the embedded server's configuration")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
