"""One line of text per message, for people: pure, total (a message nobody knows gets a line too)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from venuebus_schemas import (
    Amend,
    Balance,
    Bar,
    Book,
    BookDelta,
    Cancel,
    CancelAfter,
    CancelAll,
    DeadLetter,
    Fill,
    Forward,
    ForwardChange,
    Gap,
    Instrument,
    Order,
    OrderStatus,
    Position,
    Quote,
    Result,
    ResultStatus,
    Session,
    SessionState,
    Subject,
    Submit,
    Ticker,
    Trade,
    UnknownMessage,
)

GOOD, BAD, WARN, CALM, FAINT = "green", "red", "yellow", "cyan", "bright_black"
Shown = tuple[str, str | None]
MAX_TEXT = 300  # a line is for people; the whole message is one `--json` away


class Line(NamedTuple):
    """A message as a person reads it; ``color`` is a name that click and rich both know, or None."""

    time: str
    source: str
    kind: str
    key: str
    text: str
    color: str | None = None

    def __str__(self) -> str:
        return f"{self.time}  {self.source:<14} {self.kind:<10} {self.key:<16} {self.text}".rstrip()


def line(subject: Subject | None, message: Any, now_ns: int) -> Line:
    """Describe ``message`` as it came on ``subject``; ``now_ns`` stands in where the message has no time."""
    text, color = _describe(message)
    when = getattr(message, "ts_recv", 0) or now_ns
    source = kind = key = ""
    if subject is not None:
        source = subject.venue + (f"/{subject.account}" if subject.account else "")
        kind, key = subject.kind, subject.key or ""
    if isinstance(message, Order | Fill | Submit):
        key = message.symbol
    elif isinstance(message, UnknownMessage):
        kind = message.type
    return Line(clock(when), source, kind, key, _one_line(text), color)


def clock(ts_ns: int) -> str:
    """Time of day, UTC, to the millisecond."""
    seconds, rest = divmod(ts_ns, 1_000_000_000)
    return f"{time.strftime('%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000_000:03d}"


def fields(parts: Iterable[tuple[str, Any]]) -> str:
    """``name value`` for what is known, two blanks between."""
    return "  ".join(f"{name} {_value(value)}".strip() for name, value in parts if value is not None and value != "")


def _value(value: Any) -> str:
    return ", ".join(f"{key}={part}" for key, part in value.items()) if isinstance(value, dict) else str(value)


def _one_line(text: str) -> str:
    # Texts come from venues: a control character in one must not reach the terminal.
    shown = "".join(char if char.isprintable() else " " for char in text[:MAX_TEXT])
    return shown + ("…" if len(text) > MAX_TEXT else "")


def _describe(message: Any) -> Shown:
    describe = _DESCRIBE.get(type(message))
    return describe(message) if describe is not None else (str(message), FAINT)


def _quote(message: Quote) -> Shown:
    bid = f"{message.bid or '-'} × {message.bid_size or '-'}"
    return f"{bid} │ {message.ask or '-'} × {message.ask_size or '-'}", None


def _trade(message: Trade) -> Shown:
    color = {"buy": GOOD, "sell": BAD}.get(str(message.aggressor))
    return f"{message.size} @ {message.price}  {message.aggressor or ''}".rstrip(), color


def _book(message: Book) -> Shown:
    best = f"{message.bids[0][0] if message.bids else '-'} │ {message.asks[0][0] if message.asks else '-'}"
    return f"{best}  levels {len(message.bids)}+{len(message.asks)}", None


def _book_delta(message: BookDelta) -> Shown:
    return f"levels changed {len(message.bids)}+{len(message.asks)}", None


def _ticker(message: Ticker) -> Shown:
    return _named(message, "last open high low volume turnover open_interest mark index status"), None


def _bar(message: Bar) -> Shown:
    return _named(message, "interval open high low close volume") + ("" if message.final else "  …"), None


def _instrument(message: Instrument) -> Shown:
    text = _named(message, "kind base quote currency tick_size lot_size min_quantity multiplier expiry strike")
    return text + ("  not tradable" if message.tradable is False else ""), FAINT


def _order(message: Order) -> Shown:
    size = message.quantity or (f"{message.quote_quantity} (quote)" if message.quote_quantity else "?")
    kind = "" if message.order_type == "limit" else f"{message.order_type} "
    price = f" @ {message.price}" if message.price is not None else ""
    trigger = f" trigger {message.trigger_price}" if message.trigger_price is not None else ""
    marks: list[tuple[str, Any]] = [
        ("avg", message.avg_fill_price),
        ("id", message.client_order_id or message.venue_order_id),
        ("", message.reason),
        ("", message.text),
        ("", "external" if message.external else None),
        ("", "reconciled" if message.reconciled else None),
    ]
    color = {
        OrderStatus.FILLED: GOOD, OrderStatus.PARTIALLY_FILLED: GOOD, OrderStatus.REJECTED: BAD,
        OrderStatus.UNKNOWN: BAD, OrderStatus.CANCELED: WARN, OrderStatus.EXPIRED: WARN,
    }.get(message.status)  # fmt: skip
    text = f"{message.side} {kind}{size}{price}{trigger}  {message.status} {message.filled_quantity}/{size}"
    return f"{text}  {fields(marks)}", color


def _fill(message: Fill) -> Shown:
    marks: list[tuple[str, Any]] = [
        ("fee", f"{message.fee} {message.fee_currency or ''}".strip() if message.fee is not None else None),
        ("", message.liquidity),
        ("id", message.client_order_id or message.venue_order_id),
        ("fill", message.fill_id),
        ("", "taken back" if message.voided else None),
        ("", "derived" if message.derived else None),
        ("", "reconciled" if message.reconciled else None),
    ]
    return f"{message.side} {message.quantity} @ {message.price}  {fields(marks)}", BAD if message.voided else GOOD


def _result(message: Result) -> Shown:
    color = {ResultStatus.ACCEPTED: GOOD, ResultStatus.REJECTED: WARN}.get(message.status, BAD)
    marks: list[tuple[str, Any]] = [
        ("", message.reason),
        ("", message.text),
        ("id", message.client_order_id if message.client_order_id != message.command_id else None),
        ("venue id", message.venue_order_id),
        ("by", message.resolved_by),
    ]
    return f"{message.verb} {message.status}  {fields(marks)}", color


def _position(message: Position) -> Shown:
    text = _named(message, "available avg_price market_price unrealized_pnl realized_pnl currency")
    return f"{message.side} {message.quantity}  {text}", None


def _balance(message: Balance) -> Shown:
    return _named(message, "total available frozen equity margin"), None


def _forward(message: Forward) -> Shown:
    legs = f"buy {message.buy_amount} {message.buy_currency}  sell {message.sell_amount} {message.sell_currency}"
    return f"{message.status}  {legs}  {_named(message, 'price value_date')}", None


def _forward_change(message: ForwardChange) -> Shown:
    held = (("old", message.old), ("left", message.left), ("new", message.new))
    return f"{message.change}  {fields((name, part.position_id) for name, part in held if part is not None)}", CALM


def _session(message: Session) -> Shown:
    color = {SessionState.READY: GOOD, SessionState.DOWN: BAD, SessionState.FAILED: BAD}.get(message.state, WARN)
    attempt = f"attempt {message.attempt}" if message.attempt and message.attempt > 1 else None
    retry = clock(message.retry_at) if message.retry_at else None
    parts: list[tuple[str, Any]] = [("", message.reason), ("", message.text), ("", attempt), ("again at", retry)]
    return f"{message.state}  {fields(parts)}", color


def _gap(message: Gap) -> Shown:
    state = "asked again, whole" if message.healed else "events may be missing"
    return f"{', '.join(message.subjects)}  {message.reason}  ({state})", WARN


def _dead_letter(message: DeadLetter) -> Shown:
    return f"{message.reason}  {message.text}  {len(message.raw) * 3 // 4} bytes", WARN


def _submit(message: Submit) -> Shown:
    size = message.quantity or f"{message.quote_quantity} (quote)"
    price = f" @ {message.price}" if message.price is not None else ""
    more = "trigger_price stop_price time_in_force expire_date post_only reduce_only position_effect params"
    return f"{message.side} {message.order_type} {size}{price}  {_named(message, more)}", CALM


def _other_command(message: Amend | Cancel | CancelAll | CancelAfter) -> Shown:
    every = "client_order_id venue_order_id symbol quantity price trigger_price timeout_ms params"
    return _named(message, every), CALM


def _unknown(message: UnknownMessage) -> Shown:
    return f"(a type this version does not know) {message.raw.decode('utf-8', 'replace')}", FAINT


def _raw(message: bytes) -> Shown:
    return message.decode("utf-8", "replace"), FAINT


_DESCRIBE: dict[type, Callable[[Any], Shown]] = {
    Quote: _quote, Trade: _trade, Book: _book, BookDelta: _book_delta, Ticker: _ticker, Bar: _bar,
    Instrument: _instrument, Order: _order, Fill: _fill, Result: _result, Position: _position, Balance: _balance,
    Forward: _forward, ForwardChange: _forward_change, Session: _session, Gap: _gap, DeadLetter: _dead_letter,
    Submit: _submit, Amend: _other_command, Cancel: _other_command, CancelAll: _other_command,
    CancelAfter: _other_command, UnknownMessage: _unknown, bytes: _raw,
}  # fmt: skip


def _named(message: Any, names: str) -> str:
    return fields((name.replace("_", " "), getattr(message, name, None)) for name in names.split())
