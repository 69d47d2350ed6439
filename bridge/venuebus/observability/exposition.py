"""Metrics as bytes, in the format that the scraper asks for; native histograms in the one that has them.

A Prometheus server takes native histograms only in its protobuf format, and prometheus-client writes text only
(OpenMetrics 2, which would have them, no server reads yet). So what a server asks for as protobuf is written here: a
dozen fields of ``io.prometheus.client.MetricFamily``, each family with its length before it.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from math import frexp

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
SCHEMA = 3  # eight buckets for each doubling: a quantile is right within 9 %
ZERO = 2.0**-30  # seconds, a nanosecond: what is not above it counts as zero
_FRACTIONS = tuple(0.5 * 2.0 ** (i / 8) for i in range(8))
_TYPES = {"counter": 0, "gauge": 1, "summary": 2, "unknown": 3, "histogram": 4}
_VARINT, _FIXED64, _BYTES = 0, 1, 2


class Sparse:
    """What a native histogram holds: how many observations fell into each of its exponential buckets."""

    __slots__ = ("counts", "zero")

    def __init__(self) -> None:
        self.zero = 0
        self.counts: dict[int, int] = {}

    def observe(self, value: float) -> None:
        """Count ``value``; the bucket ``i`` ends at (and includes) 2 to the power of ``i`` / 8."""
        if value <= ZERO:
            self.zero += 1
            return
        fraction, exponent = frexp(value)
        index = bisect_left(_FRACTIONS, fraction) + (exponent - 1) * 8
        self.counts[index] = self.counts.get(index, 0) + 1


def wants_protobuf(accept: str) -> bool:
    """Tell whether a scraper would rather have protobuf than any other format it names."""
    best, chosen = 0.0, ""
    for part in accept.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        given = dict(pair.split("=", 1) for pair in parameters if "=" in pair)
        try:
            quality = float(given.get("q", "1"))
        except ValueError:
            quality = 0.0
        if quality > best:
            best, chosen = quality, name
            if name == "application/vnd.google.protobuf":
                told = (given.get("proto"), given.get("encoding"))
                chosen = name if told == ("io.prometheus.client.MetricFamily", "delimited") else ""
    return chosen == "application/vnd.google.protobuf"


def render(registry: Collector, accept: str) -> tuple[bytes, str]:
    """Return the exposition and its content type."""
    if wants_protobuf(accept):
        return b"".join(_delimited(registry.collect())), PROTOBUF
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _delimited(families: Iterable[Metric]) -> Iterator[bytes]:
    for family in families:
        samples = list(_metrics(family))
        if samples:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            message = _text(1, name) + _text(2, family.documentation) + _number(3, _TYPES.get(family.type, 3))
            message += b"".join(_bytes(4, sample) for sample in samples)
            yield _varint(len(message)) + message


def _metrics(family: Metric) -> Iterator[bytes]:
    if family.type == "histogram":
        yield from _histograms(family)
        return
    field = {"counter": 3, "gauge": 2}.get(family.type, 5)
    for sample in family.samples:
        if not sample.name.endswith("_created"):
            yield _labels(sample.labels) + _bytes(field, _double(1, sample.value))


def _histograms(family: Metric) -> Iterator[bytes]:
    sparse: dict[tuple[str, ...], Sparse] = getattr(family, "sparse", {})
    series: dict[tuple[str, ...], dict[str, str]] = {}
    buckets: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    sums: dict[tuple[str, ...], float] = {}
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        key = tuple(value for _, value in sorted(labels.items()))
        series[key] = labels
        if sample.name.endswith("_bucket"):
            buckets.setdefault(key, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_sum"):
            sums[key] = sample.value
    for key, labels in series.items():
        message = _number(1, int(buckets[key][-1][1])) + _double(2, sums.get(key, 0.0))
        message += b"".join(
            _bytes(3, _number(1, int(count)) + _double(2, bound)) for bound, count in buckets[key]
        )  # fmt: skip
        if key in sparse:
            message += _native(sparse[key])
        yield _labels(labels) + _bytes(7, message)


def _native(sparse: Sparse) -> bytes:
    message = _number(5, _zigzag(SCHEMA)) + _double(6, ZERO) + _number(7, sparse.zero)
    spans, deltas, before, last = [], b"", 0, None
    for index, count in sorted(sparse.counts.items()):
        if last is not None and index == last + 1:
            spans[-1][1] += 1
        else:
            spans.append([index if last is None else index - last - 1, 1])
        deltas += _varint(_zigzag(count - before))
        before, last = count, index
    for offset, length in spans or [[0, 0]]:  # a span even where there is nothing: it makes the histogram a native one
        message += _bytes(12, _number(1, _zigzag(offset)) + _number(2, length))
    return message + (_bytes(13, deltas) if deltas else b"")


def _labels(labels: dict[str, str]) -> bytes:
    return b"".join(_bytes(1, _text(1, name) + _text(2, value)) for name, value in labels.items())


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | _FIXED64) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode("utf-8", "replace"))
