"""Who may use which subject: four roles, as narrow as what each of them really does.

Everything is built from `Subjects` and `StreamNames`, and tried against a real nats-server by running a bridge, the
client and the command line under it. A reader of account events gets them from the stream through a consumer whose
create subject carries its filter, the only form that the server can check; leases, claims and the commands' own
stream are out of its reach.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, get_args

import msgspec
from venuebus_schemas import EVENT_TYPES, AccountEvent, StreamNames, Subjects

Role = Literal["strategy", "bridge", "observer", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)
API = "$JS.API"
ANY = "*"
KINDS = tuple(tag for tag, kind in EVENT_TYPES.items() if issubclass(kind, AccountEvent))
"""The account events that readers may see; the ledger's own are not among them."""


class Scope(msgspec.Struct, kw_only=True, frozen=True):
    """What a role is given for.

    Attributes:
        accounts: pairs of venue and account; ``*`` stands for all of them.
        inbox: prefix of the user's own inboxes, where replies go.
        readers: names of the user's consumers; ``*`` lets it make them under names that nobody can guess.
        creates: whether the bridge may make the streams (``manage_streams = "app"``).
        replicated: whether the streams have more than one replica, so that they are read at their leader.
        webhooks, retained: whether a venue calls us, and whether market data is kept.
    """

    accounts: tuple[tuple[str, str], ...] = ((ANY, ANY),)
    inbox: str = "_INBOX"
    readers: tuple[str, ...] = (ANY,)
    creates: bool = True
    replicated: bool = False
    webhooks: bool = True
    retained: bool = True


