"""`argus bench`: the figures that the README states, measured on this machine."""

from __future__ import annotations

import json
import platform
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from argus_client.cli.plugins import group_of

app = typer.Typer(
    cls=group_of("argus.commands.bench"),
    no_args_is_help=True,
    help="Measure this machine; the last line of each is one JSON object.",
)


class _Durability(StrEnum):
    """When rows are acknowledged."""

    NONE = "none"
    OS = "os"
    FSYNC = "fsync"


_AsJson = Annotated[bool, typer.Option("--json", help="Print nothing but the JSON object.")]


@app.command()
def ingest(
    servers: Annotated[int, typer.Option(min=1)] = 1_000,
    batch_rows: Annotated[int, typer.Option(min=1, max=10_000)] = 1_000,
    seconds: Annotated[float, typer.Option(min=0.1)] = 10.0,
    as_json: _AsJson = False,
    durability: Annotated[
        _Durability, typer.Option(help="none measures without a data directory.")
    ] = _Durability.NONE,
) -> None:
    """Rows per second from a client's arrays into windows, and into the log if one is kept, over one stream."""
    from argus_server.bench import ingest as bench

    with _working("publishing", as_json):
        result = bench.run(
            servers=servers,
            batch_rows=batch_rows,
            seconds=seconds,
            durability="" if durability is _Durability.NONE else durability.value,
        )
    _print(result)


@app.command()
def forecast(
    servers: Annotated[int, typer.Option(min=1)] = 90,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure each part.")] = 10.0,
    model: Annotated[Path | None, typer.Option(help="Artifact; the shipped one if not given.")] = None,
    as_json: _AsJson = False,
) -> None:
    """Fleet forecast against pytorch-forecasting's predict() and the floor of its FLOPs."""
    from argus_server.bench import forecast as bench

    with _working("forecasting", as_json):
        result = bench.run(servers=servers, seconds=seconds, model=model)
    _print(result)


@app.command()
def fanout(
    subscribers: Annotated[int, typer.Option(min=1)] = 300,
    servers: Annotated[int, typer.Option(min=1)] = 90,
    ticks: Annotated[int, typer.Option(min=1)] = 40,
    as_json: _AsJson = False,
) -> None:
    """Server processor time per tick with many readers, and memory with a stalled one."""
    from argus_server.bench import fanout as bench

    with _working("publishing to readers", as_json):
        result = bench.run(subscribers=subscribers, servers=servers, ticks=ticks)
    _print(result)


@app.command()
def outlook(
    servers: Annotated[int, typer.Option(min=1)] = 2_000,
    ticks: Annotated[int, typer.Option(min=1)] = 20,
    as_json: _AsJson = False,
) -> None:
    """What outlooks cost every tick, and what they cost once somebody asks for them."""
    from argus_server.bench import outlook as bench

    with _working("gathering outlooks", as_json):
        result = bench.run(servers=servers, ticks=ticks)
    _print(result)


@app.command()
def health(
    servers: Annotated[int, typer.Option(min=1)] = 2_000,
    seconds: Annotated[float, typer.Option(min=0.1)] = 20.0,
    as_json: _AsJson = False,
) -> None:
    """Time of a health check while a large fleet is being forecast."""
    from argus_server.bench import health as bench

    with _working("checking health", as_json):
        result = bench.run(servers=servers, seconds=seconds)
    _print(result)


@app.command()
def history(
    servers: Annotated[int, typer.Option(min=1)] = 20,
    hours: Annotated[float, typer.Option(min=0.5)] = 24.0,
    cadence_seconds: Annotated[int, typer.Option(min=1, max=300)] = 5,
    as_json: _AsJson = False,
) -> None:
    """Bytes that a day of history takes per server, and how long questions about it take."""
    from argus_server.bench import history as bench

    with _working("recording", as_json):
        result = bench.run(servers=servers, hours=hours, cadence_seconds=cadence_seconds)
    _print(result)


@app.command()
def training(
    batch: Annotated[int, typer.Option(min=1, help="Windows per batch.")] = 128,
    seconds: Annotated[float, typer.Option(min=0.01, help="About how long a run takes.")] = 8.0,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each, alternating.")] = 3,
    hidden_size: Annotated[int, typer.Option(min=4, help="Width of both networks.")] = 32,
    as_json: _AsJson = False,
) -> None:
    """Training windows per second against pytorch-forecasting's own loader and fit."""
    from argus_server.bench import training as bench

    with _working("training", as_json):
        result = bench.run(batch=batch, seconds=seconds, rounds=rounds, hidden_size=hidden_size)
    _print(result)


@app.command()
def alerts(
    servers: Annotated[int, typer.Option(min=1)] = 2_000,
    firing: Annotated[int, typer.Option(min=1, help="Alerts that fire at once.")] = 100,
    as_json: _AsJson = False,
) -> None:
    """What raising and ending alerts costs a tick."""
    from argus_server.bench import alerts as bench

    with _working("raising alerts", as_json):
        result = bench.run(servers=servers, firing=firing)
    _print(result)


