"""An OpenTelemetry collector of a test's own: real OTLP over HTTP on loopback, and spans in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # type: ignore[import-untyped,unused-ignore]
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass
class Seen:
    """One span as a collector has it; ids are hexadecimal, ``parent`` is "" for a root."""

    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]
    events: list[tuple[str, int]] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    failed: bool = False


class Collector:
    """Takes ``POST /v1/traces``."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.requests = 0
        self._new = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        message = ExportTraceServiceRequest.FromString(await request.read())
        for resource in message.resource_spans:
            about = _attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [_seen(span, about) for span in scope.spans]
        self._new.set()
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    async def until(self, condition: Callable[[], object], timeout: float = 10.0) -> None:
        """Wait for ``condition``, looked at whenever spans come."""
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    self._new.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.2):
                            await self._new.wait()
        except TimeoutError:
            raise AssertionError(
                f"not in {timeout} s: {[(span.name, span.attributes) for span in self.spans]}"
            ) from None

    def of(self, trace: str) -> list[Seen]:
        """Spans of one trace by their start."""
        return sorted((span for span in self.spans if span.trace == trace), key=lambda span: span.start)


def named(spans: Iterable[Seen], name: str, **attributes: str) -> Seen:
    """Return the one span of that name whose attributes are these (``status`` for ``venuebus.status``)."""
    wanted = {f"venuebus.{key}": value for key, value in attributes.items()}
    found = [span for span in spans if span.name == name and wanted.items() <= span.attributes.items()]
    assert len(found) == 1, f"{len(found)} spans {name!r} {wanted} in {[(s.name, s.attributes) for s in spans]}"
    return found[0]


def _seen(span: Any, resource: dict[str, Any]) -> Seen:
    return Seen(
        name=span.name, trace=span.trace_id.hex(), id=span.span_id.hex(), parent=span.parent_span_id.hex(),
        start=span.start_time_unix_nano, end=span.end_time_unix_nano, attributes=_attributes(span.attributes),
        events=[(event.name, event.time_unix_nano) for event in span.events], resource=resource,
        failed=span.status.code == 2,
    )  # fmt: skip


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
