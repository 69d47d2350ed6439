"""Installed plugins, loaded one by one: each refusal has its reason and stops no other plugin.

Each plugin gets a plugin manager of its own: with a shared one a broken plugin stops the loading of the rest, and
an exception in one hook keeps the others from being called.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import io
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import msgspec
import pluggy
import structlog
from venuebus_schemas import SessionState
from venuebus_schemas.subjects import NAME

from . import hookspecs
from .configuration.tables import did_you_mean
from .errors import PluginError
from .guard import call, said, shortened
from .hookspecs import PROJECT
from .quality import Quality, TierGate, find_report, judge, shortfall
from .venue import CONTRACT_VERSION, Capabilities, Interceptor, Observer, VenueConfig, VenueSpec
from .versions import too_new

if TYPE_CHECKING:
    from .configuration.config import BridgeConfig

OLDEST_CONTRACT = 1
SLOW = 2.0  # seconds of loading that are told
MAX_FOUND = 1000  # what one hook may return
LIMIT_VARIABLE = "VENUEBUS_PLUGINS"
_PREFIX = "venuebus_"
_HOOKS = tuple(name for name in vars(hookspecs) if name.startswith(_PREFIX))
log = structlog.stdlib.get_logger()


@dataclass(frozen=True, kw_only=True)
class LoadedPlugin:
    """A plugin in use. ``output`` is what it printed while it was loaded, and ``seconds`` how long that took."""

    name: str
    distribution: str
    version: str
    venues: tuple[str, ...] = ()
    contract: int = CONTRACT_VERSION
    output: str = ""
    seconds: float = 0.0
    hooks: pluggy.PluginManager = field(repr=False)
    reports: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class RefusedPlugin:
    """A plugin that is not used, and why. ``claims`` are the venue names that it is, or seems to be, there for."""

    name: str
    distribution: str
    reason: str
    claims: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True)
class Plugins:
    """What is installed: ``specs`` by venue kind, the plugins in use and the refused ones, each sorted by name.

    ``quality`` is what the reports that they ship make of them, by venue kind.
    """

    specs: Mapping[str, VenueSpec[Any]]
    loaded: tuple[LoadedPlugin, ...]
    refused: tuple[RefusedPlugin, ...]
    quality: Mapping[str, Quality] = field(default_factory=dict)

    def gates(self, venue: str, config: VenueConfig) -> tuple[Interceptor, ...]:
        """Return what keeps orders from a venue whose plugin is below its ``min_tier``."""
        text = shortfall(venue, config, self.quality.get(config.plugin))
        return () if text is None else (TierGate(text),)

    def needed_for(self, kind: str) -> list[str]:
        """Return the names of the plugins that a venue of ``kind`` needs: its own, and those that see its messages."""
        look = ("venuebus_register_interceptors", "venuebus_register_observers")
        return [
            plugin.name
            for plugin in self.loaded
            if kind in plugin.venues or any(getattr(plugin.hooks.hook, name).get_hookimpls() for name in look)
        ]

    def oddities(self) -> list[str]:
        """Return a line for what a plugin in use should not have done while it was loaded."""
        found = []
        for plugin in self.loaded:
            if plugin.output:
                first = plugin.output.splitlines()[0][:200]
                found.append(f"plugin {plugin.name} printed while it was loaded, which no plugin should: {first!r}")
            if plugin.seconds > SLOW:
                found.append(f"plugin {plugin.name} took {plugin.seconds:.1f} s to load: it must not block at import")
        return found

    def interceptors(self, config: BridgeConfig) -> tuple[Interceptor, ...]:
        """Return every plugin's interceptors, lowest ``order`` first.

        Raises:
            PluginError: a plugin could not make its interceptors. Trading without a check that somebody installed
                would be worse than not starting.
        """
        found: list[Interceptor] = []
        for plugin in self.loaded:
            try:
                made = _ask(plugin, "venuebus_register_interceptors", config)
                for item in made:
                    _need(isinstance(getattr(item, "name", None), str), f"{item!r} has no name")
                    _need(isinstance(getattr(item, "order", None), int), f"interceptor {item.name!r} has no order")
                    _need_plain(item, "check", f"interceptor {item.name!r}")
            except Exception as error:
                raise PluginError(f"{_label(plugin)}: no interceptors: {_reason(error)}") from error
            found += made
        return tuple(sorted(found, key=lambda item: (item.order, item.name)))

    def observers(self, config: BridgeConfig) -> tuple[Observer, ...]:
        """Return every plugin's observers; a plugin that cannot make its own is logged and goes without."""
        found: list[Observer] = []
        for plugin in self.loaded:
            try:
                made = _ask(plugin, "venuebus_register_observers", config)
                for item in made:
                    _need(isinstance(getattr(item, "name", None), str), f"{item!r} has no name")
                    _need_plain(item, "observe", f"observer {item.name!r}")
            except Exception as error:  # noqa: BLE001 - the guard around foreign code
                log.error("plugin goes without its observers", plugin=plugin.name, reason=_reason(error))
                continue
            found += made
        return tuple(found)

    def venue_state_changed(self, venue: str, state: SessionState, reason: str) -> None:
        """Tell every plugin; one that fails is logged and keeps no other from hearing it."""
        for plugin in self.loaded:
            tell = functools.partial(plugin.hooks.hook.venuebus_venue_state_changed, venue=venue, state=state)
            try:
                call(f"plugin {plugin.name}", "venuebus_venue_state_changed", lambda tell=tell: tell(reason=reason))
            except Exception:
                log.exception("plugin failed in venuebus_venue_state_changed", plugin=plugin.name, venue=venue)


