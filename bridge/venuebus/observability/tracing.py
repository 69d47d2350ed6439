"""Traces: one per command, from the strategy's span to the last fill, over NATS headers and over restarts.

    strategy's span (``traceparent`` header of the command)
     └─ command submit            from the stream until its first result
         ├─ claim                 its context is on the claim and on the order's first event
         ├─ venue submit          one per attempt, with the moment of the first byte
         ├─ publish order, publish result, publish fill     each event's own context is in its header
         └─ resolve submit        from ``unknown`` until the second result

The claim holds the strategy's context, so what a later owner does about the command hangs below that and not below a
span that a killed process never delivered. Only this module knows OpenTelemetry, and it is imported only where
``tracing.enabled`` is true: without it a command costs a comparison with ``None`` here and there.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Token
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from venuebus_schemas import AccountEvent, Fill, Order, ResultStatus

from ..secret import redact
from .logs import trace_lines

if TYPE_CHECKING:
    from ..bus.claim import Claim
    from ..configuration.settings import TracingConfig
    from ..orders.attempt import Attempt
    from ..orders.job import Job

REMEMBERED = 20_000  # commands and orders whose trace is known: an older order's events carry no header
FLUSH = 2.0  # seconds for the last spans to leave when the bridge stops
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def read_traceparent(text: str | None) -> SpanContext | None:
    """Return the context that a W3C ``traceparent`` names; ``None`` if it names none, whatever it is."""
    match = _TRACEPARENT.fullmatch(text) if text else None
    if match is None or text is None or text.startswith("ff"):
        return None
    context = SpanContext(
        int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(int(match[3], 16) & 1)
    )
    return context if context.is_valid else None


def write_traceparent(span: Span) -> str:
    """Return the W3C ``traceparent`` of ``span``."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"


class Trace:
    """The spans of one command. ``durable`` is the context for its claim, ``traceparent`` the command span's own."""

    def __init__(self, tracer: Tracer, span: Span, verb: str, *, durable: str | None = None) -> None:
        self.traceparent = write_traceparent(span)
        self.durable = durable or self.traceparent
        self.context = trace.set_span_in_context(span, Context())
        self._span = span
        self._tracer = tracer
        self._verb = verb
        self._resolving: Span | None = None

    def enter(self) -> Token[Context]:
        """Make the command's span the current one, for logs and for what plugins trace themselves."""
        return otel_context.attach(self.context)

    def leave(self, token: Token[Context]) -> None:
        """End the command's span; what is still unknown goes on as a span of its own."""
        otel_context.detach(token)
        self._span.end()

    @contextmanager
    def step(self, name: str, kind: SpanKind = SpanKind.CLIENT) -> Iterator[Span]:
        """Trace a step of the command; an error that leaves it is the step's error, too."""
        with self._tracer.start_as_current_span(
            name, self.context, kind, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, redact(f"{type(error).__name__}: {error}")))
                raise

    @contextmanager
    def claiming(self) -> Iterator[str]:
        """Trace the claim; yields the ``traceparent`` for the messages that make it."""
        with self.step("claim", SpanKind.PRODUCER) as span:
            yield write_traceparent(span)

    @contextmanager
    def calling(self, attempt: Attempt) -> Iterator[None]:
        """Trace one attempt at the venue, with the moment of its first byte."""
        with self.step(f"venue {self._verb}") as span:
            span.set_attribute("venuebus.attempt", attempt.attempt)
            try:
                yield
            finally:
                if attempt.ts_sent is not None:
                    span.add_event("first byte", timestamp=attempt.ts_sent)

    def result(self, status: str, reason: str | None, resolved_by: str | None) -> None:
        """Note a result: ``unknown`` begins the span of its resolution, a later one ends it."""
        told = {"venuebus.status": status, "venuebus.reason": reason, "venuebus.resolved_by": resolved_by}
        attributes = {key: str(value) for key, value in told.items() if value is not None}
        if self._span.is_recording():
            self._span.set_attributes(attributes)
        if status == ResultStatus.UNKNOWN:
            if self._resolving is None:
                self._span.set_status(Status(StatusCode.ERROR, "outcome unknown"))
                self.resolving()
            return
        resolving, self._resolving = self._resolving, None
        if resolving is not None:
            resolving.set_attributes(attributes)
            resolving.end()

    def resolving(self) -> None:
        """Begin the span in which the outcome is not known."""
        self._resolving = self._tracer.start_span(f"resolve {self._verb}", self.context)

    def stopped(self) -> None:
        """The bridge stops while the outcome is unknown: end what is under way; the claim's next owner goes on."""
        if self._resolving is not None:
            self._resolving.set_attribute("venuebus.status", str(ResultStatus.UNKNOWN))
            self._resolving.end()
            self._resolving = None


