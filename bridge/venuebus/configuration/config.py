"""The configuration: one TOML file into frozen structs, or one error that tells every mistake.

Whatever is wrong is collected and told together, a line each: the file, the key, what was expected. Values that
come from the environment or from files are known to `venuebus.secret.redact` before anything can print them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from venuebus_schemas.subjects import NAME

from ..errors import ConfigError
from ..guard import call
from ..limits import Limit
from ..secret import remember
from ..venue import VenueConfig, VenueSpec
from .settings import BusConfig as BusConfig
from .settings import HttpConfig as HttpConfig
from .settings import LogConfig as LogConfig
from .settings import RunConfig as RunConfig
from .settings import TlsConfig as TlsConfig
from .settings import TracingConfig as TracingConfig
from .settings import listen_address as listen_address
from .tables import TableReader, did_you_mean, is_reference

if TYPE_CHECKING:
    from ..plugins import RefusedPlugin


LEAST_MEMORY = 96 * 1024**2  # bytes that an isolated venue may be limited to


class Tables:
    """The configuration as it was read, for the process of an isolated venue; what is secret in it is not shown."""

    def __init__(self, data: Mapping[str, Any] | None = None, folder: Path | None = None) -> None:
        self.data: Mapping[str, Any] = data if data is not None else {}
        self.folder = folder if folder is not None else Path()

    def __repr__(self) -> str:
        return f"<tables {', '.join(self.data)}>"

    def of(self, venue: str) -> dict[str, Any]:
        """Return the tables that one venue's process needs."""
        common = {name: self.data[name] for name in ("bus", "log", "tracing") if name in self.data}
        return {**common, "venues": {venue: self.data["venues"][venue]}}

    def variables_of_others(self, venue: str) -> set[str]:
        """Return the environment variables that only other venues' tables refer to."""
        return set(_variables(self.data)) - set(_variables(self.of(venue)))

    def keeping(self, *names: str, of: Tables) -> Tables:
        """Return these tables with those called ``names`` as they stand in ``of``."""
        kept = {name: of.data[name] for name in names if name in of.data}
        return Tables({**{name: table for name, table in self.data.items() if name not in names}, **kept}, self.folder)


def _variables(value: object) -> Iterable[str]:
    if is_reference(value) and "env" in value:
        yield value["env"]
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _variables(item)


class BridgeConfig(msgspec.Struct, kw_only=True, frozen=True):
    """The whole configuration, checked.

    ``source`` is the file's name, for messages; ``files`` are that file and those that values were read from.
    """

    bus: BusConfig = BusConfig()
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()
    run: RunConfig = RunConfig()
    tracing: TracingConfig = TracingConfig()
    venues: dict[str, VenueConfig] = {}
    source: str = "the configuration"
    files: tuple[Path, ...] = ()
    tables: Tables = Tables()


def load_config(
    path: str | Path,
    specs: Mapping[str, VenueSpec[Any]],
    refused: Iterable[RefusedPlugin] = (),
    only: Collection[str] = (),
) -> BridgeConfig:
    """Return the configuration in ``path``, complete and checked; nothing is connected to.

    Args:
        path: the TOML file; relative paths in it start from its folder.
        specs: the kinds of venue there are, by name (`venuebus.plugins.Plugins.specs`).
        refused: plugins that could not be used, so that a venue of theirs is told why.
        only: the venues whose tables are read, as many of them as are there; empty: all. Of the others neither
            secrets nor plugins need to be here.

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
    config = build_config(data, specs, refused, source=str(path), folder=path.parent, only=only)
    return msgspec.structs.replace(config, files=(path, *config.files))


def build_config(
    data: Mapping[str, Any],
    specs: Mapping[str, VenueSpec[Any]],
    refused: Iterable[RefusedPlugin] = (),
    *,
    source: str = "the configuration",
    folder: Path | None = None,
    only: Collection[str] = (),
) -> BridgeConfig:
    """Return the configuration in ``data``, as `load_config` does for a file.

    Raises:
        ConfigError: with one line for every mistake.
    """
    reader = TableReader(folder if folder is not None else Path.cwd())
    tables = {"bus": BusConfig, "http": HttpConfig, "log": LogConfig, "run": RunConfig, "tracing": TracingConfig}
    for key in data:
        if key not in (*tables, "venues"):
            reader.mistake(key, f"unknown key{did_you_mean(key, (*tables, 'venues'))}")
    _remember_passwords(data)
    built: dict[str, Any] = {key: reader.struct(kind, data.get(key, {}), key) for key, kind in tables.items()}
    venues = _venues(reader, data.get("venues", {}), specs, list(refused), only)
    http = built["http"]
    for name, venue in venues.items():
        if http is not None and not http.listen and specs[venue.plugin].capabilities.inbound_only:
            reader.mistake(f"venues.{name}", "this venue calls us: http.listen must not be empty")
    if reader.mistakes:
        raise ConfigError("\n".join(f"{source}: {path}: {text}" for path, text in reader.mistakes))
    return BridgeConfig(
        **built, venues=venues, source=source, files=tuple(reader.files), tables=Tables(data, reader.folder)
    )


def _venues(
    reader: TableReader,
    tables: object,
    specs: Mapping[str, VenueSpec[Any]],
    refused: list[RefusedPlugin],
    only: Collection[str],
) -> dict[str, VenueConfig]:
    if not isinstance(tables, Mapping) or not tables:
        reader.mistake("venues", "expected at least one table [venues.<name>]")
        return {}
    wanted = {name: table for name, table in tables.items() if not only or name in only}
    if not wanted:
        reader.mistake("venues", f"there is no {', '.join(only)} among them; there are: {', '.join(tables)}")
    found: dict[str, VenueConfig] = {}
    for name, table in wanted.items():
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
    names, wrong = _asked(spec, config)
    if wrong is not None:
        yield "plugin", wrong
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
    if config.max_memory is not None and config.isolation != "process":
        yield "max_memory", 'only with isolation = "process"'
    if config.max_memory is not None and config.max_memory < LEAST_MEMORY:
        yield "max_memory", f"expected bytes, {LEAST_MEMORY} at least: Python and the bridge alone take nearly that"
    for key in ("request_timeout", "reconcile_interval", "max_orders_per_second", "resolve_answers", "max_blocked"):
        number = getattr(config, key)
        if number is not None and not 0 < number < float("inf"):
            yield key, "expected a number above 0"
    for key in ("fills_lookback", "resolve_min_age"):
        number = getattr(config, key)
        if number is not None and not 0 <= number < float("inf"):
            yield key, "expected a number of seconds, 0 or more"


def _asked(spec: VenueSpec[Any], config: VenueConfig) -> tuple[tuple[str, ...], str | None]:
    """Return the names of the accounts, and what is wrong with what the plugin makes of the table, if anything is."""
    who = f"plugin {spec.name}"
    try:
        names = call(who, "account_names", config.account_names)
        limits = call(who, "limits", spec.limits, config) if spec.limits is not None else ()
    except Exception as error:  # noqa: BLE001 - foreign code; its bug must not hide the other mistakes
        return (), str(error)
    if not (isinstance(names, tuple | list) and all(isinstance(name, str) for name in names)):
        return (), f"{who}: account_names() must return a tuple of names"
    if not (isinstance(limits, tuple | list) and all(isinstance(limit, Limit) for limit in limits)):
        return tuple(names), f"{who}: limits() must return a tuple of venuebus.Limit"
    return tuple(names), None


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
