"""What closes nats-py for good must end as a new connection or as an error that says so, never as a zombie."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import nats.errors
import pytest
from venuebus.bus.connection import Connection
from venuebus.bus.failure import TOO_LARGE, NotPermitted, Refused
from venuebus.bus.grants import Scope
from venuebus.bus.options import connect_options, renewal
from venuebus.bus.permissions import jwt_claims, permissions
from venuebus.configuration.config import BusConfig, TlsConfig
from venuebus.errors import BusError
from venuebus.secret import Secret

from .bench import NatsServer
from .secured import Secured, User
from .tokens import TokenServer

PROGRAM = ("-c", "from venuebus.cli import main; main()")


class Watched:
    """A bridge's connection, and what it tells about itself."""

    def __init__(self, bus: BusConfig, *, patience: float = 30.0) -> None:
        options = connect_options(bus, None)
        self.connection = Connection(options, renew=renewal(bus, options), login_patience=patience)
        self.connection.on_change.append(self._changed)
        self.changes: list[bool] = []
        self._news = asyncio.Event()

    def _changed(self, up: bool) -> None:
        self.changes.append(up)
        self._news.set()

    async def start(self) -> None:
        await self.connection.connect()
        await self.connection.js.add_stream(name="S", subjects=["s.>"], max_bytes=2**20)
        assert await self.connection.store("s.first", b"1", {}) == 1

    async def until(self, *changes: bool, timeout: float = 15.0) -> None:
        """Wait until the link has told exactly so many changes."""
        async with asyncio.timeout(timeout):
            while len(self.changes) < len(changes):
                self._news.clear()
                await self._news.wait()
        assert tuple(self.changes[: len(changes)]) == changes

    async def lost(self) -> str:
        assert self.connection.lost is not None
        async with asyncio.timeout(15):
            return await self.connection.lost

    async def both(self) -> None:
        """Wait until both clients are connected; the one for market data tells nobody."""
        async with asyncio.timeout(10):
            while not (self.connection.control.is_connected and self.connection.data.is_connected):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def works(self) -> bool:
        """Tell whether both clients of the connection do their work."""
        assert self.connection.lost is not None
        await self.both()
        heard = await self.connection.control.subscribe("x")
        await self.connection.control.request("$JS.API.INFO", b"", timeout=2)
        await self.connection.data.publish("x", b"")
        await heard.next_msg(5)
        return await self.connection.store("s.more", b"2", {}) > 1 and not self.connection.lost.done()


Watch = Callable[..., Watched]


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    made: list[Watched] = []

    def make(bus: BusConfig, **options: Any) -> Watched:
        made.append(Watched(bus, **options))
        return made[-1]

    yield make
    for one in made:
        await one.connection.close()


@pytest.fixture
async def tokens(tmp_path: Path) -> AsyncIterator[TokenServer]:
    server = TokenServer(tmp_path / "nats")
    await server.start()
    yield server
    server.kill()


# --- credentials that end ---------------------------------------------------------------------------------------


async def test_expired_credentials_that_were_renewed_on_the_disk_mean_a_new_connection(
    tokens: TokenServer, tmp_path: Path, watch: Watch
) -> None:
    file = tokens.credentials(tmp_path / "u.creds", lives=2)
    one = watch(BusConfig(servers=(tokens.url,), credentials=file))
    await one.start()
    tokens.credentials(file)
    await one.until(False, True)
    assert await one.works()


