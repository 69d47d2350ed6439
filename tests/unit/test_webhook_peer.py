"""Who calls is told by the connection, and by our own proxies only; how often is counted per peer."""

from __future__ import annotations

import pytest
from venuebus.webhooks.peer import RateGate, client_address, networks

PROXIES = networks(["10.0.0.0/8", "::1/128"])


@pytest.mark.parametrize(
    ("remote", "forwarded", "real"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # a stranger may claim what it likes
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),  # the first part came from the caller itself
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", ["10.2.2.2"], "10.2.2.2"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("::1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", ["198.51.100.1, "], None),
        (None, ["198.51.100.1"], None),
        ("", [], None),
    ],
)
def test_the_real_peer_is_found(remote: str | None, forwarded: list[str], real: str | None) -> None:
    address = client_address(remote, forwarded, PROXIES)
    assert (str(address) if address is not None else None) == real


def test_a_peer_has_its_rate_and_a_burst_of_twice_that_and_others_do_not_suffer() -> None:
    now = 0.0
    gate = RateGate(10, lambda: now)
    assert [gate.wait("a") for _ in range(20)] == [0.0] * 20
    assert gate.wait("a") == pytest.approx(0.1)
    assert gate.wait("b") == 0.0
    now = 0.1
    assert gate.wait("a") == 0.0
    assert gate.wait("a") > 0
    now = 1000.0
    assert [gate.wait("a") == 0 for _ in range(21)] == [True] * 20 + [False]


def test_a_slow_rate_still_lets_one_through() -> None:
    gate = RateGate(0.1, lambda: 0.0)
    assert gate.wait("a") == 0.0
    assert gate.wait("a") == pytest.approx(10.0)


def test_the_memory_of_peers_is_bounded() -> None:
    gate = RateGate(1, lambda: 0.0, peers=100)
    for number in range(10_000):
        gate.wait(number)
    assert len(gate._buckets) == 100
