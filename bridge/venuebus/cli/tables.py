"""Tables: aligned and coloured on a terminal, tab-separated in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence


def show_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, colors: Mapping[str, str] | None = None
) -> None:
    """Print ``rows``; ``colors`` says how a row is coloured by the text in its first column."""
    if not sys.stdout.isatty():
        print("\t".join(titles))
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console  # a pipe need not wait for it
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row, style=(colors or {}).get(row[0]) if row else None)
    Console(highlight=False, markup=False).print(table)
