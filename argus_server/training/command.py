"""`argus train`: files in contract columns to a model artifact, with a progress bar."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


def train(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Parquet, CSV or Arrow file in contract columns; may be given more than once.",
            exists=True,
            dir_okay=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Directory of the artifact; an artifact there is replaced.")],
    name: Annotated[str, typer.Option(help="Name of the model; the directory's name by default.")] = "",
    epochs: Annotated[int, typer.Option(min=1, help="Most epochs.")] = 40,
    steps_per_epoch: Annotated[int, typer.Option(min=1, help="Batches between two validations.")] = 250,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="Time limit of the fit; the learning rate fits itself to it."),
    ] = None,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without improvement before it stops.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of weights, windows and dropout.")] = 7,
    hidden_size: Annotated[int, typer.Option(min=4, help="Width of the network.")] = 32,
    heads: Annotated[int, typer.Option(min=1, help="Attention heads.")] = 4,
    lstm_layers: Annotated[int, typer.Option(min=1, help="Layers of each LSTM.")] = 1,
    dropout: Annotated[float, typer.Option(min=0.0, max=0.9, help="Dropout while training.")] = 0.1,
    learning_rate: Annotated[float, typer.Option(min=1e-6, help="Peak learning rate.")] = 2e-3,
    series: Annotated[int, typer.Option(min=0, help="Series per batch; 0 for what suits the device.")] = 0,
    holdout: Annotated[
        str, typer.Option(help="Comma-separated servers that training must not see; the figures are theirs.")
    ] = "",
    validation: Annotated[
        str,
        typer.Option(
            help="Comma-separated servers to validate on; a hash of the names chooses some if not given."
        ),
    ] = "",
    rows: Annotated[
        str,
        typer.Option(help="train: leave out rows marked test in a split column; all: learn from them too."),
    ] = "train",
    weights: Annotated[
        str, typer.Option(help="How often each file is drawn from, by its name without ending: a=0.5,b=0.3.")
    ] = "",
    note: Annotated[str, typer.Option(help="A sentence for the card, such as how a file was made.")] = "",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 for all.")] = 0,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, and no progress.")
    ] = False,
) -> None:
    """Train a forecast model and write a complete artifact, evaluated on the servers held out with --holdout."""
    try:
        import torch

        from argus_server.forecast.device import SERIES_PER_SERVER, detect
        from argus_server.training.corpus import CorpusError
        from argus_server.training.fit import TrainingConfig
        from argus_server.training.module import OptimizerConfig
        from argus_server.training.pipeline import train as run
        from argus_server.training.sampling import SamplingConfig
    except ImportError as error:
        typer.echo(
            f"argus train needs the train extra: pip install 'argus-forecast[train]' ({error})", err=True
        )
        raise typer.Exit(2) from error

    if rows not in ("train", "all"):
        raise typer.BadParameter(f"{rows!r} is neither train nor all", param_hint="--rows")
    if threads:
        torch.set_num_threads(threads)
    config = TrainingConfig(
        hidden_size=hidden_size,
        attention_heads=heads,
        lstm_layers=lstm_layers,
        dropout=dropout,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        minutes=minutes,
        patience=patience,
        seed=seed,
        optimizer=OptimizerConfig(learning_rate=learning_rate),
        validation_servers=_names(validation),
        sampling=SamplingConfig(
            series=series or detect().train_servers * SERIES_PER_SERVER, source_weights=_weights(weights)
        ),
    )
    console = Console(stderr=True, quiet=json_output)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("starting", total=1.0, losses="")
            outcome = run(
                data,
                out,
                config,
                name=name or out.name,
                holdout=_names(holdout),
                all_rows=rows == "all",
                command=shlex.join(["argus", *sys.argv[1:]]),
                note=note,
                on_stage=lambda stage: bar.update(task, description=stage),
                on_progress=lambda progress: bar.update(
                    task,
                    completed=progress.done,
                    losses=f"loss {progress.train_loss:.4f}, validation {progress.validation_loss:.4f}",
                ),
            )
    except (CorpusError, ValueError) as error:
        typer.echo(f"argus train: {error}", err=True)
        raise typer.Exit(1) from error
    if json_output:
        typer.echo(json.dumps(_report(out, outcome.revision, outcome.training_info, outcome.metrics)))
    else:
        console.print(f"wrote {out} ({outcome.revision})")
        if not outcome.metrics["datasets"]:
            console.print(
                "not evaluated: name servers with --holdout to learn how good it is", style="yellow"
            )


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _weights(given: str) -> tuple[tuple[str, float], ...]:
    weights = []
    for part in _names(given):
        name, _, number = part.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not name or not 0.0 <= weight < float("inf"):
            raise typer.BadParameter(
                f"{part!r} is not NAME=WEIGHT with a weight of at least 0", param_hint="--weights"
            )
        weights.append((name, weight))
    return tuple(weights)


def _report(
    out: Path, revision: str, training_info: dict[str, Any], metrics: dict[str, Any]
) -> dict[str, Any]:
    """What a script wants to know; the artifact holds the rest."""
    return {
        "out": str(out),
        "revision": revision,
        "parameters": training_info["parameters"],
        "steps": training_info["steps"],
        "seconds": training_info["seconds"],
        "best_validation_loss": training_info["best_validation_loss"],
        "datasets": {
            source: {key: figures[key] for key in ("wql", "mase_mean", "mase_median", "coverage")}
            for source, figures in metrics["datasets"].items()
        },
    }
