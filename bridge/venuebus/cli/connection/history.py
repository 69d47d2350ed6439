"""What the streams keep, oldest first: for `watch --since` and `--last`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg as Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from ...client import Client
from ...errors import BusError
from . import Bus

BATCH = 500


class Stored(NamedTuple):
    """One stored message; ``ts_ns`` is when the stream took it."""

    ts_ns: int
    subject: str
    data: bytes


def covers(pattern: str, subject: str) -> bool:
    """Tell whether everything that ``subject`` (itself perhaps a pattern) matches is matched by ``pattern``."""
    ours, theirs = pattern.split("."), subject.split(".")
    for position, token in enumerate(ours):
        if token == ">":
            return len(theirs) > position
        if position >= len(theirs) or theirs[position] == ">":
            return False
        if token not in ("*", theirs[position]):
            return False
    return len(ours) == len(theirs)


async def read_history(
    client: Client,
    bus: Bus,
    patterns: list[str],
    *,
    since: float | None,
    last: int | None,
    note: Callable[[str], None],
) -> list[Stored]:
    """Return what the streams hold on ``patterns``, merged by time.

    Args:
        since: seconds back from now. last: at most so many, the newest.
        note: told what cannot be read.

    Raises:
        BusError: this NATS has no JetStream or does not let us read.
    """
    js = client.nats.jetstream(timeout=3)
    names = client.streams
    found: list[Stored] = []
    for stream in (names.account, names.commands, names.system, names.dead, names.market):
        try:
            info = await js.stream_info(stream)
            for kept in info.config.subjects or []:
                for pattern in patterns:
                    wanted = pattern if covers(kept, pattern) else kept if covers(pattern, kept) else None
                    if wanted is not None:
                        found += await _read(js, stream, wanted, since, last, info.state.last_seq)
        except nats.js.errors.NotFoundError:
            continue
        except nats.js.errors.ServiceUnavailableError as error:
            raise BusError(f"NATS at {bus.shown} has no JetStream: there is no history to show") from error
        except (nats.errors.Error, TimeoutError) as error:
            note(f"stream {stream} cannot be read: {error or type(error).__name__}")
    found.sort(key=lambda item: item.ts_ns)
    return found[-last:] if last is not None else found


async def _read(
    js: JetStreamContext, stream: str, subject: str, since: float | None, last: int | None, newest: int
) -> list[Stored]:
    """Read one filter of one stream; for ``last``, begin so many messages back and go further until it is enough."""
    back = (last or 0) * 4
    while True:
        options: dict[str, Any] = {"deliver_policy": DeliverPolicy.ALL}
        if since is not None:
            start = datetime.fromtimestamp(time.time() - since, UTC).isoformat().replace("+00:00", "Z")
            options = {"deliver_policy": DeliverPolicy.BY_START_TIME, "opt_start_time": start}
        elif newest > back:
            options = {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": newest - back + 1}
        found = await _drain(js, stream, subject, options)
        if last is None or since is not None or len(found) >= last or newest <= back:
            return found[-last:] if last is not None else found
        back *= 8


async def _drain(js: JetStreamContext, stream: str, subject: str, options: dict[str, Any]) -> list[Stored]:
    config = ConsumerConfig(
        filter_subject=subject, ack_policy=AckPolicy.NONE, mem_storage=True, inactive_threshold=30, **options
    )
    subscription = await js.pull_subscribe(subject, stream=stream, config=config)
    found: list[Stored] = []
    try:
        pending = (await subscription.consumer_info()).num_pending or 0
        while pending:
            for message in await subscription.fetch(BATCH, timeout=2):
                meta = message.metadata
                pending = meta.num_pending
                found.append(Stored(int(meta.timestamp.timestamp() * 1e9), message.subject, message.data))
    finally:
        await subscription.unsubscribe()
    return found
