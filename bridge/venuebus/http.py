"""The bridge's HTTP side: probes, metrics, and whatever routes are added before it starts.

``/livez`` is about the process alone; ``/readyz`` is 200 only while NATS is there and every venue is ready or on
standby. Each answer that is not a metric is JSON, errors included.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

import structlog
from aiohttp import web

from .configuration.config import listen_address
from .connections import LimitedSite
from .errors import ConfigError
from .observability.metrics import Metrics

Check = Callable[[], tuple[bool, Mapping[str, Any]]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_TIMEOUT = 30.0  # seconds for a POST: a body that trickles in must not hold its memory for ever
STOP_TIMEOUT = 2.0
log = structlog.stdlib.get_logger()


class HttpServer:
    """Serves on ``listen`` ("" serves nothing) until stopped.

    Args:
        listen: ``host:port``; port 0 takes a free one, `port` tells which.
        metrics: shown at ``/metrics``.
        ready: answers ``/readyz``: whether, and the details for the body.
        live: answers ``/livez`` likewise.
        max_body: bytes that a request's body may have; more is answered with 413.
        max_connections: what is beyond is answered with 503 and closed.
    """

    def __init__(
        self,
        listen: str,
        metrics: Metrics,
        *,
        ready: Check,
        live: Check,
        max_body: int = 1024 * 1024,
        max_connections: int = 1024,
    ) -> None:
        self._address = listen_address(listen)
        self._metrics = metrics
        self._errors = metrics.counter("http_errors", "HTTP requests that ended in an internal error")
        self._app = web.Application(client_max_size=max_body, middlewares=[self._answer_errors])
        self._app.on_response_prepare.append(_sign)
        self._runner: web.AppRunner | None = None
        self._site: LimitedSite | None = None
        self._max_connections = max_connections
        metrics.gauge("http_connections", "HTTP connections held now", lambda: self._held("open"))
        metrics.counters("http_connections_refused", "HTTP connections over the limit", (), self._counted("refused"))
        metrics.counters("http_connections_idle_closed", "Silent ones closed", (), self._counted("closed_idle"))
        self.port: int | None = None
        self.add_get("/livez", _probe(live, "alive"))
        self.add_get("/readyz", _probe(ready, "ready"))
        self.add_get("/metrics", self._show_metrics)

    @property
    def url(self) -> str:
        """Where it listens, once started; "" while it serves nothing."""
        if self._address is None or self.port is None:
            return ""
        host = f"[{self._address[0]}]" if ":" in self._address[0] else self._address[0]
        return f"http://{host}:{self.port}"

    def add_get(self, path: str, handler: Handler) -> None:
        """Answer GET ``path`` with ``handler``. Only before `start`."""
        self._app.router.add_get(path, handler)

    def add_post(self, path: str, handler: Handler) -> None:
        """Answer POST ``path`` with ``handler``. Only before `start`."""
        self._app.router.add_post(path, handler)

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address is in use or cannot be had.
        """
        if self._address is None:
            return
        host, port = self._address
        runner = web.AppRunner(self._app, access_log=None, handle_signals=False, shutdown_timeout=STOP_TIMEOUT)
        await runner.setup()
        try:
            self._site = LimitedSite(runner, host, port, self._max_connections)
            await self._site.start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(f"http.listen: {host}:{port} {_why(error)}") from error
        self._runner = runner
        self.port = int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port and the connections; requests under way have two seconds. Safe twice."""
        runner, self._runner, self.port = self._runner, None, None
        if runner is not None:
            await runner.cleanup()

    def _held(self, what: str) -> float | None:
        return None if self._site is None else float(getattr(self._site, what))

    def _counted(self, what: str) -> Callable[[], list[tuple[tuple[str, ...], float]]]:
        return lambda: [((), self._held(what) or 0.0)]

    async def _show_metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT if request.method == "POST" else None):
                with self._site.serving(request.protocol) if self._site is not None else nullcontext():
                    return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            answer = _json({"error": error.reason.lower(), **self._hint(error.status)}, error.status)
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
            return answer
        except TimeoutError:
            return _json({"error": f"not done within {REQUEST_TIMEOUT:g} s"}, 408)
        except Exception:
            self._errors.value += 1
            log.exception("http request failed", method=request.method, path=request.path)
            return _json({"error": "internal error; see the log"}, 500)

    def _hint(self, status: int) -> dict[str, Any]:
        if status != 404:
            return {}
        return {"paths": sorted({resource.canonical for resource in self._app.router.resources()})}


def _probe(check: Check, word: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        holds, details = check()
        return _json({word: holds, **details}, 200 if holds else 503)

    return answer


def _json(body: Mapping[str, Any], status: int) -> web.Response:
    return web.json_response(
        body, status=status, headers={"Cache-Control": "no-store"}, dumps=lambda value: json.dumps(value, default=str)
    )


async def _sign(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "venuebus"  # not which versions of what


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return 'is in use by another program; choose another port, 0 for a free one, or "" for none'
    return f"cannot be listened on: {error.strerror or error}"
