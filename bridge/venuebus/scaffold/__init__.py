"""The distribution that `venuebus new` writes: its name checked, its files made of the templates beside this file."""

from __future__ import annotations

import importlib.util
import re
import shutil
import time
from collections.abc import Mapping
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path

from ..errors import VenuebusError
from ..hookspecs import PROJECT

FIRST_PARTY = frozenset({"btse", "ctp", "futu", "pingpongx"})
RESERVED = frozenset({
    "bridge", "bus", "client", "core", "demo", "new", "plugin", "plugins", "scaffold", "schemas", "simulation",
    "simulator", "test", "testing", "tests", "toy", "venue", "venuebus", "venues",
})  # fmt: skip
"""Names that would be mistaken for a part of venuebus itself."""
LICENSES = ("Apache-2.0", "MIT", "none")
MAX_NAME = 24
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
_MARK = re.compile(r"<<([a-z]+)>>")


class BadName(VenuebusError):
    """A name that no plugin can have; the text says what is wrong and, where there is one, a name that would do."""


def check_name(name: str) -> None:
    """Pass a name that can be a distribution, a module, an entry point and a subject token at once.

    Raises:
        BadName: it cannot, or it is taken.
    """
    if len(name) > MAX_NAME:
        raise BadName(f"NAME {name[:40]!r}… has {len(name)} characters, {MAX_NAME} at most")
    if not _NAME.match(name):
        better = re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("venuebus")).strip("-")
        hint = f"; {better!r} would do" if _NAME.match(better) and better not in RESERVED else ""
        rule = "lower-case letters, digits and single dashes, a letter first"
        raise BadName(f"NAME {name!r}: {rule} expected, such as my-venue{hint}")
    if name.startswith("venuebus-"):
        raise BadName(f"NAME {name!r}: leave venuebus- away, the distribution will be called {name}")
    if name in RESERVED:
        raise BadName(f"NAME {name!r} is reserved: it would be mistaken for a part of venuebus")
    _check_free(name)


def _check_free(name: str) -> None:
    if name in FIRST_PARTY:
        raise BadName(f"NAME {name!r} is taken by venuebus-{name}, one of venuebus's own plugins")
    for entry in metadata.entry_points(group=PROJECT, name=name):
        owner = entry.dist.name if entry.dist is not None else entry.value
        raise BadName(f"NAME {name!r} is taken by {owner}, which is installed here")
    package = package_of(name)
    if importlib.util.find_spec(package) is not None:
        raise BadName(f"NAME {name!r} is taken: a module {package} can be imported here already")


def package_of(name: str) -> str:
    """Return the name of the Python package of the plugin ``name``."""
    return f"venuebus_{name.replace('-', '_')}"


def write(name: str, parent: Path, *, license_name: str = "Apache-2.0", author: str | None = None) -> Path:
    """Write the distribution ``venuebus-<name>`` into a new folder of ``parent`` and return that folder.

    All of it is written, or nothing is left behind; what was there before is never touched.

    Raises:
        BadName: as `check_name` says. VenuebusError: the folder exists, or cannot be written.
    """
    check_name(name)
    values = _values(name, license_name, author)
    files = dict(_rendered(values))
    if license_name != "none":
        text = (resources.files(__name__) / "licenses" / f"{license_name}.txt").read_text(encoding="utf-8")
        files["LICENSE"] = _fill(text, values)
    target = parent / values["distribution"]
    try:
        target.mkdir()
    except FileExistsError:
        raise VenuebusError(f"{target} exists already: remove it, or choose another NAME or --path") from None
    except OSError as error:
        raise VenuebusError(f"{target} cannot be made: {error.strerror or error}") from error
    try:
        for path, text in files.items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise VenuebusError(f"{target} cannot be written: {error.strerror or error}; nothing was left there") from error
    return target


def _values(name: str, license_name: str, author: str | None) -> dict[str, str]:
    major, minor = metadata.version("venuebus").split(".")[:2]
    distribution = f"venuebus-{name}"
    return {
        "name": name,
        "package": package_of(name),
        "distribution": distribution,
        "venuebus": f"{major}.{minor},<{major}.{int(minor) + 1}",
        "license": "LicenseRef-Proprietary" if license_name == "none" else license_name,
        "author": author or f"The {distribution} authors",
        "year": str(time.gmtime().tm_year),
    }


def _rendered(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return every file's path and text. ``PACKAGE`` and ``dot_`` in a template's path are what they say."""
    found = []
    for path, template in _templates(resources.files(__name__) / "template", ""):
        parts = [values["package"] if part == "PACKAGE" else part for part in path.removesuffix(".tmpl").split("/")]
        name = "/".join(f".{part.removeprefix('dot_')}" if part.startswith("dot_") else part for part in parts)
        found.append((name, _fill(template.read_text(encoding="utf-8"), values)))
    return found


def _templates(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            found += _templates(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".tmpl"):
            found.append((f"{prefix}{item.name}", item))
    return found


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _MARK.sub(lambda mark: values[mark[1]], text)
