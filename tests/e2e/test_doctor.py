"""`venuebus doctor` on real servers and disks: each fault is made, found, mended, and found no more."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import nats
import pytest
from aiohttp import web
from nats.aio.client import Client
from nats.aio.msg import Msg
from venuebus import Finding, VenueSpec, hookimpl
from venuebus.bus import connection as bus_connection
from venuebus.bus.streams import StreamNames, stream_configs
from venuebus.configuration.config import build_config
from venuebus.doctor import bus as doctor_bus
from venuebus.doctor import examine
from venuebus.plugins import load_plugins
from venuebus_schemas import Subjects

from .bench import MIB, Bench, NatsServer
from .cluster import Cluster
from .secured import Secured, User
from .toy_venue import ToyConfig, ToyPlugin, ToyVenue

OURS = (("toy", "main"),)
PROGRAM = ("-c", "from venuebus.cli import main; main()")


class UrlConfig(ToyConfig, kw_only=True, frozen=True):
    """A venue with addresses."""

    rest_url: str = ""
    host: str | None = None
    port: int | None = None


class Plugin(ToyPlugin):
    """The toy venue with addresses, and with whatever its ``examine`` is to find."""

    def __init__(self, venue: ToyVenue, found: Iterable[Finding] | Exception | None = None) -> None:
        super().__init__(venue)
        self._found = found

    @hookimpl
    def venuebus_register_venues(self) -> list[VenueSpec[Any]]:
        [spec] = super().venuebus_register_venues()
        examine = self._examine if self._found is not None else None
        return [msgspec.structs.replace(spec, config_type=UrlConfig, examine=examine)]  # type: ignore[arg-type]

    async def _examine(self, config: UrlConfig) -> Iterable[Finding]:
        assert self._found is not None
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


class Patient:
    """A configuration for the doctor to look at; tests change its tables."""

    def __init__(self, url: str | list[str], prefix: str, folder: Path) -> None:
        servers = [url] if isinstance(url, str) else url
        sizes = {f"{name}_max_bytes": MIB for name in ("command", "account", "system", "dead", "market")}
        self.bus: dict[str, Any] = {
            "servers": servers, "prefix": prefix, "spool_dir": str(folder / "spool"), "spool_max_bytes": MIB, **sizes,
        }  # fmt: skip
        self.http: dict[str, Any] = {"listen": "127.0.0.1:0"}
        self.venue: dict[str, Any] = {"plugin": "toy", "folder": str(folder / "venue"), "max_quantity": "1"}
        self.found: Iterable[Finding] | Exception | None = None
        self._toy = ToyVenue(folder / "venue")

    async def findings(self) -> list[Finding]:
        plugins = load_plugins([Plugin(self._toy, self.found)], installed=False)
        data = {"bus": self.bus, "http": self.http, "venues": {"toy": self.venue}}
        return await examine(build_config(data, plugins.specs), plugins)

    async def says(self, where: str, text: str) -> str:
        """Return the severity of the finding with ``text`` about ``where``; "" if there is none."""
        for finding in await self.findings():
            if finding.where.startswith(where) and text in finding.text:
                assert finding.fix or finding.severity == "note", finding
                return finding.severity
        return ""

    async def errors(self) -> list[Finding]:
        return [finding for finding in await self.findings() if finding.severity == "error"]


@pytest.fixture
def patient(nats_url: str, subject_prefix: str, tmp_path: Path) -> Patient:
    return Patient(nats_url, subject_prefix, tmp_path)


@pytest.fixture
async def admin(nats_url: str) -> AsyncIterator[Client]:
    client = await nats.connect(nats_url)
    yield client
    await client.close()


async def make_streams(admin: Client, patient: Patient, **changes: Any) -> None:
    prefix, sizes = patient.bus["prefix"], {key: patient.bus[key] for key in patient.bus if key.endswith("_max_bytes")}
    ages = {"command_max_age": 3 * 86400.0, "account_max_age": 30 * 86400.0}
    for config in stream_configs(Subjects(prefix), StreamNames(prefix), **sizes, **ages):
        if config.name == StreamNames(prefix).commands:
            for name, value in changes.items():
                setattr(config, name, value)
        await admin.jetstream().add_stream(config)


# --- the bus ------------------------------------------------------------------------------------------------------


async def test_a_sound_bus_has_no_errors_and_tells_its_version(patient: Patient, admin: Client) -> None:
    await make_streams(admin, patient)
    assert await patient.errors() == []
    assert await patient.says("bus.servers", "nats-server 2.") == "note"


async def test_a_bus_that_is_away_is_an_error(
    own_server: NatsServer, subject_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_bus, "REACH", 1.0)
    patient = Patient(own_server.url, subject_prefix, tmp_path)
    own_server.kill()
    assert await patient.says("bus.servers", "no answer from NATS") == "error"
    await own_server.start()
    assert await patient.says("bus.servers", "no answer") == ""


async def test_a_server_without_jetstream_is_an_error(subject_prefix: str, tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats", jetstream=False)
    await server.start()
    patient = Patient(server.url, subject_prefix, tmp_path)
    assert await patient.says("bus.servers", "no JetStream") == "error"
    server.kill()


async def test_a_stream_that_drifted_is_an_error_until_it_is_changed_back(patient: Patient, admin: Client) -> None:
    await make_streams(admin, patient, discard_new_per_subject=False)
    name = StreamNames(patient.bus["prefix"]).commands
    assert await patient.says(f"stream {name}", "discard_new_per_subject is False, expected True") == "error"
    config = (await admin.jetstream().stream_info(name)).config
    config.discard_new_per_subject = True
    await admin.jetstream().update_stream(config)
    assert await patient.says(f"stream {name}", "") == ""


async def test_a_missing_stream_is_an_error_where_the_bridge_must_not_make_it(patient: Patient, admin: Client) -> None:
    assert await patient.says("stream", "does not exist yet") == "note"
    patient.bus["manage_streams"] = "check"
    assert await patient.says("stream", "forbids creating it") == "error"
    await make_streams(admin, patient)
    assert await patient.says("stream", "") == ""


async def test_a_stream_that_is_nearly_full_of_commands_is_told(patient: Patient, admin: Client) -> None:
    await make_streams(admin, patient)
    prefix = patient.bus["prefix"]
    for number in range(9):
        await admin.jetstream().publish(f"{prefix}.v1.cmd.toy.main.submit.{number}", b"x" * 100_000)
    assert await patient.says(f"stream {StreamNames(prefix).commands}", "of 1048576 bytes") == "warning"
    await admin.jetstream().publish(f"{prefix}.v1.cmd.toy.main.submit.last", b"x" * 120_000)
    assert await patient.says(f"stream {StreamNames(prefix).commands}", "of 1048576 bytes") == "error"
    await admin.jetstream().purge_stream(StreamNames(prefix).commands)
    assert await patient.says(f"stream {StreamNames(prefix).commands}", "") == ""


async def test_the_accounts_limits_are_held_against_what_the_streams_reserve(tmp_path: Path) -> None:
    server = Secured(tmp_path / "nats", [User("bridge", "bridge", accounts=OURS, webhooks=False)])
    server.jetstream = "{ max_file: 2M, max_streams: 3 }"
    server.users["bridge"].granted = None
    await server.start()
    patient = Patient(server.url, "vb", tmp_path)
    patient.bus |= server.bus("bridge", tmp_path)
    try:
        assert await patient.says("bus", "JetStream gives this account") == "error"
        assert await patient.says("bus", "the account may have 3 streams") == "error"
    finally:
        await server.stop()


async def test_what_a_client_cannot_see_of_the_disk_is_said(patient: Patient) -> None:
    assert await patient.says("bus.servers", "sync_interval cannot be seen") == "warning"


async def test_clocks_that_differ_are_found(patient: Patient, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_streams(admin, patient)
    assert await patient.says("clock", "") == ""
    for seconds, severity, text in ((0.5, "warning", "behind ours"), (-4, "error", "ahead of ours")):
        ours = SimpleNamespace(time_ns=lambda off=seconds: time.time_ns() + int(off * 1e9), monotonic=time.monotonic)
        monkeypatch.setattr(bus_connection, "time", ours)
        assert await patient.says("clock", text) == severity


async def test_replicas_are_held_against_the_cluster(tmp_path: Path) -> None:
    """One replica in a cluster is a warning; a replica that is offline an error."""
    cluster = Cluster(tmp_path / "cluster")
    await cluster.start()
    try:
        patient = Patient([node.url for node in cluster.nodes], "vb", tmp_path)
        client = await nats.connect(cluster.nodes[0].url)
        await make_streams(client, patient)
        assert await patient.says("stream VB_CMD", "one replica in a cluster of 3") == "warning"
        patient.bus["replicas"] = 3
        assert await patient.says("stream VB_CMD", "has 1 replicas, the configuration says 3") == "warning"
        await client.close()
    finally:
        await cluster.stop()


# --- rights -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    users = [
        User("admin"),
        User("bridge", "bridge", accounts=OURS, webhooks=False),
        User("halfway", "bridge", accounts=(("toy", "else"),), webhooks=False),
    ]
    server = Secured(tmp_path / "nats", users)
    await server.start()
    yield server
    await server.stop()


async def test_rights_that_are_missing_or_too_many_are_found_by_trying(secured: Secured, tmp_path: Path) -> None:
    patient = Patient(secured.url, "vb", tmp_path)
    patient.bus |= secured.bus("bridge", tmp_path)
    assert await patient.says("permissions", "") == ""
    patient.bus |= secured.bus("halfway", tmp_path)
    assert await patient.says("permissions", "NATS denies vb.v1.acct.toy.main.>") == "error"
    assert await patient.says("permissions", "NATS denies $KV.VB_STATE.lease.toy.main") == "error"
    patient.bus |= secured.bus("admin", tmp_path)
    patient.bus.pop("inbox_prefix")
    assert await patient.says("permissions", "may publish commands") == "warning"
    assert await patient.says("permissions", "may delete streams") == "warning"


async def test_a_terminal_shows_the_findings_alone_over_tls_too(secured: Secured, tmp_path: Path) -> None:
    bus = secured.bus("bridge", tmp_path)
    file = tmp_path / "venuebus.toml"
    file.write_text(
        f'[bus]\nservers = {json.dumps(bus["servers"])}\ninbox_prefix = "{bus["inbox_prefix"]}"\n'
        f'nkey.file = "{bus["nkey"]["file"]}"\ntls.ca_file = "{bus["tls"]["ca_file"]}"\nspool_dir = "{tmp_path}"\n'
        '[venues.toy]\nplugin = "pingpongx"\ninsecure_unverified = true\n'
    )
    _, out, err = await doctor(str(file))
    assert ("nats-server" in out, err) == (True, ""), out


async def test_a_wrong_login_and_an_unknown_authority_are_errors(secured: Secured, tmp_path: Path) -> None:
    patient = Patient(secured.url, "vb", tmp_path)
    patient.bus |= secured.bus("bridge", tmp_path)
    assert await patient.errors() == []
    patient.bus["nkey"] = {"file": str(tmp_path / "other.nk")}
    (tmp_path / "other.nk").write_text(User("other").key.seed)
    (tmp_path / "other.nk").chmod(0o600)
    assert await patient.says("bus", "refuses the login") == "error"
    patient.bus |= secured.bus("bridge", tmp_path)
    patient.bus["tls"] = {}
    assert await patient.says("bus", "do not trust each other") == "error"


async def test_looking_leaves_nothing_behind_and_disturbs_no_order(bench: Bench, tmp_path: Path) -> None:
    patient = Patient(bench.url, bench.prefix, tmp_path)
    await bench.bridge()
    await bench.submit("a1")
    await bench.result("a1", ("accepted", None, None))
    bench.venue.script("submit", "hold")
    await bench.submit("a2")
    await bench.until(lambda: bench.statuses("a2"))
    before = await contents(bench.client, bench.prefix)
    account: list[str] = []

    async def seen(message: Msg) -> None:
        account.append(message.subject)

    await bench.client.subscribe(f"{bench.prefix}.v1.md.toy.quote.>", cb=seen)
    await bench.client.subscribe(f"{bench.prefix}.v1.cmd.>", cb=seen)
    await bench.client.request("$JS.API.INFO", b"")
    assert await patient.errors() == []
    assert await contents(bench.client, bench.prefix) == before
    bench.venue.release()
    await bench.result("a2", ("accepted", None, None))
    assert [bench.venue.count(name) for name in ("a1", "a2")] == [1, 1]
    assert account == []


async def contents(client: Client, prefix: str) -> dict[str, tuple[int, int, int]]:
    """Last sequence, messages and consumers of every stream of the prefix; the lease's key is renewed meanwhile."""
    names = StreamNames(prefix)
    streams = [
        await client.jetstream().stream_info(name) for name in (names.commands, names.account, names.system, names.dead)
    ]
    return {s.config.name or "": (s.state.last_seq, s.state.messages, s.state.consumer_count) for s in streams}


