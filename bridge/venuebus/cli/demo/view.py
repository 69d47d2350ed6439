"""The demo's screen: a picture of a `Board`, drawn with rich."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal

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
WIDE = 120  # columns that the whole tables need
LEFT = {"venue", "state", "symbol", "order", "status", "event", "time", "last trade"}


@dataclass(frozen=True)
class Header:
    """What stands above and below: addresses and the time since the start."""

    nats_url: str
    http_url: str
    seconds: float


def screen(board: Board, header: Header, width: int, height: int) -> RenderableType:
    """Return the whole screen, not higher than ``height`` rows; a narrow one leaves columns out."""
    narrow = width < WIDE
    venues = _venues(board, narrow)
    used = 11 + sum(len(_quote_rows(venue)) or 1 for venue in board.venues.values())
    room = max(6, height - used)
    orders = max(3, room // 2 - 2)
    return Group(
        _title(board, header),
        Panel(venues, title="venues", title_align="left", border_style="bright_black"),
        Panel(_orders(board, orders, narrow), title="orders", title_align="left", border_style="bright_black"),
        Panel(_activity(board, max(2, room - orders)), title="account and session events", title_align="left",
              border_style="bright_black"),
        _footer(header),
    )  # fmt: skip


def _title(board: Board, header: Header) -> Text:
    rate = sum(venue.rate for venue in board.venues.values())
    text = Text.assemble(
        ("venuebus demo", "bold"), f"  {_duration(header.seconds)}  ", (f"{rate:,.0f} events/s", "cyan"),
        (f"  {len(board.unknown)} unknown", "bold red" if board.unknown else ""),
        f"  {sum(board.commands.values())} commands", (f"  {board.results['accepted']} accepted", "bright_black"),
        (f"  {board.results['rejected']} rejected", "bright_black"), no_wrap=True, overflow="ellipsis",
    )  # fmt: skip
    if board.latencies_ms:
        text.append(f"  {median(board.latencies_ms):.1f} ms to the answer (median)", "bright_black")
    return text


def _footer(header: Header) -> Text:
    return Text.assemble(
        ("Ctrl-C ends.  In another terminal: ", "bright_black"), f"venuebus watch --server {header.nats_url}",
        ("   Metrics: ", "bright_black"), f"{header.http_url}/metrics",
        no_wrap=True, overflow="ellipsis",
    )  # fmt: skip


def _table(titles: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bright_black", expand=True, padding=(0, 1, 0, 0))
    for title in titles:
        justify: Literal["left", "right"] = "left" if title in LEFT else "right"
        whole = {"state": 10, "status": 9, "venue": 6}.get(title)
        table.add_column(title, no_wrap=True, overflow="ellipsis", justify=justify, min_width=whole)
    return table


def _add(table: Table, row: dict[str, RenderableType]) -> None:
    """Add the cells of ``row`` that the table has columns for."""
    table.add_row(*(row.get(str(column.header), "") for column in table.columns))


def _venues(board: Board, narrow: bool) -> Table:
    sizes = [] if narrow else ["bid size", "ask size", "last trade"]
    titles = ["venue", "state", "symbol", *sizes[:1], "bid", "ask", *sizes[1:], "events", "/s"]
    table = _table(titles)
    for venue in board.venues.values():
        state = Text(venue.state, STATE_STYLES.get(venue.state, ""))
        if venue.text and venue.state not in ("ready", "closed"):
            state.append(f" {venue.text}", "bright_black")
        rows = _quote_rows(venue) or [{}]
        rows[0] |= {"venue": Text(venue.name, "bold"), "state": state}
        rows[0] |= {"events": f"{venue.events:,}", "/s": f"{venue.rate:,.0f}"}
        for row in rows:
            _add(table, row)
    if not board.venues:
        _add(table, {"state": Text("waiting for the first event", "bright_black")})
    return table


def _quote_rows(venue: Venue) -> list[dict[str, RenderableType]]:
    rows: list[dict[str, RenderableType]] = []
    for symbol in sorted(set(venue.quotes) | set(venue.trades))[:SYMBOLS]:
        row: dict[str, RenderableType] = {"symbol": symbol}
        quote, trade = venue.quotes.get(symbol), venue.trades.get(symbol)
        if trade is not None:
            color = {"buy": "green", "sell": "red"}.get(str(trade.aggressor), "")
            row["last trade"] = Text(f"{trade.size} @ {trade.price}", color)
        if quote is not None:
            row |= {"bid": Text(quote.bid or "-", "green"), "ask": Text(quote.ask or "-", "red")}
            row |= {"bid size": quote.bid_size or "", "ask size": quote.ask_size or ""}
        rows.append(row)
    if venue.forwards and not rows:
        last = list(venue.forwards.values())[-1]
        pair = f"{last.buy_currency}/{last.sell_currency}"
        rows.append({"symbol": pair, "bid": last.price or "", "last trade": f"{last.status} {last.buy_amount}"})
        rows.append({"symbol": f"{sum(one.status == 'open' for one in venue.forwards.values())} forwards open"})
    return rows


def _orders(board: Board, count: int, narrow: bool) -> Table:
    details = [] if narrow else ["avg", "time"]
    titles = ["venue", "order", "symbol", "side", "price", "filled", "quantity", *details[:1], "status", *details[1:]]
    table = _table(titles)
    for (venue, key), order in list(reversed(board.orders.items()))[:count]:
        _add(table, {"venue": venue, "order": key, **_order_row(order)})
    if not board.orders:
        _add(table, {"order": Text("none yet", "bright_black")})
    return table


def _order_row(order: Order) -> dict[str, RenderableType]:
    return {
        "symbol": order.symbol,
        "side": Text(str(order.side), "green" if order.side == "buy" else "red"),
        "price": order.price or str(order.order_type),
        "filled": order.filled_quantity,
        "quantity": order.quantity or order.quote_quantity or "",
        "avg": order.avg_fill_price or "",
        "status": Text(str(order.status), STATUS_STYLES.get(order.status, "cyan")),
        "time": clock(order.ts_recv) if order.ts_recv else "",
    }


def _activity(board: Board, count: int) -> Text:
    shown = list(board.activity)[-count:]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(Text(str(line), line.color or "") for line in shown)


def _duration(seconds: float) -> str:
    return f"{int(seconds) // 60:d}:{int(seconds) % 60:02d}"
