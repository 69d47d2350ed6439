"""The streams of the bus: created where they are missing, checked against drift where they exist."""

from __future__ import annotations

import asyncio
from typing import Any

import nats.errors
import nats.js.errors
import structlog
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from venuebus_schemas import StreamNames as StreamNames
from venuebus_schemas import Subjects

from ..errors import BusError
from ..steady import steady
from .connection import Connection

log = structlog.get_logger("venuebus.bus")

DAY = 86_400.0
NO_LEADER = 10008  # of a cluster: none yet, or no quorum
SILENCE = 20.0  # seconds without a word: a cluster that starts needs up to ten
PAUSE = 0.5  # seconds between two questions
NO_ROOM = 10047  # the sum of all reservations is over the server's own limit
# Changing these does not change a guarantee, so an existing stream's own value is the operator's choice.
OPERATORS_CHOICE = frozenset(
    {"max_age", "max_bytes", "num_replicas", "duplicate_window", "max_msg_size", "placement", "compression"}
)


def stream_configs(subjects: Subjects, names: StreamNames, *, replicas: int = 1, **limits: float) -> list[StreamConfig]:
    """Return what the streams must look like. ``limits`` may hold ``command_max_age`` and the like, in seconds.

    ``VB_CMD`` refuses a second message per subject, also after the first was acknowledged and over a restart: a
    command is stored once. ``VB_ACCT`` takes atomic batches, so that a large group of events is one write.
    """
    file: dict[str, Any] = {"storage": StorageType.FILE, "num_replicas": replicas, "allow_direct": True}
    return [
        StreamConfig(
            name=names.commands,
            subjects=[f"{subjects.root}.cmd.>"],
            retention=RetentionPolicy.LIMITS,
            max_msgs_per_subject=1,
            discard=DiscardPolicy.NEW,
            discard_new_per_subject=True,
            max_age=limits.get("command_max_age", 7 * DAY),
            max_bytes=int(limits.get("command_max_bytes", -1)),
            deny_delete=True,
            duplicate_window=120,
            **file,
        ),
        StreamConfig(
            name=names.account,
            subjects=[f"{subjects.root}.acct.>"],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            max_age=limits.get("account_max_age", 90 * DAY),
            max_bytes=int(limits.get("account_max_bytes", -1)),
            deny_delete=True,
            allow_atomic=True,
            allow_msg_ttl=True,
            duplicate_window=limits.get("duplicate_window", 600),
            **file,
        ),
        StreamConfig(
            name=names.system,
            subjects=[f"{subjects.root}.sys.>"],
            max_age=limits.get("system_max_age", 30 * DAY),
            max_bytes=int(limits.get("system_max_bytes", 256 * 1024 * 1024)),
            **file,
        ),
        StreamConfig(
            name=names.dead,
            subjects=[f"{subjects.root}.dead.>"],
            max_age=limits.get("dead_max_age", 30 * DAY),
            max_bytes=int(limits.get("dead_max_bytes", 512 * 1024 * 1024)),
            **file,
        ),
        StreamConfig(
            name=names.state,
            subjects=[f"$KV.{names.bucket}.>"],
            max_msgs_per_subject=1,
            discard=DiscardPolicy.NEW,
            allow_rollup_hdrs=True,
            allow_msg_ttl=True,
            deny_delete=True,
            **file,
        ),
    ]


def retained_config(
    subjects: Subjects, names: StreamNames, venues: list[str], *, replicas: int = 1, **limits: float
) -> StreamConfig:
    """Return the stream that keeps the last market data message per subject of ``venues``."""
    return StreamConfig(
        name=names.market,
        subjects=[f"{subjects.root}.md.{venue}.>" for venue in venues],
        max_msgs_per_subject=1,
        discard=DiscardPolicy.OLD,
        max_age=limits.get("market_max_age", 7 * DAY),
        max_bytes=int(limits.get("market_max_bytes", -1)),
        storage=StorageType.FILE,
        num_replicas=replicas,
        allow_direct=True,
        deny_delete=True,
    )


