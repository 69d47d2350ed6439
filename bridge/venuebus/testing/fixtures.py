"""Fixtures of the kit, loaded by pytest through its entry point.

``nats_server`` is one real nats-server with JetStream for the whole test run, ``nats_url`` its address, and
``subject_prefix`` a prefix that no other test has: tests share the server, not subjects, streams or buckets.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..bus.binary import check_version, find_server
from ..bus.server_files import ServerOptions, read_port, server_config
from .report import (  # noqa: F401 - pytest takes its hooks from here, the module of the entry point
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_sessionfinish,
)

START_TIMEOUT = 10.0


@dataclass(frozen=True)
class TestServer:
    """A running nats-server. It is stopped by its ``pid`` when the run ends."""

    __test__ = False

    url: str
    pid: int
    version: str
    store_dir: Path


@pytest.fixture(scope="session")
def nats_server() -> Iterator[TestServer]:
    """One nats-server with JetStream on a free port and a store of its own.

    Raises:
        BusError: no usable nats-server is installed; the text says how to get one. Tests that need the bus fail
            then instead of being skipped: a run without them proves nothing.
    """
    binary = find_server()
    version = check_version(binary)
    folder = Path(tempfile.mkdtemp(prefix="venuebus-test-"))
    options = ServerOptions(store_dir=folder, sync="default")
    config = folder / "nats.conf"
    config.write_text(server_config(options, folder), encoding="utf-8")
    command = [str(binary), "-c", str(config)]
    if shutil.which("setpriv"):  # so that a killed test run leaves no server behind
        command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
    with open(folder / "stderr", "wb") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    try:
        port = _wait_for_port(process, folder)
        yield TestServer(f"nats://127.0.0.1:{port}", process.pid, version, folder)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def nats_url(nats_server: TestServer) -> str:
    """Return the address of the run's nats-server."""
    return nats_server.url


@pytest.fixture
def subject_prefix() -> str:
    """Return a subject prefix (``bus.prefix``) that is this test's own."""
    return f"t{secrets.token_hex(6)}"


def _wait_for_port(process: subprocess.Popen[bytes], folder: Path) -> int:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        port = read_port(folder)
        if port is not None:
            return port
        time.sleep(0.005)
    words = ""
    for name in ("stderr", "nats-server.log"):
        with contextlib.suppress(OSError):
            words += (folder / name).read_text(encoding="utf-8", errors="replace")[-1000:]
    raise RuntimeError(f"nats-server did not start (status {process.poll()}): {words.strip()}{os.linesep}")
