"""``venuebus orders``."""

from __future__ import annotations

import asyncio
import sys

import click
import msgspec
from venuebus_schemas import Order, OrderStatus

from .connection import Bus, bus_options, connected
from .render import clock
from .tables import show_table


@click.command(short_help="List the orders of an account, the unknown ones first.")
@click.option("--venue", required=True, help="Name of the venue in the bridge's configuration.")
@click.option("--account", default="main", show_default=True, help="Alias of the account.")
@click.option("--symbol", help="Only this symbol.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@bus_options
def command(bus: Bus, venue: str, account: str, symbol: str | None, as_json: bool) -> None:
    """List the orders that the bridge knows as open, and those whose outcome is unknown first.

    An unknown order is settled by the bridge asking the venue, or by you: see `venuebus resolve --help`.

    \b
    Example:
      venuebus orders --venue btse
    """
    orders = asyncio.run(_ask(bus, venue, account, symbol))
    if as_json:
        for order in orders:
            print(msgspec.json.encode(order).decode())
        return
    if not orders:
        click.echo(f"no open orders in {venue}/{account}")
        return
    orders.sort(key=lambda order: (order.status is not OrderStatus.UNKNOWN, order.ts_created or order.ts_recv))
    rows = [
        [
            str(order.status),
            order.symbol,
            str(order.side),
            str(order.order_type),
            order.quantity or order.quote_quantity or "",
            order.filled_quantity,
            order.price or "",
            order.client_order_id or "",
            order.venue_order_id or "",
            clock(order.ts_created or order.ts_recv) if order.ts_created or order.ts_recv else "",
        ]
        for order in orders
    ]
    titles = ["status", "symbol", "side", "type", "quantity", "filled", "price", "client id", "venue id", "since (UTC)"]
    show_table(titles, rows, colors={"unknown": "red"})
    unknown = sum(order.status is OrderStatus.UNKNOWN for order in orders)
    if unknown and sys.stdout.isatty():
        click.secho(f"{unknown} with an unknown outcome: `venuebus resolve --help`", fg="red", err=True)


async def _ask(bus: Bus, venue: str, account: str, symbol: str | None) -> list[Order]:
    async with connected(bus) as client:
        return await client.orders(venue, account=account, symbol=symbol)
