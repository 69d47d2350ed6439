"""How the demo is shown: a live screen on a terminal, plain lines in a pipe."""

from __future__ import annotations

import asyncio
import time

import click
from rich.console import Console
from rich.live import Live

from .board import Board
from .view import Header, screen

REFRESH = 0.25
SUMMARY = 2.0  # seconds between two summaries in a pipe


async def show_screen(board: Board, nats_url: str, http_url: str) -> None:
    """Draw the board four times a second until canceled; then leave its last picture's figures on the terminal."""
    console = Console(highlight=False)
    started = marked = time.monotonic()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                now = time.monotonic()
                if now - marked >= 1:
                    board.mark(now - marked)
                    marked = now
                header = Header(nats_url, http_url, now - started)
                live.update(screen(board, header, console.width, console.height), refresh=True)
                await asyncio.sleep(REFRESH)
        finally:
            live.stop()
            for text in summary(board):
                click.echo(text)


async def show_lines(board: Board, nats_url: str, http_url: str) -> None:
    """Print what happens, and every other second a summary, until canceled."""
    click.echo(f"bus {nats_url}  metrics {http_url}/metrics")
    printed, marked = 0, time.monotonic()
    try:
        while True:
            printed = _print_new(board, printed)
            now = time.monotonic()
            if now - marked >= SUMMARY:
                board.mark(now - marked)
                marked = now
                for text in summary(board):
                    click.echo(text)
            await asyncio.sleep(REFRESH)
    finally:
        _print_new(board, printed)
        for text in summary(board):
            click.echo(text)


def summary(board: Board) -> list[str]:
    """Return one line per venue, and one about the commands."""
    lines = []
    for venue in board.venues.values():
        quotes = "  ".join(f"{symbol} {q.bid or '-'}/{q.ask or '-'}" for symbol, q in sorted(venue.quotes.items())[:3])
        lines.append(f"  {venue.name}: {venue.state}  {venue.events} events  {venue.rate:.0f}/s  {quotes}".rstrip())
    results = "  ".join(f"{name} {count}" for name, count in sorted(board.results.items()))
    lines.append(f"  commands {sum(board.commands.values())}  {results}  fills {len(board.fills)}".rstrip())
    return lines


def _print_new(board: Board, printed: int) -> int:
    new = board.lines - printed
    for shown in list(board.activity)[-new:] if new else []:
        click.echo(str(shown))
    return board.lines