def hooks_config(subjects: Subjects, names: StreamNames, *, replicas: int = 1, **limits: float) -> StreamConfig:
    """Return the stream of raw webhook deliveries; made only where a venue calls us.

    Like a command, a delivery is stored once per subject, and the server itself refuses the second one for as long
    as the first is kept: that outlives every duplicate window and every restart.
    """
    return StreamConfig(
        name=names.hooks,
        subjects=[f"{subjects.root}.hook.>"],
        retention=RetentionPolicy.LIMITS,
        max_msgs_per_subject=1,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_age=limits.get("hook_max_age", 30 * DAY),
        max_bytes=int(limits.get("hook_max_bytes", -1)),
        deny_delete=True,
        duplicate_window=120,
        storage=StorageType.FILE,
        num_replicas=replicas,
        allow_direct=True,
    )


async def ensure_stream(connection: Connection, wanted: StreamConfig, *, create: bool = True) -> None:
    """Make ``wanted`` exist, or prove that what exists gives the same guarantees.

    A cluster that is still choosing its leader, or has lost its quorum, is waited for.

    Raises:
        BusError: the stream is missing and may not be created, it differs where a guarantee hangs on it, or
            JetStream says nothing at all for `SILENCE` seconds.
    """
    told, give_up = False, steady() + SILENCE
    while True:
        try:
            await _ensure(connection, wanted, create)
            return
        except _NotYetError as error:
            if error.is_silence and steady() > give_up:
                raise BusError(f"cannot ask for stream {wanted.name}: {error}") from error
            if not told:
                told = True
                log.warning("waiting for JetStream", stream=wanted.name, error=str(error))
            await asyncio.sleep(PAUSE)


class _NotYetError(Exception):
    """JetStream cannot tell now."""

    is_silence = False


async def _ensure(connection: Connection, wanted: StreamConfig, create: bool) -> None:
    js = connection.js
    name = str(wanted.name)
    try:
        info = await js.stream_info(name)
    except nats.js.errors.NotFoundError:
        if not create:
            raise BusError(f"stream {name} does not exist, and bus.manage_streams forbids creating it") from None
        try:
            await _add(js, wanted)
        except nats.js.errors.APIError as error:
            raise BusError(f"stream {name} cannot be created: {error.description} ({error.err_code})") from error
        log.info("stream created", stream=name)
        if wanted.num_replicas in (None, 1):
            connection.single_replica.add(name)
        return
    except nats.js.errors.ServiceUnavailableError as error:
        if error.err_code == NO_LEADER:
            raise _NotYetError(error.description) from error
        raise BusError("this NATS server has no JetStream: start it with -js, or name one that has") from error
    except (TimeoutError, nats.errors.Error) as error:
        silent = _NotYetError(str(error) or type(error).__name__)
        silent.is_silence = True
        raise silent from error
    if wanted.name and wanted.name.endswith("_MD"):
        await _widen(js, info.config, wanted)
        return
    differences = drift(info.config, wanted)
    if differences:
        raise BusError(
            f"stream {name} is not as it must be: {'; '.join(differences)}. Orders are not safe on it: change it back, "
            "or move its messages away and delete it"
        )
    if info.config.num_replicas == 1:
        connection.single_replica.add(name)


async def _add(js: Any, wanted: StreamConfig) -> None:
    try:
        await js.add_stream(wanted)
    except nats.js.errors.APIError as error:
        if error.err_code != NO_ROOM:
            raise
        log.warning("the server cannot reserve the stream's size, so it is unlimited", stream=wanted.name)
        wanted.max_bytes = -1
        await js.add_stream(wanted)


async def _widen(js: Any, existing: StreamConfig, wanted: StreamConfig) -> None:
    missing = [subject for subject in wanted.subjects or [] if subject not in (existing.subjects or [])]
    if missing:
        existing.subjects = [*(existing.subjects or []), *missing]
        await js.update_stream(existing)


def drift(existing: StreamConfig, wanted: StreamConfig) -> list[str]:
    """Return how ``existing`` differs from ``wanted`` where a guarantee hangs on it."""
    differences = []
    for field, value in vars(wanted).items():
        if value is None or field in OPERATORS_CHOICE or field == "metadata":
            continue
        now = getattr(existing, field, None)
        if _plain(now) != _plain(value):
            differences.append(f"{field} is {_plain(now)}, expected {_plain(value)}")
    return differences


def _plain(value: Any) -> Any:
    value = getattr(value, "value", value)
    return False if value is None else value
