"""REST over aiohttp, one attempt per call and never one more.

aiohttp repeats PUT and DELETE by itself when a kept-alive connection turns out to be cut: an amend or cancel that
nobody decided to send again, with a nonce that was used. Every request of aiohttp asks its connector for a
connection first, so the connector is where the second try is refused; it is also the last moment before the first
byte, so that is where the request is signed and the bridge is told.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

import aiohttp
from venuebus import CommandRejected, NotSent, OutcomeUnknown, RetryableError, VenueContext
from venuebus_schemas import Reason
from yarl import URL

from .answers import Answer, seconds_of
from .config import BtseConfig
from .signing import Nonces, VenueClock, auth_headers

BLOCKS = (1.0, 300.0, 900.0)  # how long the venue blocks who breaks a limit again and again
CLEAN_AFTER = 3600.0


class LostAnswer(Exception):
    """The request went out, at least in part, and no whole answer came."""


class _Attempt:
    """What happens right before the first byte, once."""

    __slots__ = ("headers", "sending", "sign", "started")

    def __init__(self, sign: Callable[[], Mapping[str, str]], sending: Callable[[], None] | None) -> None:
        self.sign = sign
        self.sending = sending
        self.started = False

    def start(self, headers: Any) -> None:
        if self.started:
            raise LostAnswer("the connection was cut; the request is not repeated")
        if self.sending is not None:
            self.sending()
        headers.update(self.sign())
        self.started = True


_attempt: ContextVar[_Attempt | None] = ContextVar("btse_attempt", default=None)


class OneAttemptConnector(aiohttp.TCPConnector):
    """Gives a request one connection, once, and has it signed when that connection is there."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        """Return a connection for the first byte of ``req``.

        Raises:
            LostAnswer: ``req`` had one before. NotSent: the bridge says that it is too late.
        """
        attempt = _attempt.get()
        if attempt is not None and attempt.started:
            raise LostAnswer("the connection was cut; the request is not repeated")
        connection = await super().connect(req, traces, timeout)
        if attempt is not None:
            try:
                attempt.start(req.headers)
            except BaseException:
                connection.release()
                raise
        return connection


class Rest:
    """The venue's REST interface: limits, signatures and what an error proves about sending."""

    def __init__(self, ctx: VenueContext[BtseConfig], nonces: Nonces) -> None:
        self._ctx = ctx
        self._config = ctx.config
        self._nonces = nonces
        self.clock = VenueClock(ctx.now_ns)
        self._base = ctx.config.rest_url.rstrip("/")
        self._root = f"/api/{ctx.config.api_version}"
        self._http: aiohttp.ClientSession | None = None
        self._blocked = 0
        self._blocked_at = float("-inf")

    def open(self) -> aiohttp.ClientSession:
        """Return the HTTP session, which the WebSockets use, too."""
        if self._http is None:
            connector = OneAttemptConnector(limit=64, keepalive_timeout=self._config.keepalive)
            self._http = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True,
                timeout=aiohttp.ClientTimeout(total=None, connect=self._config.connect_timeout),
            )  # fmt: skip
        return self._http

    async def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            await self._http.close()

    async def ask(
        self, path: str, query: Mapping[str, str] | None = None, *, operation: str, signed: bool = True,
        priority: bool = False,
    ) -> Answer:  # fmt: skip
        """GET something; a question may be asked again, so every failure is worth another try.

        Raises:
            RetryableError: no answer.
        """
        try:
            await self._ctx.limits.acquire(operation, priority=priority, timeout=self._timeout)
            return await self._request("GET", path, query, b"", signed=signed, sending=None)
        except (NotSent, LostAnswer) as error:
            raise RetryableError(f"GET {path}: {error}") from error
        except CommandRejected as error:
            raise RetryableError(f"GET {path}: {error}", reason=Reason.RATE_LIMITED) from error

    async def order(
        self, method: str, path: str, query: Mapping[str, str] | None = None, *, body: bytes = b"", operation: str,
        sending: Callable[[], None], priority: bool = False,
    ) -> Answer:  # fmt: skip
        """Send one order request, once.

        Raises:
            NotSent: not one byte went out. OutcomeUnknown: something did, and no whole answer came.
            CommandRejected: ``rate_limited``, before anything was sent.
        """
        await self._ctx.limits.acquire(operation, priority=priority, timeout=None if priority else self._timeout)
        try:
            return await self._request(method, path, query, body, signed=True, sending=sending)
        except LostAnswer as error:
            raise OutcomeUnknown(f"{method} {path}: {error}") from error

    @property
    def _timeout(self) -> float:
        return self._config.request_timeout or 10.0

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes, *, signed: bool,
        sending: Callable[[], None] | None,
    ) -> Answer:  # fmt: skip
        signed_path = self._root + path
        attempt = _Attempt(lambda: self._headers(signed_path, body) if signed else {}, sending)
        # A payload and not bytes: aiohttp tries every kind of payload it knows on those.
        data = aiohttp.BytesPayload(body, content_type="application/json") if body else None
        token = _attempt.set(attempt)
        try:
            async with asyncio.timeout(self._timeout), self.open().request(
                method, _url(self._base + signed_path, query), data=data, allow_redirects=False,
            ) as response:  # fmt: skip
                answer = Answer(response.status, await response.read(), response.headers.get("Retry-After"))
        except (TimeoutError, aiohttp.ClientError, OSError, ssl.SSLError, ValueError, RuntimeError) as error:
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            if attempt.started:
                raise LostAnswer(text) from error
            raise NotSent(f"{method} {path} was not sent: {text}") from error
        finally:
            _attempt.reset(token)
        if answer.http == 429:
            self._block(answer.retry_after)
        return answer

    def _headers(self, path: str, body: bytes) -> dict[str, str]:
        key, secret = self._config.api_key, self._config.api_secret
        if key is None or secret is None:
            raise NotSent("no api_key is configured")
        return auth_headers(key.reveal(), secret.reveal(), path, self._nonces.next(self.clock.now_ns()), body)

    def _block(self, retry_after: str | None) -> None:
        """Hold everything back as long as the venue says; it blocks longer each time somebody goes on asking."""
        now = self._ctx.now_ns() / 1e9
        if now - self._blocked_at > CLEAN_AFTER:
            self._blocked = 0
        seconds = seconds_of(retry_after, now)
        if seconds is None:
            seconds = BLOCKS[min(self._blocked, len(BLOCKS) - 1)]
        self._blocked += 1
        self._blocked_at = now
        self._ctx.count("rate_limited")
        self._ctx.limits.ban(seconds)


def _url(address: str, query: Mapping[str, str] | None) -> URL:
    if not query:
        return URL(address, encoded=True)
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    return URL(f"{address}?{text}", encoded=True)
