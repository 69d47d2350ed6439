"""The configuration: one TOML file into frozen structs, or one error that tells every mistake.

Whatever is wrong is collected and told together, a line each: the file, the key, what was expected. Values that
come from the environment or from files are known to `venuebus.secret.redact` before anything can print them.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from venuebus_schemas.subjects import NAME

from .errors import ConfigError
from .secret import Secret, remember
from .tables import TableReader, did_you_mean
from .venue import VenueConfig, VenueSpec

if TYPE_CHECKING:
    from .plugins import RefusedPlugin

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

    ``sync = "always"`` has the embedded server write every message to the disk before it acknowledges it.
    ``manage_streams = "check"`` never creates or changes a stream, only refuses to start on a wrong one.
    ``store_dir``, ``port`` (0: a free one), ``max_store`` and ``server_binary`` are the embedded server's.
    Each stream's ``…_max_bytes`` is reserved on the server; together they must fit into its ``max_store``.
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
    connect_timeout: Positive = 10.0
    request_timeout: Positive = 5.0
    max_reconnect_wait: Positive = 5.0
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
    command_max_bytes: Count = GIB
    account_max_bytes: Count = 4 * GIB
    market_max_bytes: Count = GIB // 2
    system_max_bytes: Count = GIB // 4
    dead_max_bytes: Count = GIB

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
        for name in ("command_max_age", "account_max_age", "system_max_age", "dead_max_age"):
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

    ``trusted_proxies`` are the networks whose ``X-Forwarded-For`` is believed.
    """

    listen: str = "127.0.0.1:8321"
    trusted_proxies: tuple[str, ...] = ()
    max_body: Count = 1024 * 1024

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


class BridgeConfig(msgspec.Struct, kw_only=True, frozen=True):
    """The whole configuration, checked. ``source`` is the file's name, for messages."""

    bus: BusConfig = BusConfig()
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()
    venues: dict[str, VenueConfig] = {}
    source: str = "the configuration"


