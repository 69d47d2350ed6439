"""One account of a venue: its orders, what was last published of it, and its place on the ledger."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import structlog
from venuebus_schemas import (
    AccountEvent,
    Balance,
    Fill,
    Forward,
    ForwardChange,
    Order,
    Position,
    Reason,
    Result,
    ResultStatus,
    decode_event,
)

from ..boundary import check_event
from ..bus.claim import Claim
from ..bus.journal import Checkpoint, Journal
from ..bus.ledger import Ledger
from .forwards import Forwards
from .recall import Recall
from .tracker import OrderTracker, fill_key, order_key

if TYPE_CHECKING:
    from ..observability.tracing import AccountTraces

log = structlog.get_logger("venuebus.account")

KEEP_ENDED = 20_000  # ids of commands that came to an end lately: their results may still wait for the stream

MAX_SEQS = 200_000  # subjects whose counts are remembered; an older one counts from 1 again


class Account:
    """Turns what a venue says about an account into events on the ledger, each once, in order."""

    def __init__(
        self,
        venue: str,
        name: str,
        ledger: Ledger,
        journal: Journal,
        *,
        observe: Callable[[AccountEvent], None] | None = None,
        on_settled: Callable[[str, Order], None] = lambda account, order: None,
        traces: AccountTraces | None = None,
    ) -> None:
        self.venue = venue
        self.name = name
        self.ledger = ledger
        self.journal = journal
        self.tracker = OrderTracker(name)
        self._recall = Recall(
            self.tracker, lambda key: ledger.read_last("order", key), lambda data: self.restore("order", data, 0),
            self.publish,
        )  # fmt: skip
        self._on_settled = on_settled
        self.halted = False
        self.reconciled = False
        self.epoch = 0
        self.open_claims: dict[str, Claim] = {}
        self.told_unknown: set[str] = set()
        self.ended: OrderedDict[str, None] = OrderedDict()
        self.positions: dict[str, Position] = {}
        self.balances: dict[str, Balance] = {}
        self.forwards = Forwards()
        self.last_fill_ns = 0
        self.published = 0
        self.heard: dict[str, int] = {}  # events of the venue, by kind
        self.traces = traces
        self._observe = observe
        self._seqs: dict[tuple[str, str], int] = {}
        self._order_seqs: dict[str, int] = {}
        self._result_seqs: OrderedDict[str, int] = OrderedDict()

    def restart(self, epoch: int) -> None:
        """Begin a new epoch: every subject counts from 1 again."""
        self.epoch = epoch
        self._seqs.clear()
        self._order_seqs.clear()
        self._result_seqs.clear()

    # --- from the venue -------------------------------------------------------------------------------------

    def hear(self, event: AccountEvent) -> None:
        """Put on the bus what a session tells unasked; an order that is not remembered is looked for first.

        Raises:
            ValueError: as `publish`.
        """
        check_event(event)
        if not isinstance(event, Order) or not self._recall.takes(event):
            self._take(event, reconciled=False)

    def publish(self, event: AccountEvent, *, reconciled: bool = False) -> bool:
        """Put one event of the venue on the bus; return whether it was news.

        Raises:
            ValueError: an event that names nothing (an order without any id, an unknown kind), or a bad number.
        """
        check_event(event)
        return self._take(event, reconciled=reconciled)

    def _take(self, event: AccountEvent, *, reconciled: bool) -> bool:
        kind = str(event.__struct_config__.tag)
        self.heard[kind] = self.heard.get(kind, 0) + 1
        if isinstance(event, Order):
            order, fill = self.tracker.apply(event, reconciled=reconciled)
            if order is not None:
                self.put_order(order)
            if fill is not None:
                self._put_fill(fill)
            if (told := self.tracker.told) is not None:
                self._on_settled(self.name, told)
            return order is not None
        if isinstance(event, Fill):
            news = self.tracker.apply_fill(event, reconciled=reconciled)
            if news is None:
                return False
            self._put_fill(news)
            return True
        if isinstance(event, Position):
            return self._put_changed("position", f"{event.symbol}/{event.side}", event.symbol, event, reconciled)
        if isinstance(event, Balance):
            return self._put_changed("balance", event.currency, event.currency, event, reconciled)
        if isinstance(event, ForwardChange):
            self.put("forward_change", forward_key(event), event, f"forward_change-{event.msg_id}")
            return True
        if isinstance(event, Forward):
            state = self.forwards.apply(event)
            if state is not None:
                self.put("forward", state.position_id, state, None)
            return state is not None
        raise ValueError(f"{type(event).__name__} is not an event of an account")

    def put_order(self, order: Order) -> None:
        """Put an order's state on the bus as it is (the tracker has let it through)."""
        self.put("order", order_key(order), order, None)
        if order.status.is_final:
            self._order_seqs.pop(order_key(order), None) if len(self._order_seqs) > 50_000 else None

    def _put_fill(self, fill: Fill) -> None:
        self.last_fill_ns = max(self.last_fill_ns, fill.ts_venue or fill.ts_recv)
        self.put("fill", fill.symbol, fill, f"fill-{fill_key(fill)}")

    def _put_changed(self, kind: str, slot: str, key: str, event: Position | Balance, reconciled: bool) -> bool:
        known: dict[str, Position] | dict[str, Balance]
        known = self.positions if kind == "position" else self.balances
        old = known.get(slot)
        if old is not None and _values(old) == _values(event):
            return False
        known[slot] = event  # type: ignore[assignment]
        if reconciled and old is not None:
            event.reconciled = True
        self.put(kind, key, event, None)
        return True

    def put_result(self, result: Result) -> None:
        """Put the outcome of a command on the bus."""
        mid = f"result-{result.command_id}-{result.verb}-{result.status}-{result.resolved_by or ''}"
        self.put("result", result.command_id, result, mid)
        self._note(result)

    def _note(self, result: Result) -> None:
        if result.status is ResultStatus.UNKNOWN:
            self.told_unknown.add(result.command_id)
        elif result.reason is not Reason.DUPLICATE:
            self.ended[result.command_id] = None
            if len(self.ended) > KEEP_ENDED:
                self.ended.popitem(last=False)
            self.told_unknown.discard(result.command_id)
            self.open_claims.pop(result.command_id, None)

    def put(self, kind: str, key: str, event: AccountEvent, msg_id: str | None) -> None:
        """Stamp ``event`` and hand it to the ledger; without ``msg_id`` one is made of epoch and sequence."""
        self.stamp(kind, key, event)
        identity = msg_id or f"{kind}-{key}-{event.epoch}-{event.seq}"
        traceparent = None if self.traces is None else self.traces.event(kind, key, event)
        self.ledger.put(kind, key, event, f"{self.venue}-{self.name}-{identity}", traceparent)
        self.published += 1
        if self._observe is not None:
            self._observe(event)

    def stamp(self, kind: str, key: str, event: AccountEvent) -> None:
        """Give ``event`` its venue, account, epoch and sequence."""
        event.venue = self.venue
        event.account = self.name
        event.epoch = self.epoch
        if not event.ts_recv:
            event.ts_recv = time.time_ns()
        if kind == "order":
            event.seq = self._order_seqs[key] = self._order_seqs.get(key, 0) + 1
        elif kind == "result":
            event.seq = self._result_seqs[key] = self._result_seqs.get(key, 0) + 1
            if len(self._result_seqs) > KEEP_ENDED:
                self._result_seqs.popitem(last=False)
        else:
            event.seq = self._seqs[kind, key] = self._seqs.get((kind, key), 0) + 1
            if len(self._seqs) > MAX_SEQS:  # forwards come with an id each
                del self._seqs[next(iter(self._seqs))]

    def unstamp(self, kind: str, key: str) -> None:
        """Take the stamp of an order event or result back that could not be written: readers must see no hole."""
        seqs = self._result_seqs if kind == "result" else self._order_seqs
        if seqs.get(key):
            seqs[key] -= 1

    # --- from the ledger ------------------------------------------------------------------------------------

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take over what a checkpoint holds beside ids."""
        self.tracker.forgets = True
        self.halted = checkpoint.halted
        self.last_fill_ns = max(self.last_fill_ns, checkpoint.last_fill_ns)
        self.positions = {f"{position.symbol}/{position.side}": position for position in checkpoint.positions}
        self.balances = {balance.currency: balance for balance in checkpoint.balances}

    def restore(self, kind: str, data: bytes, stored_ns: int) -> None:
        """Take over one message of the account stream, in stream order.

        Raises:
            msgspec.DecodeError: the message is not what its subject says.
        """
        if kind == "claim":
            claim = msgspec.json.decode(data, type=Claim)
            if self.traces is not None:
                self.traces.note(claim)
            if claim.sent:
                self.open_claims[claim.command_id] = claim
            return
        event = decode_event(data)
        if isinstance(event, Result):
            self._note(event)
        elif isinstance(event, Order):
            self.tracker.load(event, ours=not event.external)
        elif isinstance(event, Fill):
            self.tracker.know_fill(event)
            self.last_fill_ns = max(self.last_fill_ns, event.ts_venue or event.ts_recv)
        elif isinstance(event, Position):
            self.positions[f"{event.symbol}/{event.side}"] = event
        elif isinstance(event, Balance):
            self.balances[event.currency] = event
        elif isinstance(event, Forward):
            self.forwards.load(event)

    async def restore_trace(self, client_order_id: str) -> None:
        """Learn from its claim which trace an open order belongs to.

        Raises:
            BusUnavailable: NATS did not answer.
        """
        tracked = self.tracker.find(client_order_id=client_order_id)
        if self.traces is None or tracked is None or tracked.order.command_id is None:
            return
        claim = await self.ledger.read_claim(tracked.order.command_id)
        if claim is not None:
            self.traces.note(claim)

    def checkpoint(self, sequence: int, bans: dict[str, int]) -> Checkpoint:
        """Return what a next owner must know beside the stream from ``sequence`` on."""
        return Checkpoint(
            sequence=sequence,
            open_orders=sorted(self.tracker.open),
            open_claims=sorted(self.open_claims),
            told_unknown=sorted(self.told_unknown),
            last_fill_ns=self.last_fill_ns,
            positions=list(self.positions.values()),
            balances=list(self.balances.values()),
            halted=self.halted,
            bans=bans,
        )


def forward_key(event: ForwardChange) -> str:
    """Return the position id that a change is filed under."""
    for fields in (event.old, event.new, event.left):
        if fields is not None:
            return fields.position_id
    return event.msg_id


def _values(event: Position | Balance) -> tuple[object, ...]:
    skipped = {"ts_recv", "ts_venue", "epoch", "seq", "reconciled", "venue", "account"}
    return tuple(getattr(event, name) for name in event.__struct_fields__ if name not in skipped)
