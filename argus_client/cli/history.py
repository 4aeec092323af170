"""`argus history`: what has been."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from argus_client import ExportFormat, HistoryTable, InvalidArgument, ServerHistory
from argus_client._history_calls import length_of
from argus_client._json import plain
from argus_client.cli.connecting import Connect, connecting
from argus_client.cli.grid import Column, print_grid
from argus_client.cli.options import DEFAULT_TARGET, AsJson, Target
from argus_client.samples import METRICS

app = typer.Typer(
    no_args_is_help=True, help="What has been: alerts, incidents, risk and forecasts against what came."
)


def _length(text: str | None) -> str | None:
    if text is not None:
        try:
            length_of(text)
        except InvalidArgument as error:
            raise typer.BadParameter(str(error)) from None
    return text


def _instant(text: str | None) -> datetime | None:
    """A time as ISO 8601; in UTC if it does not say otherwise."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; give one such as 2026-01-31 or 2026-01-31T14:00:00+01:00."
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _metric(names: list[str]) -> list[str]:
    for name in names:
        if name not in METRICS:
            raise typer.BadParameter(f"{name!r} is no metric; known are {', '.join(METRICS)}.")
    return names


_Range = Annotated[
    str | None,
    typer.Option(
        "--range",
        callback=_length,
        help="Length of the span: 30m, 8h, 1d, 1w, 1M (30 days), ...; 1d if not given.",
    ),
]
_ExportRange = Annotated[
    str | None,
    typer.Option(
        "--range",
        callback=_length,
        help="Length of the span: 30m, 8h, 1d, 1w, 1M (30 days), ...; everything if no span is given.",
    ),
]
_Since = Annotated[
    str | None, typer.Option(help="Start of the span instead, as ISO 8601, UTC if not said otherwise.")
]
_Until = Annotated[str | None, typer.Option(help="End of the span; now by the server's clock if not given.")]
_Servers = Annotated[list[str] | None, typer.Option("--server", help="Only this server; may be repeated.")]

_SHOWN_METRICS: Final = ("cpu_idle_pct", "mem_used_pct", "disk_usage_pct")


