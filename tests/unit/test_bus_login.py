"""A nats-server that knows us not: the bridge ends and says so, instead of waiting for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest
from venuebus.bus.binary import find_server
from venuebus.bus.connection import Connection
from venuebus.errors import BusError


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    command = [str(find_server()), "-a", "127.0.0.1", "-p", "-1", "--user", "bridge", "--pass", "right-password"]
    with (
        (tmp_path / "log").open("wb") as log,
        Popen([*command, "--ports_file_dir", str(tmp_path)], stdout=log, stderr=log) as process,
    ):
        deadline = time.monotonic() + 10
        while not (found := [path.read_text() for path in tmp_path.glob("*.ports")]) or not found[0]:
            assert time.monotonic() < deadline, "nats-server did not start"
            time.sleep(0.01)
        yield json.loads(found[0])["nats"][0]
        process.terminate()


@pytest.mark.parametrize("login", [{}, {"user": "bridge", "password": "wrong"}, {"token": "wrong"}])
async def test_a_refused_login_is_an_error_that_names_the_keys(guarded: str, login: dict[str, str]) -> None:
    connection = Connection({"servers": [guarded], **login})
    with pytest.raises(BusError, match=r"refuses the login .*bus\.credentials, .*bus\.password") as caught:
        await connection.connect()
    assert guarded in str(caught.value)
    await connection.close()


async def test_the_right_login_connects(guarded: str) -> None:
    connection = Connection({"servers": [guarded], "user": "bridge", "password": "right-password"})
    await connection.connect()
    assert connection.is_up
    await connection.close()
