"""The market-data socket: login, subscriptions, ticks."""

from __future__ import annotations

import asyncio

import aiohttp
from venuebus import CommandRejected, FatalError, RetryableError, VenueContext
from venuebus_schemas import Reason

from . import codes, protocol
from .config import CtpConfig
from .link import Link
from .market import KINDS, TickConverter
from .messages import Depth
from .requests import BadField


class QuotesLink:
    """Subscribes and publishes ticks; subscribes again at every login, which the gateway does not do."""

    def __init__(self, ctx: VenueContext[CtpConfig], http: aiohttp.ClientSession, converter: TickConverter) -> None:
        self._ctx = ctx
        self._config = ctx.config
        self.converter = converter
        self.protocol = protocol.MdProtocol()
        self.link = Link("md", http, self._receive)
        self._login: asyncio.Future[None] | None = None
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._subscribing = asyncio.Lock()
        self._again: asyncio.Task[None] | None = None
        self._publish = ctx.publish
        self._now = ctx.now_ns

    async def connect(self) -> None:
        """Open the socket, log in and subscribe what is configured.

        Raises:
            FatalError: the front refuses the login. RetryableError: no answer in time.
        """
        config = self._config
        assert config.md_url is not None
        await self.link.open(config.md_url, timeout=config.connect_timeout, heartbeat=config.heartbeat)
        self._login = asyncio.get_running_loop().create_future()
        # At an anonymous login UserID only names the gateway's flow file, which two clients must not share.
        password = config.password.reveal() if config.md_login == "user" else ""
        try:
            await self.link.send(self.protocol.log_in(config.user_id, password))
        except BadField as error:
            raise FatalError(str(error), reason=Reason.INVALID) from None
        try:
            async with asyncio.timeout(config.login_timeout):
                await self._login
        except TimeoutError as error:
            text = f"md: no answer to the login within {config.login_timeout:g} s: is the front up?"
            raise RetryableError(text, reason=Reason.TIMEOUT) from error

    async def close(self) -> None:
        """End what is under way and close the socket."""
        again, self._again = self._again, None
        if again is not None:
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)
        await self.link.close()

    async def subscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Subscribe and wait for every answer; names the gateway refuses are named in the error.

        Raises:
            CommandRejected: refused, or the link cannot do it now.
        """
        kinds = frozenset(market_data) & KINDS
        if not kinds:
            raise CommandRejected(Reason.UNSUPPORTED, f"market_data: one of {', '.join(sorted(KINDS))} expected")
        new = [symbol for symbol in symbols if symbol not in self.converter.wanted]
        for symbol in symbols:
            self.converter.wanted[symbol] = self.converter.wanted.get(symbol, frozenset()) | kinds
        try:
            await self._request(new, undo=False)
        except CommandRejected:
            for symbol in new:
                self.converter.forget(symbol)
            raise

    async def unsubscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Stop these kinds; a contract of which nothing is wanted any more is unsubscribed at the venue.

        Raises:
            CommandRejected: the link cannot do it now.
        """
        gone = []
        for symbol in symbols:
            kinds = self.converter.wanted.get(symbol)
            if kinds is None:
                continue
            left = kinds - frozenset(market_data)
            if left:
                self.converter.wanted[symbol] = left
            else:
                self.converter.forget(symbol)
                gone.append(symbol)
        await self._request(gone, undo=True)

    async def _request(self, symbols: list[str], *, undo: bool) -> None:
        async with self._subscribing:
            size = self._config.subscribe_batch
            for start in range(0, len(symbols), size):
                await self._batch(symbols[start : start + size], undo=undo)

    async def _batch(self, symbols: list[str], *, undo: bool) -> None:
        await self._ctx.limits.acquire("subscribe")
        loop = asyncio.get_running_loop()
        waiting = {symbol: loop.create_future() for symbol in symbols}
        self._answers = waiting
        try:
            data = self.protocol.unsubscribe(symbols) if undo else self.protocol.subscribe(symbols)
            await self.link.send(data)
            async with asyncio.timeout(self._config.subscribe_timeout):
                ends = await asyncio.gather(*waiting.values(), return_exceptions=True)
        except BadField as error:
            raise CommandRejected(Reason.UNKNOWN_SYMBOL, str(error)) from error
        except RetryableError as error:
            raise CommandRejected(Reason.NOT_CONNECTED, str(error)) from error
        except TimeoutError as error:
            silent = [symbol for symbol, answer in waiting.items() if answer.cancelled() or not answer.done()]
            raise CommandRejected(Reason.TIMEOUT, f"md: no answer for {', '.join(silent[:10])}") from error
        finally:
            self._answers = {}
        refused = {symbol: end for symbol, end in zip(symbols, ends, strict=True) if isinstance(end, BaseException)}
        if refused:
            text = "; ".join(f"{symbol}: {end}" for symbol, end in list(refused.items())[:10])
            first = next(iter(refused.values()))
            raise (
                first
                if isinstance(first, CommandRejected) and len(refused) == len(symbols)
                else CommandRejected(Reason.UNKNOWN_SYMBOL, text)
            )

    # --- what the gateway says --------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        event = self.protocol.receive(data)
        if type(event) is Depth:
            publish = self._publish
            unusable = self.converter.unusable
            for made in self.converter.convert(event, self._now()):
                publish(made)
            if self.converter.unusable != unusable:
                self._ctx.count("unusable_tick")
                if unusable < 10:
                    self._ctx.dead_letter(data, "a tick without a usable name", content_type="application/json")
            return
        self._seldom(event)

    def _seldom(self, event: protocol.MdEvent) -> None:
        match event:
            case protocol.Subscribed():
                self._subscribed(event)
            case protocol.LoggedIn():
                self._logged_in()
            case protocol.LoginRefused():
                self._login_refused(event)
            case protocol.Unreadable():
                self._ctx.count("unreadable")
                self._ctx.dead_letter(event.raw, event.text, content_type="application/json")
            case protocol.GatewayError():
                self._ctx.count("gateway_error")
                self._ctx.log.warning("gateway error", msg_type=event.msg_type, number=event.number, text=event.text)
            case _:
                self._ctx.count("ignored")

    def _subscribed(self, event: protocol.Subscribed) -> None:
        if not event.symbol:
            for answer in self._answers.values():
                _end(answer, event)
            return
        waiting = self._answers.get(event.symbol)
        if waiting is not None:
            _end(waiting, event)

    def _logged_in(self) -> None:
        if self._login is not None and not self._login.done():
            self._login.set_result(None)
            return
        # Nobody asked for this login: the front was lost, ticks are missing, and nothing is subscribed any more.
        self._ctx.gap(["md.>"], "the market-data front was lost and logged in again", healed=False)
        self._ctx.count("md_login_again")
        if self._again is None or self._again.done():
            self._again = asyncio.create_task(self._subscribe_again(), name="ctp-md-subscribe-again")

    async def _subscribe_again(self) -> None:
        try:
            await self._request(list(self.converter.wanted), undo=False)
        except CommandRejected as error:
            self.link.failure = RetryableError(f"md: cannot subscribe again: {error}")
            self.link.ended.set()
        else:
            self._ctx.gap(["md.>"], "subscribed again", healed=True)

    def _login_refused(self, event: protocol.LoginRefused) -> None:
        text = f"md: login refused: {codes.describe(event.number, event.text)}"
        retry = event.number in codes.LOGIN_RETRYABLE or event.number == codes.TOO_MANY_SESSIONS
        error: Exception = RetryableError(text) if retry else FatalError(text)
        if self._login is not None and not self._login.done():
            self._login.set_exception(error)
        else:
            self.link.failure = error
            self.link.ended.set()


def _end(answer: asyncio.Future[None], event: protocol.Subscribed) -> None:
    if answer.done():
        return
    if event.number == 0:
        answer.set_result(None)
    else:
        answer.set_exception(CommandRejected(codes.reason(event.number), codes.describe(event.number, event.text)))
