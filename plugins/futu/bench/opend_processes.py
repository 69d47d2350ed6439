"""The processes that the parts of this folder start beside the bridge: OpenDs that flood, and the plain relay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.bench.child import LINE, Child

HERE = Path(__file__).resolve().parent


@contextlib.asynccontextmanager
async def opends() -> AsyncIterator[Child]:
    """Run a process of simulated OpenDs; see `children.Opend` for what it may be asked."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "children.py"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE,
    )  # fmt: skip
    child = Child(process)
    try:
        yield child
    finally:
        await child.stop()


@contextlib.asynccontextmanager
async def relay(url: str, feeds: list[tuple[int, int, str]]) -> AsyncIterator[int]:
    """Run the plain relay of (port, subscription type, subject); yield its process id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "relay.py"), url, json.dumps(feeds), stdin=asyncio.subprocess.PIPE
    )
    try:
        yield process.pid
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


def flat(table: dict[str, Any]) -> dict[str, Any]:
    """Return a ``[venues.…]`` table whose accounts are dotted keys, as the bench writes no tables in tables."""
    accounts = table.pop("accounts")
    return table | {f"accounts.{alias}.{key}": value for alias, keys in accounts.items() for key, value in keys.items()}
