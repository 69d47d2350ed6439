import sys
from pathlib import Path

import pytest
import venuebus.plugins
from structlog.testing import capture_logs
from venuebus import Capabilities, PluginError, VenueConfig, VenueSpec, hookimpl
from venuebus.configuration.config import BridgeConfig
from venuebus.plugins import Plugins, load_plugins
from venuebus_schemas import SessionState

GOOD = """
from venuebus import Capabilities, VenueConfig, VenueSpec, hookimpl

class Config(VenueConfig, kw_only=True, frozen=True):
    url: str = "x"

def make(name, **more):
    more |= {"config_type": Config, "create": lambda context: None, "capabilities": Capabilities()}
    return VenueSpec(name=name, **more)

@hookimpl
def venuebus_register_venues():
    return [make({name!r})]
"""


class Site:
    """A folder of installed distributions, as pip leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []

    def install(self, entry: str, source: str, *, distribution: str | None = None) -> None:
        """Install a distribution with one entry point ``entry`` whose module has ``source``."""
        distribution = distribution or f"vbtest-{entry}"
        module = f"vbtest_{len(self.names)}_{self.folder.name.replace('-', '_')}"
        (self.folder / f"{module}.py").write_text(source.replace("{name!r}", repr(entry)))
        info = self.folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[venuebus]\n{entry} = {module}\n")
        self.names.append(entry)

    def load(self, monkeypatch: pytest.MonkeyPatch) -> Plugins:
        """Load what is installed here, and nothing else that this machine has."""
        monkeypatch.setenv("VENUEBUS_PLUGINS", ",".join(self.names))
        return load_plugins()


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    yield Site(tmp_path)
    for name in [name for name in sys.modules if name.startswith("vbtest_")]:
        del sys.modules[name]


def test_a_good_plugin_is_loaded_with_its_distribution_and_venues(site, monkeypatch):
    site.install("toy", GOOD)
    plugins = site.load(monkeypatch)
    [loaded] = plugins.loaded
    assert (loaded.name, loaded.distribution, loaded.version, loaded.venues) == ("toy", "vbtest-toy", "1.2", ("toy",))
    assert loaded.contract == 1
    assert plugins.specs["toy"].name == "toy"
    assert plugins.refused == ()


REFUSED = {
    "lib": ("import a_library_that_nobody_has", "the library 'a_library_that_nobody_has' is missing"),
    "syntax": ("def f(:", "SyntaxError: "),
    "exits": ("raise SystemExit(3)", "it tried to end the program (SystemExit: 3)"),
    "raises": ("1 / 0", "ZeroDivisionError: division by zero (vbtest_"),
    "evil": (
        "class Evil(BaseException):\n    pass\nraise Evil('no Exception')",
        "Evil: no Exception (vbtest_",
    ),
    "canceled": ("import asyncio\nraise asyncio.CancelledError", "CancelledError: "),
    "unshowable": (
        "class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Odd",
        "Odd: it cannot even say what (vbtest_",
    ),
    "long": ("raise ValueError('x' * 1_000_000)", "ValueError: xxxxxx"),
    "endless": (
        "import itertools\nfrom venuebus import hookimpl\n@hookimpl\ndef venuebus_register_venues():\n"
        "    return itertools.count()",
        "venuebus_register_venues returned more than 1000 items",
    ),
    "limits": (
        GOOD.replace("make({name!r})", "make({name!r}, limits=7)"),
        "limits: limits must be a function, got int",
    ),
    "abilities": (
        GOOD.replace("make({name!r})", "make({name!r})").replace(
            "Capabilities()", "Capabilities(market_data=['quote'])"
        ),
        "abilities: capabilities.market_data must be a frozenset, got list",
    ),
    "empty": ("x = 1", "it implements no hook; known: venuebus_register_venues"),
    "misspelt": (
        "from venuebus import hookimpl\n@hookimpl\ndef venuebus_register_venue():\n    return []",
        "there is no hook 'venuebus_register_venue'; did you mean 'venuebus_register_venues'?",
    ),
    "unmarked": ("def venuebus_register_venues():\n    return []", "venuebus_register_venues lacks its @hookimpl"),
    "argument": (
        "from venuebus import hookimpl\n@hookimpl\ndef venuebus_register_venues(bridge):\n    return []",
        "needs venuebus > ",
    ),
    "async": (
        "from venuebus import hookimpl\n@hookimpl\nasync def venuebus_register_venues():\n    return []",
        "venuebus_register_venues must not be async",
    ),
    "string": (
        "from venuebus import hookimpl\n@hookimpl\ndef venuebus_register_venues():\n    return 'toy'",
        "venuebus_register_venues must return a list, got str",
    ),
    "one": (
        "from venuebus import hookimpl\n@hookimpl\ndef venuebus_register_venues():\n    return [5]",
        "venuebus_register_venues must return VenueSpec objects, got int",
    ),
    "hookraises": (
        "from venuebus import hookimpl\n@hookimpl\ndef venuebus_register_venues():\n    yield 1 / 0",
        "ZeroDivisionError: division by zero (vbtest_",
    ),
    "hookexits": (
        "import sys\nfrom venuebus import hookimpl\n@hookimpl\ndef venuebus_register_venues():\n    sys.exit('bye')",
        "it tried to end the program (SystemExit: bye)",
    ),
    "future": (
        GOOD.replace("make({name!r})", "make({name!r}, contract=7)"),
        "future is written for plugin contract 7, this venuebus speaks 1",
    ),
    "badname": (GOOD.replace("make({name!r})", "make('a.b')"), "'a.b' is no name for a venue"),
    "twice": (GOOD.replace("make({name!r})", "make('x'), make('x')"), "it registers the venue 'x' twice"),
    "config": (GOOD.replace("(VenueConfig, kw_only=True, frozen=True)", ""), "config: config_type must inherit from"),
    "hidden": (
        "from __future__ import annotations" + GOOD.replace("url: str", "url: NotThere"),
        "hidden: the types of Config cannot be read: name 'NotThere'",
    ),
}


@pytest.mark.parametrize("entry", REFUSED)
def test_a_bad_plugin_is_refused_with_its_reason_and_stops_no_other(site, monkeypatch, entry):
    source, reason = REFUSED[entry]
    site.install(entry, source)
    site.install("zz-good", GOOD)
    plugins = site.load(monkeypatch)
    [refused] = plugins.refused
    assert refused.reason.startswith(reason), refused.reason
    assert "\n" not in refused.reason
    assert len(refused.reason) < 700
    assert (refused.name, refused.distribution, refused.version) == (entry, f"vbtest-{entry}", "1.2")
    assert list(plugins.specs) == ["zz-good"]


def test_all_bad_plugins_together_leave_the_good_one(site, monkeypatch):
    for entry, (source, _) in REFUSED.items():
        site.install(entry, source)
    site.install("good", GOOD)
    plugins = site.load(monkeypatch)
    assert {plugin.name for plugin in plugins.refused} == set(REFUSED)
    assert list(plugins.specs) == ["good"]


def test_an_entry_point_without_its_module_is_refused(site, monkeypatch):
    site.install("toy", GOOD)
    next(site.folder.glob("vbtest_*.py")).unlink()
    [refused] = site.load(monkeypatch).refused
    assert refused.reason.startswith("its entry point toy = 'vbtest_0_")
    assert refused.reason.endswith("which is not installed")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("vbtest_0_nowhere", "names the module vbtest_0_nowhere, which is not installed"),
        ("vbtest_0_nowhere.deeper:plugin", "names the module vbtest_0_nowhere, which is not installed"),
        ("json:no_such_name", "names 'no_such_name', which json does not have"),
        ("json:dumps", "it implements no hook"),
        ("not a module!", "must name a module, or module:attribute"),
    ],
)
def test_a_wrong_entry_point_is_told_as_such(site, monkeypatch, value, reason):
    site.install("toy", GOOD)
    next(site.folder.glob("*.dist-info/entry_points.txt")).write_text(f"[venuebus]\ntoy = {value}\n")
    [refused] = site.load(monkeypatch).refused
    assert reason in refused.reason


def test_two_plugins_for_one_venue_are_both_refused_by_name(site, monkeypatch):
    site.install("first", GOOD.replace("{name!r}", "'same'"), distribution="vbtest-alpha")
    site.install("second", GOOD.replace("{name!r}", "'same'"), distribution="vbtest-beta")
    site.install("third", GOOD)
    plugins = site.load(monkeypatch)
    assert list(plugins.specs) == ["third"]
    mend = "; uninstall one, or name those to load in VENUEBUS_PLUGINS"
    assert [(plugin.name, plugin.reason.removesuffix(mend)) for plugin in plugins.refused] == [
        ("first", "the venue 'same' is also registered by vbtest-beta 1.2 (second)"),
        ("second", "the venue 'same' is also registered by vbtest-alpha 1.2 (first)"),
    ]
    assert all(plugin.reason.endswith(mend) for plugin in plugins.refused)
    assert all("same" in plugin.claims for plugin in plugins.refused)


def test_what_a_plugin_prints_while_it_is_loaded_is_kept_for_itself(site, monkeypatch, capsys):
    site.install("toy", "print('at import')" + GOOD + "import sys\nprint('later', file=sys.stderr)\n")
    plugins = site.load(monkeypatch)
    [loaded] = plugins.loaded
    assert capsys.readouterr() == ("", "")
    assert loaded.output == "at import\nlater\n"
    assert plugins.oddities() == ["plugin toy printed while it was loaded, which no plugin should: 'at import'"]


def test_a_plugin_that_blocks_while_it_is_loaded_is_told(site, monkeypatch):
    monkeypatch.setattr(venuebus.plugins, "SLOW", 0.01)
    site.install("slow", "import time\ntime.sleep(0.02)" + GOOD)
    site.install("quick", GOOD)
    [said] = site.load(monkeypatch).oddities()
    assert said.startswith("plugin slow took 0.0 s to load: it must not block at import")


def test_the_variable_limits_loading_and_names_what_is_not_there(site, monkeypatch):
    site.install("one", GOOD)
    site.install("two", GOOD)
    monkeypatch.setenv("VENUEBUS_PLUGINS", "two, ,three")
    plugins = load_plugins()
    assert list(plugins.specs) == ["two"]
    assert [(plugin.name, plugin.reason) for plugin in plugins.refused] == [
        ("three", "VENUEBUS_PLUGINS names it, but no installed distribution has it")
    ]


def test_an_optional_hook_of_a_newer_venuebus_is_no_mistake(site, monkeypatch):
    newer = "@hookimpl(optionalhook=True)\ndef venuebus_register_cli(group):\n    return []\n"
    site.install("toy", GOOD + newer)
    assert list(site.load(monkeypatch).specs) == ["toy"]


# --- objects that are given, and what is asked of them later ------------------------------------------------------


class Plugin:
    """A plugin that is an object; subclasses break one hook."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self.told: list[tuple[str, SessionState, str]] = []

    @hookimpl
    def venuebus_register_venues(self):
        yield VenueSpec(name=self.__name__, config_type=VenueConfig, create=lambda _: None, capabilities=Capabilities())

    @hookimpl
    def venuebus_venue_state_changed(self, venue, state, reason):
        self.told.append((venue, state, reason))