def load_plugins(modules: Iterable[object] = (), *, installed: bool = True) -> Plugins:
    """Load ``modules`` (plugin modules or objects, as they are) and every installed entry point of the group.

    The environment variable ``VENUEBUS_PLUGINS`` limits the entry points to the named ones (``btse,sim``). Never
    raises for a plugin: what is wrong with one stands in `Plugins.refused`.
    """
    loaded: list[tuple[LoadedPlugin, list[VenueSpec[Any]]]] = []
    refused: list[RefusedPlugin] = []
    for candidate in [*map(_given, modules), *(_installed(refused) if installed else ())]:
        output, started = io.StringIO(), time.monotonic()
        try:
            with _captured(output):
                plugin_object = candidate.load()
                hooks, specs = _load(candidate, plugin_object)
                reports = {spec.name: find_report(plugin_object, spec.name) for spec in specs}
        except KeyboardInterrupt:
            raise  # a person's Ctrl-C, as far as anybody can tell
        except BaseException as error:  # noqa: BLE001 - the guard around foreign code
            refused.append(candidate.refuse(_reason(error)))
            continue
        plugin = LoadedPlugin(
            name=candidate.name,
            distribution=candidate.distribution,
            version=candidate.version,
            venues=tuple(spec.name for spec in specs),
            contract=max((spec.contract for spec in specs), default=CONTRACT_VERSION),
            output=shortened(output.getvalue()),
            seconds=time.monotonic() - started,
            hooks=hooks,
            reports=reports,
        )
        loaded.append((plugin, specs))
    kept = _without_rivals(loaded, refused)
    return Plugins(
        {spec.name: spec for _, specs in kept for spec in specs},
        tuple(sorted((plugin for plugin, _ in kept), key=lambda plugin: plugin.name)),
        tuple(sorted(refused, key=lambda plugin: plugin.name)),
        {
            spec.name: judge(plugin.reports.get(spec.name), spec, plugin.distribution, plugin.version)
            for plugin, specs in kept
            for spec in specs
        },
    )


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    name: str
    load: Callable[[], object]
    distribution: str = ""
    version: str = ""

    def refuse(self, reason: str, claims: tuple[str, ...] = ()) -> RefusedPlugin:
        return RefusedPlugin(
            name=self.name,
            distribution=self.distribution,
            version=self.version,
            reason=reason,
            claims=claims or (self.name,),
        )


def _given(plugin: object) -> _Candidate:
    name = str(getattr(plugin, "__name__", type(plugin).__name__))
    return _Candidate(name=name, load=lambda: plugin)


