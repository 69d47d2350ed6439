"""The protobuf format, read back with Google's own library and the fields of Prometheus's own message."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.decoder import _DecodeVarint32  # type: ignore[attr-defined,unused-ignore]
from hypothesis import given, settings
from hypothesis import strategies as st
from venuebus.observability.exposition import ZERO, Sparse, wants_protobuf
from venuebus.observability.metrics import Metrics

ASKED = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
FIELDS = {
    "LabelPair": [("name", 1, "string", ""), ("value", 2, "string", "")],
    "Gauge": [("value", 1, "double", "")],
    "Counter": [("value", 1, "double", "")],
    "Bucket": [("cumulative_count", 1, "uint64", ""), ("upper_bound", 2, "double", "")],
    "BucketSpan": [("offset", 1, "sint32", ""), ("length", 2, "uint32", "")],
    "Histogram": [
        ("sample_count", 1, "uint64", ""), ("sample_sum", 2, "double", ""), ("bucket", 3, "*Bucket", ""),
        ("schema", 5, "sint32", ""), ("zero_threshold", 6, "double", ""), ("zero_count", 7, "uint64", ""),
        ("positive_span", 12, "*BucketSpan", ""), ("positive_delta", 13, "*sint64", ""),
    ],
    "Metric": [
        ("label", 1, "*LabelPair", ""), ("gauge", 2, "Gauge", ""), ("counter", 3, "Counter", ""),
        ("histogram", 7, "Histogram", ""),
    ],
    "MetricFamily": [
        ("name", 1, "string", ""), ("help", 2, "string", ""), ("type", 3, "int32", ""), ("metric", 4, "*Metric", ""),
    ],
}  # fmt: skip


def _family_type() -> type:
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="io.prometheus.client", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, _ in fields:
            many = kind.startswith("*")
            added = message.field.add(name=field, number=number)
            added.label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            if kind in FIELDS:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".io.prometheus.client.{kind}"
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("io.prometheus.client.MetricFamily"))


FAMILY = _family_type()


def read(metrics: Metrics) -> dict[str, object]:
    body, content_type = metrics.render(ASKED)
    assert content_type.startswith("application/vnd.google.protobuf")
    found, position = {}, 0
    while position < len(body):
        length, position = _DecodeVarint32(body, position)
        family = FAMILY.FromString(body[position : position + length])
        position += length
        found[family.name] = family
    assert position == len(body)
    return found


def buckets(histogram: object) -> list[tuple[float, float, int]]:
    """Lower bound, upper bound and count of every native bucket."""
    found, index, count, deltas = [], 0, 0, iter(histogram.positive_delta)
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            found.append((2 ** ((index - 1) / 8), 2 ** (index / 8), count))
            index += 1
    assert next(deltas, None) is None
    return found


def test_counters_gauges_and_labels_read_back() -> None:
    metrics = Metrics()
    metrics.counter("events", "What came", {"venue": "btse"}).inc(3)
    metrics.gauge("depth", "How deep", lambda: -1.5, {"venue": 'a"b\n'})
    found = read(metrics)
    events = found["venuebus_events_total"]
    assert (events.help, events.type, events.metric[0].counter.value) == ("What came", 0, 3)
    assert [(pair.name, pair.value) for pair in events.metric[0].label] == [("venue", "btse")]
    depth = found["venuebus_depth"]
    assert (depth.type, depth.metric[0].gauge.value, depth.metric[0].label[0].value) == (1, -1.5, 'a"b\n')
    assert found["process_cpu_seconds_total"].type == 0
    assert found["process_resident_memory_bytes"].metric[0].gauge.value > 0


@settings(deadline=None)
@given(st.lists(st.floats(min_value=-1, max_value=1e7, allow_nan=False), max_size=60))
def test_every_observation_is_in_one_native_bucket_and_it_belongs_there(values: list[float]) -> None:
    metrics = Metrics()
    histogram = metrics.histogram("wait_seconds", "Wait", {"hop": "claim"})
    for value in values:
        histogram.observe(value)
    family = read(metrics)["venuebus_wait_seconds"]
    told = family.metric[0].histogram
    assert (family.type, told.schema, told.zero_threshold) == (4, 3, ZERO)
    assert told.sample_count == len(values) == told.bucket[-1].cumulative_count
    assert told.sample_sum == pytest.approx(sum(max(value, 0.0) for value in values))
    native = buckets(told)
    assert told.zero_count + sum(count for _, _, count in native) == len(values)
    assert told.zero_count == sum(value <= ZERO for value in values)
    for low, high, count in native:
        inside = [value for value in values if low * (1 - 1e-12) < value <= high * (1 + 1e-12)]
        assert len(inside) >= count, (low, high, count)
    for bucket in told.bucket:
        assert bucket.cumulative_count == sum(value <= bucket.upper_bound for value in values)


@pytest.mark.parametrize("power", range(-24, 20))
def test_a_bound_belongs_to_the_bucket_that_it_ends(power: int) -> None:
    sparse = Sparse()
    sparse.observe(2.0**power)
    assert sparse.counts == {power * 8: 1}


def test_a_histogram_without_observations_is_a_native_one_all_the_same() -> None:
    metrics = Metrics()
    metrics.histogram("wait_seconds", "Wait")
    told = read(metrics)["venuebus_wait_seconds"].metric[0].histogram
    assert [(span.offset, span.length) for span in told.positive_span] == [(0, 0)]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (f"{ASKED},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        (f"{ASKED};q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3", True),
        (f"application/openmetrics-text;version=1.0.0;q=0.6,{ASKED};q=0.5", False),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/vnd.google.protobuf;q=abc", False),
        ("", False),
    ],
)
def test_protobuf_is_for_those_who_prefer_it(accept: str, wanted: bool) -> None:
    assert wants_protobuf(accept) is wanted
