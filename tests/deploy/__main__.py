"""`python -m tests.deploy` writes what is derived from the chart: golden renders, kustomize base, the chart's files."""

from .derived import DERIVED

for path, make in DERIVED.items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make(), encoding="utf-8")