class AccountTraces:
    """Which trace each command and order of one account belongs to."""

    def __init__(self, tracer: Tracer, venue: str, account: str) -> None:
        self._tracer = tracer
        self._attributes = {
            "messaging.system": "nats", "venuebus.venue": venue, "venuebus.account": account,
        }  # fmt: skip
        self._contexts: OrderedDict[tuple[str, str], Context] = OrderedDict()

    def command(self, job: Job) -> Trace:
        """Begin the trace of a command as it comes, below the span that its header names."""
        delivery = job.delivery
        header = delivery.traceparent if delivery is not None else None
        parent = read_traceparent(header)
        name = f"command {job.verb}"
        span = self._tracer.start_span(
            name, _below(parent), SpanKind.CONSUMER, self._about(job.command_id, job.client_order_id),
            start_time=job.ts_received,
        )  # fmt: skip
        made = Trace(self._tracer, span, job.verb, durable=header if parent is not None else None)
        self._remember("command", job.command_id, made.context)
        return made

    def begin(self, job: Job) -> None:
        """The command is claimed: from now on a submit's order and fills belong to its trace."""
        if job.trace is not None and job.verb == "submit" and job.client_order_id is not None:
            self._remember("order", job.client_order_id, job.trace.context)

    def note(self, claim: Claim) -> None:
        """Take over from the ledger which trace a command, and the order of a submit, belongs to."""
        parent = read_traceparent(claim.traceparent)
        if parent is None:
            return
        context = _below(parent)
        self._remember("command", claim.command_id, context)
        if claim.verb == "submit" and claim.client_order_id is not None:
            self._remember("order", claim.client_order_id, context)

    def resume(self, claim: Claim) -> Trace | None:
        """Go on with a command that a former owner has claimed and not ended; ``None`` if it was not traced."""
        parent = read_traceparent(claim.traceparent)
        if parent is None:
            return None
        self.note(claim)
        span = self._tracer.start_span(
            f"recover {claim.verb}", _below(parent), attributes=self._about(claim.command_id, claim.client_order_id)
        )
        made = Trace(self._tracer, span, claim.verb, durable=claim.traceparent)
        made.resolving()
        span.end()
        return made

    def event(self, kind: str, key: str, event: AccountEvent) -> str | None:
        """Trace that an event goes to the stream; return its header, ``None`` for one that no command caused."""
        name = ("command", key) if kind == "result" else ("order", _order_of(event) or "")
        context = self._contexts.get(name)
        if context is None:
            return None
        attributes = {**self._attributes, "messaging.operation.type": "send"}
        if (status := getattr(event, "status", None)) is not None:
            attributes["venuebus.status"] = str(status)
        span = self._tracer.start_span(f"publish {kind}", context, SpanKind.PRODUCER, attributes)
        span.end()
        return write_traceparent(span)

    def _about(self, command_id: str, client_order_id: str | None) -> dict[str, str]:
        named = {"venuebus.client_order_id": client_order_id} if client_order_id is not None else {}
        return {**self._attributes, "messaging.operation.type": "process", "messaging.message.id": command_id, **named}

    def _remember(self, what: str, name: str, context: Context) -> None:
        self._contexts[what, name] = context
        self._contexts.move_to_end((what, name))
        if len(self._contexts) > REMEMBERED:
            self._contexts.popitem(last=False)


class Tracing:
    """The tracer of one bridge."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("venuebus")
        trace_lines(_current)

    def account(self, venue: str, account: str) -> AccountTraces:
        """Return the traces of one account."""
        return AccountTraces(self._tracer, venue, account)

    async def close(self) -> None:
        """Deliver what is left, for at most `FLUSH` seconds: a collector that is away must not hold the stop up."""
        trace_lines(None)
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            try:
                loop.call_soon_threadsafe(done.set)
            except RuntimeError:
                pass  # nobody waits any more: the loop is closed

        threading.Thread(target=shut_down, name="tracing-shutdown", daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH):
                await done.wait()
        except TimeoutError:
            pass


def make_tracing(config: TracingConfig, version: str, instance: str) -> Tracing:
    """Return the tracing that ``[tracing]`` and the standard ``OTEL_`` variables ask for.

    What the configuration does not set is left to the variables: ``OTEL_EXPORTER_OTLP_…``, ``OTEL_TRACES_SAMPLER``,
    ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_SERVICE_NAME``, ``OTEL_BSP_…``.
    """
    named = {"service.version": version, "service.instance.id": instance}
    if config.service_name is not None:
        named["service.name"] = config.service_name
    elif "OTEL_SERVICE_NAME" not in os.environ and "service.name=" not in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        named["service.name"] = "venuebus"
    sampler = None if config.sample is None else ParentBased(TraceIdRatioBased(config.sample))
    provider = TracerProvider(sampler=sampler, resource=Resource.create(named), shutdown_on_exit=False)
    endpoint = f"{config.endpoint.rstrip('/')}/v1/traces" if config.endpoint is not None else None
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider)


def _below(parent: SpanContext | None) -> Context:
    return Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _current() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _order_of(event: AccountEvent) -> str | None:
    return event.client_order_id if isinstance(event, Order | Fill) else None