class Guard:
    def __init__(self, name: str, order: int) -> None:
        self.name, self.order = name, order

    def check(self, command: object, venue: str, account: str) -> None: ...

    def observe(self, event: object, venue: str) -> None: ...


class Guarding(Plugin):
    @hookimpl
    def venuebus_register_interceptors(self, config):
        assert isinstance(config, BridgeConfig)
        return [Guard(f"{self.__name__}-late", 9), Guard(f"{self.__name__}-early", 1)]

    @hookimpl
    def venuebus_register_observers(self, config):
        return [Guard(f"{self.__name__}-eye", 0)]


class Coroutines(Plugin):
    @hookimpl
    def venuebus_register_interceptors(self, config):
        class Later(Guard):
            async def check(self, command: object, venue: str, account: str) -> None: ...

        return [Later("later", 1)]


class Broken(Plugin):
    @hookimpl
    def venuebus_register_interceptors(self, config):
        raise KeyError("limits")

    @hookimpl
    def venuebus_register_observers(self, config):
        return [object()]

    @hookimpl
    def venuebus_venue_state_changed(self, venue, state, reason):
        raise RuntimeError("boom")


def load(*plugins: object) -> Plugins:
    loaded = load_plugins(plugins, installed=False)
    assert loaded.refused == ()
    return loaded


