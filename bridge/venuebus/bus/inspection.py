"""What a bus tells about itself to somebody who only looks: nothing here stores, creates, takes or answers anything."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import nats.errors
import nats.js.errors
from nats.js.api import AccountInfo, StreamConfig, StreamInfo

from .client import PermissionDenied
from .connection import Connection
from .failure import BusUnavailable, InDoubt
from .grants import API, Grants

PROBE = "venuebus-doctor"
REFUSE = {"Nats-Expected-Stream": PROBE}  # no stream of this name exists, so JetStream refuses to store the message
NOT_JSON = b"!"  # no request of JetStream's API: it answers with an error and does nothing
IN_PROGRESS = b"+WPI"  # the acknowledgement that changes least, for a delivery that there is not
TRY_TIMEOUT = 1.0


class StreamFacts(msgspec.Struct, kw_only=True, frozen=True):
    """One stream as it is beside what it must be. ``existing`` is absent where there is none, or we may not ask."""

    wanted: StreamConfig
    existing: StreamInfo | None = None
    denied: str = ""


class BusFacts(msgspec.Struct, kw_only=True):
    """What one connection could learn. ``offset_ns`` is the server's clock minus ours."""

    version: tuple[int, int, int] = (0, 0, 0)
    cluster: str = ""
    servers: int = 1
    asks_login: bool = False
    encrypted: bool = False
    max_payload: int = 0
    jetstream: bool = False
    account: AccountInfo | None = None
    offset_ns: int | None = None
    streams: list[StreamFacts] = []
    lacks: dict[str, str] = {}


async def look(connection: Connection, wanted: list[StreamConfig]) -> BusFacts:
    """Return what ``connection`` sees of the server and of the streams that must be there."""
    info: dict[str, Any] = connection.control._server_info
    version = connection.control.connected_server_version
    facts = BusFacts(
        version=(version.major, version.minor, version.patch),
        cluster=info.get("cluster") or "",
        servers=max(1, len(connection.control.servers)),
        asks_login=bool(info.get("auth_required")),
        encrypted=bool(info.get("tls_required")),
        max_payload=int(info.get("max_payload") or 0),
        jetstream=bool(info.get("jetstream")),
    )
    try:
        facts.account = await connection.js.account_info()
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError):
        facts.account = None  # a bridge needs no right to ask for that
    for config in wanted:
        facts.streams.append(await _stream(connection, config, facts))
    return facts


async def _stream(connection: Connection, wanted: StreamConfig, facts: BusFacts) -> StreamFacts:
    before = time.time_ns()
    try:
        info = await connection.js.stream_info(str(wanted.name))
        if facts.offset_ns is None:
            await connection.stream_tail(str(wanted.name))
            facts.offset_ns = connection.clock_offset_ns
    except nats.js.errors.NotFoundError:
        return StreamFacts(wanted=wanted)
    except PermissionDenied as error:
        return StreamFacts(wanted=wanted, denied=str(error))
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError, BusUnavailable, InDoubt) as error:
        took = (time.time_ns() - before) / 1e9
        return StreamFacts(wanted=wanted, denied=f"no answer within {took:.1f} s: {error or type(error).__name__}")
    return StreamFacts(wanted=wanted, existing=info)


async def try_rights(connection: Connection, granted: Grants) -> list[str]:
    """Use every subject of ``granted`` once, harmlessly, and return what the server denies.

    Messages carry an expectation that no stream meets, so none is stored; requests are none that JetStream
    understands; subscriptions end at once. Whoever listens to the venue's market data by a wildcard may see one
    empty message whose kind no reader knows.
    """
    tries = [_publish(connection, subject) for subject in granted.publish]
    tries += [_subscribe(connection, subject) for subject in granted.subscribe]
    found = await asyncio.gather(*tries)
    await asyncio.sleep(0)
    await connection.control.flush(timeout=2)
    denied = [subject for subject in found if subject]
    quiet = [s for s in granted.publish + granted.subscribe if concrete(s).casefold() in connection.denied]
    return list(dict.fromkeys([*denied, *quiet]))


async def may_publish(connection: Connection, subject: str) -> bool:
    """Tell whether the server lets us publish on ``subject``, storing nothing."""
    return await _publish(connection, subject) == ""


def concrete(pattern: str) -> str:
    """Return a subject that ``pattern`` covers and that names nothing that exists."""
    return ".".join(PROBE if token in ("*", ">") else token for token in pattern.split("."))


async def _publish(connection: Connection, pattern: str) -> str:
    subject = concrete(pattern)
    try:
        if subject.startswith("$JS.ACK."):
            await connection.control.publish(f"{subject}.0.0.0.0.0", IN_PROGRESS)
        elif subject.startswith(API):
            await connection.control.request(subject, NOT_JSON, timeout=TRY_TIMEOUT)
        else:
            await connection.control.request(subject, b"", timeout=TRY_TIMEOUT, headers=REFUSE)
    except PermissionDenied:
        return pattern
    except (nats.errors.Error, TimeoutError, OSError):
        pass  # nobody answers there: allowed all the same
    return ""


async def _subscribe(connection: Connection, pattern: str) -> str:
    try:
        subscription = await connection.control.subscribe(pattern)
        await asyncio.sleep(0)
        await connection.control.flush(timeout=2)
        await subscription.unsubscribe()
    except (nats.errors.Error, TimeoutError, OSError):
        return ""
    return pattern if pattern.casefold() in connection.denied else ""
