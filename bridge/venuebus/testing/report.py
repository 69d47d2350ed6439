"""The conformance report: what pytest saw of every `VenueContract`, written as ``conformance.json`` on request.

``pytest --venuebus-report package`` writes it into the plugin's own package, where `venuebus plugins` looks for it;
any other value is a file, or a folder where each venue gets its own. Only a whole run is written.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import pytest

from .. import __version__
from ..hookspecs import PROJECT
from ..quality import FILE, FORMAT, Mark, Report, count, declared, worth
from ..venue import VenueSpec
from .clauses import NOT_APPLICABLE

OPTION = "--venuebus-report"
PACKAGE = "package"
LAST = "test_the_shipped_report_is_current"
Marks = dict[str, dict[str, Mark]]


class Recorder:
    """What came of each test of each contract, by its class."""

    def __init__(self) -> None:
        self.marks: dict[Any, Marks] = {}

    def note(self, contract: Any, area: str, name: str, mark: Mark) -> None:
        """Keep an outcome; a failure stays one whatever follows."""
        marks = self.marks.setdefault(contract, {}).setdefault(area, {})
        if marks.get(name) != "failed":
            marks[name] = mark

    def whole(self, contract: Any) -> Marks | None:
        """Return all outcomes of a contract, ``None`` where a test of it did not run."""
        marks = self.marks.get(contract, {})
        wanted = {(test.conformance[0], name) for name, test in tests_of(contract)}
        ran = {(area, name) for area, named in marks.items() for name in named}
        return {area: dict(sorted(marks[area].items())) for area in sorted(marks)} if wanted == ran else None


RECORDER = pytest.StashKey[Recorder]()


def tests_of(contract: Any) -> Iterator[tuple[str, Any]]:
    """Return the tests of the suite that a contract class has."""
    for name in dir(contract):
        test = getattr(contract, name)
        if name.startswith("test_") and hasattr(test, "conformance"):
            yield name, test


def package_of(spec: VenueSpec[Any]) -> str:
    """Return the import name of the package that a plugin is."""
    return str(spec.config_type.__module__.split(".")[0])


def shipped(spec: VenueSpec[Any]) -> Path | None:
    """Return where the plugin's report is, or is to be; ``None`` where the plugin is no package."""
    found = importlib.util.find_spec(package_of(spec))
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    return Path(folders[0]) / FILE if folders else None


def make_report(spec: VenueSpec[Any], marks: Marks) -> Report:
    """Return the report of one whole run."""
    distribution, version = installed(spec)
    return Report(
        format=FORMAT, plugin=spec.name, distribution=distribution, version=version, contract=spec.contract,
        venuebus=__version__, date=f"{datetime.now(UTC):%Y-%m-%d}", capabilities=declared(spec),
        areas={area: count(named.values()) for area, named in marks.items()}, tests=marks,
    )  # fmt: skip


def installed(spec: VenueSpec[Any]) -> tuple[str, str]:
    """Return the distribution that offers the plugin, and its version; empty where it is not installed."""
    for entry in metadata.entry_points(group=PROJECT):
        if entry.module.split(".")[0] == package_of(spec) and entry.dist is not None:
            return entry.dist.name, entry.dist.version
    return "", ""


# --- pytest's hooks ---------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the option."""
    group = parser.getgroup("venuebus")
    group.addoption(OPTION, metavar="PATH", help=f"write the conformance report: a file, a folder, or {PACKAGE!r}")


def pytest_configure(config: pytest.Config) -> None:
    """Begin a record."""
    config.stash[RECORDER] = Recorder()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what looks at the outcomes come after them."""
    items.sort(key=lambda item: item.name == LAST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Record what became of a test of the suite."""
    report = yield
    conformance = getattr(getattr(item, "function", None), "conformance", None)
    if conformance is not None:
        area, name, mark = conformance[0], item.name, _mark(report)
        if mark is not None:
            item.config.stash[RECORDER].note(getattr(item, "cls", None), area, name, mark)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the reports, if asked; a part of a run is no report."""
    wanted = session.config.getoption(OPTION, None)
    if not wanted:
        return
    recorder = session.config.stash[RECORDER]
    for contract in recorder.marks:
        marks = recorder.whole(contract)
        if marks is None:
            _say(session, f"{contract.__name__}: only a part of the suite ran; nothing was written", bad=True)
            continue
        path = _path(wanted, contract.spec, alone=len(recorder.marks) == 1)
        if path is None:
            _say(session, f"{contract.__name__}: its plugin is no package; name a file", bad=True)
            continue
        report = make_report(contract.spec, marks)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
        _say(session, f"{contract.spec.name}: {worth(marks)[0]}, report in {path}")


def _mark(report: Any) -> Mark | None:
    if report.when != "call" and report.outcome == "passed":
        return None
    if hasattr(report, "wasxfail") or report.outcome == "failed":
        return "failed"
    if report.outcome == "passed":
        return "passed"
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return "not_applicable" if NOT_APPLICABLE in reason else "untested"


def _path(wanted: str, spec: VenueSpec[Any], *, alone: bool) -> Path | None:
    if wanted == PACKAGE:
        return shipped(spec)
    path = Path(wanted)
    return path if path.suffix == ".json" and alone else path.with_suffix("") / f"{spec.name}.json"


def _say(session: pytest.Session, text: str, *, bad: bool = False) -> None:
    if bad:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line(text, red=bad)
