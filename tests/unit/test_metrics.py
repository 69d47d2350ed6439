import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families
from venuebus.observability.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.render()[0].decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_counter_is_an_int_that_is_exported_with_prefix_and_total():
    metrics = Metrics()
    cell = metrics.counter("events", "Events", {"venue": "btse"})
    cell.value += 3
    cell.inc()
    assert samples(metrics)[("venuebus_events_total", (("venue", "btse"),))] == 4


def test_the_same_name_and_labels_give_the_same_cell_and_others_a_new_one():
    metrics = Metrics()
    first = metrics.counter("events", "Events", {"venue": "a", "kind": "quote"})
    assert metrics.counter("events", "Events", {"kind": "quote", "venue": "a"}) is first
    assert metrics.counter("events", "Events", {"kind": "trade", "venue": "a"}) is not first


def test_a_name_cannot_change_its_kind_or_its_labels():
    metrics = Metrics()
    metrics.counter("events", "Events", {"venue": "a"})
    with pytest.raises(ValueError, match="events"):
        metrics.gauge("events", "Events", lambda: 1.0, {"venue": "a"})
    with pytest.raises(ValueError, match="events"):
        metrics.counter("events", "Events", {"account": "a"})


def test_a_gauge_is_read_at_each_scrape_and_left_out_while_it_is_not_known():
    metrics = Metrics()
    known: list[float] = []
    metrics.gauge("lag_seconds", "Lag", lambda: known[-1] if known else None)
    assert ("venuebus_lag_seconds", ()) not in samples(metrics)
    known.append(2.5)
    assert samples(metrics)[("venuebus_lag_seconds", ())] == 2.5
    known.append(1.5)
    assert samples(metrics)[("venuebus_lag_seconds", ())] == 1.5


def test_a_gauge_that_fails_is_counted_and_hides_nothing_else():
    metrics = Metrics()
    metrics.gauge("bad", "Bad", lambda: 1 / 0)
    metrics.gauges("worse", "Worse", ("venue",), lambda: [(("a",), 1 / 0)])
    metrics.gauge("good", "Good", lambda: 7)
    assert samples(metrics)[("venuebus_good", ())] == 7
    assert metrics.scrape_errors.value == 2


def test_a_family_of_gauges_follows_its_label_values():
    metrics = Metrics()
    states = {"btse": 1.0}
    metrics.gauges("venue_ready", "Ready", ("venue",), lambda: [((name,), value) for name, value in states.items()])
    assert samples(metrics)[("venuebus_venue_ready", (("venue", "btse"),))] == 1
    del states["btse"]
    states["ctp"] = 0.0
    found = samples(metrics)
    assert ("venuebus_venue_ready", (("venue", "btse"),)) not in found
    assert found[("venuebus_venue_ready", (("venue", "ctp"),))] == 0


def test_a_histogram_counts_cumulatively_and_a_bound_belongs_to_its_bucket():
    metrics = Metrics()
    histogram = metrics.histogram("wait_seconds", "Wait", bounds=(0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 3.0):
        histogram.observe(value)
    found = samples(metrics)
    buckets = [found[("venuebus_wait_seconds_bucket", (("le", le),))] for le in ("0.1", "1.0", "+Inf")]
    assert buckets == [2, 3, 4]
    assert found[("venuebus_wait_seconds_count", ())] == 4
    assert found[("venuebus_wait_seconds_sum", ())] == pytest.approx(3.65)


def test_openmetrics_is_given_to_those_who_ask_for_it():
    body, content_type = Metrics().render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_what_runs_here_is_told():
    names = {name for name, _ in samples(Metrics())}
    assert "venuebus_build_info" in names
    assert "process_resident_memory_bytes" in names


def test_a_label_value_with_quotes_and_line_ends_reads_back_exactly():
    metrics = Metrics()
    metrics.counter("events", "Events", {"symbol": 'a"b\\c\nd'}).inc()
    assert samples(metrics)[("venuebus_events_total", (("symbol", 'a"b\\c\nd'),))] == 1


def test_a_scrape_while_cells_are_added_elsewhere_does_not_fail():
    metrics = Metrics()
    stop = threading.Event()

    def add() -> None:
        n = 0
        while not stop.is_set() and n < 20_000:
            metrics.counter("events", "Events", {"n": str(n)}).value += 1
            n += 1

    thread = threading.Thread(target=add)
    thread.start()
    try:
        for _ in range(20):
            metrics.render()
    finally:
        stop.set()
        thread.join()
