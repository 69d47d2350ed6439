"""Faults that have no scenario of their own here: which tests hold them, by number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Elsewhere:
    """One fault, and the ids of the tests that inject it."""

    number: str
    injected: str
    held: str
    tests: tuple[str, ...]


ELSEWHERE = (
    Elsewhere(
        "27", "a plugin blocks the loop, or never returns",
        "named with its stack; in a process of its own it is ended, and the others trade on",
        (
            "tests/e2e/test_watchdog.py::test_the_venue_that_blocks_is_named_once_with_its_stack_and_told_when_over",
            "tests/e2e/test_isolation.py::test_what_ends_its_process_ends_nothing_else",
        ),
    ),
    Elsewhere(
        "28", "a plugin takes more and more memory",
        'with `isolation = "process"` and `max_memory` its process is ended and started anew',
        ("tests/e2e/test_isolation.py::test_what_ends_its_process_ends_nothing_else",),
    ),
    Elsewhere(
        "29", "a plugin publishes NaN, floats, events of the wrong kind",
        "refused at the boundary, kept as a dead letter, never on the bus",
        ("tests/e2e/test_engine.py::test_bad_events_of_a_plugin_hurt_nobody",
         "tests/unit/test_boundary.py::test_numbers_that_are_no_decimal_text_are_refused_by_name"),
    ),
    Elsewhere(
        "43", "readers and writers of different versions",
        "new fields ignored, new values `unknown`, new types handed over whole",
        (
            "tests/unit/test_schemas_codec.py::test_absent_fields_are_not_on_the_wire_and_unknown_fields_are_ignored",
            "tests/unit/test_schemas_codec.py::test_every_enumeration_reads_what_it_does_not_know_as_unknown",
            "tests/unit/test_schemas_codec.py::test_a_type_of_a_newer_writer_is_handed_over_whole",
        ),
    ),
    Elsewhere(
        "44", "CTP: the trading day rolls, the front logs in anew",
        "numbers are of one session, day orders expire, older ones are never called absent",
        (
            "plugins/ctp/tests/test_ctp_orders.py::test_numbers_are_of_one_session_only_and_fit_twelve_digits",
            "plugins/ctp/tests/test_ctp_orders.py::test_a_known_day_order_of_an_earlier_day_has_expired",
            "plugins/ctp/tests/test_ctp_orders.py::test_an_order_of_an_earlier_day_is_not_called_absent",
            "plugins/ctp/tests/test_ctp_bridge.py::test_what_happened_while_the_front_was_away_is_asked_for",
        ),
    ),
    Elsewhere(
        "45", "a webhook delivered twice, forged, or while NATS is away",
        "stored once; 401 and nothing stored; 503 and taken later",
        (
            "tests/e2e/test_webhooks_ingress.py::test_a_repeated_msg_id_gets_200_and_publishes_nothing",
            "tests/e2e/test_webhooks_ingress.py::test_what_is_not_authentic_gets_401_without_a_word_and_is_not_stored",
            "tests/e2e/test_webhooks_outage.py::test_before_nats_is_there_every_delivery_gets_503_and_is_taken_afterwards",
        ),
    ),
    Elsewhere(
        "13–20 on a cluster", "three nats-servers with three replicas: a leader killed, each stopped in turn, two gone",
        "as with one server; without a quorum nothing is sent, and readiness says so",
        (
            "tests/e2e/test_cluster.py::test_the_leader_of_a_stream_is_killed_in_mid_flow",
            "tests/e2e/test_cluster.py::test_one_server_after_the_other_is_stopped_and_started",
            "tests/e2e/test_cluster.py::test_the_owner_and_the_leader_of_its_stream_die_together",
            "tests/e2e/test_cluster.py::test_without_a_quorum_nothing_is_sent_and_afterwards_it_goes_on",
        ),
    ),
)  # fmt: skip
