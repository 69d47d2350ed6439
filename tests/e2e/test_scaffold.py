"""`venuebus new` from an installed wheel, outside the repository, and every step that the README it writes has."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .outside import Environment

NAME = "my-venue"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment that has venuebus as a wheel."""
    environment = Environment(tmp_path_factory.mktemp("outside") / "env")
    environment.install_venuebus()
    return environment


@pytest.fixture(scope="module")
def made(outside: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a distribution that was just written."""
    folder = tmp_path_factory.mktemp("author")
    told = outside.run(f"venuebus new {NAME}", folder)
    assert "pip install -e '.[test]'" in told
    return folder / f"venuebus-{NAME}"


class Steps:
    """The shell blocks of the README, taken one after the other."""

    def __init__(self, made: Path) -> None:
        self.blocks = re.findall(r"```sh\n(.*?)```", (made / "README.md").read_text(), re.S)
        self.taken = 0

    def take(self, expected: str) -> list[str]:
        """Return the commands of the next block, which must begin with ``expected``."""
        block = self.blocks[self.taken]
        self.taken += 1
        assert block.startswith(expected), block
        return [line for line in block.splitlines() if line.strip()]


@pytest.fixture
def programs() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs that run on; ended with Ctrl-C, which is how a person ends them."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for program in reversed(running):
        if program.poll() is None:
            program.terminate()
        program.wait(15)


def told(log: Path, program: subprocess.Popen[bytes], pattern: str) -> str:
    """Wait until a running program has written ``pattern``; return its first group."""
    deadline = time.monotonic() + 30
    while (found := re.search(pattern, log.read_text())) is None:
        assert program.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return found[1]


def test_the_steps_that_are_written_lead_from_nothing_to_a_trade(
    outside: Environment, made: Path, tmp_path: Path, programs: list[subprocess.Popen[bytes]]
) -> None:
    steps = Steps(made)
    for command in steps.take("pip install"):
        listed = outside.run(command, made)
    assert re.search(rf"ok\s+{NAME}\s+venuebus-{NAME} 0\.1\.0", listed), listed

    test, write, plugins = steps.take("pytest")
    assert re.search(r"\d+ passed", outside.run(test, made))
    assert f"{NAME}: gold, report in" in outside.run(write, made)
    report = json.loads((made / "venuebus_my_venue" / "conformance.json").read_text())
    assert (report["distribution"], report["version"]) == (f"venuebus-{NAME}", "0.1.0")
    assert sum(area["passed"] for area in report["areas"].values()) > 20
    assert all(area["failed"] == area["untested"] == 0 for area in report["areas"].values()), report["areas"]
    assert "gold" in outside.run(plugins, made)
    outside.run("pytest tests/test_contract.py", made)  # what is shipped is what the run says

    # From here on the README names ports; a test takes free ones.
    [command] = steps.take("venuebus simulate")
    log = tmp_path / "simulator.log"
    simulator = outside.start(command.replace(":9700", ":0"), made, log)
    programs.append(simulator)
    port = told(log, simulator, r"\nport = (\d+)")
    config = made / "venuebus.toml"
    text = config.read_text()
    for documented, free in (("9700", port), ("port = 4222", "port = 0"), ("127.0.0.1:8321", "127.0.0.1:0")):
        assert documented in text
        text = text.replace(documented, free)
    config.write_text(text)

    check, run = steps.take("venuebus check")
    assert "is valid" in outside.run(check, made)
    log = tmp_path / "bridge.log"
    bridge = outside.start(run, made, log)
    programs.append(bridge)
    url = told(log, bridge, r"bridge started.*nats=(\S+)")

    send, watch = steps.take("venuebus send")
    life = outside.run(send, made, VENUEBUS_SERVER=url)
    assert re.search(r"result\s+.*accepted", life), life
    assert re.search(r"order\s+.*filled", life), life
    assert re.search(r"fill\s", life), life
    assert "filled" in outside.run(watch, made, VENUEBUS_SERVER=url)
    assert steps.taken == len(steps.blocks)

    bridge.terminate()
    assert bridge.wait(15) == 0
    assert "Traceback" not in log.read_text()


def test_what_an_author_s_ci_checks_holds(outside: Environment, made: Path) -> None:
    workflow = (made / ".github" / "workflows" / "ci.yml").read_text()
    for command in ("ruff check .", "ruff format --check .", "mypy"):
        assert f"run: {command}\n" in workflow
        outside.run(command, made)


def test_a_second_run_touches_nothing(outside: Environment, made: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in made.rglob("*") if file.is_file()}
    told = outside.run(f"venuebus new {NAME} --path {made.parent}", made, status=2)
    assert "is taken by venuebus-my-venue" in told or "exists already" in told
    assert {file: file.stat().st_mtime_ns for file in made.rglob("*") if file.is_file()} == before
