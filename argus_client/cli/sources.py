"""`argus host`, `argus replay` and `argus simulate`: send metrics to a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from argus_client import PublisherStats, Rejection
from argus_client.cli.connecting import Connect, connecting
from argus_client.cli.feeding import feed, interruptible, unique_source_id
from argus_client.cli.options import DEFAULT_TARGET, AsJson, ScenarioOption, Target, Timeout
from argus_client.cli.steering import steering

_SHOWN_REJECTIONS = 10


class _Rejections:
    """Prints the first refusals and counts the rest."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen = 0

    def __call__(self, rejection: Rejection) -> None:
        self._seen += 1
        if self._seen <= _SHOWN_REJECTIONS:
            where = f"{rejection.server_name} {rejection.field}".strip() or f"batch {rejection.sequence}"
            self._console.print(
                f"refused: {where}: {rejection.reason}: {rejection.message}", style="yellow", markup=False
            )
        elif self._seen == _SHOWN_REJECTIONS + 1:
            self._console.print("further refusals are only counted", style="yellow")


@connecting
def replay(
    *,
    connect: Connect,
    file: Annotated[Path, typer.Argument(help="Parquet, Arrow or CSV file in contract columns.")],
    target: Target = DEFAULT_TARGET,
    servers: Annotated[int | None, typer.Option(min=1, help="Only the first N servers by name.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Only the first N rows.")] = None,
    speed: Annotated[
        float,
        typer.Option(min=0, help="1 is as recorded, 300 that many times as fast, 0 as fast as it goes."),
    ] = 0.0,
    batch_rows: Annotated[int, typer.Option(min=1, max=10_000, help="Rows per batch.")] = 1000,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """Send the rows of a file, in order of time.

    The server must run with --clock event unless the rows are of today. Rows that were sent before count as
    duplicates, so an interrupted replay can simply be run again.
    """
    from argus_client.adapters.replay import ReplaySource

    console = Console(stderr=True)
    source = ReplaySource(file, servers=servers, rows=rows, batch_rows=batch_rows, speed=speed)
    with console.status(f"reading {file.name}"):
        summary = source.inspect()
    if summary.ignored_columns:
        console.print(f"ignored, not of the contract: {', '.join(summary.ignored_columns)}", markup=False)
    if summary.missing_columns:
        console.print(
            f"not in the file, sent as not measured: {', '.join(summary.missing_columns)}", markup=False
        )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
    )
    with interruptible() as stop, Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(file.name, total=summary.rows)
        stats = feed(
            target,
            source,
            stop,
            source_id=unique_source_id(source.name),
            timeout=timeout,
            connect=connect,
            on_batch=lambda now: progress.update(task, completed=now.rows_published),
            on_rejection=_Rejections(console),
        )
    _report(stats, as_json)


@connecting
def simulate(
    *,
    connect: Connect,
    target: Target = DEFAULT_TARGET,
    servers: Annotated[int, typer.Option(min=1, help="Servers to simulate.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same fleet.")] = 0,
    interval: Annotated[float, typer.Option(min=1, help="Seconds between live samples.")] = 5.0,
    backfill_hours: Annotated[float, typer.Option(min=0, help="History to send first, hours.")] = 24.0,
    scenario: ScenarioOption = "healthy",
    speed: Annotated[float, typer.Option(min=0.1, help="How much faster than real trouble develops.")] = 15.0,
    scenario_listen: Annotated[
        str, typer.Option(help="Loopback HOST:PORT for `argus scenario`; empty turns it off.")
    ] = "127.0.0.1:50052",
    out: Annotated[
        Path | None, typer.Option(help="Write a Parquet file with labels beside it instead of sending.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.01, help="Days to write with --out.")] = 30.0,
    incidents: Annotated[
        float, typer.Option(min=0, help="Failures per server and day to write with --out.")
    ] = 0.03,
    look_alikes: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of servers with harmless saw-teeth and restarts, with --out."),
    ] = 0.0,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """Simulate a fleet: live to a server, or as a labelled data set to a file."""
    from argus_client.adapters.simulate import SimulateSource
    from argus_client.simulator.dataset import write_dataset
    from argus_client.simulator.fleet import FleetSimulator

    console = Console(stderr=True)
    if out is not None:
        if scenario != "healthy":
            raise typer.BadParameter(
                "--scenario steers a live fleet; a data set has failures of every kind by itself"
            )
        out.parent.mkdir(parents=True, exist_ok=True)
        with console.status(f"simulating {servers} servers for {days:g} days"):
            written = write_dataset(
                out,
                servers,
                days,
                seed,
                incidents_per_server_day=incidents,
                look_alike_share=look_alikes,
            )
        typer.echo(json.dumps({"path": str(out), "rows": written.rows, "servers": servers, "days": days}))
        return
    fleet = FleetSimulator(servers, seed, speed=speed)
    fleet.set_scenario(scenario)
    source = SimulateSource(fleet, interval_seconds=interval, backfill_hours=backfill_hours)
    with interruptible() as stop, steering(fleet, scenario_listen) as address:
        if address:
            console.print(f"argus scenario set NAME --target {address}", markup=False)
        with console.status("sending") as status:
            stats = feed(
                target,
                source,
                stop,
                source_id=unique_source_id(source.name),
                timeout=timeout,
                connect=connect,
                on_batch=lambda now: status.update(_progress(now)),
                on_rejection=_Rejections(console),
            )
    _report(stats, as_json)


@connecting
def host(
    *,
    connect: Connect,
    target: Target = DEFAULT_TARGET,
    name: Annotated[str | None, typer.Option(help="Name to send under; the host name if not given.")] = None,
    interval: Annotated[float, typer.Option(min=1, help="Seconds between samples.")] = 5.0,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """Send this machine's own metrics."""
    from argus_client.adapters.host import HostSource

    console = Console(stderr=True)
    source = HostSource(name, interval_seconds=interval)
    with interruptible() as stop, console.status(f"sending metrics of {source.name}") as status:
        stats = feed(
            target,
            source,
            stop,
            source_id=unique_source_id(source.name),
            timeout=timeout,
            connect=connect,
            on_batch=lambda now: status.update(_progress(now)),
            on_rejection=_Rejections(console),
        )
    _report(stats, as_json)


def _progress(stats: PublisherStats) -> str:
    warm = stats.warm_up
    text = f"{stats.rows_published} rows sent, {stats.rows_accepted} accepted, {stats.state}"
    if warm is not None and warm.warm_servers < warm.servers:
        text += f"; warming up: {warm.min_observed_steps} of {warm.required_steps} steps"
    return text


def _report(stats: PublisherStats, as_json: bool) -> None:
    result = {
        "rows_sent": stats.rows_sent,
        "rows_accepted": stats.rows_accepted,
        "rows_rejected": stats.rows_rejected,
        "rows_duplicate": stats.rows_duplicate,
    }
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in result.items()))
