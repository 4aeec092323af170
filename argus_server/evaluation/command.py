"""`argus evaluate`: how good forecasts are, on servers that the model never saw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import typer.core
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from argus_server.evaluation.alarms import by_group

app = typer.Typer(add_completion=False)

_BARE: Final = "--baselines"


class _Command(typer.core.TyperCommand):
    """Lets `--baselines` stand alone: it then means all of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given: list[str] = []
        for index, argument in enumerate(args):
            given.append(argument)
            following = args[index + 1 : index + 2]
            if argument == _BARE and (not following or following[0].startswith("-")):
                given.append("all")
        return super().parse_args(ctx, given)


@app.command(cls=_Command)
def evaluate(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Parquet, CSV or Arrow file in contract columns, or a directory of them; may be given more "
            "than once.",
            exists=True,
        ),
    ],
    model: Annotated[
        list[Path],
        typer.Option(
            help="Artifact; of several, each server is scored by the first that was trained without it."
        ),
    ],
    split_column: Annotated[
        str, typer.Option(help="Column that says `train` on rows before the test part; used if it is there.")
    ] = "split",
    test_share: Annotated[
        float, typer.Option(help="Test part of servers without a split: this share of their end.")
    ] = 0.3,
    servers: Annotated[str, typer.Option(help="Comma-separated servers to score; all by default.")] = "",
    limit_servers: Annotated[int | None, typer.Option(min=1, help="Score the first servers only.")] = None,
    unseen_only: Annotated[
        bool, typer.Option("--unseen-only", help="Leave out servers that every model has seen in training.")
    ] = False,
    baselines: Annotated[
        str,
        typer.Option(
            metavar="[NAMES]",
            help="Score more than seasonal naive and last value: `fast`, `all` (also if nothing follows), or "
            "comma-separated names.",
        ),
    ] = "",
    origin_stride: Annotated[
        int, typer.Option(min=1, help="Score every k-th origin only, with all forecasters alike.")
    ] = 1,
    event_stride_minutes: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            help="Time between the forecasts that probabilities and alarms are judged at; by default one step of "
            "the model, as a server looks.",
        ),
    ] = None,
    series_seconds: Annotated[
        float, typer.Option(min=0.1, help="Time limit of a series for each baseline that must be fitted.")
    ] = 60.0,
    report: Annotated[
        Path | None, typer.Option(help="Directory to write a report with pictures to.", file_okay=False)
    ] = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, and no progress.")
    ] = False,
) -> None:
    """Score forecasts at rolling origins of test data, against what simple forecasts reach."""
    from argus_server.evaluation.data import load, names, select
    from argus_server.evaluation.harness import evaluate as run
    from argus_server.evaluation.protocol import EvaluationError
    from argus_server.evaluation.report import claim, write
    from argus_server.evaluation.rolling import Candidate, protocol_of
    from argus_server.evaluation.selection import chosen_baselines
    from argus_server.forecast import artifact
    from argus_server.forecast.artifact import ArtifactError
    from argus_server.forecast.device import detect, prepare
    from argus_server.training.tables import CorpusError

    console = Console(stderr=True, quiet=json_output)
    try:
        if report is not None:
            claim(report)
        profile = detect()
        prepare(profile)
        forecasters = chosen_baselines(baselines, series_seconds)
        candidates = [Candidate.of(artifact.load(path), profile.device) for path in model]
        protocol = protocol_of(candidates, test_share=test_share, origin_stride=origin_stride)
        with _progress(console) as bar:
            task = bar.add_task("reading", total=1.0)
            histories, files = load(data, protocol.step_seconds, split_column=split_column)
            chosen = select(histories, names(servers), limit_servers)
            bar.update(task, description="forecasting")
            result = run(
                candidates,
                chosen,
                protocol=protocol,
                baselines=forecasters,
                unseen_only=unseen_only,
                event_stride=protocol.steps(event_stride_minutes),
                on_progress=lambda done: bar.update(task, completed=done),
            )
    except ImportError as error:
        typer.echo(
            f"argus evaluate needs the train extra: pip install 'argus-forecast[train]' ({error})", err=True
        )
        raise typer.Exit(2) from error
    except (ArtifactError, CorpusError, EvaluationError) as error:
        raise _failed(error) from error
    figures = {"data": [asdict(file) for file in files], **result.to_json()}
    _warn(figures)
    # Before the report, so that hours of work are not lost to a disk that is full by now.
    if json_output:
        typer.echo(json.dumps(figures, allow_nan=False))
    else:
        _show(figures)
    if report is not None:
        try:
            write(report, result, figures)
        except OSError as error:
            raise _failed(error) from error
        console.print(f"wrote {report}")


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _failed(error: Exception) -> typer.Exit:
    typer.echo(f"argus evaluate: {' '.join(str(error).split())}", err=True)
    return typer.Exit(1)


def _warn(figures: dict[str, Any]) -> None:
    seen: Sequence[str] = figures["servers_seen_in_training"]
    if seen:
        named = ", ".join(seen[:5]) + (", ..." if len(seen) > 5 else "")
        typer.echo(
            f"argus evaluate: {len(seen)} of {len(figures['servers'])} servers have the name of one that every model "
            "has seen in training; if they are the same, their figures say little about new servers: "
            f"{named} (leave out with --unseen-only)",
            err=True,
        )
    if figures["servers_too_short"]:
        typer.echo(
            f"argus evaluate: {len(figures['servers_too_short'])} servers have too short a test part and "
            "were not scored",
            err=True,
        )


def _show(figures: dict[str, Any]) -> None:
    """The most important figures as a table."""
    table = Table(title=f"{len(figures['servers'])} servers, {figures['origins']} origins")
    for title in ("", "wQL", "MASE mean", "MASE median", "coverage"):
        table.add_column(title, justify="left" if not title else "right")
    rows = {"model": figures, **figures["baselines"]}
    for name, row in rows.items():
        cells = (row[key] for key in ("wql", "mase_mean", "mase_median", "coverage"))
        table.add_row(name, *("-" if cell is None else f"{cell:.3f}" for cell in cells))
    Console().print(table)
    if figures["events"]:
        _show_alarms(figures["events"])


def _show_alarms(events: dict[str, Any]) -> None:
    minutes = events["definition"]["looked_at_every_minutes"]
    table = Table(title=f"Alarms about threshold events, looked at every {minutes:g} min")
    for title in ("", "events", "recall", "median lead, min", "false per server-month"):
        table.add_column(title, justify="left" if not title else "right")
    table.add_column("false by group")
    for name, row in events.items():
        if isinstance(row, dict) and "recall" in row:
            cells = (row[key] for key in ("recall", "median_lead_minutes", "false_alarms_per_server_month"))
            shown = ("-" if cell is None else f"{cell:.2f}" for cell in cells)
            table.add_row(name, str(row["events"]), *shown, by_group(row))
    Console().print(table)
