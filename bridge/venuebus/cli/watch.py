"""``venuebus watch``."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

import click
import msgspec
from venuebus_schemas import Event, Subject, decode_command, decode_event

from ..bus.client import VIOLATION
from ..bus.grants import explain
from ..client import Missing as Missing
from ..client import Sequence
from .connection import Bus, bus_options, connected
from .connection.following import Following
from .connection.history import Stored, covers, read_history
from .render import WARN, line

LEDGER = ("lease", "claim")
PATTERN = re.compile(r"(?:(?:\*|[^\s.*>]+)\.)*(?:\*|>|[^\s.*>]+)")


def is_internal(subject: Subject) -> bool:
    """Tell whether a subject is the bridge's own business: its ledger, and what webhooks delivered."""
    return subject.plane == "hook" or (subject.plane == "acct" and subject.kind in LEDGER)


class Printer:
    """Writes messages as lines: readable ones, or with ``as_json`` one JSON object each."""

    def __init__(self, bus: Bus, *, as_json: bool, ledger: bool) -> None:
        self._subjects = bus.subjects
        self._as_json = as_json
        self._ledger = ledger
        self._color = sys.stdout.isatty() and not as_json
        self._sequence = Sequence()
        self._seen: set[tuple[str, int, int]] = set()
        self.count = 0

    def show(self, subject: str, data: bytes, *, stored_ns: int | None = None) -> None:
        """Print one message; an event that the history has shown already is left out."""
        parsed = self._parse(subject)
        if parsed is not None and not self._ledger and is_internal(parsed):
            return
        message = _decode(parsed, data)
        if isinstance(message, Event) and parsed is not None and parsed.plane != "dead":
            identity = (subject, message.epoch, message.seq)
            if stored_ns is None and identity in self._seen:
                return
            if stored_ns is not None:
                self._seen.add(identity)
            missing = self._sequence.check(subject, message)
            if missing is not None:
                self.note(str(missing))
        self.count += 1
        if self._as_json:
            print(json.dumps({"subject": subject, "message": _plain(data)}, ensure_ascii=False, default=repr))
            return
        shown = line(parsed, message, stored_ns or time.time_ns())
        if not shown.kind:
            shown = shown._replace(kind="?", text=f"{subject}  {shown.text}")
        print(click.style(str(shown), fg=shown.color) if self._color and shown.color else str(shown))

    def note(self, text: str) -> None:
        """Say something about the bus itself; beside the data, never in it."""
        sys.stdout.flush()
        click.secho(f"… {text}", fg=WARN, err=True)

    def _parse(self, subject: str) -> Subject | None:
        try:
            return self._subjects.parse(subject)
        except ValueError:
            return None


def _decode(subject: Subject | None, data: bytes) -> Any:
    try:
        if subject is not None and subject.plane == "cmd":
            return decode_command(data)
        if subject is not None and subject.plane in ("md", "acct", "sys", "dead"):
            return decode_event(data)
    except msgspec.DecodeError:
        pass
    return data


def _plain(data: bytes) -> Any:
    for decode in (msgspec.json.decode, msgspec.msgpack.decode):
        try:
            return decode(data)
        except msgspec.DecodeError:
            continue
    return {"undecodable": data.hex()}


def full_subject(bus: Bus, given: str) -> str:
    """Return ``given`` as a whole pattern: ``md.>`` means ``vb.v1.md.>``."""
    root = bus.subjects.root
    return given if given == root or given.startswith(root + ".") or given.startswith("$") else f"{root}.{given}"


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = (value[:-1], units[value[-1]]) if value[-1:] in units else (value, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise click.BadParameter(f"{value!r} is no duration such as 90s, 10m, 2h or 1d")
    return seconds


@click.command(short_help="Follow what is on the bus, readably.")
@click.argument("subjects", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line: subject and message.")
@click.option(
    "--since", callback=_seconds, metavar="TIME", help="First what the streams keep since then: 90s, 10m, 2h."
)
@click.option("--last", type=click.IntRange(1), metavar="N", help="First the last N that the streams keep.")
@click.option("--no-follow", is_flag=True, help="End after what the streams keep.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N messages.")
@click.option("--ledger", is_flag=True, help="The bridge's own too: leases, claims, raw deliveries.")
@bus_options
def command(subjects: tuple[str, ...], bus: Bus, **options: Any) -> None:
    """Follow what is on the bus: one line per message, coloured on a terminal, plain in a pipe.

    SUBJECT is a NATS pattern below the prefix, or a whole subject; several may be given. Times are UTC. A hole in
    an event's numbering is told on stderr.

    \b
    Examples:
      venuebus watch
      venuebus watch 'md.btse.quote.>' 'acct.*.*.order.>'
      venuebus watch 'acct.btse.>' --since 1h --no-follow --json | jq .message.status
    """
    if options["no_follow"] and options["since"] is None and options["last"] is None:
        raise click.UsageError("--no-follow needs --since or --last, or there is nothing to show")
    patterns = _disjoint([full_subject(bus, given) for given in subjects or (">",)])
    for pattern in patterns:
        if not PATTERN.fullmatch(pattern):
            raise click.UsageError(f"{pattern!r} is no NATS pattern: tokens joined by dots, * for one, > for the rest")
    printer = Printer(bus, as_json=options["as_json"], ledger=options["ledger"])
    asyncio.run(_watch(bus, patterns, printer, options))


def _disjoint(patterns: list[str]) -> list[str]:
    """Leave out what another pattern covers: a message is shown once."""
    unique = list(dict.fromkeys(patterns))
    return [one for one in unique if not any(other != one and covers(other, one) for other in unique)]


def _tell(error: Exception, bus: Bus, printer: Printer) -> None:
    denied = VIOLATION.search(str(error).lower())
    if denied is None:
        printer.note(str(error) or type(error).__name__)
    elif not denied[2].startswith("$js."):  # whoever asked JetStream says what that means
        printer.note(explain(denied[1], denied[2], bus.prefix))


async def _watch(bus: Bus, patterns: list[str], printer: Printer, options: dict[str, Any]) -> None:
    def changed(up: bool) -> None:
        printer.note("connected again; what came meanwhile is only in the streams" if up else "connection lost")

    limit = options["count"] or float("inf")
    async with (
        connected(bus, on_error=lambda error: _tell(error, bus, printer), on_change=changed) as client,
        AsyncExitStack() as stack,
    ):
        following = Following(client, printer.note)
        if not options["no_follow"]:
            await following.begin(patterns, stack)
        if options["since"] is not None or options["last"] is not None:
            stored: list[Stored] = await read_history(
                client, bus, patterns, since=options["since"], last=options["last"], note=printer.note
            )
            for item in stored:
                if printer.count < limit:
                    printer.show(item.subject, item.data, stored_ns=item.ts_ns)
        if sys.stdout.isatty() and not options["no_follow"] and not options["as_json"]:
            click.secho(f"watching {', '.join(patterns)} on {bus.shown}; Ctrl-C ends", fg="bright_black", err=True)
        while printer.count < limit and not options["no_follow"]:
            if following.idle:
                sys.stdout.flush()
                if following.dropped:
                    printer.note(f"{following.dropped} messages came faster than this output takes them")
                    following.dropped = 0
            message = await following.next()
            printer.show(message.subject, message.data)
        sys.stdout.flush()
