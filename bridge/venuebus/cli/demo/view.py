"""The demo's screen: a picture of a `Board`, drawn with rich."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from venuebus_schemas import Order, OrderStatus

from ..render import clock
from .board import Board, Venue

STATE_STYLES = {
    "ready": "bold green", "connecting": "yellow", "degraded": "yellow", "down": "bold red", "failed": "bold red",
    "halted": "magenta", "standby": "cyan", "closed": "bright_black",
}  # fmt: skip
STATUS_STYLES = {
    OrderStatus.FILLED: "green", OrderStatus.PARTIALLY_FILLED: "green", OrderStatus.REJECTED: "red",
    OrderStatus.UNKNOWN: "bold red", OrderStatus.CANCELED: "yellow", OrderStatus.EXPIRED: "yellow",
}  # fmt: skip
SYMBOLS = 3  # of a venue, on the screen


@dataclass(frozen=True)
class Header:
    """What stands above and below: addresses and the time since the start."""

    nats_url: str
    http_url: str
    seconds: float


def screen(board: Board, header: Header, height: int) -> RenderableType:
    """Return the whole screen, not higher than ``height`` rows."""
    venues = _venues(board)
    used = 9 + sum(max(1, min(SYMBOLS, len(venue.quotes))) for venue in board.venues.values())
    room = max(6, height - used)
    orders = max(3, room // 2 - 2)
    return Group(
        _title(board, header),
        Panel(venues, title="venues", title_align="left", border_style="bright_black"),
        Panel(_orders(board, orders), title="orders", title_align="left", border_style="bright_black"),
        Panel(_activity(board, max(2, room - orders - 3)), title="account and session events", title_align="left",
              border_style="bright_black"),
        _footer(header),
    )  # fmt: skip


def _title(board: Board, header: Header) -> Text:
    rate = sum(venue.rate for venue in board.venues.values())
    text = Text.assemble(
        ("venuebus demo", "bold"), f"  {_duration(header.seconds)}  ", (f"{rate:,.0f} events/s", "cyan"),
        f"  commands {sum(board.commands.values())}", ("  accepted ", "bright_black"), str(board.results["accepted"]),
        ("  rejected ", "bright_black"), str(board.results["rejected"]), ("  unknown now ", "bright_black"),
        (str(len(board.unknown)), "bold red" if board.unknown else ""), no_wrap=True,
    )  # fmt: skip
    if board.latencies_ms:
        text.append(f"  answered in {median(board.latencies_ms):.1f} ms (median)", "bright_black")
    return text


def _footer(header: Header) -> Text:
    return Text.assemble(
        ("In another terminal: ", "bright_black"), f"venuebus watch --server {header.nats_url}",
        ("   Metrics: ", "bright_black"), f"{header.http_url}/metrics", ("   Ctrl-C ends", "bright_black"),
        no_wrap=True, overflow="ellipsis",
    )  # fmt: skip


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bright_black", expand=True, padding=(0, 1, 0, 0))
    for title in titles:
        left = title in ("venue", "state", "symbol", "order", "status", "event", "time", "last trade")
        table.add_column(title, no_wrap=True, overflow="ellipsis", justify="left" if left else "right")
    return table


def _venues(board: Board) -> Table:
    table = _table("venue", "state", "symbol", "bid size", "bid", "ask", "ask size", "last trade", "events", "/s")
    for venue in board.venues.values():
        state = Text(venue.state, STATE_STYLES.get(venue.state, ""))
        if venue.text and venue.state not in ("ready", "closed"):
            state.append(f" {venue.text}", "bright_black")
        rows = _quote_rows(venue) or [["", "", "", "", "", ""]]
        for number, row in enumerate(rows):
            head = [Text(venue.name, "bold"), state] if number == 0 else ["", ""]
            tail = [f"{venue.events:,}", f"{venue.rate:,.0f}"] if number == 0 else ["", ""]
            table.add_row(*head, *row, *tail)
    if not board.venues:
        table.add_row(Text("waiting for the first event", "bright_black"))
    return table


def _quote_rows(venue: Venue) -> list[list[RenderableType]]:
    rows: list[list[RenderableType]] = []
    for symbol in sorted(set(venue.quotes) | set(venue.trades))[:SYMBOLS]:
        quote, trade = venue.quotes.get(symbol), venue.trades.get(symbol)
        last = Text()
        if trade is not None:
            last = Text(f"{trade.size} @ {trade.price}", {"buy": "green", "sell": "red"}.get(str(trade.aggressor), ""))
        if quote is None:
            rows.append([symbol, "", "", "", "", last])
        else:
            bid, ask = Text(quote.bid or "-", "green"), Text(quote.ask or "-", "red")
            rows.append([symbol, quote.bid_size or "", bid, ask, quote.ask_size or "", last])
    return rows


def _orders(board: Board, count: int) -> Table:
    table = _table("venue", "order", "symbol", "side", "price", "filled", "quantity", "avg", "status", "time")
    for (venue, key), order in list(reversed(board.orders.items()))[:count]:
        table.add_row(venue, key, *_order_row(order))
    if not board.orders:
        table.add_row(Text("none yet", "bright_black"))
    return table


def _order_row(order: Order) -> list[RenderableType]:
    side = Text(str(order.side), "green" if order.side == "buy" else "red")
    status = Text(str(order.status), STATUS_STYLES.get(order.status, "cyan"))
    price = order.price or str(order.order_type)
    time = clock(order.ts_recv) if order.ts_recv else ""
    quantity = order.quantity or order.quote_quantity or ""
    return [order.symbol, side, price, order.filled_quantity, quantity, order.avg_fill_price or "", status, time]


def _activity(board: Board, count: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for shown in list(board.activity)[-count:]:
        text.append(str(shown) + "\n", shown.color or "")
    return text


def _duration(seconds: float) -> str:
    return f"{int(seconds) // 60:d}:{int(seconds) % 60:02d}"
