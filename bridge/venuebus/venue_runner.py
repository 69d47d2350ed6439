"""One venue of the bridge: own its accounts, recover what was open, trade, and hand over cleanly.

    standby → acquire the leases → read the ledger back → ledger, sessions, commands, requests run → drain → release

Everything that runs for a venue is a task of `VenueRunner.run`, named, owned and ended here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from venuebus_schemas import Amend, DeadLetterOrigin, Event, Order, Quote, Reason, SessionState, Subjects

from . import __version__
from .bus.commands import CommandSource
from .bus.connection import Connection
from .bus.failure import BusUnavailable
from .bus.hooks import HookReader
from .bus.journal import Journal
from .bus.lease import RENEW, Lease
from .bus.ledger import Ledger
from .bus.notices import Notices
from .bus.service import VenueService
from .bus.spool import Spool
from .bus.streams import StreamNames
from .configuration.config import BusConfig
from .errors import BusError
from .limits import RateLimits
from .observability.meters import market_meter, write_meter
from .observability.metrics import Metrics
from .orders.account import Account
from .orders.checks import Observers
from .orders.early import Early
from .orders.engine import Engine
from .orders.reconcile import Reconciler
from .orders.resolver import Resolver
from .orders.risk import RiskLimits
from .orders.steps import CommandMeter
from .outbox import MarketOutbox, MarketPublisher
from .recovery import Checkpoints, read_ledger
from .requests import Requests
from .sessions import Sessions
from .state import VenueState
from .venue import Interceptor, VenueConfig, VenueSpec
from .webhooks.translation import Translator

if TYPE_CHECKING:
    from .observability.tracing import Tracing

log = structlog.get_logger("venuebus.venue")

STANDBY_POLL = 0.5
DRAIN = 5.0  # seconds in which commands under way may still come to an end when the bridge stops


class VenueRunner:
    """Runs one venue until `stop`."""

    def __init__(
        self,
        venue: str,
        spec: VenueSpec[Any],
        config: VenueConfig,
        bus: BusConfig,
        connection: Connection,
        publisher: MarketPublisher,
        names: StreamNames,
        subjects: Subjects,
        owner: str,
        spool_dir: Path,
        *,
        interceptors: tuple[Interceptor, ...],
        observers: Observers,
        told: Callable[[str, SessionState, str], None],
        metrics: Metrics,
        tracing: Tracing | None = None,
    ) -> None:
        self.venue = venue
        self.spec = spec
        self.config = config
        self.about: dict[str, Any] = {}  # what else `status` tells
        self.subjects = subjects
        self._bus = bus
        self._connection = connection
        self._names = names
        self._stop = asyncio.Event()
        self._fenced = asyncio.Event()
        self._last_quotes: dict[str, Quote] = {}
        self._observers = observers
        self._tracing = tracing
        self._metrics = metrics
        self._meter = CommandMeter(metrics, venue)
        self.acquired = 0
        self.notices = Notices(connection, subjects, venue, encoding=bus.encoding)
        self.state = VenueState(venue, self.notices, told, owner)
        self.limits = RateLimits(spec.limits(config) if spec.limits is not None else ())
        risk = RiskLimits(config, self._last_quotes.get, self._target)
        self.outbox = MarketOutbox(
            publisher, subjects, venue, encoding=bus.encoding, max_events=bus.outbox_max,
            observe=self._observer(observers, risk.needs_quotes), meter=market_meter(metrics, venue),
        )  # fmt: skip
        self._capabilities = self._with_overrides(spec)
        self.accounts = {name: self._account(name, owner, spool_dir, observers) for name in config.account_names()}
        self.leases = {name: account.ledger.lease for name, account in sorted(self.accounts.items())}
        self._interceptors = (risk, *interceptors) if risk.is_active else interceptors
        self._build(spec, config)

    def _build(self, spec: VenueSpec[Any], config: VenueConfig) -> None:
        policy = self._capabilities.lookup
        self._source = CommandSource(
            self._connection, self._names.commands, f"{self.subjects.root}.cmd.{self.venue}.>", f"bridge_{self.venue}"
        )
        self.engine = Engine(
            self.venue, self.accounts, gate := _LateGate(), self._capabilities, self.subjects,
            interceptors=self._interceptors, limits=self.limits, meter=self._meter,
            request_timeout=min(config.request_timeout or self._capabilities.request_timeout, 15.0),
            dead_letter=self._dead_command, epoch=lambda: self.sessions.epoch, now_ns=self._connection.bus_time_ns,
            early=Early(self._source.has_earlier),
        )  # fmt: skip
        self.resolver = Resolver(self.engine.outcomes, self.accounts, gate, policy, self.venue)
        self.reconciler = Reconciler(self.resolver, policy, fills_lookback=config.fills_lookback)
        self.sessions = gate.sessions = Sessions(
            self.venue, spec, config, self.accounts, self.outbox, self.notices, self.limits, self.state,
            self.reconciler,
        )  # fmt: skip
        self._checkpoints = Checkpoints(self.accounts, self.limits)
        self.requests = Requests(
            self.venue, self.accounts, self.sessions, self.engine, self.resolver, self.subjects,
            encoding=self._bus.encoding, status=self.status, market_data=config.market_data,
            on_halt=self._checkpoints.save_soon,
        )  # fmt: skip
        self._translator: Translator | None = None
        if spec.webhook is not None:
            self._hooks = HookReader(self._connection, self._names, self.subjects, self.venue)
            self._translator = Translator(
                self.venue, spec.webhook(config), self.accounts, self.sessions, self.notices, self._connection,
                self._names, self.subjects,
            )  # fmt: skip
        self._service = VenueService(self._connection, self.subjects, self.venue, __version__)

    def _with_overrides(self, spec: VenueSpec[Any]) -> Any:
        lookup = spec.capabilities.lookup
        if self.config.resolve_min_age is not None:
            lookup = msgspec.structs.replace(lookup, min_age=self.config.resolve_min_age)
        if self.config.resolve_answers is not None:
            lookup = msgspec.structs.replace(lookup, answers=self.config.resolve_answers)
        return msgspec.structs.replace(spec.capabilities, lookup=lookup)

    def _account(self, name: str, owner: str, spool_dir: Path, observers: Observers) -> Account:
        lease = Lease(self._connection, self._names, self.subjects, self.venue, name, owner)
        ledger = Ledger(
            self._connection, self._names, self.subjects, self.venue, lease,
            Spool(spool_dir / f"{self._names.account}.{self.venue}.{name}.spool", self._bus.spool_max_bytes),
            encoding=self._bus.encoding, replicas=self._bus.replicas, max_queue=self._bus.outbox_max,
            write_seconds=write_meter(self._metrics, self.venue),
            on_fenced=self._fenced.set, on_overflow=self._overflow,
            on_unwritable=lambda entry, why: self.notices.dead_letter(
                entry.data, why, reason=Reason.INTERNAL, subject=entry.subject
            ),
        )  # fmt: skip
        journal = Journal(self._connection, self._names, self.subjects, self.venue, name)
        return Account(
            self.venue, name, ledger, journal,
            observe=observers.observe if observers else None,
            on_settled=self._heard,
            traces=None if self._tracing is None else self._tracing.account(self.venue, name),
        )  # fmt: skip

    def _target(self, account: str, command: Amend) -> Order | None:
        known = self.accounts.get(account)
        if known is None:
            return None
        tracked = known.tracker.find(client_order_id=command.client_order_id, venue_order_id=command.venue_order_id)
        return None if tracked is None else tracked.order

    def _heard(self, account: str, order: Order) -> None:
        self.resolver.heard(account, order)

    def _observer(self, observers: Observers, quotes: bool) -> Callable[[Event], None] | None:
        if not quotes:
            return observers.observe if observers else None

        def look(event: Event) -> None:
            if event.__class__ is Quote:
                self._last_quotes[event.symbol] = event
            if observers:
                observers.observe(event)

        return look

    def _dead_command(self, raw: bytes, text: str, subject: str) -> None:
        self.notices.dead_letter(raw, text, origin=DeadLetterOrigin.COMMAND, subject=subject)

    def _overflow(self) -> None:
        # What the venue tells could not be kept any more, so stop listening: it will be asked for later.
        log.error("the spool is full: the session ends, the venue is asked again later", venue=self.venue)
        self._fenced.set()

    # --- the life -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Own the venue whenever possible, until `stop`."""
        notices = asyncio.create_task(self.notices.run(), name=f"{self.venue}-notices")
        try:
            while not self._stop.is_set():
                if not await self._acquire():
                    continue
                self.acquired += 1
                self._fenced.clear()
                try:
                    await self._as_owner()
                except BusError as error:
                    log.error("venue interrupted", venue=self.venue, error=str(error))
                    self.state.set(SessionState.DOWN, str(error), reason=Reason.INTERNAL)
                    await asyncio.sleep(1.0)
        finally:
            self.state.set(SessionState.CLOSED)
            await self.notices.settle(2.0)
            notices.cancel()
            await asyncio.wait({notices}, timeout=1.0)

    async def stop(self) -> None:
        """Ask `run` to come to its end."""
        self._stop.set()
        self.state.wake()

    async def _acquire(self) -> bool:
        taken: list[Lease] = []
        for lease in self.leases.values():
            try:
                held = await lease.try_acquire()
            except BusUnavailable as error:
                self.state.set(SessionState.DOWN, f"waiting for NATS: {error}", reason=Reason.NOT_CONNECTED)
                held = False
            else:
                if not held and self.state.state is not SessionState.STANDBY:
                    self.state.set(SessionState.STANDBY, f"account {lease.account} is owned by {lease.holder}")
            if not held:
                for other in taken:
                    await other.release()
                await self._sleep(STANDBY_POLL)
                return False
            taken.append(lease)
        return True

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass

    async def _as_owner(self) -> None:
        lease_task = asyncio.create_task(self._keep_leases(), name=f"{self.venue}-lease")
        try:
            await self._recover()
        except BaseException:
            lease_task.cancel()
            raise
        tasks = {
            lease_task,
            *(asyncio.create_task(a.ledger.run(), name=f"{self.venue}-ledger") for a in self.accounts.values()),
            asyncio.create_task(self.outbox.run(), name=f"{self.venue}-outbox"),
            session := asyncio.create_task(self.sessions.run(), name=f"{self.venue}-sessions"),
            source := asyncio.create_task(self._source.run(self.engine.handle), name=f"{self.venue}-commands"),
            asyncio.create_task(self.engine.keep_held(), name=f"{self.venue}-held"),
            checkpoint := asyncio.create_task(self._checkpoints.run(), name=f"{self.venue}-checkpoint"),
        }
        if self._translator is not None:
            reading = self._hooks.run(self._translator.handle)
            tasks.add(asyncio.create_task(reading, name=f"{self.venue}-hooks"))
        waits = {
            asyncio.create_task(self._stop.wait(), name="stop"),
            asyncio.create_task(self._fenced.wait(), name="fenced"),
        }
        try:
            await self._service.start(self.requests.query, self.requests.control, {"accounts": ",".join(self.accounts)})
            done, _ = await asyncio.wait({*tasks, *waits}, return_when="FIRST_COMPLETED")
            for task in done & tasks:
                if task.cancelled():
                    raise BusError(f"{task.get_name()} was canceled")
                if task.exception() is not None:
                    raise BusError(f"{task.get_name()} failed: {task.exception()}") from task.exception()
        finally:
            await self._leave(tasks, waits, session, source, checkpoint)

    async def _leave(
        self,
        tasks: set[asyncio.Task[None]],
        waits: set[Any],
        session: asyncio.Task[None],
        source: asyncio.Task[None],
        checkpoint: asyncio.Task[None],
    ) -> None:
        fenced = self._fenced.is_set()
        hooks = {task for task in tasks if task.get_name().endswith("-hooks")}
        await self._cancel({source, checkpoint, *hooks, *waits})
        if not fenced:
            await self.engine.drain(DRAIN, then_end=False)  # the end of the session makes the rest `unknown`
        await self._service.stop()
        await self._cancel({session})
        await self.engine.drain(0.1 if fenced else 1.0)
        await self.resolver.close()
        for account in self.accounts.values():
            if not fenced:
                await account.ledger.settle(3.0)
                await self._checkpoints.save(account)
            account.ledger.stop()
        await self._cancel(tasks)
        for account in self.accounts.values():
            account.ledger.close(keep=not fenced)
        if not fenced:
            for lease in self.leases.values():
                await lease.release()
        self._reset()

    def _reset(self) -> None:
        """Make the parts anew that hold state of this ownership; the next one reads the ledger again."""
        if self._stop.is_set():
            return
        for name, account in self.accounts.items():
            lease = account.ledger.lease
            fresh = self._account(name, lease.owner, account.ledger.spool.path.parent, self._observers)
            self.accounts[name] = fresh
        self.leases = {name: account.ledger.lease for name, account in sorted(self.accounts.items())}
        epoch = self.sessions.epoch
        self._build(self.spec, self.config)
        self.sessions.epoch = epoch

    @staticmethod
    async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=6.0)

    @property
    def may_act(self) -> bool:
        """Tell whether every lease is certain now; an owner that NATS no longer answers sends nothing."""
        return all(lease.is_held for lease in self.leases.values())

    async def _keep_leases(self) -> None:
        told = True
        while True:
            await asyncio.sleep(RENEW)
            for lease in self.leases.values():
                if not await lease.renew():
                    log.error("lease lost", venue=self.venue, account=lease.account)
                    self._fenced.set()
                    return
            for account in self.accounts.values():
                account.ledger.keep_fence()
            if told is not (told := self.may_act):
                say, what = (log.info, "certain again") if told else (log.warning, "uncertain, nothing is sent")
                say(f"lease {what}", venue=self.venue)

    async def _recover(self) -> None:
        forwards = self._translator is not None
        for account in self.accounts.values():
            if await read_ledger(account, self.subjects, self.limits, forwards=forwards):
                self.sessions.first_gap_reason = "restart"
        self.sessions.halted = bool(self.accounts) and all(account.halted for account in self.accounts.values())
        for account in self.accounts.values():
            self.resolver.recover(account)

    # --- what operators see ---------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """Return what ``/readyz`` tells of the venue beside its state."""
        return {
            "ledger": all(account.ledger.healthy for account in self.accounts.values()),
            "lease": self.may_act,
            "unknown_orders": len(self.engine.outcomes.unresolved),
        }

    def status(self) -> dict[str, Any]:
        """Return state, accounts, unknown orders, limits and rates, as ``ctl.<venue>.status`` tells them."""
        return {
            "venue": self.venue,
            "plugin": self.spec.name,
            **self.about,
            "state": str(self.state.state),
            "reason": str(self.state.reason) if self.state.reason else None,
            "text": self.state.text or None,
            "since": self.state.since_ns,
            "epoch": self.sessions.epoch,
            "reconnects": self.sessions.reconnects,
            "halted": self.sessions.halted,
            "symbols": list(self.config.symbols),
            "market_data": list(self.config.market_data),
            "accounts": [self._account_status(account) for account in self.accounts.values()],
            "unknown": [
                {
                    "account": name, "command_id": command_id, "verb": str(job.verb),
                    "client_order_id": job.client_order_id, "ts_received": job.ts_received,
                    "symbol": getattr(job.command, "symbol", None),
                }
                for (name, command_id), job in self.engine.outcomes.unresolved.items()
            ],
            "limits": {
                "refused": self.limits.refused, "waiting": self.limits.waiting, "bans": dict(self.limits.state()),
            },
            "breaker": self.engine.breaker.open_operations(),
            "rates": {
                "events_in": self.sessions.received,
                "market_out": self.outbox.published,
                "market_waiting": self.outbox.waiting,
                "market_dropped": self.outbox.dropped,
                "market_conflated": self.outbox.conflated,
                "account_out": sum(account.published for account in self.accounts.values()),
                "dead_letters": self.notices.dead_letters,
                **{f"commands_{name}": count for name, count in self.engine.outcomes.counts.items()},
            },
        }  # fmt: skip

    @staticmethod
    def _account_status(account: Account) -> dict[str, Any]:
        return {
            "account": account.name,
            "lease": account.ledger.lease.is_held,
            "reconciled": account.reconciled,
            "halted": account.halted,
            "open_orders": len(account.tracker.open),
            "open_claims": len(account.open_claims),
            "spooled_bytes": account.ledger.spool.pending_bytes,
        }


class _LateGate:
    """The gate before the sessions exist: the engine and the sessions need each other."""

    sessions: Sessions

    def session(self) -> Any:
        return self.sessions.session()

    def closed_for(self, account: str, verb: Any) -> Any:
        return self.sessions.closed_for(account, verb)

    async def changed(self) -> None:
        await self.sessions.changed()
