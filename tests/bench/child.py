"""A process of the bench that is told what to do on its stdin, one JSON object a line, and answers on its stdout."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self, TextIO

ROOT = Path(__file__).resolve().parents[2]
LINE = 256 * 1024 * 1024  # an answer may hold a stamp per message
Action = Callable[[dict[str, Any]], Awaitable[Any]]


async def serve(actions: dict[str, Action], answers: TextIO = sys.stdout) -> None:
    """Answer until stdin is closed, which is also what happens when the parent dies."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        answer = await actions[request.pop("do")](request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Child:
    """The parent's end of such a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(
        cls, module: str, *args: str, python: str | Path = sys.executable, env: dict[str, str] | None = None
    ) -> Self:
        """Run ``tests.bench.<module>``; it is ready when it has answered its first request."""
        process = await asyncio.create_subprocess_exec(
            python, "-m", f"tests.bench.{module}", *args,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT, limit=LINE,
            env={**(os.environ if env is None else env), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        return cls(process)

    async def ask(self, do: str, **arguments: Any) -> Any:
        """Have it do something and return its answer.

        Raises:
            RuntimeError: it ended instead; its own words are on stderr.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"process {self.pid} ended with status {await self._process.wait()} while asked to {do}")
        return json.loads(line)

    async def stop(self) -> None:
        """Let it come to its end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
