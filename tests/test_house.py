"""The house rules that a reader relies on, checked: hooks, sizes, directions, the example, clean texts."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import venuebus
from venuebus import hookspecs
from venuebus.cli import COMMANDS
from venuebus.configuration.config import build_config
from venuebus.configuration.settings import BusConfig, HttpConfig, LogConfig, TracingConfig
from venuebus.plugins import load_plugins
from venuebus.testing import RecordingContext
from venuebus.venue import VenueConfig
from venuebus_schemas import COMMAND_TYPES, EVENT_TYPES, AccountEvent, Command, Quote, Reason

ROOT = Path(__file__).parent.parent
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
HOOKS = [name for name in vars(hookspecs) if name.startswith("venuebus_") and name != "venuebus_schemas"]
BUDGET = 500  # lines of a file that a person wrote; 300 is the aim, and most are far below
PURE = re.compile(r"(messages|protocol|convert)\w*\.py")
IMPURE = {"asyncio", "aiohttp", "socket", "ssl", "time", "nats", "tenacity", "threading", "subprocess"}
PUBLIC = {"venuebus", "venuebus.simulation", "venuebus.testing", "venuebus_schemas"}


def tracked(*patterns: str) -> list[Path]:
    """Files that git has or would take: nothing that is ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("no git repository here (an unpacked archive)")
    return sorted(path for line in set(done.stdout.splitlines()) if (path := ROOT / line).is_file())


def written(*patterns: str) -> list[Path]:
    return [path for path in tracked(*patterns) if "pb" not in path.parts and not path.name.endswith("_pb2.py")]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


# --- hooks and public names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_tested_by_name(hook: str) -> None:
    function: Any = getattr(hookspecs, hook)
    assert len(inspect.getdoc(function) or "") > 60
    assert hook in (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    tests = [path for path in written("tests/*.py") if path != Path(__file__)]
    assert any(hook in path.read_text(encoding="utf-8") for path in tests), f"no test names {hook}"


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_signatures_have_no_defaults_and_no_keyword_only_arguments(hook: str) -> None:
    for parameter in inspect.signature(getattr(hookspecs, hook)).parameters.values():
        assert parameter.default is inspect.Parameter.empty
        assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


def test_every_public_name_exists_and_is_documented() -> None:
    for module in (
        venuebus,
        importlib.import_module("venuebus.simulation"),
        importlib.import_module("venuebus.testing"),
    ):
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isclass(found) or inspect.isroutine(found):
                assert found.__doc__, f"{module.__name__}.{name}"


# --- sizes and directions ---------------------------------------------------------------------------------------


def test_files_stay_within_their_budget() -> None:
    counts = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in written("*.py")
    }
    over = {name: lines for name, lines in counts.items() if lines > BUDGET and "tests/" not in name}
    assert over == {}, "split them by reason to change"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_plugins_import_only_what_third_parties_may(plugin: Path) -> None:
    package = f"venuebus_{plugin.name}"
    for path in written(f"plugins/{plugin.name}/*.py"):
        for name in imports(path):
            if name.split(".")[0] == package or not name.startswith("venuebus"):
                continue
            # Tests may look at what third parties' tests may: the kit. Nothing may look inside the bridge.
            assert name in PUBLIC or name.startswith("venuebus_schemas."), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_bytes_and_meaning_have_no_socket_no_clock_and_no_task(plugin: Path) -> None:
    for path in written(f"plugins/{plugin.name}/venuebus_{plugin.name}/*.py"):
        if PURE.fullmatch(path.name) and path.parent.name == f"venuebus_{plugin.name}":
            impure = {name.split(".")[0] for name in imports(path)} & IMPURE
            assert not impure, f"{path.relative_to(ROOT)} imports {impure}"


def test_schemas_need_nothing_but_msgspec() -> None:
    import sys

    for path in written("schemas/*.py"):
        for name in imports(path):
            assert name.split(".")[0] in {"msgspec", *sys.stdlib_module_names}, f"{path.name} imports {name}"


def test_every_plugin_is_known_to_the_tools() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    linted = project["tool"]["importlinter"]["root_packages"]
    paths = project["tool"]["mypy"]["mypy_path"]
    for plugin in PLUGINS:
        assert f"venuebus_{plugin.name}" in linted
        assert f"plugins/{plugin.name}" in paths
        dist = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert dist["name"] == f"venuebus-{plugin.name}"
        assert dist["license"] == "Apache-2.0"
        assert any(need.startswith("venuebus>=") and "<" in need for need in dist["dependencies"])


# --- documents and examples -------------------------------------------------------------------------------------