@app.command()
def events(
    servers: Annotated[int, typer.Option(min=1, help="Servers of each simulated fleet.")] = 40,
    days: Annotated[float, typer.Option(min=0.5, help="Days of each fleet that are forecast.")] = 7.0,
    stride_minutes: Annotated[
        float, typer.Option(min=5.0, help="Time between forecasts; a server makes one every 5 minutes.")
    ] = 5.0,
    model: Annotated[Path | None, typer.Option(help="Artifact; the shipped one if not given.")] = None,
    tuning_seed: Annotated[
        list[int] | None,
        typer.Option(help="Fleets to tune alarms on; repeat it for more. [default: 9001 to 9004]"),
    ] = None,
    choosing_seed: Annotated[
        list[int] | None,
        typer.Option(help="Fleets that show how many false alarms to tune to. [default: 9051 and 9052]"),
    ] = None,
    test_seed: Annotated[
        list[int] | None,
        typer.Option(help="Fleets to score alarms on; repeat it for more. [default: 9201 to 9204]"),
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Recall, lead time and false alarms on simulated failures, against the node-mixin rule.

    Takes 20 to 25 minutes on one core; fewer --days or --servers are faster.
    """
    from argus_server.bench import events as bench
    from argus_server.forecast.artifact import ArtifactError

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=as_json,
    ) as progress:
        task = progress.add_task("forecasting simulated fleets", total=1.0)
        try:
            result = bench.run(
                model,
                servers=servers,
                days=days,
                stride_minutes=stride_minutes,
                tuning_seeds=tuning_seed or bench.TUNING_SEEDS,
                choosing_seeds=choosing_seed or bench.CHOOSING_SEEDS,
                test_seeds=test_seed or bench.TEST_SEEDS,
                on_progress=lambda share: progress.update(task, completed=share),
            )
        except ArtifactError as error:
            typer.echo(f"argus bench events: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(1) from error
        except bench.SeedError as error:
            raise typer.BadParameter(str(error)) from error
    if not as_json:
        for line in bench.lines(result):
            typer.echo(line)
    _print(result)


@app.command()
def fuzz(
    messages: Annotated[int, typer.Option(min=1, help="Messages to sessions in this process.")] = 100_000,
    wire_messages: Annotated[int, typer.Option(min=1, help="Messages to a real gRPC port.")] = 5_000,
    guided_runs: Annotated[
        int, typer.Option(min=0, help="Messages that follow coverage, with atheris; 0 sends none.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed sends the same messages.")] = 0,
    as_json: _AsJson = False,
) -> None:
    """Hostile messages: no crash, no traceback to the client, no other server's state changed, no memory lost. Exit
    status 1 when something gives way."""
    from argus_server.bench import fuzz as bench
    from argus_server.bench import guided

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=as_json)) as progress:
        task = progress.add_task("sending hostile messages", total=messages)
        try:
            result = bench.run(
                messages, wire_messages, seed, lambda done: progress.update(task, completed=done)
            )
            if guided_runs:
                result |= guided.run(guided_runs, seed)
        except (bench.FuzzError, guided.GuidedError) as error:
            typer.echo(f"argus bench fuzz: {error}", err=True)
            raise typer.Exit(1) from error
    _print(result)


@app.command()
def restart(
    servers: Annotated[int, typer.Option(min=1)] = 1_000,
    hours: Annotated[float, typer.Option(min=0.5, help="What the window holds of each.")] = 24.0,
    log_minutes: Annotated[float, typer.Option(min=0.0, help="Samples every 5 s to replay.")] = 5.0,
    as_json: _AsJson = False,
) -> None:
    """Seconds until a killed server's fleet is warm again."""
    from argus_server.bench import restart as bench

    with _working("filling a data directory", as_json):
        result = bench.run(servers=servers, hours=hours, log_minutes=log_minutes)
    _print(result)


@app.command()
def durability(
    kills: Annotated[int, typer.Option(min=0)] = 20,
    servers: Annotated[int, typer.Option(min=1)] = 200,
    seconds: Annotated[float, typer.Option(min=0.1, help="Most seconds between two kills.")] = 2.0,
    durability: Annotated[_Durability, typer.Option(help="os or fsync.")] = _Durability.OS,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    as_json: _AsJson = False,
) -> None:
    """Rows lost or doubled when a server under load is killed again and again."""
    from argus_server.bench import durability as bench

    if durability is _Durability.NONE:
        raise typer.BadParameter("a server without a data directory loses everything; use os or fsync")
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=Console(stderr=True, quiet=as_json),
    ) as progress:
        task = progress.add_task("killing servers", total=1.0)
        result = bench.run(
            kills,
            servers,
            seconds,
            durability.value,
            seed,
            on_progress=lambda share: progress.update(task, completed=share),
        )
    _print(result)


@app.command()
def load(
    sources: Annotated[int, typer.Option(min=1, help="Ingest streams.")] = 50,
    servers: Annotated[int, typer.Option(min=1, help="Servers of each.")] = 20,
    subscribers: Annotated[int, typer.Option(min=0)] = 200,
    seconds: Annotated[float, typer.Option(min=1.0)] = 300.0,
    cadence_seconds: Annotated[float, typer.Option(min=1.0, help="Between two samples of a server.")] = 5.0,
    history_hours: Annotated[
        float, typer.Option(min=0.0, help="Past of the fleet when it begins; the model needs 2.")
    ] = 24.0,
    as_json: _AsJson = False,
) -> None:
    """Errors, ack times and memory of a server with many sources, readers and questions at once."""
    from argus_server.bench import load as bench

    with _working("sending, reading and asking", as_json):
        result = bench.run(sources, servers, subscribers, seconds, cadence_seconds, history_hours)
    _print(result)


@app.command()
def restarts(
    servers: Annotated[int, typer.Option(min=1)] = 200,
    hours: Annotated[float, typer.Option(min=0.5)] = 24.0,
    cadence_seconds: Annotated[int, typer.Option(min=1, help="Between two samples of a server.")] = 60,
    tick_seconds: Annotated[int, typer.Option(min=1, help="Between two forecasts.")] = 300,
    restart_minutes: Annotated[float, typer.Option(min=1.0)] = 30.0,
    kill_every: Annotated[
        int, typer.Option(min=0, help="Each life of this number ends with SIGKILL; 0 for none.")
    ] = 6,
    model: Annotated[Path | None, typer.Option(help="Artifact; the shipped one if not given.")] = None,
    as_json: _AsJson = False,
) -> None:
    """What a day with a restart every half hour leaves, against one without. Exit status 1 when it differs."""
    import asyncio

    from argus_server.bench import restarts as bench

    day = bench.Day(servers, hours, cadence_seconds, tick_seconds, model)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=as_json)) as progress:
        task = progress.add_task("living a day twice", total=1.0)
        result = asyncio.run(
            bench.run(day, restart_minutes, kill_every, lambda share: progress.update(task, completed=share))
        )
    _print(result)
    if not result["equal"]:
        raise typer.Exit(1)


