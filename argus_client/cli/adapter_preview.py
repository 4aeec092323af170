"""What `argus adapter run --dry-run` prints."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from argus_client.adapters.core.preview import Preview
from argus_client.samples import METRICS, STATES, Samples

_SHOWN_ROWS: Final = 20
_SHOWN_FIELDS: Final = 60


def show(found: Preview, *, as_json: bool) -> None:
    """Prints rows, what did not fit, and which fields are not used."""
    if as_json:
        typer.echo(json.dumps(to_json_dict(found), allow_nan=False))
        return
    console = Console()
    samples = found.mapped.samples
    console.print(_table(samples, wide=console.width >= 120))
    console.print(
        f"{len(samples)} rows of {found.mapped.records} records; nothing was sent"
        + (f"; the first {_SHOWN_ROWS} are shown" if len(samples) > _SHOWN_ROWS else ""),
        highlight=False,
    )
    if found.early:
        console.print(
            f"{found.early} rows before the beginning, since, are left out", highlight=False, soft_wrap=True
        )
    never = [metric for metric, share in found.coverage.items() if share == 0]
    _line(console, "never measured", never)
    _line(console, "fields not used", found.fields[:_SHOWN_FIELDS])
    for problem in found.mapped.problems:
        what = f"{problem.rows} x {problem.kind.replace('_', ' ')} in {problem.field}"
        console.print(
            f"not mapped: {what}, such as {problem.example}",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for (kind, _), rows in found.tally.problems.items():
        example = found.tally.examples.get((kind, "source"), "")
        console.print(
            f"not read: {rows} x {kind.replace('_', ' ')}, such as {example}",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


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


def _table(samples: Samples, *, wide: bool) -> Table:
    table = Table()
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("server")
    table.add_column("state")
    present = [
        index
        for index in range(len(METRICS))
        if len(samples)
        and not all(math.isnan(value) for value in samples.metrics[:_SHOWN_ROWS, index].tolist())
    ]
    shown = present if wide else present[:5]
    for index in shown:
        table.add_column(METRICS[index], justify="right")
    for row in range(min(len(samples), _SHOWN_ROWS)):
        time = datetime.fromtimestamp(int(samples.timestamp_ms[row]) / 1000, UTC)
        table.add_row(
            time.strftime("%Y-%m-%d %H:%M:%S"),
            Text(ascii(samples.server_name[row])[1:-1]),
            STATES[samples.state[row]] if samples.state[row] else "",
            *("" if math.isnan(v) else f"{v:g}" for v in samples.metrics[row, shown].tolist()),
        )
    return table


def _line(console: Console, what: str, names: Sequence[str]) -> None:
    if names:
        console.print(f"{what}: {', '.join(names)}", markup=False, highlight=False, soft_wrap=True)
