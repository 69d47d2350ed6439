"""Commands: ``cmd.<venue>.<account>.<verb>.<command_id>``, bus → venue.

Decoding is strict about types (a number where a string belongs is refused) and tolerant of fields it does not
know. Ranges and cross-field rules are `check_command`'s.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from .base import DateText, DecimalText, Nanoseconds, is_decimal_text
from .enums import OrderType, PositionEffect, Reason, Side, TimeInForce

COMMAND_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
MAX_NUMBER_LENGTH = 40  # longer than any venue's price or quantity; bounds the work an absurd number makes

CommandId = Annotated[str, Meta(extra_json_schema={"pattern": r"^[A-Za-z0-9_-]{1,64}$"})]
ClientOrderId = Annotated[str, Meta(extra_json_schema={"pattern": r"^[A-Za-z0-9_-]{1,32}$"})]


class Command(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What every command has: its id (also in the subject), and when it must not be executed any more.

    Without ``expires_at`` a submit or an amend expires 5 s after it was published; a cancel does not expire.
    """

    command_id: CommandId
    expires_at: Nanoseconds | None = None
    ts_sent: Nanoseconds | None = None


class Submit(Command, tag_field="type", tag="submit", kw_only=True, omit_defaults=True, gc=False):
    """Place one new order. Exactly one of ``quantity`` and ``quote_quantity``."""

    client_order_id: ClientOrderId | None = None
    symbol: str
    side: Side
    order_type: OrderType
    quantity: DecimalText | None = None
    quote_quantity: DecimalText | None = None
    price: DecimalText | None = None
    trigger_price: DecimalText | None = None
    time_in_force: TimeInForce | None = None
    expire_date: DateText | None = None
    post_only: bool | None = None
    reduce_only: bool | None = None
    position_effect: PositionEffect | None = None
    stop_price: DecimalText | None = None
    params: dict[str, Any] | None = None


class Amend(Command, tag_field="type", tag="amend", kw_only=True, omit_defaults=True, gc=False):
    """Change a working order in place; ``quantity`` is the new total, filled part included."""

    client_order_id: str | None = None
    venue_order_id: str | None = None
    symbol: str | None = None
    quantity: DecimalText | None = None
    price: DecimalText | None = None
    trigger_price: DecimalText | None = None
    params: dict[str, Any] | None = None


class Cancel(Command, tag_field="type", tag="cancel", kw_only=True, omit_defaults=True, gc=False):
    """Cancel one order."""

    client_order_id: str | None = None
    venue_order_id: str | None = None
    symbol: str | None = None
    params: dict[str, Any] | None = None


class CancelAll(Command, tag_field="type", tag="cancel_all", kw_only=True, omit_defaults=True, gc=False):
    """Cancel every open order of the account (of the symbol), orders placed elsewhere included."""

    symbol: str | None = None


class CancelAfter(Command, tag_field="type", tag="cancel_after", kw_only=True, omit_defaults=True, gc=False):
    """Dead man's switch: the venue cancels everything unless told again in time; 0 disarms."""

    timeout_ms: int


AnyCommand = Submit | Amend | Cancel | CancelAll | CancelAfter

NEEDS_PRICE = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.OCO, OrderType.AUCTION_LIMIT})
NEEDS_TRIGGER = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.OCO})


