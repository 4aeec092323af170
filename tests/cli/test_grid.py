"""Tables of the command line where there is little room, and where there is a lot."""

from __future__ import annotations

import io
import re

from rich.console import Console

from argus_client.cli.grid import Column, grid

COLUMNS = (
    Column("id"),
    Column("server", folds_at=12),
    Column("level", goes=1),
    Column("cause", goes=2, folds_at=16),
    Column("since", goes=3),
)
ROW = (
    "0123456789abcdef",
    "web-1.example.org",
    "critical",
    "memory 90 % → 98 % in 42 min",
    "2026-01-31 14:00:00",
)


def drawn(width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(grid(COLUMNS, [ROW], width))
    return file.getvalue().splitlines()


def test_everything_is_on_one_line_where_there_is_room() -> None:
    (line,) = (line for line in drawn(200) if ROW[0] in line)
    assert line.split("  ") == list(ROW) or all(cell in line for cell in ROW)


def test_columns_go_one_after_the_other_and_are_named() -> None:
    heads = [drawn(width)[0].split() for width in (79, 78, 60, 42, 30)]
    assert heads == [
        ["id", "server", "level", "cause", "since"],
        ["id", "server", "level", "cause"],
        ["id", "server", "level", "cause"],
        ["id", "server", "level"],
        ["id", "server"],
    ]
    assert "no room for cause, since: see --json" in " ".join(" ".join(drawn(42)).split())


def test_an_id_is_never_cut_and_a_name_never_shortened() -> None:
    for width in range(30, 120):
        lines = drawn(width)
        assert max(map(len, lines)) <= width
        rows = [line for line in lines[2:] if "room" not in line]
        assert rows[0].startswith(f"{ROW[0]}  "), width
        end = 18 + (len("web-1.example.org") if "since" in lines[0] and width >= 110 else width)
        name = "".join(re.split(r"\s", line[18:end].strip())[0] for line in rows)
        assert name.startswith(ROW[1]) or ROW[1] in name, (width, lines)