def _installed(refused: list[RefusedPlugin]) -> list[_Candidate]:
    limit = os.environ.get(LIMIT_VARIABLE)
    wanted = None if limit is None else {name.strip() for name in limit.split(",") if name.strip()}
    found = []
    for entry in sorted(metadata.entry_points(group=PROJECT), key=lambda entry: entry.name):
        if wanted is None or entry.name in wanted:
            distribution, version = (entry.dist.name, entry.dist.version) if entry.dist is not None else ("", "")
            load = functools.partial(_entry, entry)
            found.append(_Candidate(name=entry.name, load=load, distribution=distribution, version=version))
    for name in sorted((wanted or set()) - {candidate.name for candidate in found}):
        reason = f"{LIMIT_VARIABLE} names it, but no installed distribution has it"
        refused.append(RefusedPlugin(name=name, distribution="", reason=reason, claims=(name,)))
    return found


def _entry(entry: metadata.EntryPoint) -> object:
    """Return what an entry point names, or say what is wrong with the entry point itself."""
    label = f"its entry point {entry.name} = {entry.value!r}"
    if entry.pattern.match(entry.value) is None:
        raise PluginError(f"{label} must name a module, or module:attribute")
    try:
        found: object = importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{entry.module}.".startswith(f"{error.name}."):
            raise PluginError(f"{label} names the module {error.name}, which is not installed") from error
        raise
    for part in entry.attr.split(".") if entry.attr else ():
        if not hasattr(found, part):
            raise PluginError(f"{label} names {part!r}, which {entry.module} does not have")
        found = getattr(found, part)
    return found


def _load(candidate: _Candidate, plugin: object) -> tuple[pluggy.PluginManager, list[VenueSpec[Any]]]:
    hooks = pluggy.PluginManager(PROJECT)
    hooks.add_hookspecs(hookspecs)
    try:
        hooks.register(plugin, name=candidate.name)
    except pluggy.PluginValidationError as error:
        raise PluginError(too_new(plugin, candidate.distribution, error)) from error
    _check_hooks(plugin, hooks)
    specs: list[VenueSpec[Any]] = _flat(hooks.hook.venuebus_register_venues(), "venuebus_register_venues")
    for spec in specs:
        check_spec(spec)
    names = [spec.name for spec in specs]
    for name in names:
        _need(names.count(name) == 1, f"it registers the venue {name!r} twice")
    return hooks, specs


def _check_hooks(plugin: object, hooks: pluggy.PluginManager) -> None:
    """Refuse what pluggy would pass over in silence: misspelt, unmarked and asynchronous hooks."""
    marked = set()
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        options = hooks.parse_hookimpl_opts(plugin, name)
        if options is not None:
            if name not in _HOOKS and options.get("optionalhook"):
                continue  # written for a newer venuebus too
            _need(name in _HOOKS, f"there is no hook {name!r}{did_you_mean(name, _HOOKS)}")
            asynchronous = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
            _need(not asynchronous, f"{name} must not be async")
            marked.add(name)
        elif name.startswith(_PREFIX) and inspect.isroutine(function) and name in _HOOKS:
            raise PluginError(f"{name} lacks its @hookimpl")
    _need(bool(marked), f"it implements no hook; known: {', '.join(_HOOKS)}")


def check_spec(spec: object) -> None:
    """Pass a `VenueSpec` that can be used.

    Raises:
        PluginError: it cannot, and why.
    """
    if not isinstance(spec, VenueSpec):
        raise PluginError(f"venuebus_register_venues must return VenueSpec objects, got {type(spec).__name__}")
    name, contract = spec.name, spec.contract
    _need(isinstance(name, str) and NAME.match(name) is not None, f"{name!r} is no name for a venue")
    if not isinstance(contract, int) or not OLDEST_CONTRACT <= contract <= CONTRACT_VERSION:
        spoken = "1" if CONTRACT_VERSION == 1 else f"{OLDEST_CONTRACT} to {CONTRACT_VERSION}"
        mend = "update venuebus" if isinstance(contract, int) and contract > CONTRACT_VERSION else "update the plugin"
        raise PluginError(f"{name} is written for plugin contract {contract}, this venuebus speaks {spoken}; {mend}")
    config_type: Any = spec.config_type
    _need(
        isinstance(config_type, type) and issubclass(config_type, VenueConfig),
        f"{name}: config_type must inherit from venuebus.VenueConfig",
    )
    try:
        msgspec.structs.fields(config_type)
    except NameError as error:
        raise PluginError(f"{name}: the types of {config_type.__name__} cannot be read: {error}") from error
    _need(callable(spec.create), f"{name}: create is not callable")
    for part in ("limits", "simulator", "webhook"):
        given = getattr(spec, part)
        _need(given is None or callable(given), f"{name}: {part} must be a function, got {type(given).__name__}")
    _need(isinstance(spec.summary, str), f"{name}: summary must be text, got {type(spec.summary).__name__}")
    _need(isinstance(spec.capabilities, Capabilities), f"{name}: capabilities must be a venuebus.Capabilities")
    _check_capabilities(name, spec.capabilities)