class CommandError(ValueError):
    """A command breaks a rule of the contract; ``reason`` is what its result will carry."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def check_command(command: AnyCommand) -> None:
    """Refuse what no venue could execute: bad ids, numbers and combinations of fields.

    Numbers are taken as they are or refused, never rounded.

    Raises:
        CommandError: with reason ``invalid``, ``price`` or ``quantity`` and a text that names the field.
    """
    if not COMMAND_ID.match(command.command_id):
        raise CommandError(Reason.INVALID, "command_id: 1 to 64 of A-Z a-z 0-9 _ - expected")
    if isinstance(command, Submit):
        _check_submit(command)
    elif isinstance(command, Amend):
        _check_target(command.client_order_id, command.venue_order_id)
        changes = (command.quantity, command.price, command.trigger_price)
        if changes == (None, None, None) and not command.params:
            raise CommandError(Reason.INVALID, "amend: quantity, price or trigger_price expected")
        _check_number("quantity", command.quantity, Reason.QUANTITY, positive=True)
        _check_number("price", command.price, Reason.PRICE)
        _check_number("trigger_price", command.trigger_price, Reason.PRICE)
    elif isinstance(command, Cancel):
        _check_target(command.client_order_id, command.venue_order_id)
    elif isinstance(command, CancelAfter) and not 0 <= command.timeout_ms <= 86_400_000:
        raise CommandError(Reason.INVALID, "timeout_ms: 0 to 86400000 expected")
    symbol = getattr(command, "symbol", None)
    if symbol is not None and not (symbol.strip() and symbol.isprintable() and len(symbol) <= 128):
        raise CommandError(Reason.INVALID, "symbol: printable text of 1 to 128 characters expected")


def _check_submit(command: Submit) -> None:
    if command.client_order_id is not None and not CLIENT_ORDER_ID.match(command.client_order_id):
        raise CommandError(Reason.INVALID, "client_order_id: 1 to 32 of A-Z a-z 0-9 _ - expected")
    for name in ("side", "order_type", "time_in_force", "position_effect"):
        if getattr(command, name) == "unknown":
            raise CommandError(Reason.INVALID, f"{name}: not one of the contract's values")
    if (command.quantity is None) == (command.quote_quantity is None):
        raise CommandError(Reason.QUANTITY, "exactly one of quantity and quote_quantity expected")
    _check_number("quantity", command.quantity, Reason.QUANTITY, positive=True)
    _check_number("quote_quantity", command.quote_quantity, Reason.QUANTITY, positive=True)
    # Futures spreads trade at zero and below, so the sign of a price is the venue's business.
    _check_number("price", command.price, Reason.PRICE)
    _check_number("trigger_price", command.trigger_price, Reason.PRICE)
    _check_number("stop_price", command.stop_price, Reason.PRICE)
    if command.order_type in NEEDS_PRICE and command.price is None:
        raise CommandError(Reason.PRICE, f"price: needed for order_type {command.order_type}")
    if command.order_type in NEEDS_TRIGGER and command.trigger_price is None:
        raise CommandError(Reason.PRICE, f"trigger_price: needed for order_type {command.order_type}")
    if command.order_type is OrderType.MARKET and command.price is not None:
        raise CommandError(Reason.PRICE, "price: a market order takes none")
    if command.order_type is OrderType.OCO and command.stop_price is None:
        raise CommandError(Reason.PRICE, "stop_price: needed for order_type oco")
    if command.time_in_force is TimeInForce.GTD and command.expire_date is None:
        raise CommandError(Reason.INVALID, "expire_date: needed for time_in_force gtd")
    if command.expire_date is not None and not re.match(r"\d{4}-\d\d-\d\d\Z", command.expire_date):
        raise CommandError(Reason.INVALID, "expire_date: YYYY-MM-DD expected")


def _check_target(client_order_id: str | None, venue_order_id: str | None) -> None:
    # An empty id must never become "every order" on the way to a venue.
    for name, value in (("client_order_id", client_order_id), ("venue_order_id", venue_order_id)):
        if value is not None and not (0 < len(value) <= 128 and value.isprintable() and value.strip()):
            raise CommandError(Reason.INVALID, f"{name}: printable text of 1 to 128 characters expected")
    if client_order_id is None and venue_order_id is None:
        raise CommandError(Reason.INVALID, "client_order_id or venue_order_id expected")


def _check_number(name: str, text: str | None, reason: Reason, *, positive: bool = False) -> None:
    if text is None:
        return
    if len(text) > MAX_NUMBER_LENGTH or not is_decimal_text(text):
        raise CommandError(reason, f"{name}: a decimal number in plain notation expected, not {text[:40]!r}")
    if positive and Decimal(text) <= 0:
        raise CommandError(reason, f"{name}: more than 0 expected, not {text}")