def load_config(
    path: str | Path, specs: Mapping[str, VenueSpec[Any]], refused: Iterable[RefusedPlugin] = ()
) -> BridgeConfig:
    """Return the configuration in ``path``, complete and checked; nothing is connected to.

    Args:
        path: the TOML file; relative paths in it start from its folder.
        specs: the kinds of venue there are, by name (`venuebus.plugins.Plugins.specs`).
        refused: plugins that could not be used, so that a venue of theirs is told why.

    Raises:
        ConfigError: with one line for every mistake.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    return build_config(data, specs, refused, source=str(path), folder=path.parent)


def build_config(
    data: Mapping[str, Any],
    specs: Mapping[str, VenueSpec[Any]],
    refused: Iterable[RefusedPlugin] = (),
    *,
    source: str = "the configuration",
    folder: Path | None = None,
) -> BridgeConfig:
    """Return the configuration in ``data``, as `load_config` does for a file.

    Raises:
        ConfigError: with one line for every mistake.
    """
    reader = TableReader(folder if folder is not None else Path.cwd())
    tables = {"bus": BusConfig, "http": HttpConfig, "log": LogConfig}
    for key in data:
        if key not in (*tables, "venues"):
            reader.mistake(key, f"unknown key{did_you_mean(key, (*tables, 'venues'))}")
    _remember_passwords(data)
    built: dict[str, Any] = {key: reader.struct(kind, data.get(key, {}), key) for key, kind in tables.items()}
    venues = _venues(reader, data.get("venues", {}), specs, list(refused))
    http = built["http"]
    for name, venue in venues.items():
        if http is not None and not http.listen and specs[venue.plugin].capabilities.inbound_only:
            reader.mistake(f"venues.{name}", "this venue calls us: http.listen must not be empty")
    if reader.mistakes:
        raise ConfigError("\n".join(f"{source}: {path}: {text}" for path, text in reader.mistakes))
    return BridgeConfig(**built, venues=venues, source=source)


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


def _venues(
    reader: TableReader, tables: object, specs: Mapping[str, VenueSpec[Any]], refused: list[RefusedPlugin]
) -> dict[str, VenueConfig]:
    if not isinstance(tables, Mapping) or not tables:
        reader.mistake("venues", "expected at least one table [venues.<name>]")
        return {}
    found: dict[str, VenueConfig] = {}
    for name, table in tables.items():
        path = f"venues.{name}"
        if not NAME.match(name):
            reader.mistake(path, f"the name {name!r} must be 1 to 64 of A-Z a-z 0-9 _ -")
        spec = _spec(reader, path, table, specs, refused)
        config = reader.struct(spec.config_type, table, path) if spec is not None else None
        if spec is not None and config is not None:
            for key, text in _venue_mistakes(spec, config, table):
                reader.mistake(f"{path}.{key}", text)
            found[name] = config
    return found


def _spec(
    reader: TableReader,
    path: str,
    table: object,
    specs: Mapping[str, VenueSpec[Any]],
    refused: list[RefusedPlugin],
) -> VenueSpec[Any] | None:
    if not isinstance(table, Mapping):
        reader.mistake(path, "expected a table")
        return None
    plugin = table.get("plugin")
    installed = f"installed: {', '.join(sorted(specs)) or 'none'}"
    if not isinstance(plugin, str):
        reader.mistake(f"{path}.plugin", f"expected the name of a plugin ({installed})")
        return None
    if plugin in specs:
        return specs[plugin]
    reasons = [f"{entry.distribution or entry.name}: {entry.reason}" for entry in refused if plugin in entry.claims]
    if reasons:
        reader.mistake(f"{path}.plugin", f"plugin {plugin!r} was refused: {'; '.join(reasons)}")
    else:
        close = did_you_mean(plugin, specs)
        hint = close if "did you mean" in close else ""
        reader.mistake(f"{path}.plugin", f"no plugin {plugin!r} ({installed}){hint}")
    return None


def _venue_mistakes(spec: VenueSpec[Any], config: VenueConfig, table: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    names = config.account_names()
    for name in names:
        if not NAME.match(name):
            yield "account", f"the name {name!r} must be 1 to 64 of A-Z a-z 0-9 _ -"
    if len(set(names)) != len(names):
        yield "account", "two accounts have the same name"
    offered = spec.capabilities.market_data
    for kind in config.market_data if "market_data" in table else ():
        if kind not in offered:
            yield "market_data", f"{spec.name} has no {kind!r} (it has: {', '.join(sorted(offered)) or 'none'})"
    if not all(config.symbols):
        yield "symbols", "a symbol must not be empty"
    for key in ("max_quantity", "max_notional", "price_collar"):
        text = getattr(config, key)
        if text is not None and not _is_positive_decimal(text):
            yield key, 'expected a positive decimal number as text, such as "0.5"'
    for key in ("request_timeout", "reconcile_interval", "max_orders_per_second", "resolve_answers"):
        number = getattr(config, key)
        if number is not None and not 0 < number < float("inf"):
            yield key, "expected a number above 0"
    for key in ("fills_lookback", "resolve_min_age"):
        number = getattr(config, key)
        if number is not None and not 0 <= number < float("inf"):
            yield key, "expected a number of seconds, 0 or more"


def _is_positive_decimal(text: str) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and value > 0


def _remember_passwords(data: Mapping[str, Any]) -> None:
    """Hide passwords that stand in server addresses before any message can quote the address."""
    bus = data.get("bus")
    servers = bus.get("servers") if isinstance(bus, Mapping) else None
    for server in servers if isinstance(servers, list | tuple) else (servers,):
        if isinstance(server, str) and "@" in server:
            login = server.split("://", 1)[-1].rsplit("@", 1)[0]
            user, colon, password = login.partition(":")
            remember(password if colon else user)
