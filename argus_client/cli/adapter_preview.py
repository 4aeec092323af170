"""What `argus adapter run --dry-run` prints."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import typer

from argus_client.adapters.core.preview import Preview
from argus_client.samples import METRICS, STATES, Samples

_SHOWN_ROWS: Final = 5
_SHOWN_FIELDS: Final = 60


def show(found: Preview, *, as_json: bool) -> None:
    """Prints the first rows, what did not fit, and which fields are not used. Nothing is cut."""
    if as_json:
        typer.echo(json.dumps(to_json_dict(found), allow_nan=False))
        return
    samples = found.mapped.samples
    if len(samples):
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in sample_lines(samples, width):
            typer.echo(line)
        typer.echo(
            f"{len(samples)} rows of {found.mapped.records} records; nothing was sent"
            + (f"; the first {_SHOWN_ROWS} are shown" if len(samples) > _SHOWN_ROWS else "")
        )
        if found.early:
            typer.echo(f"{found.early} rows before the beginning, since, are left out")
        _line("never measured", [metric for metric, share in found.coverage.items() if share == 0])
    else:
        typer.echo(f"no rows: {_why_empty(found)}; nothing was sent")
    _line("fields not used", found.fields[:_SHOWN_FIELDS])
    for problem in found.mapped.problems:
        what = f"{problem.rows} x {problem.kind.replace('_', ' ')} in {problem.field}"
        _trouble(f"not mapped: {what}, such as {problem.example}")
    for (kind, field), rows in found.tally.problems.items():
        example = found.tally.examples.get((kind, field), "")
        _trouble(f"not read: {rows} x {kind.replace('_', ' ')}, such as {example}")


def _why_empty(found: Preview) -> str:
    """What to look at when there is nothing to show."""
    if found.problem:
        return found.problem.rstrip(".")
    if found.mapped.worst_loss is not None:
        return f"none of {found.mapped.records} records can be mapped, as follows; name the right fields in [mapping]"
    if found.early:
        return f"all {found.early} lie before the beginning; look further back with --since"
    if found.tally.problems:
        return "nothing of what the source gave can be read, as follows"
    return "the source gives no records; check its preset, match, index, collection or paths in [source], and --since"


def sample_lines(samples: Samples, width: int | None) -> list[str]:
    """The first samples side by side, a line per column of the contract that one of them has.

    Args:
        samples: All there are.
        width: Characters of a line; as many samples as fit stand side by side, the others below. None for any number.
    """
    shown = samples.rows(0, _SHOWN_ROWS)
    measured = [
        index for index in range(len(METRICS)) if not all(map(math.isnan, shown.metrics[:, index].tolist()))
    ]
    labels = ["time (UTC)", "server", "state", *(METRICS[index] for index in measured)]
    label_width = max(map(len, labels))
    columns = [_cells(shown, row, measured) for row in range(len(shown))]
    widths = [max(map(len, column)) for column in columns]
    lines: list[str] = []
    start = 0
    while start < len(columns):
        end, room = start + 1, label_width + 2 + widths[start]
        while end < len(columns) and (width is None or room + 2 + widths[end] <= width):
            room += 2 + widths[end]
            end += 1
        for number, label in enumerate(labels):
            cells = [columns[at][number].rjust(widths[at]) for at in range(start, end)]
            lines.append("  ".join([label.ljust(label_width), *cells]).rstrip())
        lines.append("")
        start = end
    return lines


def _cells(samples: Samples, row: int, measured: Sequence[int]) -> list[str]:
    time = datetime.fromtimestamp(int(samples.timestamp_ms[row]) / 1000, UTC)
    return [
        time.strftime("%Y-%m-%d %H:%M:%S"),
        ascii(samples.server_name[row])[1:-1],
        STATES[samples.state[row]] if samples.state[row] else "",
        *("" if math.isnan(value) else f"{value:g}" for value in samples.metrics[row, measured].tolist()),
    ]


def to_json_dict(found: Preview) -> dict[str, Any]:
    """The same for scripts, with every row."""
    samples = found.mapped.samples
    return {
        "records": found.mapped.records,
        "rows": [
            {
                "timestamp_ms": int(samples.timestamp_ms[row]),
                "server_name": samples.server_name[row],
                "state": STATES[samples.state[row]],
                **{
                    metric: None if math.isnan(value) else value
                    for metric, value in zip(METRICS, samples.metrics[row].tolist(), strict=True)
                },
            }
            for row in range(len(samples))
        ],
        "rows_before_since": found.early,
        "coverage": dict(found.coverage),
        "unused_fields": list(found.fields),
        "problems": [
            {"kind": p.kind, "field": p.field, "rows": p.rows, "example": p.example}
            for p in found.mapped.problems
        ]
        + [
            {
                "kind": kind,
                "field": field,
                "rows": rows,
                "example": found.tally.examples.get((kind, field), ""),
            }
            for (kind, field), rows in found.tally.problems.items()
        ],
    }


def _trouble(line: str) -> None:
    # What was read may hold anything; a terminal is to get none of it but letters.
    typer.secho("".join(c if c.isprintable() else " " for c in line), fg=typer.colors.YELLOW)


def _line(what: str, names: Sequence[str]) -> None:
    if names:
        typer.echo(f"{what}: {', '.join(names)}")
