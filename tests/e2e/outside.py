"""Life outside the repository: wheels built from the tree, and environments that have nothing else of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROGRAM = (sys.executable, "-c", "from venuebus.cli import main; main()")
# From nothing but what is on this machine.
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
OFFLINE = ("-q", "--no-deps", "--no-index", "--no-build-isolation")
FOREIGN = ("PYTHON", "VENUEBUS", "PIP_")
OWN = ("venuebus", "_venuebus", "__editable__")


def install(source: Path, site: Path) -> None:
    """Build the distribution in ``source`` and install it into the folder ``site``, and nothing else."""
    subprocess.run([*PIP, "install", *OFFLINE, "--target", str(site), str(source)], check=True, timeout=60)


class Environment:
    """A virtual environment with what venuebus needs, as it was installed for the tests, but nothing of venuebus.

    Everything else is then done in it as a person would, with ``pip``, ``pytest`` and ``venuebus`` from its own
    ``bin``, and without a network: what the commands ask for is there, or they fail.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
        self.site = next(folder.glob("lib/python*/site-packages"))
        libraries = folder / "libraries"
        libraries.mkdir()
        for item in Path(sysconfig.get_path("purelib")).iterdir():
            if not item.name.startswith(OWN) and item.suffix != ".pth":
                (libraries / item.name).symlink_to(item)
        (self.site / "libraries.pth").write_text(f"{libraries}\n")
        for module in ("pip", "pytest", "mypy"):
            script = folder / "bin" / module
            script.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m {module} "$@"\n')
            script.chmod(0o755)
        self.env = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VENUEBUS", "PIP_"))
            },
            "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(folder),
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the option's value: no isolation
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        for program in ("nats-server", "ruff"):
            if (found := shutil.which(program, path=sysconfig.get_path("scripts"))) is not None:
                (folder / "bin" / program).symlink_to(found)

    def install_venuebus(self) -> None:
        """Build the wheel of the tree and install it."""
        wheels = self.folder / "wheels"
        subprocess.run([*PIP, "wheel", *OFFLINE, "-w", str(wheels), str(ROOT)], check=True, timeout=60)
        self.run(f"pip install -q '{next(wheels.glob('venuebus-*.whl'))}[embedded]'", self.folder)

    def run(self, command: str, folder: Path, *, status: int = 0, timeout: float = 60, **env: str) -> str:
        """Run a line of shell in ``folder``, expect its ``status``, and return what it wrote."""
        done = subprocess.run(
            ["bash", "-euc", command], cwd=folder, env={**self.env, **env}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"{command}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def start(self, command: str, folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a line of shell in ``folder``; what it writes goes to ``log``."""
        with log.open("wb") as file:
            return subprocess.Popen(
                ["bash", "-euc", f"exec {command}"], cwd=folder, env=self.env, stdin=subprocess.DEVNULL, stdout=file,
                stderr=file,
            )  # fmt: skip
