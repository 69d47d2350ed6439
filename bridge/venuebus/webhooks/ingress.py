"""``POST /hooks/<venue>``: proved before it is parsed, stored before it is answered.

| answer | when |
|---|---|
| 200 | stored now or before; also what is authentic and not understood: sending it again would not help |
| 400 | the request broke off |
| 401 | not authentic; nothing is stored, and nothing is told |
| 403 | the caller's address may not deliver |
| 404, 405 | no such venue, not POST |
| 408, 413, 415 | too slow, too long, not the content type that was agreed |
| 429 | too often; ``Retry-After`` says when |
| 503 | it cannot be stored now; ``Retry-After`` |
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from ..bus.hooks import HookStore, Kept
from ..errors import BusError, ConfigError, PluginError
from ..guard import call
from ..observability.metrics import Counter, Histogram, Metrics
from ..venue import Delivery, VenueSpec, Webhook
from .peer import RateGate, client_address, networks
from .settings import SharedSecret, WebhookConfig

log = structlog.get_logger("venuebus.hooks")

AT_ONCE = 256  # deliveries being read or stored: with the limit of the body this bounds the memory
STORE_TIMEOUT = 3.0  # callers wait 5 s as a rule; then they count it as failed, and so do we
QUIET = 60.0  # seconds between two log lines about the same kind of refusal
MAX_MSG_ID = 200
DELIVERIES = "Webhook requests by what became of them"
NOT_KEPT = frozenset({"authorization", "cookie", "proxy-authorization", "host", "connection", "accept"})
UNVERIFIED = "webhook deliveries are NOT verified (insecure_unverified = true): anybody can send them"


@dataclass
class Door:
    """Where deliveries for one venue come in, and what is known of those that came."""

    venue: str
    config: WebhookConfig
    webhook: Webhook
    rate: RateGate
    secret_header: str | None
    allowed: tuple[Any, ...] = ()
    counts: dict[str, Counter] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)

    def is_time_to_tell(self, what: str) -> bool:
        """Tell whether ``what`` was not logged lately, and take it for logged."""
        now = time.monotonic()
        if now - self.told.get(what, float("-inf")) < QUIET:
            return False
        self.told[what] = now
        return True


class Refusal(Exception):
    """The request is answered with ``status`` and goes no further."""

    def __init__(self, status: int, outcome: str, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.outcome = outcome
        self.text = text
        self.retry_after = retry_after


class Ingress:
    """The doors of all venues that call us. Venues are added before the server starts, the store when NATS is there."""

    def __init__(self, metrics: Metrics, trusted_proxies: tuple[str, ...] = ()) -> None:
        self._trusted = networks(trusted_proxies)
        self._doors: dict[str, Door] = {}
        self._store: HookStore | None = None
        self._busy = 0
        self._seconds: Histogram | None = None
        self._metrics = metrics

    def door(self, venue: str, spec: VenueSpec[Any], config: Any) -> Door | None:
        """Make what `open` opens as ``/hooks/<venue>``, if that kind of venue calls us.

        Raises:
            ConfigError: the plugin's configuration lacks what a door needs, or its webhook cannot be made.
        """
        if spec.webhook is None:
            return None
        if not isinstance(config, WebhookConfig):
            raise ConfigError(f"venues.{venue}: {spec.name} has a webhook, but its config_type is no WebhookConfig")
        try:
            webhook = call(f"plugin {spec.name}", "webhook", spec.webhook, config)
        except (ValueError, OSError, PluginError) as error:
            raise ConfigError(f"venues.{venue}.verify: {error}") from error
        if not isinstance(webhook, Webhook):
            text = f"webhook() must return an object with verify, decrypt and msg_id, got {type(webhook).__name__}"
            raise ConfigError(f"venues.{venue}.verify: plugin {spec.name}: {text}")
        return Door(
            venue=venue,
            config=config,
            webhook=webhook,
            rate=RateGate(config.max_rate, time.monotonic),
            secret_header=config.verify.header.lower() if isinstance(config.verify, SharedSecret) else None,
            allowed=networks(config.allow_from),
        )

    def open(self, door: Door | None) -> None:
        """Take deliveries at ``door`` from now on, instead of at an older one of the same venue."""
        if door is None:
            return
        if not self._doors:
            self._seconds = self._metrics.histogram(
                "webhook_answer_seconds", "Time from a delivery's head to its answer"
            )
            self._metrics.declare("webhook_deliveries", DELIVERIES, ("venue", "outcome"))
            self._metrics.gauge("webhook_requests_open", "Deliveries being read or stored", lambda: float(self._busy))
        self._doors[door.venue] = door
        if door.config.insecure_unverified:
            log.warning(UNVERIFIED.upper(), venue=door.venue)

    def close(self, venue: str) -> None:
        """Take no more deliveries for ``venue``."""
        self._doors.pop(venue, None)

    def connect(self, store: HookStore) -> None:
        """Begin to store; until then every delivery is answered with 503."""
        self._store = store

    def warnings(self, venue: str) -> list[str]:
        """Return what an operator must not overlook about a venue's door."""
        door = self._doors.get(venue)
        return [UNVERIFIED] if door is not None and door.config.insecure_unverified else []

    def counts(self, venue: str) -> Mapping[str, int]:
        """Return how many requests there were, by outcome."""
        door = self._doors.get(venue)
        return {name: cell.value for name, cell in door.counts.items()} if door is not None else {}

    def _count(self, door: Door, outcome: str) -> None:
        cell = door.counts.get(outcome)
        if cell is None:
            labels = {"venue": door.venue, "outcome": outcome}
            cell = door.counts[outcome] = self._metrics.counter("webhook_deliveries", DELIVERIES, labels)
        cell.value += 1

    # --- one request ----------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer ``POST /hooks/{venue}``."""
        door = self._doors.get(request.match_info["venue"])
        if door is None:
            raise web.HTTPNotFound
        started = time.perf_counter()
        try:
            outcome = await self._take(door, request)
            answer = web.json_response({"msg": "success"})
        except Refusal as refusal:
            outcome = refusal.outcome
            self._tell(door, refusal)
            answer = web.json_response({"error": refusal.text}, status=refusal.status)
            if refusal.retry_after is not None:
                answer.headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after)))
            if not request.content.is_eof():
                answer.force_close()  # the rest of the body is not worth reading
        self._count(door, outcome)
        if self._seconds is not None:
            self._seconds.observe(time.perf_counter() - started)
        return answer

    async def _take(self, door: Door, request: web.Request) -> str:
        self._check_caller(door, request)
        if self._busy >= AT_ONCE:
            raise Refusal(503, "busy", "too many deliveries at once", 1.0)
        self._busy += 1
        try:
            content_type = self._check_form(door, request)
            raw = await self._read(door, request)
            now = time.time_ns()
            headers = _lower(request.headers)
            if not self._is_authentic(door, headers, raw, now):
                raise Refusal(401, "unauthorized", "unauthorized")
            return await self._keep(door, headers, raw, content_type, now)
        finally:
            self._busy -= 1

    def _check_caller(self, door: Door, request: web.Request) -> None:
        peer = client_address(request.remote, request.headers.getall("X-Forwarded-For", []), self._trusted)
        if door.allowed and (peer is None or not any(peer in network for network in door.allowed)):
            raise Refusal(403, "forbidden", "forbidden")
        wait = door.rate.wait(peer)
        if wait > 0:
            raise Refusal(429, "rate_limited", "too many deliveries", wait)

    @staticmethod
    def _check_form(door: Door, request: web.Request) -> str:
        content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type not in door.config.content_types:
            raise Refusal(415, "content_type", f"Content-Type: {' or '.join(door.config.content_types)} expected")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refusal(415, "content_type", "no Content-Encoding, please")
        if (request.content_length or 0) > door.config.max_body:
            raise Refusal(413, "too_large", f"at most {door.config.max_body} bytes")
        return content_type

    @staticmethod
    async def _read(door: Door, request: web.Request) -> bytes:
        parts, size = [], 0
        try:
            async with asyncio.timeout(door.config.read_timeout):
                async for chunk in request.content.iter_any():
                    size += len(chunk)
                    if size > door.config.max_body:
                        raise Refusal(413, "too_large", f"at most {door.config.max_body} bytes")
                    parts.append(chunk)
        except TimeoutError:
            raise Refusal(408, "slow", f"the body did not come within {door.config.read_timeout:g} s") from None
        except (aiohttp.ClientError, web.RequestPayloadError, ConnectionError) as error:
            raise Refusal(400, "broken_off", "the request broke off") from error
        return b"".join(parts)

    @staticmethod
    def _is_authentic(door: Door, headers: Mapping[str, str], raw: bytes, now: int) -> bool:
        try:
            proved = call(f"webhook of {door.venue}", "verify", door.webhook.verify, headers, raw, now)
            if not isinstance(proved, bool):  # nothing that merely counts as true lets a stranger in
                raise PluginError(f"webhook of {door.venue}: verify() returned {type(proved).__name__}, not a bool")
            return proved
        except Exception as error:
            if door.is_time_to_tell("verify_failed"):  # anybody can make it fail, so not once per request
                log.exception("the verification itself fails", venue=door.venue)
            raise Refusal(500, "verify_failed", "internal error") from error

    async def _keep(self, door: Door, headers: Mapping[str, str], raw: bytes, content_type: str, now: int) -> str:
        body, msg_id = raw, None
        try:
            who = f"webhook of {door.venue}"
            body = call(who, "decrypt", door.webhook.decrypt, raw)
            msg_id = call(who, "msg_id", door.webhook.msg_id, body)
        except Exception:  # noqa: BLE001 - kept under its digest; the owner says what is wrong with it
            msg_id = None
        delivery = Delivery(
            msg_id=msg_id if isinstance(msg_id, str) and 0 < len(msg_id) <= MAX_MSG_ID else None,
            body=body if isinstance(body, bytes) else raw,
            raw=raw,
            headers={k: v for k, v in headers.items() if k not in NOT_KEPT and k != door.secret_header},
            content_type=content_type,
            ts_recv=now,
        )
        if self._store is None:
            raise Refusal(503, "not_stored", "cannot be stored now", 1.0)
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                kept = await self._store.keep(door.venue, delivery)
        except (BusError, TimeoutError) as error:
            log.debug("delivery not stored", venue=door.venue, error=str(error))
            raise Refusal(503, "not_stored", "cannot be stored now", 1.0) from error
        if kept is Kept.CONFLICT:
            log.error("another body came under a msg_id that is stored already; both are kept", venue=door.venue)
        return kept.value

    @staticmethod
    def _tell(door: Door, refusal: Refusal) -> None:
        if door.is_time_to_tell(refusal.outcome):
            log.warning(
                "webhook requests refused", venue=door.venue, status=refusal.status, outcome=refusal.outcome,
                before=door.counts[refusal.outcome].value if refusal.outcome in door.counts else 0,
            )  # fmt: skip


def _lower(headers: Any) -> dict[str, str]:
    """Return the headers with names in lower case; a repeated one is joined, so that it cannot mean two things."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
