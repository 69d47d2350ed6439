"""The tier of a plugin, computed from the conformance report that it ships, every time somebody asks.

A report (`venuebus.testing` writes it) says of every test of the conformance suite whether it passed, failed, was not
applicable (the plugin does not declare the ability) or untested (it does, and its simulator could not try it). The
tier is worked out here from that, never read:

======  ================================================================================================
gold    nothing failed, and nothing that the plugin declares is untested
silver  nothing failed
bronze  nothing failed that every venue needs: configuration, life, events, webhooks
none    anything else; or no report, one of another version, or one that does not fit the plugin
======  ================================================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources
from types import ModuleType
from typing import Any, Literal

import msgspec
from venuebus_schemas import Amend, AnyCommand, Reason, Submit

from .errors import CommandRejected
from .venue import Tier, VenueConfig, VenueSpec

FILE = "conformance.json"
FORMAT = 1
TIERS: tuple[Tier, ...] = ("none", "bronze", "silver", "gold")
SUITE: Mapping[str, int] = {
    "configuration": 3, "events": 4, "life": 11, "loop": 2, "orders": 17, "questions": 8, "webhooks": 3,
}  # fmt: skip
"""Tests of each area that a whole report of contract 1 holds at least. Tests that are added later are not demanded of
the reports that were there before: the numbers rise with the contract's version only."""
BASICS = frozenset({"configuration", "life", "events", "webhooks"})

Mark = Literal["passed", "failed", "not_applicable", "untested"]


class Counts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Tests of one area by their outcome."""

    passed: int = 0
    failed: int = 0
    not_applicable: int = 0
    untested: int = 0


class Report(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One run of the conformance suite. ``areas`` sums up ``tests`` (area → test → outcome); both must agree."""

    format: int
    plugin: str
    distribution: str
    version: str
    contract: int
    venuebus: str
    date: str
    capabilities: dict[str, Any]
    areas: dict[str, Counts]
    tests: dict[str, dict[str, Mark]]


class Quality(msgspec.Struct, kw_only=True, frozen=True):
    """What a plugin's own report makes of it; ``text`` says why it is not more."""

    tier: Tier = "none"
    text: str = f"it ships no {FILE}"
    report: Report | None = None


def find_report(plugin: object, venue: str) -> bytes | None:
    """Return the report that ships beside the plugin's module: ``conformance-<venue>.json`` or ``conformance.json``."""
    name = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
    for file in (f"conformance-{venue}.json", FILE):
        try:
            return (resources.files(name) / file).read_bytes()
        except Exception:  # noqa: BLE001, S112 - no such file, no package, a script, or a loader of its own that fails
            continue
    return None


def judge(data: bytes | None, spec: VenueSpec[Any], distribution: str, version: str) -> Quality:
    """Return the tier that a report is worth for an installed plugin; never raises for what stands in it."""
    if data is None:
        return Quality()
    try:
        report = msgspec.json.decode(data, type=Report)
    except msgspec.DecodeError as error:
        return Quality(text=f"its {FILE} is no report: {error}")
    text = _misfit(report, spec, distribution, version)
    if text is not None:
        return Quality(text=text, report=report)
    tier, text = worth(report.tests)
    return Quality(tier=tier, text=text, report=report)


def worth(tests: Mapping[str, Mapping[str, Mark]]) -> tuple[Tier, str]:
    """Return the tier that outcomes are worth, and what is missing for more."""
    failed = [f"{area}: {name}" for area, marks in tests.items() for name, mark in marks.items() if mark == "failed"]
    untested = [name for marks in tests.values() for name, mark in marks.items() if mark == "untested"]
    short = [area for area, count in SUITE.items() if len(tests.get(area, {})) < count]
    if short:
        return "none", f"the report is not whole: tests of {', '.join(short)} are missing"
    if not any(mark == "passed" for mark in tests["life"].values()):
        return "none", "nothing of the life of a session was tried"
    if any(text.split(":")[0] in BASICS for text in failed):
        return "none", f"failed: {'; '.join(failed)}"
    if failed:
        return "bronze", f"failed: {'; '.join(failed)}"
    if untested:
        return "silver", f"untested: {', '.join(untested)}"
    return "gold", "nothing failed, nothing is untested"


def count(marks: Iterable[Mark]) -> Counts:
    """Return how often each outcome is there."""
    return Counts(**{str(mark): number for mark, number in Counter(marks).items()})


def shortfall(venue: str, config: VenueConfig, quality: Quality | None) -> str | None:
    """Return why ``min_tier`` refuses order entry at ``venue``; ``None`` where it does not."""
    has = quality if quality is not None else Quality()
    if TIERS.index(has.tier) >= TIERS.index(config.min_tier):
        return None
    return f"{venue} takes no orders: min_tier is {config.min_tier}, and its plugin is {has.tier} ({has.text})"


class TierGate:
    """An interceptor that refuses submits and amends where `shortfall` says so; cancels pass."""

    name = "min_tier"
    order = -2000

    def __init__(self, text: str) -> None:
        self._text = text

    def check(self, command: AnyCommand, venue: str, account: str) -> None:
        """Refuse what would make or enlarge an order.

        Raises:
            CommandRejected: ``risk``.
        """
        if isinstance(command, Submit | Amend):
            raise CommandRejected(Reason.RISK, self._text)


def _misfit(report: Report, spec: VenueSpec[Any], distribution: str, version: str) -> str | None:
    """Say why the report is not about this plugin."""
    of, has = f"{report.distribution} {report.version}", f"{distribution} {version}"
    if report.format != FORMAT:
        return f"its {FILE} has format {report.format}, this venuebus reads {FORMAT}"
    if of != has:
        return f"its report is of {of}, installed is {has}"
    if report.plugin != spec.name:
        return f"its report is of the venue {report.plugin}"
    if report.contract != spec.contract:
        return f"its report is of contract {report.contract}, the plugin speaks {spec.contract}"
    if report.capabilities != declared(spec):
        return "its report is of other capabilities than it declares now"
    if report.areas != {area: count(marks.values()) for area, marks in report.tests.items()}:
        return "its report does not add up"
    return None


def declared(spec: VenueSpec[Any]) -> dict[str, Any]:
    """Return the capabilities as a report holds them: in a stable order."""
    data = msgspec.json.decode(msgspec.json.encode(spec.capabilities))
    return {key: sorted(value) if isinstance(value, list) and key != "notes" else value for key, value in data.items()}
