"""The life of one venue's connection: create, connect, reconcile, run, close, back off, again.

Plugins raise what happened; here is decided what follows. A new session object and a new epoch per attempt, one
log line per change of state, never more than one session at a time.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from venuebus_schemas import Gap, Reason, SessionState, Verb

from .bus.notices import Notices
from .context import Context
from .errors import FatalError, PluginError, RetryableError
from .guard import GRACE, MAX_STUCK, GuardedSession, call, said
from .limits import RateLimits
from .orders.account import Account
from .orders.reconcile import Reconciler
from .outbox import MarketOutbox
from .retry import reconnect_delays
from .secret import Secret
from .state import VenueState
from .venue import VenueConfig, VenueSession, VenueSpec

log = structlog.get_logger("venuebus.venue")

CONNECT_TIMEOUT = 45.0
CLOSE_TIMEOUT = 5.0
INTERNAL_PAUSE = 2.0  # seconds at least after a plugin's own fault, so that a crash loop stays calm
ORDER_VERBS = frozenset({Verb.SUBMIT, Verb.AMEND})


class Sessions:
    """Keeps one venue connected while `run` runs, and is the `Gate` that commands wait at."""

    def __init__(
        self,
        venue: str,
        spec: VenueSpec[Any],
        config: VenueConfig,
        accounts: dict[str, Account],
        outbox: MarketOutbox,
        notices: Notices,
        limits: RateLimits,
        state: VenueState,
        reconciler: Reconciler,
    ) -> None:
        self.venue = venue
        self.epoch = 0
        self.counts: dict[str, int] = {}
        self.reconnects = 0
        self.halted = False
        self.first_gap_reason: str | None = None
        self._spec = spec
        self._config = config
        self._accounts = accounts
        self._outbox = outbox
        self._notices = notices
        self._limits = limits
        self._state = state
        self._reconciler = reconciler
        self._session: GuardedSession | None = None
        self._stuck: set[asyncio.Task[Any]] = set()
        self._lost: asyncio.Future[None] | None = None
        self._degraded: tuple[Reason, str] | None = None
        self._resync = asyncio.Event()
        self._hole: str | None = None  # why the account state was asked for again, until that is told as healed
        self._retry_now = asyncio.Event()
        self._down_since: int | None = None
        self._received_before = 0
        self._context: Context | None = None
        self._was_ready = False

    # --- the gate -------------------------------------------------------------------------------------------

    def session(self) -> tuple[VenueSession, asyncio.Future[None]] | None:
        """Return the connected session and the future of its end."""
        if self._session is None or self._lost is None:
            return None
        return self._session, self._lost

    def closed_for(self, account: str, verb: Verb) -> tuple[Reason, str] | None:
        """Return why ``verb`` may not go out now."""
        if verb in ORDER_VERBS and (self.halted or self._accounts[account].halted):
            what = f"{self.venue}" if self.halted else f"account {account}"
            return Reason.HALTED, f"{what} is halted; resume it to trade"
        if self._session is None:
            return Reason.NOT_CONNECTED, f"{self.venue} is {self._state.state}: {self._state.text or 'not connected'}"
        if verb in ORDER_VERBS:
            if self._degraded is not None:
                return Reason.NOT_CONNECTED, f"{self.venue} is degraded: {self._degraded[1]}"
            if not self._accounts[account].reconciled:
                return Reason.NOT_CONNECTED, f"account {account} is being reconciled"
        return None

    async def changed(self) -> None:
        """Return at the next change."""
        await self._state.changed()

    @property
    def received(self) -> int:
        """Events that sessions have published so far."""
        return self._received_before + (self._context.received if self._context is not None else 0)

    # --- the life -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the venue connected, for ever; a fatal error waits for `retry` or a changed secret."""
        delays, attempt = reconnect_delays(), 0
        while True:
            attempt += 1
            self._new_epoch()
            self._state.set(SessionState.CONNECTING, attempt=attempt)
            try:
                was_ready = await self._one_session()
                ended: Exception = RetryableError("the connection ended")
            except RetryableError as error:
                ended, was_ready = error, self._was_ready
            except FatalError as error:
                await self._fail(error)
                delays, attempt = reconnect_delays(), 0
                continue
            except Exception as error:
                log.exception("plugin failed", venue=self.venue, plugin=self._spec.name)
                text = str(error) if isinstance(error, PluginError) else said(error)
                ended = RetryableError(text, retry_after=INTERNAL_PAUSE, reason=Reason.INTERNAL)
                was_ready = self._was_ready
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # Nobody ended us: the session canceled what it waited for, as it may when it is closed.
                ended, was_ready = RetryableError("the session was closed"), self._was_ready
            if was_ready:
                delays, attempt = reconnect_delays(), 0
                self.reconnects += 1
            await self._back_off(ended, next(delays), attempt)

    def _new_epoch(self) -> None:
        self.epoch = max(time.time_ns() // 1_000_000, self.epoch + 1)
        self._outbox.restart(self.epoch)
        self._notices.restart(self.epoch)
        for account in self._accounts.values():
            account.restart(self.epoch)
            account.reconciled = False

    async def _one_session(self) -> bool:
        self._was_ready = False
        self._degraded = None
        self._resync.clear()
        self._hole = None
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        context = self._context = Context(
            self.venue, self._config, self._accounts, self._outbox, self._notices, self._limits, self.counts,
            on_degraded=self._on_degraded, on_recovered=self._on_recovered, on_resync=self._on_resync,
        )  # fmt: skip
        session = self._create(context)
        running: asyncio.Task[None] | None = None
        try:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await session.connect()
            except TimeoutError as error:
                raise RetryableError(f"not connected within {CONNECT_TIMEOUT:g} s", reason=Reason.TIMEOUT) from error
            self._session, self._lost = session, lost
            self._state.wake()
            running = asyncio.create_task(session.run(), name=f"{self.venue}-session")
            await self._while_running(session, running, lost)
            return self._was_ready
        finally:
            await self._end(session, running, lost, context)

    def _create(self, context: Context) -> GuardedSession:
        if len(self._stuck) >= MAX_STUCK:
            raise FatalError(
                f"{len(self._stuck)} calls into plugin {self._spec.name} never ended although they were canceled; "
                'only a restart of the bridge ends them (isolation = "process" keeps them apart)',
                reason=Reason.INTERNAL,
            )
        who = f"plugin {self._spec.name}"
        made = call(who, "create", self._spec.create, context)
        return call(who, "create", GuardedSession, self._spec.name, self.venue, made, self._stuck)  # type: ignore[no-any-return]

    async def _while_running(
        self, session: VenueSession, running: asyncio.Task[None], lost: asyncio.Future[None]
    ) -> None:
        keeper = asyncio.create_task(self._keep_reconciled(session), name=f"{self.venue}-reconcile")
        try:
            ends: set[asyncio.Future[None]] = {running, keeper, lost}
            await asyncio.wait(ends, return_when="FIRST_COMPLETED")
            if keeper.done() and not running.done():
                keeper.result()
            if lost.done():  # closed by `reconnect`, which `run` should have noticed
                await asyncio.wait({running}, timeout=GRACE)
            if running.done():
                await running
        finally:
            keeper.cancel()
            await asyncio.wait({keeper}, timeout=1.0)

    async def _keep_reconciled(self, session: VenueSession) -> None:
        first = True
        while True:
            await self._reconcile(session)
            if self._degraded is None:
                self._ready()
            if first:
                first = False
                self._tell_gaps()
            self._tell_healed()
            interval = 2.0 if self._reconciler.wants_more else self._config.reconcile_interval
            try:
                async with asyncio.timeout(interval):
                    await self._resync.wait()
            except TimeoutError:
                continue
            self._resync.clear()

    async def _reconcile(self, session: VenueSession) -> None:
        delay = 0.5
        for account in self._accounts.values():
            while True:
                try:
                    news = await self._reconciler.run(session, account)
                    break
                except RetryableError as error:
                    if not account.reconciled:
                        self._on_degraded(f"account {account.name} cannot be reconciled: {error}", error.reason)
                    await asyncio.sleep(max(delay, error.retry_after or 0.0))
                    delay = min(delay * 2, 10.0)
            if self._degraded is not None and "cannot be reconciled" in self._degraded[1]:
                self._degraded = None
            if news and self._was_ready:
                log.info("reconciled", venue=self.venue, account=account.name, differences=news)

    def _ready(self) -> None:
        self._was_ready = True
        self._retry_now.clear()
        self._state.set(SessionState.HALTED if self.halted else SessionState.READY)

    def _tell_gaps(self) -> None:
        reason = "reconnect" if self._down_since is not None else self.first_gap_reason
        if reason is None:
            return
        now = time.time_ns()
        self.first_gap_reason = None
        if self._spec.capabilities.market_data:
            self._notices.gap(Gap(subjects=["md"], ts_from=self._down_since, ts_to=now, reason=reason, healed=False))
        healed = all(account.reconciled for account in self._accounts.values())
        self._notices.gap(Gap(subjects=["acct"], ts_from=self._down_since, ts_to=now, reason=reason, healed=healed))
        self._down_since = None

    def _tell_healed(self) -> None:
        if self._hole is not None and all(account.reconciled for account in self._accounts.values()):
            self._notices.gap(Gap(subjects=["acct"], ts_to=time.time_ns(), reason=self._hole, healed=True))
            self._hole = None

    async def _end(
        self,
        session: GuardedSession,
        running: asyncio.Task[None] | None,
        lost: asyncio.Future[None],
        context: Context,
    ) -> None:
        self._session = None
        self._lost = None
        if not lost.done():
            lost.set_result(None)
        if self._was_ready and self._down_since is None:
            self._down_since = time.time_ns()
        if running is not None and not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=CLOSE_TIMEOUT)
            if not running.done():
                session.abandon(running, "run")
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await session.close()
        except TimeoutError:
            log.error("plugin did not close in time", venue=self.venue, plugin=self._spec.name, seconds=CLOSE_TIMEOUT)
        except Exception as error:
            log.exception("plugin failed to close", venue=self.venue, plugin=self._spec.name, error=said(error))
        context.alive = False
        self._received_before += context.received
        self._context = None

    async def _back_off(self, error: Exception, delay: float, attempt: int) -> None:
        told = getattr(error, "retry_after", None) or 0.0
        reason = getattr(error, "reason", Reason.NOT_CONNECTED)
        wait = max(delay, told)
        retry_at = time.time_ns() + int(wait * 1e9)
        self._state.set(SessionState.DOWN, str(error), reason=reason, attempt=attempt or None, retry_at=retry_at)
        await self._pause(wait)

    async def _fail(self, error: FatalError) -> None:
        """Wait for a person: `retry`, or a changed secret, ends it."""
        self._state.set(SessionState.FAILED, str(error), reason=error.reason)
        before = self._secrets()
        while not await self._pause(5.0):
            if self._secrets() != before:
                log.info("credentials changed, trying again", venue=self.venue)
                return

    def _secrets(self) -> list[str]:
        found = []
        for name in self._config.__struct_fields__:
            value = getattr(self._config, name)
            if isinstance(value, Secret):
                try:
                    found.append(value.reveal())
                except OSError:
                    found.append("")
        return found

    async def _pause(self, seconds: float) -> bool:
        """Wait; return whether somebody asked to go on at once."""
        try:
            async with asyncio.timeout(seconds):
                await self._retry_now.wait()
        except TimeoutError:
            return False
        self._retry_now.clear()
        return True

    # --- from outside ---------------------------------------------------------------------------------------

    async def reconnect(self) -> None:
        """Drop the session, if there is one, and connect at once."""
        session, lost = self._session, self._lost
        self._retry_now.set()
        if session is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await session.close()
            finally:
                if lost is not None and not lost.done():
                    lost.set_result(None)

    def halt(self, halted: bool) -> None:
        """Halt or resume the whole venue."""
        self.halted = halted
        if self._state.state in (SessionState.READY, SessionState.HALTED):
            self._state.set(SessionState.HALTED if halted else SessionState.READY)
        self._state.wake()

    def _on_degraded(self, text: str, reason: Reason) -> None:
        self._degraded = (reason, text)
        self._state.set(SessionState.DEGRADED, text, reason=reason)

    def _on_recovered(self) -> None:
        if self._degraded is not None:
            self._degraded = None
            for account in self._accounts.values():
                account.reconciled = False
            self._resync.set()

    def _on_resync(self, text: str, new_epoch: bool) -> None:
        log.info("account state is asked for again", venue=self.venue, why=text)
        if new_epoch:
            self._new_epoch()
        for account in self._accounts.values():
            account.reconciled = False
        self._notices.gap(Gap(subjects=["acct"], ts_to=time.time_ns(), reason=text, healed=False))
        self._hole = text
        self._resync.set()
        self._state.wake()
