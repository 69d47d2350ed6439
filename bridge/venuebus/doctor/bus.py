"""The bus: server, JetStream, streams, rights, clocks."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from venuebus_schemas import StreamNames, Subjects

from ..bus.binary import check_version, find_server
from ..bus.connection import MINIMUM_SERVER, Connection
from ..bus.embedded import default_store_dir
from ..bus.grants import Grants, Scope, grants
from ..bus.inspection import BusFacts, StreamFacts, look, may_publish, try_rights
from ..bus.options import connect_options, renewal
from ..bus.server_files import read_port
from ..bus.streams import drift, hooks_config, retained_config, stream_configs
from ..configuration.config import BridgeConfig, BusConfig
from ..errors import BusError
from ..venue import Finding, VenueSpec
from .finding import error, note, warning

REACH = 6.0  # seconds for the connection
SKEW_WARNING, SKEW_ERROR = 0.25, 2.0  # seconds between the clocks; a submit expires 5 s after its publication
FULL_WARNING, FULL_ERROR = 0.8, 0.95  # parts of a stream's max_bytes
HEADERS = 32 * 1024  # bytes that a delivery's headers may take beside its body
RIGHTS_FIX = "print what is needed: `venuebus permissions --role bridge`, and see docs/security.md"


async def examine_bus(config: BridgeConfig, specs: Mapping[str, VenueSpec[Any]]) -> list[Finding]:
    """Return the findings about NATS; an embedded server is looked at where one runs, and never started."""
    bus, url = config.bus, None
    found: list[Finding] = []
    if bus.embedded:
        found += _embedded(bus)
        port = read_port((bus.store_dir or default_store_dir()) / "run")
        if port is None:
            return [
                *found,
                note(
                    "bus",
                    "the embedded server does not run, so the bus itself was not looked at",
                    "start the bridge and ask again",
                ),
            ]
        url = f"nats://127.0.0.1:{port}"
    try:
        options = connect_options(bus, url)
    except (BusError, OSError) as wrong:
        return [*found, error("bus", str(wrong), "mend the file that the text names")]
    connection = Connection(options, renew=renewal(bus, options), prefix=bus.prefix)
    try:
        async with asyncio.timeout(REACH):
            await connection.connect()
        return [*found, *await _connected(config, specs, connection)]
    except TimeoutError:
        where = ", ".join(options["servers"])
        return [
            *found,
            error(
                "bus.servers",
                f"no answer from NATS at {where} within {REACH:g} s",
                "start nats-server, or mend the address",
            ),
        ]
    except BusError as wrong:
        return [*found, error("bus", str(wrong), "mend what the text names")]
    finally:
        await connection.close()


async def _connected(
    config: BridgeConfig, specs: Mapping[str, VenueSpec[Any]], connection: Connection
) -> list[Finding]:
    bus = config.bus
    webhooks = any(specs[venue.plugin].webhook is not None for venue in config.venues.values())
    retained = [name for name, venue in config.venues.items() if venue.retain == "last"]
    facts = await look(connection, _wanted(bus, webhooks, retained))
    found = [*_server(bus, facts), *_clock(facts)]
    for stream in facts.streams:
        found += _stream(bus, stream, facts)
    found += _storage(facts)
    if webhooks:
        found += _deliveries(config.http.max_body, facts)
    pairs = tuple((name, account) for name, venue in config.venues.items() for account in venue.account_names())
    scope = Scope(
        accounts=pairs,
        inbox=bus.inbox_prefix or "_INBOX",
        creates=bus.manage_streams == "app",
        webhooks=webhooks,
        replicated=bus.replicas > 1,
        retained=bool(retained),
    )
    return [*found, *await _rights(connection, grants("bridge", scope, bus.prefix), pairs, facts, bus)]


def _wanted(bus: BusConfig, webhooks: bool, retained: list[str]) -> list[Any]:
    subjects, names = Subjects(bus.prefix), StreamNames(bus.prefix)
    limits = {
        name: getattr(bus, name)
        for name in bus.__struct_fields__
        if name.endswith(("_max_age", "_max_bytes")) or name == "duplicate_window"
    }
    wanted = stream_configs(subjects, names, replicas=bus.replicas, **limits)
    if webhooks:
        wanted.append(hooks_config(subjects, names, replicas=bus.replicas, **limits))
    if retained:
        wanted.append(retained_config(subjects, names, retained, replicas=bus.replicas, **limits))
    return wanted


# --- the server -----------------------------------------------------------------------------------------------


def _embedded(bus: BusConfig) -> Iterable[Finding]:
    try:
        check_version(find_server(bus.server_binary))
    except BusError as wrong:
        yield error("bus.server_binary", str(wrong), 'pip install "venuebus[embedded]"')
    if bus.sync != "always":
        yield warning(
            "bus.sync",
            "a power cut may lose up to 2 minutes of acknowledged commands and events",
            'set sync = "always" for live trading',
        )


def _server(bus: BusConfig, facts: BusFacts) -> Iterable[Finding]:
    shown = ".".join(map(str, facts.version))
    if facts.version[:2] < MINIMUM_SERVER:  # connecting has refused it already; said for completeness
        yield error("bus.servers", f"nats-server {shown} is too old", "install 2.12 or later")
    else:
        yield note("bus.servers", f"nats-server {shown}" + (f", cluster {facts.cluster}" if facts.cluster else ""))
    if not facts.jetstream:
        yield error("bus.servers", "this NATS has no JetStream", "start it with -js, or name one that has")
    outside = [] if bus.embedded else [server for server in bus.servers if not _is_loopback(server)]
    if outside and not facts.encrypted and not all(server.startswith(("tls:", "wss:")) for server in outside):
        yield warning("bus.servers", "the connection is not encrypted", "set up TLS on nats-server, use tls:// here")
    if not facts.asks_login and not bus.embedded:
        make = warning if outside else note
        yield make(
            "bus",
            "NATS asks nobody who they are: whoever reaches it may send orders and change events",
            "give every user a login: docs/security.md",
        )
    if not bus.embedded:
        say = note if bus.replicas >= 3 else warning
        yield say(
            "bus.servers",
            "sync_interval cannot be seen from a client; by default nats-server writes "
            "what it acknowledged to the disk up to 2 minutes later",
            "with one replica set `jetstream { sync_interval: always }`; with three, spread the servers",
        )


def _clock(facts: BusFacts) -> Iterable[Finding]:
    if facts.offset_ns is None:
        yield note(
            "clock", "NATS's clock could not be compared: no stream of ours could be asked", "start the bridge once"
        )
        return
    seconds = facts.offset_ns / 1e9
    if abs(seconds) >= SKEW_WARNING:
        make = error if abs(seconds) >= SKEW_ERROR else warning
        yield make(
            "clock",
            f"NATS's clock is {abs(seconds):.2f} s {'ahead of' if seconds > 0 else 'behind'} ours",
            "run an NTP client on both machines",
        )


# --- streams --------------------------------------------------------------------------------------------------


def _stream(bus: BusConfig, stream: StreamFacts, facts: BusFacts) -> Iterable[Finding]:
    name = str(stream.wanted.name)
    where = f"stream {name}"
    if stream.denied:
        yield error(where, f"cannot be asked for: {stream.denied}", RIGHTS_FIX)
        return
    if stream.existing is None:
        if bus.manage_streams == "check":
            yield error(where, "does not exist, and bus.manage_streams forbids creating it", "have an admin make it")
        else:
            yield note(where, "does not exist yet; the bridge makes it when it starts")
        return
    existing = stream.existing.config
    if name != StreamNames(bus.prefix).market and (differences := drift(existing, stream.wanted)):
        yield error(
            where,
            f"is not as it must be: {'; '.join(differences)}",
            "change it back (`nats stream edit`), or move its messages away and delete it",
        )
    yield from _replicas(bus, stream, facts, where)
    yield from _room(stream, where)


def _replicas(bus: BusConfig, stream: StreamFacts, facts: BusFacts, where: str) -> Iterable[Finding]:
    assert stream.existing is not None
    held = stream.existing.config.num_replicas or 1
    if held != bus.replicas:
        yield warning(
            where,
            f"has {held} replicas, the configuration says {bus.replicas}",
            "`nats stream edit --replicas`, or set bus.replicas",
        )
    if held == 1 and facts.cluster and facts.servers > 1:
        yield warning(
            where,
            f"has one replica in a cluster of {facts.servers}: that server's loss stops all orders",
            "set bus.replicas = 3",
        )
    cluster = stream.existing.cluster
    for peer in (cluster.replicas or []) if cluster is not None else []:
        if peer.offline or not peer.current:
            state = "offline" if peer.offline else "behind"
            yield error(where, f"its replica on {peer.name} is {state}", "look at that server: `nats server report`")


def _room(stream: StreamFacts, where: str) -> Iterable[Finding]:
    assert stream.existing is not None
    limit, used = stream.existing.config.max_bytes or -1, stream.existing.state.bytes
    if limit > 0 and stream.wanted.max_bytes and stream.wanted.max_bytes > 0:
        if used > limit * FULL_WARNING and str(stream.existing.config.discard) == "new":
            make = error if used > limit * FULL_ERROR else warning
            yield make(
                where,
                f"holds {used} of {limit} bytes, and refuses more when it is full",
                "make max_bytes larger or max_age shorter",
            )
    elif stream.wanted.max_bytes and stream.wanted.max_bytes > 0:
        yield warning(
            where,
            "has no limit of size, so it may fill the server's disk",
            "`nats stream edit --max-bytes`, after making room in nats-server's max_file",
        )


def _storage(facts: BusFacts) -> Iterable[Finding]:
    if facts.account is None:
        yield note("bus", "JetStream's account limits are not ours to see", "check them with `nats account info`")
        return
    limit = facts.account.limits.max_storage
    missing = sum(max(0, s.wanted.max_bytes or 0) for s in facts.streams if s.existing is None and not s.denied)
    reserved = sum(max(0, s.existing.config.max_bytes or 0) for s in facts.streams if s.existing is not None)
    if 0 <= limit < missing + reserved:
        yield error(
            "bus",
            f"JetStream gives this account {limit} bytes, the streams reserve {missing + reserved}",
            "raise the account's limit, or lower bus.…_max_bytes",
        )
    streams, allowed = facts.account.streams, facts.account.limits.max_streams
    needed = sum(1 for s in facts.streams if s.existing is None and not s.denied)
    if 0 <= allowed < streams + needed:
        yield error(
            "bus",
            f"the account may have {allowed} streams; it has {streams} and needs {needed} more",
            "raise the account's limit",
        )


def _deliveries(largest: int, facts: BusFacts) -> Iterable[Finding]:
    if largest + HEADERS > facts.max_payload:
        yield note(
            "http.max_body",
            f"allows deliveries of {largest} bytes; NATS takes {facts.max_payload} with the headers, "
            "so the largest are refused",
            f"set max_body = {facts.max_payload - HEADERS}, or raise max_payload on nats-server",
        )


# --- rights ---------------------------------------------------------------------------------------------------


async def _rights(
    connection: Connection, needed: Grants, pairs: tuple[tuple[str, str], ...], facts: BusFacts, bus: BusConfig
) -> list[Finding]:
    found = [
        error("permissions", f"NATS denies {subject}, which the bridge needs", RIGHTS_FIX)
        for subject in await try_rights(connection, needed)
    ]
    if not facts.asks_login:
        return found
    subjects = Subjects(bus.prefix)
    spare = [subjects.command(venue, account, "probe", "x") for venue, account in pairs]
    broad = [subject for subject in spare if await may_publish(connection, subject)]
    if broad:
        found.append(
            warning(
                "permissions",
                f"the bridge's login may publish commands ({broad[0]} …), which only strategies should",
                RIGHTS_FIX,
            )
        )
    if await may_publish(connection, "$JS.API.STREAM.DELETE.VENUEBUS_DOCTOR"):
        found.append(warning("permissions", "the bridge's login may delete streams", RIGHTS_FIX))
    return found


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