def test_a_plugin_may_be_given_as_an_object():
    plugins = load(Plugin("sim"))
    assert list(plugins.specs) == ["sim"]
    assert (plugins.loaded[0].name, plugins.loaded[0].distribution) == ("sim", "")


def test_interceptors_come_in_their_order_across_plugins():
    plugins = load(Guarding("b"), Guarding("a"), Plugin("c"))
    assert [item.name for item in plugins.interceptors(BridgeConfig())] == ["a-early", "b-early", "a-late", "b-late"]


def test_a_plugin_without_its_interceptors_keeps_the_bridge_from_starting():
    with pytest.raises(PluginError, match=r"bad: no interceptors: .* raised KeyError: 'limits'"):
        load(Guarding("a"), Broken("bad")).interceptors(BridgeConfig())


def test_an_interceptor_that_nobody_would_await_keeps_the_bridge_from_starting():
    with pytest.raises(PluginError, match=r"interceptor 'later': check\(\) must not be async"):
        load(Coroutines("bad")).interceptors(BridgeConfig())


@pytest.mark.parametrize("how", [SystemExit(3), KeyboardInterrupt()])
def test_a_hook_that_ends_the_program_does_not(how):
    class Ending(Plugin):
        @hookimpl
        def venuebus_venue_state_changed(self, venue, state, reason):
            raise how

        @hookimpl
        def venuebus_register_observers(self, config):
            raise how

    plugins = load(Ending("bad"), last := Plugin("z"))
    plugins.venue_state_changed("btse", SessionState.READY, "")
    assert len(last.told) == 1
    assert plugins.observers(BridgeConfig()) == ()


def test_a_plugin_without_its_observers_is_logged_and_the_others_go_on():
    with capture_logs() as lines:
        found = load(Broken("bad"), Guarding("a")).observers(BridgeConfig())
    assert [item.name for item in found] == ["a-eye"]
    [line] = lines
    assert (line["plugin"], line["log_level"]) == ("bad", "error")


def test_a_state_change_reaches_every_plugin_even_if_one_fails():
    first, last = Plugin("a"), Plugin("z")
    with capture_logs() as lines:
        load(first, Broken("bad"), last).venue_state_changed("btse", SessionState.READY, "logged in")
    assert first.told == last.told == [("btse", SessionState.READY, "logged in")]
    assert [line["plugin"] for line in lines] == ["bad"]


def test_an_interrupt_while_loading_is_not_swallowed():
    class Interrupting(Plugin):
        @hookimpl
        def venuebus_register_venues(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_plugins([Interrupting("x")], installed=False)
