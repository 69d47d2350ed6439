"""The plugin contract: what a venue plugin describes, what it is given, and what its sessions can do.

A plugin describes (`VenueSpec`), the bridge decides. Scheduling, reconnecting, retrying, the ledger, metrics and
the log format are the bridge's; bytes and meaning are the plugin's. What a venue can do beyond
connect/run/close are the small ``Supports…`` protocols, each checked once when a session is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import msgspec
import structlog
from venuebus_schemas import (
    AccountEvent,
    AnyCommand,
    Balance,
    Event,
    Fill,
    Order,
    OrderType,
    Position,
    PositionEffect,
    Query,
    Reason,
    TimeInForce,
    Verb,
)

from .limits import Limit, RateLimits
from .secret import Secret as Secret

CONTRACT_VERSION = 1
"""The behaviour version of this file. A plugin names the one it was written for in `VenueSpec.contract`."""


Tier = Literal["none", "bronze", "silver", "gold"]
"""What a plugin's conformance report makes of it; see `venuebus.quality`."""


class VenueConfig(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The keys that every ``[venues.<name>]`` table has. A plugin's ``config_type`` inherits from it.

    Fields that hold secrets are typed `Secret`. Any string may be written as ``{ env = … }`` or ``{ file = … }``.
    """

    plugin: str
    account: str = "main"
    symbols: tuple[str, ...] = ()
    market_data: tuple[str, ...] = ("quote", "trade")
    retain: Literal["none", "last"] = "none"
    request_timeout: float | None = None
    reconcile_interval: float = 60.0
    fills_lookback: float = 86_400.0
    resolve_min_age: float | None = None
    resolve_answers: int | None = None
    max_quantity: str | None = None
    max_notional: str | None = None
    max_orders_per_second: float | None = None
    price_collar: str | None = None
    allowed_symbols: tuple[str, ...] | None = None
    min_tier: Tier = "none"
    isolation: Literal["loop", "process"] = "loop"
    max_memory: int | None = None
    max_blocked: float = 5.0

    def account_names(self) -> tuple[str, ...]:
        """Aliases of the accounts that this venue trades; more than one only where a plugin overrides it."""
        return (self.account,)

    def validate(self) -> None:
        """Check what no single key can tell. Called once, after every key was read; any nested struct may have it.

        Raises:
            ValueError: with one text per mistake, each ``"key: what was expected"``, the key relative to this table:
                ``raise ValueError("rsa_key: needed while encrypt is on", "port: …")``.
        """


class LookupPolicy(msgspec.Struct, kw_only=True, frozen=True):
    """When "not found" may be believed.

    An order counts as absent after ``answers`` agreeing answers, the last no earlier than ``min_age`` seconds
    after the attempt. Where ``proves_absence`` is false it stays unknown until an operator decides.
    """

    min_age: float = 5.0
    answers: int = 3
    interval: float = 1.0
    proves_absence: bool = True


class Capabilities(msgspec.Struct, kw_only=True, frozen=True):
    """What a venue offers, for listing and for refusing early with a clear reason.

    ``idempotent`` names the verbs whose repetition has no further effect at the venue (a cancel by order id): only
    those may be tried again after an unknown outcome.
    """

    market_data: frozenset[str] = frozenset()
    verbs: frozenset[Verb] = frozenset()
    order_types: frozenset[OrderType] = frozenset()
    time_in_force: frozenset[TimeInForce] = frozenset()
    position_effects: frozenset[PositionEffect] = frozenset()
    quote_quantity: bool = False
    post_only: bool = False
    reduce_only: bool = False
    idempotent: frozenset[Verb] = frozenset()
    queries: frozenset[str] = frozenset()
    request_timeout: float = 10.0
    lookup: LookupPolicy = LookupPolicy()
    any_symbol: bool = True
    inbound_only: bool = False
    notes: tuple[str, ...] = ()


C = TypeVar("C", bound=VenueConfig)


class VenueContext(Protocol, Generic[C]):
    """All that a session receives from the bridge. Nothing here blocks, and nothing raises for load."""

    venue: str
    config: C
    accounts: tuple[str, ...]
    log: structlog.stdlib.BoundLogger
    limits: RateLimits

    def publish(self, event: Event) -> None:
        """Hand one event to the bus. The bridge stamps ``venue``, ``epoch`` and ``seq``.

        Order events may come in any order and be repeated; a field the venue left out is simply absent. The
        bridge merges them with what it knows and publishes only what is news and never goes backwards. Fills are
        published once per ``fill_id``. Market data may be conflated or dropped under load, account data never is.
        """

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""

    def dead_letter(
        self, raw: bytes, text: str, *, content_type: str | None = None, subject: str | None = None
    ) -> None:
        """Keep bytes of the venue that could not be understood, whole, and count them."""

    def find_order(
        self, account: str, *, client_order_id: str | None = None, venue_order_id: str | None = None
    ) -> Order | None:
        """Return the bridge's last state of an order (``venue_order_id`` may be any of its ``venue_order_ids``)."""

    def count(self, name: str, n: int = 1) -> None:
        """Add to a counter of this venue, shown as ``venuebus_venue_events_total{event=name}``."""

    def gap(self, subjects: list[str], reason: str, *, ts_from: int | None = None, healed: bool) -> None:
        """Say that events may be missing. ``subjects`` are relative: ``md.book.BTC-USD``, ``md.>``, ``acct.>``.

        A symbol in them is a token of the subject: `venuebus_schemas.encode_token(symbol)`.
        """

    def degraded(self, text: str, *, reason: Reason = Reason.NOT_CONNECTED) -> None:
        """Say that the session lives but lacks something (a trading server, a topic); submits are held."""

    def recovered(self) -> None:
        """Take `degraded` back. The account state is asked for again before submits are let through."""

    def resync(self, text: str, *, new_epoch: bool = False) -> None:
        """Ask for a reconciliation now: events of the account may have been missed; submits wait for it."""

    def derive_fills(self, account: str) -> None:
        """Say that this account's venue sends no fills: the bridge computes them from order updates."""


class Instruction(Protocol):
    """One command with all that the bridge knows about it; what `SupportsOrders.execute` is given.

    Attributes:
        account: alias of the account.
        command: the command itself; a submit's ``client_order_id`` is always set.
        order: for amend and cancel, the bridge's last state of the order with the venue's ids, if it has one.
        keys: what `SupportsPrepare.prepare` returned and the claim holds.
        attempt: 1 for the first, more after `NotSent`.
    """

    account: str
    command: AnyCommand
    order: Order | None
    keys: Mapping[str, str]
    attempt: int

    def sending(self) -> None:
        """Call this as the very last thing before the first byte is written, with no ``await`` between.

        Raises:
            NotSent: the time this attempt may start has passed (the lease is no longer certain, or the command
                expired while it waited): do not write.
        """


class Accepted(msgspec.Struct, kw_only=True):
    """The venue has it. ``order`` is its state as the answer tells it, ``venue_order_id`` where only that is told."""

    order: Order | None = None
    venue_order_id: str | None = None
    fills: list[Fill] = []
    text: str | None = None


class OrderKey(msgspec.Struct, kw_only=True, frozen=True):
    """How to find an order at the venue: the ids, and what the claim holds."""

    client_order_id: str | None = None
    venue_order_id: str | None = None
    symbol: str | None = None
    keys: Mapping[str, str] = {}
    ts_claimed: int | None = None
    order: Order | None = None


class Found(msgspec.Struct, kw_only=True):
    """Answer of a look-up: the order's state and its fills, as far as the venue tells them."""

    order: Order
    fills: list[Fill] = []


class Snapshot(msgspec.Struct, kw_only=True):
    """State of an account, asked for. ``None`` where the venue has no such query, ``[]`` where there is nothing.

    ``orders`` are the open ones, all of the account, placed here or elsewhere.
    """

    orders: list[Order] | None = None
    fills: list[Fill] | None = None
    positions: list[Position] | None = None
    balances: list[Balance] | None = None


class VenueSession(Protocol):
    """One attempt at being connected: a new object each time, so there is no state to forget to reset."""

    async def connect(self) -> None:
        """Return when logged in and subscribed to what the configuration names.

        Raises:
            RetryableError: worth another attempt. FatalError: it is not.
        """

    async def run(self) -> None:
        """Read until the connection ends; returning and raising `RetryableError` both mean "lost"."""

    async def close(self) -> None:
        """Leave no task and no socket behind. Always called, also after a failed connect; safe twice."""


@runtime_checkable
class SupportsOrders(Protocol):
    """A session that executes commands."""

    async def execute(self, instruction: Instruction) -> Accepted:
        """Send one command, once, and return when the venue has it.

        Raises:
            CommandRejected: it certainly has no effect. NotSent: not one byte went out.
            OutcomeUnknown: neither could be proved. (Anything else counts as that, too.)
        """


@runtime_checkable
class SupportsPrepare(Protocol):
    """A session that checks a command and names what it will need to find it again, before it is claimed."""

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        """Return what the claim must hold beside the ids (OrderRef, remark …). No I/O, quick.

        Raises:
            CommandRejected: the command cannot be expressed at this venue.
        """


@runtime_checkable
class SupportsLookup(Protocol):
    """A session that can ask the venue about one order."""

    async def lookup(self, account: str, key: OrderKey) -> Found | None:
        """Return what the venue says; ``None`` only if it answered that it does not know the order.

        Raises:
            RetryableError: no answer, or one that proves nothing.
        """


@runtime_checkable
class SupportsSnapshot(Protocol):
    """A session that can ask the venue for the state of an account."""

    async def snapshot(self, account: str, since_ns: int) -> Snapshot:
        """Return the state now, with the fills since ``since_ns``.

        Raises:
            RetryableError: no complete answer.
        """


@runtime_checkable
class SupportsSubscriptions(Protocol):
    """A session whose market data can change while it runs."""

    async def subscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Subscribe, and return once the venue has agreed.

        Raises:
            CommandRejected: ``unknown_symbol`` naming what the venue refused.
        """

    async def unsubscribe(self, symbols: list[str], market_data: list[str]) -> None:
        """Unsubscribe; what was not subscribed is ignored."""


@runtime_checkable
class SupportsQueries(Protocol):
    """A session that answers ``qry`` requests beyond the account's own state (``instruments``, ``book`` …)."""

    async def query(self, account: str, what: str, request: Query) -> list[Any]:
        """Return the items of the reply: canonical structs where there is one, plain dicts otherwise.

        Raises:
            CommandRejected: the request cannot be answered, with the reason.
        """


class Delivery(msgspec.Struct, kw_only=True, frozen=True):
    """One webhook delivery, authentic and stored.

    ``body`` is what `Webhook.decrypt` made of ``raw``, the bytes that came. ``headers`` are those that were kept,
    names in lower case. ``msg_id`` is ``None`` where the body names none.
    """

    msg_id: str | None
    body: bytes
    raw: bytes
    headers: Mapping[str, str]
    content_type: str
    ts_recv: int


@runtime_checkable
class Webhook(Protocol):
    """How deliveries to one venue's webhook are proved and told apart; made once, used by every bridge that runs it.

    Nothing here does I/O: `verify` sees every byte that anybody sends us.
    """

    def verify(self, headers: Mapping[str, str], raw: bytes, now_ns: int) -> bool:
        """Tell whether the venue sent ``raw``: before anything in it is parsed. ``headers`` are in lower case."""

    def decrypt(self, raw: bytes) -> bytes:
        """Return the body in plain text.

        Raises:
            ValueError: it cannot be decrypted.
        """

    def msg_id(self, body: bytes) -> str | None:
        """Return what names this delivery, the same in every repetition; ``None`` where there is nothing such."""


@runtime_checkable
class SupportsWebhooks(Protocol):
    """A session that understands what its venue delivers to ``POST /hooks/<venue>``."""

    def translate(self, delivery: Delivery) -> list[AccountEvent]:
        """Return the events that a stored delivery means, oldest first; an empty list if it means nothing.

        Called by the bridge that owns the venue, in the order of arrival; again with the same delivery after a
        crash, so it must not count on being called once.

        Raises:
            ValueError: not understood, and why; the delivery becomes a dead letter.
        """


class VenueSimulator(Protocol):
    """A venue of our own that speaks the real protocol over real sockets.

    One of a venue that calls us has a method ``target(url)``, too: deliver to ``url`` from now on.
    """

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""

    async def stop(self) -> None:
        """Close every connection and release the port."""

    def config(self) -> dict[str, Any]:
        """Return the ``[venues.<name>]`` table that connects a bridge to this simulator."""

    def describe(self) -> str:
        """Return what a person needs to reach it: addresses, credentials, symbols."""


class Finding(msgspec.Struct, kw_only=True, frozen=True):
    """One thing that `venuebus doctor` found. ``error``: it will not work or is not safe; ``warning``: it may not.

    ``where`` names a key of the configuration or a part of the bus, ``text`` what is the matter, ``fix`` what to do.
    """

    severity: Literal["error", "warning", "note"]
    where: str
    text: str
    fix: str = ""


class VenueSpec(msgspec.Struct, Generic[C], kw_only=True, frozen=True):
    """One kind of venue. ``name`` is what ``plugin = "…"`` in the configuration says.

    ``create`` is called for every connection attempt, must be quick and do no I/O. ``limits`` returns the venue's
    rate limits for a configuration. ``simulator`` makes a simulator with working defaults. ``webhook`` is for a venue
    that calls us; ``config_type`` is a `WebhookConfig` then. ``examine`` asks the venue for what `venuebus doctor`
    should tell (its clock, what the credentials may do): it must change nothing, and raise nothing it can tell.
    """

    name: str
    config_type: type[C]
    create: Callable[[VenueContext[C]], VenueSession]
    capabilities: Capabilities
    summary: str = ""
    contract: int = 1
    limits: Callable[[C], tuple[Limit, ...]] | None = None
    simulator: Callable[[], VenueSimulator] | None = None
    webhook: Callable[[C], Webhook] | None = None
    examine: Callable[[C], Awaitable[Iterable[Finding]]] | None = None


class Interceptor(Protocol):
    """Sees every submit and amend (and cancel) before the venue does; lower ``order`` sees it first."""

    name: str
    order: int

    def check(self, command: AnyCommand, venue: str, account: str) -> None:
        """Return to let the command pass.

        Raises:
            CommandRejected: to refuse it. Anything else refuses it too, as ``internal``.
        """


class Observer(Protocol):
    """Sees every event after it was stamped; must not block. One that keeps failing is switched off."""

    name: str

    def observe(self, event: Event, venue: str) -> None:
        """Look at ``event``; do not change it."""
