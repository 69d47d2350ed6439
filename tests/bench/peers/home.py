"""Where a peer lives: an environment with what ``<name>.txt`` beside this file pins."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from ..child import ROOT, Child

PINS = Path(__file__).parent


class NotInstalled(Exception):
    """The peer cannot be measured here; the text says why and what to do."""


def version(peer: str) -> str:
    """Return the version of ``peer`` that is measured."""
    pins = dict(line.split("==") for line in (PINS / f"{peer}.txt").read_text().split() if "==" in line)
    return pins[peer]


def python(peer: str) -> Path:
    """Return the interpreter of the peer's environment.

    Raises:
        NotInstalled: there is none.
    """
    found = ROOT / ".venv" / "peers" / peer / "bin" / "python"
    if not found.exists():
        raise NotInstalled(f"{peer} is not installed: make bench-peers")
    return found


@contextlib.asynccontextmanager
async def running(peer: str, module: str, *args: str) -> AsyncIterator[Child]:
    """Run ``tests.bench.<module>`` under the peer's interpreter, with a home directory of its own to write into.

    Raises:
        NotInstalled: as `python`.
    """
    interpreter = python(peer)
    with tempfile.TemporaryDirectory() as home:
        child = await Child.start(module, *args, python=interpreter, env={"HOME": home, "PATH": os.environ["PATH"]})
        try:
            yield child
        finally:
            await child.stop()
