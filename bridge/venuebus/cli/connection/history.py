"""What the streams keep, oldest first: for `watch --since` and `--last`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg as Msg
from venuebus_schemas import EVENT_TYPES, AccountEvent

from ...client import Client, NoAnswer, NotServed, PermissionDenied
from ...errors import BusError
from . import Bus

KINDS = [tag for tag, kind in EVENT_TYPES.items() if issubclass(kind, AccountEvent)]
MONTH = 31 * 86_400.0
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


def by_kind(root: str, part: str) -> list[str]:
    """Return one pattern for each kind that readers may see, where ``part`` leaves the kind open."""
    if not part.startswith(f"{root}.acct."):
        return [part]
    venue, account, *rest = [*part.removeprefix(f"{root}.acct.").split("."), ">", ">"][:3]
    if rest[0] not in ("*", ">") and ">" not in (venue, account):
        return [part]
    venue, account = ("*" if token == ">" else token for token in (venue, account))
    return [f"{root}.acct.{venue}.{account}.{kind}.*" for kind in KINDS]


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
    names, found = client.streams, list[Stored]()
    planes = {names.account: "acct", names.commands: "cmd", names.system: "sys", names.dead: "dead", names.market: "md"}
    for stream, plane in planes.items():
        reader = _Reader(client, stream, f"{client.subjects.root}.{plane}.>", since, last)
        try:
            found += await reader.read(patterns)
        except NotServed as error:
            raise BusError(f"NATS at {bus.shown} has no JetStream: there is no history to show") from error
        except PermissionDenied as error:
            note(f"stream {stream} cannot be read: {error}")
        except (nats.errors.Error, nats.js.errors.Error, NoAnswer, TimeoutError) as error:
            note(f"stream {stream} cannot be read: {error or type(error).__name__}")
    found.sort(key=lambda item: item.ts_ns)
    return found[-last:] if last is not None else found


class _ApiError(msgspec.Struct):
    err_code: int = 0
    code: int = 0
    description: str = ""


class _Config(msgspec.Struct):
    subjects: list[str] = []


class _State(msgspec.Struct):
    last_seq: int = 0


class _Answer(msgspec.Struct):
    error: _ApiError | None = None
    config: _Config = msgspec.field(default_factory=_Config)
    state: _State = msgspec.field(default_factory=_State)
    num_pending: int = 0


class _Reader:
    """Reads one stream. Nothing more is asked of it than a role of `venuebus permissions` allows, where that is all."""

    def __init__(self, client: Client, stream: str, everything: str, since: float | None, last: int | None) -> None:
        self._client = client
        self._stream = stream
        self._kept = [everything]
        self._since = since
        self._last = last
        self._newest: int | None = None

    async def read(self, patterns: list[str]) -> list[Stored]:
        """Return what the stream holds on ``patterns``."""
        if not any(covers(self._kept[0], pattern) or covers(pattern, self._kept[0]) for pattern in patterns):
            return []
        try:
            info = await self._ask(f"STREAM.INFO.{self._stream}", {})
        except PermissionDenied:  # readers of single accounts may not know what else there is
            info = None
        if info is not None:
            if info.error is not None:
                return []
            self._kept, self._newest = info.config.subjects, info.state.last_seq
        found = []
        for kept in self._kept:
            for pattern in patterns:
                wanted = pattern if covers(kept, pattern) else kept if covers(pattern, kept) else None
                if wanted is not None:
                    found += await self._permitted(wanted)
        return found

    async def _permitted(self, wanted: str) -> list[Stored]:
        try:
            return await self._read(wanted)
        except PermissionDenied:
            parts = by_kind(self._client.subjects.root, wanted)
            if parts == [wanted]:
                raise
        return [item for part in parts for item in await self._read(part)]

    async def _read(self, subject: str) -> list[Stored]:
        """Read one filter; for ``last``, begin somewhere back and go further until it is enough."""
        if self._last is None or self._since is not None:
            return await self._drain(subject, _since(self._since) if self._since is not None else {})
        back, seconds = self._last * 4, 60.0
        while True:
            all_of_it = seconds > MONTH if self._newest is None else self._newest <= back
            start = {} if all_of_it else _since(seconds) if self._newest is None else _from(self._newest - back + 1)
            found = await self._drain(subject, start)
            if all_of_it or len(found) >= self._last:
                return found[-self._last :]
            back, seconds = back * 8, seconds * 60

    async def _drain(self, subject: str, start: dict[str, Any]) -> list[Stored]:
        name = f"client-{secrets.token_hex(8)}"  # the subject that makes a named one carries the filter
        config = {
            "name": name, "filter_subject": subject, "ack_policy": "none", "mem_storage": True, "num_replicas": 1,
            "inactive_threshold": 30_000_000_000, "deliver_policy": "all", **start,
        }  # fmt: skip
        body = {"stream_name": self._stream, "config": config}
        made = await self._ask(f"CONSUMER.CREATE.{self._stream}.{name}.{subject}", body)
        if made.error is not None:
            raise nats.errors.Error(made.error.description)
        found: list[Stored] = []
        subscription = await self._client.nats.jetstream().pull_subscribe_bind(consumer=name, stream=self._stream)
        try:
            pending = made.num_pending
            while pending:
                for message in await subscription.fetch(BATCH, timeout=2):
                    meta = message.metadata
                    pending = meta.num_pending
                    found.append(Stored(int(meta.timestamp.timestamp() * 1e9), message.subject, message.data))
        finally:
            await subscription.unsubscribe()
        return found

    async def _ask(self, what: str, body: dict[str, Any]) -> _Answer:
        data = msgspec.json.encode(body) if body else b""
        answer = await self._client._link.request(f"$JS.API.{what}", data, timeout=3)
        return msgspec.json.decode(answer.data, type=_Answer)


def _since(seconds: float) -> dict[str, Any]:
    start = datetime.fromtimestamp(time.time() - seconds, UTC).isoformat().replace("+00:00", "Z")
    return {"deliver_policy": "by_start_time", "opt_start_time": start}


def _from(sequence: int) -> dict[str, Any]:
    return {"deliver_policy": "by_start_sequence", "opt_start_seq": sequence}