async def test_credentials_that_are_renewed_late_or_half_written_are_tried_again(
    tokens: TokenServer, tmp_path: Path, watch: Watch
) -> None:
    file = tokens.credentials(tmp_path / "u.creds", lives=2)
    one = watch(BusConfig(servers=(tokens.url,), credentials=file))
    await one.start()
    await one.until(False)
    whole = tokens.credentials(tmp_path / "new.creds").read_text()
    reconnects = one.connection.control.stats["reconnects"]
    for broken in ("", "-----BEGIN NATS USER JWT-----\n", whole[: len(whole) // 2], whole.replace("SU", "XX")):
        file.write_text(broken)
        await _a_refusal(one)
    file.unlink()
    await _a_refusal(one)
    assert one.connection.control.stats["reconnects"] == reconnects
    file.write_text(whole)
    await one.until(False, True)
    assert await one.works()


async def _a_refusal(one: Watched) -> None:
    """Return after the next attempt to connect that the client reports."""
    told = asyncio.Event()
    before = one.connection.control._error_cb

    async def note(error: Exception) -> None:
        await before(error)
        told.set()

    one.connection.control._error_cb = note
    try:
        async with asyncio.timeout(10):
            await told.wait()
    finally:
        one.connection.control._error_cb = before


async def test_credentials_that_stay_expired_end_the_bridge_with_a_text(
    tokens: TokenServer, tmp_path: Path, watch: Watch
) -> None:
    file = tokens.credentials(tmp_path / "u.creds", lives=2)
    one = watch(BusConfig(servers=(tokens.url,), credentials=file), patience=0.5)
    await one.start()
    text = await one.lost()
    assert "NATS refuses the login" in text
    assert "see bus.credentials" in text


async def test_the_program_ends_with_1_when_its_credentials_end(tokens: TokenServer, tmp_path: Path) -> None:
    file = tokens.credentials(tmp_path / "u.creds", lives=3)
    config = tmp_path / "venuebus.toml"
    config.write_text(
        f'[bus]\nservers = ["{tokens.url}"]\ncredentials = "{file}"\nlogin_patience = 0.5\n'
        f'spool_dir = "{tmp_path / "spool"}"\n'
        + "".join(f"{name}_max_bytes = 1048576\n" for name in ("command", "account", "system", "dead", "hook"))
        + '[http]\nlisten = "127.0.0.1:0"\n[venues.p]\nplugin = "pingpongx"\ninsecure_unverified = true\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, *PROGRAM, "run", str(config), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            _, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 1, err.decode()
    assert "bridge started" in err.decode()
    [end] = [line for line in err.decode().splitlines() if line.startswith("Error: ")]
    assert "NATS refuses the login" in end
    assert "bus.credentials" in end
    assert "Traceback" not in err.decode()


async def test_a_user_who_is_taken_out_and_put_back_comes_back(tmp_path: Path, watch: Watch) -> None:
    server = Secured(tmp_path / "nats", [User("admin"), User("bridge")])
    await server.start()
    try:
        bus = server.bus("bridge", tmp_path)
        tls = TlsConfig(ca_file=server.authority.ca)
        one = watch(BusConfig(servers=(server.url,), nkey=Secret(file=Path(bus["nkey"]["file"])), tls=tls))
        await one.start()
        bridge = server.users.pop("bridge")
        server.write()
        server.signal(signal.SIGHUP)
        await one.until(False)
        server.users["bridge"] = User("bridge")  # with another key, which its file gets now
        server.bus("bridge", tmp_path)
        assert server.users["bridge"].key.public != bridge.key.public
        server.write()
        server.signal(signal.SIGHUP)
        await one.until(False, True)
        assert await one.works()
    finally:
        await server.stop()


async def test_a_password_is_read_again_for_every_connection(tmp_path: Path, watch: Watch) -> None:
    server = Secured(tmp_path / "nats", [User("bridge")])
    await server.start()
    try:
        file = tmp_path / "password"
        file.write_text(server.users["bridge"].password)
        tls = TlsConfig(ca_file=server.authority.ca)
        one = watch(BusConfig(servers=(server.url,), user="bridge", password=Secret(file=file), tls=tls))
        await one.start()
        server.users["bridge"].password = "another-password"
        file.write_text("another-password")
        server.write()
        server.signal(signal.SIGHUP)
        await one.until(False, True)
        assert await one.works()
    finally:
        await server.stop()


# --- what else the server closes a connection for ---------------------------------------------------------------


async def test_a_message_that_is_too_large_with_its_headers_is_refused_here(own_server: NatsServer) -> None:
    one = Watched(BusConfig(servers=(own_server.url,)))
    await one.start()
    limit = one.connection.control.max_payload
    with pytest.raises(Refused, match="max_payload") as refused:
        await one.connection.store("s.big", b"x" * (limit - 10), {"Nats-Msg-Id": "a" * 100})
    assert refused.value.code == TOO_LARGE
    assert await one.works()
    assert one.changes == []
    await one.connection.close()


@pytest.mark.parametrize("trap", ["too large", "nonsense"])
async def test_an_error_of_the_server_is_a_lost_link_and_nothing_worse(own_server: NatsServer, trap: str) -> None:
    one = Watched(BusConfig(servers=(own_server.url,)))
    await one.start()
    for client in (one.connection.data, one.connection.control):
        if trap == "nonsense":
            assert client._transport is not None
            client._transport.write(b"BOGUS\r\n")
        else:
            await client.publish("s.big", b"x" * (client.max_payload - 10), headers={"a": "b" * 100})
    await one.until(False, True)
    assert await one.works()
    await one.connection.close()


async def test_a_server_that_has_no_room_for_us_takes_us_when_it_has(tmp_path: Path, watch: Watch) -> None:
    server = Secured(tmp_path / "nats", [User("bridge")], more="max_connections: 10")
    await server.start()
    try:
        bus = server.bus("bridge", tmp_path)
        tls = TlsConfig(ca_file=server.authority.ca)
        one = watch(BusConfig(servers=(server.url,), nkey=Secret(file=Path(bus["nkey"]["file"])), tls=tls))
        await one.start()
        server._more = "max_connections: 1"
        server.write()
        server.signal(signal.SIGHUP)
        async with asyncio.timeout(10):
            while one.connection.control.is_connected and one.connection.data.is_connected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        server._more = "max_connections: 10"
        server.write()
        server.signal(signal.SIGHUP)
        assert await one.works()
    finally:
        await server.stop()


# --- who we are ---------------------------------------------------------------------------------------------------


async def test_mutual_tls_lets_in_who_has_a_certificate_and_no_other(tmp_path: Path, watch: Watch) -> None:
    server = Secured(tmp_path / "nats", [User("bridge")], clients_prove=True)
    await server.start()
    try:
        bus = server.bus("bridge", tmp_path)
        nkey = Secret(file=Path(bus["nkey"]["file"]))
        paths = {name: Path(path) for name, path in bus["tls"].items()}
        one = watch(BusConfig(servers=(server.url,), nkey=nkey, tls=TlsConfig(**paths)))
        await one.start()
        assert await one.works()
        other = watch(BusConfig(servers=(server.url,), nkey=nkey, tls=TlsConfig(ca_file=paths["ca_file"])))
        with pytest.raises(BusError, match=r"do not trust each other .*CERTIFICATE_REQUIRED.*bus\.tls"):
            async with asyncio.timeout(10):
                await other.connection.connect()
    finally:
        await server.stop()


async def test_the_claims_of_a_role_are_what_a_jwt_allows(tokens: TokenServer, tmp_path: Path, watch: Watch) -> None:
    admin = watch(BusConfig(servers=(tokens.url,), credentials=tokens.credentials(tmp_path / "admin.creds")))
    await admin.connection.connect()
    await admin.connection.js.add_stream(name="VB_CMD", subjects=["vb.v1.cmd.>"], max_bytes=2**20)
    granted = permissions(["strategy"], Scope(accounts=(("toy", "main"),), inbox="_INBOX_s"))
    file = tokens.credentials(tmp_path / "s.creds", claims=jwt_claims(granted, "", "s"))
    strategy = watch(BusConfig(servers=(tokens.url,), credentials=file, inbox_prefix="_INBOX_s")).connection
    await strategy.connect()
    assert await strategy.store("vb.v1.cmd.toy.main.submit.a", b"{}", {}) == 1
    for subject in ("vb.v1.cmd.toy.other.submit.b", "vb.v1.acct.toy.main.order.c", "$JS.API.STREAM.DELETE.VB_CMD"):
        with pytest.raises(NotPermitted, match="may not publish"):
            await strategy.store(subject, b"{}", {})
    with pytest.raises(nats.errors.Error, match=r"role operator"):
        await strategy.control.request("vb.v1.ctl.toy.halt", b"{}", timeout=2)
    assert (await admin.connection.js.stream_info("VB_CMD")).state.messages == 1
