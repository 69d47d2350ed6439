"""Two NATS connections: one for market data, one for everything that is acknowledged.

They are apart so that a flood of quotes never stands in front of an order's claim. On the acknowledged one nothing
is buffered while NATS is away (``pending_size=0``): a publish fails at once instead of arriving later, when the
order that it claims has long expired. Reconnecting goes on for ever, with the credentials that are on the disk by then
(see `BusClient`); a login that stays refused is an error of the whole bridge, never a zombie.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import nats
import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from ..errors import BusError
from ..secret import redact
from ..steady import steady_ns
from .client import VIOLATION, BusClient, PermissionDenied, is_refusal
from .failure import TOO_LARGE, BusUnavailable, Refused
from .grants import explain
from .receipt import Receipt, describe, failure
from .replies import Replies

log = structlog.get_logger("venuebus.bus")

MINIMUM_SERVER = (2, 12)  # atomic batches, which the account stream needs
CLOCK_JUMP_NS = 1_000_000_000  # a difference between the clocks that people should know of
OTHER_SERVERS = 1.0  # seconds for other servers to take us after one refused our login
HEADROOM = 64 * 1024  # bytes below which headers cannot make a message too large
HEADERS_FRAME = 160  # bytes of headers that we do not count one by one
HIGH_WATER = 8 * 1024 * 1024  # bytes waiting for NATS above which market data is conflated instead of queued


LOGIN_KEYS = "bus.credentials, bus.nkey, bus.token, or bus.user and bus.password"
CALM = 5.0  # seconds without a refusal after which the next one begins a new row: a server may take us in between
MAX_DENIED = 1000  # subjects remembered as denied


class _State(msgspec.Struct):
    first_seq: int = 0
    last_seq: int = 0
    bytes: int = 0


class _Limits(msgspec.Struct):
    max_bytes: int = -1


class _Info(msgspec.Struct):
    state: _State = msgspec.field(default_factory=_State)
    config: _Limits = msgspec.field(default_factory=_Limits)
    ts: datetime | None = None


class Window(msgspec.Struct, frozen=True):
    """What a stream holds now: its first and last sequence, its bytes, and the limit of these (0: none)."""

    first: int
    last: int
    size: int
    limit: int


_info = msgspec.json.Decoder(_Info)


class Connection:
    """The bridge's way to NATS. ``on_change`` is told when the acknowledged link is up or down.

    Args:
        options: keyword arguments for ``nats.connect``.
        renew: called with a client before each of its connections, to read again what was replaced on the disk.
        login_patience: seconds in which a refused login may be mended from outside before ``lost`` says so.
        prefix: of the subjects, to name the role that grants what was denied.
    """

    def __init__(
        self,
        options: dict[str, Any],
        *,
        request_timeout: float = 2.0,
        renew: Callable[[BusClient], None] | None = None,
        login_patience: float = 60.0,
        prefix: str = "vb",
    ) -> None:
        self._options = options
        self._request_timeout = request_timeout
        self._login_patience = login_patience
        self._prefix = prefix
        self.data = BusClient()
        self.control = BusClient()
        if renew is not None:
            for client in (self.data, self.control):
                client.renew = partial(renew, client)
        self.denied: dict[str, PermissionDenied] = {}
        self.optional: set[str] = set()  # subjects in lower case that a login may lack without a word
        self.js: JetStreamContext = self.control.jetstream()
        self.on_change: list[Callable[[bool], None]] = []
        self.lost: asyncio.Future[str] | None = None
        self.reconnects = 0
        self.clock_offset_ns = 0
        self._server_ahead: int | None = None  # the server's clock less our steady one
        self.single_replica: set[str] = set()
        self._closing = False
        self._up = False
        self._stood = False
        self._refusals: dict[str, tuple[float, float]] = {}  # the first and the last of a row
        self._refused = ""  # what a server said against our login before the first connection stood
        self._connecting: asyncio.Timeout | None = None
        self._replies = Replies(self.control)

    @property
    def is_up(self) -> bool:
        """Tell whether acknowledged messages can be sent now."""
        return self.control.is_connected

    async def connect(self) -> None:
        """Return when both connections stand; wait for NATS as long as it takes, and say so once.

        Raises:
            BusError: the server answers but cannot be used (too old, no JetStream, bad credentials).
        """
        self.lost = asyncio.get_running_loop().create_future()
        delay, told = 0.2, False
        while True:
            try:
                await self._connect_both()
                await self._replies.open()
                await self._hear()
                break
            except (OSError, TimeoutError, nats.errors.Error, ssl.SSLError) as error:
                if refused := self._refused or (str(error) if is_refusal(error) else ""):
                    where = ", ".join(self._options["servers"])
                    raise BusError(redact(f"NATS at {where} {_refusal(refused)}")) from error
                if not told:
                    told = True
                    log.warning("waiting for NATS", servers=self._options["servers"], error=describe(error))
                await asyncio.sleep(delay)
                delay = min(delay * 1.7, 3.0)
        self._check_server()
        self.control.ask = self._replies.ask
        self._up = self._stood = True
        log.info("connected to NATS", server=self.control.connected_url.netloc if self.control.connected_url else "?")

    async def _connect_both(self) -> None:
        for name, client, pending in (("control", self.control, 0), ("data", self.data, 0)):
            if client.is_connected:
                continue
            async with asyncio.timeout(5) as self._connecting:
                await client.connect(
                    **self._options,
                    name=f"venuebus-{name}",
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.25,  # type: ignore[arg-type]  # it is slept; a second is long
                    connect_timeout=3,
                    ping_interval=10,
                    max_outstanding_pings=2,
                    pending_size=pending,
                    skip_subject_validation=True,
                    error_cb=partial(self._on_error, name),
                    disconnected_cb=self._on_down if name == "control" else None,
                    reconnected_cb=partial(self._on_up, name),
                    closed_cb=self._on_closed,
                )

    async def _hear(self) -> None:
        await asyncio.sleep(0)  # nats-py's flush overtakes what is still pending otherwise
        await self.control.flush(timeout=2)
        for error in self.denied.values():
            if error.action == "subscription":
                raise BusError(str(error))

    def _check_server(self) -> None:
        version = self.control.connected_server_version
        if (version.major, version.minor) < MINIMUM_SERVER:
            raise BusError(
                f"nats-server {version.major}.{version.minor}.{version.patch} is too old: the account stream "
                f"needs atomic batches, so install {MINIMUM_SERVER[0]}.{MINIMUM_SERVER[1]} or later (2.15 recommended)"
            )

    async def close(self) -> None:
        """Flush and close both connections; safe when they are down."""
        self._closing = True
        for client in (self.data, self.control):
            if client.is_closed:
                continue
            try:
                async with asyncio.timeout(2):
                    if client.is_connected:
                        await asyncio.sleep(0)  # nats-py's flush overtakes what is still pending otherwise
                        await client.flush(timeout=1)
                    await client.close()
            except AssertionError:
                continue  # nats-py's way to say that this one never stood: NATS was away from the start
            except (TimeoutError, nats.errors.Error, OSError):
                log.warning("NATS connection did not close cleanly")

    # --- publishing -----------------------------------------------------------------------------------------

    async def store(self, subject: str, data: bytes, headers: dict[str, str], *, timeout: float | None = None) -> int:
        """Store one message in the stream that holds ``subject`` and return its sequence.

        Raises:
            BusUnavailable: certainly not stored. InDoubt: no answer. Refused: certainly not stored, with the code.
        """
        return await (await self.post(subject, data, headers, timeout=timeout)).sequence()

    async def post(
        self, subject: str, data: bytes, headers: dict[str, str], *, timeout: float | None = None
    ) -> Receipt:
        """Hand over one message as `store` does and do not wait for the answer: the receipt does, or tells the failure.

        Messages posted one after the other reach the server in this order, on one link.
        """
        try:
            self._check_size(subject, data, headers)
            limit = timeout or self._request_timeout
            return Receipt(subject, await self._replies.put(subject, data, headers=headers, timeout=limit))
        except Refused as error:
            return Receipt(subject, error)
        except (PermissionDenied, TimeoutError, nats.errors.Error, OSError) as error:
            return Receipt(subject, failure(subject, error))

    async def store_batch(
        self, batch_id: str, messages: list[tuple[str, bytes, dict[str, str]]], *, timeout: float | None = None
    ) -> int:
        """Store all ``messages`` or none, in order, in one stream; return the last one's sequence.

        Raises:
            BusUnavailable, InDoubt, Refused: as `store`.
        """
        if len(messages) == 1:
            return await self.store(*messages[0], timeout=timeout)
        last = len(messages)
        try:
            for number, (subject, data, headers) in enumerate(messages[:-1], 1):
                self._check_size(subject, data, headers)
                await self.control.publish(
                    subject, data, headers={"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number), **headers}
                )
        except (nats.errors.OutboundBufferLimitError, nats.errors.ConnectionClosedError) as error:
            raise BusUnavailable("NATS is away") from error  # without the commit the server forgets the batch
        subject, data, headers = messages[-1]
        return await self.store(
            subject,
            data,
            {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(last), "Nats-Batch-Commit": "1", **headers},
            timeout=timeout,
        )

    def _check_size(self, subject: str, data: bytes, headers: dict[str, str]) -> None:
        # nats-py counts the payload alone; the server counts the headers, too, and cuts the connection over it.
        limit = self.control.max_payload
        if len(data) + HEADROOM > limit:
            size = len(data) + HEADERS_FRAME + sum(len(name) + len(text.encode()) + 4 for name, text in headers.items())
            if size > limit:
                raise Refused(TOO_LARGE, f"{subject} has {size} bytes, and this NATS takes {limit} (max_payload)")

    async def last(self, stream: str, subject: str) -> tuple[int, bytes, dict[str, str]] | None:
        """Return sequence, data and headers of the newest message on ``subject``, never an older one.

        A stream with one replica is read directly, which is cheap; a replicated one at its leader, because its
        followers may be behind.

        Raises:
            BusUnavailable: no answer.
        """
        if stream in self.single_replica:
            return await self._last_directly(stream, subject)
        try:
            message = await self.js.get_last_msg(stream, subject, direct=False)
        except NotFoundError:
            return None
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise BusUnavailable(f"cannot read {subject}: {describe(error)}") from error
        return message.seq or 0, message.data or b"", dict(message.headers or {})

    async def _last_directly(self, stream: str, subject: str) -> tuple[int, bytes, dict[str, str]] | None:
        try:
            message = await self._replies.ask(f"$JS.API.DIRECT.GET.{stream}.{subject}", b"", timeout=2.0)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise BusUnavailable(f"cannot read {subject}: {describe(error)}") from error
        headers = dict(message.headers or {})
        status = headers.get("Status")
        if status == "404":
            return None
        sequence = headers.pop("Nats-Sequence", None)
        if status is not None or sequence is None:
            raise BusUnavailable(f"cannot read {subject}: {status} {headers.get('Description', '')}")
        return int(sequence), message.data, headers

    async def stream_tail(self, stream: str) -> int:
        """Return the newest sequence of ``stream``.

        Raises:
            BusUnavailable: no answer.
        """
        return (await self.window(stream)).last

    async def window(self, stream: str) -> Window:
        """Return what ``stream`` holds now; by the way, compare the server's clock with ours.

        Raises:
            BusUnavailable: no answer.
        """
        before, began = time.time_ns(), steady_ns()
        try:
            answer = await self._replies.ask(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=2.0)
            info = _info.decode(answer.data)
        except (TimeoutError, nats.errors.Error, OSError, msgspec.DecodeError) as error:
            raise BusUnavailable(f"cannot read stream {stream}: {describe(error)}") from error
        if info.ts is not None:
            server = int(info.ts.timestamp() * 1e6) * 1000
            offset = server - (before + time.time_ns()) // 2
            self._server_ahead = server - (began + steady_ns()) // 2
            if abs(offset - self.clock_offset_ns) > CLOCK_JUMP_NS:
                log.warning("clocks differ", seconds=round(offset / 1e9, 3), than="the NATS server's")
            self.clock_offset_ns = offset
        return Window(info.state.first_seq, info.state.last_seq, info.state.bytes, max(0, info.config.max_bytes))

    def bus_time_ns(self) -> int:
        """Now by the clock of the NATS server, which is the one that stamps commands."""
        if self._server_ahead is None:
            return time.time_ns()
        return steady_ns() + self._server_ahead  # so that nobody who sets our clock makes a late command look fresh

    # --- what nats-py tells ---------------------------------------------------------------------------------

    async def _on_error(self, name: str, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            log.error("NATS subscription is too slow, messages were dropped", subject=error.subject)
        elif violation := VIOLATION.search(str(error).lower()):
            self._deny(*violation.groups())
        elif is_refusal(error):
            self._on_refusal(name, error)
        elif self._up and not self._closing:
            log.warning("NATS error", error=describe(error))

    def _deny(self, action: str, subject: str) -> None:
        error = PermissionDenied(action, subject, explain(action, subject, self._prefix))
        if subject not in self.denied and len(self.denied) < MAX_DENIED:
            self.denied[subject] = error
            if subject not in self.optional:
                log.error("NATS denies", subject=subject, error=str(error))  # once: it would be a line per message
        self._replies.denied(error)

    def _on_refusal(self, name: str, error: Exception) -> None:
        now = asyncio.get_running_loop().time()
        if not self._stood:
            if self._connecting is not None and not self._refused:  # nats-py goes on trying, and only tells us here
                self._connecting.reschedule(now + OTHER_SERVERS)
            self._refused = describe(error)
            return
        since, last = self._refusals.get(name, (now, now))
        if now - last > CALM:
            since = now
        self._refusals[name] = since, now
        if since == now and not self._closing:
            log.error(f"NATS {_refusal(describe(error))}", tries_for=f"{self._login_patience:g} s")
        if now - since >= self._login_patience:
            self._lose(f"NATS {_refusal(describe(error))}; it has said so for {now - since:.0f} s")

    async def _on_down(self) -> None:
        if self._up and not self._closing:
            self._up = False
            log.warning("NATS is away, reconnecting")
            self._replies.link_lost()
            for listener in self.on_change:
                listener(False)

    async def _on_up(self, name: str) -> None:
        self.denied.clear()  # rights may be other ones now
        if name != "control":
            return
        self.reconnects += 1
        self._up = True
        log.info("NATS is back")
        for listener in self.on_change:
            listener(True)

    async def _on_closed(self) -> None:
        if self._stood:
            self._lose("the NATS client was closed by an error it cannot recover from")

    def _lose(self, text: str) -> None:
        if not self._closing and self.lost is not None and not self.lost.done():
            self.lost.set_result(text)


def _refusal(text: str) -> str:
    if "ssl" in text.lower():
        return f"and we do not trust each other ({text}): see bus.tls and the server's certificate"
    return f"refuses the login ({text}): see {LOGIN_KEYS}"
