"""Metrics of an isolated venue on their way into the bridge's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric

from ..observability.exposition import Sparse as Buckets
from .wire import Family, Sample, Sparse

OWN = "venuebus_venue_state"  # the parent tells it: it knows the state of a venue without a process, too


def families_of(families: Iterable[Metric], venue: str) -> list[Family]:
    """Return what is about ``venue`` in ``families``."""
    found = []
    for family in families:
        samples = [s for s in family.samples if s.labels.get("venue") == venue]
        if samples and family.name != OWN:
            sparse = [Sparse(list(key), b.zero, b.counts) for key, b in getattr(family, "sparse", {}).items()]
            packed = [Sample(s.name, s.labels, s.value) for s in samples]
            found.append(Family(family.name, family.documentation, family.type, packed, sparse))
    return found


class ForeignFamily(Metric):
    """A family that another process counts, native buckets included."""

    def __init__(self, family: Family, venue: str) -> None:
        super().__init__(family.name, family.help, family.kind)
        self.sparse: dict[tuple[str, ...], Buckets] = {}
        for sample in family.samples:
            if sample.labels.get("venue") == venue:
                self.add_sample(sample.name, sample.labels, sample.value)
        for sparse in family.sparse:
            buckets = self.sparse[tuple(sparse.labels)] = Buckets()
            buckets.zero, buckets.counts = sparse.zero, sparse.counts


def metrics_of(families: Iterable[Family], venue: str) -> Iterator[Metric]:
    """Return ``families`` as they were; what is not about ``venue``, or no metric of ours, is left out."""
    for family in families:
        if family.name.startswith("venuebus_") and family.kind in ("counter", "gauge", "histogram"):
            yield ForeignFamily(family, venue)
