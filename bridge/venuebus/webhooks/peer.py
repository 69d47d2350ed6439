"""Who is calling, and how often they may: the real peer's address, networks that may deliver, rates per peer."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def networks(names: Iterable[str]) -> tuple[Network, ...]:
    """Return ``names`` as networks.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ipaddress.ip_network(name) for name in names)


def client_address(remote: str | None, forwarded: Iterable[str], trusted: tuple[Network, ...]) -> Address | None:
    """Return the address of whoever really calls; ``None`` where it cannot be told.

    ``forwarded`` are the values of ``X-Forwarded-For`` in their order. Every proxy appends whom it heard it from, so
    they are read from the end, and only as long as the one who wrote them is one of ours.
    """
    address = _address(remote or "")
    hops = [hop for value in forwarded for hop in value.split(",")]
    while address is not None and hops and any(address in network for network in trusted):
        address = _address(hops.pop().strip())
    return address


def _address(text: str) -> Address | None:
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


class RateGate:
    """A token bucket per peer: ``rate`` per second, bursts of twice that. Memory is bounded.

    Args:
        rate: deliveries per second.
        clock: seconds, monotonic.
        peers: how many are remembered; whoever was not heard of the longest is forgotten first.
    """

    def __init__(self, rate: float, clock: Callable[[], float], *, peers: int = 4096) -> None:
        self._rate = rate
        self._burst = max(1.0, 2 * rate)
        self._clock = clock
        self._most = peers
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def wait(self, peer: object) -> float:
        """Take one token of ``peer`` and return 0, or return the seconds until there is one."""
        now = self._clock()
        tokens, since = self._buckets.get(peer, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens < 1:
            return (1 - tokens) / self._rate
        self._buckets[peer] = (tokens - 1, now)
        self._buckets.move_to_end(peer)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return 0.0