def test_the_contract_names_every_message_command_and_reason() -> None:
    text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    for word in (*EVENT_TYPES, *COMMAND_TYPES, *(reason.value for reason in Reason)):
        assert re.search(rf"\b{word}\b", text), f"docs/contract.md does not know {word}"


def test_the_contract_names_every_field_in_its_message_s_row() -> None:
    text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z_]+) \| (.*) \|$", text, re.M))
    common = {*AccountEvent.__struct_fields__, *Command.__struct_fields__}
    for kind, struct in {**EVENT_TYPES, **COMMAND_TYPES}.items():
        for field in set(struct.__struct_fields__) - common:
            assert re.search(rf"\b{field}\b", rows[kind]), f"docs/contract.md: {kind} lacks {field}"


def test_every_command_of_the_command_line_is_in_the_contract_or_the_readme() -> None:
    texts = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("docs/contract.md", "README.md"))
    for name in COMMANDS:
        assert re.search(rf"`(venuebus )?{name}\b", texts), name


def test_commands_that_the_readme_shows_exist_with_these_options() -> None:
    shown = re.findall(r"venuebus ([a-z]+)((?: [^\n`|]*)?)", (ROOT / "README.md").read_text(encoding="utf-8"))
    used = [(name, rest) for name, rest in shown if name in COMMANDS]
    assert len(used) >= 5
    for name, rest in used:
        command: click.Command = importlib.import_module(f"venuebus.cli.{name}").command
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(--[a-z-]+)", rest)) <= options | {"--help"}, f"venuebus {name}{rest}"


def test_the_example_configuration_loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "venuebus.example.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    plugins = load_plugins()
    installed = {name: table for name, table in data["venues"].items() if table["plugin"] in plugins.specs}
    assert installed, "no plugin of the example is installed: nothing is proved"
    for name in re.findall(r'env = "(\w+)"', text):
        monkeypatch.setenv(name, "a-secret-of-this-test")
    for table in installed.values():
        for value in table.values():
            if isinstance(value, dict) and set(value) == {"file"}:
                file = tmp_path / value["file"]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("a-secret-of-this-test", encoding="utf-8")
    config = build_config({**data, "venues": installed}, plugins.specs, plugins.refused, folder=tmp_path)
    assert set(config.venues) == set(installed)


def test_every_key_that_the_bridge_reads_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for struct in (BusConfig, HttpConfig, LogConfig, TracingConfig, VenueConfig):
        for key in struct.__struct_fields__:
            assert re.search(rf"`(http\.|log\.|tracing\.)?{key}`", text), f"docs/configuration.md lacks {key}"


async def test_the_example_venue_of_the_documents_loads_and_publishes() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "plugins" / "README.md").read_text(encoding="utf-8"), re.S)
    module = ModuleType("venuebus_toy")
    exec(compile(code, "plugins/README.md", "exec"), module.__dict__)
    plugins = load_plugins([module], installed=False)
    assert plugins.refused == ()
    config = build_config(
        {"venues": {"x": {"plugin": "toy", "symbols": ["A"], "interval": 0.01, "market_data": ["quote"]}}},
        plugins.specs,
    )
    context = RecordingContext(config.venues["x"])
    session = plugins.specs["toy"].create(context)
    await session.connect()
    running = asyncio.create_task(session.run())
    await context.until(lambda: len(context.of(Quote)) >= 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await session.close()


def test_files_that_the_architecture_names_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = set(re.findall(r"\b((?:[a-z_]+/)?[a-z_]+\.py|[a-z_]+/)(?=[`,) ]|$)", text))
    assert len(names) > 20
    for name in names - {"plugins/"}:
        assert (ROOT / "bridge" / "venuebus" / name).exists() or list(ROOT.rglob(name)), f"architecture.md names {name}"


def test_links_in_the_documents_lead_somewhere() -> None:
    for path in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)} links to {target}"


def test_no_text_names_a_machine_or_a_registry() -> None:
    folders = "|".join(("wo" + "rk", "fa" + "rm", "ro" + "ot", "ho" + "me/[a-z]"))
    machine = re.compile(rf"(?:^|[^A-Za-z0-9_.$}}/-])/(?:{folders})/[A-Za-z.]")
    registry = re.compile(r"https?://[a-z.]*(?:py" + r"pi|python" + r"hosted|npm" + r"js)")
    for path in tracked("."):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for pattern in (machine, registry):
            found = pattern.search(text)
            assert found is None, f"{path.relative_to(ROOT)}: {found.group(0)!r}"


def test_constraints_pin_names_and_versions_only() -> None:
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert not line or line.startswith("#") or re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", line), line
