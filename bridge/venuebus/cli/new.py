"""``venuebus new``."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import click

from ..scaffold import LICENSES, BadName, write


@click.command(short_help="Write a new venue plugin: tested, installable, with a toy protocol to replace.")
@click.argument("name")
@click.option(
    "--path",
    default=".",
    show_default=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    help="Folder in which the new one is made.",
)
@click.option("--license", "license_name", type=click.Choice(LICENSES), default=LICENSES[0], show_default=True)
@click.option("--author", metavar="TEXT", help="Who wrote it, for pyproject.toml and the license.")
def command(name: str, path: Path, license_name: str, author: str | None) -> None:
    """Write the distribution venuebus-NAME: a plugin that works at once, speaking a toy protocol to replace.

    It has market data, orders, look-up, snapshot, a simulator, the conformance tests and a README with every step.
    NAME is what `plugin = "NAME"` in a configuration will say: lower-case letters, digits and dashes. Nothing that
    exists is ever overwritten.

    \b
    Example:
      venuebus new my-venue
      venuebus new my-venue --path ~/src --license MIT --author "Ada Lovelace"
    """
    if author is not None and (not author.strip() or not author.isprintable() or set(author) & set('"\\<>')):
        raise click.UsageError('--author: printable text without " \\ < > expected')
    try:
        target = write(name, path, license_name=license_name, author=author)
    except BadName as error:
        raise click.UsageError(str(error)) from None
    count = sum(1 for file in target.rglob("*") if file.is_file())
    click.secho(f"{target}: {count} files", bold=True)
    click.echo("\nNext:\n")
    for line in (
        f"cd {_quoted(target)}",
        "python3 -m venv .venv && . .venv/bin/activate   # or any environment that has venuebus",
        *_install_venuebus(),
        "pip install -e '.[test]'",
        "pytest                                          # codec, sessions, conformance",
        "pytest --venuebus-report package                # … and the report that `venuebus plugins` shows",
        f"venuebus simulate {name}   # the venue, alone; README.md goes on to the first order",
    ):
        click.echo(f"  {line}")
    click.echo("\nThen put your venue in: every file says REPLACE where, README.md in which order.")


def _install_venuebus() -> list[str]:
    """Return the step that a new environment needs where this venuebus was installed from a folder, not an index."""
    try:
        origin = json.loads(distribution("venuebus").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return []
    if "dir_info" not in origin:
        return []
    return [f"pip install -e '{url2pathname(urlsplit(origin['url']).path)}[embedded]'   # in a new environment"]


def _quoted(path: Path) -> str:
    text = str(path)
    return f"'{text}'" if " " in text else text
