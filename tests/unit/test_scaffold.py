"""Names that `venuebus new` takes and refuses, and what it leaves behind."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from venuebus.cli import main
from venuebus.errors import VenuebusError
from venuebus.scaffold import MAX_NAME, BadName, check_name, write

LONGEST = "a" + "-b2c" * 5 + "xyz"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def new(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run ``venuebus new`` in a folder of this test; return its status and what it wrote."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main(["new", "--path", str(tmp_path), *arguments])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


@pytest.mark.parametrize("name", ["x", "acme", "my-venue", "a1-2b", "class", LONGEST])
def test_names_that_are_distribution_module_and_subject_token_at_once_are_taken(name: str) -> None:
    assert len(LONGEST) == MAX_NAME
    check_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("My_Venue", "'my-venue' would do"),
        ("my venue", "'my-venue' would do"),
        ("my.venue", "'my-venue' would do"),
        ("my--venue", "'my-venue' would do"),
        ("venuebus_acme", "'acme' would do"),
        ("-x", "a letter first"),
        ("9lives", "a letter first"),
        ("", "a letter first"),
        ("börse", "a letter first"),
        ("../up", "a letter first"),
        ("a/b", "a letter first"),
        ("x\n", "a letter first"),
        ("a" * 25, "25 characters, 24 at most"),
        ("venuebus-acme", "leave venuebus- away"),
        ("schemas", "is reserved"),
        ("testing", "is reserved"),
        ("btse", "taken by venuebus-btse, one of venuebus's own plugins"),
    ],
)
def test_other_names_are_refused_with_the_rule_and_a_better_one(name: str, why: str) -> None:
    with pytest.raises(BadName, match=why) as error:
        check_name(name)
    assert "\n" not in str(error.value)


def test_a_name_that_an_installed_plugin_has_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "somebodys_venue-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-venue\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[venuebus]\nacme = somebodys_module\n")
    (tmp_path / "venuebus_other_one.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadName, match="'acme' is taken by somebodys-venue, which is installed here"):
        check_name("acme")
    with pytest.raises(BadName, match="a module venuebus_other_one can be imported"):
        check_name("other-one")


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_exists_is_never_touched(new: Run, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "venuebus-acme"
    if kind == "folder":
        target.mkdir()
        (target / "precious").write_text("x")
    elif kind == "file":
        target.write_text("x")
    else:
        target.symlink_to(tmp_path / "nowhere")
    status, _, err = new("acme")
    assert status == 1
    assert f"{target} exists already: remove it, or choose another NAME or --path" in " ".join(err.split())
    assert sorted(tmp_path.rglob("*")) == [target, *([target / "precious"] if kind == "folder" else [])]


def test_a_folder_that_cannot_be_finished_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path.write_text

    def full(self: Path, *rest: object, **more: object) -> int:
        if self.name == "pyproject.toml":
            raise OSError(28, "No space left on device")
        return written(self, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(VenuebusError, match="No space left on device; nothing was left there"):
        write("acme", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_bad_usage_ends_with_2_and_names_what_was_expected(new: Run, tmp_path: Path) -> None:
    status, _, err = new("My_Venue")
    assert (status, "'my-venue' would do" in err) == (2, True)
    status, _, err = new("acme", "--author", 'a "quoted" name')
    assert (status, "--author" in err) == (2, True)
    status, _, err = new("acme", "--path", str(tmp_path / "nowhere"))
    assert (status, "does not exist" in err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_the_next_steps_are_told(new: Run, tmp_path: Path) -> None:
    status, out, _ = new("my-venue")
    assert status == 0
    for step in (
        f"cd {tmp_path}/venuebus-my-venue",
        "pip install -e '.[test]'",
        "pytest",
        "venuebus simulate my-venue",
    ):
        assert step in out


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (
            '{"dir_info": {"editable": true}, "url": "file:///src/venue%20bus"}',
            "pip install -e '/src/venue bus[embedded]'",
        ),
        ('{"archive_info": {}, "url": "file:///src/venuebus-0.1.0-py3-none-any.whl"}', None),
        (None, None),
    ],
)
def test_a_venuebus_that_came_from_a_folder_is_named_for_a_new_environment(
    new: Run, monkeypatch: pytest.MonkeyPatch, origin: str | None, expected: str | None
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            return {"direct_url.json": origin}[name]

    monkeypatch.setattr("venuebus.cli.new.distribution", lambda name: {"venuebus": Installed()}[name])
    status, out, _ = new("my-venue")
    assert status == 0
    lines = [line.strip() for line in out.splitlines() if "pip install" in line]
    assert lines[-1] == "pip install -e '.[test]'"
    assert [line.split("   ")[0] for line in lines[:-1]] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("license_name", "expected"),
    [("Apache-2.0", "Apache License"), ("MIT", "Ada Lovelace"), ("none", None)],
)
def test_the_license_is_the_author_s_choice(new: Run, tmp_path: Path, license_name: str, expected: str | None) -> None:
    assert new("acme", "--license", license_name, "--author", "Ada Lovelace")[0] == 0
    made = tmp_path / "venuebus-acme"
    project = tomllib.loads((made / "pyproject.toml").read_text())["project"]
    assert project["license"] == ("LicenseRef-Proprietary" if expected is None else license_name)
    assert project["authors"] == [{"name": "Ada Lovelace"}]
    assert (made / "LICENSE").exists() == (expected is not None)
    assert expected is None or expected in (made / "LICENSE").read_text()


@pytest.mark.parametrize("name", ["x", LONGEST])
def test_what_is_written_is_clean_whatever_the_length_of_the_name(tmp_path: Path, name: str) -> None:
    made = write(name, tmp_path)
    for file in made.rglob("*"):
        assert file.is_dir() or "<<" not in file.read_text(encoding="utf-8"), file
    for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."]):
        done = subprocess.run([sys.executable, "-m", *check], cwd=made, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
