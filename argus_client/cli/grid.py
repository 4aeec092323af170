"""Tables that lose whole columns, never parts of an id, where there is little room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Cell = str | Text

_GAP: Final = 2
# A program that reads a table gets its rows whole; so wide a table nobody looks at.
_PIPED_WIDTH: Final = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        title: Its head.
        goes: Where there is no room for all columns, the one with the greatest number goes first; 0 never goes.
        folds_at: Its cells may be folded to this many characters; 0 never folds them.
        justify: To which side its cells are put.
    """

    title: str
    goes: int = 0
    folds_at: int = 0
    justify: Literal["left", "right"] = "left"


def print_grid(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, title: str = "", caption: str = ""
) -> None:
    """Prints a table as wide as the terminal allows, or as it is when the output goes elsewhere.

    Args:
        columns: Its columns.
        rows: A cell per column each; texts are shown as they are, without markup.
        title: Above it.
        caption: Below it.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH)
    console.print(grid(columns, rows, console.width, title=title, caption=caption))


def grid(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    width: int,
    *,
    title: str = "",
    caption: str = "",
) -> Table:
    """The same as a table for so many characters."""
    natural = [
        max([len(column.title), *(cell_len(str(row[place])) for row in rows)])
        for place, column in enumerate(columns)
    ]
    widths = [
        min(widest, max(column.folds_at, len(column.title))) if column.folds_at else widest
        for column, widest in zip(columns, natural, strict=True)
    ]
    shown = list(range(len(columns)))
    while (spare := width + _GAP - sum(widths[place] + _GAP for place in shown)) < 0:
        last = max(shown, key=lambda place: columns[place].goes)
        if not columns[last].goes:
            break
        shown.remove(last)
    for place in shown:
        more = min(natural[place] - widths[place], max(spare, 0))
        widths[place], spare = widths[place] + more, spare - more
    if gone := [column.title for place, column in enumerate(columns) if place not in shown]:
        caption = "; ".join(filter(None, (caption, f"no room for {', '.join(gone)}: see --json")))
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),  # the box has a blank of its own between columns
        title=Text(title) if title else None,
        caption=Text(caption) if caption else None,
    )
    for place in shown:
        column = columns[place]
        table.add_column(
            column.title,
            justify=column.justify,
            no_wrap=not column.folds_at,
            overflow="fold",
            width=widths[place],
        )
    for row in rows:
        table.add_row(
            *(cell if isinstance(cell, Text) else Text(cell) for cell in map(row.__getitem__, shown))
        )
    return table