@app.command()
@connecting
def summary(
    *,
    connect: Connect,
    range: _Range = None,
    since: _Since = None,
    until: _Until = None,
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """Print alerts, incidents and how well the ones foretold the others, over at most 31 days."""
    with connect.client(target) as client:
        made = client.history.summary(**_span(range, since, until))
    if as_json:
        typer.echo(json.dumps(plain(asdict(made)), allow_nan=False))
        return
    lines = {
        "span": f"{_time(made.start_ms)} to {_time(made.end_ms)}, {made.servers} servers",
        "alerts fired": f"{made.alerts}, {made.critical_alerts} of them critical",
        "resolved": f"{made.resolved_alerts}{_share(made.resolution_ratio)}",
        "time to resolve": _duration(made.mean_time_to_resolve_seconds),
        "acknowledged": str(made.acknowledged_alerts),
        "time to acknowledge": _duration(made.mean_time_to_acknowledge_seconds),
        "incidents": f"{made.incidents} on {made.servers_with_incidents} servers",
        "counted since": _time(made.watched_since_ms) if made.watched_since_ms else "-, nothing was watched",
        "predicted": f"{made.predicted_incidents}{_share(made.predicted_ratio)}",
        "lead time": _duration(made.mean_lead_seconds),
    }
    console = Console()
    for name, value in lines.items():
        console.print(f"{name:>19}  {value}", markup=False, highlight=False)


@app.command()
@connecting
def events(
    *,
    connect: Connect,
    range: _Range = None,
    since: _Since = None,
    until: _Until = None,
    server: _Servers = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """List what happened to alerts, oldest first."""
    with connect.client(target) as client:
        found = client.history.alert_events(**_span(range, since, until), servers=server or (), limit=limit)
    if as_json:
        listed = [plain(asdict(event)) for event in found]
        typer.echo(json.dumps({"total": found.total, "events": listed}, allow_nan=False))
        return
    if not found.events:
        typer.echo("No alert events in this span.")
        return
    columns = (
        Column("time (UTC)"),
        Column("event"),
        Column("level", goes=3),
        Column("server", folds_at=40),
        Column("about", goes=2),
        Column("by", goes=4),
        Column("detail", goes=1, folds_at=24),
    )
    rows = [
        (
            _time(event.at_ms),
            event.event,
            str(event.level),
            event.server_name,
            event.metric or str(event.subject),
            event.author or "-",
            event.detail,
        )
        for event in found
    ]
    rest = f"the newest {len(found)} of {found.total}" if found.total > len(found) else ""
    print_grid(columns, rows, caption=rest)


@app.command()
@connecting
def server(
    *,
    connect: Connect,
    name: Annotated[str, typer.Argument(help="Name of the server.")],
    range: _Range = None,
    since: _Since = None,
    until: _Until = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            callback=lambda names: _metric(names or []),
            help=f"Only this metric; may be repeated. The table shows {', '.join(_SHOWN_METRICS)} if not given.",
        ),
    ] = None,
    horizon: Annotated[
        int,
        typer.Option(
            help="Minutes before each time at which its forecast was made: 30, 60, 120, 240 or 480."
        ),
    ] = 60,
    points: Annotated[
        int | None, typer.Option(min=1, max=5000, help="Points in time at most; 24, or 500 with --json.")
    ] = None,
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """Show a server's past: risk, and what was measured against what had been forecast."""
    metrics = metric or (() if as_json else _SHOWN_METRICS)
    with connect.client(target) as client:
        made = client.history.server(
            name,
            **_span(range, since, until),
            metrics=metrics,
            horizon_minutes=horizon,
            max_points=points or (500 if as_json else 24),
        )
    if as_json:
        typer.echo(json.dumps(made.to_json_dict(), allow_nan=False))
    else:
        _print_server(made)
        typer.echo(
            f"{_widths(made.bucket_seconds)}; in brackets p10, p50 and p90 of the forecast made "
            f"{made.horizon_minutes} minutes before"
        )


@app.command()
@connecting
def fleet(
    *,
    connect: Connect,
    range: _Range = None,
    since: _Since = None,
    until: _Until = None,
    points: Annotated[
        int | None, typer.Option(min=1, max=5000, help="Points in time at most; 24, or 500 with --json.")
    ] = None,
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """Show the fleet's past."""
    with connect.client(target) as client:
        made = client.history.fleet(
            **_span(range, since, until), max_points=points or (500 if as_json else 24)
        )
    if as_json:
        typer.echo(json.dumps(made.to_json_dict(), allow_nan=False))
        return
    columns = {
        Column("servers", goes=3, justify="right"): (made.total_servers, "{:.0f}"),
        Column("critical", justify="right"): (made.critical_count, "{:.1f}"),
        Column("warning", goes=5, justify="right"): (made.warning_count, "{:.1f}"),
        Column("degrading", goes=8, justify="right"): (made.degrading_count, "{:.1f}"),
        Column("healthy", goes=7, justify="right"): (made.healthy_count, "{:.1f}"),
        Column("silent", goes=4, justify="right"): (made.silent_count, "{:.1f}"),
        Column("mean risk", goes=6, justify="right"): (made.average_risk, "{:.1f}"),
        Column("highest", justify="right"): (made.maximum_risk, "{:.0f}"),
        Column("incident 30 min", goes=2, justify="right"): (made.incident_probability_30m, "{:.0%}"),
        Column("incident 8 h", goes=1, justify="right"): (made.incident_probability_8h, "{:.0%}"),
    }
    rows = [
        (_time(time_ms), *(_number(values[place], form) for values, form in columns.values()))
        for place, time_ms in enumerate(made.times_ms.tolist())
    ]
    print_grid((Column("time (UTC)"), *columns), rows, caption=_widths(made.bucket_seconds))


@app.command()
@connecting
def export(
    *,
    connect: Connect,
    table: Annotated[str, typer.Option(help="metrics, server_risk, fleet_risk, forecasts or alert_events.")],
    out: Annotated[str, typer.Option(help="File to write, or - for standard output.")],
    format: Annotated[str, typer.Option(help="arrow (an IPC stream) or csv.")] = "arrow",
    range: _ExportRange = None,
    since: _Since = None,
    until: _Until = None,
    server: _Servers = None,
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """Write rows of a table to a file; all of them when no span is given."""
    for kind, value in ((HistoryTable, table), (ExportFormat, format)):
        if value not in (known := list(kind)[1:]):
            raise typer.BadParameter(f"{value!r} is none of {', '.join(known)}.")
    wanted: dict[str, Any] = {**_span(range, since, until), "format": format, "servers": server or ()}
    with connect.client(target) as client:
        if out == "-":
            written = 0
            for chunk in client.history.export(table, **wanted):
                written += sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        else:
            written = client.history.save(Path(out), table, **wanted)
    if as_json and out != "-":
        typer.echo(json.dumps({"file": out, "bytes": written}))
    else:
        typer.echo(f"{written:,} bytes of {table}", err=True)


def _span(length: str | None, since: str | None, until: str | None) -> dict[str, Any]:
    if length is not None and since is not None:
        raise typer.BadParameter("--range and --since both say where the span starts; give one.")
    return {"last": length, "since": _instant(since), "until": _instant(until)}


def _print_server(made: ServerHistory) -> None:
    columns = [Column("time (UTC)"), Column("risk", justify="right")]
    columns += [Column(name, goes=place, justify="right") for place, name in enumerate(made.metrics)]
    rows = []
    for place, time_ms in enumerate(made.times_ms.tolist()):
        cells = []
        for one in made.metrics.values():
            bands = " ".join(_number(band[place]) for band in (one.p10, one.p50, one.p90))
            cells.append(f"{_number(one.actual[place])} ({bands})")
        rows.append((_time(time_ms), _number(made.risk_score[place], "{:.0f}"), *cells))
    print_grid(columns, rows, title=made.server_name)


def _number(value: float, form: str = "{:.1f}") -> str:
    return form.format(value) if math.isfinite(value) else "-"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _widths(seconds: int) -> str:
    return f"means of {_duration(seconds)} each"


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "-"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _share(ratio: float) -> str:
    return f" ({ratio:.0%})" if math.isfinite(ratio) else ""
