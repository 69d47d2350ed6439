"""What the guides say exists: commands, options, subjects, names, files. Their programs run in test_recipes."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import click
import pytest
from venuebus.cli import COMMANDS
from venuebus.plugins import load_plugins
from venuebus_schemas import Subjects

ROOT = Path(__file__).parent.parent.parent
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.S)


def blocks(guide: Path, *languages: str) -> list[str]:
    found = BLOCK.findall(guide.read_text(encoding="utf-8"))
    return [code for language, code in found if language in languages and "--8<--" not in code]


def test_there_are_guides() -> None:
    assert len(GUIDES) >= 8


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_commands_that_a_guide_shows_exist_with_these_options(guide: Path) -> None:
    for code in (*blocks(guide, "sh"), *re.findall(r"`(venuebus [^`]*)`", guide.read_text(encoding="utf-8"))):
        for name, rest in re.findall(r"^ *venuebus ([a-z]+)([^#\n]*)", code, re.M):
            assert name in COMMANDS, f"venuebus {name}"
            command: click.Command = importlib.import_module(f"venuebus.cli.{name}").command
            options = {option for parameter in command.params for option in parameter.opts}
            assert set(re.findall(r"(?<=\s)--[a-z-]+", rest)) <= options | {"--help"}, f"venuebus {name}{rest}"


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_subjects_that_a_guide_names_follow_the_grammar(guide: Path) -> None:
    subjects = Subjects()
    for found in re.findall(r"\bvb\.v1\.[^\s'\"`]*[^\s'\"`.,]", guide.read_text(encoding="utf-8")):
        if found != "vb.v1.dead":
            assert subjects.parse(found.replace("*", "any")).venue == "btse", found


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_python_in_a_guide_compiles_and_its_imports_exist(guide: Path) -> None:
    for code in blocks(guide, "python"):
        tree = compile(code, guide.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in ("venuebus", "venuebus.client", "venuebus.testing"):
                module = importlib.import_module(node.module)
                assert {alias.name for alias in node.names} <= set(module.__all__)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_client_methods_that_a_guide_calls_exist(guide: Path) -> None:
    from venuebus.client import Client

    for name in re.findall(
        r"\bclient\.([a-z_]+)", re.sub(r"venuebus\.client\.\w+", "", guide.read_text(encoding="utf-8"))
    ):
        assert hasattr(Client, name) or name in ("md", "connect"), f"client.{name}"


def test_recipes_that_the_guides_show_are_files_and_each_recipe_is_shown() -> None:
    shown = {name for guide in GUIDES for name in re.findall(r'--8<-- "([^"]+)"', guide.read_text(encoding="utf-8"))}
    assert {name for name in shown if not (ROOT / name).is_file()} == set()
    recipes = [*(ROOT / "docs" / "recipes").glob("*.py"), *(ROOT / "docs" / "recipes" / "typescript").glob("*.ts")]
    assert {str(path.relative_to(ROOT)) for path in recipes} == shown


def test_the_configuration_of_the_guide_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tomllib

    from venuebus.configuration.config import build_config

    plugins = load_plugins()
    if "btse" not in plugins.specs:
        pytest.skip("plugins/btse is not installed")
    monkeypatch.setenv("BTSE_KEY", "a-key-of-this-test")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "btse").write_text("a-secret-of-this-test", encoding="utf-8")
    (code,) = blocks(ROOT / "docs" / "guides" / "run.md", "toml")
    config = build_config(tomllib.loads(code), plugins.specs, plugins.refused, folder=tmp_path)
    assert set(config.venues) == {"btse"}
