"""SIGTERM before the bridge's loop runs: as any process, and as process 1, for which the kernel keeps no default."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

NAMESPACE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
PROGRAM = (sys.executable, "-c", "from venuebus_start import main; main()")


def _may_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("wrapper", [(), NAMESPACE], ids=["a process", "process 1"])
def test_sigterm_ends_run_before_its_loop_runs(wrapper: tuple[str, ...], tmp_path: Path) -> None:
    if wrapper and not _may_unshare():
        pytest.skip("no namespace of processes may be made here (unshare --user --pid)")
    file = tmp_path / "venuebus.toml"
    os.mkfifo(file)  # whoever reads it waits for us: the configuration is read before there is a loop
    with subprocess.Popen([*wrapper, *PROGRAM, "run", str(file)]) as process:
        try:
            writer = os.open(file, os.O_WRONLY)  # until `run` has opened it, too
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            os.kill(int(children.read_text()) if wrapper else process.pid, signal.SIGTERM)
            assert process.wait(60) == 0
            os.close(writer)
        finally:
            process.kill()


def test_the_command_line_starts_without_its_imports() -> None:
    code = (
        "import sys, venuebus_start; print(*(name for name in sys.modules if 'venuebus' in name or name == 'asyncio'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["venuebus_start"]
