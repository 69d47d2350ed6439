"""``venuebus permissions``."""

from __future__ import annotations

import json
from typing import Any

import click
from venuebus_schemas.subjects import NAME

from ..bus.grants import ANY, ROLES, Role, Scope
from ..bus.permissions import NKEY, jwt_claims, nats_account, nats_user, permissions

ABOUT: dict[Role, str] = {
    "strategy": "sends commands of its accounts; reads them, their venues' market data and states",
    "bridge": "writes events, leases and claims of its venues; reads their commands; answers requests",
    "observer": "reads events, market data, states and dead letters, asks for orders; changes nothing",
    "operator": "as observer; also halts, resumes, reconnects and resolves",
}


@click.command(short_help="Print the NATS permissions of a role.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="May be given again.")
@click.option("--venue", "venues", multiple=True, metavar="V", help="Venue (default: all). May be given again.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="A",
    help="Account, of every --venue, or VENUE/ACCOUNT (default: all). May be given again.",
)
@click.option("--prefix", default="vb", show_default=True, envvar="VENUEBUS_PREFIX", help="Subject prefix.")
@click.option(
    "--format",
    "as_what",
    default="nats",
    show_default=True,
    type=click.Choice(["nats", "jwt"]),
    help="nats-server configuration, or the claims of a user's JWT.",
)
@click.option("--name", help="The user's name (default: the role's); its inbox prefix is _INBOX_NAME.")
@click.option("--nkey", metavar="U…", help="The user's public nkey (default: a placeholder).")
@click.option("--inbox-prefix", metavar="TOKEN", help="Another inbox prefix.")
@click.option(
    "--reader",
    "readers",
    multiple=True,
    metavar="NAME",
    help="Only consumers of this name, the user's own. May be given again.",
)
@click.option(
    "--streams",
    default="app",
    show_default=True,
    type=click.Choice(["app", "check"]),
    help="bus.manage_streams: whether the bridge makes the streams or an admin does.",
)
@click.option("--replicas", default=1, show_default=True, type=click.IntRange(1, 5), help="bus.replicas.")
@click.option("--webhooks/--no-webhooks", default=True, help="Whether a venue calls the bridge.")
@click.option("--retain/--no-retain", default=True, help="Whether market data is kept on the bus.")
@click.option(
    "--nats-account",
    default="VENUEBUS",
    show_default=True,
    metavar="NAME",
    help="Name of the account in nats-server's configuration.",
)
@click.option("--entry", is_flag=True, help="Only the user's entry, for a `users` list that exists.")  # fmt: skip
def command(roles: tuple[Role, ...], **options: Any) -> None:
    """Print what nats-server must be told to let a user do one role's work, and nothing else.

    \b
      strategy  sends commands of its accounts; reads them, their venues' market data and states
      bridge    writes events, leases and claims of its venues; reads their commands; answers requests
      observer  reads events, market data, states and dead letters, asks for orders; changes nothing
      operator  as observer; also halts, resumes, reconnects and resolves

    Make keys with `nk -gen user -pubout` and give the public one. docs/security.md tells the rest.

    \b
    Examples:
      venuebus permissions --role strategy --venue btse --account main --name s1 --nkey UDXU… > strategy.conf
      venuebus permissions --role bridge --venue btse --venue ctp --format jwt
      venuebus permissions --role strategy --role operator --account btse/main --entry
    """
    name = options["name"] or roles[0]
    inbox = options["inbox_prefix"] or f"_INBOX_{name}"
    _check_names(name, inbox, options)
    nkey = options["nkey"] or f"REPLACE_BY_THE_PUBLIC_NKEY_OF_{name}"
    scope = Scope(
        accounts=_accounts(options["venues"], options["accounts"]),
        inbox=inbox,
        readers=options["readers"] or (ANY,),
        creates=options["streams"] == "app",
        replicated=options["replicas"] > 1,
        webhooks=options["webhooks"],
        retained=options["retain"],
    )
    granted = permissions(roles, scope, options["prefix"])
    if options["as_what"] == "jwt":
        click.echo(json.dumps(jwt_claims(granted, nkey, name), indent=2))
        return
    where = ", ".join("/".join(pair) for pair in scope.accounts)
    for role in dict.fromkeys(roles):
        click.echo(f"# {role} of {where}: {ABOUT[role]}.")
    click.echo(f"# Its inbox prefix is {inbox}: " + _setting(roles))
    click.echo(nats_user(granted, nkey) if options["entry"] else nats_account(granted, nkey, options["nats_account"]))


def _check_names(name: str, inbox: str, options: dict[str, Any]) -> None:
    if options["nkey"] and not NKEY.match(options["nkey"]):
        raise click.UsageError("--nkey: expected a user's public nkey: U and 55 of A-Z 2-7 (never the seed, SU…)")
    given = {"name": [name], "inbox-prefix": inbox.split("."), "reader": options["readers"],
             "nats-account": [options["nats_account"]], "prefix": options["prefix"].split(".")}  # fmt: skip
    for key, tokens in given.items():
        if not all(NAME.match(token) for token in tokens):
            raise click.UsageError(f"--{key}: expected 1 to 64 of A-Z a-z 0-9 _ -")


def _setting(roles: tuple[Role, ...]) -> str:
    return "`inbox_prefix` in [bus]." if "bridge" in roles else "`inbox_prefix` of its client, --inbox-prefix here."


def _accounts(venues: tuple[str, ...], accounts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return pairs of venue and account.

    Raises:
        click.UsageError: a name is none.
    """
    pairs = []
    for account in accounts or (ANY,):
        venue, slash, alone = account.rpartition("/")
        pairs += [(venue, alone)] if slash else [(each, account) for each in venues or (ANY,)]
    named = {venue for venue, _ in pairs}
    pairs += [(venue, ANY) for venue in venues if venue not in named]
    for token in {token for pair in pairs for token in pair} - {ANY}:
        if not NAME.match(token):
            raise click.UsageError(f"--venue and --account: {token!r} is not 1 to 64 of A-Z a-z 0-9 _ -")
    return tuple(dict.fromkeys(pairs))
