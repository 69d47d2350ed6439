"""Counters that cost an addition, turned into Prometheus families only when somebody scrapes.

Nothing of prometheus-client runs per message: a hot path holds a `Counter` cell and writes ``cell.value += 1``. Names
are given without the prefix ``venuebus_`` and end in their unit (``_seconds``, ``_bytes``); counters get ``_total``.
"""

from __future__ import annotations

import platform
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Generic, Literal, TypeVar

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from .exposition import Sparse, render

PREFIX = "venuebus_"
Kind = Literal["counter", "gauge", "histogram"]
LATENCY_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
log = structlog.stdlib.get_logger()


class Counter:
    """A number that only grows. Hot paths add to ``value`` themselves."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, n: int = 1) -> None:
        """Add ``n``."""
        self.value += n


class Histogram:
    """How often a duration fell into each bucket, classic and native. Not for every message of market data."""

    __slots__ = ("bounds", "counts", "sparse", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sparse = Sparse()
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count ``value`` (in the unit that the name ends in); one below 0, which only two clocks make, as 0."""
        value = max(value, 0.0)
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sparse.observe(value)
        self.total += value


Gauge = Callable[[], float | None]
Gauges = Callable[[], Iterable[tuple[Sequence[str], float]]]
T = TypeVar("T")


@dataclass
class _Family(Generic[T]):
    kind: Kind
    help: str
    labels: tuple[str, ...]
    cells: dict[tuple[str, ...], T] = field(default_factory=dict)