class Grants(msgspec.Struct, kw_only=True, frozen=True):
    """Subjects that a user may publish to and subscribe to. ``responses``: may answer a request, once."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    responses: bool = False

    def __or__(self, other: Grants) -> Grants:
        """Return what both allow together."""
        return Grants(
            publish=tuple(dict.fromkeys((*self.publish, *other.publish))),
            subscribe=tuple(dict.fromkeys((*self.subscribe, *other.subscribe))),
            responses=self.responses or other.responses,
        )


def grants(role: Role, scope: Scope, prefix: str = "vb") -> Grants:
    """Return what ``role`` needs for ``scope``, and nothing else."""
    subjects, names = Subjects(prefix), StreamNames(prefix)
    inbox = (f"{scope.inbox}.>",)
    if role == "bridge":
        publish = [*_bridge_events(scope, subjects, names), *_bridge_api(scope, subjects, names)]
        return Grants(
            publish=_unique(publish), subscribe=_unique((*_bridge_serves(scope, subjects), *inbox)), responses=True
        )
    publish, subscribe = [*_reads(scope, subjects, names)], [*_hears(scope, subjects)]
    for venue, account in scope.accounts:
        publish.append(subjects.query(venue, account, ANY))
        if role == "strategy":
            publish.append(_below(subjects.command(venue, account, "verb", "id"), 2, f"{ANY}.{ANY}"))
        if role == "operator":
            publish.append(subjects.control(venue, ANY))
    if role in ("observer", "operator"):
        publish += _dead_letters(scope, subjects, names)
        subscribe += [subjects.dead(venue, ANY) for venue, _ in scope.accounts]
    if role == "operator":
        publish += _service()
    return Grants(publish=_unique(publish), subscribe=_unique((*subscribe, *inbox)))


# --- readers --------------------------------------------------------------------------------------------------


def _reads(scope: Scope, subjects: Subjects, names: StreamNames) -> Iterable[str]:
    events = [_below(subjects.account(v, a, kind, "key"), 1, ANY) for v, a in scope.accounts for kind in KINDS]
    yield from _consumers(scope, names.account, events)
    yield from _consumers(scope, names.system, (subjects.system(venue, ANY) for venue, _ in scope.accounts))
    if scope.retained:
        kept = [_below(subjects.market(venue, "kind", "key"), 2, ">") for venue, _ in scope.accounts]
        yield from _consumers(scope, names.market, kept)


def _dead_letters(scope: Scope, subjects: Subjects, names: StreamNames) -> Iterable[str]:
    yield from _consumers(scope, names.dead, (subjects.dead(venue, ANY) for venue, _ in scope.accounts))


def _consumers(scope: Scope, stream: str, filters: Iterable[str]) -> Iterable[str]:
    filters = list(filters)
    for name in scope.readers:
        for wanted in filters:
            yield f"{API}.CONSUMER.CREATE.{stream}.{name}.{wanted}"
        yield f"{API}.CONSUMER.MSG.NEXT.{stream}.{name}"
        if name != ANY:  # of a consumer of its own a user may know and do all; of nameless ones only the name protects
            yield f"{API}.CONSUMER.INFO.{stream}.{name}"
            yield f"{API}.CONSUMER.DELETE.{stream}.{name}"
            yield f"$JS.ACK.{stream}.{name}.>"


def _hears(scope: Scope, subjects: Subjects) -> Iterable[str]:
    for venue, _ in scope.accounts:
        yield _below(subjects.market(venue, "kind", "key"), 2, ">")
        yield subjects.system(venue, ANY)


def _service() -> Iterable[str]:
    for verb in ("PING", "INFO", "STATS"):
        yield from (f"$SRV.{verb}", f"$SRV.{verb}.venuebus", f"$SRV.{verb}.venuebus.*")


# --- the bridge -----------------------------------------------------------------------------------------------


def _bridge_events(scope: Scope, subjects: Subjects, names: StreamNames) -> Iterable[str]:
    for venue, account in scope.accounts:
        yield _below(subjects.account(venue, account, "kind", "key"), 2, ">")
        yield _below(subjects.account(venue, ANY, "result", "key"), 1, ANY)  # a refusal of an account nobody has
        yield _below(subjects.market(venue, "kind", "key"), 2, ">")
        yield subjects.system(venue, ANY)
        yield subjects.dead(venue, ANY)
        if scope.webhooks:
            yield _below(subjects.hook(venue, "id"), 1, ANY)
        yield f"$KV.{names.bucket}.lease.{venue}.{account}"
        yield f"$KV.{names.bucket}.checkpoint.{venue}.{account}"


def _bridge_serves(scope: Scope, subjects: Subjects) -> Iterable[str]:
    for venue, _ in scope.accounts:
        yield subjects.query(venue, ANY, ANY)
        yield subjects.control(venue, ANY)
    yield from _service()


def _bridge_api(scope: Scope, subjects: Subjects, names: StreamNames) -> Iterable[str]:
    streams = [names.commands, names.account, names.system, names.dead, names.state]
    streams += [names.hooks] * scope.webhooks + [names.market] * scope.retained
    for stream in streams:
        yield f"{API}.STREAM.INFO.{stream}"
        if scope.creates:
            yield f"{API}.STREAM.CREATE.{stream}"
    if scope.creates and scope.retained:
        yield f"{API}.STREAM.UPDATE.{names.market}"
    read_at_leader = [names.account] * (scope.replicated or scope.webhooks)
    if scope.replicated:
        read_at_leader += [names.state, *[names.hooks] * scope.webhooks]
    for stream in read_at_leader:
        yield f"{API}.STREAM.MSG.GET.{stream}"
    for venue, account in scope.accounts:
        yield from _bridge_reads(scope, subjects, names, venue, account)


def _bridge_reads(scope: Scope, subjects: Subjects, names: StreamNames, venue: str, account: str) -> Iterable[str]:
    ours = _below(subjects.account(venue, account, "kind", "key"), 2, ">")
    yield f"{API}.DIRECT.GET.{names.account}.{ours}"
    yield f"{API}.DIRECT.GET.{names.state}.$KV.{names.bucket}.*.{venue}.{account}"
    yield f"{API}.CONSUMER.CREATE.{names.account}.*.{ours}"
    for verb in ("MSG.NEXT", "DELETE"):
        yield f"{API}.CONSUMER.{verb}.{names.account}.*"
    every = ANY if venue == ANY else f"bridge_{venue}"
    commands = _below(subjects.command(venue, ANY, "verb", "id"), 3, ">")
    yield from _durable(names.commands, every, commands)
    if venue == ANY:  # who serves all venues also refuses the commands to those that nobody serves
        yield from _durable(names.commands, "bridge_orphans", _below(commands, 2, ">"))
        yield f"{API}.DIRECT.GET.{names.system}.{subjects.system(ANY, 'session')}"
    if scope.webhooks:
        deliveries = _below(subjects.hook(venue, "id"), 1, ">")
        yield from _durable(names.hooks, every, deliveries)
        yield f"{API}.DIRECT.GET.{names.hooks}.{deliveries}"


def _durable(stream: str, name: str, wanted: str) -> Iterable[str]:
    yield f"{API}.CONSUMER.CREATE.{stream}.{name}.{wanted}"
    yield f"{API}.CONSUMER.MSG.NEXT.{stream}.{name}"
    yield f"$JS.ACK.{stream}.{name}.>"


# --- what a refusal means -------------------------------------------------------------------------------------


def explain(action: str, subject: str, prefix: str = "vb") -> str:
    """Return for people what a denied ``subject`` (in lower case, as nats-py tells it) takes.

    ``action`` is publish or subscription.
    """
    told = f"this login may not {'publish' if action == 'publish' else 'subscribe'} to {subject}"
    if action != "publish" and subject.startswith("_inbox"):
        return (
            f"{told}, so it cannot hear answers: set the inbox prefix of this user (bus.inbox_prefix, --inbox-prefix)"
        )
    roles = [
        role
        for role, granted in _everything(prefix)
        if any(covers(pattern, subject) for pattern in (granted.publish if action == "publish" else granted.subscribe))
    ]
    if not roles:
        return f"{told}, and no role of venuebus does: see `venuebus permissions --help`"
    readers = [role for role in roles if role != "bridge"] or roles
    return f"{told}: it takes the role {' or '.join(readers)}, see `venuebus permissions --role {readers[0]} --help`"


@lru_cache(maxsize=8)
def _everything(prefix: str) -> tuple[tuple[Role, Grants], ...]:
    found = []
    for role in ROLES:
        granted = grants(role, Scope(), prefix)
        publish = tuple(pattern.casefold() for pattern in granted.publish)
        found.append((role, Grants(publish=publish, subscribe=tuple(p.casefold() for p in granted.subscribe[:-1]))))
    return tuple(found)


def covers(pattern: str, subject: str) -> bool:
    """Tell whether everything that ``subject`` (itself perhaps a pattern) matches is matched by ``pattern``."""
    ours, theirs = pattern.split("."), subject.split(".")
    for position, token in enumerate(ours):
        if token == ">":
            return len(theirs) > position
        if position >= len(theirs) or theirs[position] == ">":
            return False
        if token not in (ANY, theirs[position]):
            return False
    return len(ours) == len(theirs)


def _below(subject: str, levels: int, tail: str) -> str:
    return ".".join([*subject.split(".")[:-levels], tail])


def _unique(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns once each, without those that another one covers."""
    given = list(dict.fromkeys(patterns))
    return tuple(one for one in given if not any(other != one and covers(other, one) for other in given))