# --- files and addresses --------------------------------------------------------------------------------------------


async def test_a_secret_that_everybody_can_read_is_an_error(patient: Patient, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-token")
    patient.bus["token"] = {"file": str(file)}
    for mode, severity in ((0o644, "error"), (0o640, ""), (0o620, "warning"), (0o600, "")):
        file.chmod(mode)
        assert await patient.says("bus.token", "") == severity, oct(mode)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_spool_folder_that_cannot_be_written_is_an_error(patient: Patient, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    patient.bus["spool_dir"] = str(folder)
    assert await patient.says("bus.spool_dir", "cannot be written") == "error"
    folder.chmod(0o700)
    assert await patient.says("bus.spool_dir", "") == ""


async def test_a_spool_folder_that_is_a_file_is_an_error(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    patient.bus["spool_dir"] = str(tmp_path / "file")
    assert await patient.says("bus.spool_dir", "cannot be written") == "error"


async def test_a_disk_with_less_room_than_the_spool_may_take_is_told(patient: Patient, tmp_path: Path) -> None:
    assert await patient.says("bus.spool_dir", "") == ""
    patient.bus["spool_max_bytes"] = 2**62
    assert await patient.says("bus.spool_dir", "bytes free") == "warning"


async def test_events_that_wait_on_the_disk_are_told(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "X.toy.main.spool").write_bytes(b"events")
    assert await patient.says("bus.spool_dir", "6 bytes of events") == "note"


async def test_an_http_address_that_others_reach_is_a_warning(patient: Patient) -> None:
    assert await patient.says("http", "") == ""
    patient.http["listen"] = "0.0.0.0:0"
    assert await patient.says("http.listen", "reachable from other machines") == "warning"
    patient.http["trusted_proxies"] = ["0.0.0.0/0"]
    assert await patient.says("http.trusted_proxies", "everybody") == "error"


async def test_orders_without_a_limit_are_worth_a_note(patient: Patient) -> None:
    assert await patient.says("venues.toy", "no limit") == ""
    del patient.venue["max_quantity"]
    assert await patient.says("venues.toy", "no limit") == "note"


async def test_an_embedded_bus_is_looked_at_where_it_runs_and_never_started(patient: Patient, tmp_path: Path) -> None:
    patient.bus = {"servers": "embedded", "store_dir": str(tmp_path / "store"), "sync": "default", "spool_max_bytes": 1}
    assert await patient.says("bus.sync", "power cut") == "warning"
    patient.bus["sync"] = "always"
    assert await patient.says("bus.sync", "") == ""
    assert await patient.says("bus", "does not run") == "note"
    assert not (tmp_path / "store").exists()


# --- venues ---------------------------------------------------------------------------------------------------------


async def test_a_venue_that_cannot_be_reached_is_an_error(patient: Patient) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    patient.venue |= {"rest_url": f"http://127.0.0.1:{port}/api", "host": "127.0.0.1", "port": port}
    assert await patient.says("venues.toy.rest_url", "can be reached") == "note"
    assert await patient.says("venues.toy.host", "can be reached") == "note"
    await runner.cleanup()
    assert await patient.says("venues.toy.rest_url", "cannot be reached") == "error"
    assert await patient.says("venues.toy.host", "cannot be reached") == "error"


async def test_a_venue_whose_clock_differs_is_a_warning(patient: Patient) -> None:
    date = "Sat, 01 Jan 2000 00:00:00 GMT"

    async def answer(request: web.Request) -> web.Response:
        return web.Response(headers={"Date": date} if date else {})

    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    patient.venue["rest_url"] = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    assert await patient.says("venues.toy.rest_url", "behind ours") == "warning"
    date = ""
    assert await patient.says("venues.toy.rest_url", "ours") == ""
    await runner.cleanup()


async def test_what_a_plugin_finds_is_told_and_its_failure_too(patient: Patient) -> None:
    patient.found = [Finding(severity="warning", where="api_key", text="this key may withdraw", fix="make another one")]
    assert await patient.says("venues.toy.api_key", "may withdraw") == "warning"
    patient.found = KeyError("a bug")
    assert await patient.says("venues.toy", "the plugin's own check failed: KeyError") == "warning"


# --- the command ----------------------------------------------------------------------------------------------------


async def doctor(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *PROGRAM, "doctor", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_command_ends_with_the_worst_finding(nats_url: str, subject_prefix: str, tmp_path: Path) -> None:
    file = tmp_path / "venuebus.toml"

    def write(more: str = "", url: str = nats_url) -> None:
        file.write_text(
            f'[bus]\nservers = ["{url}"]\nprefix = "{subject_prefix}"\nspool_dir = "{tmp_path}"\nspool_max_bytes = 1\n'
            + f'{more}\n[venues.p]\nplugin = "pingpongx"\ninsecure_unverified = true\n'
        )

    write()
    code, out, err = await doctor(str(file), "--json")
    assert code == 0, (out, err)
    found = [json.loads(line) for line in out.splitlines()]
    assert {"note", "warning"} == {finding["severity"] for finding in found}
    assert any("the largest are refused" in finding["text"] for finding in found)
    assert (await doctor(str(file), "--strict"))[0] == 1
    write("[http]\nmax_body = 500000")
    assert "the largest are refused" not in (await doctor(str(file)))[1]
    write('manage_streams = "check"')
    code, out, err = await doctor(str(file))
    assert code == 1, (out, err)
    assert "forbids creating it" in out
    assert "Traceback" not in err
    write("nonsense = 1")
    code, out, err = await doctor(str(file))
    assert (code, out) == (2, "")
    assert "bus.nonsense" in err
