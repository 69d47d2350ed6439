"""The tables of the configuration that are not a venue's: bus, HTTP side, logs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from venuebus_schemas.subjects import NAME

from ..secret import Secret

GIB = 1024**3
DAY = 86_400.0
Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class TlsConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[bus.tls]``: PEM files; without ``ca_file`` the system's authorities are trusted."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def validate(self) -> None:
        """Refuse half a key pair and files that are not there."""
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file: goes together with key_file")
        for name in ("ca_file", "cert_file", "key_file"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{name}: no such file: {path}")


class BusConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[bus]``: where NATS is and how its streams are kept. Ages and waits are seconds, sizes bytes.

    ``inbox_prefix`` is where NATS answers us, if our user may not read ``_INBOX``. A login that NATS refuses while the
    bridge runs is tried again for ``login_patience``; then the bridge ends.
    ``sync = "always"`` has the embedded server write every message to the disk before it acknowledges it.
    ``manage_streams = "check"`` never creates or changes a stream, only refuses to start on a wrong one.
    ``store_dir``, ``port`` (0: a free one), ``max_store`` and ``server_binary`` are the embedded server's.
    Each stream's ``…_max_bytes`` is reserved on the server; together they must fit into its ``max_store``
    (``hook_max_bytes`` only counts where a venue calls us: that stream is not made otherwise).
    """

    servers: tuple[str, ...] | str = ("nats://127.0.0.1:4222",)
    prefix: str = "vb"
    encoding: Literal["json", "msgpack"] = "json"
    replicas: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    sync: Literal["always", "default"] = "always"
    manage_streams: Literal["app", "check"] = "app"
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    credentials: Path | None = None
    nkey: Secret | None = None
    tls: TlsConfig | None = None
    inbox_prefix: str | None = None
    login_patience: Positive = 60.0
    request_timeout: Positive = 2.0
    store_dir: Path | None = None
    port: Port = 0
    max_store: Count = 8 * GIB
    server_binary: Path | None = None
    spool_dir: Path | None = None
    spool_max_bytes: Count = GIB
    outbox_max: Count = 10_000
    duplicate_window: Positive = 600.0
    command_max_age: Positive = 3 * DAY
    account_max_age: Positive = 30 * DAY
    market_max_age: Positive = 7 * DAY
    system_max_age: Positive = 30 * DAY
    dead_max_age: Positive = 30 * DAY
    hook_max_age: Positive = 30 * DAY
    command_max_bytes: Count = GIB
    account_max_bytes: Count = 4 * GIB
    market_max_bytes: Count = GIB // 2
    system_max_bytes: Count = GIB // 4
    dead_max_bytes: Count = GIB
    hook_max_bytes: Count = GIB

    @property
    def embedded(self) -> bool:
        """Whether the bridge starts and supervises its own nats-server."""
        return self.servers == "embedded"

    @property
    def stream_bytes(self) -> int:
        """What all streams together reserve."""
        return sum(
            (self.command_max_bytes, self.account_max_bytes, self.market_max_bytes, self.system_max_bytes,
             self.dead_max_bytes)
        )  # fmt: skip

    def validate(self) -> None:
        """Check what one key alone cannot tell."""
        mistakes = [*self._server_mistakes(), *self._login_mistakes()]
        if not all(NAME.match(token) for token in self.prefix.split(".")):
            mistakes.append("prefix: expected subject tokens of A-Z a-z 0-9 _ -, joined by dots")
        if self.inbox_prefix is not None and not all(NAME.match(token) for token in self.inbox_prefix.split(".")):
            mistakes.append("inbox_prefix: expected subject tokens of A-Z a-z 0-9 _ -, joined by dots")
        for name in ("command_max_age", "account_max_age", "system_max_age", "dead_max_age", "hook_max_age"):
            if getattr(self, name) < self.duplicate_window:
                mistakes.append(f"{name}: must not be less than duplicate_window ({self.duplicate_window:g} s)")
        if mistakes:
            raise ValueError(*mistakes)

    def _server_mistakes(self) -> Iterable[str]:
        if self.embedded:
            if self.stream_bytes > self.max_store:
                yield f"max_store: the streams' …_max_bytes add up to {self.stream_bytes}, more than {self.max_store}"
            if self.replicas != 1:
                yield "replicas: one embedded server can hold one replica only"
            for name in ("credentials", "nkey", "tls"):
                if getattr(self, name) is not None:
                    yield f"{name}: not for the embedded server, which listens on loopback (user and token are)"
            return
        if isinstance(self.servers, str) or not self.servers:
            yield 'servers: expected a list of addresses such as ["nats://127.0.0.1:4222"], or "embedded"'
            return
        for server in self.servers:
            try:
                parts = urlsplit(server)
                known = parts.scheme in ("nats", "tls", "ws", "wss") and parts.hostname and (parts.port or 1)
            except ValueError:
                known = None
            if not known:
                yield "servers: expected addresses such as nats://host:4222 (or tls://, ws://, wss://)"

    def _login_mistakes(self) -> Iterable[str]:
        ways = [name for name in ("user", "token", "credentials", "nkey") if getattr(self, name) is not None]
        if len(ways) > 1:
            yield f"{ways[1]}: only one way to log in, {ways[0]} is set already"
        if (self.user is None) != (self.password is None):
            yield "user: goes together with password"
        if self.credentials is not None and not self.credentials.is_file():
            yield f"credentials: no such file: {self.credentials}"
        if self.nkey is not None and not (len(seed := self.nkey.reveal().strip()) == 58 and seed.startswith("SU")):
            yield 'nkey: expected a user seed (58 characters, SU…), best as { file = "bridge.nk" }'


class HttpConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[http]``: probes, metrics and webhooks. ``listen = ""`` turns them off, port 0 takes a free one.

    ``trusted_proxies`` are the networks whose ``X-Forwarded-For`` is believed. Of connections beyond
    ``max_connections`` each is told 503 and closed.
    """

    listen: str = "127.0.0.1:8321"
    trusted_proxies: tuple[str, ...] = ()
    max_body: Count = 1024 * 1024
    max_connections: Count = 1024

    def validate(self) -> None:
        """Refuse an address that cannot be listened on and networks that are none."""
        listen_address(self.listen)
        for network in self.trusted_proxies:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f"trusted_proxies: {error}") from None


class LogConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[log]``: what goes to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class RunConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[run]``: with ``watch_config`` a changed file, or one that it refers to, takes effect while the bridge runs."""

    watch_config: bool = True


class TracingConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[tracing]``: one OpenTelemetry trace per command; needs the extra ``venuebus[otel]``.

    ``endpoint`` is an OTLP collector's address for HTTP, ``sample`` the part of the commands without a trace of their
    own that get one. What is not set here is left to the standard ``OTEL_`` variables.
    """

    enabled: bool = False
    endpoint: str | None = None
    service_name: str | None = None
    sample: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None

    def validate(self) -> None:
        """Refuse an address that no collector can have."""
        if self.endpoint is not None:
            parts = urlsplit(self.endpoint)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("endpoint: expected an OTLP collector's address such as http://127.0.0.1:4318")


def listen_address(listen: str) -> tuple[str, int] | None:
    """Take ``host:port`` apart; ``None`` for "", which means off.

    Raises:
        ValueError: it is something else; the text starts with ``listen:``.
    """
    if listen == "":
        return None
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError('listen: expected "host:port" such as "127.0.0.1:8321", or "" for off')
    return host.strip("[]"), int(port)
