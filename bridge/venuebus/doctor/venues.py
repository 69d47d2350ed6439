"""The venues: can they be reached, do the clocks agree, and what does the venue itself say of our credentials?

Addresses are the keys of a venue's table that hold one (``…_url``, or ``host`` with ``port``). An address is connected
to, and one that speaks HTTP is asked for its headers, whose date tells its clock. Nothing logs in.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from ..configuration.config import BridgeConfig
from ..secret import redact
from ..venue import Finding, VenueConfig, VenueSpec
from .finding import error, note, warning

TIMEOUT = 5.0
EXAMINE_TIMEOUT = 15.0
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
SKEW = 2.0  # seconds; an HTTP date counts whole ones


async def examine_venues(config: BridgeConfig, specs: Mapping[str, VenueSpec[Any]]) -> list[Finding]:
    """Return the findings about every venue, looked at side by side."""
    tasks = [
        _address(f"venues.{name}.{key}", url) for name, venue in config.venues.items() for key, url in _urls(venue)
    ]
    tasks += [_ask(name, specs[venue.plugin], venue) for name, venue in config.venues.items()]
    return [finding for part in await asyncio.gather(*tasks) for finding in part]


def _urls(venue: VenueConfig) -> Iterator[tuple[str, str]]:
    for key in venue.__struct_fields__:
        value = getattr(venue, key)
        if isinstance(value, str) and urlsplit(value).scheme in PORTS and urlsplit(value).hostname:
            yield key, value
    host, port = getattr(venue, "host", None), getattr(venue, "port", None)
    if isinstance(host, str) and isinstance(port, int):
        yield "host", f"tcp://{host}:{port}"


async def _address(where: str, url: str) -> Iterable[Finding]:
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or PORTS.get(parts.scheme, 0)
    try:
        async with asyncio.timeout(TIMEOUT):
            secure = ssl.create_default_context() if parts.scheme in ("https", "wss") else None
            _, writer = await asyncio.open_connection(host, port, ssl=secure)
            writer.close()
    except ssl.SSLError as wrong:
        return [
            error(where, f"{host}:{port} and we do not agree about TLS: {wrong}", "see the address and the certificate")
        ]
    except (OSError, TimeoutError) as wrong:
        why = str(wrong) or f"no answer within {TIMEOUT:g} s"
        return [error(where, f"{host}:{port} cannot be reached: {why}", "mend the address, or open the way to it")]
    found = [note(where, f"{host}:{port} can be reached")]
    return found if parts.scheme == "tcp" else [*found, *await _http(where, url)]


async def _http(where: str, url: str) -> Iterable[Finding]:
    parts = urlsplit(url)
    web = urlunsplit(parts._replace(scheme={"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)))
    try:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.head(web, allow_redirects=False) as answer:
            now, date = time.time(), answer.headers.get("Date", "")
        theirs = parsedate_to_datetime(date).timestamp()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return []  # it listens; what it says to this is its own business
    skew = theirs + 0.5 - now
    if abs(skew) < SKEW:
        return []
    return [
        warning(
            where,
            f"the venue's clock is about {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours",
            "run an NTP client on this machine; signed requests carry the time",
        )
    ]


async def _ask(name: str, spec: VenueSpec[Any], venue: VenueConfig) -> Iterable[Finding]:
    """Let the plugin ask its venue; a plugin that fails at it is a finding of its own."""
    if spec.examine is None:
        return []
    try:
        async with asyncio.timeout(EXAMINE_TIMEOUT):
            return [_placed(name, finding) for finding in await spec.examine(venue)]
    except TimeoutError:
        return [
            warning(f"venues.{name}", f"the venue did not answer its plugin within {EXAMINE_TIMEOUT:g} s", "ask again")
        ]
    except Exception as wrong:  # noqa: BLE001 - a plugin's own code
        text = redact(f"{type(wrong).__name__}: {wrong}")
        return [warning(f"venues.{name}", f"the plugin's own check failed: {text}", "tell its makers")]


def _placed(name: str, finding: Finding) -> Finding:
    where = f"venues.{name}.{finding.where}" if finding.where else f"venues.{name}"
    return Finding(severity=finding.severity, where=where, text=redact(finding.text), fix=redact(finding.fix))
