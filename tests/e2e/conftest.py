"""Fixtures of the tests with whole bridges."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from .bench import Bench, NatsServer


@pytest_asyncio.fixture
async def bench(nats_url: str, subject_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(nats_url, subject_prefix, tmp_path) as made:
        yield made


@pytest_asyncio.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "nats")
    await server.start()
    yield server
    server.kill()