class Metrics:
    """All metrics of one bridge. Asking twice for the same name and labels returns the same cell.

    Raises (every method that names a metric):
        ValueError: the name is taken by a metric of another kind or with other labels.
    """

    def __init__(self) -> None:
        self._counters: dict[str, _Family[Counter]] = {}
        self._gauges: dict[str, _Family[Gauge]] = {}
        self._many: dict[str, tuple[_Family[object], Gauges]] = {}
        self._histograms: dict[str, _Family[Histogram]] = {}
        self._names: dict[str, tuple[Kind, tuple[str, ...]]] = {}
        self._others: list[Callable[[], Iterable[Metric]]] = []
        self._adding = threading.RLock()  # for cells that appear during a scrape; adding to a cell needs no lock
        self._registry = CollectorRegistry()
        self._registry.register(_Export(self))
        ProcessCollector(registry=self._registry)
        self.scrape_errors = self.counter("scrape_errors", "Gauges that could not be read")

    def counter(self, name: str, help: str, labels: Mapping[str, str] | None = None) -> Counter:
        """Return the counter cell of ``name`` (without ``_total``) with these labels."""
        family = self._family(self._counters, "counter", name, help, labels)
        with self._adding:
            return family.cells.setdefault(_values(labels), Counter())

    def declare(self, name: str, help: str, labels: Sequence[str]) -> None:
        """Show a counter family from the start whose cells come when there is something to count."""
        self._family(self._counters, "counter", name, help, dict.fromkeys(labels, ""))

    def histogram(
        self,
        name: str,
        help: str,
        labels: Mapping[str, str] | None = None,
        bounds: Sequence[float] = LATENCY_SECONDS,
    ) -> Histogram:
        """Return the histogram cell of ``name`` with these labels."""
        family = self._family(self._histograms, "histogram", name, help, labels)
        with self._adding:
            return family.cells.setdefault(_values(labels), Histogram(bounds))

    def gauge(self, name: str, help: str, read: Gauge, labels: Mapping[str, str] | None = None) -> None:
        """Export what ``read`` returns at each scrape; ``None`` (not known) exports nothing. Replaces an older one."""
        family = self._family(self._gauges, "gauge", name, help, labels)
        with self._adding:
            family.cells[_values(labels)] = read

    def gauges(self, name: str, help: str, labels: Sequence[str], read: Gauges) -> None:
        """Export a family whose label values change: ``read`` yields (label values, number) at each scrape."""
        self._add_many("gauge", name, help, labels, read)

    def counters(self, name: str, help: str, labels: Sequence[str], read: Gauges) -> None:
        """Export counters (``name`` without ``_total``) that are kept elsewhere as plain numbers that only grow."""
        self._add_many("counter", name, help, labels, read)

    def _add_many(self, kind: Kind, name: str, help: str, labels: Sequence[str], read: Gauges) -> None:
        self._claim(name, kind, tuple(labels))
        with self._adding:
            self._many[name] = (_Family(kind, help, tuple(labels)), read)

    def add(self, read: Callable[[], Iterable[Metric]]) -> None:
        """Export what another process counts, too: ``read`` yields families at each scrape, which join ours by name."""
        self._others.append(read)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the exposition text and its content type, in the format that ``accept`` asks for."""
        return render(self._registry, accept)

    def joined(self) -> Iterable[Metric]:
        """Return everything as it is now, with what other processes count."""
        families = {family.name: family for family in self.families()}
        for read in self._others:
            for other in self._read("", lambda read=read: list(read())) or ():  # type: ignore[misc]
                family = families.setdefault(other.name, other)
                if family is not other and family.type == other.type:
                    family.samples.extend(other.samples)
                    getattr(family, "sparse", {}).update(getattr(other, "sparse", {}))
        return families.values()

    def families(self) -> Iterator[Metric]:
        """Yield everything as it is now."""
        for name, counters in self._copied(self._counters):
            counter = CounterMetricFamily(PREFIX + name, counters.help, labels=counters.labels)
            for values, cell in self._copied(counters.cells):
                counter.add_metric(values, cell.value)
            yield counter
        for name, gauges in self._copied(self._gauges):
            gauge = GaugeMetricFamily(PREFIX + name, gauges.help, labels=gauges.labels)
            for values, read in self._copied(gauges.cells):
                number = self._read(name, read)
                if number is not None:
                    gauge.add_metric(values, number)
            yield gauge
        for name, (family, read_many) in self._copied(self._many):
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            made = kind(PREFIX + name, family.help, labels=family.labels)
            for many, number in self._read(name, lambda read=read_many: list(read())) or ():  # type: ignore[misc]
                made.add_metric(list(many), number)
            yield made
        for name, histograms in self._copied(self._histograms):
            histogram = _NativeFamily(PREFIX + name, histograms.help, labels=histograms.labels)
            for values, buckets in self._copied(histograms.cells):
                histogram.add_metric(values, _cumulative(buckets), buckets.total)
                histogram.sparse[values] = buckets.sparse
            yield histogram

    def _read(self, name: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Exception:
            self.scrape_errors.value += 1
            log.exception("metric cannot be read", metric=PREFIX + name)
            return None

    def _copied(self, cells: dict[str, T] | dict[tuple[str, ...], T]) -> list[tuple[Any, T]]:
        with self._adding:
            return list(cells.items())

    def _claim(self, name: str, kind: Kind, labels: tuple[str, ...]) -> None:
        if self._names.setdefault(name, (kind, labels)) != (kind, labels):
            raise ValueError(f"metric {name} exists already as {self._names[name]}")

    def _family(
        self, families: dict[str, _Family[T]], kind: Kind, name: str, help: str, labels: Mapping[str, str] | None
    ) -> _Family[T]:
        names = tuple(sorted(labels or {}))
        self._claim(name, kind, names)
        with self._adding:
            return families.setdefault(name, _Family(kind, help, names))


class _NativeFamily(HistogramMetricFamily):
    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        super().__init__(name, documentation, labels=labels)
        self.sparse: dict[tuple[str, ...], Sparse] = {}


class _Export(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        """Keep the registry from scraping us at registration."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield our families, and what runs here."""
        info = GaugeMetricFamily(f"{PREFIX}build_info", "What runs here", labels=("version", "python"))
        info.add_metric((_version(), platform.python_version()), 1)
        yield info
        yield from self._metrics.joined()


def _version() -> str:
    try:
        return metadata.version("venuebus")
    except metadata.PackageNotFoundError:
        return "unknown"  # run from a source tree that was never installed


def _values(labels: Mapping[str, str] | None) -> tuple[str, ...]:
    return tuple(value for _, value in sorted((labels or {}).items()))


def _cumulative(histogram: Histogram) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
