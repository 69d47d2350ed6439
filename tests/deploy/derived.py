"""Files that are made of others and committed, each with what makes it; a test finds the ones that are old."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from .tools import CHART, EXAMPLES, ROOT, helm, render

GOLDEN = Path(__file__).parent / "golden"
KUSTOMIZE = ROOT / "deploy" / "kustomize"
HEAD = "# Rendered from deploy/helm/venuebus by `make deploy-render`; change it there.\n"


def base() -> str:
    """Return the kustomize base: the chart with deploy/kustomize/values.yaml, without hooks and helm's own labels."""
    values = ("--values", str(KUSTOMIZE / "values.yaml"), "--api-versions", "policy/v1", "--kube-version", "1.37.0")
    text = helm("template", "venuebus", str(CHART), "--no-hooks", *values).stdout
    lines = (line for line in text.splitlines() if "helm.sh/chart" not in line and "managed-by" not in line)
    return HEAD + "\n".join(line for line in lines if line.strip()) + "\n"


def copy(path: Path) -> str:
    """Return a file's text: charts cannot read what is outside of them."""
    return path.read_text(encoding="utf-8")


def golden(example: str) -> str:
    """Return an example's rendering without the empty lines, in which helm 3 and 4 differ."""
    return "\n".join(line for line in render(example).splitlines() if line.strip()) + "\n"


DERIVED: dict[Path, Callable[[], str]] = {
    CHART / "files" / "alerts.yml": partial(copy, ROOT / "deploy" / "prometheus" / "alerts.yml"),
    CHART / "files" / "venuebus.json": partial(copy, ROOT / "deploy" / "grafana" / "venuebus.json"),
    KUSTOMIZE / "base" / "venuebus.yaml": base,
    **{GOLDEN / f"{example}.yaml": partial(golden, example) for example in EXAMPLES},
}