@app.command()
def adapter(
    rows: Annotated[int, typer.Option(min=1, help="Documents in memory to bring to a server.")] = 1_000_000,
    servers: Annotated[int, typer.Option(min=1, help="Servers they are about.")] = 1_000,
    page_rows: Annotated[int, typer.Option(min=1, help="Documents of a page.")] = 10_000,
    kill_rows: Annotated[
        int, typer.Option(min=0, help="Rows of the back-fill in which both are killed; 0 kills nothing.")
    ] = 100_000,
    adapter_kills: Annotated[int, typer.Option(min=0)] = 20,
    server_kills: Annotated[int, typer.Option(min=0)] = 5,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    as_json: _AsJson = False,
) -> None:
    """Rows per second from documents to a server, and what kills cost. Exit status 1 when they cost a row."""
    from argus_server.bench import adapter as bench

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=as_json)) as progress:
        task = progress.add_task("back-filling", total=None)
        result = bench.throughput(rows, servers, page_rows)
        if kill_rows:
            plan = bench.KillPlan(kill_rows, min(servers, 50), adapter_kills, server_kills, seed)
            progress.update(task, description="killing adapter and server", total=1.0)
            done = bench.kills(plan, lambda share: progress.update(task, completed=share))
            result |= {"kill_rows": done.pop("rows"), **done}
    _print(result)
    if not result.get("equal", True):
        raise typer.Exit(1)


@app.command("all")
def everything(as_json: _AsJson = False) -> None:
    """All but those that take minutes.

    These are `adapter`, `durability`, `events`, `fuzz`, `history`, `load` and `restarts`.
    """
    for kept in _Durability:
        ingest(1_000, 1_000, 10.0, as_json, kept)
    restart(1_000, 24.0, 5.0, as_json)
    forecast(90, 10.0, None, as_json)
    fanout(300, 90, 40, as_json)
    health(2_000, 20.0, as_json)
    training(128, 8.0, 3, 32, as_json)
    alerts(2_000, 100, as_json)
    outlook(2_000, 20, as_json)


def _working(what: str, as_json: bool) -> Any:
    console = Console(stderr=True, quiet=as_json)
    console.print(
        f"machine: {platform.processor() or platform.machine()}, Python {platform.python_version()}"
    )
    return console.status(what)


def _print(result: dict[str, Any]) -> None:
    typer.echo(json.dumps({name: _rounded(value) for name, value in result.items()}))


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return round(value, 3) if abs(value) >= 0.001 else float(f"{value:.2g}")
