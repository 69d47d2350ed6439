"""``venuebus resolve``."""

from __future__ import annotations

import asyncio
import getpass

import click
from venuebus_schemas import ResolveRequest, ResultStatus

from .connection import Bus, bus_options, connected


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        return ""


@click.command(short_help="Say what became of a command whose outcome is unknown.")
@click.argument("command_id")
@click.option("--venue", required=True, help="Name of the venue in the bridge's configuration.")
@click.option("--account", default="main", show_default=True, help="Alias of the account.")
@click.option(
    "--status", required=True, type=click.Choice(["accepted", "rejected"]), help="What the venue's books say."
)
@click.option("--why", required=True, metavar="TEXT", help="How you know; kept with the result.")
@click.option("--by", default=_user, metavar="NAME", help="Who says so (default: your user name).")
@bus_options
def command(command_id: str, bus: Bus, venue: str, account: str, status: str, why: str, by: str) -> None:
    """Say what became of a command whose outcome neither the venue nor the bridge could prove.

    Look it up at the venue first: the bridge believes you, publishes the result as yours and never asks again.

    \b
    Example:
      venuebus resolve cli-250101-120000-1a2b3c4d --venue btse --status rejected --why "not in the venue's history"
    """
    if not by:
        raise click.UsageError("--by: who says so?")
    body = ResolveRequest(account=account, command_id=command_id, status=ResultStatus(status), by=by, why=why)
    asyncio.run(_resolve(bus, venue, body))
    click.echo(f"{command_id} in {venue}/{account} is {status}, says {by}")


async def _resolve(bus: Bus, venue: str, body: ResolveRequest) -> None:
    async with connected(bus) as client:
        await client.control(venue, "resolve", body, timeout=5)
