"""What is refused before anything is claimed: undecodable, misaddressed, unsupported, out of bounds."""

from __future__ import annotations

import msgspec
from venuebus_schemas import (
    Amend,
    AnyCommand,
    CancelAfter,
    CommandError,
    Event,
    Reason,
    Subject,
    Submit,
    TimeInForce,
    Verb,
    check_command,
    decode_command,
)

from ..errors import CommandRejected
from ..guard import call
from ..venue import Capabilities, Interceptor

MAX_COMMAND = 64 * 1024  # bytes; the claim repeats a command, and must itself fit into a message
DEFAULT_LIFE_NS = 5_000_000_000  # a submit or amend without expires_at is not executed later than this


def read_command(subject: Subject, data: bytes) -> AnyCommand:
    """Decode a command and hold it against the subject it came on and the rules of the contract.

    Raises:
        CommandRejected: with the reason that its result carries.
    """
    try:
        verb = Verb(subject.kind)
    except ValueError:
        verb = Verb.UNKNOWN
    if verb is Verb.UNKNOWN:
        have = ", ".join(verb for verb in Verb if verb is not Verb.UNKNOWN)
        raise CommandRejected(Reason.INVALID, f"unknown verb {subject.kind!r}; known: {have}")
    if len(data) > MAX_COMMAND:
        raise CommandRejected(Reason.INVALID, f"{len(data)} bytes; a command has {MAX_COMMAND} at most")
    try:
        command = decode_command(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        begins = data.lstrip()[:1]
        seen = "" if begins == b"{" else f"read as MessagePack, since JSON begins with {{, not {begins!r}: "
        raise CommandRejected(Reason.INVALID, f"not a command: {seen}{error}") from error
    if command.__struct_config__.tag != subject.kind:
        raise CommandRejected(
            Reason.INVALID,
            f"type {command.__struct_config__.tag!r} does not match the verb {subject.kind!r} of its subject",
        )
    if command.command_id != subject.key:
        raise CommandRejected(Reason.INVALID, f"command_id {command.command_id!r} is not the subject's {subject.key!r}")
    try:
        check_command(command)
    except CommandError as error:
        raise CommandRejected(error.reason, str(error)) from error
    return command


def check_capabilities(command: AnyCommand, verb: Verb, can: Capabilities) -> None:
    """Refuse what the venue does not offer.

    Raises:
        CommandRejected: ``unsupported``, naming what is.
    """
    if verb not in can.verbs:
        have = ", ".join(sorted(can.verbs)) or "no commands at all"
        raise CommandRejected(Reason.UNSUPPORTED, f"{verb} is not supported here; supported: {have}")
    if not isinstance(command, Submit):
        return
    _one_of("order_type", command.order_type, can.order_types)
    if command.time_in_force is not None and can.time_in_force:
        _one_of("time_in_force", command.time_in_force, can.time_in_force | {TimeInForce.OTHER})
    if command.position_effect is not None:
        _one_of("position_effect", command.position_effect, can.position_effects)
    for name, offered in (
        ("quote_quantity", can.quote_quantity), ("post_only", can.post_only), ("reduce_only", can.reduce_only),
    ):  # fmt: skip
        if getattr(command, name) and not offered:
            raise CommandRejected(Reason.UNSUPPORTED, f"{name} is not supported here")


def _one_of(name: str, value: str, offered: frozenset[str] | frozenset[object]) -> None:
    if value not in offered:
        have = ", ".join(sorted(str(item) for item in offered)) or "none"
        raise CommandRejected(Reason.UNSUPPORTED, f"{name} {value} is not supported here; supported: {have}")


def expiry(command: AnyCommand, ts_published: int) -> int | None:
    """Return when ``command`` must not be executed any more (ns), or ``None`` for never."""
    if command.expires_at is not None:
        return command.expires_at
    if isinstance(command, Submit | Amend):
        return ts_published + DEFAULT_LIFE_NS
    if isinstance(command, CancelAfter):
        return ts_published + DEFAULT_LIFE_NS  # a switch that is armed late cancels what it was not meant for
    return None


def intercept(interceptors: tuple[Interceptor, ...], command: AnyCommand, venue: str, account: str) -> None:
    """Show ``command`` to every interceptor, in their order.

    Raises:
        CommandRejected: one refused it, or failed, which refuses it too.
    """
    for interceptor in interceptors:
        who = f"interceptor {interceptor.name}"
        try:
            said = call(who, "check", interceptor.check, command, venue, account)
        except CommandRejected:
            raise
        except Exception as error:
            raise CommandRejected(Reason.INTERNAL, f"{who} failed: {error}") from error
        if said is not None:  # whatever that means, it is not "let it pass"
            text = f"{who} failed: check() returned {type(said).__name__}; it must return nothing, or raise"
            raise CommandRejected(Reason.INTERNAL, text)


class Observers:
    """A guarded tuple of observers: one that keeps failing is switched off and reported."""

    FAILURES = 10

    def __init__(self, observers: tuple[object, ...], report: object) -> None:
        self.active = list(observers)
        self._failures: dict[int, int] = {}
        self._report = report

    def __bool__(self) -> bool:
        return bool(self.active)

    def observe(self, event: Event) -> None:
        """Show ``event`` to every observer that still works."""
        for observer in tuple(self.active):
            try:
                call("observer", "observe", observer.observe, event, event.venue)  # type: ignore[attr-defined]
            except Exception as error:  # noqa: BLE001 - an observer must not hurt what it observes
                count = self._failures[id(observer)] = self._failures.get(id(observer), 0) + 1
                if count >= self.FAILURES:
                    self.active.remove(observer)
                    self._report(observer, error)  # type: ignore[operator]