def _check_capabilities(name: str, capabilities: Capabilities) -> None:
    """Refuse fields of another type than their default has: nobody else looks before an order needs them."""
    for known in msgspec.structs.fields(Capabilities):
        value, default = getattr(capabilities, known.name), getattr(Capabilities(), known.name)
        kinds: Any = {frozenset: (frozenset, set), float: (float, int)}.get(type(default), type(default))
        right = isinstance(value, kinds) and isinstance(value, bool) == isinstance(default, bool)
        expected = type(default).__name__
        _need(right, f"{name}: capabilities.{known.name} must be a {expected}, got {type(value).__name__}")


def _without_rivals(
    loaded: list[tuple[LoadedPlugin, list[VenueSpec[Any]]]], refused: list[RefusedPlugin]
) -> list[tuple[LoadedPlugin, list[VenueSpec[Any]]]]:
    """Refuse every plugin that shares a venue name with another: which one is meant is not ours to guess."""
    claims: dict[str, list[LoadedPlugin]] = {}
    for plugin, specs in loaded:
        for spec in specs:
            claims.setdefault(spec.name, []).append(plugin)
    kept = []
    for plugin, specs in loaded:
        rivals = [
            f"the venue {venue!r} is also registered by {_label(other)}"
            for venue in plugin.venues
            for other in claims[venue]
            if other is not plugin
        ]
        if rivals:
            refused.append(
                RefusedPlugin(
                    name=plugin.name,
                    distribution=plugin.distribution,
                    version=plugin.version,
                    reason="; ".join(rivals) + "; uninstall one, or name those to load in VENUEBUS_PLUGINS",
                    claims=(plugin.name, *plugin.venues),
                )
            )
        else:
            kept.append((plugin, specs))
    return kept


def _flat(results: list[Any], hook: str) -> list[Any]:
    found: list[Any] = []
    for result in results:
        if isinstance(result, str | bytes | Mapping) or not isinstance(result, Iterable):
            raise PluginError(f"{hook} must return a list, got {type(result).__name__}")
        found += itertools.islice(result, MAX_FOUND + 1)
        _need(len(found) <= MAX_FOUND, f"{hook} returned more than {MAX_FOUND} items")
    return found


def _ask(plugin: LoadedPlugin, hook: str, config: BridgeConfig) -> list[Any]:
    with _captured(io.StringIO()):
        asked = functools.partial(getattr(plugin.hooks.hook, hook), config=config)
        return call(f"plugin {plugin.name}", hook, lambda: _flat(asked(), hook))  # type: ignore[no-any-return]


def _need_plain(item: object, method: str, label: str) -> None:
    function = getattr(item, method, None)
    _need(callable(function), f"{label} has no {method}()")
    _need(not inspect.iscoroutinefunction(function), f"{label}: {method}() must not be async")


def _need(holds: bool, text: str) -> None:
    if not holds:
        raise PluginError(text)


def _label(plugin: LoadedPlugin) -> str:
    return f"{plugin.distribution} {plugin.version} ({plugin.name})" if plugin.distribution else plugin.name


@contextlib.contextmanager
def _captured(output: io.StringIO) -> Iterator[None]:
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        yield


def _reason(error: BaseException) -> str:
    """Say in one line what went wrong and where."""
    if isinstance(error, PluginError):
        return shortened(str(error), 500)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"the library {error.name!r} is missing"
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({os.path.basename(error.filename or '?')}, line {error.lineno})"
    if isinstance(error, SystemExit):
        return f"it tried to end the program (SystemExit: {error.code})"
    return said(error)
