"""``venuebus send``."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import click
import msgspec
from venuebus_schemas import (
    COMMAND_TYPES,
    AccountEvent,
    AnyCommand,
    CommandError,
    Event,
    Fill,
    Order,
    Result,
    ResultStatus,
    check_command,
    encode,
)

from ..client import Client, ClientError, CommandInDoubt, EventStream, PermissionDenied, new_id
from ..errors import BusError
from .connection import Bus, bus_options, connected
from .render import line

LAST_FILLS = 3.0  # seconds in which a finished order's fills may still come
KINDS: tuple[type[AccountEvent], ...] = (Result, Order, Fill)
Coming = Callable[[], Awaitable[AccountEvent]]
FOLLOWED = ("submit", "amend", "cancel")  # commands about one order, whose life can be shown


def build(verb: str, command_id: str, fields: dict[str, Any]) -> AnyCommand:
    """Return the command that ``fields`` describe; texts are read as what the field is.

    Raises:
        click.UsageError: a field is unknown, missing or not what it must be.
    """
    kind = COMMAND_TYPES[verb]
    known = [name for name in kind.__struct_fields__ if name != "command_id"]
    for name in fields:
        if name not in known:
            raise click.UsageError(f"{verb} has no field {name!r}; it has: {', '.join(known)}")
    try:
        made: Any = msgspec.convert({"type": verb, "command_id": command_id, **fields}, kind, strict=False)
        check_command(made)
    except msgspec.ValidationError as error:
        raise click.UsageError(f"{verb}: {error}. Its fields: {', '.join(known)}") from None
    except CommandError as error:
        raise click.UsageError(f"{verb}: {error} (the bridge would say: {error.reason})") from None
    return made  # type: ignore[no-any-return]


def read_fields(given: tuple[str, ...], as_json: str | None) -> dict[str, Any]:
    """Return the fields of ``key=value`` texts and of a JSON object; ``params.x=…`` goes into ``params``.

    Raises:
        click.UsageError: a text is neither.
    """
    fields: dict[str, Any] = {}
    if as_json is not None:
        try:
            fields = msgspec.json.decode(as_json, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise click.UsageError(f"--json: a JSON object expected: {error}") from None
        for name in ("type", "command_id"):
            fields.pop(name, None)
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{item!r}: key=value expected, such as price=59000")
        if key.startswith("params."):
            fields.setdefault("params", {})[key.removeprefix("params.")] = _parameter(value)
        else:
            fields[key] = value
    return fields


def _parameter(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@click.command(short_help="Publish one command and wait for its result.")
@click.argument("verb", type=click.Choice(list(COMMAND_TYPES)))
@click.argument("fields", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--venue", required=True, help="Name of the venue in the bridge's configuration.")
@click.option("--account", default="main", show_default=True, help="Alias of the account.")
@click.option("--set", "more", multiple=True, metavar="KEY=VALUE", help="A field of the command; as an argument.")
@click.option("--json", "as_json", metavar="OBJECT", help="The fields as one JSON object.")
@click.option("--id", "command_id", metavar="ID", help="The command's id (default: a new one).")
@click.option("--expires", type=float, default=None, metavar="SECONDS", help="Refuse it after this (the bridge: 5).")
@click.option("--timeout", type=float, default=20.0, show_default=True, help="Seconds to wait for the result.")
@click.option("--follow", is_flag=True, help="Then show the order's events until it is over; Ctrl-C ends.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="How the result is shown.")
@bus_options
def command(
    verb: str, fields: tuple[str, ...], bus: Bus, venue: str, account: str, command_id: str | None, **options: Any
) -> int:
    """Publish one command and wait for its result. Ends with 0 when it is accepted, 1 otherwise.

    A command id is taken once, so sending the same one twice cannot trade twice.

    \b
    Examples:
      venuebus send submit --venue btse symbol=BTC-USD side=buy order_type=limit quantity=0.01 price=59000
      venuebus send cancel --venue btse client_order_id=cli-250101-120000-1a2b3c4d
      venuebus send cancel_all --venue btse
      venuebus send submit --venue ctp --json '{"symbol":"rb2505","side":"buy","order_type":"limit",
          "quantity":"1","price":"3310","position_effect":"open"}' --follow
    """
    now = time.time_ns()
    values = read_fields((*fields, *options["more"]), options["as_json"])
    values["ts_sent"] = now
    if options["expires"] is not None:
        values["expires_at"] = now + int(options["expires"] * 1e9)
    built = build(verb, command_id or new_id("cli"), values)
    result = asyncio.run(_send(bus, venue, account, verb, built, options))
    return 0 if result is not None and result.status is ResultStatus.ACCEPTED else 1


async def _send(
    bus: Bus, venue: str, account: str, verb: str, built: AnyCommand, options: dict[str, Any]
) -> Result | None:
    try:
        bus.subjects.parse(bus.subjects.command(venue, account, verb, built.command_id))
    except ValueError as error:
        raise click.UsageError(f"--venue and --account must be 1 to 64 of A-Z a-z 0-9 _ -: {error}") from None
    timeout = options["timeout"]
    async with connected(bus) as client, AsyncExitStack() as stack:
        follow = options["follow"] and verb in FOLLOWED
        coming = await _events(client, stack, venue, account) if follow else None
        try:
            sent = await client.send(venue, built, account=account)
            if coming is not None:
                return await _listen(coming, built, options)
            result = await sent.result(timeout)
        except CommandInDoubt as error:
            if not error.stored:
                look = "see `venuebus watch 'cmd.>' --last 10`"
                raise BusError(f"no answer: {built.command_id} may be stored or not; {look}") from error
            raise BusError(await _silence(client, venue, built.command_id, timeout)) from error
        except TimeoutError as error:
            raise BusError(await _silence(client, venue, built.command_id, timeout)) from error
        _show(result, options)
        return result


async def _events(client: Client, stack: AsyncExitStack, venue: str, account: str) -> Coming:
    """Return what waits for the account's next event, in the stream's order.

    A login that may read single kinds only gets each kind in its order.
    """
    together = client.events(*KINDS, venue=venue, account=account)
    try:
        await stack.enter_async_context(together)
        return together.next
    except PermissionDenied:
        arrived: asyncio.Queue[AccountEvent | ClientError] = asyncio.Queue()
    for kind in KINDS:
        stream = await stack.enter_async_context(client.events(kind, venue=venue, account=account))
        stack.callback(asyncio.create_task(_pump(stream, arrived), name=f"follow-{kind.__name__}").cancel)

    async def coming() -> AccountEvent:
        event = await arrived.get()
        if isinstance(event, ClientError):
            raise event
        return event

    return coming


async def _pump(stream: EventStream[Any], arrived: asyncio.Queue[AccountEvent | ClientError]) -> None:
    try:
        async for event in stream:
            arrived.put_nowait(event)
    except ClientError as error:
        arrived.put_nowait(error)


async def _listen(coming: Coming, built: AnyCommand, options: dict[str, Any]) -> Result:
    """Show the result and the order's events, which come before it as well as after it.

    Returns when there is nothing more to wait for: at the order's end with all its fills, and with a second result
    where the first one is unknown.

    Raises:
        TimeoutError: no result came in time.
    """
    ids = {getattr(built, "client_order_id", None), getattr(built, "venue_order_id", None), built.command_id}
    loop = asyncio.get_running_loop()
    deadline: float | None = loop.time() + options["timeout"]
    result, over, missing = None, False, Decimal(0)
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                event = await coming()
        except TimeoutError:
            if result is None:
                raise
            return result  # the venue told no fill of its own
        if isinstance(event, Result) and event.command_id == built.command_id:
            result, deadline = event, None
            ids |= {event.client_order_id, event.venue_order_id}
        elif isinstance(event, Order | Fill) and _is_of(event, ids):
            if isinstance(event, Fill):
                missing -= Decimal(event.quantity)
            elif event.status.is_final and not over:
                over, missing = True, missing + Decimal(event.filled_quantity)
        else:
            continue
        _show(event, options)
        if result is not None:
            settled = result.status is not ResultStatus.UNKNOWN
            if result.status is ResultStatus.REJECTED or (over and settled and missing <= 0):
                return result
            if over and settled:
                deadline = loop.time() + LAST_FILLS


def _is_of(event: Order | Fill, ids: set[str | None]) -> bool:
    own = {event.client_order_id, event.venue_order_id}
    if isinstance(event, Order):
        own.add(event.command_id)
    return bool((own & ids) - {None})


def _show(event: Event, options: dict[str, Any]) -> None:
    if options["output"] == "json":
        print(encode(event).decode(), flush=True)
        return
    shown = line(None, event, time.time_ns())
    kind = str(type(event).__struct_config__.tag)
    text = f"{shown.time}  {kind:<7} {shown.text}"
    if isinstance(event, Result):
        took = f"{(event.ts_answered - event.ts_received) / 1e6:.1f} ms" if event.ts_answered else ""
        text += f"  ({event.command_id}{', ' + took if took else ''})"
    click.echo(click.style(text, fg=shown.color) if sys.stdout.isatty() else text)


async def _silence(client: Client, venue: str, command_id: str, timeout: float) -> str:
    told = f"no result for {command_id} within {timeout:g} s"
    try:
        await client.control(venue, "status", timeout=2)
    except BusError as error:
        return f"{told}: {error}"
    return f"{told}, although the bridge serves {venue!r}: see `venuebus watch 'acct.{venue}.>' --last 20`"
